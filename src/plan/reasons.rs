//! The closed list of what conditions can say: a reason that is not here is never written, and each has its paragraph in
//! the documentation.

use super::{Fact, Need, Progress, Stall, Standing};

/// Reasons of a channel's conditions that belong to no list of decisions.
const CHANNEL: &[(&str, &[&str])] = &[
    (
        "Ready",
        &["Connected", "Provisioned", "UnknownStatus", "Suspended", "Observed"],
    ),
    ("Connected", &["Active", "UnknownStatus", "Suspended", "Observed"]),
    (
        "Synced",
        &[
            "Synced",
            "CannotLook",
            "InternalError",
            "AccountNotFound",
            "AccountNotAllowed",
            "AccountNotAuthenticated",
        ],
    ),
];

/// Reasons of an account's conditions.
const ACCOUNT: &[(&str, &[&str])] = &[
    (
        "Ready",
        &["Listed", "WaitingForChannels", "Unsubscribing", "InternalError"],
    ),
    ("Ready", TROUBLES),
    ("Authenticated", &["TokenAccepted"]),
    ("Authenticated", TROUBLES),
    (
        "WebhooksSubscribed",
        &[
            "Subscribed",
            "Subscribing",
            "External",
            "Disabled",
            "NoPublicUrl",
            "Suspended",
        ],
    ),
    ("WebhooksSubscribed", TROUBLES),
    ("Reconciling", &["WaitingForChannels", "Unsubscribing"]),
    ("Stalled", &["InvalidSpec"]),
];

/// Why an account cannot be used.
const TROUBLES: &[&str] = &[
    "InvalidSpec",
    "SecretNotFound",
    "SecretUnreadable",
    "TokenRefused",
    "PartnerRefused",
    "RefreshRefused",
    "AccountChanged",
    "CannotLook",
];

/// Every `(condition, reason)` of a `WazzupChannel`.
pub fn of_channel() -> Vec<(&'static str, &'static str)> {
    let needs = Need::ALL.map(Need::as_str);
    let progress = Progress::ALL.map(Progress::as_str);
    let stalls = Stall::ALL.map(Stall::as_str);
    let mut all = flat(CHANNEL);
    for condition in ["Ready", "Connected"] {
        let decided = needs.iter().chain(&progress).chain(&stalls);
        all.extend(decided.map(|reason| (condition, *reason)));
    }
    all.extend(needs.map(|reason| ("ActionRequired", reason)));
    all.extend(progress.map(|reason| ("Reconciling", reason)));
    all.extend(stalls.map(|reason| ("Stalled", reason)));
    all
}

/// Every `(condition, reason)` of a `WazzupAccount`.
pub fn of_account() -> Vec<(&'static str, &'static str)> {
    flat(ACCOUNT)
}

fn flat(list: &[(&'static str, &[&'static str])]) -> Vec<(&'static str, &'static str)> {
    let pairs = list
        .iter()
        .flat_map(|(condition, reasons)| reasons.iter().map(|reason| (*condition, *reason)));
    pairs.collect()
}

/// A fact about a channel.
pub(super) fn of_a_channel(kind: &'static str, standing: Standing, reason: &'static str, message: &str) -> Fact {
    debug_assert!(of_channel().contains(&(kind, reason)), "{kind}/{reason} is on no list");
    made(kind, standing, reason, message)
}

/// A fact about an account.
pub(super) fn of_an_account(kind: &'static str, standing: Standing, reason: &'static str, message: &str) -> Fact {
    debug_assert!(of_account().contains(&(kind, reason)), "{kind}/{reason} is on no list");
    made(kind, standing, reason, message)
}

fn made(kind: &'static str, standing: Standing, reason: &'static str, message: &str) -> Fact {
    Fact {
        kind,
        standing,
        reason,
        message: message.to_owned(),
    }
}
