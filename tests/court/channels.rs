//! Channels in every state, their status made by the planner.

use serde_json::{Value, json};
use wazzup_operator::{
    api::WazzupChannelStatus,
    model::{ChannelId, Fault, Reason, RemoteChannel, Status, Transport},
    plan::{
        self, Account, Claim, Kind, Look, Management, Memory, Need, Object, Plan, Progress, ReadyWhen, ReinitPolicy,
        Remote, RemoteById, Requests, Seen, Sink, Stall, Supply, Timing, Verdict, Wake, Webhooks, Wish,
    },
};

use super::{
    Case, GOES_ON, LEAVES, PROVISIONED, RESTS, STALLED, WAITS, WORDS, WORKS, at, case, deleting, first_status, merged,
    object,
};

/// A channel that was made and recorded, as Wazzup shows it.
fn seen(transport: Transport, status: &str, reason: Option<&str>) -> Seen {
    let id = ChannelId::parse("mine").unwrap();
    Seen {
        now: at(),
        nonce: "nonce".into(),
        intent_watched: std::time::Duration::ZERO,
        timing: Timing::DEFAULT,
        object: Object {
            namespace: "shops".into(),
            name: "shop".into(),
            uid: "uid".into(),
            generation: 1,
            observed_generation: 1,
            deleting: false,
            finalizer: true,
            namespace_terminating: false,
            kind: Kind::Stays,
            abandon: false,
            requests: Requests::default(),
            intent: None,
            channel_id: Some(id.clone()),
        },
        wish: Ok(Wish {
            transport,
            adopt: None,
            management: Management::Full,
            deletion: None,
            external_deletion: None,
            reinit: ReinitPolicy::Auto,
            pairing_phone: None,
            ready_when: ReadyWhen::Connected,
            suspend: false,
            credentials_secret: Some("bot".into()),
            two_factor_secret: ("shop-2fa".into(), "password".into()),
            sink: ("configmap", "shop-qr".into()),
        }),
        memory: Memory {
            channel_id: Some(id.clone()),
            was_seen: true,
            credentials_hash: Some("k:1".into()),
            ..Memory::default()
        },
        account: Account::Usable {
            webhooks: Webhooks::Ready,
        },
        remote: Remote::Looked(Look {
            age: std::time::Duration::ZERO,
            mine: Some(RemoteChannel {
                status: Some(Status::parse(status)),
                reason: reason.map(Reason::parse),
                ..RemoteChannel::bare(id, transport.as_str())
            }),
            by_id: RemoteById::NotAsked,
            unclaimed: Vec::new(),
            claimed: Vec::new(),
            empty: false,
            complete: true,
            other_intents: Vec::new(),
        }),
        claim: Claim::Free,
        credentials: Supply::Present { hash: "k:1".into() },
        two_factor: Supply::Missing("Secret shop-2fa".into()),
        sink: Sink::Absent,
    }
}

fn with(mut seen: Seen, change: impl FnOnce(&mut Seen, &mut Wish)) -> Seen {
    let mut wish = seen.wish.clone().unwrap();
    change(&mut seen, &mut wish);
    seen.wish = Ok(wish);
    seen
}

fn provisioned(transport: Transport, status: &str, reason: Option<&str>) -> Seen {
    with(seen(transport, status, reason), |_, wish| {
        wish.ready_when = ReadyWhen::Provisioned;
    })
}

/// The status after a plan, as `controller::status` writes it.
fn written(before: &WazzupChannelStatus, seen: &Seen, plan: &Plan, generation: i64) -> WazzupChannelStatus {
    let said = plan::report(seen, plan);
    WazzupChannelStatus {
        observed_generation: said.observed.then_some(generation).or(before.observed_generation),
        conditions: merged(&before.conditions, &said.facts, said.keep_others, generation),
        ..before.clone()
    }
}

fn new_channel() -> WazzupChannelStatus {
    serde_json::from_value(first_status("WazzupChannel")).unwrap()
}

fn channel(seen: &Seen, generation: i64, status: &WazzupChannelStatus) -> Value {
    let wish = seen.wish.as_ref();
    let spec = json!({
        "transport": wish.map_or("telegram", |wish| wish.transport.as_str()),
        "suspend": wish.is_ok_and(|wish| wish.suspend),
    });
    object(
        "WazzupChannel",
        generation,
        &spec,
        &serde_json::to_value(status).unwrap(),
    )
}

/// An object of generation 1 after a pass with that plan.
fn after(seen: &Seen, plan: &Plan) -> Value {
    channel(seen, 1, &written(&new_channel(), seen, plan, 1))
}

/// What the planner makes of it.
fn planned(seen: &Seen) -> Value {
    let plan = plan::plan(seen);
    assert_eq!(plan::broken_law(seen, &plan), None);
    after(seen, &plan)
}

fn told(seen: &Seen, verdict: Verdict) -> Value {
    after(seen, &Plan::say(Memory::default(), verdict, Wake::OnChange))
}

fn hidden(in_a_row: u32) -> Remote {
    Remote::Hidden {
        fault: Fault::Unclear {
            why: "the service is down".into(),
        },
        in_a_row,
    }
}

fn account_trouble(progress: Progress) -> bool {
    [
        Progress::AccountNotFound,
        Progress::AccountNotAllowed,
        Progress::AccountNotAuthenticated,
    ]
    .contains(&progress)
}

/// Every verdict of the closed lists, of a channel that waits for a connection and of one that need only exist.
pub fn verdicts() -> Vec<Case> {
    let (calm, lax) = (
        seen(Transport::Whatsapp, "init", Some("qr")),
        provisioned(Transport::Whatsapp, "init", Some("qr")),
    );
    let words = || WORDS.to_owned();
    let mut cases = Vec::new();
    for progress in Progress::ALL {
        let verdict = || Verdict::Waiting(progress, words());
        cases.push(case(progress.as_str(), told(&calm, verdict()), GOES_ON, WORDS));
        let name = format!("{}, provisioned", progress.as_str());
        // A channel that exists is what was asked for; an account that cannot be used takes that certainty away.
        if account_trouble(progress) {
            cases.push(case(name, told(&lax, verdict()), GOES_ON, WORDS));
        } else if progress == Progress::Deleting {
            let going = with(lax.clone(), |seen, _| seen.object.deleting = true);
            cases.push(case(name, deleting(told(&going, verdict())), LEAVES, WORDS));
        } else {
            cases.push(case(name, told(&lax, verdict()), WORKS, "the channel exists"));
        }
    }
    for need in Need::ALL {
        let verdict = || Verdict::Person(need, words());
        cases.push(case(need.as_str(), told(&calm, verdict()), WAITS, WORDS));
        let name = format!("{}, provisioned", need.as_str());
        cases.push(case(name, told(&lax, verdict()), PROVISIONED, WORDS));
    }
    for (seen, kind) in [(&calm, ""), (&lax, ", provisioned")] {
        for stall in Stall::ALL {
            let name = format!("{}{kind}", stall.as_str());
            cases.push(case(name, told(seen, Verdict::Stalled(stall, words())), STALLED, WORDS));
        }
        let both = ("Failed", "Degraded", &["ActionRequired", "Stalled"][..]);
        let refused = told(seen, Verdict::RefusedCredentials(words()));
        cases.push(case(format!("RefusedCredentials{kind}"), refused, both, WORDS));
        let unknown = told(seen, Verdict::Unrecognized(words()));
        cases.push(case(format!("Unrecognized{kind}"), unknown, GOES_ON, WORDS));
    }
    cases
}

/// States that only the planner can make, or that take two steps.
pub fn states() -> Vec<Case> {
    use Transport::{Telegram, Tgapi, Whatsapp};
    let active = seen(Telegram, "active", None);
    let dropped = seen(Telegram, "disabled", Some("unauthorized"));
    let suspended = |seen| with(seen, |_, wish| wish.suspend = true);
    let observed = |seen| with(seen, |_, wish| wish.management = Management::Observe);
    let asleep = suspended(dropped.clone());
    let blind = with(active.clone(), |seen, _| seen.remote = hidden(3));
    let unsettled = with(active.clone(), |seen, _| seen.account = Account::Pending);
    let blink = with(active.clone(), |seen, _| seen.remote = hidden(1));
    let connected = written(&new_channel(), &active, &plan::plan(&active), 1);
    let scan = seen(Whatsapp, "init", Some("qr"));
    let shown = with(scan.clone(), |seen, _| {
        seen.sink = Sink::Shown {
            qr_at: Some(at()),
            pairing_code: false,
            link: false,
        };
    });
    let waiting = written(&new_channel(), &shown, &plan::plan(&shown), 1);
    let wrong = with(active.clone(), |seen, _| {
        seen.claim = Claim::HeldBy("shops/other".into());
    });
    let stalled = written(&new_channel(), &wrong, &plan::plan(&wrong), 1);
    let again = |status: &WazzupChannelStatus, seen: &Seen, generation| {
        channel(seen, generation, &written(status, seen, &plan::plan(seen), generation))
    };
    let defect = |status: &WazzupChannelStatus| {
        let said = plan::internal_error("a defect");
        let conditions = merged(&status.conditions, &said.facts, said.keep_others, 1);
        let status = WazzupChannelStatus {
            conditions,
            ..status.clone()
        };
        channel(&active, 1, &status)
    };
    let going = |status: &str| with(seen(Telegram, status, None), |seen, _| seen.object.deleting = true);
    let loosely = |seen| with(seen, |_, wish: &mut Wish| wish.ready_when = ReadyWhen::Provisioned);
    let lost = with(going("active"), |seen, _| {
        seen.account = Account::Trouble(plan::AccountTrouble::NotAuthenticated, WORDS.into());
    });
    let bare = object("WazzupChannel", 1, &json!({"transport": "telegram"}), &json!({}));
    let present = "waiting for wazzup-operator";
    vec![
        case("new", channel(&active, 1, &new_channel()), GOES_ON, present),
        case("connected", planned(&active), WORKS, "active"),
        case(
            "provisioned and connected",
            planned(&provisioned(Telegram, "active", None)),
            WORKS,
            "active",
        ),
        case("QR shown", planned(&shown), WAITS, "shop-qr"),
        case(
            "QR shown, provisioned",
            planned(&with(shown.clone(), |_, wish| wish.ready_when = ReadyWhen::Provisioned)),
            PROVISIONED,
            "shop-qr",
        ),
        case("catching up", planned(&seen(Tgapi, "init", Some("sync"))), GOES_ON, ""),
        case("dropped, reinitialized", planned(&dropped), GOES_ON, ""),
        case(
            "suspended while connected",
            planned(&suspended(active.clone())),
            WORKS,
            "active",
        ),
        case("suspended while dropped", planned(&asleep), RESTS, "would reinitialize"),
        case(
            "suspended while catching up",
            planned(&suspended(seen(Tgapi, "init", Some("sync")))),
            RESTS,
            "spec.suspend is set",
        ),
        case(
            "suspended while a person is needed",
            planned(&suspended(shown.clone())),
            WAITS,
            "shop-qr",
        ),
        case(
            "observed while connected",
            planned(&observed(active.clone())),
            WORKS,
            "active",
        ),
        case(
            "observed while dropped",
            planned(&observed(dropped.clone())),
            RESTS,
            "would reinitialize",
        ),
        case(
            "an unknown word",
            planned(&seen(Telegram, "resting", None)),
            GOES_ON,
            "resting",
        ),
        case(
            "a new object of a new account",
            again(&new_channel(), &unsettled, 1),
            GOES_ON,
            present,
        ),
        case(
            "a new object, the service down",
            again(&new_channel(), &blind, 1),
            GOES_ON,
            "the service is down",
        ),
        case(
            "connected, one look failed",
            again(&connected, &blink, 1),
            WORKS,
            "active",
        ),
        case(
            "connected, the service down",
            again(&connected, &blind, 1),
            WORKS,
            "the service is down",
        ),
        case(
            "QR shown, the service down",
            again(&waiting, &blind, 1),
            WAITS,
            "the service is down",
        ),
        case(
            "stalled, the service down",
            again(&stalled, &blind, 1),
            STALLED,
            "the service is down",
        ),
        case("connected, a defect", defect(&connected), WORKS, "a defect"),
        case("new, a defect", defect(&new_channel()), GOES_ON, "a defect"),
        case(
            "connected, then edited",
            channel(&active, 2, &connected),
            GOES_ON,
            present,
        ),
        case("stalled, then mended", channel(&active, 2, &stalled), GOES_ON, present),
        case("QR shown, then edited", channel(&shown, 2, &waiting), GOES_ON, present),
        case(
            "connected, edited while the service is down",
            again(&connected, &blind, 2),
            GOES_ON,
            "the service is down",
        ),
        case(
            "stalled, mended while the service is down",
            again(&stalled, &blind, 2),
            GOES_ON,
            "the service is down",
        ),
        case(
            "stalled, mended and looked at",
            again(&stalled, &active, 2),
            WORKS,
            "active",
        ),
        case(
            "no status at all",
            {
                let mut bare = bare;
                bare.as_object_mut().unwrap().remove("status");
                bare
            },
            ("Current", "Progressing", &[]),
            present,
        ),
        case(
            "deleted while connected",
            deleting(channel(&active, 2, &connected)),
            LEAVES,
            "being deleted",
        ),
        case(
            "deleted while a QR is shown",
            deleting(channel(&active, 2, &waiting)),
            LEAVES,
            "being deleted",
        ),
        case(
            "being deleted",
            deleting(planned(&going("active"))),
            LEAVES,
            "is being deleted at Wazzup",
        ),
        case(
            "being deleted, provisioned",
            deleting(planned(&loosely(going("active")))),
            LEAVES,
            "is being deleted at Wazzup",
        ),
        case(
            "deletion needs a person, provisioned",
            deleting(planned(&loosely(lost.clone()))),
            ("Terminating", "Progressing", &["ActionRequired"]),
            "abandon=true",
        ),
        case(
            "deletion needs a person",
            deleting(planned(&lost)),
            ("Terminating", "Progressing", &["ActionRequired"]),
            "abandon=true",
        ),
    ]
}
