//! Both directions of calls, in virtual time: a sender of packets, a network, the transcoder, and a receiver
//! that decodes what comes.

use std::sync::Arc;

use super::*;
use crate::G723Rate;
use crate::codec::EncoderSettings;
use crate::listener::is_noise;
use crate::playback::{Clip, Player, PlayerSettings};
use crate::{decoder, encoder, frames};

const MS: Duration = Duration::from_millis(1);
const EVENTS: EventPayload = EventPayload { payload: 101, clock_hz: 8000 };

fn settings(from: Codec, to: Codec, packet_ms: u8) -> TranscoderSettings {
    let outgoing = Outgoing {
        event: Some(EVENTS),
        noise: Some(13),
        ssrc: 7,
        sequence: 65_530,
        timestamp: 0xFFFF_F000,
        ..Outgoing::new(EncoderSettings { packet_ms, ..EncoderSettings::new(to) }, 96)
    };
    let incoming = Incoming { event: Some(EVENTS), noise: Some(13), ..Incoming::new(from, 97) };
    TranscoderSettings::new(incoming, outgoing)
}

/// A packet that was sent, kept.
#[derive(Clone, Debug)]
struct Kept {
    at: Duration,
    payload_type: u8,
    marker: bool,
    sequence: u16,
    timestamp: u32,
    payload: Vec<u8>,
}

/// All that is due by `now`.
fn drain(transcoder: &mut Transcoder, now: Duration, kept: &mut Vec<Kept>) {
    for _ in 0..100 {
        let Some(packet) = transcoder.poll(now) else { return };
        assert_eq!(packet.ssrc, 7);
        kept.push(Kept {
            at: now,
            payload_type: packet.payload_type,
            marker: packet.marker,
            sequence: packet.sequence,
            timestamp: packet.timestamp,
            payload: packet.payload.to_vec(),
        });
    }
    panic!("poll does not end");
}

/// Runs to `end`, with packets that come at their times.
fn run(transcoder: &mut Transcoder, packets: &[(Duration, Packet<'_>)], end: Duration) -> Vec<Kept> {
    let (mut kept, mut packets) = (Vec::new(), packets.iter().peekable());
    let mut now = Duration::ZERO;
    while now < end {
        while let Some((at, packet)) = packets.next_if(|(at, _)| *at <= now) {
            transcoder.push(packet, *at);
            drain(transcoder, now, &mut kept);
        }
        drain(transcoder, now, &mut kept);
        if let Some(deadline) = transcoder.deadline() {
            assert!(deadline > now, "what is due was polled");
        }
        now += MS;
    }
    kept
}

/// A voice-like sound: harmonics of 125 Hz whose strength changes.
fn voice(count: usize) -> Vec<i16> {
    (0..count)
        .map(|n| {
            let t = n as f32 / 8000.0 * std::f32::consts::TAU;
            let loud = 1.0 + 0.5 * (t * 3.0).sin();
            ((1..10).map(|h| (t * 125.0 * h as f32).sin() / h as f32).sum::<f32>() * 2500.0 * loud) as i16
        })
        .collect()
}

/// The sound in packets of a codec: payload type 97, every `frames` frames.
fn encoded(sound: &[i16], settings: EncoderSettings, frames: usize) -> Vec<(u32, Vec<u8>)> {
    let mut encoder = encoder(settings).unwrap();
    let ratio = settings.codec.clock_hz() / 8000;
    let (frame, mut packets) = (encoder.frame_samples(), Vec::new());
    for (n, piece) in sound.chunks_exact(frame * frames).enumerate() {
        let mut payload = Vec::new();
        for frame in piece.chunks_exact(frame) {
            let mut octets = [0; 640];
            let Encoded::Speech(length) = encoder.encode(frame, &mut octets) else { panic!() };
            payload.extend_from_slice(&octets[..length]);
        }
        packets.push(((n * frame * frames) as u32 * ratio, payload));
    }
    packets
}

fn as_packets(encoded: &[(u32, Vec<u8>)], packet_ms: u32) -> Vec<(Duration, Packet<'_>)> {
    encoded
        .iter()
        .zip(0u16..)
        .map(|((timestamp, payload), n)| {
            let packet = Packet {
                payload_type: 97,
                marker: n == 0,
                sequence: 100 + n,
                timestamp: *timestamp,
                ssrc: 5,
                payload,
            };
            (MS * packet_ms * u32::from(n), packet)
        })
        .collect()
}

fn decoded(codec: Codec, kept: &[Kept]) -> Vec<i16> {
    let (mut decoder, mut sound) = (decoder(codec).unwrap(), Vec::new());
    for packet in kept {
        for frame in frames(codec, &packet.payload).unwrap() {
            let mut made = [0; FRAME_SAMPLES_MAX];
            let count = decoder.decode(frame, &mut made);
            sound.extend_from_slice(&made[..count]);
        }
    }
    sound
}

fn energy(samples: &[i16]) -> f64 {
    samples.iter().map(|&sample| f64::from(sample).powi(2)).sum::<f64>() / samples.len().max(1) as f64
}

/// Numbers go on by one, timestamps by the packet time.
fn assert_steady(kept: &[Kept], units: u32) {
    assert!(kept[0].marker && kept[1..].iter().all(|packet| !packet.marker));
    for pair in kept.windows(2) {
        assert_eq!(pair[1].sequence, pair[0].sequence.wrapping_add(1));
        assert_eq!(pair[1].timestamp, pair[0].timestamp.wrapping_add(units));
    }
}

#[test]
fn a_transcoder_may_move_to_the_thread_that_drives_it() {
    fn is_send<T: Send + 'static>() {}
    is_send::<Transcoder>();
}

#[test]
fn every_pair_of_codecs_and_every_packet_time_passes_a_voice() {
    let sound = voice(16_000);
    let codecs = [Codec::Pcma, Codec::Pcmu, Codec::G729, Codec::G723, Codec::Opus];
    for from in codecs.into_iter().filter(|&codec| crate::available(codec)) {
        let (frames, ms) = match from {
            Codec::G723 => (1, 30),
            Codec::Opus => (1, 20),
            Codec::Pcma | Codec::Pcmu | Codec::G729 => (2, 20),
        };
        let packets = encoded(&sound, EncoderSettings::new(from), frames);
        let packets = as_packets(&packets, ms);
        for to in codecs.into_iter().filter(|&codec| crate::available(codec)) {
            let times: &[u8] = if to == Codec::G723 { &[30, 60] } else { &[10, 20, 30, 40, 60] };
            for &packet_ms in times {
                let mut transcoder = Transcoder::new(settings(from, to, packet_ms)).unwrap();
                let kept = run(&mut transcoder, &packets, MS * 2040);
                let actual_ms = if (to, packet_ms) == (Codec::Opus, 30) { 20 } else { u32::from(packet_ms) };
                assert_steady(&kept, to.clock_hz() / 1000 * actual_ms);
                assert!(kept.iter().all(|packet| packet.payload_type == 96));
                let wanted = 1900 / actual_ms as usize;
                assert!(kept.len() >= wanted, "{from} to {to} of {packet_ms} ms: {} packets", kept.len());
                let heard = decoded(to, &kept);
                let ratio = energy(&heard[1600..12_800]) / energy(&sound[1600..12_800]);
                assert!((0.5..1.6).contains(&ratio), "{from} to {to} of {packet_ms} ms: energy {ratio}");
                assert_eq!(transcoder.counters().unknown, 0);
                assert_eq!(transcoder.counters().jitter.lost, 0);
            }
        }
    }
}

#[test]
fn g711_to_g711_is_the_other_law_of_the_same_octets() {
    let sound = voice(8000);
    let packets = encoded(&sound, EncoderSettings::new(Codec::Pcma), 2);
    let mut transcoder = Transcoder::new(settings(Codec::Pcma, Codec::Pcmu, 20)).unwrap();
    let kept = run(&mut transcoder, &as_packets(&packets, 20), MS * 1035);
    assert_eq!(kept.len(), 50);
    for (packet, (_, payload)) in kept.iter().zip(&packets) {
        let wanted: Vec<u8> = payload.iter().map(|&octet| codecs::g711::Law::A.convert(octet)).collect();
        assert_eq!(packet.payload, wanted);
    }
    assert_eq!((kept[0].sequence, kept[0].timestamp, kept[0].at), (65_530, 0xFFFF_F000, MS * 40));
}

#[test]
fn losses_and_disorder_leave_no_gap_in_what_is_sent() {
    let sound = voice(24_000);
    let packets = encoded(&sound, EncoderSettings::new(Codec::Pcma), 2);
    let mut packets = as_packets(&packets, 20);
    for (n, (at, _)) in packets.iter_mut().enumerate() {
        *at += MS * (n as u32 * 7 % 13);
    }
    let mut n = 0;
    packets.retain(|_| {
        n += 1;
        n % 17 != 5
    });
    packets.sort_by_key(|(at, _)| *at);
    let mut transcoder = Transcoder::new(settings(Codec::Pcma, Codec::Opus, 20)).unwrap();
    let kept = run(&mut transcoder, &packets, MS * 3000);
    assert_steady(&kept, 960);
    let counters = transcoder.counters();
    assert!((7..=9).contains(&counters.jitter.lost), "{counters:?}");
    assert_eq!((counters.jitter.late, counters.jitter.restarts), (0, 0));
    assert!(counters.jitter.concealed_samples >= 8 * 160 && counters.jitter.jitter > 0);
    let heard = decoded(Codec::Opus, &kept);
    assert!(energy(&heard[8000..16_000]) > 0.6 * energy(&sound[8000..16_000]));
}

#[test]
fn a_lost_packet_of_opus_is_restored_from_the_next() {
    let sound = voice(16_000);
    let fec = EncoderSettings { fec: true, opus_bps: 24_000, ..EncoderSettings::new(Codec::Opus) };
    let packets = encoded(&sound, fec, 1);
    let mut packets = as_packets(&packets, 20);
    packets.remove(50);
    let mut transcoder = Transcoder::new(settings(Codec::Opus, Codec::Pcma, 20)).unwrap();
    let kept = run(&mut transcoder, &packets, MS * 2000);
    assert_steady(&kept, 160);
    assert_eq!((transcoder.counters().jitter.lost, transcoder.counters().restored), (1, 1));
}

#[test]
fn a_burst_after_a_stall_is_caught_up_with_whatever_the_packet_time() {
    for frames in [1, 2, 6] {
        let ms = 10 * frames as u32;
        let sound = voice(80_000);
        let encoded = encoded(&sound, EncoderSettings::new(Codec::Pcma), frames);
        let mut packets = as_packets(&encoded, ms);
        // 160 ms of the second second come all at once.
        for (at, _) in &mut packets {
            if (MS * 1000..MS * 1160).contains(at) {
                *at = MS * 1160;
            }
        }
        let mut transcoder = Transcoder::new(settings(Codec::Pcma, Codec::Pcmu, 20)).unwrap();
        let kept = run(&mut transcoder, &packets, MS * 10_000);
        assert_steady(&kept, 160);
        let counters = transcoder.counters();
        assert_eq!((counters.jitter.lost, counters.jitter.late, counters.jitter.restarts), (0, 0, 0));
        // What was stretched meanwhile is cut out again, but for what is held back now.
        let (stretched, cut) = (counters.jitter.concealed_samples, counters.shortened_samples);
        assert!(stretched >= 800 && cut + 640 >= stretched, "{ms} ms: {stretched} stretched, {cut} cut");
    }
}

#[test]
fn a_stream_that_stops_is_followed_and_begins_with_a_marker() {
    let sound = voice(4000);
    let encoded = encoded(&sound, EncoderSettings::new(Codec::Pcmu), 2);
    let mut packets = as_packets(&encoded, 20);
    for (at, packet) in &mut packets[12..] {
        *at += MS * 2000;
        packet.timestamp += 16_000;
    }
    let mut transcoder = Transcoder::new(settings(Codec::Pcmu, Codec::Pcma, 20)).unwrap();
    let kept = run(&mut transcoder, &packets, MS * 2900);
    let marked: Vec<_> = kept.iter().filter(|packet| packet.marker).collect();
    assert_eq!(marked.len(), 2);
    // 240 ms of sound, 200 of concealment, then nothing.
    let before = kept.iter().filter(|packet| packet.at < MS * 2000).count();
    assert_eq!(before, 22);
    let gap = marked[1].timestamp.wrapping_sub(marked[0].timestamp);
    let time = marked[1].at - marked[0].at;
    assert_eq!(u128::from(gap), time.as_millis() * 8);
    assert_eq!(transcoder.deadline(), None);
}

#[test]
fn pauses_pass_between_comfort_noise_and_annexes() {
    // One second of voice, two of faint noise.
    let mut sound = voice(8000);
    let mut white = crate::lpc::White::new(1);
    sound.extend((0..16_000).map(|_| (white.next() * 60.0) as i16));
    let plain = encoded(&sound, EncoderSettings::new(Codec::Pcma), 2);
    let packets = as_packets(&plain, 20);
    for to in [Codec::Pcmu, Codec::G729, Codec::G723] {
        let mut settings = settings(Codec::Pcma, to, if to == Codec::G723 { 30 } else { 20 });
        settings.outgoing.encoder.dtx = true;
        let mut transcoder = Transcoder::new(settings).unwrap();
        let kept = run(&mut transcoder, &packets, MS * 2990);
        let described = kept
            .iter()
            .filter(|packet| packet.payload_type == 13 || to != Codec::Pcmu && is_noise(to, &packet.payload));
        assert!((1..12).contains(&described.count()), "{to}");
        assert!(
            kept.iter().filter(|packet| packet.at > MS * 1500).count() < 30,
            "{to}: the pause is not sent"
        );

        // And back: the pause is filled with noise of about that level, without a gap.
        let mut back = self::settings(to, Codec::Pcma, 20);
        back.incoming.payload = 96;
        let mut transcoder = Transcoder::new(back).unwrap();
        let came: Vec<_> = kept
            .iter()
            .map(|k| {
                let packet = Packet {
                    payload_type: k.payload_type,
                    marker: k.marker,
                    sequence: k.sequence,
                    timestamp: k.timestamp,
                    ssrc: 1,
                    payload: &k.payload,
                };
                (k.at, packet)
            })
            .collect();
        let kept = run(&mut transcoder, &came, MS * 2990);
        assert_steady(&kept, 160);
        let heard = decoded(Codec::Pcma, &kept);
        let pause = energy(&heard[14_400..20_000]).sqrt();
        assert!((18.0..150.0).contains(&pause), "{to}: root mean square {pause} of 60");
        assert_eq!(transcoder.counters().jitter.lost, 0);
    }
}

#[test]
fn what_was_not_agreed_is_counted_and_not_sent() {
    let mut transcoder = Transcoder::new(settings(Codec::G723, Codec::Pcmu, 20)).unwrap();
    for (sequence, payload_type, payload) in
        [(1, 8, &[0; 160][..]), (2, 97, &[]), (3, 97, &[0; 23]), (4, 101, &[5])]
    {
        let packet = Packet { payload_type, marker: false, sequence, timestamp: 0, ssrc: 1, payload };
        assert_eq!(transcoder.push(&packet, MS), Taken::Unknown, "{sequence}");
    }
    assert_eq!(transcoder.counters().unknown, 4);
    assert!(transcoder.poll(MS * 500).is_none());
    // Among sound they are no loss.
    for (sequence, payload_type, timestamp) in [(5, 97, 0), (6, 8, 240), (7, 97, 240)] {
        let payload = &[3];
        let packet = Packet { payload_type, marker: false, sequence, timestamp, ssrc: 1, payload };
        transcoder.push(&packet, MS * 600);
    }
    while transcoder.poll(MS * 700).is_some() {}
    assert_eq!((transcoder.counters().unknown, transcoder.counters().jitter.lost), (5, 0));
}

#[test]
fn a_driver_that_comes_late_sends_no_burst() {
    let packets = encoded(&voice(8000), EncoderSettings::new(Codec::Pcma), 2);
    let packets = as_packets(&packets, 20);
    let mut transcoder = Transcoder::new(settings(Codec::Pcma, Codec::Pcmu, 20)).unwrap();
    for (at, packet) in &packets[..20] {
        transcoder.push(packet, *at);
    }
    let mut kept = Vec::new();
    drain(&mut transcoder, MS * 60, &mut kept);
    drain(&mut transcoder, MS * 5000, &mut kept);
    assert!(kept.len() <= 4, "{}", kept.len());
}

#[test]
fn both_rates_of_g723_and_several_frames_in_a_packet_are_taken() {
    let sound = voice(14_400);
    for g723 in [G723Rate::R5300, G723Rate::R6300] {
        let packets = encoded(&sound, EncoderSettings { g723, ..EncoderSettings::new(Codec::G723) }, 2);
        let mut transcoder = Transcoder::new(settings(Codec::G723, Codec::Pcma, 20)).unwrap();
        let kept = run(&mut transcoder, &as_packets(&packets, 60), MS * 1700);
        assert_steady(&kept, 160);
        assert!(kept.len() > 75, "{}", kept.len());
        assert_eq!(transcoder.counters().jitter.lost, 0);
    }
}

#[test]
fn a_prompt_plays_in_the_stream_and_gives_it_back() {
    let sound = voice(16_000);
    let packets = encoded(&sound, EncoderSettings::new(Codec::Pcma), 2);
    let mut transcoder = Transcoder::new(settings(Codec::Pcma, Codec::Pcmu, 20)).unwrap();
    let clip = Arc::new(Clip::encode(voice(2400), EncoderSettings::new(Codec::Pcmu)).unwrap());
    let (mut player, mut sent) = (None::<Player>, Vec::new());
    for (at, packet) in as_packets(&packets, 20) {
        transcoder.push(&packet, at);
        if at == MS * 400 {
            let (sequence, timestamp) = transcoder.next_in_stream(at);
            let settings = PlayerSettings { payload_type: 96, ssrc: 7, sequence, timestamp, repeat: false };
            player = Some(Player::new(clip.clone(), settings, at));
        }
        if let Some(playing) = &mut player {
            // The call goes on behind the prompt, unheard.
            while transcoder.poll(at).is_some() {}
            match playing.poll(at) {
                Some(packet) => sent.push((at, packet.marker, packet.sequence, packet.timestamp)),
                None => {
                    let (sequence, timestamp) = playing.next_in_stream();
                    transcoder.go_on_in_stream(sequence, timestamp, at);
                    player = None;
                }
            }
        } else if let Some(packet) = transcoder.poll(at) {
            sent.push((at, packet.marker, packet.sequence, packet.timestamp));
        }
    }
    assert!(sent.len() > 80, "{}", sent.len());
    for pair in sent.windows(2) {
        let time = (pair[1].0 - pair[0].0).as_millis() as u32;
        assert_eq!((pair[1].2, pair[1].3), (pair[0].2.wrapping_add(1), pair[0].3.wrapping_add(time * 8)));
    }
    // The first packet, the prompt's first, and the first after it.
    assert_eq!(sent.iter().filter(|sent| sent.1).count(), 3);
}

mod digits;
