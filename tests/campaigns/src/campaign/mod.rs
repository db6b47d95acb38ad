//! One file for each campaign: each makes the cells that it is asked for. `ALL` is the list that `make campaigns` runs.

pub mod crash;
pub mod leadership;
pub mod replicas;
pub mod replicas_stories;

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
        "C6",
        "the leader of two replicas stands still beyond its lease at each outgoing call of each flow, and then goes on",
        |ground, scale, _| Box::pin(async move { replicas::cells(&ground, scale).await }),
    ),
    (
        "C6s",
        "two replicas: the leader is cut off, loses its lease, is replaced; events reach the other one",
        |ground, scale, _| Box::pin(async move { replicas_stories::cells(&ground, scale) }),
    ),
];
