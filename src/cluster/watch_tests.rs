//! Watches against a stand-in for the API server that says what it is told to.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use futures::{StreamExt, stream::BoxStream};
use k8s_openapi::api::core::v1::ConfigMap;
use kube::core::Status;
use serde_json::json;

use super::*;

/// What a watch brings before it ends, or that it never ends.
#[derive(Clone)]
enum Brings {
    Ends(Vec<serde_json::Value>),
    Hangs,
    Fails,
}

#[derive(Clone, Default)]
struct Server {
    objects: Arc<Mutex<Vec<(&'static str, u32)>>>,
    watches: Arc<Mutex<VecDeque<Brings>>>,
    lists: Arc<AtomicUsize>,
    opened: Arc<Mutex<Vec<String>>>,
    /// So many lists, the first aside, are refused.
    refuses: Arc<AtomicUsize>,
}

/// From version 100 on it is another object of the same name.
fn object(name: &str, version: u32) -> ConfigMap {
    let uid = format!("{name}-{}", version / 100);
    serde_json::from_value(
        json!({"metadata": {"name": name, "namespace": "shop", "uid": uid, "resourceVersion": version.to_string()}}),
    )
    .unwrap()
}

fn refusal() -> kube::Error {
    kube::Error::Api(Status::failure("not allowed", "Forbidden").with_code(403).boxed())
}

impl Source for Server {
    type Object = ConfigMap;

    async fn list(&self, _: &ListParams) -> kube::Result<ObjectList<ConfigMap>> {
        let before = self.lists.fetch_add(1, Ordering::Relaxed);
        if (1..=self.refuses.load(Ordering::Relaxed)).contains(&before) {
            return Err(refusal());
        }
        let items: Vec<ConfigMap> = self
            .objects
            .lock()
            .unwrap()
            .iter()
            .map(|(name, version)| object(name, *version))
            .collect();
        let list =
            json!({"apiVersion": "v1", "kind": "ConfigMapList", "metadata": {"resourceVersion": "10"}, "items": items});
        Ok(serde_json::from_value(list).unwrap())
    }

    async fn watch(
        &self,
        _: &WatchParams,
        version: &str,
    ) -> kube::Result<BoxStream<'static, kube::Result<WatchEvent<ConfigMap>>>> {
        self.opened.lock().unwrap().push(version.to_owned());
        let brings = self.watches.lock().unwrap().pop_front().unwrap_or(Brings::Hangs);
        Ok(match brings {
            Brings::Ends(events) => {
                let events = events
                    .into_iter()
                    .map(|event| Ok(serde_json::from_value(event).unwrap()));
                futures::stream::iter(events.collect::<Vec<_>>()).boxed()
            }
            Brings::Hangs => futures::stream::pending().boxed(),
            Brings::Fails => return Err(refusal()),
        })
    }
}

/// Keeps a cache for so long; the changes that were told, as `listed a1 b1`, `applied a2`, `deleted b1`.
async fn keep(server: &Server, patience: Patience, time: Duration) -> Vec<String> {
    keep_asked(server, patience, time, again::pair().1).await
}

async fn keep_asked(server: &Server, patience: Patience, time: Duration, asked: Asked) -> Vec<String> {
    let told = Arc::new(Mutex::new(Vec::new()));
    let (store, writer) = reflector::store();
    let telling = told.clone();
    let word = |object: &ConfigMap| format!("{}{}", object.name_any(), object.resource_version().unwrap_or_default());
    let keeper = Keeper {
        source: server.clone(),
        labels: None,
        store: store.clone(),
        writer,
        prune: |_: &mut ConfigMap| {},
        tell: move |change| {
            let words = match &change {
                Change::Listed(all) => format!("listed {}", all.iter().map(word).collect::<Vec<_>>().join(" ")),
                Change::Applied(object) => format!("applied {}", word(object)),
                Change::Deleted(object) => format!("deleted {}", word(object)),
            };
            telling.lock().unwrap().push(words);
        },
        patience,
        filled: false,
        asked,
    };
    let _ = tokio::time::timeout(time, keeper.keep()).await;
    told.lock().unwrap().clone()
}

const NEVER: Patience = Patience {
    dead: Duration::from_secs(3_600),
    list_again: Duration::from_secs(3_600),
};

#[tokio::test]
async fn what_a_watch_loses_is_found_by_the_next_list_which_tells_nothing_else() {
    let server = Server::default();
    *server.objects.lock().unwrap() = vec![("same", 1), ("changed", 2), ("gone", 3), ("again", 4)];
    let later = server.clone();
    tokio::spawn(async move {
        while later.lists.load(Ordering::Relaxed) == 0 {
            tokio::task::yield_now().await;
        }
        *later.objects.lock().unwrap() = vec![("same", 1), ("changed", 7), ("new", 8), ("again", 104)];
    });
    let patience = Patience {
        list_again: Duration::from_millis(500),
        ..NEVER
    };
    let mut told = keep(&server, patience, Duration::from_secs(3)).await;
    assert!(server.lists.load(Ordering::Relaxed) >= 3);
    assert_eq!(told.remove(0), "listed same1 changed2 gone3 again4");
    assert_eq!(
        told,
        [
            "deleted again4",
            "deleted gone3",
            "applied changed7",
            "applied new8",
            "applied again104"
        ]
    );
}

#[tokio::test]
async fn a_half_open_watch_is_opened_anew_from_where_it_was() {
    let server = Server::default();
    let patience = Patience {
        dead: Duration::from_millis(1_100),
        ..NEVER
    };
    keep(&server, patience, Duration::from_secs(4)).await;
    let opened = server.opened.lock().unwrap().clone();
    assert!(opened.len() >= 2, "{opened:?}");
    assert!(opened.iter().all(|version| version == "10"), "{opened:?}");
    assert_eq!(server.lists.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn a_list_that_is_asked_for_comes_though_the_watch_hangs_and_is_told_before_who_asked_goes_on() {
    let server = Server::default();
    *server.objects.lock().unwrap() = vec![("a", 1)];
    let (again, asked) = again::pair();
    let later = server.clone();
    let asking = async {
        let opened = async {
            while later.opened.lock().unwrap().is_empty() {
                tokio::task::yield_now().await;
            }
        };
        let opened = tokio::time::timeout(Duration::from_secs(2), opened).await;
        assert!(opened.is_ok(), "no watch was opened");
        *later.objects.lock().unwrap() = vec![("a", 2)];
        let soon = tokio::time::timeout(Duration::from_millis(200), again.listed()).await;
        assert!(soon.is_ok(), "a watch that is young makes nobody wait");
        later.lists.load(Ordering::Relaxed)
    };
    let (told, lists) = tokio::join!(keep_asked(&server, NEVER, Duration::from_secs(3), asked), asking);
    assert_eq!(
        (told, lists),
        (vec!["listed a1".to_owned(), "applied a2".to_owned()], 2)
    );
}

#[tokio::test]
async fn a_single_refusal_is_no_answer_to_who_waits_for_a_list_and_a_second_one_comes_soon() {
    for (refuses, told_last) in [(1, "applied a2"), (usize::MAX, "listed a1")] {
        let server = Server::default();
        server.refuses.store(refuses, Ordering::Relaxed);
        *server.objects.lock().unwrap() = vec![("a", 1)];
        // By then a pause takes four seconds.
        *server.watches.lock().unwrap() = vec![Brings::Fails, Brings::Fails, Brings::Fails].into();
        let (again, asked) = again::pair();
        let later = server.clone();
        let asking = async {
            let opened = async {
                while later.opened.lock().unwrap().len() < 4 {
                    tokio::task::yield_now().await;
                }
            };
            let opened = tokio::time::timeout(Duration::from_secs(10), opened).await;
            assert!(opened.is_ok(), "the watch was not opened again");
            *later.objects.lock().unwrap() = vec![("a", 2)];
            let answered = tokio::time::timeout(Duration::from_secs(2), again.listed()).await;
            assert!(answered.is_ok(), "who may not look has nothing to wait for");
            later.lists.load(Ordering::Relaxed)
        };
        let (told, lists) = tokio::join!(keep_asked(&server, NEVER, Duration::from_secs(8), asked), asking);
        assert_eq!(told.last().unwrap(), told_last);
        assert_eq!(lists, 3, "after the refusal it was asked once more");
    }
}

#[test]
fn refusals_count_for_one_question_whatever_comes_between() {
    let (again, mut asked) = again::pair();
    let done = |asked: &mut Asked| {
        let requests = asked.begin();
        asked.refuse(requests)
    };
    assert!(!done(&mut asked));
    assert!(done(&mut asked), "nobody waits");
    let waiting = again.listed();
    let mut waiting = std::pin::pin!(waiting);
    let context = &mut std::task::Context::from_waker(std::task::Waker::noop());
    assert!(waiting.as_mut().poll(context).is_pending());
    assert!(!done(&mut asked), "those before were none of its answers");
    assert!(waiting.as_mut().poll(context).is_pending());
    assert!(done(&mut asked));
    assert!(waiting.as_mut().poll(context).is_ready());
}

#[tokio::test]
async fn a_watch_that_ends_at_once_is_not_opened_again_and_again() {
    let server = Server::default();
    *server.watches.lock().unwrap() = vec![Brings::Ends(Vec::new()); 10_000].into();
    keep(&server, NEVER, Duration::from_secs(3)).await;
    let opened = server.opened.lock().unwrap().len();
    assert!((1..=5).contains(&opened), "{opened} watches in 3 s");
}

#[tokio::test]
async fn events_are_told_in_order_and_410_leads_to_a_list() {
    let server = Server::default();
    let event = |kind: &str, name: &str, version: u32| json!({"type": kind, "object": object(name, version)});
    let gone = json!({"type": "ERROR", "object": {
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "message": "too old", "reason": "Expired", "code": 410,
    }});
    *server.objects.lock().unwrap() = vec![("a", 1)];
    *server.watches.lock().unwrap() = [Brings::Ends(vec![
        event("MODIFIED", "a", 11),
        event("DELETED", "a", 12),
        gone,
    ])]
    .into();
    let told = keep(&server, NEVER, Duration::from_secs(4)).await;
    assert_eq!(told, ["listed a1", "applied a11", "deleted a12", "applied a1"]);
    assert_eq!(server.lists.load(Ordering::Relaxed), 2);
    assert_eq!(*server.opened.lock().unwrap(), ["10", "10"]);
}

#[test]
fn what_others_write_on_an_object_takes_no_place_in_the_cache() {
    let mut object: ConfigMap = serde_json::from_value(json!({"metadata": {
        "name": "a",
        "annotations": {"wazzup24.com/channel-id": "x", "kubectl.kubernetes.io/last-applied-configuration": "{}", "big": "y"},
        "labels": {"app.kubernetes.io/managed-by": "wazzup-operator", "wazzup24.com/channel": "a", "team": "z"},
    }}))
    .unwrap();
    prune_foreign(&mut object);
    let names = |all: &std::collections::BTreeMap<String, String>| all.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(object.annotations()), ["wazzup24.com/channel-id"]);
    assert_eq!(
        names(object.labels()),
        ["app.kubernetes.io/managed-by", "wazzup24.com/channel"]
    );
}
