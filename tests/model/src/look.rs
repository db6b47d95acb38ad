//! A pass observes: its watch cache, its table of claims (`claims.rs` of the controller), its list, and the planner's word.

use wazzup_operator::plan::{Call, Known, Note};

use crate::{
    bugs::Bug,
    facts::{Facts, Remembered},
    sight::{ById, Key, Sight},
    state::{CHANNELS, Claimed, Copy, Kept, NONE, NOTHING, OBJECTS, Pass, Phase, Replica, Shown, State},
    value::{GRACE, bit},
    world::{Listing, World, claimed, listed},
};

impl World {
    pub(crate) fn lead(&self, state: &mut State, replica: usize) {
        state.replicas[replica] = Replica {
            leads: true,
            ..Replica::DOWN
        };
        for object in 0..OBJECTS {
            self.watch(state, replica, object);
        }
    }

    pub(crate) fn watch(&self, state: &mut State, replica: usize, object: usize) {
        let value = state.objects[object];
        let it = &mut state.replicas[replica];
        if value == NOTHING {
            it.cache[object] = Copy::NONE;
            it.claims[object] = Claimed::NONE;
            return;
        }
        it.cache[object] = Copy { value, fresh: true };
        let before = it.claims[object];
        let mut entry = claimed(self.pool.facts(value));
        if entry.id == NONE && before.local {
            entry.id = before.id;
            entry.local = true;
        }
        if entry.id == NONE && !entry.intent && before.local_intent {
            entry.intent = true;
            entry.baseline = before.baseline;
            entry.local_intent = true;
        }
        it.claims[object] = entry;
    }

    /// Whether this process may show a version of the object that the watch has not shown yet.
    pub(crate) fn unseen(state: &State, replica: usize, object: usize) -> bool {
        let cache = state.replicas[replica].cache[object];
        let value = state.objects[object];
        if value == NOTHING {
            cache != Copy::NONE
        } else {
            !cache.fresh
        }
    }

    fn held(&self, state: &State, replica: usize, own: Option<usize>, object: usize) -> bool {
        let claims = &state.replicas[replica].claims;
        let Some(own) = own else { return false };
        let holder = (0..OBJECTS)
            .filter(|one| usize::from(claims[*one].id) == own)
            .min_by_key(|one| (!(claims[*one].in_status || claims[*one].local), *one));
        holder.is_some_and(|holder| holder != object) && self.bug != Bug::ClaimsIgnored
    }

    /// The id that a pass which looks now goes by, and what it remembers.
    fn own(&self, copy: Copy, carried: u32) -> (Option<usize>, Remembered) {
        let facts = self.pool.facts(copy.value);
        let memory = if carried == NOTHING {
            facts.memory
        } else {
            self.pool.plan(carried).memory
        };
        let own = if memory.channel == NONE {
            facts.annotation
        } else {
            memory.channel
        };
        ((own != NONE).then_some(usize::from(own)), memory)
    }

    /// What a pass knows before it asks.
    fn known(&self, own: Option<usize>, memory: Remembered, facts: Facts, held: bool) -> Known {
        Known {
            held,
            deleting: facts.deleting,
            finalizer: facts.finalizer,
            has_channel: own.is_some(),
            intent: facts.intent,
            watches: memory.watches,
            refused: memory.refusal,
            missing: memory.missing,
            transport: Some(self.scenario.transport),
        }
    }

    /// Whether a pass asks the service at all.
    pub(crate) fn looks(&self, state: &State, replica: usize, object: usize) -> bool {
        let copy = Self::copy_for_look(state, replica, object);
        let (own, memory) = self.own(copy, state.replicas[replica].passes[object].carried);
        let held = self.held(state, replica, own, object);
        self.known(own, memory, self.pool.facts(copy.value), held).needs_list()
    }

    pub(crate) fn look(
        &self,
        state: &mut State,
        replica: usize,
        object: usize,
        listing: Listing,
    ) -> Result<(), String> {
        match listing {
            Listing::Kept | Listing::Lagging => state.left.lags -= 1,
            Listing::Empty => state.left.lies -= 1,
            Listing::Failed | Listing::NoLookById => state.left.fails -= 1,
            Listing::New => {}
        }
        let copy = Self::copy_for_look(state, replica, object);
        let was = state.replicas[replica].passes[object];
        let (own, memory) = self.own(copy, was.carried);
        let facts = self.pool.facts(copy.value);
        let held = self.held(state, replica, own, object);
        let known = self.known(own, memory, facts, held);
        let sight = if known.needs_list() {
            let list = listed(state, replica, listing, own);
            if listing != Listing::Kept {
                state.replicas[replica].desk = list;
                state.replicas[replica].due = [false; OBJECTS];
            }
            match list {
                Some(kept) => self.sight(state, replica, object, kept, listing, own, known),
                None => Sight::Hidden,
            }
        } else {
            Sight::NotAsked
        };
        let ghost = &mut state.ghosts[object];
        let proves = |age| facts.intent && state.clock - age >= facts.intent_at + GRACE;
        if let Sight::List { age, .. } = sight
            && own.is_none()
            && proves(age)
        {
            let at = state.clock - age;
            if ghost.looks == 0 || at > ghost.listed {
                (ghost.looks, ghost.listed) = ((ghost.looks + 1).min(2), at);
            }
        }
        let key = Key {
            object: u8::try_from(object).unwrap_or(0),
            value: copy.value,
            carried: was.carried,
            clock: state.clock,
            secret: state.secret,
            held,
            sight,
        };
        let plan = self.pool.planned(&key, self.scenario.transport, self.bug);
        let planned = self.pool.plan(plan);
        if let Some(law) = planned.broken {
            return Err(format!("a plan breaks a law: {law}"));
        }
        let mut pass = Pass {
            phase: Phase::Planned,
            copy,
            plan,
            carried: NOTHING,
            called: false,
            others_had: 0,
        };
        if self.scenario.budget.leaves > 0 && matches!(planned.plan.note, Some(Note::OpenIntent(_))) {
            let others = (0..OBJECTS).filter(|other| *other != object && state.exists(*other));
            let had = others.map(|other| usize::from(self.pool.facts(state.objects[other]).channel()));
            pass.others_had = had
                .filter(|channel| *channel < CHANNELS)
                .fold(0, |mask, channel| mask | bit(channel));
        }
        let lane = &mut state.replicas[replica].lane;
        if was.phase != Phase::Lane
            && matches!(planned.plan.call, Some(Call::Create { alone: true }))
            && self.bug != Bug::NoLane
        {
            if *lane == NONE {
                *lane = key.object;
            } else {
                pass.phase = Phase::Lane;
                pass.plan = NOTHING;
                pass.carried = was.carried;
            }
        } else if was.phase == Phase::Lane {
            *lane = key.object;
        }
        state.replicas[replica].passes[object] = pass;
        // A pass that changes nothing has no step of its own.
        if planned.plan.call.is_none() && planned.plan.note.is_none() && pass.phase == Phase::Planned {
            self.acted(state, replica, object);
            if self.pool.said(copy.value, plan) == copy.value {
                self.tell(state, replica, object);
            }
        }
        Ok(())
    }

    #[allow(clippy::too_many_arguments, reason = "each is a part of one look")]
    fn sight(
        &self,
        state: &State,
        replica: usize,
        object: usize,
        kept: Kept,
        listing: Listing,
        own: Option<usize>,
        known: Known,
    ) -> Sight {
        let list = kept.list;
        let claims = &state.replicas[replica].claims;
        let by_id = match own {
            Some(_) if listing == Listing::NoLookById => ById::Hidden,
            // What a service does not show for a moment it does not know by id either.
            Some(_) if listing == Listing::Empty => ById::Told(Shown::Absent),
            Some(own) if list[own] == Shown::Absent => ById::Told(state.channels[own].shown),
            Some(_) | None => ById::NotAsked,
        };
        let all = (0..CHANNELS).filter(|channel| list[*channel] != Shown::Absent);
        let nobodys = |channel: &usize| {
            let claimed = |one: usize| usize::from(claims[one].id) == *channel;
            let mut others = (0..OBJECTS).filter(|one| *one != object || self.bug == Bug::OwnClaimHides);
            self.bug == Bug::ClaimsIgnored || !others.any(claimed)
        };
        let unclaimed = if known.needs_unclaimed() {
            all.filter(nobodys).fold(0, |mask, channel| mask | bit(channel))
        } else {
            0
        };
        let claimed = if known.needs_claimed() {
            let told = |channel: &usize| self.bug != Bug::ClaimedAsListed || list[*channel] != Shown::Absent;
            let others = (0..CHANNELS).filter(|channel| !nobodys(channel) && told(channel));
            others.fold(0, |mask, channel| mask | bit(channel))
        } else {
            0
        };
        let mut open = (0..OBJECTS).filter(|one| *one != object && claims[*one].intent);
        let others = open.next().filter(|_| known.needs_other_intents());
        Sight::List {
            age: state.clock - kept.at,
            list,
            by_id,
            unclaimed,
            claimed,
            others: others.map(|one| claims[one].baseline),
        }
    }

    /// `claims::take_found`.
    pub(crate) fn take_found(&self, state: &mut State, replica: usize, object: usize, channel: usize) -> bool {
        let shown = state.replicas[replica].claims[object];
        let outgrown = shown.id != NONE && !shown.local && usize::from(shown.id) != channel;
        !outgrown && self.take(state, replica, object, channel)
    }

    /// `claims::take`.
    pub(crate) fn take(&self, state: &mut State, replica: usize, object: usize, channel: usize) -> bool {
        let copy = state.replicas[replica].passes[object].copy;
        let claims = &mut state.replicas[replica].claims;
        let mut others = (0..OBJECTS).filter(|one| *one != object);
        let known = usize::from(claims[object].id) == channel;
        let taken = others.any(|one| usize::from(claims[one].id) == channel);
        if !known && taken && self.bug != Bug::ClaimsIgnored && self.bug != Bug::TakenTwice {
            return false;
        }
        claims[object] = Claimed {
            id: u8::try_from(channel).unwrap_or(NONE),
            local: true,
            intent: false,
            baseline: 0,
            local_intent: claims[object].local_intent,
            ..claimed(self.pool.facts(copy.value))
        };
        true
    }

    /// `claims::let_go`.
    pub(crate) fn let_go(&self, state: &mut State, replica: usize, object: usize) {
        let copy = state.replicas[replica].passes[object].copy;
        let entry = claimed(self.pool.facts(copy.value));
        let claims = &mut state.replicas[replica].claims[object];
        *claims = Claimed {
            local_intent: entry.intent && claims.local_intent,
            ..entry
        };
    }

    /// `claims::written`.
    pub(crate) fn written(&self, state: &mut State, replica: usize, object: usize) {
        let copy = state.replicas[replica].passes[object].copy;
        if copy.value == NOTHING || self.bug == Bug::IntentsByWatchAlone {
            return;
        }
        let entry = claimed(self.pool.facts(copy.value));
        state.replicas[replica].claims[object] = Claimed {
            local_intent: entry.intent,
            ..entry
        };
    }
}
