//! Logging in by QR: shown, awaited, paired, renewed within a budget.

use std::time::Duration;

use jiff::Timestamp;

use super::{
    Account, Call, Memory, Need, Plan, Progress, ReinitPolicy, SinkOrder, Verdict, Wake, Webhooks,
    create::{remaining, requested},
    login::{Pass, person},
    memory::RefusedCall,
    words,
};

impl Pass<'_> {
    pub(super) fn qr(&self, mut memory: Memory) -> Plan {
        let Account::Usable { webhooks } = &self.seen.account else {
            return self.syncing(memory);
        };
        if let Some(qr_at) = self.seen.sink.qr_at() {
            memory.qr_since = None;
            if let Some(plan) = self.pairing(&memory, qr_at) {
                return plan;
            }
            let what = words::scan_qr(self.seen, self.wish);
            return person(memory, Need::ScanQr, &what);
        }
        if *webhooks == Webhooks::Off {
            return person(memory, Need::EnableWebhooks, &words::enable_webhooks());
        }
        if self.channel.reason.is_none() {
            return self.syncing(memory);
        }
        let since = *memory.qr_since.get_or_insert(self.seen.now);
        let left = remaining(since, self.seen.timing.qr_patience, self.seen.now);
        if left.is_zero() {
            memory.qr_since = None;
            return self.fresh_qr(memory, "no QR arrived; its event was probably lost");
        }
        let what = words::scan_qr(self.seen, self.wish);
        Plan {
            wake: Wake::After(left),
            ..person(memory, Need::ScanQr, &what)
        }
    }

    /// One code as soon as a QR arrives, and again on request; one that was refused because its QR died is asked for
    /// again with the next QR.
    pub(super) fn pairing(&self, memory: &Memory, qr_at: Timestamp) -> Option<Plan> {
        let phone = self.wish.pairing_phone.clone()?;
        let again = requested(
            self.seen.object.requests.pairing.as_ref(),
            memory.handled.pairing.as_ref(),
        );
        let due = again || (!memory.pairing_given && memory.pairing_asked_for != Some(qr_at));
        if !due {
            return None;
        }
        let mut memory = memory.clone();
        memory.pairing_asked_for = Some(qr_at);
        memory.pairing_given = false;
        if (memory.refusal.as_ref()).is_some_and(|refusal| refusal.call == RefusedCall::PairingCode) {
            memory.refusal = None;
        }
        memory.handled.pairing.clone_from(&self.seen.object.requests.pairing);
        let what = words::scan_qr(self.seen, self.wish);
        let call = Some(Call::RequestPairingCode(self.channel.id.clone(), phone));
        Some(Plan {
            call,
            ..person(memory, Need::ScanQr, &what)
        })
    }

    pub(super) fn qr_idle(&self, memory: Memory) -> Plan {
        if self.wish.reinit == ReinitPolicy::OnRequest {
            return self.only_on_request(memory);
        }
        self.fresh_qr(memory, "the QR ran out before anybody scanned it")
    }

    /// A reinit that yields a new QR, at most three of them with growing pauses, or a person's request.
    pub(super) fn fresh_qr(&self, memory: Memory, why: &str) -> Plan {
        let Some(budgeted) = usize::try_from(memory.reinits)
            .ok()
            .and_then(|count| self.seen.timing.fresh_qr.get(count))
        else {
            let what = self.new_qr_message(why);
            return Plan {
                sink: SinkOrder::Withdraw,
                ..person(memory, Need::RequestNewQr, &what)
            };
        };
        if self.wish.reinit == ReinitPolicy::OnRequest {
            return self.only_on_request(memory);
        }
        let left = memory
            .last_reinit_at
            .map_or(Duration::ZERO, |at| remaining(at, *budgeted, self.seen.now));
        if left.is_zero() {
            return Plan {
                sink: SinkOrder::Withdraw,
                ..self.reinit(memory, why)
            };
        }
        let verdict = Verdict::Waiting(
            Progress::BackingOff,
            format!("{why}; a fresh one is asked for after a pause"),
        );
        Plan {
            sink: SinkOrder::Withdraw,
            ..Plan::say(memory, verdict, Wake::After(left))
        }
    }

    pub(super) fn new_qr_message(&self, why: &str) -> String {
        let again = words::request_command(&self.seen.object, "reinit-requested-at");
        format!("{why}; when the phone is at hand, ask for a new QR: {again}")
    }
}
