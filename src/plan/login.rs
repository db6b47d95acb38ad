//! A channel that exists: what its status and reason ask for.

use std::time::Duration;

use super::{
    Call, Memory, Need, Note, Plan, Progress, ReinitPolicy, Seen, Sink, SinkOrder, Supply, Verdict, Wake, Wish,
    create::{remaining, requested},
    gone,
    memory::RefusedCall,
    twins, words,
};
use crate::model::{Login, Reason, RemoteChannel, Status};

/// One rung for every row of the service's table of statuses and reasons.
pub(super) fn plan(seen: &Seen, wish: &Wish, channel: &RemoteChannel) -> Plan {
    let mut memory = seen.memory.clone();
    memory.channel_id = Some(channel.id.clone());
    memory.was_seen = true;
    memory.missing_since = None;
    memory.loss_believed = false;
    memory.url = match (&channel.url, &channel.status) {
        (Some(url), _) => Some(url.clone()),
        (None, Some(Status::Active)) => None,
        (None, _) => memory.url,
    };
    // Of a login that a person makes, what is shown tells more than a lost answer would.
    if channel.status == Some(Status::Init) || !matches!(wish.transport.login(), Login::Secret { .. }) {
        memory.reinit_unanswered = None;
    }
    let recorded =
        seen.object.finalizer && seen.object.channel_id.as_ref() == Some(&channel.id) && seen.object.intent.is_none();
    // A manifest that names a channel while a create is unclear: what that one has made is told when it turns up.
    if let Some(intent) = &seen.object.intent
        && wish.adopt.is_some()
        && !matches!(wish.transport.login(), Login::Iframe)
        && !twins::told(seen, intent, &[])
    {
        memory.repeated = Some(twins::repeated(seen, intent, &[]));
        let verdict = Verdict::Waiting(Progress::Connecting, "the channel of the manifest was found".to_owned());
        return Plan::say(memory, verdict, Wake::LookAfter(Duration::ZERO));
    }
    let pass = Pass { seen, wish, channel };
    let mut plan = pass.rung(memory);
    if plan.note.is_none() && !recorded {
        plan.note = Some(Note::RecordId(channel.id.clone()));
    }
    plan
}

pub(super) struct Pass<'a> {
    pub(super) seen: &'a Seen,
    pub(super) wish: &'a Wish,
    pub(super) channel: &'a RemoteChannel,
}

impl Pass<'_> {
    fn rung(&self, memory: Memory) -> Plan {
        if requested(
            self.seen.object.requests.reinit.as_ref(),
            self.seen.memory.handled.reinit.as_ref(),
        ) {
            return self.on_request(memory);
        }
        let status = match (&self.channel.status, &self.channel.reason) {
            (Some(status), _) => status.clone(),
            (None, Some(reason)) => match reason.implied_status() {
                Some(status) => status,
                None => return self.unrecognized(memory),
            },
            (None, None) => return self.unrecognized(memory),
        };
        match (status, &self.channel.reason) {
            (Status::Active, _) => self.active(memory),
            (Status::Init, None | Some(Reason::Qr | Reason::Sync)) => self.starting(memory),
            (Status::Init, Some(Reason::WaitForPassword)) => self.password(memory),
            (Status::Init, Some(Reason::WaitForCode)) => person(
                memory,
                Need::EnterCode,
                "the messenger asks for a code that no documented request takes: contact Wazzup's support",
            ),
            (Status::Disabled, Some(Reason::Unauthorized)) => self.unauthorized(memory),
            (Status::Disabled, Some(Reason::QrIdle)) => self.qr_idle(memory),
            (Status::Disabled, Some(Reason::OpenElsewhere)) => {
                let again = words::request_command(&self.seen.object, "reinit-requested-at");
                let what =
                    format!("the messenger account was opened in another Wazzup account; to take it back: {again}");
                person(memory, Need::OpenedElsewhere, &what)
            }
            (Status::Disabled, Some(Reason::ForeignPhone)) => {
                let again = words::request_command(&self.seen.object, "reinit-requested-at");
                let what =
                    format!("the QR was scanned with another phone; scan with the channel's own one after: {again}");
                person(memory, Need::WrongPhone, &what)
            }
            (Status::Disabled, Some(Reason::NotEnoughMoney)) => person(
                memory,
                Need::PayForChannel,
                "the channel is unpaid: put it into a paid subscription in the Wazzup cabinet",
            ),
            (Status::Disabled, Some(Reason::Blocked)) => person(
                memory,
                Need::ContactSupport,
                "the messenger blocked the channel: contact Wazzup's support",
            ),
            (Status::Disabled, Some(Reason::Rejected)) => person(
                memory,
                Need::ContactSupport,
                "the WABA channel was rejected: contact Wazzup's support",
            ),
            (Status::Disabled, None) => self.removed(memory),
            (Status::Init | Status::Disabled, Some(_)) | (Status::Other(_), _) => self.unrecognized(memory),
        }
    }

    fn active(&self, mut memory: Memory) -> Plan {
        if memory.reinit_unanswered.is_none() {
            memory.reinits = 0;
            memory.last_reinit_at = None;
        }
        // It has served; the next login may use it once more.
        memory.two_factor_hash = None;
        memory.qr_since = None;
        memory.pairing_asked_for = None;
        memory.pairing_given = false;
        memory.link_at = None;
        // A pairing request is about a login; a channel that is connected has had it.
        memory.handled.pairing.clone_from(&self.seen.object.requests.pairing);
        // So is one to make again what is there: kept, it would count when the channel is lost one day.
        memory.handled.recreate.clone_from(&self.seen.object.requests.recreate);
        if self.keeps_refusal(&memory) {
            return self.credentials_refused(memory);
        }
        memory.refusal = None;
        if let (Supply::Present { hash }, Login::Secret { .. }) = (&self.seen.credentials, self.wish.transport.login())
        {
            match &memory.credentials_hash {
                // Of an adopted channel nobody knows what it was connected with: what is there now counts.
                None => memory.credentials_hash = Some(hash.clone()),
                Some(last) if last == hash => {
                    if let Some(plan) = self.unanswered(&memory) {
                        return plan;
                    }
                }
                Some(_) => return self.reinit(memory, "the credentials changed"),
            }
        }
        memory.setback = None;
        Plan {
            sink: SinkOrder::Withdraw,
            ..Plan::say(memory, Verdict::Connected, Wake::OnChange)
        }
    }

    /// Whether new credentials were refused and are still the ones in the Secret.
    fn keeps_refusal(&self, memory: &Memory) -> bool {
        let same = match &self.seen.credentials {
            Supply::Present { hash } => memory.credentials_hash.as_ref() == Some(hash),
            Supply::NotNeeded | Supply::Missing(_) | Supply::Hidden(_) => true,
        };
        same && memory
            .refusal
            .as_ref()
            .is_some_and(|refusal| refusal.call == RefusedCall::Reinit)
    }

    fn starting(&self, mut memory: Memory) -> Plan {
        match self.wish.transport.login() {
            _ if self.channel.reason == Some(Reason::Sync) => self.syncing(memory),
            Login::Qr => self.qr(memory),
            // Without a link the answer that held it was lost, and not every list repeats it.
            Login::Link => self.follow_url(memory),
            Login::Iframe => match self.seen.sink {
                Sink::Shown { link: true, .. } => {
                    let what = words::follow_link_in_sink(self.seen, self.wish);
                    person(memory, Need::FollowLink, &what)
                }
                Sink::Shown { .. } | Sink::Absent | Sink::Foreign => self.syncing(memory),
            },
            Login::Secret { .. } => {
                if memory.credentials_hash.is_none()
                    && let Supply::Present { hash } = &self.seen.credentials
                {
                    memory.credentials_hash = Some(hash.clone());
                }
                self.syncing(memory)
            }
        }
    }

    pub(super) fn syncing(&self, memory: Memory) -> Plan {
        let progress = match self.channel.reason {
            Some(Reason::Sync) => Progress::Syncing,
            Some(_) | None => Progress::Connecting,
        };
        Plan::say(
            memory,
            Verdict::Waiting(progress, "the channel is starting up at Wazzup".to_owned()),
            Wake::OnChange,
        )
    }

    fn follow_url(&self, memory: Memory) -> Plan {
        let what = words::follow_url(&self.seen.object, memory.url.as_ref());
        person(memory, Need::FollowLink, &what)
    }

    fn unauthorized(&self, memory: Memory) -> Plan {
        if self.wish.reinit == ReinitPolicy::OnRequest {
            return self.only_on_request(memory);
        }
        match self.wish.transport.login() {
            Login::Secret { reusable, .. } => self.unauthorized_secret(memory, reusable),
            Login::Qr if memory.reinits == 0 => self.fresh_qr(memory, "the messenger logged the channel out"),
            Login::Qr => {
                let what = self.new_qr_message("the messenger logged the channel out");
                Plan {
                    sink: SinkOrder::Withdraw,
                    ..person(memory, Need::RequestNewQr, &what)
                }
            }
            Login::Link if memory.reinits == 0 => self.reinit(memory, "the channel was logged out"),
            Login::Link => self.follow_url(memory),
            Login::Iframe => self.iframe_again(memory),
        }
    }

    pub(super) fn only_on_request(&self, memory: Memory) -> Plan {
        let (need, why) = match self.wish.transport.login() {
            Login::Qr => (Need::RequestNewQr, "the channel needs a new login"),
            Login::Secret { .. } => (
                Need::FixCredentials,
                "the channel was logged out and reinitPolicy is OnRequest",
            ),
            Login::Link | Login::Iframe => (
                Need::FollowLink,
                "the channel was logged out and reinitPolicy is OnRequest",
            ),
        };
        let again = words::request_command(&self.seen.object, "reinit-requested-at");
        let what = format!("{why}; to reinitialize it: {again}");
        Plan {
            sink: SinkOrder::Withdraw,
            ..person(memory, need, &what)
        }
    }

    fn iframe_again(&self, memory: Memory) -> Plan {
        if memory.link_at.is_some() {
            let what = words::follow_link_in_sink(self.seen, self.wish);
            return person(memory, Need::FollowLink, &what);
        }
        if let Some(refusal) = memory
            .refusal
            .clone()
            .filter(|refusal| refusal.call == RefusedCall::Link)
        {
            let left = remaining(refusal.at, self.seen.timing.refused, self.seen.now);
            if !left.is_zero() {
                let what = words::link_refused(&self.seen.object, &refusal.words);
                return Plan {
                    wake: Wake::After(left),
                    ..person(memory, Need::FollowLink, &what)
                };
            }
        }
        let verdict = Verdict::Waiting(Progress::Reinitializing, "a login link is being asked for".to_owned());
        let call = Some(Call::OpenLink(Some(self.channel.id.clone())));
        Plan {
            call,
            ..Plan::say(memory, verdict, Wake::OnChange)
        }
    }

    fn removed(&self, memory: Memory) -> Plan {
        let asked = requested(
            self.seen.object.requests.recreate.as_ref(),
            memory.handled.recreate.as_ref(),
        );
        if asked && self.wish.adopt.is_none() {
            return gone::forget(self.seen);
        }
        let again = words::request_command(&self.seen.object, "recreate-requested-at");
        let what = format!(
            "the channel was removed from its subscription, or deleted while its messages were kept; mend it in the Wazzup cabinet, or make a new one: {again}"
        );
        Plan {
            sink: SinkOrder::Withdraw,
            ..person(memory, Need::RemovedOrUnsubscribed, &what)
        }
    }

    fn on_request(&self, mut memory: Memory) -> Plan {
        memory.handled.reinit.clone_from(&self.seen.object.requests.reinit);
        memory.reinits = 0;
        // A person asks for a new login: the password may be used for it.
        memory.two_factor_hash = None;
        memory.qr_since = None;
        memory.refusal = None;
        match (self.wish.transport.login(), &self.seen.credentials) {
            (Login::Iframe, _) => {
                memory.link_at = None;
                self.iframe_again(memory)
            }
            (Login::Secret { .. }, Supply::Missing(what)) => {
                memory.handled.reinit.clone_from(&self.seen.memory.handled.reinit);
                person(
                    memory,
                    Need::FixCredentials,
                    &words::make_credentials(self.seen, self.wish, what),
                )
            }
            (Login::Secret { .. }, Supply::NotNeeded | Supply::Hidden(_)) => {
                memory.handled.reinit.clone_from(&self.seen.memory.handled.reinit);
                let verdict = Verdict::Waiting(
                    Progress::BackingOff,
                    "the credentials Secret could not be read".to_owned(),
                );
                Plan::say(memory, verdict, Wake::After(self.seen.timing.second_look))
            }
            (Login::Secret { .. }, Supply::Present { .. }) | (Login::Qr | Login::Link, _) => Plan {
                sink: SinkOrder::Withdraw,
                ..self.reinit(memory, "asked for by annotation")
            },
        }
    }

    pub(super) fn reinit(&self, mut memory: Memory, why: &str) -> Plan {
        memory.reinits = memory.reinits.saturating_add(1);
        memory.last_reinit_at = Some(self.seen.now);
        memory.reinit_unanswered = Some(self.seen.now);
        memory.refusal = None;
        memory.qr_since = None;
        memory.pairing_given = false;
        if let (Supply::Present { hash }, Login::Secret { .. }) = (&self.seen.credentials, self.wish.transport.login())
        {
            memory.credentials_hash = Some(hash.clone());
        }
        let verdict = Verdict::Waiting(
            Progress::Reinitializing,
            format!("the channel is being reinitialized: {why}"),
        );
        Plan {
            call: Some(Call::Reinit(self.channel.id.clone())),
            ..Plan::say(memory, verdict, Wake::OnChange)
        }
    }

    fn unrecognized(&self, memory: Memory) -> Plan {
        let status = self.channel.status.as_ref().map_or("none", Status::as_str);
        let reason = self.channel.reason.as_ref().map_or("none", Reason::as_str);
        let words = format!(
            "Wazzup says status {status}, reason {reason}, which this version of the operator does not know; nothing is done"
        );
        Plan::say(memory, Verdict::Unrecognized(words), Wake::OnChange)
    }
}

pub(super) fn person(memory: Memory, need: Need, what: &str) -> Plan {
    Plan::say(memory, Verdict::Person(need, what.to_owned()), Wake::OnChange)
}
