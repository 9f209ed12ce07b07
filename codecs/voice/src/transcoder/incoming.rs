//! What comes in: packets sorted by their payload numbers, and sound decoded when it is asked for.

use std::time::Duration;

use super::Transcoder;
use super::counters::Taken;
use crate::dtmf::Event;
use crate::jitter::{Kind, Pushed};
use crate::packet::Packet;

impl Transcoder {
    /// Takes a packet of the incoming side.
    pub fn push(&mut self, packet: &Packet<'_>, now: Duration) -> Taken {
        let event = self.settings.incoming.event.map(|event| event.payload);
        let (kind, taken) = match self.listener.kind(packet) {
            Some(kind) => (kind, Taken::Sound),
            None if event == Some(packet.payload_type) => (Kind::Other, Taken::Event),
            None => (Kind::Other, Taken::Unknown),
        };
        if taken == Taken::Unknown {
            self.listener.push(&Packet { payload: &[], ..*packet }, kind, now);
            self.counters.unknown += 1;
            return taken;
        }
        let pushed = self.listener.push(packet, kind, now);
        if pushed != Pushed::Held && !(taken == Taken::Event && pushed == Pushed::Late) {
            return Taken::Dropped(pushed);
        }
        if taken == Taken::Event {
            let Some(event) = Event::parse(packet.payload) else {
                self.counters.unknown += 1;
                return Taken::Unknown;
            };
            self.events.heard(packet.timestamp, event, self.clock.next_at(now), now);
        }
        if self.clock.due().is_none()
            && let Some(starts) = self.listener.starts_at()
        {
            self.wake(starts.max(now));
        }
        taken
    }

    /// Decodes until `count` samples are there; false if nothing comes any more.
    pub(super) fn fill(&mut self, due: Duration, count: usize) -> bool {
        let settings = &self.settings;
        let as_events = settings.digits_as_events
            && settings.incoming.event.is_none()
            && settings.outgoing.event.is_some();
        let timestamp = self.clock.of_frame(0);
        let (detector, digits, events) = (&mut self.detector, &mut self.digits, &mut self.events);
        let is_filled = self.listener.fill(due, count, |sound| {
            let Some(detector) = detector else { return };
            detector.hear(sound, |heard| {
                *digits = Some(heard);
                if as_events {
                    events.heard_as_tones(heard, timestamp);
                }
            });
        });
        // What is left of the last frame is not worth a packet, unless an event is to be told.
        let is_told = self.events.is_telling(due) || self.events.has_own();
        if !is_filled && is_told {
            self.listener.push_silence(count);
        }
        is_filled || is_told
    }
}
