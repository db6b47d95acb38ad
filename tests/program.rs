//! The program on a command line: what it says of wrong input, before it does anything.

#![allow(clippy::unwrap_used, missing_docs, reason = "tests")]

use std::{
    process::{Command, Output},
    sync::atomic::{AtomicUsize, Ordering},
};

/// Runs the operator with a kubeconfig of that text.
fn run(kubeconfig: &str, arguments: &[&str]) -> Output {
    // Tests run side by side: each call has a file of its own.
    static CALLS: AtomicUsize = AtomicUsize::new(0);
    let call = CALLS.fetch_add(1, Ordering::Relaxed);
    let file = std::env::temp_dir().join(format!("wazzup-program-{}-{call}", std::process::id()));
    std::fs::write(&file, kubeconfig).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_wazzup-operator"))
        .env("KUBECONFIG", &file)
        .args(arguments)
        .output()
        .unwrap();
    let _ = std::fs::remove_file(&file);
    output
}

fn told(output: &Output) -> String {
    assert!(!output.status.success());
    String::from_utf8_lossy(&output.stderr).into_owned()
}

const NOBODY: &str = "apiVersion: v1\nkind: Config\ncurrent-context: c\nclusters: [{name: c, cluster: {server: 'http://127.0.0.1:9'}}]\n\
                      contexts: [{name: c, context: {cluster: c, user: u}}]\nusers: [{name: u, user: {token: canary-token}}]\n";

#[test]
fn a_broken_kubeconfig_is_said_without_a_word_of_what_is_in_it() {
    let broken = NOBODY
        .replace("kind: Config", "kind: [Config")
        .replace("clusters:", "clusters: {");
    let said = told(&run(&broken, &[]));
    assert!(
        said.contains("is no valid kubeconfig") && said.contains("KUBECONFIG"),
        "{said}"
    );
    assert!(!said.contains("canary"), "{said}");
    let said = told(&run(
        &NOBODY.replace("current-context: c", "current-context: other"),
        &[],
    ));
    assert!(said.contains("current context"), "{said}");
    assert!(!said.contains("canary"), "{said}");
}

#[test]
fn outside_a_pod_nobody_leads_by_mistake() {
    let said = told(&run(NOBODY, &[]));
    assert!(said.contains("--leader-namespace wazzup-system"), "{said}");
    assert!(said.contains("--leader-elect=false"), "{said}");
}

#[test]
fn flags_that_cannot_be_right_are_refused_with_what_would_be() {
    for (arguments, words) in [
        (
            &["--namespace", "Bad_NS"][..],
            "--namespace Bad_NS: not a namespace's name",
        ),
        (&["--webhook-url", "hooks.example.com"], "https://hooks.example.com"),
        (&["--allowed-api-hosts", "https://a/b"], "--allowed-api-hosts"),
        (&["--concurrency", "0"], "1..=1024"),
        (&["--webhok-url", "x"], "--webhook-url"),
        (&["--webhook-listen", "8080"], "--webhook-listen"),
    ] {
        let said = told(&run(NOBODY, arguments));
        assert!(said.contains(words), "{arguments:?}: {said}");
    }
}

#[test]
fn help_version_and_kinds_need_no_cluster() {
    for (argument, words) in [
        ("--help", "--leader-namespace"),
        ("--version", "wazzup-operator "),
        ("crds", "wazzupchannels.wazzup24.com"),
    ] {
        let output = run("", &[argument]);
        assert!(output.status.success());
        assert!(String::from_utf8_lossy(&output.stdout).contains(words), "{argument}");
    }
}
