//! One connection after the other, one message after the other: meet a rule, forward, answer.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use axum::body::{Body, Bytes, to_bytes};
use futures::StreamExt;
use hyper::{Request, Response, StatusCode, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

use super::{
    Fault, Moment, Reply, Side, Wire,
    fault::strike_down,
    forward::{Answered, Asked, Behind, LARGEST},
    label::label,
    owner, told, watch,
};

/// The connection is closed without an answer.
#[derive(Debug)]
struct Closed;

impl std::fmt::Display for Closed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("closed")
    }
}

impl std::error::Error for Closed {}

/// Longer than an answer takes to be read by a process on the same machine.
const READ: Duration = Duration::from_millis(20);

/// Longer than a machine that is short of something needs to have more of it.
const SHORT: Duration = Duration::from_millis(50);

/// Listens on a loopback port until the wire is closed; returns the URL.
pub(super) async fn serve(wire: Wire, behind: Behind) -> String {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let open = wire.open.clone();
    let listening = tokio::spawn(async move {
        loop {
            let Ok((stream, peer)) = listener.accept().await else {
                tokio::time::sleep(SHORT).await;
                continue;
            };
            let _ = stream.set_nodelay(true);
            let (wire, behind) = (wire.clone(), behind.clone());
            tokio::spawn(async move {
                let whose = match &behind {
                    Behind::Kubernetes { replica, .. } => Some(*replica),
                    Behind::Wazzup { .. } => owner_of(&wire, peer, address).await,
                };
                // A connection does not outlive its process, and what it still brings is that one's.
                let run = wire.run(whose);
                let pass = service_fn(|request| pass(wire.clone(), behind.clone(), (whose, run), request));
                let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), pass).await;
            });
        }
    });
    open.lock().unwrap().push(listening.abort_handle());
    format!("http://{address}")
}

/// The replica that holds the other end.
async fn owner_of(wire: &Wire, peer: SocketAddr, own: SocketAddr) -> Option<usize> {
    if wire.replicas().len() == 1 {
        return Some(0);
    }
    let pids = || wire.replicas().iter().map(crate::operator::Replica::pid).collect();
    owner::owner(pids, peer, own).await
}

async fn pass(
    wire: Wire,
    behind: Behind,
    (whose, run): (Option<usize>, usize),
    request: Request<Incoming>,
) -> Result<Response<Body>, Closed> {
    let (parts, body) = request.into_parts();
    let asked = Asked {
        path_and_query: parts.uri.path_and_query().map_or("/", |path| path.as_str()).to_owned(),
        method: parts.method,
        headers: parts.headers,
        body: to_bytes(Body::new(body), LARGEST).await.map_err(|_| Closed)?.to_vec(),
    };
    let side = behind.side();
    let name = label(
        side,
        &asked.method,
        parts.uri.path(),
        parts.uri.query().unwrap_or_default(),
    );
    let accept = asked.headers.get(hyper::header::ACCEPT);
    let accept = accept.and_then(|value| value.to_str().ok()).unwrap_or_default();
    let told = told::told(side, &name, &asked);
    let (number, fault) = wire.meet(side, &name, &asked.path_and_query, accept, told, (whose, run));
    // Dropped when the answer begins, and when the sender goes away before.
    let _held = Held {
        wire: wire.clone(),
        number,
        label: name.clone(),
        since: Instant::now(),
    };
    if wire.is_cut(side, whose) {
        while wire.is_cut(side, whose) {
            tokio::time::sleep(READ).await;
        }
        return Err(Closed);
    }
    let watched = name.starts_with("WATCH ");
    let replica = whose.and_then(|number| wire.replicas().get(number).cloned());
    let behind = Noting {
        behind,
        number,
        label: name,
    };
    let answer = meet(&wire, &behind, &asked, fault.as_ref(), replica.as_ref(), watched).await;
    wire.answered(number, answer.as_ref().ok().map(|answer| answer.status().as_u16()));
    let answer = answer?;
    Ok(if watched {
        cuttable(answer, wire, side, whose)
    } else {
        answer
    })
}

/// Notes how long a message kept its sender waiting.
struct Held {
    wire: Wire,
    number: usize,
    label: String,
    since: Instant,
}

impl Drop for Held {
    fn drop(&mut self) {
        self.wire.over(self.number, &self.label, self.since.elapsed());
    }
}

/// What stands behind, for one message: the record gets its answer as it was, whatever a rule makes of it.
#[derive(Clone)]
struct Noting {
    behind: Behind,
    number: usize,
    label: String,
}

impl Noting {
    async fn ask(&self, wire: &Wire, asked: &Asked) -> Option<Answered> {
        let (answer, truth) = told::truth(self.behind.ask(asked).await?).await;
        wire.truly(self.number, &self.label, truth);
        Some(answer)
    }
}

/// Asks. A write to the API server that has begun lands even if its sender dies, and the wire knows until when.
async fn landed(wire: &Wire, behind: &Noting, asked: &Asked) -> Option<Answered> {
    match &behind.behind {
        Behind::Kubernetes { replica, .. } if asked.method != hyper::Method::GET => {
            let (flight, wire, behind, asked) = (wire.flight(*replica), wire.clone(), behind.clone(), asked.clone());
            let landing = tokio::spawn(async move {
                let answer = behind.ask(&wire, &asked).await;
                drop(flight);
                answer
            });
            landing.await.ok().flatten()
        }
        Behind::Kubernetes { .. } | Behind::Wazzup { .. } => behind.ask(wire, asked).await,
    }
}

/// Killed when a message ends in another way than was thought: its sender gave up, or nothing answered.
struct Doomed<'a>(Option<&'a crate::operator::Replica>);

impl Drop for Doomed<'_> {
    fn drop(&mut self) {
        if let Some(replica) = self.0 {
            replica.kill();
        }
    }
}

/// Does to a message what its fault says.
async fn meet(
    wire: &Wire,
    behind: &Noting,
    asked: &Asked,
    fault: Option<&Fault>,
    replica: Option<&crate::operator::Replica>,
    watched: bool,
) -> Result<Response<Body>, Closed> {
    let ask = || async { landed(wire, behind, asked).await.ok_or(Closed) };
    let Some(fault) = fault else {
        return ask().await.map(flowing);
    };
    match fault {
        Fault::Delay(time) => {
            tokio::time::sleep(*time).await;
            ask().await.map(flowing)
        }
        Fault::Late(time) => {
            let (time, wire, behind, asked) = (*time, wire.clone(), behind.clone(), asked.clone());
            let landing = tokio::spawn(async move {
                tokio::time::sleep(time).await;
                landed(&wire, &behind, &asked).await
            });
            landing.await.ok().flatten().ok_or(Closed).map(flowing)
        }
        Fault::DelayAnswer(time) => {
            let answer = ask().await?;
            tokio::time::sleep(*time).await;
            Ok(flowing(answer))
        }
        Fault::Stall(time) => {
            tokio::time::sleep(*time).await;
            Err(Closed)
        }
        Fault::StallAnswer(time) => {
            ask().await?;
            tokio::time::sleep(*time).await;
            Err(Closed)
        }
        Fault::ResetBefore => Err(Closed),
        Fault::ResetAfter => {
            ask().await?.whole().await;
            Err(Closed)
        }
        Fault::Truncate => {
            let reply = ask().await?.whole().await;
            let half = Bytes::copy_from_slice(&reply.body[..reply.body.len() / 2]);
            let broken = [Ok(half), Err(std::io::Error::other("broken off"))];
            Ok(with_body(&reply, Body::from_stream(futures::stream::iter(broken))))
        }
        Fault::Drip => {
            let reply = ask().await?.whole().await;
            let bytes = reply.body.clone();
            let drops = futures::stream::iter(bytes).then(|byte| async move {
                tokio::time::sleep(Duration::from_secs(1)).await;
                Ok::<_, std::io::Error>(Bytes::copy_from_slice(&[byte]))
            });
            Ok(with_body(&reply, Body::from_stream(drops)))
        }
        Fault::Endless => {
            let reply = ask().await?.whole().await;
            let chunk = Bytes::from(vec![b' '; 64 << 10]);
            let chunks = futures::stream::iter((0..4096).map(move |_| Ok::<_, std::io::Error>(chunk.clone())));
            Ok(with_body(&reply, Body::from_stream(chunks)))
        }
        Fault::Answer(reply) => Ok(given(reply)),
        Fault::AnswerAfter(reply) => {
            ask().await?.whole().await;
            Ok(given(reply))
        }
        Fault::Rewrite(change) => {
            let mut reply = ask().await?.whole().await;
            change(&mut reply);
            Ok(given(&reply))
        }
        Fault::Replay => {
            ask().await?.whole().await;
            ask().await.map(flowing)
        }
        Fault::Keep(shelf) => {
            let reply = ask().await?.whole().await;
            shelf.put(&reply);
            Ok(given(&reply))
        }
        Fault::Again(shelf) => match shelf.take() {
            Some(reply) => Ok(given(&reply)),
            None => ask().await.map(flowing),
        },
        Fault::Kill(_) | Fault::Stop(_) => {
            // Whatever becomes of the message, it does not live on.
            let mut doomed = Doomed(replica.filter(|_| matches!(fault, Fault::Kill(_))));
            if strike_down(fault, Moment::Before, replica) && matches!(fault, Fault::Kill(_)) {
                doomed.0 = None;
                return Err(Closed);
            }
            let answer = ask().await?;
            if watched {
                doomed.0 = None;
                return Ok(flowing(answer));
            }
            // It has taken effect when the answer is complete.
            let reply = answer.whole().await;
            if strike_down(fault, Moment::Between, replica) && matches!(fault, Fault::Kill(_)) {
                // Not once more, whoever was started in the meantime.
                doomed.0 = None;
                return Err(Closed);
            }
            doomed.0 = None;
            let (fault, replica) = (fault.clone(), replica.cloned());
            tokio::spawn(async move {
                tokio::time::sleep(READ).await;
                strike_down(&fault, Moment::After, replica.as_ref());
            });
            Ok(given(&reply))
        }
        Fault::Watch(harm) => {
            let mut answer = ask().await?;
            if watched && answer.status == StatusCode::OK {
                answer.body = watch::harmed(answer.body, harm, wire.tally.clone());
            }
            Ok(flowing(answer))
        }
    }
}

fn flowing(answer: Answered) -> Response<Body> {
    let mut response = Response::new(answer.body);
    *response.status_mut() = answer.status;
    for (name, value) in &answer.headers {
        if !matches!(name.as_str(), "content-length" | "transfer-encoding" | "connection") {
            response.headers_mut().insert(name.clone(), value.clone());
        }
    }
    response
}

fn with_body(reply: &Reply, body: Body) -> Response<Body> {
    let mut response = Response::builder().status(reply.status);
    for (name, value) in &reply.headers {
        response = response.header(name, value);
    }
    response.body(body).unwrap_or_default()
}

fn given(reply: &Reply) -> Response<Body> {
    with_body(reply, Body::from(reply.body.clone()))
}

/// A watch ends when its replica is cut off, or all watches are closed.
fn cuttable(answer: Response<Body>, wire: Wire, side: Side, whose: Option<usize>) -> Response<Body> {
    let closed = wire.watches_closed();
    let cut = async move {
        while !wire.is_cut(side, whose) && wire.watches_closed() == closed {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    answer.map(|body| Body::from_stream(body.into_data_stream().take_until(Box::pin(cut))))
}
