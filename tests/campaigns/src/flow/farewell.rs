//! Objects that go in bad circumstances: their token is gone, their account stands still, their create had no clear answer.

use kube::api::{Patch, PatchParams};
use serde_json::json;

use super::{NAME, bot, gone, ids, trouble};
use crate::{Life, oracle, patience::patiently};

/// Nothing can be deleted without a token; a person lets the object go, and the channel stays.
pub(super) async fn abandon(life: &Life, arm: impl FnOnce()) {
    let id = bot(life).await;
    arm();
    life.wire.watches_opened_again().await;
    life.lose_token().await;
    life.delete(NAME).await;
    life.until(NAME, "ActionRequired", "FixCredentials").await;
    life.annotate(NAME, "abandon", "true").await;
    life.until_gone(NAME).await;
    assert_eq!(ids(life), [id], "the channel is left");
    oracle::assert_deleted_only(life, &[]);
}

/// A suspended account has nothing made or changed, and its channels are deleted all the same.
pub(super) async fn while_suspended(life: &Life, arm: impl FnOnce()) {
    let id = bot(life).await;
    arm();
    life.wire.watches_opened_again().await;
    let suspend = json!({"spec": {"suspend": true}});
    let (accounts, params, suspend) = (life.accounts(), PatchParams::default(), Patch::Merge(suspend));
    patiently("a patch", || accounts.patch("default", &params, &suspend)).await;
    life.wait("the account to stand still", || async {
        let account = patiently("an account", || accounts.get("default")).await;
        let seen = account.status.as_ref().and_then(|status| status.observed_generation);
        if seen.is_some() && seen == account.metadata.generation {
            Ok(())
        } else {
            Err(format!("{:?}", account.status))
        }
    })
    .await;
    gone(life, None).await;
    assert_eq!(ids(life), Vec::<String>::new(), "nothing is orphaned");
    oracle::assert_deleted_only(life, &[id]);
}

/// The object goes before anybody knows what its create has made: that is found, and goes with it.
pub(super) async fn while_unresolved(life: &Life, arm: impl FnOnce()) {
    trouble::lost_answer(life).await;
    let made = ids(life);
    assert_eq!(made.len(), 1, "the create was taken");
    arm();
    gone(life, None).await;
    assert_eq!(ids(life), Vec::<String>::new(), "nothing is orphaned");
    oracle::assert_deleted_only(life, &made);
    let creates = life.simulator.journal().count("POST", "/v2/channels");
    assert_eq!(creates, 1, "nothing is made for an object that goes");
}
