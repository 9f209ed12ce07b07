//! One direction of a transcoded call: packets of one codec in, packets of another out, with numbers,
//! timestamps and packet time of their own.
//!
//! ```
//! use std::time::Duration;
//! use codecs::Codec;
//! use voice::{EncoderSettings, Packet};
//! use voice::transcoder::{Incoming, Outgoing, Transcoder, TranscoderSettings};
//!
//! let settings = TranscoderSettings::new(
//!     Incoming::new(Codec::Pcma, 8),
//!     Outgoing::new(EncoderSettings::new(Codec::Pcmu), 0),
//! );
//! let mut transcoder = Transcoder::new(settings).expect("both codecs are available");
//! let payload = &[0xD5; 160];
//! let heard = Packet { payload_type: 8, marker: true, sequence: 1, timestamp: 0, ssrc: 1, payload };
//! transcoder.push(&heard, Duration::ZERO);
//! let due = transcoder.deadline().expect("the packet is to be sent on");
//! let sent = transcoder.poll(due).expect("it is due");
//! assert_eq!((sent.payload_type, sent.payload), (0, &[0xFE; 160][..]));
//! ```

mod events;
mod settings;
mod sound;

pub use settings::{EventPayload, Incoming, Outgoing, TranscoderSettings};

use std::time::Duration;

use codecs::Codec;

use crate::codec::{Decoder, Encoded, Encoder, FRAME_OCTETS_MAX, FRAME_SAMPLES_MAX};
use crate::dtmf::{Detector, Digit, Event, Heard};
use crate::jitter::{JitterBuffer, JitterCounters, JitterSettings, Kind, PAYLOAD_MAX, Popped, Pushed};
use crate::packet::Packet;
use crate::payload::{frames, samples};
use events::{EventQueue, Telling};
use sound::Sound;

/// Packets that are sent at once where the driver came late; what is later is left out.
const BEHIND_MAX: Duration = Duration::from_millis(200);
/// What is sent goes on for so long after the last packet that came. Opus tells of a pause every 400 ms, and
/// of its begin nothing (RFC 7587 §3.1.3).
const ENDS_AFTER: Duration = Duration::from_millis(200);
const OPUS_ENDS_AFTER: Duration = Duration::from_millis(600);
/// Octets of the longest payload that is sent: 60 ms of G.711, or one packet of Opus.
const SENT_MAX: usize = FRAME_OCTETS_MAX + PAYLOAD_MAX;

/// Octets of the longest description of a pause that is sent.
const NOISE_MAX: usize = 16;

/// What became of a packet that was pushed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Taken {
    /// Its sound will be sent on in its time.
    Sound,
    /// It tells an event, which is sent on.
    Event,
    /// Its place in the order is of no use any more, or it came before.
    Dropped(Pushed),
    /// Its payload number is none that was agreed, or its payload is not what that number says.
    Unknown,
}

/// Counts since the transcoder was made.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct TranscoderCounters {
    /// Those of the incoming side.
    pub jitter: JitterCounters,
    /// Packets whose payload number or payload was not understood.
    pub unknown: u64,
    /// Packets that were sent, of sound, noise and events.
    pub sent: u64,
    /// Frames that were restored from the packet after them.
    pub restored: u64,
    /// Samples that were left out because more was held than need be.
    pub shortened_samples: u64,
}

/// Turns packets into others. Packets are pushed as they come; whoever drives it polls when the
/// [`deadline`](Self::deadline) has come, and after each push, until there is nothing.
pub struct Transcoder {
    settings: TranscoderSettings,
    buffer: JitterBuffer,
    decoder: Box<dyn Decoder>,
    encoder: Box<dyn Encoder>,
    sound: Sound,
    detector: Option<Detector>,
    digits: Option<Heard>,
    events: EventQueue,
    counters: TranscoderCounters,
    clock: OutClock,
    sequence: u16,
    payload: [u8; SENT_MAX],
    noise: WaitingNoise,
    /// A stretch of speech begins with the next packet.
    mark: bool,
}

/// When the next packet is made, and what has been made of it.
struct OutClock {
    /// None while nothing comes.
    due: Option<Duration>,
    /// The timestamp of `due`, or of when nothing came any more.
    timestamp: u32,
    /// When nothing came any more; none before the first packet.
    idle_since: Option<Duration>,
    /// Frames of the present packet that are done.
    frames_done: usize,
}

/// The description of a pause that goes behind a packet of speech: its length, payload number and timestamp.
struct WaitingNoise {
    octets: [u8; NOISE_MAX],
    waits: Option<(usize, u8, u32)>,
}

// === impl Transcoder ===

impl Transcoder {
    /// None where a codec is not [`available`](crate::available).
    pub fn new(settings: TranscoderSettings) -> Option<Self> {
        let decoder = crate::decoder(settings.incoming.codec)?;
        let encoder = crate::encoder(settings.outgoing.encoder)?;
        let buffer = JitterBuffer::new(JitterSettings {
            clock_hz: settings.incoming.codec.clock_hz(),
            frame_samples: decoder.frame_samples(),
            delay: settings.delay,
            ends_after: if settings.incoming.codec == Codec::Opus { OPUS_ENDS_AFTER } else { ENDS_AFTER },
        });
        Some(Self {
            buffer,
            decoder,
            encoder,
            sound: Sound::new(),
            detector: settings.detect_digits.then(Detector::new),
            digits: None,
            events: EventQueue::new(&settings.incoming, &settings.outgoing),
            counters: TranscoderCounters::default(),
            clock: OutClock {
                due: None,
                timestamp: settings.outgoing.timestamp,
                idle_since: None,
                frames_done: 0,
            },
            sequence: settings.outgoing.sequence,
            payload: [0; SENT_MAX],
            noise: WaitingNoise { octets: [0; NOISE_MAX], waits: None },
            mark: true,
            settings,
        })
    }

    /// Counts so far.
    pub fn counters(&self) -> TranscoderCounters {
        TranscoderCounters { jitter: self.buffer.counters(), ..self.counters }
    }

    /// How long packets are held back at present.
    pub fn delay(&self) -> Duration {
        self.buffer.delay()
    }

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
            self.events.heard(packet.timestamp, event, self.timestamp_at(now), now);
        }
        if self.clock.due.is_none()
            && let Some(starts) = self.buffer.starts_at()
        {
            self.wake(starts.max(now));
        }
        taken
    }

    /// Sends a digit on the outgoing side: as an event, or as tones where none were agreed, in place of the
    /// sound. False while another one is being sent.
    pub fn send_digit(&mut self, digit: Digit, duration: Duration, now: Duration) -> bool {
        let timestamp = self.timestamp_at(now);
        let units = duration.as_micros().min(60_000_000) as u64 * u64::from(self.clock_hz()) / 1_000_000;
        if !self.events.send(digit, timestamp, units as u32) {
            return false;
        }
        if self.clock.due.is_none() {
            self.wake(now);
        }
        true
    }

    /// The last digit that was heard as tones, or its end, since the last call.
    pub fn take_digit(&mut self) -> Option<Heard> {
        self.digits.take()
    }

    /// When [`poll`](Self::poll) is to be called next; none while nothing comes.
    pub fn deadline(&self) -> Option<Duration> {
        if self.events.has_relayed() { Some(Duration::ZERO) } else { self.clock.due }
    }

    /// The next packet that is due by `now`. To be called until there is none.
    pub fn poll(&mut self, now: Duration) -> Option<Packet<'_>> {
        if let Some(telling) = self.events.next_relayed()
            && let Some(number) = self.settings.outgoing.event
        {
            return Some(self.send_event(number, telling));
        }
        if let Some((length, payload_type, timestamp)) = self.noise.waits.take() {
            self.payload[..length].copy_from_slice(&self.noise.octets[..length]);
            return Some(self.send(length, payload_type, timestamp, true));
        }
        loop {
            let due = self.clock.due?;
            if due > now {
                return None;
            }
            if now - due > BEHIND_MAX {
                self.skip(now);
                continue;
            }
            let step = self.step(due);
            match step {
                Step::More => {}
                Step::Send { length, payload_type, timestamp, mark_next } => {
                    return Some(self.send(length, payload_type, timestamp, mark_next));
                }
                Step::Tell(telling) => {
                    if let Some(number) = self.settings.outgoing.event {
                        return Some(self.send_event(number, telling));
                    }
                }
            }
        }
    }

    /// Makes the frames of one packet until something is to be sent.
    fn step(&mut self, due: Duration) -> Step {
        let frame = self.encoder.frame_samples();
        let frames = self.frames_per_packet();
        let packet_units = self.units(frame * frames);
        if self.clock.frames_done == 0
            && self.settings.outgoing.event.is_some()
            && let Some(telling) = self.events.next_own(packet_units, due)
        {
            // Its packet time is silent; the second and third time that its end is told go beside speech.
            if !telling.is_over {
                self.pass_over(due, frame * frames);
                self.advance(due, frames);
            }
            return Step::Tell(telling);
        }
        let (mut length, mut begin) = (0, self.clock.frames_done);
        while self.clock.frames_done < frames {
            if !self.fill(due, frame) {
                let step = self.flush(length, begin, true);
                self.fall_idle(due);
                return step;
            }
            let silent = self.events.is_telling(due) && self.settings.outgoing.event.is_some();
            let mut taken = [0; FRAME_SAMPLES_MAX];
            self.sound.take(&mut taken[..frame]);
            if self.settings.outgoing.event.is_none() {
                self.events.play(&mut taken[..frame], due);
            }
            let encoded = if silent {
                Encoded::Nothing
            } else {
                self.encoder.encode(&taken[..frame], &mut self.payload[length..])
            };
            let done = self.clock.frames_done;
            self.clock.frames_done += 1;
            match encoded {
                Encoded::Speech(octets) => {
                    if length == 0 {
                        begin = done;
                    }
                    length += octets;
                }
                Encoded::Noise(octets) => return self.noise(length, begin, octets),
                Encoded::Nothing if length > 0 => return self.flush(length, begin, true),
                Encoded::Nothing => self.mark = true,
            }
        }
        let step = self.flush(length, begin, false);
        self.advance(due, frames);
        step
    }

    /// A description of a pause: behind the speech before it where it is a frame of the same codec, and in a
    /// packet of its own for G.711.
    fn noise(&mut self, speech: usize, begin: usize, octets: usize) -> Step {
        let at = self.clock.frames_done - 1;
        if !matches!(self.encoder.codec(), Codec::Pcmu | Codec::Pcma) {
            return self.flush(speech + octets, if speech == 0 { at } else { begin }, true);
        }
        self.mark = true;
        let Some(payload_type) = self.settings.outgoing.noise else { return self.flush(speech, begin, true) };
        let timestamp = self.frame_timestamp(at);
        if speech == 0 {
            return Step::Send { length: octets, payload_type, timestamp, mark_next: true };
        }
        let length = octets.min(self.noise.octets.len());
        self.noise.octets[..length].copy_from_slice(&self.payload[speech..speech + length]);
        self.noise.waits = Some((length, payload_type, timestamp));
        self.flush(speech, begin, true)
    }

    fn flush(&mut self, length: usize, begin: usize, mark_next: bool) -> Step {
        if length == 0 {
            self.mark |= mark_next;
            return Step::More;
        }
        let (payload_type, timestamp) = (self.settings.outgoing.payload, self.frame_timestamp(begin));
        Step::Send { length, payload_type, timestamp, mark_next }
    }

    /// Decodes until `count` samples are there; false if nothing comes any more.
    fn fill(&mut self, due: Duration, count: usize) -> bool {
        while self.sound.len() < count {
            let (decoder, sound) = (&mut self.decoder, &mut self.sound);
            match self.buffer.pop(due) {
                Popped::Nothing => {
                    // What is left of the last frame is not worth a packet, unless an event is to be told.
                    if !self.events.is_telling(due) && !self.events.has_own() {
                        return false;
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
                        let timestamp = self.clock.timestamp;
                        detector.hear(sound.since(from), |heard| {
                            *digits = Some(heard);
                            if as_events {
                                events.heard_as_tones(heard, timestamp);
                            }
                        });
                    }
                    if surplus {
                        self.counters.shortened_samples += sound.shorten(from) as u64;
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
        true
    }

    /// Lets a packet time pass in which the sound is not sent.
    fn pass_over(&mut self, due: Duration, count: usize) {
        if self.fill(due, count) {
            self.sound.drop_first(count);
        }
        self.mark = true;
    }

    fn advance(&mut self, due: Duration, frames: usize) {
        let count = self.encoder.frame_samples() * frames;
        self.clock.timestamp = self.clock.timestamp.wrapping_add(self.units(count));
        self.clock.frames_done = 0;
        if self.clock.due.is_some() {
            self.clock.due = Some(due + Duration::from_micros(count as u64 * 125));
        }
    }

    fn fall_idle(&mut self, due: Duration) {
        // The packet was begun: its time passes.
        let done = self.clock.frames_done * self.encoder.frame_samples();
        self.clock.timestamp = self.clock.timestamp.wrapping_add(self.units(done));
        self.clock.idle_since = Some(due + Duration::from_micros(done as u64 * 125));
        self.clock.frames_done = 0;
        self.sound.clear();
        self.mark = true;
        self.clock.due = self.buffer.starts_at();
        if let Some(starts) = self.clock.due {
            self.clock.due = None;
            self.wake(starts);
        }
    }

    /// Packets are made from `at` on; the timestamp went on meanwhile.
    fn wake(&mut self, at: Duration) {
        self.clock.timestamp = self.timestamp_at(at);
        self.clock.due = Some(at);
        self.mark = true;
    }

    /// The driver came too late: what should have been sent meanwhile is left out.
    fn skip(&mut self, now: Duration) {
        if let Some(due) = self.clock.due {
            self.clock.timestamp = self.clock.timestamp.wrapping_add(self.units_of(now - due));
            self.clock.due = Some(now);
            self.clock.frames_done = 0;
            self.mark = true;
        }
    }

    fn send(&mut self, length: usize, payload_type: u8, timestamp: u32, mark_next: bool) -> Packet<'_> {
        self.counters.sent += 1;
        let is_speech = payload_type == self.settings.outgoing.payload;
        let marker = is_speech && std::mem::take(&mut self.mark);
        self.mark |= mark_next;
        let sequence = self.sequence;
        self.sequence = sequence.wrapping_add(1);
        let payload = &self.payload[..length];
        Packet { payload_type, marker, sequence, timestamp, ssrc: self.settings.outgoing.ssrc, payload }
    }

    fn send_event(&mut self, number: EventPayload, telling: Telling) -> Packet<'_> {
        let octets = telling.event.write();
        self.payload[..octets.len()].copy_from_slice(&octets);
        let packet = self.send(octets.len(), number.payload, telling.timestamp, false);
        Packet { marker: telling.marker, ..packet }
    }

    fn frames_per_packet(&self) -> usize {
        let samples = usize::from(self.settings.outgoing.encoder.packet_ms) * 8;
        (samples / self.encoder.frame_samples()).clamp(1, self.encoder.packet_frames_max())
    }

    fn clock_hz(&self) -> u32 {
        self.settings.outgoing.encoder.codec.clock_hz()
    }

    /// Timestamp units of so many samples.
    fn units(&self, samples: usize) -> u32 {
        samples as u32 * (self.clock_hz() / 8000)
    }

    fn units_of(&self, time: Duration) -> u32 {
        (time.as_micros() * u128::from(self.clock_hz()) / 1_000_000) as u32
    }

    fn frame_timestamp(&self, frame: usize) -> u32 {
        self.clock.timestamp.wrapping_add(self.units(frame * self.encoder.frame_samples()))
    }

    /// The timestamp of what would be sent at `at`.
    fn timestamp_at(&self, at: Duration) -> u32 {
        let since = self.clock.idle_since.filter(|_| self.clock.due.is_none());
        let idle = since.map_or(Duration::ZERO, |since| at.saturating_sub(since));
        self.clock.timestamp.wrapping_add(self.units_of(idle))
    }
}

/// What a step of a packet came to.
enum Step {
    More,
    Send { length: usize, payload_type: u8, timestamp: u32, mark_next: bool },
    Tell(Telling),
}

/// Whether a payload ends with a frame that describes a pause.
fn is_noise(codec: Codec, payload: &[u8]) -> bool {
    frames(codec, payload).is_ok_and(|frames| frames.last().is_some_and(|frame| frame.is_noise))
}

#[cfg(test)]
mod tests;
