//! A channel's spec as the planner understands it.

use kube::ResourceExt;

use crate::{
    api::{
        DeletionPolicy, ExternalDeletionPolicy, ManagementPolicy, QrSink, ReadyWhen, ReinitPolicy, Transport,
        WazzupChannel, names,
    },
    cluster::sink,
    model::{self, ChannelId, Phone},
    plan::{self, Wish},
};

/// Parses the spec. The API server has refused most of what is wrong already; a manifest that a newer CRD let in is
/// refused here.
pub fn wish(channel: &WazzupChannel, account_suspended: bool) -> Result<Wish, String> {
    let spec = &channel.spec;
    let transport = transport(spec.transport)?;
    let adopt = match &spec.channel_id {
        Some(id) => Some(ChannelId::parse(id).map_err(|error| format!("spec.channelId: {error}"))?),
        None => None,
    };
    let management = match spec.management_policy {
        ManagementPolicy::Full => plan::Management::Full,
        ManagementPolicy::Observe if adopt.is_none() => {
            return Err("spec.managementPolicy Observe needs spec.channelId".to_owned());
        }
        ManagementPolicy::Observe => plan::Management::Observe,
        ManagementPolicy::Unknown => return Err(newer("spec.managementPolicy")),
    };
    let deletion = match spec.deletion_policy {
        None => None,
        Some(DeletionPolicy::Delete) => Some(plan::DeletionPolicy::Delete),
        Some(DeletionPolicy::DeleteWithChats) => Some(plan::DeletionPolicy::DeleteWithChats),
        Some(DeletionPolicy::Retain) => Some(plan::DeletionPolicy::Retain),
        Some(DeletionPolicy::Unknown) => return Err(newer("spec.deletionPolicy")),
    };
    let external_deletion = match spec.external_deletion_policy {
        None => None,
        Some(ExternalDeletionPolicy::Recreate) => Some(plan::ExternalDeletionPolicy::Recreate),
        Some(ExternalDeletionPolicy::Stop) => Some(plan::ExternalDeletionPolicy::Stop),
        Some(ExternalDeletionPolicy::Unknown) => return Err(newer("spec.externalDeletionPolicy")),
    };
    let reinit = match spec.reinit_policy {
        ReinitPolicy::Auto => plan::ReinitPolicy::Auto,
        ReinitPolicy::OnRequest => plan::ReinitPolicy::OnRequest,
        ReinitPolicy::Unknown => return Err(newer("spec.reinitPolicy")),
    };
    let ready_when = match spec.ready_when {
        ReadyWhen::Connected => plan::ReadyWhen::Connected,
        ReadyWhen::Provisioned => plan::ReadyWhen::Provisioned,
        ReadyWhen::Unknown => return Err(newer("spec.readyWhen")),
    };
    if spec.qr.sink == QrSink::Unknown {
        return Err(newer("spec.qr.sink"));
    }
    let pairing_phone = match &spec.pairing {
        Some(pairing) => Some(Phone::parse(&pairing.phone).map_err(|error| format!("spec.pairing.phone: {error}"))?),
        None => None,
    };
    let place = sink::place(channel);
    Ok(Wish {
        transport,
        adopt,
        management,
        deletion,
        external_deletion,
        reinit,
        pairing_phone,
        ready_when,
        suspend: spec.suspend || account_suspended,
        credentials_secret: spec.credentials_secret_ref.as_ref().map(|secret| secret.name.clone()),
        two_factor_secret: two_factor(channel),
        sink: (if place.secret { "secret" } else { "configmap" }, place.name),
    })
}

/// Name and key of the two-factor Secret: the one that the manifest names, or the one that is used if it exists.
pub(super) fn two_factor(channel: &WazzupChannel) -> (String, String) {
    match &channel.spec.two_factor_secret_ref {
        Some(secret) => (secret.name.clone(), secret.key.clone()),
        None => (names::two_factor(&channel.name_any()), "password".to_owned()),
    }
}

fn newer(field: &str) -> String {
    format!(
        "{field} has a value that this version of the operator does not know: upgrade the operator, or change the value"
    )
}

fn transport(transport: Transport) -> Result<model::Transport, String> {
    Ok(match transport {
        Transport::Whatsapp => model::Transport::Whatsapp,
        Transport::Wapi => model::Transport::Wapi,
        Transport::Telegram => model::Transport::Telegram,
        Transport::Tgapi => model::Transport::Tgapi,
        Transport::InstApi => model::Transport::InstApi,
        Transport::Viber => model::Transport::Viber,
        Transport::Avito => model::Transport::Avito,
        Transport::Max => model::Transport::Max,
        Transport::MaxBot => model::Transport::MaxBot,
        Transport::Vk => model::Transport::Vk,
        Transport::Unknown => return Err(newer("spec.transport")),
    })
}
