//! What is searched, and how far.

use wazzup_operator::model::Transport;

use crate::{
    bugs::Bug,
    search::{Summary, search},
    state::Budget,
    world::Scenario,
};

/// How far a search goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bounds {
    /// What every test run can afford.
    Short,
    /// What a campaign can.
    Long,
}

/// A scenario and its name.
#[derive(Debug, Clone, Copy)]
pub struct Named {
    /// A sentence.
    pub name: &'static str,
    /// What is searched.
    pub scenario: Scenario,
}

const CALM: Budget = Budget {
    ticks: 0,
    mishaps: 0,
    crashes: 0,
    aborts: 0,
    losses: 0,
    answers: 0,
    replays: 0,
    late: 0,
    lags: 0,
    lies: 0,
    fails: 0,
    strangers: 0,
    deletes: 0,
    leaves: 0,
    choices: 0,
    vanish: 0,
    rotations: 0,
    logins: 0,
};

/// Faults of the network, of processes and of lists; what is not named cannot happen.
const FAULTS: Budget = Budget {
    ticks: 4,
    mishaps: 2,
    crashes: 2,
    aborts: 1,
    losses: 1,
    answers: 2,
    lags: 1,
    lies: 1,
    fails: 1,
    ..CALM
};

/// One object to be created.
const fn one(transport: Transport, budget: Budget) -> Scenario {
    Scenario {
        transport,
        objects: 1,
        settled: false,
        password: false,
        budget,
    }
}

/// One object whose channel works.
const fn settled(transport: Transport, budget: Budget) -> Scenario {
    Scenario {
        settled: true,
        password: matches!(transport, Transport::Tgapi),
        ..one(transport, budget)
    }
}

const fn two(transport: Transport, budget: Budget) -> Scenario {
    Scenario {
        objects: 2,
        ..one(transport, budget)
    }
}

/// Two objects that are created while one thing goes wrong, or two: one search for each kind, since all of them at once would
/// be more than a test run can afford. Three steps of time are a grace and the second look after it; calm weather brings
/// what is short of them.
fn side_by_side(bounds: Bounds) -> Vec<([&'static str; 2], Budget)> {
    let more = u8::from(bounds == Bounds::Long);
    let once = Budget {
        ticks: 3,
        mishaps: 1,
        ..CALM
    };
    let twice = Budget {
        ticks: 2 + more,
        mishaps: 2,
        ..CALM
    };
    vec![
        (
            ["two bots, and a process dies", "two QR channels, and a process dies"],
            Budget { crashes: 1, ..once },
        ),
        (
            [
                "two bots, and an answer is lost",
                "two QR channels, and an answer is lost",
            ],
            Budget { answers: 1, ..once },
        ),
        (
            [
                "two bots, and a request is replayed",
                "two QR channels, and a request is replayed",
            ],
            Budget { replays: 1, ..once },
        ),
        (
            [
                "two bots, and Kubernetes ends a pass",
                "two QR channels, and Kubernetes ends a pass",
            ],
            Budget { aborts: 1, ..once },
        ),
        (
            ["two bots, and a list is old", "two QR channels, and a list is old"],
            Budget { lags: 1, ..once },
        ),
        (
            ["two bots, and a list is empty", "two QR channels, and a list is empty"],
            Budget { lies: 1, ..once },
        ),
        (
            ["two bots, and a list fails", "two QR channels, and a list fails"],
            Budget { fails: 1, ..once },
        ),
        // A list that the account keeps is no fault: it may be old whatever else goes wrong.
        (
            [
                "two bots, and an answer is lost beside an old list",
                "two QR channels, and an answer is lost beside an old list",
            ],
            Budget {
                ticks: 2 + more,
                answers: 1,
                lags: 1,
                ..once
            },
        ),
        // Two replicas with a view each are many more states.
        (
            ["two bots, and a lease is lost", "two QR channels, and a lease is lost"],
            Budget {
                ticks: 3 * more,
                losses: 1,
                ..once
            },
        ),
        // Two creates overlap, and neither has an answer: each leaves the other what only that one can have made.
        (
            [
                "two bots, and two answers are lost",
                "two QR channels, and two answers are lost",
            ],
            Budget {
                ticks: 1 + more,
                answers: 2,
                ..twice
            },
        ),
        // What is committed late had no answer before.
        (
            [
                "two bots, and what had no answer comes late",
                "two QR channels, and what had no answer comes late",
            ],
            Budget {
                answers: 1,
                late: 1,
                ..twice
            },
        ),
    ]
}

/// All scenarios within bounds.
pub fn scenarios(bounds: Bounds) -> Vec<Named> {
    let more = u8::from(bounds == Bounds::Long);
    let mut all = Vec::new();
    let mut add = |name, scenario| all.push(Named { name, scenario });
    let long = bounds == Bounds::Long;
    let faults = Budget {
        mishaps: 2 + more,
        fails: more,
        ..FAULTS
    };
    let people = Budget {
        ticks: 3,
        mishaps: 1 + more,
        lies: more,
        fails: more,
        losses: more,
        aborts: more,
        replays: 1,
        strangers: 1,
        deletes: 1,
        choices: 1,
        ..FAULTS
    };
    let stale = Budget {
        ticks: 1 + more,
        mishaps: 1 + more,
        losses: 1,
        crashes: more,
        strangers: 1,
        choices: 1,
        deletes: 1,
        ..CALM
    };
    let late = Budget {
        ticks: 5,
        mishaps: 2,
        late: 1,
        answers: 1,
        crashes: 1,
        ..CALM
    };
    let both = Budget {
        ticks: if long { 3 } else { 0 },
        mishaps: 1 + more,
        answers: 1,
        crashes: 1,
        losses: more,
        aborts: more,
        deletes: more,
        ..CALM
    };
    let upkeep = Budget {
        ticks: 2 + more,
        mishaps: 1 + more,
        rotations: 1,
        logins: 1 + more,
        strangers: 1,
        deletes: 1,
        vanish: more,
        lags: more,
        losses: more,
        aborts: more,
        ..FAULTS
    };
    let loss = Budget {
        ticks: 3,
        vanish: 1,
        strangers: 1,
        rotations: 0,
        logins: 0,
        ..upkeep
    };
    let rotated = Budget {
        ticks: 3,
        mishaps: 1 + more,
        answers: 1,
        crashes: 1,
        rotations: 1 + more,
        ..CALM
    };
    add(
        "a bot is created while its Secret changes",
        one(Transport::Telegram, rotated),
    );
    let unsent = Budget { mishaps: 2, ..rotated };
    add(
        "a bot's create is not sent, the next one not answered, and its Secret changes",
        one(Transport::Telegram, unsent),
    );
    let asked = Budget {
        ticks: 2,
        mishaps: 2 + more,
        answers: 2,
        crashes: more,
        strangers: 2,
        choices: 2,
        ..CALM
    };
    add(
        "a QR channel is asked about more than once",
        one(Transport::Whatsapp, asked),
    );
    for (transport, names) in [
        (
            Transport::Telegram,
            [
                "a bot is created, and much goes wrong",
                "a bot is created while people meddle",
                "a bot is created by a service that keeps no promise",
                "two bots are created at once",
                "a bot is kept",
                "a bot is lost at the service",
                "a bot is created by a replica that goes on too long",
            ],
        ),
        (
            Transport::Whatsapp,
            [
                "a QR channel is created, and much goes wrong",
                "a QR channel is created while people meddle",
                "a QR channel is created by a service that keeps no promise",
                "two QR channels are created at once",
                "a QR channel is kept",
                "a QR channel is lost at the service",
                "a QR channel is created by a replica that goes on too long",
            ],
        ),
    ] {
        add(names[0], one(transport, faults));
        add(names[1], one(transport, people));
        add(names[2], one(transport, late));
        add(names[3], two(transport, both));
        add(names[4], settled(transport, upkeep));
        add(names[5], settled(transport, loss));
        add(names[6], one(transport, stale));
    }
    for (names, budget) in side_by_side(bounds) {
        add(names[0], two(Transport::Telegram, budget));
        // Creates by QR run side by side, which is more states where any process may die: calm weather brings the third step.
        let ticks = budget.ticks - budget.crashes.min(1 - more);
        add(names[1], two(Transport::Whatsapp, Budget { ticks, ..budget }));
    }
    if long {
        let unkind = Budget {
            ticks: 5,
            mishaps: 2,
            answers: 1,
            crashes: 1,
            losses: 1,
            late: 1,
            replays: 1,
            ..CALM
        };
        add(
            "two bots, two replicas and a service that keeps no promise",
            two(Transport::Telegram, unkind),
        );
        add(
            "two QR channels, two replicas and a service that keeps no promise",
            two(Transport::Whatsapp, unkind),
        );
    }
    let left = Budget {
        ticks: 2,
        mishaps: 2,
        answers: 1,
        crashes: 1,
        leaves: 1,
        ..CALM
    };
    for (transport, name) in [
        (
            Transport::Telegram,
            "a bot is created while another object leaves its own",
        ),
        (
            Transport::Whatsapp,
            "a QR channel is created while another object leaves its own",
        ),
    ] {
        let beside = Scenario {
            settled: true,
            ..two(transport, left)
        };
        add(name, beside);
    }
    // A list may be older than what another object has got since, and leaves.
    let got = Budget {
        mishaps: 1,
        answers: 1,
        lags: 1,
        leaves: 1,
        ..CALM
    };
    add(
        "a bot is created while another object gets its own and leaves it",
        two(Transport::Telegram, got),
    );
    add(
        "a QR channel is created while another object gets its own and leaves it",
        two(Transport::Whatsapp, got),
    );
    // A list that another object's pass asked for within the grace tells nothing of its end.
    let kept = Budget {
        ticks: 4,
        mishaps: 1,
        answers: 1,
        lags: 2,
        deletes: 1,
        ..CALM
    };
    for (transport, name) in [
        (
            Transport::Telegram,
            "a bot's create is not answered while lists are kept for another object",
        ),
        (
            Transport::Whatsapp,
            "a QR channel's create is not answered while lists are kept for another object",
        ),
    ] {
        let beside = Scenario {
            settled: true,
            ..two(transport, kept)
        };
        add(name, beside);
    }
    // What a first create makes between a question and the answer `create` is older than the second create: the object is deleted
    // while that one is unclear, too.
    let let_go = Budget {
        mishaps: 2,
        crashes: 2,
        strangers: 2,
        choices: 1,
        deletes: 1,
        ..CALM
    };
    add(
        "a QR channel is asked about, and again when it goes",
        one(Transport::Whatsapp, let_go),
    );
    // A person answers `create` while the first create is on its way, the second one is refused, and the object is deleted.
    let refused = Budget {
        mishaps: 2,
        answers: 2,
        strangers: 1,
        choices: 1,
        deletes: 1,
        ..CALM
    };
    add(
        "a QR channel is asked about, refused and deleted",
        one(Transport::Whatsapp, refused),
    );
    let gone = Budget {
        ticks: 6,
        mishaps: 2,
        answers: 1,
        late: 1,
        vanish: 1,
        ..CALM
    };
    add(
        "a bot is lost at the service while its twin is on its way",
        one(Transport::Telegram, gone),
    );
    let logins = Budget {
        logins: 3 + more,
        losses: 1,
        vanish: 0,
        strangers: 0,
        deletes: 0,
        ..upkeep
    };
    add(
        "a channel with a two-factor password is kept",
        settled(Transport::Tgapi, logins),
    );
    all
}

/// Searches all scenarios within bounds whose names hold that text; gives each up after `most` states, or when memory would
/// not suffice.
pub fn check(bounds: Bounds, matching: &str, most: Option<usize>, mut tell: impl FnMut(&Named, &Summary)) -> Summary {
    let mut whole = Summary {
        states: 0,
        transitions: 0,
        depth: 0,
        sights: 0,
        complete: true,
        violations: Vec::new(),
    };
    let most = most.unwrap_or(match bounds {
        Bounds::Short => 6_000_000,
        Bounds::Long => 100_000_000,
    });
    let wanted = scenarios(bounds);
    for named in wanted.into_iter().filter(|named| named.name.contains(matching)) {
        let found = search(named.scenario, Bug::None, most);
        tell(&named, &found);
        whole.states += found.states;
        whole.transitions += found.transitions;
        whole.depth = whole.depth.max(found.depth);
        whole.sights += found.sights;
        whole.complete &= found.complete;
        whole.violations.extend(found.violations);
    }
    whole
}
