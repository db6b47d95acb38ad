//! Asks the planner what it does and says about a guide's own channel in every state: the guides repeat it word for word.

use std::{fmt::Write, time::Duration};

use jiff::Timestamp;
use wazzup_operator::{
    api::{self, QrSink},
    model::{ChannelId, Login, Phone, Reason, RemoteChannel, Status, Transport},
    plan::{
        Account, Call, Claim, Intent, Kind, Look, Management, Memory, Need, Object, Plan, ReadyWhen, ReinitPolicy,
        Remote, RemoteById, Requests, Seen, Sink, SinkOrder, Supply, Timing, Verdict, Webhooks, Wish, plan,
    },
};

/// The namespace of every guide.
pub const NAMESPACE: &str = "shops";

const ID: &str = "6a2f1c9e";

/// A row: what is seen, and the value.
type State = (&'static str, Seen);

/// The transport of the words that people write.
pub fn transport(channel: &api::WazzupChannel) -> Transport {
    let word = serde_json::to_value(channel.spec.transport).unwrap();
    word.as_str().unwrap().parse().unwrap()
}

fn now() -> Timestamp {
    Timestamp::from_second(1_800_000_000).unwrap()
}

fn wish(channel: &api::WazzupChannel) -> Wish {
    let (name, spec) = (channel.metadata.name.clone().unwrap(), &channel.spec);
    let sink = if spec.qr.sink == QrSink::Secret {
        "secret"
    } else {
        "configmap"
    };
    Wish {
        transport: transport(channel),
        adopt: None,
        management: Management::Full,
        deletion: None,
        external_deletion: None,
        reinit: ReinitPolicy::Auto,
        pairing_phone: None,
        ready_when: ReadyWhen::Connected,
        suspend: false,
        credentials_secret: spec.credentials_secret_ref.as_ref().map(|secret| secret.name.clone()),
        two_factor_secret: (format!("{name}-2fa"), "password".to_owned()),
        sink: (sink, format!("{name}-qr")),
    }
}

/// A channel that was made and recorded, as Wazzup shows it.
fn seen(channel: &api::WazzupChannel, status: &str, reason: Option<&str>) -> Seen {
    let wish = wish(channel);
    let id = ChannelId::parse(ID).unwrap();
    let hash = || Some("k:1".to_owned());
    let secret = matches!(wish.transport.login(), Login::Secret { .. });
    let remote = RemoteChannel {
        status: Some(Status::parse(status)),
        reason: reason.map(Reason::parse),
        ..RemoteChannel::bare(id.clone(), wish.transport.as_str())
    };
    Seen {
        now: now(),
        nonce: "nonce".to_owned(),
        intent_watched: Duration::ZERO,
        timing: Timing::DEFAULT,
        object: Object {
            namespace: NAMESPACE.to_owned(),
            name: channel.metadata.name.clone().unwrap(),
            uid: "uid".to_owned(),
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
        wish: Ok(wish),
        memory: Memory {
            channel_id: Some(id),
            was_seen: true,
            credentials_hash: if secret { hash() } else { None },
            ..Memory::default()
        },
        account: Account::Usable {
            webhooks: Webhooks::Ready,
        },
        remote: Remote::Looked(Look {
            mine: Some(remote),
            ..list()
        }),
        claim: Claim::Free,
        credentials: if secret {
            Supply::Present { hash: "k:1".to_owned() }
        } else {
            Supply::NotNeeded
        },
        two_factor: Supply::Missing(String::new()),
        sink: Sink::Absent,
    }
}

fn list() -> Look {
    Look {
        age: Duration::ZERO,
        mine: None,
        by_id: RemoteById::NotAsked,
        unclaimed: Vec::new(),
        claimed: Vec::new(),
        empty: false,
        complete: true,
        other_intents: Vec::new(),
    }
}

/// An object without a channel.
fn nothing(channel: &api::WazzupChannel) -> Seen {
    let mut seen = seen(channel, "init", None);
    seen.object.channel_id = None;
    seen.object.finalizer = false;
    seen.memory = Memory::default();
    seen.remote = Remote::Looked(list());
    seen
}

fn with(mut seen: Seen, change: impl FnOnce(&mut Seen)) -> Seen {
    change(&mut seen);
    seen
}

fn shown(qr: bool, pairing_code: bool) -> Sink {
    Sink::Shown {
        qr_at: qr.then(now),
        pairing_code,
        link: !qr,
    }
}

fn spent(seen: Seen, reinits: u32) -> Seen {
    with(seen, |seen| {
        seen.memory.reinits = reinits;
        seen.memory.last_reinit_at = Some(now());
    })
}

/// Every state that a channel of this transport can be in, in the order of its life.
fn states(channel: &api::WazzupChannel) -> Vec<State> {
    let see = |status: &str, reason: Option<&str>| seen(channel, status, reason);
    let mut states: Vec<State> = Vec::new();
    match transport(channel).login() {
        Login::Secret { reusable, .. } => {
            states.extend(vec![
                (
                    "no channel yet, and the Secret is missing or lacks a key",
                    with(nothing(channel), |seen| {
                        let name = channel.spec.credentials_secret_ref.as_ref().unwrap().name.clone();
                        seen.credentials =
                            Supply::Missing(format!("Secret {name} does not exist in namespace {NAMESPACE}"));
                    }),
                ),
                ("no channel yet, and the Secret is there", nothing(channel)),
                ("`init`, no reason", see("init", None)),
                ("`init` / `sync`", see("init", Some("sync"))),
                ("`active`", see("active", None)),
                (
                    "`active`, and the Secret changed",
                    with(see("active", None), other_secret),
                ),
                (
                    "`disabled` / `unauthorized`, and the Secret changed",
                    with(see("disabled", Some("unauthorized")), other_secret),
                ),
            ]);
            let again = see("disabled", Some("unauthorized"));
            if reusable {
                states.push((
                    "`disabled` / `unauthorized`, the same Secret, for the first time",
                    again.clone(),
                ));
            }
            states.push(("`disabled` / `unauthorized`, the same Secret, again", spent(again, 1)));
        }
        Login::Qr => qr_states(channel, &mut states),
        Login::Link => {
            let url = |seen: &mut Seen| seen.memory.url = Some("https://example.com".to_owned());
            states.extend(vec![
                ("no channel yet", nothing(channel)),
                ("`init`, the link is known", with(see("init", None), url)),
                ("`init`, the link was lost", see("init", None)),
                ("`init` / `sync`", see("init", Some("sync"))),
                ("`active`", see("active", None)),
                (
                    "`disabled` / `unauthorized`, for the first time",
                    see("disabled", Some("unauthorized")),
                ),
                (
                    "`disabled` / `unauthorized`, again",
                    spent(see("disabled", Some("unauthorized")), 1),
                ),
                ("`disabled` / `blocked`", see("disabled", Some("blocked"))),
                ("`disabled` / `rejected`", see("disabled", Some("rejected"))),
            ]);
        }
        Login::Iframe => {
            let waits = with(nothing(channel), |seen| {
                seen.object.intent = Some(intent());
                seen.memory.link_at = Some(now());
                seen.sink = shown(false, false);
            });
            states.extend(vec![
                ("no channel yet", nothing(channel)),
                (
                    "no channel yet, and another object's link is open",
                    with(nothing(channel), |seen| {
                        seen.remote = Remote::Looked(Look {
                            other_intents: vec![Vec::new()],
                            ..list()
                        });
                    }),
                ),
                ("no channel yet, the link is shown", waits),
                ("`init` / `sync`", see("init", Some("sync"))),
                ("`active`", see("active", None)),
                (
                    "`disabled` / `unauthorized`, for the first time",
                    see("disabled", Some("unauthorized")),
                ),
                (
                    "`disabled` / `unauthorized`, the link is shown",
                    with(see("disabled", Some("unauthorized")), |seen| {
                        seen.memory.link_at = Some(now());
                        seen.sink = shown(false, false);
                    }),
                ),
            ]);
        }
    }
    states.extend(vec![
        ("`disabled` / `openelsewhere`", see("disabled", Some("openelsewhere"))),
        (
            "`disabled` / `not_enough_money`",
            see("disabled", Some("not_enough_money")),
        ),
        ("`disabled`, no reason", see("disabled", None)),
        (
            "gone at Wazzup (two looks agree)",
            with(see("init", None), |seen| {
                seen.memory.loss_believed = true;
                seen.remote = Remote::Looked(Look {
                    by_id: RemoteById::Missing,
                    ..list()
                });
            }),
        ),
        (
            "a create without a clear answer, and two channels it may have made",
            several(channel),
        ),
    ]);
    states
}

fn other_secret(seen: &mut Seen) {
    seen.credentials = Supply::Present { hash: "k:2".to_owned() };
}

fn intent() -> Intent {
    Intent {
        at: now().checked_sub(Duration::from_secs(3_600)).unwrap(),
        nonce: "before".to_owned(),
        baseline: Vec::new(),
        baseline_cut: false,
    }
}

fn several(channel: &api::WazzupChannel) -> Seen {
    with(nothing(channel), |seen| {
        seen.object.intent = Some(intent());
        let transport = transport(channel);
        let found = [("0b1f7601", "79990000001"), ("db72fd40", "79990000002")];
        let unclaimed = found.map(|(id, phone)| RemoteChannel {
            phone: Some(phone.to_owned()),
            ..RemoteChannel::bare(ChannelId::parse(id).unwrap(), transport.as_str())
        });
        seen.remote = Remote::Looked(Look {
            unclaimed: unclaimed.into(),
            ..list()
        });
    })
}

fn qr_states(channel: &api::WazzupChannel, states: &mut Vec<State>) {
    let see = |status: &str, reason: Option<&str>| seen(channel, status, reason);
    let qr = || see("init", Some("qr"));
    states.extend(vec![
        (
            "no channel yet, and no QR could arrive",
            with(nothing(channel), |seen| {
                seen.account = Account::Usable {
                    webhooks: Webhooks::Off,
                };
            }),
        ),
        ("no channel yet", nothing(channel)),
        ("`init` / `qr`, the QR has not arrived", qr()),
        (
            "`init` / `qr`, the QR is shown",
            with(qr(), |seen| seen.sink = shown(true, false)),
        ),
    ]);
    if transport(channel) == Transport::Whatsapp {
        states.extend(vec![
            (
                "`init` / `qr`, the QR is shown, with `spec.pairing`",
                with(qr(), |seen| pair(seen, false)),
            ),
            (
                "`init` / `qr`, the QR and the pairing code are shown",
                with(qr(), |seen| pair(seen, true)),
            ),
        ]);
    }
    let password = || see("init", Some("wait_for_password"));
    states.extend(vec![
        (
            "`init` / `qr`, no QR for two minutes",
            with(qr(), |seen| {
                seen.memory.qr_since = Some(now().checked_sub(Duration::from_secs(600)).unwrap());
            }),
        ),
        ("`init` / `wait_for_password`, no Secret", password()),
        (
            "`init` / `wait_for_password`, the Secret is there or changed",
            with(password(), other_password),
        ),
        (
            "`init` / `wait_for_password`, the password was sent",
            with(password(), |seen| {
                other_password(seen);
                seen.memory.two_factor_hash = Some("k:2".to_owned());
            }),
        ),
        ("`init` / `wait_for_code`", see("init", Some("wait_for_code"))),
        ("`init` / `sync`", see("init", Some("sync"))),
        (
            "`active`",
            with(see("active", None), |seen| seen.sink = shown(true, false)),
        ),
        (
            "`disabled` / `qridle`, for the first time",
            see("disabled", Some("qridle")),
        ),
        (
            "`disabled` / `qridle`, a second and third time",
            spent(see("disabled", Some("qridle")), 1),
        ),
        (
            "`disabled` / `qridle`, after three fresh QRs",
            spent(see("disabled", Some("qridle")), 3),
        ),
        (
            "`disabled` / `unauthorized`, for the first time",
            see("disabled", Some("unauthorized")),
        ),
        (
            "`disabled` / `unauthorized`, again",
            spent(see("disabled", Some("unauthorized")), 1),
        ),
        ("`disabled` / `foreignphone`", see("disabled", Some("foreignphone"))),
    ]);
}

fn pair(seen: &mut Seen, given: bool) {
    seen.sink = shown(true, given);
    seen.memory.pairing_given = given;
    if let Ok(wish) = &mut seen.wish {
        wish.pairing_phone = Phone::parse("12345678901").ok();
    }
}

fn other_password(seen: &mut Seen) {
    seen.two_factor = Supply::Present { hash: "k:2".to_owned() };
}

fn does(seen: &Seen, plan: &Plan) -> String {
    let mut said = match &plan.call {
        Some(Call::Create { .. }) => "creates the channel".to_owned(),
        Some(Call::Reinit(_)) => "reinitializes the channel".to_owned(),
        Some(Call::SubmitTwoFactor(_)) => "submits the password".to_owned(),
        Some(Call::RequestPairingCode(..)) => "asks for a pairing code".to_owned(),
        Some(Call::OpenLink(_)) => "asks for a login link".to_owned(),
        Some(Call::Delete { .. }) => "deletes the channel".to_owned(),
        None => match &plan.verdict {
            Verdict::Connected => "nothing more to do".to_owned(),
            Verdict::Waiting(_, words) => format!("waits: {words}"),
            Verdict::Person(..) => "waits for a person".to_owned(),
            other => panic!("no words for {other:?}"),
        },
    };
    if plan.sink == SinkOrder::Withdraw && matches!(seen.sink, Sink::Shown { .. }) {
        said.push_str("; withdraws the QR");
    }
    said
}

/// What a guide says of its channel's states.
pub fn section(channel: &api::WazzupChannel) -> String {
    let mut section = String::from("\n| Wazzup shows | the operator | READY | ACTION |\n| --- | --- | --- | --- |\n");
    let mut said: Vec<(Need, Vec<String>)> = Vec::new();
    for (what, seen) in states(channel) {
        let plan = plan(&seen);
        let ready = if plan.verdict == Verdict::Connected {
            "True"
        } else {
            "False"
        };
        let mut action = String::new();
        if let Verdict::Person(need, words) = &plan.verdict {
            action = format!("`{}`", need.as_str());
            let at = said.iter().position(|(known, _)| known == need).unwrap_or_else(|| {
                said.push((*need, Vec::new()));
                said.len() - 1
            });
            if !said[at].1.contains(words) {
                said[at].1.push(words.clone());
            }
        }
        let _ = writeln!(section, "| {what} | {} | `{ready}` | {action} |", does(&seen, &plan));
    }
    section.push_str("\nWhat `ActionRequired` says, word for word (`ACTION` is its reason, each explained under [reasons](../reasons.md)):\n");
    for (need, messages) in said {
        let _ = writeln!(section, "\n`{}`:\n", need.as_str());
        let _ = writeln!(section, "```text\n{}\n```", messages.join("\n\n"));
    }
    section.push('\n');
    section
}
