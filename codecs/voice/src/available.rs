//! Which codecs there are, and how one is made.

use codecs::Codec;

use crate::codec::{Decoder, Encoder, EncoderSettings};
use crate::g711::{G711Decoder, G711Encoder};
use crate::g723::{G723Decoder, G723Encoder};
use crate::g729::{G729Decoder, G729Encoder};
use crate::opus::{OpusDecoder, OpusEncoder};

/// Whether there is an encoder and a decoder of it: what there is none of must not be offered in place of
/// another codec.
pub const fn available(codec: Codec) -> bool {
    match codec {
        Codec::Pcmu | Codec::Pcma | Codec::G729 | Codec::G723 | Codec::Opus => true,
    }
}

/// An encoder; none of a codec that is not [`available`].
pub fn encoder(settings: EncoderSettings) -> Option<Box<dyn Encoder>> {
    Some(match settings.codec {
        Codec::Pcmu | Codec::Pcma => Box::new(G711Encoder::new(settings)),
        Codec::G723 => Box::new(G723Encoder::new(settings)),
        Codec::Opus => Box::new(OpusEncoder::new(settings)?),
        Codec::G729 => Box::new(G729Encoder::new(settings)),
    })
}

/// A decoder; none of a codec that is not [`available`].
pub fn decoder(codec: Codec) -> Option<Box<dyn Decoder>> {
    Some(match codec {
        Codec::Pcmu | Codec::Pcma => Box::new(G711Decoder::new(codec)),
        Codec::G723 => Box::new(G723Decoder::new()),
        Codec::Opus => Box::new(OpusDecoder::new()?),
        Codec::G729 => Box::new(G729Decoder::new()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::Encoded;

    #[test]
    fn what_is_available_can_be_made_and_nothing_else() {
        for codec in Codec::ALL {
            assert_eq!(encoder(EncoderSettings::new(codec)).is_some(), available(codec), "{codec}");
            assert_eq!(decoder(codec).is_some(), available(codec), "{codec}");
        }
    }

    #[test]
    fn short_buffers_cut_and_do_not_panic() {
        for codec in Codec::ALL.into_iter().filter(|&codec| available(codec)) {
            let (mut encoder, mut decoder) =
                (encoder(EncoderSettings::new(codec)).unwrap(), decoder(codec).unwrap());
            for length in [0, 1, 79] {
                let mut octets = vec![0; length];
                let (Encoded::Speech(n) | Encoded::Noise(n)) = encoder.encode(&[5; 3], &mut octets) else {
                    continue;
                };
                assert!(n <= length, "{codec} wrote {n} octets into {length}");
                let mut samples = vec![0; length];
                decoder.conceal(&mut samples);
                decoder.pause(&mut samples);
            }
        }
    }
}
