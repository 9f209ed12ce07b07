//! A shard's counts on their way to the metrics, once in a while and at the end.

use std::sync::Arc;

use node::{CountedSide, Counters, Node};
use rating::Cdr;
use units::{Now, Tick};
use web::Metrics;
use web::metrics::{AuthReason, DebitFailure, Outcome, PacketDirection};

use crate::run::router::Router;

/// How often counts are handed on.
const EVERY_MS: u64 = 500;

/// One shard's meter.
pub(crate) struct Meter {
    metrics: Arc<Metrics>,
    router: Arc<Router>,
    shard: u8,
    due: Tick,
}

impl Meter {
    pub(crate) const fn new(metrics: Arc<Metrics>, router: Arc<Router>, shard: u8) -> Self {
        Self { metrics, router, shard, due: Tick(0) }
    }

    /// The CDR is on disk: say so, with the call's id.
    pub(crate) fn publish(&self, cdr: &Cdr) {
        tracing::info!(
            target: "cdr",
            call = cdr.id.as_str(),
            account = &*cdr.account,
            gate = &*cdr.gate,
            called = cdr.called_e164.as_str(),
            carrier = cdr.carrier.as_deref().unwrap_or_default(),
            status = cdr.sip_status,
            reason = &*cdr.reason,
            duration_ms = cdr.duration_ms,
            amount = %units::Money::of(cdr.amount, cdr.currency),
            currency = %cdr.currency,
            "call ended"
        );
    }

    /// Hands counts on when they are due; true if so.
    pub(crate) fn tick(&mut self, now: Now, node: &mut Node) -> bool {
        let due = now.tick >= self.due;
        if due {
            self.due = now.tick.plus_ms(EVERY_MS);
            self.flush(node);
        }
        due
    }

    pub(crate) fn flush(&self, node: &mut Node) {
        let counters = node.take_counters();
        self.apply(&counters);
        self.tell(&counters);
    }

    /// What the log has of it.
    fn tell(&self, counters: &Counters) {
        for ip in &counters.strangers {
            self.router.watch.stranger(*ip, self.router.clock.now().tick);
        }
        for (ip, reason) in &counters.locked_out {
            self.router.watch.locked_out((*ip, *reason), self.router.clock.now().tick);
        }
        if !counters.carrier_changes.is_empty() {
            let config = self.router.config.load();
            for change in &counters.carrier_changes {
                self.router.watch.carrier_changed(self.shard, change, &config.carriers);
            }
        }
    }

    fn apply(&self, counters: &Counters) {
        for ((side, carrier, outcome), count) in &counters.call_attempts {
            let outcome = outcome_of(outcome);
            match side {
                CountedSide::Gate => self.metrics.customer().attempts(outcome, *count),
                CountedSide::Carrier => self.metrics.carrier(carrier).attempts(outcome, *count),
            }
        }
        for ((side, carrier, status), count) in &counters.sip_responses {
            match side {
                CountedSide::Gate => self.metrics.customer().responses(*status, *count),
                CountedSide::Carrier => self.metrics.carrier(carrier).responses(*status, *count),
            }
        }
        for (carrier, ms) in &counters.answered_ms {
            self.metrics.carrier(carrier).answered_ms(*ms);
        }
        for (carrier, count) in &counters.false_answers {
            self.metrics.carrier(carrier).false_answers(*count);
        }
        for (side, count) in &counters.one_way_calls {
            self.metrics.one_way_calls(side, *count);
        }
        for mos in &counters.mos {
            self.metrics.media_mos.observe(mos.score());
        }
        for (reason, count) in &counters.auth_rejected {
            self.metrics.auth_rejected(reason_of(reason), *count);
        }
        for (reason, count) in &counters.debit_failures {
            self.metrics.debit_failed(failure_of(reason), *count);
        }
        for ms in &counters.post_dial_delay_ms {
            self.metrics.post_dial_delay.observe(std::time::Duration::from_millis(*ms).as_secs_f64());
        }
        for ns in &counters.rating_ns {
            self.metrics.rating.observe(std::time::Duration::from_nanos(*ns).as_secs_f64());
        }
        for (kind, count) in &counters.notices {
            self.metrics.noticed(kind, *count);
        }
        for (verstat, count) in &counters.verified {
            self.metrics.caller_verified(verstat, *count);
        }
        for (attestation, count) in &counters.signed {
            self.metrics.caller_signed(attestation, *count);
        }
        self.metrics.dialled_at_a_loss.inc_by(counters.dialled_at_a_loss);
        self.metrics.media_ports_exhausted.inc_by(counters.media_ports_exhausted);
        let [came, went] = counters.engine_packets;
        self.metrics.relayed_outside([(PacketDirection::In, came), (PacketDirection::Out, went)]);
        self.metrics.calls_cut_no_balance.inc_by(counters.calls_cut_no_balance);
        self.metrics.operator_exposure_units.inc_by(counters.operator_exposure_units);
    }
}

fn outcome_of(word: &str) -> Outcome {
    match word {
        "answered" => Outcome::Answered,
        "busy" => Outcome::Busy,
        "cancelled" => Outcome::Cancelled,
        "timeout" => Outcome::NoAnswer,
        "unreachable" => Outcome::Unreachable,
        "rejected" => Outcome::Rejected,
        "failed" => Outcome::Failed,
        _ => Outcome::Refused,
    }
}

fn reason_of(word: &str) -> AuthReason {
    match word {
        "unknown_source" => AuthReason::UnknownSource,
        "foreign_dialog" | "forged_tag" => AuthReason::ForgedId,
        "bad_credentials" => AuthReason::BadCredentials,
        "stale_nonce" => AuthReason::StaleNonce,
        "replayed_nonce" => AuthReason::ReplayedNonce,
        "locked_out" => AuthReason::LockedOut,
        "over_challenges" => AuthReason::OverChallenges,
        "stray_ack" | "stray_response" => AuthReason::Stray,
        _ => AuthReason::Malformed,
    }
}

fn failure_of(word: &str) -> DebitFailure {
    match word {
        "no-credit" => DebitFailure::NoCredit,
        "no-price" => DebitFailure::NoPrice,
        "no-account" | "unknown-account" => DebitFailure::NoAccount,
        _ => DebitFailure::Other,
    }
}
