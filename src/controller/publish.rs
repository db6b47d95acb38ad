//! Puts what a call returned where a person can read it.

use super::context::Context;
use crate::{
    api::WazzupChannel,
    cluster::sink::{self, Content, Written},
    model::{Fault, Sensitive},
};

/// Whether a person can read what a call returned.
pub(super) enum Shown {
    Yes,
    No(Fault),
    /// The API server may have taken it.
    Perhaps(Fault),
}

/// Writes it into the sink.
pub(super) async fn publish(
    context: &Context,
    channel: &WazzupChannel,
    result: Result<Sensitive<String>, Fault>,
    wrap: impl FnOnce(Sensitive<String>) -> Content,
) -> Shown {
    let content = match result {
        Ok(content) => wrap(content),
        Err(fault) => return Shown::No(fault),
    };
    let unclear = |why| Fault::Unclear { why };
    let shown = context.caches.sink_metadata(channel);
    match sink::publish(&context.client, channel, shown, &content).await {
        Ok(Written::Done) => Shown::Yes,
        Ok(Written::NameTaken) => Shown::No(unclear("the sink's name is taken by a foreign object".to_owned())),
        Err(error) => {
            let why = unclear(format!("it could not be stored: {error}"));
            if error.is_forbidden() || error.is_refused() || error.is_conflict() {
                Shown::No(why)
            } else {
                Shown::Perhaps(why)
            }
        }
    }
}
