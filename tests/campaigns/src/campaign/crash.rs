//! C1: the operator is killed before, between and after each step of each flow. One channel for each object, none stuck,
//! none orphaned.

use futures::{StreamExt, stream};

use super::Scale;
use crate::{Cell, Fault, Flow, Ground, Life, Moment, Outcome, Rule, Setting, Side, flow, oracle};

/// More steps than any flow has.
const MOST: usize = 60;

/// The n-th step with this label in a flow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Point {
    /// Where the message goes.
    pub side: Side,
    /// What it is.
    pub label: String,
    /// Which of them, counted from 1.
    pub nth: usize,
}

/// The points of a flow: the steps of a calm run, named so that a different order in another run does not matter.
pub async fn points(ground: &Ground, flow: Flow) -> Vec<Point> {
    let life = Life::begin(ground, "calm", Setting::default()).await;
    let wire = life.wire.clone();
    flow::play(&life, flow, || wire.forget()).await;
    let mut points: Vec<Point> = Vec::new();
    for (side, label) in life.wire.steps() {
        let nth = 1 + points
            .iter()
            .filter(|point| point.side == side && point.label == label)
            .count();
        points.push(Point { side, label, nth });
    }
    assert!(!points.is_empty() && points.len() < MOST, "{flow:?}: {points:?}");
    points
}

/// Plays a flow and kills the operator around one of its points.
pub async fn kill_at(ground: &Ground, flow: Flow, point: &Point, moment: Moment) -> Outcome {
    let life = Life::begin(ground, "crash", Setting::default()).await;
    let wire = life.wire.clone();
    let rule = Rule::once(point.side, &point.label, Fault::Kill(moment)).nth(point.nth);
    flow::play(&life, flow, || wire.rule(rule)).await;
    oracle::assert_sound(&life);
    if life.wire.struck() > 0 {
        Outcome::Passed
    } else {
        // Passes may merge differently from run to run: the flow was over before its n-th such step.
        Outcome::Skipped("the flow was over before this step came".to_owned())
    }
}

/// All single points of these flows.
pub async fn single(ground: &Ground, flows: &[Flow]) -> Vec<Cell> {
    let found: Vec<(Flow, Vec<Point>)> = stream::iter(flows.to_vec())
        .map(|flow| async move { (flow, points(ground, flow).await) })
        .buffer_unordered(8)
        .collect()
        .await;
    let mut cells = Vec::new();
    for (flow, points) in found {
        for point in points {
            for moment in Moment::ALL {
                let (ground, point) = (ground.clone(), point.clone());
                let name = format!("{flow:?}: kill {moment:?} {} #{}", point.label, point.nth);
                cells.push(Cell::new("C1", name, move || async move {
                    kill_at(&ground, flow, &point, moment).await
                }));
            }
        }
    }
    cells
}

/// The cells of the campaign.
pub async fn cells(ground: Ground, _scale: Scale) -> Vec<Cell> {
    single(&ground, &Flow::ALL).await
}
