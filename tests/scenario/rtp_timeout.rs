//! Corner 51, attack 34: a call whose media dies ends, and is billed as the contract says. The called number
//! costs 1.00000 a minute, 1/1; the carrier 0.03000, 1/1; the time-out is 60 s.

use crate::relay::{Talk, relayed};
use crate::stage::{Stage, addr};
use tests::plan::Plan;

/// What the record says of the end.
#[derive(Debug, PartialEq, Eq)]
struct CallEnd {
    duration_ms: u64,
    amount: i64,
    cost: i64,
    teardown_ms: u64,
    exposure: u64,
}

/// Talks, each side as long as said (seconds after the answer; 0: never), and lets silence end the call.
fn ended(stage: &mut Stage, caller_secs: u64, callee_secs: u64) -> CallEnd {
    let mut talk = Talk::begin(stage);
    let begun = stage.now.tick;
    while stage.talking() > 0 {
        let secs = stage.now.tick.ms_since(begun);
        if secs < caller_secs * 1_000 {
            talk.caller_sends(stage);
        }
        if secs < callee_secs * 1_000 {
            talk.callee_sends(stage);
        }
        stage.advance(500);
        assert!(stage.now.tick.ms_since(begun) < 300_000, "it never ends");
    }
    let exposure = stage.node.take_counters().operator_exposure_units;
    let a = talk.phone.bye_comes(stage);
    let b = talk.callee.bye_comes(stage);
    for bye in [a, b] {
        let reason = bye.header(sip::Name::Reason).unwrap_or_default().to_owned();
        assert!(reason.starts_with("Q.850;cause=31"), "{reason}");
    }
    stage.over();
    let cdr = stage.cdr();
    assert_eq!((&*cdr.reason, cdr.cause_q850.0, &*cdr.hangup_by), ("rtp-timeout", 31, "switch"));
    assert_eq!(stage.balance(), 1_000_000 - cdr.amount);
    let (duration_ms, amount, teardown_ms) = (cdr.duration_ms, cdr.amount, cdr.teardown_ms);
    CallEnd { duration_ms, amount, cost: cdr.cost.expect("its deck is known"), teardown_ms, exposure }
}

/// The last packet goes half a second before the time said, since one goes every half second.
#[test]
fn the_called_side_falls_silent() {
    let mut stage = relayed();
    // The last packet of the called side at 9.5 s, the end 60 s later.
    let end = ended(&mut stage, 200, 10);
    assert_eq!(
        end,
        // 10 s billed; the carrier for 70 s; what 70 s cost less what 10 s do.
        CallEnd { duration_ms: 9_500, amount: 16_667, cost: 3_500, teardown_ms: 60_000, exposure: 100_000 }
    );
}

#[test]
fn the_caller_alone_falls_silent() {
    let mut stage = relayed();
    let end = ended(&mut stage, 10, 200);
    assert_eq!(
        end,
        CallEnd { duration_ms: 69_500, amount: 116_667, cost: 3_500, teardown_ms: 0, exposure: 0 }
    );
}

#[test]
fn both_fall_silent() {
    let mut stage = relayed();
    // To the later of both last packets, which is the caller's, at 11.5 s; the end by the called side's.
    let end = ended(&mut stage, 12, 10);
    assert_eq!(
        end,
        CallEnd { duration_ms: 11_500, amount: 20_000, cost: 3_500, teardown_ms: 58_000, exposure: 96_667 }
    );
}

#[test]
fn who_never_sent_is_silent_from_the_answer() {
    let mut stage = relayed();
    let end = ended(&mut stage, 200, 0);
    // The first increment stays.
    assert_eq!(
        end,
        CallEnd { duration_ms: 1, amount: 1_667, cost: 3_000, teardown_ms: 59_999, exposure: 98_333 }
    );
    let mut stage = relayed();
    assert_eq!(ended(&mut stage, 0, 0).amount, 1_667, "nobody ever sent");
}

/// The connect fee stays too: 0.10000, and 0.60000 a minute, 60/60.
#[test]
fn the_connect_fee_stays() {
    let mut stage = relayed();
    let mut phone = stage.phone("c1", "34911000000");
    phone.invite(&mut stage);
    let mut callee = crate::phone::Callee::wait(&mut stage, crate::stage::ALPHA);
    callee.answer(&mut stage);
    phone.answered(&mut stage);
    stage.advance(61_000);
    phone.bye_comes(&mut stage);
    callee.bye_comes(&mut stage);
    stage.over();
    let cdr = stage.cdr();
    assert_eq!(
        (&*cdr.reason, cdr.duration_ms, cdr.billed_seconds, cdr.amount),
        ("rtp-timeout", 1, 60, 70_000)
    );
}

/// RTP before the answer is no sign of life after it.
#[test]
fn early_media_does_not_count() {
    let mut stage = relayed();
    let mut phone = stage.phone("c1", "34600000000");
    phone.invite(&mut stage);
    let mut callee = crate::phone::Callee::wait(&mut stage, crate::stage::ALPHA);
    let (sdp, b) = (callee.sdp(), crate::relay::target(&callee.invite.body()));
    callee.reply(&mut stage, 183, "", Some(&sdp));
    phone.expect(&mut stage, "183 INVITE");
    for _ in 0..50 {
        stage.advance(20);
        let at = stage.now.tick;
        assert!(stage.relay.rtp(at, crate::relay::media_of(callee.at), b).is_some());
    }
    callee.answer(&mut stage);
    phone.answered(&mut stage);
    stage.advance(59_000);
    assert_eq!(stage.talking(), 1);
    stage.advance(2_000);
    phone.bye_comes(&mut stage);
    callee.bye_comes(&mut stage);
    stage.over();
    assert_eq!((stage.cdr().duration_ms, stage.cdr().amount), (1, 1_667));
}

/// Who holds, who is held and who may be silent is not silent; the end of a long hold is billed in full.
#[test]
fn corner_27_a_held_call_waits_longer() {
    let mut plan = Plan::standard().relayed((20_000, 20_099));
    plan.media.rtp_timeout_hold_ms = 300_000;
    plan.accounts[0].1 = 100_000_000;
    let mut stage = Stage::new(plan);
    let mut talk = Talk::begin(&mut stage);
    stage.advance(1_000);
    talk.phone.reinvite(&mut stage, "sendonly");
    let asked = stage.expect(talk.callee.at, "INVITE");
    let answer = tests::sdp::answer(&asked.body(), talk.callee.at.ip(), 2);
    talk.callee.answer_to(&mut stage, &asked, 200, Some(&answer));
    talk.phone.expect(&mut stage, "200 INVITE");
    talk.phone.ack(&mut stage, None);
    stage.advance(290_000);
    assert_eq!(stage.talking(), 1);
    stage.advance(20_000);
    talk.phone.bye_comes(&mut stage);
    talk.callee.bye_comes(&mut stage);
    let cdr = stage.cdr();
    assert_eq!(&*cdr.reason, "rtp-timeout");
    assert!(cdr.duration_ms >= 300_000 && cdr.teardown_ms == 0, "{}", cdr.duration_ms);
}

/// G.729 with Annex B, which was not refused: nothing need come while nobody speaks.
#[test]
fn who_may_be_silent_is_not_silent() {
    let mut stage = relayed();
    let mut phone = stage.phone("c1", "34600000000");
    phone.payloads = vec![18];
    phone.invite(&mut stage);
    let mut callee = crate::phone::Callee::wait(&mut stage, crate::stage::ALPHA);
    callee.answer(&mut stage);
    phone.answered(&mut stage);
    stage.advance(240_000);
    assert_eq!(stage.talking(), 1);
    phone.bye(&mut stage);
    callee.bye_comes(&mut stage);
    stage.over();
    assert_eq!((&*stage.cdr().reason, stage.cdr().duration_ms), ("normal", 240_000));
}

/// Media keeps a call alive that is refreshed by nothing else.
#[test]
fn a_call_that_talks_goes_on() {
    let mut stage = relayed();
    let talk = Talk::begin(&mut stage);
    for _ in 0..20 {
        stage.advance(10_000);
        assert_eq!(talk.caller_sends(&mut stage), Some(crate::relay::media_of(addr(crate::stage::ALPHA))));
        talk.callee_sends(&mut stage);
    }
    talk.end(&mut stage);
    assert_eq!((stage.cdr().duration_ms, stage.cdr().teardown_ms), (200_000, 0));
}
