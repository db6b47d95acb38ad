//! Reads pages: fenced blocks, sections between marks, headings; and judges a value by a schema.

use std::{
    fs,
    path::{Path, PathBuf},
};

use serde_json::Value;

/// A page of docs/, by its path in the repository.
pub struct Page {
    pub path: String,
    pub text: String,
}

/// A fenced block: the word after its fence, and what it holds.
pub struct Block {
    pub language: String,
    pub text: String,
    pub line: usize,
}

pub fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Every page of docs/.
pub fn all() -> Vec<Page> {
    let mut found = Vec::new();
    collect(&root().join("docs"), &mut found);
    found.sort();
    assert!(found.len() > 10, "docs/ was not read");
    found.iter().map(|path| read(path)).collect()
}

fn collect(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "md") {
            found.push(path);
        }
    }
}

fn read(path: &Path) -> Page {
    Page {
        path: path.strip_prefix(root()).unwrap().to_string_lossy().into_owned(),
        text: fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display())),
    }
}

/// One page by its path.
pub fn named(path: &str) -> Page {
    read(&root().join(path))
}

impl Page {
    /// Every fenced block.
    pub fn blocks(&self) -> Vec<Block> {
        let mut blocks = Vec::new();
        let mut open: Option<Block> = None;
        for (index, line) in self.text.lines().enumerate() {
            match (line.strip_prefix("```"), open.take()) {
                (Some(_), Some(block)) => blocks.push(block),
                (Some(language), None) => {
                    open = Some(Block {
                        language: language.to_owned(),
                        text: String::new(),
                        line: index + 1,
                    });
                }
                (None, Some(mut block)) => {
                    block.text.push_str(line);
                    block.text.push('\n');
                    open = Some(block);
                }
                (None, None) => {}
            }
        }
        assert!(open.is_none(), "{}: a fence is not closed", self.path);
        blocks
    }

    /// Every YAML document of every YAML block, with where it stands.
    pub fn yaml(&self) -> Vec<(String, Value)> {
        let mut found = Vec::new();
        for block in self.blocks().iter().filter(|block| block.language == "yaml") {
            let place = format!("{}:{}", self.path, block.line);
            for document in block.text.split("---\n") {
                let value: Value = serde_saphyr::from_str(document).unwrap_or_else(|error| panic!("{place}: {error}"));
                found.push((place.clone(), value));
            }
        }
        found
    }

    /// What stands between `<!-- mark -->` and `<!-- /mark -->`.
    pub fn between(&self, mark: &str) -> &str {
        let (_, rest) = self
            .text
            .split_once(&format!("<!-- {mark} -->\n"))
            .unwrap_or_else(|| panic!("{} lacks <!-- {mark} -->", self.path));
        let (inside, _) = rest.split_once(&format!("<!-- /{mark} -->")).unwrap();
        inside
    }

    /// Puts something else there.
    pub fn write_between(&mut self, mark: &str, new: &str) {
        let old = self.between(mark).to_owned();
        let (open, close) = (format!("<!-- {mark} -->\n"), format!("<!-- /{mark} -->"));
        self.text = self
            .text
            .replacen(&format!("{open}{old}{close}"), &format!("{open}{new}{close}"), 1);
        fs::write(root().join(&self.path), &self.text).unwrap();
    }
}

/// What a structural schema finds wrong with a value. Patterns and rules are judged by the API server alone.
pub fn flaws(schema: &Value, value: &Value, path: &str, found: &mut Vec<String>) {
    let fits = match schema["type"].as_str() {
        Some("object") => value.is_object(),
        Some("array") => value.is_array(),
        Some("string") => value.is_string(),
        Some("integer") => value.is_i64(),
        Some("boolean") => value.is_boolean(),
        _ => true,
    };
    if !fits {
        found.push(format!("{path} is no {}", schema["type"]));
        return;
    }
    if let Some(words) = schema["enum"].as_array()
        && !words.contains(value)
    {
        found.push(format!("{path}: {value} is none of {words:?}"));
    }
    let length = match value {
        Value::String(text) => Some((text.chars().count(), "minLength", "maxLength")),
        Value::Array(items) => Some((items.len(), "minItems", "maxItems")),
        _ => None,
    };
    if let Some((length, least, most)) = length {
        let length = u64::try_from(length).unwrap();
        if schema[least].as_u64().is_some_and(|least| length < least)
            || schema[most].as_u64().is_some_and(|most| length > most)
        {
            found.push(format!("{path} has {length}, outside {least} to {most}"));
        }
    }
    let number = value.as_f64();
    if number < schema["minimum"].as_f64() || schema["maximum"].as_f64().is_some_and(|most| number > Some(most)) {
        found.push(format!("{path}: {value} is outside its limits"));
    }
    for item in value.as_array().into_iter().flatten() {
        flaws(&schema["items"], item, &format!("{path}[]"), found);
    }
    let Some(fields) = value.as_object() else { return };
    let known = schema["properties"].as_object();
    for (name, field) in fields {
        match known.and_then(|known| known.get(name)) {
            Some(schema) => flaws(schema, field, &format!("{path}.{name}"), found),
            None if known.is_none() => {}
            None => found.push(format!("{path}.{name} is no field")),
        }
    }
    for name in schema["required"].as_array().into_iter().flatten() {
        let name = name.as_str().unwrap();
        if !fields.contains_key(name) {
            found.push(format!("{path}.{name} is missing"));
        }
    }
}
