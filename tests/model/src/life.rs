//! What is not the operator's: the service, processes, people. And the laws that hold in every state.

use wazzup_operator::model::Login;

use crate::{
    facts::Facts,
    pool::{Planned, Reply},
    sight::Sight,
    state::{CHANNELS, Channel, NONE, NOTHING, OBJECTS, Phase, Post, Replica, STRANGER, Shown, State},
    value::{GRACE, Value, bit, number},
    world::World,
};

impl World {
    pub(crate) fn answer(&self, state: &mut State, replica: usize, object: usize) -> Result<(), String> {
        let Some(number) = Self::post_of(state, replica, object) else {
            return Ok(());
        };
        let post = std::mem::take(&mut state.posts[number]);
        // Another object has found it in a list and taken it for its own: the answer tells nothing.
        if !self.take(state, replica, object, usize::from(post.made)) {
            state.ghosts[object].unclear = true;
            return self.settle(state, replica, object, Reply::Unclear);
        }
        // What a replay of this request makes, or has made, no client can know of.
        for other in &mut state.posts {
            other.hidden |= other.open && (other.object, other.attempt) == (post.object, post.attempt);
        }
        for (number, channel) in state.channels.iter_mut().enumerate() {
            let twin =
                (channel.maker, channel.attempt) == (post.object, post.attempt) && number != usize::from(post.made);
            channel.hidden |= channel.shown != Shown::Absent && twin;
        }
        self.settle(state, replica, object, Reply::Done(post.made))
    }

    pub(crate) fn give_up(&self, state: &mut State, replica: usize, object: usize) -> Result<(), String> {
        self.hang_up(state, replica, object);
        self.settle(state, replica, object, Reply::Unclear)
    }

    fn hang_up(&self, state: &mut State, replica: usize, object: usize) {
        // Another replica may have settled it since.
        state.ghosts[object].unclear |= state.exists(object) && self.pool.facts(state.objects[object]).intent;
        if let Some(number) = Self::post_of(state, replica, object) {
            let post = &mut state.posts[number];
            post.client = NONE;
            if post.made != NONE {
                *post = Post::default();
            }
        }
    }

    pub(crate) fn commit(&self, state: &mut State, number: usize, replayed: bool) {
        let post = state.posts[number];
        let late = state.clock >= post.at + GRACE;
        if late {
            state.left.late -= 1;
        }
        let object = usize::from(post.object);
        // Nobody waits longer than the grace for what is to be deleted.
        let alone = late && (!state.exists(object) || self.pool.facts(state.objects[object]).deleting);
        let made = state.make(Channel {
            shown: match self.scenario.transport.login() {
                Login::Secret { .. } => Shown::Active,
                Login::Qr | Login::Link | Login::Iframe => Shown::Init,
            },
            maker: post.object,
            attempt: post.attempt,
            secret: post.secret,
            hidden: post.hidden || alone,
            copied: post.copied,
            denied: post.denied,
            ..Channel::default()
        });
        let made = made.and_then(|made| u8::try_from(made).ok()).unwrap_or(NONE);
        state.posts[number] = if post.client == NONE {
            Post::default()
        } else {
            Post { made, ..post }
        };
        if replayed {
            state.left.replays -= 1;
            if let Some(slot) = state.posts.iter_mut().find(|post| !post.open) {
                *slot = Post {
                    client: NONE,
                    made: NONE,
                    copied: true,
                    ..post
                };
            }
        }
    }

    pub(crate) fn refuse(&self, state: &mut State, number: usize) -> Result<(), String> {
        let post = std::mem::take(&mut state.posts[number]);
        self.settle(
            state,
            usize::from(post.client),
            usize::from(post.object),
            Reply::Refused,
        )
    }

    pub(crate) fn crash(&self, state: &mut State, replica: usize) {
        for object in 0..OBJECTS {
            if state.replicas[replica].passes[object].phase == Phase::Waiting {
                self.hang_up(state, replica, object);
            }
        }
        state.replicas[replica] = Replica::DOWN;
    }

    pub(crate) fn edit(&self, state: &mut State, object: usize, change: impl FnOnce(&mut Value)) {
        let mut value = (*self.pool.value(state.objects[object])).clone();
        change(&mut value);
        let value = self.pool.put(value);
        self.store(state, object, value);
    }

    pub(crate) fn delete(&self, state: &mut State, object: usize) {
        self.edit(state, object, |value| value.deleting = true);
    }

    /// `deletionPolicy: Retain`: the channel is no secret, and from now on a stranger's, but for creates that knew whose it
    /// was when they began.
    pub(crate) fn let_go_of(&self, state: &mut State, object: usize) {
        let own = usize::from(self.pool.facts(state.objects[object]).channel());
        let knows = |other: usize| {
            let open = state.exists(other) && self.pool.facts(state.objects[other]).intent;
            open && own < CHANNELS && state.ghosts[other].others_had & bit(own) != 0
        };
        let known = (0..OBJECTS).any(knows);
        if let Some(channel) = state.channels.get_mut(own) {
            channel.told = true;
            if !known {
                channel.maker = STRANGER;
            }
        }
        self.edit(state, object, |value| {
            value.deleting = true;
            value.finalizer = false;
        });
    }

    pub(crate) fn choose(&self, state: &mut State, object: usize, channel: usize) {
        let answer = Some(Self::answer_word(channel));
        if self.pool.value(state.objects[object]).requests.resolve_create == answer {
            // The same answer counts again once it was taken away.
            self.edit(state, object, |value| value.requests.resolve_create = None);
            return;
        }
        if let Some(chosen) = state.channels.get_mut(channel) {
            chosen.granted |= bit(object);
            state.ghosts[object].misled |= usize::from(chosen.maker) != object;
        } else {
            state.ghosts[object].ordered = true;
            // What it has made, and what is still on its way, are others that nobody will know; not what it makes from now on.
            for channel in &mut state.channels {
                channel.denied |= channel.shown != Shown::Absent && usize::from(channel.maker) == object;
            }
            for post in &mut state.posts {
                post.denied |= post.open && usize::from(post.object) == object;
            }
        }
        self.edit(state, object, |value| {
            value.requests.resolve_create = answer;
        });
    }

    pub(crate) fn log_in(&self, state: &mut State, channel: usize) {
        let it = &mut state.channels[channel];
        it.passwords = 0;
        it.shown = if self.scenario.password {
            Shown::Password
        } else {
            Shown::Active
        };
    }

    /// I3: whether an object may take a channel that was found.
    pub(crate) fn may_take(
        &self,
        before: &State,
        state: &mut State,
        object: usize,
        channel: usize,
        planned: &Planned,
    ) -> Result<(), String> {
        let it = state.channels[channel];
        let mine = usize::from(it.maker) == object || it.granted & bit(object) != 0;
        let misled = state
            .ghosts
            .get(usize::from(it.maker))
            .is_some_and(|maker| maker.misled);
        let misled = misled || it.denied;
        if misled {
            state.channels[channel].granted |= bit(object);
        }
        if mine || misled || it.shown == Shown::Absent || planned.seen.channel_id().map(number) == Some(channel) {
            return Ok(());
        }
        let by_qr = self.scenario.transport.login() == Login::Qr;
        if it.maker != STRANGER && by_qr && it.shown == Shown::Init {
            state.channels[channel].granted |= bit(object);
            return Ok(());
        }
        // What nobody can tell: a stranger or a replay made a channel between a create's intent and its search, it looks as ours
        // would, and there are no more newcomers than creates without an answer.
        let alike = match planned.key.sight {
            Sight::List { list, .. } => !by_qr || list[channel] == Shown::Init,
            Sight::NotAsked | Sight::Hidden => false,
        };
        let intents = (0..OBJECTS).filter(|one| before.exists(*one) && self.pool.facts(before.objects[*one]).intent);
        // Those that were open when it looked: one may have been settled since.
        let seen = match planned.key.sight {
            Sight::List { others, .. } => 1 + usize::from(others.is_some()),
            Sight::NotAsked | Sight::Hidden => 1,
        };
        let creates = if by_qr { intents.count().max(seen) } else { 1 };
        let facts = self.pool.facts(planned.key.value);
        let newcomers = match planned.key.sight {
            Sight::List { unclaimed, .. } if facts.intent => unclaimed & !facts.baseline,
            Sight::List { .. } | Sight::NotAsked | Sight::Hidden => 0,
        };
        let newcomer = newcomers & bit(channel) != 0;
        let few = usize::try_from(newcomers.count_ones()).is_ok_and(|count| count <= creates);
        if (it.maker == STRANGER || it.copied) && alike && newcomer && few {
            state.channels[channel].granted |= bit(object);
            state.ghosts[object].misled = true;
            return Ok(());
        }
        Err(format!(
            "I3: an object takes channel {channel}, which was not made for it"
        ))
    }

    /// I3: whether an object may delete a channel.
    pub(crate) fn may_delete(&self, state: &State, object: usize, channel: usize) -> Result<(), String> {
        let it = &state.channels[channel];
        let mine = usize::from(it.maker) == object || it.granted & bit(object) != 0;
        let others = (0..OBJECTS)
            .any(|other| other != object && state.exists(other) && self.pool.facts(state.objects[other]).has(channel));
        if it.shown == Shown::Absent || (mine && (!others || state.late_record)) {
            Ok(())
        } else {
            Err(format!("I3: channel {channel} is deleted, which is not the object's"))
        }
    }

    /// What holds in every state.
    pub(crate) fn lawful(&self, state: &State) -> Result<(), String> {
        let values = state
            .objects
            .map(|value| (value != NOTHING).then(|| self.pool.facts(value)));
        if let [Some(one), Some(other)] = values
            && one.channel() == other.channel()
            && let Some(channel) = state.channels.get(usize::from(one.channel()))
            && channel.granted != 0b11
            && !state.late_record
        {
            return Err(format!("two objects own channel {}", one.channel()));
        }
        for (number, channel) in state.channels.iter().enumerate() {
            if channel.passwords > 1 {
                return Err("a two-factor password was submitted twice in one login".to_owned());
            }
            let ours = channel.shown != Shown::Absent && channel.maker != STRANGER;
            if ours && !channel.told && !channel.hidden && !self.accounted_for(state, number, &values) {
                return Err(format!("I2: channel {number} is orphaned in silence"));
            }
        }
        Ok(())
    }

    /// I2: whether somebody has a channel, or will come upon it.
    fn accounted_for(&self, state: &State, channel: usize, values: &[Option<Facts>]) -> bool {
        let it = &state.channels[channel];
        let by_qr = self.scenario.transport.login() == Login::Qr;
        let known = values.iter().enumerate().any(|(object, value)| {
            let Some(value) = value else { return false };
            let searched = value.intent && value.baseline & bit(channel) == 0;
            let watched = value.memory.watches && value.memory.known & bit(channel) == 0;
            value.has(channel) || ((searched || watched) && (by_qr || usize::from(it.maker) == object))
        });
        let answered = state
            .posts
            .iter()
            .any(|post| post.open && usize::from(post.made) == channel && post.client != NONE);
        let recorded = |replica: &Replica| {
            replica.passes.iter().any(|pass| {
                pass.phase == Phase::Settled && usize::from(self.pool.plan(pass.plan).memory.channel) == channel
            })
        };
        known || answered || state.replicas.iter().any(recorded)
    }

    /// Channels that the operator made, nobody has, and no person was told of.
    pub(crate) fn orphans(&self, state: &State) -> usize {
        let ours = (0..CHANNELS).filter(|channel| {
            let it = &state.channels[*channel];
            it.shown != Shown::Absent && it.maker != STRANGER && !it.told && !it.hidden
        });
        ours.filter(|channel| self.referenced(state, *channel).is_none())
            .count()
    }
}
