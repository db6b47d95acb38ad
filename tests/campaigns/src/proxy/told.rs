//! What the record keeps of bodies and tokens: enough to judge, and no secret.

use std::hash::{DefaultHasher, Hash, Hasher};

use axum::body::Body;
use hyper::{StatusCode, header};
use serde_json::Value;
use wazzup_operator::api::names;

use super::{
    IntentPatch, Side, Told, Truth,
    forward::{Answered, Asked},
};

/// What a message holds that matters to a judge.
pub(super) fn told(side: Side, label: &str, asked: &Asked) -> Told {
    Told {
        intent: if side == Side::Kubernetes && label == "PATCH wazzupchannels" {
            intent(&asked.body)
        } else {
            None
        },
        account: asked
            .headers
            .get(header::AUTHORIZATION)
            .filter(|_| side == Side::Wazzup)
            .map(|token| {
                let mut hasher = DefaultHasher::new();
                token.as_bytes().hash(&mut hasher);
                hasher.finish()
            }),
    }
}

/// What a merge patch does to the intent.
fn intent(body: &[u8]) -> Option<IntentPatch> {
    let body: Value = serde_json::from_slice(body).ok()?;
    let metadata = body.get("metadata")?;
    match metadata.get("annotations")?.get(names::CREATE_INTENT)? {
        Value::Null => Some(IntentPatch::Cleared),
        _ => Some(IntentPatch::Opened {
            versioned: metadata.get("resourceVersion").is_some_and(Value::is_string),
        }),
    }
}

/// Notes a true answer. A refusal is read whole: only its words tell why.
pub(super) async fn truth(answer: Answered) -> (Answered, Truth) {
    let status = answer.status.as_u16();
    if answer.status != StatusCode::FORBIDDEN {
        let terminating = false;
        return (answer, Truth { status, terminating });
    }
    let headers = answer.headers.clone();
    let reply = answer.whole().await;
    let terminating = is_terminating(&reply.body);
    let answer = Answered {
        status: StatusCode::FORBIDDEN,
        headers,
        body: Body::from(reply.body),
    };
    (answer, Truth { status, terminating })
}

/// The API server names the cause where a namespace that goes takes nothing new.
fn is_terminating(body: &[u8]) -> bool {
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    let causes = body.pointer("/details/causes").and_then(Value::as_array);
    let mut causes = causes.into_iter().flatten();
    causes.any(|cause| cause["reason"] == "NamespaceTerminating")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_patch_tells_what_becomes_of_the_intent() {
        let patch = |annotations: Value, version: Value| {
            let body = json!({"metadata": {"annotations": annotations, "resourceVersion": version}});
            intent(body.to_string().as_bytes())
        };
        let written = |version| patch(json!({names::CREATE_INTENT: "{}"}), version);
        assert_eq!(written(json!("7")), Some(IntentPatch::Opened { versioned: true }));
        assert_eq!(written(Value::Null), Some(IntentPatch::Opened { versioned: false }));
        assert_eq!(
            patch(json!({names::CREATE_INTENT: null}), json!("7")),
            Some(IntentPatch::Cleared)
        );
        assert_eq!(patch(json!({names::CHANNEL_ID: "a"}), json!("7")), None);
        assert_eq!(intent(b"no JSON"), None);
    }

    #[test]
    fn a_refusal_tells_whether_its_namespace_goes() {
        let refused = |reason: &str| {
            let body = json!({"kind": "Status", "code": 403, "details": {"causes": [{"reason": reason}]}});
            is_terminating(body.to_string().as_bytes())
        };
        assert!(refused("NamespaceTerminating"));
        assert!(!refused("FieldValueInvalid") && !is_terminating(b"forbidden"));
    }
}
