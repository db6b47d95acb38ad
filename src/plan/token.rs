//! When an account's token is minted or refreshed, and when the token endpoint is left alone.
//!
//! For accounts whose token the operator gets itself (`whiteLabel`, `oauth`); a ready token needs no decision.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::{account::Token, create::remaining};
use crate::model::Fault;

/// A token is replaced this long before it ends, or at half of a life that is short.
const EARLY: Duration = Duration::from_secs(180);
/// A token that is refused before its end is replaced once in this time.
const ONE_REMINT_IN: Duration = Duration::from_secs(600);
/// The first pause after a refusal; it doubles up to [`LONGEST`].
const REFUSED: Duration = Duration::from_secs(600);
const LONGEST: Duration = Duration::from_secs(6 * 3_600);
/// A rotation that was begun and not ended belongs to another replica, or to one that died, for this long: longer than
/// the call's deadline and its storing.
pub const ROTATION: Duration = Duration::from_secs(60);

/// All that a decision about a token needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenSeen {
    /// The time.
    pub now: Timestamp,
    /// The token at hand, when it was got with the present login.
    pub held: Option<Held>,
    /// What keeps the operator from asking, when it was learned with the present login.
    pub hold: Option<Hold>,
    /// When a token that was refused before its end was last replaced.
    pub reminted_at: Option<Timestamp>,
    /// Since when a rotation is under way that this pass did not begin.
    pub rotating_since: Option<Timestamp>,
}

/// A token at hand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Held {
    /// When it was got.
    pub since: Timestamp,
    /// When it ends.
    pub until: Timestamp,
    /// Whether Wazzup has refused it since.
    pub denied: bool,
}

/// Why the token endpoint is not asked for now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hold {
    /// Until when.
    pub until: Timestamp,
    /// How often in a row it went wrong.
    pub in_a_row: u32,
    /// What went wrong.
    pub cause: Cause,
}

/// What went wrong at the token endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cause {
    /// It refused the partner's login, or the account to that partner.
    Partner(String),
    /// It refused the refresh token.
    Refresh(String),
    /// It could not be reached, or its answer was unclear.
    Unreached(Fault),
}

/// What was asked of the token endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenCall {
    /// A machine token: it proves the partner's login.
    Machine,
    /// Its exchange for one of an account.
    Exchange,
    /// A refresh.
    Refresh,
}

/// What to do about a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TokenPlan {
    /// Use the one at hand; think again after that long.
    Use(Duration),
    /// Ask for another.
    Get,
    /// There is none and none is asked for; think again after that long.
    Wait(Duration, Lack),
}

/// Why there is no token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lack {
    /// What keeps the operator from asking.
    Held(Cause, u32),
    /// A fresh one was refused like the one before.
    Denied,
    /// Another replica is just getting one.
    Rotating,
}

/// Decides about a token. Total, and never asks twice where once was refused.
pub fn plan(seen: &TokenSeen) -> TokenPlan {
    let left = |held: &Held| remaining_until(held.until, seen.now);
    let usable = seen.held.filter(|held| !held.denied && !left(held).is_zero());
    if let Some(held) = &usable {
        let life = between(held.since, held.until);
        let due = left(held).saturating_sub(EARLY.min(life / 2));
        if !due.is_zero() {
            return TokenPlan::Use(due);
        }
    }
    let waiting = waits(seen);
    match (usable, waiting) {
        (Some(held), Some((pause, _))) => TokenPlan::Use(pause.min(left(&held))),
        (None, Some((pause, lack))) => TokenPlan::Wait(pause, lack),
        (Some(_) | None, None) => TokenPlan::Get,
    }
}

fn waits(seen: &TokenSeen) -> Option<(Duration, Lack)> {
    let denied = seen.held.is_some_and(|held| held.denied);
    let denial = seen
        .reminted_at
        .filter(|_| denied)
        .map(|at| (remaining(at, ONE_REMINT_IN, seen.now), Lack::Denied));
    let hold = seen.hold.as_ref().map(|hold| {
        let lack = Lack::Held(hold.cause.clone(), hold.in_a_row);
        (remaining_until(hold.until, seen.now).min(LONGEST), lack)
    });
    let rotation = seen
        .rotating_since
        .map(|since| (remaining(since, ROTATION, seen.now), Lack::Rotating));
    [denial, hold, rotation]
        .into_iter()
        .flatten()
        .find(|(pause, _)| !pause.is_zero())
}

/// What a failed answer of the token endpoint means for the next asking.
pub fn hold_after(call: TokenCall, fault: &Fault, before: Option<&Hold>, now: Timestamp) -> Hold {
    let refused = |words: &str| match call {
        TokenCall::Machine | TokenCall::Exchange => Cause::Partner(words.to_owned()),
        // One 401 speaks of two secrets; the service's code tells which.
        TokenCall::Refresh if words.to_ascii_uppercase().contains("CREDENTIALS") => Cause::Partner(words.to_owned()),
        TokenCall::Refresh => Cause::Refresh(words.to_owned()),
    };
    let cause = match fault {
        Fault::Denied { words, .. } | Fault::Rejected { words, .. } | Fault::Missing { words } => refused(words),
        Fault::Throttled { .. } | Fault::NotSent { .. } | Fault::Unclear { .. } => Cause::Unreached(fault.clone()),
    };
    let same = before.filter(|before| std::mem::discriminant(&before.cause) == std::mem::discriminant(&cause));
    let in_a_row = same.map_or(1, |before| before.in_a_row.saturating_add(1));
    let doubled = |first: Duration, most: Duration| (first * (1 << (in_a_row - 1).min(16))).min(most);
    let pause = match (&cause, fault) {
        (
            Cause::Unreached(_),
            Fault::Throttled {
                retry_after: Some(asked),
            },
        ) => *asked,
        (Cause::Unreached(_), _) => doubled(Duration::from_secs(1), Duration::from_secs(300)),
        (Cause::Partner(_) | Cause::Refresh(_), _) => doubled(REFUSED, LONGEST),
    };
    Hold {
        until: later(now, pause),
        in_a_row,
        cause,
    }
}

/// A time after a pause; at the end of all time where there is none.
pub fn later(now: Timestamp, pause: Duration) -> Timestamp {
    let pause = SignedDuration::try_from(pause).unwrap_or(SignedDuration::MAX);
    now.checked_add(pause).unwrap_or(Timestamp::MAX)
}

fn remaining_until(until: Timestamp, now: Timestamp) -> Duration {
    between(now, until)
}

fn between(from: Timestamp, to: Timestamp) -> Duration {
    Duration::try_from(to.duration_since(from)).unwrap_or(Duration::ZERO)
}

impl Lack {
    /// The lack as the account's plan sees it, in words that say how to mend it.
    pub fn told(&self) -> Token {
        let refused = |reason, why: String| Token::Refused { reason, why };
        match self {
            Self::Rotating => Token::Pending,
            Self::Denied => refused(
                "TokenRefused",
                "Wazzup refused the token, and a fresh one too; another is got in ten minutes, or when the Secret changes"
                    .to_owned(),
            ),
            Self::Held(Cause::Partner(words), _) => refused(
                "PartnerRefused",
                format!(
                    "Wazzup gave no token for the partner's e-mail and password: {words}; see that the account is this partner's; it is asked again when the Secret changes, and rarely by itself; store the right ones"
                ),
            ),
            Self::Held(Cause::Refresh(words), _) => refused(
                "RefreshRefused",
                format!(
                    "Wazzup refused the refresh token: {words}; let the customer grant access again and store the new refresh token"
                ),
            ),
            Self::Held(Cause::Unreached(fault), in_a_row) => Token::Unreached {
                fault: fault.clone(),
                in_a_row: *in_a_row,
            },
        }
    }
}
