//! C6: two replicas. The leader stands still beyond its lease at every step of every flow and then goes on, is cut off, loses
//! its lease by hand, is asked to end, is replaced; events go to the one that does not lead.
//!
//! The oracle (`leadership::assert_only_the_leader_acted`): each message is taken at the moment when its last byte came.
//! Whoever wrote the lease last leads. A message that changes something at Wazzup, and a write to Kubernetes that only a
//! leader makes, must come from whoever led then, and no later than its lease lasts. So what had left before a process stood
//! still may arrive; after the successor's first write of the lease nothing of the old leader may, first byte or last.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use futures::{StreamExt, stream};

use super::{
    Scale,
    crash::{Point, points},
    leadership::{self, holder},
};
use crate::{Cell, Fault, Flow, Ground, Life, Moment, Outcome, Rule, Setting, Side, flow, life::PATIENCE, oracle};

/// Longer than a lease lasts.
const BEYOND: Duration = Duration::from_secs(35);

/// A life with two replicas of which one leads.
pub(super) async fn pair(ground: &Ground, name: &str) -> Life {
    let setting = Setting {
        replicas: 2,
        leader_elect: true,
        ..Setting::default()
    };
    Life::begin(ground, name, setting).await
}

/// Plays a flow; whoever makes a step of it stands still from then on, and goes on when another one leads.
pub async fn stop_at(ground: &Ground, flow: Flow, point: &Point, moment: Moment) -> Outcome {
    let life = pair(ground, "stop").await;
    let wire = life.wire.clone();
    let rule = Rule::once(point.side, &point.label, Fault::Stop(moment)).nth(point.nth);
    let over = AtomicBool::new(false);
    let playing = async {
        flow::play(&life, flow, || wire.rule(rule)).await;
        over.store(true, Ordering::Relaxed);
    };
    let ((), met) = tokio::join!(playing, resumed(&life, &over));
    if !met {
        return Outcome::Skipped("the flow was over before this step came".to_owned());
    }
    leadership::assert_only_the_leader_acted(&life);
    if flow::judged_by_rest(flow) {
        oracle::assert_one_channel_each(&life).await;
    }
    oracle::assert_sound(&life);
    Outcome::Passed
}

/// Waits for a replica that stands still, then for its successor, and lets it go on; `false` when none did.
async fn resumed(life: &Life, over: &AtomicBool) -> bool {
    let strike = loop {
        let messages = life.wire.messages();
        let struck = messages
            .iter()
            .position(|message| message.fault.as_deref().is_some_and(|fault| fault.starts_with("Stop")));
        if let Some(struck) = struck {
            break (struck, messages[struck].replica);
        }
        if over.load(Ordering::Relaxed) {
            return false;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    let (at, Some(stopped)) = strike else { return false };
    let led = leadership::leader_at(&life.wire.messages(), at) == Some(stopped);
    if led {
        leadership::until_another_leads(life, stopped, at).await;
        // The new one is at work.
        tokio::time::sleep(Duration::from_secs(2)).await;
    } else {
        tokio::time::sleep(BEYOND).await;
    }
    let ended = life.wire.replicas()[stopped].ends().len();
    life.wire.replicas()[stopped].resume();
    if led {
        control_plane::eventually("the stale leader to end", PATIENCE, || async {
            match life.wire.replicas()[stopped].ends().get(ended) {
                Some(end) if end.code() == Some(1) => Ok(()),
                Some(end) => panic!("the stale leader ended with {end:?}"),
                None => Err("it lives".to_owned()),
            }
        })
        .await;
    }
    true
}

/// The points that are played in every test: a create, a reinit and a delete on their way.
fn few() -> Vec<(Flow, Point, Moment)> {
    let point = |side, label: &str| Point {
        side,
        label: label.to_owned(),
        nth: 1,
        steady: true,
    };
    vec![
        (
            Flow::CreateBot,
            point(Side::Wazzup, "POST /v2/channels"),
            Moment::Between,
        ),
        (
            Flow::Rotate,
            point(Side::Kubernetes, "PATCH wazzupchannels/status"),
            Moment::After,
        ),
        (
            Flow::Delete,
            point(Side::Wazzup, "DELETE /v2/channels/{id}"),
            Moment::Between,
        ),
        (Flow::LogInByQr, point(Side::Wazzup, "POST /v2/channels"), Moment::After),
    ]
}

/// Every flow that can be played while one replica stands still; the others end processes by themselves.
fn flows() -> Vec<Flow> {
    Flow::ALL.into_iter().chain([Flow::QrIdle, Flow::Recreate]).collect()
}

/// The cells of the campaign.
pub async fn cells(ground: &Ground, scale: Scale) -> Vec<Cell> {
    let chosen = match scale {
        Scale::Test => few(),
        Scale::Full => {
            let found: Vec<Vec<(Flow, Point, Moment)>> = stream::iter(flows())
                .map(|flow| async move {
                    let points = points(ground, flow, false).await;
                    let moments = |point: Point| Moment::ALL.map(|moment| (flow, point.clone(), moment));
                    points.into_iter().flat_map(moments).collect()
                })
                .buffer_unordered(8)
                .collect()
                .await;
            found.concat()
        }
    };
    let cell = |(flow, point, moment): (Flow, Point, Moment)| {
        let ground = ground.clone();
        let name = format!("{flow:?}: stop {moment:?} {} #{}", point.label, point.nth);
        Cell::new("C6", name, move || async move {
            stop_at(&ground, flow, &point, moment).await
        })
    };
    chosen.into_iter().map(cell).collect()
}

/// The leader, once there is one.
pub(super) async fn until_led(life: &Life) -> usize {
    let found = std::sync::Mutex::new(0);
    life.wait("a leader", || async {
        match holder(life).await {
            Some(leader) => {
                *found.lock().unwrap() = leader;
                Ok(())
            }
            None => Err("none".to_owned()),
        }
    })
    .await;
    found.into_inner().unwrap()
}
