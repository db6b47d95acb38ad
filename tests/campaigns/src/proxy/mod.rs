//! Two kinds of proxy between the operator and its worlds: each message is recorded, and harmed where a rule says so.
//!
//! A replica gets a proxy to Kubernetes of its own, which tells the replicas apart; the service's address stands in the
//! account, so all replicas share the proxy to Wazzup, and who sent a message there is found by the connection's owner.

mod fault;
mod forward;
pub mod label;
mod owner;
mod serve;
mod told;
mod watch;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use tokio::task::AbortHandle;

pub use fault::{Fault, Moment, Reply, Rule, Shelf, Which};
pub use watch::WatchFault;

use crate::operator::Replica;

/// One of the operator's two worlds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Side {
    /// The API server.
    Kubernetes,
    /// The service.
    Wazzup,
}

/// A message that passed, or was to.
#[derive(Debug, Clone)]
pub struct Message {
    /// Where it went.
    pub side: Side,
    /// What it was, without names and ids.
    pub label: String,
    /// Its path, for people.
    pub path: String,
    /// From which replica, if that is known.
    pub replica: Option<usize>,
    /// When it came.
    pub at: Instant,
    /// The status that the operator got; `None` for none.
    pub status: Option<u16>,
    /// What was done to it.
    pub fault: Option<String>,
    /// How long its sender waited for the head of an answer, or until it gave up; `None` while it waits.
    pub held: Option<Duration>,
    /// Which form of an answer was asked for.
    pub accept: String,
    /// Which of its replica's processes sent it, counted from 1; 0 where the replica is not known.
    pub run: usize,
    /// What it held that matters to a judge.
    pub told: Told,
    /// What stands behind the proxy has answered, whatever the operator got; `None` where it was not asked.
    pub truth: Option<Truth>,
}

/// What stood in a message, as far as a judge needs it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Told {
    /// Of a patch of a channel: what becomes of the create intent.
    pub intent: Option<IntentPatch>,
    /// Of a message to the service: a number for the token that it carries, which tells accounts apart.
    pub account: Option<u64>,
}

/// What a patch does to the create intent of a channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IntentPatch {
    /// It is written.
    Opened {
        /// Only if the object is still as it was seen.
        versioned: bool,
    },
    /// It is taken away.
    Cleared,
}

/// A true answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Truth {
    /// Its status.
    pub status: u16,
    /// Whether it refuses because the namespace is on its way out.
    pub terminating: bool,
}

/// Longer than the operator takes to open a watch that was closed.
const REOPENED: Duration = Duration::from_secs(30);

#[derive(Default)]
struct Ledger {
    messages: Vec<Message>,
    rules: Vec<Rule>,
    cut: Vec<(Side, Option<usize>)>,
    watches_closed: usize,
    closed_at: Option<Instant>,
    /// What comes after a rule that has struck and a start: by the rule's place.
    chains: Vec<(usize, Vec<Rule>)>,
    /// What waits for the next start.
    waiting: Vec<Vec<Rule>>,
    /// How many processes each replica has had.
    runs: BTreeMap<usize, usize>,
}

impl Ledger {
    /// The first of these applies from now on, each other from the start on that follows its forerunner's strike.
    fn follow(&mut self, chain: Vec<Rule>) {
        let mut chain = chain.into_iter();
        let Some(first) = chain.next() else { return };
        self.rules.push(first);
        self.chains.push((self.rules.len() - 1, chain.collect()));
    }
}

/// What all proxies of a life share: the record and the rules.
#[derive(Clone, Default)]
pub struct Wire {
    ledger: Arc<Mutex<Ledger>>,
    replicas: Arc<Mutex<Vec<Replica>>>,
    /// One entry for each write that is on its way to the API server: whose it is.
    flying: Arc<Mutex<Vec<usize>>>,
    /// How many events of watches were harmed.
    tally: watch::Tally,
    /// What listens.
    open: Arc<Mutex<Vec<AbortHandle>>>,
}

/// A write on its way, until it is dropped.
struct Flight {
    flying: Arc<Mutex<Vec<usize>>>,
    replica: usize,
}

impl Drop for Flight {
    fn drop(&mut self) {
        let mut flying = self.flying.lock().unwrap();
        if let Some(at) = flying.iter().position(|one| *one == self.replica) {
            flying.swap_remove(at);
        }
    }
}

impl Wire {
    /// Nobody is let in any more: a proxy ends with its life, or thousands of them would hold as many ports.
    pub fn close(&self) {
        for listening in self.open.lock().unwrap().drain(..) {
            listening.abort();
        }
    }

    fn with<T>(&self, act: impl FnOnce(&mut Ledger) -> T) -> T {
        act(&mut self.ledger.lock().unwrap())
    }

    /// One more replica; returns its number.
    pub fn add(&self, replica: Replica) -> usize {
        let mut replicas = self.replicas.lock().unwrap();
        replicas.push(replica);
        replicas.len() - 1
    }

    /// The replicas, by their numbers.
    pub fn replicas(&self) -> Vec<Replica> {
        self.replicas.lock().unwrap().clone()
    }

    fn flight(&self, replica: usize) -> Flight {
        self.flying.lock().unwrap().push(replica);
        Flight {
            flying: self.flying.clone(),
            replica,
        }
    }

    /// Whether a write of this replica is still on its way to the API server.
    pub fn is_flying(&self, replica: usize) -> bool {
        self.flying.lock().unwrap().contains(&replica)
    }

    /// Adds a rule; rules are tried in the order in which they came.
    pub fn rule(&self, rule: Rule) {
        self.with(|ledger| ledger.rules.push(rule));
    }

    /// Adds rules of which each applies only when the one before has struck and a replica was started since: kills in a row.
    pub fn rules_in_turn(&self, rules: Vec<Rule>) {
        self.with(|ledger| ledger.follow(rules));
    }

    /// A replica is being started.
    pub(crate) fn starting(&self, replica: usize) {
        self.with(|ledger| {
            *ledger.runs.entry(replica).or_default() += 1;
            for chain in std::mem::take(&mut ledger.waiting) {
                ledger.follow(chain);
            }
        });
    }

    /// Takes all rules and partitions away: calm weather.
    pub fn calm(&self) {
        self.with(|ledger| {
            ledger.rules.clear();
            ledger.chains.clear();
            ledger.waiting.clear();
            ledger.cut.clear();
        });
    }

    /// How often rules have struck.
    pub fn struck(&self) -> usize {
        self.with(|ledger| ledger.messages.iter().filter(|message| message.fault.is_some()).count())
    }

    /// Whether the newest process of each replica was answered such a call well.
    pub fn newest_did(&self, label: &str) -> bool {
        self.with(|ledger| {
            let did = |(replica, run): (&usize, &usize)| {
                ledger.messages.iter().any(|message| {
                    let its = message.replica == Some(*replica) && message.run == *run;
                    its && message.label == label && message.status.is_some_and(|status| status < 300)
                })
            };
            ledger.runs.iter().all(did)
        })
    }

    /// How many events of watches were really lost, late, repeated, out of order or broken off.
    pub fn events_harmed(&self) -> usize {
        self.tally.harmed()
    }

    /// Cuts a replica, or all, from one side: new messages get no answer and open ones break off.
    pub fn cut(&self, side: Side, replica: Option<usize>) {
        self.with(|ledger| ledger.cut.push((side, replica)));
    }

    /// Ends every watch that is open now, in order; what is opened again meets the rules that stand then.
    pub fn close_watches(&self) {
        self.with(|ledger| {
            ledger.watches_closed += 1;
            ledger.closed_at = Some(Instant::now());
        });
    }

    /// Waits until each watch that was closed last is opened again: a short story would be over before.
    pub async fn watches_opened_again(&self) {
        let Some(closed) = self.with(|ledger| ledger.closed_at) else {
            return;
        };
        let deadline = Instant::now() + REOPENED;
        let missing = || {
            let messages = self.messages();
            let watches = messages.iter().filter(|message| message.label.starts_with("WATCH "));
            let (after, before): (Vec<_>, Vec<_>) = watches.partition(|message| message.at > closed);
            before
                .iter()
                .any(|one| after.iter().all(|other| other.label != one.label))
        };
        while missing() && Instant::now() < deadline {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    fn watches_closed(&self) -> usize {
        self.with(|ledger| ledger.watches_closed)
    }

    fn is_cut(&self, side: Side, replica: Option<usize>) -> bool {
        self.with(|ledger| {
            ledger
                .cut
                .iter()
                .any(|(of, who)| *of == side && (who.is_none() || *who == replica))
        })
    }

    /// Everything that passed so far.
    pub fn messages(&self) -> Vec<Message> {
        self.with(|ledger| ledger.messages.clone())
    }

    /// Forgets what passed so far.
    pub fn forget(&self) {
        self.with(|ledger| ledger.messages.clear());
    }

    /// Labels of the steps so far: writes that matter, in order, over both sides.
    pub fn steps(&self) -> Vec<(Side, String)> {
        let messages = self.messages();
        let steps = messages
            .into_iter()
            .filter(|message| label::is_step(message.side, &message.label));
        steps.map(|message| (message.side, message.label)).collect()
    }

    /// How many processes a replica has had; 0 where it is not known.
    fn run(&self, replica: Option<usize>) -> usize {
        let count = |ledger: &mut Ledger| replica.and_then(|replica| ledger.runs.get(&replica).copied());
        self.with(count).unwrap_or_default()
    }

    /// Records a message; the fault that meets it, if any.
    fn meet(
        &self,
        side: Side,
        label: &str,
        path: &str,
        accept: &str,
        told: Told,
        (replica, run): (Option<usize>, usize),
    ) -> (usize, Option<Fault>) {
        self.with(|ledger| {
            let mut met = None;
            let mut by = None;
            for (place, rule) in ledger.rules.iter_mut().enumerate() {
                if !rule.matches(side, label, replica) {
                    continue;
                }
                if rule.skip > 0 {
                    rule.skip -= 1;
                } else if met.is_none() && rule.struck < rule.times {
                    rule.struck += 1;
                    met = Some(rule.fault.clone());
                    by = Some(place);
                }
            }
            if let Some(at) = ledger.chains.iter().position(|(place, _)| Some(*place) == by) {
                let (_, rest) = ledger.chains.swap_remove(at);
                ledger.waiting.push(rest);
            }
            ledger.messages.push(Message {
                side,
                label: label.to_owned(),
                path: path.to_owned(),
                replica,
                at: Instant::now(),
                status: None,
                fault: met.as_ref().map(|fault| format!("{fault:?}")),
                held: None,
                accept: accept.to_owned(),
                run,
                told,
                truth: None,
            });
            (ledger.messages.len() - 1, met)
        })
    }

    /// A message is over for its sender.
    fn over(&self, number: usize, label: &str, held: Duration) {
        self.with(|ledger| {
            // After `forget` the number may be another's.
            if let Some(message) = ledger.messages.get_mut(number).filter(|message| message.label == label) {
                message.held = Some(held);
            }
        });
    }

    /// What stands behind has answered a message.
    fn truly(&self, number: usize, label: &str, truth: Truth) {
        self.with(|ledger| {
            if let Some(message) = ledger.messages.get_mut(number).filter(|message| message.label == label) {
                message.truth = Some(truth);
            }
        });
    }

    fn answered(&self, number: usize, status: Option<u16>) {
        self.with(|ledger| {
            if let Some(message) = ledger.messages.get_mut(number) {
                message.status = status;
            }
        });
    }

    /// Starts the proxy of a replica to Kubernetes, with the rights of `client`; returns its URL.
    pub async fn before_kubernetes(&self, client: kube::Client, replica: usize) -> String {
        serve::serve(self.clone(), forward::Behind::Kubernetes { client, replica }).await
    }

    /// Starts the proxy to the service; returns its URL.
    pub async fn before_wazzup(&self, url: String) -> String {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .unwrap();
        serve::serve(self.clone(), forward::Behind::Wazzup { http, url }).await
    }
}
