//! Rights that manifests grant, beside what the API server's audit log says of their use.
//!
//! Owns the comparison alone. Next: `rights.rs`, which plays the flows.

#![allow(unreachable_pub, reason = "a module of a test program")]

use std::fmt::Write;

use control_plane::AuditEvent;
use serde::Deserialize;

#[derive(Deserialize)]
struct Manifest {
    kind: String,
    #[serde(default)]
    rules: Vec<Rule>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Rule {
    api_groups: Vec<String>,
    resources: Vec<String>,
    verbs: Vec<String>,
    #[serde(default)]
    resource_names: Vec<String>,
}

/// One verb on one resource.
#[derive(Debug, Clone)]
pub struct Right {
    group: String,
    resource: String,
    verb: String,
    names: Vec<String>,
    /// In this namespace alone.
    namespace: Option<String>,
}

impl Right {
    fn covers(&self, event: &AuditEvent) -> bool {
        let resource = match event.subresource.as_str() {
            "" => event.resource.clone(),
            sub => format!("{}/{sub}", event.resource),
        };
        self.group == event.group
            && self.resource == resource
            && self.verb == event.verb
            && (self.names.is_empty() || self.names.contains(&event.name))
            && self
                .namespace
                .as_ref()
                .is_none_or(|namespace| *namespace == event.namespace)
    }
}

/// Everything that the Roles and ClusterRoles of a manifest grant; a Role in this namespace.
pub fn rights(manifest: &str, namespace: &str) -> Vec<Right> {
    let mut rights = Vec::new();
    for page in manifest.split("\n---\n") {
        let manifest: Manifest = serde_saphyr::from_str(page).unwrap();
        let namespace = (manifest.kind == "Role").then(|| namespace.to_owned());
        for rule in manifest.rules {
            for (group, resource, verb) in rule.api_groups.iter().flat_map(|group| {
                let verbs = &rule.verbs;
                let of = move |resource| verbs.iter().map(move |verb| (group, resource, verb));
                rule.resources.iter().flat_map(of)
            }) {
                rights.push(Right {
                    group: group.clone(),
                    resource: resource.clone(),
                    verb: verb.clone(),
                    names: rule.resource_names.clone(),
                    namespace: namespace.clone(),
                });
            }
        }
    }
    rights
}

/// What was granted, what was used, and what does not fit.
pub struct Ledger {
    pub table: String,
    pub unused: Vec<String>,
    pub denied: Vec<String>,
    /// Requests that no right of the manifests covers: what everybody may do.
    pub beyond: Vec<String>,
}

/// Compares rights with the requests of one user.
pub fn compare(rights: &[Right], events: &[AuditEvent]) -> Ledger {
    let mut ledger = Ledger {
        table: format!("{:<22} {:<26} {:<8} {:>8}\n", "group", "resource", "verb", "requests"),
        unused: Vec::new(),
        denied: Vec::new(),
        beyond: Vec::new(),
    };
    for right in rights {
        let used = events
            .iter()
            .filter(|event| !event.denied && right.covers(event))
            .count();
        let line = format!("{:<22} {:<26} {:<8} {used:>8}", right.group, right.resource, right.verb);
        let _ = writeln!(ledger.table, "{line}");
        if used == 0 {
            ledger.unused.push(line);
        }
    }
    for event in events {
        let line = format!("{} {} {}", event.code, event.verb, event.uri);
        if event.denied || event.code == 401 {
            ledger.denied.push(line);
        } else if !rights.iter().any(|right| right.covers(event)) {
            ledger.beyond.push(line);
        }
    }
    ledger
}
