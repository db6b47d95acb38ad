//! C8: tenants who harm the others, scaled to two cores. While each flood lasts, a newcomer of another account is picked up
//! soon, memory and metrics stay bounded, and nothing needless reaches the service. Every flood ends by itself.

use std::{
    fmt::Write as _,
    time::{Duration, Instant},
};

use futures::{StreamExt, stream};
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use kube::api::{ListParams, Patch, PatchParams, PostParams};
use serde_json::{Value, json};

use super::Scale;
use crate::{Cell, Ground, Life, Outcome, Setting, oracle};

/// The harmful account at the service, and its token.
const HOSTILE: (&str, &str) = ("87654321", "canary-hostile-token");
/// A picked-up newcomer's first call: 2 s is the promise on a quiet machine; a loaded one is given more.
const PICKED_UP: Duration = Duration::from_secs(30);
/// What the operator may take at most: the limit of `deploy/deployment.yaml`.
const MEMORY_KB: u64 = 128 * 1024;
/// Series on the page of metrics, whatever tenants name their things.
const SERIES: usize = 700;
/// How many requests are under way at once.
const AT_ONCE: usize = 16;

/// How large a flood is.
#[derive(Debug, Clone, Copy)]
struct Flood {
    objects: usize,
    large: usize,
    edits: Duration,
}

impl Flood {
    const fn of(scale: Scale) -> Self {
        match scale {
            Scale::Test => Self {
                objects: 60,
                large: 20,
                edits: Duration::from_secs(5),
            },
            Scale::Full => Self {
                objects: 500,
                large: 100,
                edits: Duration::from_secs(20),
            },
        }
    }
}

/// A life with a good account, and a hostile one beside it.
async fn begin(ground: &Ground) -> Life {
    let setting = Setting {
        log: "info",
        ..Setting::default()
    };
    let life = Life::begin(ground, "tenant", setting).await;
    life.simulator.with(|world, _| world.add_account(HOSTILE.0, HOSTILE.1));
    life.start();
    life.account().await;
    life.secret("hostile-token", json!({"token": HOSTILE.1})).await;
    let account = json!({
        "apiVersion": "wazzup24.com/v1alpha1", "kind": "WazzupAccount", "metadata": {"name": "hostile"},
        "spec": {
            "auth": {"clientToken": {"secretRef": {"name": "hostile-token", "key": "token"}}},
            "apiUrl": life.wazzup, "sync": {"interval": "10s"},
        },
    });
    let account = serde_json::from_value(account).unwrap();
    life.accounts().create(&PostParams::default(), &account).await.unwrap();
    life.until_subscribed().await;
    life
}

/// Many objects of the hostile account.
async fn crowd(life: &Life, count: usize, spec: impl Fn(usize) -> Value, annotations: Value) {
    stream::iter(0..count)
        .for_each_concurrent(AT_ONCE, |number| {
            let mut spec = spec(number);
            spec["accountRef"] = json!({"name": "hostile"});
            let channel = json!({
                "apiVersion": "wazzup24.com/v1alpha1", "kind": "WazzupChannel",
                "metadata": {"name": format!("hostile-{number}"), "annotations": annotations}, "spec": spec,
            });
            let channel = serde_json::from_value(channel).unwrap();
            let channels = life.channels();
            async move {
                channels.create(&PostParams::default(), &channel).await.unwrap();
            }
        })
        .await;
}

/// How long a newcomer of the good account waits for its first call to the service.
async fn newcomer(life: &Life, name: &str) -> Duration {
    let token = format!("9{}:canary-newcomer", name.len());
    let secret = format!("{name}-bot");
    life.secret(&secret, json!({"telegram_token": token})).await;
    let begun = Instant::now();
    life.channel(
        name,
        json!({"transport": "telegram", "credentialsSecretRef": {"name": secret}}),
    )
    .await;
    life.wait("the newcomer's create", || async {
        let made = life
            .remote()
            .iter()
            .any(|channel| channel.credentials["telegram_token"] == *token);
        if made { Ok(()) } else { Err("not yet".to_owned()) }
    })
    .await;
    begun.elapsed()
}

/// The operator's memory now and at its highest, in kB.
fn memory(life: &Life) -> (u64, u64) {
    let pid = life.wire.replicas()[0].pid().unwrap();
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let field = |name: &str| {
        let line = status.lines().find(|line| line.starts_with(name));
        line.and_then(|line| line.split_whitespace().nth(1)?.parse().ok())
            .unwrap_or(0)
    };
    (field("VmRSS:"), field("VmHWM:"))
}

async fn metrics(life: &Life) -> String {
    let page = reqwest::Client::builder().no_proxy().build().unwrap();
    let answer = page.get(format!("{}/metrics", life.pages_url(0))).send().await.unwrap();
    answer.text().await.unwrap()
}

/// What must hold after every flood; prints the figures.
async fn judge(life: &Life, what: &str, newcomers: &[Duration]) {
    let (now, most) = memory(life);
    let page = metrics(life).await;
    let series = page.lines().filter(|line| !line.starts_with('#')).count();
    let mut figures = format!("C8 {what}: newcomers picked up after");
    for time in newcomers {
        let _ = write!(figures, " {} ms,", time.as_millis());
    }
    println!("{figures} memory {now} kB (most {most} kB), {series} series");
    let slowest = newcomers.iter().max().unwrap();
    assert!(*slowest < PICKED_UP, "a newcomer waited {slowest:?}");
    assert!(most < MEMORY_KB, "{most} kB of memory");
    assert!(series < SERIES, "{series} series");
    assert!(!page.contains("hostile"), "a name that tenants choose is a label");
    oracle::assert_sound(life);
}

async fn three_newcomers(life: &Life) -> Vec<Duration> {
    let mut times = Vec::new();
    for name in ["a", "bb", "ccc"] {
        times.push(newcomer(life, name).await);
    }
    times
}

/// Objects whose Secret is missing, and bots whose token is refused.
async fn bad_credentials(ground: Ground, flood: Flood) -> Outcome {
    let life = begin(&ground).await;
    life.simulator.with(|world, _| world.revoke_bot("666:canary-refused"));
    life.secret("refused", json!({"telegram_token": "666:canary-refused"}))
        .await;
    let spec = |number: usize| {
        let secret = if number.is_multiple_of(2) {
            "refused".to_owned()
        } else {
            format!("missing-{number}")
        };
        json!({"transport": "telegram", "credentialsSecretRef": {"name": secret}})
    };
    let (times, ()) = tokio::join!(three_newcomers(&life), crowd(&life, flood.objects, spec, json!({})));
    judge(&life, "bad credentials", &times).await;
    assert_eq!(life.starts(), 1, "the operator went on");
    Outcome::Passed
}

/// The same objects edited again and again.
async fn edits(ground: Ground, flood: Flood) -> Outcome {
    let life = begin(&ground).await;
    let spec = |_| json!({"transport": "telegram", "credentialsSecretRef": {"name": "missing"}});
    let objects = flood.objects.min(100);
    crowd(&life, objects, spec, json!({})).await;
    let end = Instant::now() + flood.edits;
    let editing = async {
        // Ten edits a second of each object, as far as the machine lets them.
        let mut round = 0;
        while Instant::now() < end {
            let begun = Instant::now();
            round += 1;
            stream::iter(0..objects)
                .for_each_concurrent(AT_ONCE, |number| {
                    let channels = life.channels();
                    async move {
                        let name = format!("hostile-{number}");
                        let patch = json!({"metadata": {"annotations": {"edited": format!("{round}")}}});
                        let _ = channels
                            .patch(&name, &PatchParams::default(), &Patch::Merge(patch))
                            .await;
                    }
                })
                .await;
            tokio::time::sleep(Duration::from_millis(100).saturating_sub(begun.elapsed())).await;
        }
        round
    };
    let (times, rounds) = tokio::join!(three_newcomers(&life), editing);
    let made = life.simulator.with(|world, _| world.channels_of(HOSTILE.0).len());
    assert_eq!(made, 0, "an edit makes no channel");
    judge(&life, &format!("{rounds} edits of {objects} objects"), &times).await;
    assert_eq!(life.starts(), 1, "the operator went on");
    Outcome::Passed
}

/// As much as Kubernetes takes in annotations, `ConfigMap`s and `Secret`s.
async fn large_objects(ground: Ground, flood: Flood) -> Outcome {
    let life = begin(&ground).await;
    let (values, annotation) = ("x".repeat(900 << 10), json!({"junk": "y".repeat(250 << 10)}));
    let labels = json!({"app.kubernetes.io/managed-by": "wazzup-operator"});
    let making = async {
        stream::iter(0..flood.large)
            .for_each_concurrent(4, |number| {
                let metadata = json!({"name": format!("hostile-{number}"), "labels": labels});
                let secret: Secret =
                    serde_json::from_value(json!({"metadata": metadata, "stringData": {"junk": values}})).unwrap();
                let map: ConfigMap =
                    serde_json::from_value(json!({"metadata": metadata, "data": {"junk": values}})).unwrap();
                let (secrets, maps) = (life.secrets(), life.config_maps());
                async move {
                    secrets.create(&PostParams::default(), &secret).await.unwrap();
                    maps.create(&PostParams::default(), &map).await.unwrap();
                }
            })
            .await;
        let spec = |_| json!({"transport": "telegram", "credentialsSecretRef": {"name": "missing"}});
        crowd(&life, flood.large, spec, annotation).await;
    };
    let (mut times, ()) = tokio::join!(three_newcomers(&life), making);
    // The first list after a restart meets all of it at once.
    life.wire.replicas()[0].kill();
    life.start();
    times.push(newcomer(&life, "dddd").await);
    judge(&life, "large objects, and a restart", &times).await;
    for message in life.wire.messages() {
        let metadata =
            ["LIST secrets", "WATCH secrets", "LIST configmaps", "WATCH configmaps"].contains(&&*message.label);
        let asked = message.accept.contains("PartialObjectMetadata");
        assert!(!metadata || asked, "{} asks for whole objects", message.label);
    }
    Outcome::Passed
}

/// Names and labels that would make a series each.
async fn cardinality(ground: Ground, flood: Flood) -> Outcome {
    let life = begin(&ground).await;
    let before = metrics(&life).await.lines().count();
    let spec = |number: usize| {
        let transport = ["whatsapp", "viber", "max", "tgapi"][number % 4];
        json!({"transport": transport, "suspend": true})
    };
    crowd(&life, flood.objects.min(200), spec, json!({"series": "{a=\"b\"}"})).await;
    let times = three_newcomers(&life).await;
    life.wait("everybody to be looked at", || async {
        let listed = life.channels().list(&ListParams::default()).await.unwrap();
        let waiting = listed.iter().filter(|channel| channel.status.is_none()).count();
        if waiting == 0 {
            Ok(())
        } else {
            Err(format!("{waiting} wait"))
        }
    })
    .await;
    let after = metrics(&life).await.lines().count();
    assert!(after < before + 200, "{before} lines, then {after}");
    judge(&life, "names", &times).await;
    assert_eq!(life.starts(), 1, "the operator went on");
    Outcome::Passed
}

/// The cells of the campaign.
pub fn cells(ground: Ground, scale: Scale) -> Vec<Cell> {
    let flood = Flood::of(scale);
    let (one, two, three, four) = (ground.clone(), ground.clone(), ground.clone(), ground);
    let cells = vec![
        Cell::new("C8", "objects with bad credentials", move || {
            bad_credentials(one, flood)
        }),
        Cell::new("C8", "objects edited again and again", move || edits(two, flood)),
        Cell::new(
            "C8",
            "annotations, ConfigMaps and Secrets as large as they may be",
            move || large_objects(three, flood),
        ),
        Cell::new("C8", "names meant to blow up metrics", move || cardinality(four, flood)),
    ];
    cells.into_iter().map(Cell::alone).collect()
}
