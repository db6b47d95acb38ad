//! Annotations and labels: their names come from src/api/names.rs, what they mean to people from here.

use std::fmt::Write;

const SOURCE: &str = include_str!("../../src/api/names.rs");

/// Who sets an annotation.
#[derive(PartialEq, Eq, Clone, Copy)]
enum Hand {
    Person,
    Operator,
}

use Hand::{Operator, Person};

const CHANNEL: &str = "WazzupChannel";
const ACCOUNT: &str = "WazzupAccount";

/// Kind, who sets it, name after the slash, value, what it does.
const MEANINGS: &[(&str, Hand, &str, &str, &str)] = &[
    (
        CHANNEL,
        Person,
        "reinit-requested-at",
        "any new value",
        "Reinitialize the channel now, whatever `reinitPolicy` says; the budget of reinits begins anew. For `vk`: ask for a new \
         login link. Echoed in `status.handled.reinitRequestedAt`.",
    ),
    (
        CHANNEL,
        Person,
        "sync-requested-at",
        "any new value",
        "Look at the channel at Wazzup now. Echoed in `status.handled.syncRequestedAt`.",
    ),
    (
        CHANNEL,
        Person,
        "pairing-requested-at",
        "any new value",
        "Ask for a pairing code for the QR that is shown (`whatsapp` with `spec.pairing.phone`). Echoed in \
         `status.handled.pairingRequestedAt`.",
    ),
    (
        CHANNEL,
        Person,
        "recreate-requested-at",
        "any new value",
        "Make a new channel in place of one that is gone or was removed (`ChannelGone`, `RemovedOrUnsubscribed`); also try a \
         refused create again. Not for adopted channels. Echoed in `status.handled.recreateRequestedAt`.",
    ),
    (
        CHANNEL,
        Person,
        "resolve-create",
        "a channel id, or `create`",
        "The answer to `ChooseChannel`: this channel is ours, or none is. Echoed in `status.handled.resolveCreate`.",
    ),
    (
        CHANNEL,
        Person,
        "abandon",
        "`true`",
        "Let the object go without deleting the channel at Wazzup.",
    ),
    (
        CHANNEL,
        Operator,
        "channel-id",
        "a channel id",
        "The id of the channel; survives a backup that drops the status.",
    ),
    (
        CHANNEL,
        Operator,
        "create-intent",
        "JSON",
        "A create is under way or its answer is unknown. It bears the object's uid: one copied from another object is ignored.",
    ),
    (
        ACCOUNT,
        Person,
        "confirm-account",
        "the word that the message names",
        "The answer to `AccountChanged`: the token is meant. The word is the id of the account at Wazzup, or stands for the token.",
    ),
    (
        ACCOUNT,
        Operator,
        "event-at",
        "a time",
        "A replica that does not lead received an event: the leader lists the account at once.",
    ),
    (
        CHANNEL,
        Operator,
        "qr-event-at",
        "a time",
        "On the QR sink: when the event whose QR it shows was made.",
    ),
    (
        CHANNEL,
        Operator,
        "holds",
        "`pairing-code`, `link`",
        "On the QR sink: what it holds besides a QR.",
    ),
];

/// `(name, first line of its comment)` of every constant of the source that holds a name of ours.
fn of_the_code() -> Vec<(String, String)> {
    let (mut found, mut comment) = (Vec::new(), String::new());
    for line in SOURCE.lines() {
        if let Some(words) = line.strip_prefix("/// ") {
            comment.push_str(words);
        } else if line.starts_with("pub const") {
            let value = line.split('"').nth(1).unwrap_or_default();
            if let Some(name) = value.strip_prefix("wazzup24.com/") {
                found.push((name.to_owned(), comment.clone()));
            }
            comment.clear();
        } else {
            comment.clear();
        }
    }
    assert!(found.len() > 8, "src/api/names.rs was not read");
    found
}

/// Every name after `wazzup24.com/` that the code knows.
pub(super) fn known() -> Vec<String> {
    of_the_code().into_iter().map(|(name, _)| name).collect()
}

/// Annotations of the code that no line of this file explains, and the other way round.
pub(super) fn unexplained() -> Vec<String> {
    let known = known();
    let stale = MEANINGS.iter().map(|(_, _, name, ..)| (*name).to_owned());
    let stale = stale.filter(|name| !known.contains(name));
    let annotations = of_the_code()
        .into_iter()
        .filter(|(_, comment)| comment.starts_with("Annotation"));
    annotations
        .map(|(name, _)| name)
        .filter(|name| MEANINGS.iter().all(|(_, _, of, ..)| of != name))
        .chain(stale)
        .collect()
}

/// The tables of a kind's page.
pub(super) fn tables(kind: &str) -> String {
    let known = known();
    let mut tables = String::new();
    for (hand, title) in [
        (Person, "Annotations that people set"),
        (Operator, "Annotations that the operator writes"),
    ] {
        let rows: Vec<_> = MEANINGS
            .iter()
            .filter(|(of, by, name, ..)| *of == kind && *by == hand && known.iter().any(|one| one == name))
            .collect();
        if rows.is_empty() {
            continue;
        }
        let _ = writeln!(
            tables,
            "\n## {title}\n\n| annotation | value | meaning |\n| --- | --- | --- |"
        );
        for (_, _, name, value, meaning) in rows {
            let _ = writeln!(tables, "| `wazzup24.com/{name}` | {value} | {meaning} |");
        }
    }
    tables
}
