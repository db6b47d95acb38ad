//! The receiver, spoken to over a socket.

use std::{net::SocketAddr, sync::atomic::AtomicBool};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::oneshot,
};

use super::*;

const PATH: &str = "/webhooks/acc/s3cret";
const EVENT: &str = r#"{"event":"channel.create","data":[{"channel_id":"a"}],"meta":{"idempotency_key":"k"}}"#;

#[derive(Default)]
struct Book {
    receipts: Mutex<Vec<Receipt>>,
    delivered: Mutex<Vec<WebhookEvent>>,
    busy: AtomicBool,
    admitted: tokio::sync::watch::Sender<usize>,
}

#[derive(Clone, Default)]
struct Desk(Arc<Book>);

impl Inbox for Desk {
    async fn admit(&self, account_key: &str, token: &Sensitive<String>) -> Option<String> {
        let ours = same_token(token, &"s3cret".to_owned().into());
        let admitted = account_key == "acc" && ours;
        self.0.admitted.send_modify(|count| *count += usize::from(admitted));
        admitted.then(|| "ns/acc".to_owned())
    }

    async fn deliver(&self, account: &str, events: Vec<WebhookEvent>) -> Delivery {
        assert_eq!(account, "ns/acc");
        if self.0.busy.load(std::sync::atomic::Ordering::SeqCst) {
            return Delivery::Busy;
        }
        self.0.delivered.lock().unwrap().extend(events);
        Delivery::Done
    }

    fn now(&self) -> Timestamp {
        Timestamp::from_second(1_760_947_950).unwrap()
    }

    fn note(&self, receipt: Receipt) {
        self.0.receipts.lock().unwrap().push(receipt);
    }
}

struct Stand {
    address: SocketAddr,
    desk: Desk,
    stop: oneshot::Sender<()>,
    served: tokio::task::JoinHandle<()>,
}

async fn open(limits: Limits) -> Stand {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let desk = Desk::default();
    let (stop, stopped) = oneshot::channel();
    let shutdown = async {
        let _ = stopped.await;
    };
    let served = tokio::spawn(serve_within(listener, desk.clone(), limits, shutdown));
    Stand {
        address,
        desk,
        stop,
        served,
    }
}

impl Stand {
    /// Sends raw bytes and reads the status of the answer; 0 when the connection ends without one.
    async fn raw(&self, request: &[u8]) -> u16 {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        // The receiver may answer and close before all is written.
        let _ = stream.write_all(request).await;
        status(&mut stream).await
    }

    async fn send(&self, method: &str, path: &str, body: &str) -> u16 {
        self.raw(&request(method, path, body)).await
    }

    fn last(&self) -> Receipt {
        *self.desk.0.receipts.lock().unwrap().last().unwrap()
    }
}

fn request(method: &str, path: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!("{method} {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}")
        .into_bytes()
}

async fn status(stream: &mut TcpStream) -> u16 {
    let mut answer = Vec::new();
    let read = timeout(Duration::from_secs(10), stream.read_to_end(&mut answer));
    // A reset after the answer takes nothing away from it.
    let _ = read.await.expect("an answer or an end within ten seconds");
    let line = String::from_utf8_lossy(&answer);
    line.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or(0)
}

#[tokio::test]
async fn an_event_for_the_right_address_is_delivered_once() {
    let stand = open(Limits::default()).await;
    assert_eq!(stand.send("POST", PATH, EVENT).await, 200);
    assert_eq!(stand.send("POST", PATH, EVENT).await, 200);
    assert_eq!(stand.last(), Receipt::Duplicate);
    assert_eq!(stand.desk.0.delivered.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn a_busy_inbox_gets_the_same_delivery_again() {
    let stand = open(Limits::default()).await;
    stand.desk.0.busy.store(true, std::sync::atomic::Ordering::SeqCst);
    assert_eq!(stand.send("POST", PATH, EVENT).await, 503);
    stand.desk.0.busy.store(false, std::sync::atomic::Ordering::SeqCst);
    assert_eq!(stand.send("POST", PATH, EVENT).await, 200);
    assert_eq!(stand.desk.0.delivered.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn tests_and_foreign_events_are_welcome_and_nonsense_is_not() {
    let stand = open(Limits::default()).await;
    assert_eq!(stand.send("POST", PATH, r#"{"test":true}"#).await, 200);
    assert_eq!(
        stand.send("POST", PATH, r#"{"event":"message.add","data":[]}"#).await,
        200
    );
    assert_eq!(stand.send("POST", PATH, "<html>").await, 400);
    assert_eq!(stand.send("POST", PATH, "").await, 400);
}

#[tokio::test]
async fn a_stranger_learns_nothing_from_the_answer() {
    let stand = open(Limits::default()).await;
    for (method, path) in [
        ("GET", PATH),
        ("PUT", PATH),
        ("POST", "/"),
        ("POST", "/webhooks/acc"),
        ("POST", "/webhooks/acc/"),
        ("POST", "/webhooks/acc/wrong"),
        ("POST", "/webhooks/other/s3cret"),
        ("POST", "/webhooks/acc/s3cret/"),
        ("POST", "/webhooks/acc/s3cret/more"),
        ("POST", "/webhooks/acc/%ff"),
    ] {
        assert_eq!(stand.send(method, path, EVENT).await, 404, "{method} {path}");
        assert_eq!(stand.last(), Receipt::Unknown);
    }
    assert!(stand.desk.0.delivered.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_body_over_the_cap_is_refused_whether_announced_or_not() {
    let stand = open(Limits::default()).await;
    let announced = format!("POST {PATH} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 1048577\r\n\r\n");
    assert_eq!(stand.raw(announced.as_bytes()).await, 413);
    let limits = Limits {
        refused: (16 << 20, Duration::from_secs(60)),
        ..Limits::default()
    };
    let patient = open(limits).await;
    for size in [1_100_000, 15 << 20] {
        let mut stream = TcpStream::connect(patient.address).await.unwrap();
        let whole = request("POST", PATH, &"x".repeat(size));
        stream
            .write_all(&whole)
            .await
            .expect("nobody hangs up on who still writes");
        assert_eq!(status(&mut stream).await, 413);
    }
    let limits = Limits {
        body: 100,
        ..Limits::default()
    };
    let small = open(limits).await;
    let chunk = "x".repeat(60);
    let chunked = format!(
        "POST {PATH} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n3c\r\n{chunk}\r\n3c\r\n{chunk}\r\n0\r\n\r\n"
    );
    assert_eq!(small.raw(chunked.as_bytes()).await, 413);
}

#[tokio::test]
async fn who_dawdles_over_the_body_or_the_head_is_shown_out() {
    let mut limits = Limits {
        read: Duration::from_millis(50),
        ..Limits::default()
    };
    limits.connections.head = Duration::from_millis(50);
    let stand = open(limits).await;
    let half = format!("POST {PATH} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 10\r\n\r\n{{");
    assert_eq!(stand.raw(half.as_bytes()).await, 408);
    assert_eq!(stand.last(), Receipt::TooSlow);
    let head = format!("POST {PATH} HTTP/1.1\r\nhost:");
    assert!([0, 408].contains(&stand.raw(head.as_bytes()).await));
}

#[tokio::test]
async fn beyond_the_bound_in_flight_the_answer_is_503_and_strangers_take_no_place() {
    let limits = Limits {
        in_flight: 1,
        ..Limits::default()
    };
    let stand = open(limits).await;
    let mut stranger = TcpStream::connect(stand.address).await.unwrap();
    let foreign = "POST /webhooks/acc/wrong HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\n";
    stranger.write_all(foreign.as_bytes()).await.unwrap();
    assert_eq!(stand.send("POST", PATH, r#"{"test":true}"#).await, 200);

    let mut slow = TcpStream::connect(stand.address).await.unwrap();
    let length = EVENT.len();
    let announced = format!("POST {PATH} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n");
    slow.write_all(announced.as_bytes()).await.unwrap();
    // It takes its place in the same breath in which it is admitted.
    let mut admitted = stand.desk.0.admitted.subscribe();
    let second = timeout(Duration::from_secs(10), admitted.wait_for(|count| *count == 2)).await;
    drop(second.expect("admitted within ten seconds"));
    assert_eq!(stand.send("POST", PATH, EVENT).await, 503);
    assert_eq!(stand.last(), Receipt::Full);
    slow.write_all(EVENT.as_bytes()).await.unwrap();
    assert_eq!(status(&mut slow).await, 200);
}

#[tokio::test]
async fn shutdown_waits_for_what_is_in_flight() {
    let stand = open(Limits::default()).await;
    let mut slow = TcpStream::connect(stand.address).await.unwrap();
    let whole = request("POST", PATH, EVENT);
    let (first, rest) = whole.split_at(whole.len() - 5);
    slow.write_all(first).await.unwrap();
    assert_eq!(stand.send("POST", PATH, r#"{"test":true}"#).await, 200);
    stand.stop.send(()).unwrap();
    let gone = async { while TcpStream::connect(stand.address).await.is_ok() {} };
    timeout(Duration::from_secs(10), gone)
        .await
        .expect("the door shut within ten seconds");
    slow.write_all(rest).await.unwrap();
    assert_eq!(status(&mut slow).await, 200);
    timeout(Duration::from_secs(10), stand.served)
        .await
        .expect("an end")
        .unwrap();
    assert_eq!(stand.desk.0.delivered.lock().unwrap().len(), 1);
}

#[test]
fn tokens_are_the_same_only_when_they_are() {
    let token = |text: &str| Sensitive::new(text.to_owned());
    assert!(same_token(&token("abc"), &token("abc")));
    assert!(!same_token(&token("abc"), &token("abd")));
    assert!(!same_token(&token("abc"), &token("ab")));
    assert!(!same_token(&token(""), &token("")));
}
