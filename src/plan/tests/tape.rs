//! Worlds drawn from a tape of random bytes.

use std::time::Duration;

use proptest::{collection::vec, prelude::*};

use super::super::{
    Account, AccountTrouble, Answer, Call, Claim, DeletionPolicy, ExternalDeletionPolicy, Intent, Kind, Look,
    Management, Memory, ReadyWhen, Refusal, RefusedCall, ReinitPolicy, Remote, RemoteById, Repeated, Requests, Seen,
    Setback, Sink, Supply, Webhooks, Wish,
};
use super::stage::{at, fresh, id, remote, wish};
use crate::model::{ChannelId, CreateOutcome, Fault, NotSent, Phone, RemoteChannel, Transport};

/// Random bytes, read one after the other; zeros when they run out, which is the calmest world.
pub(super) struct Tape(std::vec::IntoIter<u8>);

impl Tape {
    /// From its first byte.
    pub(super) fn of(bytes: Vec<u8>) -> Self {
        Self(bytes.into_iter())
    }

    pub(super) fn byte(&mut self) -> usize {
        usize::from(self.0.next().unwrap_or(0))
    }

    fn pick<T: Clone>(&mut self, of: &[T]) -> T {
        let index = self.byte() % of.len();
        of[index].clone()
    }

    fn yes(&mut self) -> bool {
        self.byte() % 2 == 1
    }

    fn maybe<T>(&mut self, some: impl FnOnce(&mut Self) -> T) -> Option<T> {
        self.yes().then(|| some(self))
    }

    fn time(&mut self) -> jiff::Timestamp {
        at(self.pick(&[0, -1, -5, -30, -120, -121, -200, -600, -4_000, -90_000, 50]))
    }

    fn id(&mut self) -> ChannelId {
        id(self.pick(&["mine", "a", "b", "c"]))
    }

    fn channel(&mut self, transport: Transport) -> RemoteChannel {
        let status = self.pick(&["active", "init", "disabled", "paused"]);
        let reason = self.pick(&[
            None,
            Some("qr"),
            Some("sync"),
            Some("wait_for_password"),
            Some("wait_for_code"),
            Some("blocked"),
            Some("not_enough_money"),
            Some("rejected"),
            Some("unauthorized"),
            Some("foreignphone"),
            Some("qridle"),
            Some("openelsewhere"),
            Some("tired"),
        ]);
        let mut channel = remote(self.id().as_str(), transport, status, reason);
        channel.phone = self.maybe(|_| "79990000000".into());
        channel.url = self.maybe(|_| "https://example.com/way-in".into());
        if self.byte() % 8 == 7 {
            channel.status = None;
        }
        if self.byte() % 16 == 15 {
            channel.transport = "smoke".into();
        }
        channel
    }

    pub(super) fn fault(&mut self) -> Fault {
        let words = "words".to_owned();
        match self.byte() % 6 {
            0 => Fault::Denied { status: 401, words },
            1 => Fault::Missing { words },
            2 => Fault::Rejected { status: 400, words },
            3 => Fault::Throttled {
                retry_after: self.maybe(|_| Duration::from_secs(7)),
            },
            4 => Fault::NotSent {
                kind: NotSent::Connect,
                why: words,
            },
            _ => Fault::Unclear { why: words },
        }
    }

    fn word(&mut self) -> Option<String> {
        self.pick(&[None, Some("one".to_owned()), Some("two".to_owned())])
    }

    fn requests(&mut self) -> Requests {
        Requests {
            reinit: self.word(),
            sync: self.word(),
            pairing: self.word(),
            recreate: self.word(),
            resolve_create: self.pick(&[None, Some("create".into()), Some("a".into()), Some("zzz".into())]),
        }
    }

    fn supply(&mut self) -> Supply {
        self.pick(&[
            Supply::NotNeeded,
            Supply::Missing("Secret bot".into()),
            Supply::Hidden("forbidden".into()),
            Supply::Present { hash: "k:1".into() },
            Supply::Present { hash: "k:2".into() },
        ])
    }

    fn wish(&mut self) -> Wish {
        let mut wish = wish(self.pick(&Transport::ALL));
        wish.adopt = if self.byte() % 4 == 3 { Some(self.id()) } else { None };
        wish.management = self.pick(&[Management::Full, Management::Full, Management::Observe]);
        wish.deletion = self.pick(&[
            None,
            Some(DeletionPolicy::Delete),
            Some(DeletionPolicy::DeleteWithChats),
            Some(DeletionPolicy::Retain),
        ]);
        wish.external_deletion = self.pick(&[
            None,
            Some(ExternalDeletionPolicy::Recreate),
            Some(ExternalDeletionPolicy::Stop),
        ]);
        wish.reinit = self.pick(&[ReinitPolicy::Auto, ReinitPolicy::OnRequest]);
        wish.pairing_phone = self.maybe(|_| Phone::parse("79990000000").unwrap());
        wish.ready_when = self.pick(&[ReadyWhen::Connected, ReadyWhen::Provisioned]);
        wish.suspend = self.byte() % 4 == 3;
        wish
    }

    fn memory(&mut self) -> Memory {
        Memory {
            channel_id: self.maybe(Self::id),
            was_seen: self.yes(),
            reinits: self.pick(&[0, 1, 2, 3, 4, u32::MAX]),
            last_reinit_at: self.maybe(Self::time),
            reinit_unanswered: self.maybe(Self::time),
            credentials_hash: self.pick(&[None, Some("k:1".into()), Some("k:2".into()), Some("old:9".into())]),
            two_factor_hash: self.pick(&[None, Some("k:1".into()), Some("k:2".into())]),
            qr_since: self.maybe(Self::time),
            missing_since: self.maybe(Self::time),
            loss_believed: self.byte() % 4 == 3,
            pairing_asked_for: self.maybe(Self::time),
            pairing_given: self.yes(),
            link_at: self.maybe(Self::time),
            url: self.maybe(|_| "https://example.com/way-in".into()),
            refusal: self.maybe(|tape| Refusal {
                call: tape.pick(&[
                    RefusedCall::Create,
                    RefusedCall::Reinit,
                    RefusedCall::TwoFactor,
                    RefusedCall::PairingCode,
                    RefusedCall::Link,
                    RefusedCall::Delete,
                ]),
                at: tape.time(),
                words: "words".into(),
            }),
            setback: self.maybe(|tape| Setback {
                at: tape.time(),
                in_a_row: tape.pick(&[0, 1, 7, u32::MAX]),
                words: "words".into(),
            }),
            qr_closed_at: self.maybe(Self::time),
            repeated: self.maybe(|tape| Repeated {
                at: tape.time(),
                known: vec![tape.id()],
            }),
            twins: Vec::new(),
            handled: self.requests(),
        }
    }

    fn remote(&mut self, transport: Transport) -> Remote {
        match self.byte() % 8 {
            0 => Remote::NotAsked,
            1 => Remote::Hidden {
                fault: self.fault(),
                in_a_row: self.pick(&[1, 2, 3, 99]),
            },
            _ => Remote::Looked(Look {
                mine: self.maybe(|tape| tape.channel(transport)),
                by_id: match self.byte() % 5 {
                    0 => RemoteById::NotAsked,
                    1 => RemoteById::Found(self.channel(transport)),
                    2 => RemoteById::Hidden(self.fault()),
                    _ => RemoteById::Missing,
                },
                unclaimed: (0..self.byte() % 4).map(|_| self.channel(transport)).collect(),
                claimed: (0..self.byte() % 3).map(|_| self.id()).collect(),
                empty: self.byte() % 4 == 3,
                complete: self.byte() % 4 != 3,
                other_intents: (0..self.pick(&[0, 0, 1, 2]))
                    .map(|_| (0..self.byte() % 3).map(|_| self.id()).collect())
                    .collect(),
                age: Duration::from_secs(self.pick(&[0, 1, 11, 200, u64::MAX])),
            }),
        }
    }

    pub(super) fn seen(&mut self) -> Seen {
        let wish = self.wish();
        let mut seen = fresh(wish.transport);
        seen.remote = self.remote(wish.transport);
        seen.wish = if self.byte() % 16 == 15 {
            Err("spec.x is wrong".into())
        } else {
            Ok(wish)
        };
        seen.memory = self.memory();
        seen.object.channel_id = self.maybe(Self::id);
        seen.object.deleting = self.byte() % 4 == 3;
        seen.object.finalizer = self.yes();
        seen.object.generation = self.pick(&[1, 2]);
        seen.object.observed_generation = self.pick(&[-1, 1, 2]);
        seen.object.namespace_terminating = self.byte() % 8 == 7;
        seen.object.kind = match self.byte() % 8 {
            7 => Kind::Going,
            6 => Kind::Hidden("no answer".into()),
            _ => Kind::Stays,
        };
        seen.object.abandon = self.byte() % 8 == 7;
        seen.object.requests = self.requests();
        seen.object.intent = self.maybe(|tape| Intent {
            at: tape.time(),
            nonce: "before".into(),
            baseline: vec![id("a")],
            baseline_cut: tape.byte() % 4 == 3,
        });
        seen.account = match self.byte() % 8 {
            0 => Account::Pending,
            1 => Account::Trouble(
                self.pick(&[
                    AccountTrouble::NotFound,
                    AccountTrouble::NotAllowed,
                    AccountTrouble::NotAuthenticated,
                    AccountTrouble::Invalid,
                    AccountTrouble::OutOfReach,
                ]),
                "why".into(),
            ),
            _ => Account::Usable {
                webhooks: self.pick(&[Webhooks::Ready, Webhooks::Ready, Webhooks::Pending, Webhooks::Off]),
            },
        };
        seen.claim = match self.byte() % 8 {
            0 => Claim::HeldBy("shops/other".into()),
            _ => Claim::Free,
        };
        seen.credentials = self.supply();
        seen.two_factor = self.supply();
        seen.sink = match self.byte() % 4 {
            0 => Sink::Absent,
            1 if self.byte().is_multiple_of(4) => Sink::Foreign,
            _ => Sink::Shown {
                qr_at: self.maybe(Self::time),
                pairing_code: self.yes(),
                link: self.yes(),
            },
        };
        // A list is searched by id, so what is found has it.
        if let (Some(known), Remote::Looked(look)) = (seen.channel_id().cloned(), &mut seen.remote) {
            if let Some(mine) = &mut look.mine {
                mine.id.clone_from(&known);
            }
            if let RemoteById::Found(channel) = &mut look.by_id {
                channel.id = known;
            }
        }
        seen
    }

    pub(super) fn answer(&mut self, call: &Call) -> Answer {
        let result = |tape: &mut Self| if tape.yes() { Ok(()) } else { Err(tape.fault()) };
        match call {
            Call::Create { .. } => Answer::Create(match self.byte() % 4 {
                0 => CreateOutcome::Created(self.channel(Transport::Telegram)),
                1 => CreateOutcome::Refused(self.fault()),
                2 => CreateOutcome::NotSent(self.fault()),
                _ => CreateOutcome::Unknown(self.fault()),
            }),
            Call::Reinit(_) => Answer::Reinit(result(self).map(|()| None)),
            Call::SubmitTwoFactor(_) => Answer::TwoFactor(result(self)),
            Call::RequestPairingCode(..) => Answer::PairingCode(result(self)),
            Call::OpenLink(_) => Answer::Link(result(self)),
            Call::Delete { .. } => Answer::Delete(result(self)),
        }
    }
}

/// A tape for one world and what happens in it.
pub(super) fn bytes() -> impl Strategy<Value = Vec<u8>> {
    vec(any::<u8>(), 128)
}

/// Worlds for each law; `LAW_CASES` says another number where the tests run a thousand times over (`make mutants`).
pub(super) fn cases() -> u32 {
    let asked = std::env::var("LAW_CASES").ok();
    asked.map_or(20_000, |asked| asked.parse().expect("LAW_CASES is a number"))
}
