//! G.729 by hand: raw 16-bit samples of 8000 Hz into frames and back, and what that costs.
//!
//! `g729_files encode [--vad] SAMPLES FRAMES`, `g729_files decode FRAMES SAMPLES`, `g729_files time SAMPLES`.
//! A file of frames holds for each a byte with its length, 10, 2 or 0, and its bytes; a length of 255 is a
//! frame that was lost.
#![forbid(unsafe_code)]

use g729::{Decoder, Encoder, FRAME_BYTES, FRAME_SAMPLES};
use std::io;
use std::time::{Duration, Instant};

/// Length that marks a lost frame.
const LOST: u8 = 255;
/// Times that a file is encoded and decoded for the figures.
const RUNS: usize = 15;
/// Frames that are timed together.
const PIECE: usize = 100;

fn main() -> io::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["encode", samples, frames] => encode(false, samples, frames),
        ["encode", "--vad", samples, frames] => encode(true, samples, frames),
        ["decode", frames, samples] => decode(frames, samples),
        ["time", samples] => time(samples),
        _ => Err(io::Error::other(
            "usage: g729_files encode [--vad] SAMPLES FRAMES | decode FRAMES SAMPLES | time SAMPLES",
        )),
    }
}

/// Whole frames of a file; what is left over at its end is dropped.
fn read_samples(path: &str) -> io::Result<Vec<[i16; FRAME_SAMPLES]>> {
    let bytes = std::fs::read(path)?;
    let frame = |bytes: &[u8]| std::array::from_fn(|n| i16::from_le_bytes([bytes[2 * n], bytes[2 * n + 1]]));
    Ok(bytes.chunks_exact(2 * FRAME_SAMPLES).map(frame).collect())
}

fn encode(vad: bool, samples: &str, frames: &str) -> io::Result<()> {
    let (mut encoder, mut out, mut bytes) = (Encoder::new(vad), Vec::new(), [0; FRAME_BYTES]);
    for pcm in read_samples(samples)? {
        let length = encoder.encode(&pcm, &mut bytes);
        out.push(length as u8);
        out.extend_from_slice(&bytes[..length]);
    }
    std::fs::write(frames, out)
}

fn decode(frames: &str, samples: &str) -> io::Result<()> {
    let bytes = std::fs::read(frames)?;
    let (mut decoder, mut out, mut pcm) = (Decoder::new(), Vec::new(), [0; FRAME_SAMPLES]);
    let mut rest = &bytes[..];
    while let Some((&length, after)) = rest.split_first() {
        if length == LOST {
            decoder.conceal(&mut pcm);
            rest = after;
        } else {
            let (frame, next) = after
                .split_at_checked(length.into())
                .ok_or_else(|| io::Error::other(format!("{frames}: the last frame is cut off")))?;
            decoder.decode(frame, &mut pcm).map_err(io::Error::other)?;
            rest = next;
        }
        out.extend(pcm.iter().flat_map(|sample| sample.to_le_bytes()));
    }
    std::fs::write(samples, out)
}

/// Prints what encoding and decoding cost. Of each hundred frames the fastest of several runs counts, so
/// that other work of the machine does not.
fn time(samples: &str) -> io::Result<()> {
    let pcm = read_samples(samples)?;
    if pcm.is_empty() {
        return Err(io::Error::other(format!("{samples}: less than a frame of {FRAME_SAMPLES} samples")));
    }
    let pieces = pcm.len().div_ceil(PIECE);
    let (mut encoding, mut decoding) = (vec![Duration::MAX; pieces], vec![Duration::MAX; pieces]);
    let mut frames = [[0; FRAME_BYTES]; PIECE];
    let mut heard = [0; FRAME_SAMPLES];
    for _ in 0..RUNS {
        let (mut encoder, mut decoder) = (Encoder::new(false), Decoder::new());
        for (piece, pcm) in pcm.chunks(PIECE).enumerate() {
            let since = Instant::now();
            for (pcm, frame) in pcm.iter().zip(&mut frames) {
                encoder.encode(pcm, frame);
            }
            encoding[piece] = encoding[piece].min(since.elapsed());
            let since = Instant::now();
            for frame in &frames[..pcm.len()] {
                decoder.decode(frame, &mut heard).map_err(io::Error::other)?;
            }
            decoding[piece] = decoding[piece].min(since.elapsed());
        }
    }
    let per_20_ms = |all: &[Duration]| all.iter().sum::<Duration>().as_secs_f64() * 2e6 / pcm.len() as f64;
    println!("encoding {:.2} us, decoding {:.2} us per 20 ms", per_20_ms(&encoding), per_20_ms(&decoding));
    Ok(())
}
