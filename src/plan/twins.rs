//! A newcomer that turns up after a create without a clear answer was repeated, or was taken to have made a channel that
//! was found: it may have come from that create. It is told and never deleted by itself.

use jiff::Timestamp;

use super::{Intent, Look, Plan, Remote, Seen, create::remaining};
use crate::model::{ChannelId, RemoteChannel};

/// For how long after an unclear create newcomers are suspected.
const SUSPICION: std::time::Duration = std::time::Duration::from_secs(24 * 3_600);
/// How many ids [`Repeated::known`] holds.
pub(super) const KNOWN: usize = 320;
/// How many twins are kept.
const KEPT: usize = 50;

/// A create had no clear answer: it was repeated, a channel was found, or a person was asked. Or a channel was made again since
/// lists did not show it any more.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Repeated {
    /// When.
    pub at: Timestamp,
    /// What was there before the first of them, and what a person was asked about since: none of these is a twin.
    pub known: Vec<ChannelId>,
}

impl Repeated {
    /// With these channels that are no twins.
    pub(super) fn of(known: Vec<ChannelId>, at: Timestamp) -> Self {
        Self { at, known }.and_known(None)
    }

    /// Without one channel, which may turn out to be a twin.
    pub(super) fn but(mut self, id: Option<&ChannelId>) -> Self {
        self.known.retain(|known| Some(known) != id);
        self
    }

    /// With one more channel that is no twin.
    pub(super) fn and_known(mut self, id: Option<&ChannelId>) -> Self {
        self.known.extend(id.cloned());
        self.known.sort();
        self.known.dedup();
        self.known.truncate(KNOWN);
        self
    }
}

/// Whether newcomers of the account still matter to an object.
pub fn watches(repeated: Option<&Repeated>, now: Timestamp) -> bool {
    repeated.is_some_and(|repeated| !suspected_for(repeated, now).is_zero())
}

/// For how long newcomers are suspected still.
pub(super) fn suspected_for(repeated: &Repeated, now: Timestamp) -> std::time::Duration {
    remaining(repeated.at, SUSPICION, now)
}

/// Whether an unclear create of this intent is remembered already, with these channels.
pub(super) fn told(seen: &Seen, intent: &Intent, channels: &[&RemoteChannel]) -> bool {
    let kept = seen.memory.repeated.as_ref().filter(|kept| kept.at >= intent.at);
    kept.is_some_and(|kept| kept.known == repeated(seen, intent, channels).known)
}

/// Whether a person was asked about this channel while this intent is open.
pub(super) fn asked(seen: &Seen, intent: &Intent, id: &ChannelId) -> bool {
    let kept = seen.memory.repeated.as_ref().filter(|kept| kept.at >= intent.at);
    kept.is_some_and(|kept| kept.known.contains(id)) && !intent.baseline.contains(id)
}

/// What is remembered of a create without a clear answer; a person is told of these channels.
pub(super) fn repeated(seen: &Seen, intent: &Intent, told: &[&RemoteChannel]) -> Repeated {
    let earlier = seen.memory.repeated.as_ref();
    let mut known: Vec<ChannelId> = earlier.map_or_else(|| intent.baseline.clone(), |earlier| earlier.known.clone());
    known.extend(told.iter().map(|channel| channel.id.clone()));
    known.sort();
    known.dedup();
    known.truncate(KNOWN);
    // Of an intent that a clock has set ahead it is remembered too.
    let at = seen.now.max(intent.at);
    Repeated { at, known }
}

/// Channels that may have come from a create without a clear answer, as far as nobody was told of them.
pub(super) fn suspects<'a>(seen: &Seen, look: &'a Look) -> Vec<&'a RemoteChannel> {
    let kept = seen
        .memory
        .repeated
        .as_ref()
        .filter(|kept| watches(Some(kept), seen.now));
    let Some(kept) = kept else { return Vec::new() };
    let untold = |id: &ChannelId| !kept.known.contains(id) && !seen.memory.twins.contains(id);
    let mut suspects: Vec<&RemoteChannel> = look.unclaimed.iter().filter(|channel| untold(&channel.id)).collect();
    suspects.sort_by(|one, other| one.id.cmp(&other.id));
    suspects
}

/// Adds to a plan the twins that this look shows for the first time.
pub(super) fn suspect(seen: &Seen, plan: &mut Plan) {
    let (Some(repeated), Some(own), Remote::Looked(look)) = (&seen.memory.repeated, seen.channel_id(), &seen.remote)
    else {
        return;
    };
    let stranger = |look: &Look| !look.other_intents.is_empty();
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
