//! C2: watches that lag, lose, repeat, reorder, break off or tell of the past. Each flow ends where it should, and nothing is
//! made at the service from a stale view: a conditional write comes first.

use std::{sync::Arc, time::Duration};

use super::{Scale, sample};
use crate::{
    Cell, Fault, Flow, Ground, Life, Outcome, Rule, Setting, Side, flow, oracle,
    proxy::{Shelf, WatchFault},
};

/// How long the weather is bad.
const BAD: Duration = Duration::from_secs(45);
/// Longer than it takes until everything is listed again.
const PATIENCE: Duration = Duration::from_secs(480);

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
    let wire = life.wire.clone();
    let over = harm.ends();
    if matches!(harm, Harm::OldLists) {
        old_lists(&life, flow).await;
    } else {
        let rule = match harm {
            Harm::Kind(_, kind, fault) => Rule {
                which: crate::proxy::Which::Label(format!("WATCH {kind}")),
                ..Rule::watches(fault())
            },
            Harm::All(_, fault) => Rule::watches(fault()),
            Harm::OldLists => Rule::watches(WatchFault::Repeat),
        };
        let weather = wire.clone();
        let clears = std::sync::Mutex::new(None);
        flow::play(&life, flow, || {
            wire.rule(rule);
            // What is open already is opened anew and meets the rule.
            wire.close_watches();
            let task = tokio::spawn(async move {
                tokio::time::sleep(BAD).await;
                weather.calm();
                if over {
                    weather.close_watches();
                }
            });
            *clears.lock().unwrap() = Some(task.abort_handle());
        })
        .await;
        if let Some(task) = clears.lock().unwrap().take() {
            task.abort();
        }
    }
    let struck = life.wire.struck();
    life.wire.calm();
    life.wire.close_watches();
    oracle::assert_calls_end(&life);
    oracle::assert_nothing_hammered(&life);
    oracle::assert_intent_before_create(&life, 1);
    assert!(oracle::creates(&life) <= 1, "a second create");
    oracle::assert_status_is_true(&life).await;
    oracle::assert_sound(&life);
    if struck > 0 {
        Outcome::Passed
    } else {
        Outcome::Skipped("no watch was harmed".to_owned())
    }
}

/// The operator is killed in the middle of a flow and comes back into the past: its first lists are those from before the
/// flow, and the watches take 20 s to bring the rest.
async fn old_lists(life: &Life, flow: Flow) {
    let wire = life.wire.clone();
    let shelves = LISTS.map(|list| (list, Shelf::default()));
    for (list, shelf) in &shelves {
        wire.rule(Rule::always(Side::Kubernetes, list, Fault::Keep(shelf.clone())));
    }
    let (weather, replicas) = (wire.clone(), life.wire.replicas());
    flow::play(life, flow, || {
        tokio::spawn(async move {
            // The flow is under way; whoever waits for something starts the operator again.
            tokio::time::sleep(Duration::from_secs(4)).await;
            weather.calm();
            for (list, shelf) in shelves {
                weather.rule(Rule::once(Side::Kubernetes, list, Fault::Again(shelf)));
            }
            weather.rule(Rule::watches(WatchFault::Lag(Duration::from_secs(20))));
            for replica in replicas {
                replica.kill();
            }
            tokio::time::sleep(BAD).await;
            weather.calm();
            weather.close_watches();
        });
    })
    .await;
}

/// The cells of the campaign.
pub fn cells(ground: &Ground, scale: Scale, seed: u64) -> Vec<Cell> {
    let mut cells = Vec::new();
    for harm in HARMS {
        // What the operator heals by listing everything again takes it minutes.
        if scale == Scale::Test && !harm.ends() {
            continue;
        }
        for flow in FLOWS {
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
