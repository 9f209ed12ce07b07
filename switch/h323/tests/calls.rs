//! Calls between two of us: four modes, both codecs' choices, hold, digits, ends.

use crate::pair::{CALLEE, CALLER, Pair, dial, local, settings};
use h323::asn1::h225::H323UUPDUH323MessageBody as Body;
use h323::call::{DtmfForm, Event, ReleasedBy, Settings};
use h323::h245::Digit;
use h323::media::Codec;
use h323::q931::{Message, MessageType, Presentation};
use units::Cause;

const ALL: [Codec; 4] = [Codec::G729, Codec::G711A, Codec::G711U, Codec::G7231];

/// Fast start, tunnelling, early H.245.
pub const MODES: [(bool, bool, bool); 8] = [
    (false, false, false),
    (false, true, false),
    (true, false, false),
    (true, true, false),
    (false, false, true),
    (false, true, true),
    (true, false, true),
    (true, true, true),
];

fn media_flows(pair: &Pair, codec: Codec) {
    for (side, port) in [(CALLER, 5004), (CALLEE, 4000)] {
        let media = pair.media(side);
        assert_eq!(media.audio.codec, codec);
        assert_eq!(media.rtp.map(|rtp| rtp.port()), Some(port));
        assert_eq!(media.rtcp.map(|rtcp| rtcp.port()), Some(port + 1));
        assert!(media.is_received);
    }
}

#[test]
fn every_mode_connects_and_ends() {
    for (fast, tunnels, early) in MODES {
        let settings = settings(fast, tunnels, early);
        let mut pair = Pair::new(settings.clone(), settings, &dial(local(4000, &[Codec::G711A])));
        let setup = pair.callee().setup().unwrap().clone();
        assert_eq!((setup.called.as_str(), setup.calling.digits.as_str()), ("442071234567", "12025550123"));
        assert_eq!((setup.display.as_deref(), setup.offers.len()), (Some("alice"), usize::from(fast)));
        pair.answer(&local(5004, &[Codec::G711A]));
        pair.pass_ms(1000);
        media_flows(&pair, Codec::G711A);
        assert_eq!(pair.control_opened, !tunnels, "{fast} {tunnels} {early}");
        assert_eq!(pair.events[CALLER][0], Event::Proceeding);
        assert!(pair.events[CALLER].contains(&Event::Alerting { in_band: false }));
        assert!(pair.events[CALLER].contains(&Event::Connected));
        pair.act(CALLER, |call, now| call.release(now, Cause::NORMAL));
        assert_eq!(
            (pair.released(CALLER), pair.released(CALLEE)),
            (Some(Cause::NORMAL), Some(Cause::NORMAL))
        );
        assert_eq!(pair.closed, [true, true]);
        assert_eq!(pair.control_closed, [!tunnels, !tunnels]);
        let late = pair.events.clone();
        pair.pass_ms(600_000);
        assert_eq!(pair.events, late, "nothing comes after the end");
    }
}

#[test]
fn many_codecs_end_in_the_same_one_both_ways() {
    for (fast, tunnels, early) in MODES {
        let settings = settings(fast, tunnels, early);
        let mut pair = Pair::new(settings.clone(), settings, &dial(local(4000, &ALL)));
        pair.answer(&local(5004, &[Codec::G711U, Codec::G7231, Codec::G711A]));
        pair.pass_ms(2000);
        let codec = pair.media(CALLER).audio.codec;
        assert_ne!(codec, Codec::G729);
        media_flows(&pair, codec);
    }
}

/// The caller of a fast start that the callee does not know, and the reverse.
#[test]
fn sides_of_different_settings_meet() {
    for caller in MODES {
        for callee in MODES {
            let caller_settings = settings(caller.0, caller.1, caller.2);
            let callee_settings = settings(callee.0, callee.1, callee.2);
            let mut pair = Pair::new(caller_settings, callee_settings, &dial(local(4000, &ALL)));
            pair.answer(&local(5004, &[Codec::G729]));
            pair.pass_ms(2000);
            media_flows(&pair, Codec::G729);
            assert_eq!(pair.control_opened, !(caller.1 && callee.1), "{caller:?} {callee:?}");
            pair.act(CALLEE, |call, now| call.release(now, Cause::NORMAL));
            assert_eq!(pair.released(CALLER), Some(Cause::NORMAL));
        }
    }
}

#[test]
fn early_h245_agrees_on_codecs_before_the_answer() {
    for tunnels in [false, true] {
        let settings = settings(false, tunnels, true);
        let mut pair = Pair::new(settings.clone(), settings, &dial(local(4000, &ALL)));
        pair.act(CALLEE, |call, now| call.proceed(now));
        pair.act(CALLEE, |call, now| call.ring(now, true, Some(&local(5004, &[Codec::G711A]))));
        pair.pass_ms(2000);
        media_flows(&pair, Codec::G711A);
        assert!(!pair.events[CALLER].contains(&Event::Connected));
        pair.act(CALLEE, |call, now| call.answer(now, &local(5004, &[Codec::G711A])));
        assert_eq!(pair.events[CALLER].last(), Some(&Event::Connected));
    }
}

#[test]
fn fast_start_gives_early_media_with_the_ringing() {
    let settings = settings(true, true, true);
    let mut pair = Pair::new(settings.clone(), settings, &dial(local(4000, &ALL)));
    assert_eq!(pair.callee().setup().unwrap().offers.len(), 4);
    pair.act(CALLEE, |call, now| call.ring(now, true, Some(&local(5004, &[Codec::G7231]))));
    media_flows(&pair, Codec::G7231);
    let place = |event: &Event| pair.events[CALLER].iter().position(|of| of == event);
    assert!(place(&Event::Alerting { in_band: true }).is_some());
    assert_eq!(pair.media(CALLER).audio.packet_ms, 30);
}

#[test]
fn no_common_codec_ends_the_call_with_65() {
    for (fast, tunnels, early) in MODES {
        let settings = settings(fast, tunnels, early);
        let mut pair = Pair::new(settings.clone(), settings, &dial(local(4000, &[Codec::G711A])));
        pair.answer(&local(5004, &[Codec::G729]));
        pair.pass_ms(60_000);
        let causes = (pair.released(CALLER), pair.released(CALLEE));
        assert_eq!(causes, (Some(Cause::BEARER), Some(Cause::BEARER)), "{fast} {tunnels} {early}");
    }
}

#[test]
fn hold_and_resume_by_an_empty_capability_set() {
    for tunnels in [false, true] {
        let settings = settings(false, tunnels, true);
        let mut pair = Pair::new(settings.clone(), settings, &dial(local(4000, &[Codec::G711A])));
        pair.answer(&local(5004, &[Codec::G711A]));
        pair.pass_ms(1000);
        pair.act(CALLER, |call, now| call.hold(now, true));
        assert_eq!(pair.media(CALLEE).rtp, None, "the held side sends nowhere");
        assert!(pair.media(CALLEE).is_received, "who holds may send music");
        assert!(!pair.media(CALLER).is_received);
        pair.act(CALLER, |call, now| call.hold(now, false));
        pair.pass_ms(1000);
        media_flows(&pair, Codec::G711A);
    }
}

#[test]
fn media_moves_to_another_address_and_codec() {
    let settings = settings(true, true, true);
    let mut pair = Pair::new(settings.clone(), settings, &dial(local(4000, &ALL)));
    pair.answer(&local(5004, &ALL));
    pair.pass_ms(1000);
    media_flows(&pair, Codec::G729);
    pair.act(CALLEE, |call, now| call.renegotiate(now, &local(6000, &[Codec::G711U])));
    pair.pass_ms(1000);
    assert_eq!(pair.media(CALLER).rtp.map(|rtp| rtp.port()), Some(6000));
    for side in [CALLER, CALLEE] {
        assert_eq!(pair.media(side).audio.codec, Codec::G711U);
        assert!(pair.media(side).is_received && pair.media(side).rtp.is_some());
    }
}

fn digits(events: &[Event]) -> String {
    events
        .iter()
        .filter_map(|event| if let Event::Digit(digit) = event { Some(digit.symbol) } else { None })
        .collect()
}

#[test]
fn digits_go_in_the_form_that_is_configured() {
    for (form, goes) in [
        (DtmfForm::Auto, false),
        (DtmfForm::Rfc4733, false),
        (DtmfForm::Signal, true),
        (DtmfForm::Alphanumeric, true),
        (DtmfForm::Keypad, true),
    ] {
        let settings = Settings { dtmf: form, ..settings(false, true, true) };
        let mut pair = Pair::new(settings.clone(), settings, &dial(local(4000, &[Codec::G711A])));
        pair.answer(&local(5004, &[Codec::G711A]));
        pair.pass_ms(1000);
        assert_eq!(pair.media(CALLER).telephone_event, Some(101));
        for symbol in "1*#D!".chars() {
            let digit = Digit::new(symbol, Some(160)).unwrap();
            pair.act(CALLER, |call, now| assert_eq!(call.send_digit(now, digit), goes, "{form:?}"));
        }
        assert_eq!(digits(&pair.events[CALLEE]), if goes { "1*#D!" } else { "" }, "{form:?}");
        if form == DtmfForm::Signal {
            assert!(pair.events[CALLEE].contains(&Event::Digit(Digit { symbol: '1', duration_ms: 160 })));
        }
    }
}

/// Without events in RTP the best of the other forms is taken; without H.245 the keypad.
#[test]
fn digits_find_a_form_by_themselves() {
    let settings = settings(true, false, false);
    let without = |port| h323::media::Local { telephone_event: None, ..local(port, &[Codec::G711A]) };
    let mut pair = Pair::new(settings.clone(), settings, &dial(without(4000)));
    pair.answer(&without(5004));
    assert_eq!(pair.caller().digit_form(), DtmfForm::Signal);
    let digit = Digit::new('5', None).unwrap();
    pair.act(CALLER, |call, now| assert!(call.send_digit(now, digit)));
    assert_eq!(digits(&pair.events[CALLEE]), "5");
    assert_eq!(Digit::new('x', None), None);
}

#[test]
fn the_calling_number_keeps_presentation_and_screening() {
    for presentation in [Presentation::Allowed, Presentation::Restricted] {
        let mut dial = dial(local(4000, &[Codec::G711A]));
        dial.calling.presentation = Some(presentation);
        let mut pair = Pair::new(settings(true, true, true), settings(true, true, true), &dial);
        assert_eq!(pair.callee().setup().unwrap().calling, dial.calling);
        let message = Message::parse(&pair.sent[CALLER][0]).unwrap();
        let info = message.user_user().unwrap();
        let Body::Setup(setup) = &info.h323_uu_pdu.h323_message_body else { panic!("no Setup") };
        // who ignores octet 3a finds no number to show
        assert_eq!(setup.source_address.is_some(), presentation == Presentation::Allowed);
    }
}

#[test]
fn causes_reach_the_other_side() {
    for cause in [17, 21, 34, 1, 102] {
        let settings = settings(true, true, true);
        let mut pair = Pair::new(settings.clone(), settings, &dial(local(4000, &ALL)));
        pair.act(CALLEE, |call, now| call.release(now, Cause(cause)));
        assert_eq!(pair.released(CALLER), Some(Cause(cause)));
        assert!(matches!(pair.events[CALLER].last(), Some(Event::Released { by: ReleasedBy::Peer, .. })));
    }
}

#[test]
fn a_broken_connection_ends_the_call_at_once() {
    for is_answered in [false, true] {
        let settings = settings(true, true, true);
        let mut pair = Pair::new(settings.clone(), settings, &dial(local(4000, &ALL)));
        if is_answered {
            pair.answer(&local(5004, &ALL));
        }
        pair.act(CALLER, |call, now| call.signalling_closed(now));
        assert!(matches!(
            pair.events[CALLER].last(),
            Some(Event::Released { by: ReleasedBy::Connection, cause: Cause::TEMPORARY })
        ));
        assert!(pair.closed[CALLER]);
        assert!(pair.caller().next_deadline().is_none());
    }
}

#[test]
fn a_callee_that_says_nothing_rings_for_ever_or_never_answers() {
    let limits = [(0, 8_000, Cause::TIMER), (1, 30_000, Cause::TIMER), (2, 180_000, Cause::NO_ANSWER)];
    for (steps, ms, cause) in limits {
        let settings = settings(true, true, true);
        let mut pair = Pair::new(settings.clone(), settings, &dial(local(4000, &ALL)));
        if steps >= 1 {
            pair.act(CALLEE, |call, now| call.proceed(now));
        }
        if steps >= 2 {
            pair.act(CALLEE, |call, now| call.ring(now, false, None));
        }
        pair.pass_ms(ms - 1);
        assert_eq!(pair.released(CALLER), None);
        pair.pass_ms(1);
        assert_eq!((pair.released(CALLER), pair.released(CALLEE)), (Some(cause), Some(cause)));
    }
}

#[test]
fn a_status_inquiry_is_answered_with_the_state() {
    let settings = settings(true, true, true);
    let mut pair = Pair::new(settings.clone(), settings, &dial(local(4000, &ALL)));
    pair.answer(&local(5004, &ALL));
    let inquiry =
        h323::q931::MessageWriter::new(MessageType::StatusInquiry, 4711, true).finish_bare().unwrap();
    pair.act(CALLER, |call, now| call.handle_signalling(now, &inquiry[4..]));
    let status = Message::parse(pair.sent[CALLER].last().unwrap()).unwrap();
    assert_eq!(status.kind, MessageType::Status);
    assert_eq!(status.element(h323::q931::IeId::CallState), Some(&[10][..]));
    assert_eq!(status.element(h323::q931::IeId::Cause), Some(&[0x80, 0x9e][..]));
    assert_eq!(pair.released(CALLEE), None, "a state that is not null ends nothing");
}

#[test]
fn round_trips_find_out_that_h245_is_dead() {
    let mut settings = settings(false, true, true);
    settings.timers.round_trip_every_ms = 30_000;
    let mut pair = Pair::new(settings.clone(), settings, &dial(local(4000, &ALL)));
    pair.answer(&local(5004, &[Codec::G711A]));
    pair.pass_ms(300_000);
    assert_eq!(pair.released(CALLER), None, "a peer that answers keeps its call");
    // from now on nothing of the callee comes
    pair.sides[CALLEE] = None;
    let end = pair.now.plus_ms(60_000);
    let mut now = pair.now;
    while let Some(at) = pair.caller().next_deadline().filter(|at| *at <= end) {
        now = now.max(at);
        pair.caller().handle_timeout(now);
        while let Some(output) = pair.caller().poll_output() {
            if let h323::call::Output::Event(event) = output {
                pair.events[CALLER].push(event);
            }
        }
    }
    assert_eq!(pair.released(CALLER), Some(Cause::TIMER));
}

/// A call at rest is small.
#[test]
fn a_held_call_is_small() {
    assert!(size_of::<h323::call::Call>() <= 2048, "{} octets", size_of::<h323::call::Call>());
}
