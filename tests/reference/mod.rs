//! Writes docs/reference from the schemas and the names of the code, so that no page can tell of another version.

mod names;
pub mod page;
pub mod states;

use std::fmt::Write;

use serde_json::Value;
use wazzup_operator::api::crd;

/// What a schema cannot hold: the meaning of each word, and what an unset optional field means.
const NOTES: &[(&str, &str)] = &[
    (
        "spec.deletionPolicy",
        "`Delete` deletes the channel and keeps its chats, `DeleteWithChats` deletes both, `Retain` leaves the channel at \
         Wazzup.",
    ),
    (
        "spec.externalDeletionPolicy",
        "`Recreate` makes the channel again, `Stop` asks a person (`ActionRequired` / `ChannelGone`). A Secret is all it \
         takes for `telegram`, `maxbot`, `avito` and `instAPI`.",
    ),
    (
        "spec.transport",
        "Each has a guide: [transports](../transports/README.md).",
    ),
    (
        "spec.webhooks.mode",
        "`Managed`: the operator subscribes and repairs the subscription. `External`: somebody else routes events to the \
         operator. `Disabled`: polling alone; everything works but the QR.",
    ),
    (
        "status.conditions",
        "Every reason is explained on the page of [reasons](../reasons.md).",
    ),
];

/// `(file name, Markdown)` of every page of docs/reference.
pub fn pages() -> Vec<(String, String)> {
    let manifests = crd::manifests().unwrap();
    let page = |(_, yaml): (String, String)| {
        let crd: Value = serde_saphyr::from_str(&yaml).unwrap();
        let kind = text(&crd["spec"]["names"]["kind"]).to_owned();
        (format!("{}.md", kind.to_lowercase()), of_kind(&kind, &crd))
    };
    manifests.into_iter().map(page).collect()
}

/// The structural schema of a kind.
pub fn schema(kind: &str) -> Option<Value> {
    let crds = crd::manifests().unwrap().into_iter();
    let mut crds = crds.map(|(_, yaml)| serde_saphyr::from_str::<Value>(&yaml).unwrap());
    let crd = crds.find(|crd| crd["spec"]["names"]["kind"] == kind)?;
    Some(crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"].clone())
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn of_kind(kind: &str, crd: &Value) -> String {
    let (spec, version) = (&crd["spec"], &crd["spec"]["versions"][0]);
    let schema = &version["schema"]["openAPIV3Schema"];
    let mut page = format!(
        "<!-- Written by 'make crds' from the code: change it there. -->\n\n# {kind}\n\n{}\n\n",
        text(&schema["description"])
    );
    let listed = |names: &Value| {
        let words = names.as_array().into_iter().flatten().map(text);
        words.map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ")
    };
    let _ = writeln!(
        page,
        "`apiVersion: {}/{}`, `kind: {kind}`; {}; resource `{}`, short name {}, category {}.\n",
        text(&spec["group"]),
        text(&version["name"]),
        text(&spec["scope"]).to_lowercase(),
        text(&spec["names"]["plural"]),
        listed(&spec["names"]["shortNames"]),
        listed(&spec["names"]["categories"]),
    );
    rules(
        &mut page,
        "The API server refuses an object that breaks one of these rules:",
        schema,
    );
    for (part, title) in [("spec", "Spec"), ("status", "Status, written by the operator alone")] {
        let field = &schema["properties"][part];
        let _ = writeln!(page, "## {title}\n\n{}\n", text(&field["description"]));
        if !field["default"].is_null() {
            let _ = writeln!(page, "Default: `{}`.\n", field["default"]);
        }
        rules(&mut page, "Rules:", field);
        fields(&mut page, part, field);
    }
    page.push_str("## Columns\n\n| column | from | shown |\n| --- | --- | --- |\n");
    for column in version["additionalPrinterColumns"].as_array().into_iter().flatten() {
        let shown = if column["priority"] == 1 {
            "with `-o wide`"
        } else {
            "always"
        };
        let (name, path) = (text(&column["name"]).to_uppercase(), text(&column["jsonPath"]));
        let _ = writeln!(page, "| `{name}` | `{path}` | {shown} |");
    }
    page.push_str(&names::tables(kind));
    page
}

fn rules(page: &mut String, title: &str, schema: &Value) {
    let rules: Vec<&str> = schema["x-kubernetes-validations"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|rule| text(&rule["message"]))
        .collect();
    if !rules.is_empty() {
        let _ = writeln!(page, "{title}\n");
        for rule in rules {
            let _ = writeln!(page, "- {rule}.");
        }
        page.push('\n');
    }
}

fn fields(page: &mut String, path: &str, schema: &Value) {
    let required = schema["required"].as_array();
    for (name, field) in schema["properties"].as_object().into_iter().flatten() {
        let path = format!("{path}.{name}");
        let needed = required.is_some_and(|required| required.iter().any(|one| one == name));
        let _ = writeln!(page, "### `{path}`\n");
        let mut facts = vec![kind_of(field)];
        facts.extend(limits(field));
        match &field["default"] {
            Value::Null if needed => facts.push("required".to_owned()),
            Value::Null => facts.push("optional".to_owned()),
            default => facts.push(format!("default `{default}`")),
        }
        if immutable(field) {
            facts.push("immutable once set".to_owned());
        }
        let _ = writeln!(page, "*{}*\n", facts.join(", "));
        let _ = writeln!(page, "{}\n", text(&field["description"]).replace('\n', " "));
        if let Some((_, note)) = NOTES.iter().find(|(of, _)| *of == path) {
            let _ = writeln!(page, "{note}\n");
        }
        if let Some(words) = field["enum"].as_array() {
            let words: Vec<String> = words.iter().map(|word| format!("`{}`", text(word))).collect();
            let _ = writeln!(page, "One of {}.\n", words.join(", "));
        }
        rules(page, "The API server says when it is broken:", field);
        if field["items"]["properties"].is_object() {
            fields(page, &format!("{path}[]"), &field["items"]);
        }
        fields(page, &path, field);
    }
}

/// Paths of [`NOTES`] that no schema has.
pub fn stale_notes() -> Vec<&'static str> {
    let all: String = pages().into_iter().map(|(_, page)| page).collect();
    let stale = NOTES
        .iter()
        .filter(|(path, _)| !all.contains(&format!("### `{path}`\n")));
    stale.map(|(path, _)| *path).collect()
}

fn immutable(field: &Value) -> bool {
    let mut rules = field["x-kubernetes-validations"].as_array().into_iter().flatten();
    rules.any(|rule| rule["rule"] == "self == oldSelf")
}

fn kind_of(field: &Value) -> String {
    match text(&field["type"]) {
        "array" => format!("list of {}", text(&field["items"]["type"])),
        "string" if field["format"] == "date-time" => "time (RFC 3339)".to_owned(),
        other => other.to_owned(),
    }
}

fn limits(field: &Value) -> Vec<String> {
    let mut said = Vec::new();
    said.extend(span(field, "minLength", "maxLength", "characters"));
    said.extend(span(field, "minItems", "maxItems", "items"));
    said.extend(span(&field["items"], "minLength", "maxLength", "characters each"));
    said.extend(span(field, "minimum", "maximum", ""));
    for (field, each) in [(field, ""), (&field["items"], "each ")] {
        if let Some(pattern) = field["pattern"].as_str() {
            said.push(format!("{each}matching `{pattern}`"));
        }
    }
    if field["x-kubernetes-list-type"] == "set" {
        said.push("no duplicates".to_owned());
    }
    said
}

fn span(field: &Value, least: &str, most: &str, unit: &str) -> Option<String> {
    let said = match (field[least].as_f64(), field[most].as_f64()) {
        (Some(least), Some(most)) => format!("{least} to {most} {unit}"),
        (None, Some(most)) => format!("at most {most} {unit}"),
        (Some(least), None) => format!("at least {least} {unit}"),
        (None, None) => return None,
    };
    Some(said.trim_end().to_owned())
}

/// Every name after `wazzup24.com/` that the code knows.
pub fn known_names() -> Vec<String> {
    names::known()
}

/// Annotations of the code that no page explains, and explained ones that the code has not.
pub fn unexplained_annotations() -> Vec<String> {
    names::unexplained()
}
