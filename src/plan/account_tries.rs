//! The pause between two requests about a subscription: none is made again at once, whatever wakes the pass, and what came
//! of the last one is told.

use std::time::Duration;

use super::account::{AccountCall, AccountPlan, AccountSeen};
use crate::model::Fault;

const FIRST: Duration = Duration::from_secs(5);
const LONGEST: Duration = Duration::from_secs(300);

/// Requests since the subscription was last seen as it is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tried {
    /// Whether the last one was to subscribe.
    pub subscribing: bool,
    /// How many.
    pub in_a_row: u32,
    /// How long ago the last one was.
    pub ago: Duration,
    /// Why it failed; `None` when Wazzup took it.
    pub fault: Option<Fault>,
}

impl Tried {
    fn left(&self) -> Duration {
        let pause = FIRST * (1 << self.in_a_row.saturating_sub(1).min(6));
        pause.min(LONGEST).saturating_sub(self.ago)
    }

    fn words(&self) -> String {
        match &self.fault {
            Some(fault) => format!("Wazzup did not change the subscription: {fault}; it is asked again after a pause"),
            None => "Wazzup took the change of the subscription and does not show it; it is asked again after a pause"
                .to_owned(),
        }
    }
}

/// Makes a plan ask, or wait where it was asked before; what is to be told of that. A change that has shown its effect is
/// followed by the next one at once.
pub(super) fn ask(seen: &AccountSeen, plan: &mut AccountPlan, call: AccountCall, effective: bool) -> Option<String> {
    let tried = seen.tried.as_ref().filter(|_| !effective);
    let left = tried.map_or(Duration::ZERO, Tried::left);
    plan.again = Some(left);
    plan.unsettled = true;
    if left.is_zero() {
        plan.call = Some(call);
    }
    tried.map(Tried::words)
}
