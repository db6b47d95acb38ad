//! A Kubernetes operator for messenger channels at Wazzup.

pub mod api;
pub mod model;
pub mod plan;
pub mod qr;
pub mod wazzup;
pub mod webhook;
