//! What a scrape counts anew: channels by state, accounts, limiters and breakers.

use super::context::Context;
use crate::{
    api::{Transport, condition},
    metrics::{Census, Group},
    plan::reasons,
    wazzup::Lane,
};

/// Counts what the caches and desks show.
pub(super) fn count(context: &Context) -> Census {
    let mut census = Census::default();
    for channel in context.caches.channels() {
        let status = channel.status.as_ref();
        let action = status
            .and_then(|status| condition(&status.conditions, "ActionRequired"))
            .map_or("", |action| known_action(&action.reason));
        let group = Group {
            transport: transport_word(channel.spec.transport),
            status: status_word(status.and_then(|status| status.status.as_deref())),
            action,
        };
        *census.channels.entry(group).or_default() += 1;
    }
    let mut waiting = Lane::ALL.map(|lane| (lane_word(lane), 0));
    for desk in context.desks.all() {
        census.open_breakers += i64::from(desk.gate.is_open());
        for ((_, count), more) in waiting.iter_mut().zip(desk.gate.waiting()) {
            *count += i64::try_from(more).unwrap_or(i64::MAX);
        }
    }
    census.accounts = i64::try_from(context.caches.accounts().len()).unwrap_or(i64::MAX);
    census.waiting = waiting.to_vec();
    census
}

/// A lane's label.
pub(super) const fn lane_word(lane: Lane) -> &'static str {
    match lane {
        Lane::Person => "person",
        Lane::Webhook => "webhook",
        Lane::Refresh => "refresh",
    }
}

/// A label is a word of this code, whatever an object says.
fn known_action(reason: &str) -> &'static str {
    let listed = reasons::of_channel().into_iter();
    let mut actions = listed.filter(|(condition, _)| *condition == "ActionRequired");
    actions
        .find(|(_, known)| *known == reason)
        .map_or("other", |(_, known)| known)
}

fn status_word(status: Option<&str>) -> &'static str {
    match status {
        None => "none",
        Some("active") => "active",
        Some("init") => "init",
        Some("disabled") => "disabled",
        Some(_) => "other",
    }
}

const fn transport_word(transport: Transport) -> &'static str {
    match transport {
        Transport::Whatsapp => "whatsapp",
        Transport::Wapi => "wapi",
        Transport::Telegram => "telegram",
        Transport::Tgapi => "tgapi",
        Transport::InstApi => "instAPI",
        Transport::Viber => "viber",
        Transport::Avito => "avito",
        Transport::Max => "max",
        Transport::MaxBot => "maxbot",
        Transport::Vk => "vk",
        Transport::Unknown => "other",
    }
}
