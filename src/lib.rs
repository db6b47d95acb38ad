//! A Kubernetes operator for messenger channels at Wazzup.
//!
//! Read in this order: [`model`] (the words), [`plan`] (all decisions, pure), [`api`] (the two kinds), [`wazzup`] and
//! [`webhook`] (the service), [`qr`] (pictures), [`cluster`] (writes to Kubernetes), [`controller`] (the pass), [`cli`].
//! ARCHITECTURE.md has the map and the invariants; a test enforces which room may import which.

pub mod model;

pub mod plan;

pub mod api;
pub mod wazzup;

pub mod qr;
pub mod webhook;

pub mod clock;
pub mod cluster;
pub mod connections;
pub mod health;
pub mod leader;
pub mod metrics;

pub mod controller;

pub mod cli;
