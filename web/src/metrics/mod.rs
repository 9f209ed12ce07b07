//! Every metric of the node, registered once, as handles that the shards feed with atomic adds.
//! Invariant: no label takes a value from the network; carriers come from the configuration, anything else is
//! `other`.

mod label;
mod meters;
mod vectors;

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use prometheus::{Gauge, Histogram, IntCounter, IntGauge, Registry, TextEncoder};

pub use label::{
    AuthReason, CallState, DebitFailure, Outcome, PacketDirection, PacketDrop, RegistrationLabel, Side,
};
pub use meters::LegMeters;
pub use vectors::MetricsError;
use vectors::{NONE, Vectors, counter, flag, gauge, histogram, show_build};

/// Carriers with a label of their own; later ones count as `other`.
pub const CARRIER_LABELS_MAX: usize = 1_024;
/// The label of a carrier that is not in the configuration.
const OTHER: &str = "other";
/// The commit that a release build was made from; the build sets the variable.
const COMMIT: &str = match option_env!("TOLLGATE_COMMIT") {
    Some(commit) => commit,
    None => "unknown",
};

const PDD_SECONDS: &[f64] =
    &[0.05, 0.1, 0.25, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 7.5, 10.0, 15.0, 20.0, 30.0];
const RATING_SECONDS: &[f64] = &[5e-7, 1e-6, 2e-6, 3e-6, 5e-6, 1e-5, 2e-5, 5e-5, 1e-4, 1e-3, 1e-2];
const COMMIT_SECONDS: &[f64] =
    &[1e-4, 2.5e-4, 5e-4, 1e-3, 2.5e-3, 5e-3, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5];
const MOS: &[f64] = &[1.5, 2.0, 2.5, 3.0, 3.3, 3.6, 3.8, 4.0, 4.2, 4.4];

/// The node's metrics. Cheap handles are public; those with labels are reached through methods that take
/// enums.
pub struct Metrics {
    registry: Registry,
    vectors: Vectors,
    customer: LegMeters,
    carriers: RwLock<BTreeMap<String, Arc<LegMeters>>>,
    other: Arc<LegMeters>,
    /// From the customer's INVITE to the first ringing or answer passed back, in seconds.
    pub post_dial_delay: Histogram,
    /// One authorize, extend or settle in the engine, in seconds.
    pub rating: Histogram,
    /// Legs for which no media port was free.
    pub media_ports_exhausted: IntCounter,
    /// Calls cut because the money ended.
    pub calls_cut_no_balance: IntCounter,
    /// Carriers dialled that cost more than the call brings, where the account's guard only warns.
    pub dialled_at_a_loss: IntCounter,
    /// Money (10⁻⁵ units, all currencies together) that the operator bore: tear-down after a cut, abandoned
    /// carriers, lost time.
    pub operator_exposure_units: IntCounter,
    /// Sum of all transfers in 10⁻⁵ units, the worst currency; anything but 0 is a fault in the books.
    pub ledger_imbalance_units: IntGauge,
    /// One group commit of the journal, in seconds.
    pub journal_commit: Histogram,
    /// Records queued for the journal.
    pub cdr_queue_records: IntGauge,
    /// Bytes that the journal's file system has left for us; -1 if it cannot be asked.
    pub data_dir_free_bytes: IntGauge,
    /// Rating of a side's relayed stream when its call ends, 1 to 5.
    pub media_mos: Histogram,
    /// Accounts under their low-balance mark.
    pub balance_low_accounts: IntGauge,
    /// Addresses that are locked out.
    pub banned_sources: IntGauge,
    /// Calls that are transcoded now.
    pub transcoding_channels: IntGauge,
    /// How far back the messages of every shard are kept, seconds.
    pub trace_ring_seconds: IntGauge,
    /// 1 while the wall clock is not trusted.
    pub clock_doubted: IntGauge,
    /// Payments announced and neither booked nor rejected.
    pub topups_pending: IntGauge,
    /// Those of them that should have been here.
    pub topups_late: IntGauge,
    /// 1 if the central ledger answers, 0 if it does not or there is none.
    pub central_up: Gauge,
    /// 1 if another process has taken over this node's name in the central ledger.
    pub central_fenced: Gauge,
    /// 1 if settled streams go on in the kernel.
    pub media_fast_path: Gauge,
    /// 1 if the last reload was applied, 0 if it was refused.
    pub config_last_reload_success: Gauge,
}

/// Messages of traces since the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TraceTotals {
    /// Written to files.
    pub written: u64,
    /// Sent to Homer.
    pub sent: u64,
    /// Found the queue full.
    pub lost_in_queue: u64,
    /// Refused by the disk, or over the bound of a call's file.
    pub lost_on_disk: u64,
    /// Refused by the network.
    pub lost_to_hep: u64,
}

/// What the media relay counted since the start, and how many endpoints are open, by what they carry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RelayTotals {
    /// Accepted, and sent on.
    pub packets: [(PacketDirection, u64); 2],
    /// Not sent on.
    pub dropped: [(PacketDrop, u64); PacketDrop::ALL.len()],
    /// Legs whose media is relayed now, by kind: `rtp`, `udptl`.
    pub sessions: [(&'static str, u64); 2],
    /// Calls that are transcoded now.
    pub transcoding: u32,
    /// Settled streams go on in the kernel.
    pub is_fast: bool,
}

// === impl Metrics ===

impl Metrics {
    /// How the node stands with the central ledger.
    pub fn central(&self, up: bool, fenced: bool) {
        self.central_up.set(if up { 1.0 } else { 0.0 });
        self.central_fenced.set(if fenced { 1.0 } else { 0.0 });
    }

    /// Shows what this node holds of balances in `currency` that the central ledger lent, 10⁻⁵ units.
    pub fn slice(&self, currency: &str, units: i64) {
        self.vectors.slice_units.with_label_values(&[currency]).set(units);
    }

    /// All metrics at zero. `version` goes to `build_info`, `carriers` get labels of their own.
    pub fn new(version: &str, carriers: &[&str]) -> Result<Self, MetricsError> {
        let registry = Registry::new();
        let r = &registry;
        let vectors = Vectors::register(r)?;
        show_build(r, version, COMMIT)?;
        let customer = LegMeters::new(&vectors, Side::Customer, NONE);
        let other = Arc::new(LegMeters::new(&vectors, Side::Carrier, OTHER));
        let histogram = |name, help, bounds| histogram(r, name, help, bounds);
        let counter = |name, help| counter(r, name, help);
        let gauge = |name, help| gauge(r, name, help);
        let flag = |name, help| flag(r, name, help);
        let metrics = Self {
            customer,
            other,
            carriers: RwLock::default(),
            post_dial_delay: histogram(
                "post_dial_delay_seconds",
                "From INVITE to the first ringing or answer passed back.",
                PDD_SECONDS,
            )?,
            rating: histogram("rating_seconds", "One authorize, extend or settle.", RATING_SECONDS)?,
            media_ports_exhausted: counter("media_ports_exhausted_total", "Legs without a free media port.")?,
            calls_cut_no_balance: counter(
                "calls_cut_no_balance_total",
                "Calls cut because the money ended.",
            )?,
            dialled_at_a_loss: counter(
                "dialled_at_a_loss_total",
                "Carriers dialled that cost more than the call brings.",
            )?,
            operator_exposure_units: counter(
                "operator_exposure_units_total",
                "Money that the operator bore, in 1e-5 units of currency.",
            )?,
            ledger_imbalance_units: gauge(
                "ledger_imbalance_units",
                "Sum of all transfers in 1e-5 units of currency; must be 0.",
            )?,
            journal_commit: histogram(
                "journal_commit_seconds",
                "One group commit of the journal.",
                COMMIT_SECONDS,
            )?,
            data_dir_free_bytes: gauge("data_dir_free_bytes", "Free on the disk of node.data_dir.")?,
            cdr_queue_records: gauge("cdr_queue_records", "Records waiting for the journal.")?,
            media_mos: histogram("media_mos", "Estimated MOS of a leg at its end.", MOS)?,
            balance_low_accounts: gauge("balance_low_accounts", "Accounts under their low-balance mark.")?,
            trace_ring_seconds: gauge("trace_ring_seconds", "How far back messages are kept in memory.")?,
            clock_doubted: gauge(
                "clock_doubted",
                "1 while the wall clock is not trusted: nothing expires, no period is closed.",
            )?,
            topups_pending: gauge("topups_pending", "Payments announced and neither booked nor rejected.")?,
            banned_sources: gauge("banned_sources", "Addresses locked out.")?,
            transcoding_channels: gauge("transcoding_channels", "Transcoded calls.")?,
            topups_late: gauge("topups_late", "Announced payments that should have been here.")?,
            central_up: flag("central_up", "1 if the central ledger answers.")?,
            central_fenced: flag("central_fenced", "1 if another process runs under this node's name.")?,
            media_fast_path: flag("media_fast_path", "1 if settled streams of voice go on in the kernel.")?,
            config_last_reload_success: flag(
                "config_last_reload_success",
                "1 if the last reload was applied.",
            )?,
            vectors,
            registry,
        };
        metrics.config_last_reload_success.set(1.0);
        metrics.set_carriers(carriers);
        Ok(metrics)
    }

    /// After a reload: new carriers get their series, those that are gone lose `carrier_up` and
    /// `carrier_calls`; counters stay.
    pub fn set_carriers(&self, names: &[&str]) {
        let mut known = self.carriers.write().unwrap_or_else(PoisonError::into_inner);
        for name in names {
            if !known.contains_key(*name) && known.len() < CARRIER_LABELS_MAX {
                known
                    .insert((*name).to_owned(), Arc::new(LegMeters::new(&self.vectors, Side::Carrier, name)));
            }
        }
        for (name, meters) in known.iter() {
            meters.configure(names.contains(&name.as_str()));
        }
    }

    /// The carrier's handles, to be kept by a shard; those of `other` if it is not in the configuration.
    pub fn carrier(&self, name: &str) -> Arc<LegMeters> {
        let known = self.carriers.read().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(known.get(name).unwrap_or(&self.other))
    }

    /// The handles of the customers' side.
    pub fn customer(&self) -> &LegMeters {
        &self.customer
    }

    /// Adds `n` rejected requests.
    pub fn auth_rejected(&self, reason: AuthReason, n: u64) {
        self.vectors.auth_rejected.with_label_values(&[reason.as_str()]).inc_by(n);
    }

    /// Adds `n` debits that could not be made.
    pub fn debit_failed(&self, reason: DebitFailure, n: u64) {
        self.vectors.debit_failures.with_label_values(&[reason.as_str()]).inc_by(n);
    }

    /// Adds `n` callers' numbers looked at; `verstat` is one of three words.
    pub fn caller_verified(&self, verstat: &str, n: u64) {
        self.vectors.callers_verified.with_label_values(&[verstat]).inc_by(n);
    }

    /// Adds `n` callers' numbers signed; `attestation` is one of three letters.
    pub fn caller_signed(&self, attestation: &str, n: u64) {
        self.vectors.callers_signed.with_label_values(&[attestation]).inc_by(n);
    }

    /// Adds `n` calls in which a side was never heard: `caller` or `called`.
    pub fn one_way_calls(&self, side: &str, n: u64) {
        self.vectors.one_way_calls.with_label_values(&[side]).inc_by(n);
    }

    /// Adds `n` notices to accounts' owners; `kind` is one of a fixed set.
    pub fn noticed(&self, kind: &str, n: u64) {
        self.vectors.notices.with_label_values(&[kind]).inc_by(n);
    }

    /// Sets how many registrations stand so now.
    pub fn set_registrations(&self, state: RegistrationLabel, count: i64) {
        self.vectors.registrations.with_label_values(&[state.as_str()]).set(count);
    }

    /// Sets how many calls are in `state` now.
    pub fn set_calls_active(&self, state: CallState, calls: u64) {
        self.vectors
            .calls_active
            .with_label_values(&[state.as_str()])
            .set(i64::try_from(calls).unwrap_or(i64::MAX));
    }

    /// Shows what was relayed since the start, and what is now.
    pub fn relayed(&self, totals: &RelayTotals) {
        for (direction, total) in totals.packets {
            raise(&self.vectors.rtp_packets.with_label_values(&[direction.as_str()]), total);
        }
        for (reason, total) in totals.dropped {
            raise(&self.vectors.rtp_packets_dropped.with_label_values(&[reason.as_str()]), total);
        }
        self.media_fast_path.set(if totals.is_fast { 1.0 } else { 0.0 });
        for (kind, count) in totals.sessions {
            let count = i64::try_from(count).unwrap_or(i64::MAX);
            self.vectors.media_sessions.with_label_values(&[kind]).set(count);
        }
        self.transcoding_channels.set(i64::from(totals.transcoding));
    }

    /// Counts packets of calls that relays outside carried.
    pub fn relayed_outside(&self, packets: [(PacketDirection, u64); 2]) {
        for (direction, more) in packets {
            self.vectors.rtp_packets.with_label_values(&[direction.as_str()]).inc_by(more);
        }
    }

    /// Shows a feed: how many entries it is behind, and since the start how often it failed and how many
    /// messages it gave up.
    pub fn feed(&self, name: &str, lag_entries: u64, failures: u64, given_up: u64) {
        self.vectors
            .feed_lag_entries
            .with_label_values(&[name])
            .set(i64::try_from(lag_entries).unwrap_or(i64::MAX));
        for (vector, total) in
            [(&self.vectors.feed_failures, failures), (&self.vectors.feed_given_up, given_up)]
        {
            raise(&vector.with_label_values(&[name]), total);
        }
    }

    /// Shows how many messages of traces went where, and how many were lost on the way, since the start.
    pub fn traced(&self, totals: &TraceTotals) {
        let TraceTotals { written, sent, lost_in_queue, lost_on_disk, lost_to_hep } = *totals;
        let (messages, lost) = (&self.vectors.trace_messages, &self.vectors.trace_lost);
        for (vector, to, total) in [
            (messages, "disk", written),
            (messages, "hep", sent),
            (lost, "queue", lost_in_queue),
            (lost, "disk", lost_on_disk),
            (lost, "hep", lost_to_hep),
        ] {
            raise(&vector.with_label_values(&[to]), total);
        }
    }

    /// All metrics in Prometheus text format 0.0.4.
    pub fn exposition(&self) -> Result<String, MetricsError> {
        Ok(TextEncoder::new().encode_to_string(&self.registry.gather())?)
    }
}

/// Brings a counter to a total that something else counts.
fn raise(counter: &IntCounter, total: u64) {
    counter.inc_by(total.saturating_sub(counter.get()));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(metrics: &Metrics) -> usize {
        metrics.exposition().unwrap().lines().filter(|line| !line.starts_with('#')).count()
    }

    /// Several nodes and the disk are watched: each of these has an alert and a panel.
    #[test]
    fn fault_e2_cluster_and_disk_have_alerts_and_panels() {
        let (alerts, panels) = (
            include_str!("../../../docker/prometheus/alerts.yml"),
            include_str!("../../../docker/grafana/dashboards/tollgate.json"),
        );
        let metrics = Metrics::new("9.9.9", &[]).unwrap();
        metrics.feed("ledger", 7, 0, 0);
        let text = metrics.exposition().unwrap();
        for name in ["central_up", "central_fenced", "feed_lag_entries", "data_dir_free_bytes"] {
            let name = format!("tollgate_{name}");
            for (place, text) in
                [("the exposition", text.as_str()), ("the alerts", alerts), ("the dashboard", panels)]
            {
                assert!(text.contains(&name), "{name} is not in {place}");
            }
        }
    }

    #[test]
    fn every_metric_of_the_contract_is_there_with_its_labels() {
        let metrics = Metrics::new("9.9.9", &["alpha"]).unwrap();
        metrics.carrier("alpha").answered_ms(1_500);
        metrics.customer().responses(200, 1);
        metrics.feed("nats", 9, 2, 0);
        metrics.feed("nats", 7, 3, 1);
        let text = metrics.exposition().unwrap();
        for line in [
            "tollgate_call_attempts_total{carrier=\"\",outcome=\"answered\",side=\"gate\"} 0",
            "tollgate_sip_responses_total{carrier=\"\",code=\"200\",side=\"gate\"} 1",
            "tollgate_answered_call_seconds_total{carrier=\"alpha\"} 1.5",
            "tollgate_calls_active{state=\"answered\"} 0",
            "tollgate_post_dial_delay_seconds_count 0",
            "tollgate_carrier_up{carrier=\"alpha\"} 1",
            "tollgate_carrier_calls{carrier=\"alpha\"} 0",
            "tollgate_auth_rejected_total{reason=\"unknown_source\"} 0",
            "tollgate_rating_seconds_count 0",
            "tollgate_debit_failures_total{reason=\"no_credit\"} 0",
            "tollgate_calls_cut_no_balance_total 0",
            "tollgate_operator_exposure_units_total 0",
            "tollgate_ledger_imbalance_units 0",
            "tollgate_journal_commit_seconds_count 0",
            "tollgate_cdr_queue_records 0",
            "tollgate_rtp_packets_total{direction=\"in\"} 0",
            "tollgate_rtp_packets_dropped_total{reason=\"foreign\"} 0",
            "tollgate_media_mos_count 0",
            "tollgate_one_way_calls_total{side=\"called\"} 0",
            "tollgate_false_answers_total{carrier=\"alpha\"} 0",
            "tollgate_media_sessions{kind=\"rtp\"} 0",
            "tollgate_media_fast_path 0",
            "tollgate_media_ports_exhausted_total 0",
            "tollgate_feed_lag_entries{feed=\"nats\"} 7",
            "tollgate_feed_failures_total{feed=\"nats\"} 3",
            "tollgate_feed_given_up_total{feed=\"nats\"} 1",
            "tollgate_balance_low_accounts 0",
            "tollgate_clock_doubted 0",
            "tollgate_topups_pending 0",
            "tollgate_topups_late 0",
            "tollgate_config_last_reload_success 1",
            &format!("tollgate_build_info{{commit=\"{COMMIT}\",version=\"9.9.9\"}} 1"),
        ] {
            assert!(text.lines().any(|l| l == line), "{line}\n{text}");
        }
    }

    #[test]
    fn strangers_add_no_series() {
        let metrics = Metrics::new("1", &["alpha"]).unwrap();
        for code in 0..=u16::MAX {
            metrics.carrier("alpha").responses(code, 1);
            metrics.customer().responses(code, 1);
        }
        metrics.carrier("x").attempts(Outcome::Failed, 1);
        let before = series(&metrics);
        for i in 0..10_000_u16 {
            let stranger = metrics.carrier(&format!("carrier-{i}"));
            stranger.attempts(Outcome::from_status(i), 1);
            stranger.responses(i % 700, 1);
        }
        for code in 0..=u16::MAX {
            metrics.carrier("y").responses(code, 1);
        }
        let grown = series(&metrics) - before;
        assert!(grown <= meters::CODES.len() + 1, "{grown}");
        let text = metrics.exposition().unwrap();
        assert!(
            text.contains(
                "tollgate_call_attempts_total{carrier=\"other\",outcome=\"busy\",side=\"carrier\"} 2\n"
            ),
            "486 and 600"
        );
    }

    #[test]
    fn a_reload_adds_and_hides_carriers_and_keeps_counts() {
        let metrics = Metrics::new("1", &["alpha"]).unwrap();
        metrics.carrier("alpha").attempts(Outcome::Answered, 1);
        metrics.set_carriers(&["beta"]);
        metrics.carrier("beta").set_up(false);
        let text = metrics.exposition().unwrap();
        assert!(text.contains("tollgate_carrier_up{carrier=\"beta\"} 0\n"));
        assert!(!text.contains("tollgate_carrier_up{carrier=\"alpha\"}"));
        assert!(text.contains(
            "tollgate_call_attempts_total{carrier=\"alpha\",outcome=\"answered\",side=\"carrier\"} 1\n"
        ));
        metrics.set_carriers(&["alpha", "beta"]);
        assert!(metrics.exposition().unwrap().contains("tollgate_carrier_up{carrier=\"alpha\"} 1\n"));
    }
}
