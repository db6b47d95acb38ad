//! A service that misbehaves on purpose: what a client meets between it and Wazzup.
//!
//! Owns sockets and bytes alone. Must never know the API. Next: `wazzup_client.rs`, which tells what the client makes of it.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

/// What the stand-in does with a connection.
#[derive(Clone)]
pub(crate) enum Manner {
    /// Answers each request with these bytes and keeps the connection.
    Answer(String),
    /// Answers once with these bytes and closes.
    AnswerAndClose(String),
    /// Closes as soon as the connection is there.
    CloseAtOnce,
    /// Reads the request, then closes.
    CloseAfterRequest,
    /// Reads the request and says nothing more.
    Silent,
    /// Answers with a head, then with a byte now and then, for ever.
    Dribble,
    /// Answers with a head, then with as many bytes as are taken.
    Flood,
    /// Answers whatever arrives, TLS or not, with this.
    Blurt(&'static [u8]),
}

/// One request as it arrived: the number of its connection, and its text.
type Log = Arc<Mutex<Vec<(usize, String)>>>;

/// A raw TCP service on a free loopback port; it ends with the runtime.
pub(crate) struct Service {
    /// Where it listens.
    pub(crate) address: SocketAddr,
    log: Log,
}

impl Service {
    /// Starts it.
    pub(crate) async fn start(manner: Manner) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let log = Log::default();
        let shared = log.clone();
        tokio::spawn(async move {
            for number in 0.. {
                let (stream, _) = listener.accept().await.unwrap();
                tokio::spawn(behave(stream, manner.clone(), number, shared.clone()));
            }
        });
        Self { address, log }
    }

    /// Its base URL, without TLS.
    pub(crate) fn base(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The requests so far.
    pub(crate) fn requests(&self) -> Vec<(usize, String)> {
        self.log.lock().unwrap().clone()
    }
}

async fn behave(mut stream: TcpStream, manner: Manner, number: usize, log: Log) {
    if matches!(manner, Manner::CloseAtOnce) {
        return;
    }
    if let Manner::Blurt(words) = manner {
        let _ = stream.read(&mut [0; 1024]).await;
        let _ = stream.write_all(words).await;
        return;
    }
    while let Some(request) = read_request(&mut stream).await {
        log.lock().unwrap().push((number, request));
        match &manner {
            Manner::Answer(answer) => stream.write_all(answer.as_bytes()).await.unwrap(),
            Manner::AnswerAndClose(answer) => {
                let _ = stream.write_all(answer.as_bytes()).await;
                return;
            }
            Manner::Silent => std::future::pending().await,
            Manner::Dribble => {
                let head = "HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n";
                let _ = stream.write_all(head.as_bytes()).await;
                while stream.write_all(b" ").await.is_ok() {
                    tokio::time::sleep(Duration::from_millis(10)).await;
                }
            }
            Manner::Flood => {
                let head = "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n";
                let _ = stream.write_all(head.as_bytes()).await;
                while stream.write_all(&[b' '; 8192]).await.is_ok() {}
            }
            Manner::CloseAtOnce | Manner::CloseAfterRequest | Manner::Blurt(_) => return,
        }
    }
}

async fn read_request(stream: &mut TcpStream) -> Option<String> {
    let mut request = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&request).to_ascii_lowercase();
        if let Some(end) = text.find("\r\n\r\n") {
            let length = text.lines().find_map(|line| line.strip_prefix("content-length: "));
            let length: usize = length.map_or(0, |length| length.parse().unwrap());
            if request.len() >= end + 4 + length {
                return Some(String::from_utf8(request).unwrap());
            }
        }
        let mut chunk = [0; 4096];
        match stream.read(&mut chunk).await {
            Ok(count) if count > 0 => request.extend_from_slice(&chunk[..count]),
            _ => return None,
        }
    }
}

/// An HTTP answer with a JSON content type.
pub(crate) fn http(status: &str, body: &str) -> String {
    let length = body.len();
    format!("HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}")
}
