//! What comes in: packets sorted by their payload numbers, and sound decoded when it is asked for.

use std::time::Duration;

use codecs::Codec;

use super::Transcoder;
use super::counters::Taken;
use super::sound::SHORTEN_MIN;
use crate::dtmf::Event;
use crate::jitter::{Kind, Popped, Pushed};
use crate::packet::Packet;
use crate::payload::{frames, samples};

impl Transcoder {
    /// Takes a packet of the incoming side.
    pub fn push(&mut self, packet: &Packet<'_>, now: Duration) -> Taken {
        let incoming = &self.settings.incoming;
        let (kind, taken) = if packet.payload_type == incoming.payload {
            match samples(incoming.codec, packet.payload) {
                Ok(samples) if is_noise(incoming.codec, packet.payload) => {
                    (Kind::Noise(samples), Taken::Sound)
                }
                Ok(samples) => (Kind::Sound(samples), Taken::Sound),
                Err(_) => (Kind::Other, Taken::Unknown),
            }
        } else if incoming.noise == Some(packet.payload_type) {
            (Kind::Noise(0), Taken::Sound)
        } else if incoming.event.is_some_and(|event| event.payload == packet.payload_type) {
            (Kind::Other, Taken::Event)
        } else {
            (Kind::Other, Taken::Unknown)
        };
        if taken == Taken::Unknown {
            // It is not lost: it has its place in the order.
            self.buffer.push(&Packet { payload: &[], ..*packet }, kind, now);
            self.counters.unknown += 1;
            return taken;
        }
        let pushed = self.buffer.push(packet, kind, now);
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
            && let Some(starts) = self.buffer.starts_at()
        {
            self.wake(starts.max(now));
        }
        taken
    }

    /// Decodes until `count` samples are there; false if nothing comes any more.
    pub(super) fn fill(&mut self, due: Duration, count: usize) -> bool {
        // Where sound is to be shortened, more of it is needed than one short packet has.
        let mut shorten_from = None;
        loop {
            let (decoder, sound) = (&mut self.decoder, &mut self.sound);
            if sound.len() >= shorten_from.map_or(count, |from: usize| count.max(from + SHORTEN_MIN)) {
                let Some(from) = shorten_from.take() else { return true };
                self.counters.shortened_samples += sound.shorten(from) as u64;
                continue;
            }
            match self.buffer.pop(due) {
                Popped::Nothing => {
                    // What is left of the last frame is not worth a packet, unless an event is to be told.
                    if !self.events.is_telling(due) && !self.events.has_own() {
                        return sound.len() >= count;
                    }
                    sound.push_silence(count);
                }
                Popped::Packet { payload_type, payload, surplus, .. } => {
                    if payload_type != self.settings.incoming.payload {
                        decoder.describe_pause(payload);
                        continue;
                    }
                    let from = sound.len();
                    let Ok(all) = frames(self.settings.incoming.codec, payload) else { continue };
                    for frame in all {
                        sound.push(frame.samples, |samples| decoder.decode(frame, samples));
                    }
                    if let Some(detector) = &mut self.detector {
                        let (digits, events) = (&mut self.digits, &mut self.events);
                        let settings = &self.settings;
                        let as_events = settings.digits_as_events
                            && settings.incoming.event.is_none()
                            && settings.outgoing.event.is_some();
                        let timestamp = self.clock.of_frame(0);
                        detector.hear(sound.since(from), |heard| {
                            *digits = Some(heard);
                            if as_events {
                                events.heard_as_tones(heard, timestamp);
                            }
                        });
                    }
                    if surplus {
                        shorten_from.get_or_insert(from);
                    }
                }
                Popped::Lost { samples, next } => {
                    let next =
                        next.filter(|&(payload_type, _)| payload_type == self.settings.incoming.payload);
                    let next =
                        next.and_then(|(_, payload)| frames(self.settings.incoming.codec, payload).ok());
                    let next = next.and_then(|mut all| all.next());
                    let mut restored = 0;
                    sound.push(samples, |lost| {
                        restored = next.map_or(0, |next| decoder.recover(next, lost));
                        let rest = &mut lost[restored..];
                        decoder.conceal(rest);
                        samples
                    });
                    self.counters.restored += u64::from(restored > 0);
                }
                Popped::Pause { samples } => sound.push(samples, |pause| {
                    decoder.pause(pause);
                    samples
                }),
            }
        }
    }
}

/// Whether a payload ends with a frame that describes a pause.
pub(super) fn is_noise(codec: Codec, payload: &[u8]) -> bool {
    frames(codec, payload).is_ok_and(|frames| frames.last().is_some_and(|frame| frame.is_noise))
}
