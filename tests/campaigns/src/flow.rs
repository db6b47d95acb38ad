//! What people do to a channel, from a start to a rest that can be judged.

mod farewell;
mod trouble;

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use kube::api::{DeleteParams, Patch, PatchParams};
use serde_json::{Value, json};
use wazzup_operator::api::{condition, names};

use crate::{
    Life, Setting, Side,
    life::ACCOUNT,
    oracle,
    patience::{self, patiently},
    proxy::label,
};

/// A story that every campaign can play. Each is a preparation, then the part that is harmed, then a rest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Flow {
    /// Start-up, the subscription, and from an empty namespace to an active bot.
    CreateBot,
    /// From an object to a scanned QR.
    LogInByQr,
    /// From a scanned QR through the messenger's two-factor password.
    TwoFactor,
    /// A pairing code with the QR.
    Pairing,
    /// A login link in the sink, followed.
    FollowLink,
    /// A new bot token.
    Rotate,
    /// An existing channel is taken over, and left when the object goes.
    Adopt,
    /// The object goes with its channel.
    Delete,
    /// The object goes with its channel and its chats.
    DeleteWithChats,
    /// The object goes, the channel stays.
    Retain,
    /// The account goes with its channel and its subscription.
    DeleteAccount,
    /// The subscription is taken away by hand, and made again.
    Resubscribe,
    /// A machine token is minted and exchanged.
    Mint,
    /// A refresh token is used up and the next one stored.
    Refresh,
    /// A start with objects that are there already; each call of it is a step, reads too.
    Start,
    /// The lease is taken and renewed; only that is a step.
    Lease,
    /// The lease is handed over at SIGTERM and taken again by the next process; only that is a step.
    HandOver,
    /// A QR that ran out, and the fresh one.
    QrIdle,
    /// A create whose answer was lost is found and adopted.
    Unresolved,
    /// A channel that was deleted at the service is made again on request.
    Recreate,
    /// The object goes without its channel, whose token is gone, because a person says so.
    Abandon,
    /// The object of a suspended account goes with its channel.
    DeleteSuspended,
    /// The object goes while the answer to its create is lost: with the channel that was made.
    DeleteUnresolved,
}

impl Flow {
    /// Every flow.
    pub const ALL: [Self; 14] = [
        Self::CreateBot,
        Self::LogInByQr,
        Self::TwoFactor,
        Self::Pairing,
        Self::FollowLink,
        Self::Rotate,
        Self::Adopt,
        Self::Delete,
        Self::DeleteWithChats,
        Self::Retain,
        Self::DeleteAccount,
        Self::Resubscribe,
        Self::Mint,
        Self::Refresh,
    ];

    /// More flows for those who kill: each is itself a story of what comes after a trouble.
    pub const MORE: [Self; 6] = [
        Self::Start,
        Self::Lease,
        Self::HandOver,
        Self::QrIdle,
        Self::Unresolved,
        Self::Recreate,
    ];

    /// Objects that go in bad circumstances, for those who kill.
    pub const FAREWELLS: [Self; 3] = [Self::Abandon, Self::DeleteSuspended, Self::DeleteUnresolved];

    /// How its life is set up.
    pub fn setting(self) -> Setting {
        let usual = Setting::default();
        Setting {
            leader_elect: matches!(self, Self::Lease | Self::HandOver),
            // Each process that is killed waits out a grace of two minutes before that.
            patience: usual.patience * if self == Self::DeleteUnresolved { 2 } else { 1 },
            cabinet: Some(self.transport()),
            ..usual
        }
    }

    /// The transport of its object.
    const fn transport(self) -> &'static str {
        match self {
            Self::LogInByQr | Self::Pairing | Self::Start | Self::QrIdle => "whatsapp",
            Self::TwoFactor => "tgapi",
            Self::FollowLink => "vk",
            Self::Adopt => "wapi",
            Self::CreateBot
            | Self::Rotate
            | Self::Delete
            | Self::DeleteWithChats
            | Self::Retain
            | Self::DeleteAccount
            | Self::Resubscribe
            | Self::Mint
            | Self::Refresh
            | Self::Lease
            | Self::HandOver
            | Self::Unresolved
            | Self::Recreate
            | Self::Abandon
            | Self::DeleteSuspended
            | Self::DeleteUnresolved => "telegram",
        }
    }

    /// Whether a message is a step of this flow.
    pub fn is_step(self, side: Side, label: &str) -> bool {
        match self {
            Self::Start => !label.starts_with("WATCH "),
            Self::Lease | Self::HandOver => label == "POST leases" || label == "PUT leases",
            Self::CreateBot
            | Self::LogInByQr
            | Self::TwoFactor
            | Self::Pairing
            | Self::FollowLink
            | Self::Rotate
            | Self::Adopt
            | Self::Delete
            | Self::DeleteWithChats
            | Self::Retain
            | Self::DeleteAccount
            | Self::Resubscribe
            | Self::Mint
            | Self::Refresh
            | Self::QrIdle
            | Self::Unresolved
            | Self::Recreate
            | Self::Abandon
            | Self::DeleteSuspended
            | Self::DeleteUnresolved => label::is_step(side, label),
        }
    }
}

/// Whether a flow ends with an object that holds a channel.
pub const fn judged_by_rest(flow: Flow) -> bool {
    !matches!(
        flow,
        Flow::Adopt
            | Flow::Delete
            | Flow::DeleteWithChats
            | Flow::Retain
            | Flow::DeleteAccount
            | Flow::Abandon
            | Flow::DeleteSuspended
            | Flow::DeleteUnresolved
    )
}

/// The object of every flow.
pub const NAME: &str = "shop";
const PHONE: &str = "79990000001";
const PASSWORD: &str = "canary-password";

/// Plays a flow; `arm` is called where the part begins that is harmed. Panics where a promise is broken.
pub async fn play(life: &Life, flow: Flow, arm: impl FnOnce()) {
    match flow {
        Flow::CreateBot => {
            arm();
            life.start();
            life.account().await;
            life.bot(NAME, "100:canary-bot").await;
            connected(life).await;
        }
        Flow::LogInByQr => {
            subscribed(life).await;
            arm();
            life.wire.watches_opened_again().await;
            life.channel(NAME, json!({"transport": "whatsapp"})).await;
            log_in(life).await;
            connected(life).await;
        }
        Flow::TwoFactor => {
            life.simulator
                .with(|world, _| world.set_two_factor("tgapi", Some(PASSWORD)));
            life.secret("shop-2fa", json!({"password": PASSWORD})).await;
            subscribed(life).await;
            life.channel(NAME, json!({"transport": "tgapi"})).await;
            life.until(NAME, "ActionRequired", "ScanQr").await;
            arm();
            life.wire.watches_opened_again().await;
            log_in(life).await;
            connected(life).await;
        }
        Flow::Pairing => {
            subscribed(life).await;
            arm();
            life.wire.watches_opened_again().await;
            let spec = json!({"transport": "whatsapp", "pairing": {"phone": PHONE}});
            life.channel(NAME, spec).await;
            let looks = AtomicUsize::new(0);
            life.wait("a pairing code", || async {
                let found = life
                    .config_maps()
                    .get_opt("shop-qr")
                    .await
                    .map_err(|error| error.to_string())?;
                let data = found.and_then(|map| map.data).unwrap_or_default();
                if data.contains_key("pairing-code") {
                    return Ok(());
                }
                // A code whose answer was lost, or whose QR is over, is asked for again by a person, now and then.
                let look = looks.fetch_add(1, Ordering::Relaxed);
                if data.contains_key("qr") && life.starts() > 1 && look.is_multiple_of(25) {
                    life.annotate(NAME, "pairing-requested-at", &format!("again-{look}"))
                        .await;
                }
                Err(format!("{:?}", life.status(NAME).await))
            })
            .await;
            log_in(life).await;
            connected(life).await;
        }
        Flow::FollowLink => {
            life.start();
            life.account().await;
            arm();
            life.wire.watches_opened_again().await;
            life.channel(NAME, json!({"transport": "vk"})).await;
            life.wait("a link in the sink", || async { follow(life).await }).await;
            connected(life).await;
        }
        Flow::Rotate => {
            bot(life).await;
            arm();
            life.wire.watches_opened_again().await;
            life.secret("shop-bot", json!({"telegram_token": "200:canary-new"}))
                .await;
            life.wait("the new token to serve", || async {
                let status = life.status(NAME).await;
                if status.phone.as_deref() == Some("bot_200") {
                    Ok(())
                } else {
                    Err(format!("{status:?}"))
                }
            })
            .await;
            connected(life).await;
        }
        Flow::Adopt => {
            let id = life
                .simulator
                .with(|world, now| world.create_in_cabinet(ACCOUNT, "wapi", now));
            life.start();
            life.account().await;
            arm();
            life.wire.watches_opened_again().await;
            life.channel(NAME, json!({"transport": "wapi", "channelId": id})).await;
            life.until(NAME, "ActionRequired", "FollowLink").await;
            oracle::assert_one_channel_each(life).await;
            life.delete(NAME).await;
            life.until_gone(NAME).await;
            assert_eq!(ids(life), [id], "an adopted channel is left");
        }
        Flow::Delete => {
            let id = bot(life).await;
            arm();
            gone(life, None).await;
            assert_eq!(ids(life), Vec::<String>::new(), "nothing is orphaned");
            oracle::assert_deleted_only(life, &[id]);
        }
        Flow::DeleteWithChats => {
            let id = bot(life).await;
            arm();
            life.wire.watches_opened_again().await;
            gone(life, Some("DeleteWithChats")).await;
            assert_eq!(ids(life), Vec::<String>::new(), "nothing is orphaned");
            oracle::assert_deleted_only(life, &[id]);
            let journal = life.simulator.journal();
            let deletes = journal.matching("DELETE", "/v2/channels/");
            assert!(
                deletes.iter().all(|entry| entry.query == "delete_chats=true"),
                "{deletes:?}"
            );
        }
        Flow::Retain => {
            let id = bot(life).await;
            arm();
            gone(life, Some("Retain")).await;
            assert_eq!(ids(life), [id], "the channel is kept");
            oracle::assert_deleted_only(life, &[]);
        }
        Flow::DeleteAccount => {
            bot(life).await;
            arm();
            life.wire.watches_opened_again().await;
            let params = DeleteParams::default();
            let accounts = life.accounts();
            patiently("a deletion", || patience::gone(accounts.delete("default", &params))).await;
            life.delete(NAME).await;
            life.until_gone(NAME).await;
            life.wait("the account to be gone", || async {
                match patiently("an account", || accounts.get_opt("default")).await {
                    None => Ok(()),
                    Some(found) => Err(format!("{:?}", found.status)),
                }
            })
            .await;
            assert_eq!(ids(life), Vec::<String>::new(), "nothing is orphaned");
            let rows = life.simulator.with(|world, _| world.rows(ACCOUNT).len());
            assert_eq!(rows, 0, "the subscription goes with the account");
        }
        Flow::Resubscribe => {
            bot(life).await;
            life.until_subscribed().await;
            arm();
            life.simulator.with(|world, _| {
                for row in world.rows(ACCOUNT) {
                    world.remove_row(ACCOUNT, &row.id);
                }
            });
            // A start verifies the subscription.
            for replica in life.wire.replicas() {
                replica.kill();
            }
            life.until_subscribed().await;
            connected(life).await;
        }
        Flow::Mint => {
            partner(life).await;
            arm();
            life.start();
            let auth = json!({"whiteLabel": {"accountId": ACCOUNT, "partnerSecretRef": {"name": "partner"}}});
            life.account_by(auth).await;
            life.bot(NAME, "100:canary-bot").await;
            connected(life).await;
        }
        Flow::Refresh => refresh(life, arm).await,
        Flow::Start => trouble::start(life, arm).await,
        Flow::Lease => {
            arm();
            bot(life).await;
            trouble::renewed(life).await;
        }
        Flow::HandOver => trouble::hand_over(life, arm).await,
        Flow::QrIdle => trouble::qr_idle(life, arm).await,
        Flow::Unresolved => trouble::unresolved(life, arm).await,
        Flow::Recreate => trouble::recreate(life, arm).await,
        Flow::Abandon => farewell::abandon(life, arm).await,
        Flow::DeleteSuspended => farewell::while_suspended(life, arm).await,
        Flow::DeleteUnresolved => farewell::while_unresolved(life, arm).await,
    }
}

async fn refresh(life: &Life, arm: impl FnOnce()) {
    partner(life).await;
    life.simulator
        .with(|world, _| world.grant_refresh_token(ACCOUNT, "canary-seed"));
    life.secret("seed", json!({"token": "canary-seed"})).await;
    arm();
    life.start();
    life.account_by(json!({"oauth": {
        "clientId": "client", "partnerSecretRef": {"name": "partner"}, "tokenSecretRef": {"name": "seed", "key": "token"},
    }}))
    .await;
    life.bot(NAME, "100:canary-bot").await;
    // A refresh token that was used up and whose answer was lost is the customer's to grant again.
    let granted = AtomicBool::new(false);
    life.wait("the account's token", || async {
        let accounts = life.accounts();
        let account = patiently("an account", || accounts.get("default")).await;
        let status = account.status.unwrap_or_default();
        let found = condition(&status.conditions, "Authenticated");
        match found.map(|one| (one.status.as_str(), one.reason.as_str())) {
            Some(("True", _)) => Ok(()),
            Some((_, "RefreshRefused")) => {
                if !granted.swap(true, Ordering::Relaxed) {
                    life.simulator
                        .with(|world, _| world.grant_refresh_token(ACCOUNT, "canary-again"));
                    life.secret("seed", json!({"token": "canary-again"})).await;
                }
                Err("refused".to_owned())
            }
            _ => Err(format!("{status:?}")),
        }
    })
    .await;
    connected(life).await;
}

async fn partner(life: &Life) {
    life.simulator
        .with(|world, _| world.set_partner(ACCOUNT, "partner@example.com", PASSWORD));
    let login = json!({"email": "partner@example.com", "password": PASSWORD});
    life.secret("partner", login).await;
}

/// An account whose subscription stands.
async fn subscribed(life: &Life) {
    life.start();
    life.account().await;
    life.until_subscribed().await;
}

/// An active bot; its id.
async fn bot(life: &Life) -> String {
    life.start();
    life.account().await;
    life.bot(NAME, "100:canary-bot").await;
    connected(life).await;
    ids(life).pop().unwrap()
}

/// Connected, and exactly one channel for the object.
async fn connected(life: &Life) {
    life.until_ready(NAME).await;
    oracle::assert_one_channel_each(life).await;
}

async fn gone(life: &Life, policy: Option<&str>) {
    if let Some(policy) = policy {
        let patch: Value = json!({"spec": {"deletionPolicy": policy}});
        let (channels, params, patch) = (life.channels(), PatchParams::default(), Patch::Merge(patch));
        patiently("a policy", || channels.patch(NAME, &params, &patch)).await;
    }
    life.delete(NAME).await;
    life.until_gone(NAME).await;
}

/// The ids at the service.
pub fn ids(life: &Life) -> Vec<String> {
    life.remote().into_iter().map(|channel| channel.id).collect()
}

/// A person with the phone: scans what is shown, and asks for a new login where the operator says so.
async fn log_in(life: &Life) {
    let asked = AtomicBool::new(false);
    life.wait("the login", || async {
        let status = life.status(NAME).await;
        if condition(&status.conditions, "Ready").is_some_and(|ready| ready.status == "True") {
            return Ok(());
        }
        match life.action(NAME).await.as_deref() {
            // A password is tried once: where it was lost on the way, a person asks for another login.
            Some("EnterPassword" | "RequestNewQr") if !asked.swap(true, Ordering::Relaxed) => {
                life.annotate(
                    NAME,
                    names::REINIT_REQUESTED.trim_start_matches("wazzup24.com/"),
                    "again",
                )
                .await;
            }
            Some("ScanQr") => {
                life.scan(&status.channel_id.clone().unwrap_or_default(), PHONE);
            }
            _ => {}
        }
        Err(format!("{status:?}"))
    })
    .await;
}

/// A person follows the link in the sink, once it is there.
async fn follow(life: &Life) -> Result<(), String> {
    if !life.remote().is_empty() {
        return Ok(());
    }
    let maps = life.config_maps();
    let found = patiently("a sink", || maps.get_opt("shop-qr")).await;
    let link = found
        .and_then(|map| map.data)
        .and_then(|data| data.get("link").cloned());
    let Some(link) = link else {
        return Err(format!("{:?}", life.status(NAME).await));
    };
    let followed = life.simulator.with(|world, now| world.follow_link(&link, now));
    followed.map(|_| ()).map_err(|error| format!("{error:?}"))
}
