//! The QR sink: a ConfigMap or Secret of its own for every channel.

use std::{collections::BTreeMap, fmt::Debug};

use jiff::Timestamp;
use k8s_openapi::{
    ByteString,
    api::core::v1::{ConfigMap, Secret},
};
use kube::{
    Api, Resource, ResourceExt,
    api::{DeleteParams, ObjectMeta, Patch, PatchParams, PostParams, Preconditions},
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

use super::{ClusterError, api, secrets::owner, within};
use crate::{
    api::{QrSink, WazzupChannel, names},
    model::Sensitive,
    plan::Sink,
};

/// What a sink can hold besides the QR's own pictures.
const PAIRING_CODE: &str = "pairing-code";
const LINK: &str = "link";

/// Where a channel's sink is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Whether it is a Secret.
    pub secret: bool,
}

/// What is written into a sink.
#[derive(Debug, Clone)]
pub enum Content {
    /// A QR: `qr` as delivered, `qr.png` and `qr.txt` drawn from it. Takes the place of the one before and of a pairing
    /// code, which dies with its QR.
    Qr {
        /// As delivered.
        code: Sensitive<String>,
        /// The picture.
        png: Option<Sensitive<Vec<u8>>>,
        /// Drawn for a terminal.
        text: Option<Sensitive<String>>,
        /// The event's time.
        at: Timestamp,
    },
    /// A pairing code, beside the QR that it belongs to.
    PairingCode(Sensitive<String>),
    /// A login link.
    Link(Sensitive<String>),
}

/// How a write ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Written {
    /// It is there.
    Done,
    /// A foreign object has the name; it was not touched.
    NameTaken,
}

/// Where the manifest wants the sink.
pub fn place(channel: &WazzupChannel) -> Place {
    Place {
        namespace: channel.namespace().unwrap_or_default(),
        name: channel
            .spec
            .qr
            .name
            .clone()
            .unwrap_or_else(|| names::sink(&channel.name_any())),
        secret: match channel.spec.qr.sink {
            QrSink::Secret => true,
            QrSink::ConfigMap | QrSink::Unknown => false,
        },
    }
}

/// Reads what a sink shows out of its metadata alone.
pub fn view(metadata: &ObjectMeta, channel: &str) -> Sink {
    if !is_ours(metadata, channel) {
        return Sink::Foreign;
    }
    let annotation = |name: &str| metadata.annotations.as_ref().and_then(|all| all.get(name));
    let holds: Vec<&str> = annotation(names::SINK_HOLDS)
        .map(|all| all.split(',').collect())
        .unwrap_or_default();
    Sink::Shown {
        qr_at: annotation(names::QR_EVENT_AT).and_then(|at| at.parse().ok()),
        pairing_code: holds.contains(&PAIRING_CODE),
        link: holds.contains(&LINK),
    }
}

/// Whether the labels say that the operator made this object for this channel.
pub fn is_ours(metadata: &ObjectMeta, channel: &str) -> bool {
    let label = |name: &str| {
        metadata
            .labels
            .as_ref()
            .and_then(|all| all.get(name))
            .map(String::as_str)
    };
    label(names::MANAGED_BY) == Some(names::MANAGED_BY_VALUE) && label(names::CHANNEL_LABEL) == Some(channel)
}

/// Looks at a sink by name; for the passes in which a label watch could hide a foreign object.
pub async fn look(client: &kube::Client, channel: &WazzupChannel) -> Result<Sink, ClusterError> {
    let found = found(client, &place(channel)).await?;
    Ok(found.map_or(Sink::Absent, |metadata| view(&metadata, &channel.name_any())))
}

async fn found(client: &kube::Client, place: &Place) -> Result<Option<ObjectMeta>, ClusterError> {
    Ok(if place.secret {
        within(api::<Secret>(client, &place.namespace).get_metadata_opt(&place.name))
            .await?
            .map(|object| object.metadata)
    } else {
        within(api::<ConfigMap>(client, &place.namespace).get_metadata_opt(&place.name))
            .await?
            .map(|object| object.metadata)
    })
}

/// Writes content into a channel's sink, making it when it is not there. `shown` is what a watch shows of it, which is
/// looked up only when it proves to be behind.
pub async fn publish(
    client: &kube::Client,
    channel: &WazzupChannel,
    shown: Option<ObjectMeta>,
    content: &Content,
) -> Result<Written, ClusterError> {
    let place = place(channel);
    let mut written = publish_once(client, channel, &place, shown, content).await;
    // The watch may be behind, and another replica may write between the look and the write.
    for _ in 0..2 {
        // A full quota answers before anybody says that the name is taken.
        let behind = |error: &ClusterError| error.is_conflict() || error.is_not_found() || error.is_forbidden();
        if !written.as_ref().is_err_and(behind) {
            break;
        }
        let found = found(client, &place).await?;
        written = publish_once(client, channel, &place, found, content).await;
    }
    written
}

async fn publish_once(
    client: &kube::Client,
    channel: &WazzupChannel,
    place: &Place,
    found: Option<ObjectMeta>,
    content: &Content,
) -> Result<Written, ClusterError> {
    if let Some(code) = delivered_again(channel, found.as_ref(), content)
        && holds(client, place, code).await?
    {
        return Ok(Written::Done);
    }
    if place.secret {
        let sinks = api::<Secret>(client, &place.namespace);
        write(&sinks, channel, place, found, content, |metadata, data| Secret {
            metadata,
            data: Some(data.into_iter().map(|(key, bytes)| (key, ByteString(bytes))).collect()),
            ..Secret::default()
        })
        .await
    } else {
        let sinks = api::<ConfigMap>(client, &place.namespace);
        write(&sinks, channel, place, found, content, |metadata, data| {
            let (text, binary): (Vec<_>, Vec<_>) = data.into_iter().partition(|(key, _)| key != "qr.png");
            ConfigMap {
                metadata,
                data: Some(
                    text.into_iter()
                        .map(|(key, bytes)| (key, String::from_utf8_lossy(&bytes).into_owned()))
                        .collect(),
                ),
                binary_data: Some(
                    binary
                        .into_iter()
                        .map(|(key, bytes)| (key, ByteString(bytes)))
                        .collect(),
                ),
                ..ConfigMap::default()
            }
        })
        .await
    }
}

/// The code of a QR that may be there already, with a pairing code that writing it anew would cost: it is of the same second.
fn delivered_again<'a>(
    channel: &WazzupChannel,
    found: Option<&ObjectMeta>,
    content: &'a Content,
) -> Option<&'a Sensitive<String>> {
    match (content, view(found?, &channel.name_any())) {
        (
            Content::Qr { code, at, .. },
            Sink::Shown {
                qr_at: Some(shown),
                pairing_code: true,
                ..
            },
        ) if *at == shown => Some(code),
        _ => None,
    }
}

/// Whether a sink holds this QR.
async fn holds(client: &kube::Client, place: &Place, code: &Sensitive<String>) -> Result<bool, ClusterError> {
    let code = code.reveal();
    Ok(if place.secret {
        let found = within(api::<Secret>(client, &place.namespace).get_opt(&place.name)).await?;
        let data = found.and_then(|sink| sink.data).unwrap_or_default();
        data.get("qr").is_some_and(|held| held.0 == code.as_bytes())
    } else {
        let found = within(api::<ConfigMap>(client, &place.namespace).get_opt(&place.name)).await?;
        let data = found.and_then(|sink| sink.data).unwrap_or_default();
        data.get("qr") == Some(code)
    })
}

async fn write<K>(
    sinks: &Api<K>,
    channel: &WazzupChannel,
    place: &Place,
    found: Option<ObjectMeta>,
    content: &Content,
    build: impl FnOnce(ObjectMeta, BTreeMap<String, Vec<u8>>) -> K,
) -> Result<Written, ClusterError>
where
    K: Resource<DynamicType = ()> + Clone + Serialize + DeserializeOwned + Debug,
{
    let held = match &found {
        None => Sink::Absent,
        Some(found) => view(found, &channel.name_any()),
    };
    if held == Sink::Foreign {
        return Ok(Written::NameTaken);
    }
    // Another replica may have shown a later one since this one was ruled on.
    if let (Content::Qr { at, .. }, Sink::Shown { qr_at: Some(shown), .. }) = (content, &held)
        && at < shown
    {
        return Ok(Written::Done);
    }
    let (data, removed) = entries(content);
    let mut metadata = sink_metadata(channel, place);
    metadata.annotations = Some(annotations(&held, content));
    let Some(found) = found else {
        let params = PostParams {
            field_manager: Some(names::FIELD_MANAGER.to_owned()),
            ..PostParams::default()
        };
        within(sinks.create(&params, &build(metadata, data))).await?;
        return Ok(Written::Done);
    };
    metadata.resource_version = found.resource_version;
    let mut patch = serde_json::to_value(build(metadata, data))?;
    if let Some(Value::Object(entries)) = patch.get_mut("data") {
        for key in removed {
            entries.insert(key.to_owned(), Value::Null);
        }
    }
    let params = PatchParams {
        field_manager: Some(names::FIELD_MANAGER.to_owned()),
        ..PatchParams::default()
    };
    within(sinks.patch(&place.name, &params, &Patch::Merge(patch))).await?;
    Ok(Written::Done)
}

/// The entries of a content, and the text keys that must go with it.
fn entries(content: &Content) -> (BTreeMap<String, Vec<u8>>, Vec<&'static str>) {
    let mut data = BTreeMap::new();
    let mut removed = Vec::new();
    match content {
        Content::Qr { code, png, text, .. } => {
            data.insert("qr".to_owned(), code.reveal().clone().into_bytes());
            if let Some(png) = png {
                data.insert("qr.png".to_owned(), png.reveal().clone());
            }
            match text {
                Some(text) => {
                    data.insert("qr.txt".to_owned(), text.reveal().clone().into_bytes());
                }
                None => removed.push("qr.txt"),
            }
            removed.push(PAIRING_CODE);
        }
        Content::PairingCode(code) => {
            data.insert(PAIRING_CODE.to_owned(), code.reveal().clone().into_bytes());
        }
        Content::Link(link) => {
            data.insert(LINK.to_owned(), link.reveal().clone().into_bytes());
        }
    }
    (data, removed)
}

fn annotations(held: &Sink, content: &Content) -> BTreeMap<String, String> {
    let (mut qr_at, mut pairing_code, mut link) = match held {
        Sink::Shown {
            qr_at,
            pairing_code,
            link,
        } => (*qr_at, *pairing_code, *link),
        Sink::Absent | Sink::Foreign => (None, false, false),
    };
    match content {
        Content::Qr { at, .. } => {
            qr_at = Some(*at);
            pairing_code = false;
        }
        Content::PairingCode(_) => pairing_code = true,
        Content::Link(_) => link = true,
    }
    let holds: Vec<&str> = [(pairing_code, PAIRING_CODE), (link, LINK)]
        .into_iter()
        .filter(|(held, _)| *held)
        .map(|(_, name)| name)
        .collect();
    let mut annotations = BTreeMap::from([(names::SINK_HOLDS.to_owned(), holds.join(","))]);
    if let Some(at) = qr_at {
        annotations.insert(names::QR_EVENT_AT.to_owned(), at.to_string());
    }
    annotations
}

fn sink_metadata(channel: &WazzupChannel, place: &Place) -> ObjectMeta {
    ObjectMeta {
        name: Some(place.name.clone()),
        namespace: Some(place.namespace.clone()),
        labels: Some(
            [
                (names::MANAGED_BY.to_owned(), names::MANAGED_BY_VALUE.to_owned()),
                (names::CHANNEL_LABEL.to_owned(), channel.name_any()),
            ]
            .into(),
        ),
        owner_references: owner(channel).map(|owner| vec![owner]),
        ..ObjectMeta::default()
    }
}

/// Deletes a channel's sink; a foreign object of that name stays.
pub async fn withdraw(client: &kube::Client, channel: &WazzupChannel) -> Result<(), ClusterError> {
    let place = place(channel);
    if place.secret {
        remove(&api::<Secret>(client, &place.namespace), channel, &place.name).await
    } else {
        remove(&api::<ConfigMap>(client, &place.namespace), channel, &place.name).await
    }
}

async fn remove<K>(sinks: &Api<K>, channel: &WazzupChannel, name: &str) -> Result<(), ClusterError>
where
    K: Resource<DynamicType = ()> + Clone + DeserializeOwned + Debug,
{
    let Some(found) = within(sinks.get_metadata_opt(name)).await? else {
        return Ok(());
    };
    if !is_ours(&found.metadata, &channel.name_any()) {
        return Ok(());
    }
    let preconditions = Preconditions {
        uid: found.metadata.uid,
        resource_version: None,
    };
    let params = DeleteParams {
        preconditions: Some(preconditions),
        ..DeleteParams::default()
    };
    match within(sinks.delete(name, &params)).await {
        Ok(_) => Ok(()),
        Err(error) if error.is_not_found() || error.is_conflict() => Ok(()),
        Err(error) => Err(error),
    }
}
