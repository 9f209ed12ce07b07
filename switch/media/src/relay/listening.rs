//! Sides that are listened to: keypad digits that one has as tones in its sound (`dtmf = "inband"`), and
//! ringback after the answer. Whoever decodes copies of its packets hears them. Sound is decoded as it comes,
//! since a digit is to be told soon.

use std::collections::BTreeMap;

use voice::dtmf::{Detector, Digit, Heard};
use voice::{Decoder, FRAME_SAMPLES_MAX, FirstSound, Packet, RATE_HZ, RingbackDetector, frames, samples};

use super::control::{EndpointId, Hearing, ListenCommand, MediaEvent};
use super::digits::KeyedDigit;
use crate::recorded::Voices;

/// Longest stretch that is put in the place of lost packets, in packets: a digit goes on over it.
const LOST_MAX: u16 = 4;
/// A packet that came late by so many is late; by more it is of another stream.
const LATE_MAX: u16 = 100;
/// Longest silence of a side that sends nothing while it is silent, in samples: 8 s.
const SILENCE_MAX: u32 = 8 * RATE_HZ;
/// A digit in the sound is told when it begins: as one of so many milliseconds.
const DIGIT_MS: u16 = 120;

/// The sides that one worker listens to.
#[derive(Default)]
pub struct Listeners {
    sides: BTreeMap<EndpointId, Side>,
}

struct Side {
    voices: Voices,
    decoder: Option<(u8, Box<dyn Decoder>)>,
    /// Sequence number of the next packet, and its timestamp if it goes on.
    next: Option<u16>,
    next_timestamp: Option<u32>,
    ears: Ears,
}

/// What hears a side's sound.
struct Ears {
    digits: Option<Detector>,
    ringback: Option<RingbackDetector>,
    /// What began or is known since the last packet.
    digit: Option<Digit>,
    first_sound: Option<FirstSound>,
}

// === impl Listeners ===

impl Listeners {
    /// Begins, changes or ends a side.
    pub fn command(&mut self, command: ListenCommand) {
        match command {
            ListenCommand::Begin(endpoint, hearing) => {
                let before = self.sides.remove(&endpoint);
                self.sides.insert(endpoint, Side::new(*hearing, before));
            }
            ListenCommand::End(endpoint) => _ = self.sides.remove(&endpoint),
        }
    }

    /// Hears a packet of a side, as it was sent; tells the digit that began in it, and what its first sound
    /// was once that is known.
    pub fn hear(&mut self, endpoint: EndpointId, packet: &[u8], mut tell: impl FnMut(MediaEvent)) {
        let Some(side) = self.sides.get_mut(&endpoint) else { return };
        let Some(packet) = Packet::read(packet) else { return };
        // What cannot be decoded is not heard.
        let _is_heard = side.hear(&packet);
        if let Some(digit) = side.ears.digit.take() {
            let digit = KeyedDigit { digit, duration_ms: DIGIT_MS };
            tell(MediaEvent::Digit { endpoint, digit });
        }
        if let Some(sound) = side.ears.first_sound.take() {
            side.ears.ringback = None;
            tell(MediaEvent::FirstSound { endpoint, sound });
        }
    }

    /// Sides that are listened to.
    pub fn len(&self) -> usize {
        self.sides.len()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl std::fmt::Debug for Listeners {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Listeners").field("sides", &self.sides.len()).finish_non_exhaustive()
    }
}

// === impl Side ===

impl Side {
    /// One that was listened to before goes on where it was.
    fn new(hearing: Hearing, before: Option<Self>) -> Self {
        let Hearing { voices, digits, first_sound } = hearing;
        let (ears, next) = before.map_or((None, None), |before| (Some(before.ears), before.next));
        let (heard_digits, ringback) = ears.map_or((None, None), |ears| (ears.digits, ears.ringback));
        let ears = Ears {
            digits: digits.then(|| heard_digits.unwrap_or_default()),
            ringback: first_sound.then(|| ringback.unwrap_or_default()),
            digit: None,
            first_sound: None,
        };
        Self { voices, decoder: None, next, next_timestamp: None, ears }
    }

    fn hear(&mut self, packet: &Packet<'_>) -> Option<()> {
        let missing = packet.sequence.wrapping_sub(self.next.unwrap_or(packet.sequence));
        if missing >= u16::MAX - LATE_MAX {
            return None;
        }
        self.next = Some(packet.sequence.wrapping_add(1));
        let codec = self.voices.codec(packet.payload_type)?;
        if self.decoder.as_ref().is_none_or(|(number, _)| *number != packet.payload_type) {
            self.decoder = Some((packet.payload_type, voice::decoder(codec)?));
        }
        let (_, decoder) = self.decoder.as_mut()?;
        let (ears, mut sound) = (&mut self.ears, [0; FRAME_SAMPLES_MAX]);
        let each = samples(codec, packet.payload).ok()?;
        let lost = if missing <= LOST_MAX { missing } else { 0 };
        for _ in 0..lost {
            let mut left = each;
            while left > 0 {
                let some = left.min(decoder.frame_samples()).min(FRAME_SAMPLES_MAX);
                decoder.conceal(&mut sound[..some]);
                ears.hear(&sound[..some]);
                left -= some;
            }
        }
        let each = u32::try_from(each).ok()?;
        let ticks = codec.clock_hz() / RATE_HZ;
        if let Some(next) = self.next_timestamp {
            let gap = packet.timestamp.wrapping_sub(next) / ticks.max(1);
            ears.hear_silence(gap.checked_sub(u32::from(lost) * each).filter(|gap| *gap <= SILENCE_MAX));
        }
        self.next_timestamp = Some(packet.timestamp.wrapping_add(each.wrapping_mul(ticks)));
        for frame in frames(codec, packet.payload).ok()? {
            let count = frame.samples.min(FRAME_SAMPLES_MAX);
            let made = decoder.decode(frame, &mut sound[..count]).min(count);
            ears.hear(&sound[..made]);
        }
        Some(())
    }
}

// === impl Ears ===

impl Ears {
    fn hear(&mut self, sound: &[i16]) {
        if let Some(detector) = &mut self.digits {
            detector.hear(sound, |heard| {
                if let Heard::Began(digit) = heard {
                    self.digit.get_or_insert(digit);
                }
            });
        }
        if let Some(detector) = &mut self.ringback {
            self.first_sound = self.first_sound.or(detector.hear(sound));
        }
    }

    /// Its side sent nothing for so many samples: rings have their gaps.
    fn hear_silence(&mut self, samples: Option<u32>) {
        let Some(detector) = &mut self.ringback else { return };
        let mut left = samples.unwrap_or(0) as usize;
        while left > 0 && self.first_sound.is_none() {
            let some = left.min(FRAME_SAMPLES_MAX);
            self.first_sound = detector.hear(&[0; FRAME_SAMPLES_MAX][..some]);
            left -= some;
        }
    }
}

#[cfg(test)]
mod tests {
    use codecs::Codec;
    use voice::dtmf::TonePair;
    use voice::{Encoded, EncoderSettings};

    use super::*;

    const SIDE: EndpointId = EndpointId { shard: 0, call: 1, leg: 0 };

    /// Packets of 20 ms: each digit for 100 ms, and 100 ms of silence behind it.
    fn keyed(codec: Codec, digits: &str) -> Vec<Vec<u8>> {
        let mut encoder = voice::encoder(EncoderSettings::new(codec)).expect("there is one");
        let frame = encoder.frame_samples();
        let mut samples = Vec::new();
        for digit in digits.chars() {
            let mut tones = TonePair::of(Digit::from_char(digit).expect("a key"));
            for is_on in [true, false] {
                let from = samples.len();
                samples.resize(from + 800, 0);
                tones.fill(&mut samples[from..], is_on);
            }
        }
        let mut packets = Vec::new();
        for (n, packet) in samples.chunks_exact(160).enumerate() {
            let (mut payload, mut length) = ([0; 200], 0);
            for frame in packet.chunks_exact(frame) {
                if let Encoded::Speech(octets) = encoder.encode(frame, &mut payload[length..]) {
                    length += octets;
                }
            }
            let (sequence, timestamp, ssrc) = (n as u16, n as u32 * 160, 1);
            let payload = &payload[..length];
            let packet = Packet { payload_type: 8, marker: false, sequence, timestamp, ssrc, payload };
            let mut octets = [0; 300];
            let bytes = packet.write(&mut octets).expect("room");
            packets.push(octets[..bytes].to_vec());
        }
        packets
    }

    fn listeners(codec: Codec) -> Listeners {
        let mut listeners = Listeners::default();
        let voices = Voices { codecs: [(8, codec)].into_iter().collect(), noise: None };
        let hearing = Hearing { voices, digits: true, first_sound: true };
        listeners.command(ListenCommand::Begin(SIDE, Box::new(hearing)));
        listeners
    }

    fn told(listeners: &mut Listeners, packets: &[Vec<u8>]) -> Vec<MediaEvent> {
        let mut told = Vec::new();
        packets.iter().for_each(|packet| listeners.hear(SIDE, packet, |event| told.push(event)));
        told
    }

    fn heard(listeners: &mut Listeners, packets: &[Vec<u8>]) -> String {
        let digit = |event| match event {
            MediaEvent::Digit { digit, .. } => Some(digit.digit.to_char()),
            _ => None,
        };
        told(listeners, packets).into_iter().filter_map(digit).collect()
    }

    #[test]
    fn digits_are_heard_once_each() {
        for codec in [Codec::Pcma, Codec::Pcmu] {
            assert_eq!(heard(&mut listeners(codec), &keyed(codec, "5591#*0D")), "5591#*0D", "{codec:?}");
        }
    }

    #[test]
    fn a_lost_or_late_packet_makes_no_digit_two() {
        let mut packets = keyed(Codec::Pcma, "77");
        packets.remove(3);
        packets.insert(8, packets[4].clone());
        assert_eq!(heard(&mut listeners(Codec::Pcma), &packets), "77");
    }

    #[test]
    fn nothing_is_heard_of_what_nobody_listens_to() {
        let mut listeners = listeners(Codec::Pcmu);
        listeners.command(ListenCommand::End(SIDE));
        assert!(listeners.is_empty());
        assert_eq!(heard(&mut listeners, &keyed(Codec::Pcmu, "1")), "");
        assert_eq!(told(&mut listeners, &[b"no packet".to_vec()]), []);
    }
}
