//! The pages of docs/ say what the code does: the reference is written from it, manifests are valid, lists are complete.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    unreachable_pub,
    reason = "tests"
)]

mod reference;
mod stage;

use std::{collections::BTreeSet, env, fs, path::Path, process::Command};

use clap::CommandFactory;
use k8s_openapi::api::core::v1::Secret;
use reference::{
    page::{self, Page},
    states,
};
use serde_json::Value;
use wazzup_operator::{
    api::{WazzupAccount, WazzupChannel},
    cli::Args,
    model::{Login, Transport},
    plan::reasons,
};

fn updating() -> bool {
    env::var_os("UPDATE").is_some()
}

/// A transport's guide.
fn guide(transport: Transport) -> Page {
    let name = match transport {
        Transport::InstApi => "instagram",
        other => other.as_str(),
    };
    page::named(&format!("docs/transports/{name}.md"))
}

/// The first object of a kind on a page.
fn object<T: serde::de::DeserializeOwned>(page: &Page, kind: &str) -> Option<T> {
    let found = page.yaml().into_iter().find(|(_, value)| value["kind"] == kind);
    found.map(|(place, value)| serde_json::from_value(value).unwrap_or_else(|error| panic!("{place}: {error}")))
}

#[test]
fn the_reference_pages_are_those_of_the_code() {
    assert_eq!(
        reference::stale_notes(),
        Vec::<&str>::new(),
        "notes on fields that are not there"
    );
    let unexplained = reference::unexplained_annotations();
    assert_eq!(
        unexplained,
        Vec::<String>::new(),
        "tests/reference/names.rs explains the annotations"
    );
    for (name, written) in reference::pages() {
        let path = page::root().join("docs/reference").join(&name);
        if updating() {
            fs::write(&path, &written).unwrap();
        }
        let committed = fs::read_to_string(&path).unwrap_or_default();
        assert!(
            committed == written,
            "docs/reference/{name} is stale: run 'make crds' and commit it"
        );
    }
}

#[test]
fn every_manifest_fits_the_types_and_the_schemas() {
    let mut seen = 0;
    for page in page::all() {
        for (place, value) in page.yaml() {
            let kind = value["kind"].as_str().unwrap_or_default().to_owned();
            assert!(!kind.is_empty(), "{place}: a YAML block without a kind");
            let Some(schema) = reference::schema(&kind) else {
                continue;
            };
            let mut flaws = Vec::new();
            page::flaws(&schema["properties"]["spec"], &value["spec"], "spec", &mut flaws);
            assert_eq!(flaws, Vec::<String>::new(), "{place}");
            let read = match kind.as_str() {
                "WazzupChannel" => serde_json::from_value::<WazzupChannel>(value).map(|_| ()),
                _ => serde_json::from_value::<WazzupAccount>(value).map(|_| ()),
            };
            read.unwrap_or_else(|error| panic!("{place}: {error}"));
            seen += 1;
        }
    }
    assert!(seen > Transport::ALL.len(), "{seen} manifests were read");
}

#[test]
fn a_manifest_with_a_flaw_is_found() {
    let schema = reference::schema("WazzupChannel").unwrap();
    let flaws = |spec: Value| {
        let mut flaws = Vec::new();
        page::flaws(&schema["properties"]["spec"], &spec, "spec", &mut flaws);
        flaws.len()
    };
    assert_eq!(flaws(serde_json::json!({"transport": "vk"})), 0);
    for wrong in [
        serde_json::json!({}),
        serde_json::json!({"transport": "fax"}),
        serde_json::json!({"transport": "vk", "deletePolicy": "Retain"}),
        serde_json::json!({"transport": "vk", "suspend": "no"}),
        serde_json::json!({"transport": "whatsapp", "pairing": {"phone": "1"}}),
    ] {
        assert_eq!(flaws(wrong.clone()), 1, "{wrong}");
    }
}

#[tokio::test]
async fn the_api_server_takes_every_manifest() {
    let plane = stage::plane();
    let namespace = plane.namespace("docs").await.unwrap();
    for page in page::all() {
        for (place, mut value) in page.yaml() {
            if value["kind"] == "Kustomization" {
                continue;
            }
            if value["metadata"]["namespace"].is_string() {
                value["metadata"]["namespace"] = namespace.clone().into();
            }
            let arguments = [
                "-n",
                &namespace,
                "apply",
                "--dry-run=server",
                "--validate=strict",
                "-f",
                "-",
            ];
            let applied = plane.kubectl_with(&arguments, &value.to_string()).unwrap();
            assert!(
                applied.status.success(),
                "{place}: {}",
                String::from_utf8_lossy(&applied.stderr)
            );
        }
    }
}

#[test]
fn every_transport_has_a_guide_from_secret_to_active() {
    let index = page::named("docs/transports/README.md");
    for transport in Transport::ALL {
        let guide = guide(transport);
        let name = guide.path.trim_start_matches("docs/transports/");
        assert!(index.text.contains(&format!("]({name})")), "the index lacks {name}");
        let channel: WazzupChannel = object(&guide, "WazzupChannel").expect("a WazzupChannel");
        assert_eq!(states::transport(&channel), transport, "{name}");
        let channel_name = channel.metadata.name.clone().unwrap();
        let told = |words: &str| assert!(guide.text.contains(words), "{name} does not say: {words}");
        match transport.login() {
            Login::Secret { keys, .. } => {
                let secret: Secret = object(&guide, "Secret").expect("a Secret");
                let held: BTreeSet<&str> = secret
                    .string_data
                    .iter()
                    .flatten()
                    .map(|(key, _)| key.as_str())
                    .collect();
                assert_eq!(held, keys.iter().copied().collect(), "{name}");
                let named = channel.spec.credentials_secret_ref.map(|secret| secret.name);
                assert_eq!(named, secret.metadata.name, "{name}");
            }
            Login::Qr => told(&format!(
                "kubectl -n {} get configmap {channel_name}-qr -o jsonpath='{{.data.qr\\.txt}}'",
                states::NAMESPACE
            )),
            Login::Link => told("jsonpath='{.status.url}'"),
            Login::Iframe => told("jsonpath='{.data.link}'"),
        }
        told("## When it drops");
        told("## Delete or keep");
        told(&format!(
            "kubectl -n {} delete wazzupchannel {channel_name}",
            states::NAMESPACE
        ));
    }
}

#[test]
fn the_guides_repeat_the_words_and_deeds_of_the_code() {
    for transport in Transport::ALL {
        let mut guide = guide(transport);
        let channel: WazzupChannel = object(&guide, "WazzupChannel").unwrap();
        let section = states::section(&channel);
        if updating() {
            guide.write_between("states", &section);
        }
        let path = &guide.path;
        assert!(
            guide.between("states") == section,
            "{path} is stale: run 'make crds' and commit it"
        );
    }
}

/// Cells of every row of the table that follows a heading.
fn table(page: &Page, heading: &str) -> Vec<Vec<String>> {
    let (_, rest) = page
        .text
        .split_once(heading)
        .unwrap_or_else(|| panic!("{} lacks {heading}", page.path));
    let lines = rest.lines().skip_while(|line| !line.starts_with('|'));
    let rows = lines.take_while(|line| line.starts_with('|')).skip(2);
    let cells = |line: &str| {
        line.trim_matches('|')
            .split(" | ")
            .map(|cell| cell.trim().to_owned())
            .collect()
    };
    rows.map(cells).collect()
}

#[test]
fn the_table_of_flags_is_that_of_the_program() {
    let command = Args::command();
    let mut flags = Vec::new();
    for flag in command.get_arguments().filter(|flag| flag.get_long().is_some()) {
        let (long, env) = (flag.get_long().unwrap(), flag.get_env());
        let Some(env) = env.map(|env| env.to_string_lossy().into_owned()) else {
            continue;
        };
        let value = flag
            .get_value_names()
            .map(|names| names[0].to_string())
            .unwrap_or_default();
        let defaults: Vec<_> = flag
            .get_default_values()
            .iter()
            .map(|value| value.to_string_lossy())
            .collect();
        let default = if defaults.is_empty() {
            String::new()
        } else {
            format!("`{}`", defaults.join(","))
        };
        flags.push([format!("`--{long} {value}`"), format!("`{env}`"), default]);
    }
    assert!(flags.len() > 8, "the flags were not read");
    let written = table(&page::named("docs/operations.md"), "## Flags");
    let written: Vec<[String; 3]> = written
        .into_iter()
        .map(|row| {
            assert!(row.len() == 4 && !row[3].is_empty(), "{row:?}");
            [
                row[0].clone(),
                row[1].clone(),
                if row[2].starts_with('`') {
                    row[2].clone()
                } else {
                    String::new()
                },
            ]
        })
        .collect();
    assert_eq!(written, flags);
}

/// `(condition, reason)` of every entry of a part of the page of reasons; an entry holds a cause and a remedy.
fn entries(page: &Page, kind: &str) -> Vec<(String, String)> {
    let (_, rest) = page.text.split_once(&format!("\n## {kind}\n")).unwrap();
    let part = rest.split("\n## ").next().unwrap();
    let mut entries = Vec::new();
    for entry in part.split("\n### ").skip(1) {
        let (reason, body) = entry.split_once('\n').unwrap();
        let field = |name: &str| {
            let line = body.lines().find_map(|line| line.strip_prefix(&format!("- {name}: ")));
            line.unwrap_or_else(|| panic!("{kind} {reason} lacks '- {name}: '"))
                .to_owned()
        };
        assert!(
            field("Cause").len() > 12 && field("Remedy").len() > 12,
            "{kind} {reason}"
        );
        for condition in field("Conditions").split(", ") {
            entries.push((condition.trim_matches('`').to_owned(), reason.to_owned()));
        }
    }
    entries
}

#[test]
fn the_page_of_reasons_explains_every_reason_and_no_other() {
    let page = page::named("docs/reasons.md");
    for (kind, list) in [
        ("WazzupChannel", reasons::of_channel()),
        ("WazzupAccount", reasons::of_account()),
    ] {
        let known: BTreeSet<(String, String)> = list.into_iter().map(|(a, b)| (a.to_owned(), b.to_owned())).collect();
        let written = entries(&page, kind);
        let set: BTreeSet<(String, String)> = written.iter().cloned().collect();
        assert_eq!(set.len(), written.len(), "an entry of {kind} is there twice");
        let missing: Vec<_> = known.difference(&set).collect();
        let invented: Vec<_> = set.difference(&known).collect();
        assert!(
            missing.is_empty() && invented.is_empty(),
            "{kind}: missing {missing:?}, invented {invented:?}"
        );
    }
}

#[test]
fn every_name_of_ours_on_a_page_is_known_to_the_code() {
    let mut known = reference::known_names();
    known.push("v1alpha1".to_owned());
    for page in page::all() {
        for (start, prefix) in page.text.match_indices("wazzup24.com/") {
            let before = page.text[..start].chars().next_back().unwrap_or(' ');
            if before.is_alphanumeric() || before == '.' || before == '/' {
                continue;
            }
            let rest = &page.text[start + prefix.len()..];
            let name: String = rest
                .chars()
                .take_while(|letter| letter.is_alphanumeric() || *letter == '-')
                .collect();
            assert!(
                known.contains(&name),
                "{}: the code knows no wazzup24.com/{name}",
                page.path
            );
        }
    }
}

/// Commands of a page that end by themselves without an operator.
fn commands(page: &Page) -> Vec<String> {
    let blocks = page.blocks().into_iter().filter(|block| block.language == "console");
    let lines: Vec<String> = blocks
        .flat_map(|block| block.text.lines().map(str::to_owned).collect::<Vec<_>>())
        .collect();
    let ends = |line: &String| {
        let waits = [" wait ", "--watch", "crds/", "deploy/", "--all-namespaces"];
        (line.starts_with("kubectl ") || line.starts_with("for ")) && waits.iter().all(|word| !line.contains(word))
    };
    lines.into_iter().filter(ends).collect()
}

#[tokio::test]
async fn the_commands_of_the_guides_work_as_they_stand() {
    let plane = stage::plane();
    let made = plane.kubectl(&["create", "namespace", states::NAMESPACE]).unwrap();
    assert!(made.status.success());
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("guides");
    fs::create_dir_all(&folder).unwrap();
    let kubectl = plane.kubectl_command();
    let programs = Path::new(kubectl.get_program()).parent().unwrap();
    let path = format!("{}:{}", programs.display(), env::var("PATH").unwrap());
    let run = |command: &str| {
        let mut shell = Command::new("sh");
        shell.arg("-c").arg(command).current_dir(&folder).env("PATH", &path);
        for (name, value) in kubectl.get_envs() {
            shell.env(name, value.unwrap());
        }
        let ended = shell.output().unwrap();
        assert!(
            ended.status.success(),
            "{command}: {}",
            String::from_utf8_lossy(&ended.stderr)
        );
    };
    let sink = "--from-literal=qr.txt=QR --from-literal=pairing-code=CODE --from-literal=link=LINK";
    run(&format!(
        "kubectl -n {} create secret generic support-login {sink}",
        states::NAMESPACE
    ));
    let mut tried = 0;
    let operations = page::named("docs/operations.md");
    let account = operations
        .yaml()
        .into_iter()
        .find(|(_, value)| value["kind"] == "WazzupAccount")
        .unwrap();
    fs::write(folder.join("account.yaml"), account.1.to_string()).unwrap();
    run(&format!("kubectl -n {} apply -f account.yaml", states::NAMESPACE));
    let guides = page::all()
        .into_iter()
        .filter(|page| page.path.starts_with("docs/transports/"));
    for page in guides.chain([operations]) {
        for (_, value) in page.yaml().into_iter().filter(|_| page.path.contains("transports")) {
            let name = value["metadata"]["name"].as_str().unwrap();
            let file = folder.join(format!("{name}.yaml"));
            fs::write(&file, value.to_string()).unwrap();
            run(&format!("kubectl -n {} apply -f {}", states::NAMESPACE, file.display()));
            if value["kind"] == "WazzupChannel" {
                let make = format!("kubectl -n {} create configmap {name}-qr {sink}", states::NAMESPACE);
                run(&format!("{make} --dry-run=client -o yaml | kubectl apply -f -"));
            }
        }
        for command in commands(&page) {
            run(&command);
            tried += 1;
        }
    }
    assert!(tried > 40, "{tried} commands were tried");
}

#[test]
fn the_overlay_builds_and_says_the_image_and_the_url() {
    let operations = page::named("docs/operations.md");
    let (place, overlay) = operations
        .yaml()
        .into_iter()
        .find(|(_, value)| value["kind"] == "Kustomization")
        .unwrap();
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("overlay");
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(folder.join("deploy")).unwrap();
    for entry in fs::read_dir(page::root().join("deploy")).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            fs::copy(&path, folder.join("deploy").join(path.file_name().unwrap())).unwrap();
        }
    }
    fs::write(folder.join("kustomization.yaml"), overlay.to_string()).unwrap();
    let built = stage::plane()
        .kubectl(&["kustomize", &folder.to_string_lossy()])
        .unwrap();
    assert!(
        built.status.success(),
        "{place}: {}",
        String::from_utf8_lossy(&built.stderr)
    );
    let built = String::from_utf8_lossy(&built.stdout).into_owned();
    for told in [
        "image: registry.example.com/wazzup-operator:0.1.0",
        "value: https://hooks.example.com",
    ] {
        assert!(built.contains(told), "{told} is not in what the overlay builds");
    }
}
