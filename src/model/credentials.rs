//! What connects a channel that needs no person.

use super::Sensitive;

/// Credential fields as the API wants them: `(field, value)` in the order of [`super::Transport::credential_keys`];
/// empty for the transports that a person connects.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Credentials(pub Vec<(&'static str, Sensitive<String>)>);

impl Credentials {
    /// No credentials: the API wants an empty object then.
    pub const fn empty() -> Self {
        Self(Vec::new())
    }
}
