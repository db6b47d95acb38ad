//! Calm weather: no more faults, every message arrives, time passes, people do what they are asked for. From every state it
//! must lead to rest within a bounded number of rounds.

use wazzup_operator::model::Login;

use crate::{
    quick::{Set, print},
    state::{Budget, CHANNELS, NONE, OBJECTS, Phase, REPLICAS, STRANGER, Shown, State},
    value::{GRACE, Told, Value, bit},
    world::{Action, Listing, Sending, World},
};

/// Steps within which rest must be reached.
const STEPS: usize = 400;

/// States from which rest is known to be reached.
#[derive(Default)]
pub(crate) struct Good(Set<u64>);

impl World {
    /// Whether calm weather leads to rest.
    pub(crate) fn calms(&self, state: &State, good: &mut Good) -> Result<(), String> {
        let mut now = State {
            left: Budget::default(),
            ..state.clone()
        };
        let (mut turn, mut path, mut rest) = (0, Vec::new(), None);
        loop {
            let here = print(&now).wrapping_add(u64::try_from(turn).unwrap_or(0));
            if rest.is_none() && good.0.contains(&here) {
                break;
            }
            path.push(here);
            match &rest {
                None if turn == 0 && self.rests(&now) => rest = Some(now.clone()),
                Some(State {
                    clock,
                    objects,
                    channels,
                    ..
                }) if turn == 0 && now.clock > *clock => {
                    if (objects, channels) == (&now.objects, &now.channels) {
                        break;
                    }
                    rest = self.rests(&now).then(|| now.clone());
                }
                Some(_) | None => {}
            }
            if path.len() > STEPS {
                return Err(format!("in calm weather: no rest is reached: {}", self.portrait(&now)));
            }
            now = self.goes_on(now, &mut turn)?;
        }
        good.0.extend(path);
        Ok(())
    }

    /// What happens next in calm weather: what was begun ends, then each object in `turn` has a pass, then time passes.
    fn goes_on(&self, state: State, turn: &mut usize) -> Result<State, String> {
        if let Some(next) = Self::next(&state) {
            return self.apply(&state, next);
        }
        if let Some(post) = state.posts.iter().position(|post| post.open) {
            let in_time = state.clock < state.posts[post].at + GRACE && usize::from(state.made) < CHANNELS;
            let next = if in_time {
                Action::Commit(post, false)
            } else {
                Action::Lose(post)
            };
            return self.apply(&state, next);
        }
        let Some(leader) = state.replicas.iter().position(|it| it.leads) else {
            return self.apply(&state, Action::Lead(0));
        };
        if let Some(object) = (0..OBJECTS).find(|object| Self::unseen(&state, leader, *object)) {
            return self.apply(&state, Action::Watch(leader, object));
        }
        if *turn < OBJECTS {
            let object = *turn;
            *turn += 1;
            if state.exists(object) {
                return self.apply(&state, Action::Look(leader, object, Listing::New));
            }
            return Ok(state);
        }
        if let Some(next) = self.people(&state) {
            let mut now = state;
            now.left.deletes = u8::from(matches!(next, Action::Delete(_)));
            now.left.rotations = u8::from(next == Action::Rotate);
            return self.apply(&now, next);
        }
        *turn = 0;
        let mut now = state;
        now.passes();
        Ok(now)
    }

    /// One working channel for each object that lives, nothing for one that was deleted, and nothing lost.
    pub(crate) fn rests(&self, state: &State) -> bool {
        let at_rest = |object: usize| {
            if !state.exists(object) {
                return true;
            }
            let value = self.pool.facts(state.objects[object]);
            let Some(channel) = state.channels.get(usize::from(value.channel())) else {
                return false;
            };
            let by_secret = matches!(self.scenario.transport.login(), Login::Secret { .. });
            // With which Secret another one's channel was made, which was taken for its own, nobody can tell. One that changes
            // later reaches it, unless no create was remembered: then there was no Secret that could have changed.
            let own = usize::from(channel.maker) == object;
            let alike =
                !own && channel.granted & bit(object) != 0 && [state.secret, NONE].contains(&channel.taken_with);
            let connected = channel.shown == Shown::Active && (!by_secret || alike || channel.secret == state.secret);
            !value.deleting && value.finalizer && !value.waits && value.told == Told::Connected && connected
        };
        let idle = state
            .replicas
            .iter()
            .all(|it| it.passes.iter().all(|pass| pass.phase == Phase::Idle));
        idle && (0..OBJECTS).all(at_rest) && self.orphans(state) == 0 && state.posts.iter().all(|post| !post.open)
    }

    fn next(state: &State) -> Option<Action> {
        let all = (0..REPLICAS).flat_map(|replica| (0..OBJECTS).map(move |object| (replica, object)));
        let mut steps = all.filter_map(|(replica, object)| {
            let it = &state.replicas[replica];
            match it.passes[object].phase {
                Phase::Idle => None,
                Phase::Lane => (it.lane == NONE).then_some(Action::Look(replica, object, Listing::New)),
                Phase::Again => Some(Action::Look(replica, object, Listing::New)),
                Phase::Planned | Phase::Noted | Phase::Settled | Phase::Telling => Some(Action::Write(replica, object)),
                Phase::Remembered => Some(Action::Call(replica, object, Sending::Arrives)),
                Phase::Waiting => {
                    let post = Self::post_of(state, replica, object)?;
                    let it = &state.posts[post];
                    Some(if it.made != NONE {
                        Action::Answer(replica, object)
                    } else if usize::from(state.made) < CHANNELS && state.clock < it.at + GRACE {
                        Action::Commit(post, false)
                    } else {
                        Action::GiveUp(replica, object)
                    })
                }
            }
        });
        steps.next()
    }

    /// What people do when they are asked, or have a phone at hand.
    fn people(&self, state: &State) -> Option<Action> {
        for object in (0..OBJECTS).filter(|object| state.exists(*object)) {
            let value = self.pool.value(state.objects[object]);
            match value.told {
                Told::Choose(candidates) if !self.answered(state, &value) => {
                    return Some(Action::Choose(object, self.chosen(state, object, candidates)));
                }
                Told::Gone if value.requests.recreate == value.memory.handled.recreate => {
                    return Some(Action::Recreate(object));
                }
                Told::Person("FixCredentials") if state.secret <= self.scenario.last_secret() => {
                    return Some(Action::Rotate);
                }
                Told::Person("RequestNewQr" | "EnterPassword")
                    if value.requests.reinit == value.memory.handled.reinit =>
                {
                    return Some(Action::Reinit(object));
                }
                // Its message says so.
                Told::HeldByAnother if !value.deleting && state.late_record => return Some(Action::Delete(object)),
                Told::Choose(_)
                | Told::Gone
                | Told::Nothing
                | Told::Connected
                | Told::HeldByAnother
                | Told::Person(_) => {}
            }
        }
        let shown = |channel: &usize| {
            state.channels[*channel].shown == Shown::Init && self.referenced(state, *channel).is_some()
        };
        (0..CHANNELS).find(shown).map(Action::LogIn)
    }

    /// Whether a question has an answer that was not acted upon and still makes sense.
    fn answered(&self, state: &State, value: &Value) -> bool {
        let answer = &value.requests.resolve_create;
        let open = |channel: usize| {
            let there = state.channels.get(channel).is_none_or(|it| it.shown != Shown::Absent);
            there && self.referenced(state, channel).is_none()
        };
        if answer.is_none() {
            // One that was just taken away.
            return value.memory.handled.resolve_create.is_some();
        }
        *answer != value.memory.handled.resolve_create
            && (0..=CHANNELS).any(|one| answer.as_ref() == Some(&Self::answer_word(one)) && open(one))
    }

    /// The candidate that a person who knows would take.
    fn chosen(&self, state: &State, object: usize, candidates: u8) -> usize {
        let free = |channel: &usize| {
            candidates & bit(*channel) != 0
                && state.channels[*channel].shown != Shown::Absent
                && self.referenced(state, *channel).is_none()
        };
        let own = |channel: &usize| usize::from(state.channels[*channel].maker) == object;
        let by_qr = self.scenario.transport.login() == Login::Qr;
        let alike = |channel: &usize| by_qr && state.channels[*channel].maker != STRANGER;
        let mut all = (0..CHANNELS).filter(free);
        let first = all.clone().find(own);
        first.or_else(|| all.find(alike)).unwrap_or(CHANNELS)
    }

    /// The objects and channels in a line.
    pub(crate) fn portrait(&self, state: &State) -> String {
        let objects = (0..OBJECTS).filter(|object| state.exists(*object)).map(|object| {
            let value = self.pool.facts(state.objects[object]);
            format!(
                "object {object}: channel {}, intent {}, {:?}{}",
                value.channel(),
                value.intent,
                value.told,
                if value.deleting { ", deleting" } else { "" }
            )
        });
        let channels = (0..CHANNELS)
            .filter(|channel| state.channels[*channel].shown != Shown::Absent)
            .map(|channel| {
                let it = &state.channels[channel];
                format!(
                    "channel {channel}: {:?}, made by {}{}",
                    it.shown,
                    it.maker,
                    if it.told { ", told" } else { "" }
                )
            });
        objects.chain(channels).collect::<Vec<_>>().join("; ")
    }
}
