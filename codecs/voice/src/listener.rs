//! What one side sends, as sound: packets are held back until their time, decoded, and replaced where they
//! are lost.

use std::time::Duration;

use codecs::Codec;

use crate::codec::Decoder;
use crate::jitter::{JitterBuffer, JitterCounters, JitterSettings, Kind, Popped, Pushed};
use crate::packet::Packet;
use crate::payload::{frames, samples};
use crate::sound::{SHORTEN_MIN, Sound};

/// The sound goes on for so long after the last packet that came. Opus tells of a pause every 400 ms, and of
/// its begin nothing (RFC 7587 §3.1.3).
const ENDS_AFTER: Duration = Duration::from_millis(200);
const OPUS_ENDS_AFTER: Duration = Duration::from_millis(600);

/// One codec of one side. Packets are pushed as they come; whoever plays takes sound at its own pace.
pub struct Listener {
    codec: Codec,
    payload: u8,
    /// The payload number of comfort noise (RFC 3389), if it was agreed.
    noise: Option<u8>,
    buffer: JitterBuffer,
    decoder: Box<dyn Decoder>,
    sound: Sound,
    restored: u64,
    shortened_samples: u64,
}

// === impl Listener ===

impl Listener {
    /// Of a codec by its payload number, and of comfort noise by another; packets are held back between the
    /// two times. None where the codec is not [`available`](crate::available).
    pub fn new(codec: Codec, payload: u8, noise: Option<u8>, delay: (Duration, Duration)) -> Option<Self> {
        let decoder = crate::decoder(codec)?;
        let buffer = JitterBuffer::new(JitterSettings {
            clock_hz: codec.clock_hz(),
            frame_samples: decoder.frame_samples(),
            delay,
            ends_after: if codec == Codec::Opus { OPUS_ENDS_AFTER } else { ENDS_AFTER },
        });
        let sound = Sound::new();
        Some(Self { codec, payload, noise, buffer, decoder, sound, restored: 0, shortened_samples: 0 })
    }

    /// What a packet is by its payload number and length, if that is sound or noise.
    pub fn kind(&self, packet: &Packet<'_>) -> Option<Kind> {
        if packet.payload_type == self.payload {
            let samples = samples(self.codec, packet.payload).ok()?;
            let is_noise = is_noise(self.codec, packet.payload);
            return Some(if is_noise { Kind::Noise(samples) } else { Kind::Sound(samples) });
        }
        (self.noise == Some(packet.payload_type)).then_some(Kind::Noise(0))
    }

    /// Takes a packet, of which [`Self::kind`] says what it is; one that is neither sound nor noise is not
    /// lost: it has its place in the order.
    pub fn push(&mut self, packet: &Packet<'_>, kind: Kind, now: Duration) -> Pushed {
        self.buffer.push(packet, kind, now)
    }

    /// Decodes until `count` samples are there, of which what was decoded is shown; false if nothing comes
    /// any more.
    pub fn fill(&mut self, due: Duration, count: usize, mut heard: impl FnMut(&[i16])) -> bool {
        // Where sound is to be shortened, more of it is needed than one short packet has.
        let mut shorten_from = None;
        let (decoder, sound) = (&mut self.decoder, &mut self.sound);
        loop {
            if sound.len() >= shorten_from.map_or(count, |from: usize| count.max(from + SHORTEN_MIN)) {
                let Some(from) = shorten_from.take() else { return true };
                self.shortened_samples += sound.shorten(from) as u64;
                continue;
            }
            match self.buffer.pop(due) {
                Popped::Nothing => return sound.len() >= count,
                Popped::Packet { payload_type, payload, surplus, .. } => {
                    if payload_type != self.payload {
                        decoder.describe_pause(payload);
                        continue;
                    }
                    let from = sound.len();
                    let Ok(all) = frames(self.codec, payload) else { continue };
                    for frame in all {
                        sound.push(frame.samples, |samples| decoder.decode(frame, samples));
                    }
                    heard(sound.since(from));
                    if surplus {
                        shorten_from.get_or_insert(from);
                    }
                }
                Popped::Lost { samples, next } => {
                    let next = next.filter(|&(payload_type, _)| payload_type == self.payload);
                    let next = next.and_then(|(_, payload)| frames(self.codec, payload).ok());
                    let next = next.and_then(|mut all| all.next());
                    let mut restored = 0;
                    sound.push(samples, |lost| {
                        restored = next.map_or(0, |next| decoder.recover(next, lost));
                        let rest = &mut lost[restored..];
                        decoder.conceal(rest);
                        samples
                    });
                    self.restored += u64::from(restored > 0);
                }
                Popped::Pause { samples } => sound.push(samples, |pause| {
                    decoder.pause(pause);
                    samples
                }),
            }
        }
    }

    /// Takes the first samples; where fewer are there, the rest is silent.
    pub fn take(&mut self, samples: &mut [i16]) {
        let there = self.sound.len().min(samples.len());
        let (first, rest) = samples.split_at_mut(there);
        self.sound.take(first);
        rest.fill(0);
    }

    /// When what was pushed first is due, before the sound begins.
    pub fn starts_at(&self) -> Option<Duration> {
        self.buffer.starts_at()
    }

    /// How long packets are held back at present.
    pub fn delay(&self) -> Duration {
        self.buffer.delay()
    }

    /// Counts of the packets, frames that were restored from the packet after them, and samples that were
    /// left out because more was held than need be.
    pub fn counters(&self) -> (JitterCounters, u64, u64) {
        (self.buffer.counters(), self.restored, self.shortened_samples)
    }

    pub(crate) fn push_silence(&mut self, count: usize) {
        self.sound.push_silence(count);
    }

    pub(crate) fn drop_first(&mut self, count: usize) {
        self.sound.drop_first(count);
    }

    pub(crate) fn clear(&mut self) {
        self.sound.clear();
    }
}

impl std::fmt::Debug for Listener {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Listener").field("codec", &self.codec).finish_non_exhaustive()
    }
}

/// Whether a payload ends with a frame that describes a pause.
pub(crate) fn is_noise(codec: Codec, payload: &[u8]) -> bool {
    frames(codec, payload).is_ok_and(|frames| frames.last().is_some_and(|frame| frame.is_noise))
}
