//! Calls to SIP accounts: all phones of one preference ring together, the first that answers has the call
//! (RFC 3261 §16.6, §16.7, RFC 3326).

use node::Input;
use rating::Cdr;
use rating::cdr::PartyKind;
use sip::flow::{Flow, Transport};
use sip::{Message, Name};
use tests::dialogue::{SWITCH, reply};
use tests::plan::{Plan, SIP_DOMAIN, gate, number, sip_account};

use crate::handset::Handset;
use crate::numbers::{calling, cause};
use crate::phone::{Callee, Phone};
use crate::stage::{ALPHA, PBX, Stage, addr};

/// Phones somewhere.
pub const DESK: &str = "203.0.113.7:5062";
pub const MOBILE: &str = "203.0.113.8:5064";
const HOME: &str = "203.0.113.9:5066";
const NUMBER: &str = "34911000001";

pub fn plan() -> Plan {
    let mut plan = Plan::standard();
    plan.gates.extend([sip_account("alice", "acme"), sip_account("bob", "acme")]);
    plan.domains = vec![SIP_DOMAIN];
    plan.numbers = vec![number(NUMBER, "acme", "sip_account:alice")];
    plan
}

/// Phones of alice that have registered, each with its q.
fn stage(phones: &[(&str, &str)]) -> Stage {
    let mut stage = Stage::new(plan());
    for (at, q) in phones {
        register(&mut stage, "alice", at, q);
    }
    stage
}

pub fn register(stage: &mut Stage, user: &'static str, at: &str, q: &str) {
    let answer = Handset::at(user, at, at).register(stage, &format!("Contact: <sip:{user}@{at}>;q={q}\r\n"));
    assert_eq!(answer.status(), 200);
    stage.advance(1_000);
}

/// A carrier calls alice's number.
pub fn called(stage: &mut Stage) -> Phone {
    let mut caller = calling(ALPHA, NUMBER);
    caller.invite(stage);
    caller
}

/// The CANCEL of a phone's INVITE, and its end.
#[track_caller]
fn cancelled(stage: &mut Stage, callee: &Callee) -> Message {
    let cancel = stage.expect(callee.at, "CANCEL");
    stage.send(callee.at, &reply(&cancel, 200, &callee.tag, callee.at, "", None));
    stage.send(callee.at, &reply(&callee.invite, 487, &callee.tag, callee.at, "", None));
    stage.expect(callee.at, "ACK");
    cancel
}

/// What became of the phones, sorted: which of one preference is called first says nothing.
fn ends(cdr: &Cdr) -> Vec<&str> {
    assert!(cdr.attempts.iter().all(|attempt| &*attempt.carrier == "sip_account:alice"));
    let mut ends: Vec<&str> = cdr.attempts.iter().map(|attempt| &*attempt.reason).collect();
    ends.sort_unstable();
    ends
}

#[test]
fn all_phones_ring_and_the_first_that_answers_has_the_call() {
    let mut stage = stage(&[(DESK, "1"), (MOBILE, "1")]);
    let mut caller = called(&mut stage);
    let (mut desk, mut mobile) = (Callee::wait(&mut stage, DESK), Callee::wait_as(&mut stage, MOBILE, "m1"));
    assert_eq!(desk.invite.request_uri(), format!("sip:alice@{DESK}"));
    assert_eq!(desk.invite.header(Name::To), Some(&*format!("<sip:{NUMBER}@{SIP_DOMAIN}>")));
    assert!(
        desk.invite.call_id() != mobile.invite.call_id()
            && desk.invite.from_tag() != mobile.invite.from_tag()
    );
    desk.ring(&mut stage);
    mobile.ring(&mut stage);
    assert_eq!(stage.kinds(caller.at), ["180 INVITE", "180 INVITE"]);
    desk.answer(&mut stage);
    stage.expect(desk.at, "ACK");
    caller.answered(&mut stage);
    let cancel = cancelled(&mut stage, &mobile);
    let reason = "SIP;cause=200;text=\"Call completed elsewhere\"";
    assert_eq!(cancel.header(Name::Reason), Some(reason));
    assert_eq!((stage.talking(), stage.node.held().ringing), (1, 0));
    stage.advance(30_000);
    // The phone that answered hangs up; the other is not told of it.
    desk.bye(&mut stage);
    stage.expect(desk.at, "200 BYE");
    caller.bye_comes(&mut stage);
    stage.silence(mobile.at);
    let cdr = stage.cdr();
    assert_eq!((cdr.direction.as_str(), cdr.destination_kind), ("inbound", Some(PartyKind::SipAccount)));
    assert_eq!((cdr.sip_account.as_deref(), cdr.number.as_deref()), (Some("alice"), Some(NUMBER)));
    assert_eq!((&*cdr.account, &*cdr.gate, cdr.duration_ms, cdr.amount), ("acme", "alice", 30_000, 0));
    assert_eq!(ends(&cdr), ["abandoned", "answered"]);
    assert_eq!(cdr.call_id_b.as_deref(), Some(desk.invite.call_id()));
    assert_eq!(cdr.source_ip_b.map(|ip| ip.to_string()).as_deref(), Some("203.0.113.7"));
    stage.over();
}

/// The other order: the one that is not the last dialled loses.
#[test]
fn the_last_that_was_called_may_answer_too() {
    let mut stage = stage(&[(DESK, "1"), (MOBILE, "1")]);
    let mut caller = called(&mut stage);
    let (mut desk, mut mobile) = (Callee::wait(&mut stage, DESK), Callee::wait_as(&mut stage, MOBILE, "m1"));
    desk.ring(&mut stage);
    mobile.answer(&mut stage);
    stage.expect(mobile.at, "ACK");
    caller.answered(&mut stage);
    cancelled(&mut stage, &desk);
    stage.advance(10_000);
    caller.bye(&mut stage);
    mobile.bye_comes(&mut stage);
    stage.silence(desk.at);
    assert_eq!(
        (stage.cdr().duration_ms, stage.cdr().call_id_b.as_deref()),
        (10_000, Some(mobile.invite.call_id()))
    );
    stage.over();
}

/// Both answer: one has the call, the other is acknowledged and hung up at once.
#[test]
fn corner_5_the_answer_of_another_phone_crosses_and_is_ended() {
    let mut stage = stage(&[(DESK, "1"), (MOBILE, "1")]);
    let mut caller = called(&mut stage);
    let (mut desk, mut mobile) = (Callee::wait(&mut stage, DESK), Callee::wait_as(&mut stage, MOBILE, "m1"));
    desk.ring(&mut stage);
    mobile.ring(&mut stage);
    desk.answer(&mut stage);
    mobile.answer(&mut stage);
    stage.expect(mobile.at, "ACK");
    let bye = mobile.bye_comes(&mut stage);
    assert_eq!(bye.header(Name::Reason), Some("SIP;cause=200;text=\"Call completed elsewhere\""));
    caller.answered(&mut stage);
    assert_eq!(stage.talking(), 1);
    stage.advance(20_000);
    assert_eq!(stage.talking(), 1, "the loser's end is not the call's");
    caller.bye(&mut stage);
    desk.bye_comes(&mut stage);
    assert_eq!(stage.cdr().duration_ms, 20_000);
    stage.over();
}

#[test]
fn the_preferred_ring_first_and_the_others_after_them() {
    let mut stage = stage(&[(DESK, "1"), (MOBILE, "0.5"), (HOME, "0.5")]);
    let mut caller = called(&mut stage);
    let mut desk = Callee::wait(&mut stage, DESK);
    stage.silence(addr(MOBILE));
    desk.ring(&mut stage);
    desk.fail(&mut stage, 486);
    let mut mobile = Callee::wait_as(&mut stage, MOBILE, "m1");
    let mut home = Callee::wait_as(&mut stage, HOME, "h1");
    mobile.fail(&mut stage, 404);
    assert_eq!(stage.kinds(caller.at), ["180 INVITE"]);
    home.answer(&mut stage);
    caller.answered(&mut stage);
    caller.bye(&mut stage);
    stage.expect(home.at, "ACK");
    home.bye_comes(&mut stage);
    assert_eq!(ends(&stage.cdr()), ["answered", "refused with 404", "refused with 486"]);
    stage.over();
}

/// One that rings in vain does not keep the others waiting; its late answer is of no use.
#[test]
fn one_that_rings_in_vain_gives_way() {
    let mut stage = stage(&[(DESK, "1"), (MOBILE, "0.1")]);
    let mut caller = called(&mut stage);
    let mut desk = Callee::wait(&mut stage, DESK);
    desk.ring(&mut stage);
    stage.advance(29_000);
    stage.silence(addr(MOBILE));
    stage.advance(1_500);
    let mut mobile = Callee::wait_as(&mut stage, MOBILE, "m1");
    desk.answer(&mut stage);
    stage.expect(desk.at, "ACK");
    desk.bye_comes(&mut stage);
    mobile.ring(&mut stage);
    stage.kinds(addr(MOBILE));
    // The last ones ring as long as any callee.
    stage.advance(179_000);
    stage.silence(addr(MOBILE));
    stage.advance(2_000);
    cancelled(&mut stage, &mobile);
    assert_eq!(cause(&caller.refused(&mut stage, 480)), "19");
    stage.over();
}

/// A phone that says nothing is given up alone.
#[test]
fn a_silent_phone_is_given_up_alone() {
    let mut stage = stage(&[(DESK, "1"), (MOBILE, "1")]);
    let mut caller = called(&mut stage);
    let mut desk = Callee::wait(&mut stage, DESK);
    desk.ring(&mut stage);
    stage.expect(addr(MOBILE), "INVITE");
    stage.advance(4_100);
    assert_eq!(caller.expect(&mut stage, "180 INVITE").status(), 180);
    desk.answer(&mut stage);
    stage.expect(desk.at, "ACK");
    caller.answered(&mut stage);
    caller.bye(&mut stage);
    desk.bye_comes(&mut stage);
    let cdr = stage.cdr();
    assert_eq!(ends(&cdr), ["answered", "timeout"]);
    stage.over();
}

#[test]
fn a_6xx_ends_the_call_for_all() {
    let mut stage = stage(&[(DESK, "1"), (MOBILE, "1"), (HOME, "0.5")]);
    let mut caller = called(&mut stage);
    let (mut desk, mut mobile) = (Callee::wait(&mut stage, DESK), Callee::wait_as(&mut stage, MOBILE, "m1"));
    desk.ring(&mut stage);
    mobile.ring(&mut stage);
    desk.fail(&mut stage, 603);
    caller.refused(&mut stage, 603);
    let cancel = cancelled(&mut stage, &mobile);
    assert_eq!(cancel.header(Name::Reason), Some("SIP;cause=603;text=\"Decline\""));
    stage.silence(addr(HOME));
    assert_eq!((stage.cdr().sip_status, &*stage.cdr().reason), (603, "declined"));
    stage.over();
}

#[test]
fn corner_38_the_best_answer_is_told_when_all_have_failed() {
    for (statuses, told) in
        [([486, 404], 486), ([404, 500], 404), ([503, 500], 500), ([401, 480], 480), ([302, 404], 404)]
    {
        let mut stage = stage(&[(DESK, "1"), (MOBILE, "1")]);
        let mut caller = called(&mut stage);
        let (mut desk, mut mobile) =
            (Callee::wait(&mut stage, DESK), Callee::wait_as(&mut stage, MOBILE, "m1"));
        desk.fail(&mut stage, statuses[0]);
        mobile.fail(&mut stage, statuses[1]);
        caller.refused(&mut stage, told);
        assert_eq!((stage.cdr().sip_status, stage.cdr().amount), (told, 0));
        stage.over();
    }
}

#[test]
fn the_caller_gives_up_and_all_phones_stop() {
    let mut stage = stage(&[(DESK, "1"), (MOBILE, "1")]);
    let mut caller = called(&mut stage);
    let (mut desk, mut mobile) = (Callee::wait(&mut stage, DESK), Callee::wait_as(&mut stage, MOBILE, "m1"));
    desk.ring(&mut stage);
    mobile.ring(&mut stage);
    caller.cancel(&mut stage);
    caller.refused(&mut stage, 487);
    cancelled(&mut stage, &desk);
    cancelled(&mut stage, &mobile);
    let cdr = stage.cdr();
    assert_eq!((cdr.sip_status, cdr.amount, cdr.attempts.len()), (487, 0, 2));
    stage.over();
}

/// Registered nowhere, registered no more, or behind a connection that is closed.
#[test]
fn who_is_nowhere_is_absent() {
    let mut nowhere = stage(&[]);
    let mut caller = called(&mut nowhere);
    assert_eq!(cause(&caller.refused(&mut nowhere, 480)), "20");
    assert_eq!((&*nowhere.cdr().reason, nowhere.cdr().attempts.len()), ("not-reachable", 0));
    nowhere.over();

    let mut expired = stage(&[(DESK, "1")]);
    expired.advance(3_600_000);
    let mut caller = called(&mut expired);
    assert_eq!(cause(&caller.refused(&mut expired, 480)), "20");
    expired.over();

    let mut broken = stage(&[]);
    let flow = Flow::stream(Transport::Tcp, addr(SWITCH), addr(DESK), 7);
    let mut phone = Handset::by("alice", flow, "r1");
    phone.dialog = phone.dialog.over("TCP");
    let contact = format!("Contact: <sip:alice@{DESK};transport=tcp>\r\n");
    assert_eq!(phone.register(&mut broken, &contact).status(), 200);
    broken.input(Input::Closed(flow));
    let mut caller = called(&mut broken);
    assert_eq!(cause(&caller.refused(&mut broken, 480)), "20");
    broken.silence(addr(DESK));
    broken.over();
}

/// All that were called say nothing: as if nobody were there.
#[test]
fn who_never_answers_is_absent() {
    let mut stage = stage(&[(DESK, "1"), (MOBILE, "0.5")]);
    let mut caller = called(&mut stage);
    stage.expect(addr(DESK), "INVITE");
    stage.advance(4_100);
    stage.expect(addr(MOBILE), "INVITE");
    stage.advance(4_100);
    assert_eq!(cause(&caller.refused(&mut stage, 480)), "20");
    stage.over();
}

/// Requests go by the connection on which the phone registered, whatever its Contact says.
#[test]
fn a_phone_is_called_by_its_connection() {
    let mut stage = stage(&[]);
    let flow = Flow::stream(Transport::Tls, addr(SWITCH), addr(DESK), 7);
    let mut phone = Handset::by("alice", flow, "r1");
    phone.dialog = phone.dialog.over("TLS");
    let contact = "Contact: <sip:alice@10.0.0.9:49152;transport=tls>\r\n";
    assert_eq!(phone.register(&mut stage, contact).status(), 200);
    let mut caller = called(&mut stage);
    let invite = stage.expect(addr(DESK), "INVITE");
    assert_eq!(
        (stage.flows[&addr(DESK)], invite.request_uri()),
        (flow, "sip:alice@10.0.0.9:49152;transport=tls")
    );
    let sdp = tests::sdp::answer(&invite.body(), addr(DESK).ip(), 1);
    stage.send_over(flow, &reply(&invite, 200, "d1", addr("10.0.0.9:49152"), "", Some(&sdp)));
    stage.expect(addr(DESK), "ACK");
    caller.answered(&mut stage);
    caller.bye(&mut stage);
    let bye = stage.expect(addr(DESK), "BYE");
    assert_eq!((stage.flows[&addr(DESK)], bye.request_uri()), (flow, "sip:10.0.0.9:49152"));
    stage.send_over(flow, &reply(&bye, 200, "", addr("10.0.0.9:49152"), "", None));
    stage.input(Input::Closed(flow));
    stage.over();
}

/// The connection breaks while the phone rings: its attempt is over, the others go on.
#[test]
fn a_connection_that_breaks_is_one_phone_less() {
    let mut stage = stage(&[(MOBILE, "1")]);
    let flow = Flow::stream(Transport::Tcp, addr(SWITCH), addr(DESK), 7);
    let mut phone = Handset::by("alice", flow, "r1");
    phone.dialog = phone.dialog.over("TCP");
    phone.register(&mut stage, &format!("Contact: <sip:alice@{DESK};transport=tcp>\r\n"));
    let mut caller = called(&mut stage);
    stage.expect(addr(DESK), "INVITE");
    let mut mobile = Callee::wait(&mut stage, MOBILE);
    mobile.ring(&mut stage);
    stage.input(Input::Closed(flow));
    stage.input(Input::Unreachable(Flow { conn: 0, ..flow }));
    mobile.answer(&mut stage);
    stage.expect(mobile.at, "ACK");
    caller.answered(&mut stage);
    caller.bye(&mut stage);
    mobile.bye_comes(&mut stage);
    stage.over();
}

/// Of several that send early media the caller hears the first; once that one is gone, the next.
#[test]
fn early_media_is_the_first_ones() {
    let mut stage = stage(&[(DESK, "1"), (MOBILE, "1")]);
    let mut caller = called(&mut stage);
    let (mut desk, mut mobile) = (Callee::wait(&mut stage, DESK), Callee::wait_as(&mut stage, MOBILE, "m1"));
    for callee in [&mut desk, &mut mobile] {
        let sdp = callee.sdp();
        callee.reply(&mut stage, 183, "", Some(&sdp));
    }
    let told = stage.inbox(caller.at);
    let with_session: Vec<bool> = told.iter().map(|response| !response.body().is_empty()).collect();
    assert_eq!(with_session, [true, false]);
    desk.fail(&mut stage, 486);
    let sdp = mobile.sdp();
    mobile.reply(&mut stage, 183, "", Some(&sdp));
    let again = stage.expect(caller.at, "183 INVITE");
    assert!(!again.body().is_empty() && again.to_tag() != told[0].to_tag());
    mobile.answer(&mut stage);
    stage.expect(mobile.at, "ACK");
    let ok = caller.answered(&mut stage);
    assert_eq!(ok.to_tag(), again.to_tag());
    caller.bye(&mut stage);
    mobile.bye_comes(&mut stage);
    stage.over();
}

/// A request of the caller before the answer is for the phone in whose early dialog it is; where it is in
/// none of a single phone's, nobody gets it.
#[test]
fn a_request_before_the_answer_is_for_the_phone_of_its_dialog() {
    let mut stage = stage(&[(DESK, "1"), (MOBILE, "1")]);
    let mut caller = called(&mut stage);
    let (mut desk, mut mobile) = (Callee::wait(&mut stage, DESK), Callee::wait_as(&mut stage, MOBILE, "m1"));
    desk.ring(&mut stage);
    mobile.ring(&mut stage);
    let ringing = caller.expect(&mut stage, "180 INVITE");
    caller.dialog.learn(&ringing);
    let send = |stage: &mut Stage, caller: &mut Phone| {
        let info = caller.dialog.request("INFO", "X-Key: 5\r\n", None);
        stage.send(caller.at, &info);
    };
    send(&mut stage, &mut caller);
    caller.expect(&mut stage, "480 INFO");
    assert!(stage.kinds(desk.at).is_empty() && stage.kinds(mobile.at).is_empty());
    for callee in [&mut desk, &mut mobile] {
        let sdp = callee.sdp();
        callee.reply(&mut stage, 183, "", Some(&sdp));
        let told = stage.inbox(caller.at).pop().expect("told");
        if told.body().is_empty() {
            continue;
        }
        caller.dialog.learn(&told);
        send(&mut stage, &mut caller);
        let info = stage.expect(callee.at, "INFO");
        stage.send(callee.at, &reply(&info, 200, "", callee.at, "", None));
        caller.expect(&mut stage, "200 INFO");
    }
    // One is left.
    desk.fail(&mut stage, 486);
    let sdp = mobile.sdp();
    mobile.reply(&mut stage, 183, "", Some(&sdp));
    caller.dialog.learn(&stage.expect(caller.at, "183 INVITE"));
    send(&mut stage, &mut caller);
    let info = stage.expect(mobile.at, "INFO");
    stage.send(mobile.at, &reply(&info, 200, "", mobile.at, "", None));
    caller.expect(&mut stage, "200 INFO");
}

/// An answer that is none to the offer is that phone's end alone.
#[test]
fn an_answer_outside_the_offer_is_one_phone_less() {
    let mut stage = stage(&[(DESK, "1"), (MOBILE, "1")]);
    let mut caller = called(&mut stage);
    let (mut desk, mut mobile) = (Callee::wait(&mut stage, DESK), Callee::wait_as(&mut stage, MOBILE, "m1"));
    desk.reply(&mut stage, 200, "", None);
    stage.expect(desk.at, "ACK");
    desk.bye_comes(&mut stage);
    stage.silence(caller.at);
    mobile.answer(&mut stage);
    stage.expect(mobile.at, "ACK");
    caller.answered(&mut stage);
    caller.bye(&mut stage);
    mobile.bye_comes(&mut stage);
    assert_eq!(ends(&stage.cdr()), ["answer outside the offer", "answered"]);
    stage.over();
}

/// By its name, of the own customer only; free, and recorded.
#[test]
fn a_name_of_the_own_customer_is_called_for_nothing() {
    let mut plan = plan();
    plan.accounts.push(("shop", 500_000, "retail"));
    plan.gates.push(gate("shop-pbx", "shop", "192.0.2.12"));
    let mut stage = Stage::new(plan);
    register(&mut stage, "bob", DESK, "1");
    let mut caller = Phone::new(addr(PBX), "p1", "bob");
    caller.invite(&mut stage);
    let mut bob = Callee::wait(&mut stage, DESK);
    assert_eq!(bob.invite.header(Name::To), Some(&*format!("<sip:bob@{SIP_DOMAIN}>")));
    bob.answer(&mut stage);
    stage.expect(bob.at, "ACK");
    caller.answered(&mut stage);
    stage.advance(61_000);
    bob.bye(&mut stage);
    caller.bye_comes(&mut stage);
    let cdr = stage.cdr();
    assert_eq!(
        (cdr.direction.as_str(), &*cdr.origin, cdr.origin_kind),
        ("internal", "acme-pbx", PartyKind::Gate)
    );
    assert_eq!(
        (cdr.destination_kind, cdr.sip_account.as_deref()),
        (Some(PartyKind::SipAccount), Some("bob"))
    );
    assert_eq!((&*cdr.called, &*cdr.called_e164, cdr.number.as_deref()), ("bob", "", None));
    assert_eq!((cdr.duration_ms, cdr.amount, stage.balance()), (61_000, 0, 1_000_000));
    // Nobody else's customer may.
    let mut other = Phone::new(addr("192.0.2.12:5060"), "p2", "bob");
    other.invite(&mut stage);
    other.refused(&mut stage, 404);
    stage.over();
}

/// The caller's deck prices the number: it pays for it, as for any call to a number of ours.
#[test]
fn a_customers_call_to_a_number_is_paid_if_its_deck_has_a_price() {
    let mut stage = stage(&[(DESK, "1"), (MOBILE, "1")]);
    let mut caller = Phone::new(addr(PBX), "p1", NUMBER);
    caller.invite(&mut stage);
    let (mut desk, mobile) = (Callee::wait(&mut stage, DESK), Callee::wait_as(&mut stage, MOBILE, "m1"));
    desk.answer(&mut stage);
    stage.expect(desk.at, "ACK");
    caller.answered(&mut stage);
    // It had said nothing yet: its CANCEL waits for its first word.
    stage.send(mobile.at, &reply(&mobile.invite, 180, "m1", mobile.at, "", None));
    cancelled(&mut stage, &mobile);
    stage.advance(61_000);
    caller.bye(&mut stage);
    desk.bye_comes(&mut stage);
    let cdr = stage.cdr();
    // Two minutes at 0.6, and 0.1 for the connection.
    assert_eq!((cdr.direction.as_str(), cdr.amount), ("internal", 130_000));
    assert_eq!(stage.balance(), 1_000_000 - 130_000);
    stage.over();
}

/// A crash while it is answered: both sides get their BYE, the phone by its flow.
#[test]
fn a_crash_ends_both_sides() {
    let mut stage = stage(&[(DESK, "1")]);
    let mut caller = called(&mut stage);
    let mut desk = Callee::wait(&mut stage, DESK);
    desk.answer(&mut stage);
    stage.expect(desk.at, "ACK");
    caller.answered(&mut stage);
    stage.advance(25_000);
    stage.crash();
    caller.bye_comes(&mut stage);
    desk.bye_comes(&mut stage);
    assert_eq!((stage.cdr().destination_kind, stage.cdr().amount), (Some(PartyKind::SipAccount), 0));
    stage.over();
}
