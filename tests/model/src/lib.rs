//! Plays every short life of two channels against the planner, and says where a law breaks; never linked into the operator.
//!
//! `state` is the world at one moment, `value` the objects in it, `sight` what a pass has seen, `pool` where all of them are
//! kept and the only place where the planner is asked; `world` is what may happen and `apply` what becomes of it, `look`,
//! `steps` and `calls` a pass in the controller's order, `life` the service, people and the laws, `calm` what must come of
//! it, `search` the way through all states, `walk` one long way, `bugs` the defects that must be caught, `scenarios` what
//! is searched.

#![allow(clippy::missing_panics_doc, reason = "a checker panics when it is misused")]

mod apply;
mod bugs;
mod calls;
mod calm;
mod facts;
mod life;
mod look;
mod pool;
mod quick;
mod scenarios;
mod search;
mod sight;
mod state;
mod steps;
mod value;
mod walk;
mod world;

pub use bugs::Bug;
pub use scenarios::{Bounds, Named, check, scenarios};
pub use search::{Summary, Violation, search};
pub use state::Budget;
pub use walk::walk;
pub use world::Scenario;
