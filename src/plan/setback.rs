//! The pause after a call that failed: no call is made again at once, whatever wakes the pass.

use std::time::Duration;

use super::{Call, Memory, Note, Plan, Progress, Seen, Setback, SinkOrder, Verdict, Wake, create::remaining};
use crate::model::Fault;

const FIRST: Duration = Duration::from_secs(5);
const LONGEST: Duration = Duration::from_secs(300);
/// From here on the pause does not grow.
const MOST: u32 = 7;

fn pause(in_a_row: u32) -> Duration {
    (FIRST * (1 << in_a_row.clamp(1, MOST).saturating_sub(1))).min(LONGEST)
}

fn failed(seen: &Seen, what: &str) -> Setback {
    let before = seen.memory.setback.as_ref().map_or(0, |setback| setback.in_a_row);
    Setback {
        at: seen.now,
        in_a_row: before.saturating_add(1).min(MOST),
        words: format!("{what}; it is tried again after a pause"),
    }
}

/// What is remembered and said of a call that failed, and when it is tried again.
pub(super) fn after(seen: &Seen, memory: Memory, progress: Progress, fault: &Fault) -> Plan {
    let setback = failed(seen, &fault.to_string());
    let told = Verdict::Waiting(progress, setback.words.clone());
    let asked = match fault {
        Fault::Throttled { retry_after } => retry_after.unwrap_or_default(),
        Fault::Denied { .. }
        | Fault::Missing { .. }
        | Fault::Rejected { .. }
        | Fault::NotSent { .. }
        | Fault::Unclear { .. } => Duration::ZERO,
    };
    let again = pause(setback.in_a_row).max(asked);
    let memory = Memory {
        setback: Some(setback),
        ..memory
    };
    Plan::say(memory, told, Wake::LookAfter(again))
}

/// Holds a call back while the pause lasts; an edited manifest ends it. A pairing code and a deletion keep pauses of their
/// own.
///
/// A link leaves nothing else behind, so it is written down before it is asked for: a pass whose view is older fails there.
pub(super) fn hold(seen: &Seen, mut plan: Plan) -> Plan {
    let progress = match &plan.call {
        Some(Call::Create { .. }) => Progress::Creating,
        Some(Call::Reinit(_) | Call::OpenLink(_)) => Progress::BackingOff,
        Some(Call::SubmitTwoFactor(_)) => Progress::Connecting,
        Some(Call::RequestPairingCode(..) | Call::Delete { .. }) | None => return plan,
    };
    let edited = seen.object.generation != seen.object.observed_generation;
    let held = seen.memory.setback.as_ref().filter(|_| !edited).and_then(|setback| {
        let left = remaining(setback.at, pause(setback.in_a_row), seen.now);
        (!left.is_zero()).then_some((setback, left))
    });
    let Some((setback, left)) = held else {
        if matches!(plan.call, Some(Call::OpenLink(_))) {
            plan.memory.setback = Some(failed(seen, "no answer came about the login link"));
        }
        return plan;
    };
    let note = match plan.note {
        Some(note @ Note::RecordId(_)) => Some(note),
        Some(Note::OpenIntent(_) | Note::ClearIntent | Note::ForgetId | Note::RemoveFinalizer) | None => None,
    };
    Plan {
        note,
        memory: Memory {
            channel_id: seen.channel_id().cloned(),
            ..seen.memory.clone()
        },
        call: None,
        sink: SinkOrder::Keep,
        verdict: Verdict::Waiting(progress, setback.words.clone()),
        wake: Wake::After(left),
    }
}
