//! What the papers promise of the tests.

#![allow(clippy::unwrap_used, missing_docs, reason = "tests")]

use std::{fs, path::Path};

#[test]
fn every_test_that_the_table_of_the_api_documentation_names_is_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let paper = fs::read_to_string(root.join("ARCHITECTURE.md")).unwrap();
    let section = paper
        .split("## What the API documentation asks of a client")
        .nth(1)
        .unwrap();
    let rows: Vec<&str> = section.lines().filter(|line| line.starts_with("| ")).skip(2).collect();
    assert!(rows.len() > 25, "the table is not whole: {}", rows.len());
    let mut missing = Vec::new();
    for row in rows {
        let cell = row.trim_end_matches(" |").rsplit(" | ").next().unwrap();
        let words: Vec<&str> = cell.split('`').filter(|word| !word.trim().is_empty()).collect();
        let [file, test] = words[..] else {
            missing.push(format!("{row}: names no file and test"));
            continue;
        };
        let text = fs::read_to_string(root.join(file)).unwrap_or_default();
        if !text.contains(&format!("fn {test}()")) {
            missing.push(format!("{file} has no test {test}"));
        }
    }
    assert_eq!(missing, Vec::<String>::new());
}

#[test]
fn the_page_of_metrics_names_every_metric_and_no_other() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = fs::read_to_string(root.join("docs/metrics.md")).unwrap();
    let mut told: Vec<&str> = page
        .lines()
        .filter_map(|line| line.strip_prefix("| `wazzup_operator_")?.split('`').next())
        .collect();
    told.sort_unstable();
    // A family without a member is on no scrape, so the code is asked.
    let code = fs::read_to_string(root.join("src/metrics.rs")).unwrap();
    let named = code.split(".register(").skip(1);
    let mut known: Vec<&str> = named.filter_map(|rest| rest.split('"').nth(1)).collect();
    known.sort_unstable();
    assert!(known.len() > 10, "{known:?}");
    assert_eq!(told, known);
}
