//! The table of `kubectl get wazzupchannels`, and where each sample belongs.

use kube::ResourceExt;

use crate::{Failure, stage::Stage};

/// Sample and where it belongs: `active`, or the reason of `ActionRequired`.
const BELONGS: [(&str, &str); 11] = [
    ("telegram", "active"),
    ("maxbot", "active"),
    ("avito", "active"),
    ("instagram", "active"),
    ("whatsapp", "active"),
    ("tgapi", "active"),
    ("viber", "active"),
    ("max", "active"),
    ("waba", "active"),
    ("vk", "active"),
    ("unpaid", "PayForChannel"),
];

/// What was shown last.
#[derive(Default)]
pub(crate) struct Table {
    shown: String,
    missing: Vec<String>,
    looked: bool,
}

impl Table {
    /// The table, if it changed (ages aside).
    pub(crate) async fn look(&mut self, stage: &Stage) -> Result<Option<String>, Failure> {
        let channels = stage.objects("WazzupChannel", "wazzupchannels").await?;
        self.missing.clear();
        for (name, wanted) in BELONGS {
            let found = channels.iter().find(|channel| channel.name_any() == name);
            let is = found.map(|channel| place(&channel.data)).unwrap_or_default();
            if is != wanted {
                self.missing.push(format!("{name} ({is}, should be {wanted})"));
            }
        }
        self.looked = true;
        let page = stage.kubectl(&["get", "wazzupchannels"]).await?;
        let ageless: String = page
            .lines()
            .map(|line| line.rsplit_once("   ").map_or(line, |(rest, _)| rest.trim_end()))
            .collect();
        if ageless == self.shown {
            return Ok(None);
        }
        self.shown = ageless;
        Ok(Some(page))
    }

    pub(crate) fn is_complete(&self) -> bool {
        self.looked && self.missing.is_empty()
    }

    pub(crate) fn missing(&self) -> &[String] {
        &self.missing
    }
}

fn place(channel: &serde_json::Value) -> String {
    let conditions = channel
        .pointer("/status/conditions")
        .and_then(|all| all.as_array())
        .cloned()
        .unwrap_or_default();
    let field = |one: &serde_json::Value, name: &str| {
        one.get(name)
            .and_then(|text| text.as_str())
            .unwrap_or_default()
            .to_owned()
    };
    let action = conditions
        .iter()
        .find(|one| field(one, "type") == "ActionRequired")
        .map(|one| field(one, "reason"));
    let ready = conditions
        .iter()
        .any(|one| field(one, "type") == "Ready" && field(one, "status") == "True");
    let status = channel
        .pointer("/status/status")
        .and_then(|status| status.as_str())
        .unwrap_or("unknown")
        .to_owned();
    match action {
        Some(action) => action,
        None if ready => status,
        None => format!("not ready, {status}"),
    }
}
