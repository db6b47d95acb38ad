//! `tests/run` fails whenever a test program does, or says nothing; shown with programs and a cargo that are scripts.

#![allow(clippy::unwrap_used, missing_docs, reason = "tests")]

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
};

/// Those that `tests/run` begins first must be there.
const LONGEST: [&str; 6] = [
    "every_life",
    "cluster_weather",
    "kills",
    "service_weather",
    "bugs",
    "replicas",
];
const GOOD: &str = "echo 'test result: ok. 2 passed; 0 failed; 0 ignored'";

struct Ground(PathBuf);

impl Drop for Ground {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn script(file: &Path, text: &str) {
    fs::write(file, format!("#!/bin/sh\n{text}\n")).unwrap();
    fs::set_permissions(file, fs::Permissions::from_mode(0o755)).unwrap();
}

/// Whether a run with one more program than the longest succeeds, and what it says. `called`: that program's file.
fn run(name: &str, program: &str, documentation: &str, called: &str) -> (bool, String) {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("side-by-side-{name}-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    let ground = Ground(folder);
    // A program that is no test is built beside them.
    let mut artifacts = artifact(&ground.0.join("operator"), false);
    for one in LONGEST {
        let file = ground.0.join(format!("{one}-0123456789abcdef"));
        script(&file, GOOD);
        artifacts += &artifact(&file, true);
    }
    script(&ground.0.join(called), program);
    artifacts += &artifact(&ground.0.join(called), true);
    fs::write(ground.0.join("artifacts"), artifacts).unwrap();
    let cargo = ground.0.join("cargo");
    let target = ground.0.display();
    script(
        &cargo,
        &format!(
            "case \"$*\" in metadata*) echo '{{\"target_directory\":\"{target}\"}}' ;; *--no-run*) cat '{target}/artifacts' ;; *--doc*) {documentation} ;; esac"
        ),
    );
    let output = Command::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/run"))
        .env("CARGO", &cargo)
        .output()
        .unwrap();
    let said = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&said).into_owned())
}

/// As cargo tells of what it has built.
fn artifact(file: &Path, test: bool) -> String {
    let home = env!("CARGO_MANIFEST_DIR");
    format!(
        "{{\"reason\":\"compiler-artifact\",\"manifest_path\":\"{home}/Cargo.toml\",\"target\":{{\"doctest\":false,\"test\":true}},\"profile\":{{\"opt_level\":\"1\",\"test\":{test}}},\"features\":[],\"filenames\":[],\"executable\":\"{}\",\"fresh\":true}}\n",
        file.display()
    )
}

#[test]
fn a_run_passes_only_when_every_program_has_passed_and_said_so() {
    let more = "more-0123456789abcdef";
    let (passed, said) = run("good", GOOD, "true", more);
    assert!(passed && said.contains("7 of 7 test programs passed"), "{said}");
    for (name, program) in [
        (
            "fails",
            "echo 'what was wrong'; echo 'test result: FAILED. 1 passed; 1 failed;'; exit 101",
        ),
        ("dies", "echo 'what was wrong'; kill -9 $$"),
        ("says-nothing", "echo 'what was wrong'; exit 0"),
    ] {
        let (passed, said) = run(name, program, "true", more);
        assert!(!passed, "{name}: {said}");
        assert!(said.contains("6 of 7 test programs passed"), "{name}: {said}");
        assert!(said.contains("failed: more-0123456789abcdef"), "{name}: {said}");
        assert!(said.contains("what was wrong"), "what it said is shown: {name}: {said}");
    }
    let (passed, said) = run("documentation", GOOD, "exit 101", more);
    assert!(!passed && said.contains("7 of 7"), "{said}");
    let (passed, said) = run("unread", GOOD, "true", "more");
    assert!(
        !passed && said.contains("7 test programs were built, and 6 found"),
        "{said}"
    );
}
