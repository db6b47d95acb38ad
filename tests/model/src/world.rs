//! One life: how it begins, and what may happen next.

use wazzup_operator::{model::Transport, plan::Call};

use crate::{
    bugs::Bug,
    facts::Facts,
    pool::Pool,
    state::{
        Budget, CHANNELS, Channel, Claimed, Copy, Ghost, Kept, NONE, NOTHING, OBJECTS, POSTS, Pass, Phase, Post,
        REPLICAS, Replica, STRANGER, Shown, State,
    },
    value::{GRACE, Told, Value, bit, id},
};

/// What a search is about.
#[derive(Debug, Clone, Copy)]
pub struct Scenario {
    /// How the channels are connected.
    pub transport: Transport,
    /// How many objects there are, at most two.
    pub objects: usize,
    /// Whether the first object's channel is there and works already.
    pub settled: bool,
    /// Whether a login asks for the two-factor password.
    pub password: bool,
    /// What may happen.
    pub budget: Budget,
}

impl Scenario {
    /// The last change of the credentials that may come by itself; beyond it a person mends them.
    pub(crate) fn last_secret(&self) -> u8 {
        1 + self.budget.rotations
    }
}

/// A list as a pass gets it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Listing {
    /// The one that the desk has.
    Kept,
    /// The truth of this moment.
    New,
    /// What was true before the last step of time.
    Lagging,
    /// Well-formed and empty; where the channel is known, the truth without it.
    Empty,
    /// None: the list failed.
    Failed,
    /// The truth, but the look by id fails.
    NoLookById,
}

/// How a call goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sending {
    /// It arrives; what is small is answered at once.
    Arrives,
    /// It never leaves.
    NotSent,
    /// It is done, and the answer is lost.
    AnswerLost,
    /// It is lost.
    Lost,
    /// It is refused, well-formed.
    Refused,
}

/// Something that happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Action {
    /// A replica's process starts and gets the lease.
    Lead(usize),
    /// The watch shows an object as it is.
    Watch(usize, usize),
    /// A pass observes and plans: a new one, one that got the lane, or one that looks again.
    Look(usize, usize, Listing),
    /// A pass writes what comes next to Kubernetes.
    Write(usize, usize),
    /// A pass makes its call.
    Call(usize, usize, Sending),
    /// The answer to a create arrives.
    Answer(usize, usize),
    /// The answer to a create does not arrive in time.
    GiveUp(usize, usize),
    /// The service makes a channel of a request that came; `true`: and the request is replayed on its way.
    Commit(usize, bool),
    /// The service refuses a create, well-formed.
    Refuse(usize),
    /// A request that nobody waits for is lost.
    Lose(usize),
    /// Kubernetes ends a pass by an error.
    Abort(usize, usize),
    /// A process dies.
    Crash(usize),
    /// The lease runs out while passes go on.
    LoseLease(usize),
    /// Time passes.
    Tick,
    /// A stranger makes a channel by hand; `true`: and has logged in.
    Stranger(bool),
    /// Somebody deletes an object.
    Delete(usize),
    /// Somebody deletes an object whose policy is to leave its channel.
    Leave(usize),
    /// Somebody answers `ChooseChannel`: a channel, or [`CHANNELS`] for `create`.
    Choose(usize, usize),
    /// Somebody asks for a new channel in place of one that is gone.
    Recreate(usize),
    /// Somebody asks for a new login.
    Reinit(usize),
    /// Somebody deletes a channel at the service.
    Vanish(usize),
    /// The credentials in the Secret change.
    Rotate,
    /// The messenger logs a channel out.
    LogOut(usize),
    /// A person scans a QR, or the service goes on by itself.
    LogIn(usize),
}

/// The rules of one search.
pub(crate) struct World {
    /// What it is about.
    pub(crate) scenario: Scenario,
    /// The defect that is tried.
    pub(crate) bug: Bug,
    /// The values.
    pub(crate) pool: Pool,
}

/// What a step came to: a state, or the law that it broke.
pub(crate) type Step = Result<State, String>;

impl World {
    /// The rules for a scenario.
    pub(crate) fn new(scenario: Scenario, bug: Bug) -> Self {
        Self {
            scenario,
            bug,
            pool: Pool::default(),
        }
    }

    /// The world as it begins.
    pub(crate) fn begin(&self) -> State {
        let fresh = self.pool.put(Value::fresh());
        let mut state = State {
            clock: 0,
            objects: std::array::from_fn(|object| if object < self.scenario.objects { fresh } else { NOTHING }),
            ghosts: [Ghost::default(); OBJECTS],
            channels: [Channel::default(); CHANNELS],
            made: 0,
            before: [Shown::Absent; CHANNELS],
            posts: [Post::default(); POSTS],
            secret: 1,
            late_record: false,
            replicas: [Replica::DOWN; REPLICAS],
            left: self.scenario.budget,
        };
        if self.scenario.settled {
            state.make(Channel {
                shown: Shown::Active,
                maker: 0,
                secret: 1,
                ..Channel::default()
            });
            state.objects[0] = self.pool.put(self.settled_value());
            state.before = state.list();
        }
        state
    }

    fn settled_value(&self) -> Value {
        let mut value = Value {
            finalizer: true,
            annotation: Some(id(0)),
            mirrored: true,
            observed: true,
            told: Told::Connected,
            ..Value::fresh()
        };
        value.memory.channel_id = Some(id(0));
        if !self.scenario.transport.credential_keys().is_empty() {
            value.memory.credentials_hash = Some("k:1".to_owned());
        }
        value
    }

    /// Everything that may happen next.
    pub(crate) fn actions(&self, state: &State) -> Vec<Action> {
        let mut actions = Vec::with_capacity(32);
        for replica in 0..REPLICAS {
            self.of_replica(state, replica, &mut actions);
        }
        self.of_service(state, &mut actions);
        self.of_people(state, &mut actions);
        if state.left.ticks > 0 && self.time_matters(state) && self.time_may_pass(state) {
            actions.push(Action::Tick);
        }
        actions
    }

    fn of_replica(&self, state: &State, replica: usize, actions: &mut Vec<Action>) {
        let it = &state.replicas[replica];
        let left = &state.left;
        if *it == Replica::DOWN {
            // Processes that have not begun are alike.
            let first = state.replicas.iter().position(|one| *one == Replica::DOWN) == Some(replica);
            if first && state.replicas.iter().all(|one| !one.leads) {
                actions.push(Action::Lead(replica));
            }
            return;
        }
        let busy = it.passes.iter().any(|pass| pass.phase != Phase::Idle);
        // A process that knows nothing of its own loses nothing.
        let knows = busy || it.claims.iter().any(|entry| entry.local || entry.local_intent);
        if left.mishaps > 0 && left.crashes > 0 && knows {
            actions.push(Action::Crash(replica));
        }
        if left.mishaps > 0 && left.losses > 0 && it.leads && busy {
            actions.push(Action::LoseLease(replica));
        }
        for object in 0..self.scenario.objects {
            if it.leads && Self::unseen(state, replica, object) {
                actions.push(Action::Watch(replica, object));
            }
            let pass = &it.passes[object];
            let abort = |actions: &mut Vec<Action>| {
                if left.mishaps > 0 && left.aborts > 0 {
                    actions.push(Action::Abort(replica, object));
                }
            };
            match pass.phase {
                Phase::Idle => {
                    if it.leads && it.cache[object].value != NOTHING {
                        self.listings(state, replica, object, actions);
                    }
                }
                Phase::Lane => {
                    if it.lane == NONE {
                        self.listings(state, replica, object, actions);
                    }
                }
                Phase::Again => self.listings(state, replica, object, actions),
                Phase::Planned | Phase::Noted | Phase::Telling | Phase::Settled => {
                    actions.push(Action::Write(replica, object));
                    abort(actions);
                }
                Phase::Remembered => {
                    self.sendings(state, replica, object, actions);
                    abort(actions);
                }
                Phase::Waiting => {
                    let post = Self::post_of(state, replica, object);
                    if post.is_some_and(|post| state.posts[post].made != NONE) {
                        actions.push(Action::Answer(replica, object));
                    }
                    if !it.leads || (left.mishaps > 0 && left.answers > 0) {
                        actions.push(Action::GiveUp(replica, object));
                    }
                }
            }
        }
    }

    fn listings(&self, state: &State, replica: usize, object: usize, actions: &mut Vec<Action>) {
        let it = &state.replicas[replica];
        let mut look = |listing| actions.push(Action::Look(replica, object, listing));
        look(Listing::New);
        if !self.looks(state, replica, object) {
            return;
        }
        let (left, now) = (&state.left, state.list());
        if let Some(kept) = it.desk
            && !it.due[object]
            && (kept.list != now || kept.at != state.clock)
            && left.lags > 0
        {
            look(Listing::Kept);
        }
        if left.mishaps == 0 {
            return;
        }
        if left.lags > 0 && state.before != now {
            look(Listing::Lagging);
        }
        if left.lies > 0 && now != [Shown::Absent; CHANNELS] {
            look(Listing::Empty);
        }
        if left.fails > 0 {
            look(Listing::Failed);
            let copy = Self::copy_for_look(state, replica, object);
            let own = usize::from(self.pool.facts(copy.value).channel());
            if now.get(own) == Some(&Shown::Absent) {
                look(Listing::NoLookById);
            }
        }
    }

    fn sendings(&self, state: &State, replica: usize, object: usize, actions: &mut Vec<Action>) {
        let left = &state.left;
        let planned = self.pool.plan(state.replicas[replica].passes[object].plan);
        let mut call = |sending| actions.push(Action::Call(replica, object, sending));
        call(Sending::Arrives);
        if left.mishaps == 0 || left.answers == 0 || !(state.replicas[replica].leads || self.bug == Bug::NoFence) {
            return;
        }
        call(Sending::NotSent);
        if !matches!(planned.plan.call, Some(Call::Create { .. })) {
            call(Sending::AnswerLost);
            call(Sending::Lost);
            call(Sending::Refused);
        }
    }

    fn of_service(&self, state: &State, actions: &mut Vec<Action>) {
        let left = &state.left;
        for (number, post) in state.posts.iter().enumerate().filter(|(_, post)| post.open) {
            if post.made != NONE {
                continue;
            }
            let in_time = state.clock < post.at + GRACE;
            if usize::from(state.made) < CHANNELS && (in_time || (left.mishaps > 0 && left.late > 0)) {
                actions.push(Action::Commit(number, false));
                if left.mishaps > 0 && left.replays > 0 && usize::from(state.made) + 1 < CHANNELS {
                    actions.push(Action::Commit(number, true));
                }
            }
            if post.client == NONE {
                actions.push(Action::Lose(number));
            } else if left.mishaps > 0 && left.answers > 0 {
                actions.push(Action::Refuse(number));
            }
        }
        for channel in 0..usize::from(state.made) {
            let it = &state.channels[channel];
            if left.vanish > 0 && it.shown != Shown::Absent && it.maker != STRANGER {
                actions.push(Action::Vanish(channel));
            }
            if left.logins > 0 {
                match it.shown {
                    Shown::Active => actions.push(Action::LogOut(channel)),
                    Shown::Init if self.referenced(state, channel).is_some() => actions.push(Action::LogIn(channel)),
                    Shown::Init | Shown::Absent | Shown::Password | Shown::LoggedOut => {}
                }
            }
        }
    }

    fn of_people(&self, state: &State, actions: &mut Vec<Action>) {
        let left = &state.left;
        if left.strangers > 0 && usize::from(state.made) < CHANNELS {
            actions.push(Action::Stranger(true));
            if self.scenario.transport.credential_keys().is_empty() {
                actions.push(Action::Stranger(false));
            }
        }
        if left.rotations > 0 {
            actions.push(Action::Rotate);
        }
        for object in (0..self.scenario.objects).filter(|object| state.exists(*object)) {
            let value = self.pool.facts(state.objects[object]);
            if left.deletes > 0 && !value.deleting {
                actions.push(Action::Delete(object));
            }
            if left.leaves > 0 && !value.deleting && value.channel() != NONE {
                actions.push(Action::Leave(object));
            }
            if left.choices > 0
                && let Told::Choose(candidates) = value.told
                && !value.answered
            {
                let of = (0..CHANNELS).filter(|channel| candidates & bit(*channel) != 0);
                actions.extend(of.map(|channel| Action::Choose(object, channel)));
                actions.push(Action::Choose(object, CHANNELS));
            }
        }
    }

    /// Whether anything waits for time to pass.
    fn time_matters(&self, state: &State) -> bool {
        (0..OBJECTS).any(|object| state.exists(object) && self.pool.facts(state.objects[object]).waits)
    }

    /// Deadlines see to it that a leader's pass is never slower than a step of time between its intent and its call; a
    /// request is in time or lost before the grace ends.
    fn time_may_pass(&self, state: &State) -> bool {
        let slow = |pass: &Pass| {
            matches!(pass.phase, Phase::Planned | Phase::Noted | Phase::Remembered) && {
                let planned = self.pool.plan(pass.plan);
                matches!(planned.plan.call, Some(Call::Create { .. })) && planned.key.clock < state.clock
            }
        };
        let waits = |replica: &Replica| replica.passes.iter().any(|pass| pass.phase == Phase::Waiting);
        let leading = |it: &&Replica| it.leads;
        let slow = state
            .replicas
            .iter()
            .filter(leading)
            .any(|it| it.passes.iter().any(slow));
        let late = state
            .posts
            .iter()
            .any(|post| post.open && post.client != NONE && state.clock + 1 >= post.at + GRACE);
        !(slow || late && state.replicas.iter().any(waits))
    }

    /// The object that says it has a channel.
    pub(crate) fn referenced(&self, state: &State, channel: usize) -> Option<usize> {
        (0..OBJECTS).find(|object| state.exists(*object) && self.pool.facts(state.objects[*object]).has(channel))
    }

    /// The request whose answer a pass waits for.
    pub(crate) fn post_of(state: &State, replica: usize, object: usize) -> Option<usize> {
        state
            .posts
            .iter()
            .position(|post| post.open && usize::from(post.client) == replica && usize::from(post.object) == object)
    }

    /// The copy of the object on which a pass that looks now works.
    pub(crate) fn copy_for_look(state: &State, replica: usize, object: usize) -> Copy {
        let it = &state.replicas[replica];
        match it.passes[object].phase {
            Phase::Lane | Phase::Again => it.passes[object].copy,
            Phase::Idle
            | Phase::Planned
            | Phase::Noted
            | Phase::Remembered
            | Phase::Waiting
            | Phase::Settled
            | Phase::Telling => it.cache[object],
        }
    }
}

/// The list that a listing gives to an object with that channel.
pub(crate) fn listed(state: &State, replica: usize, listing: Listing, own: Option<usize>) -> Option<Kept> {
    let list = match (listing, own) {
        (Listing::Kept, _) => return state.replicas[replica].desk,
        (Listing::New | Listing::NoLookById, _) => state.list(),
        (Listing::Lagging, _) => state.before,
        (Listing::Empty, Some(own)) => {
            let mut list = state.list();
            list[own] = Shown::Absent;
            list
        }
        (Listing::Empty, None) => [Shown::Absent; CHANNELS],
        (Listing::Failed, _) => return None,
    };
    Some(Kept { list, at: state.clock })
}

/// What a table of claims holds of an object that a watch shows; see `claims::update` in the controller.
pub(crate) fn claimed(facts: Facts) -> Claimed {
    let intent = facts.intent && facts.channel() == NONE;
    Claimed {
        id: facts.channel(),
        in_status: facts.memory.channel != NONE,
        local: false,
        intent,
        baseline: if intent { facts.baseline } else { 0 },
        local_intent: false,
    }
}
