//! The words and the planner without the rest of the operator: without Kubernetes and HTTP beside them, a mutant of a
//! decision is built and judged in seconds. That they stand alone is what `tests/tidy.rs` asks of them.

#[path = "../../src/model/mod.rs"]
pub mod model;

#[path = "../../src/plan/mod.rs"]
pub mod plan;
