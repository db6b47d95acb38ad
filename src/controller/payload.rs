//! What a call sends besides ids.

use super::{act::PassError, context::Context, desk::Standing, supplies};
use crate::{
    api::WazzupChannel,
    model::{Credentials, Sensitive},
    plan::{Call, Seen, Supply, Wish},
};

/// The values of the Secrets that a call needs.
pub(super) enum Payload {
    Nothing,
    Credentials(Credentials),
    Password(Sensitive<String>),
}

/// Fetches them, before anything is written. Values that are others than the plan was made for end the pass.
pub(super) async fn payload(
    context: &Context,
    channel: &WazzupChannel,
    seen: &Seen,
    wish: &Wish,
    call: &Call,
    standing: &Standing,
) -> Result<Payload, PassError> {
    let Some(keys) = &standing.keys else {
        return Ok(Payload::Nothing);
    };
    match call {
        Call::Create { .. } | Call::Reinit(_) => {
            if wish.transport.credential_keys().is_empty() {
                return Ok(Payload::Credentials(Credentials::empty()));
            }
            let fetched = supplies::fetch_credentials(context, channel, wish.transport, keys).await;
            match fetched.filter(|fetched| is(&seen.credentials, &fetched.hash)) {
                Some(fetched) => Ok(Payload::Credentials(fetched.value)),
                None => Err(PassError::Outdated),
            }
        }
        Call::SubmitTwoFactor(_) => {
            let fetched = supplies::fetch_password(context, channel, keys).await;
            match fetched.filter(|fetched| is(&seen.two_factor, &fetched.hash)) {
                Some(fetched) => Ok(Payload::Password(fetched.value)),
                None => Err(PassError::Outdated),
            }
        }
        Call::RequestPairingCode(..) | Call::OpenLink(_) | Call::Delete { .. } => Ok(Payload::Nothing),
    }
}

fn is(supply: &Supply, hash: &str) -> bool {
    matches!(supply, Supply::Present { hash: planned } if planned == hash)
}
