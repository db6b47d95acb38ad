//! Verdicts on what is left: objects, channels at the service, the log.

use std::{collections::BTreeMap, os::unix::process::ExitStatusExt, process::ExitStatus};

use kube::ResourceExt;
use wazzup_operator::api::{WazzupChannel, condition, names};

/// `SIGTERM`: one that was asked to end before it could listen for that.
const TERMINATED: i32 = 15;

/// Each object holds one channel of `remote`, each of those is held, and no create is open.
pub(super) fn one_channel_each(objects: &[WazzupChannel], remote: &[String]) -> Result<(), String> {
    let mut held: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for object in objects {
        if object.annotations().contains_key(names::CREATE_INTENT) {
            return Err(format!("{}: a create is still open", object.name_any()));
        }
        let id = object.status.as_ref().and_then(|status| status.channel_id.clone());
        held.entry(id.unwrap_or_default()).or_default().push(object.name_any());
    }
    let mut there = remote.to_vec();
    there.sort();
    let one_each = held.values().all(|objects| objects.len() == 1) && !held.contains_key("");
    if one_each && held.keys().eq(there.iter()) {
        Ok(())
    } else {
        Err(format!("held: {held:?}, at the service: {remote:?}"))
    }
}

/// Of these ids each is among those that may be.
pub(super) fn deleted_only<'a>(deleted: impl Iterator<Item = &'a str>, allowed: &[String]) -> Result<(), String> {
    for id in deleted {
        if !allowed.iter().any(|one| one == id) {
            return Err(format!("{id} was deleted, allowed: {allowed:?}"));
        }
    }
    Ok(())
}

/// Each object is ready exactly when its channel is active, and says so of its newest generation.
pub(super) fn status_is_true(objects: &[WazzupChannel], active: impl Fn(&str) -> bool) -> Result<(), String> {
    for object in objects {
        let status = object.status.clone().unwrap_or_default();
        let ready = condition(&status.conditions, "Ready").is_some_and(|one| one.status == "True");
        let active = active(status.channel_id.as_deref().unwrap_or_default());
        if ready != active || status.observed_generation != object.metadata.generation {
            return Err(format!("{}: active {active}, {status:?}", object.name_any()));
        }
    }
    Ok(())
}

/// A process ends by itself only when it was asked to, or because it does not lead any more.
pub(super) fn ends_are_in_order(ends: &[ExitStatus], elects: bool) -> Result<(), String> {
    let asked = |end: &ExitStatus| end.success() || end.signal() == Some(TERMINATED);
    let lost = |end: &ExitStatus| elects && end.code() == Some(1);
    match ends.iter().find(|end| !asked(end) && !lost(end)) {
        Some(end) => Err(format!("an operator ended by itself: {end}")),
        None => Ok(()),
    }
}

/// No line of a log tells of a panic or a defect.
pub(super) fn log_is_sound(log: &str) -> Result<(), String> {
    let bad = ["panicked", "internal error", "a defect of the operator"];
    match log.lines().find(|line| bad.iter().any(|word| line.contains(word))) {
        Some(line) => Err(line.to_owned()),
        None => Ok(()),
    }
}
