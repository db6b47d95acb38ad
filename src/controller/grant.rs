//! A token from the token endpoint: asked for when the plan says so, and kept so that none is lost.

use std::time::Duration;

use kube::ResourceExt;

use super::{
    act::PassError,
    recall::{Grant, Recall},
    slots::aside,
    token::{Entrance, Got, Purse, Way},
};
use crate::{
    api::names,
    clock,
    cluster::{
        ClusterError,
        grants::{self, NewGrant, StoredGrant},
        secrets,
    },
    model::{Fault, Sensitive},
    plan::{
        account::Token,
        token::{self, Cause, Held, TokenCall, TokenPlan, TokenSeen, hold_after, later},
    },
    wazzup::{Lane, TokenGrant},
};

impl Purse<'_> {
    /// The token of an account that the endpoint gives one.
    pub(super) async fn granted(&self, entrance: &Entrance, recall: &mut Recall) -> Result<Got, PassError> {
        if recall.grant.as_ref().is_some_and(|grant| grant.stem != entrance.stem) {
            recall.grant = None;
        }
        if recall.hold.as_ref().is_some_and(|(login, _)| *login != entrance.login) {
            recall.hold = None;
            recall.reminted_at = None;
        }
        self.save_what_was_not_saved(recall).await?;
        let stored = match &entrance.way {
            Way::WhiteLabel(_) => StoredGrant::default(),
            Way::OAuth { .. } => self.stored(recall).await?,
        };
        recall.take_over(&stored, &entrance.stem);
        let mut decided = token::plan(&seen(entrance, recall, &stored));
        let mut _turn = None;
        if decided == TokenPlan::Get {
            // Nothing is made for an account that goes; without its Secret no refresh token can be used.
            if matches!(entrance.way, Way::OAuth { .. })
                && stored.version.is_none()
                && self.account.metadata.deletion_timestamp.is_some()
            {
                let name = names::account_secret(&self.account.name_any());
                return Ok(Got::without(Token::Missing(format!(
                    "Secret {name}, in which the operator kept this account's tokens, is gone or damaged"
                ))));
            }
            _turn = aside(entrance.shared.turn()).await;
            // Another account with the same login may have learned something meanwhile.
            decided = token::plan(&seen(entrance, recall, &stored));
        }
        match decided {
            TokenPlan::Use(again) => Ok(self.used(entrance, recall, again)),
            TokenPlan::Wait(again, lack) => Ok(Got {
                token: lack.told(),
                again: Some(again),
            }),
            TokenPlan::Get => {
                if recall.grant.as_ref().is_some_and(|grant| grant.held.denied) {
                    recall.reminted_at = Some(clock::now());
                }
                if let Some(grant) = self.ask(entrance, &stored, recall).await? {
                    recall.hold = None;
                    recall.grant = Some(grant);
                }
                Ok(match token::plan(&seen(entrance, recall, &StoredGrant::default())) {
                    TokenPlan::Use(again) => self.used(entrance, recall, again),
                    TokenPlan::Wait(again, lack) => Got {
                        token: lack.told(),
                        again: Some(again),
                    },
                    // A token that ended on the way here.
                    TokenPlan::Get => Got {
                        token: Token::Pending,
                        again: Some(Duration::from_secs(1)),
                    },
                })
            }
        }
    }

    async fn stored(&self, recall: &mut Recall) -> Result<StoredGrant, ClusterError> {
        if recall.kept.is_none() {
            let (namespace, name) = self.place();
            recall.kept = secrets::read_kept(&self.context.client, &namespace, &name).await?;
        }
        Ok(recall.kept.as_ref().map(|kept| kept.grant.clone()).unwrap_or_default())
    }

    fn used(&self, entrance: &Entrance, recall: &mut Recall, again: Duration) -> Got {
        let Some(grant) = recall.grant.clone() else {
            return Got::without(Token::Pending);
        };
        match self.base() {
            Ok(base) => {
                let hash = self.keys.hash(&[("token", &grant.token)]);
                self.put(recall, base, &grant.token, entrance.stem.clone(), hash);
                Got {
                    token: Token::Present,
                    again: Some(again),
                }
            }
            Err(lack) => Got::without(lack),
        }
    }

    /// Asks the endpoint; `None` when it gave nothing and the hold says why.
    async fn ask(
        &self,
        entrance: &Entrance,
        stored: &StoredGrant,
        recall: &mut Recall,
    ) -> Result<Option<Grant>, PassError> {
        if !self.context.fence.allows() {
            return Err(PassError::NotLeading);
        }
        match &entrance.way {
            Way::WhiteLabel(account) => {
                let machine = self.call("machine_token", entrance.endpoint.machine_token()).await?;
                let machine = match machine {
                    Ok(machine) => machine,
                    Err(fault) => return Ok(held_back(entrance, recall, TokenCall::Machine, &fault)),
                };
                entrance.shared.accept();
                let grant = self
                    .call("exchange_token", entrance.endpoint.exchange(&machine, account))
                    .await?;
                Ok(match grant {
                    Ok(grant) => Some(taken(&entrance.stem, &grant)),
                    Err(fault) => held_back(entrance, recall, TokenCall::Exchange, &fault),
                })
            }
            Way::OAuth { client_id, seed } => {
                let ours = stored.stem.as_ref() == Some(&entrance.stem);
                let refresh_token = stored.refresh_token.as_ref().filter(|_| ours).unwrap_or(seed);
                self.rotate(entrance, stored, recall, refresh_token, client_id).await
            }
        }
    }

    /// Uses a refresh token up: marked before, stored after, so that no two replicas use one and none is lost by us.
    async fn rotate(
        &self,
        entrance: &Entrance,
        stored: &StoredGrant,
        recall: &mut Recall,
        refresh_token: &Sensitive<String>,
        client_id: &str,
    ) -> Result<Option<Grant>, PassError> {
        let (namespace, name) = self.place();
        let Some(version) = &stored.version else {
            return Err(PassError::Outdated);
        };
        recall.kept = None;
        grants::begin(&self.context.client, &namespace, &name, version, clock::now()).await?;
        let answer = self
            .call("refresh_token", entrance.endpoint.refresh(refresh_token, client_id))
            .await?;
        match answer {
            Ok(grant) => {
                entrance.shared.accept();
                let taken = taken(&entrance.stem, &grant);
                recall.unsaved = Some(NewGrant {
                    stem: entrance.stem.clone(),
                    refresh_token: grant.refresh_token.unwrap_or_else(|| refresh_token.clone()),
                    access_token: taken.token.clone(),
                    life: (taken.held.since, taken.held.until),
                });
                self.save_what_was_not_saved(recall).await?;
                Ok(Some(taken))
            }
            Err(fault) => {
                // Of an unclear answer nobody knows whether it used the token up: the mark stays for its time.
                if !matches!(fault, Fault::Unclear { .. }) {
                    grants::end(&self.context.client, &namespace, &name).await?;
                }
                Ok(held_back(entrance, recall, TokenCall::Refresh, &fault))
            }
        }
    }

    /// A rotated refresh token exists nowhere else, so it is stored before anything else happens.
    async fn save_what_was_not_saved(&self, recall: &mut Recall) -> Result<(), ClusterError> {
        let Some(grant) = &recall.unsaved else { return Ok(()) };
        recall.kept = None;
        let (namespace, name) = self.place();
        let mut pause = Duration::from_millis(100);
        for _ in 0..6 {
            match grants::store(&self.context.client, &namespace, &name, grant).await {
                Ok(()) => {
                    recall.unsaved = None;
                    return Ok(());
                }
                // Its Secret goes with the account, and nobody will use it.
                Err(error) if error.is_not_found() && self.account.metadata.deletion_timestamp.is_some() => {
                    recall.unsaved = None;
                    return Ok(());
                }
                Err(error) => {
                    tracing::warn!(namespace, account = name, %error, "a rotated refresh token could not be stored; it is tried again");
                    tokio::time::sleep(pause).await;
                    pause *= 2;
                }
            }
        }
        grants::store(&self.context.client, &namespace, &name, grant).await?;
        recall.unsaved = None;
        Ok(())
    }

    async fn call<T>(
        &self,
        operation: &'static str,
        asked: impl Future<Output = Result<T, Fault>>,
    ) -> Result<Result<T, Fault>, PassError> {
        self.desk
            .pass_within(Lane::Person, Duration::from_secs(10))
            .await
            .map_err(PassError::HeldBack)?;
        if !self.context.fence.holds() {
            return Err(PassError::NotLeading);
        }
        let since = clock::instant();
        let result = aside(asked).await;
        self.desk.note(operation, &result, since);
        Ok(result)
    }
}

fn seen(entrance: &Entrance, recall: &Recall, stored: &StoredGrant) -> TokenSeen {
    let own = recall.hold.as_ref().map(|(_, hold)| hold.clone());
    TokenSeen {
        now: clock::now(),
        held: recall.grant.as_ref().map(|grant| grant.held),
        hold: entrance.shared.hold().or(own),
        reminted_at: recall.reminted_at,
        rotating_since: stored.rotating_since,
    }
}

fn taken(stem: &str, grant: &TokenGrant) -> Grant {
    let since = clock::now();
    Grant {
        stem: stem.to_owned(),
        token: grant.access_token.clone(),
        held: Held {
            since,
            until: later(since, grant.expires_in),
            denied: false,
        },
    }
}

/// Remembers why nothing was given; what concerns the login concerns everybody who uses it.
fn held_back(entrance: &Entrance, recall: &mut Recall, call: TokenCall, fault: &Fault) -> Option<Grant> {
    let shared = entrance.shared.hold();
    let own = recall.hold.as_ref().map(|(_, hold)| hold.clone());
    let hold = hold_after(call, fault, shared.or(own).as_ref(), clock::now());
    let of_the_login = match (call, &hold.cause) {
        (TokenCall::Machine, _) | (TokenCall::Refresh, Cause::Partner(_)) => true,
        (TokenCall::Exchange | TokenCall::Refresh, _) => false,
    };
    if of_the_login {
        entrance.shared.refuse(hold);
    } else {
        recall.hold = Some((entrance.login.clone(), hold));
    }
    None
}
