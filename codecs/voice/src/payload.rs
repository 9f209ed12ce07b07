//! The frames of an RTP payload, by codec: RFC 3551 §4.5 for G.711, G.723.1 and G.729, RFC 7587 for Opus.

use codecs::Codec;

/// Samples of the longest packet that is taken: 200 ms (RFC 3551 §4.2).
pub const PACKET_SAMPLES_MAX: usize = 1600;

/// G.711 is cut into pieces of this many samples, the last may be shorter.
pub(crate) const G711_FRAME: usize = 80;
const G729_FRAME: usize = 80;
const G729_SPEECH: usize = 10;
const G729_SID: usize = 2;
const G723_FRAME: usize = 240;

/// One frame of a payload.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Frame<'a> {
    /// Its octets.
    pub octets: &'a [u8],
    /// How many samples it stands for.
    pub samples: usize,
    /// It describes the noise of a pause (a SID frame), or says that nothing is sent.
    pub is_noise: bool,
}

/// Why a payload is none.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum PayloadError {
    /// No octet.
    #[error("the payload is empty")]
    Empty,
    /// Its last frame is cut off, or its length is no codec's.
    #[error("the payload does not hold whole frames")]
    Cut,
    /// More than [`PACKET_SAMPLES_MAX`].
    #[error("the payload stands for more than 200 ms")]
    TooLong,
}

/// The frames of a payload in their order.
#[derive(Clone, Copy, Debug)]
pub struct Frames<'a> {
    codec: Codec,
    rest: &'a [u8],
}

/// The frames of a payload.
///
/// # Errors
/// [`PayloadError`] if it holds none, a part of one, or too many.
pub fn frames(codec: Codec, payload: &[u8]) -> Result<Frames<'_>, PayloadError> {
    samples(codec, payload).map(|_| Frames { codec, rest: payload })
}

/// How many samples, of 8,000 a second, a payload stands for.
///
/// # Errors
/// As [`frames`].
pub fn samples(codec: Codec, payload: &[u8]) -> Result<usize, PayloadError> {
    if payload.is_empty() {
        return Err(PayloadError::Empty);
    }
    let (mut total, mut rest) = (0, payload);
    while !rest.is_empty() {
        let (frame, behind) = split(codec, rest).ok_or(PayloadError::Cut)?;
        total += frame.samples;
        if total > PACKET_SAMPLES_MAX {
            return Err(PayloadError::TooLong);
        }
        rest = behind;
    }
    Ok(total)
}

impl<'a> Iterator for Frames<'a> {
    type Item = Frame<'a>;

    fn next(&mut self) -> Option<Frame<'a>> {
        let (frame, rest) = split(self.codec, self.rest)?;
        self.rest = rest;
        Some(frame)
    }
}

/// The first frame, and what is behind it.
fn split(codec: Codec, rest: &[u8]) -> Option<(Frame<'_>, &[u8])> {
    let first = *rest.first()?;
    let (length, samples, is_noise) = match codec {
        Codec::Pcmu | Codec::Pcma => {
            let length = rest.len().min(G711_FRAME);
            (length, length, false)
        }
        Codec::G729 if rest.len() == G729_SID => (G729_SID, G729_FRAME, true),
        Codec::G729 => (G729_SPEECH, G729_FRAME, false),
        // The two lowest bits of the first octet (G.723.1 tables 5, 6 and A.1).
        Codec::G723 => match first & 3 {
            0 => (24, G723_FRAME, false),
            1 => (20, G723_FRAME, false),
            2 => (4, G723_FRAME, true),
            _ => (1, G723_FRAME, true),
        },
        Codec::Opus => (rest.len(), opus_pure::packet::samples(rest, 8000).ok()?, rest.len() <= 2),
    };
    if samples == 0 {
        return None;
    }
    let (octets, behind) = rest.split_at_checked(length)?;
    Some((Frame { octets, samples, is_noise }, behind))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lengths(codec: Codec, payload: &[u8]) -> Vec<(usize, usize, bool)> {
        frames(codec, payload)
            .unwrap()
            .map(|frame| (frame.octets.len(), frame.samples, frame.is_noise))
            .collect()
    }

    #[test]
    fn g711_is_cut_into_ten_milliseconds() {
        assert_eq!(lengths(Codec::Pcma, &[0; 164]), [(80, 80, false), (80, 80, false), (4, 4, false)]);
        assert_eq!(samples(Codec::Pcmu, &[0; 1601]), Err(PayloadError::TooLong));
        assert_eq!(samples(Codec::Pcmu, &[]), Err(PayloadError::Empty));
    }

    #[test]
    fn g729_ends_with_at_most_one_frame_of_noise() {
        assert_eq!(lengths(Codec::G729, &[0; 22]), [(10, 80, false), (10, 80, false), (2, 80, true)]);
        assert_eq!(lengths(Codec::G729, &[0; 2]), [(2, 80, true)]);
        for cut in [1, 3, 11, 13, 21, 24] {
            assert_eq!(samples(Codec::G729, &vec![0; cut]), Err(PayloadError::Cut), "{cut} octets");
        }
    }

    #[test]
    fn g723_frames_say_their_length() {
        let mut payload = vec![0; 24];
        payload.extend([1; 20]);
        payload.extend([2; 4]);
        payload.push(3);
        assert_eq!(
            lengths(Codec::G723, &payload),
            [(24, 240, false), (20, 240, false), (4, 240, true), (1, 240, true)]
        );
        assert_eq!(samples(Codec::G723, &payload[..43]), Err(PayloadError::Cut));
        assert_eq!(samples(Codec::G723, &[3; 7]), Err(PayloadError::TooLong));
    }

    #[test]
    fn opus_packets_say_their_time() {
        // Configuration 1 is SILK, narrow band, 20 ms; code 0 one frame, code 3 as many as the next octet
        // says.
        assert_eq!(lengths(Codec::Opus, &[1 << 3, 1, 2, 3]), [(4, 160, false)]);
        assert_eq!(lengths(Codec::Opus, &[1 << 3]), [(1, 160, true)]);
        assert_eq!(samples(Codec::Opus, &[1 << 3 | 3, 3, 0, 0]), Ok(480));
        assert_eq!(samples(Codec::Opus, &[1 << 3 | 3, 7, 0, 0]), Err(PayloadError::Cut));
        assert_eq!(samples(Codec::Opus, &[1 << 3 | 3]), Err(PayloadError::Cut));
        // 2.5 ms of CELT are 20 samples.
        assert_eq!(samples(Codec::Opus, &[16 << 3, 0]), Ok(20));
    }
}
