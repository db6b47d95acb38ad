//! The channels of a namespace as an administrator's watch brings them: to list hundreds of objects twice a second would cost
//! more than the operator's whole work on them.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use futures::{StreamExt, TryStreamExt};
use kube::{
    Api, ResourceExt,
    api::{ListParams, WatchEvent, WatchParams},
};
use tokio::task::JoinSet;
use wazzup_operator::api::WazzupChannel;

use crate::life::PATIENCE;

/// How long a watch that ended rests.
const PAUSE: Duration = Duration::from_millis(200);

/// Objects by their names.
pub(crate) type Objects = BTreeMap<String, Arc<WazzupChannel>>;

/// A watch, until it is dropped. What it shows may be behind by a moment.
pub(crate) struct Sight {
    objects: Arc<Mutex<Option<Objects>>>,
    /// Ends with it.
    _watch: JoinSet<()>,
}

impl Sight {
    /// Begins to look.
    pub(crate) fn of(channels: Api<WazzupChannel>) -> Self {
        let objects: Arc<Mutex<Option<Objects>>> = Arc::default();
        let (seen, mut watch) = (objects.clone(), JoinSet::new());
        watch.spawn(async move {
            loop {
                // Who is told that the past is gone, or that it should wait, lists again.
                let _ = follow(&channels, &seen).await;
                tokio::time::sleep(PAUSE).await;
            }
        });
        Self { objects, _watch: watch }
    }

    /// What there is, as far as it was told.
    pub(crate) async fn objects(&self) -> Objects {
        control_plane::eventually("the first list", PATIENCE, || async {
            self.objects.lock().unwrap().clone().ok_or_else(|| "none".to_owned())
        })
        .await
    }
}

/// Lists, and takes in what changes until the watch ends.
async fn follow(channels: &Api<WazzupChannel>, seen: &Mutex<Option<Objects>>) -> Result<(), kube::Error> {
    let list = channels.list(&ListParams::default()).await?;
    let version = list.metadata.resource_version.unwrap_or_default();
    *seen.lock().unwrap() = Some(by_name(list.items));
    let mut events = channels.watch(&WatchParams::default(), &version).await?.boxed();
    while let Some(event) = events.try_next().await? {
        let mut seen = seen.lock().unwrap();
        let objects = seen.get_or_insert_default();
        match event {
            WatchEvent::Added(object) | WatchEvent::Modified(object) => {
                objects.insert(object.name_any(), Arc::new(object));
            }
            WatchEvent::Deleted(object) => {
                objects.remove(&object.name_any());
            }
            WatchEvent::Bookmark(_) => {}
            WatchEvent::Error(_) => return Ok(()),
        }
    }
    Ok(())
}

/// Objects of a list.
pub(crate) fn by_name(list: Vec<WazzupChannel>) -> Objects {
    let named = list.into_iter().map(|object| (object.name_any(), Arc::new(object)));
    named.collect()
}
