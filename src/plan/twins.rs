//! A newcomer that turns up after a create was repeated: it may have come from the first one. It is told and never
//! deleted by itself.

use jiff::Timestamp;

use super::{Intent, Look, Plan, Remote, Seen, create::remaining};
use crate::model::ChannelId;

/// How long after a repeated create newcomers are suspected.
const SUSPICION: std::time::Duration = std::time::Duration::from_secs(24 * 3_600);
/// How many ids are kept.
const KEPT: usize = 50;

/// A create was repeated after one without a clear answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repeated {
    /// When.
    pub at: Timestamp,
    /// What nobody claimed before the first of them, and what a person has ruled on since: none of these is a twin.
    pub known: Vec<ChannelId>,
}

/// Whether newcomers of the account still matter to an object.
pub fn watches(repeated: Option<&Repeated>, now: Timestamp) -> bool {
    repeated.is_some_and(|repeated| !remaining(repeated.at, SUSPICION, now).is_zero())
}

/// What is remembered when a create is repeated.
pub(super) fn repeated(seen: &Seen, intent: &Intent, ruled_on: &[&crate::model::RemoteChannel]) -> Repeated {
    let earlier = seen.memory.repeated.as_ref();
    let mut known: Vec<ChannelId> = earlier.map_or_else(|| intent.baseline.clone(), |earlier| earlier.known.clone());
    known.extend(ruled_on.iter().map(|channel| channel.id.clone()));
    known.sort();
    known.dedup();
    known.truncate(KEPT);
    Repeated { at: seen.now, known }
}

/// Adds to a plan the twins that this look shows for the first time.
pub(super) fn suspect(seen: &Seen, plan: &mut Plan) {
    let (Some(repeated), Some(own), Remote::Looked(look)) = (&seen.memory.repeated, seen.channel_id(), &seen.remote)
    else {
        return;
    };
    let stranger = |look: &Look| look.other_intents > 0;
    if !watches(Some(repeated), seen.now) || stranger(look) {
        return;
    }
    let twins = look.unclaimed.iter().map(|channel| &channel.id);
    let new: Vec<ChannelId> = twins
        .filter(|id| *id != own && !repeated.known.contains(id) && !seen.memory.twins.contains(id))
        .take(KEPT.saturating_sub(seen.memory.twins.len()))
        .cloned()
        .collect();
    plan.memory.twins.extend(new);
}
