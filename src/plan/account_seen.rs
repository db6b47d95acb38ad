//! Everything that a pass over an account can know, do and say.

use std::time::Duration;

use super::{
    AccountTrouble, Fact, Webhooks,
    account_tries::Tried,
    identity::{IdentitySeen, Pin},
};
use crate::model::{Fault, Sensitive};

/// All that was seen in one pass over an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountSeen {
    /// Whether deletion was asked for.
    pub deleting: bool,
    /// Whether our finalizer is there.
    pub finalizer: bool,
    /// The parsed spec, or what is wrong with it.
    pub wish: Result<AccountWish, String>,
    /// The token.
    pub token: Token,
    /// The list.
    pub listing: Listing,
    /// Whose account the list is, once it came.
    pub identity: Option<IdentitySeen>,
    /// Whether channels use the present token already: an earlier list has shown that it is this account's.
    pub vetted: bool,
    /// Commands for messages.
    pub remedies: Remedies,
    /// The public URL of this account's webhooks, its token included; `None` without `--webhook-url`.
    pub url: Option<Sensitive<String>>,
    /// What a URL of ours begins with, whatever its token.
    pub url_prefix: Option<String>,
    /// The subscription rows.
    pub rows: Rows,
    /// Ids of the rows that the status records as ours.
    pub known_rows: Vec<String>,
    /// What was asked of the subscription before, until it was seen as it is wanted.
    pub tried: Option<Tried>,
    /// Names of the channels that use the account, for messages.
    pub dependents: Vec<String>,
}

/// Commands that store what Wazzup refused.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Remedies {
    /// Of a ready token, or of the partner's e-mail and password.
    pub login: String,
    /// Of the refresh token that the customer granted.
    pub grant: String,
}

/// The parsed spec.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AccountWish {
    /// `spec.webhooks.mode`
    pub mode: WebhookMode,
    /// `spec.suspend`
    pub suspend: bool,
}

/// `spec.webhooks.mode`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WebhookMode {
    /// The operator subscribes.
    Managed,
    /// Somebody else routes events to us.
    External,
    /// Polling alone.
    Disabled,
}

/// The account's token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Token {
    /// There.
    Present,
    /// The spec leads to none: why, in words that say how to mend it.
    Invalid(String),
    /// Its Secret does not exist: in words that say how to mend it.
    Missing(String),
    /// Its Secret lacks a value: in words that say how to mend it.
    Incomplete(String),
    /// The Secret could not be read just now.
    Hidden {
        /// Why.
        why: String,
        /// How often in a row.
        in_a_row: u32,
    },
    /// The operator has no right to read the Secret: why.
    Forbidden(String),
    /// Wazzup gives none, or refuses it.
    Refused {
        /// The condition's reason.
        reason: &'static str,
        /// Why, in words that say how to mend it.
        why: String,
    },
    /// The token endpoint could not be asked.
    Unreached {
        /// Why.
        fault: Fault,
        /// How often in a row.
        in_a_row: u32,
    },
    /// It is just being got by another replica.
    Pending,
}

/// The account's list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Listing {
    /// Not asked: there is no token.
    NotAsked,
    /// It failed.
    Failed {
        /// Why.
        fault: Fault,
        /// How often in a row.
        in_a_row: u32,
    },
    /// It came.
    Listed {
        /// Items that could not be read.
        unreadable: usize,
    },
}

/// The subscription rows at Wazzup.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rows {
    /// Verified lately, or not needed.
    NotAsked,
    /// Could not look.
    Failed(Fault),
    /// All rows of the account, foreign ones included.
    Listed(Vec<Row>),
}

/// One subscription: an event and where it goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Its id.
    pub id: String,
    /// The event's name.
    pub event: String,
    /// Where it goes; holds a token.
    pub url: Sensitive<String>,
}

impl Row {
    /// A subscription as it was listed. What is none of the events that are wanted is kept as `other`: it may be any text.
    pub fn listed(id: String, event: &str, url: Sensitive<String>) -> Self {
        let known = super::account::EVENTS.contains(&event);
        Self {
            id,
            event: if known { event } else { "other" }.to_owned(),
            url,
        }
    }
}

/// What to do about an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountPlan {
    /// Add (`true`) or remove (`false`) our finalizer.
    pub finalizer: Option<bool>,
    /// The one remote change.
    pub call: Option<AccountCall>,
    /// Ids of our rows, when they were looked at.
    pub rows: Option<Vec<String>>,
    /// What is to be remembered of the account behind the token; channels may use the token from then on.
    pub pin: Option<Pin>,
    /// What channels are told about webhooks; `None` as before.
    pub webhooks: Option<Webhooks>,
    /// Why channels cannot use the account; `None` when they can, or as before: see [`AccountPlan::decides`].
    pub trouble: Option<(AccountTrouble, String)>,
    /// Whether channels stand as before whatever else is said, since nothing could be seen for a moment.
    pub as_before: bool,
    /// The conditions; `None` as before.
    pub facts: Option<Vec<Fact>>,
    /// Whether the subscription is not as it is wanted, so that what was tried is not forgotten.
    pub unsettled: bool,
    /// How soon to come back, if sooner than the regular interval.
    pub again: Option<Duration>,
}

impl AccountPlan {
    /// Whether it tells how channels stand. Where nothing could be seen for a moment they stand as before: whoever was stopped is
    /// not let go on by that.
    pub const fn decides(&self) -> bool {
        !self.as_before && (self.trouble.is_some() || self.facts.is_some() || self.pin.is_some())
    }
}

/// A change of the subscription.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AccountCall {
    /// `POST /v2/webhooks` for these events.
    Subscribe(Vec<&'static str>),
    /// `DELETE /v2/webhooks` for these rows.
    Unsubscribe(Vec<String>),
}
