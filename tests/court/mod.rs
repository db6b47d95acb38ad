//! The court: objects in every state (`channels`, `accounts`), the judges that are asked, and how a difference is told.

#![allow(unreachable_pub, reason = "a module of a test program")]

pub mod accounts;
pub mod channels;

use std::{
    fs::File,
    io::Write as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::OnceLock,
};

use jiff::Timestamp;
use serde_json::{Value, json};
use wazzup_operator::{
    api::{Condition, crd, merge},
    plan::{Fact, Standing},
};

pub const ROOT: &str = env!("CARGO_MANIFEST_DIR");
/// The words of every verdict that is not made by the planner itself.
pub const WORDS: &str = "what to do";

/// One object, and what the judges must say of it.
pub struct Case {
    pub name: String,
    pub object: Value,
    pub kstatus: &'static str,
    pub argo: &'static str,
    /// The conditions for which `kubectl wait` returns.
    pub waits: &'static [&'static str],
    /// What the script's message must hold.
    pub words: String,
}

pub fn case(
    name: impl Into<String>,
    object: Value,
    (kstatus, argo, waits): (&'static str, &'static str, &'static [&'static str]),
    words: &str,
) -> Case {
    Case {
        name: name.into(),
        object,
        kstatus,
        argo,
        waits,
        words: words.into(),
    }
}

pub type Judged = (&'static str, &'static str, &'static [&'static str]);

pub const WORKS: Judged = ("Current", "Healthy", &["Ready"]);
/// Ready, and yet a person is told what to do.
pub const PROVISIONED: Judged = ("Current", "Healthy", &["Ready", "ActionRequired"]);
pub const GOES_ON: Judged = ("InProgress", "Progressing", &[]);
pub const WAITS: Judged = ("InProgress", "Suspended", &["ActionRequired"]);
pub const RESTS: Judged = ("InProgress", "Suspended", &[]);
pub const STALLED: Judged = ("Failed", "Degraded", &["Stalled"]);
pub const LEAVES: Judged = ("Terminating", "Progressing", &[]);

/// The program, built once into cargo's folder; Go's own cache makes every later build a matter of a second.
pub fn judges() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
        let program = folder.join("judges");
        let lock = File::create(folder.join("judges.lock")).unwrap();
        lock.lock().unwrap();
        let built = Command::new("go")
            .current_dir(Path::new(ROOT).join("tests/judges"))
            .env("CGO_ENABLED", "0")
            .env("GOFLAGS", "-mod=readonly")
            .env("GOWORK", "off")
            .args(["build", "-buildvcs=false", "-trimpath", "-ldflags", "-s -w", "-o"])
            .arg(&program)
            .arg(".")
            .output()
            .unwrap_or_else(|error| panic!("these tests need Go 1.26: {error}"));
        assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
        program
    })
}

/// What the judges say of each object.
pub fn judged(objects: &[&Value]) -> Vec<Value> {
    let mut child = Command::new(judges())
        .arg(Path::new(ROOT).join("deploy/argocd/argocd-cm.yaml"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    input.write_all(&serde_json::to_vec(objects).unwrap()).unwrap();
    drop(input);
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "the judges failed");
    let verdicts: Vec<Value> = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(verdicts.len(), objects.len());
    verdicts
}

/// Judges all cases at once and tells every difference in one table.
pub fn check(cases: &[Case]) {
    let objects: Vec<&Value> = cases.iter().map(|case| &case.object).collect();
    let mut wrong = Vec::new();
    for (case, verdict) in cases.iter().zip(judged(&objects)) {
        let expected = format!("{} {} {}", case.kstatus, case.argo, json!(case.waits));
        let said = format!(
            "{} {} {}",
            verdict["kstatus"].as_str().unwrap(),
            verdict["argo"]["status"].as_str().unwrap(),
            verdict["waits"]
        );
        let message = verdict["script"]["message"].as_str().unwrap();
        // Argo CD asks no script about what is being deleted; the script must not contradict it all the same.
        let agree = verdict["script"]["status"] == verdict["argo"]["status"];
        if said != expected || !agree || !message.contains(&case.words) {
            wrong.push(format!(
                "{}: expected {expected} with '{}', judged {said}: {message}",
                case.name, case.words
            ));
        }
    }
    assert!(wrong.is_empty(), "judged otherwise:\n{}", wrong.join("\n"));
}

pub fn at() -> Timestamp {
    Timestamp::from_second(1_800_000_000).unwrap()
}

/// As `controller::status` merges them.
pub fn merged(old: &[Condition], facts: &[Fact], keep_others: bool, generation: i64) -> Vec<Condition> {
    let standing = |standing| match standing {
        Standing::True => "True",
        Standing::False => "False",
        Standing::Unknown => "Unknown",
    };
    let wanted = facts
        .iter()
        .map(|fact| (fact.kind, standing(fact.standing), fact.reason, fact.message.clone()))
        .collect();
    merge(old, wanted, keep_others, generation, at())
}

pub fn object(kind: &str, generation: i64, spec: &Value, status: &Value) -> Value {
    json!({
        "apiVersion": "wazzup24.com/v1alpha1", "kind": kind,
        "metadata": {"name": "shop", "namespace": "shops", "uid": "uid", "generation": generation},
        "spec": spec, "status": status,
    })
}

pub fn deleting(mut object: Value) -> Value {
    object["metadata"]["deletionTimestamp"] = json!("2027-01-15T08:00:00Z");
    object["metadata"]["finalizers"] = json!(["wazzup24.com/finalizer"]);
    object
}

/// What the API server gives a new object of a kind as its status.
pub fn first_status(kind: &str) -> Value {
    let definitions = crd::definitions().into_iter();
    let definition = definitions.map(|one| serde_json::to_value(one).unwrap());
    let mut mine = definition.filter(|one| one["spec"]["names"]["kind"] == kind);
    let schema = &mine.next().unwrap()["spec"]["versions"][0]["schema"];
    schema["openAPIV3Schema"]["properties"]["status"]["default"].clone()
}
