//! Every name that is written into a cluster.

use ring::digest;

/// What every name of ours on an object begins with.
pub const PREFIX: &str = "wazzup24.com/";
/// Finalizer of channels.
pub const CHANNEL_FINALIZER: &str = "wazzup24.com/channel";
/// Finalizer of accounts.
pub const ACCOUNT_FINALIZER: &str = "wazzup24.com/account";
/// Field manager of every write.
pub const FIELD_MANAGER: &str = "wazzup-operator";

/// Annotation: reinitialize now.
pub const REINIT_REQUESTED: &str = "wazzup24.com/reinit-requested-at";
/// Annotation: look now.
pub const SYNC_REQUESTED: &str = "wazzup24.com/sync-requested-at";
/// Annotation: ask for a pairing code now.
pub const PAIRING_REQUESTED: &str = "wazzup24.com/pairing-requested-at";
/// Annotation: make a new channel in place of one that is gone.
pub const RECREATE_REQUESTED: &str = "wazzup24.com/recreate-requested-at";
/// Annotation: the answer to `ChooseChannel`, a channel id or `create`.
pub const RESOLVE_CREATE: &str = "wazzup24.com/resolve-create";
/// Annotation: let the object go without deleting the channel.
pub const ABANDON: &str = "wazzup24.com/abandon";
/// Annotation on accounts: the account at Wazzup that the token may belong to from now on.
pub const CONFIRM_ACCOUNT: &str = "wazzup24.com/confirm-account";
/// Annotation written by the operator: the channel's id; survives a backup that drops the status.
pub const CHANNEL_ID: &str = "wazzup24.com/channel-id";
/// Annotation written by the operator: a create is under way.
pub const CREATE_INTENT: &str = "wazzup24.com/create-intent";
/// Annotation written by the operator on accounts: a replica received an event.
pub const EVENT_AT: &str = "wazzup24.com/event-at";
/// Annotation of a sink: time of the QR event that it shows, RFC 3339.
pub const QR_EVENT_AT: &str = "wazzup24.com/qr-event-at";
/// Annotation of a sink: what it holds besides a QR, comma-separated (`pairing-code`, `link`).
pub const SINK_HOLDS: &str = "wazzup24.com/holds";

/// Label of everything that the operator makes.
pub const MANAGED_BY: &str = "app.kubernetes.io/managed-by";
/// Its value.
pub const MANAGED_BY_VALUE: &str = "wazzup-operator";
/// Label of a sink: its channel.
pub const CHANNEL_LABEL: &str = "wazzup24.com/channel";

/// The name of the lease.
pub const LEASE: &str = "wazzup-operator";

/// Default name of a channel's sink.
pub fn sink(channel: &str) -> String {
    format!("{channel}-qr")
}

/// Default name of a channel's two-factor Secret.
pub fn two_factor(channel: &str) -> String {
    format!("{channel}-2fa")
}

/// Name of the Secret that the operator keeps for an account: its webhook token and the key of its hashes.
pub fn account_secret(account: &str) -> String {
    format!("{account}-wazzup-operator")
}

/// The stable word under which an account's events arrive: the first 16 bytes of a hash of namespace and name, in hex.
pub fn account_key(namespace: &str, name: &str) -> String {
    let hash = digest::digest(&digest::SHA256, format!("{namespace}/{name}").as_bytes());
    hash.as_ref()
        .iter()
        .take(16)
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_key_is_stable_and_tells_accounts_apart() {
        assert_eq!(account_key("shop", "default"), account_key("shop", "default"));
        assert_ne!(account_key("shop", "default"), account_key("shop-default", ""));
        assert_eq!(account_key("a", "b").len(), 32);
    }
}
