//! Whole values, each kept once: objects as the API server stores them, and what the planner made of what was seen. The
//! planner is asked once for each different sight; that is all the checker knows of its decisions.

use std::{cell::RefCell, rc::Rc};

use wazzup_operator::{
    model::{CreateOutcome, Fault, NotSent, Transport},
    plan::{Answer, Call, Plan, Seen, broken_law, plan, settle},
};

use crate::{
    bugs::Bug,
    facts::{Facts, Remembered},
    quick::Map,
    sight::{Key, newcomers, remote, seen, unclear},
    state::{NOTHING, Shown},
    value::{Value, note_down, say},
};

/// How a call ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Reply {
    /// It was done; a create made this channel.
    Done(u8),
    /// A well-formed refusal.
    Refused,
    /// It never left.
    NotSent,
    /// No clear answer.
    Unclear,
    /// There is no such channel.
    Missing,
}

/// A plan and what it was made for.
pub(crate) struct Planned {
    /// What was seen.
    pub(crate) seen: Seen,
    /// What is done.
    pub(crate) plan: Plan,
    /// The law that it breaks.
    pub(crate) broken: Option<&'static str>,
    /// Channels that were not there when the intent was written.
    pub(crate) newcomers: u8,
    /// In numbers.
    pub(crate) key: Key,
    /// What it remembers, in numbers.
    pub(crate) memory: Remembered,
}

/// The pools.
#[derive(Default)]
pub(crate) struct Pool {
    values: RefCell<(Map<Value, u32>, Vec<(Facts, Rc<Value>)>)>,
    plans: RefCell<Vec<Rc<Planned>>>,
    made: RefCell<Map<Key, u32>>,
    settled: RefCell<Map<(u32, Reply), u32>>,
    said: RefCell<Map<(u32, u32), u32>>,
    noted: RefCell<Map<(u32, u32, u32), u32>>,
}

impl Pool {
    /// The number of a value.
    pub(crate) fn put(&self, value: Value) -> u32 {
        let mut values = self.values.borrow_mut();
        if let Some(number) = values.0.get(&value) {
            return *number;
        }
        let number = u32::try_from(values.1.len()).unwrap_or(NOTHING);
        values.1.push((Facts::of(&value), Rc::new(value.clone())));
        values.0.insert(value, number);
        number
    }

    /// The value of a number.
    pub(crate) fn value(&self, number: u32) -> Rc<Value> {
        self.values.borrow().1[number as usize].1.clone()
    }

    /// A value in numbers.
    pub(crate) fn facts(&self, number: u32) -> Facts {
        self.values.borrow().1[number as usize].0
    }

    /// The value that a plan's status leaves of another.
    pub(crate) fn said(&self, value: u32, plan: u32) -> u32 {
        if let Some(number) = self.said.borrow().get(&(value, plan)) {
            return *number;
        }
        let number = self.put(say(&self.value(value), &self.plan(plan)));
        self.said.borrow_mut().insert((value, plan), number);
        number
    }

    /// The value that a plan's note leaves of another; see `cluster::notes::carry_out`.
    pub(crate) fn noted(&self, current: u32, copy: u32, plan: u32) -> u32 {
        if let Some(number) = self.noted.borrow().get(&(current, copy, plan)) {
            return *number;
        }
        let planned = self.plan(plan);
        let Some(note) = &planned.plan.note else { return current };
        let number = self.put(note_down(&self.value(current), &self.value(copy), note));
        self.noted.borrow_mut().insert((current, copy, plan), number);
        number
    }

    /// The plan of a number.
    pub(crate) fn plan(&self, number: u32) -> Rc<Planned> {
        self.plans.borrow()[number as usize].clone()
    }

    /// How many sights the planner was asked about.
    pub(crate) fn asked(&self) -> usize {
        self.made.borrow().len()
    }

    fn keep(&self, planned: Planned) -> u32 {
        let mut plans = self.plans.borrow_mut();
        plans.push(Rc::new(planned));
        u32::try_from(plans.len() - 1).unwrap_or(NOTHING)
    }

    /// The planner's plan for what was seen.
    pub(crate) fn planned(&self, key: &Key, transport: Transport, bug: Bug) -> u32 {
        if let Some(number) = self.made.borrow().get(key) {
            return *number;
        }
        let mut seen = seen(self, key, transport);
        bug.blur(&mut seen);
        let mut made = plan(&seen);
        bug.misplan(&seen, &mut made);
        let planned = Planned {
            broken: broken_law(&seen, &made),
            newcomers: newcomers(&seen),
            memory: Remembered::of(&made.memory),
            plan: made,
            seen,
            key: *key,
        };
        let number = self.keep(planned);
        self.made.borrow_mut().insert(*key, number);
        number
    }

    /// What an answer makes of a plan.
    pub(crate) fn settled(&self, plan: u32, reply: Reply, transport: Transport, bug: Bug) -> u32 {
        if let Some(number) = self.settled.borrow().get(&(plan, reply)) {
            return *number;
        }
        let before = self.plan(plan);
        let (Some(call), Ok(wish)) = (&before.plan.call, &before.seen.wish) else {
            return plan;
        };
        let answer = bug.mishear(answer(call, reply, transport));
        let mut made = settle(&before.seen, wish, &before.plan, &answer);
        bug.misremember(&mut made);
        let planned = Planned {
            seen: before.seen.clone(),
            broken: broken_law(&before.seen, &made).or(made.call.as_ref().map(|_| "a settled plan holds no call")),
            newcomers: before.newcomers,
            memory: Remembered::of(&made.memory),
            plan: made,
            key: before.key,
        };
        let number = self.keep(planned);
        self.settled.borrow_mut().insert((plan, reply), number);
        number
    }
}

fn answer(call: &Call, reply: Reply, transport: Transport) -> Answer {
    let fault = match reply {
        Reply::Done(_) | Reply::Unclear => unclear(),
        Reply::Refused => Fault::Rejected {
            status: 400,
            words: "no".to_owned(),
        },
        Reply::NotSent => Fault::NotSent {
            kind: NotSent::Connect,
            why: "refused".to_owned(),
        },
        Reply::Missing => Fault::Missing {
            words: "none".to_owned(),
        },
    };
    let result = if matches!(reply, Reply::Done(_)) {
        Ok(())
    } else {
        Err(fault.clone())
    };
    match call {
        Call::Create { .. } => Answer::Create(match reply {
            Reply::Done(number) => CreateOutcome::Created(remote(usize::from(number), Shown::Init, transport)),
            Reply::Refused => CreateOutcome::Refused(fault),
            Reply::NotSent => CreateOutcome::NotSent(fault),
            Reply::Unclear | Reply::Missing => CreateOutcome::Unknown(fault),
        }),
        Call::Reinit(_) => Answer::Reinit(result.map(|()| None)),
        Call::SubmitTwoFactor(_) => Answer::TwoFactor(result),
        Call::RequestPairingCode(..) => Answer::PairingCode(result),
        Call::OpenLink(_) => Answer::Link(result),
        Call::Delete { .. } => Answer::Delete(result),
    }
}
