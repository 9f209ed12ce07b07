//! The metrics with labels, and how any metric gets its name and its place in the registry.

use prometheus::core::Collector;
use prometheus::{
    CounterVec, Gauge, GaugeVec, Histogram, HistogramOpts, IntCounter, IntCounterVec, IntGauge, IntGaugeVec,
    Opts, Registry,
};

use super::label::{AuthReason, CallState, DebitFailure, PacketDirection, PacketDrop, RegistrationLabel};

const PREFIX: &str = "tollgate_";
/// The carrier label of the customers' side.
pub(super) const NONE: &str = "";

/// Metrics with labels.
pub(super) struct Vectors {
    pub(super) call_attempts: IntCounterVec,
    pub(super) sip_responses: IntCounterVec,
    pub(super) answered_call_seconds: CounterVec,
    pub(super) calls_active: IntGaugeVec,
    pub(super) carrier_up: GaugeVec,
    pub(super) carrier_calls: IntGaugeVec,
    pub(super) registrations: IntGaugeVec,
    pub(super) auth_rejected: IntCounterVec,
    pub(super) debit_failures: IntCounterVec,
    pub(super) notices: IntCounterVec,
    pub(super) callers_verified: IntCounterVec,
    pub(super) callers_signed: IntCounterVec,
    pub(super) one_way_calls: IntCounterVec,
    pub(super) false_answers: IntCounterVec,
    pub(super) rtp_packets: IntCounterVec,
    pub(super) rtp_packets_dropped: IntCounterVec,
    pub(super) media_sessions: IntGaugeVec,
    pub(super) feed_lag_entries: IntGaugeVec,
    pub(super) feed_failures: IntCounterVec,
    pub(super) feed_given_up: IntCounterVec,
    pub(super) slice_units: IntGaugeVec,
    pub(super) trace_messages: IntCounterVec,
    pub(super) trace_lost: IntCounterVec,
}

/// The registry refused a name or a label; a fault of this crate, found at start.
#[derive(Debug, thiserror::Error)]
#[error("metrics: {0}")]
pub struct MetricsError(#[from] prometheus::Error);

/// Help of `trace_messages_total`.
const TRACED: &str = "SIP messages written to files or sent to Homer.";
/// Help of `trace_messages_lost_total`.
const TRACE_LOST: &str = "SIP messages that were to be written or sent and were not.";

/// Help of `callers_verified_total`.
const VERIFIED: &str = "Signatures of callers' numbers looked at, by what came of it.";
/// Help of `callers_signed_total`.
const SIGNED: &str = "Callers' numbers signed toward carriers, by level.";
/// Help of `one_way_calls_total`.
const ONE_WAY: &str = "Answered relayed calls in which one side was never heard.";
/// Help of `false_answers_total`.
const FALSE_ANSWERS: &str = "Relayed calls that a carrier answered without sound, or ringing on.";
/// Help of `answered_call_seconds_total`.
const ANSWERED: &str = "Seconds of ended answered calls, before increments.";

impl Vectors {
    pub(super) fn register(r: &Registry) -> Result<Self, MetricsError> {
        let counters = |name, help, labels: &[&str]| counters(r, name, help, labels);
        let gauges = |name, help, label| gauges(r, name, help, label);
        let vectors = Self {
            call_attempts: counters(
                "call_attempts_total",
                "Call attempts by how they ended.",
                &["side", "carrier", "outcome"],
            )?,
            sip_responses: counters(
                "sip_responses_total",
                "Final SIP responses: sent to customers, received from carriers.",
                &["side", "carrier", "code"],
            )?,
            answered_call_seconds: keep(
                r,
                CounterVec::new(opts("answered_call_seconds_total", ANSWERED), &["carrier"])?,
            )?,
            calls_active: gauges("calls_active", "Calls by state.", "state")?,
            carrier_up: states(r, "carrier_up", "1 if calls are sent to this carrier.", &["carrier"])?,
            carrier_calls: gauges("carrier_calls", "Calls on this carrier now.", "carrier")?,
            registrations: gauges("registrations", "Registrations by how they stand.", "state")?,
            auth_rejected: counters("auth_rejected_total", "Requests of nobody that we know.", &["reason"])?,
            debit_failures: counters(
                "debit_failures_total",
                "Reserves, extensions and debits refused.",
                &["reason"],
            )?,
            notices: counters("notices_total", "Notices to accounts' owners, by kind.", &["kind"])?,
            callers_verified: counters("callers_verified_total", VERIFIED, &["verstat"])?,
            callers_signed: counters("callers_signed_total", SIGNED, &["attestation"])?,
            one_way_calls: counters("one_way_calls_total", ONE_WAY, &["side"])?,
            false_answers: counters("false_answers_total", FALSE_ANSWERS, &["carrier"])?,
            rtp_packets: counters("rtp_packets_total", "RTP packets relayed.", &["direction"])?,
            rtp_packets_dropped: counters(
                "rtp_packets_dropped_total",
                "RTP packets not relayed.",
                &["reason"],
            )?,
            media_sessions: gauges("media_sessions", "Legs whose media is relayed now.", "kind")?,
            feed_lag_entries: gauges(
                "feed_lag_entries",
                "Durable journal entries that a feed has not passed.",
                "feed",
            )?,
            feed_failures: counters(
                "feed_failures_total",
                "Deliveries of a feed that failed and are tried again.",
                &["feed"],
            )?,
            feed_given_up: counters(
                "feed_given_up_total",
                "Messages that a feed will never deliver.",
                &["feed"],
            )?,
            trace_messages: counters("trace_messages_total", TRACED, &["to"])?,
            trace_lost: counters("trace_messages_lost_total", TRACE_LOST, &["to"])?,
            slice_units: gauges(
                "slice_units",
                "Held of balances that the central ledger lent, in 1e-5 units.",
                "currency",
            )?,
        };
        vectors.begin_series();
        Ok(vectors)
    }

    /// Series with fixed labels are there from the start, so that a rate over them is right from the first
    /// event.
    fn begin_series(&self) {
        for state in CallState::ALL {
            self.calls_active.with_label_values(&[state.as_str()]).set(0);
        }
        for kind in ["rtp", "udptl"] {
            self.media_sessions.with_label_values(&[kind]).set(0);
        }
        for state in RegistrationLabel::ALL {
            self.registrations.with_label_values(&[state.as_str()]).set(0);
        }
        for (vector, labels) in [
            (&self.auth_rejected, AuthReason::ALL.iter().map(|l| l.as_str()).collect::<Vec<_>>()),
            (&self.debit_failures, DebitFailure::ALL.iter().map(|l| l.as_str()).collect()),
            (
                &self.callers_verified,
                vec!["TN-Validation-Passed", "TN-Validation-Failed", "No-TN-Validation"],
            ),
            (&self.callers_signed, vec!["A", "B", "C"]),
            (&self.one_way_calls, vec!["caller", "called"]),
            (&self.rtp_packets, PacketDirection::ALL.iter().map(|l| l.as_str()).collect()),
            (&self.rtp_packets_dropped, PacketDrop::ALL.iter().map(|l| l.as_str()).collect()),
        ] {
            for label in labels {
                vector.with_label_values(&[label]).inc_by(0);
            }
        }
    }
}

/// Whether something is so, by labels.
pub(super) fn states(
    r: &Registry,
    name: &str,
    help: &str,
    labels: &[&str],
) -> Result<GaugeVec, MetricsError> {
    keep(r, GaugeVec::new(opts(name, help), labels)?)
}

/// Whether something is so: 1 or 0.
pub(super) fn flag(r: &Registry, name: &str, help: &str) -> Result<Gauge, MetricsError> {
    keep(r, Gauge::with_opts(opts(name, help))?)
}

/// Which build runs.
pub(super) fn show_build(r: &Registry, version: &str, commit: &str) -> Result<(), MetricsError> {
    let labels = ["version", "commit"];
    let build = states(r, "build_info", "Always 1; the labels say which build runs.", &labels)?;
    build.with_label_values(&[version, commit]).set(1.0);
    Ok(())
}

pub(super) fn opts(name: &str, help: &str) -> Opts {
    Opts::new(format!("{PREFIX}{name}"), help)
}

pub(super) fn keep<C: Collector + Clone + 'static>(
    registry: &Registry,
    collector: C,
) -> Result<C, MetricsError> {
    registry.register(Box::new(collector.clone()))?;
    Ok(collector)
}

pub(super) fn counter(registry: &Registry, name: &str, help: &str) -> Result<IntCounter, MetricsError> {
    keep(registry, IntCounter::with_opts(opts(name, help))?)
}

pub(super) fn counters(
    registry: &Registry,
    name: &str,
    help: &str,
    labels: &[&str],
) -> Result<IntCounterVec, MetricsError> {
    keep(registry, IntCounterVec::new(opts(name, help), labels)?)
}

pub(super) fn gauge(registry: &Registry, name: &str, help: &str) -> Result<IntGauge, MetricsError> {
    keep(registry, IntGauge::with_opts(opts(name, help))?)
}

pub(super) fn gauges(
    registry: &Registry,
    name: &str,
    help: &str,
    label: &str,
) -> Result<IntGaugeVec, MetricsError> {
    keep(registry, IntGaugeVec::new(opts(name, help), &[label])?)
}

pub(super) fn histogram(
    registry: &Registry,
    name: &str,
    help: &str,
    buckets: &[f64],
) -> Result<Histogram, MetricsError> {
    keep(registry, Histogram::with_opts(HistogramOpts::from(opts(name, help)).buckets(buckets.to_vec()))?)
}
