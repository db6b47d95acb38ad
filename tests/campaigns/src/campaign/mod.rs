//! One file for each campaign: each makes the cells that it is asked for. `ALL` is the list that `make campaigns` runs.

pub mod clocks;
pub mod commands;
pub mod crash;
pub mod kubernetes;
pub mod leadership;
pub mod lifecycle;
pub mod many;
pub mod replicas;
mod replicas_events;
pub mod replicas_stories;
pub mod service;
pub mod sizes;
pub mod storm;
pub mod tenants;
pub mod watches;
pub mod webhooks;

use crate::{Cell, Ground};

/// How much of a campaign is run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scale {
    /// What fits into `make test`.
    Test,
    /// Everything.
    Full,
}

/// Makes the cells of a campaign; `seed` decides where chance does. Some need a calm run first.
pub type Make = fn(Ground, Scale, u64) -> std::pin::Pin<Box<dyn Future<Output = Vec<Cell>> + Send>>;

/// Every campaign, by its name, with what it does.
pub const ALL: &[(&str, &str, Make)] = &[
    (
        "C1",
        "the operator is killed before, between and after each outgoing call of each flow",
        |ground, scale, _| Box::pin(crash::cells(ground, scale)),
    ),
    (
        "C2",
        "watches lag, lose, repeat, reorder, break off or tell of the past in each flow",
        |ground, scale, seed| Box::pin(std::future::ready(watches::cells(&ground, scale, seed))),
    ),
    (
        "C3k",
        "the API server answers wrongly, late, half or not at all at each Kubernetes call of the flows",
        |ground, scale, seed| Box::pin(kubernetes::cells(ground, scale, seed)),
    ),
    (
        "C1p",
        "the operator is killed around each step of each flow, and again around the next step after its restart",
        |ground, scale, _| Box::pin(crash::pairs(ground, scale)),
    ),
    (
        "C1m",
        "the operator is killed 5 to 15 times at steps by chance over a backlog of all transports",
        |ground, scale, seed| Box::pin(async move { many::cells(&ground, scale, seed) }),
    ),
    (
        "C12",
        "all faults on both sides by chance, then calm weather",
        |ground, scale, seed| Box::pin(async move { storm::cells(&ground, scale, seed) }),
    ),
    (
        "C6",
        "the leader of two replicas stands still beyond its lease at each outgoing call of each flow, and then goes on",
        |ground, scale, _| Box::pin(async move { replicas::cells(&ground, scale).await }),
    ),
    (
        "C6k",
        "the leader of two replicas is killed at each write of each flow, and the other one takes over",
        |ground, scale, _| Box::pin(async move { replicas::kills(&ground, scale).await }),
    ),
    (
        "C6s",
        "two replicas: the leader is cut off, loses its lease, is replaced; events reach the other one",
        |ground, scale, _| Box::pin(async move { replicas_stories::cells(&ground, scale) }),
    ),
    (
        "C6c",
        "the operator's clock is ahead, behind, jumps or runs at twice the speed in each flow",
        |ground, scale, seed| Box::pin(std::future::ready(clocks::cells(&ground, scale, seed))),
    ),
    (
        "C5",
        "objects, Secrets, namespaces, kinds and channels come and go at the worst time",
        |ground, scale, seed| Box::pin(std::future::ready(lifecycle::cells(&ground, scale, seed))),
    ),
    (
        "C8",
        "tenants flood what they share with bad, busy, large and many objects",
        |ground, scale, _| Box::pin(std::future::ready(tenants::cells(ground, scale))),
    ),
    (
        "C3s",
        "whatever can come of a call to the service, at every place where one is made",
        |ground, scale, seed| Box::pin(service::cells(ground, scale, seed)),
    ),
    (
        "C4",
        "events twice, late, early, for nobody and in any order; requests that are none; a flood",
        |ground, scale, seed| Box::pin(webhooks::cells(ground, scale, seed)),
    ),
    (
        "C7",
        "what is too large, too long or of an odd form, in events and answers",
        |ground, scale, seed| Box::pin(sizes::cells(ground, scale, seed)),
    ),
    (
        "C9",
        "secrets are looked for, the shipped rights are just enough, addresses lead nowhere (tests, each alone)",
        |_, scale, _| Box::pin(std::future::ready(commands::secrecy(scale))),
    ),
    (
        "C11",
        "the model of two channels: all short lives, defects put in, longer lives by chance (tests, each alone)",
        |_, scale, _| Box::pin(std::future::ready(commands::model(scale))),
    ),
    (
        "C14",
        "every reader fuzzed for a minute (each alone; needs a C++ compiler; `make fuzz` for longer)",
        |_, scale, _| Box::pin(std::future::ready(commands::fuzz(scale))),
    ),
    (
        "C15",
        "a twelfth of the planner's mutants, by seed (alone; `make mutants` for all)",
        |_, scale, seed| Box::pin(std::future::ready(commands::mutants(scale, seed))),
    ),
];

/// So many of the cells, by seed: the same seed takes the same ones.
pub fn sample(cells: Vec<Cell>, seed: u64, most: usize) -> Vec<Cell> {
    use std::hash::{DefaultHasher, Hash, Hasher};
    let mut drawn: Vec<(u64, Cell)> = cells
        .into_iter()
        .map(|cell| {
            let mut hasher = DefaultHasher::new();
            (seed, cell.campaign, &cell.name).hash(&mut hasher);
            (hasher.finish(), cell)
        })
        .collect();
    drawn.sort_by_key(|(place, _)| *place);
    drawn.into_iter().take(most).map(|(_, cell)| cell).collect()
}
