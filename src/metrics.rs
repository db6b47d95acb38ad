//! Every metric and its labels; all labels are words of this code, never of a user or the service.

use std::time::Duration;

use prometheus_client::{
    encoding::{EncodeLabelSet, text},
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
    registry::Registry,
};

use crate::model::{Fault, NotSent};

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

/// All metrics of the process.
pub struct Metrics {
    registry: Registry,
    calls: Family<Call, Counter>,
    seconds: Histogram,
    passes: Family<Kind, Counter>,
    failed_passes: Family<Kind, Counter>,
    qr_events: Family<Ruling, Counter>,
    webhooks: Family<Ruling, Counter>,
    leading: Gauge,
    suspected_twins: Counter,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("wazzup_operator");
        let calls = Family::default();
        let seconds = Histogram::new([0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0]);
        let (passes, failed_passes) = (Family::default(), Family::default());
        let (qr_events, webhooks) = (Family::default(), Family::default());
        let leading = Gauge::default();
        registry.register("api_calls", "Calls to Wazzup by operation and outcome", calls.clone());
        registry.register("api_call_seconds", "How long calls to Wazzup took", seconds.clone());
        registry.register("passes", "Passes over objects", passes.clone());
        registry.register("failed_passes", "Passes that ended in an error", failed_passes.clone());
        registry.register("qr_events", "QR events by what became of them", qr_events.clone());
        registry.register(
            "webhooks",
            "Requests to the webhook receiver by what became of them",
            webhooks.clone(),
        );
        let suspected_twins = Counter::default();
        registry.register(
            "suspected_twins",
            "Channels that turned up after a create was repeated",
            suspected_twins.clone(),
        );
        registry.register("leading", "1 while this replica leads", leading.clone());
        Self {
            registry,
            calls,
            seconds,
            passes,
            failed_passes,
            qr_events,
            webhooks,
            leading,
            suspected_twins,
        }
    }
}

impl Metrics {
    /// Counts a call to Wazzup.
    pub fn call<T>(&self, operation: &'static str, result: &Result<T, Fault>, took: Duration) {
        let outcome = match result {
            Ok(_) => "ok",
            Err(Fault::Denied { .. }) => "denied",
            Err(Fault::Missing { .. }) => "missing",
            Err(Fault::Rejected { .. }) => "rejected",
            Err(Fault::Throttled { .. }) => "throttled",
            Err(Fault::NotSent {
                kind: NotSent::Connect | NotSent::HostNotAllowed | NotSent::HeldBack,
                ..
            }) => "not_sent",
            Err(Fault::Unclear { .. }) => "unclear",
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

    /// Counts a channel that may have come from a create that was repeated.
    pub fn suspected_twin(&self) {
        self.suspected_twins.inc();
    }

    /// Says whether this replica leads.
    pub fn leading(&self, leads: bool) {
        self.leading.set(i64::from(leads));
    }

    /// The text that a scrape gets, in `OpenMetrics` form.
    pub fn render(&self) -> String {
        let mut page = String::new();
        if text::encode(&mut page, &self.registry).is_err() {
            tracing::debug!("the metrics could not be written");
        }
        page
    }
}
