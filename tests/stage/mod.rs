//! What a story needs: a real control plane, a simulated service, the operator's own program, and ways to look.
//!
//! Each story has a namespace, a simulator and an operator of its own; the control plane is shared by a test process.

#![allow(unreachable_pub, reason = "a module of each test program")]
#![allow(dead_code, reason = "each test program uses a part of the stage")]

pub use campaigns::secrecy;

use std::{
    collections::BTreeSet,
    fs,
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex, OnceLock},
    time::Duration,
};

use campaigns::port::Port;
use control_plane::{ControlPlane, eventually};
use kube::{
    Api, Client, ResourceExt,
    api::{DeleteParams, Patch, PatchParams, PostParams},
};
use serde_json::{Value, json};
use wazzup_operator::api::{WazzupAccount, WazzupChannel, WazzupChannelStatus, condition};
use wazzup_simulator::{Dialect, Options, Simulator, Timings};

/// A dead leader's lease takes half a minute of it, and the machine may be busy.
pub const PATIENCE: Duration = Duration::from_secs(180);
pub const ACCOUNT: &str = "12345678";
pub const TOKEN: &str = "canary-client-token";

/// How a story is set up.
pub struct Setting {
    pub dialect: Dialect,
    pub timings: Timings,
    pub webhook_mode: &'static str,
    pub interval: &'static str,
    /// Whether the operator knows its public URL.
    pub public_url: bool,
    /// The operator's `RUST_LOG`.
    pub log: &'static str,
    /// Whether the operator watches all namespaces, as `kubectl apply -k deploy/` grants it, or this one alone.
    pub everywhere: bool,
}

impl Default for Setting {
    fn default() -> Self {
        Self {
            dialect: Dialect::Clean,
            timings: Timings {
                start: 50,
                qr: 60_000,
                qr_count: 5,
                sync: 50,
                token_seconds: 3_600,
            },
            webhook_mode: "Managed",
            interval: "10s",
            public_url: true,
            log: "info,wazzup_operator=trace",
            everywhere: false,
        }
    }
}

/// Where the base of deploy/ puts the operator.
pub const SYSTEM: &str = "wazzup-system";

pub struct Stage {
    pub plane: Arc<ControlPlane>,
    pub client: Client,
    pub simulator: Simulator,
    pub namespace: String,
    pub kubeconfig: PathBuf,
    operator: Option<Child>,
    webhook_port: Port,
    public_url: bool,
    pub log: PathBuf,
    log_filter: &'static str,
    everywhere: bool,
    stored: Mutex<BTreeSet<String>>,
    since: u64,
}

/// Installs the CRDs once.
pub fn plane() -> Arc<ControlPlane> {
    static READY: OnceLock<()> = OnceLock::new();
    let plane = ControlPlane::shared();
    READY.get_or_init(|| {
        let crds = concat!(env!("CARGO_MANIFEST_DIR"), "/crds");
        let applied = plane.kubectl(&["apply", "-f", crds]).unwrap();
        assert!(applied.status.success(), "{}", String::from_utf8_lossy(&applied.stderr));
        campaigns::established(&plane, crds);
    });
    plane
}

impl Stage {
    /// A namespace with an account `default`, a simulator, and a running operator.
    pub async fn set(name: &str, setting: Setting) -> Self {
        let stage = Self::set_without_account(name, &setting).await;
        stage.secret("wazzup-token", json!({"token": TOKEN})).await;
        stage.account("default", setting.webhook_mode, setting.interval).await;
        stage
    }

    pub async fn set_without_account(name: &str, setting: &Setting) -> Self {
        let plane = plane();
        let since = plane.audit_end();
        let namespace = plane.namespace(name).await.unwrap();
        let client = plane.client().await.unwrap();
        let simulator = Simulator::start(Options {
            dialect: setting.dialect,
            timings: setting.timings,
            ..Options::default()
        })
        .await;
        simulator.with(|world, _| world.add_account(ACCOUNT, TOKEN));
        let home = if setting.everywhere { SYSTEM } else { &namespace };
        if setting.everywhere {
            install(&plane);
        } else {
            grant(&plane, &namespace);
        }
        let kubeconfig = plane
            .kubeconfig_for_service_account(home, "wazzup-operator")
            .await
            .unwrap();
        let log = plane.folder().join(format!("{namespace}.log"));
        let mut stage = Self {
            plane,
            client,
            simulator,
            namespace,
            kubeconfig,
            operator: None,
            webhook_port: Port::free(),
            public_url: setting.public_url,
            log,
            log_filter: setting.log,
            everywhere: setting.everywhere,
            stored: Mutex::default(),
            since,
        };
        stage.start_operator();
        stage
    }

    /// Starts the operator's own program as a service account with the shipped rights.
    pub fn start_operator(&mut self) {
        let log = fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(&self.log)
            .unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_wazzup-operator"));
        command
            .env("KUBECONFIG", &self.kubeconfig)
            .env("RUST_LOG", self.log_filter)
            .args(["--webhook-listen", &format!("127.0.0.1:{}", self.webhook_port)])
            .args(["--metrics-listen", "127.0.0.1:0"])
            .args(["--allowed-api-hosts", &self.simulator.host()])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log);
        if self.everywhere {
            command.args(["--leader-namespace", SYSTEM]);
        } else {
            command.args(["--namespace", &self.namespace, "--leader-namespace", &self.namespace]);
        }
        if self.public_url {
            command.args(["--webhook-url", &self.webhook_url()]);
        }
        self.operator = Some(command.spawn().unwrap());
    }

    /// What the operator asked of the API server, for which this holds.
    pub fn asked(&self, which: impl Fn(&control_plane::AuditEvent) -> bool) -> Vec<control_plane::AuditEvent> {
        let user = format!("system:serviceaccount:{}:wazzup-operator", self.namespace);
        let mut events = self.plane.audit().unwrap();
        events.retain(|event| event.user == user && which(event));
        events
    }

    pub fn webhook_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.webhook_port)
    }

    /// Kills the operator, as a crash would.
    pub fn kill_operator(&mut self) {
        if let Some(mut operator) = self.operator.take() {
            let _ = operator.kill();
            let _ = operator.wait();
        }
    }

    pub fn channels(&self) -> Api<WazzupChannel> {
        Api::namespaced(self.client.clone(), &self.namespace)
    }

    pub fn accounts(&self) -> Api<WazzupAccount> {
        Api::namespaced(self.client.clone(), &self.namespace)
    }

    pub fn config_maps(&self) -> Api<k8s_openapi::api::core::v1::ConfigMap> {
        Api::namespaced(self.client.clone(), &self.namespace)
    }

    pub fn secrets(&self) -> Api<k8s_openapi::api::core::v1::Secret> {
        Api::namespaced(self.client.clone(), &self.namespace)
    }

    /// Makes or replaces a Secret's values.
    pub async fn secret(&self, name: &str, values: Value) {
        let stored = values.as_object().into_iter().flatten();
        let stored = stored.filter_map(|(_, value)| value.as_str().map(str::to_owned));
        self.stored.lock().unwrap().extend(stored);
        let secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "stringData": values});
        self.secrets()
            .patch(name, &PatchParams::apply("story").force(), &Patch::Apply(secret))
            .await
            .unwrap();
    }

    pub async fn account(&self, name: &str, mode: &str, interval: &str) {
        let account = json!({
            "apiVersion": "wazzup24.com/v1alpha1", "kind": "WazzupAccount", "metadata": {"name": name},
            "spec": {
                "auth": {"clientToken": {"secretRef": {"name": "wazzup-token", "key": "token"}}},
                "apiUrl": self.simulator.url(), "webhooks": {"mode": mode}, "sync": {"interval": interval},
            },
        });
        let account = serde_json::from_value(account).unwrap();
        self.accounts().create(&PostParams::default(), &account).await.unwrap();
    }

    /// Makes a channel from its spec.
    pub async fn channel(&self, name: &str, spec: Value) -> WazzupChannel {
        let channel = json!({
            "apiVersion": "wazzup24.com/v1alpha1", "kind": "WazzupChannel", "metadata": {"name": name}, "spec": spec,
        });
        let channel = serde_json::from_value(channel).unwrap();
        self.channels().create(&PostParams::default(), &channel).await.unwrap()
    }

    /// A telegram channel with a Secret of its own.
    pub async fn telegram(&self, name: &str, token: &str) -> WazzupChannel {
        let secret = format!("{name}-bot");
        self.secret(&secret, json!({"telegram_token": token})).await;
        self.channel(
            name,
            json!({"transport": "telegram", "credentialsSecretRef": {"name": secret}}),
        )
        .await
    }

    pub async fn annotate(&self, name: &str, annotation: &str, value: &str) {
        let patch = json!({"metadata": {"annotations": {format!("wazzup24.com/{annotation}"): value}}});
        self.channels()
            .patch(name, &PatchParams::default(), &Patch::Merge(patch))
            .await
            .unwrap();
    }

    pub async fn patch_spec(&self, name: &str, spec: Value) {
        let patch = json!({"spec": spec});
        self.channels()
            .patch(name, &PatchParams::default(), &Patch::Merge(patch))
            .await
            .unwrap();
    }

    /// Waits until a channel's condition has this status and reason.
    pub async fn until(&self, name: &str, type_: &str, status: &str, reason: &str) -> WazzupChannel {
        let what = format!("{name} to be {type_}={status}/{reason}");
        eventually(&what, PATIENCE, || async {
            let channel = self.channels().get(name).await.unwrap();
            let conditions = channel.status.clone().unwrap_or_default().conditions;
            match condition(&conditions, type_) {
                Some(found) if found.status == status && found.reason == reason => Ok(channel),
                _ => Err(format!("{:?}\nlog: {}", channel.status, self.log_tail())),
            }
        })
        .await
    }

    /// Waits until a channel's status is as `done` says.
    pub async fn until_status(&self, name: &str, what: &str, done: impl Fn(&WazzupChannelStatus) -> bool) {
        eventually(&format!("{name}: {what}"), PATIENCE, || async {
            let status = self.channels().get(name).await.unwrap().status.unwrap_or_default();
            if done(&status) {
                Ok(())
            } else {
                Err(format!("{status:?}\nlog: {}", self.log_tail()))
            }
        })
        .await;
    }

    pub async fn until_active(&self, name: &str) -> WazzupChannel {
        self.until(name, "Ready", "True", "Connected").await
    }

    pub async fn until_account(&self, name: &str, type_: &str, status: &str, reason: &str) -> WazzupAccount {
        let what = format!("account {name} to be {type_}={status}/{reason}");
        eventually(&what, PATIENCE, || async {
            let account = self.accounts().get(name).await.unwrap();
            let conditions = account.status.clone().unwrap_or_default().conditions;
            match condition(&conditions, type_) {
                Some(found) if found.status == status && found.reason == reason => Ok(account),
                _ => Err(format!("{:?}\nlog: {}", account.status, self.log_tail())),
            }
        })
        .await
    }

    /// Deletes a channel and waits until its object is gone.
    pub async fn delete(&self, name: &str) {
        self.channels().delete(name, &DeleteParams::default()).await.unwrap();
        self.until_gone(name).await;
    }

    pub async fn until_gone(&self, name: &str) {
        eventually(&format!("{name} to be gone"), PATIENCE, || async {
            match self.channels().get_opt(name).await.unwrap() {
                None => Ok(()),
                Some(found) => Err(format!(
                    "{:?} {:?}\nlog: {}",
                    found.finalizers(),
                    found.status,
                    self.log_tail()
                )),
            }
        })
        .await;
    }

    /// Waits until the QR ConfigMap of a channel holds a QR, and reads it with a QR reader.
    pub async fn read_qr(&self, sink: &str) -> String {
        eventually(&format!("a QR in {sink}"), PATIENCE, || async {
            let Some(found) = self.config_maps().get_opt(sink).await.unwrap() else {
                return Err(format!("no ConfigMap\nlog: {}", self.log_tail()));
            };
            let png = found.binary_data.as_ref().and_then(|data| data.get("qr.png"));
            png.and_then(|png| decode(&png.0))
                .ok_or_else(|| "no picture".to_owned())
        })
        .await
    }

    /// A person scans the QR that the sink shows; one that has run out meanwhile is followed by another. The channel's id.
    pub async fn scan(&self, sink: &str, phone: &str) -> String {
        eventually(&format!("a QR in {sink} that lives"), PATIENCE, || async {
            let code = self.read_qr(sink).await;
            let scanned = self.simulator.with(|world, now| world.scan(&code, phone, now));
            scanned.map_err(|dead| format!("{dead:?}"))
        })
        .await
    }

    pub async fn until_no_config_map(&self, name: &str) {
        eventually(&format!("ConfigMap {name} to be gone"), PATIENCE, || async {
            self.config_maps()
                .get_opt(name)
                .await
                .unwrap()
                .map_or(Ok(()), |_| Err("still there".to_owned()))
        })
        .await;
    }

    /// The account's channels at the service that were not deleted.
    pub fn remote(&self) -> Vec<wazzup_simulator::world::Channel> {
        self.simulator
            .with(|world, _| world.channels_of(ACCOUNT).into_iter().cloned().collect())
    }

    /// Waits until the service was asked for a list so many times more.
    pub async fn until_listed(&self, more: usize) {
        let lists = || self.simulator.journal().count("GET", "/v2/channels");
        let before = lists();
        eventually(&format!("{more} more lists"), PATIENCE, || async {
            match lists() - before {
                enough if enough >= more => Ok(()),
                few => Err(format!("{few}\nlog: {}", self.log_tail())),
            }
        })
        .await;
    }

    pub fn log_text(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    fn log_tail(&self) -> String {
        let text = self.log_text();
        let lines: Vec<&str> = text.lines().filter(|line| line.contains("wazzup_operator")).collect();
        lines[lines.len().saturating_sub(12)..].join("\n")
    }

    /// Runs kubectl in the namespace; on a thread of its own, since the simulator lives on this one.
    pub async fn kubectl(&self, arguments: &[&str]) -> String {
        let mut command = self.plane.kubectl_command();
        command.args(["-n", &self.namespace]).args(arguments);
        let output = tokio::task::spawn_blocking(move || command.output())
            .await
            .unwrap()
            .unwrap();
        assert!(
            output.status.success(),
            "{arguments:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8_lossy(&output.stdout).into_owned()
    }
}

impl Drop for Stage {
    /// Every story ends with a search for secrets; one that has failed already says so first.
    fn drop(&mut self) {
        let failed = std::thread::panicking();
        let ended = secrecy::Ended {
            plane: &self.plane,
            simulator: &self.simulator,
            namespace: &self.namespace,
            log: self.log_text(),
            kubeconfig: Some(&self.kubeconfig),
            since: self.since,
            stored: std::mem::take(&mut *self.stored.lock().unwrap()),
        };
        let told = (!failed).then(|| ended.secrets_that_were_told());
        self.kill_operator();
        assert_eq!(told.unwrap_or_default(), Vec::<String>::new(), "secrets were told");
    }
}

/// What `kubectl apply -k deploy/` installs.
pub fn install(plane: &ControlPlane) {
    let applied = plane
        .kubectl(&["apply", "-k", concat!(env!("CARGO_MANIFEST_DIR"), "/deploy")])
        .unwrap();
    let told = String::from_utf8_lossy(&applied.stderr).into_owned();
    assert!(applied.status.success() && told.is_empty(), "{told}");
}

/// The rights that deploy/namespaced grants, and those to the lease, bound in this namespace.
pub fn grant(plane: &ControlPlane, namespace: &str) {
    let watched = include_str!("../../deploy/namespaced/role.yaml");
    // Of the file of the lease the Role alone: its binding is for another namespace.
    let lease = include_str!("../../deploy/role.yaml").split("\n---").next().unwrap();
    let mut manifests = vec![watched.to_owned(), lease.to_owned()];
    for role in ["wazzup-operator", "wazzup-operator-leader"] {
        let binding = json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding", "metadata": {"name": role},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": role},
            "subjects": [{"kind": "ServiceAccount", "name": "wazzup-operator", "namespace": namespace}],
        });
        manifests.push(binding.to_string());
    }
    let applied = plane
        .kubectl_with(&["-n", namespace, "apply", "-f", "-"], &manifests.join("\n---\n"))
        .unwrap();
    assert!(applied.status.success(), "{}", String::from_utf8_lossy(&applied.stderr));
    until_granted(plane, namespace);
}

/// The API server's authorizer learns of a binding a moment after it was made.
fn until_granted(plane: &ControlPlane, namespace: &str) {
    let who = format!("--as=system:serviceaccount:{namespace}:wazzup-operator");
    let lease = "leases.coordination.k8s.io/wazzup-operator";
    for _ in 0..600 {
        let told = plane
            .kubectl(&["-n", namespace, "auth", "can-i", "get", lease, &who])
            .unwrap();
        if told.status.success() {
            return;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    panic!("the Role of {namespace} does not count");
}

/// Reads a QR picture as a phone would.
pub fn decode(png: &[u8]) -> Option<String> {
    let mut reader = png::Decoder::new(std::io::Cursor::new(png)).read_info().ok()?;
    let mut pixels = vec![0; reader.output_buffer_size()?];
    let info = reader.next_frame(&mut pixels).ok()?;
    let (width, channels) = (info.width as usize, info.color_type.samples());
    let mut image = rqrr::PreparedImage::prepare_from_greyscale(width, info.height as usize, |x, y| {
        pixels[(y * width + x) * channels]
    });
    image.detect_grids().first()?.decode().ok().map(|(_, text)| text)
}
