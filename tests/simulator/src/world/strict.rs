//! Strict validation, in the wording of the service's validator: unknown properties are refused, nulls too.

use serde_json::{Map, Value, json};

use super::Answer;

/// One field of a body.
pub(crate) struct Field {
    pub(crate) name: &'static str,
    pub(crate) required: bool,
}

/// A required field.
pub(crate) const fn required(name: &'static str) -> Field {
    Field { name, required: true }
}

/// An optional field.
pub(crate) const fn optional(name: &'static str) -> Field {
    Field { name, required: false }
}

/// An error in the service's shape.
pub(crate) fn error(status: u16, code: &str, detail: &str, errors: &[String]) -> Answer {
    let title: Vec<String> = code
        .split('_')
        .map(|word| {
            word.chars()
                .take(1)
                .chain(word.to_lowercase().chars().skip(1))
                .collect()
        })
        .collect();
    Answer {
        status,
        body: json!({"code": code, "title": title.join(" "), "detail": detail, "errors": errors}),
    }
}

/// 400 `VALIDATION_FAILED`.
pub(crate) fn invalid(errors: &[String]) -> Answer {
    error(
        400,
        "VALIDATION_FAILED",
        "One or more fields did not pass validation.",
        errors,
    )
}

/// 404 in the service's shape.
pub(crate) fn missing(what: &str) -> Answer {
    error(404, "NOT_FOUND", &format!("{what} not found"), &[])
}

/// Reads a JSON object out of a body. The documentation's requests are all `application/json`; another content type is
/// answered 400, since it documents no 415.
pub(crate) fn object(content_type: Option<&str>, body: &[u8]) -> Result<Map<String, Value>, Answer> {
    let json = content_type.is_some_and(|kind| {
        kind.split(';')
            .next()
            .is_some_and(|kind| kind.trim() == "application/json")
    });
    if !json {
        return Err(invalid(&["content type must be application/json".to_owned()]));
    }
    match serde_json::from_slice(body) {
        Ok(Value::Object(object)) => Ok(object),
        Ok(_) => Err(invalid(&["body must be an object".to_owned()])),
        Err(_) => Err(invalid(&["body must be JSON".to_owned()])),
    }
}

/// Checks that an object has these fields and no others, none of them null.
pub(crate) fn check(object: &Map<String, Value>, fields: &[Field]) -> Result<(), Answer> {
    let mut errors = Vec::new();
    for name in object
        .keys()
        .filter(|name| fields.iter().all(|field| field.name != **name))
    {
        errors.push(format!("property {name} should not exist"));
    }
    for field in fields {
        match object.get(field.name) {
            None if field.required => errors.push(format!("{} should not be empty", field.name)),
            Some(Value::Null) => errors.push(format!("{} should not be null", field.name)),
            None | Some(_) => {}
        }
    }
    if errors.is_empty() {
        Ok(())
    } else {
        Err(invalid(&errors))
    }
}

/// A non-empty text.
pub(crate) fn text<'a>(object: &'a Map<String, Value>, name: &str) -> Result<&'a str, Answer> {
    match object.get(name).and_then(Value::as_str) {
        Some(text) if !text.is_empty() => Ok(text),
        Some(_) => Err(invalid(&[format!("{name} should not be empty")])),
        None => Err(invalid(&[format!("{name} must be a string")])),
    }
}
