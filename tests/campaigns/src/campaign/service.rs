//! C3s: everything that can come of a call to the service, at every place where one is made. One channel for each object,
//! no create after an unclear one before the account was looked at, no hammering, bounded memory, and the trouble is told.
//!
//! A fault strikes once at half of the places and for a while at the others, turn about, so that each is met in both ways.

pub mod door;
pub mod faults;
mod person;

use std::{
    sync::Mutex,
    time::{Duration, Instant},
};

use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};

use super::Scale;
use crate::{
    Cell, Fault, Flow, Ground, Life, Outcome, Rule, Setting, Side, flow,
    flow::NAME,
    oracle,
    proxy::{Message, Reply},
};
use faults::{Harm, Meaning};

/// A place where the service is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Site {
    /// A create with credentials.
    Create,
    /// A create without.
    CreateByQr,
    /// A reinit with new credentials.
    Reinit,
    /// The two-factor password.
    TwoFactor,
    /// The pairing code.
    Pairing,
    /// A login link.
    Link,
    /// A deletion.
    Delete,
    /// The list.
    List,
    /// A look by id.
    ById,
    /// The list of subscriptions.
    Rows,
    /// Subscribing.
    Subscribe,
    /// Unsubscribing.
    Unsubscribe,
    /// The partner's own token.
    Machine,
    /// Its exchange.
    Exchange,
    /// The refresh of a token.
    Refresh,
}

impl Site {
    /// Every site.
    pub const ALL: [Self; 15] = [
        Self::Create,
        Self::CreateByQr,
        Self::Reinit,
        Self::TwoFactor,
        Self::Pairing,
        Self::Link,
        Self::Delete,
        Self::List,
        Self::ById,
        Self::Rows,
        Self::Subscribe,
        Self::Unsubscribe,
        Self::Machine,
        Self::Exchange,
        Self::Refresh,
    ];

    const fn label(self) -> &'static str {
        match self {
            Self::Create | Self::CreateByQr => "POST /v2/channels",
            Self::Reinit => "POST /v2/channels/{id}/reinit",
            Self::TwoFactor => "POST /v2/channels/{id}/auth/2fa",
            Self::Pairing => "POST /v2/channels/{id}/pairing-code",
            Self::Link => "POST /v2/iframe-links/channels",
            Self::Delete => "DELETE /v2/channels/{id}",
            Self::List => "GET /v2/channels",
            Self::ById => "GET /v2/channels/{id}",
            Self::Rows => "GET /v2/webhooks",
            Self::Subscribe => "POST /v2/webhooks",
            Self::Unsubscribe => "DELETE /v2/webhooks",
            Self::Machine | Self::Exchange | Self::Refresh => "POST /v2/oauth/token",
        }
    }

    /// The story that leads there, and on to a rest.
    async fn play(self, life: &Life, arm: impl FnOnce()) {
        match self {
            Self::Create | Self::List => flow::play(life, Flow::CreateBot, arm).await,
            Self::Rows | Self::Subscribe => {
                flow::play(life, Flow::CreateBot, arm).await;
                life.until_subscribed().await;
                life.wait("the account to be ready", || async { account_ready(life).await })
                    .await;
            }
            Self::CreateByQr => flow::play(life, Flow::LogInByQr, arm).await,
            Self::Reinit => flow::play(life, Flow::Rotate, arm).await,
            Self::TwoFactor => flow::play(life, Flow::TwoFactor, arm).await,
            Self::Pairing => flow::play(life, Flow::Pairing, arm).await,
            Self::Link => flow::play(life, Flow::FollowLink, arm).await,
            Self::Unsubscribe => flow::play(life, Flow::DeleteAccount, arm).await,
            Self::Machine | Self::Exchange => flow::play(life, Flow::Mint, arm).await,
            Self::Refresh => flow::play(life, Flow::Refresh, arm).await,
            Self::Delete => {
                bot(life).await;
                arm();
                life.delete(NAME).await;
                life.until_gone(NAME).await;
            }
            Self::ById => {
                bot(life).await;
                let hide = |reply: &mut Reply| reply.body = json!({"data": [], "meta": {}}).to_string().into_bytes();
                let hidden = Fault::Rewrite(std::sync::Arc::new(hide));
                arm();
                life.wire.rule(Rule::always(Side::Wazzup, Self::List.label(), hidden));
                life.wait("a look by id, and calm weather", || async {
                    let messages = life.wire.messages();
                    let met = messages
                        .iter()
                        .position(|one| one.label == Self::ById.label() && one.fault.is_some());
                    let after = &messages[met.unwrap_or(messages.len())..];
                    let calm = after
                        .iter()
                        .any(|one| one.label == Self::List.label() && one.fault.is_none());
                    if calm { Ok(()) } else { Err(format!("{met:?}")) }
                })
                .await;
                life.until_ready(NAME).await;
                oracle::assert_one_channel_each(life).await;
            }
        }
    }
}

async fn bot(life: &Life) {
    life.start();
    life.account().await;
    life.bot(NAME, "100:canary-bot").await;
    life.until_ready(NAME).await;
}

async fn account_ready(life: &Life) -> Result<(), String> {
    let status = life.accounts().get("default").await.unwrap().status.unwrap_or_default();
    let true_ =
        |type_| wazzup_operator::api::condition(&status.conditions, type_).is_some_and(|one| one.status == "True");
    if true_("Ready") && true_("WebhooksSubscribed") {
        Ok(())
    } else {
        Err(format!("{status:?}"))
    }
}

/// The longest time for which a fault lasts.
const WHILE: Duration = Duration::from_secs(25);
/// By when it must be told: longer than three calls that each last until their deadline, and the pauses between.
const TOLD_BY: Duration = Duration::from_secs(120);
/// The same for a refresh, of which there is one a minute while no clear answer comes.
const REFRESH_TOLD_BY: Duration = Duration::from_secs(160);
/// The grace after which an unclear create may be repeated, less what clocks and whole seconds may differ.
const GRACE: Duration = Duration::from_secs(112);
/// A process that holds no more than this, in KiB, has buffered no endless body; a debug build at rest holds about a third.
const MEMORY: u64 = 200 << 10;

/// What was learned while the fault lasted.
#[derive(Default)]
struct Learned {
    untold: Option<String>,
    lasted: Duration,
    memory: u64,
}

/// Waits for the fault, lets it last or not, then brings calm weather and does what a person is asked for.
async fn weather(life: &Life, harm: &Harm, site: Site, lasting: bool, learned: &Mutex<Learned>) {
    while hits(life, site) == 0 {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let begun = Instant::now();
    if lasting {
        // Throttling is no trouble of a channel's: it is counted, and nothing flaps. Odd answers may be good enough.
        let telling = !matches!(harm.meaning, Meaning::Throttled(_) | Meaning::Odd) && site != Site::ById;
        let by = if site == Site::Refresh {
            REFRESH_TOLD_BY
        } else {
            TOLD_BY
        };
        let mut told = None;
        while (telling && told.is_none() && begun.elapsed() < by) || (begun.elapsed() < WHILE && hits(life, site) < 5) {
            tokio::time::sleep(Duration::from_millis(300)).await;
            told = told.or(person::told(life).await);
        }
        if telling && told.is_none() {
            let account = life.accounts().get_opt("default").await.ok().flatten();
            let status = account.and_then(|account| account.status);
            learned.lock().unwrap().untold = Some(format!("{status:?} {:?}", life.status(NAME).await));
        }
    } else if harm.slow {
        tokio::time::sleep(Duration::from_secs(30)).await;
    }
    {
        let mut learned = learned.lock().unwrap();
        learned.lasted = begun.elapsed();
        learned.memory = high_water(life);
    }
    life.wire.calm();
    person::tend(life).await;
}

/// How often the fault of this site was met.
fn hits(life: &Life, site: Site) -> usize {
    let messages = life.wire.messages();
    let met = messages
        .iter()
        .filter(|one| one.side == Side::Wazzup && one.label == site.label() && one.fault.is_some());
    met.count()
}

/// The most memory that the operator has ever held, in KiB.
pub fn high_water(life: &Life) -> u64 {
    memory(life, "VmHWM:")
}

/// A figure of `/proc/<pid>/status`, in KiB.
pub fn memory(life: &Life, name: &str) -> u64 {
    let pid = life.wire.replicas()[0].pid().unwrap_or(0);
    let text = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = text.lines().find(|line| line.starts_with(name)).unwrap_or_default();
    line.split_whitespace()
        .nth(1)
        .and_then(|kib| kib.parse().ok())
        .unwrap_or(0)
}

/// Plays one fault at one site.
pub async fn strike(ground: &Ground, site: Site, harm: Harm, lasting: bool) -> Outcome {
    let life = Life::begin(ground, "service", Setting::default()).await;
    let trap = door::Trap::open().await;
    let fault = (harm.make)(&trap.url);
    let nth = if site == Site::Exchange { 2 } else { 1 };
    let times = if lasting { usize::MAX } else { 1 };
    let rule = Rule::once(Side::Wazzup, site.label(), fault).nth(nth).times(times);
    let learned = Mutex::new(Learned::default());
    let wire = life.wire.clone();
    tokio::select! {
        () = site.play(&life, || wire.rule(rule)) => {}
        () = weather(&life, &harm, site, lasting, &learned) => {}
    }
    if hits(&life, site) == 0 {
        return Outcome::Skipped("the call was never made".to_owned());
    }
    let learned = learned.into_inner().unwrap();
    assert_eq!(learned.untold, None, "nobody was told");
    assert_eq!(trap.visits(), 0, "a redirect was followed");
    assert!(learned.memory < MEMORY, "{} KiB were held", learned.memory);
    judge(&life, site, &harm, learned.lasted).await;
    Outcome::Passed
}

async fn judge(life: &Life, site: Site, harm: &Harm, lasted: Duration) {
    oracle::assert_sound(life);
    let messages: Vec<Message> = life.wire.messages();
    let asked: Vec<&Message> = messages.iter().filter(|one| one.side == Side::Wazzup).collect();
    let struck: Vec<&&Message> = asked
        .iter()
        .filter(|one| one.fault.is_some() && one.label == site.label())
        .collect();
    if harm.meaning == Meaning::Unclear {
        assert_no_blind_create(&asked);
    }
    if let Meaning::Throttled(seconds) = harm.meaning {
        for one in &struck {
            // Others may have been on their way, and one is told too early by the time that it travels.
            let silence = one.at + Duration::from_secs(2)
                ..one.at + Duration::from_secs_f64(seconds as f64 - 0.5_f64.min(seconds as f64));
            let early = asked
                .iter()
                .find(|other| silence.contains(&other.at) && !token(&other.label));
            assert!(
                early.is_none() || token(site.label()),
                "Retry-After was not obeyed: {early:?}"
            );
        }
    }
    // An odd answer may serve, and the flow goes on to its next calls before the weather is calmed.
    let at_once = if harm.meaning == Meaning::Odd { 10 } else { 5 };
    let bound = at_once + lasted.as_secs() / 2;
    assert!(
        struck.len() as u64 <= bound,
        "hammered: {} calls in {lasted:?}",
        struck.len()
    );
    let during = asked.iter().filter(|one| {
        struck
            .first()
            .is_some_and(|first| one.at >= first.at && one.at < first.at + lasted)
    });
    assert!(during.count() as u64 <= 20 + 3 * lasted.as_secs(), "hammered elsewhere");
    match site {
        Site::Delete if harm.name == "404" => {} // It said that the channel is gone.
        Site::Delete => assert!(life.remote().is_empty(), "an orphan is left"),
        Site::Unsubscribe => {}
        _ => oracle::assert_status_is_true(life).await,
    }
}

fn token(label: &str) -> bool {
    label == Site::Machine.label()
}

/// After a create without a clear answer there is no other before two lists, both after the grace.
fn assert_no_blind_create(asked: &[&Message]) {
    let creates: Vec<&&Message> = asked.iter().filter(|one| one.label == Site::Create.label()).collect();
    for pair in creates.windows(2) {
        let [first, second] = pair else { continue };
        if first.fault.is_none() {
            continue;
        }
        let lists = asked.iter().filter(|one| {
            one.label == Site::List.label()
                && one.status == Some(200)
                && one.at > first.at + GRACE
                && one.at < second.at
        });
        assert!(
            lists.count() >= 2,
            "a blind create {:?} after the first",
            second.at - first.at
        );
    }
}

/// No connection at all: the door is shut, the name unknown, or the certificate is not to be trusted.
async fn unreached(ground: &Ground, flow: Flow) -> Outcome {
    let mut life = Life::begin(ground, "shut", Setting::default()).await;
    let door = door::Door::before(&life.wazzup).await;
    life.wazzup = door.url();
    let shut = Mutex::new(None);
    let story = flow::play(&life, flow, || {
        door.shut();
        *shut.lock().unwrap() = Some(Instant::now());
    });
    let open = async {
        let lasts = |time| shut.lock().unwrap().is_none_or(|at: Instant| at.elapsed() < time);
        let met = || async { life.log_text().contains("connection failed") || person::told(&life).await.is_some() };
        while lasts(Duration::from_secs(20)) || (lasts(REFRESH_TOLD_BY) && !met().await) {
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        if !met().await {
            return;
        }
        door.open().await;
        person::tend(&life).await;
    };
    tokio::select! {
        () = story => {}
        () = open => return Outcome::Skipped("nothing was asked while the door was shut".to_owned()),
    }
    oracle::assert_sound(&life);
    Outcome::Passed
}

/// An account whose address leads to nobody, or to somebody else; then it is mended.
async fn misled(ground: &Ground, flow: Flow, address: String) -> Outcome {
    let setting = Setting {
        more_hosts: address.trim_start_matches("https://").to_owned(),
        ..Setting::default()
    };
    let mut life = Life::begin(ground, "misled", setting).await;
    let right = std::mem::replace(&mut life.wazzup, address);
    let mend = async {
        life.wait("the trouble to be told", || async {
            person::told(&life).await.map(|_| ()).ok_or("not told".to_owned())
        })
        .await;
        assert!(
            !life.wire.messages().iter().any(|one| one.side == Side::Wazzup),
            "the service was asked"
        );
        let patch: Value = json!({"spec": {"apiUrl": right}});
        let params = PatchParams::default();
        life.accounts()
            .patch("default", &params, &Patch::Merge(patch))
            .await
            .unwrap();
        person::tend(&life).await;
    };
    tokio::select! {
        () = flow::play(&life, flow, || {}) => {}
        () = mend => {}
    }
    oracle::assert_sound(&life);
    Outcome::Passed
}

/// The cells of the campaign; a test plays those that chance picks among the short ones.
pub async fn cells(ground: Ground, scale: Scale, seed: u64) -> Vec<Cell> {
    let mut cells = Vec::new();
    for (row, site) in Site::ALL.into_iter().enumerate() {
        for (column, harm) in faults::all().into_iter().enumerate() {
            let lasting = (row + column) % 2 == 1;
            let grace = matches!(site, Site::Create | Site::CreateByQr) && harm.meaning == Meaning::Unclear;
            let long = grace || harm.slow || harm.meaning == Meaning::Throttled(60);
            if scale == Scale::Test && long {
                continue;
            }
            let name = format!("{site:?}: {}{}", harm.name, if lasting { ", for a while" } else { "" });
            let ground = ground.clone();
            cells.push(Cell::new("C3s", name, move || async move {
                strike(&ground, site, harm, lasting).await
            }));
        }
    }
    if scale == Scale::Test {
        return super::sample(cells, seed, 10);
    }
    for flow in [
        Flow::CreateBot,
        Flow::LogInByQr,
        Flow::TwoFactor,
        Flow::FollowLink,
        Flow::Rotate,
        Flow::Delete,
        Flow::DeleteAccount,
        Flow::Mint,
        Flow::Refresh,
    ] {
        let ground = ground.clone();
        let name = format!("{flow:?}: connection refused, for a while");
        cells.push(Cell::new(
            "C3s",
            name,
            move || async move { unreached(&ground, flow).await },
        ));
    }
    let api_server = ground.plane.config().await.unwrap().cluster_url.to_string();
    for flow in [Flow::CreateBot, Flow::Mint, Flow::Refresh] {
        for (name, address) in [
            // The API server's own certificate is signed by nobody whom the machine trusts.
            ("wrong certificate", api_server.trim_end_matches('/').to_owned()),
            ("name not resolved", "https://wazzup.invalid".to_owned()),
        ] {
            let ground = ground.clone();
            cells.push(Cell::new("C3s", format!("{flow:?}: {name}"), move || async move {
                misled(&ground, flow, address).await
            }));
        }
    }
    cells.push(Cell::new("C3s", "PATCH /v2/webhooks: every fault", || async {
        Outcome::Skipped("the operator never sends it: rows are taken away and made anew".to_owned())
    }));
    cells
}
