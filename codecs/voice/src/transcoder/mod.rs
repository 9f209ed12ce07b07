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

mod clock;
mod counters;
mod events;
mod incoming;
mod settings;

pub use counters::{Taken, TranscoderCounters};
pub use settings::{EventPayload, Incoming, Outgoing, TranscoderSettings};

use std::time::Duration;

use codecs::Codec;

use crate::codec::{Encoded, Encoder, FRAME_OCTETS_MAX, FRAME_SAMPLES_MAX};
use crate::dtmf::{Detector, Digit, Heard};
use crate::jitter::PAYLOAD_MAX;
use crate::listener::Listener;
use crate::packet::Packet;
use clock::OutClock;
use events::{EventQueue, Telling};

/// Packets that are sent at once where the driver came late; what is later is left out.
const BEHIND_MAX: Duration = Duration::from_millis(200);
/// Octets of the longest payload that is sent: 60 ms of G.711, or one packet of Opus.
const SENT_MAX: usize = FRAME_OCTETS_MAX + PAYLOAD_MAX;

/// Octets of the longest description of a pause that is sent.
const NOISE_MAX: usize = 16;

/// Turns packets into others. Packets are pushed as they come; whoever drives it polls when the
/// [`deadline`](Self::deadline) has come, and after each push, until there is nothing.
pub struct Transcoder {
    settings: TranscoderSettings,
    listener: Listener,
    encoder: Box<dyn Encoder>,
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

/// The description of a pause that goes behind a packet of speech: its length, payload number and timestamp.
struct WaitingNoise {
    octets: [u8; NOISE_MAX],
    waits: Option<(usize, u8, u32)>,
}

// === impl Transcoder ===

impl Transcoder {
    /// None where a codec is not [`available`](crate::available).
    pub fn new(settings: TranscoderSettings) -> Option<Self> {
        let Incoming { codec, payload, noise, .. } = settings.incoming;
        let listener = Listener::new(codec, payload, noise, settings.delay)?;
        let encoder = crate::encoder(settings.outgoing.encoder)?;
        let clock_hz = settings.outgoing.encoder.codec.clock_hz();
        Some(Self {
            clock: OutClock::new(clock_hz, encoder.frame_samples(), settings.outgoing.timestamp),
            listener,
            encoder,
            detector: settings.detect_digits.then(Detector::new),
            digits: None,
            events: EventQueue::new(&settings.incoming, &settings.outgoing),
            counters: TranscoderCounters::default(),
            sequence: settings.outgoing.sequence,
            payload: [0; SENT_MAX],
            noise: WaitingNoise { octets: [0; NOISE_MAX], waits: None },
            mark: true,
            settings,
        })
    }

    /// Counts so far.
    pub fn counters(&self) -> TranscoderCounters {
        let (jitter, restored, shortened_samples) = self.listener.counters();
        TranscoderCounters { jitter, restored, shortened_samples, ..self.counters }
    }

    /// How long packets are held back at present.
    pub fn delay(&self) -> Duration {
        self.listener.delay()
    }

    /// Sends a digit on the outgoing side: as an event, or as tones where none were agreed, in place of the
    /// sound. False while another one is being sent.
    pub fn send_digit(&mut self, digit: Digit, duration: Duration, now: Duration) -> bool {
        let timestamp = self.clock.next_at(now);
        let units = duration.as_micros().min(60_000_000) as u64
            * u64::from(self.settings.outgoing.encoder.codec.clock_hz())
            / 1_000_000;
        if !self.events.send(digit, timestamp, units as u32) {
            return false;
        }
        if self.clock.due().is_none() {
            self.wake(now);
        }
        true
    }

    /// The last digit that was heard as tones, or its end, since the last call.
    pub fn take_digit(&mut self) -> Option<Heard> {
        self.digits.take()
    }

    /// The number of the next packet, and the timestamp of what would be sent at `now`: what a sender report
    /// says, and where something else goes on with the stream.
    pub fn next_in_stream(&self, now: Duration) -> (u16, u32) {
        (self.sequence, self.clock.at(now))
    }

    /// Goes on with a stream that something else played in meanwhile, as if that had been sent here: with its
    /// next number, and its timestamp of `now`.
    pub fn go_on_in_stream(&mut self, sequence: u16, timestamp: u32, now: Duration) {
        self.clock.set_at(timestamp, now);
        self.sequence = sequence;
        self.mark = true;
    }

    /// When [`poll`](Self::poll) is to be called next; none while nothing comes.
    pub fn deadline(&self) -> Option<Duration> {
        if self.events.has_relayed() { Some(Duration::ZERO) } else { self.clock.due() }
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
            let due = self.clock.due()?;
            if due > now {
                return None;
            }
            if now - due > BEHIND_MAX {
                self.clock.skip_to(now);
                self.mark = true;
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
        let packet_units = self.clock.units(frames);
        if self.clock.frames_done == 0
            && self.settings.outgoing.event.is_some()
            && let Some(telling) = self.events.next_own(packet_units, due)
        {
            // Its packet time is silent; the second and third time that its end is told go beside speech.
            if !telling.is_over {
                self.pass_over(due, frame * frames);
                self.clock.advance(frames);
            }
            return Step::Tell(telling);
        }
        let (mut length, mut begin) = (0, self.clock.frames_done);
        while self.clock.frames_done < frames {
            if !self.fill(due, frame) {
                let step = self.flush(length, begin, true);
                self.fall_idle();
                return step;
            }
            let silent = self.events.is_telling(due) && self.settings.outgoing.event.is_some();
            let mut taken = [0; FRAME_SAMPLES_MAX];
            self.listener.take(&mut taken[..frame]);
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
        self.clock.advance(frames);
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
        let timestamp = self.clock.of_frame(at);
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
        let (payload_type, timestamp) = (self.settings.outgoing.payload, self.clock.of_frame(begin));
        Step::Send { length, payload_type, timestamp, mark_next }
    }

    /// Lets a packet time pass in which the sound is not sent.
    fn pass_over(&mut self, due: Duration, count: usize) {
        if self.fill(due, count) {
            self.listener.drop_first(count);
        }
        self.mark = true;
    }

    fn fall_idle(&mut self) {
        self.clock.fall_idle();
        self.listener.clear();
        self.mark = true;
        if let Some(starts) = self.listener.starts_at() {
            self.wake(starts);
        }
    }

    fn wake(&mut self, at: Duration) {
        self.clock.wake(at);
        self.mark = true;
    }

    fn send(&mut self, length: usize, payload_type: u8, timestamp: u32, mark_next: bool) -> Packet<'_> {
        self.counters.sent += 1;
        self.counters.sent_octets += length as u64;
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
}

/// What a step of a packet came to.
enum Step {
    More,
    Send { length: usize, payload_type: u8, timestamp: u32, mark_next: bool },
    Tell(Telling),
}

#[cfg(test)]
mod tests;
