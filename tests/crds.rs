//! The committed CRDs are those of the code.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    reason = "tests"
)]

use std::{env, fs, path::Path};

use wazzup_operator::api::crd;

#[test]
fn the_committed_crds_are_those_of_the_code() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("crds");
    for (name, yaml) in crd::manifests().unwrap() {
        let path = folder.join(&name);
        if env::var_os("UPDATE").is_some() {
            fs::write(&path, &yaml).unwrap();
        }
        let committed = fs::read_to_string(&path).unwrap_or_default();
        assert!(committed == yaml, "crds/{name} is stale: run 'make crds' and commit it");
    }
}
