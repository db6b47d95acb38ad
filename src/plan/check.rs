//! Laws that every plan obeys, whatever was seen. The controller refuses a plan that breaks one.

use super::{Account, Call, Claim, Management, Note, Plan, Remote, Seen};

/// The first law that a plan breaks, as a sentence; `None` for a lawful plan.
pub fn broken_law(seen: &Seen, plan: &Plan) -> Option<&'static str> {
    note_laws(seen, plan).or_else(|| call_laws(seen, plan.call.as_ref()?, plan))
}

fn note_laws(seen: &Seen, plan: &Plan) -> Option<&'static str> {
    match &plan.note {
        Some(Note::RemoveFinalizer) if !seen.object.deleting => Some("a finalizer goes only with its object"),
        Some(Note::RemoveFinalizer) if plan.call.is_some() => {
            Some("a finalizer goes after the remote change, never with it")
        }
        Some(Note::OpenIntent(_)) if seen.object.deleting => Some("nothing is made for an object that goes"),
        Some(Note::OpenIntent(_)) if seen.channel_id().is_some() => Some("nothing is made beside a known channel"),
        Some(Note::OpenIntent(_)) if plan.call.is_none() => Some("an intent is written for a create"),
        Some(Note::ForgetId) if plan.call.is_some() => Some("an id is forgotten in a pass of its own"),
        Some(Note::RemoveFinalizer | Note::OpenIntent(_) | Note::ForgetId | Note::RecordId(_) | Note::ClearIntent)
        | None => None,
    }
}

fn call_laws(seen: &Seen, call: &Call, plan: &Plan) -> Option<&'static str> {
    let Ok(wish) = &seen.wish else {
        return Some("an unreadable manifest asks for nothing");
    };
    if wish.management == Management::Observe {
        return Some("nothing is ever written for an observed channel");
    }
    if wish.suspend && !seen.object.deleting {
        return Some("nothing is written while suspended, deletion aside");
    }
    if !matches!(seen.account, Account::Usable { .. }) {
        return Some("nothing is written without a usable account");
    }
    if seen.claim != Claim::Free {
        return Some("nothing is written to a channel that another object holds");
    }
    let looked = matches!(seen.remote, Remote::Looked(_));
    match call {
        Call::Delete { id, .. } => match (seen.object.deleting, seen.channel_id()) {
            (true, Some(known)) if known == id => None,
            (true | false, _) => Some("only the own channel of an object that goes is deleted"),
        },
        _ if seen.object.deleting => Some("an object that goes only deletes"),
        _ if !looked => Some("who could not look changes nothing"),
        Call::Create { .. } => match &plan.note {
            Some(Note::OpenIntent(_)) => None,
            Some(Note::ClearIntent | Note::RecordId(_) | Note::ForgetId | Note::RemoveFinalizer) | None => {
                Some("a create follows its own intent")
            }
        },
        Call::OpenLink(None) if seen.channel_id().is_some() => {
            Some("a link for a new channel is for an object without one")
        }
        Call::OpenLink(None) => None,
        Call::OpenLink(Some(id)) | Call::Reinit(id) | Call::SubmitTwoFactor(id) | Call::RequestPairingCode(id, _) => {
            if seen.channel_id() == Some(id) {
                None
            } else {
                Some("only the own channel is changed")
            }
        }
    }
}
