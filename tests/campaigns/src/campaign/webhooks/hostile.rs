//! What anybody on the internet may send to the receiver. It answers or hangs up within its deadlines, keeps its memory,
//! and the next event works.

use std::time::Duration;

use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use super::{Scale, address, post, seconds};
use crate::{Cell, Ground, Life, Outcome, Setting, campaign::service, flow::NAME, oracle};

/// More than every deadline of the receiver.
const PATIENCE: Duration = Duration::from_secs(90);
/// So much more memory may be held after it, in KiB.
const GROWTH: u64 = 48 << 10;

/// How the bytes of a request are sent.
#[derive(Clone, Copy)]
enum Manner {
    /// At once: the head's method, the path after `/webhooks/` (`None`: the right one), and the body.
    Whole(&'static str, Option<&'static str>, fn(&str) -> Vec<u8>),
    /// A body that was announced to be so long, sent as far as it is taken.
    Announced(usize),
    /// Chunks that never end.
    Chunked,
    /// A byte a second.
    Slow,
    /// The head alone, then nothing.
    Silent,
    /// Other bytes than HTTP.
    Raw(fn(&str) -> Vec<u8>),
    /// So many connections that say nothing.
    Idle(usize),
}

fn event(id: &str) -> String {
    json!({"event": "channel.status_update", "data": [{"channel_id": id}], "meta": {"timestamp": seconds()}})
        .to_string()
}

const fn body(make: fn(&str) -> Vec<u8>) -> Manner {
    Manner::Whole("POST", None, make)
}

/// What is sent, and what may be answered; 0 is a connection that is closed.
const CASES: &[(&str, Manner, &[u16])] = &[
    (
        "no token",
        Manner::Whole("POST", Some(""), |id| event(id).into()),
        &[404],
    ),
    (
        "a wrong token",
        Manner::Whole("POST", Some("0123456789abcdef/wrong"), |id| event(id).into()),
        &[404],
    ),
    (
        "a way out of the path",
        Manner::Whole("POST", Some("../../metrics"), |id| event(id).into()),
        &[404],
    ),
    ("GET", Manner::Whole("GET", None, |id| event(id).into()), &[404]),
    ("PUT", Manner::Whole("PUT", None, |id| event(id).into()), &[404]),
    ("64 MiB", Manner::Announced(64 << 20), &[413, 0]),
    (
        "a length beyond all numbers",
        Manner::Raw(|path| {
            format!(
                "POST {path} HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\n\r\n{{}}",
                "9".repeat(40)
            )
            .into_bytes()
        }),
        &[400, 413, 0],
    ),
    ("chunks without end", Manner::Chunked, &[413, 0]),
    ("a slow body", Manner::Slow, &[408, 0]),
    ("a head alone", Manner::Silent, &[408, 0]),
    ("2,000 idle connections", Manner::Idle(2_000), &[200]),
    (
        "depth 10,000",
        body(|_| format!("{}{}", "[".repeat(10_000), "]".repeat(10_000)).into()),
        &[400],
    ),
    (
        "depth 10,000 of objects",
        body(|_| format!("{}1{}", "{\"data\":".repeat(10_000), "}".repeat(10_000)).into()),
        &[400],
    ),
    (
        "keys twice",
        body(|id| {
            format!("{{\"event\":\"x\",\"event\":\"channel.delete\",\"data\":[],\"data\":[{{\"channel_id\":\"y\",\"channel_id\":\"{id}\"}}]}}").into()
        }),
        &[200],
    ),
    (
        "invalid UTF-8",
        body(|_| b"{\"event\":\"channel.delete\",\"data\":[{\"channel_id\":\"\xff\xfe\"}]}".to_vec()),
        &[400],
    ),
    (
        "NUL",
        body(|id| format!("{{\"event\":\"channel.delete\",\"data\":[{{\"channel_id\":\"{id}\\u0000\"}}]}}\0").into()),
        &[200, 400],
    ),
    (
        "a number of 100,000 digits",
        body(|id| {
            format!(
                "{{\"event\":\"channel.delete\",\"data\":[{{\"channel_id\":\"{id}\"}}],\"meta\":{{\"timestamp\":{}}}}}",
                "9".repeat(100_000)
            )
            .into()
        }),
        &[200, 400],
    ),
    (
        "a number beyond all",
        body(|id| {
            format!("{{\"event\":\"channel.delete\",\"data\":[{{\"channel_id\":\"{id}\"}}],\"meta\":{{\"timestamp\":1e99999}}}}").into()
        }),
        &[200, 400],
    ),
    (
        "an object for an array",
        body(|id| format!("{{\"event\":\"channel.delete\",\"data\":{{\"channel_id\":\"{id}\"}}}}").into()),
        &[200],
    ),
    (
        "an array for an object",
        body(|id| format!("[{}]", event(id)).into()),
        &[200],
    ),
    (
        "15,000 items",
        body(|id| {
            json!({"event": "channel.create", "data": vec![json!({"channel_id": id}); 15_000]})
                .to_string()
                .into()
        }),
        &[200],
    ),
    (
        "20,000 items, which are more than 1 MiB",
        body(|id| {
            json!({"event": "channel.create", "data": vec![json!({"channel_id": id}); 20_000]})
                .to_string()
                .into()
        }),
        &[413],
    ),
    (
        "a key of 500 kB",
        body(|id| {
            json!({"event": "channel.create", "data": [{"channel_id": id}], "meta": {"idempotency_key": "k".repeat(500_000)}}).to_string().into()
        }),
        &[200],
    ),
    ("nothing", body(|_| Vec::new()), &[400]),
    (
        "a head of 200 kB",
        Manner::Raw(|path| {
            format!(
                "POST {path} HTTP/1.1\r\nhost: x\r\nx-long: {}\r\n\r\n",
                "h".repeat(200_000)
            )
            .into_bytes()
        }),
        &[400, 431, 0],
    ),
    (
        "another protocol",
        Manner::Raw(|_| b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec()),
        &[400, 404, 505, 0],
    ),
    (
        "two lengths",
        Manner::Raw(|path| {
            format!("POST {path} HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\ncontent-length: 9\r\n\r\n{{}}")
                .into_bytes()
        }),
        &[400, 0],
    ),
    (
        "a length and chunks",
        Manner::Raw(|path| {
            format!("POST {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 99\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n").into_bytes()
        }),
        &[400, 0],
    ),
];

pub(super) fn cells(ground: &Ground, scale: Scale) -> Vec<Cell> {
    let long = |manner: &Manner| matches!(manner, Manner::Idle(_) | Manner::Slow | Manner::Silent);
    let wanted = CASES
        .iter()
        .filter(|(_, manner, _)| scale == Scale::Full || !long(manner));
    wanted
        .map(|(name, manner, allowed)| {
            let ground = ground.clone();
            Cell::new("C4", format!("sent: {name}"), move || async move {
                play(&ground, *manner, allowed).await
            })
        })
        .collect()
}

async fn play(ground: &Ground, manner: Manner, allowed: &[u16]) -> Outcome {
    let life = Life::begin(ground, "hostile", Setting::default()).await;
    life.start();
    life.account().await;
    life.bot(NAME, "100:canary-bot").await;
    life.until_ready(NAME).await;
    life.until_subscribed().await;
    life.until_still().await;
    let id = life.remote().remove(0).id;
    let url = address(&life);
    let (host, path) = url.trim_start_matches("http://").split_once('/').unwrap();
    let path = format!("/{path}");
    let (writes, memory) = (life.wire.steps().len(), service::memory(&life, "VmRSS:"));
    let answer = timeout(PATIENCE, send(manner, host, &path, &id)).await;
    let answer = answer.expect("an answer or an end");
    assert!(allowed.contains(&answer), "{answer}, allowed: {allowed:?}");
    let steps = life.wire.steps();
    assert!(steps.len() - writes <= 2, "written for nothing: {:?}", &steps[writes..]);
    // The next event works, and brings what is true.
    life.simulator.set_webhook_copies(0);
    life.simulator
        .with(|world, now| world.set_status(&id, "disabled", Some("blocked"), now))
        .unwrap();
    assert_eq!(post(&url, &serde_json::from_str(&event(&id)).unwrap()).await, 200);
    life.until(NAME, "ActionRequired", "ContactSupport").await;
    life.simulator
        .with(|world, now| world.set_status(&id, "active", None, now))
        .unwrap();
    assert_eq!(post(&url, &serde_json::from_str(&event(&id)).unwrap()).await, 200);
    life.until_ready(NAME).await;
    let growth = service::memory(&life, "VmRSS:").saturating_sub(memory);
    assert!(growth < GROWTH, "{growth} KiB more");
    oracle::assert_sound(&life);
    assert_eq!(oracle::creates(&life), 1);
    Outcome::Passed
}

async fn send(manner: Manner, host: &str, path: &str, id: &str) -> u16 {
    if let Manner::Idle(wanted) = manner {
        return idle(wanted, host, path, id).await;
    }
    let mut stream = TcpStream::connect(host).await.unwrap();
    let head =
        |length: &str| format!("POST {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{length}\r\n\r\n").into_bytes();
    match manner {
        Manner::Whole(method, other, make) => {
            let (body, path) = (
                make(id),
                other.map_or(path.to_owned(), |other| format!("/webhooks/{other}")),
            );
            let length = body.len();
            let head =
                format!("{method} {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n");
            let _ = stream.write_all(&[head.into_bytes(), body].concat()).await;
        }
        Manner::Raw(make) => {
            let _ = stream.write_all(&make(path)).await;
        }
        Manner::Silent => {
            let _ = stream.write_all(&head("content-length: 100")).await;
        }
        Manner::Announced(length) => {
            let _ = stream.write_all(&head(&format!("content-length: {length}"))).await;
            let piece = vec![b' '; 1 << 20];
            for _ in 0..length >> 20 {
                if stream.write_all(&piece).await.is_err() {
                    break;
                }
            }
        }
        Manner::Chunked => {
            let _ = stream.write_all(&head("transfer-encoding: chunked")).await;
            let piece = format!("10000\r\n{}\r\n", " ".repeat(0x1_0000));
            while stream.write_all(piece.as_bytes()).await.is_ok() {}
        }
        Manner::Slow => {
            let _ = stream.write_all(&head("content-length: 10000")).await;
            while stream.write_all(b" ").await.is_ok() {
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        }
        Manner::Idle(_) => {}
    }
    status(stream).await
}

async fn status(mut stream: TcpStream) -> u16 {
    let mut answer = Vec::new();
    let mut piece = [0; 4096];
    while let Ok(count @ 1..) = stream.read(&mut piece).await {
        answer.extend_from_slice(&piece[..count]);
        if answer.windows(4).any(|end| end == b"\r\n\r\n") {
            break;
        }
    }
    let line = String::from_utf8_lossy(&answer).into_owned();
    line.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or(0)
}

/// Half of the files that this process may open, at most: the API server's and the others' lives need theirs.
fn openable() -> usize {
    let limits = std::fs::read_to_string("/proc/self/limits").unwrap_or_default();
    let line = limits
        .lines()
        .find(|line| line.starts_with("Max open files"))
        .unwrap_or_default();
    line.split_whitespace()
        .nth(3)
        .and_then(|soft| soft.parse::<usize>().ok())
        .unwrap_or(1_024)
        / 2
}

/// An event among many connections that say nothing: it may have to wait until they are shown out, not longer.
async fn idle(wanted: usize, host: &str, path: &str, id: &str) -> u16 {
    let mut held = Vec::new();
    for _ in 0..wanted.min(openable()) {
        match timeout(Duration::from_secs(5), TcpStream::connect(host)).await {
            Ok(Ok(stream)) => held.push(stream),
            Ok(Err(_)) | Err(_) => break,
        }
    }
    assert!(held.len() > 500, "{} connections", held.len());
    let answer = post(
        &format!("http://{host}{path}"),
        &serde_json::from_str(&event(id)).unwrap(),
    )
    .await;
    drop(held);
    answer
}
