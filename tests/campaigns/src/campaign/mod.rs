//! One file for each campaign: each makes the cells that it is asked for. `ALL` is the list that `make campaigns` runs.

pub mod crash;
pub mod kubernetes;
pub mod lifecycle;
pub mod tenants;
pub mod watches;

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
        "C5",
        "objects, Secrets, namespaces, kinds and channels come and go at the worst time",
        |ground, scale, seed| Box::pin(std::future::ready(lifecycle::cells(&ground, scale, seed))),
    ),
    (
        "C8",
        "tenants flood what they share with bad, busy, large and many objects",
        |ground, scale, _| Box::pin(std::future::ready(tenants::cells(ground, scale))),
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
