//! The table of claims: who holds a channel, from when, and until when.

use super::*;
use crate::plan;
use serde_json::json;

fn channel(name: &str, created: &str, spec_id: Option<&str>, status_id: Option<&str>) -> WazzupChannel {
    let mut object = json!({
        "apiVersion": "wazzup24.com/v1alpha1", "kind": "WazzupChannel",
        "metadata": {"name": name, "namespace": "shop", "uid": name, "creationTimestamp": created},
        "spec": {"transport": "telegram"},
    });
    if let Some(id) = spec_id {
        object["spec"]["channelId"] = json!(id);
    }
    if let Some(id) = status_id {
        object["status"] = json!({"channelId": id});
    }
    serde_json::from_value(object).unwrap()
}

fn id(text: &str) -> ChannelId {
    ChannelId::parse(text).unwrap()
}

#[test]
fn the_object_with_the_id_in_its_status_wins_then_the_older_one() {
    let claims = Claims::default();
    claims.update(&channel("old", "2026-01-01T00:00:00Z", Some("x"), None));
    claims.update(&channel("young", "2026-02-01T00:00:00Z", Some("x"), None));
    assert_eq!(claims.held_by(&id("x"), "young"), Claim::HeldBy("shop/old".into()));
    assert_eq!(claims.held_by(&id("x"), "old"), Claim::Free);
    claims.update(&channel("young", "2026-02-01T00:00:00Z", Some("x"), Some("x")));
    assert_eq!(claims.held_by(&id("x"), "old"), Claim::HeldBy("shop/young".into()));
}

#[test]
fn of_two_objects_made_in_the_same_second_exactly_one_wins() {
    let claims = Claims::default();
    for name in ["one", "two"] {
        claims.update(&channel(name, "2026-01-01T00:00:00Z", Some("x"), None));
    }
    let free = ["one", "two"].map(|uid| claims.held_by(&id("x"), uid) == Claim::Free);
    assert_eq!(free.iter().filter(|free| **free).count(), 1);
}

#[test]
fn of_two_searches_that_find_one_channel_the_first_has_it_until_it_lets_go() {
    let claims = Claims::default();
    let [one, two] = ["one", "two"].map(|name| channel(name, "2026-01-01T00:00:00Z", None, None));
    assert_eq!(claims.take(&one, &id("x")), Take::New);
    assert_eq!(claims.take(&one, &id("x")), Take::Known);
    assert_eq!(claims.take(&two, &id("x")), Take::TooLate);
    assert!(claims.is_anothers(&id("x"), "two") && !claims.is_anothers(&id("x"), "one"));
    claims.let_go(&one, &id("x"));
    assert_eq!(claims.take(&two, &id("x")), Take::New);
}

#[test]
fn a_claim_made_here_outlives_a_stale_view_and_ends_with_its_object() {
    let claims = Claims::default();
    let object = channel("a", "2026-01-01T00:00:00Z", None, None);
    assert_eq!(claims.take(&object, &id("x")), Take::New);
    claims.update(&object);
    claims.update(&object);
    assert!(claims.is_claimed(&id("x")));
    assert_eq!(claims.owner(&id("x")), Some(("shop".into(), "a".into())));
    assert_eq!(claims.remove(&object), None);
    assert!(!claims.is_claimed(&id("x")));
}

#[tokio::test]
async fn an_object_that_was_let_go_stays_so_for_an_older_view_until_it_is_gone() {
    let claims = Claims::default();
    let object = channel("a", "2026-01-01T00:00:00Z", None, Some("x"));
    let during = async {
        assert!(claims.is_released("a"), "from before the write on");
        Err::<(), &str>("refused")
    };
    assert_eq!(claims.releasing(&object, during).await, Err("refused"));
    assert!(!claims.is_released("a"), "the write failed");
    assert_eq!(claims.releasing(&object, async { Ok::<(), &str>(()) }).await, Ok(()));
    claims.update(&object);
    assert!(claims.is_released("a"));
    assert!(
        claims
            .releasing(&object, async { Err::<(), &str>("gone") })
            .await
            .is_err()
    );
    assert!(claims.is_released("a"), "it was gone before the repeat");
    claims.remove(&object);
    assert!(!claims.is_released("a"));
}

#[test]
fn who_comes_after_a_holder_that_went_is_named_so_that_it_can_be_woken() {
    let claims = Claims::default();
    let holder = channel("old", "2026-01-01T00:00:00Z", Some("x"), Some("x"));
    claims.update(&holder);
    claims.update(&channel("young", "2026-02-01T00:00:00Z", Some("x"), None));
    let young = ("shop".to_owned(), "young".to_owned());
    assert_eq!(claims.remove(&holder), Some(young.clone()));
    claims.update(&holder);
    let lost = channel("old", "2026-01-01T00:00:00Z", None, None);
    assert_eq!(claims.written(&lost), Some(young.clone()), "or that let its channel go");
    claims.update(&holder);
    assert_eq!(claims.update(&lost).heir, Some(young));
    assert_eq!(claims.update(&lost), Told::default());
}

fn intent(nonce: &str) -> plan::Intent {
    plan::Intent {
        at: Timestamp::UNIX_EPOCH,
        nonce: nonce.into(),
        baseline: Vec::new(),
        baseline_cut: false,
    }
}

#[test]
fn who_searches_is_named_when_a_channel_is_free_again() {
    let claims = Claims::default();
    let of = |name: &str| {
        let mut object = channel(name, "2026-01-01T00:00:00Z", None, None);
        let text = memory::write_intent(&intent("n"), name).unwrap();
        object.annotations_mut().insert(names::CREATE_INTENT.to_owned(), text);
        object
    };
    let (taker, searcher) = (of("taker"), of("searcher"));
    claims.update(&taker);
    claims.update(&searcher);
    claims.take(&taker, &id("x"));
    let waiting = claims.let_go(&taker, &id("x"));
    let searcher = ("shop".to_owned(), "searcher".to_owned());
    assert_eq!(
        waiting,
        [searcher],
        "whose write failed waits for its watch: woken at once it would fail again"
    );
    assert!(!claims.is_claimed(&id("x")));
}

#[test]
fn an_intent_is_watched_from_when_it_was_first_known_until_it_is_another_one() {
    let claims = Claims::default();
    let open = |nonce: &str| {
        let mut object = channel("a", "2026-01-01T00:00:00Z", None, None);
        let text = memory::write_intent(&intent(nonce), "a").unwrap();
        object.annotations_mut().insert(names::CREATE_INTENT.to_owned(), text);
        object
    };
    let since = |nonce: &str| {
        let known = claims.table().watched.get("a").cloned();
        known.filter(|(known, _)| known == nonce).map(|(_, since)| since)
    };
    assert_eq!(claims.intent_watched("a", "one"), Duration::ZERO);
    claims.written(&open("one"));
    let first = since("one");
    assert!(first.is_some());
    claims.update(&open("one"));
    assert_eq!(since("one"), first, "the watch tells nothing new");
    assert_eq!(claims.intent_watched("a", "two"), Duration::ZERO);
    claims.update(&open("two"));
    assert!(since("one").is_none() && since("two") > first);
    let second = since("two");
    claims.take(&open("two"), &id("x"));
    claims.let_go(&open("two"), &id("x"));
    assert_eq!(
        since("two"),
        second,
        "an id that could not be written down costs no second grace"
    );
    claims.take(&open("two"), &id("x"));
    claims.update(&channel("a", "2026-01-01T00:00:00Z", Some("x"), Some("x")));
    assert_eq!(since("two"), None, "its channel was found");
    claims.update(&open("two"));
    assert!(since("two") > second, "a search that begins anew has its own grace");
    claims.remove(&open("two"));
    assert!(claims.table().watched.is_empty());
}

#[test]
fn an_intent_counts_from_the_moment_it_is_written_until_it_is_known_to_be_gone() {
    let claims = Claims::default();
    let before = channel("a", "2026-01-01T00:00:00Z", None, None);
    let mut after = before.clone();
    let text = memory::write_intent(&intent("n"), "a").unwrap();
    after.annotations_mut().insert(names::CREATE_INTENT.to_owned(), text);
    let open = || claims.other_intents(Transport::Telegram, "b", |_| true).len();
    claims.update(&before);
    assert_eq!(open(), 0);
    claims.written(&after);
    claims.update(&before);
    assert_eq!(open(), 1, "the watch is late");
    claims.take(&after, &id("x"));
    assert_eq!(open(), 0, "its channel was found");
    claims.let_go(&after, &id("x"));
    claims.update(&before);
    assert_eq!(open(), 1, "the id could not be written, and the watch is still late");
    claims.update(&after);
    claims.update(&before);
    assert_eq!(open(), 0, "the watch has shown it, and then that it is gone");
    claims.update(&after);
    claims.let_go(&after, &id("x"));
    claims.update(&before);
    assert_eq!(open(), 0, "what the watch has shown is the watch's to take back");
    claims.written(&after);
    claims.written(&before);
    claims.update(&before);
    assert_eq!(open(), 0, "this process has taken it back");
}

#[test]
fn what_others_claim_is_told_of_one_transport_and_account_whether_written_down_or_just_taken() {
    let claims = Claims::default();
    let since = "2026-01-01T00:00:00Z";
    claims.update(&channel("a", since, Some("mine"), Some("mine")));
    claims.update(&channel("b", since, None, Some("annotated")));
    claims.take(&channel("c", since, None, None), &id("taken"));
    let mut viber = channel("d", since, Some("viber"), Some("viber"));
    viber.spec.transport = Transport::Viber;
    claims.update(&viber);
    let told = |in_account: &dyn Fn(&Key) -> bool| {
        let mut told = claims.others_channels(Transport::Telegram, "a", in_account);
        told.sort();
        told
    };
    assert_eq!(told(&|_| true), [id("annotated"), id("taken")]);
    assert_eq!(told(&|_| false), []);
    claims.remove(&channel("c", since, None, None));
    assert_eq!(told(&|_| true), [id("annotated")]);
}

#[test]
fn a_pass_with_an_old_view_takes_no_other_channel_and_costs_the_object_none() {
    let claims = Claims::default();
    let since = "2026-01-01T00:00:00Z";
    let old = channel("a", since, None, None);
    claims.update(&channel("a", since, Some("own"), Some("own")));
    assert_eq!(claims.take_found(&old, &id("other")), Take::Outgrown);
    assert!(claims.is_claimed(&id("own")) && !claims.is_claimed(&id("other")));
    assert_eq!(claims.take_found(&old, &id("own")), Take::Known);
    let late = channel("c", since, None, None);
    assert_eq!(claims.take_found(&late, &id("third")), Take::New);
    claims.update(&channel("c", since, Some("shown"), Some("shown")));
    claims.let_go(&late, &id("third"));
    assert!(
        claims.is_claimed(&id("shown")),
        "what the watch brought while the write was under way stays"
    );
    let free = channel("b", since, None, None);
    assert_eq!(claims.take_found(&free, &id("other")), Take::New);
    assert_eq!(
        claims.take_found(&free, &id("third")),
        Take::New,
        "nothing but this process has said so"
    );
}
