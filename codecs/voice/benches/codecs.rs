//! Processor time of each codec and what becomes of speech in it, for `benches/voice/run.sh`.
//!
//! `cargo bench -p voice --bench codecs -- measure SPEECH.raw FOLDER` prints the time for each frame, of the
//! thread and not by the clock, and writes what a listener hears as `FOLDER/NAME.raw`, with G.723.1 as
//! `.g723` and Opus as `.opus` for other decoders. `decode FILE OUT.raw` decodes a `.g723` or `.opus` of
//! another encoder. Sound is signed 16 bits, little-endian, 8 kHz.
#![forbid(unsafe_code)]

use std::fs;
use std::net::UdpSocket;
use std::path::Path;
use std::time::{Duration, Instant};

use codecs::Codec;
use opus_pure::{OggOpusReader, OggOpusWriter, OpusEncoder, OpusHead};
use voice::transcoder::{Incoming, Outgoing, Transcoder, TranscoderSettings};
use voice::{Decoder, Encoded, EncoderSettings, FRAME_OCTETS_MAX, FRAME_SAMPLES_MAX, G723Rate, Packet};

type Failure = Box<dyn std::error::Error>;

/// A codec as it is measured, and the part of packets that is lost, of a hundred.
struct Case {
    name: &'static str,
    settings: EncoderSettings,
    loss: u32,
}

fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["measure", speech, folder] => measure(Path::new(speech), Path::new(folder)),
        ["decode", file, out] => decode(Path::new(file), Path::new(out)),
        ["transcode", from, listen, to, peer, secs] => transcode(from, listen, to, peer, secs.parse()?),
        [] => {
            println!("needs speech: see benches/voice/run.sh");
            Ok(())
        }
        _ => Err("measure SPEECH.raw FOLDER, decode FILE OUT.raw, or transcode FROM ADDRESS TO ADDRESS SECS"
            .into()),
    }
}

fn cases() -> Vec<Case> {
    let plain = |codec| EncoderSettings::new(codec);
    let mut cases = Vec::new();
    let mut add = |name, settings: EncoderSettings, loss| {
        if voice::available(settings.codec) {
            cases.push(Case { name, settings, loss });
        }
    };
    for (loss, [a, mu, g729, high, low, opus]) in [
        (0, ["pcma", "pcmu", "g729", "g723-6.3", "g723-5.3", "opus-16k"]),
        (5, ["pcma-5%", "pcmu-5%", "g729-5%", "g723-6.3-5%", "g723-5.3-5%", "opus-16k-5%"]),
    ] {
        add(a, plain(Codec::Pcma), loss);
        add(mu, plain(Codec::Pcmu), loss);
        add(g729, plain(Codec::G729), loss);
        add(high, plain(Codec::G723), loss);
        add(low, EncoderSettings { g723: G723Rate::R5300, ..plain(Codec::G723) }, loss);
        add(opus, plain(Codec::Opus), loss);
    }
    add("opus-24k-fec-5%", EncoderSettings { fec: true, opus_bps: 24_000, ..plain(Codec::Opus) }, 5);
    add("pcma-dtx", EncoderSettings { dtx: true, ..plain(Codec::Pcma) }, 0);
    add("g729-dtx", EncoderSettings { dtx: true, ..plain(Codec::G729) }, 0);
    add("g723-6.3-dtx", EncoderSettings { dtx: true, ..plain(Codec::G723) }, 0);
    add("opus-16k-dtx", EncoderSettings { dtx: true, ..plain(Codec::Opus) }, 0);
    cases
}

/// Packets of 20 ms of A-law through a whole transcoder, jitter buffer and all.
fn measure_transcoder(sound: &[i16]) -> Result<(), Failure> {
    let packets: Vec<[u8; 160]> = sound
        .as_chunks::<160>()
        .0
        .iter()
        .map(|piece| piece.map(|sample| codecs::g711::Law::A.encode(sample)))
        .collect();
    for to in Codec::ALL {
        let encoder = EncoderSettings {
            packet_ms: if to == Codec::G723 { 30 } else { 20 },
            ..EncoderSettings::new(to)
        };
        let settings = TranscoderSettings::new(Incoming::new(Codec::Pcma, 8), Outgoing::new(encoder, 96));
        let mut transcoder = Transcoder::new(settings).ok_or("available")?;
        let (began, mut sent) = (thread_time(), 0u64);
        for (n, payload) in packets.iter().enumerate() {
            let now = Duration::from_millis(20) * n as u32;
            let (sequence, timestamp) = (n as u16, n as u32 * 160);
            let packet = Packet { payload_type: 8, marker: n == 0, sequence, timestamp, ssrc: 1, payload };
            transcoder.push(&packet, now);
            while let Some(packet) = transcoder.poll(now) {
                sent += u64::from(!packet.payload.is_empty());
            }
        }
        let micros = (thread_time() - began).as_secs_f64() * 1e6 / packets.len() as f64;
        println!("PCMA to {to:<5} {micros:>8.2} µs for 20 ms, {sent} packets");
    }
    Ok(())
}

fn measure(speech: &Path, folder: &Path) -> Result<(), Failure> {
    let sound = read(speech)?;
    measure_transcoder(&sound)?;
    println!(
        "{:<16} {:>8} {:>10} {:>10} {:>9} {:>8}",
        "codec", "frame", "encode µs", "decode µs", "ch/core", "kbit/s"
    );
    for case in cases() {
        let mut encoder = voice::encoder(case.settings).ok_or("available")?;
        let frame = encoder.frame_samples();
        let mut octets = [0; FRAME_OCTETS_MAX];
        let mut coded = Vec::new();
        let began = thread_time();
        for piece in sound.chunks_exact(frame) {
            coded.push(match encoder.encode(piece, &mut octets) {
                Encoded::Speech(length) => Some((false, octets[..length].to_vec())),
                Encoded::Noise(length) => Some((true, octets[..length].to_vec())),
                Encoded::Nothing => None,
            });
        }
        let encoding = thread_time() - began;
        let mut decoder = voice::decoder(case.settings.codec).ok_or("available")?;
        let began = thread_time();
        let heard = listen(&mut *decoder, &coded, frame, case.loss);
        let decoding = thread_time() - began;
        let count = coded.len() as f64;
        let micros = |time: Duration| time.as_secs_f64() * 1e6 / count;
        let channels = frame as f64 * 125.0 / (micros(encoding) + micros(decoding));
        let bits: usize = coded.iter().flatten().map(|(_, octets)| octets.len() * 8).sum();
        let kbps = bits as f64 / (count * frame as f64 / 8.0);
        println!(
            "{:<16} {:>5} ms {:>10.2} {:>10.2} {channels:>9.0} {kbps:>8.2}",
            case.name,
            frame / 8,
            micros(encoding),
            micros(decoding)
        );
        write(&folder.join(format!("{}.raw", case.name)), &heard)?;
        if case.loss == 0 {
            keep(case.settings, &coded, &folder.join(case.name))?;
        }
    }
    Ok(())
}

/// What a listener hears: frames are lost by a fixed dice.
fn listen(decoder: &mut dyn Decoder, coded: &[Option<(bool, Vec<u8>)>], frame: usize, loss: u32) -> Vec<i16> {
    let codec = decoder.codec();
    let (mut heard, mut dice) = (Vec::new(), 20_261_130u32);
    // The dice falls once for each 20 ms at least, as packets are lost and not frames.
    let per_packet = (160 / frame).max(1);
    let mut is_lost = vec![false; coded.len()];
    for packet in is_lost.chunks_mut(per_packet) {
        dice = dice.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        packet.fill((dice >> 8) % 100 < loss);
    }
    for (n, coded_frame) in coded.iter().enumerate() {
        let mut made = [0; FRAME_SAMPLES_MAX];
        let made = &mut made[..frame];
        match coded_frame {
            _ if is_lost[n] => {
                let next = coded.get(n + 1).filter(|_| !is_lost.get(n + 1).copied().unwrap_or(true));
                let next = next
                    .and_then(Option::as_ref)
                    .and_then(|(_, octets)| voice::frames(codec, octets).ok()?.next());
                if next.is_none_or(|next| decoder.recover(next, made) == 0) {
                    decoder.conceal(made);
                }
            }
            Some((true, octets)) if matches!(codec, Codec::Pcma | Codec::Pcmu) => {
                decoder.describe_pause(octets);
                decoder.pause(made);
            }
            Some((_, octets)) => {
                if let Some(frame) = voice::frames(codec, octets).ok().and_then(|mut frames| frames.next()) {
                    decoder.decode(frame, made);
                }
            }
            None => decoder.pause(made),
        }
        heard.extend_from_slice(made);
    }
    heard
}

/// Keeps what was coded for other decoders.
fn keep(settings: EncoderSettings, coded: &[Option<(bool, Vec<u8>)>], name: &Path) -> Result<(), Failure> {
    match settings.codec {
        Codec::G723 => {
            let untransmitted = [3];
            let octets =
                coded.iter().map(|frame| frame.as_ref().map_or(&untransmitted[..], |(_, octets)| octets));
            fs::write(format!("{}.g723", name.display()), octets.collect::<Vec<_>>().concat())?;
        }
        Codec::G729 => {
            fs::write(
                format!("{}.g729", name.display()),
                coded.iter().flatten().flat_map(|(_, o)| o.clone()).collect::<Vec<u8>>(),
            )?;
        }
        Codec::Opus if !settings.dtx => {
            let shape = OpusEncoder::new(8000, 1, opus_pure::Application::Voip)?;
            let file = fs::File::create(format!("{}.opus", name.display()))?;
            let mut writer = OggOpusWriter::new(file, OpusHead::for_encoder(&shape, 8000))?;
            for (_, octets) in coded.iter().flatten() {
                writer.write_packet(octets)?;
            }
            writer.finish()?;
        }
        _ => {}
    }
    Ok(())
}

fn decode(file: &Path, out: &Path) -> Result<(), Failure> {
    let is_opus = file.extension().is_some_and(|extension| extension == "opus");
    let codec = if is_opus { Codec::Opus } else { Codec::G723 };
    let mut decoder = voice::decoder(codec).ok_or("available")?;
    let packets: Vec<Vec<u8>> = if is_opus {
        let mut reader = OggOpusReader::new(fs::File::open(file)?)?;
        reader.packets().map(|packet| Ok(packet?.data.to_vec())).collect::<Result<_, Failure>>()?
    } else {
        // Frames say their lengths; a packet holds at most six of them.
        let (octets, mut packets) = (fs::read(file)?, Vec::new());
        let mut rest = &octets[..];
        while let Some(first) = rest.first() {
            let length = [24, 20, 4, 1][usize::from(first & 3)].min(rest.len());
            packets.push(rest[..length].to_vec());
            rest = &rest[length..];
        }
        packets
    };
    let (mut heard, began) = (Vec::new(), thread_time());
    for packet in &packets {
        let mut made = [0; FRAME_SAMPLES_MAX];
        for frame in voice::frames(codec, packet)? {
            let count = decoder.decode(frame, &mut made);
            heard.extend_from_slice(&made[..count]);
        }
    }
    let time = thread_time() - began;
    println!("{}: {:.2} µs a packet", file.display(), time.as_secs_f64() * 1e6 / packets.len() as f64);
    write(out, &heard)
}

/// A transcoder between two sockets, for as many seconds: RTP of the codec `from`, whatever its payload
/// number, becomes RTP of the codec `to` with the number 96 or its static one.
fn transcode(from: &str, listen: &str, to: &str, peer: &str, secs: u64) -> Result<(), Failure> {
    let (from, to): (Codec, Codec) = (from.parse()?, to.parse()?);
    let socket = UdpSocket::bind(listen)?;
    let encoder =
        EncoderSettings { packet_ms: if to == Codec::G723 { 30 } else { 20 }, ..EncoderSettings::new(to) };
    let outgoing =
        Outgoing { ssrc: 0x7654_3210, ..Outgoing::new(encoder, to.static_payload().unwrap_or(96)) };
    let incoming = Incoming::new(from, from.static_payload().unwrap_or(97));
    let mut transcoder = Transcoder::new(TranscoderSettings::new(incoming, outgoing)).ok_or("available")?;
    let (began, mut octets, cpu) = (Instant::now(), [0; 2048], thread_time());
    while began.elapsed() < Duration::from_secs(secs) {
        let wait = transcoder
            .deadline()
            .map_or(Duration::from_millis(20), |due| due.saturating_sub(began.elapsed()));
        socket.set_read_timeout(Some(wait.max(Duration::from_micros(100))))?;
        if let Ok(length) = socket.recv(&mut octets)
            && let Some(packet) = Packet::read(&octets[..length])
        {
            transcoder.push(&packet, began.elapsed());
        }
        while let Some(packet) = transcoder.poll(began.elapsed()) {
            let mut out = [0; 2048];
            let length = packet.write(&mut out).ok_or("a packet of this size fits")?;
            socket.send_to(&out[..length], peer)?;
        }
    }
    let used = thread_time() - cpu;
    println!("{:?}\nheld back {:?}, {used:?} of processor time", transcoder.counters(), transcoder.delay());
    Ok(())
}

fn read(file: &Path) -> Result<Vec<i16>, Failure> {
    let octets = fs::read(file).map_err(|error| format!("{}: {error}", file.display()))?;
    Ok(octets.as_chunks::<2>().0.iter().map(|&sample| i16::from_le_bytes(sample)).collect())
}

fn write(file: &Path, sound: &[i16]) -> Result<(), Failure> {
    let octets: Vec<u8> = sound.iter().flat_map(|sample| sample.to_le_bytes()).collect();
    fs::write(file, octets).map_err(|error| format!("{}: {error}", file.display()).into())
}

/// Processor time of this thread.
fn thread_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}
