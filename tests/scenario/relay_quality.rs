//! What relayed calls are worth: the rating of each side's stream, sides that are never heard, and answers
//! without sound.

use std::collections::BTreeMap;

use node::Counters;
use rating::Cdr;

use crate::relay::{Talk, media_of, relayed};
use crate::stage::Stage;

/// What a side does in a packet's time.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Does {
    Speaks,
    /// Its packet is lost on the way to us.
    Loses,
    Nothing,
}

/// A call of so many packets of 20 ms; what each side does at each.
fn talked(
    stage: &mut Stage,
    packets: u32,
    caller: impl Fn(u32) -> Does,
    called: impl Fn(u32) -> Does,
) -> (Cdr, Counters) {
    let talk = Talk::begin(stage);
    for packet in 0..packets {
        stage.advance(20);
        let now = stage.now.tick;
        // What comes to the other side's port is dropped: its own misses a number.
        for (does, from, right, wrong) in [
            (caller(packet), media_of(talk.phone.at), talk.a, talk.b),
            (called(packet), media_of(talk.callee.at), talk.b, talk.a),
        ] {
            match does {
                Does::Speaks => assert!(stage.relay.rtp(now, from, right).is_some()),
                Does::Loses => assert_eq!(stage.relay.rtp(now, from, wrong), None),
                Does::Nothing => {}
            }
        }
    }
    talk.end(stage);
    (stage.cdr(), stage.node.take_counters())
}

#[test]
fn each_sides_stream_is_rated() {
    let loses = |packet: u32| if packet % 10 == 5 { Does::Loses } else { Does::Speaks };
    let (cdr, counters) = talked(&mut relayed(), 200, |_| Does::Speaks, loses);
    assert_eq!((cdr.rtp_lost_a, cdr.rtp_lost_b), (Some(0), Some(20)));
    let (a, b) = (cdr.mos_a.expect("rated"), cdr.mos_b.expect("rated"));
    assert_eq!(a.score(), 4.4, "A-law, 20 ms");
    // 95 · 10 / (10 + 25.1) = 27.07, and 0.48 of delay.
    assert_eq!(b.score(), 3.39);
    assert_eq!(counters.mos, [a, b]);
    assert!(counters.one_way_calls.is_empty() && counters.false_answers.is_empty());
}

#[test]
fn a_stream_of_less_than_a_second_is_not_rated() {
    let (cdr, counters) = talked(
        &mut relayed(),
        60,
        |_| Does::Speaks,
        |packet| {
            if packet < 49 { Does::Speaks } else { Does::Nothing }
        },
    );
    assert!(cdr.mos_a.is_some());
    assert_eq!((cdr.mos_b, counters.mos.len()), (None, 1));
}

/// Seconds of the call, when each side begins to speak, and what is counted.
#[test]
fn sides_that_are_not_heard_and_answers_without_sound() {
    const NEVER: u32 = u32::MAX;
    for (secs, caller, called, unheard, is_false, case) in [
        (8, 0, 0, None, false, "both speak"),
        (3, 0, NEVER, Some("called"), false, "the called side never does, in a short call"),
        (8, 0, NEVER, Some("called"), true, "the called side never does"),
        (8, 0, 6, None, true, "the called side does late"),
        (8, 0, 4, None, false, "the called side picks its handset up slowly"),
        (8, NEVER, 0, Some("caller"), false, "the caller never does"),
        (8, NEVER, NEVER, None, false, "nobody speaks"),
        (1, 0, NEVER, None, false, "too short to tell"),
    ] {
        let from =
            |second: u32| move |packet: u32| if packet / 50 >= second { Does::Speaks } else { Does::Nothing };
        let packets = if secs == 1 { 49 } else { secs * 50 };
        let (cdr, counters) = talked(&mut relayed(), packets, from(caller), from(called));
        let one_way: BTreeMap<&str, u64> = unheard.into_iter().map(|side| (side, 1)).collect();
        assert_eq!(counters.one_way_calls, one_way, "{case}");
        let counted: Vec<_> = counters.false_answers.iter().map(|(name, n)| (&**name, *n)).collect();
        assert_eq!(counted, if is_false { vec![("alpha", 1)] } else { Vec::new() }, "{case}");
        assert_eq!(cdr.mos_a.is_some(), caller == 0 && secs > 1, "{case}");
    }
}

/// Who holds is not expected to send, nor blamed for it.
#[test]
fn a_side_that_holds_is_not_false() {
    let mut stage = relayed();
    let mut talk = Talk::begin(&mut stage);
    talk.phone.reinvite(&mut stage, "sendonly");
    let asked = stage.expect(talk.callee.at, "INVITE");
    let answer = tests::sdp::answer(&asked.body(), talk.callee.at.ip(), talk.phone.sdp_version);
    talk.callee.answer_to(&mut stage, &asked, 200, Some(&answer));
    stage.expect(talk.callee.at, "ACK");
    talk.phone.expect(&mut stage, "200 INVITE");
    talk.phone.ack(&mut stage, None);
    for _ in 0..500 {
        stage.advance(20);
        talk.caller_sends(&mut stage);
    }
    talk.end(&mut stage);
    let counters = stage.node.take_counters();
    assert!(counters.one_way_calls.is_empty() && counters.false_answers.is_empty());
    assert!(stage.cdr().mos_a.is_some(), "music on hold is rated");
}
