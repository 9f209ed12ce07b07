//! Events and tones on their way through a transcoder.

use super::*;
use crate::dtmf::{Event, TonePair};

/// Sound of 200 ms, an event of 160 ms told every 20, and sound again.
fn with_event(sound: &[(u32, Vec<u8>)]) -> Vec<(Duration, Packet<'_>)> {
    static DURATIONS: [[u8; 4]; 11] = {
        let mut all = [[5, 10, 0, 0]; 11];
        let mut n = 0;
        while n < 11 {
            let duration = if n < 8 { (n + 1) * 160 } else { 1280 };
            all[n] = [5, if n >= 8 { 0x8A } else { 10 }, (duration >> 8) as u8, duration as u8];
            n += 1;
        }
        all
    };
    let mut packets = as_packets(sound, 20);
    packets.truncate(30);
    let last = packets[9].1;
    for (at, packet) in packets.iter_mut().skip(10) {
        *at += MS * 160;
        packet.sequence += 11;
        packet.timestamp += 1280;
    }
    for (n, payload) in DURATIONS.iter().enumerate() {
        let packet = Packet {
            payload_type: 101,
            marker: n == 0,
            sequence: last.sequence + 1 + n as u16,
            timestamp: last.timestamp + 160,
            ssrc: 5,
            payload,
        };
        packets.push((MS * 200 + MS * 20 * n.min(8) as u32, packet));
    }
    packets.sort_by_key(|(at, packet)| (*at, packet.sequence));
    packets
}

#[test]
fn an_event_passes_with_its_duration_on_the_other_clock() {
    let sound = encoded(&voice(8000), EncoderSettings::new(Codec::Pcma), 2);
    for (to, clock_hz) in [(Codec::Pcmu, 8000), (Codec::Opus, 48_000)] {
        let mut settings = settings(Codec::Pcma, to, 20);
        settings.outgoing.event = Some(EventPayload { payload: 101, clock_hz });
        let mut transcoder = Transcoder::new(settings).unwrap();
        let kept = run(&mut transcoder, &with_event(&sound), MS * 760);
        let events: Vec<_> = kept.iter().filter(|packet| packet.payload_type == 101).collect();
        assert_eq!(events.len(), 11);
        assert!(events[0].marker && events[1..].iter().all(|event| !event.marker));
        assert!(events.iter().all(|event| event.timestamp == events[0].timestamp));
        let last = Event::parse(&events[10].payload).unwrap();
        assert_eq!((last.code, last.end, u32::from(last.duration)), (5, true, 1280 * clock_hz / 8000));
        // It is passed at once, and nothing else is sent while it lasts.
        assert_eq!(events[0].at, MS * 200);
        assert!(!kept.iter().any(|k| k.payload_type == 96 && k.at > MS * 201 && k.at < MS * 355));
        let after = kept.iter().find(|k| k.payload_type == 96 && k.at > MS * 355).unwrap();
        assert!(after.marker);
        for pair in kept.windows(2) {
            assert_eq!(pair[1].sequence, pair[0].sequence.wrapping_add(1));
        }
        assert_eq!(transcoder.counters().jitter.lost, 0);
    }
}

#[test]
fn an_event_becomes_tones_where_none_were_agreed() {
    let sound = encoded(&voice(8000), EncoderSettings::new(Codec::Pcma), 2);
    let mut settings = settings(Codec::Pcma, Codec::Pcmu, 20);
    settings.outgoing.event = None;
    let mut transcoder = Transcoder::new(settings).unwrap();
    let kept = run(&mut transcoder, &with_event(&sound), MS * 760);
    assert!(kept.iter().all(|packet| packet.payload_type == 96));
    let (mut detector, mut heard) = (Detector::new(), Vec::new());
    detector.hear(&decoded(Codec::Pcmu, &kept), |what| heard.push(what));
    let digit = Digit::from_char('5').unwrap();
    match heard[..] {
        [Heard::Began(began), Heard::Ended(ended, lasted)] => {
            assert_eq!((began, ended), (digit, digit));
            assert!((120..=200).contains(&lasted), "{lasted} ms");
        }
        ref other => panic!("{other:?}"),
    }
}

#[test]
fn digits_of_our_own_are_told_while_sound_waits() {
    let sound = voice(8000);
    let packets = encoded(&sound, EncoderSettings::new(Codec::Pcma), 2);
    let packets = as_packets(&packets, 20);
    let mut transcoder = Transcoder::new(settings(Codec::Pcma, Codec::Pcmu, 20)).unwrap();
    let mut kept = Vec::new();
    let digit = Digit::from_char('#').unwrap();
    for (n, (at, packet)) in packets.iter().enumerate() {
        transcoder.push(packet, *at);
        if n == 10 {
            assert!(transcoder.send_digit(digit, MS * 100, *at));
            assert!(!transcoder.send_digit(digit, MS * 100, *at));
        }
        drain(&mut transcoder, *at, &mut kept);
    }
    let events: Vec<_> = kept.iter().filter(|packet| packet.payload_type == 101).collect();
    let told: Vec<_> = events.iter().map(|packet| Event::parse(&packet.payload).unwrap()).collect();
    assert_eq!(
        told.iter().map(|event| event.duration).collect::<Vec<_>>(),
        [160, 320, 480, 640, 800, 800, 800]
    );
    assert_eq!(told.iter().filter(|event| event.end).count(), 3);
    assert!(told.iter().all(|event| event.code == 11));
    // Five packet times belong to the digit.
    let speech = kept.iter().filter(|packet| packet.payload_type == 96).count();
    assert_eq!(kept.last().unwrap().at, MS * 980);
    assert_eq!(speech + 5, 48);
}

#[test]
fn a_digit_is_told_to_its_end_where_nothing_comes_in() {
    let mut transcoder = Transcoder::new(settings(Codec::Pcma, Codec::G729, 20)).unwrap();
    let digit = Digit::from_char('1').unwrap();
    for round in 0..2 {
        let began = MS * 1000 * round;
        assert!(transcoder.send_digit(digit, MS * 60, began), "round {round}");
        let mut kept = Vec::new();
        for ms in 0..400 {
            drain(&mut transcoder, began + MS * ms, &mut kept);
        }
        let told: Vec<_> = kept.iter().filter(|packet| packet.payload_type == 101).collect();
        assert_eq!(told.len(), 5);
        assert!(told[0].marker && told.iter().all(|packet| packet.timestamp == told[0].timestamp));
        assert_eq!(transcoder.deadline(), None);
    }
}

#[test]
fn tones_in_the_sound_are_told() {
    let mut sound = voice(8000);
    TonePair::of(Digit::from_char('9').unwrap()).fill(&mut sound[4000..4800], true);
    let packets = encoded(&sound, EncoderSettings::new(Codec::Pcma), 2);
    let mut settings = settings(Codec::Pcma, Codec::Pcmu, 20);
    settings.detect_digits = true;
    let mut transcoder = Transcoder::new(settings).unwrap();
    let (mut kept, mut heard) = (Vec::new(), Vec::new());
    for (at, packet) in as_packets(&packets, 20) {
        transcoder.push(&packet, at);
        drain(&mut transcoder, at, &mut kept);
        heard.extend(transcoder.take_digit());
    }
    let digit = Digit::from_char('9').unwrap();
    assert!(
        matches!(heard[..], [Heard::Began(began), Heard::Ended(ended, 80..=110)] if (began, ended) == (digit, digit))
    );
}

#[test]
fn tones_become_events_in_place_of_the_sound() {
    let mut sound = voice(16_000);
    for (key, from, to) in [('9', 4000, 4800), ('2', 8000, 9200)] {
        TonePair::of(Digit::from_char(key).unwrap()).fill(&mut sound[from..to], true);
        sound[to..to + 400].fill(0);
    }
    let packets = encoded(&sound, EncoderSettings::new(Codec::Pcma), 2);
    let mut settings = settings(Codec::Pcma, Codec::Pcmu, 20);
    settings.incoming.event = None;
    (settings.detect_digits, settings.digits_as_events) = (true, true);
    let mut transcoder = Transcoder::new(settings).unwrap();
    let kept = run(&mut transcoder, &as_packets(&packets, 20), MS * 2000);
    let told: Vec<_> = kept
        .iter()
        .filter(|packet| packet.payload_type == 101)
        .map(|packet| (packet.marker, Event::parse(&packet.payload).unwrap()))
        .collect();
    let codes: Vec<_> = told.iter().filter(|(marker, _)| *marker).map(|(_, event)| event.code).collect();
    assert_eq!(codes, [9, 2]);
    let ends: Vec<_> = told.iter().filter(|(_, event)| event.end).map(|(_, event)| event.duration).collect();
    assert_eq!(ends.len(), 6);
    assert!((480..=960).contains(&ends[0]) && (800..=1360).contains(&ends[3]), "{ends:?}");
    // Little of the tones is left in the sound: too short to be a digit once more.
    let speech: Vec<_> = kept.iter().filter(|packet| packet.payload_type == 96).cloned().collect();
    let (mut detector, mut heard) = (Detector::new(), 0);
    detector.hear(&decoded(Codec::Pcmu, &speech), |_| heard += 1);
    assert_eq!(heard, 0);
}
