//! Keypad digits that a side has as tones in its sound (`dtmf = "inband"`): whoever decodes copies of its
//! packets hears them. Sound is decoded as it comes, since a digit is to be told soon.

use std::collections::BTreeMap;

use voice::dtmf::{Detector, Digit, Heard};
use voice::{Decoder, FRAME_SAMPLES_MAX, Packet, frames, samples};

use super::control::{EndpointId, ListenCommand};
use crate::recorded::Voices;

/// Longest stretch that is put in the place of lost packets, in packets: a digit goes on over it.
const LOST_MAX: u16 = 4;
/// A packet that came late by so many is late; by more it is of another stream.
const LATE_MAX: u16 = 100;

/// The sides that one worker listens to.
#[derive(Default)]
pub struct Listeners {
    sides: BTreeMap<EndpointId, Side>,
}

struct Side {
    voices: Voices,
    decoder: Option<(u8, Box<dyn Decoder>)>,
    detector: Detector,
    next: Option<u16>,
}

// === impl Listeners ===

impl Listeners {
    /// Begins, changes or ends a side.
    pub fn command(&mut self, command: ListenCommand) {
        match command {
            ListenCommand::Begin(endpoint, voices) => {
                let side = Side { voices: *voices, decoder: None, detector: Detector::new(), next: None };
                self.sides.insert(endpoint, side);
            }
            ListenCommand::End(endpoint) => _ = self.sides.remove(&endpoint),
        }
    }

    /// Hears a packet of a side, as it was sent; the digit that began in it.
    pub fn hear(&mut self, endpoint: EndpointId, packet: &[u8]) -> Option<Digit> {
        self.sides.get_mut(&endpoint)?.hear(&Packet::read(packet)?)
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
    fn hear(&mut self, packet: &Packet<'_>) -> Option<Digit> {
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
        let (mut began, mut sound) = (None, [0; FRAME_SAMPLES_MAX]);
        let detector = &mut self.detector;
        let mut tell = |heard: &[i16]| {
            detector.hear(heard, |heard| {
                if let Heard::Began(digit) = heard {
                    began.get_or_insert(digit);
                }
            });
        };
        let each = samples(codec, packet.payload).ok()?;
        for _ in 0..if missing <= LOST_MAX { missing } else { 0 } {
            let mut left = each;
            while left > 0 {
                let some = left.min(decoder.frame_samples()).min(FRAME_SAMPLES_MAX);
                decoder.conceal(&mut sound[..some]);
                tell(&sound[..some]);
                left -= some;
            }
        }
        for frame in frames(codec, packet.payload).ok()? {
            let count = frame.samples.min(FRAME_SAMPLES_MAX);
            let made = decoder.decode(frame, &mut sound[..count]).min(count);
            tell(&sound[..made]);
        }
        began
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
        listeners.command(ListenCommand::Begin(SIDE, Box::new(voices)));
        listeners
    }

    fn heard(listeners: &mut Listeners, packets: &[Vec<u8>]) -> String {
        packets.iter().filter_map(|packet| listeners.hear(SIDE, packet)).map(Digit::to_char).collect()
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
        assert_eq!(listeners.hear(SIDE, b"no packet"), None);
    }
}
