//! What can come of a call to the service: each fault in one line.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::{Fault, proxy::Reply};

/// What a fault means to a client, for the oracles.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Meaning {
    /// A refusal in the service's own shape.
    Refused,
    /// 429, and for how many seconds nothing may be asked then.
    Throttled(u64),
    /// Whether it took effect cannot be told from the answer.
    Unclear,
    /// Odd, but the answer holds what it must, or is told to lack it.
    Odd,
}

/// One fault.
#[derive(Clone, Copy)]
pub struct Harm {
    /// Its name.
    pub name: &'static str,
    /// What it means.
    pub meaning: Meaning,
    /// Whether each strike lasts until the call's own deadline.
    pub slow: bool,
    /// Makes it; the URL is that of a listener to which nothing must ever connect.
    pub make: fn(&str) -> Fault,
}

const fn harm(name: &'static str, meaning: Meaning, make: fn(&str) -> Fault) -> Harm {
    Harm {
        name,
        meaning,
        slow: false,
        make,
    }
}

/// Words that a person must find again where a refusal lasts.
pub const WORDS: &str = "bad weather over the service";

fn refusal(status: u16, code: &str) -> Fault {
    let body = json!({"code": code, "title": "Refused", "detail": WORDS, "errors": []});
    Fault::Answer(Reply::json(status, &body.to_string()))
}

fn throttled(headers: &[(&str, &str)]) -> Fault {
    let body = json!({"code": "TOO_MANY_REQUESTS", "title": "Slow down", "detail": WORDS, "errors": []});
    let reply = Reply::json(429, &body.to_string());
    Fault::Answer(
        headers
            .iter()
            .fold(reply, |reply, (name, value)| reply.with(name, value)),
    )
}

fn html(status: u16) -> Reply {
    Reply {
        status,
        headers: vec![("content-type".into(), "text/html".into())],
        body: b"<html><body><h1>It is the gateway that speaks</h1></body></html>".to_vec(),
    }
}

fn rewrite(change: fn(&mut Value)) -> Fault {
    Fault::Rewrite(Arc::new(move |reply| {
        if reply.status < 300 {
            let mut body = serde_json::from_slice(&reply.body).unwrap_or(Value::Null);
            change(&mut body);
            reply.status = 201;
            reply.body = body.to_string().into_bytes();
        }
    }))
}

/// Fields without which an answer is worth nothing.
const ESSENTIAL: [&str; 5] = ["channel_id", "id", "link", "pairing_code", "access_token"];
/// Fields of closed vocabularies.
const WORDED: [&str; 5] = ["status", "state", "reason", "transport", "event"];

fn each_object(value: &mut Value, change: &dyn Fn(&mut serde_json::Map<String, Value>)) {
    match value {
        Value::Object(fields) => {
            for inner in fields.values_mut() {
                each_object(inner, change);
            }
            change(fields);
        }
        Value::Array(items) => {
            for inner in items {
                each_object(inner, change);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn without_ids(body: &mut Value) {
    each_object(body, &|fields| {
        for name in ESSENTIAL {
            fields.remove(name);
        }
    });
}

fn with_numbers(body: &mut Value) {
    each_object(body, &|fields| {
        for name in ESSENTIAL {
            if let Some(value) = fields.get_mut(name) {
                *value = json!(42);
            }
        }
    });
}

fn with_new_words(body: &mut Value) {
    each_object(body, &|fields| {
        for name in WORDED {
            if let Some(value) = fields.get_mut(name) {
                *value = json!("word-of-tomorrow");
            }
        }
    });
}

fn with_more(body: &mut Value) {
    each_object(body, &|fields| {
        fields.insert(
            "future".into(),
            json!({"deep": [1, {"er": null}], "text": "x".repeat(2_000)}),
        );
    });
}

fn doubled(body: &mut Value) {
    if let Some(Value::Array(items)) = body.get_mut("data") {
        items.extend(items.clone());
    }
}

/// A valid gzip head and one deflate block that unpacks to about 160 times its own megabyte.
fn bomb() -> Vec<u8> {
    let mut bytes = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];
    let (mut held, mut count) = (0_u32, 0);
    let mut put = |bits: u32, length: u32| {
        for place in 0..length {
            held |= ((bits >> place) & 1) << count;
            count += 1;
            if count == 8 {
                bytes.push(u8::try_from(held).unwrap_or(0));
                (held, count) = (0, 0);
            }
        }
    };
    // The last block, fixed codes; a zero; then "the last byte 258 times" again and again. Codes travel from their top bit.
    put(0b011, 3);
    put(0b0000_1100, 8);
    for _ in 0..600_000 {
        put(0b1010_0011, 8);
        put(0, 5);
    }
    put(0, 7 + 8);
    bytes
}

fn packed() -> Fault {
    let reply = Reply {
        status: 200,
        headers: vec![
            ("content-type".into(), "application/json".into()),
            ("content-encoding".into(), "gzip".into()),
        ],
        body: bomb(),
    };
    Fault::AnswerAfter(reply)
}

/// Every fault that a proxy can bring about.
pub const HARMS: [Harm; 31] = [
    harm("400", Meaning::Refused, |_| refusal(400, "VALIDATION_FAILED")),
    harm("401 token revoked", Meaning::Refused, |_| {
        refusal(401, "OAUTH_TOKEN_UNKNOWN_OR_REVOKED")
    }),
    harm("402 no money", Meaning::Refused, |_| refusal(402, "NOT_ENOUGH_MONEY")),
    harm("403", Meaning::Refused, |_| refusal(403, "ACCESS_DENIED")),
    harm("404", Meaning::Refused, |_| refusal(404, "NOT_FOUND")),
    harm("408", Meaning::Unclear, |_| refusal(408, "REQUEST_TIMEOUT")),
    harm("409", Meaning::Refused, |_| refusal(409, "CONFLICT")),
    harm("422", Meaning::Refused, |_| refusal(422, "UNPROCESSABLE")),
    harm("429", Meaning::Throttled(0), |_| throttled(&[])),
    harm("429 for 6 s", Meaning::Throttled(6), |_| {
        throttled(&[("retry-after", "6")])
    }),
    harm("429 for 30 years", Meaning::Throttled(60), |_| {
        throttled(&[("retry-after", "1000000000")])
    }),
    harm("429 for -5 s", Meaning::Throttled(0), |_| {
        throttled(&[("retry-after", "-5")])
    }),
    harm("429 until a date in the past", Meaning::Throttled(0), |_| {
        throttled(&[("retry-after", "Sun, 06 Nov 1994 08:49:37 GMT")])
    }),
    harm("429 until a date in 6 s", Meaning::Throttled(6), |_| {
        throttled(&[
            ("date", "Sun, 06 Nov 1994 08:49:37 GMT"),
            ("retry-after", "Sun, 06 Nov 1994 08:49:43 GMT"),
        ])
    }),
    harm("500", Meaning::Unclear, |_| refusal(500, "INTERNAL")),
    harm("502 of a gateway", Meaning::Unclear, |_| Fault::Answer(html(502))),
    harm("503", Meaning::Unclear, |_| refusal(503, "UNAVAILABLE")),
    harm("504 but applied", Meaning::Unclear, |_| Fault::AnswerAfter(html(504))),
    harm("201 empty", Meaning::Unclear, |_| {
        Fault::AnswerAfter(Reply::json(201, ""))
    }),
    harm("201 HTML", Meaning::Unclear, |_| Fault::AnswerAfter(html(201))),
    harm("201 wrong type", Meaning::Unclear, |_| {
        rewrite(|body| *body = json!({"data": 7, "meta": []}))
    }),
    harm("201 missing id", Meaning::Unclear, |_| rewrite(without_ids)),
    harm("201 numeric id", Meaning::Odd, |_| rewrite(with_numbers)),
    harm("201 unknown words", Meaning::Odd, |_| rewrite(with_new_words)),
    harm("201 more fields", Meaning::Odd, |_| rewrite(with_more)),
    harm("each item twice", Meaning::Odd, |_| rewrite(doubled)),
    harm("redirect to another host", Meaning::Unclear, |trap| {
        Fault::Answer(Reply::json(307, "{}").with("location", &format!("{trap}/v2/channels")))
    }),
    harm("reset before", Meaning::Unclear, |_| Fault::ResetBefore),
    harm("reset after", Meaning::Unclear, |_| Fault::ResetAfter),
    Harm {
        slow: true,
        ..harm("one byte a second", Meaning::Unclear, |_| Fault::Drip)
    },
    harm("endless body", Meaning::Unclear, |_| Fault::Endless),
];

/// The compressed bomb, which is no constant.
pub fn all() -> Vec<Harm> {
    let bomb = harm("compressed bomb", Meaning::Unclear, |_| packed());
    HARMS.into_iter().chain([bomb]).collect()
}

#[cfg(test)]
mod tests {
    use std::{io::Write, process::Stdio};

    use super::*;

    #[test]
    fn the_bomb_is_one_that_a_careless_client_unpacks() {
        let bytes = bomb();
        assert!(bytes.len() < 1 << 20, "{} bytes", bytes.len());
        // `gzip` misses the check sum at the end, after it has unpacked everything.
        let mut child = std::process::Command::new("sh")
            .args(["-c", "gzip -dc 2>/dev/null | wc -c"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(&bytes).unwrap();
        let out = child.wait_with_output().unwrap();
        let unpacked: usize = String::from_utf8_lossy(&out.stdout).trim().parse().unwrap();
        assert_eq!(unpacked, 1 + 600_000 * 258);
    }

    #[test]
    fn a_rewritten_answer_lacks_its_ids_or_holds_them_as_numbers() {
        let whole = json!({"data": [{"channel_id": "a", "status": "active", "inner": {"id": "b"}}]});
        let mut body = whole.clone();
        without_ids(&mut body);
        assert_eq!(body, json!({"data": [{"status": "active", "inner": {}}]}));
        let mut body = whole.clone();
        with_numbers(&mut body);
        assert_eq!(body["data"][0]["channel_id"], 42);
        let mut body = whole;
        doubled(&mut body);
        assert_eq!(body["data"].as_array().map(Vec::len), Some(2));
    }
}
