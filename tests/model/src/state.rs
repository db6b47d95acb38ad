//! The world at one moment, small enough to keep millions of: whole values of objects and plans stand in pools, and a state
//! holds their numbers.

/// `WazzupChannel` objects.
pub(crate) const OBJECTS: usize = 2;
/// Replicas of the operator.
pub(crate) const REPLICAS: usize = 2;
/// Channels that one life may see at the service.
pub(crate) const CHANNELS: usize = 8;
/// Creates that may be under way at once.
pub(crate) const POSTS: usize = 4;
/// No number.
pub(crate) const NONE: u8 = u8::MAX;
/// No value.
pub(crate) const NOTHING: u32 = u32::MAX;
/// The maker of a channel that the operator did not make.
pub(crate) const STRANGER: u8 = 9;

/// What a list shows of a channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(crate) enum Shown {
    /// It is not there.
    #[default]
    Absent,
    /// Starting up; of a QR transport: unscanned.
    Init,
    /// It waits for the two-factor password.
    Password,
    /// It works.
    Active,
    /// Logged out.
    LoggedOut,
}

/// A list: what it shows of each channel.
pub(crate) type List = [Shown; CHANNELS];

/// A channel at the service, and what the checker alone knows of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(crate) struct Channel {
    /// What it is like now.
    pub(crate) shown: Shown,
    /// The object for which it was made, or [`STRANGER`].
    pub(crate) maker: u8,
    /// Which of that object's creates made it.
    pub(crate) attempt: u8,
    /// The credentials with which it was last connected.
    pub(crate) secret: u8,
    /// Passwords submitted in this login.
    pub(crate) passwords: u8,
    /// Objects that may own it: a person said so, or nobody could have told it from their own.
    pub(crate) granted: u8,
    /// A person was told of it as a candidate or a suspected twin.
    pub(crate) told: bool,
    /// Made by a replay of a create whose answer was clear, or after the grace for an object that goes: no client can know
    /// of it.
    pub(crate) hidden: bool,
    /// Made by a replay: nobody waits for it.
    pub(crate) copied: bool,
    /// A person said that it was not made: it looks like another's since.
    pub(crate) denied: bool,
    /// The credentials of the moment when another object than the one it was made for took it; [`NONE`] when that object
    /// remembered none.
    pub(crate) taken_with: u8,
}

/// A create on its way to, in or back from the service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub(crate) struct Post {
    /// Whether there is one.
    pub(crate) open: bool,
    /// For which object.
    pub(crate) object: u8,
    /// Which of that object's creates.
    pub(crate) attempt: u8,
    /// When its intent was written.
    pub(crate) at: u8,
    /// The credentials that it carries.
    pub(crate) secret: u8,
    /// The replica that waits for its answer.
    pub(crate) client: u8,
    /// The channel that it made.
    pub(crate) made: u8,
    /// See [`Channel::hidden`].
    pub(crate) hidden: bool,
    /// See [`Channel::copied`].
    pub(crate) copied: bool,
    /// See [`Channel::denied`].
    pub(crate) denied: bool,
}

/// A copy of an object as somebody read it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Copy {
    /// Its value; [`NOTHING`] when there was none.
    pub(crate) value: u32,
    /// Whether nobody has written since: a conditional write succeeds.
    pub(crate) fresh: bool,
}

/// What one replica's table of claims says of an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Claimed {
    /// The channel; [`NONE`] for none.
    pub(crate) id: u8,
    /// Whether the status holds it.
    pub(crate) in_status: bool,
    /// Claimed by this process before the watch could show it.
    pub(crate) local: bool,
    /// An unresolved create.
    pub(crate) intent: bool,
    /// What that create knows to be older than itself.
    pub(crate) baseline: u8,
    /// Such an intent, written by this process before the watch could show it.
    pub(crate) local_intent: bool,
}

/// Where a pass is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Phase {
    /// There is none.
    Idle,
    /// It waits for the lane.
    Lane,
    /// It has a plan.
    Planned,
    /// Its note is written.
    Noted,
    /// What must be remembered of the call is written.
    Remembered,
    /// The create is on its way.
    Waiting,
    /// The answer is settled.
    Settled,
    /// A create was answered: it looks again before it says anything.
    Again,
    /// All but the status is written.
    Telling,
}

/// A pass of one replica over one object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Pass {
    /// Where it is.
    pub(crate) phase: Phase,
    /// The object as it knows it.
    pub(crate) copy: Copy,
    /// Its plan.
    pub(crate) plan: u32,
    /// The plan whose memory it carries along.
    pub(crate) carried: u32,
    /// Whether it asked for a change.
    pub(crate) called: bool,
    /// What other objects had when it looked; kept where somebody may leave a channel.
    pub(crate) others_had: u8,
}

/// A list that is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Kept {
    /// What it shows.
    pub(crate) list: List,
    /// When it was asked for.
    pub(crate) at: u8,
}

/// A replica.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Replica {
    /// Whether it starts passes: it holds the lease and its fence is open.
    pub(crate) leads: bool,
    /// Its watch cache.
    pub(crate) cache: [Copy; OBJECTS],
    /// Its table of claims.
    pub(crate) claims: [Claimed; OBJECTS],
    /// The account's last list.
    pub(crate) desk: Option<Kept>,
    /// Whether an object's next look must be a new list.
    pub(crate) due: [bool; OBJECTS],
    /// The object whose pass holds the lane.
    pub(crate) lane: u8,
    /// One pass for each object.
    pub(crate) passes: [Pass; OBJECTS],
}

/// What the checker alone knows of an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(crate) struct Ghost {
    /// Creates sent.
    pub(crate) attempts: u8,
    /// Whether the last one had no clear answer.
    pub(crate) unclear: bool,
    /// Healthy lists looked at since, asked for after the grace, each at a time of its own.
    pub(crate) looks: u8,
    /// When the last of them was asked for.
    pub(crate) listed: u8,
    /// A person said `create`.
    pub(crate) ordered: bool,
    /// It took a channel that was not its own, by a person's word or because nobody could tell: what it made looks like
    /// another's since.
    pub(crate) misled: bool,
    /// What other objects had when the pass that wrote its intent looked; kept where somebody may leave a channel.
    pub(crate) others_had: u8,
}

/// What may still happen in a life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Budget {
    /// Steps of time.
    pub ticks: u8,
    /// Faults of all kinds together.
    pub mishaps: u8,
    /// Processes that die.
    pub crashes: u8,
    /// Passes that Kubernetes ends by an error.
    pub aborts: u8,
    /// Leases that are lost while a pass goes on.
    pub losses: u8,
    /// Requests that are lost, refused, or whose answers are.
    pub answers: u8,
    /// Creates that are replayed on their way.
    pub replays: u8,
    /// Creates that are committed after all promises.
    pub late: u8,
    /// Lists that show an earlier moment.
    pub lags: u8,
    /// Well-formed lists without a channel.
    pub lies: u8,
    /// Lists and looks that fail.
    pub fails: u8,
    /// Channels that a stranger makes by hand.
    pub strangers: u8,
    /// Objects that people delete.
    pub deletes: u8,
    /// Objects that people delete, whose channels stay.
    pub leaves: u8,
    /// Questions that people answer before the weather is calm.
    pub choices: u8,
    /// Channels that are deleted at the service.
    pub vanish: u8,
    /// Changes of the credentials.
    pub rotations: u8,
    /// Channels that the messenger logs out, or whose login goes on.
    pub logins: u8,
}

/// The world.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct State {
    /// Steps of time so far.
    pub(crate) clock: u8,
    /// The objects as the API server has them.
    pub(crate) objects: [u32; OBJECTS],
    /// What the checker knows of them.
    pub(crate) ghosts: [Ghost; OBJECTS],
    /// The channels at the service.
    pub(crate) channels: [Channel; CHANNELS],
    /// How many there ever were.
    pub(crate) made: u8,
    /// What a list showed before the last step of time.
    pub(crate) before: List,
    /// Creates under way.
    pub(crate) posts: [Post; POSTS],
    /// The credentials in the Secret.
    pub(crate) secret: u8,
    /// A replica has stored an id after its lease had run out.
    pub(crate) late_record: bool,
    /// The replicas.
    pub(crate) replicas: [Replica; REPLICAS],
    /// What may still happen.
    pub(crate) left: Budget,
}

impl Copy {
    /// Of an object that is not there.
    pub(crate) const NONE: Self = Self {
        value: NOTHING,
        fresh: false,
    };
}

impl Claimed {
    /// Of an object that is not there.
    pub(crate) const NONE: Self = Self {
        id: NONE,
        in_status: false,
        local: false,
        intent: false,
        baseline: 0,
        local_intent: false,
    };
}

impl Pass {
    /// None.
    pub(crate) const NONE: Self = Self {
        phase: Phase::Idle,
        copy: Copy::NONE,
        plan: NOTHING,
        carried: NOTHING,
        called: false,
        others_had: 0,
    };
}

impl Replica {
    /// A process that has not begun.
    pub(crate) const DOWN: Self = Self {
        leads: false,
        cache: [Copy::NONE; OBJECTS],
        claims: [Claimed::NONE; OBJECTS],
        desk: None,
        due: [false; OBJECTS],
        lane: NONE,
        passes: [Pass::NONE; OBJECTS],
    };
}

impl State {
    /// What a list shows now.
    pub(crate) fn list(&self) -> List {
        self.channels.map(|channel| channel.shown)
    }

    /// Whether an object is there.
    pub(crate) fn exists(&self, object: usize) -> bool {
        self.objects[object] != NOTHING
    }

    /// Makes a channel; `None` when this life has seen enough of them.
    pub(crate) fn make(&mut self, channel: Channel) -> Option<usize> {
        let number = usize::from(self.made);
        *self.channels.get_mut(number)? = channel;
        self.made += 1;
        Some(number)
    }

    /// Channels are forgotten when they go: nobody knows more of them than that.
    pub(crate) fn unmake(&mut self, number: usize) {
        self.channels[number] = Channel::default();
    }

    /// A step of time passes. The account's regular list sees to it that no list is kept for longer than one.
    pub(crate) fn passes(&mut self) {
        self.before = self.list();
        self.clock += 1;
        for replica in &mut self.replicas {
            replica.desk = replica.desk.filter(|kept| kept.at + 1 >= self.clock);
        }
    }

    /// Where no list may be old, none is kept.
    pub(crate) fn forget_lists(&mut self) {
        self.before = List::default();
        for replica in &mut self.replicas {
            replica.desk = None;
            replica.due = [false; OBJECTS];
        }
    }

    /// The order of requests under way tells nothing, nor which faults were possible where no more may happen.
    pub(crate) fn tidy(&mut self) {
        if self.left.mishaps == 0 {
            self.left = Budget {
                crashes: 0,
                aborts: 0,
                losses: 0,
                answers: 0,
                replays: 0,
                late: 0,
                lies: 0,
                fails: 0,
                ..self.left
            };
        }
        self.posts.sort_unstable_by(|one, other| other.cmp(one));
    }
}
