//! A pass, step by step, in the order of the controller: observe and plan (`observe.rs`), note, memory, call, settle, note
//! (`act.rs`), look again after a create, status (`channel.rs`, `status.rs`). No decision is made here.

use wazzup_operator::plan::{Call, Note, Remote, Verdict, Wake};

use crate::{
    bugs::Bug,
    pool::Planned,
    state::{CHANNELS, Copy, NONE, NOTHING, Pass, Phase, Replica, Shown, State},
    value::{Told, Value, bit, finalizer, id, number, stored},
    world::World,
};

/// Why Kubernetes refused a write.
enum Refusal {
    Conflict,
    NotFound,
}

/// How many channels the plan chose from.
fn newcomers(planned: &Planned) -> usize {
    match (&planned.seen.remote, &planned.seen.object.intent) {
        (Remote::Looked(look), Some(intent)) => {
            let all = look.unclaimed.iter();
            all.filter(|channel| !intent.baseline.contains(&channel.id)).count()
        }
        _ => 0,
    }
}

impl World {
    pub(crate) fn write(&self, state: &mut State, replica: usize, object: usize) -> Result<(), String> {
        let pass = state.replicas[replica].passes[object];
        let planned = self.pool.plan(pass.plan);
        match pass.phase {
            Phase::Planned => self.first_write(state, replica, object, &planned)?,
            Phase::Noted => self.remember(state, replica, object, &planned),
            Phase::Settled => {
                if let Some(note) = &planned.plan.note {
                    // A disabled channel whose deletion was refused again counts as deleted, which an event tells.
                    let own = usize::from(self.pool.facts(pass.copy.value).channel());
                    if let (Note::RemoveFinalizer, Some(own)) = (note, state.channels.get_mut(own)) {
                        own.told |= own.shown == Shown::LoggedOut;
                    }
                    if !self.note_surely(state, replica, object, note) {
                        Self::end(state, replica, object);
                        return Ok(());
                    }
                    if matches!(note, Note::ClearIntent) {
                        self.written(state, replica, object);
                    }
                }
                self.acted(state, replica, object);
            }
            Phase::Telling => self.tell(state, replica, object),
            Phase::Idle | Phase::Lane | Phase::Remembered | Phase::Waiting | Phase::Again => {}
        }
        Ok(())
    }

    fn first_write(&self, state: &mut State, replica: usize, object: usize, planned: &Planned) -> Result<(), String> {
        let calls = planned.plan.call.is_some();
        let sends = matches!(planned.plan.call, Some(Call::Create { .. } | Call::Reinit(_)));
        if sends && planned.key.secret != state.secret {
            Self::end(state, replica, object);
            return Ok(());
        }
        let note = planned.plan.note.as_ref();
        let note = note.filter(|_| !(calls && self.bug == Bug::NoIntent));
        let known_before = state.replicas[replica].claims[object].id;
        if let Some(note) = note {
            if let Note::RecordId(id) = note
                && !self.take_found(state, replica, object, number(id))
            {
                Self::end(state, replica, object);
                return Ok(());
            }
            let (claims, before) = (state.replicas[replica].claims[object], state.clone());
            if matches!(note, Note::OpenIntent(_)) && self.overwrites(state, replica, object) {
                return Err("I1: an intent is written over what its writer has not seen".to_owned());
            }
            let conditional = !(self.bug == Bug::UnconditionalIntent && matches!(note, Note::OpenIntent(_)));
            if self.note(state, replica, object, note, conditional).is_err() {
                if known_before != claims.id && self.bug != Bug::OwnClaimHides {
                    self.let_go(state, replica, object);
                }
                Self::end(state, replica, object);
                return Ok(());
            }
            if matches!(note, Note::ForgetId) && self.forgets_what_is_there(state, planned) {
                return Err("I1: a channel that is there counts as lost after one wrong list".to_owned());
            }
            if let Note::RecordId(id) = note {
                self.may_take(&before, state, object, number(id), planned)?;
                let taken = &mut state.channels[number(id)];
                if taken.shown != Shown::Absent && usize::from(taken.maker) != object {
                    let hash = planned.seen.memory.credentials_hash.as_ref();
                    taken.taken_with = hash.map_or(NONE, |_| state.secret);
                }
                let chosen = planned.seen.object.requests.resolve_create.is_some() || newcomers(planned) > 1;
                if planned.seen.object.deleting && chosen {
                    Self::leave(state, object, number(id));
                }
            }
            if matches!(note, Note::OpenIntent(_) | Note::ClearIntent | Note::ForgetId) {
                self.written(state, replica, object);
            }
            if matches!(note, Note::OpenIntent(_)) && self.scenario.budget.leaves > 0 {
                state.ghosts[object].others_had = state.replicas[replica].passes[object].others_had;
            }
        }
        if !calls {
            self.acted(state, replica, object);
        } else if note.is_some() {
            state.replicas[replica].passes[object].phase = Phase::Noted;
        } else {
            self.remember(state, replica, object, planned);
        }
        Ok(())
    }

    /// Whether the service has the channel that is forgotten, nobody asked for another one, and it cannot have been denied
    /// twice: a look by id tells the truth beside an old list.
    fn forgets_what_is_there(&self, state: &State, planned: &Planned) -> bool {
        let own = planned.seen.channel_id().map(number).filter(|own| *own < CHANNELS);
        let there = own.is_some_and(|own| state.channels[own].shown != Shown::Absent);
        there && planned.seen.object.requests.recreate.is_none() && self.scenario.budget.lies < 2
    }

    /// `cluster::notes::carry_out`.
    fn note(
        &self,
        state: &mut State,
        replica: usize,
        object: usize,
        note: &Note,
        conditional: bool,
    ) -> Result<(), Refusal> {
        let copy = state.replicas[replica].passes[object].copy;
        if !state.exists(object) {
            return Err(Refusal::NotFound);
        }
        let changes = finalizer(note).is_some_and(|wanted| wanted != self.pool.facts(copy.value).finalizer);
        if (conditional || (changes && self.bug != Bug::UnconditionalIntent)) && !copy.fresh {
            return Err(Refusal::Conflict);
        }
        if matches!(note, Note::RecordId(_)) {
            state.late_record |= !state.replicas[replica].leads;
            // What was unclear has an answer: who loses that channel may make another.
            let ghost = &mut state.ghosts[object];
            (ghost.unclear, ghost.looks, ghost.listed) = (false, 0, 0);
        }
        let plan = state.replicas[replica].passes[object].plan;
        let value = self.pool.noted(state.objects[object], copy.value, plan);
        self.store(state, object, value);
        Self::hold(state, replica, object);
        Ok(())
    }

    /// Whether an intent that is written now, whatever has become of the object, would hide another one or an id.
    fn overwrites(&self, state: &State, replica: usize, object: usize) -> bool {
        let copy = state.replicas[replica].passes[object].copy;
        if self.bug != Bug::UnconditionalIntent || !state.exists(object) {
            return false;
        }
        let (known, now) = (self.pool.facts(copy.value), self.pool.facts(state.objects[object]));
        (now.intent, now.intent_at, now.channel()) != (known.intent, known.intent_at, known.channel())
    }

    /// `act::write_note_surely`: unconditional, and repeated on the object as it is after a conflict.
    fn note_surely(&self, state: &mut State, replica: usize, object: usize, note: &Note) -> bool {
        let leads = state.replicas[replica].leads || self.bug == Bug::StaleRecord;
        match self.note(state, replica, object, note, !leads) {
            Ok(()) | Err(Refusal::NotFound) => true,
            Err(Refusal::Conflict) if leads => {
                Self::hold(state, replica, object);
                let _ = self.note(state, replica, object, note, false);
                true
            }
            Err(Refusal::Conflict) => false,
        }
    }

    /// `status::remember`.
    fn remember(&self, state: &mut State, replica: usize, object: usize, planned: &Planned) {
        let copy = state.replicas[replica].passes[object].copy;
        let known = self.pool.value(copy.value);
        let memory = stored(&planned.plan.memory);
        if self.bug != Bug::CallBeforeMemory {
            // Asked for where nothing is new, too: no call is made on an old view.
            if !state.exists(object) || !copy.fresh {
                Self::end(state, replica, object);
                return;
            }
            if memory != known.memory {
                let value = Value {
                    memory,
                    ..(*known).clone()
                };
                let value = self.pool.put(value);
                self.store(state, object, value);
                Self::hold(state, replica, object);
            }
        }
        state.replicas[replica].passes[object].phase = Phase::Remembered;
    }

    /// `status::say`, and what follows a pass.
    pub(crate) fn tell(&self, state: &mut State, replica: usize, object: usize) {
        let pass = state.replicas[replica].passes[object];
        let planned = self.pool.plan(pass.plan);
        if state.exists(object) {
            let mut copy = pass.copy;
            let mut value = self.pool.said(copy.value, pass.plan);
            if value != copy.value && !copy.fresh {
                if !(pass.called && (state.replicas[replica].leads || self.bug == Bug::StaleStatus)) {
                    Self::end(state, replica, object);
                    return;
                }
                copy.value = state.objects[object];
                value = self.pool.said(copy.value, pass.plan);
            }
            let mut told = match self.pool.facts(value).told {
                Told::Choose(candidates) => candidates,
                Told::Nothing | Told::Connected | Told::Gone | Told::HeldByAnother | Told::Person(_) => 0,
            };
            if !planned.plan.memory.twins.is_empty() {
                // An event tells those that the status did not hold before.
                let known = self.pool.value(copy.value);
                let twins = planned.plan.memory.twins.iter();
                let new = twins.filter(|twin| !known.memory.twins.contains(twin));
                told |= new.fold(0, |mask, twin| mask | bit(number(twin)));
            }
            for (number, channel) in state.channels.iter_mut().enumerate() {
                channel.told |= told & bit(number) != 0 && channel.shown != Shown::Absent;
            }
            if value != copy.value {
                self.store(state, object, value);
            }
        }
        let wants = matches!(planned.plan.wake, Wake::LookAfter(_)) || pass.called;
        state.replicas[replica].due[object] = wants && planned.plan.verdict != Verdict::Connected;
        Self::end(state, replica, object);
    }

    /// Everything is carried out: the lane is left, and either the status is written or it is looked at again.
    pub(crate) fn acted(&self, state: &mut State, replica: usize, object: usize) {
        let it = &mut state.replicas[replica];
        let planned = self.pool.plan(it.passes[object].plan);
        if usize::from(it.lane) == object {
            it.lane = NONE;
        }
        let pass = &mut it.passes[object];
        if pass.called {
            it.due[object] = true;
        }
        if matches!(planned.plan.verdict, Verdict::Gone(_)) && planned.seen.object.deleting {
            it.due[object] = false;
            Self::end(state, replica, object);
        } else if pass.called && planned.plan.verdict == Verdict::Unsettled {
            pass.phase = Phase::Again;
            pass.carried = pass.plan;
            pass.plan = NOTHING;
            pass.called = false;
        } else {
            pass.phase = Phase::Telling;
        }
    }

    /// A pass holds the object as the API server returned it.
    pub(crate) fn hold(state: &mut State, replica: usize, object: usize) {
        let value = state.objects[object];
        if value != NOTHING {
            state.replicas[replica].passes[object].copy = Copy { value, fresh: true };
        }
    }

    /// The API server stores an object, or lets it go.
    pub(crate) fn store(&self, state: &mut State, object: usize, value: u32) {
        let facts = self.pool.facts(value);
        let gone = facts.deleting && !facts.finalizer;
        // Nobody is left to be told of what a request that is still on its way may make: not of an object whose own
        // channel was found and deleted, not of one that a person let go.
        if gone && (facts.channel() != NONE || state.ghosts[object].ordered) {
            Self::leave(state, object, usize::from(facts.channel()));
        }
        let stored = if gone { NOTHING } else { value };
        if stored == state.objects[object] {
            return;
        }
        state.objects[object] = stored;
        for replica in &mut state.replicas {
            replica.cache[object].fresh = false;
            replica.passes[object].copy.fresh = false;
        }
    }

    /// Nobody will be told of what an object's creates have made besides a channel, or may yet make.
    fn leave(state: &mut State, object: usize, but: usize) {
        for post in state
            .posts
            .iter_mut()
            .filter(|post| post.open && usize::from(post.object) == object)
        {
            post.hidden = true;
        }
        for (number, channel) in state.channels.iter_mut().enumerate() {
            let made = channel.shown != Shown::Absent && usize::from(channel.maker) == object;
            channel.hidden |= made && number != but;
        }
    }

    pub(crate) fn end(state: &mut State, replica: usize, object: usize) {
        let it = &mut state.replicas[replica];
        it.passes[object] = Pass::NONE;
        if usize::from(it.lane) == object {
            it.lane = NONE;
        }
        Self::rest(state, replica);
    }

    /// A process that does not lead ends with its last pass.
    pub(crate) fn rest(state: &mut State, replica: usize) {
        let it = &state.replicas[replica];
        if !it.leads && it.passes.iter().all(|pass| pass.phase == Phase::Idle) {
            state.replicas[replica] = Replica::DOWN;
        }
    }

    /// The word for an id in a request annotation.
    pub(crate) fn answer_word(channel: usize) -> String {
        if channel < CHANNELS {
            id(channel).to_string()
        } else {
            "create".to_owned()
        }
    }
}
