//! Merge patches: what differs and nothing else.

use serde_json::{Map, Value};

/// The JSON merge patch (RFC 7396) that turns `old` into `new`; `None` when they are equal. Lists are replaced whole.
pub fn diff(old: &Value, new: &Value) -> Option<Value> {
    match (old, new) {
        (Value::Object(old), Value::Object(new)) => {
            let mut patch = Map::new();
            for (key, value) in new {
                match old.get(key) {
                    Some(before) => {
                        if let Some(change) = diff(before, value) {
                            patch.insert(key.clone(), change);
                        }
                    }
                    None => {
                        patch.insert(key.clone(), value.clone());
                    }
                }
            }
            for key in old.keys().filter(|key| !new.contains_key(*key)) {
                patch.insert(key.clone(), Value::Null);
            }
            (!patch.is_empty()).then_some(Value::Object(patch))
        }
        _ if old == new => None,
        _ => Some(new.clone()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn equal_values_need_no_patch() {
        assert_eq!(diff(&json!({"a": {"b": [1]}}), &json!({"a": {"b": [1]}})), None);
    }

    #[test]
    fn a_patch_holds_what_differs_and_removes_what_is_gone() {
        let old = json!({"a": 1, "b": {"c": 1, "d": 2}, "gone": true});
        let new = json!({"a": 1, "b": {"c": 3, "d": 2}, "new": [1]});
        assert_eq!(diff(&old, &new), Some(json!({"b": {"c": 3}, "gone": null, "new": [1]})));
    }
}
