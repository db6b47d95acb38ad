//! One namespace with a service of its own, the proxies, and one or more replicas of the operator.

mod people;

use std::{
    path::PathBuf,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use control_plane::eventually;
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use kube::{Api, Client, ResourceExt, api::DeleteParams};
use wazzup_operator::api::{WazzupAccount, WazzupChannel, WazzupChannelStatus, condition};
use wazzup_simulator::{Dialect, Options, Simulator, Timings, world::Channel};

use crate::{
    Front, Ground, Wire,
    cabinet::Cabinet,
    clock::{Clock, Skew},
    grants::{grant, grant_everywhere, in_force},
    operator::Replica,
    oracle,
    patience::{gone, patiently},
    port::Port,
    seat::{Seat, front_of, kubeconfig_text},
    secrecy,
};

/// Longer than the grace before a create is repeated, and than any pause of a flow.
pub const PATIENCE: Duration = Duration::from_secs(240);
/// So long a wait asks every 50 ms, then with this pause more.
const BRISK: Duration = Duration::from_secs(3);
const UNHURRIED: Duration = Duration::from_millis(300);
/// The account at the service.
pub const ACCOUNT: &str = "12345678";
/// Its token.
pub const TOKEN: &str = "canary-client-token";

/// How a life is set up.
#[derive(Debug, Clone)]
pub struct Setting {
    /// How the service's answers look.
    pub dialect: Dialect,
    /// How long things take at the service.
    pub timings: Timings,
    /// How many replicas are started.
    pub replicas: usize,
    /// Whether they elect a leader.
    pub leader_elect: bool,
    /// The operator's log filter.
    pub log: &'static str,
    /// How long a wait lasts at most.
    pub patience: Duration,
    /// Whether the rights are those of deploy/clusterrole.yaml, held by a service account of another namespace: they outlive
    /// the namespace, and reach to kinds and namespaces.
    pub cluster_rights: bool,
    /// Hosts besides the service's that the operator may ask, joined by commas.
    pub more_hosts: String,
    /// The transport of channels that people have made by hand before, one that works and one that waits for its login.
    pub cabinet: Option<&'static str>,
    /// How wrong each replica's clock is; those without an entry run by the machine's, and it cannot be moved.
    pub clocks: Vec<Skew>,
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
            replicas: 1,
            leader_elect: false,
            log: "info,wazzup_operator=debug",
            patience: PATIENCE,
            cluster_rights: false,
            more_hosts: String::new(),
            cabinet: None,
            clocks: Vec::new(),
        }
    }
}

/// One life. Its operators end with it.
pub struct Life {
    /// The administrator's client, past the proxies.
    pub client: Client,
    /// Its namespace.
    pub namespace: String,
    /// The service.
    pub simulator: Simulator,
    /// The record and the rules.
    pub wire: Wire,
    /// The service's address as the operator knows it.
    pub wazzup: String,
    /// The proxy's own host, whatever `wazzup` is changed to.
    proxy: String,
    setting: Setting,
    program: PathBuf,
    seats: Vec<Seat>,
    plane: std::sync::Arc<control_plane::ControlPlane>,
    /// Where the audit log ended when it began.
    since: u64,
    front: Option<Front>,
    cabinet: Cabinet,
    starts: std::sync::atomic::AtomicUsize,
}

impl Drop for Life {
    fn drop(&mut self) {
        let pages = self
            .seats
            .iter()
            .map(|seat| secrecy::page(("127.0.0.1", seat.metrics_port.number())));
        let pages: String = pages.flatten().collect();
        for replica in self.wire.replicas() {
            replica.kill();
        }
        self.wire.close();
        if let Some(front) = &self.front {
            front.close();
        }
        // I6, of every life: no secret was told. One that has failed already says so first.
        if std::thread::panicking() {
            return;
        }
        let ended = secrecy::Ended {
            plane: &self.plane,
            simulator: &self.simulator,
            namespace: &self.namespace,
            log: self.log_text() + &pages,
            kubeconfig: None,
            stored: std::collections::BTreeSet::new(),
            since: self.since,
        };
        assert_eq!(
            ended.secrets_that_were_told(),
            Vec::<String>::new(),
            "secrets were told"
        );
        // Of every life too: what deploy/ grants is enough.
        let refused = oracle::rights_suffice(&self.wire.messages());
        assert_eq!(refused, Ok(()), "{}", self.namespace);
        // I3, of every life: what people made by hand is theirs.
        let touched = self.cabinet.touched(&self.simulator, &self.wire.messages());
        assert_eq!(touched, Ok(()), "{}", self.namespace);
    }
}

impl Life {
    /// A namespace, a service with an account, the proxies; no replica runs yet.
    pub async fn begin(ground: &Ground, name: &str, setting: Setting) -> Self {
        let plane = &ground.plane;
        let since = plane.audit_end();
        let client = plane.client().await.unwrap();
        let namespace = patiently("a namespace", || plane.namespace(name)).await;
        let simulator = Simulator::start(Options {
            dialect: setting.dialect,
            timings: setting.timings,
            ..Options::default()
        })
        .await;
        simulator.with(|world, _| world.add_account(ACCOUNT, TOKEN));
        let cabinet = Cabinet::of(&simulator, setting.cabinet);
        let home = if setting.cluster_rights {
            let home = plane.namespace("home").await.unwrap();
            grant_everywhere(ground, &home).await;
            home
        } else {
            grant(&client, &namespace).await;
            namespace.clone()
        };
        let wire = Wire::default();
        let wazzup = wire.before_wazzup(simulator.url()).await;
        let mut seats = Vec::new();
        for _ in 0..setting.replicas {
            let number = wire.add(Replica::default());
            let rights = patiently("rights", || plane.client_for_service_account(&home, "wazzup-operator")).await;
            in_force(&rights, &namespace, !setting.cluster_rights).await;
            let url = wire.before_kubernetes(rights, number).await;
            let kubeconfig = plane.folder().join(format!("kubeconfig-{namespace}-{number}"));
            std::fs::write(&kubeconfig, kubeconfig_text(&url, &namespace)).unwrap();
            seats.push(Seat {
                kubeconfig,
                webhook_port: Port::free(),
                metrics_port: Port::free(),
                log: plane.folder().join(format!("{namespace}-{number}.log")),
                clock: setting
                    .clocks
                    .get(number)
                    .map(|skew| Clock::new(plane.folder(), &format!("{namespace}-{number}"), *skew)),
                retired: std::sync::atomic::AtomicBool::new(false),
            });
        }
        Self {
            client,
            namespace,
            simulator,
            wire,
            proxy: wazzup.trim_start_matches("http://").to_owned(),
            wazzup,
            setting,
            program: ground.operator.clone(),
            front: front_of(&seats).await,
            seats,
            plane: plane.clone(),
            since,
            cabinet,
            starts: std::sync::atomic::AtomicUsize::new(0),
        }
    }

    /// Starts all replicas.
    pub fn start(&self) {
        for number in 0..self.seats.len() {
            self.start_replica(number);
        }
    }

    /// Starts one replica, its program as it was built.
    pub fn start_replica(&self, number: usize) {
        let seat = &self.seats[number];
        let log = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(&seat.log)
            .unwrap();
        let mut command = Command::new(&self.program);
        command
            .env("KUBECONFIG", &seat.kubeconfig)
            .env("RUST_LOG", self.setting.log)
            .env("HOSTNAME", format!("replica-{number}"))
            .args(["--namespace", &self.namespace, "--leader-namespace", &self.namespace])
            .args(["--leader-elect", &self.setting.leader_elect.to_string()])
            .args(["--webhook-listen", &format!("127.0.0.1:{}", seat.webhook_port)])
            .args(["--webhook-url", &self.public_url()])
            .args(["--metrics-listen", &format!("127.0.0.1:{}", seat.metrics_port)])
            .args(["--allowed-api-hosts", &self.hosts()])
            .args(["--log-format", "text"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log);
        if let Some(clock) = &seat.clock {
            clock.wear(&mut command);
        }
        self.wire.starting(number);
        self.wire.replicas()[number].start(command);
        self.starts.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    }

    /// The hosts that the operator may ask: the proxy's, what stands in front of it, and what the setting adds.
    fn hosts(&self) -> String {
        let own = self.wazzup.split_once("://").map_or("", |(_, host)| host);
        format!("{own},{},{}", self.proxy, self.setting.more_hosts)
    }

    /// Starts again whatever ended, as a kubelet would. The last writes of the dead have landed by then: without an election
    /// nothing else keeps two processes apart, with one the lease does.
    pub fn tend(&self) {
        for (number, replica) in self.wire.replicas().iter().enumerate() {
            let retired = self.seats[number].retired.load(std::sync::atomic::Ordering::Relaxed);
            if !retired && !replica.alive() && !self.wire.is_flying(number) {
                self.start_replica(number);
            }
        }
    }

    /// Waits until the newest process of each replica has listed the channels: what a process that was killed has left, another
    /// one has met.
    pub async fn looked_at_again(&self) {
        self.wait("a look at the channels", || async {
            let listed = self.wire.newest_did("LIST wazzupchannels");
            let alive = self.all_live();
            if listed && alive {
                Ok(())
            } else {
                Err("none".to_owned())
            }
        })
        .await;
    }

    /// Whether each replica that is started again when it has ended is there.
    pub fn all_live(&self) -> bool {
        let replicas = self.wire.replicas();
        let mut both = replicas.iter().zip(&self.seats);
        both.all(|(replica, seat)| replica.alive() || seat.retired.load(std::sync::atomic::Ordering::Relaxed))
    }

    /// Whether its replicas elect a leader.
    pub const fn elects(&self) -> bool {
        self.setting.leader_elect
    }

    /// Whether a replica is started again when it has ended; at first all are.
    pub fn retire(&self, number: usize, retired: bool) {
        let flag = &self.seats[number].retired;
        flag.store(retired, std::sync::atomic::Ordering::Relaxed);
    }

    /// The clock of a replica whose setting has one, to be moved while it runs.
    pub fn clock(&self, replica: usize) -> &Clock {
        self.seats[replica].clock.as_ref().unwrap()
    }

    /// Whether a replica's process runs by a clock as wrong as this: one that has nothing to do says nothing, so it is asked
    /// to end, which it says with the time.
    pub async fn clock_met(&self, replica: usize, skew: Skew) -> Result<(), String> {
        self.clock(replica).until_told(skew).await;
        self.tend();
        self.retire(replica, true);
        self.wire.replicas()[replica].terminate();
        self.clock(replica).met(skew, &self.seats[replica].log).await
    }

    /// What stands before several replicas.
    pub fn front(&self) -> &Front {
        self.front.as_ref().unwrap()
    }

    /// The address that the service is given.
    fn public_url(&self) -> String {
        match &self.front {
            Some(front) => front.url().to_owned(),
            None => self.webhook_url(0),
        }
    }

    /// How often a replica was started.
    pub fn starts(&self) -> usize {
        self.starts.load(std::sync::atomic::Ordering::Relaxed)
    }

    /// The base URL of a replica's receiver.
    pub fn webhook_url(&self, replica: usize) -> String {
        format!("http://127.0.0.1:{}", self.seats[replica].webhook_port)
    }

    /// The base URL of a replica's metrics and health pages.
    pub fn pages_url(&self, replica: usize) -> String {
        format!("http://127.0.0.1:{}", self.seats[replica].metrics_port)
    }

    /// Everything that all replicas have logged.
    pub fn log_text(&self) -> String {
        let texts = self.seats.iter().map(|seat| std::fs::read_to_string(&seat.log));
        texts.map(Result::unwrap_or_default).collect()
    }

    fn log_tail(&self) -> String {
        let text = self.log_text();
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(15)..].join("\n")
    }

    /// The channels of the namespace.
    pub fn channels(&self) -> Api<WazzupChannel> {
        Api::namespaced(self.client.clone(), &self.namespace)
    }

    /// The accounts of the namespace.
    pub fn accounts(&self) -> Api<WazzupAccount> {
        Api::namespaced(self.client.clone(), &self.namespace)
    }

    /// The Secrets of the namespace.
    pub fn secrets(&self) -> Api<Secret> {
        Api::namespaced(self.client.clone(), &self.namespace)
    }

    /// The `ConfigMap`s of the namespace.
    pub fn config_maps(&self) -> Api<ConfigMap> {
        Api::namespaced(self.client.clone(), &self.namespace)
    }

    /// The status of a channel; empty while there is none.
    pub async fn status(&self, name: &str) -> WazzupChannelStatus {
        let channels = self.channels();
        let found = patiently("a channel", || channels.get_opt(name)).await;
        found.and_then(|channel| channel.status).unwrap_or_default()
    }

    /// The reason for which a person is waited for, if any.
    pub async fn action(&self, name: &str) -> Option<String> {
        let status = self.status(name).await;
        condition(&status.conditions, "ActionRequired").map(|one| one.reason.clone())
    }

    /// Waits for something; starts again whatever has died meanwhile.
    pub async fn wait<F: Future<Output = Result<(), String>>>(&self, what: &str, look: impl Fn() -> F) {
        let what = format!("{what} in {}", self.namespace);
        let begun = Instant::now();
        eventually(&what, self.setting.patience, || {
            self.tend();
            let seen = look();
            async move {
                let seen = seen.await.map_err(|seen| format!("{seen}\n{}", self.log_tail()));
                // Many lives wait for minutes side by side: whoever waits long asks less often.
                if seen.is_err() && begun.elapsed() > BRISK {
                    tokio::time::sleep(UNHURRIED).await;
                }
                seen
            }
        })
        .await;
    }

    /// Waits until nothing has been written for two seconds: what is written from then on has another cause.
    pub async fn until_still(&self) {
        let seen = std::sync::Mutex::new((0, Instant::now()));
        self.wait("stillness", || async {
            let steps = self.wire.steps().len();
            let mut seen = seen.lock().unwrap();
            if steps != seen.0 {
                *seen = (steps, Instant::now());
            }
            if seen.1.elapsed() >= Duration::from_secs(2) {
                Ok(())
            } else {
                Err(format!("{steps} steps"))
            }
        })
        .await;
    }

    /// Waits for a true condition of a channel.
    pub async fn until(&self, name: &str, type_: &str, reason: &str) {
        self.wait(&format!("{name}: {type_}/{reason}"), || async {
            let status = self.status(name).await;
            match condition(&status.conditions, type_) {
                Some(found) if found.status == "True" && found.reason == reason => Ok(()),
                _ => Err(format!("{status:?}")),
            }
        })
        .await;
    }

    /// Waits until a channel is connected.
    pub async fn until_ready(&self, name: &str) {
        self.until(name, "Ready", "Connected").await;
    }

    /// Waits for the account's subscription.
    pub async fn until_subscribed(&self) {
        self.wait("the subscription", || async {
            let rows = self.simulator.with(|world, _| world.rows(ACCOUNT).len());
            if rows == 5 { Ok(()) } else { Err(rows.to_string()) }
        })
        .await;
    }

    /// Asks for a channel's deletion.
    pub async fn delete(&self, name: &str) {
        let (channels, params) = (self.channels(), DeleteParams::default());
        patiently("a deletion", || gone(channels.delete(name, &params))).await;
    }

    /// Waits until a channel's object is gone.
    pub async fn until_gone(&self, name: &str) {
        self.wait(&format!("{name} to be gone"), || async {
            let channels = self.channels();
            match patiently("a channel", || channels.get_opt(name)).await {
                None => Ok(()),
                Some(found) => Err(format!("{:?} {:?}", found.finalizers(), found.status)),
            }
        })
        .await;
    }

    /// The account's channels at the service that were not deleted, those aside that people made by hand before.
    pub fn remote(&self) -> Vec<Channel> {
        self.simulator.with(|world, _| {
            let all = world.channels_of(ACCOUNT).into_iter();
            all.filter(|channel| !self.cabinet.has(&channel.id)).cloned().collect()
        })
    }

    /// A person scans the QR that the messenger shows now for a channel, if it shows one.
    pub fn scan(&self, id: &str, phone: &str) -> bool {
        self.simulator.with(|world, now| {
            let code = world.channel(id).and_then(|channel| channel.qr()).map(str::to_owned);
            code.is_some_and(|code| world.scan(&code, phone, now).is_ok())
        })
    }
}
