//! What becomes of the world when something happens.

use crate::{
    state::{Channel, Phase, Post, Replica, STRANGER, Shown, State},
    value::GRACE,
    world::{Action, Listing, Sending, Step, World},
};

impl World {
    /// What becomes of the world.
    pub(crate) fn apply(&self, before: &State, action: Action) -> Step {
        let mut state = before.clone();
        if Self::is_mishap(before, action) {
            state.left.mishaps -= 1;
        }
        match action {
            Action::Lead(replica) => self.lead(&mut state, replica),
            Action::Watch(replica, object) => self.watch(&mut state, replica, object),
            Action::Look(replica, object, listing) => self.look(&mut state, replica, object, listing)?,
            Action::Write(replica, object) => self.write(&mut state, replica, object)?,
            Action::Call(replica, object, sending) => self.call(&mut state, replica, object, sending)?,
            Action::Answer(replica, object) => self.answer(&mut state, replica, object)?,
            Action::GiveUp(replica, object) => {
                if before.replicas[replica].leads {
                    state.left.answers -= 1;
                }
                self.give_up(&mut state, replica, object)?;
            }
            Action::Commit(post, replayed) => self.commit(&mut state, post, replayed),
            Action::Refuse(post) => {
                state.left.answers -= 1;
                self.refuse(&mut state, post)?;
            }
            Action::Lose(post) => state.posts[post] = Post::default(),
            Action::Abort(replica, object) => {
                state.left.aborts -= 1;
                Self::end(&mut state, replica, object);
            }
            Action::Crash(replica) => {
                state.left.crashes -= 1;
                self.crash(&mut state, replica);
            }
            Action::LoseLease(replica) => {
                state.left.losses -= 1;
                state.replicas[replica].leads = false;
                Self::rest(&mut state, replica);
            }
            Action::Tick => {
                state.left.ticks -= 1;
                state.passes();
            }
            Action::Stranger(scanned) => {
                state.left.strangers -= 1;
                state.make(Channel {
                    shown: if scanned { Shown::Active } else { Shown::Init },
                    maker: STRANGER,
                    ..Channel::default()
                });
            }
            Action::Delete(object) => {
                state.left.deletes -= 1;
                self.delete(&mut state, object);
            }
            Action::Leave(object) => {
                state.left.leaves -= 1;
                self.let_go_of(&mut state, object);
            }
            Action::Choose(object, channel) => {
                state.left.choices = state.left.choices.saturating_sub(1);
                self.choose(&mut state, object, channel);
            }
            Action::Recreate(object) => {
                let word = format!("at {}", state.clock);
                self.edit(&mut state, object, |value| value.requests.recreate = Some(word));
            }
            Action::Reinit(object) => {
                let word = format!("at {}", state.clock);
                self.edit(&mut state, object, |value| value.requests.reinit = Some(word));
            }
            Action::Vanish(channel) => {
                state.left.vanish -= 1;
                state.unmake(channel);
            }
            Action::Rotate => {
                state.left.rotations -= 1;
                state.secret += 1;
            }
            Action::LogOut(channel) => {
                state.left.logins -= 1;
                state.channels[channel].shown = Shown::LoggedOut;
            }
            Action::LogIn(channel) => {
                state.left.logins = state.left.logins.saturating_sub(1);
                self.log_in(&mut state, channel);
            }
        }
        state.tidy();
        if state.left.lags == 0 {
            state.forget_lists();
        }
        let settling = |it: &Replica| it.passes.iter().any(|pass| pass.phase == Phase::Settled);
        let same = (state.objects, state.posts, state.channels) == (before.objects, before.posts, before.channels);
        if !same || before.replicas.iter().any(settling) {
            self.lawful(&state)?;
        }
        Ok(state)
    }

    fn is_mishap(state: &State, action: Action) -> bool {
        match action {
            Action::Look(_, _, listing) => !matches!(listing, Listing::Kept | Listing::New),
            Action::Call(_, _, sending) => sending != Sending::Arrives,
            Action::GiveUp(replica, _) => state.replicas[replica].leads,
            Action::Commit(post, replayed) => replayed || state.clock >= state.posts[post].at + GRACE,
            Action::Refuse(_) | Action::Abort(..) | Action::Crash(_) | Action::LoseLease(_) => true,
            Action::Lead(_)
            | Action::Watch(..)
            | Action::Write(..)
            | Action::Answer(..)
            | Action::Lose(_)
            | Action::Tick
            | Action::Stranger(_)
            | Action::Delete(_)
            | Action::Leave(_)
            | Action::Choose(..)
            | Action::Recreate(_)
            | Action::Reinit(_)
            | Action::Vanish(_)
            | Action::Rotate
            | Action::LogOut(_)
            | Action::LogIn(_) => false,
        }
    }
}
