//! C2: watches that lag, lose, repeat, reorder, break off or tell of the past. Each flow ends where it should, and nothing is
//! made at the service from a stale view: a conditional write comes first. A cell whose flow had no event that could be
//! harmed shows nothing, and is skipped.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use kube::ResourceExt;
use tokio::task::JoinSet;
use wazzup_operator::api::names;

use super::{Scale, sample};
use crate::{
    Cell, Fault, Flow, Ground, Life, Moment, Outcome, Rule, Setting, Side, Wire, flow, oracle,
    proxy::{Message, Shelf, WatchFault, Which},
};

/// How long the weather is bad.
const BAD: Duration = Duration::from_secs(45);
/// Longer than it takes until everything is listed again.
const PATIENCE: Duration = Duration::from_secs(480);

/// A flow that waits for nobody takes so long.
const SHORT: Duration = Duration::from_secs(1);
/// Longer than a start takes until everything is listed.
const LISTED: Duration = Duration::from_secs(60);

/// Those whose watches are open before they begin: an event can be lost only then.
const FLOWS: [Flow; 8] = [
    Flow::LogInByQr,
    Flow::TwoFactor,
    Flow::Pairing,
    Flow::FollowLink,
    Flow::Rotate,
    Flow::Adopt,
    Flow::DeleteWithChats,
    Flow::DeleteAccount,
];

/// What a flow is too short for, or has too few events for: a test would mostly skip it.
const SELDOM_MET: [(Flow, &str); 2] = [
    (Flow::DeleteWithChats, "410 after 100 ms"),
    (Flow::DeleteAccount, "events change places"),
];

/// What is wrong with the watches.
#[derive(Debug, Clone, Copy)]
enum Harm {
    /// All of them.
    All(&'static str, fn() -> WatchFault),
    /// That of one kind.
    Kind(&'static str, &'static str, fn() -> WatchFault),
    /// After a restart the first lists are those of the beginning, and the watches lag.
    OldLists,
}

impl Harm {
    const fn name(&self) -> &'static str {
        match self {
            Self::All(name, _) | Self::Kind(name, ..) => name,
            Self::OldLists => "lists of an older snapshot after a restart",
        }
    }

    /// Whether it comes within a short flow.
    fn is_soon(&self) -> bool {
        match self {
            Self::All(_, fault) | Self::Kind(_, _, fault) => match fault() {
                WatchFault::CloseAfter(time) | WatchFault::GoneAfter(time) => time < SHORT,
                _ => true,
            },
            Self::OldLists => true,
        }
    }

    /// Whether the harm ends with the weather.
    fn ends(&self) -> bool {
        match self {
            Self::All(_, fault) | Self::Kind(_, _, fault) => ends_with_the_weather(&fault()),
            Self::OldLists => true,
        }
    }
}

fn lose(which: fn(&str) -> bool) -> WatchFault {
    WatchFault::Lose(Arc::new(which))
}

fn of_the_object(line: &str) -> bool {
    line.contains("\"MODIFIED\"") && line.contains(&format!("\"name\":\"{}\"", flow::NAME))
}

const HARMS: &[Harm] = &[
    Harm::All("one second late", || WatchFault::Lag(Duration::from_secs(1))),
    Harm::All("20 s late", || WatchFault::Lag(Duration::from_secs(20))),
    Harm::All("60 s late", || WatchFault::Lag(Duration::from_secs(60))),
    Harm::All("bookmarks alone", || lose(|_| true)),
    Harm::Kind("events of channels are lost", "wazzupchannels", || lose(|_| true)),
    Harm::Kind("events of accounts are lost", "wazzupaccounts", || lose(|_| true)),
    Harm::Kind("events of Secrets are lost", "secrets", || lose(|_| true)),
    Harm::All("deletions are lost", || lose(|line| line.contains("\"DELETED\""))),
    Harm::All("the object's updates are lost", || lose(of_the_object)),
    Harm::All("410 at the start", || WatchFault::Gone),
    Harm::All("410 after a second", || WatchFault::GoneAfter(Duration::from_secs(1))),
    // Most flows are over within a second.
    Harm::All("410 after 100 ms", || WatchFault::GoneAfter(Duration::from_millis(100))),
    Harm::All("closed after 100 ms", || {
        WatchFault::CloseAfter(Duration::from_millis(100))
    }),
    Harm::All("closed every second", || WatchFault::CloseAfter(Duration::from_secs(1))),
    Harm::All("closed at once", || WatchFault::CloseAfter(Duration::ZERO)),
    Harm::All("each event twice", || WatchFault::Repeat),
    Harm::All("events change places", || WatchFault::Swap),
    Harm::All("half open", || WatchFault::Hang),
    Harm::OldLists,
];

/// Whether the harm ends with the weather. What was lost stays lost, and a half-open connection stays half open: nothing but
/// the operator itself heals that.
fn ends_with_the_weather(fault: &WatchFault) -> bool {
    match fault {
        WatchFault::Lose(_) | WatchFault::Hang => false,
        WatchFault::Lag(_)
        | WatchFault::Repeat
        | WatchFault::Swap
        | WatchFault::CloseAfter(_)
        | WatchFault::Gone
        | WatchFault::GoneAfter(_)
        | WatchFault::Tear => true,
    }
}

const LISTS: [&str; 4] = [
    "LIST wazzupchannels",
    "LIST wazzupaccounts",
    "LIST secrets",
    "LIST configmaps",
];

async fn run(ground: Ground, harm: Harm, flow: Flow) -> Outcome {
    let setting = Setting {
        patience: PATIENCE,
        ..Setting::default()
    };
    let life = Life::begin(&ground, "watch", setting).await;
    let met = match harm {
        Harm::OldLists => old_lists(&life, flow).await,
        Harm::Kind(_, kind, fault) => {
            let which = Which::Label(format!("WATCH {kind}"));
            let rule = Rule {
                which,
                ..Rule::watches(fault())
            };
            bad_watches(&life, flow, rule, harm.ends()).await
        }
        Harm::All(_, fault) => bad_watches(&life, flow, Rule::watches(fault()), harm.ends()).await,
    };
    life.wire.calm();
    life.wire.close_watches();
    oracle::assert_calls_end(&life);
    oracle::assert_nothing_hammered(&life);
    oracle::assert_intent_before_create(&life, 1);
    assert!(oracle::creates(&life) <= 1, "a second create");
    oracle::assert_status_is_true(&life).await;
    assert_asked_once(&life, flow, !harm.ends()).await;
    oracle::assert_sound(&life);
    match met {
        Ok(()) => Outcome::Passed,
        Err(why) => Outcome::Skipped(why),
    }
}

/// Plays a flow under a rule for watches. Why that showed nothing, if no event was harmed.
async fn bad_watches(life: &Life, flow: Flow, rule: Rule, ends: bool) -> Result<(), String> {
    let wire = &life.wire;
    let mut weather = JoinSet::new();
    flow::play(life, flow, || {
        wire.rule(rule);
        // What is open already is opened anew and meets the rule.
        wire.close_watches();
        let wire = wire.clone();
        weather.spawn(async move {
            tokio::time::sleep(BAD).await;
            wire.calm();
            if ends {
                wire.close_watches();
            }
        });
    })
    .await;
    if wire.events_harmed() > 0 {
        return Ok(());
    }
    let opened = wire.struck();
    Err(format!(
        "the flow had no such event: none was harmed on the {opened} watches that met the rule"
    ))
}

/// The operator is killed at the first step of a flow and comes back into the past: its first lists are those from before
/// the flow, and the watches take 20 s to bring the rest. Why that showed nothing, if it did not come to it.
async fn old_lists(life: &Life, flow: Flow) -> Result<(), String> {
    let wire = &life.wire;
    let shelves = LISTS.map(|list| (list, Shelf::default()));
    for (list, shelf) in &shelves {
        wire.rule(Rule::always(Side::Kubernetes, list, Fault::Keep(shelf.clone())));
    }
    let mut weather = JoinSet::new();
    let mut starts = 0;
    flow::play(life, flow, || {
        until_kept(wire);
        starts = life.starts();
        wire.calm();
        wire.rule(first_step(flow));
        // Nothing is listed again until then but by the process that follows; whoever waits for something starts it.
        for (list, shelf) in shelves {
            wire.rule(Rule::once(Side::Kubernetes, list, Fault::Again(shelf)));
        }
        wire.rule(Rule::watches(WatchFault::Lag(Duration::from_secs(20))));
        let wire = wire.clone();
        weather.spawn(async move {
            tokio::time::sleep(BAD).await;
            wire.calm();
            wire.close_watches();
        });
    })
    .await;
    if life.starts() == starts {
        return Err("the operator was not started again within the flow".to_owned());
    }
    old_lists_were_given(&wire.messages())
}

/// The kill at what a flow does first. No call to the service loses its answer by it, so none may be made twice.
fn first_step(flow: Flow) -> Rule {
    match flow {
        // The write that follows lets the object go, and the flow would be over.
        Flow::DeleteWithChats | Flow::DeleteAccount => {
            Rule::once(Side::Wazzup, "DELETE /v2/channels/{id}", Fault::Kill(Moment::Before))
        }
        _ => Rule {
            which: Which::Prefix("PATCH wazzupchannels".to_owned()),
            ..Rule::once(Side::Kubernetes, "", Fault::Kill(Moment::Between))
        },
    }
}

/// Waits until each list is kept: some flows begin before the operator has listed anything.
fn until_kept(wire: &Wire) {
    let kept = || {
        let messages = wire.messages();
        LISTS.iter().all(|list| given(&messages, list, "Keep"))
    };
    let deadline = Instant::now() + LISTED;
    tokio::task::block_in_place(|| {
        while !kept() && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(20));
        }
    });
}

/// Whether such a list was answered under such a fault.
fn given(messages: &[Message], list: &str, fault: &str) -> bool {
    let mut lists = messages.iter().filter(|message| message.label == list);
    lists.any(|message| message.fault.as_deref() == Some(fault) && message.status == Some(200))
}

/// Whether each list was kept, and given again after the kill.
fn old_lists_were_given(messages: &[Message]) -> Result<(), String> {
    let kills = |message: &Message| message.fault.as_deref().is_some_and(|fault| fault.starts_with("Kill"));
    let Some(killed) = messages.iter().position(kills) else {
        return Err("the flow made no step at which the operator could be killed".to_owned());
    };
    let (before, after) = messages.split_at(killed);
    for list in LISTS {
        if !given(before, list, "Keep") {
            return Err(format!("{list} was not kept before the kill"));
        }
        if !given(after, list, "Again") {
            return Err(format!("{list} was not answered from the past after the kill"));
        }
    }
    Ok(())
}

/// Nothing is asked of the service twice, nor what the flow does not ask for: no answer is lost here, so a second call could
/// only come from a stale view.
/// `blind`: nothing was seen for minutes, in which the service gives a QR up and a new one is right.
async fn assert_asked_once(life: &Life, flow: Flow, blind: bool) {
    let object = life.channels().get_opt(flow::NAME).await.unwrap();
    let annotations = object.map(|object| object.annotations().clone()).unwrap_or_default();
    // What a person of the flow has asked for besides.
    let logins = usize::from(annotations.contains_key(names::REINIT_REQUESTED));
    let codes = annotations.get(names::PAIRING_REQUESTED).map_or(0, |last| {
        let look = last.trim_start_matches("again-").parse::<usize>().unwrap();
        look / 25 + 1
    });
    let when = |holds: bool| usize::from(holds);
    let given_up = when(blind && matches!(flow, Flow::LogInByQr | Flow::TwoFactor | Flow::Pairing));
    let deletes = matches!(flow, Flow::DeleteWithChats | Flow::DeleteAccount);
    let creates = !matches!(flow, Flow::Adopt | Flow::FollowLink);
    let allowed = [
        ("POST", "/v2/channels", "/v2/channels", when(creates)),
        (
            "POST",
            "/v2/channels/",
            "/reinit",
            when(flow == Flow::Rotate) + logins + given_up,
        ),
        ("POST", "/v2/channels/", "/auth/2fa", when(flow == Flow::TwoFactor)),
        (
            "POST",
            "/v2/channels/",
            "/pairing-code",
            when(flow == Flow::Pairing) * (1 + logins + codes),
        ),
        ("POST", "/v2/iframe-links/", "", when(flow == Flow::FollowLink)),
        ("DELETE", "/v2/channels/", "", when(deletes)),
    ];
    let journal = life.simulator.journal();
    for (method, head, tail, most) in allowed {
        let mut asked: BTreeMap<&str, Vec<u16>> = BTreeMap::new();
        for entry in journal.matching(method, head) {
            // A channel that is gone is deleted once more where a write came too late; the service says so, and nothing more.
            let repeated = method == "DELETE" && most > 0 && !(200..300).contains(&entry.status);
            if entry.path.ends_with(tail) && (head != tail || entry.path == head) && !repeated {
                asked.entry(&entry.path).or_default().push(entry.status);
            }
        }
        for (path, answers) in asked {
            assert!(
                answers.len() <= most,
                "{}: {method} {path} was asked {} times and {most} are right, answered {answers:?}\n{}",
                life.namespace,
                answers.len(),
                life.log_text()
            );
        }
    }
}

/// The cells of the campaign.
pub fn cells(ground: &Ground, scale: Scale, seed: u64) -> Vec<Cell> {
    let mut cells = Vec::new();
    for harm in HARMS {
        // What the operator heals by listing everything again takes it minutes; most flows are over within a second.
        if scale == Scale::Test && !(harm.ends() && harm.is_soon()) {
            continue;
        }
        for flow in FLOWS {
            if scale == Scale::Test && SELDOM_MET.contains(&(flow, harm.name())) {
                continue;
            }
            let (ground, harm) = (ground.clone(), *harm);
            let name = format!("{flow:?}: {}", harm.name());
            cells.push(Cell::new("C2", name, move || run(ground, harm, flow)));
        }
    }
    match scale {
        Scale::Test => sample(cells, seed, 8),
        Scale::Full => cells,
    }
}
