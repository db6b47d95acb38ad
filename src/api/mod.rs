//! The two kinds as Kubernetes sees them.
