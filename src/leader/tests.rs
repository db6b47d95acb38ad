//! The elector against an API server that is told how to misbehave, in real but shortened time: safety is judged at every
//! moment, progress is waited for as long as it takes.

use std::{
    future::{Future, poll_fn},
    pin::pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    task::Poll,
    time::{Duration, Instant},
};

use axum::{
    Router,
    extract::Request,
    response::{IntoResponse, Json, Response},
};
use hyper::{Method, StatusCode};
use k8s_openapi::{
    api::coordination::v1::{Lease, LeaseSpec},
    apimachinery::pkg::apis::meta::v1::MicroTime,
};
use tokio::{sync::Notify, time::sleep};
use tokio_util::sync::CancellationToken;

use super::{Elector, Fence, Terms, fence::Until, record, record::Sighting};
use crate::clock;

const TERMS: Terms = Terms {
    lease: Duration::from_secs(2),
    deadline: Duration::from_millis(1_500),
    retry: Duration::from_millis(100),
    attempt: Duration::from_millis(400),
    longest: Duration::from_secs(4),
};

/// How a replica's calls fare.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Line {
    #[default]
    Open,
    /// Nothing arrives.
    Cut,
    /// Everything takes effect and nothing is answered.
    Deaf,
    /// Everything takes effect and is answered with 500.
    Garbled,
}

/// One lease as an API server keeps it.
#[derive(Clone, Default)]
struct Server(Arc<Mutex<(Option<Lease>, u64)>>);

impl Server {
    fn lease(&self) -> Option<Lease> {
        self.0.lock().unwrap().0.clone()
    }

    /// By hand, whatever the version.
    fn edit(&self, change: impl FnOnce(&mut Option<Lease>)) {
        let mut kept = self.0.lock().unwrap();
        kept.1 += 1;
        let version = kept.1;
        change(&mut kept.0);
        if let Some(lease) = &mut kept.0 {
            lease.metadata.resource_version = Some(version.to_string());
        }
    }

    fn edit_spec(&self, change: impl FnOnce(&mut LeaseSpec)) {
        self.edit(|lease| change(lease.as_mut().unwrap().spec.get_or_insert_default()));
    }

    fn client(&self, line: &Arc<Mutex<Line>>) -> kube::Client {
        let (server, line) = (self.clone(), line.clone());
        let serve = move |request: Request| {
            let (server, line) = (server.clone(), *line.lock().unwrap());
            async move {
                if line == Line::Cut {
                    return std::future::pending().await;
                }
                let answer = server.answer(request).await;
                match line {
                    Line::Deaf => std::future::pending().await,
                    Line::Garbled => refusal(500),
                    Line::Open | Line::Cut => answer,
                }
            }
        };
        kube::Client::new(Router::new().fallback(serve), "system")
    }

    async fn answer(&self, request: Request) -> Response {
        let method = request.method().clone();
        let body = axum::body::to_bytes(request.into_body(), 1 << 20).await.unwrap();
        let sent: Option<Lease> = serde_json::from_slice(&body).ok();
        let mut kept = self.0.lock().unwrap();
        let version = kept.1 + 1;
        match (method, kept.0.as_ref(), sent) {
            (Method::GET, Some(lease), _) => Json(lease.clone()).into_response(),
            (Method::POST, None, Some(mut lease)) => {
                lease.metadata.uid = Some(format!("uid-{version}"));
                lease.metadata.resource_version = Some(version.to_string());
                *kept = (Some(lease.clone()), version);
                Json(lease).into_response()
            }
            (Method::PUT, Some(old), Some(mut lease)) => {
                let (old, new) = (&old.metadata, &lease.metadata);
                assert!(
                    new.resource_version.is_some(),
                    "a write without the version that was read"
                );
                if new.resource_version != old.resource_version || new.uid != old.uid {
                    return refusal(409);
                }
                lease.metadata.resource_version = Some(version.to_string());
                *kept = (Some(lease.clone()), version);
                Json(lease).into_response()
            }
            (Method::POST, Some(_), _) => refusal(409),
            (_, None, _) => refusal(404),
            (method, ..) => panic!("{method}"),
        }
    }
}

fn refusal(code: u16) -> Response {
    let reason = match code {
        404 => "NotFound",
        409 => "Conflict",
        _ => "InternalError",
    };
    let status = serde_json::json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "code": code, "reason": reason, "message": "no",
    });
    (StatusCode::from_u16(code).unwrap(), Json(status)).into_response()
}

/// A replica that is started again whenever it ends, as a kubelet does.
struct Replica {
    fence: Arc<Mutex<Fence>>,
    line: Arc<Mutex<Line>>,
    /// It stands still.
    frozen: Arc<AtomicBool>,
    /// How often it has lost the lease.
    lost: Arc<AtomicUsize>,
}

impl Replica {
    fn start(server: &Server, name: &'static str, terms: Terms) -> Self {
        let replica = Self {
            fence: Arc::new(Mutex::new(Fence::closed())),
            line: Arc::default(),
            frozen: Arc::default(),
            lost: Arc::default(),
        };
        let (fence, lost) = (replica.fence.clone(), replica.lost.clone());
        let client = server.client(&replica.line);
        let frozen = replica.frozen.clone();
        tokio::spawn(thawed(frozen, async move {
            for life in 0.. {
                let own = Fence::closed();
                *fence.lock().unwrap() = own.clone();
                let mut elector = Elector::new(client.clone(), "system", format!("{name}-{life}"), own, terms);
                let never = CancellationToken::new();
                assert!(elector.acquire(&never).await && !elector.keep(&never).await);
                lost.fetch_add(1, Ordering::SeqCst);
            }
        }));
        replica
    }

    fn leads(&self) -> bool {
        self.fence.lock().unwrap().holds()
    }

    fn set(&self, line: Line) {
        *self.line.lock().unwrap() = line;
    }
}

/// Polls `work` only while it is not frozen.
async fn thawed(frozen: Arc<AtomicBool>, work: impl Future<Output = ()>) {
    let mut work = pin!(work);
    poll_fn(|context| {
        if !frozen.load(Ordering::SeqCst) {
            return work.as_mut().poll(context);
        }
        let waker = context.waker().clone();
        tokio::spawn(async move {
            sleep(Duration::from_millis(5)).await;
            waker.wake();
        });
        Poll::Pending
    })
    .await;
}

async fn until(what: &str, holds: impl Fn() -> bool) {
    let begun = clock::instant();
    while !holds() {
        assert!(begun.elapsed() < Duration::from_secs(60), "{what} did not come");
        sleep(Duration::from_millis(5)).await;
    }
}

/// Two replicas of which the first leads, and a judge who sees it if ever both do.
async fn pair(terms: Terms) -> (Server, Replica, Replica, Arc<AtomicUsize>) {
    let server = Server::default();
    let one = Replica::start(&server, "one", terms);
    until("the first leader", || one.leads()).await;
    let other = Replica::start(&server, "other", terms);
    let both = Arc::new(AtomicUsize::new(0));
    let (fences, seen) = ([one.fence.clone(), other.fence.clone()], both.clone());
    tokio::spawn(async move {
        loop {
            let [one, other] = [0, 1].map(|which| fences[which].lock().unwrap().clone());
            // Asked thrice, so that a change between two questions is not taken for both.
            if one.holds() && other.holds() && one.holds() {
                seen.fetch_add(1, Ordering::SeqCst);
            }
            sleep(Duration::from_millis(2)).await;
        }
    });
    // The second one has looked at the lease.
    sleep(terms.retry * 3).await;
    (server, one, other, both)
}

/// Something happens to the leader or its lease: the other one follows, never are there two, and the first one ends.
async fn hands_on(happens: impl FnOnce(&Server, &Replica), then: impl FnOnce(&Server, &Replica)) {
    let (server, one, other, both) = pair(TERMS).await;
    happens(&server, &one);
    until("the other leader", || other.leads()).await;
    then(&server, &one);
    until("the end of the first", || one.lost.load(Ordering::SeqCst) > 0).await;
    sleep(TERMS.retry * 3).await;
    assert_eq!(both.load(Ordering::SeqCst), 0, "two led at once");
}

#[tokio::test]
async fn who_stands_still_beyond_the_lease_is_followed_and_does_nothing_when_it_goes_on() {
    let thaw = |_: &Server, one: &Replica| one.frozen.store(false, Ordering::SeqCst);
    hands_on(|_, one| one.frozen.store(true, Ordering::SeqCst), thaw).await;
}

#[tokio::test]
async fn who_is_cut_off_stops_before_the_other_begins() {
    hands_on(|_, one| one.set(Line::Cut), |_, one| one.set(Line::Open)).await;
}

#[tokio::test]
async fn who_gets_no_answers_keeps_the_lease_from_others_only_while_it_writes() {
    let (_server, one, other, both) = pair(TERMS).await;
    one.set(Line::Deaf);
    until("the end of the first", || one.lost.load(Ordering::SeqCst) > 0).await;
    // Its successor within the same process writes on, and is never sure of it: nobody leads, and nobody wrongly.
    one.set(Line::Open);
    until("a leader", || one.leads() || other.leads()).await;
    assert_eq!(both.load(Ordering::SeqCst), 0, "two led at once");
}

#[tokio::test]
async fn a_lease_that_was_taken_away_is_waited_for_while_its_holder_may_not_know() {
    let delete = |server: &Server, one: &Replica| {
        one.set(Line::Cut);
        server.edit(|lease| *lease = None);
    };
    hands_on(delete, |_, one| one.set(Line::Open)).await;
}

#[tokio::test]
async fn a_lease_that_was_emptied_by_hand_is_waited_for_while_its_holder_may_not_know() {
    let empty = |server: &Server, one: &Replica| {
        one.set(Line::Cut);
        server.edit_spec(|spec| spec.holder_identity = None);
    };
    hands_on(empty, |_, one| one.set(Line::Open)).await;
}

#[tokio::test]
async fn a_name_that_was_written_in_by_hand_ends_after_the_longest_time_that_is_believed() {
    let steal = |server: &Server, _: &Replica| {
        server.edit_spec(|spec| {
            spec.holder_identity = Some("somebody".to_owned());
            spec.lease_duration_seconds = Some(i32::MAX);
        });
    };
    let (server, one, other, both) = pair(TERMS).await;
    steal(&server, &one);
    until("the end of the first", || one.lost.load(Ordering::SeqCst) > 0).await;
    until("a leader", || one.leads() || other.leads()).await;
    assert_eq!(both.load(Ordering::SeqCst), 0, "two led at once");
}

#[tokio::test]
async fn a_leader_whose_record_was_edited_stops_and_a_label_stops_nobody() {
    let edits: [fn(&mut LeaseSpec); 4] = [
        |spec| spec.holder_identity = None,
        |spec| spec.holder_identity = Some("somebody".to_owned()),
        |spec| spec.lease_duration_seconds = Some(7),
        |spec| spec.renew_time = Some(MicroTime("2001-01-01T00:00:00Z".parse().unwrap())),
    ];
    for edit in edits {
        let server = Server::default();
        let one = Replica::start(&server, "one", TERMS);
        until("a leader", || one.leads()).await;
        server.edit_spec(edit);
        until("its end", || one.lost.load(Ordering::SeqCst) >= 1).await;
    }
    let server = Server::default();
    let one = Replica::start(&server, "one", TERMS);
    until("a leader", || one.leads()).await;
    server.edit(|lease| lease.as_mut().unwrap().metadata.labels = Some([("a".to_owned(), "b".to_owned())].into()));
    let renewed = server.lease().unwrap().spec.unwrap().renew_time;
    until("a renewal", || {
        server.lease().unwrap().spec.unwrap().renew_time != renewed
    })
    .await;
    assert!(server.lease().unwrap().metadata.labels.is_some());
    assert_eq!(one.lost.load(Ordering::SeqCst), 0, "it leads on");
}

#[tokio::test]
async fn a_renewal_whose_answer_is_lost_is_looked_for_and_not_taken_for_somebody_elses() {
    for line in [Line::Deaf, Line::Garbled] {
        let long = Terms {
            lease: Duration::from_secs(60),
            deadline: Duration::from_secs(50),
            ..TERMS
        };
        let server = Server::default();
        let one = Replica::start(&server, "one", long);
        until("a leader", || one.leads()).await;
        let said = || server.lease().unwrap().spec.unwrap().renew_time;
        let before = said();
        one.set(line);
        until("a renewal without an answer", || said() != before).await;
        one.set(Line::Open);
        let before = said();
        until("a renewal", || said() != before).await;
        assert_eq!(one.lost.load(Ordering::SeqCst), 0, "{line:?}: it leads on");
    }
}

#[tokio::test]
async fn a_lease_that_was_handed_over_is_taken_at_once() {
    let long = Terms {
        lease: Duration::from_secs(600),
        deadline: Duration::from_secs(500),
        longest: Duration::from_secs(600),
        ..TERMS
    };
    let server = Server::default();
    let (line, stop) = (Arc::default(), CancellationToken::new());
    let fence = Fence::closed();
    let mut elector = Elector::new(server.client(&line), "system", "one".to_owned(), fence.clone(), long);
    assert!(elector.acquire(&stop).await);
    let other = Replica::start(&server, "other", long);
    sleep(long.retry * 3).await;
    assert!(!other.leads());
    stop.cancel();
    assert!(
        elector.keep(&stop).await && fence.holds(),
        "kept until it is handed over"
    );
    elector.release().await;
    assert!(!fence.holds());
    until("the other leader", || other.leads()).await;
}

fn leased(holder: Option<&str>, seconds: Option<i32>, renewed: &str) -> Lease {
    Lease {
        metadata: kube::api::ObjectMeta {
            uid: Some("u".to_owned()),
            ..kube::api::ObjectMeta::default()
        },
        spec: Some(LeaseSpec {
            holder_identity: holder.map(str::to_owned),
            lease_duration_seconds: seconds,
            renew_time: Some(MicroTime(renewed.parse().unwrap())),
            acquire_time: Some(MicroTime(renewed.parse().unwrap())),
            ..LeaseSpec::default()
        }),
    }
}

#[test]
fn no_time_of_day_in_a_lease_is_believed_only_for_how_long_it_stood_unchanged() {
    let begun = clock::instant();
    let terms = &Terms::DEFAULT;
    let at = |second: u64| begun + Duration::from_secs(second);
    for renewed in [
        "1970-01-01T00:00:00Z",
        "2026-01-01T00:00:00Z",
        "2026-01-01T00:05:00Z",
        "9000-01-01T00:00:00Z",
    ] {
        for (holder, seconds, free_after) in [
            (Some("other"), Some(30), 30),
            (Some("other"), Some(60), 60),
            // Edited: never sooner than the operator's own, never later than the longest.
            (Some("other"), Some(1), 30),
            (Some("other"), None, 30),
            (Some("other"), Some(-5), 30),
            (Some("other"), Some(i32::MAX), 300),
            (None, Some(30), 30),
            (Some(""), Some(30), 30),
            // Handed over, and our own after a write without an answer.
            (None, Some(1), 0),
            (Some("me"), Some(30), 0),
        ] {
            let lease = leased(holder, seconds, renewed);
            let mut sighting = Sighting::default();
            let mut frees = |second| sighting.frees(Some(&lease), "me", at(second), terms);
            let case = format!("{holder:?} {seconds:?} {renewed}");
            assert_eq!(frees(0), free_after == 0, "{case}");
            if free_after > 0 {
                assert!(!frees(free_after - 1), "{case}");
            }
            assert!(frees(free_after), "{case}");
        }
    }
}

#[test]
fn a_renewal_starts_the_wait_anew_and_a_label_does_not() {
    let begun = clock::instant();
    let at = |second: u64| begun + Duration::from_secs(second);
    let mut sighting = Sighting::default();
    let mut frees = |lease: Option<&Lease>, second| sighting.frees(lease, "me", at(second), &Terms::DEFAULT);
    let lease = leased(Some("other"), Some(30), "2026-01-01T00:00:00Z");
    let renewed = leased(Some("other"), Some(30), "2026-01-01T00:00:03Z");
    assert!(!frees(Some(&lease), 0));
    assert!(!frees(Some(&renewed), 29));
    let mut labelled = renewed.clone();
    labelled.metadata.labels = Some([("a".to_owned(), "b".to_owned())].into());
    labelled.metadata.resource_version = Some("99".to_owned());
    assert!(!frees(Some(&labelled), 40));
    assert!(frees(Some(&labelled), 59));
    assert!(!frees(None, 60), "gone: its holder may not know");
    assert!(!frees(None, 89));
    assert!(frees(None, 90));
    assert!(
        Sighting::default().frees(None, "me", at(0), &Terms::DEFAULT),
        "there never was one"
    );
}

#[test]
fn a_count_of_transitions_at_its_limit_keeps_nobody_from_the_lease() {
    let mut lease = leased(None, Some(1), "2026-01-01T00:00:00Z");
    for (was, is) in [(i32::MAX, i32::MAX), (-3, 1), (4, 5)] {
        lease.spec.as_mut().unwrap().lease_transitions = Some(was);
        let taken = record::held_by("me", Some(&lease), &Terms::DEFAULT);
        assert_eq!(taken.spec.unwrap().lease_transitions, Some(is));
    }
}

fn for_a_moment() -> (Fence, Instant) {
    let fence = Fence::closed();
    let end = clock::instant() + Duration::from_millis(200);
    fence.set(Until::Instant(end));
    (fence, end)
}

#[tokio::test]
async fn what_is_ready_after_the_lease_has_ended_is_not_done() {
    let (fence, end) = for_a_moment();
    let (done, bell) = (AtomicUsize::new(0), Notify::new());
    let mut work = Box::pin(fence.within(async {
        done.fetch_add(1, Ordering::SeqCst);
        bell.notified().await;
        done.fetch_add(1, Ordering::SeqCst);
    }));
    let _ = futures::poll!(work.as_mut());
    // Nothing of it runs meanwhile, as in a process that stands still.
    tokio::time::sleep_until(end.into()).await;
    bell.notify_one();
    assert_eq!(work.await, None);
    assert!(done.load(Ordering::SeqCst) <= 1, "a step after the end");
}

#[tokio::test]
async fn what_waits_is_cut_when_the_lease_ends_and_goes_on_while_it_is_renewed() {
    let (fence, _) = for_a_moment();
    assert_eq!(fence.within(std::future::pending::<()>()).await, None);
    let (fence, end) = for_a_moment();
    let renewing = async {
        fence.set(Until::Instant(clock::instant() + Duration::from_secs(600)));
        tokio::time::sleep_until((end + Duration::from_secs(1)).into()).await;
    };
    assert_eq!(fence.within(renewing).await, Some(()));
    assert_eq!(Fence::closed().within(async {}).await, None);
    assert_eq!(Fence::open().within(async {}).await, Some(()));
}

#[tokio::test]
async fn who_winds_down_begins_nothing_and_ends_what_was_begun() {
    let fence = Fence::open();
    assert!(fence.allows());
    fence.wind_down();
    assert!(!fence.allows() && fence.holds());
    assert_eq!(fence.within(async { 7 }).await, Some(7));
}
