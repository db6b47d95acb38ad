//! A flood of events over loopback by a sender that ends by itself: answered soon, written for next to nothing, held in flat
//! memory, and the status is right afterwards.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use super::{Kind, address, seconds};
use crate::{Ground, Life, Outcome, Setting, Side, campaign::service, oracle};

/// Senders, each with one connection that is kept.
const SENDERS: u32 = 16;
/// Those that send QR codes besides: each waits for its answer, which is the one of the next write, a second apart by design.
const QR_SENDERS: u32 = 4;
/// Bots that the events are about.
const BOTS: usize = 4;
/// So much more memory may be held after it, in KiB: the deliveries that are remembered, and buffers.
const GROWTH: u64 = 32 << 10;

/// What the senders found.
#[derive(Default)]
struct Found {
    took: Vec<Duration>,
    refused: usize,
}

/// `alone`: nothing else runs on the machine, so the time that answers take is the operator's.
pub(super) async fn flood(ground: &Ground, rate: u32, lasts: Duration, alone: bool) -> Outcome {
    let life = Life::begin(
        ground,
        "flood",
        Setting {
            log: "info",
            ..Setting::default()
        },
    )
    .await;
    life.start();
    life.account().await;
    for number in 0..BOTS {
        life.bot(&format!("bot-{number}"), &format!("{}:canary-bot", 100 + number))
            .await;
    }
    for number in 0..BOTS {
        life.until_ready(&format!("bot-{number}")).await;
    }
    life.until_subscribed().await;
    life.channel("phone", json!({"transport": "whatsapp"})).await;
    life.until("phone", "ActionRequired", "ScanQr").await;
    let phone = life.status("phone").await.channel_id.unwrap();
    let bots: Vec<String> = life
        .remote()
        .into_iter()
        .map(|one| one.id)
        .filter(|id| *id != phone)
        .collect();
    let ids = Arc::new((bots.clone(), phone.clone()));
    // The service itself is still, so every write is one for nothing, but for a QR a second.
    life.simulator.set_webhook_copies(0);
    let (before, asked, memory) = (
        life.wire.steps().len(),
        requests(&life),
        service::memory(&life, "VmRSS:"),
    );
    let url = address(&life);
    let begun = Instant::now();
    let pause = Duration::from_secs(1) * SENDERS / rate;
    let senders = (0..SENDERS).map(|number| {
        let (url, ids) = (url.clone(), ids.clone());
        let event = move |turn: u32| event(&ids, number, turn);
        let most = if alone { lasts * 2 } else { lasts * 20 };
        tokio::spawn(async move { send(&url, event, pause, lasts, most).await })
    });
    let senders: Vec<_> = senders.collect();
    let codes = (0..QR_SENDERS).map(|number| {
        let (url, ids) = (url.clone(), ids.clone());
        let event = move |turn: u32| code(&ids, number, turn);
        tokio::spawn(async move { send(&url, event, Duration::ZERO, lasts, lasts).await })
    });
    let codes: Vec<_> = codes.collect();
    let mut found = Found::default();
    for sender in senders {
        let one = sender.await.unwrap();
        found.took.extend(one.took);
        found.refused += one.refused;
    }
    let took = begun.elapsed();
    let (mut shown, mut unshown) = (0, 0);
    for sender in codes {
        let one = sender.await.unwrap();
        shown += one.took.len();
        unshown += one.refused;
    }
    found.took.sort();
    let of = |part: usize| {
        found
            .took
            .get(found.took.len() * part / 1_000)
            .copied()
            .unwrap_or_default()
    };
    let writes = life.wire.steps().len() - before;
    let growth = service::memory(&life, "VmRSS:").saturating_sub(memory);
    let asked = requests(&life) - asked;
    let achieved = found.took.len() as f64 / took.as_secs_f64();
    let figures = format!(
        "{} of {} events a second and {shown} QR codes, {} answers in {:.1} s, p50 {:?}, p99 {:?}, p99.9 {:?}, {} refused, {writes} Kubernetes and Wazzup writes, \
         {asked} requests to Wazzup, {growth} KiB more resident",
        achieved.round(),
        rate,
        found.took.len(),
        took.as_secs_f64(),
        of(500),
        of(990),
        of(999),
        found.refused,
    );
    println!("C4 flood: {figures}");
    let all = (rate * u32::try_from(lasts.as_secs()).unwrap_or_default()) as usize;
    assert!(alone || found.took.len() + 16 >= all, "not all were sent: {figures}");
    assert!(!alone || achieved >= f64::from(rate) * 0.9, "no flood: {figures}");
    assert!(!alone || of(990) < Duration::from_secs(2), "{figures}");
    assert!(found.refused * 100 <= found.took.len(), "{figures}");
    assert!(
        shown as u64 >= lasts.as_secs() && unshown == 0,
        "{unshown} QR codes refused: {figures}"
    );
    let bound = 4 + took.as_secs() * 2;
    assert!(
        writes as u64 <= bound,
        "{writes} writes: {:?}",
        &life.wire.steps()[before..]
    );
    assert!(asked as u64 <= 40 + 20 * took.as_secs(), "{asked} requests to Wazzup");
    assert!(growth < GROWTH, "{growth} KiB more");
    // What is true is seen, however many events came before.
    life.simulator
        .with(|world, now| world.set_status(&bots[0], "disabled", Some("blocked"), now))
        .unwrap();
    life.simulator.set_webhook_copies(1);
    life.wait("the login", || async {
        if life.scan(&phone, "79990000001") {
            Ok(())
        } else {
            Err("no QR".to_owned())
        }
    })
    .await;
    life.until_ready("phone").await;
    oracle::assert_one_channel_each(&life).await;
    oracle::assert_status_is_true(&life).await;
    oracle::assert_sound(&life);
    Outcome::Told(figures)
}

fn requests(life: &Life) -> usize {
    life.wire
        .messages()
        .iter()
        .filter(|one| one.side == Side::Wazzup)
        .count()
}

/// What the n-th event of a sender is; a fifth are about channels of nobody.
fn event(ids: &(Vec<String>, String), number: u32, turn: u32) -> Value {
    let key = format!("{number}-{turn}");
    let bot = &ids.0[turn as usize % ids.0.len()];
    match turn % 10 {
        0 | 1 => Kind::Status.event(&format!("unknown-{key}"), seconds(), &key),
        2 => Kind::Status.event(bot, seconds(), "the-same"),
        3 => Kind::Create.event(bot, seconds(), &key),
        _ => Kind::Status.event(bot, seconds(), &key),
    }
}

/// A new QR each time: what is written once a second is the last of many.
fn code(ids: &(Vec<String>, String), number: u32, turn: u32) -> Value {
    let key = format!("qr-{number}-{turn}");
    let mut event = Kind::Qr.event(&ids.1, seconds(), &key);
    event["data"][0]["qr_code"] = json!(format!("2@canary-flood-{key}"));
    event
}

/// One sender's share, at its pace or as fast as the answers come.
async fn send(url: &str, event: impl Fn(u32) -> Value, pause: Duration, lasts: Duration, most: Duration) -> Found {
    let (host, path) = url.trim_start_matches("http://").split_once('/').unwrap();
    let mut stream = TcpStream::connect(host).await.unwrap();
    stream.set_nodelay(true).unwrap();
    let begun = Instant::now();
    let mut found = Found::default();
    for turn in 0_u32.. {
        let due = begun + pause * turn;
        if due.saturating_duration_since(begun) >= lasts || begun.elapsed() > most {
            break;
        }
        if pause.is_zero() && begun.elapsed() >= lasts {
            break;
        }
        tokio::time::sleep_until(due.into()).await;
        let body = event(turn).to_string();
        let head = format!(
            "POST /{path} HTTP/1.1\r\nhost: {host}\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        let sent = Instant::now();
        stream.write_all(format!("{head}{body}").as_bytes()).await.unwrap();
        let status = answer(&mut stream).await;
        found.took.push(sent.elapsed());
        found.refused += usize::from(status != 200);
    }
    found
}

async fn answer(stream: &mut TcpStream) -> u16 {
    let mut read = Vec::new();
    let mut piece = [0; 1024];
    while !read.windows(4).any(|end| end == b"\r\n\r\n") {
        let count = stream.read(&mut piece).await.unwrap();
        assert!(count > 0, "the receiver hung up");
        read.extend_from_slice(&piece[..count]);
    }
    let text = String::from_utf8_lossy(&read).into_owned();
    text.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or(0)
}
