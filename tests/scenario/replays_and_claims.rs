//! What is sent again, claimed or tried by whoever may call: none of it moves money that it should not.
//! Attacks 22 to 25, 29, 32, 33, 35 and 37.

use bytes::Bytes;
use node::Evidence;
use sip::Name;
use tests::dialogue::parse;
use tests::plan::{Plan, carrier, deck, gate};
use units::Wall;

use crate::phone::Callee;
use crate::stage::{ALPHA, BETA, PBX, Stage, addr};

const STRANGER: &str = "203.0.113.9:5060";
const HOUR_MS: i64 = 3_600_000;

/// Another customer beside acme: `shop`, at 192.0.2.30.
fn two_customers() -> Plan {
    let mut plan = Plan::standard();
    plan.accounts.push(("shop", 1_000_000, "retail"));
    plan.gates.push(gate("shop-pbx", "shop", "192.0.2.30"));
    plan
}

#[test]
fn claims_in_headers_make_nobody_a_customer() {
    let claims = "P-Asserted-Identity: <sip:shop@192.0.2.30>\r\nRemote-Party-ID: <sip:shop@192.0.2.30>\r\nP-Charge-Info: <sip:shop@192.0.2.30>\r\n\
                  X-Forwarded-For: 192.0.2.30\r\nP-Preferred-Identity: <sip:shop@192.0.2.30>\r\nRecord-Route: <sip:192.0.2.30;lr>\r\n";
    let mut stage = Stage::new(two_customers());
    // A stranger whose Via claims that the request was received from the shop.
    let bytes = stage.phone("c0", "34511000000").dialog.request("INVITE", claims, None);
    let text = String::from_utf8_lossy(&bytes).replace(";rport", ";rport=5060;received=192.0.2.30");
    stage.send(addr(STRANGER), &Bytes::from(text));
    for at in [STRANGER, PBX, ALPHA, "192.0.2.30:5060"] {
        stage.silence(addr(at));
    }
    assert_eq!(stage.rejected("unknown_source"), 1);
    // A customer who claims to be another pays himself.
    let mut phone = stage.phone("c1", "34511000000");
    phone.invite_with(&mut stage, claims);
    let mut callee = Callee::wait(&mut stage, ALPHA);
    callee.answer(&mut stage);
    phone.answered(&mut stage);
    stage.advance(31_000);
    phone.bye(&mut stage);
    callee.bye_comes(&mut stage);
    stage.over();
    assert_eq!((&*stage.cdr().account, stage.cdr().amount), ("acme", 7_407));
    assert_eq!((stage.balance(), stage.view("shop").balance.amount), (1_000_000 - 7_407, 1_000_000));
}

/// A request line that names a dearer number and a session elsewhere: the call stays what it was.
#[test]
fn a_reinvite_changes_neither_number_nor_payer_nor_price() {
    let mut stage = Stage::new(two_customers());
    let (mut phone, mut callee) = stage.talk("c1", "34511000000");
    phone.sdp_version += 1;
    let sdp = phone.sdp("sendrecv").replace("192.0.2.11", "192.0.2.99");
    let bytes = phone.dialog.request("INVITE", "P-Asserted-Identity: <sip:shop@192.0.2.30>\r\n", Some(&sdp));
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let (_, rest) = text.split_once(" SIP/2.0").unwrap();
    stage.send(phone.at, &Bytes::from(format!("INVITE sip:34600000000@192.0.2.1 SIP/2.0{rest}")));
    let reinvite = stage.expect(callee.at, "INVITE");
    assert!(!reinvite.request_uri().contains("346"), "{reinvite:?}");
    let answer = callee.sdp();
    callee.answer_to(&mut stage, &reinvite, 200, Some(&answer));
    phone.answered(&mut stage);
    stage.advance(31_000);
    phone.bye(&mut stage);
    callee.bye_comes(&mut stage);
    stage.over();
    let cdr = stage.cdr();
    assert_eq!((&*cdr.account, &*cdr.called_e164, cdr.amount), ("acme", "34511000000", 7_407));
}

/// The INVITE of a call, recorded and sent again from the gate's address: as long as its transaction is kept
/// it is a repeat. Later it is a call as any other of that gate: priced, held and cut by the same rules; from
/// any other address it is nothing.
#[test]
fn a_recorded_invite_is_a_repeat_and_later_a_call_that_its_gate_pays() {
    let mut stage = Stage::standard();
    let (mut phone, mut callee) = stage.talk("c1", "34511000000");
    let recorded = Bytes::copy_from_slice(phone.invite.as_ref().unwrap().as_bytes());
    stage.send(phone.at, &recorded);
    stage.advance(1_000);
    phone.bye(&mut stage);
    callee.bye_comes(&mut stage);
    stage.advance(20_000);
    stage.kinds(phone.at);
    stage.send(phone.at, &recorded);
    stage.advance(1_000);
    stage.silence(callee.at);
    assert_eq!((stage.cdrs.len(), stage.node.live_calls()), (1, 0));
    stage.advance(60_000);
    stage.send(addr(STRANGER), &recorded);
    stage.silence(addr(STRANGER));
    stage.silence(callee.at);
    let balance = stage.balance();
    stage.kinds(phone.at);
    stage.send(phone.at, &recorded);
    let mut again = Callee::wait(&mut stage, ALPHA);
    assert!(
        stage.view("acme").leased.amount > 0 && stage.balance() == balance,
        "held before a carrier is asked"
    );
    again.fail(&mut stage, 486);
    stage.expect(phone.at, "486 INVITE");
    stage.over();
    assert_eq!((stage.cdrs.len(), stage.balance()), (2, balance));
}

/// Fifty calls at the same moment to a number at 1.00 a minute, on 0.20: money is held before any carrier is
/// asked, and whoever finds none is refused.
#[test]
fn a_burst_of_dear_calls_holds_no_more_than_there_is() {
    let mut plan = Plan::standard();
    plan.accounts[0].1 = 20_000;
    let mut stage = Stage::new(plan);
    let mut refused = 0;
    for nth in 0..50 {
        let mut phone = stage.phone(&format!("burst{nth}"), "34600000000");
        phone.invite(&mut stage);
        refused += stage.kinds(phone.at).iter().filter(|kind| *kind == "402 INVITE").count();
        let view = stage.view("acme");
        assert!(view.leased.amount <= view.balance.amount, "{view:?}");
    }
    let asked = stage.kinds(addr(ALPHA)).iter().filter(|kind| *kind == "INVITE").count();
    assert!(asked > 0 && refused > 0 && asked + refused == 50, "{asked} went out, {refused} were refused");
}

/// A gate's limits hold for a dear number as for any.
#[test]
fn a_burst_is_held_by_its_gate() {
    let mut plan = Plan::standard();
    (plan.gates[0].max_calls, plan.gates[0].max_cps) = (8, Some(5));
    plan.accounts[0].1 = 100_000_000;
    let mut stage = Stage::new(plan);
    for second in 0..4 {
        for nth in 0..20 {
            let mut phone = stage.phone(&format!("burst{second}.{nth}"), "34600000000");
            phone.invite(&mut stage);
        }
        let live = stage.node.live_calls();
        assert!(live <= 8 && (second > 0 || live <= 5), "{live} calls after {second} s");
        stage.advance(1_000);
    }
}

/// An hour forth, two back, a leap of a day: a call of 31 s costs what 31 s cost, and its record says when it
/// was by the clock of its answer.
#[test]
fn a_clock_that_jumps_changes_no_amount() {
    for jumps in [[HOUR_MS, -2 * HOUR_MS, 24 * HOUR_MS], [-HOUR_MS, HOUR_MS, -HOUR_MS]] {
        let mut stage = Stage::standard();
        let (mut phone, mut callee) = stage.talk("c1", "34511000000");
        for jump in jumps {
            stage.advance(10_000);
            stage.now.wall = Wall(stage.now.wall.0 + jump);
        }
        stage.advance(1_000);
        phone.bye(&mut stage);
        callee.bye_comes(&mut stage);
        stage.over();
        let cdr = stage.cdr();
        assert_eq!((cdr.duration_ms, cdr.billed_seconds, cdr.amount), (31_000, 36, 7_407), "{jumps:?}");
    }
}

/// A carrier that answers each INVITE with another challenge is tried once; nothing of it reaches the caller.
#[test]
fn a_carrier_that_challenges_for_ever_is_left() {
    let mut stage = Stage::standard();
    let mut phone = stage.phone("c1", "34511000000");
    phone.invite(&mut stage);
    for (at, nonce) in [(ALPHA, "n1"), (BETA, "n2")] {
        let mut callee = Callee::wait(&mut stage, at);
        callee.reply(
            &mut stage,
            407,
            &format!("Proxy-Authenticate: Digest realm=\"r\", nonce=\"{nonce}\"\r\n"),
            None,
        );
        stage.expect(callee.at, "ACK");
        stage.silence(callee.at);
    }
    let refusal = phone.refused(&mut stage, 500);
    assert!(refusal.header(Name::ProxyAuthenticate).is_none());
    stage.over();
    assert_eq!((stage.cdr().amount, stage.cdr().attempts.len()), (0, 2));
}

/// The next OPTIONS that alpha gets, within two intervals.
fn probe(stage: &mut Stage) -> sip::Message {
    for _ in 0..240 {
        stage.advance(500);
        if let Some(options) = stage.inbox(addr(ALPHA)).pop() {
            return options;
        }
    }
    panic!("no OPTIONS");
}

#[test]
fn attack_23_a_probe_that_is_challenged_shows_a_carrier_that_lives() {
    let mut plan = Plan::standard();
    (plan.carriers[0].probe_secs, plan.carriers[0].down_after) = (60, 1);
    let mut stage = Stage::new(plan);
    for status in [401, 407, 404, 405] {
        let probed = probe(&mut stage);
        stage.send(addr(ALPHA), &tests::dialogue::reply(&probed, status, "p", addr(ALPHA), "", None));
        assert_eq!(stage.node.take_counters().carrier_changes.len(), 0, "{status}: still up");
    }
    // Silence is another matter.
    probe(&mut stage);
    stage.advance(33_000);
    let changes = stage.node.take_counters().carrier_changes;
    assert_eq!(changes.first().map(|change| (change.is_up, change.by)), Some((false, Evidence::Probe(408))));
}

/// Our BYE and our re-INVITE are answered with a challenge in a carrier's name: nobody gets credentials of
/// ours, and the call is over.
#[test]
fn a_challenge_to_us_is_never_answered() {
    let mut plan = Plan::standard();
    plan.carriers.push(carrier("gamma", "sip:198.51.100.3:5060"));
    plan.decks.push(("other", deck(&[("1", "1", 1, 1, "")])));
    let mut stage = Stage::new(plan);
    let (phone, mut callee) = stage.talk("c1", "34511000000");
    stage.advance(31_000);
    callee.bye(&mut stage);
    let bye = stage.expect(phone.at, "BYE");
    let challenge = "Proxy-Authenticate: Digest realm=\"alpha\", nonce=\"n\"\r\n";
    stage.send(phone.at, &tests::dialogue::reply(&bye, 407, "", phone.at, challenge, None));
    stage.advance(40_000);
    for request in stage.inbox(phone.at) {
        assert!(request.header(Name::ProxyAuthorization).is_none(), "{request:?}");
    }
    stage.over();
    assert_eq!(stage.cdr().amount, 7_407);
}

/// After our BYE a re-INVITE of either side, with a session or without, is of no dialog; the call stays
/// ended.
#[test]
fn a_reinvite_after_our_bye_is_481() {
    for with_sdp in [true, false] {
        let mut stage = Stage::standard();
        let (mut phone, mut callee) = stage.talk("c1", "34511000000");
        stage.advance(1_000);
        callee.bye(&mut stage);
        stage.expect(callee.at, "200 BYE");
        stage.expect(phone.at, "BYE");
        let sdp = with_sdp.then(|| phone.sdp("sendrecv"));
        let bytes = phone.dialog.request("INVITE", "", sdp.as_deref());
        phone.invite = Some(parse(&bytes));
        stage.send(phone.at, &bytes);
        phone.refused(&mut stage, 481);
        stage.silence(callee.at);
        assert_eq!(stage.talking(), 0);
        stage.advance(40_000);
        assert_eq!((stage.cdrs.len(), stage.cdr().duration_ms), (1, 1_000));
    }
}

/// A fax offer in mid-call that the other side declines, by a port of 0 or a refusal: the voice call goes on
/// and ends as usual.
#[test]
fn a_fax_offer_that_is_declined_leaves_the_call() {
    for decline in [false, true] {
        let mut stage = Stage::standard();
        let (mut phone, mut callee) = stage.talk("c1", "34511000000");
        let (head, _) = phone
            .sdp("sendrecv")
            .split_once("m=audio")
            .map(|(head, rest)| (head.to_owned(), rest.to_owned()))
            .unwrap();
        let fax =
            format!("{}m=image 4400 udptl t38\r\na=T38FaxVersion:0\r\n", head.replace(" 1 IN", " 2 IN"));
        let bytes = phone.dialog.request("INVITE", "", Some(&fax));
        phone.invite = Some(parse(&bytes));
        stage.send(phone.at, &bytes);
        let passed = stage.inbox(callee.at).into_iter().find(|message| message.is_request());
        if let Some(reinvite) = passed {
            if decline {
                callee.answer_to(&mut stage, &reinvite, 488, None);
            } else {
                let (head, _) = callee
                    .sdp()
                    .split_once("m=audio")
                    .map(|(head, rest)| (head.to_owned(), rest.to_owned()))
                    .unwrap();
                callee.answer_to(&mut stage, &reinvite, 200, Some(&format!("{head}m=image 0 udptl t38\r\n")));
            }
        }
        let answers = stage.inbox(phone.at);
        let last = answers.iter().rfind(|message| !message.is_request()).expect("an answer");
        assert!([200, 488].contains(&last.status()), "{last:?}");
        if last.status() == 200 {
            phone.ack(&mut stage, None);
        } else {
            stage.send(phone.at, &tests::dialogue::ack_failure(phone.invite.as_ref().unwrap(), last));
        }
        stage.kinds(callee.at);
        assert_eq!(stage.talking(), 1, "declined by a refusal: {decline}");
        stage.advance(31_000);
        phone.bye(&mut stage);
        callee.bye_comes(&mut stage);
        stage.over();
        assert_eq!(stage.cdr().amount, 7_407);
    }
}
