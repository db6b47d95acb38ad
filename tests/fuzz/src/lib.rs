//! Fuzz targets: one plain function for each reader of what comes from outside.
//!
//! A target takes any bytes and asserts what must hold of them: no panic, bounded texts, no secret in a text, what is
//! written is read back as it was, a plan breaks no law. [`limits`] bounds time and memory of each input. The same
//! functions are run over `corpus/` and seeded mutations of it by `make test` ([`mutate`]), and by libFuzzer, guided by
//! coverage, in `make fuzz`.

pub mod corpus;
pub mod limits;
pub mod mutate;
mod targets;

pub use targets::{TARGETS, Target};

#[global_allocator]
static ALLOCATOR: peak_alloc::PeakAlloc = peak_alloc::PeakAlloc;
