//! The house rules that a compiler does not know: who may import whom, how long a file may be, what no file may hold.

#![allow(clippy::unwrap_used, missing_docs, reason = "tests")]

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

/// Which rooms of `src` each room may import. Rooms without a line may import nothing.
const MAY_IMPORT: &[(&str, &[&str])] = &[
    ("plan", &["model"]),
    ("qr", &["model"]),
    ("webhook", &["model", "connections"]),
    ("wazzup", &["model"]),
    ("metrics", &["model"]),
    ("health", &["metrics", "connections"]),
    ("leader", &["clock", "api"]),
    ("cluster", &["model", "api", "plan"]),
    (
        "controller",
        &[
            "model", "plan", "api", "wazzup", "webhook", "qr", "cluster", "clock", "leader", "metrics", "health",
        ],
    ),
    ("cli", &["api", "wazzup", "cluster", "controller"]),
];

/// Crates that a room must do without: the pure rooms know neither Kubernetes nor HTTP nor a runtime nor a log.
const MUST_NOT_USE: &[(&str, &[&str])] = &[
    ("model", &["kube", "k8s_openapi", "reqwest", "axum", "tokio", "tracing"]),
    (
        "plan",
        &[
            "kube",
            "k8s_openapi",
            "reqwest",
            "axum",
            "tokio",
            "tracing",
            "serde_json",
        ],
    ),
    ("api", &["reqwest", "axum", "tokio", "tracing"]),
    ("qr", &["kube", "k8s_openapi", "reqwest", "axum", "tokio"]),
    ("wazzup", &["kube", "k8s_openapi"]),
    ("webhook", &["kube", "k8s_openapi", "reqwest"]),
    ("cluster", &["reqwest", "axum"]),
];

/// A file with one reason to be opened is no longer than this; a table of tests may be.
const LONGEST_FILE: usize = 400;
const LONGEST_TEST: usize = 520;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn files(folder: &Path, keep: &dyn Fn(&Path) -> bool, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() {
            if name != "target" && (name == ".ci" || !name.starts_with('.')) {
                files(&path, keep, found);
            }
        } else if keep(&path) {
            found.push(path);
        }
    }
}

fn rust_files(folder: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let rust = |path: &Path| path.extension().is_some_and(|extension| extension == "rs");
    files(&root().join(folder), &rust, &mut found);
    found.sort();
    assert!(found.len() > 10, "nothing was looked at");
    found
        .into_iter()
        .map(|path| {
            let text = fs::read_to_string(&path).unwrap();
            (path.strip_prefix(root()).unwrap().to_string_lossy().into_owned(), text)
        })
        .collect()
}

/// The room of a file of `src`: its folder, or its own name.
fn room(path: &str) -> String {
    let inside = path.trim_start_matches("src/");
    let first = inside.split('/').next().unwrap();
    first.trim_end_matches(".rs").to_owned()
}

/// The rooms that a text names: `crate::room` and every first word within `crate::{…}`.
fn imported(text: &str) -> BTreeSet<String> {
    let mut rooms = BTreeSet::new();
    for (start, _) in text.match_indices("crate::") {
        let rest = &text[start + "crate::".len()..];
        let word = |text: &str| -> String {
            text.chars()
                .take_while(|letter| letter.is_alphanumeric() || *letter == '_')
                .collect()
        };
        let Some(group) = rest.strip_prefix('{') else {
            rooms.insert(word(rest));
            continue;
        };
        let mut depth = 0_usize;
        let mut at_start = true;
        for (index, letter) in group.char_indices() {
            match letter {
                '{' => depth += 1,
                '}' if depth == 0 => break,
                '}' => depth -= 1,
                ',' if depth == 0 => at_start = true,
                letter if at_start && !letter.is_whitespace() => {
                    rooms.insert(word(&group[index..]));
                    at_start = false;
                }
                _ => {}
            }
        }
    }
    rooms.remove("");
    rooms
}

#[test]
fn a_room_imports_what_its_line_allows_and_nothing_is_allowed_in_vain() {
    let mut broken = Vec::new();
    let mut used = BTreeSet::new();
    for (path, text) in rust_files("src") {
        let room = room(&path);
        if room == "lib" || room == "main" {
            continue;
        }
        let allowed = MAY_IMPORT
            .iter()
            .find(|(name, _)| *name == room)
            .map_or(&[][..], |(_, rooms)| rooms);
        for other in imported(&text) {
            if other != room && !allowed.contains(&other.as_str()) {
                broken.push(format!("{path}: {room} must not import {other}"));
            }
            used.insert((room.clone(), other));
        }
    }
    for (room, others) in MAY_IMPORT {
        for other in *others {
            if !used.contains(&((*room).to_owned(), (*other).to_owned())) {
                broken.push(format!(
                    "{room} may import {other} and never does: take it off the list"
                ));
            }
        }
    }
    assert_eq!(broken, Vec::<String>::new());
}

#[test]
fn pure_rooms_use_no_crate_that_reaches_outside() {
    let mut broken = Vec::new();
    for (path, text) in rust_files("src") {
        let room = room(&path);
        for name in MUST_NOT_USE
            .iter()
            .filter(|(name, _)| *name == room)
            .flat_map(|(_, names)| *names)
        {
            if text.contains(&format!("use {name}::")) || text.contains(&format!(" {name}::")) {
                broken.push(format!("{path}: {room} must do without {name}"));
            }
        }
    }
    assert_eq!(broken, Vec::<String>::new());
}

#[test]
fn the_scanner_sees_single_and_grouped_imports() {
    let text = "use crate::model::Phone; use crate::{api::{A, B}, plan, wazzup::{c::{D}}}; crate::clock::now()";
    let rooms: Vec<String> = imported(text).into_iter().collect();
    assert_eq!(rooms, ["api", "clock", "model", "plan", "wazzup"]);
}

#[test]
fn every_file_opens_with_a_sign_and_ends_in_reach() {
    let mut broken = Vec::new();
    for folder in ["src", "tests"] {
        for (path, text) in rust_files(folder) {
            if !text.starts_with("//! ") {
                broken.push(format!("{path}: opens without a sign (//! what it owns)"));
            }
            let longest = if path.contains("tests") {
                LONGEST_TEST
            } else {
                LONGEST_FILE
            };
            let lines = text.lines().count();
            if lines > longest {
                broken.push(format!("{path}: {lines} lines, the longest is {longest}"));
            }
        }
    }
    assert_eq!(broken, Vec::<String>::new());
}

#[test]
fn every_room_says_what_it_owns_what_it_must_never_do_and_where_to_go_next() {
    for (path, text) in rust_files("src") {
        if path.ends_with("/mod.rs") && path.matches('/').count() == 2 {
            let lines = text.lines().map_while(|line| line.strip_prefix("//!"));
            let sign = lines.map(str::trim).collect::<Vec<_>>().join(" ");
            for word in ["Owns", "Must never", "Next:"] {
                assert!(sign.contains(word), "{path}: its sign lacks '{word}'");
            }
        }
    }
}

#[test]
fn nothing_is_left_undone_or_switched_off() {
    let forbidden = ["TO", "FIX"].map(|half| format!("{half}{}", if half == "TO" { "DO" } else { "ME" }));
    let ignored = format!("#[{}", "ignore");
    let mut broken = Vec::new();
    for folder in ["src", "tests"] {
        for (path, text) in rust_files(folder) {
            for word in forbidden.iter().chain([&ignored]) {
                if text.contains(word.as_str()) {
                    broken.push(format!("{path}: {word}"));
                }
            }
        }
    }
    assert_eq!(broken, Vec::<String>::new());
}

#[test]
fn the_papers_link_to_what_exists() {
    let mut papers: Vec<PathBuf> = [
        "README.md",
        "ARCHITECTURE.md",
        "CONTRIBUTING.md",
        "CHANGELOG.md",
        "tests/control-plane/README.md",
    ]
    .map(|paper| root().join(paper))
    .into();
    let markdown = |path: &Path| path.extension().is_some_and(|extension| extension == "md");
    files(&root().join("docs"), &markdown, &mut papers);
    assert!(papers.len() > 15, "docs/ was not read");
    for paper in papers {
        let text = fs::read_to_string(&paper).unwrap();
        let paper = paper.strip_prefix(root()).unwrap();
        let name = paper.display();
        // Code between backticks holds no links: every other piece.
        let prose = text.split('`').step_by(2);
        for piece in prose.flat_map(|piece| piece.split("](").skip(1)) {
            let target: String = piece.chars().take_while(|letter| *letter != ')').collect();
            if target.contains("://") {
                continue;
            }
            let (file, anchor) = target.split_once('#').unwrap_or((target.as_str(), ""));
            let mut path = root().join(paper);
            if !file.is_empty() {
                path = path.parent().unwrap().join(file);
            }
            assert!(path.exists(), "{name} links to {target}, which is not there");
            if !anchor.is_empty() {
                let headings = anchors(&fs::read_to_string(path).unwrap());
                assert!(
                    headings.contains(anchor),
                    "{name} links to {target}, which has no such heading"
                );
            }
        }
        for word in text.split(['`', ' ', '\n']) {
            let named = ["src/", "tests/", "deploy/", "crds/"]
                .iter()
                .any(|folder| word.starts_with(folder));
            if named
                && word
                    .chars()
                    .all(|letter| letter.is_alphanumeric() || "/._-".contains(letter))
            {
                assert!(
                    root().join(word.trim_end_matches('.')).exists(),
                    "{name} names {word}, which is not there"
                );
            }
        }
    }
}

/// What a link may put after `#`: headings in small letters, spaces as dashes, other marks left out.
fn anchors(markdown: &str) -> BTreeSet<String> {
    let headings = markdown.lines().filter(|line| line.starts_with('#'));
    headings
        .map(|line| {
            let words = line.trim_start_matches('#').trim().to_lowercase();
            let kept = words
                .chars()
                .filter(|letter| letter.is_alphanumeric() || " -_".contains(*letter));
            kept.map(|letter| if letter == ' ' { '-' } else { letter }).collect()
        })
        .collect()
}
