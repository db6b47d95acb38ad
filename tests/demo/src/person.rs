//! The person with the phone: sees what the operator shows, and nothing else.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::core::v1::ConfigMap;
use kube::{Api, ResourceExt, api::ListParams};

use crate::{Failure, stage::Stage};

/// What the person has seen and done.
#[derive(Default)]
pub(crate) struct Person {
    /// Channels whose QR was read out of its picture and scanned.
    scanned: BTreeMap<String, String>,
    followed: BTreeSet<String>,
}

/// The samples that show a QR.
const QR: [&str; 4] = ["whatsapp", "tgapi", "viber", "max"];

impl Person {
    /// Scans every QR picture and follows every link that is shown.
    pub(crate) async fn act(&mut self, stage: &Stage) -> Result<(), Failure> {
        for map in sinks(stage).await? {
            let channel = map.labels().get("wazzup24.com/channel").cloned().unwrap_or_default();
            if let Some(link) = map.data.as_ref().and_then(|data| data.get("link"))
                && self.followed.insert(channel.clone())
            {
                println!("person: opens the link in ConfigMap {}", map.name_any());
                let done = stage.simulator.with(|world, now| world.follow_link(link, now));
                done.map_err(|error| format!("the link of {channel} leads nowhere: {error:?}"))?;
            }
            let Some(png) = map.binary_data.as_ref().and_then(|data| data.get("qr.png")) else {
                continue;
            };
            if self.scanned.contains_key(&channel) {
                continue;
            }
            let payload =
                read(&png.0).ok_or_else(|| format!("the picture in ConfigMap {} is no QR", map.name_any()))?;
            let phone = format!("7999000{:04}", self.scanned.len());
            // A QR that has just rotated is dead; the next look finds the new one.
            if stage
                .simulator
                .with(|world, now| world.scan(&payload, &phone, now))
                .is_ok()
            {
                println!(
                    "person: scans the QR in ConfigMap {} with phone {phone}",
                    map.name_any()
                );
                self.scanned.insert(channel, map.name_any());
            }
        }
        self.follow_status_links(stage).await
    }

    async fn follow_status_links(&mut self, stage: &Stage) -> Result<(), Failure> {
        for channel in stage.objects("WazzupChannel", "wazzupchannels").await? {
            let waits = channel.data.pointer("/spec/transport").and_then(|one| one.as_str()) == Some("wapi");
            let Some(url) = channel.data.pointer("/status/url").and_then(|url| url.as_str()) else {
                continue;
            };
            if waits && self.followed.insert(channel.name_any()) {
                println!("person: opens the link in .status.url of {}", channel.name_any());
                let done = stage.simulator.with(|world, now| world.follow_link(url, now));
                done.map_err(|error| format!("the link of {} leads nowhere: {error:?}", channel.name_any()))?;
            }
        }
        Ok(())
    }

    /// Whether every QR was seen and scanned, both links were followed, and no sink is left.
    pub(crate) async fn is_satisfied(&self, stage: &Stage) -> Result<bool, Failure> {
        let seen = QR.iter().all(|channel| self.scanned.contains_key(*channel)) && self.followed.len() >= 2;
        Ok(seen && sinks(stage).await?.is_empty())
    }
}

async fn sinks(stage: &Stage) -> Result<Vec<ConfigMap>, Failure> {
    let maps: Api<ConfigMap> = Api::namespaced(stage.client.clone(), "default");
    let ours = ListParams::default().labels("app.kubernetes.io/managed-by=wazzup-operator");
    Ok(maps
        .list(&ours)
        .await
        .map_err(|error| format!("listing ConfigMaps: {error}"))?
        .items)
}

/// Reads a QR picture as a phone would.
fn read(png: &[u8]) -> Option<String> {
    let mut reader = png::Decoder::new(std::io::Cursor::new(png)).read_info().ok()?;
    let mut pixels = vec![0; reader.output_buffer_size()?];
    let info = reader.next_frame(&mut pixels).ok()?;
    let (width, height) = (usize::try_from(info.width).ok()?, usize::try_from(info.height).ok()?);
    let samples = info.color_type.samples();
    let mut image =
        rqrr::PreparedImage::prepare_from_greyscale(width, height, |x, y| pixels[(y * width + x) * samples]);
    image.detect_grids().first()?.decode().ok().map(|(_, text)| text)
}
