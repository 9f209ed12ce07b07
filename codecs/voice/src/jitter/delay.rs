//! How long packets are to be held back: by the distribution of their delays over the shortest one of late.

use std::time::Duration;

/// Delays are counted in classes of 10 ms.
const CLASS: Duration = Duration::from_millis(10);
/// The last class is what is longer.
const CLASSES: usize = 24;
/// Delays are at first thought to be 40 ms, which is forgotten after some 5 s of packets of 20 ms.
const EXPECTED_CLASS: usize = 3;
/// A count fades by a 128th with each packet: 2.5 s of packets of 20 ms.
const FADE_SHIFT: u32 = 7;
/// What all counts together come to; high enough that what fades does not stop at a 128th that rounds to
/// nothing.
const ONE: u32 = 1 << 24;
/// Of 64 packets, how many may come too late: 1, which is 1.6 %.
const LATE_OF: u32 = 64;
/// The shortest delay is looked for in two stretches of this length, so that a drifting clock is followed.
const STRETCH: Duration = Duration::from_secs(4);
/// A delay that changes by this much from one packet to the next is a jump of the timestamps.
const STRANGE: Duration = Duration::from_secs(1);
/// So many packets in a row with more held than needed make a surplus: the least of them counts.
const SURPLUS_PACKETS: u32 = 25;
/// This much is no surplus.
const SURPLUS_MIN: Duration = Duration::from_millis(20);
/// So much is at once.
const SURPLUS_MAX: Duration = Duration::from_millis(120);

/// Arrival times, seen together.
pub(super) struct Delay {
    clock_hz: u32,
    bounds: (Duration, Duration),
    /// Counts of each class, fading.
    classes: [u32; CLASSES],
    target: Duration,
    /// The stream's time of the last packet, in timestamp units counted on through 2³².
    last: Option<(u32, i64)>,
    /// Arrival less stream time of the last packet, in microseconds.
    transit: Option<i64>,
    /// Least transit of this stretch and of the one before, and when this one began.
    least: (i64, i64, Duration),
    /// RFC 3550 §6.4.1, in sixteenths of timestamp units.
    jitter_16: u64,
    /// Least surplus of the packets played since the last one was told, and how many.
    surplus: (Duration, u32),
}

// === impl Delay ===

impl Delay {
    pub(super) fn new(clock_hz: u32, bounds: (Duration, Duration)) -> Self {
        let bounds = (bounds.0, bounds.1.max(bounds.0));
        let mut classes = [0; CLASSES];
        classes[EXPECTED_CLASS] = ONE / 8;
        Self {
            clock_hz: clock_hz.max(1),
            bounds,
            classes,
            target: (CLASS * (EXPECTED_CLASS as u32 + 1)).clamp(bounds.0, bounds.1),
            last: None,
            transit: None,
            least: (i64::MAX, i64::MAX, Duration::ZERO),
            jitter_16: 0,
            surplus: (Duration::MAX, 0),
        }
    }

    /// Another order of packets begins. What is known of the network stays.
    pub(super) fn restart(&mut self) {
        self.last = None;
        self.transit = None;
        self.least = (i64::MAX, i64::MAX, Duration::ZERO);
        self.surplus = (Duration::MAX, 0);
    }

    pub(super) fn target(&self) -> Duration {
        self.target
    }

    pub(super) fn jitter(&self) -> u32 {
        u32::try_from(self.jitter_16 / 16).unwrap_or(u32::MAX)
    }

    pub(super) fn arrived(&mut self, timestamp: u32, now: Duration) {
        let time = match self.last {
            None => 0,
            Some((before, time)) => time + i64::from(timestamp.wrapping_sub(before) as i32),
        };
        self.last = Some((timestamp, time));
        let micros = i64::try_from(now.as_micros()).unwrap_or(i64::MAX);
        let transit = micros.saturating_sub(time.saturating_mul(1_000_000) / i64::from(self.clock_hz));
        if let Some(before) = self.transit.replace(transit) {
            if transit.abs_diff(before) > STRANGE.as_micros() as u64 {
                // Its timestamps jumped, which says nothing of the network.
                self.restart();
                return;
            }
            let difference = transit.saturating_sub(before).unsigned_abs();
            let units = difference.saturating_mul(u64::from(self.clock_hz)) / 1_000_000;
            self.jitter_16 = (self.jitter_16 + units.min(1 << 32)).saturating_sub((self.jitter_16 + 8) / 16);
        }
        if self.least.0 == i64::MAX || now.saturating_sub(self.least.2) >= STRETCH {
            self.least = (transit, self.least.0, now);
        }
        self.least.0 = self.least.0.min(transit);
        let above = transit.saturating_sub(self.least.0.min(self.least.1)).max(0);
        let class = (above as u64 / CLASS.as_micros() as u64).min(CLASSES as u64 - 1) as usize;
        self.count(class);
    }

    fn count(&mut self, class: usize) {
        let mut sum = 0;
        for count in &mut self.classes {
            *count -= *count >> FADE_SHIFT;
            sum += *count;
        }
        self.classes[class] += ONE >> FADE_SHIFT;
        sum += ONE >> FADE_SHIFT;
        // The least delay with which at most one packet of 64 came later.
        let mut later = sum;
        let enough = self.classes.iter().position(|count| {
            later -= count;
            later <= sum / LATE_OF
        });
        let classes = enough.unwrap_or(CLASSES - 1) as u32 + 1;
        self.target = (CLASS * classes).clamp(self.bounds.0, self.bounds.1);
    }

    /// Whether more is held than need be, told once for each 25 packets, or at once if it is much more.
    /// `held` are the units of the timestamp that are held behind the packet that is played now.
    pub(super) fn has_surplus(&mut self, held: i32, samples: usize) -> bool {
        let held =
            Duration::from_micros(u64::try_from(held).unwrap_or(0) * 1_000_000 / u64::from(self.clock_hz));
        let played = Duration::from_micros(samples as u64 * 125);
        let surplus = (held + played).saturating_sub(self.target);
        if surplus > SURPLUS_MAX {
            self.surplus = (Duration::MAX, 0);
            return true;
        }
        self.surplus = (self.surplus.0.min(surplus), self.surplus.1 + 1);
        if self.surplus.1 < SURPLUS_PACKETS {
            return false;
        }
        let is_surplus = self.surplus.0 > SURPLUS_MIN;
        self.surplus = (Duration::MAX, 0);
        is_surplus
    }
}
