//! Watches that lag, lose, repeat, reorder and break off. A watch's body is one JSON object a line.

use std::{sync::Arc, time::Duration};

use axum::body::{Body, Bytes};
use futures::{Stream, StreamExt};

/// What happens to the events of a watch.
#[derive(Clone)]
pub enum WatchFault {
    /// Each event comes so much later.
    Lag(Duration),
    /// Events for which this holds are lost; a bookmark still comes.
    Lose(Arc<dyn Fn(&str) -> bool + Send + Sync>),
    /// Each event comes twice.
    Repeat,
    /// Two events in a row change places, if the second comes soon enough.
    Swap,
    /// It is closed after so long.
    CloseAfter(Duration),
    /// The first event is 410 Gone.
    Gone,
    /// Events flow for so long, then comes 410 Gone.
    GoneAfter(Duration),
    /// It is opened, and nothing ever comes: a half-open connection.
    Hang,
    /// The first event breaks off in the middle.
    Tear,
}

impl std::fmt::Debug for WatchFault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Lag(time) => write!(f, "Lag({time:?})"),
            Self::Lose(_) => f.write_str("Lose"),
            Self::Repeat => f.write_str("Repeat"),
            Self::Swap => f.write_str("Swap"),
            Self::CloseAfter(time) => write!(f, "CloseAfter({time:?})"),
            Self::Gone => f.write_str("Gone"),
            Self::GoneAfter(time) => write!(f, "GoneAfter({time:?})"),
            Self::Hang => f.write_str("Hang"),
            Self::Tear => f.write_str("Tear"),
        }
    }
}

const GONE: &str = "{\"type\":\"ERROR\",\"object\":{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"metadata\":{},\"status\":\"Failure\",\
                    \"message\":\"too old resource version\",\"reason\":\"Expired\",\"code\":410}}\n";

/// How long a swapped event waits for its successor.
const SOON: Duration = Duration::from_millis(500);

/// The body of a watch as the operator gets it.
pub(super) fn harmed(body: Body, fault: &WatchFault) -> Body {
    let lines = lines(body);
    match fault.clone() {
        WatchFault::Lag(lag) => Body::from_stream(late(lines, lag)),
        WatchFault::Lose(lost) => Body::from_stream(lines.filter(move |line| {
            let lose = line
                .as_ref()
                .is_ok_and(|line| std::str::from_utf8(line).is_ok_and(|line| !line.contains("BOOKMARK") && lost(line)));
            std::future::ready(!lose)
        })),
        WatchFault::Repeat => Body::from_stream(lines.flat_map(|line| {
            let again = line.as_ref().ok().cloned();
            futures::stream::iter([Some(line), again.map(Ok)].into_iter().flatten())
        })),
        WatchFault::Swap => Body::from_stream(swapped(lines)),
        WatchFault::CloseAfter(time) => Body::from_stream(lines.take_until(tokio::time::sleep(time))),
        WatchFault::Gone => Body::from(GONE),
        WatchFault::GoneAfter(time) => {
            let gone = futures::stream::iter([Ok(Bytes::from_static(GONE.as_bytes()))]);
            Body::from_stream(lines.take_until(tokio::time::sleep(time)).chain(gone))
        }
        WatchFault::Hang => Body::from_stream(futures::stream::pending::<Line>()),
        WatchFault::Tear => Body::from_stream(lines.take(1).flat_map(|line| {
            let half = line.map(|line| line.slice(..line.len() / 2));
            futures::stream::iter([half, Err(axum::Error::new(std::io::Error::other("broken off")))])
        })),
    }
}

type Line = Result<Bytes, axum::Error>;

/// Whole lines, however the body was cut.
fn lines(body: Body) -> std::pin::Pin<Box<dyn Stream<Item = Line> + Send>> {
    let chunks = body.into_data_stream();
    let whole = futures::stream::unfold((chunks, Vec::new()), |(mut chunks, mut rest)| async move {
        loop {
            if let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = rest.drain(..=end).collect();
                return Some((Ok(Bytes::from(line)), (chunks, rest)));
            }
            match chunks.next().await {
                Some(Ok(chunk)) => rest.extend_from_slice(&chunk),
                Some(Err(error)) => return Some((Err(error), (chunks, rest))),
                None => return None,
            }
        }
    });
    // Whoever takes two at a time asks once more after the end.
    Box::pin(whole.fuse())
}

/// Each line so much later than it came, however many are on their way.
fn late(
    mut lines: std::pin::Pin<Box<dyn Stream<Item = Line> + Send>>,
    lag: Duration,
) -> impl Stream<Item = Line> + Send {
    let (sender, receiver) = tokio::sync::mpsc::unbounded_channel();
    tokio::spawn(async move {
        loop {
            tokio::select! {
                () = sender.closed() => return,
                line = lines.next() => {
                    let Some(line) = line else { return };
                    if sender.send((tokio::time::Instant::now(), line)).is_err() {
                        return;
                    }
                }
            }
        }
    });
    futures::stream::unfold(receiver, move |mut receiver| async move {
        let (came, line) = receiver.recv().await?;
        tokio::time::sleep_until(came + lag).await;
        Some((line, receiver))
    })
}

fn swapped(lines: std::pin::Pin<Box<dyn Stream<Item = Line> + Send>>) -> impl Stream<Item = Line> + Send {
    let pairs = futures::stream::unfold(lines, |mut lines| async move {
        let first = lines.next().await?;
        // `next` loses nothing when it is cut: the line stays in the stream's buffer.
        let second = tokio::time::timeout(SOON, lines.next()).await.ok().flatten();
        let pair: Vec<Line> = second.into_iter().chain([first]).collect();
        Some((futures::stream::iter(pair), lines))
    });
    pairs.flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn through(text: &'static str, fault: WatchFault) -> String {
        let cut = text
            .as_bytes()
            .chunks(7)
            .map(|part| Ok::<_, axum::Error>(Bytes::from(part)));
        let body = Body::from_stream(futures::stream::iter(cut.collect::<Vec<_>>()));
        let read = axum::body::to_bytes(harmed(body, &fault), 1 << 20).await.unwrap();
        String::from_utf8(read.to_vec()).unwrap()
    }

    const EVENTS: &str = "{\"type\":\"ADDED\",\"n\":1}\n{\"type\":\"BOOKMARK\"}\n{\"type\":\"MODIFIED\",\"n\":2}\n";

    #[tokio::test]
    async fn events_are_lost_repeated_and_swapped_as_whole_lines() {
        let all = through(EVENTS, WatchFault::Lose(Arc::new(|_| true))).await;
        assert_eq!(all, "{\"type\":\"BOOKMARK\"}\n");
        let twice = through(EVENTS, WatchFault::Repeat).await;
        assert_eq!(twice.matches("\"n\":1").count(), 2);
        let swapped = through(EVENTS, WatchFault::Swap).await;
        assert!(
            swapped.starts_with("{\"type\":\"BOOKMARK\"}\n{\"type\":\"ADDED\""),
            "{swapped}"
        );
        assert!(through(EVENTS, WatchFault::Gone).await.contains("410"));
    }
}
