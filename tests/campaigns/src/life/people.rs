//! What people apply in a life's namespace: Secrets, accounts, channels, annotations.

use kube::api::{DeleteParams, Patch, PatchParams, PostParams};
use serde_json::{Value, json};
use wazzup_operator::api::condition;

use super::{Life, TOKEN};
use crate::patience::{gone, made, patiently};

impl Life {
    /// Makes or replaces a Secret's values.
    pub async fn secret(&self, name: &str, values: Value) {
        let secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "stringData": values});
        let (secrets, secret) = (self.secrets(), Patch::Apply(secret));
        let params = PatchParams::apply("story").force();
        patiently("a Secret", || secrets.patch(name, &params, &secret)).await;
    }

    /// The account `default` with a ready token.
    pub async fn account(&self) {
        self.secret("wazzup-token", json!({"token": TOKEN})).await;
        self.account_by(json!({"clientToken": {"secretRef": {"name": "wazzup-token", "key": "token"}}}))
            .await;
    }

    /// The account `default` with this way to a token.
    pub async fn account_by(&self, auth: Value) {
        self.account_with(json!({"auth": auth, "apiUrl": self.wazzup, "sync": {"interval": "10s"}}))
            .await;
    }

    /// The account `default` with this spec.
    pub async fn account_with(&self, spec: Value) {
        let account = json!({
            "apiVersion": "wazzup24.com/v1alpha1", "kind": "WazzupAccount", "metadata": {"name": "default"}, "spec": spec,
        });
        let (accounts, params) = (self.accounts(), PostParams::default());
        let account = serde_json::from_value(account).unwrap();
        patiently("an account", || made(accounts.create(&params, &account))).await;
    }

    /// Deletes the Secret of the account's token, and waits until the account misses it.
    pub async fn lose_token(&self) {
        let (secrets, params) = (self.secrets(), DeleteParams::default());
        patiently("a deletion", || gone(secrets.delete("wazzup-token", &params))).await;
        self.wait("the account to miss its token", || async {
            let status = self.accounts().get("default").await.unwrap().status.unwrap_or_default();
            match condition(&status.conditions, "Authenticated") {
                Some(found) if found.reason == "SecretNotFound" => Ok(()),
                _ => Err(format!("{status:?}")),
            }
        })
        .await;
    }

    /// A channel with this spec.
    pub async fn channel(&self, name: &str, spec: Value) {
        let channel = json!({
            "apiVersion": "wazzup24.com/v1alpha1", "kind": "WazzupChannel", "metadata": {"name": name}, "spec": spec,
        });
        let (channels, params) = (self.channels(), PostParams::default());
        let channel = serde_json::from_value(channel).unwrap();
        patiently("a channel", || made(channels.create(&params, &channel))).await;
    }

    /// A telegram channel with a Secret of its own.
    pub async fn bot(&self, name: &str, token: &str) {
        let secret = format!("{name}-bot");
        self.secret(&secret, json!({"telegram_token": token})).await;
        let spec = json!({"transport": "telegram", "credentialsSecretRef": {"name": secret}});
        self.channel(name, spec).await;
    }

    /// Sets an annotation of ours on a channel.
    pub async fn annotate(&self, name: &str, annotation: &str, value: &str) {
        let patch = json!({"metadata": {"annotations": {format!("wazzup24.com/{annotation}"): value}}});
        let (channels, params, patch) = (self.channels(), PatchParams::default(), Patch::Merge(patch));
        patiently("an annotation", || channels.patch(name, &params, &patch)).await;
    }
}
