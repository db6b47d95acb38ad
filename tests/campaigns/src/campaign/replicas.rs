//! C6: two replicas. The leader stands still beyond its lease at every step of every flow and then goes on, is cut off, loses
//! its lease by hand, is asked to end, is replaced; events go to the one that does not lead. C6k: the leader is killed there
//! instead, and stays away until the other one leads.
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
    crash::{Point, TRIES, points},
    leadership::{self, holder},
};
use crate::{Cell, Fault, Flow, Ground, Life, Moment, Outcome, Rule, Setting, Side, flow, life::PATIENCE, oracle};

/// Longer than a lease lasts.
const BEYOND: Duration = Duration::from_secs(35);
/// So long all tries of a cell may take.
const LONG: Duration = Duration::from_secs(1_500);

/// A life with two replicas of which one leads.
pub(super) async fn pair(ground: &Ground, name: &str) -> Life {
    pair_in(ground, name, Setting::default()).await
}

/// The same in this setting.
async fn pair_in(ground: &Ground, name: &str, setting: Setting) -> Life {
    let setting = Setting {
        replicas: 2,
        leader_elect: true,
        ..setting
    };
    Life::begin(ground, name, setting).await
}

/// Plays a flow; whoever makes a step of it stands still from then on, and goes on when another one leads.
pub async fn stop_at(ground: &Ground, flow: Flow, point: &Point, moment: Moment) -> Outcome {
    until_met(flow, point, || stopped_at(ground, flow, point, moment)).await
}

/// Tries until a life has met its step.
async fn until_met<F: Future<Output = bool>>(flow: Flow, point: &Point, live: impl Fn() -> F) -> Outcome {
    for _ in 0..TRIES {
        if live().await {
            return Outcome::Passed;
        }
    }
    point.missed(flow)
}

/// Whether the step came.
async fn stopped_at(ground: &Ground, flow: Flow, point: &Point, moment: Moment) -> bool {
    let life = pair_in(ground, "stop", flow.setting()).await;
    let wire = life.wire.clone();
    let rule = Rule::once(point.side, &point.label, Fault::Stop(moment)).nth(point.nth);
    let over = AtomicBool::new(false);
    let playing = async {
        flow::play(&life, flow, || wire.rule(rule)).await;
        over.store(true, Ordering::Relaxed);
    };
    let ((), met) = tokio::join!(playing, resumed(&life, &over));
    if met {
        judge(&life, flow).await;
    }
    met
}

async fn judge(life: &Life, flow: Flow) {
    leadership::assert_only_the_leader_acted(life);
    oracle::assert_intent_before_create(life, 1);
    if flow::judged_by_rest(flow) {
        oracle::assert_one_channel_each(life).await;
        oracle::assert_deleted_only(life, &[]);
    }
    oracle::assert_sound(life);
}

/// Plays a flow; whoever makes a step of it is killed there and stays away until the other replica leads.
pub async fn replace_at(ground: &Ground, flow: Flow, point: &Point, moment: Moment) -> Outcome {
    until_met(flow, point, || replaced_at(ground, flow, point, moment)).await
}

/// Whether the step came.
async fn replaced_at(ground: &Ground, flow: Flow, point: &Point, moment: Moment) -> bool {
    let life = pair_in(ground, "replace", flow.setting()).await;
    let wire = life.wire.clone();
    let rule = Rule::once(point.side, &point.label, Fault::Kill(moment)).nth(point.nth);
    let over = AtomicBool::new(false);
    let playing = async {
        flow::play(&life, flow, || wire.rule(rule)).await;
        over.store(true, Ordering::Relaxed);
    };
    let ((), met) = tokio::join!(playing, replaced(&life, &over));
    if met {
        judge(&life, flow).await;
    }
    met
}

/// Waits for a replica that was killed, and keeps it away until its successor leads; `false` when none was.
async fn replaced(life: &Life, over: &AtomicBool) -> bool {
    let Some((at, Some(killed))) = strike(life, over, "Kill").await else {
        return false;
    };
    life.retire(killed, true);
    // Whoever waits for something may have started it again in between.
    life.wire.replicas()[killed].kill();
    if leadership::leader_at(&life.wire.messages(), at) == Some(killed) {
        leadership::until_another_leads(life, killed, at).await;
    }
    life.retire(killed, false);
    true
}

/// The message that a fault struck, and whose it was; nothing when the flow was over before.
async fn strike(life: &Life, over: &AtomicBool, fault: &str) -> Option<(usize, Option<usize>)> {
    loop {
        let messages = life.wire.messages();
        let struck = messages
            .iter()
            .position(|message| message.fault.as_deref().is_some_and(|met| met.starts_with(fault)));
        if let Some(struck) = struck {
            return Some((struck, messages[struck].replica));
        }
        if over.load(Ordering::Relaxed) {
            return None;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Waits for a replica that stands still, then for its successor, and lets it go on; `false` when none did.
async fn resumed(life: &Life, over: &AtomicBool) -> bool {
    let Some((at, Some(stopped))) = strike(life, over, "Stop").await else {
        return false;
    };
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

/// Every flow that can be played while one replica stands still; the others end processes by themselves, or have a step that
/// a replica alone makes.
fn flows() -> Vec<Flow> {
    let more = [Flow::QrIdle, Flow::Recreate, Flow::Abandon, Flow::DeleteSuspended];
    Flow::ALL.into_iter().chain(more).collect()
}

/// All points of the flows, in each moment; those of a test are few.
async fn chosen(ground: &Ground, scale: Scale) -> Vec<(Flow, Point, Moment)> {
    if scale == Scale::Test {
        return few();
    }
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

/// The cells of C6.
pub async fn cells(ground: &Ground, scale: Scale) -> Vec<Cell> {
    let cell = |(flow, point, moment): (Flow, Point, Moment)| {
        let ground = ground.clone();
        let name = format!("{flow:?}: stop {moment:?} {} #{}", point.label, point.nth);
        let cell = Cell::new("C6", name, move || async move {
            stop_at(&ground, flow, &point, moment).await
        });
        cell.within(LONG)
    };
    chosen(ground, scale).await.into_iter().map(cell).collect()
}

/// The cells of C6k.
pub async fn kills(ground: &Ground, scale: Scale) -> Vec<Cell> {
    let cell = |(flow, point, moment): (Flow, Point, Moment)| {
        let ground = ground.clone();
        let name = format!(
            "{flow:?}: kill {moment:?} {} #{}, the other leads",
            point.label, point.nth
        );
        let cell = Cell::new("C6k", name, move || async move {
            replace_at(&ground, flow, &point, moment).await
        });
        cell.within(LONG)
    };
    chosen(ground, scale).await.into_iter().map(cell).collect()
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
