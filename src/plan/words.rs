//! What people are told to do, with the exact command. No secret can get in: nothing here holds one.

use super::{Object, Seen, Sink, Wish, create::requested, memory::RefusedCall};
use crate::model::{ChannelId, RemoteChannel, Transport};

fn kubectl_annotate(object: &Object, annotation: &str, value: &str) -> String {
    format!(
        "kubectl -n {} annotate --overwrite wazzupchannel {} wazzup24.com/{annotation}={value}",
        object.namespace, object.name
    )
}

fn kubectl_take_away(object: &Object, annotation: &str) -> String {
    format!(
        "kubectl -n {} annotate wazzupchannel {} wazzup24.com/{annotation}-",
        object.namespace, object.name
    )
}

/// The command that sets a request annotation to the present time.
pub(super) fn request_command(object: &Object, annotation: &str) -> String {
    kubectl_annotate(object, annotation, "\"$(date -u +%FT%TZ)\"")
}

pub(super) fn abandon_command(object: &Object) -> String {
    kubectl_annotate(object, "abandon", "true")
}

fn read_sink(object: &Object, wish: &Wish, key: &str) -> String {
    let (kind, name) = &wish.sink;
    let path = key.replace('.', "\\.");
    let tail = if *kind == "secret" { " | base64 -d" } else { "" };
    format!(
        "kubectl -n {} get {kind} {name} -o jsonpath='{{.data.{path}}}'{tail}",
        object.namespace
    )
}

pub(super) fn scan_qr(seen: &Seen, wish: &Wish) -> String {
    match &seen.sink {
        Sink::Shown {
            qr_at: Some(_),
            pairing_code: true,
            ..
        } => format!(
            "enter the pairing code on the phone (WhatsApp, Linked devices, Link with phone number): {} ; or scan the QR: {}",
            read_sink(&seen.object, wish, "pairing-code"),
            read_sink(&seen.object, wish, "qr.txt"),
        ),
        Sink::Shown { qr_at: Some(_), .. } => format!(
            "scan the QR with the phone that holds the account: {}{}",
            read_sink(&seen.object, wish, "qr.txt"),
            no_pairing_code(seen, wish),
        ),
        Sink::Shown { qr_at: None, .. } | Sink::Absent | Sink::Foreign => {
            "a QR is on its way; it will be shown as soon as it arrives".to_owned()
        }
    }
}

/// Why there is no pairing code though one was asked for.
fn no_pairing_code(seen: &Seen, wish: &Wish) -> String {
    let (asked, handled) = (&seen.object.requests.pairing, &seen.memory.handled.pairing);
    if wish.pairing_phone.is_none()
        && wish.transport == Transport::Whatsapp
        && requested(asked.as_ref(), handled.as_ref())
    {
        return " ; a pairing code needs the phone's number: set spec.pairing.phone".to_owned();
    }
    let refused = seen.memory.refusal.as_ref();
    let refused = refused.filter(|refusal| refusal.call == RefusedCall::PairingCode && wish.pairing_phone.is_some());
    refused.map_or_else(String::new, |refusal| {
        format!(
            " ; Wazzup gave no pairing code: {}; it is asked for another with the next QR, or now: {}",
            refusal.words,
            request_command(&seen.object, "pairing-requested-at")
        )
    })
}

pub(super) fn follow_link_in_sink(seen: &Seen, wish: &Wish) -> String {
    format!(
        "open the link in a browser and finish the login there: {} ; a link that no longer works is replaced: {}",
        read_sink(&seen.object, wish, "link"),
        request_command(&seen.object, "reinit-requested-at")
    )
}

/// The way in, or how to ask for one: not every answer of the service tells it.
pub(super) fn follow_url(object: &Object, url: Option<&String>) -> String {
    if url.is_none() {
        return format!(
            "Wazzup has told no authorization link; ask for a fresh one: {}",
            request_command(object, "reinit-requested-at")
        );
    }
    format!(
        "open the authorization link in a browser and finish the login there: kubectl -n {} get wazzupchannel {} -o jsonpath='{{.status.url}}'",
        object.namespace, object.name
    )
}

/// Wazzup gave no link that would reconnect the channel.
pub(super) fn link_refused(object: &Object, refusal: &str) -> String {
    format!(
        "Wazzup refused to give a login link: {refusal}; ask for one again: {}",
        request_command(object, "reinit-requested-at")
    )
}

pub(super) fn make_two_factor_secret(seen: &Seen, wish: &Wish, refused: Option<&str>) -> String {
    let (name, key) = &wish.two_factor_secret;
    let namespace = &seen.object.namespace;
    let set = format!(
        "kubectl -n {namespace} create secret generic {name} --from-literal={key}=PASSWORD --dry-run=client -o yaml | kubectl apply -f -"
    );
    match refused {
        None => format!("the messenger asks for its two-factor password; store it: {set}"),
        Some(words) => {
            let again = request_command(&seen.object, "reinit-requested-at");
            format!(
                "the two-factor password in Secret {name} was not accepted ({words}); store the right one: {set} ; if it is the right one, begin the login again: {again}"
            )
        }
    }
}

pub(super) fn make_credentials(seen: &Seen, wish: &Wish, why: &str) -> String {
    let name = wish.credentials_secret.as_deref().unwrap_or("NAME");
    let keys: String = wish
        .transport
        .credential_keys()
        .iter()
        .map(|key| format!(" --from-literal={key}=VALUE"))
        .collect();
    format!(
        "{why}; store working credentials: kubectl -n {} create secret generic {name}{keys} --dry-run=client -o yaml | kubectl apply -f -",
        seen.object.namespace
    )
}

pub(super) fn enable_webhooks() -> String {
    "a login QR for this transport can only arrive by webhook: set spec.webhooks.mode of the account to Managed and start the \
     operator with --webhook-url, or route the account's events to it and set the mode to External"
        .to_owned()
}

pub(super) fn choose_channel(object: &Object, candidates: &[&RemoteChannel]) -> String {
    let first = candidates.first().map_or("create", |channel| channel.id.as_str());
    let list = candidates
        .iter()
        .take(10)
        .map(|channel| match channel.phone.as_deref().or(channel.name.as_deref()) {
            Some(known) if !known.is_empty() => format!("{} ({known})", channel.id),
            Some(_) | None => channel.id.to_string(),
        })
        .collect::<Vec<_>>()
        .join(", ");
    format!(
        "an earlier create had no clear answer, and it may have made one of these channels: {list}; take the one that is this object's (another id in place of the first, or create if none of them is): {}",
        kubectl_annotate(object, "resolve-create", first)
    )
}

/// Follows an answer that names nothing which could be meant.
pub(super) fn no_such_answer(seen: &Seen, wish: &Wish, candidates: &[&RemoteChannel], answer: &str) -> String {
    let what = choose_channel(&seen.object, candidates);
    format!(
        "'{answer}' is no unclaimed {} channel of this account; {what}",
        wish.transport
    )
}

/// A create was answered with a channel of before.
pub(super) fn was_there(id: &ChannelId) -> String {
    format!(
        "Wazzup answered with channel {id}, which was there before this create; to manage that one, name it in spec.channelId of a new object"
    )
}

/// Follows a question whose answer would be the same as the one of before.
pub(super) fn answer_again(object: &Object) -> String {
    format!(
        " ; the answer that is there was given to a question of before: to give the same one, take it away and wait until status.handled.resolveCreate is gone: {}",
        kubectl_take_away(object, "resolve-create")
    )
}

pub(super) fn transport_differs(channel: &RemoteChannel, wished: Transport) -> String {
    format!(
        "channel {} at Wazzup is of transport {}, the manifest says {wished}: both are immutable: delete this object and make a new one with that transport",
        channel.id, channel.transport
    )
}
