//! Events that are passed on, and digits of our own (RFC 4733).

use std::collections::VecDeque;
use std::time::Duration;

use super::settings::{Incoming, Outgoing};
use crate::dtmf::{Digit, Event, EventSender, Heard as ToneHeard, TonePair};

/// Packets of events that wait to be sent.
const WAITING_MAX: usize = 16;
/// An event that no packet tells any more is over after this.
const SILENT_MAX: Duration = Duration::from_millis(120);

/// Longest event made of tones, in units of the timestamp: 20 s at 8 kHz. Their end is heard before.
const HEARD_UNITS_MAX: u32 = 160_000;

/// A packet of an event that is to be sent.
#[derive(Clone, Copy, Debug)]
pub(super) struct Telling {
    pub(super) timestamp: u32,
    pub(super) event: Event,
    pub(super) marker: bool,
    /// The end was told before: this packet says it again.
    pub(super) is_over: bool,
}

/// An event of the other side.
struct Heard {
    /// When it began, there and here.
    incoming: u32,
    outgoing: u32,
    code: u8,
    /// How long it has lasted, in units of durations there.
    lasted: u16,
    ended: bool,
    at: Duration,
}

pub(super) struct EventQueue {
    /// Units of durations a second here and there, and of timestamps here.
    out_hz: u32,
    in_hz: u32,
    clock_hz: u32,
    is_sent: bool,
    heard: Option<Heard>,
    waiting: VecDeque<Telling>,
    own: Option<EventSender>,
    own_told: Option<Duration>,
    /// The tone that is played where events are not sent, and the samples left of it.
    tone: Option<(u8, TonePair)>,
    tone_left: usize,
}

// === impl EventQueue ===

impl EventQueue {
    pub(super) fn new(incoming: &Incoming, outgoing: &Outgoing) -> Self {
        let clock_hz = outgoing.encoder.codec.clock_hz();
        Self {
            out_hz: outgoing.event.map_or(clock_hz, |event| event.clock_hz).max(1),
            in_hz: incoming.event.map_or(8000, |event| event.clock_hz).max(1),
            clock_hz,
            is_sent: outgoing.event.is_some(),
            heard: None,
            waiting: VecDeque::with_capacity(WAITING_MAX),
            own: None,
            own_told: None,
            tone: None,
            tone_left: 0,
        }
    }

    /// A packet of an event came. `timestamp` is what is sent at present.
    pub(super) fn heard(&mut self, incoming: u32, event: Event, timestamp: u32, now: Duration) {
        let mut marker = false;
        let (began_in, began_out) = match &self.heard {
            Some(heard) if heard.incoming == incoming && heard.code == event.code => {
                if event.duration < heard.lasted && !event.end {
                    return;
                }
                (heard.incoming, heard.outgoing)
            }
            // A packet of an event before this one came late.
            Some(heard) if (incoming.wrapping_sub(heard.incoming) as i32) < 0 => return,
            Some(heard) => {
                let since = incoming.wrapping_sub(heard.incoming);
                let goes_on = !heard.ended && heard.code == event.code && since == u32::from(u16::MAX);
                marker = !goes_on;
                let end = heard.outgoing.wrapping_add(self.in_clock(u32::from(heard.lasted)));
                let is_before_end = (timestamp.wrapping_sub(end) as i32) < 0;
                let outgoing = if goes_on {
                    heard.outgoing.wrapping_add(self.in_clock(since))
                } else if is_before_end && !heard.ended {
                    end
                } else {
                    timestamp
                };
                (incoming, outgoing)
            }
            None => {
                marker = true;
                (incoming, timestamp)
            }
        };
        let lasted = event.duration;
        self.heard = Some(Heard {
            incoming: began_in,
            outgoing: began_out,
            code: event.code,
            lasted,
            ended: event.end || self.heard.as_ref().is_some_and(|h| h.incoming == began_in && h.ended),
            at: now,
        });
        if !self.is_sent {
            return;
        }
        // A duration that needs more than 16 bits on this clock goes on in another event.
        let units = (u64::from(lasted) * u64::from(self.out_hz) / u64::from(self.in_hz)) as u32;
        let full = units.saturating_sub(1) / u32::from(u16::MAX) * u32::from(u16::MAX);
        let duration = (units - full) as u16;
        let segment = (u64::from(full) * u64::from(self.clock_hz) / u64::from(self.out_hz)) as u32;
        if self.waiting.len() == WAITING_MAX {
            self.waiting.pop_front();
        }
        let timestamp = began_out.wrapping_add(segment);
        self.waiting.push_back(Telling {
            timestamp,
            event: Event { duration, ..event },
            marker,
            is_over: false,
        });
    }

    /// A digit of our own; false while another one is told.
    pub(super) fn send(&mut self, digit: Digit, timestamp: u32, clock_units: u32) -> bool {
        // Once its end was told, the next digit need not wait until that is told three times.
        if self.own.as_ref().is_some_and(|own| !own.has_ended()) || self.tone_left > 0 {
            return false;
        }
        if self.is_sent {
            let units = u64::from(clock_units) * u64::from(self.out_hz) / u64::from(self.clock_hz);
            self.own = Some(EventSender::new(digit, timestamp, units as u32));
            self.own_told = None;
        } else {
            self.tone = Some((digit.code(), TonePair::of(digit)));
            self.tone_left = (u64::from(clock_units) * 8000 / u64::from(self.clock_hz)) as usize;
        }
        true
    }

    /// A digit that was heard in the sound becomes an event, as long as its tones last.
    pub(super) fn heard_as_tones(&mut self, heard: ToneHeard, timestamp: u32) {
        match heard {
            ToneHeard::Began(digit) => {
                self.send(digit, timestamp, HEARD_UNITS_MAX);
            }
            ToneHeard::Ended(digit, _) => {
                if let Some(own) = self.own.as_mut().filter(|own| own.digit() == digit) {
                    own.end();
                }
            }
        }
    }

    pub(super) fn has_relayed(&self) -> bool {
        !self.waiting.is_empty()
    }

    pub(super) fn next_relayed(&mut self) -> Option<Telling> {
        self.waiting.pop_front()
    }

    /// The next packet of our own digit, one for each packet time.
    pub(super) fn next_own(&mut self, clock_units: u32, due: Duration) -> Option<Telling> {
        let own = self.own.as_mut().filter(|_| self.own_told != Some(due))?;
        let is_over = own.has_ended();
        let units = u64::from(clock_units) * u64::from(self.out_hz) / u64::from(self.clock_hz);
        let Some(sent) = own.next(units as u32) else {
            self.own = None;
            return None;
        };
        self.own_told = Some(due);
        Some(Telling { timestamp: sent.timestamp, event: sent.event, marker: sent.marker, is_over })
    }

    /// Whether an event is told, or a digit played, at present: nothing else is sent meanwhile.
    pub(super) fn is_telling(&self, due: Duration) -> bool {
        self.is_heard(due) || self.own.as_ref().is_some_and(|own| !own.has_ended()) || self.tone_left > 0
    }

    /// Whether a digit of our own, or its end, is still to be told.
    pub(super) fn has_own(&self) -> bool {
        self.own.is_some()
    }

    fn is_heard(&self, due: Duration) -> bool {
        self.heard.as_ref().is_some_and(|heard| !heard.ended && due.saturating_sub(heard.at) < SILENT_MAX)
    }

    /// Puts tones in place of the sound while a digit is told that the other side is not told as an event.
    pub(super) fn play(&mut self, samples: &mut [i16], due: Duration) {
        let heard = self.heard.as_ref().filter(|_| self.is_heard(due)).and_then(|h| Digit::from_code(h.code));
        if let Some(digit) = heard {
            if self.tone.as_ref().is_none_or(|(code, _)| *code != digit.code()) {
                self.tone = Some((digit.code(), TonePair::of(digit)));
            }
            self.tone_left = self.tone_left.max(samples.len());
        }
        let on = self.tone_left.min(samples.len());
        let Some((_, tone)) = &mut self.tone else { return };
        if on == 0 {
            self.tone = None;
            return;
        }
        tone.fill(&mut samples[..on], true);
        tone.fill(&mut samples[on..], false);
        self.tone_left -= on;
    }

    /// Units of the incoming event's duration in units of the outgoing timestamp.
    fn in_clock(&self, units: u32) -> u32 {
        (u64::from(units) * u64::from(self.clock_hz) / u64::from(self.in_hz)) as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::EncoderSettings;
    use crate::transcoder::settings::EventPayload;
    use codecs::Codec;

    #[test]
    fn a_long_event_on_a_faster_clock_goes_on_in_new_ones() {
        let event = |clock_hz| Some(EventPayload { payload: 101, clock_hz });
        let incoming = Incoming { event: event(8000), ..Incoming::new(Codec::Pcma, 8) };
        let outgoing = Outgoing::new(EncoderSettings::new(Codec::Opus), 96);
        let mut queue = EventQueue::new(&incoming, &Outgoing { event: event(48_000), ..outgoing });
        let mut told = |duration, end| {
            queue.heard(5, Event { code: 1, end, volume: 10, duration }, 1000, Duration::ZERO);
            let telling = queue.next_relayed().unwrap();
            (telling.timestamp, telling.event.duration, telling.event.end, telling.marker)
        };
        assert_eq!(told(160, false), (1000, 960, false, true));
        // 6 · 10,922 are 65,532; one unit more passes 16 bits.
        assert_eq!(told(10_922, false), (1000, 65_532, false, false));
        assert_eq!(told(10_923, false), (66_535, 3, false, false));
        assert_eq!(told(60_000, true), (1000 + 5 * 65_535, 32_325, true, false));
    }

    #[test]
    fn packets_of_events_before_are_left_out() {
        let event = Some(EventPayload { payload: 101, clock_hz: 8000 });
        let incoming = Incoming { event, ..Incoming::new(Codec::Pcma, 8) };
        let outgoing = Outgoing { event, ..Outgoing::new(EncoderSettings::new(Codec::Pcmu), 0) };
        let mut queue = EventQueue::new(&incoming, &outgoing);
        let tell = |code, duration, end| Event { code, end, volume: 10, duration };
        queue.heard(5000, tell(1, 800, true), 1000, Duration::ZERO);
        queue.heard(9000, tell(2, 160, false), 5000, Duration::ZERO);
        queue.heard(5000, tell(1, 800, true), 5000, Duration::ZERO);
        queue.heard(9000, tell(2, 480, false), 5000, Duration::ZERO);
        queue.heard(9000, tell(2, 320, false), 5000, Duration::ZERO);
        let told: Vec<_> = std::iter::from_fn(|| queue.next_relayed())
            .map(|telling| (telling.timestamp, telling.event.code, telling.event.duration))
            .collect();
        assert_eq!(told, [(1000, 1, 800), (5000, 2, 160), (5000, 2, 480)]);
        // Nothing of this is without bound.
        for n in 0..100 {
            queue.heard(9000, tell(2, 500 + n, false), 5000, Duration::ZERO);
        }
        assert_eq!(std::iter::from_fn(|| queue.next_relayed()).count(), WAITING_MAX);
    }
}
