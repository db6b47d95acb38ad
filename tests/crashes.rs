//! The operator is killed before and after each write of each flow. One channel for each object, none lost, none stuck.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    clippy::disallowed_methods,
    missing_docs,
    reason = "tests"
)]

mod proxies;
mod stage;

use std::{
    process::{Command, Stdio},
    time::Duration,
};

use control_plane::eventually;
use futures::{StreamExt, stream};
use kube::{
    Api, Client, ResourceExt,
    api::{DeleteParams, Patch, PatchParams, PostParams},
};
use proxies::{KillAt, Moment, Trap};
use serde_json::{Value, json};
use stage::{ACCOUNT, Setting, TOKEN};
use wazzup_operator::api::{WazzupAccount, WazzupChannel, condition, names};
use wazzup_simulator::{Options, Simulator};

/// Longer than the grace before a create is repeated.
const PATIENCE: Duration = Duration::from_secs(180);
/// Runs side by side.
const AT_ONCE: usize = 6;
/// More writes than any flow has.
const MOST: usize = 60;

/// One life: a namespace, a service, two proxies, an operator that may die.
struct Life {
    client: Client,
    namespace: String,
    simulator: Simulator,
    trap: Trap,
    kubeconfig: std::path::PathBuf,
    wazzup: String,
    webhook_port: u16,
    log: std::path::PathBuf,
}

impl Drop for Life {
    fn drop(&mut self) {
        self.trap.kill();
        if !std::thread::panicking() {
            let ended = stage::secrecy::Ended {
                plane: &stage::plane(),
                simulator: &self.simulator,
                namespace: &self.namespace,
                log: &self.log,
                kubeconfig: &self.kubeconfig,
                stored: std::collections::BTreeSet::new(),
            };
            assert_eq!(
                ended.secrets_that_were_told(),
                Vec::<String>::new(),
                "secrets were told"
            );
        }
    }
}

impl Life {
    async fn begin(name: &str) -> Self {
        let plane = stage::plane();
        let namespace = plane.namespace(name).await.unwrap();
        let simulator = Simulator::start(Options {
            timings: Setting::default().timings,
            ..Options::default()
        })
        .await;
        simulator.with(|world, _| world.add_account(ACCOUNT, TOKEN));
        let trap = Trap::default();
        let operator = plane
            .client_for_service_account(&namespace, "wazzup-operator")
            .await
            .unwrap();
        stage::grant(&plane, &namespace);
        let kubernetes = proxies::before_kubernetes(operator, trap.clone()).await;
        let wazzup = proxies::before_wazzup(simulator.url(), trap.clone()).await;
        let kubeconfig = proxies::kubeconfig(plane.folder(), &namespace, &kubernetes);
        let log = plane.folder().join(format!("{namespace}.log"));
        Self {
            client: plane.client().await.unwrap(),
            namespace,
            simulator,
            trap,
            kubeconfig,
            wazzup,
            webhook_port: stage::free_port(),
            log,
        }
    }

    fn start(&self) {
        let log = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(&self.log)
            .unwrap();
        let address = format!("127.0.0.1:{}", self.webhook_port);
        let operator = Command::new(env!("CARGO_BIN_EXE_wazzup-operator"))
            .env("KUBECONFIG", &self.kubeconfig)
            .env("RUST_LOG", "info,wazzup_operator=debug")
            .args(["--namespace", &self.namespace, "--leader-elect", "false"])
            .args([
                "--webhook-listen",
                &address,
                "--webhook-url",
                &format!("http://{address}"),
            ])
            .args(["--metrics-listen", "127.0.0.1:0"])
            .args(["--allowed-api-hosts", self.wazzup.trim_start_matches("http://")])
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        self.trap.hold(operator);
    }

    fn channels(&self) -> Api<WazzupChannel> {
        Api::namespaced(self.client.clone(), &self.namespace)
    }

    async fn secret(&self, name: &str, values: Value) {
        let secrets: Api<k8s_openapi::api::core::v1::Secret> = Api::namespaced(self.client.clone(), &self.namespace);
        let secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "stringData": values});
        let params = PatchParams::apply("story").force();
        secrets.patch(name, &params, &Patch::Apply(secret)).await.unwrap();
    }

    async fn account(&self) {
        self.secret("wazzup-token", json!({"token": TOKEN})).await;
        self.account_by(json!({"clientToken": {"secretRef": {"name": "wazzup-token", "key": "token"}}}))
            .await;
    }

    async fn account_by(&self, auth: Value) {
        let account = json!({
            "apiVersion": "wazzup24.com/v1alpha1", "kind": "WazzupAccount", "metadata": {"name": "default"},
            "spec": {
                "auth": auth,
                "apiUrl": self.wazzup, "sync": {"interval": "10s"},
            },
        });
        let accounts: Api<WazzupAccount> = Api::namespaced(self.client.clone(), &self.namespace);
        let account = serde_json::from_value(account).unwrap();
        accounts.create(&PostParams::default(), &account).await.unwrap();
    }

    async fn channel(&self, spec: Value) {
        self.secret("bot-token", json!({"telegram_token": "100:canary-bot"}))
            .await;
        let channel = json!({
            "apiVersion": "wazzup24.com/v1alpha1", "kind": "WazzupChannel", "metadata": {"name": "shop"}, "spec": spec,
        });
        let channel = serde_json::from_value(channel).unwrap();
        self.channels().create(&PostParams::default(), &channel).await.unwrap();
    }

    /// Waits for a condition; starts the operator again whenever it has died.
    async fn until(&self, type_: &str, reason: &str) {
        self.wait(&format!("{type_}/{reason}"), || async {
            let status = self.channels().get("shop").await.unwrap().status.unwrap_or_default();
            match condition(&status.conditions, type_) {
                Some(found) if found.status == "True" && found.reason == reason => Ok(()),
                _ => Err(format!("{status:?}")),
            }
        })
        .await;
    }

    async fn wait<F: Future<Output = Result<(), String>>>(&self, what: &str, look: impl Fn() -> F) {
        let what = format!("{what} in {} ({})", self.namespace, self.log.display());
        eventually(&what, PATIENCE, || {
            // As a kubelet would: whatever ended it, it is started again.
            if !self.trap.alive() {
                self.start();
            }
            let seen = look();
            async move { seen.await.map_err(|seen| format!("{seen}\n{}", self.log_tail())) }
        })
        .await;
    }

    fn log_tail(&self) -> String {
        let text = std::fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(15)..].join("\n")
    }

    /// Waits for the account's subscription.
    async fn until_subscribed(&self) {
        self.wait("the subscription", || async {
            let rows = self.simulator.with(|world, _| world.rows(ACCOUNT).len());
            if rows == 5 { Ok(()) } else { Err(rows.to_string()) }
        })
        .await;
    }

    /// The reason for which a person is waited for, if any.
    async fn action(&self) -> Option<String> {
        let status = self.channels().get("shop").await.unwrap().status.unwrap_or_default();
        condition(&status.conditions, "ActionRequired").map(|one| one.reason.clone())
    }

    /// A person scans the QR that the messenger shows now, if it shows one.
    fn scan(&self) -> bool {
        self.simulator.with(|world, now| {
            let code = world
                .channels_of(ACCOUNT)
                .first()
                .and_then(|channel| channel.qr())
                .map(str::to_owned);
            code.is_some_and(|code| world.scan(&code, "79990000001", now).is_ok())
        })
    }

    async fn until_gone(&self) {
        self.wait("the object to be gone", || async {
            match self.channels().get_opt("shop").await.unwrap() {
                None => Ok(()),
                Some(found) => Err(format!("{:?} {:?}", found.finalizers(), found.status)),
            }
        })
        .await;
    }

    fn remote(&self) -> Vec<String> {
        self.simulator.with(|world, _| {
            world
                .channels_of(ACCOUNT)
                .iter()
                .map(|channel| channel.id.clone())
                .collect()
        })
    }

    /// One channel, held by the object, nothing left open.
    async fn assert_one(&self) {
        self.wait("the intent to be cleared", || async {
            let object = self.channels().get("shop").await.unwrap();
            let open = object.annotations().contains_key(names::CREATE_INTENT);
            if open {
                Err(format!("{:?}", object.annotations()))
            } else {
                Ok(())
            }
        })
        .await;
        let object = self.channels().get("shop").await.unwrap();
        let id = object.status.and_then(|status| status.channel_id).unwrap();
        assert_eq!(self.remote(), [id], "one channel for the object");
    }
}

/// What is killed: each gets a fresh life, is armed at its own point, and says when it is done.
#[derive(Debug, Clone, Copy)]
enum Flow {
    /// From an empty namespace to an active bot.
    CreateBot,
    /// From an object to a scanned QR.
    LogInByQr,
    /// A new bot token.
    Rotate,
    /// The object goes with its channel.
    Delete,
    /// An existing channel is taken over.
    Adopt,
    /// From a scanned QR through the messenger's two-factor password.
    TwoFactor,
    /// An account whose refresh token is used up and stored anew.
    Refresh,
}

fn bot() -> Value {
    json!({"transport": "telegram", "credentialsSecretRef": {"name": "bot-token"}})
}

async fn play(flow: Flow, kill_at: Option<KillAt>) -> (bool, Vec<String>) {
    let life = Life::begin("crash").await;
    match flow {
        Flow::CreateBot => {
            life.trap.arm(kill_at);
            life.start();
            life.account().await;
            life.channel(bot()).await;
            life.until("Ready", "Connected").await;
            life.assert_one().await;
        }
        Flow::LogInByQr => {
            life.start();
            life.account().await;
            life.until_subscribed().await;
            life.trap.arm(kill_at);
            life.channel(json!({"transport": "whatsapp"})).await;
            life.until("ActionRequired", "ScanQr").await;
            assert!(life.scan(), "there is a living QR to scan");
            life.until("Ready", "Connected").await;
            life.assert_one().await;
        }
        Flow::Rotate | Flow::Delete => {
            life.start();
            life.account().await;
            life.channel(bot()).await;
            life.until("Ready", "Connected").await;
            life.assert_one().await;
            life.trap.arm(kill_at);
            if matches!(flow, Flow::Delete) {
                life.channels().delete("shop", &DeleteParams::default()).await.unwrap();
                life.until_gone().await;
                assert_eq!(life.remote(), Vec::<String>::new(), "nothing is orphaned");
            } else {
                life.secret("bot-token", json!({"telegram_token": "200:canary-new"}))
                    .await;
                life.wait("the new token to serve", || async {
                    let status = life.channels().get("shop").await.unwrap().status.unwrap_or_default();
                    if status.phone.as_deref() == Some("bot_200") {
                        Ok(())
                    } else {
                        Err(format!("{status:?}"))
                    }
                })
                .await;
                life.until("Ready", "Connected").await;
                life.assert_one().await;
            }
        }
        Flow::TwoFactor => {
            life.simulator
                .with(|world, _| world.set_two_factor("tgapi", Some("canary-password")));
            life.secret("shop-2fa", json!({"password": "canary-password"})).await;
            life.start();
            life.account().await;
            life.until_subscribed().await;
            life.channel(json!({"transport": "tgapi"})).await;
            life.until("ActionRequired", "ScanQr").await;
            life.trap.arm(kill_at);
            assert!(life.scan());
            // A password is tried once: where it was lost on the way, a person asks for another login.
            let asked = std::sync::atomic::AtomicBool::new(false);
            life.wait("the login", || async {
                let status = life.channels().get("shop").await.unwrap().status.unwrap_or_default();
                if condition(&status.conditions, "Ready").is_some_and(|ready| ready.status == "True") {
                    return Ok(());
                }
                match life.action().await.as_deref() {
                    Some("EnterPassword") if !asked.swap(true, std::sync::atomic::Ordering::Relaxed) => {
                        let patch = json!({"metadata": {"annotations": {names::REINIT_REQUESTED: "again"}}});
                        let params = PatchParams::default();
                        life.channels()
                            .patch("shop", &params, &Patch::Merge(patch))
                            .await
                            .unwrap();
                    }
                    Some("ScanQr") => {
                        life.scan();
                    }
                    _ => {}
                }
                Err(format!("{status:?}"))
            })
            .await;
            life.assert_one().await;
        }
        Flow::Refresh => {
            life.simulator.with(|world, _| {
                world.set_partner(ACCOUNT, "partner@example.com", "canary-password");
                world.grant_refresh_token(ACCOUNT, "canary-seed");
            });
            life.secret(
                "partner",
                json!({"email": "partner@example.com", "password": "canary-password"}),
            )
            .await;
            life.secret("seed", json!({"token": "canary-seed"})).await;
            life.trap.arm(kill_at);
            life.start();
            life.account_by(json!({"oauth": {
                "clientId": "client", "partnerSecretRef": {"name": "partner"}, "tokenSecretRef": {"name": "seed", "key": "token"},
            }}))
            .await;
            life.channel(bot()).await;
            let accounts: Api<WazzupAccount> = Api::namespaced(life.client.clone(), &life.namespace);
            // A refresh token that was used up and whose answer was lost is the customer's to grant again.
            let granted = std::sync::atomic::AtomicBool::new(false);
            life.wait("the account's token", || async {
                let status = accounts.get("default").await.unwrap().status.unwrap_or_default();
                let found = condition(&status.conditions, "Authenticated");
                match found.map(|one| (one.status.as_str(), one.reason.as_str())) {
                    Some(("True", _)) => Ok(()),
                    Some((_, "RefreshRefused")) => {
                        if !granted.swap(true, std::sync::atomic::Ordering::Relaxed) {
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
            life.until("Ready", "Connected").await;
            life.assert_one().await;
        }
        Flow::Adopt => {
            let id = life
                .simulator
                .with(|world, now| world.create_in_cabinet(ACCOUNT, "wapi", now));
            life.start();
            life.account().await;
            life.trap.arm(kill_at);
            life.channel(json!({"transport": "wapi", "channelId": id})).await;
            life.until("ActionRequired", "FollowLink").await;
            life.assert_one().await;
            life.channels().delete("shop", &DeleteParams::default()).await.unwrap();
            life.until_gone().await;
            assert_eq!(life.remote(), [id], "an adopted channel is left");
        }
    }
    (life.trap.sprung(), life.trap.writes())
}

/// Kills at every write of a flow, before and after; the flow tells by itself when there is none left.
async fn every_point_of(flow: Flow) {
    let (_, calm) = play(flow, None).await;
    assert!(!calm.is_empty() && calm.len() < MOST, "{calm:?}");
    let points =
        (1..=calm.len()).flat_map(|write| [Moment::Before, Moment::After].map(|moment| KillAt { write, moment }));
    let played: Vec<(KillAt, bool)> = stream::iter(points)
        .map(|kill_at| async move { (kill_at, play(flow, Some(kill_at)).await.0) })
        .buffer_unordered(AT_ONCE)
        .collect()
        .await;
    let reached = played.iter().filter(|(_, sprung)| *sprung).count();
    eprintln!(
        "{flow:?}: {reached} of {} points reached and survived; the writes of a calm run: {calm:#?}",
        played.len()
    );
    // Passes of the account and of the channel may merge differently from run to run.
    assert!(reached + 4 >= played.len(), "{played:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_kill_while_a_bot_is_created_makes_two_channels_or_none() {
    every_point_of(Flow::CreateBot).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_kill_while_a_person_logs_in_by_qr_makes_two_channels_or_none() {
    every_point_of(Flow::LogInByQr).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_kill_while_credentials_are_rotated_leaves_the_channel_behind() {
    every_point_of(Flow::Rotate).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_kill_during_a_deletion_orphans_the_channel_or_holds_the_object() {
    every_point_of(Flow::Delete).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_kill_during_an_adoption_harms_the_channel() {
    every_point_of(Flow::Adopt).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_kill_while_a_password_is_submitted_leaves_a_login_without_a_way_on() {
    every_point_of(Flow::TwoFactor).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_kill_while_a_refresh_token_is_used_up_leaves_an_account_without_a_way_on() {
    every_point_of(Flow::Refresh).await;
}
