//! One long life, drawn from a tape of random bytes: longer than a search can go, with more faults.

use crate::{
    bugs::Bug,
    calm::Good,
    search::Violation,
    world::{Action, Scenario, World},
};

/// Lives as the tape says, then in calm weather; the law that broke, with the story.
pub fn walk(scenario: Scenario, bug: Bug, tape: &[u8]) -> Result<usize, Violation> {
    let world = World::new(scenario, bug);
    let mut state = world.begin();
    let mut story = Vec::new();
    for byte in tape {
        let actions = world.actions(&state);
        let Some(action) = pick(&actions, *byte) else { break };
        match world.apply(&state, action) {
            Ok(then) => {
                story.push(world.line(&state, action, Some(&then)));
                state = then;
            }
            Err(law) => {
                story.push(world.line(&state, action, None));
                return Err(Violation { law, story });
            }
        }
    }
    match world.calms(&state, &mut Good::default()) {
        Ok(()) => Ok(story.len()),
        Err(law) => Err(Violation { law, story }),
    }
}

/// Small bytes go on with what was begun; the rest may be anything.
fn pick(actions: &[Action], byte: u8) -> Option<Action> {
    let goes_on = |action: &&Action| {
        matches!(
            action,
            Action::Lead(_)
                | Action::Watch(..)
                | Action::Look(..)
                | Action::Write(..)
                | Action::Call(..)
                | Action::Answer(..)
        )
    };
    let steady: Vec<&Action> = actions.iter().filter(goes_on).collect();
    let (of, byte): (Vec<&Action>, u8) = if byte < 128 && !steady.is_empty() {
        (steady, byte)
    } else {
        (actions.iter().collect(), byte.wrapping_sub(128))
    };
    of.get(usize::from(byte) % of.len().max(1)).map(|action| **action)
}
