//! A digit as the packets that tell it (RFC 4733 §2.5.1): one for each packet time while it lasts, the last
//! of them three times, and another event where the duration's 16 bits do not suffice.

use super::{Digit, Event};

/// The end is told so often (§2.5.1.4).
const ENDS: u8 = 3;
/// The volume that is told, in −dBm0: that of our tones.
const VOLUME: u8 = 10;

/// Tells one digit.
#[derive(Clone, Debug)]
pub struct EventSender {
    digit: Digit,
    /// Where its present segment began.
    timestamp: u32,
    /// Units that the present segment has lasted, and those that are to come.
    lasted: u32,
    left: u32,
    is_first: bool,
    ends_left: u8,
}

/// One packet of an event.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Sent {
    /// When the event, or its segment, began.
    pub timestamp: u32,
    /// The first packet of the digit.
    pub marker: bool,
    /// What it says.
    pub event: Event,
}

// === impl EventSender ===

impl EventSender {
    /// A digit that begins at `timestamp` and lasts `duration` units of it, at least one.
    pub fn new(digit: Digit, timestamp: u32, duration: u32) -> Self {
        Self { digit, timestamp, lasted: 0, left: duration.max(1), is_first: true, ends_left: ENDS }
    }

    /// The packet after another `units`; none after the last. The digit is over once its end was told.
    pub fn next(&mut self, units: u32) -> Option<Sent> {
        if self.left > 0 {
            if self.lasted >= u32::from(u16::MAX) {
                // A long event goes on in a new one that begins where this segment ends (§2.5.1.3).
                self.timestamp = self.timestamp.wrapping_add(u32::from(u16::MAX));
                self.lasted -= u32::from(u16::MAX);
            }
            let more = units.min(self.left);
            self.lasted += more;
            self.left -= more;
        }
        // A segment that is full is told as such first, without its end.
        let is_full = self.lasted > u32::from(u16::MAX);
        let end = self.left == 0 && !is_full;
        if end {
            self.ends_left = self.ends_left.checked_sub(1)?;
        } else if is_full && self.left == 0 {
            // What is beyond the segment ends with the next packet.
            self.left = self.lasted - u32::from(u16::MAX);
            self.lasted = u32::from(u16::MAX);
        }
        let duration = u16::try_from(self.lasted).unwrap_or(u16::MAX);
        let marker = std::mem::take(&mut self.is_first);
        let event = Event { code: self.digit.code(), end, volume: VOLUME, duration };
        Some(Sent { timestamp: self.timestamp, marker, event })
    }

    /// It ends with the next packet.
    pub fn end(&mut self) {
        self.left = self.left.min(1);
    }

    /// Whether its end was told at least once.
    pub fn has_ended(&self) -> bool {
        self.ends_left < ENDS
    }

    /// Which digit.
    pub fn digit(&self) -> Digit {
        self.digit
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packets(duration: u32, units: u32) -> Vec<(u32, bool, bool, u16)> {
        let mut sender = EventSender::new(Digit::from_char('5').unwrap(), 1000, duration);
        std::iter::from_fn(|| sender.next(units))
            .map(|sent| (sent.timestamp, sent.marker, sent.event.end, sent.event.duration))
            .collect()
    }

    #[test]
    fn a_digit_grows_and_its_end_is_told_three_times() {
        assert_eq!(
            packets(400, 160),
            [
                (1000, true, false, 160),
                (1000, false, false, 320),
                (1000, false, true, 400),
                (1000, false, true, 400),
                (1000, false, true, 400)
            ]
        );
        assert_eq!(packets(0, 160), [(1000, true, true, 1), (1000, false, true, 1), (1000, false, true, 1)]);
    }

    #[test]
    fn a_digit_of_unknown_length_ends_when_it_is_said() {
        let mut sender = EventSender::new(Digit::from_char('5').unwrap(), 0, u32::MAX);
        for n in 1..4 {
            let sent = sender.next(160).unwrap();
            assert_eq!((sent.event.end, sent.event.duration), (false, 160 * n));
        }
        sender.end();
        let ends: Vec<_> = std::iter::from_fn(|| sender.next(160)).collect();
        assert!(ends.iter().all(|sent| sent.event.end && sent.event.duration == 481));
        assert_eq!(ends.len(), 3);
    }

    #[test]
    fn a_long_digit_goes_on_in_new_events() {
        let sent = packets(150_000, 30_000);
        let told: Vec<_> =
            sent.iter().map(|&(timestamp, _, end, duration)| (timestamp, end, duration)).collect();
        assert_eq!(sent.iter().filter(|sent| sent.1).count(), 1);
        assert_eq!(
            told,
            [
                (1000, false, 30_000),
                (1000, false, 60_000),
                (1000, false, 65_535),
                (66_535, false, 54_465),
                (66_535, false, 65_535),
                (132_070, true, 18_930),
                (132_070, true, 18_930),
                (132_070, true, 18_930)
            ]
        );
        // All its segments together are as long as it is.
        assert_eq!(65_535 * 2 + 18_930, 150_000);
    }
}
