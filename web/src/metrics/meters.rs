//! The handles of one carrier, or of the customers' side, resolved once so that counting a call costs an
//! atomic add.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use prometheus::{Counter, GaugeVec, IntCounter, IntCounterVec, IntGaugeVec};

use super::label::{Outcome, Side};
use super::vectors::{NONE, Vectors};

/// Final statuses with a series of their own (RFC 3261 §21 and the IANA list); ascending.
pub(crate) const CODES: &[u16] = &[
    200, 202, 204, 300, 301, 302, 305, 380, 400, 401, 402, 403, 404, 405, 406, 407, 408, 410, 412, 413, 414,
    415, 416, 417, 420, 421, 422, 423, 424, 425, 428, 429, 430, 433, 436, 437, 438, 439, 440, 469, 470, 480,
    481, 482, 483, 484, 485, 486, 487, 488, 489, 491, 493, 494, 500, 501, 502, 503, 504, 505, 513, 555, 580,
    600, 603, 604, 606, 607, 608,
];

/// Counters and gauges of one carrier or of the customers' side.
pub struct LegMeters {
    side: Side,
    carrier: String,
    attempts: Vec<IntCounter>,
    responses: IntCounterVec,
    /// One for each of [`CODES`] and one for all others, made when first counted.
    by_code: Vec<OnceLock<IntCounter>>,
    answered_seconds: Option<Counter>,
    false_answers: Option<IntCounter>,
    up: GaugeVec,
    calls: IntGaugeVec,
    configured: AtomicBool,
}

impl LegMeters {
    pub(super) fn new(vectors: &Vectors, side: Side, carrier: &str) -> Self {
        let attempt =
            |o: &Outcome| vectors.call_attempts.with_label_values(&[side.as_str(), carrier, o.as_str()]);
        Self {
            side,
            carrier: carrier.to_owned(),
            attempts: Outcome::ALL.iter().map(attempt).collect(),
            responses: vectors.sip_responses.clone(),
            by_code: std::iter::repeat_with(OnceLock::new).take(CODES.len() + 1).collect(),
            answered_seconds: (carrier != NONE)
                .then(|| vectors.answered_call_seconds.with_label_values(&[carrier])),
            false_answers: (carrier != NONE).then(|| vectors.false_answers.with_label_values(&[carrier])),
            up: vectors.carrier_up.clone(),
            calls: vectors.carrier_calls.clone(),
            configured: AtomicBool::new(false),
        }
    }

    /// Counts `n` attempts that ended.
    pub fn attempts(&self, outcome: Outcome, n: u64) {
        if let Some(counter) = self.attempts.get(outcome.index()) {
            counter.inc_by(n);
        }
    }

    /// Counts `n` final responses; a status that is not registered counts under `other`.
    pub fn responses(&self, status: u16, n: u64) {
        let (slot, label) = match CODES.binary_search(&status) {
            Ok(i) => (i, Some(status)),
            Err(_) => (CODES.len(), None),
        };
        if let Some(cell) = self.by_code.get(slot) {
            let code = || label.map_or_else(|| "other".to_owned(), |status| status.to_string());
            cell.get_or_init(|| {
                self.responses.with_label_values(&[self.side.as_str(), &self.carrier, &code()])
            })
            .inc_by(n);
        }
    }

    /// Adds the talking time of one ended call, in milliseconds.
    pub fn answered_ms(&self, ms: u64) {
        if let Some(counter) = &self.answered_seconds {
            counter.inc_by(std::time::Duration::from_millis(ms).as_secs_f64());
        }
    }

    /// Counts `n` calls that this carrier answered without sound.
    pub fn false_answers(&self, n: u64) {
        if let Some(counter) = &self.false_answers {
            counter.inc_by(n);
        }
    }

    /// Shows whether calls are sent to this carrier; nothing for a carrier that is not in the configuration
    /// now.
    pub fn set_up(&self, up: bool) {
        if self.configured.load(Ordering::Relaxed) {
            self.up.with_label_values(&[&self.carrier]).set(if up { 1.0 } else { 0.0 });
        }
    }

    /// Shows how many calls are on this carrier; nothing for a carrier that is not in the configuration now.
    pub fn set_calls(&self, calls: u64) {
        if self.configured.load(Ordering::Relaxed) {
            self.calls.with_label_values(&[&self.carrier]).set(i64::try_from(calls).unwrap_or(i64::MAX));
        }
    }

    /// Follows the configuration: the gauges appear, up and empty, or go away.
    pub(super) fn configure(&self, present: bool) {
        if self.configured.swap(present, Ordering::Relaxed) == present {
            return;
        }
        if present {
            self.set_up(true);
            self.set_calls(0);
        } else {
            // An error means that the series was gone already.
            self.up.remove_label_values(&[&self.carrier]).ok();
            self.calls.remove_label_values(&[&self.carrier]).ok();
        }
    }
}
