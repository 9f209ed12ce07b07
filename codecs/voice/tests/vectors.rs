//! Frames of other encoders, decoded as their own decoders do: `ffmpeg.g723` is of ffmpeg 5.1 at 6.3 kbit/s,
//! `libopus.opus` of libopus 1.3.1, packets with their lengths before them; both hold two seconds of speech
//! with noise. The `.pcm` are what those two programs made of them.
#![forbid(unsafe_code)]

use codecs::Codec;
use voice::FRAME_SAMPLES_MAX;

fn samples(pcm: &[u8]) -> Vec<i16> {
    pcm.as_chunks::<2>().0.iter().map(|&sample| i16::from_le_bytes(sample)).collect()
}

fn decoded<'a>(codec: Codec, packets: impl Iterator<Item = &'a [u8]>) -> Vec<i16> {
    let (mut decoder, mut heard) = (voice::decoder(codec).expect("available"), Vec::new());
    for packet in packets {
        for frame in voice::frames(codec, packet).expect("a whole packet") {
            let mut made = [0; FRAME_SAMPLES_MAX];
            let count = decoder.decode(frame, &mut made);
            heard.extend_from_slice(&made[..count]);
        }
    }
    heard
}

/// How much stronger what was meant is than what differs, in dB.
fn distance_db(meant: &[i16], heard: &[i16]) -> f64 {
    assert_eq!(meant.len(), heard.len());
    let energy = |samples: &mut dyn Iterator<Item = f64>| samples.map(|s| s * s).sum::<f64>();
    let signal = energy(&mut meant.iter().map(|&s| f64::from(s)));
    let noise = energy(&mut meant.iter().zip(heard).map(|(&one, &other)| f64::from(one) - f64::from(other)));
    10.0 * (signal / noise.max(1.0)).log10()
}

#[test]
fn g723_of_ffmpeg_sounds_as_ffmpeg_has_it() {
    let heard = decoded(Codec::G723, include_bytes!("vectors/ffmpeg.g723").chunks(24));
    let db = distance_db(&samples(include_bytes!("vectors/ffmpeg_g723.pcm")), &heard);
    assert!(db > 20.0, "{db} dB");
}

#[test]
fn opus_of_libopus_sounds_as_libopus_has_it() {
    let mut rest = &include_bytes!("vectors/libopus.opus")[..];
    let packets = std::iter::from_fn(|| {
        let (&[high, low], behind) = rest.split_first_chunk()?;
        let (packet, behind) = behind.split_at(usize::from(u16::from_be_bytes([high, low])));
        rest = behind;
        Some(packet)
    });
    let heard = decoded(Codec::Opus, packets);
    let db = distance_db(&samples(include_bytes!("vectors/libopus_opus.pcm")), &heard);
    assert!(db > 40.0, "{db} dB");
}
