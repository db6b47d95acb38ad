//! Whether a token still belongs to the account that an object has stood for: a token of another customer, pasted by
//! mistake, must destroy nothing.

use crate::model::RemoteAccountId;

/// What is known of the account behind a token. All lists are healthy ones.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct IdentitySeen {
    /// Namespace and name of the object, for the command in the message.
    pub object: (String, String),
    /// `status.remoteAccountId`
    pub pinned: Option<RemoteAccountId>,
    /// `status.tokenHash`: of the token by which the account was last listed; `None` also when its key was lost.
    pub last_token: Option<String>,
    /// Whether there is one, whatever its key.
    pub pinned_before: bool,
    /// The account that the spec names (`whiteLabel.accountId`).
    pub named: Option<RemoteAccountId>,
    /// The account that the token says it belongs to.
    pub claimed: Option<RemoteAccountId>,
    /// Hash of what the token stems from.
    pub token: String,
    /// How many ids the account is known to have held.
    pub known: usize,
    /// How many of them the list shows.
    pub listed: usize,
    /// How many objects wait for what a create has made, which any channel of another account could be taken for.
    pub open: usize,
    /// Whether every item of the list could be read.
    pub complete: bool,
    /// `wazzup24.com/confirm-account`
    pub confirm: Option<String>,
}

/// The ruling.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Identity {
    /// It is the account; this is to be remembered of it.
    Pinned(Pin),
    /// It is another one, or looks like it: nothing is done until a person confirms.
    Changed(String),
    /// The list cannot tell.
    Unclear,
}

/// What is remembered of an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pin {
    /// `status.remoteAccountId`
    pub remote: Option<RemoteAccountId>,
    /// `status.tokenHash`
    pub token: String,
}

/// Rules on a healthy list: by names where both sides have one, else by the token, else by what the lists have held.
pub fn judge(seen: &IdentitySeen) -> Identity {
    let shown = seen.claimed.as_ref().or(seen.named.as_ref());
    let pin = Identity::Pinned(Pin {
        remote: shown.or(seen.pinned.as_ref()).cloned(),
        token: seen.token.clone(),
    });
    let contradicts = |other: &&RemoteAccountId| shown.is_some_and(|shown| shown != *other);
    let was = seen.pinned.iter().chain(&seen.named).find(contradicts);
    match (was, shown) {
        (Some(was), Some(is)) if confirmed_id(seen, is) || was == is => pin,
        (Some(was), Some(is)) => {
            let why = format!("the token belongs to Wazzup account {is}, and this object stands for account {was}");
            Identity::Changed(told(seen, &why, is.as_str()))
        }
        (None, Some(_)) if seen.pinned.is_some() => pin,
        (Some(_) | None, _) => by_lists(seen, shown, pin),
    }
}

fn by_lists(seen: &IdentitySeen, shown: Option<&RemoteAccountId>, pin: Identity) -> Identity {
    let same_token = seen.last_token.as_ref() == Some(&seen.token);
    // A create can be open before the first token was written down; after that another token may be another account's.
    let searching = seen.open > 0 && seen.pinned_before;
    let nothing_to_lose = seen.known == 0 && !searching;
    if same_token || nothing_to_lose || seen.listed > 0 {
        return pin;
    }
    let word = fingerprint(&seen.token);
    let confirmed =
        seen.confirm.as_deref().map(str::trim) == Some(word) || shown.is_some_and(|id| confirmed_id(seen, id));
    if confirmed {
        return pin;
    }
    if !seen.complete {
        return Identity::Unclear;
    }
    let why = if seen.known == 0 {
        format!(
            "{} object(s) wait for what a create or a login link makes, and nothing shows that this token is of the account in which they asked for it",
            seen.open
        )
    } else {
        format!(
            "with this token Wazzup lists none of the {} channel(s) that the account is known to have: it looks like another account's token",
            seen.known
        )
    };
    let word = shown.map_or(word, RemoteAccountId::as_str);
    Identity::Changed(told(seen, &why, word))
}

fn told(seen: &IdentitySeen, why: &str, word: &str) -> String {
    let (namespace, name) = &seen.object;
    format!(
        "{why}; nothing is created, reinitialized or deleted: store the right token, or, if the change is meant: kubectl -n {namespace} annotate --overwrite wazzupaccount {name} wazzup24.com/confirm-account={word}"
    )
}

fn confirmed_id(seen: &IdentitySeen, id: &RemoteAccountId) -> bool {
    let confirm = seen.confirm.as_deref().map(str::trim);
    confirm.and_then(|text| RemoteAccountId::parse(text).ok()).as_ref() == Some(id)
}

/// A short word for a token that tells no account: the beginning of its keyed hash, which tells nothing of the token.
fn fingerprint(hash: &str) -> &str {
    let word = hash.split_once(':').map_or(hash, |(_, word)| word);
    word.get(..8).unwrap_or(word)
}
