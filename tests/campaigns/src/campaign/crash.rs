//! C1: the operator is killed before, between and after each step of each flow. One channel for each object, none stuck,
//! none orphaned. C1p: it is killed again at a step after the restart.

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use futures::{StreamExt, stream};

use super::Scale;
use crate::{
    Cell, Fault, Flow, Ground, Life, Moment, Outcome, Rule, Side, flow, oracle, proxy::label, runner::BY_CHANCE,
};

/// More steps than any flow has.
const MOST: usize = 80;
/// Passes merge differently from run to run: a point that a run did not reach is tried so often.
pub(super) const TRIES: usize = 3;
/// So long all tries may take: lives that wait out three graces each.
const PATIENCE: Duration = Duration::from_secs(1_500);
/// Reads repeat by the clock: so many of each label are points.
const READS: usize = 2;

/// The n-th step with this label in a flow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Point {
    /// Where the message goes.
    pub side: Side,
    /// What it is.
    pub label: String,
    /// Which of them, counted from 1.
    pub nth: usize,
    /// Whether each of two calm runs had it. What one alone had comes when it comes.
    pub steady: bool,
}

impl Point {
    /// Whether a kill here leaves a create that may or may not have been made, or one that was never sent: the next
    /// process must wait for the grace.
    fn is_long(&self, moment: Moment) -> bool {
        let create = self.label == "POST /v2/channels" && moment == Moment::Before;
        create || (self.label == "PATCH wazzupchannels" && moment != Moment::Before)
    }

    /// Whether a flow without it would be another flow. Later repeats of a patch may merge, reads are made as needed, and the
    /// account's passes come when they come.
    fn must_be_reached(&self, flow: Flow) -> bool {
        let first = self.steady && self.nth == 1;
        let step = match flow {
            Flow::Lease | Flow::HandOver => flow.is_step(self.side, &self.label),
            _ => label::is_step(self.side, &self.label),
        };
        first && step && !self.label.contains("wazzupaccounts")
    }

    /// What became of it where no try reached it.
    pub(super) fn missed(&self, flow: Flow) -> Outcome {
        let why = format!("the flow was over before this step came, {TRIES} times");
        if self.must_be_reached(flow) {
            Outcome::Failed(why)
        } else if self.comes_by_chance() {
            Outcome::Skipped(format!("{BY_CHANCE}: {why}"))
        } else {
            Outcome::Skipped(why)
        }
    }

    /// Whether a run may well do without it: one of the two calm runs did, or it tells the status once more, or an account's,
    /// and how many of those a flow has is a matter of how fast its parts are.
    fn comes_by_chance(&self) -> bool {
        let again = self.nth > 1 && self.label.ends_with("/status");
        !self.steady || again || self.label.contains("wazzupaccounts")
    }
}

/// The points of a flow: the steps of a calm run, named so that a different order in another run does not matter. With
/// `reads`, every call but watches.
pub async fn points(ground: &Ground, flow: Flow, reads: bool) -> Vec<Point> {
    let (mut points, again) = futures::join!(calm_points(ground, flow, reads), calm_points(ground, flow, reads));
    for point in &mut points {
        point.steady = again.contains(point);
    }
    points
}

async fn calm_points(ground: &Ground, flow: Flow, reads: bool) -> Vec<Point> {
    let life = Life::begin(ground, "calm", flow.setting()).await;
    let wire = life.wire.clone();
    flow::play(&life, flow, || wire.forget()).await;
    let mut points: Vec<Point> = Vec::new();
    for message in life.wire.messages() {
        let (side, label) = (message.side, message.label);
        let step = flow.is_step(side, &label);
        if !step && (!reads || label.starts_with("WATCH ")) {
            continue;
        }
        let nth = 1 + points
            .iter()
            .filter(|point| point.side == side && point.label == label)
            .count();
        if nth <= READS || label::is_step(side, &label) {
            let steady = false;
            points.push(Point {
                side,
                label,
                nth,
                steady,
            });
        }
    }
    assert!(!points.is_empty() && points.len() < MOST, "{flow:?}: {points:?}");
    points
}

/// Plays a flow under rules that apply in turn; how many have struck. `still`: and waits until nothing is written any more,
/// for longer than a list's interval.
async fn struck(ground: &Ground, flow: Flow, rules: Vec<Rule>, still: bool) -> usize {
    let life = Life::begin(ground, "crash", flow.setting()).await;
    let wire = life.wire.clone();
    let before = AtomicUsize::new(0);
    let arm = || {
        before.store(wire.struck(), Ordering::Relaxed);
        wire.rules_in_turn(rules);
    };
    flow::play(&life, flow, arm).await;
    // A flow may end with what the dead one did last.
    life.looked_at_again().await;
    oracle::assert_intent_before_create(&life, if flow == Flow::Start { 2 } else { 1 });
    if flow::judged_by_rest(flow) {
        oracle::assert_deleted_only(&life, &[]);
        oracle::assert_status_is_true(&life).await;
    }
    oracle::assert_nothing_hammered(&life);
    if still {
        oracle::assert_still(&life).await;
    }
    oracle::assert_sound(&life);
    life.wire.struck() - before.load(Ordering::Relaxed)
}

/// Plays a flow and kills the operator around one of its points.
pub async fn kill_at(ground: &Ground, flow: Flow, point: &Point, moment: Moment, scale: Scale) -> Outcome {
    for _ in 0..TRIES {
        let rule = Rule::once(point.side, &point.label, Fault::Kill(moment)).nth(point.nth);
        if struck(ground, flow, vec![rule], scale == Scale::Full).await > 0 {
            return Outcome::Passed;
        }
    }
    point.missed(flow)
}

/// Plays a flow and kills the operator around one of its points and, after the restart, around the next step.
pub async fn kill_twice(ground: &Ground, flow: Flow, point: &Point, moments: [Moment; 2]) -> Outcome {
    let mut most = 0;
    for _ in 0..TRIES {
        let first = Rule::once(point.side, &point.label, Fault::Kill(moments[0])).nth(point.nth);
        let next = match flow {
            Flow::Lease | Flow::HandOver => Rule::once(Side::Kubernetes, "PUT leases", Fault::Kill(moments[1])),
            _ => Rule::step(1, Fault::Kill(moments[1])),
        };
        most = most.max(struck(ground, flow, vec![first, next], false).await);
        if most == 2 {
            return Outcome::Passed;
        }
    }
    match most {
        0 => point.missed(flow),
        _ => Outcome::Skipped("no step was left after the restart".to_owned()),
    }
}

/// The points of all these flows, those whose runs take long first: their waits overlap.
async fn all_points(ground: &Ground, flows: &[Flow], reads: bool) -> Vec<(Flow, Point, Moment)> {
    let found: Vec<(Flow, Vec<Point>)> = stream::iter(flows.to_vec())
        .map(|flow| async move { (flow, points(ground, flow, reads).await) })
        .buffer_unordered(8)
        .collect()
        .await;
    let mut all = Vec::new();
    for (flow, points) in found {
        for point in points {
            all.extend(Moment::ALL.map(|moment| (flow, point.clone(), moment)));
        }
    }
    all.sort_by_key(|(_, point, moment)| !point.is_long(*moment));
    all
}

/// All single points of these flows.
pub async fn single(ground: &Ground, flows: &[Flow], scale: Scale) -> Vec<Cell> {
    let all = all_points(ground, flows, scale == Scale::Full).await;
    let cells = all.into_iter().map(|(flow, point, moment)| {
        let ground = ground.clone();
        let name = format!("{flow:?}: kill {moment:?} {} #{}", point.label, point.nth);
        Cell::new("C1", name, move || async move {
            kill_at(&ground, flow, &point, moment, scale).await
        })
        .within(PATIENCE)
    });
    cells.collect()
}

/// Every flow that is killed.
pub fn flows() -> Vec<Flow> {
    let all = Flow::ALL.into_iter().chain(Flow::MORE);
    all.chain(Flow::FAREWELLS).collect()
}

/// The cells of C1.
pub async fn cells(ground: Ground, scale: Scale) -> Vec<Cell> {
    single(&ground, &flows(), scale).await
}

/// The cells of C1p: all pairs of a step and the next one after the restart, in all moments. Lives wait more than they
/// work, so that all of them are played; none in a test.
pub async fn pairs(ground: Ground, scale: Scale) -> Vec<Cell> {
    if scale == Scale::Test {
        return Vec::new();
    }
    let mut cells = Vec::new();
    for (flow, point, moment) in all_points(&ground, &flows(), false).await {
        for second in Moment::ALL {
            let (ground, point) = (ground.clone(), point.clone());
            let name = format!(
                "{flow:?}: kill {moment:?} {} #{}, then {second:?} the next step",
                point.label, point.nth
            );
            let cell = Cell::new("C1p", name, move || async move {
                kill_twice(&ground, flow, &point, [moment, second]).await
            });
            cells.push(cell.within(PATIENCE));
        }
    }
    cells
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point(label: &str, nth: usize, steady: bool) -> Point {
        let (side, label) = (Side::Kubernetes, label.to_owned());
        Point {
            side,
            label,
            nth,
            steady,
        }
    }

    #[test]
    fn what_every_run_has_must_be_reached_and_only_repeats_and_what_one_run_had_may_be_missing() {
        let first = point("PATCH wazzupchannels/status", 1, true);
        assert!(first.must_be_reached(Flow::Start) && !first.comes_by_chance());
        for may_be_missing in [
            point("PATCH wazzupchannels/status", 2, true),
            point("PATCH wazzupaccounts/status", 1, true),
            point("POST configmaps", 1, false),
        ] {
            assert!(!may_be_missing.must_be_reached(Flow::Start), "{may_be_missing:?}");
            assert!(may_be_missing.comes_by_chance(), "{may_be_missing:?}");
        }
        let repeated = point("PATCH wazzupchannels", 3, true);
        assert!(!repeated.must_be_reached(Flow::Start) && !repeated.comes_by_chance());
    }
}
