//! Breadth first through every state that a scenario can reach. A hash set of fingerprints and one list of states for each
//! depth is all it takes: a library for this would bring a web server along.

use std::fmt;

use crate::{
    bugs::Bug,
    calm::Good,
    quick::{Map, print},
    state::State,
    world::{Action, Scenario, World},
};

/// What a search found.
#[derive(Debug, Clone)]
pub struct Summary {
    /// Different states.
    pub states: usize,
    /// Steps between them.
    pub transitions: usize,
    /// The longest life.
    pub depth: usize,
    /// Different sights that the planner was asked about.
    pub sights: usize,
    /// Whether every state was seen.
    pub complete: bool,
    /// What broke, with the shortest way to it; the search ends with the first.
    pub violations: Vec<Violation>,
}

/// A broken law and how it came to it.
#[derive(Debug, Clone)]
pub struct Violation {
    /// The law.
    pub law: String,
    /// What happened.
    pub story: Vec<String>,
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} states, {} transitions, {} steps deep, {} sights, {}",
            self.states,
            self.transitions,
            self.depth,
            self.sights,
            if self.complete { "all seen" } else { "bounded" }
        )?;
        self.violations
            .iter()
            .try_for_each(|violation| write!(f, "\n{violation}"))
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.law)?;
        self.story
            .iter()
            .enumerate()
            .try_for_each(|(number, line)| write!(f, "\n  {:2}. {line}", number + 1))
    }
}

/// Searches a scenario; gives up after so many states.
pub fn search(scenario: Scenario, bug: Bug, most: usize) -> Summary {
    let world = World::new(scenario, bug);
    let first = world.begin();
    let mut seen: Map<u64, (u64, u16)> = Map::default();
    let mut good = Good::default();
    seen.insert(print(&first), (0, 0));
    let mut summary = Summary {
        states: 1,
        transitions: 0,
        depth: 0,
        sights: 0,
        complete: true,
        violations: Vec::new(),
    };
    let mut level = vec![first];
    'search: while !level.is_empty() {
        let mut next = Vec::new();
        for state in level.drain(..) {
            let here = print(&state);
            if let Err(law) = world.calms(&state, &mut good) {
                summary.violations.push(told(&world, &seen, here, None, law));
                break 'search;
            }
            for (number, action) in world.actions(&state).into_iter().enumerate() {
                summary.transitions += 1;
                match world.apply(&state, action) {
                    Ok(then) => {
                        let there = print(&then);
                        if let std::collections::hash_map::Entry::Vacant(vacant) = seen.entry(there) {
                            vacant.insert((here, u16::try_from(number).unwrap_or(0)));
                            next.push(then);
                        }
                    }
                    Err(law) => {
                        summary.violations.push(told(&world, &seen, here, Some(action), law));
                        break 'search;
                    }
                }
            }
            if seen.len() > most {
                summary.complete = false;
                break 'search;
            }
        }
        summary.depth += usize::from(!next.is_empty());
        level = next;
    }
    summary.complete &= summary.violations.is_empty();
    summary.states = seen.len();
    summary.sights = world.pool.asked();
    summary
}

/// The way to a state, in words, and what happened last.
fn told(world: &World, seen: &Map<u64, (u64, u16)>, mut here: u64, last: Option<Action>, law: String) -> Violation {
    let mut numbers = Vec::new();
    while let Some((before, number)) = seen.get(&here).filter(|(before, _)| *before != 0) {
        numbers.push(*number);
        here = *before;
    }
    let mut state: State = world.begin();
    let mut story = Vec::new();
    for number in numbers.into_iter().rev() {
        let action = world.actions(&state)[usize::from(number)];
        let Ok(then) = world.apply(&state, action) else { break };
        story.push(world.line(&state, action, Some(&then)));
        state = then;
    }
    story.extend(last.map(|action| world.line(&state, action, None)));
    Violation { law, story }
}

impl World {
    /// An action in words.
    pub(crate) fn line(&self, before: &State, action: Action, after: Option<&State>) -> String {
        let plan = |state: &State, replica: usize, object: usize| {
            let pass = &state.replicas[replica].passes[object];
            if pass.plan == crate::state::NOTHING {
                format!("{:?}", pass.phase)
            } else {
                let plan = &self.pool.plan(pass.plan).plan;
                let note = plan.note.as_ref().map(|note| format!("{note:?}"));
                let call = plan.call.as_ref().map(|call| format!("{call:?}"));
                format!(
                    "{:?} {} {}",
                    pass.phase,
                    note.unwrap_or_default().split('(').next().unwrap_or_default(),
                    call.unwrap_or_default()
                )
            }
        };
        let about = match action {
            Action::Look(replica, object, _) => after.map(|after| plan(after, replica, object)),
            Action::Write(replica, object) | Action::Call(replica, object, _) => Some(plan(before, replica, object)),
            _ => None,
        };
        let then = after.map(|after| self.portrait(after)).unwrap_or_default();
        format!(
            "t{} {action:?} [{}] -> {then}",
            before.clock,
            about.unwrap_or_default().trim()
        )
    }
}
