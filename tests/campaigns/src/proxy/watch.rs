//! Watches that lag, lose, repeat, reorder and break off. A watch's body is one JSON object a line.

use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use axum::body::{Body, Bytes};
use futures::{Stream, StreamExt};
use tokio::{sync::mpsc, time::Instant};

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

/// How long what a watch would have brought is counted after its end: the operator opens the next one by then. One that
/// lived for a second is followed at once, one that was useless after a pause.
const FOLLOWED_SOON: Duration = Duration::from_secs(1);
const FOLLOWED_LATE: Duration = Duration::from_secs(16);

/// How many events were really harmed. That a watch was opened under a rule says nothing: there may have been no event.
#[derive(Debug, Clone, Default)]
pub(super) struct Tally(Arc<AtomicUsize>);

impl Tally {
    /// So many until now.
    pub(super) fn harmed(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }

    /// Counts a line if it is an event: a bookmark tells nothing.
    fn count(&self, line: &Line) {
        if text_of(line).is_some_and(is_event) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }
}

fn text_of(line: &Line) -> Option<&str> {
    line.as_ref().ok().and_then(|line| std::str::from_utf8(line).ok())
}

fn is_event(line: &str) -> bool {
    !line.contains("BOOKMARK") && !line.contains("\"type\":\"ERROR\"")
}

/// The body of a watch as the operator gets it; what is harmed of it is counted.
pub(super) fn harmed(body: Body, fault: &WatchFault, tally: Tally) -> Body {
    let lines = lines(body);
    match fault.clone() {
        WatchFault::Lag(lag) => Body::from_stream(late(lines, lag, tally)),
        WatchFault::Lose(lost) => Body::from_stream(lines.filter(move |line| {
            let lose = text_of(line).is_some_and(|line| !line.contains("BOOKMARK") && lost(line));
            if lose {
                tally.count(line);
            }
            std::future::ready(!lose)
        })),
        WatchFault::Repeat => Body::from_stream(lines.flat_map(move |line| {
            tally.count(&line);
            let again = line.as_ref().ok().cloned();
            futures::stream::iter([Some(line), again.map(Ok)].into_iter().flatten())
        })),
        WatchFault::Swap => Body::from_stream(swapped(lines, tally)),
        WatchFault::CloseAfter(time) => Body::from_stream(broken_off(lines, time, None, tally)),
        WatchFault::Gone => Body::from_stream(broken_off(lines, Duration::ZERO, Some(GONE), tally)),
        WatchFault::GoneAfter(time) => Body::from_stream(broken_off(lines, time, Some(GONE), tally)),
        WatchFault::Hang => {
            // Taken and never given, so that it is known what is missing.
            let swallowed = lines.filter_map(move |line| {
                tally.count(&line);
                std::future::ready(None::<Line>)
            });
            Body::from_stream(swallowed.chain(futures::stream::pending()))
        }
        WatchFault::Tear => Body::from_stream(lines.take(1).flat_map(move |line| {
            tally.count(&line);
            let half = line.map(|line| line.slice(..line.len() / 2));
            futures::stream::iter([half, Err(axum::Error::new(std::io::Error::other("broken off")))])
        })),
    }
}

type Line = Result<Bytes, axum::Error>;
type Lines = Pin<Box<dyn Stream<Item = Line> + Send>>;

/// Whole lines, however the body was cut.
fn lines(body: Body) -> Lines {
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
fn late(mut lines: Lines, lag: Duration, tally: Tally) -> impl Stream<Item = Line> + Send {
    let (sender, receiver) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        loop {
            tokio::select! {
                () = sender.closed() => return,
                line = lines.next() => {
                    let Some(line) = line else { return };
                    tally.count(&line);
                    if sender.send((Instant::now(), line)).is_err() {
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

/// It ends after so long, with a last line if there is one. What it would have brought until the next one is opened was
/// broken off: the operator learns of it in another way.
fn broken_off(
    mut lines: Lines,
    time: Duration,
    last: Option<&'static str>,
    tally: Tally,
) -> impl Stream<Item = Line> + Send {
    let (sender, receiver) = mpsc::unbounded_channel();
    let end = Instant::now() + time;
    tokio::spawn(async move {
        // A timer alone may be late by a millisecond, in which a line would pass.
        while Instant::now() < end {
            tokio::select! {
                biased;
                () = tokio::time::sleep_until(end) => break,
                () = sender.closed() => return,
                line = lines.next() => {
                    let Some(line) = line else { break };
                    if sender.send(line).is_err() {
                        return;
                    }
                }
            }
        }
        if let Some(last) = last {
            let _ = sender.send(Ok(Bytes::from_static(last.as_bytes())));
        }
        drop(sender);
        let useless = time < FOLLOWED_SOON;
        let missed = lines.for_each(|line| {
            tally.count(&line);
            std::future::ready(())
        });
        let _ = tokio::time::timeout(if useless { FOLLOWED_LATE } else { FOLLOWED_SOON }, missed).await;
    });
    futures::stream::unfold(receiver, |mut receiver| async move {
        receiver.recv().await.map(|line| (line, receiver))
    })
}

fn swapped(lines: Lines, tally: Tally) -> impl Stream<Item = Line> + Send {
    let pairs = futures::stream::unfold((lines, tally), |(mut lines, tally)| async move {
        let first = lines.next().await?;
        // `next` loses nothing when it is cut: the line stays in the stream's buffer.
        let second = tokio::time::timeout(SOON, lines.next()).await.ok().flatten();
        // An event that a bookmark overtakes is in order among the events.
        if let Some(second) = &second
            && [&first, second].iter().all(|line| text_of(line).is_some_and(is_event))
        {
            tally.count(&first);
            tally.count(second);
        }
        let pair: Vec<Line> = second.into_iter().chain([first]).collect();
        Some((futures::stream::iter(pair), (lines, tally)))
    });
    pairs.flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn through(text: &'static str, fault: WatchFault) -> (String, usize) {
        let cut = text
            .as_bytes()
            .chunks(7)
            .map(|part| Ok::<_, axum::Error>(Bytes::from(part)));
        let body = Body::from_stream(futures::stream::iter(cut.collect::<Vec<_>>()));
        let tally = Tally::default();
        let read = axum::body::to_bytes(harmed(body, &fault, tally.clone()), 1 << 20).await;
        // What was broken off is counted after the end.
        tokio::time::sleep(Duration::from_millis(50)).await;
        (String::from_utf8(read.unwrap().to_vec()).unwrap(), tally.harmed())
    }

    const EVENTS: &str = "{\"type\":\"ADDED\",\"n\":1}\n{\"type\":\"BOOKMARK\"}\n{\"type\":\"MODIFIED\",\"n\":2}\n";
    const TWO: &str = "{\"type\":\"ADDED\",\"n\":1}\n{\"type\":\"MODIFIED\",\"n\":2}\n";
    const BOOKMARK: &str = "{\"type\":\"BOOKMARK\"}\n";

    #[tokio::test]
    async fn events_are_lost_repeated_and_swapped_as_whole_lines() {
        let (all, _) = through(EVENTS, WatchFault::Lose(Arc::new(|_| true))).await;
        assert_eq!(all, BOOKMARK);
        let (twice, _) = through(EVENTS, WatchFault::Repeat).await;
        assert_eq!(twice.matches("\"n\":1").count(), 2);
        let (swapped, _) = through(EVENTS, WatchFault::Swap).await;
        assert!(
            swapped.starts_with("{\"type\":\"BOOKMARK\"}\n{\"type\":\"ADDED\""),
            "{swapped}"
        );
        assert!(through(EVENTS, WatchFault::Gone).await.0.contains("410"));
    }

    #[tokio::test]
    async fn what_was_harmed_is_counted_and_nothing_else() {
        let none = |_: &str| false;
        let faults = [
            (WatchFault::Lag(Duration::from_millis(1)), 2),
            (WatchFault::Lose(Arc::new(|_| true)), 2),
            (WatchFault::Lose(Arc::new(|line| line.contains("ADDED"))), 1),
            (WatchFault::Lose(Arc::new(none)), 0),
            (WatchFault::Repeat, 2),
            (WatchFault::CloseAfter(Duration::ZERO), 2),
            (WatchFault::CloseAfter(Duration::from_secs(1)), 0),
            (WatchFault::Gone, 2),
            (WatchFault::GoneAfter(Duration::from_secs(1)), 0),
        ];
        for (fault, events) in faults {
            assert_eq!(through(EVENTS, fault.clone()).await.1, events, "{fault:?}");
            assert_eq!(through(BOOKMARK, fault.clone()).await.1, 0, "{fault:?}");
        }
        assert_eq!(through(TWO, WatchFault::Swap).await.1, 2);
        assert_eq!(through(EVENTS, WatchFault::Swap).await.1, 0, "no two events in a row");
    }

    #[tokio::test]
    async fn a_watch_that_hangs_swallows_its_events() {
        let tally = Tally::default();
        let body = harmed(Body::from(EVENTS), &WatchFault::Hang, tally.clone());
        let read = tokio::time::timeout(Duration::from_millis(100), axum::body::to_bytes(body, 1 << 20)).await;
        assert!(read.is_err(), "it has no end");
        assert_eq!(tally.harmed(), 2);
    }
}
