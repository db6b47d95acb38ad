//! Sends webhooks: in order for each channel, again when the receiver fails.

use std::{collections::HashMap, sync::Arc, time::Duration};

use tokio::{
    sync::mpsc::{UnboundedSender, unbounded_channel},
    task::JoinSet,
};
use tokio_util::sync::CancellationToken;

use crate::{journal::Sent, server::Shared, world::Event};

/// Tries in all.
const TRIES: u32 = 5;

/// One line for each receiver and channel, so that a slow one does not hold the others.
pub(crate) struct Sender {
    shared: Arc<Shared>,
    lines: HashMap<(String, String), UnboundedSender<Event>>,
    tasks: JoinSet<()>,
    stop: CancellationToken,
}

impl Sender {
    pub(crate) fn new(shared: Arc<Shared>, stop: CancellationToken) -> Self {
        Self {
            shared,
            lines: HashMap::new(),
            tasks: JoinSet::new(),
            stop,
        }
    }

    pub(crate) fn send(&mut self, event: &Event, targets: Vec<String>) {
        for url in targets {
            let key = (url.clone(), event.channel.clone());
            let line = self.lines.entry(key).or_insert_with(|| {
                let (line, mut queue) = unbounded_channel::<Event>();
                let (shared, stop) = (self.shared.clone(), self.stop.clone());
                self.tasks.spawn(async move {
                    loop {
                        let event = tokio::select! {
                            () = stop.cancelled() => return,
                            event = queue.recv() => event,
                        };
                        let Some(event) = event else { return };
                        deliver(&shared, &url, &event).await;
                    }
                });
                line
            });
            // The line's task ends only with the simulator.
            let _ = line.send(event.clone());
        }
    }
}

async fn deliver(shared: &Shared, url: &str, event: &Event) {
    let copies = shared.copies();
    for _ in 0..copies {
        let at = shared.now();
        let mut status = None;
        let mut pause = Duration::from_millis(100);
        let mut tries = 0;
        for _ in 0..TRIES {
            tries += 1;
            let answer = shared
                .http
                .post(url)
                .json(&event.body)
                .timeout(shared.patience())
                .send()
                .await;
            status = answer.ok().map(|answer| answer.status().as_u16());
            if status == Some(200) {
                break;
            }
            tokio::time::sleep(pause).await;
            pause *= 2;
        }
        shared.note_webhook(Sent {
            at,
            url: url.to_owned(),
            body: event.body.clone(),
            status,
            tries,
        });
    }
}
