//! A real Kubernetes control plane without containers.
