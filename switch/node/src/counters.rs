//! What a shard counts, drained by the driver into the metrics. Ordered maps: their keys come from fixed sets and the configuration.

use std::collections::BTreeMap;

use units::Name;

/// Most samples of post-dial delay kept between two drains.
const SAMPLES_MAX: usize = 65_536;

/// Which leg a count is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum CountedSide {
    /// Toward customers.
    Gate,
    /// Toward carriers.
    Carrier,
}

/// Everything counted since the last drain.
#[derive(Debug, Default)]
pub struct Counters {
    /// Calls by side, carrier ("" toward gates) and outcome.
    pub call_attempts: BTreeMap<(CountedSide, Name, &'static str), u64>,
    /// Final responses by side, carrier and status.
    pub sip_responses: BTreeMap<(CountedSide, Name, u16), u64>,
    /// Answered milliseconds by carrier.
    pub answered_ms: BTreeMap<Name, u64>,
    /// Packets refused before they were anybody's, by reason.
    pub auth_rejected: BTreeMap<&'static str, u64>,
    /// Debits refused, by reason.
    pub debit_failures: BTreeMap<&'static str, u64>,
    /// Notices to accounts' owners, by kind.
    pub notices: BTreeMap<&'static str, u64>,
    /// Post-dial delays in ms.
    pub post_dial_delay_ms: Vec<u64>,
    /// Times of the rating engine's answers, ns.
    pub rating_ns: Vec<u64>,
    /// Carriers dialled that cost more than the call brings.
    pub dialled_at_a_loss: u64,
    /// Calls cut because their money ended.
    pub calls_cut_no_balance: u64,
    /// What tear-down took beyond leases, in 10⁻⁵ units.
    pub operator_exposure_units: u64,
}

impl Counters {
    /// One call attempt ended.
    pub fn call_attempt(&mut self, side: CountedSide, carrier: &Name, outcome: &'static str) {
        *self.call_attempts.entry((side, carrier.clone(), outcome)).or_default() += 1;
    }

    /// One final response was sent or received.
    pub fn sip_response(&mut self, side: CountedSide, carrier: &Name, status: u16) {
        *self.sip_responses.entry((side, carrier.clone(), status)).or_default() += 1;
    }

    /// One packet was dropped or refused.
    pub fn rejected(&mut self, reason: &'static str) {
        *self.auth_rejected.entry(reason).or_default() += 1;
    }

    /// One debit was refused.
    pub fn debit_failed(&mut self, reason: &'static str) {
        *self.debit_failures.entry(reason).or_default() += 1;
    }

    /// An account's owner is to be told something.
    pub fn noticed(&mut self, kind: &'static str) {
        *self.notices.entry(kind).or_default() += 1;
    }

    /// The rating engine took this long.
    pub fn rated_in(&mut self, ns: u64) {
        if self.rating_ns.len() < SAMPLES_MAX {
            self.rating_ns.push(ns);
        }
    }

    /// A call rang after this long.
    pub fn rang_after(&mut self, ms: u64) {
        if self.post_dial_delay_ms.len() < SAMPLES_MAX {
            self.post_dial_delay_ms.push(ms);
        }
    }
}
