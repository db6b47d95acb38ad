//! What was seen and decided, as people and tools read it: conditions and the mirrored fields.

use super::{
    Account, AccountTrouble, Memory, Need, Note, Plan, Progress, ReadyWhen, Remote, Seen, Stall, Verdict, Wish,
    decision::Idle, reasons::of_a_channel as fact,
};
use crate::model::{Login, Reason, RemoteChannel, Status};

/// Status of a condition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// `True`
    True,
    /// `False`
    False,
    /// `Unknown`
    Unknown,
}

/// A condition to report; its times are the reporter's business.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fact {
    /// `type`
    pub kind: &'static str,
    /// `status`
    pub standing: Standing,
    /// `reason`
    pub reason: &'static str,
    /// `message`
    pub message: String,
}

/// The fields of the status that repeat what Wazzup shows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Mirror {
    /// `status`
    pub status: Option<String>,
    /// `reason`
    pub reason: Option<String>,
    /// `phone`
    pub phone: Option<String>,
    /// `username`
    pub username: Option<String>,
    /// `messengerId`
    pub messenger_id: Option<String>,
    /// `name`
    pub name: Option<String>,
    /// `tier`
    pub tier: Option<String>,
    /// `tariff`
    pub tariff: Option<String>,
}

/// What the status is to say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// The conditions.
    pub facts: Vec<Fact>,
    /// Whether conditions that are not named stay as they are.
    pub keep_others: bool,
    /// The mirrored fields; `None` keeps them.
    pub mirror: Option<Mirror>,
    /// Whether the present generation counts as observed.
    pub observed: bool,
}

/// Says what a plan means. Never decides: the same plan with another report would do the same.
pub fn report(seen: &Seen, plan: &Plan) -> Report {
    match &plan.verdict {
        Verdict::Unsettled | Verdict::Gone(_) | Verdict::CannotLook { say: false, .. } => Report {
            facts: Vec::new(),
            keep_others: true,
            mirror: None,
            observed: false,
        },
        Verdict::CannotLook { why, say: true } => Report {
            facts: vec![fact("Synced", Standing::Unknown, "CannotLook", why)],
            keep_others: true,
            mirror: None,
            observed: false,
        },
        verdict => Report {
            facts: facts(seen, verdict, &plan.memory),
            keep_others: false,
            mirror: mirror(seen, plan),
            observed: true,
        },
    }
}

/// What an object says after a defect of the operator: nothing was done, and what was said before stands.
pub fn internal_error(why: &str) -> Report {
    let why = format!("a defect of the operator kept it from acting; nothing was done, it tries again: {why}");
    Report {
        facts: vec![fact("Synced", Standing::Unknown, "InternalError", &why)],
        keep_others: true,
        mirror: None,
        observed: false,
    }
}

/// The channel works; whether with the credentials of now may not be known yet.
fn works(seen: &Seen, memory: &Memory) -> String {
    let by_secret = matches!(&seen.wish, Ok(wish) if matches!(wish.transport.login(), Login::Secret { .. }));
    let open = memory.reinit_unanswered.filter(|_| by_secret);
    match (open, &memory.setback) {
        (None, _) => "the channel is active".to_owned(),
        (Some(_), None) => {
            "the channel is active; whether it has taken the changed credentials is not known".to_owned()
        }
        (Some(_), Some(setback)) => format!(
            "the channel is active; whether it has taken the changed credentials is not known: {}",
            setback.words
        ),
    }
}

fn facts(seen: &Seen, verdict: &Verdict, memory: &Memory) -> Vec<Fact> {
    let synced = || synced(seen);
    match verdict {
        Verdict::Connected => vec![
            fact("Ready", Standing::True, "Connected", &works(seen, memory)),
            fact("Connected", Standing::True, "Active", "the channel is active"),
            synced(),
        ],
        Verdict::Waiting(progress, why) if account_trouble(*progress) => vec![
            fact("Ready", Standing::False, progress.as_str(), why),
            fact("Connected", Standing::Unknown, progress.as_str(), why),
            fact("Synced", Standing::False, progress.as_str(), why),
            fact("Reconciling", Standing::True, progress.as_str(), why),
        ],
        Verdict::Waiting(progress, why) => {
            let reason = progress.as_str();
            let mut facts = vec![
                ready(seen, reason, why),
                fact("Connected", Standing::False, reason, why),
                synced(),
            ];
            if !provisioned(seen) {
                facts.push(fact("Reconciling", Standing::True, reason, why));
            }
            facts
        }
        Verdict::Person(need, what) => {
            let reason = need.as_str();
            vec![
                ready(seen, reason, what),
                connected(seen, reason, what),
                synced(),
                fact("ActionRequired", Standing::True, reason, what),
            ]
        }
        Verdict::Stalled(stall, why) => {
            let reason = stall.as_str();
            vec![
                fact("Ready", Standing::False, reason, why),
                connected(seen, reason, why),
                fact("Stalled", Standing::True, reason, why),
            ]
        }
        Verdict::RefusedCredentials(what) => {
            let reason = Stall::Rejected.as_str();
            vec![
                fact("Ready", Standing::False, reason, what),
                connected(seen, reason, what),
                synced(),
                fact("ActionRequired", Standing::True, Need::FixCredentials.as_str(), what),
                fact("Stalled", Standing::True, reason, what),
            ]
        }
        Verdict::Unrecognized(words) => vec![
            fact("Ready", Standing::False, "UnknownStatus", words),
            fact("Connected", Standing::False, "UnknownStatus", words),
            synced(),
        ],
        Verdict::Idle(idle, would) => {
            let (reason, why) = match idle {
                Idle::Suspended => ("Suspended", format!("suspended; without that the operator {would}")),
                Idle::Observed => ("Observed", format!("only observed; otherwise the operator {would}")),
            };
            vec![ready(seen, reason, &why), connected(seen, reason, &why), synced()]
        }
        Verdict::Unsettled | Verdict::Gone(_) | Verdict::CannotLook { .. } => Vec::new(),
    }
}

fn synced(seen: &Seen) -> Fact {
    let without = |progress: Progress, why: &str| fact("Synced", Standing::False, progress.as_str(), why);
    match &seen.account {
        Account::Usable { .. } | Account::Pending => {
            fact("Synced", Standing::True, "Synced", "the last talk with Wazzup worked")
        }
        Account::Trouble(AccountTrouble::NotFound, why) => without(Progress::AccountNotFound, why),
        Account::Trouble(AccountTrouble::NotAllowed, why) => without(Progress::AccountNotAllowed, why),
        Account::Trouble(AccountTrouble::NotAuthenticated | AccountTrouble::Invalid, why) => {
            without(Progress::AccountNotAuthenticated, why)
        }
        Account::Trouble(AccountTrouble::OutOfReach, why) => fact("Synced", Standing::Unknown, "CannotLook", why),
    }
}

fn account_trouble(progress: Progress) -> bool {
    match progress {
        Progress::AccountNotFound | Progress::AccountNotAllowed | Progress::AccountNotAuthenticated => true,
        Progress::Creating
        | Progress::Connecting
        | Progress::Syncing
        | Progress::Reinitializing
        | Progress::BackingOff
        | Progress::SubscribingWebhooks
        | Progress::CheckingLoss
        | Progress::Deleting => false,
    }
}

/// Whether the channel exists and that is all the manifest waits for; an object that goes is not ready.
fn provisioned(seen: &Seen) -> bool {
    let enough = |wish: &Wish| wish.ready_when == ReadyWhen::Provisioned;
    !seen.object.deleting && seen.wish.as_ref().is_ok_and(enough) && seen.remote_channel().is_some()
}

fn ready(seen: &Seen, reason: &'static str, why: &str) -> Fact {
    if provisioned(seen) {
        fact(
            "Ready",
            Standing::True,
            "Provisioned",
            "the channel exists; whoever still has to log in is named by ActionRequired",
        )
    } else {
        fact("Ready", Standing::False, reason, why)
    }
}

/// A channel may work while its manifest is wrong, a person is waited for or the operator holds still.
fn connected(seen: &Seen, reason: &'static str, why: &str) -> Fact {
    let active = |channel: &RemoteChannel| channel.status == Some(Status::Active);
    if seen.remote_channel().is_some_and(active) {
        fact("Connected", Standing::True, "Active", "the channel is active")
    } else {
        fact("Connected", Standing::False, reason, why)
    }
}

fn mirror(seen: &Seen, plan: &Plan) -> Option<Mirror> {
    // What is said of a channel that is let go must not be taken for the next one's: nobody has seen that yet.
    if plan.note == Some(Note::ForgetId) {
        return Some(Mirror::default());
    }
    if let Some(channel) = seen.remote_channel() {
        return Some(of(channel));
    }
    let gone = matches!(plan.verdict, Verdict::Person(Need::ChannelGone, _));
    let nothing = matches!(seen.remote, Remote::Looked(_)) && seen.channel_id().is_none();
    (gone || nothing).then(Mirror::default)
}

fn of(channel: &RemoteChannel) -> Mirror {
    let told = |field: &Option<String>| field.clone().filter(|text| !text.is_empty());
    Mirror {
        status: channel
            .status
            .as_ref()
            .map(|status: &Status| status.as_str().to_owned()),
        reason: channel
            .reason
            .as_ref()
            .map(|reason: &Reason| reason.as_str().to_owned()),
        phone: told(&channel.phone),
        username: told(&channel.username),
        messenger_id: told(&channel.messenger_id),
        name: told(&channel.name),
        tier: told(&channel.tier),
        tariff: told(&channel.tariff),
    }
}
