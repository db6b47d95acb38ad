//! What a pass has seen, in numbers and as the planner is shown it.

use std::time::Duration;

use wazzup_operator::{
    model::{Fault, Login, Reason, RemoteChannel, Status, Transport},
    plan::{
        Account, Claim, Kind, Look, Management, Object, ReadyWhen, ReinitPolicy, Remote, RemoteById, Seen, Sink,
        Supply, Timing, Webhooks, Wish,
    },
};

use crate::{
    pool::Pool,
    state::{CHANNELS, List, NOTHING, Shown},
    value::{GRACE, bit, id, number, steps, time},
};

/// What a pass saw of the service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Sight {
    /// It did not look.
    NotAsked,
    /// It could not.
    Hidden,
    /// A healthy list.
    List {
        /// How long ago it was asked for.
        age: u8,
        /// What it shows.
        list: List,
        /// What the look by id said, where one was made.
        by_id: ById,
        /// Which channels nobody claims.
        unclaimed: u8,
        /// Which another object claims.
        claimed: u8,
        /// The open intent of the other object: what it knows to be older than itself.
        others: Option<u8>,
    },
}

/// What a look by id said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum ById {
    /// Not asked.
    NotAsked,
    /// Could not look.
    Hidden,
    /// The truth.
    Told(Shown),
}

/// All that was seen, in numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Key {
    /// Which object.
    pub(crate) object: u8,
    /// Its value.
    pub(crate) value: u32,
    /// The plan whose memory is carried along.
    pub(crate) carried: u32,
    /// When.
    pub(crate) clock: u8,
    /// The credentials in the Secret.
    pub(crate) secret: u8,
    /// Whether another object has the better claim.
    pub(crate) held: bool,
    /// The service.
    pub(crate) sight: Sight,
}

/// The product's pauses in steps of time: the grace is two looks long, as it is longer than a look in truth.
const TIMING: Timing = Timing {
    create_grace: steps(GRACE as u64),
    clock_skew: steps(60),
    second_look: steps(1),
    qr_patience: steps(60),
    fresh_qr: [steps(1), steps(1), steps(2)],
    same_credentials: [steps(1), steps(1), steps(2), steps(3)],
    refused: steps(3),
    delete_again: steps(1),
};

/// A channel as the service shows it.
pub(crate) fn remote(number: usize, shown: Shown, transport: Transport) -> RemoteChannel {
    let (status, reason) = match (shown, transport.login()) {
        (Shown::Absent | Shown::Init, Login::Qr) => (Status::Init, Some(Reason::Qr)),
        (Shown::Absent | Shown::Init, Login::Secret { .. } | Login::Link | Login::Iframe) => (Status::Init, None),
        (Shown::Password, _) => (Status::Init, Some(Reason::WaitForPassword)),
        (Shown::Active, _) => (Status::Active, None),
        (Shown::LoggedOut, _) => (Status::Disabled, Some(Reason::Unauthorized)),
    };
    let scanned = matches!(shown, Shown::Password | Shown::Active | Shown::LoggedOut);
    RemoteChannel {
        status: Some(status),
        reason,
        phone: scanned.then(|| "79990000000".to_owned()),
        ..RemoteChannel::bare(id(number), transport.as_str())
    }
}

fn wish(transport: Transport) -> Wish {
    Wish {
        transport,
        adopt: None,
        management: Management::Full,
        deletion: None,
        external_deletion: None,
        reinit: ReinitPolicy::Auto,
        pairing_phone: None,
        ready_when: ReadyWhen::Connected,
        suspend: false,
        credentials_secret: Some("bot".to_owned()),
        two_factor_secret: ("shop-2fa".to_owned(), "password".to_owned()),
        sink: ("configmap", "shop-qr".to_owned()),
    }
}

fn sight(key: &Key, own: Option<usize>, transport: Transport) -> (Remote, Shown) {
    let Sight::List {
        age,
        list,
        by_id,
        unclaimed,
        claimed,
        others,
    } = key.sight
    else {
        let hidden = Remote::Hidden {
            fault: unclear(),
            in_a_row: 1,
        };
        let nothing = match key.sight {
            Sight::NotAsked => Remote::NotAsked,
            Sight::Hidden | Sight::List { .. } => hidden,
        };
        return (nothing, Shown::Absent);
    };
    let all = (0..CHANNELS).filter(|number| list[*number] != Shown::Absent);
    let listed = own.map_or(Shown::Absent, |own| list[own]);
    let (by_id, shown) = match (own, by_id) {
        (Some(own), ById::Told(shown)) if shown != Shown::Absent => {
            (RemoteById::Found(remote(own, shown, transport)), shown)
        }
        (_, ById::Told(_)) => (RemoteById::Missing, Shown::Absent),
        (_, ById::Hidden) => (RemoteById::Hidden(unclear()), Shown::Absent),
        (_, ById::NotAsked) => (RemoteById::NotAsked, listed),
    };
    let look = Look {
        age: steps(u64::from(age)),
        mine: own
            .filter(|_| listed != Shown::Absent)
            .map(|own| remote(own, listed, transport)),
        by_id,
        unclaimed: all
            .clone()
            .filter(|number| unclaimed & bit(*number) != 0)
            .map(|number| remote(number, list[number], transport))
            .collect(),
        claimed: (0..CHANNELS)
            .filter(|number| claimed & bit(*number) != 0)
            .map(id)
            .collect(),
        empty: all.count() == 0,
        complete: true,
        other_intents: (others.iter())
            .map(|baseline| {
                (0..CHANNELS)
                    .filter(|number| baseline & bit(*number) != 0)
                    .map(id)
                    .collect()
            })
            .collect(),
    };
    (Remote::Looked(look), shown)
}

/// Channels that were not there when the intent was written.
pub(crate) fn newcomers(seen: &Seen) -> u8 {
    let (Some(intent), Remote::Looked(look)) = (&seen.object.intent, &seen.remote) else {
        return 0;
    };
    let new = look.unclaimed.iter().filter(|one| !intent.baseline.contains(&one.id));
    new.fold(0, |mask, one| mask | bit(number(&one.id)))
}

/// No clear answer.
pub(crate) fn unclear() -> Fault {
    Fault::Unclear { why: "lost".to_owned() }
}
/// What the planner is shown.
pub(crate) fn seen(pool: &Pool, key: &Key, transport: Transport) -> Seen {
    let value = pool.value(key.value);
    let memory = if key.carried == NOTHING {
        value.read()
    } else {
        pool.plan(key.carried).plan.memory.clone()
    };
    let name = if key.object == 0 { "older" } else { "younger" };
    let own = (memory.channel_id.as_ref().or(value.annotation.as_ref())).map(number);
    let (look, shown) = sight(key, own, transport);
    Seen {
        now: time(key.clock),
        nonce: "nonce".to_owned(),
        // Known to each replica from when it was written; one that learned of it later waits longer.
        intent_watched: (value.intent.as_ref()).map_or(Duration::ZERO, |intent| {
            Duration::try_from(time(key.clock).duration_since(intent.at)).unwrap_or_default()
        }),
        timing: TIMING,
        object: Object {
            namespace: "shops".to_owned(),
            name: name.to_owned(),
            uid: name.to_owned(),
            generation: 1,
            observed_generation: if value.observed { 1 } else { -1 },
            deleting: value.deleting,
            finalizer: value.finalizer,
            namespace_terminating: false,
            kind: Kind::Stays,
            abandon: false,
            requests: value.requests.clone(),
            intent: value.intent.clone(),
            channel_id: value.annotation.clone(),
        },
        wish: Ok(wish(transport)),
        memory,
        account: Account::Usable {
            webhooks: Webhooks::Ready,
        },
        remote: look,
        claim: if key.held {
            Claim::HeldBy("shops/other".to_owned())
        } else {
            Claim::Free
        },
        credentials: match transport.login() {
            Login::Secret { .. } if !value.deleting => Supply::Present {
                hash: format!("k:{}", key.secret),
            },
            Login::Secret { .. } | Login::Qr | Login::Link | Login::Iframe => Supply::NotNeeded,
        },
        two_factor: if shown == Shown::Password {
            Supply::Present { hash: "k:p".to_owned() }
        } else {
            Supply::NotNeeded
        },
        // A QR is there as long as it is needed: how it comes and goes is no part of this check.
        sink: if shown == Shown::Init && transport.login() == Login::Qr {
            Sink::Shown {
                qr_at: Some(time(0)),
                pairing_code: false,
                link: false,
            }
        } else {
            Sink::Absent
        },
    }
}
