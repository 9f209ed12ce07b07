//! Streams that are late, lost, doubled, out of order and on another clock.

use super::*;

const MS: Duration = Duration::from_millis(1);

fn buffer() -> JitterBuffer {
    JitterBuffer::new(JitterSettings {
        clock_hz: 8000,
        frame_samples: 80,
        delay: (MS * 20, MS * 200),
        ends_after: MS * 200,
    })
}

/// Packet `n` of a stream of 20 ms.
fn packet(n: u32) -> Packet<'static> {
    const PAYLOADS: [[u8; 1]; 256] = {
        let mut payloads = [[0]; 256];
        let mut n = 0;
        while n < 256 {
            payloads[n] = [n as u8];
            n += 1;
        }
        payloads
    };
    Packet {
        payload_type: 8,
        marker: false,
        sequence: (65_530 + n) as u16,
        timestamp: 0xFFFF_FF00u32.wrapping_add(n * 160),
        ssrc: 1,
        payload: &PAYLOADS[n as usize % 256],
    }
}

fn push(buffer: &mut JitterBuffer, n: u32, at: Duration) -> Pushed {
    buffer.push(&packet(n), Kind::Sound(160), at)
}

#[derive(PartialEq, Debug)]
enum Played {
    Nothing,
    Packet(u8),
    Lost(usize),
    Pause(usize),
}

fn pop(buffer: &mut JitterBuffer, at: Duration) -> Played {
    match buffer.pop(at) {
        Popped::Nothing => Played::Nothing,
        Popped::Packet { payload, .. } => Played::Packet(payload[0]),
        Popped::Lost { samples, .. } => Played::Lost(samples),
        Popped::Pause { samples } => Played::Pause(samples),
    }
}

/// Plays from packet 0 on, with an arrival time in milliseconds for each packet that comes, until `end_ms`:
/// what is played, with 20 ms for each packet and as many as they say for the rest.
fn play(buffer: &mut JitterBuffer, arrivals: &[(u32, u64)], end_ms: u64) -> Vec<(u64, Played)> {
    let mut arrivals = arrivals.to_vec();
    arrivals.sort_by_key(|&(_, at)| at);
    let (mut arrivals, mut played, mut due) = (arrivals.into_iter().peekable(), Vec::new(), None);
    for at in 0..end_ms {
        while let Some((n, _)) = arrivals.next_if(|&(_, arrives)| arrives == at) {
            push(buffer, n, MS * at as u32);
        }
        let now = MS * at as u32;
        if due.is_none() {
            due = buffer.starts_at();
        }
        while due.is_some_and(|due| due <= now) {
            let what = pop(buffer, now);
            due = match what {
                Played::Nothing => None,
                Played::Packet(_) => due.map(|due| due + MS * 20),
                Played::Lost(samples) | Played::Pause(samples) => {
                    due.map(|due| due + MS * (samples as u32 / 8))
                }
            };
            played.push((at, what));
        }
    }
    played
}

fn packets(played: &[(u64, Played)]) -> Vec<u8> {
    played.iter().filter_map(|(_, what)| if let Played::Packet(n) = what { Some(*n) } else { None }).collect()
}

#[test]
fn a_steady_stream_is_played_in_order_after_the_first_delay() {
    let mut buffer = buffer();
    let arrivals: Vec<_> = (0..50).map(|n| (n, u64::from(n) * 20)).collect();
    let played = play(&mut buffer, &arrivals, 1030);
    assert_eq!(played[0], (40, Played::Packet(0)));
    assert_eq!(packets(&played), (0..50).collect::<Vec<u8>>());
    // The first number is 65,530, the last 43 after 2¹⁶ was passed.
    let counters =
        JitterCounters { received: 50, highest_sequence: 65_536 + 43, ..JitterCounters::default() };
    assert_eq!(buffer.counters(), counters);
}

#[test]
fn reordered_packets_are_put_in_order_and_doubles_are_dropped() {
    let mut buffer = buffer();
    let arrivals: Vec<_> = [0, 2, 1, 1, 4, 3, 5, 5, 0].iter().zip(0..).map(|(&n, i)| (n, i * 13)).collect();
    let played = play(&mut buffer, &arrivals, 160);
    assert_eq!(packets(&played), [0, 1, 2, 3, 4, 5]);
    let counters = buffer.counters();
    assert_eq!((counters.received, counters.duplicate, counters.lost, counters.late), (6, 3, 0, 0));
}

#[test]
fn an_earlier_number_may_come_first_before_playing_begins() {
    let mut buffer = buffer();
    let played = play(&mut buffer, &[(1, 0), (0, 5), (2, 20)], 90);
    assert_eq!(packets(&played), [0, 1, 2]);
}

#[test]
fn a_lost_packet_is_concealed_for_its_time_and_counted_when_it_comes_late() {
    let mut buffer = buffer();
    let mut arrivals: Vec<_> = (0..20).filter(|&n| n != 7).map(|n| (n, u64::from(n) * 20)).collect();
    arrivals.push((7, 7 * 20 + 120));
    let played = play(&mut buffer, &arrivals, 440);
    let lost: Vec<_> = played.iter().filter(|(_, what)| matches!(what, Played::Lost(_))).collect();
    assert_eq!(lost, [&(180, Played::Lost(160))]);
    assert_eq!(played[8], (200, Played::Packet(8)));
    let counters = buffer.counters();
    assert_eq!((counters.lost, counters.late, counters.concealed_samples), (1, 1, 160));
}

#[test]
fn runs_of_losses_make_a_burst_ratio() {
    for (lost, percent, ratio) in
        [(&[10, 30, 50, 70][..], 4.0, 1.0), (&[10, 11, 12, 13], 4.0, 3.84), (&[], 0.0, 1.0)]
    {
        let mut buffer = buffer();
        let arrivals: Vec<_> =
            (0..100).filter(|n| !lost.contains(n)).map(|n| (n, u64::from(n) * 20)).collect();
        play(&mut buffer, &arrivals, 2100);
        let counters = buffer.counters();
        assert!((counters.loss_percent() - percent).abs() < 1e-9, "{counters:?}");
        assert!((counters.burst_ratio() - ratio).abs() < 1e-9, "{counters:?}");
    }
}

#[test]
fn the_packet_after_a_loss_is_shown_to_restore_from() {
    let mut buffer = buffer();
    for n in [0, 2] {
        push(&mut buffer, n, Duration::ZERO);
    }
    assert_eq!(pop(&mut buffer, MS * 40), Played::Packet(0));
    assert_eq!(buffer.pop(MS * 60), Popped::Lost { samples: 160, next: Some((8, &[2])) });
    assert_eq!(pop(&mut buffer, MS * 80), Played::Packet(2));
}

#[test]
fn a_delay_that_grows_stretches_and_loses_nothing() {
    let mut buffer = buffer();
    // From packet 10 on everything comes 80 ms later.
    let arrivals: Vec<_> = (0..40).map(|n| (n, u64::from(n) * 20 + if n < 10 { 0 } else { 80 })).collect();
    let played = play(&mut buffer, &arrivals, 900);
    assert_eq!(packets(&played), (0..40).collect::<Vec<u8>>());
    let counters = buffer.counters();
    assert_eq!((counters.lost, counters.late), (0, 0));
    assert!((320..=640).contains(&counters.concealed_samples), "{}", counters.concealed_samples);
    assert!(buffer.delay() >= MS * 80, "{:?}", buffer.delay());
}

#[test]
fn what_is_held_back_follows_the_jitter_within_its_bounds() {
    let mut state = 1u32;
    let mut dice = |below: u64| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        u64::from(state >> 8) % below
    };
    for (spread, least, most) in [(1, 20, 20), (60, 50, 70), (1000, 200, 200)] {
        let mut buffer = buffer();
        let arrivals: Vec<_> = (0..1500).map(|n| (n, u64::from(n) * 20 + dice(spread))).collect();
        play(&mut buffer, &arrivals, 31_000);
        let delay = buffer.delay().as_millis();
        assert!((least..=most).contains(&delay), "jitter of {spread} ms: {delay} ms held back");
    }
}

#[test]
fn a_burst_is_told_as_surplus_until_it_is_played() {
    let mut buffer = buffer();
    for n in 0..20 {
        push(&mut buffer, n, MS * n * 20);
    }
    let mut surplus = 0;
    for n in 0..20u32 {
        if let Popped::Packet { surplus: true, .. } = buffer.pop(MS * 400 + MS * n * 20) {
            surplus += 1;
        }
    }
    assert!((5..15).contains(&surplus), "{surplus} of 20");
}

#[test]
fn a_faster_clock_makes_a_surplus_and_a_slower_one_stretches() {
    for (sent_every_us, fast) in [(19_960u64, true), (20_040, false)] {
        let mut buffer = buffer();
        let (mut surplus, mut sent, mut due) = (0, 0u32, None);
        for at_us in (0..120_000_000u64).step_by(1000) {
            let now = Duration::from_micros(at_us);
            while u64::from(sent) * sent_every_us <= at_us {
                push(&mut buffer, sent, now);
                sent += 1;
            }
            due = due.or_else(|| buffer.starts_at());
            while let Some(at) = due.filter(|&at| at <= now) {
                due = Some(match buffer.pop(now) {
                    // A player that shortens by 10 ms.
                    Popped::Packet { surplus: true, .. } => {
                        surplus += 1;
                        at + MS * 10
                    }
                    Popped::Packet { .. } => at + MS * 20,
                    Popped::Lost { samples, .. } | Popped::Pause { samples } => {
                        at + MS * (samples as u32 / 8)
                    }
                    Popped::Nothing => panic!("the stream has not ended"),
                });
            }
        }
        let counters = buffer.counters();
        assert_eq!((counters.lost, counters.late, counters.overflow), (0, 0, 0));
        // 120 s at 0.2 % are 240 ms.
        if fast {
            assert!((15..=30).contains(&surplus), "{surplus}");
        } else {
            assert!((1200..=2400).contains(&counters.concealed_samples), "{}", counters.concealed_samples);
        }
    }
}

#[test]
fn a_described_pause_lasts_until_speech_is_due_again() {
    let mut buffer = buffer();
    push(&mut buffer, 0, Duration::ZERO);
    buffer.push(&packet(1), Kind::Noise(0), MS * 20);
    let mut at = MS * 40;
    assert_eq!(pop(&mut buffer, at), Played::Packet(0));
    at += MS * 20;
    assert_eq!(pop(&mut buffer, at), Played::Packet(1));
    for _ in 0..100 {
        assert_eq!(pop(&mut buffer, at), Played::Pause(80));
        at += MS * 10;
    }
    // Speech goes on, a second later by its timestamp.
    let speech = Packet { timestamp: packet(53).timestamp, ..packet(2) };
    buffer.push(&speech, Kind::Sound(160), at);
    let began = at;
    while pop(&mut buffer, at) == Played::Pause(80) {
        at += MS * 10;
    }
    assert!((20..=50).contains(&(at - began).as_millis()), "{:?}", at - began);
    assert_eq!(buffer.counters().lost, 0);
    assert_eq!(buffer.counters().restarts, 0);
}

#[test]
fn a_stream_that_ends_is_stretched_for_a_while_and_begins_anew() {
    let mut buffer = buffer();
    let mut arrivals: Vec<_> = (0..5).map(|n| (n, u64::from(n) * 20)).collect();
    arrivals.extend((5..10).map(|n| (n, 3000 + u64::from(n) * 20)));
    let played = play(&mut buffer, &arrivals, 3600);
    assert_eq!(packets(&played), (0..10).collect::<Vec<u8>>());
    assert_eq!(played.iter().filter(|(_, what)| *what == Played::Nothing).count(), 2);
    assert_eq!(buffer.counters().lost, 0);
}

#[test]
fn another_source_and_a_jump_begin_anew_once_the_next_packet_follows() {
    let mut buffer = buffer();
    let arrivals: Vec<_> = (0..10).map(|n| (n, u64::from(n) * 20)).collect();
    play(&mut buffer, &arrivals, 230);
    let other = |n: u32| Packet { ssrc: 2, sequence: (9000 + n) as u16, timestamp: n * 160, ..packet(n) };
    assert_eq!(buffer.push(&other(0), Kind::Sound(160), MS * 240), Pushed::Strange);
    assert_eq!(push(&mut buffer, 10, MS * 241), Pushed::Held);
    assert_eq!(buffer.push(&other(1), Kind::Sound(160), MS * 260), Pushed::Strange);
    assert_eq!(buffer.push(&other(2), Kind::Sound(160), MS * 280), Pushed::Held);
    assert_eq!(pop(&mut buffer, MS * 340), Played::Packet(2));
    let jump = |n: u32| Packet { sequence: (30_000 + n) as u16, ..other(n) };
    assert_eq!(buffer.push(&jump(3), Kind::Sound(160), MS * 300), Pushed::Strange);
    assert_eq!(buffer.push(&jump(4), Kind::Sound(160), MS * 320), Pushed::Held);
    assert_eq!(buffer.counters().restarts, 2);
}

#[test]
fn a_timestamp_that_jumps_is_followed_at_once() {
    let mut buffer = buffer();
    for (n, timestamp) in [(0, 0), (1, 160), (2, 900_000), (3, 900_160), (4, 5), (5, 165)] {
        buffer.push(&Packet { timestamp, ..packet(n) }, Kind::Sound(160), MS * n * 20);
    }
    for n in 0..6 {
        assert_eq!(pop(&mut buffer, MS * 100 + MS * u32::from(n) * 20), Played::Packet(n));
    }
    assert_eq!(buffer.counters().restarts, 2);
}

#[test]
fn timestamps_that_run_too_fast_or_too_slow_are_not_waited_for() {
    for units in [0, 80, 320, 960] {
        let mut buffer = buffer();
        let (mut played, mut due) = (Vec::new(), None);
        for n in 0..100u32 {
            let now = MS * n * 20;
            buffer.push(&Packet { timestamp: n * units, ..packet(n) }, Kind::Sound(160), now);
            due = due.or_else(|| buffer.starts_at());
            while due.is_some_and(|due| due <= now) {
                let what = pop(&mut buffer, now);
                let ms = if let Played::Lost(samples) | Played::Pause(samples) = what {
                    samples as u32 / 8
                } else {
                    20
                };
                due = due.map(|due| due + MS * ms);
                if let Played::Packet(n) = what {
                    played.push(n);
                }
            }
        }
        assert!(played.len() > 85, "{units} units: {} packets", played.len());
        assert!(played.windows(2).all(|pair| pair[1] == pair[0] + 1), "{units} units: {played:?}");
        assert_eq!(buffer.counters().lost, 0);
    }
}

#[test]
fn more_packets_than_are_held_push_out_the_oldest() {
    let mut buffer = buffer();
    for n in 0..100 {
        assert_eq!(push(&mut buffer, n, Duration::ZERO), Pushed::Held);
    }
    assert_eq!(buffer.counters().overflow, 100 - PACKETS_MAX as u64);
    assert_eq!(pop(&mut buffer, MS * 200), Played::Packet(100 - PACKETS_MAX as u8));
    let long = Packet { payload: &[0; PAYLOAD_MAX + 1], ..packet(100) };
    assert_eq!(buffer.push(&long, Kind::Sound(160), MS), Pushed::TooLong);
}

#[test]
fn events_alone_begin_nothing() {
    let mut buffer = buffer();
    for n in 0..50 {
        buffer.push(&packet(n), Kind::Other, MS * n);
    }
    assert_eq!((buffer.starts_at(), pop(&mut buffer, MS * 500)), (None, Played::Nothing));
    push(&mut buffer, 50, MS * 600);
    assert_eq!(buffer.starts_at(), Some(MS * 640));
    assert_eq!(pop(&mut buffer, MS * 640), Played::Packet(50));
    assert_eq!(buffer.counters().lost, 0);
}

#[test]
fn events_take_their_place_in_the_order_and_are_not_played() {
    let mut buffer = buffer();
    push(&mut buffer, 0, Duration::ZERO);
    for n in 1..4 {
        buffer.push(&Packet { timestamp: packet(1).timestamp, ..packet(n) }, Kind::Other, MS);
    }
    buffer.push(&Packet { timestamp: packet(1).timestamp, ..packet(4) }, Kind::Sound(160), MS);
    assert_eq!(pop(&mut buffer, MS * 60), Played::Packet(0));
    assert_eq!(pop(&mut buffer, MS * 80), Played::Packet(4));
    assert_eq!(buffer.counters().lost, 0);
}
