//! A pass asks the service for a change, and settles the answer.

use wazzup_operator::{model::Login, plan::Call};

use crate::{
    bugs::Bug,
    pool::{Planned, Reply},
    state::{NONE, Phase, Post, Shown, State},
    value::{Told, number},
    world::{Sending, World},
};

impl World {
    pub(crate) fn call(
        &self,
        state: &mut State,
        replica: usize,
        object: usize,
        sending: Sending,
    ) -> Result<(), String> {
        if sending != Sending::Arrives {
            state.left.answers -= 1;
        }
        let planned = self.pool.plan(state.replicas[replica].passes[object].plan);
        if !state.replicas[replica].leads && self.bug != Bug::NoFence {
            Self::end(state, replica, object);
            return Ok(());
        }
        let Some(call) = &planned.plan.call else { return Ok(()) };
        if !state.replicas[replica].leads {
            return Err("a replica without a lease asks for a change".to_owned());
        }
        let lost = match sending {
            Sending::NotSent => Some(Reply::NotSent),
            Sending::Lost => Some(Reply::Unclear),
            Sending::Refused => Some(Reply::Refused),
            Sending::Arrives | Sending::AnswerLost => None,
        };
        if let Some(reply) = lost {
            // A password that is refused has been tried.
            if let (Reply::Refused, Call::SubmitTwoFactor(id)) = (reply, call) {
                state.channels[number(id)].passwords += 1;
            }
            return self.settle(state, replica, object, reply);
        }
        let of = match call {
            Call::Create { .. } => return Self::post(state, replica, object, &planned),
            Call::Delete { id, .. } => {
                self.may_delete(state, object, number(id))?;
                number(id)
            }
            Call::Reinit(id) | Call::SubmitTwoFactor(id) => number(id),
            Call::RequestPairingCode(..) | Call::OpenLink(_) => {
                return Err(format!("{call:?} is no part of the model"));
            }
        };
        let absent = state.channels[of].shown == Shown::Absent;
        // What a clear answer says is deleted, or was gone before, no list of before shows any more.
        let clear = absent || sending == Sending::Arrives;
        if let (Call::Delete { .. }, true, Some(kept)) = (call, clear, &mut state.replicas[replica].desk) {
            kept.list[of] = Shown::Absent;
        }
        if absent {
            return self.settle(state, replica, object, Reply::Missing);
        }
        // A password that has served may be sent again where an old list asks for it: it is the right one.
        let served = state.exists(object) && self.pool.facts(state.objects[object]).told == Told::Connected;
        let channel = &mut state.channels[of];
        match call {
            Call::Delete { .. } => state.unmake(of),
            Call::SubmitTwoFactor(_) => {
                channel.passwords = if served { 1 } else { channel.passwords + 1 };
                channel.shown = Shown::Active;
            }
            Call::Reinit(_) => {
                channel.secret = planned.key.secret;
                channel.shown = match self.scenario.transport.login() {
                    Login::Secret { .. } => Shown::Active,
                    Login::Qr | Login::Link | Login::Iframe => Shown::Init,
                };
            }
            Call::Create { .. } | Call::RequestPairingCode(..) | Call::OpenLink(_) => {}
        }
        let reply = if sending == Sending::AnswerLost {
            Reply::Unclear
        } else {
            Reply::Done(NONE)
        };
        self.settle(state, replica, object, reply)
    }

    fn post(state: &mut State, replica: usize, object: usize, planned: &Planned) -> Result<(), String> {
        let ghost = &mut state.ghosts[object];
        if ghost.unclear && ghost.looks < 2 && !ghost.ordered {
            return Err("I1: a second create follows one without a clear answer, without two looks between".to_owned());
        }
        let alone = matches!(planned.plan.call, Some(Call::Create { alone: true }));
        if alone
            && state
                .posts
                .iter()
                .any(|post| post.open && usize::from(post.client) == replica)
        {
            return Err("two creates that carry credentials are under way at once".to_owned());
        }
        let Some(slot) = state.posts.iter_mut().find(|post| !post.open) else {
            return Err("the model holds too few requests".to_owned());
        };
        ghost.attempts += 1;
        (ghost.unclear, ghost.looks, ghost.listed, ghost.ordered) = (false, 0, 0, false);
        *slot = Post {
            open: true,
            object: planned.key.object,
            attempt: ghost.attempts,
            at: planned.key.clock,
            secret: planned.key.secret,
            client: u8::try_from(replica).unwrap_or(0),
            made: NONE,
            hidden: false,
            copied: false,
            denied: false,
        };
        state.replicas[replica].passes[object].phase = Phase::Waiting;
        Ok(())
    }

    pub(crate) fn settle(&self, state: &mut State, replica: usize, object: usize, reply: Reply) -> Result<(), String> {
        let plan = state.replicas[replica].passes[object].plan;
        let settled = self.pool.settled(plan, reply, self.scenario.transport, self.bug);
        let planned = self.pool.plan(settled);
        if let Some(law) = planned.broken {
            return Err(format!("a settled plan breaks a law: {law}"));
        }
        let pass = &mut state.replicas[replica].passes[object];
        pass.plan = settled;
        pass.called = true;
        pass.phase = Phase::Settled;
        if planned.plan.note.is_none() {
            self.acted(state, replica, object);
        }
        Ok(())
    }
}
