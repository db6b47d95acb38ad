//! C4: events that come twice, late, early, for nobody, under the wrong account or in any order; requests that are no
//! events; and a flood of them. An event is a hint: the status is right by a look, and nothing is written for nothing.

mod flood;
mod hostile;

use std::time::Duration;

use futures::{StreamExt, stream};
use kube::api::ListParams;
use serde_json::{Value, json};

use super::Scale;
use crate::{Cell, Fault, Ground, Life, Outcome, Rule, Setting, Side, flow::NAME, life::ACCOUNT, oracle};

/// Seconds since 1970.
pub(super) fn seconds() -> i64 {
    jiff::Timestamp::now().as_second()
}

/// Where the account's events go; its subscription must stand.
pub(super) fn address(life: &Life) -> String {
    address_of(life, ACCOUNT)
}

fn address_of(life: &Life, account: &str) -> String {
    let row = life.simulator.with(|world, _| world.rows(account).first().cloned());
    row.expect("a subscription").url
}

/// Sends an event; the status of the answer, 0 for none.
pub(super) async fn post(url: &str, body: &Value) -> u16 {
    post_raw(url, body.to_string().into_bytes()).await
}

/// Sends any bytes, and again what was not taken yet, as the service does.
pub(super) async fn post_raw(url: &str, body: Vec<u8>) -> u16 {
    static CLIENT: std::sync::OnceLock<reqwest::Client> = std::sync::OnceLock::new();
    let client = CLIENT.get_or_init(|| {
        let client = reqwest::Client::builder().no_proxy().pool_max_idle_per_host(0);
        client.build().unwrap()
    });
    for _ in 0..5 {
        let sent = client.post(url).header("content-type", "application/json");
        let answer = sent.body(body.clone()).timeout(Duration::from_secs(60)).send().await;
        let status = answer.map_or(0, |answer| answer.status().as_u16());
        if status != 503 {
            return status;
        }
    }
    503
}

/// The events that are subscribed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A change of status.
    Status,
    /// A QR.
    Qr,
    /// A channel was made.
    Create,
    /// A channel was deleted.
    Delete,
    /// The tier changed.
    Tier,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 5] = [Self::Status, Self::Qr, Self::Create, Self::Delete, Self::Tier];

    const fn name(self) -> &'static str {
        match self {
            Self::Status => "channel.status_update",
            Self::Qr => "channel.qr_update",
            Self::Create => "channel.create",
            Self::Delete => "channel.delete",
            Self::Tier => "channel.waba_tier_update",
        }
    }

    /// An event that lies about everything but the channel.
    fn event(self, id: &str, at: i64, key: &str) -> Value {
        let item = match self {
            Self::Status => json!({"channel_id": id, "status": "disabled", "reason": "blocked"}),
            Self::Qr => json!({"channel_id": id, "platform": "whatsapp", "qr_code": CODE}),
            Self::Create => json!({"channel_id": id, "transport": "viber"}),
            Self::Delete => json!({"channel_id": id}),
            Self::Tier => json!({"channel_id": id, "tier": "TIER_UNLIMITED"}),
        };
        json!({"event": self.name(), "data": [item], "meta": {"idempotency_key": key, "timestamp": at}})
    }
}

const CODE: &str = "2@canary-by-hand";

/// What is wrong with an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wrong {
    /// It comes a hundred times.
    HundredTimes,
    /// It is an hour old.
    AnHourOld,
    /// No object has that channel.
    Unknown,
    /// The object is gone.
    Deleted,
    /// The object was deleted and made again under its name.
    Recreated,
    /// It comes under another account's address.
    OtherAccount,
    /// It comes before the answer to the create.
    BeforeTheAnswer,
}

const WRONGS: [Wrong; 7] = [
    Wrong::HundredTimes,
    Wrong::AnHourOld,
    Wrong::Unknown,
    Wrong::Deleted,
    Wrong::Recreated,
    Wrong::OtherAccount,
    Wrong::BeforeTheAnswer,
];

/// Its only channel at the service, when it is there.
async fn only(life: &Life) -> String {
    life.wait("the channel at the service", || async {
        if life.remote().len() == 1 {
            Ok(())
        } else {
            Err(format!("{:?}", life.remote()))
        }
    })
    .await;
    life.remote().remove(0).id
}

async fn make(life: &Life, kind: Kind) {
    if kind == Kind::Qr {
        life.channel(NAME, json!({"transport": "whatsapp"})).await;
    } else {
        life.bot(NAME, "100:canary-bot").await;
    }
}

/// Made, and as far as it gets by itself; its id.
async fn made(life: &Life, kind: Kind) -> String {
    make(life, kind).await;
    if kind == Kind::Qr {
        life.until(NAME, "ActionRequired", "ScanQr").await;
        life.wait("the first QR", || async {
            shown(life).await.map(|_| ()).ok_or("none".to_owned())
        })
        .await;
    } else {
        life.until_ready(NAME).await;
    }
    only(life).await
}

async fn shown(life: &Life) -> Option<String> {
    let found = life.config_maps().get_opt("shop-qr").await.unwrap();
    found.and_then(|map| map.data)?.get("qr").cloned()
}

async fn wrong(ground: &Ground, kind: Kind, wrong: Wrong) -> Outcome {
    let life = Life::begin(ground, "events", Setting::default()).await;
    life.start();
    life.account().await;
    life.until_subscribed().await;
    let url = address(&life);
    // Dated when it is sent: later than what is shown by then.
    let at = || match wrong {
        Wrong::AnHourOld => seconds() - 3_600,
        _ => seconds() + 1,
    };
    let (mut before, mut may_show) = (0, false);
    // The service's next QR would take the place of the event's before anybody looks.
    let says_its_own = |says: bool| {
        if kind == Kind::Qr {
            life.simulator.set_webhook_copies(says.into());
        }
    };
    match wrong {
        Wrong::HundredTimes => {
            let id = made(&life, kind).await;
            says_its_own(false);
            life.until_still().await;
            before = life.wire.steps().len();
            let event = kind.event(&id, at(), "canary-key");
            let answers: Vec<u16> = stream::iter(0..100)
                .map(|_| post(&url, &event))
                .buffer_unordered(10)
                .collect()
                .await;
            assert!(answers.iter().all(|answer| *answer == 200), "{answers:?}");
            may_show = true;
        }
        Wrong::AnHourOld | Wrong::Unknown | Wrong::OtherAccount => {
            let id = made(&life, kind).await;
            let (id, url) = match wrong {
                Wrong::Unknown => ("0b1f7601-1e21-4ae8-b105-51d028182a00".to_owned(), url),
                Wrong::OtherAccount => (id, other(&life).await),
                _ => (id, url),
            };
            life.until_still().await;
            before = life.wire.steps().len();
            assert_eq!(post(&url, &kind.event(&id, at(), "canary-key")).await, 200);
        }
        Wrong::Deleted | Wrong::Recreated => {
            let id = made(&life, kind).await;
            life.delete(NAME).await;
            life.until_gone(NAME).await;
            if wrong == Wrong::Recreated {
                let new = made(&life, kind).await;
                assert_ne!(new, id);
            }
            life.until_still().await;
            before = life.wire.steps().len();
            assert_eq!(post(&url, &kind.event(&id, at(), "canary-key")).await, 200);
        }
        Wrong::BeforeTheAnswer => {
            let late = Fault::DelayAnswer(Duration::from_secs(3));
            life.wire.rule(Rule::once(Side::Wazzup, "POST /v2/channels", late));
            says_its_own(false);
            make(&life, kind).await;
            let id = only(&life).await;
            assert_eq!(post(&url, &kind.event(&id, at(), "canary-key")).await, 200);
            may_show = true;
        }
    }
    if may_show && kind == Kind::Qr {
        life.wait("the QR of the event", || async {
            match shown(&life).await {
                Some(code) if code == CODE => Ok(()),
                other => Err(format!("{other:?}")),
            }
        })
        .await;
        says_its_own(true);
    }
    rest(&life, kind, wrong == Wrong::Deleted, may_show, before).await;
    Outcome::Passed
}

/// Nothing more happens, and what is said is true.
async fn rest(life: &Life, kind: Kind, gone: bool, may_show: bool, before: usize) {
    tokio::time::sleep(Duration::from_secs(6)).await;
    if before > 0 {
        // A QR, and what is said of it.
        let steps = life.wire.steps();
        assert!(steps.len() - before <= 3, "written for nothing: {:?}", &steps[before..]);
    }
    assert!(may_show || shown(life).await.as_deref() != Some(CODE), "it was shown");
    if gone {
        assert!(
            life.remote().is_empty() && shown(life).await.is_none(),
            "something came back"
        );
    } else {
        if kind == Kind::Qr {
            let id = only(life).await;
            life.wait("the login", || async {
                if life.scan(&id, "79990000001") {
                    Ok(())
                } else {
                    Err("no QR".to_owned())
                }
            })
            .await;
        }
        life.until_ready(NAME).await;
        oracle::assert_one_channel_each(life).await;
    }
    let creates = oracle::creates(life);
    assert!(creates <= 2, "{creates} creates");
    oracle::assert_sound(life);
    oracle::assert_status_is_true(life).await;
}

/// Another account, with an address of its own.
async fn other(life: &Life) -> String {
    let (account, token) = ("87654321", "canary-other-token");
    life.simulator.with(|world, _| world.add_account(account, token));
    life.secret("other-token", json!({"token": token})).await;
    let other = json!({
        "apiVersion": "wazzup24.com/v1alpha1", "kind": "WazzupAccount", "metadata": {"name": "other"},
        "spec": {"auth": {"clientToken": {"secretRef": {"name": "other-token", "key": "token"}}}, "apiUrl": life.wazzup},
    });
    let other = serde_json::from_value(other).unwrap();
    life.accounts()
        .create(&kube::api::PostParams::default(), &other)
        .await
        .unwrap();
    life.wait("the other subscription", || async {
        let rows = life.simulator.with(|world, _| world.rows(account).len());
        if rows == 5 { Ok(()) } else { Err(rows.to_string()) }
    })
    .await;
    address_of(life, account)
}

/// Every order of five things.
fn orders() -> Vec<Vec<usize>> {
    let mut all: Vec<Vec<usize>> = vec![Vec::new()];
    for _ in 0..5 {
        all = all
            .iter()
            .flat_map(|begun| {
                let left = (0..5).filter(|next| !begun.contains(next));
                left.map(|next| begun.iter().copied().chain([next]).collect())
                    .collect::<Vec<_>>()
            })
            .collect();
    }
    all
}

/// One channel for each order in which the five events of a login can come, all in one life: the service says nothing by
/// itself, the phones have scanned, and the events come late. Each channel is ready, and no QR of a login that is over
/// stays. What the order must not change is decided over the object as the API server holds it, so a unit test of the
/// receiver would show less.
async fn every_order(ground: &Ground, one_in: usize) -> Outcome {
    let life = Life::begin(ground, "orders", Setting::default()).await;
    life.simulator.set_webhook_copies(0);
    life.start();
    life.account().await;
    life.until_subscribed().await;
    let url = address(&life);
    let orders: Vec<Vec<usize>> = orders().into_iter().step_by(one_in).collect();
    let name = |number: usize| format!("shop-{number}");
    for number in 0..orders.len() {
        life.channel(&name(number), json!({"transport": "whatsapp"})).await;
    }
    let mut ids = Vec::new();
    for number in 0..orders.len() {
        life.until(&name(number), "ActionRequired", "ScanQr").await;
        ids.push(life.status(&name(number)).await.channel_id.unwrap());
    }
    let begun = seconds() - 5;
    for (number, id) in ids.iter().enumerate() {
        life.wait("the scan", || async {
            let phone = format!("7999{number:07}");
            let active = life.remote().iter().any(|one| one.id == *id && one.status == "active");
            if active || life.scan(id, &phone) {
                Ok(())
            } else {
                Err("no QR".to_owned())
            }
        })
        .await;
    }
    let event = |id: &str, which: usize| {
        let (event, item) = match which {
            0 => ("channel.create", json!({"channel_id": id, "transport": "whatsapp"})),
            1 => (
                "channel.status_update",
                json!({"channel_id": id, "status": "init", "reason": "qr"}),
            ),
            2 => ("channel.qr_update", json!({"channel_id": id, "qr_code": CODE})),
            3 => (
                "channel.status_update",
                json!({"channel_id": id, "status": "active", "reason": null}),
            ),
            _ => ("channel.waba_tier_update", json!({"channel_id": id, "tier": "TIER_1K"})),
        };
        let meta =
            json!({"idempotency_key": format!("{id}-{which}"), "timestamp": begun + i64::try_from(which).unwrap_or(0)});
        json!({"event": event, "data": [item], "meta": meta})
    };
    let lives: Vec<Vec<Value>> = ids
        .iter()
        .zip(&orders)
        .map(|(id, order)| order.iter().map(|which| event(id, *which)).collect())
        .collect();
    let told = stream::iter(lives).map(|events| {
        let url = url.clone();
        async move {
            for event in events {
                assert_eq!(post(&url, &event).await, 200);
            }
        }
    });
    told.buffer_unordered(16).collect::<Vec<()>>().await;
    for number in 0..orders.len() {
        life.until_ready(&name(number)).await;
    }
    life.wait("no QR of a login that is over", || async {
        let params = ListParams::default().labels("app.kubernetes.io/managed-by=wazzup-operator");
        let left = life.config_maps().list(&params).await.unwrap().items;
        if left.is_empty() {
            Ok(())
        } else {
            Err(format!("{} sinks", left.len()))
        }
    })
    .await;
    assert_eq!(oracle::creates(&life), orders.len());
    oracle::assert_deleted_only(&life, &[]);
    oracle::assert_sound(&life);
    oracle::assert_status_is_true(&life).await;
    Outcome::Passed
}

/// The cells of the campaign; a test plays those that chance picks, and a tenth of the orders.
pub async fn cells(ground: Ground, scale: Scale, seed: u64) -> Vec<Cell> {
    let mut cells = Vec::new();
    for kind in Kind::ALL {
        for how in WRONGS {
            let ground = ground.clone();
            let name = format!("{}: {how:?}", kind.name());
            cells.push(Cell::new(
                "C4",
                name,
                move || async move { wrong(&ground, kind, how).await },
            ));
        }
    }
    cells.extend(hostile::cells(&ground, scale));
    let (one_in, rate, lasts) = match scale {
        Scale::Test => (12, 300, 5),
        Scale::Full => (1, 2_000, 60),
    };
    if scale == Scale::Test {
        cells = super::sample(cells, seed, 8);
    }
    let one = ground.clone();
    let name = format!("the {} orders of five events", 120 / one_in);
    cells.push(Cell::new(
        "C4",
        name,
        move || async move { every_order(&one, one_in).await },
    ));
    let name = format!("a flood of {rate} events a second for {lasts} s");
    let flood = Cell::new("C4", name, move || async move {
        flood::flood(&ground, rate, Duration::from_secs(lasts), scale == Scale::Full).await
    });
    cells.push(flood.alone());
    cells
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_120_different_orders() {
        let mut all = orders();
        all.sort();
        all.dedup();
        assert_eq!(all.len(), 120);
        assert!(all.iter().all(|order| order.len() == 5));
    }
}
