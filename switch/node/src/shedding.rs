//! What part of new calls this shard has no room for, as it is told to peers that can send less (RFC 7339),
//! and what part of ours carriers have no room for.
//!
//! What is told is measured: of the calls that came in an interval, how many overload refused. Peers that
//! heed it are sent no refusals any more, so without refusals the part falls step by step until some
//! come again.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use sip::overload::LoadReport;
use units::Tick;

/// Over which time refusals are counted, milliseconds.
const INTERVAL_MS: u64 = 500;
/// By how much the part falls in an interval without refusals, of a hundred.
const STEP: u8 = 10;
/// For how long a report holds: the next one is due sooner.
const VALIDITY_MS: u32 = 1_000;
/// Most addresses that told us to send less: more than the carriers of a switch have.
const THROTTLES_MAX: usize = 4_096;

/// Our own load.
#[derive(Debug, Default)]
pub(crate) struct Shedding {
    since: Tick,
    came: u32,
    refused: u32,
    loss: u8,
}

/// Carriers' addresses that have no room for all of our calls.
#[derive(Debug, Default)]
pub(crate) struct Throttles(BTreeMap<SocketAddr, Throttle>);

#[derive(Debug)]
struct Throttle {
    loss: u8,
    until: Tick,
    seq: u64,
    /// Hundredths of a call that were sent though they should not have been.
    owed: u8,
}

// === impl Shedding ===

impl Shedding {
    /// A new call came, and overload refused it or not.
    pub(crate) fn note(&mut self, now: Tick, is_refused: bool) {
        self.roll(now);
        self.came = self.came.saturating_add(1);
        self.refused = self.refused.saturating_add(u32::from(is_refused));
    }

    /// What peers are told; `is_closed`: no new call is taken at all.
    pub(crate) fn report(&mut self, now: units::Now, is_closed: bool) -> LoadReport {
        self.roll(now.tick);
        let loss = if is_closed { 100 } else { self.loss };
        let validity_ms = if loss == 0 { 0 } else { VALIDITY_MS };
        // Hundred-thousandths of a second.
        let seq = u64::try_from(now.wall.0).unwrap_or_default().saturating_mul(100);
        LoadReport { loss, validity_ms, seq }
    }

    /// Begins the next interval when its time has come.
    fn roll(&mut self, now: Tick) {
        let intervals = now.ms_since(self.since) / INTERVAL_MS;
        if intervals == 0 {
            return;
        }
        let (came, refused) = (std::mem::take(&mut self.came), std::mem::take(&mut self.refused));
        // Those without any call count as without refusals.
        let mut calm = u8::try_from(intervals).unwrap_or(u8::MAX);
        if refused > 0 {
            // Of what came there was room for so many; those that did not come are not counted.
            let passed = u64::from(100 - self.loss) * u64::from(came - refused) / u64::from(came);
            self.loss = 100 - u8::try_from(passed).unwrap_or(100).min(99);
            calm -= 1;
        }
        self.loss = self.loss.saturating_sub(STEP.saturating_mul(calm));
        self.since = now;
    }
}

// === impl Throttles ===

impl Throttles {
    /// An address told how many of our calls it has no room for; what is older than what it told before is
    /// not heeded (RFC 7339 §5.7).
    pub(crate) fn note(&mut self, now: Tick, at: SocketAddr, report: &LoadReport) {
        if let Some(known) = self.0.get(&at)
            && known.until > now
            && report.seq < known.seq
        {
            return;
        }
        if report.loss == 0 || report.validity_ms == 0 {
            self.0.remove(&at);
            return;
        }
        self.0.retain(|_, throttle| throttle.until > now);
        if self.0.len() < THROTTLES_MAX || self.0.contains_key(&at) {
            let throttle = self.0.entry(at).or_insert(Throttle { loss: 0, until: now, seq: 0, owed: 0 });
            throttle.loss = report.loss;
            throttle.seq = report.seq;
            throttle.until = now.plus_ms(u64::from(report.validity_ms));
        }
    }

    /// Whether the next call is one of those that an address has no room for. Evenly: of a hundred in a row
    /// exactly as many as it told.
    pub(crate) fn sheds(&mut self, now: Tick, at: SocketAddr) -> bool {
        let Some(throttle) = self.0.get_mut(&at).filter(|throttle| throttle.until > now) else {
            return false;
        };
        throttle.owed += throttle.loss;
        let sheds = throttle.owed >= 100;
        throttle.owed -= if sheds { 100 } else { 0 };
        sheds
    }

    /// Whether any address has told anything.
    pub(crate) fn are_none(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: u64 = 1_000_000;

    fn at(ms: u64) -> units::Now {
        units::Now { tick: Tick(0).plus_ms(START + ms), wall: units::Wall(1_282_321_615_782) }
    }

    fn calls(shedding: &mut Shedding, ms: u64, came: u32, refused: u32) {
        (0..came).for_each(|call| shedding.note(at(ms).tick, call < refused));
    }

    #[test]
    fn the_part_is_what_was_refused_and_falls_without_refusals() {
        let mut shedding = Shedding::default();
        let loss = |shedding: &mut Shedding, ms| shedding.report(at(ms), false).loss;
        calls(&mut shedding, 0, 100, 25);
        assert_eq!(loss(&mut shedding, 499), 0, "the interval is not over");
        assert_eq!(
            shedding.report(at(500), false),
            LoadReport { loss: 25, validity_ms: 1_000, seq: 128_232_161_578_200 }
        );
        // A fifth of what still comes is too much: 75 · 0.8 of a hundred have room.
        calls(&mut shedding, 600, 50, 10);
        assert_eq!(loss(&mut shedding, 1_000), 40);
        calls(&mut shedding, 1_000, 50, 0);
        assert_eq!(loss(&mut shedding, 1_500), 30);
        // Two intervals go by, one of them with nothing.
        assert_eq!(loss(&mut shedding, 2_600), 10);
        assert_eq!(
            shedding.report(at(9_000), false),
            LoadReport { validity_ms: 0, ..shedding.report(at(9_000), false) }
        );
        assert_eq!((loss(&mut shedding, 9_000), shedding.report(at(9_000), true).loss), (0, 100));
        calls(&mut shedding, 9_500, 7, 7);
        assert_eq!(loss(&mut shedding, 10_000), 100);
        assert_eq!(loss(&mut shedding, 10_500), 90);
    }

    #[test]
    fn exactly_the_told_part_is_shed_while_it_holds() {
        let mut throttles = Throttles::default();
        let (one, other) =
            ("192.0.2.1:5060".parse().expect("address"), "192.0.2.2:5060".parse().expect("address"));
        let report = |loss, seq| LoadReport { loss, validity_ms: 500, seq };
        assert!(throttles.are_none());
        let shed = |throttles: &mut Throttles, ms, ip| {
            (0..1_000).filter(|_| throttles.sheds(at(ms).tick, ip)).count()
        };
        for loss in [1, 20, 33, 99, 100] {
            throttles.note(at(0).tick, one, &report(loss, 5));
            assert_eq!(shed(&mut throttles, 499, one), usize::from(loss) * 10, "{loss}");
        }
        assert_eq!((shed(&mut throttles, 0, other), shed(&mut throttles, 500, one)), (0, 0));
        throttles.note(at(0).tick, one, &report(50, 7));
        throttles.note(at(1).tick, one, &report(0, 6));
        assert_eq!(shed(&mut throttles, 1, one), 500, "an older word is not heeded");
        throttles.note(at(2).tick, one, &report(0, 8));
        assert!(throttles.are_none());
    }

    #[test]
    fn the_table_is_bounded() {
        let mut throttles = Throttles::default();
        let report = LoadReport { loss: 1, validity_ms: 1, seq: 0 };
        for port in 0..=THROTTLES_MAX as u16 {
            throttles.note(at(0).tick, SocketAddr::from(([192, 0, 2, 1], port)), &report);
        }
        assert_eq!(throttles.0.len(), THROTTLES_MAX);
        throttles.note(at(1).tick, SocketAddr::from(([192, 0, 2, 1], u16::MAX)), &report);
        assert_eq!(throttles.0.len(), 1);
    }
}
