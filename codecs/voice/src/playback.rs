//! Sound that is encoded once and played to many: prompts and tones, in packets with numbers and timestamps
//! of the stream that they stand in for.

use std::sync::Arc;
use std::time::Duration;

use codecs::Codec;

use crate::available::encoder;
use crate::codec::{Encoded, EncoderSettings, FRAME_OCTETS_MAX, FRAME_SAMPLES_MAX};
use crate::packet::Packet;
use crate::wav::PROMPT_SAMPLES_MAX;

/// Packets that are sent at once where the driver came late; what is later is left out.
const BEHIND_MAX: Duration = Duration::from_millis(200);

/// Sound as the payloads of one codec and packet time.
#[derive(Clone, PartialEq, Eq)]
pub struct Clip {
    codec: Codec,
    packet_samples: usize,
    /// Where each payload ends in `octets`.
    ends: Box<[usize]>,
    octets: Box<[u8]>,
}

/// How a clip is played.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PlayerSettings {
    /// The payload number of its codec.
    pub payload_type: u8,
    /// The source that it plays as.
    pub ssrc: u32,
    /// Number and timestamp of its first packet: those that come next in the stream.
    pub sequence: u16,
    /// See `sequence`.
    pub timestamp: u32,
    /// Over and over, until it is dropped: a tone whose clip is whole turns of its cadence.
    pub repeat: bool,
}

/// Plays a clip to one listener.
#[derive(Clone, Debug)]
pub struct Player {
    clip: Arc<Clip>,
    settings: PlayerSettings,
    next: usize,
    due: Duration,
    mark: bool,
}

// === impl Clip ===

impl std::fmt::Debug for Clip {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Clip({}, {:?})", self.codec, self.duration())
    }
}

impl Clip {
    /// Encodes samples. The last packet is filled up with silence, pauses are encoded as they are. None where
    /// the codec is not [`available`](crate::available), where there are no samples, or more than ten minutes
    /// of them.
    pub fn encode(samples: impl IntoIterator<Item = i16>, settings: EncoderSettings) -> Option<Self> {
        let mut encoder = encoder(EncoderSettings { dtx: false, ..settings })?;
        let frame = encoder.frame_samples();
        let wanted = usize::from(settings.packet_ms) * 8 / frame;
        let frames = wanted.clamp(1, encoder.packet_frames_max());
        let (mut ends, mut octets, mut samples) = (Vec::new(), Vec::new(), samples.into_iter().peekable());
        let mut total = 0;
        while samples.peek().is_some() {
            for _ in 0..frames {
                let mut piece = [0; FRAME_SAMPLES_MAX];
                for (place, sample) in piece[..frame].iter_mut().zip(&mut samples) {
                    *place = sample;
                }
                let mut encoded = [0; FRAME_OCTETS_MAX];
                if let Encoded::Speech(length) = encoder.encode(&piece[..frame], &mut encoded) {
                    octets.extend_from_slice(&encoded[..length]);
                }
            }
            ends.push(octets.len());
            total += frame * frames;
            if total > PROMPT_SAMPLES_MAX {
                return None;
            }
        }
        let is_whole = !ends.is_empty() && ends.is_sorted_by(|one, other| one < other);
        is_whole.then(|| Self {
            codec: encoder.codec(),
            packet_samples: frame * frames,
            ends: ends.into(),
            octets: octets.into(),
        })
    }

    /// How long it lasts.
    pub fn duration(&self) -> Duration {
        self.packet_time() * self.ends.len() as u32
    }

    /// Its codec.
    pub fn codec(&self) -> Codec {
        self.codec
    }

    fn payload(&self, packet: usize) -> Option<&[u8]> {
        let begin = packet.checked_sub(1).map_or(0, |before| self.ends[before]);
        self.octets.get(begin..*self.ends.get(packet)?)
    }

    fn packet_time(&self) -> Duration {
        Duration::from_micros(self.packet_samples as u64 * 125)
    }

    fn packet_units(&self) -> u32 {
        self.packet_samples as u32 * (self.codec.clock_hz() / 8000)
    }
}

// === impl Player ===

impl Player {
    /// Its first packet is due at `now`.
    pub fn new(clip: Arc<Clip>, settings: PlayerSettings, now: Duration) -> Self {
        Self { clip, settings, next: 0, due: now, mark: true }
    }

    /// When the next packet is due; none after the last.
    pub fn deadline(&self) -> Option<Duration> {
        (self.next < self.clip.ends.len()).then_some(self.due)
    }

    /// When the last packet that was given has been heard: after the last of all, the end.
    pub fn heard_until(&self) -> Duration {
        self.due
    }

    /// Number and timestamp of what comes next in the stream, for who goes on with it.
    pub fn next_in_stream(&self) -> (u16, u32) {
        (self.settings.sequence, self.settings.timestamp)
    }

    /// The next packet that is due by `now`. To be called until there is none.
    pub fn poll(&mut self, now: Duration) -> Option<Packet<'_>> {
        let due = self.deadline().filter(|&due| due <= now)?;
        let (time, units) = (self.clip.packet_time(), self.clip.packet_units());
        if now - due > BEHIND_MAX {
            // The stream's time went on while nothing was sent.
            let missed = ((now - due).as_micros() / time.as_micros().max(1)) as u32;
            self.settings.timestamp = self.settings.timestamp.wrapping_add(units.wrapping_mul(missed));
            self.due += time * missed;
            self.mark = true;
        }
        let PlayerSettings { payload_type, ssrc, sequence, timestamp, repeat } = self.settings;
        let packet = self.next;
        self.next = if repeat { (packet + 1) % self.clip.ends.len() } else { packet + 1 };
        self.settings.sequence = sequence.wrapping_add(1);
        self.settings.timestamp = timestamp.wrapping_add(units);
        self.due += time;
        let marker = std::mem::take(&mut self.mark);
        let payload = self.clip.payload(packet)?;
        Some(Packet { payload_type, marker, sequence, timestamp, ssrc, payload })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use codecs::g711::Law;

    const MS: Duration = Duration::from_millis(1);

    fn settings(repeat: bool) -> PlayerSettings {
        PlayerSettings { payload_type: 8, ssrc: 9, sequence: 65_535, timestamp: u32::MAX - 159, repeat }
    }

    fn ramp(count: i16) -> impl Iterator<Item = i16> {
        (0..count).map(|n| n * 7)
    }

    #[test]
    fn a_clip_is_played_packet_by_packet_and_ends() {
        let clip = Clip::encode(ramp(400), EncoderSettings::new(Codec::Pcma)).unwrap();
        assert_eq!((clip.duration(), clip.codec()), (MS * 60, Codec::Pcma));
        let mut player = Player::new(Arc::new(clip), settings(false), MS * 5);
        assert!(player.poll(MS * 4).is_none());
        let mut heard = Vec::new();
        for (at, sequence, timestamp) in [(5, 65_535, u32::MAX - 159), (25, 0, 0), (45, 1, 160)] {
            assert_eq!(player.deadline(), Some(MS * at));
            let packet = player.poll(MS * at).unwrap();
            assert_eq!((packet.sequence, packet.timestamp, packet.marker), (sequence, timestamp, at == 5));
            heard.extend_from_slice(packet.payload);
            assert!(player.poll(MS * at).is_none());
        }
        assert_eq!((player.deadline(), player.next_in_stream()), (None, (2, 320)));
        let mut meant: Vec<u8> = ramp(400).map(|sample| Law::A.encode(sample)).collect();
        meant.resize(480, Law::A.encode(0));
        assert_eq!(heard, meant);
    }

    #[test]
    fn every_codec_has_clips_of_whole_packets() {
        for codec in Codec::ALL {
            let packet_ms = if codec == Codec::G723 { 60 } else { 20 };
            let clip = Clip::encode(ramp(4000), EncoderSettings { packet_ms, ..EncoderSettings::new(codec) })
                .unwrap();
            let clip = Arc::new(clip);
            let mut player = Player::new(clip.clone(), settings(false), Duration::ZERO);
            let mut samples = 0;
            while let Some(due) = player.deadline() {
                let packet = player.poll(due).unwrap();
                samples += crate::samples(codec, packet.payload).unwrap();
            }
            assert!((4000..4480).contains(&samples), "{codec}: {samples}");
            assert_eq!(clip.duration(), Duration::from_micros(samples as u64 * 125));
        }
    }

    #[test]
    fn a_tone_goes_on_until_it_is_dropped_and_a_late_driver_sends_no_burst() {
        let clip = Clip::encode(ramp(320), EncoderSettings::new(Codec::Pcma)).unwrap();
        let mut player = Player::new(Arc::new(clip), settings(true), Duration::ZERO);
        for n in 0..100 {
            assert!(player.poll(MS * n * 20).is_some());
        }
        let before = player.next_in_stream();
        let packet = player.poll(MS * 5000).unwrap();
        assert!(packet.marker && packet.sequence == before.0);
        assert_eq!(packet.timestamp.wrapping_sub(before.1), 3000 * 8);
        assert!(player.poll(MS * 5000).is_none());
    }

    #[test]
    fn nothing_and_too_much_are_no_clips() {
        let settings = EncoderSettings::new(Codec::Pcmu);
        assert_eq!(Clip::encode([], settings), None);
        assert_eq!(Clip::encode(std::iter::repeat_n(0, PROMPT_SAMPLES_MAX + 1), settings), None);
    }
}
