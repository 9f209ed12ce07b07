//! The payload of an event (RFC 4733 §2.3).
//!
//! ```text
//!  0                   1                   2                   3
//!  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//! |     event     |E|R| volume    |          duration             |
//! ```

/// Octets of one event.
pub const EVENT_OCTETS: usize = 4;

/// One event, as one packet tells it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Event {
    /// Its code: 0 to 15 are keys, others are fax and line signals.
    pub code: u8,
    /// This is its end.
    pub end: bool,
    /// The power of its tone in −dBm0, 0 to 63.
    pub volume: u8,
    /// How long it has lasted, in units of the timestamp.
    pub duration: u16,
}

// === impl Event ===

impl Event {
    /// None of less than [`EVENT_OCTETS`]. What follows the first event is older ones again (§2.5.1.5), which
    /// the packets before told.
    pub fn parse(payload: &[u8]) -> Option<Self> {
        let &[code, flags, high, low] = payload.first_chunk::<EVENT_OCTETS>()?;
        Some(Self {
            code,
            end: flags & 0x80 != 0,
            volume: flags & 0x3F,
            duration: u16::from_be_bytes([high, low]),
        })
    }

    /// The payload.
    pub fn write(self) -> [u8; EVENT_OCTETS] {
        let [high, low] = self.duration.to_be_bytes();
        [self.code, u8::from(self.end) << 7 | self.volume.min(63), high, low]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_rfc_4733_is_read_and_written() {
        // §5: digit 1, volume 20, after 1,600 units, ended.
        let octets = [1, 0x80 | 20, 0x06, 0x40];
        let event = Event { code: 1, end: true, volume: 20, duration: 1600 };
        assert_eq!(Event::parse(&octets), Some(event));
        assert_eq!(event.write(), octets);
        assert_eq!(Event::parse(&octets[..3]), None);
        // The reserved bit is ignored, what follows too.
        assert_eq!(Event::parse(&[1, 0xC0 | 20, 0x06, 0x40, 9, 9]), Some(event));
    }
}
