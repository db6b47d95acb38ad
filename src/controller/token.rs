//! An account's token: read from a Secret, or got from the token endpoint when the plan says so.

use std::{sync::Arc, time::Duration};

use kube::ResourceExt;

use super::{
    act::PassError,
    context::Context,
    desk::Desk,
    partners::Login,
    recall::{Read, Recall, Source},
};
use crate::{
    api::{SecretKeyRef, WazzupAccount},
    clock,
    cluster::{
        ClusterError,
        secrets::{self, AccountKeys},
    },
    model::{Fault, RemoteAccountId, Sensitive},
    plan::account::{Remedies, Token},
    wazzup::{ApiUrl, Client, Partner, TokenClient, token_owner},
};

/// A ready token's Secret that neither the watch nor a look showed is looked for at most so often: each event of its account
/// brings a pass.
const AGAIN: Duration = Duration::from_secs(1);

/// A token or why there is none, and when to think of it again.
pub(super) struct Got {
    pub(super) token: Token,
    pub(super) again: Option<Duration>,
}

impl Got {
    pub(super) const fn without(token: Token) -> Self {
        Self { token, again: None }
    }
}

/// One account and what its token is got with.
pub(super) struct Purse<'a> {
    pub(super) context: &'a Context,
    pub(super) account: &'a WazzupAccount,
    pub(super) desk: &'a Desk,
    pub(super) keys: &'a AccountKeys,
}

/// A login at the token endpoint.
pub(super) struct Entrance {
    pub(super) endpoint: TokenClient,
    pub(super) shared: Arc<Login>,
    pub(super) way: Way,
    /// Keyed hash of the grant that the token stems from.
    pub(super) stem: String,
    /// Keyed hash of the grant and the login with which it is asked for.
    pub(super) login: String,
}

/// How a token is got.
pub(super) enum Way {
    WhiteLabel(RemoteAccountId),
    OAuth { client_id: String, seed: Sensitive<String> },
}

impl Purse<'_> {
    /// Gets the token and sees to it that the desk's client uses it.
    pub(super) async fn token(&self, recall: &mut Recall) -> Result<Got, PassError> {
        let auth = &self.account.spec.auth;
        let got = if let Some(ready) = &auth.client_token {
            match self.missed(&ready.secret_ref, recall) {
                Some(missed) => missed,
                None => match self.ready(&ready.secret_ref, recall).await {
                    Ok(()) => Got::without(Token::Present),
                    Err(lack) => Got::without(lack),
                },
            }
        } else {
            match self.entrance().await {
                Ok(entrance) => self.granted(&entrance, recall).await?,
                Err(lack) => Got::without(lack),
            }
        };
        let going = self.account.metadata.deletion_timestamp.is_some();
        // A namespace that goes takes the Secret first; the token that is still in memory lets the channels go as well.
        if matches!(got.token, Token::Missing(_)) && going && self.desk.standing().client.is_some() {
            return Ok(Got::without(Token::Present));
        }
        Ok(got)
    }

    pub(super) fn place(&self) -> (String, String) {
        (self.account.namespace().unwrap_or_default(), self.account.name_any())
    }

    pub(super) fn base(&self) -> Result<ApiUrl, Token> {
        ApiUrl::parse(&self.account.spec.api_url, &self.context.options.allowed_hosts)
            .map_err(|error| Token::Invalid(format!("spec.apiUrl: {error}")))
    }

    /// The commands that messages name.
    pub(super) fn remedies(&self) -> Remedies {
        let auth = &self.account.spec.auth;
        let (namespace, _) = self.place();
        let login = |name: &str| store(&namespace, name, &["email", "password"]);
        match (&auth.client_token, &auth.white_label, &auth.oauth) {
            (Some(ready), _, _) => Remedies {
                login: store(&namespace, &ready.secret_ref.name, &[&ready.secret_ref.key]),
                grant: String::new(),
            },
            (None, Some(white_label), _) => Remedies {
                login: login(&white_label.partner_secret_ref.name),
                grant: String::new(),
            },
            (None, None, Some(oauth)) => Remedies {
                login: login(&oauth.partner_secret_ref.name),
                grant: store(&namespace, &oauth.token_secret_ref.name, &[&oauth.token_secret_ref.key]),
            },
            (None, None, None) => Remedies::default(),
        }
    }

    async fn values<const N: usize>(
        &self,
        name: &str,
        keys: [&str; N],
        what: &str,
    ) -> Result<[Sensitive<String>; N], Token> {
        let (namespace, _) = self.place();
        let mut values = match secrets::read(&self.context.client, &namespace, name).await {
            Ok(Some(values)) => values,
            Ok(None) => {
                let literals: String = keys.iter().map(|key| format!(" --from-literal={key}=VALUE")).collect();
                return Err(Token::Missing(format!(
                    "Secret {name} does not exist: kubectl -n {namespace} create secret generic {name}{literals}"
                )));
            }
            Err(error) => {
                let why = format!("Secret {name} could not be read: {error}");
                return Err(unread(&error, why));
            }
        };
        for key in keys {
            if values.get(key).is_none_or(|value| value.reveal().is_empty()) {
                return Err(Token::Incomplete(format!(
                    "Secret {name} has no key {key}, or an empty one; store {what} there: {}",
                    store(&namespace, name, &keys)
                )));
            }
        }
        Ok(keys.map(|key| values.remove(key).unwrap_or_default()))
    }

    /// That a ready token was missing a moment ago, unless the watch shows its Secret now; a pass that comes soon looks again.
    /// An account that goes looks at once: it goes for good.
    fn missed(&self, wanted: &SecretKeyRef, recall: &Recall) -> Option<Got> {
        let (since, place, lack) = recall.missed.as_ref()?;
        let left = AGAIN.checked_sub(since.elapsed())?;
        let (namespace, _) = self.place();
        let shown = self.context.caches.secret_version(&namespace, &wanted.name);
        let going = self.account.metadata.deletion_timestamp.is_some();
        (place == wanted && shown.is_none() && !going).then(|| Got {
            token: lack.clone(),
            again: Some(left),
        })
    }

    /// A ready token, read anew only when its Secret, the place in it, the service or the keys are other ones.
    async fn ready(&self, secret: &SecretKeyRef, recall: &mut Recall) -> Result<(), Token> {
        let (namespace, _) = self.place();
        let read = self
            .context
            .caches
            .secret_version(&namespace, &secret.name)
            .map(|version| Read {
                url: self.account.spec.api_url.clone(),
                place: secret.clone(),
                version,
                keys: self.keys.hash(&[]),
            });
        if read.is_some() && recall.read == read && self.desk.standing().client.is_some() {
            return Ok(());
        }
        recall.read = None;
        let values = self
            .values(&secret.name, [&secret.key], "the client_access_token")
            .await;
        if let Err(lack @ Token::Missing(_)) = &values {
            recall.missed = Some((clock::instant(), secret.clone(), lack.clone()));
        }
        let [token] = values?;
        let base = self.base()?;
        let hash = self.keys.hash(&[("token", &token)]);
        self.put(recall, base, &token, hash.clone(), hash);
        recall.read = read;
        Ok(())
    }

    /// Reads all that the endpoint is asked with.
    async fn entrance(&self) -> Result<Entrance, Token> {
        let auth = &self.account.spec.auth;
        let partner_secret = match (&auth.white_label, &auth.oauth) {
            (Some(white_label), _) => &white_label.partner_secret_ref.name,
            (None, Some(oauth)) => &oauth.partner_secret_ref.name,
            (None, None) => return Err(Token::Invalid("spec.auth names no way to a token".to_owned())),
        };
        let login = "the partner's e-mail and password";
        let [email, password] = self.values(partner_secret, ["email", "password"], login).await?;
        let base = self.base()?;
        let way = match (&auth.white_label, &auth.oauth) {
            (Some(white_label), _) => Way::WhiteLabel(
                RemoteAccountId::parse(&white_label.account_id)
                    .map_err(|error| Token::Invalid(format!("spec.auth.whiteLabel.accountId: {error}")))?,
            ),
            (None, Some(oauth)) => {
                let place = &oauth.token_secret_ref;
                let [seed] = self
                    .values(&place.name, [&place.key], "the refresh token that the customer granted")
                    .await?;
                Way::OAuth {
                    client_id: oauth.client_id.clone(),
                    seed,
                }
            }
            (None, None) => return Err(Token::Invalid("spec.auth names no way to a token".to_owned())),
        };
        let (kind, word) = match &way {
            Way::WhiteLabel(id) => ("account", Sensitive::new(id.as_str().to_owned())),
            Way::OAuth { client_id, seed } => ("seed", Sensitive::new(format!("{client_id} {}", seed.reveal()))),
        };
        let url = Sensitive::new(self.account.spec.api_url.clone());
        // A new password of the partner leaves a grant what it was; a new seed or account does not.
        let stem = self.keys.hash(&[("url", &url), (kind, &word)]);
        let grant = Sensitive::new(stem.clone());
        let login = self
            .keys
            .hash(&[("email", &email), ("password", &password), ("grant", &grant)]);
        let partner = Partner { email, password };
        let shared = self.context.partners.of(url.reveal(), &partner);
        Ok(Entrance {
            endpoint: TokenClient::new(self.context.http.clone(), base, partner),
            shared,
            way,
            stem,
            login,
        })
    }

    /// Makes the desk use a token; of what another account's token saw nothing is kept.
    pub(super) fn put(&self, recall: &mut Recall, base: ApiUrl, token: &Sensitive<String>, stem: String, hash: String) {
        let source = Source {
            url: self.account.spec.api_url.clone(),
            stem,
            token: hash,
        };
        if recall.source.as_ref() == Some(&source) && self.desk.standing().client.is_some() {
            return;
        }
        let same_stem = self.desk.standing().client.is_some()
            && recall
                .source
                .as_ref()
                .is_some_and(|before| before.url == source.url && before.stem == source.stem);
        let denied = self
            .desk
            .last()
            .is_some_and(|last| matches!(last.result, Err(Fault::Denied { .. })));
        if !same_stem {
            recall.verified = None;
            recall.tried = None;
            let (namespace, name) = self.place();
            tracing::debug!(
                namespace,
                account = name,
                "another token: a list shows first whose it is"
            );
        }
        let client = Client::new(self.context.http.clone(), base, token.clone());
        let keys = self.keys.clone();
        self.desk.set(|standing| {
            standing.client = Some(client);
            standing.keys = Some(keys);
            standing.vetted &= same_stem;
        });
        // After that: a list that begins from now on is the new token's.
        if !same_stem || denied {
            self.desk.forget_list();
        }
        recall.owner = token_owner(token);
        recall.source = Some(source);
    }
}

/// A Secret that could not be read. Without the right to, or where what is there cannot be used, time alone mends nothing.
pub(super) fn unread(error: &ClusterError, why: String) -> Token {
    if error.is_forbidden() || error.is_refused() {
        Token::Forbidden(why)
    } else {
        Token::Hidden { why, in_a_row: 1 }
    }
}

/// The command that stores values in a Secret, whether it is there or not.
fn store(namespace: &str, name: &str, keys: &[&str]) -> String {
    let literals: String = keys.iter().map(|key| format!(" --from-literal={key}=VALUE")).collect();
    format!(
        "kubectl -n {namespace} create secret generic {name}{literals} --dry-run=client -o yaml | kubectl apply -f -"
    )
}

#[cfg(test)]
#[path = "token_tests.rs"]
mod tests;
