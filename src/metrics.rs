//! Every metric and its labels; all labels are words of this code, never of a user or the service.

use std::{
    sync::{Mutex, OnceLock, PoisonError},
    time::Duration,
};

use prometheus_client::{
    encoding::{EncodeLabelSet, text},
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
    registry::Registry,
};

use crate::model::{CreateOutcome, Fault, NotSent};

/// The labels of a call.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Call {
    operation: &'static str,
    outcome: &'static str,
}

/// The label of a pass.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Kind {
    kind: &'static str,
}

/// The label of an event.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Ruling {
    ruling: &'static str,
}

/// The label of a create.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Outcome {
    outcome: &'static str,
}

/// The label of a lane.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Lane {
    lane: &'static str,
}

/// The labels of a group of channels.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, EncodeLabelSet)]
pub struct Group {
    /// The transport.
    pub transport: &'static str,
    /// `active`, `init`, `disabled`, `other`, or `none` while there is no channel.
    pub status: &'static str,
    /// Reason of `ActionRequired`; empty while nobody must act.
    pub action: &'static str,
}

/// What is counted anew for each scrape.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Census {
    /// Channels by group.
    pub channels: std::collections::BTreeMap<Group, i64>,
    /// Accounts.
    pub accounts: i64,
    /// Accounts whose circuit breaker is open.
    pub open_breakers: i64,
    /// Requests that wait for an account's limiter, by lane.
    pub waiting: Vec<(&'static str, i64)>,
}

/// All metrics of the process.
pub struct Metrics {
    registry: Registry,
    calls: Family<Call, Counter>,
    seconds: Histogram,
    passes: Family<Kind, Counter>,
    failed_passes: Family<Kind, Counter>,
    qr_events: Family<Ruling, Counter>,
    webhooks: Family<Ruling, Counter>,
    webhook_age: Histogram,
    intents: Family<Outcome, Counter>,
    connected: Histogram,
    limited: Family<Lane, Histogram>,
    channels: Family<Group, Gauge>,
    accounts: Gauge,
    open_breakers: Gauge,
    waiting: Family<Lane, Gauge>,
    leading: Gauge,
    suspected_twins: Counter,
    census: OnceLock<Box<dyn Fn() -> Census + Send + Sync>>,
    scrape: Mutex<()>,
}

fn limiter_histogram() -> Histogram {
    Histogram::new([0.001, 0.01, 0.1, 0.5, 1.0, 5.0, 10.0, 60.0])
}

impl Default for Metrics {
    fn default() -> Self {
        let all = Self {
            registry: Registry::with_prefix("wazzup_operator"),
            calls: Family::default(),
            seconds: Histogram::new([0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0]),
            passes: Family::default(),
            failed_passes: Family::default(),
            qr_events: Family::default(),
            webhooks: Family::default(),
            webhook_age: Histogram::new([0.5, 1.0, 2.0, 5.0, 15.0, 60.0, 300.0, 3_600.0]),
            intents: Family::default(),
            connected: Histogram::new([1.0, 5.0, 15.0, 60.0, 300.0, 1_800.0, 7_200.0, 86_400.0]),
            limited: Family::new_with_constructor(limiter_histogram),
            channels: Family::default(),
            accounts: Gauge::default(),
            open_breakers: Gauge::default(),
            waiting: Family::default(),
            leading: Gauge::default(),
            suspected_twins: Counter::default(),
            census: OnceLock::new(),
            scrape: Mutex::default(),
        };
        all.registered()
    }
}

impl Metrics {
    fn registered(mut self) -> Self {
        let to = &mut self.registry;
        to.register(
            "api_calls",
            "Calls to Wazzup by operation and outcome",
            self.calls.clone(),
        );
        to.register(
            "api_call_seconds",
            "How long calls to Wazzup took",
            self.seconds.clone(),
        );
        to.register("passes", "Passes over objects", self.passes.clone());
        to.register(
            "failed_passes",
            "Passes that ended in an error",
            self.failed_passes.clone(),
        );
        to.register("qr_events", "QR events by what became of them", self.qr_events.clone());
        let help = "Requests to the webhook receiver by what became of them";
        to.register("webhooks", help, self.webhooks.clone());
        let help = "How old events were when they arrived";
        to.register("webhook_age_seconds", help, self.webhook_age.clone());
        let help = "Create intents by outcome: created, refused, not_sent, unknown; then found, repeated, asked";
        to.register("intents", help, self.intents.clone());
        let help = "How long channels took from their object, or from their last loss, to being connected";
        to.register("connect_seconds", help, self.connected.clone());
        let help = "How long requests waited for their account's limiter, by lane";
        to.register("limiter_wait_seconds", help, self.limited.clone());
        let help = "Requests that wait for their account's limiter, by lane";
        to.register("limiter_waiting", help, self.waiting.clone());
        let help = "Accounts whose circuit breaker is open";
        to.register("open_breakers", help, self.open_breakers.clone());
        let help = "Channels by transport, status at Wazzup and what a person must do";
        to.register("channels", help, self.channels.clone());
        to.register("accounts", "Accounts", self.accounts.clone());
        let help = "Channels that turned up after a create without a clear answer";
        to.register("suspected_twins", help, self.suspected_twins.clone());
        to.register("leading", "1 while this replica leads", self.leading.clone());
        self
    }

    /// Says how to count what is counted anew for each scrape; the first one stays.
    pub fn count_by(&self, census: impl Fn() -> Census + Send + Sync + 'static) {
        let _ = self.census.set(Box::new(census));
    }

    /// Counts a call to Wazzup.
    pub fn call<T>(&self, operation: &'static str, result: &Result<T, Fault>, took: Duration) {
        let outcome = match result {
            Ok(_) => "ok",
            Err(fault) => outcome_word(fault),
        };
        self.calls.get_or_create(&Call { operation, outcome }).inc();
        self.seconds.observe(took.as_secs_f64());
    }

    /// Counts a pass.
    pub fn pass(&self, kind: &'static str, failed: bool) {
        self.passes.get_or_create(&Kind { kind }).inc();
        if failed {
            self.failed_passes.get_or_create(&Kind { kind }).inc();
        }
    }

    /// Counts a QR event.
    pub fn qr_event(&self, ruling: &'static str) {
        self.qr_events.get_or_create(&Ruling { ruling }).inc();
    }

    /// Counts a request to the webhook receiver.
    pub fn webhook(&self, receipt: &'static str) {
        self.webhooks.get_or_create(&Ruling { ruling: receipt }).inc();
    }

    /// Notes how old an event was.
    pub fn webhook_age(&self, age: Duration) {
        self.webhook_age.observe(age.as_secs_f64());
    }

    /// Counts what became of a create.
    pub fn create(&self, outcome: &CreateOutcome) {
        self.intent(match outcome {
            CreateOutcome::Created(_) => "created",
            CreateOutcome::Refused(_) => "refused",
            CreateOutcome::NotSent(_) => "not_sent",
            CreateOutcome::Unknown(_) => "unknown",
        });
    }

    /// Counts what became of an intent whose create had no clear answer.
    pub fn intent(&self, outcome: &'static str) {
        self.intents.get_or_create(&Outcome { outcome }).inc();
    }

    /// Notes how long a channel took to be connected.
    pub fn connected(&self, took: Duration) {
        self.connected.observe(took.as_secs_f64());
    }

    /// Notes how long a request waited for its account's limiter.
    pub fn limited(&self, lane: &'static str, waited: Duration) {
        self.limited.get_or_create(&Lane { lane }).observe(waited.as_secs_f64());
    }

    /// Counts a channel that may have come from a create without a clear answer.
    pub fn suspected_twin(&self) {
        self.suspected_twins.inc();
    }

    /// Says whether this replica leads.
    pub fn leading(&self, leads: bool) {
        self.leading.set(i64::from(leads));
    }

    /// The text that a scrape gets, in `OpenMetrics` form.
    pub fn render(&self) -> String {
        let _one_at_a_time = self.scrape.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(census) = self.census.get() {
            self.take(&census());
        }
        let mut page = String::new();
        if text::encode(&mut page, &self.registry).is_err() {
            tracing::debug!("the metrics could not be written");
        }
        page
    }

    fn take(&self, census: &Census) {
        self.channels.clear();
        for (group, count) in &census.channels {
            self.channels.get_or_create(group).set(*count);
        }
        self.accounts.set(census.accounts);
        self.open_breakers.set(census.open_breakers);
        for (lane, count) in &census.waiting {
            self.waiting.get_or_create(&Lane { lane }).set(*count);
        }
    }
}

/// One word for a fault, for labels and logs.
pub fn outcome_word(fault: &Fault) -> &'static str {
    match fault {
        Fault::Denied { .. } => "denied",
        Fault::Missing { .. } => "missing",
        Fault::Rejected { .. } => "rejected",
        Fault::Throttled { .. } => "throttled",
        Fault::NotSent {
            kind: NotSent::Connect | NotSent::HostNotAllowed | NotSent::HeldBack,
            ..
        } => "not_sent",
        Fault::Unclear { .. } => "unclear",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scrape_counts_anew_and_forgets_groups_that_are_gone() {
        let metrics = Metrics::default();
        let now = std::sync::Arc::new(Mutex::new(Census::default()));
        let shared = now.clone();
        metrics.count_by(move || shared.lock().unwrap().clone());
        let group = Group {
            transport: "viber",
            status: "init",
            action: "ScanQr",
        };
        now.lock().unwrap().channels.insert(group, 3);
        let page = metrics.render();
        let line = r#"wazzup_operator_channels{transport="viber",status="init",action="ScanQr"} 3"#;
        assert!(page.contains(line), "{page}");
        now.lock().unwrap().channels.clear();
        assert!(!metrics.render().contains("viber"));
    }

    #[test]
    fn every_outcome_of_a_call_has_its_own_word() {
        let metrics = Metrics::default();
        let unclear = Fault::Unclear { why: "reset".into() };
        metrics.call::<()>("create_channel", &Err(unclear.clone()), Duration::from_millis(3));
        metrics.create(&CreateOutcome::Unknown(unclear));
        let page = metrics.render();
        for line in [
            r#"wazzup_operator_api_calls_total{operation="create_channel",outcome="unclear"} 1"#,
            r#"wazzup_operator_intents_total{outcome="unknown"} 1"#,
        ] {
            assert!(page.contains(line), "{page}");
        }
    }
}
