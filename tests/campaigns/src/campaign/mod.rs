//! One file for each campaign: each makes the cells that it is asked for. `ALL` is the list that `make campaigns` runs.

pub mod crash;
pub mod service;
pub mod sizes;
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
];
