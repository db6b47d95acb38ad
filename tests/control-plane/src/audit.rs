//! What the API server itself recorded: counts that need not trust anybody else.

use std::fs;

use serde::Deserialize;

use crate::{ControlPlane, Error};

/// One finished request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditEvent {
    /// `get`, `list`, `create`, `patch`, …
    pub verb: String,
    /// Who.
    pub user: String,
    /// `wazzup24.com`, …; empty for the core group and for a path that is no resource.
    pub group: String,
    /// `wazzupchannels`, …; empty for a path that is no resource.
    pub resource: String,
    /// `status`, …
    pub subresource: String,
    /// Namespace.
    pub namespace: String,
    /// Name.
    pub name: String,
    /// Path and query.
    pub uri: String,
    /// The answer's code.
    pub code: u16,
    /// Whether no right allowed it; a 403 may also come from admission.
    pub denied: bool,
    /// What kind of object was answered, where the policy keeps answers: lists of Secrets alone.
    pub answered: String,
    /// When it was received, RFC 3339 with microseconds: sorts as text.
    pub at: String,
}

impl AuditEvent {
    /// Whether it changed something.
    pub fn is_write(&self) -> bool {
        matches!(
            self.verb.as_str(),
            "create" | "update" | "patch" | "delete" | "deletecollection"
        ) && self.code < 400
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Line {
    verb: String,
    user: User,
    #[serde(rename = "requestURI", default)]
    uri: String,
    #[serde(default)]
    object_ref: ObjectRef,
    #[serde(default)]
    response_status: Status,
    #[serde(default)]
    response_object: Answered,
    #[serde(default)]
    annotations: Annotations,
    request_received_timestamp: String,
}

#[derive(Deserialize, Default)]
struct Annotations {
    #[serde(rename = "authorization.k8s.io/decision", default)]
    decision: String,
}

#[derive(Deserialize, Default)]
struct Answered {
    #[serde(default)]
    kind: String,
}

#[derive(Deserialize)]
struct User {
    username: String,
}

#[derive(Deserialize, Default)]
struct ObjectRef {
    #[serde(rename = "apiGroup", default)]
    group: String,
    #[serde(default)]
    resource: String,
    #[serde(default)]
    subresource: String,
    #[serde(default)]
    namespace: String,
    #[serde(default)]
    name: String,
}

#[derive(Deserialize, Default)]
struct Status {
    #[serde(default)]
    code: u16,
}

impl ControlPlane {
    /// The audit log as it is: a line of JSON for each request.
    pub fn audit_text(&self) -> Result<String, Error> {
        let path = self.folder().join("audit.log");
        fs::read_to_string(&path).map_err(Error::io("reading the audit log"))
    }

    /// Every request since the start, in the order in which they ended.
    pub fn audit(&self) -> Result<Vec<AuditEvent>, Error> {
        let text = self.audit_text()?;
        let lines = text.lines().filter_map(|line| serde_json::from_str::<Line>(line).ok());
        Ok(lines
            .map(|line| AuditEvent {
                verb: line.verb,
                user: line.user.username,
                group: line.object_ref.group,
                uri: line.uri,
                answered: line.response_object.kind,
                resource: line.object_ref.resource,
                subresource: line.object_ref.subresource,
                namespace: line.object_ref.namespace,
                name: line.object_ref.name,
                code: line.response_status.code,
                denied: line.annotations.decision == "forbid",
                at: line.request_received_timestamp,
            })
            .collect())
    }
}
