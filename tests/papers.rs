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
