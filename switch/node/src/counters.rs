//! What a shard counts, drained by the driver into the metrics. Ordered maps: their keys come from fixed sets
//! and the configuration.

use std::collections::BTreeMap;
use std::net::IpAddr;

use rating::cdr::Mos;
use route::AttemptEnd;
use units::Name;

use crate::strangers::BanReason;

/// Most samples of post-dial delay kept between two drains.
const SAMPLES_MAX: usize = 65_536;
/// Most addresses of strangers kept between two drains; the rest are counted only.
const STRANGERS_MAX: usize = 16;
/// Most changes of carriers' standing kept between two drains.
const CHANGES_MAX: usize = 1_024;

/// Which leg a count is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum CountedSide {
    /// Toward customers.
    Gate,
    /// Toward carriers.
    Carrier,
}

/// What showed that a carrier works, or does not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Evidence {
    /// How a call's attempt ended.
    Call(AttemptEnd),
    /// The status that answered an OPTIONS; 408 if none did.
    Probe(u16),
}

/// A carrier that this shard begins to skip, or uses again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CarrierChange {
    /// By name.
    pub carrier: Name,
    /// Whether it is used from now on.
    pub is_up: bool,
    /// What it is judged by.
    pub by: Evidence,
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
    /// Addresses that packets counted as `unknown_source` came from: some, for the log.
    pub strangers: Vec<IpAddr>,
    /// Addresses that were locked out, in order.
    pub locked_out: Vec<(IpAddr, BanReason)>,
    /// Carriers that went down or came up, in order.
    pub carrier_changes: Vec<CarrierChange>,
    /// Debits refused, by reason.
    pub debit_failures: BTreeMap<&'static str, u64>,
    /// Notices to accounts' owners, by kind.
    pub notices: BTreeMap<&'static str, u64>,
    /// Callers' numbers looked at, by what came of it (the CDR's `verstat`).
    pub verified: BTreeMap<&'static str, u64>,
    /// Callers' numbers signed toward carriers, by level.
    pub signed: BTreeMap<&'static str, u64>,
    /// Post-dial delays in ms.
    pub post_dial_delay_ms: Vec<u64>,
    /// Times of the rating engine's answers, ns.
    pub rating_ns: Vec<u64>,
    /// Carriers dialled that cost more than the call brings.
    pub dialled_at_a_loss: u64,
    /// Endpoints of relayed calls for which no port was free.
    pub media_ports_exhausted: u64,
    /// Packets that came to relays outside and went from there, of calls that are over.
    pub engine_packets: [u64; 2],
    /// Ratings of relayed streams.
    pub mos: Vec<Mos>,
    /// Answered relayed calls in which one side was never heard, by that side.
    pub one_way_calls: BTreeMap<&'static str, u64>,
    /// Relayed calls that a carrier answered without sound.
    pub false_answers: BTreeMap<Name, u64>,
    /// Calls cut because their money ended.
    pub calls_cut_no_balance: u64,
    /// What tear-down took beyond leases, in 10⁻⁵ units.
    pub operator_exposure_units: u64,
}

impl Counters {
    /// One call ended, answered or not.
    pub fn caller_attempt(&mut self, outcome: &'static str) {
        *self.call_attempts.entry((CountedSide::Gate, Name::default(), outcome)).or_default() += 1;
    }

    /// One attempt at a carrier ended.
    pub fn carrier_attempt(&mut self, carrier: &Name, outcome: &'static str) {
        *self.call_attempts.entry((CountedSide::Carrier, carrier.clone(), outcome)).or_default() += 1;
    }

    /// One final answer to a caller's INVITE was sent.
    pub fn caller_response(&mut self, status: u16) {
        *self.sip_responses.entry((CountedSide::Gate, Name::default(), status)).or_default() += 1;
    }

    /// One final answer of a carrier to our INVITE came.
    pub fn carrier_response(&mut self, carrier: &Name, status: u16) {
        *self.sip_responses.entry((CountedSide::Carrier, carrier.clone(), status)).or_default() += 1;
    }

    /// One packet was dropped or refused.
    pub fn rejected(&mut self, reason: &'static str) {
        *self.auth_rejected.entry(reason).or_default() += 1;
    }

    /// One packet of an address that is in no gate and no carrier.
    pub fn stranger(&mut self, ip: IpAddr) {
        self.rejected("unknown_source");
        if self.strangers.len() < STRANGERS_MAX && !self.strangers.contains(&ip) {
            self.strangers.push(ip);
        }
    }

    /// An address was locked out.
    pub fn locks_out(&mut self, ip: IpAddr, reason: BanReason) {
        if self.locked_out.len() < STRANGERS_MAX {
            self.locked_out.push((ip, reason));
        }
    }

    /// A carrier went down or came up.
    pub fn carrier_changed(&mut self, carrier: &Name, is_up: bool, by: Evidence) {
        if self.carrier_changes.len() < CHANGES_MAX {
            self.carrier_changes.push(CarrierChange { carrier: carrier.clone(), is_up, by });
        }
    }

    /// One debit was refused.
    pub fn debit_failed(&mut self, reason: &'static str) {
        *self.debit_failures.entry(reason).or_default() += 1;
    }

    /// An account's owner is to be told something.
    pub fn noticed(&mut self, kind: &'static str) {
        *self.notices.entry(kind).or_default() += 1;
    }

    /// The signature of a caller's number was looked at.
    pub fn verified(&mut self, verstat: &'static str) {
        *self.verified.entry(verstat).or_default() += 1;
    }

    /// A caller's number was signed.
    pub fn signed(&mut self, level: &'static str) {
        *self.signed.entry(level).or_default() += 1;
    }

    /// The rating engine took this long.
    pub fn rated_in(&mut self, ns: u64) {
        if self.rating_ns.len() < SAMPLES_MAX {
            self.rating_ns.push(ns);
        }
    }

    /// A relayed stream was rated.
    pub fn rated(&mut self, mos: Mos) {
        if self.mos.len() < SAMPLES_MAX {
            self.mos.push(mos);
        }
    }

    /// A call rang after this long.
    pub fn rang_after(&mut self, ms: u64) {
        if self.post_dial_delay_ms.len() < SAMPLES_MAX {
            self.post_dial_delay_ms.push(ms);
        }
    }
}
