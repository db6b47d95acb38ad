//! C3k: the API server answers wrongly, late, half or not at all, at every Kubernetes call of the flows. The flow ends where
//! it should, no call is held for long, nothing is hammered, and no second channel is made.

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use futures::{StreamExt, stream};

use super::{Scale, sample};
use crate::{
    Cell, Fault, Flow, Ground, Life, Outcome, Rule, Setting, Side, flow, oracle,
    proxy::{Reply, WatchFault, label},
};

/// How long a stalled call would be held if nobody gave up.
const STALL: Duration = Duration::from_secs(60);
/// Below what a cell may take, above several graces in a row.
const PATIENCE: Duration = Duration::from_secs(900);

/// A Kubernetes call of a flow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Site {
    flow: Flow,
    label: String,
    nth: usize,
    /// Whether no flow before makes this call.
    first: bool,
}

/// What the API server does wrong.
#[derive(Debug, Clone, Copy)]
struct Harm {
    name: &'static str,
    times: usize,
    /// Whether it is played at a write in each flow that makes it, not only in the first.
    everywhere: bool,
    fault: fn(watch: bool) -> Option<Fault>,
}

const fn once(name: &'static str, fault: fn(bool) -> Option<Fault>) -> Harm {
    Harm {
        name,
        times: 1,
        everywhere: false,
        fault,
    }
}

const fn lasting(name: &'static str, fault: fn(bool) -> Option<Fault>) -> Harm {
    Harm {
        name,
        times: 5,
        everywhere: false,
        fault,
    }
}

impl Harm {
    const fn everywhere(self) -> Self {
        Self {
            everywhere: true,
            ..self
        }
    }
}

/// What the API server says when it refuses: a whole `Status`.
fn refusal(code: u16, reason: &str) -> Reply {
    let status = serde_json::json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "reason": reason, "code": code,
        "message": format!("{reason}, as an API server says it"), "details": {"retryAfterSeconds": 1},
    });
    Reply::json(code, &status.to_string())
}

fn answer(code: u16, reason: &str) -> Fault {
    Fault::Answer(refusal(code, reason))
}

fn throttled(after: &str) -> Fault {
    Fault::Answer(refusal(429, "TooManyRequests").with("retry-after", after))
}

/// The faults; GOAWAY is one of HTTP/2 alone, which the operator does not speak: no crate of it is linked.
const HARMS: &[Harm] = &[
    once("401", |_| Some(answer(401, "Unauthorized"))),
    once("403", |_| Some(answer(403, "Forbidden"))),
    once("404", |_| Some(answer(404, "NotFound"))),
    once("409 conflict", |_| Some(answer(409, "Conflict"))).everywhere(),
    once("409 exists", |_| Some(answer(409, "AlreadyExists"))),
    lasting("409 conflict, five times", |_| Some(answer(409, "Conflict"))),
    once("410", |_| Some(answer(410, "Expired"))),
    once("413", |_| Some(answer(413, "RequestEntityTooLarge"))),
    once("422", |_| Some(answer(422, "Invalid"))),
    once("429", |_| Some(answer(429, "TooManyRequests"))),
    once("429, Retry-After 1", |_| Some(throttled("1"))),
    once("429, Retry-After a year", |_| Some(throttled("31536000"))),
    lasting("429, five times", |_| Some(throttled("1"))),
    once("500", |_| Some(answer(500, "InternalError"))),
    lasting("500, five times", |_| Some(answer(500, "InternalError"))).everywhere(),
    once("503", |_| Some(answer(503, "ServiceUnavailable"))),
    lasting("503, five times", |_| Some(answer(503, "ServiceUnavailable"))),
    once("504, but applied", |watch| {
        let said = refusal(504, "Timeout");
        // The body of a watch has no end that could be waited for.
        Some(if watch {
            Fault::Answer(said)
        } else {
            Fault::AnswerAfter(said)
        })
    })
    .everywhere(),
    once("reset before it arrives", |_| Some(Fault::ResetBefore)).everywhere(),
    once("reset after it was applied", |watch| {
        Some(if watch {
            Fault::Watch(WatchFault::CloseAfter(Duration::ZERO))
        } else {
            Fault::ResetAfter
        })
    })
    .everywhere(),
    once("an answer that breaks off", |watch| {
        Some(if watch {
            Fault::Watch(WatchFault::Tear)
        } else {
            Fault::Truncate
        })
    }),
    once("a page of HTML", |_| {
        Some(Fault::Answer(Reply {
            status: 200,
            headers: vec![("content-type".to_owned(), "text/html".to_owned())],
            body: b"<html>Sign in to the network</html>".to_vec(),
        }))
    }),
    once("60 s without an answer", |_| Some(Fault::Stall(STALL))),
    once("applied, and 60 s without an answer", |_| {
        Some(Fault::StallAnswer(STALL))
    })
    .everywhere(),
    once("a watch that is half open", |watch| {
        watch.then_some(Fault::Watch(WatchFault::Hang))
    }),
];

fn setting(flow: Flow) -> Setting {
    Setting {
        leader_elect: true,
        ..flow.setting()
    }
}

/// Every Kubernetes call of these flows, each in the first flow that makes it, and each write in every flow that makes it; the
/// writes that a create hangs on also where they come for the second time.
pub async fn sites(ground: &Ground, flows: &[Flow]) -> Vec<Site> {
    let mut calm: Vec<(Flow, Vec<String>)> = stream::iter(flows.to_vec())
        .map(|flow| async move {
            let life = Life::begin(ground, "calm", setting(flow)).await;
            let wire = life.wire.clone();
            flow::play(&life, flow, || wire.forget()).await;
            let messages = life.wire.messages().into_iter();
            let labels = messages.filter(|message| message.side == Side::Kubernetes);
            (flow, labels.map(|message| message.label).collect())
        })
        .buffer_unordered(8)
        .collect()
        .await;
    calm.sort_by_key(|(flow, _)| *flow);
    let mut sites: Vec<Site> = Vec::new();
    for (flow, labels) in calm {
        for label in &labels {
            let times = labels.iter().filter(|one| *one == label).count();
            let most = if label.starts_with("PATCH wazzupchannels") {
                2
            } else {
                1
            };
            for nth in 1..=times.min(most) {
                let same = |site: &&Site| site.label == *label && site.nth == nth;
                let first = !sites.iter().any(|site| same(&site));
                let here = sites.iter().any(|site| same(&site) && site.flow == flow);
                if first || (!here && label::is_step(Side::Kubernetes, label)) {
                    let label = label.clone();
                    sites.push(Site {
                        flow,
                        label,
                        nth,
                        first,
                    });
                }
            }
        }
    }
    sites
}

async fn run(ground: Ground, site: Site, harm: Harm, fault: Fault) -> Outcome {
    let life = Life::begin(&ground, "api", setting(site.flow)).await;
    let wire = life.wire.clone();
    let of_events = matches!(&fault, Fault::Watch(WatchFault::Tear | WatchFault::Hang));
    let rule = Rule::once(Side::Kubernetes, &site.label, fault)
        .nth(site.nth)
        .times(harm.times);
    let before = AtomicUsize::new(0);
    let arm = || {
        before.store(wire.struck(), Ordering::Relaxed);
        wire.rule(rule);
    };
    flow::play(&life, site.flow, arm).await;
    // A flow may begin with a fault of its own.
    let mut struck = life.wire.struck() - before.load(Ordering::Relaxed);
    // What harms the events of a watch has harmed nothing where there was none.
    if of_events {
        struck = life.wire.events_harmed();
    }
    life.wire.calm();
    oracle::assert_calls_end(&life);
    oracle::assert_nothing_hammered(&life);
    oracle::assert_intent_before_create(&life, 1);
    // One is made again on request, after the one that was made and lost.
    let most = if site.flow == Flow::Recreate { 2 } else { 1 };
    assert!(oracle::creates(&life) <= most, "a create too many");
    if flow::judged_by_rest(site.flow) {
        oracle::assert_deleted_only(&life, &[]);
    }
    oracle::assert_status_is_true(&life).await;
    oracle::assert_sound(&life);
    if struck > 0 {
        Outcome::Passed
    } else {
        Outcome::Skipped("the flow was over before this call came".to_owned())
    }
}

/// The cells of the campaign.
pub async fn cells(ground: Ground, scale: Scale, seed: u64) -> Vec<Cell> {
    let full = [
        &Flow::ALL[..],
        &Flow::FAREWELLS,
        &[Flow::QrIdle, Flow::Unresolved, Flow::Recreate],
    ]
    .concat();
    let flows: &[Flow] = match scale {
        Scale::Test => &[Flow::CreateBot, Flow::LogInByQr, Flow::Delete],
        Scale::Full => &full,
    };
    let mut cells = Vec::new();
    for site in sites(&ground, flows).await {
        for harm in HARMS.iter().filter(|harm| site.first || harm.everywhere) {
            let Some(fault) = (harm.fault)(site.label.starts_with("WATCH ")) else {
                continue;
            };
            let (ground, site, harm) = (ground.clone(), site.clone(), *harm);
            let name = format!("{:?}: {} at {} #{}", site.flow, harm.name, site.label, site.nth);
            let cell = Cell::new("C3k", name, move || run(ground, site, harm, fault));
            cells.push(cell.within(PATIENCE));
        }
    }
    match scale {
        Scale::Test => sample(cells, seed, 12),
        Scale::Full => cells,
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn no_http_2_is_linked_so_that_nobody_can_be_sent_away_by_it() {
        let lock = std::fs::read_to_string(format!("{}/Cargo.lock", crate::ground::ROOT)).unwrap();
        assert!(lock.contains("name = \"hyper\"") && !lock.contains("name = \"h2\""));
    }
}
