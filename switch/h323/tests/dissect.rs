//! What we send, judged by tshark: every frame is understood, none is malformed.

use crate::calls::MODES;
use crate::pair::{CALLEE, CALLER, Pair, dial, local, settings};
use h323::call::{DtmfForm, Settings};
use h323::h245::Digit;
use h323::media::Codec;
use std::path::PathBuf;
use std::process::Command;
use units::Cause;

/// One connection's bytes: the ends' ports, then who sent what.
pub struct Stream {
    pub ports: [u16; 2],
    pub is_udp: bool,
    pub frames: Vec<(usize, Vec<u8>)>,
}

/// A capture of these streams, frame after frame.
fn pcap(streams: &[Stream]) -> Vec<u8> {
    let mut out =
        vec![0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0, 101, 0, 0, 0];
    for (nth, stream) in streams.iter().enumerate() {
        let mut sequence = [1_u32; 2];
        for (from, bytes) in &stream.frames {
            let mut packet = ip(nth as u8, *from, if stream.is_udp { 17 } else { 6 });
            packet.extend(stream.ports[*from].to_be_bytes());
            packet.extend(stream.ports[1 - from].to_be_bytes());
            if stream.is_udp {
                packet.extend((bytes.len() as u16 + 8).to_be_bytes());
                packet.extend([0, 0]);
            } else {
                packet.extend(sequence[*from].to_be_bytes());
                packet.extend(sequence[1 - from].to_be_bytes());
                packet.extend([0x50, 0x18, 0xff, 0xff, 0, 0, 0, 0]);
                sequence[*from] += bytes.len() as u32;
            }
            packet.extend(bytes);
            let len = packet.len() as u16;
            packet[2..4].copy_from_slice(&len.to_be_bytes());
            out.extend([0; 8]);
            out.extend(u32::from(len).to_le_bytes());
            out.extend(u32::from(len).to_le_bytes());
            out.extend(packet);
        }
    }
    out
}

fn ip(stream: u8, from: usize, protocol: u8) -> Vec<u8> {
    let mut header = vec![0x45, 0, 0, 0, 0, 0, 0, 0, 64, protocol, 0, 0];
    header.extend([192, 0, 2, if from == CALLER { 10 } else { 20 }]);
    header.extend([192, 0, 2, if from == CALLER { 20 } else { 10 }]);
    header[4] = stream;
    header
}

/// What tshark says of the frames, one line each: the protocols, what is wrong.
pub fn dissect(name: &str, streams: &[Stream]) -> Vec<String> {
    let file: PathBuf = std::env::temp_dir().join(format!("h323-{name}-{}.pcap", std::process::id()));
    std::fs::write(&file, pcap(streams)).unwrap();
    let run = |fields: &[&str]| -> Vec<String> {
        let mut tshark = Command::new("tshark");
        tshark.args(["-r", file.to_str().unwrap(), "-o", "tcp.check_checksum:false"]);
        let output = tshark.args(fields).output().expect("tshark is needed");
        String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect()
    };
    let fields = run(&["-T", "fields", "-e", "frame.protocols", "-e", "_ws.malformed"]);
    let summaries = run(&[]);
    std::fs::remove_file(&file).unwrap();
    fields.iter().zip(summaries).map(|(fields, summary)| format!("{fields}\t{summary}")).collect()
}

/// Every frame is of one of these protocols, and none is malformed.
pub fn assert_fine(lines: &[String], frames: usize, protocols: &[&str]) {
    assert_eq!(lines.len(), frames);
    for line in lines {
        let mut fields = line.split('\t');
        let (seen, malformed) = (fields.next().unwrap(), fields.next().unwrap());
        assert!(protocols.iter().any(|protocol| seen.contains(protocol)), "{line}");
        assert!(malformed.is_empty() && !line.contains("Malformed"), "{line}");
    }
}

#[test]
fn every_frame_of_every_mode_dissects() {
    for (nth, (fast, tunnels, early)) in MODES.into_iter().enumerate() {
        let settings = Settings { dtmf: DtmfForm::Signal, ..settings(fast, tunnels, early) };
        let all = [Codec::G729, Codec::G711A, Codec::G7231];
        let mut pair = Pair::new(settings.clone(), settings, &dial(local(4000, &all)));
        pair.act(CALLEE, |call, now| call.proceed(now));
        pair.act(CALLEE, |call, now| call.progress(now, true, None));
        pair.answer(&local(5004, &all));
        pair.pass_ms(2000);
        let digit = Digit::new('7', Some(100)).unwrap();
        pair.act(CALLER, |call, now| assert!(call.send_digit(now, digit)));
        pair.act(CALLEE, |call, now| call.hold(now, true));
        pair.act(CALLEE, |call, now| call.hold(now, false));
        pair.pass_ms(1000);
        pair.act(CALLEE, |call, now| call.release(now, Cause::BUSY));
        let signalling = Stream { ports: [40_000, 1720], is_udp: false, frames: pair.wire.clone() };
        let control = Stream { ports: [40_001, 30_001], is_udp: false, frames: pair.control_wire.clone() };
        assert_eq!(control.frames.is_empty(), tunnels);
        let count = signalling.frames.len() + control.frames.len();
        let lines = dissect(&format!("mode{nth}"), &[signalling, control]);
        assert_fine(&lines, count, &["h225", "h245"]);
        let all = lines.join("\n");
        for word in ["setup", "connect", "terminalCapabilitySet", "openLogicalChannel", "userInput"] {
            assert!(all.contains(word) || (fast && word == "openLogicalChannel"), "{word} in {all}");
        }
    }
}
