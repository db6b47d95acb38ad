//! Defects that the controller or the planner had, or could have: each perturbs one step of the model, and each must be
//! caught.

use std::time::Duration;

use wazzup_operator::{
    model::{CreateOutcome, Fault, NotSent, RemoteChannel, Status},
    plan::{Answer, Call, Intent, Note, Plan, Remote, Seen, Supply},
};

use crate::value::time;

/// A defect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bug {
    /// None: the controller as it is.
    None,
    /// A create is sent without its intent in the object.
    NoIntent,
    /// The intent is written whatever became of the object since it was read.
    UnconditionalIntent,
    /// What must be remembered of a call is not written before it.
    CallBeforeMemory,
    /// A list without a newcomer is believed at once.
    NoGrace,
    /// One list without a newcomer is enough.
    OneList,
    /// A channel that somebody scanned is taken for an unscanned one.
    ScannedAdopted,
    /// Creates that carry credentials run side by side.
    NoLane,
    /// The id that a create answers with is not stored.
    IdForgotten,
    /// A replica whose lease has run out goes on calling.
    NoFence,
    /// A replica that leads no more stores an id over what another one has done since.
    StaleRecord,
    /// A replica that leads no more writes its status over what another one remembers.
    StaleStatus,
    /// Open intents of other objects are not counted.
    OthersIgnored,
    /// Intents that this process has just written are counted only when the watch shows them.
    IntentsByWatchAlone,
    /// A channel that this process took for the object, and could not write down, stays hidden from the object's own search.
    OwnClaimHides,
    /// The answer to a create is recorded though another object has taken its channel in the meantime.
    TakenTwice,
    /// Channels of other objects count as nobody's.
    ClaimsIgnored,
    /// What a create without a clear answer may have made is not searched: it counts as not sent.
    UnclearIsNotSent,
    /// What was there before the create counts as new.
    NoBaseline,
    /// An intent forgets what other objects had at the time.
    ClaimedForgotten,
    /// Of what other objects had at the time an intent remembers what its list shows.
    ClaimedAsListed,
    /// A list that was kept counts as one of now.
    KeptListOfNow,
    /// An object with an open intent is released at once.
    ReleasedUnsearched,
    /// A deletion without a clear answer counts as done.
    UnclearDeleteIsDone,
    /// One look that lacks a channel is enough to make it again.
    LossAtFirstLook,
    /// An unclear create that found a newcomer, or was repeated, is never watched for a second one.
    NoTwins,
    /// That a reinit was sent and not answered is forgotten.
    ReinitAnswerLost,
    /// A two-factor password that has served is never used again.
    PasswordServesOnce,
    /// A channel that is found counts as made with the Secret of that moment.
    SecretOfToday,
    /// An answer that was given to one question is never taken for another.
    AnswerServesOnce,
    /// The question of a deletion never hears the answer that a question of the create had.
    DeletionDeaf,
    /// A channel that is gone takes the watch for its twin along.
    WatchGoesAlong,
    /// A create that follows an intent whose process ended at once leaves no hash of its Secret.
    HashLost,
}

impl Bug {
    /// Every defect.
    pub const ALL: [Self; 32] = [
        Self::NoIntent,
        Self::UnconditionalIntent,
        Self::CallBeforeMemory,
        Self::NoGrace,
        Self::OneList,
        Self::ScannedAdopted,
        Self::NoLane,
        Self::IdForgotten,
        Self::NoFence,
        Self::StaleRecord,
        Self::StaleStatus,
        Self::OthersIgnored,
        Self::IntentsByWatchAlone,
        Self::OwnClaimHides,
        Self::TakenTwice,
        Self::ClaimsIgnored,
        Self::UnclearIsNotSent,
        Self::NoBaseline,
        Self::ClaimedForgotten,
        Self::ClaimedAsListed,
        Self::KeptListOfNow,
        Self::ReleasedUnsearched,
        Self::UnclearDeleteIsDone,
        Self::LossAtFirstLook,
        Self::NoTwins,
        Self::ReinitAnswerLost,
        Self::PasswordServesOnce,
        Self::SecretOfToday,
        Self::AnswerServesOnce,
        Self::DeletionDeaf,
        Self::WatchGoesAlong,
        Self::HashLost,
    ];

    /// What the planner is made to see.
    pub(crate) fn blur(self, seen: &mut Seen) {
        match self {
            Self::NoGrace => {
                seen.timing.create_grace = Duration::ZERO;
                seen.timing.second_look = Duration::ZERO;
            }
            Self::OneList if seen.object.intent.is_some() => seen.memory.missing_since = Some(time(0)),
            Self::LossAtFirstLook if seen.channel_id().is_some() => {
                seen.memory.missing_since = Some(time(0));
                seen.timing.create_grace = Duration::ZERO;
                seen.timing.second_look = Duration::ZERO;
            }
            Self::ScannedAdopted => {
                if let Remote::Looked(look) = &mut seen.remote {
                    look.unclaimed.iter_mut().for_each(unscan);
                }
            }
            Self::OthersIgnored => {
                if let Remote::Looked(look) = &mut seen.remote {
                    look.other_intents.clear();
                }
            }
            Self::NoBaseline => {
                if let Some(intent) = &mut seen.object.intent {
                    *intent = Intent {
                        baseline: Vec::new(),
                        ..intent.clone()
                    };
                }
            }
            Self::ClaimedForgotten => {
                if let Remote::Looked(look) = &mut seen.remote {
                    look.claimed.clear();
                }
            }
            Self::KeptListOfNow => {
                if let Remote::Looked(look) = &mut seen.remote {
                    look.age = Duration::ZERO;
                }
            }
            Self::NoTwins if seen.channel_id().is_some() => seen.memory.repeated = None,
            Self::ReleasedUnsearched if seen.object.deleting => seen.object.intent = None,
            Self::ReinitAnswerLost => seen.memory.reinit_unanswered = None,
            Self::PasswordServesOnce if seen.memory.two_factor_hash.is_none() && seen.memory.reinits > 0 => {
                seen.memory.two_factor_hash = Some("k:p".to_owned());
            }
            Self::SecretOfToday if seen.object.intent.is_some() => {
                if let Supply::Present { hash } = &seen.credentials {
                    seen.memory.credentials_hash = Some(hash.clone());
                }
            }
            Self::AnswerServesOnce => {
                let asked = &mut seen.object.requests.resolve_create;
                *asked = asked.take().or_else(|| seen.memory.handled.resolve_create.clone());
            }
            _ => {}
        }
    }

    /// What is planned otherwise.
    pub(crate) fn misplan(self, seen: &Seen, plan: &mut Plan) {
        let (before, after) = (&seen.memory, &mut plan.memory);
        match self {
            Self::DeletionDeaf if seen.object.deleting && after.handled.resolve_create.is_none() => {
                (after.handled.resolve_create).clone_from(&before.handled.resolve_create);
            }
            Self::WatchGoesAlong if matches!(plan.note, Some(Note::ForgetId)) => {
                after.repeated = None;
                after.twins.clear();
            }
            Self::HashLost if matches!(plan.call, Some(Call::Create { .. })) && seen.object.intent.is_some() => {
                after.credentials_hash.clone_from(&before.credentials_hash);
            }
            _ => {}
        }
    }

    /// What the controller is made to hear.
    pub(crate) fn mishear(self, answer: Answer) -> Answer {
        match (self, answer) {
            (Self::UnclearIsNotSent, Answer::Create(CreateOutcome::Unknown(_))) => {
                Answer::Create(CreateOutcome::NotSent(Fault::NotSent {
                    kind: NotSent::Connect,
                    why: "lost".to_owned(),
                }))
            }
            (Self::UnclearDeleteIsDone, Answer::Delete(Err(Fault::Unclear { .. }))) => Answer::Delete(Ok(())),
            (_, answer) => answer,
        }
    }

    /// What is forgotten of a settled plan.
    pub(crate) fn misremember(self, plan: &mut Plan) {
        if self == Self::IdForgotten && matches!(plan.note, Some(Note::RecordId(_))) {
            plan.note = Some(Note::ClearIntent);
            plan.memory.channel_id = None;
        }
    }
}

fn unscan(channel: &mut RemoteChannel) {
    channel.status = Some(Status::Init);
    channel.phone = None;
}
