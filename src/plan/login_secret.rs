//! Logging in by a Secret: bot tokens, and the two-factor password.

use std::time::Duration;

use super::{
    Call, Memory, Need, Plan, Progress, RefusedCall, SinkOrder, Supply, Verdict, Wake,
    create::remaining,
    login::{Pass, person},
    words,
};
use crate::model::Login;

impl Pass<'_> {
    pub(super) fn password(&self, mut memory: Memory) -> Plan {
        match &self.seen.two_factor {
            Supply::Present { hash } if memory.two_factor_hash.as_ref() != Some(hash) => {
                memory.two_factor_hash = Some(hash.clone());
                memory.refusal = None;
                let verdict = Verdict::Waiting(
                    Progress::Connecting,
                    "the two-factor password is being submitted".to_owned(),
                );
                let call = Some(Call::SubmitTwoFactor(self.channel.id.clone()));
                Plan {
                    call,
                    sink: SinkOrder::Withdraw,
                    ..Plan::say(memory, verdict, Wake::OnChange)
                }
            }
            Supply::Hidden(why) => {
                let verdict = Verdict::Waiting(
                    Progress::Connecting,
                    format!("the two-factor Secret could not be read: {why}"),
                );
                Plan::say(memory, verdict, Wake::After(self.seen.timing.second_look))
            }
            Supply::Present { .. } => {
                let refused = memory
                    .refusal
                    .clone()
                    .filter(|refusal| refusal.call == RefusedCall::TwoFactor);
                let told = refused.map_or_else(|| "the service still asks for it".to_owned(), |refusal| refusal.words);
                let what = words::make_two_factor_secret(self.seen, self.wish, Some(&told));
                Plan {
                    sink: SinkOrder::Withdraw,
                    ..person(memory, Need::EnterPassword, &what)
                }
            }
            Supply::NotNeeded | Supply::Missing(_) => {
                let what = words::make_two_factor_secret(self.seen, self.wish, None);
                Plan {
                    sink: SinkOrder::Withdraw,
                    ..person(memory, Need::EnterPassword, &what)
                }
            }
        }
    }

    pub(super) fn unauthorized_secret(&self, mut memory: Memory, reusable: bool) -> Plan {
        let hash = match &self.seen.credentials {
            Supply::Present { hash } => hash.clone(),
            Supply::Missing(what) => {
                return person(
                    memory,
                    Need::FixCredentials,
                    &words::make_credentials(self.seen, self.wish, what),
                );
            }
            Supply::Hidden(why) => {
                let verdict = Verdict::Waiting(
                    Progress::BackingOff,
                    format!("the credentials Secret could not be read: {why}"),
                );
                return Plan::say(memory, verdict, Wake::After(self.seen.timing.second_look));
            }
            Supply::NotNeeded => {
                let what = words::make_credentials(self.seen, self.wish, "spec.credentialsSecretRef is missing");
                return person(memory, Need::FixCredentials, &what);
            }
        };
        if memory.credentials_hash.as_ref() != Some(&hash) {
            memory.reinits = 0;
            return self.reinit(memory, "the credentials changed");
        }
        if !reusable {
            let again = pause(&self.seen.timing.same_credentials, memory.reinits.saturating_sub(1));
            let lost = memory.reinit_unanswered.map(|at| remaining(at, again, self.seen.now));
            return match lost {
                Some(Duration::ZERO) => self.reinit(memory, "the answer to the last one was lost"),
                Some(left) => Plan {
                    wake: Wake::After(left),
                    ..self.credentials_refused(memory)
                },
                None => self.credentials_refused(memory),
            };
        }
        let pause = match memory.reinits {
            0 => return self.reinit(memory, "the channel was logged out"),
            count => pause(&self.seen.timing.same_credentials, count - 1),
        };
        let left = memory
            .last_reinit_at
            .map_or(Duration::ZERO, |at| remaining(at, pause, self.seen.now));
        if left.is_zero() {
            return self.reinit(memory, "the channel is still logged out");
        }
        Plan {
            wake: Wake::After(left),
            ..self.credentials_refused(memory)
        }
    }

    /// The channel works, but whether with the credentials that were last written down, nobody knows: the answer of that
    /// reinit was lost, or it was never sent. It is made again, ever more rarely. A code that serves once waits until it is
    /// needed.
    pub(super) fn unanswered(&self, memory: &Memory) -> Option<Plan> {
        let at = memory.reinit_unanswered?;
        match self.wish.transport.login() {
            Login::Secret { reusable: true, .. } => {}
            Login::Secret { reusable: false, .. } | Login::Qr | Login::Link | Login::Iframe => return None,
        }
        let pause = pause(&self.seen.timing.same_credentials, memory.reinits.saturating_sub(1));
        let left = remaining(at, pause, self.seen.now);
        if left.is_zero() {
            return Some(self.reinit(memory.clone(), "the answer to the last one was lost"));
        }
        Some(Plan {
            sink: SinkOrder::Withdraw,
            ..Plan::say(memory.clone(), Verdict::Connected, Wake::After(left))
        })
    }

    pub(super) fn credentials_refused(&self, memory: Memory) -> Plan {
        let told = memory
            .refusal
            .as_ref()
            .map_or("the service says unauthorized", |refusal| refusal.words.as_str());
        let what = words::make_credentials(
            self.seen,
            self.wish,
            &format!("the credentials no longer serve ({told})"),
        );
        person(memory, Need::FixCredentials, &what)
    }
}

/// The pause before the next try; the last one repeats.
fn pause(pauses: &[Duration], count: u32) -> Duration {
    let at = usize::try_from(count)
        .unwrap_or(usize::MAX)
        .min(pauses.len().saturating_sub(1));
    pauses.get(at).copied().unwrap_or(Duration::from_secs(3_600))
}
