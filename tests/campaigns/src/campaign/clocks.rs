//! C6c: the operator's clock of the day is ahead, behind, jumps, or runs at twice the speed. Each flow ends where it should,
//! and no channel is made twice; pauses by which two processes keep apart do not trust what one of them wrote about the time.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use futures::future::BoxFuture;
use jiff::Timestamp;
use serde_json::json;

use super::{
    Scale, crash,
    leadership::{self, leases},
    replicas::until_led,
    sample,
};
use crate::{
    Cell, Fault, Flow, Ground, Life, Outcome, Rule, Setting, Side, Skew,
    flow::{self, NAME},
    oracle,
};

const FIVE_MINUTES: i64 = 300;
const CREATE: &str = "POST /v2/channels";
/// After that long the service commits a create: its sender's lease is over by then, the grace of 115 s is not.
const LATE: Duration = Duration::from_secs(55);
/// Then a list has shown it, and whoever repeats a create has done so.
const SETTLED: Duration = Duration::from_secs(25);

/// What is wrong with the clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wrong {
    Ahead,
    Behind,
    JumpsAhead,
    JumpsBack,
    Fast,
}

impl Wrong {
    const ALL: [Self; 5] = [Self::Ahead, Self::Behind, Self::JumpsAhead, Self::JumpsBack, Self::Fast];

    const fn name(self) -> &'static str {
        match self {
            Self::Ahead => "the clock is ahead",
            Self::Behind => "the clock is behind",
            Self::JumpsAhead => "the clock jumps ahead",
            Self::JumpsBack => "the clock jumps back",
            Self::Fast => "the clock is twice as fast",
        }
    }

    /// How the clock is at first.
    const fn at_first(self, flow: Flow) -> Skew {
        match self {
            Self::JumpsAhead | Self::JumpsBack => Skew::TRUE,
            Self::Ahead | Self::Behind | Self::Fast => self.at_last(flow),
        }
    }

    /// How it is at the end.
    const fn at_last(self, flow: Flow) -> Skew {
        match self {
            Self::Ahead | Self::JumpsAhead => Skew::ahead(FIVE_MINUTES),
            Self::Behind | Self::JumpsBack => Skew::ahead(-behind(flow)),
            Self::Fast => Skew::twice_as_fast(),
        }
    }
}

/// So many seconds. A QR comes in an event alone, and one that is dated more than five minutes ahead is refused by design:
/// where a QR is shown, the clock is four minutes behind.
const fn behind(flow: Flow) -> i64 {
    match flow {
        Flow::LogInByQr | Flow::TwoFactor | Flow::Pairing | Flow::Start | Flow::QrIdle => 240,
        Flow::CreateBot
        | Flow::FollowLink
        | Flow::Rotate
        | Flow::Adopt
        | Flow::Delete
        | Flow::DeleteWithChats
        | Flow::Retain
        | Flow::DeleteAccount
        | Flow::Resubscribe
        | Flow::Mint
        | Flow::Refresh
        | Flow::Lease
        | Flow::HandOver
        | Flow::Unresolved
        | Flow::Recreate
        | Flow::Abandon
        | Flow::DeleteSuspended
        | Flow::DeleteUnresolved => FIVE_MINUTES,
    }
}

/// How many creates a flow is made of at most.
fn most_creates(flow: Flow) -> usize {
    if matches!(flow, Flow::Start | Flow::HandOver | Flow::Recreate) {
        2
    } else {
        1
    }
}

async fn run(ground: Ground, flow: Flow, wrong: Wrong) -> Outcome {
    let setting = Setting {
        clocks: vec![wrong.at_first(flow)],
        ..flow.setting()
    };
    let life = Life::begin(&ground, "clock", setting).await;
    let moved = Arc::new(AtomicBool::new(wrong.at_first(flow) == wrong.at_last(flow)));
    flow::play(&life, flow, || {
        if !moved.load(Ordering::Relaxed) {
            life.wire.rule(jump(&life, flow, wrong.at_last(flow), moved.clone()));
        }
    })
    .await;
    oracle::assert_intent_before_create(&life, if flow == Flow::Start { 2 } else { 1 });
    oracle::assert_nothing_hammered(&life);
    assert!(oracle::creates(&life) <= most_creates(flow), "a create too many");
    if flow::judged_by_rest(flow) {
        oracle::assert_deleted_only(&life, &[]);
        oracle::assert_status_is_true(&life).await;
        oracle::assert_one_channel_each(&life).await;
    }
    oracle::assert_sound(&life);
    if !moved.load(Ordering::Relaxed) {
        return Outcome::Skipped("the flow was over before the clock could jump".to_owned());
    }
    met(&life, 0, wrong.at_last(flow)).await
}

/// Moves the clock in the middle of a step: it has taken effect, and its answer was not read yet.
fn jump(life: &Life, flow: Flow, to: Skew, moved: Arc<AtomicBool>) -> Rule {
    let clock = life.clock(0).clone();
    let fault = Fault::Rewrite(Arc::new(move |_| {
        clock.set(to);
        moved.store(true, Ordering::Relaxed);
    }));
    match flow {
        Flow::Lease | Flow::HandOver => Rule::once(Side::Kubernetes, "PUT leases", fault),
        _ => Rule::step(1, fault),
    }
}

/// Passed only where the operator's own log shows the clock that was asked for.
async fn met(life: &Life, replica: usize, skew: Skew) -> Outcome {
    match life.clock_met(replica, skew).await {
        Ok(()) => Outcome::Passed,
        Err(seen) => Outcome::Skipped(format!("the log does not show the wrong clock: {seen}")),
    }
}

/// Waits until a create is on its way to a service that commits it late; when it was.
async fn until_sent(life: &Life, before: usize) -> Instant {
    life.wait("the create on its way", || async {
        if life.wire.struck() > before {
            Ok(())
        } else {
            Err("not yet".to_owned())
        }
    })
    .await;
    Instant::now()
}

/// The late create is committed, and whoever would repeat it has done so: there is one channel, and one create reached the
/// service.
async fn one_create(life: &Life, sent: Instant) {
    tokio::time::sleep((LATE + SETTLED).saturating_sub(sent.elapsed())).await;
    let creates = life.simulator.journal().count("POST", "/v2/channels");
    let channels = flow::ids(life);
    assert!(
        creates == 1 && channels.len() == 1,
        "{creates} creates reached the service, and it has {} channels: {channels:?}\n{}",
        channels.len(),
        life.log_text()
    );
    life.until_ready(NAME).await;
    oracle::assert_one_channel_each(life).await;
    oracle::assert_status_is_true(life).await;
    oracle::assert_deleted_only(life, &[]);
    oracle::assert_sound(life);
}

/// The leader, whose clock is true, dies with a create on its way; the successor's clock is another.
async fn late_for_the_successor(ground: Ground, skew: Skew) -> Outcome {
    let setting = Setting {
        replicas: 2,
        leader_elect: true,
        clocks: vec![Skew::TRUE, skew],
        ..Setting::default()
    };
    let life = Life::begin(&ground, "late", setting).await;
    // The first one leads before the other one is there.
    life.retire(1, true);
    life.start_replica(0);
    life.account().await;
    life.until_subscribed().await;
    assert_eq!(until_led(&life).await, 0, "nobody else was there");
    life.start_replica(1);
    let before = life.wire.struck();
    life.wire.rule(Rule::once(Side::Wazzup, CREATE, Fault::Late(LATE)));
    life.bot(NAME, "100:canary-bot").await;
    let sent = until_sent(&life, before).await;
    life.retire(0, true);
    life.retire(1, false);
    let from = life.wire.messages().len();
    life.wire.replicas()[0].kill();
    leadership::until_another_leads(&life, 0, from).await;
    one_create(&life, sent).await;
    leadership::assert_only_the_leader_acted(&life);
    let lease = leases(&life).get(wazzup_operator::api::names::LEASE).await.unwrap();
    let renewed = lease.spec.and_then(|spec| spec.renew_time).unwrap().0;
    let ahead = renewed.duration_since(Timestamp::now()).as_secs();
    if (ahead - skew.seconds).abs() > 30 {
        return Outcome::Skipped(format!("the lease's time is {ahead} s ahead"));
    }
    met(&life, 1, skew).await
}

/// When the only replica's clock jumps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum When {
    /// While it is down.
    Down,
    /// After its next process has looked for the channel.
    Looked,
}

/// The only replica dies with a create on its way, and comes back with another time.
async fn late_for_itself(ground: Ground, when: When) -> Outcome {
    let setting = Setting {
        clocks: vec![Skew::TRUE],
        ..Setting::default()
    };
    let life = Life::begin(&ground, "late", setting).await;
    let ahead = Skew::ahead(FIVE_MINUTES);
    life.start();
    life.account().await;
    life.until_subscribed().await;
    let before = life.wire.struck();
    life.wire.rule(Rule::once(Side::Wazzup, CREATE, Fault::Late(LATE)));
    life.bot(NAME, "100:canary-bot").await;
    let sent = until_sent(&life, before).await;
    life.wire.replicas()[0].kill();
    match when {
        When::Down => life.clock(0).set(ahead),
        When::Looked => {
            let moved = Arc::new(AtomicBool::new(false));
            let (clock, done) = (life.clock(0).clone(), moved.clone());
            let fault = Fault::Rewrite(Arc::new(move |_| {
                clock.set(ahead);
                done.store(true, Ordering::Relaxed);
            }));
            life.wire.rule(Rule::once(Side::Wazzup, "GET /v2/channels", fault));
            life.wait("a look for the channel", || async {
                if moved.load(Ordering::Relaxed) {
                    Ok(())
                } else {
                    Err("not yet".to_owned())
                }
            })
            .await;
        }
    }
    life.tend();
    one_create(&life, sent).await;
    met(&life, 0, ahead).await
}

/// A QR ran out and was taken away; the fresh one is shown to whoever is to scan it.
async fn fresh_qr_is_shown(ground: Ground, skew: Skew) -> Outcome {
    let setting = Setting {
        clocks: vec![skew],
        ..Setting::default()
    };
    let life = Life::begin(&ground, "fresh", setting).await;
    life.start();
    life.account().await;
    life.until_subscribed().await;
    life.channel(NAME, json!({"transport": "whatsapp"})).await;
    until_shown(&life, true).await;
    oracle::assert_one_channel_each(&life).await;
    let id = life.status(NAME).await.channel_id.unwrap_or_default();
    life.simulator
        .with(|world, now| world.set_status(&id, "disabled", Some("qridle"), now))
        .unwrap();
    until_shown(&life, false).await;
    until_shown(&life, true).await;
    oracle::assert_sound(&life);
    met(&life, 0, skew).await
}

/// Waits until a QR is shown, or none.
async fn until_shown(life: &Life, shown: bool) {
    life.wait(if shown { "a QR" } else { "no QR" }, || async {
        let found = life.config_maps().get_opt("shop-qr").await;
        let data = found.map_err(|error| error.to_string())?.and_then(|map| map.data);
        if data.is_some_and(|data| data.contains_key("qr")) == shown {
            Ok(())
        } else {
            Err(format!("{:?}", life.status(NAME).await))
        }
    })
    .await;
}

type Story = fn(Ground) -> BoxFuture<'static, Outcome>;

/// Every story; those that are marked are played in every test.
const STORIES: &[(&str, bool, Story)] = &[
    (
        "a create is committed late, the successor's clock is ahead",
        true,
        |ground| Box::pin(late_for_the_successor(ground, Skew::ahead(FIVE_MINUTES))),
    ),
    (
        "a create is committed late, the successor's clock is behind",
        false,
        |ground| Box::pin(late_for_the_successor(ground, Skew::ahead(-FIVE_MINUTES))),
    ),
    (
        "a create is committed late, the clock jumps ahead before the restart",
        true,
        |ground| Box::pin(late_for_itself(ground, When::Down)),
    ),
    (
        "a create is committed late, the clock jumps ahead after the restart",
        false,
        |ground| Box::pin(late_for_itself(ground, When::Looked)),
    ),
    ("a QR ran out, the clock is ahead", false, |ground| {
        Box::pin(fresh_qr_is_shown(ground, Skew::ahead(FIVE_MINUTES)))
    }),
    ("a QR ran out, the clock is behind", false, |ground| {
        Box::pin(fresh_qr_is_shown(ground, Skew::ahead(-behind(Flow::QrIdle))))
    }),
    ("a QR ran out, the clock is twice as fast", false, |ground| {
        Box::pin(fresh_qr_is_shown(ground, Skew::twice_as_fast()))
    }),
    ("a QR ran out, the clock is true", false, |ground| {
        Box::pin(fresh_qr_is_shown(ground, Skew::TRUE))
    }),
];

/// The cells of the campaign.
pub fn cells(ground: &Ground, scale: Scale, seed: u64) -> Vec<Cell> {
    let wanted = |(_, often, _): &&(&str, bool, Story)| *often || scale == Scale::Full;
    let story = |(name, _, story): &(&str, bool, Story)| {
        let (ground, story) = (ground.clone(), *story);
        Cell::new("C6c", *name, move || story(ground))
    };
    let mut cells = Vec::new();
    for flow in crash::flows() {
        for wrong in Wrong::ALL {
            let ground = ground.clone();
            let name = format!("{flow:?}: {}", wrong.name());
            cells.push(Cell::new("C6c", name, move || run(ground, flow, wrong)));
        }
    }
    if scale == Scale::Test {
        cells = sample(cells, seed, 2);
    }
    STORIES.iter().filter(wanted).map(story).chain(cells).collect()
}
