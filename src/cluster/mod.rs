//! The only room that writes to Kubernetes, the lease aside.
//!
//! Owns how metadata, status, sinks, Secrets and events are read and written: conditional where a stale view could do
//! harm, compared before every write. Must never decide.
//! Next: `controller::act` and `controller::channel` call these in the order that a plan fixes.

pub mod access;
pub mod again;
pub mod events;
pub mod grants;
pub mod memory;
pub mod notes;
pub mod patch;
pub mod secrets;
pub mod sink;
pub mod source;
pub mod watch;

use std::time::Duration;

use kube::Api;
use kube::core::NamespaceResourceScope;

/// No call to the API server is held longer than this.
const DEADLINE: Duration = Duration::from_secs(15);

/// A write or read that did not work.
#[derive(Debug, thiserror::Error)]
pub enum ClusterError {
    /// The API server said no, or could not be reached.
    #[error("Kubernetes: {0}")]
    Api(#[from] Box<kube::Error>),
    /// What it answered is not what was asked for. A parser's words quote what they are about, which may be a Secret.
    #[error("Kubernetes: the answer cannot be read (line {line}, column {column})")]
    Unreadable {
        /// Where in the answer.
        line: usize,
        /// Where in that line.
        column: usize,
    },
    /// It did not answer in time.
    #[error("Kubernetes did not answer within {} s", DEADLINE.as_secs())]
    Deadline,
    /// A value could not be turned into JSON.
    #[error("cannot be written as JSON: {0}")]
    Json(#[from] serde_json::Error),
}

impl From<kube::Error> for ClusterError {
    fn from(error: kube::Error) -> Self {
        match error {
            kube::Error::SerdeError(error) => Self::Unreadable {
                line: error.line(),
                column: error.column(),
            },
            error => Self::Api(Box::new(error)),
        }
    }
}

impl ClusterError {
    fn api_status(&self, wanted: u16) -> bool {
        match self {
            Self::Api(error) => matches!(error.as_ref(), kube::Error::Api(status) if status.code == wanted),
            Self::Unreadable { .. } | Self::Deadline | Self::Json(_) => false,
        }
    }

    /// The object changed since it was read, or exists already.
    pub fn is_conflict(&self) -> bool {
        self.api_status(409)
    }

    /// The object is not there.
    pub fn is_not_found(&self) -> bool {
        self.api_status(404)
    }

    /// What is asked for is older than what the API server keeps.
    pub fn is_gone(&self) -> bool {
        self.api_status(410)
    }

    /// The right is not granted.
    pub fn is_forbidden(&self) -> bool {
        self.api_status(403)
    }

    /// The write itself is refused, whenever it is repeated: too large or invalid.
    pub fn is_refused(&self) -> bool {
        self.api_status(413) || self.api_status(422)
    }
}

/// Runs a call under the deadline.
pub async fn within<T>(call: impl Future<Output = Result<T, kube::Error>>) -> Result<T, ClusterError> {
    match tokio::time::timeout(DEADLINE, call).await {
        Ok(result) => Ok(result?),
        Err(_) => Err(ClusterError::Deadline),
    }
}

/// An API in a namespace.
pub fn api<K>(client: &kube::Client, namespace: &str) -> Api<K>
where
    K: kube::Resource<Scope = NamespaceResourceScope>,
    K::DynamicType: Default,
{
    Api::namespaced(client.clone(), namespace)
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::core::v1::Secret;

    use super::*;

    #[test]
    fn an_answer_that_cannot_be_read_is_not_quoted() {
        let broken = serde_json::from_str::<Secret>(r#"{"data": "canary"}"#).unwrap_err();
        assert!(broken.to_string().contains("canary"), "a parser quotes: {broken}");
        let error = ClusterError::from(kube::Error::SerdeError(broken));
        assert!(!format!("{error} {error:?}").contains("canary"), "{error:?}");
        assert!(error.to_string().contains("line 1"), "{error}");
    }
}
