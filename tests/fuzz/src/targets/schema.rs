//! Whether the API server would take a value, as far as lengths go: a status that it refuses would be written for ever.

use std::sync::OnceLock;

use serde_json::Value;
use wazzup_operator::api::crd;

/// The schema of the kind of that plural.
pub(super) fn of(plural: &str) -> &'static Value {
    static SCHEMAS: OnceLock<Vec<(String, Value)>> = OnceLock::new();
    let schemas = SCHEMAS.get_or_init(|| {
        crd::definitions()
            .iter()
            .map(|definition| {
                let whole = serde_json::to_value(definition).unwrap_or_default();
                let schema = whole["spec"]["versions"][0]["schema"]["openAPIV3Schema"].clone();
                (definition.spec.names.plural.clone(), schema)
            })
            .collect()
    });
    let found = schemas.iter().find(|(name, _)| name == plural);
    found.map_or(&Value::Null, |(_, schema)| schema)
}

/// The first place where a value is longer, shorter, larger or smaller than its schema allows.
pub(super) fn misfit(schema: &Value, value: &Value) -> Option<String> {
    let bound = |name: &str| schema[name].as_u64().and_then(|bound| usize::try_from(bound).ok());
    let outside = |length: usize, least: &str, most: &str| {
        bound(least).is_some_and(|least| length < least) || bound(most).is_some_and(|most| length > most)
    };
    match value {
        Value::String(text) if outside(text.chars().count(), "minLength", "maxLength") => {
            Some(format!(": {} characters", text.chars().count()))
        }
        Value::Array(items) if outside(items.len(), "minItems", "maxItems") => Some(format!(": {} items", items.len())),
        Value::Array(items) => {
            let inner = &schema["items"];
            items
                .iter()
                .find_map(|item| misfit(inner, item))
                .map(|what| format!("[]{what}"))
        }
        Value::Number(number) => {
            let least = schema["minimum"].as_f64();
            let number = number.as_f64().unwrap_or_default();
            least.filter(|least| number < *least).map(|_| format!(": {number}"))
        }
        Value::Object(fields) => fields.iter().find_map(|(name, field)| {
            let what = misfit(&schema["properties"][name], field)?;
            Some(format!(".{name}{what}"))
        }),
        Value::String(_) | Value::Bool(_) | Value::Null => None,
    }
}
