//! What can go wrong, and what to do about it.

/// A control plane that could not be built, started or asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Go is missing.
    #[error(
        "Go is needed to build the control plane and was not found: install Go {0} or newer (https://go.dev/dl), or set \
         KUBEBUILDER_ASSETS to a folder with etcd, kube-apiserver, kube-controller-manager and kubectl"
    )]
    NoGo(String),
    /// A program could not be built.
    #[error("{program} could not be built:\n{tail}")]
    Build {
        /// Which.
        program: &'static str,
        /// The end of the compiler's output.
        tail: String,
    },
    /// A program did not become ready.
    #[error("{what} was not ready in time:\n{tail}")]
    NotReady {
        /// Which.
        what: &'static str,
        /// The end of its log.
        tail: String,
    },
    /// A file, process or socket.
    #[error("{what}: {source}")]
    Io {
        /// What was tried.
        what: String,
        /// Why it failed.
        source: std::io::Error,
    },
    /// The API server.
    #[error("Kubernetes: {0}")]
    Kubernetes(#[from] Box<kube::Error>),
    /// A kubeconfig.
    #[error("kubeconfig: {0}")]
    Kubeconfig(#[from] Box<kube::config::KubeconfigError>),
}

impl Error {
    pub(crate) fn io(what: impl Into<String>) -> impl FnOnce(std::io::Error) -> Self {
        let what = what.into();
        move |source| Self::Io { what, source }
    }
}

impl From<kube::Error> for Error {
    fn from(error: kube::Error) -> Self {
        Self::Kubernetes(Box::new(error))
    }
}
