//! How a call ended, in a log's words.

use kube::ResourceExt;

use crate::{
    api::WazzupChannel,
    metrics::outcome_word,
    model::CreateOutcome,
    plan::{Answer, Call},
};

/// Tells a log how a call ended; a fault's text holds nothing that was sent.
pub(super) fn tell(channel: &WazzupChannel, call: &Call, answer: &Answer, since: std::time::Instant) {
    let fault = match answer {
        Answer::Create(CreateOutcome::Created(_))
        | Answer::Reinit(Ok(_))
        | Answer::TwoFactor(Ok(()))
        | Answer::PairingCode(Ok(()))
        | Answer::Link(Ok(()))
        | Answer::Delete(Ok(())) => None,
        Answer::Create(
            CreateOutcome::Refused(fault) | CreateOutcome::NotSent(fault) | CreateOutcome::Unknown(fault),
        )
        | Answer::Reinit(Err(fault))
        | Answer::TwoFactor(Err(fault))
        | Answer::PairingCode(Err(fault))
        | Answer::Link(Err(fault))
        | Answer::LinkMayShow(fault)
        | Answer::Delete(Err(fault)) => Some(fault),
    };
    let id = match answer {
        Answer::Create(CreateOutcome::Created(made)) => Some(made.id.to_string()),
        _ => channel.status.as_ref().and_then(|status| status.channel_id.clone()),
    };
    let (namespace, name) = (channel.namespace(), channel.name_any());
    let took_ms = u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX);
    match fault {
        None => tracing::info!(
            namespace,
            channel = name,
            id,
            call = call_name(call),
            took_ms,
            "Wazzup did it"
        ),
        Some(fault) => tracing::warn!(
            namespace, channel = name, id, call = call_name(call), took_ms, outcome = outcome_word(fault), %fault,
            "Wazzup did not do it"
        ),
    }
}

/// A call's name, for logs.
pub(super) fn call_name(call: &Call) -> &'static str {
    match call {
        Call::Create { .. } => "create",
        Call::Reinit(_) => "reinit",
        Call::SubmitTwoFactor(_) => "two-factor",
        Call::RequestPairingCode(..) => "pairing-code",
        Call::OpenLink(_) => "link",
        Call::Delete { .. } => "delete",
    }
}
