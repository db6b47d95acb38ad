//! When a token is believed to be the same account's.

use super::super::identity::{Identity, IdentitySeen, Pin, judge};
use crate::model::RemoteAccountId;

fn id(text: &str) -> RemoteAccountId {
    RemoteAccountId::parse(text).unwrap()
}

fn seen() -> IdentitySeen {
    IdentitySeen {
        object: ("shop".into(), "default".into()),
        token: "mark:0123456789abcdef".into(),
        complete: true,
        ..IdentitySeen::default()
    }
}

fn pinned(remote: Option<&str>) -> Identity {
    Identity::Pinned(Pin {
        remote: remote.map(id),
        token: "mark:0123456789abcdef".into(),
    })
}

fn changed(seen: &IdentitySeen) -> String {
    match judge(seen) {
        Identity::Changed(why) => why,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_new_account_is_pinned_by_what_its_token_or_its_spec_says() {
    let claimed = IdentitySeen {
        claimed: Some(id("1111")),
        ..seen()
    };
    assert_eq!(judge(&claimed), pinned(Some("1111")));
    let named = IdentitySeen {
        named: Some(id("11-11")),
        ..seen()
    };
    assert_eq!(judge(&named), pinned(Some("1111")));
    assert_eq!(judge(&seen()), pinned(None));
}

#[test]
fn a_token_of_another_account_changes_nothing_until_a_person_confirms_that_account() {
    let other = IdentitySeen {
        pinned: Some(id("1111")),
        claimed: Some(id("2222")),
        listed: 3,
        known: 3,
        ..seen()
    };
    let why = changed(&other);
    assert!(why.contains("account 2222") && why.contains("account 1111"), "{why}");
    assert!(
        why.ends_with("kubectl -n shop annotate --overwrite wazzupaccount default wazzup24.com/confirm-account=2222"),
        "{why}"
    );
    for (confirm, is_changed) in [
        ("2222", false),
        (" 22-22 ", false),
        ("1111", true),
        ("", true),
        ("yes", true),
    ] {
        let answered = IdentitySeen {
            confirm: Some(confirm.into()),
            ..other.clone()
        };
        assert_eq!(
            matches!(judge(&answered), Identity::Changed(_)),
            is_changed,
            "{confirm:?}"
        );
    }
}

#[test]
fn a_spec_that_names_one_account_and_a_token_of_another_is_a_change_too() {
    let mixed = IdentitySeen {
        named: Some(id("1111")),
        claimed: Some(id("2222")),
        ..seen()
    };
    assert!(changed(&mixed).contains("2222"));
    let renamed = IdentitySeen {
        pinned: Some(id("1111")),
        named: Some(id("2222")),
        ..seen()
    };
    assert!(changed(&renamed).contains("confirm-account=2222"));
}

#[test]
fn the_same_name_is_the_same_account_whatever_the_lists_show() {
    let emptied = IdentitySeen {
        pinned: Some(id("1111")),
        claimed: Some(id("1111")),
        known: 5,
        ..seen()
    };
    assert_eq!(judge(&emptied), pinned(Some("1111")));
}

#[test]
fn an_opaque_token_that_lists_none_of_the_known_channels_is_another_accounts() {
    let gone = IdentitySeen {
        last_token: Some("mark:other".into()),
        known: 2,
        ..seen()
    };
    assert!(changed(&gone).ends_with("confirm-account=01234567"));
    let confirmed = IdentitySeen {
        confirm: Some("01234567".into()),
        ..gone.clone()
    };
    assert_eq!(judge(&confirmed), pinned(None));
    let unreadable = IdentitySeen {
        complete: false,
        ..gone.clone()
    };
    assert_eq!(judge(&unreadable), Identity::Unclear);
    let never_listed = IdentitySeen {
        last_token: None,
        ..gone.clone()
    };
    assert!(
        matches!(judge(&never_listed), Identity::Changed(_)),
        "a restored cluster is guarded too"
    );
    let one_left = IdentitySeen {
        listed: 1,
        ..gone.clone()
    };
    assert_eq!(judge(&one_left), pinned(None));
    let nothing_to_lose = IdentitySeen {
        known: 0,
        ..gone.clone()
    };
    assert_eq!(judge(&nothing_to_lose), pinned(None));
    let searching = IdentitySeen {
        known: 0,
        open: 1,
        pinned_before: true,
        ..gone
    };
    let told = changed(&searching);
    assert!(
        told.starts_with("1 object(s) wait for what a create") && told.ends_with("confirm-account=01234567"),
        "another account's channels would be taken for what was made: {told}"
    );
    let lost_key = IdentitySeen {
        last_token: None,
        ..searching.clone()
    };
    assert!(
        matches!(judge(&lost_key), Identity::Changed(_)),
        "nor can that be told without the key"
    );
    let first_token = IdentitySeen {
        last_token: None,
        pinned_before: false,
        ..searching.clone()
    };
    assert_eq!(
        judge(&first_token),
        pinned(None),
        "a create of the first token's own, before that was written down"
    );
    let confirmed = IdentitySeen {
        confirm: Some("01234567".into()),
        ..searching
    };
    assert_eq!(judge(&confirmed), pinned(None));
}

#[test]
fn with_the_same_opaque_token_a_loss_of_everything_is_a_loss_and_no_change() {
    let lost = IdentitySeen {
        last_token: Some("mark:0123456789abcdef".into()),
        known: 4,
        ..seen()
    };
    assert_eq!(judge(&lost), pinned(None));
}

#[test]
fn an_opaque_token_keeps_the_name_that_was_pinned() {
    let opaque = IdentitySeen {
        pinned: Some(id("1111")),
        last_token: Some("mark:other".into()),
        known: 2,
        listed: 2,
        ..seen()
    };
    assert_eq!(judge(&opaque), pinned(Some("1111")));
}

#[test]
fn a_token_that_names_an_account_for_the_first_time_is_still_measured_by_the_lists() {
    let first_name = IdentitySeen {
        claimed: Some(id("2222")),
        last_token: Some("mark:other".into()),
        known: 2,
        ..seen()
    };
    assert!(changed(&first_name).ends_with("confirm-account=2222"));
    let confirmed = IdentitySeen {
        confirm: Some("2222".into()),
        ..first_name
    };
    assert_eq!(judge(&confirmed), pinned(Some("2222")));
}
