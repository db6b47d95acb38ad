//! Rules that make the service misbehave.

use std::time::Duration;

/// What goes wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// The connection is closed before anything is done.
    DropBefore,
    /// It is done, but the connection is closed without an answer.
    DropAfter,
    /// It is done, and the answer breaks off in the middle.
    Truncate,
    /// It is done at once, but the answer comes late.
    Slow(Duration),
    /// Nothing is done; this is answered.
    Status {
        /// HTTP status code.
        code: u16,
        /// `Retry-After`, in seconds.
        retry_after: Option<u64>,
        /// Body; JSON unless it begins with `<`.
        body: String,
    },
    /// It is done, but this is answered.
    StatusAfter(u16),
    /// Nothing is done; the client is sent to this address.
    Redirect(u16, String),
    /// An empty list.
    EmptyList,
    /// A list without channels younger than this.
    LaggingList(Duration),
}

/// A rule: which requests, how often, and what goes wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The method.
    pub method: String,
    /// What the path begins with.
    pub path: String,
    /// How many matching requests pass unharmed first.
    pub skip: u32,
    /// How many are then harmed.
    pub times: u32,
    /// What goes wrong.
    pub effect: Effect,
}

impl Fault {
    /// Harms the next matching request.
    pub fn once(method: &str, path: &str, effect: Effect) -> Self {
        Self {
            method: method.to_owned(),
            path: path.to_owned(),
            skip: 0,
            times: 1,
            effect,
        }
    }

    /// Harms all matching requests until the rules are cleared.
    pub fn always(method: &str, path: &str, effect: Effect) -> Self {
        Self {
            times: u32::MAX,
            ..Self::once(method, path, effect)
        }
    }
}

/// Takes the first rule that matches, and counts it.
pub(crate) fn strike(faults: &mut [Fault], method: &str, path: &str) -> Option<Effect> {
    let fault = faults
        .iter_mut()
        .find(|fault| fault.times > 0 && fault.method == method && path.starts_with(&fault.path))?;
    if fault.skip > 0 {
        fault.skip -= 1;
        return None;
    }
    if fault.times != u32::MAX {
        fault.times -= 1;
    }
    Some(fault.effect.clone())
}
