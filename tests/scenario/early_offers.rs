//! Offers before the answer: UPDATE and PRACK in early dialogs that are agreed, both ways, and offers of
//! phones that were called without one (RFC 3262 §5, RFC 3311, RFC 6337). Corner 17, and what crosses them.

use sip::{Message, Name};
use tests::sdp::{self, Media};

use crate::phone::{Callee, Phone};
use crate::stage::{ALPHA, Stage};

pub const RELIABLE: &str = "Require: 100rel\r\nAllow: INVITE, ACK, CANCEL, BYE, PRACK, UPDATE\r\nRSeq: ";
pub const CALLER: &str = "Supported: 100rel\r\nAllow: INVITE, ACK, CANCEL, BYE, PRACK, UPDATE\r\n";

/// A call of a caller that says `extra`, as the carrier has it; without `payloads` it makes no offer.
pub fn calling(extra: &str, payloads: &[u8]) -> (Stage, Phone, Callee) {
    let mut stage = Stage::standard();
    let mut phone = stage.phone("c1", "34600000000");
    phone.payloads = payloads.to_vec();
    phone.invite_with(&mut stage, extra);
    let callee = Callee::wait(&mut stage, ALPHA);
    (stage, phone, callee)
}

/// A session of the callee.
pub fn session_of(callee: &Callee, direction: &str, version: u32) -> String {
    sdp::write(callee.at.ip(), &Media { payloads: &[8, 101], direction, version })
}

/// The callee rings with its answer, reliably, and has our PRACK.
pub fn rings(stage: &mut Stage, callee: &mut Callee, rseq: u32) {
    let answer = callee.sdp();
    callee.reply(stage, 183, &format!("{RELIABLE}{rseq}\r\n"), Some(&answer));
    let ours = stage.expect(callee.at, "PRACK");
    callee.answer_to(stage, &ours, 200, None);
}

/// The caller acknowledges a response, with `sdp` in its PRACK.
pub fn prack(stage: &mut Stage, phone: &mut Phone, response: &Message, sdp: Option<&str>) {
    phone.dialog.learn(response);
    let rseq = response.header(Name::RSeq).expect("RSeq");
    let rack = format!("RAck: {rseq} {} INVITE\r\n", response.cseq().0);
    let bytes = phone.dialog.request("PRACK", &rack, sdp);
    stage.send(phone.at, &bytes);
}

/// Both sides have agreed before the answer, for good.
fn agreed() -> (Stage, Phone, Callee) {
    let (mut stage, mut phone, mut callee) = calling(CALLER, sdp::G711.payloads);
    rings(&mut stage, &mut callee, 9);
    let progress = phone.expect(&mut stage, "183 INVITE");
    prack(&mut stage, &mut phone, &progress, None);
    phone.expect(&mut stage, "200 PRACK");
    phone.dialog.invite_cseq = 1;
    (stage, phone, callee)
}

/// The caller's UPDATE with an offer.
pub fn phone_updates(stage: &mut Stage, phone: &mut Phone, direction: &str) {
    phone.sdp_version += 1;
    let offer = phone.sdp(direction);
    let bytes = phone.dialog.request("UPDATE", "", Some(&offer));
    stage.send(phone.at, &bytes);
}

fn phone_replies(stage: &mut Stage, phone: &Phone, request: &Message, status: u16, direction: Option<&str>) {
    let sdp = direction
        .map(|direction| sdp::write(phone.at.ip(), &Media { payloads: &[8, 101], direction, version: 5 }));
    phone_answers(stage, phone, request, status, sdp.as_deref());
}

fn phone_answers(stage: &mut Stage, phone: &Phone, request: &Message, status: u16, sdp: Option<&str>) {
    stage.send(phone.at, &tests::dialogue::reply(request, status, "", phone.at, "", sdp));
}

/// The callee answers, without a session: it was agreed.
fn answer_and_end(mut stage: Stage, mut phone: Phone, mut callee: Callee) {
    callee.reply(&mut stage, 200, "", None);
    stage.expect(callee.at, "ACK");
    let ok = phone.answered(&mut stage);
    assert!(ok.body().is_empty(), "it was agreed before");
    stage.advance(1_000);
    phone.bye(&mut stage);
    callee.bye_comes(&mut stage);
    stage.over();
    assert_eq!((stage.cdr().duration_ms, &*stage.cdr().reason), (1_000, "normal"));
}

// --- UPDATE ---

#[test]
fn corner_17_an_update_of_the_caller_reaches_the_phone_that_rings() {
    let (mut stage, mut phone, mut callee) = agreed();
    phone_updates(&mut stage, &mut phone, "sendonly");
    let ours = stage.expect(callee.at, "UPDATE");
    assert_eq!((ours.to_tag(), ours.from_tag()), (&*callee.tag, callee.invite.from_tag()));
    assert_eq!(ours.cseq().0, 3, "behind the PRACK");
    assert_eq!(sdp::direction(&ours.body()), "sendonly");
    assert!(ours.header(Name::Contact).is_some(), "it refreshes the target");
    stage.silence(phone.at);
    let answer = session_of(&callee, "recvonly", 2);
    callee.answer_to(&mut stage, &ours, 200, Some(&answer));
    let ok = phone.expect(&mut stage, "200 UPDATE");
    assert_eq!(sdp::direction(&ok.body()), "recvonly");
    assert!(ok.header(Name::Contact).is_some());
    // What is said again has the answer that it had.
    let offer = phone.sdp("sendonly");
    let again = phone.dialog.request("UPDATE", "", Some(&offer));
    stage.send(phone.at, &again);
    assert_eq!(phone.expect(&mut stage, "200 UPDATE").body(), ok.body());
    stage.silence(callee.at);
    // In mid-call the numbers go on.
    callee.reply(&mut stage, 200, "", None);
    stage.expect(callee.at, "ACK");
    assert!(phone.answered(&mut stage).body().is_empty());
    phone.bye(&mut stage);
    assert_eq!(callee.bye_comes(&mut stage).cseq().0, 4);
    stage.over();
}

#[test]
fn corner_17_an_update_of_the_callee_reaches_the_caller() {
    let (mut stage, mut phone, mut callee) = agreed();
    let offer = session_of(&callee, "sendonly", 2);
    callee.request(&mut stage, "UPDATE", "", Some(&offer));
    let ours = phone.expect(&mut stage, "UPDATE");
    let tag = phone.dialog.remote.rsplit("tag=").next().unwrap().to_owned();
    assert_eq!((ours.from_tag(), ours.to_tag()), (&*tag, "cc1"));
    assert_eq!(sdp::direction(&ours.body()), "sendonly");
    phone_replies(&mut stage, &phone, &ours, 200, Some("recvonly"));
    let ok = stage.expect(callee.at, "200 UPDATE");
    assert_eq!(sdp::direction(&ok.body()), "recvonly");
    answer_and_end(stage, phone, callee);
}

#[test]
fn corner_17_a_refused_update_leaves_what_was_agreed() {
    let (mut stage, mut phone, mut callee) = agreed();
    for (status, told) in [(488, 488), (491, 491), (481, 500), (408, 500), (503, 500), (500, 500)] {
        phone_updates(&mut stage, &mut phone, "sendonly");
        let ours = stage.expect(callee.at, "UPDATE");
        callee.answer_to(&mut stage, &ours, status, None);
        phone.expect(&mut stage, &format!("{told} UPDATE"));
    }
    let offer = session_of(&callee, "sendonly", 2);
    callee.request(&mut stage, "UPDATE", "", Some(&offer));
    let ours = phone.expect(&mut stage, "UPDATE");
    phone_replies(&mut stage, &phone, &ours, 488, None);
    stage.expect(callee.at, "488 UPDATE");
    answer_and_end(stage, phone, callee);
}

#[test]
fn corner_17_two_updates_meet_and_neither_is_lost() {
    let (mut stage, mut phone, mut callee) = agreed();
    phone_updates(&mut stage, &mut phone, "sendonly");
    let ours = stage.expect(callee.at, "UPDATE");
    // The caller's second one while its first waits: 500 with Retry-After.
    phone_updates(&mut stage, &mut phone, "inactive");
    let later = phone.expect(&mut stage, "500 UPDATE");
    assert!(later.header(Name::RetryAfter).unwrap().parse::<u32>().unwrap() <= 10);
    // The callee's own while ours waits: 491.
    let offer = session_of(&callee, "inactive", 2);
    callee.request(&mut stage, "UPDATE", "", Some(&offer));
    stage.expect(callee.at, "491 UPDATE");
    callee.answer_to(&mut stage, &ours, 491, None);
    phone.expect(&mut stage, "491 UPDATE");
    // Again, with nothing in the way.
    callee.request(&mut stage, "UPDATE", "", Some(&offer));
    let ours = phone.expect(&mut stage, "UPDATE");
    phone_updates(&mut stage, &mut phone, "sendonly");
    phone.expect(&mut stage, "491 UPDATE");
    phone_replies(&mut stage, &phone, &ours, 200, Some("inactive"));
    stage.expect(callee.at, "200 UPDATE");
    answer_and_end(stage, phone, callee);
}

#[test]
fn corner_17_an_update_that_the_other_side_cannot_take_before_the_answer_is_504() {
    // The carrier answers early, but not for good.
    let (mut stage, mut phone, mut callee) = calling(CALLER, sdp::G711.payloads);
    let answer = callee.sdp();
    callee.reply(&mut stage, 183, "", Some(&answer));
    let progress = phone.expect(&mut stage, "183 INVITE");
    prack(&mut stage, &mut phone, &progress, None);
    phone.expect(&mut stage, "200 PRACK");
    phone_updates(&mut stage, &mut phone, "sendonly");
    phone.expect(&mut stage, "504 UPDATE");
    stage.silence(callee.at);
    // The caller knows no UPDATE, or nothing of 100rel.
    for extra in ["Supported: 100rel\r\n", "Allow: INVITE, UPDATE\r\n"] {
        let (mut stage, mut phone, mut callee) = calling(extra, sdp::G711.payloads);
        rings(&mut stage, &mut callee, 1);
        let progress = phone.expect(&mut stage, "183 INVITE");
        if progress.header(Name::RSeq).is_some() {
            prack(&mut stage, &mut phone, &progress, None);
            phone.expect(&mut stage, "200 PRACK");
        }
        let offer = session_of(&callee, "sendonly", 2);
        callee.request(&mut stage, "UPDATE", "", Some(&offer));
        stage.expect(callee.at, "504 UPDATE");
        stage.silence(phone.at);
    }
}

#[test]
fn corner_17_an_update_waits_for_the_prack_of_the_first_answer() {
    let (mut stage, mut phone, mut callee) = calling(CALLER, sdp::G711.payloads);
    rings(&mut stage, &mut callee, 1);
    let progress = phone.expect(&mut stage, "183 INVITE");
    phone.dialog.learn(&progress);
    let offer = session_of(&callee, "sendonly", 2);
    callee.request(&mut stage, "UPDATE", "", Some(&offer));
    stage.expect(callee.at, "491 UPDATE");
    phone_updates(&mut stage, &mut phone, "sendonly");
    phone.expect(&mut stage, "500 UPDATE");
    prack(&mut stage, &mut phone, &progress, None);
    phone.expect(&mut stage, "200 PRACK");
    callee.request(&mut stage, "UPDATE", "", Some(&offer));
    phone.expect(&mut stage, "UPDATE");
}

#[test]
fn an_update_that_cannot_be_read_or_taken_is_refused_here() {
    let (mut stage, mut phone, callee) = agreed();
    for (body, told) in [("v=0\r\n", "488 UPDATE"), ("nothing of SDP", "488 UPDATE")] {
        let bytes = phone.dialog.request("UPDATE", "", Some(body));
        stage.send(phone.at, &bytes);
        phone.expect(&mut stage, told);
    }
    let wideband = sdp::write(phone.at.ip(), &sdp::G722);
    let bytes = phone.dialog.request("UPDATE", "", Some(&wideband));
    stage.send(phone.at, &bytes);
    phone.expect(&mut stage, "488 UPDATE");
    stage.silence(callee.at);
    answer_and_end(stage, phone, callee);
}

#[test]
fn an_answer_that_is_none_takes_the_other_side_back() {
    let (mut stage, mut phone, mut callee) = agreed();
    phone_updates(&mut stage, &mut phone, "sendonly");
    let ours = stage.expect(callee.at, "UPDATE");
    let other = sdp::write(callee.at.ip(), &sdp::G722);
    callee.answer_to(&mut stage, &ours, 200, Some(&other));
    phone.expect(&mut stage, "488 UPDATE");
    let back = stage.expect(callee.at, "UPDATE");
    assert_eq!(sdp::direction(&back.body()), "sendrecv");
    let answer = session_of(&callee, "sendrecv", 3);
    callee.answer_to(&mut stage, &back, 200, Some(&answer));
    answer_and_end(stage, phone, callee);
}

// --- what crosses an UPDATE ---

#[test]
fn update_crosses_cancel() {
    let (mut stage, mut phone, mut callee) = agreed();
    phone_updates(&mut stage, &mut phone, "sendonly");
    let ours = stage.expect(callee.at, "UPDATE");
    phone.cancel(&mut stage);
    phone.expect(&mut stage, "200 CANCEL");
    phone.expect(&mut stage, "487 UPDATE");
    phone.refused(&mut stage, 487);
    stage.expect(callee.at, "CANCEL");
    let answer = session_of(&callee, "recvonly", 2);
    callee.answer_to(&mut stage, &ours, 200, Some(&answer));
    callee.fail(&mut stage, 487);
    stage.silence(phone.at);
    stage.over();
    assert_eq!((stage.cdr().amount, &*stage.cdr().reason), (0, "cancelled"));
    // The other way round.
    let (mut stage, mut phone, mut callee) = agreed();
    let offer = session_of(&callee, "sendonly", 2);
    callee.request(&mut stage, "UPDATE", "", Some(&offer));
    let ours = phone.expect(&mut stage, "UPDATE");
    phone.cancel(&mut stage);
    stage.expect(callee.at, "487 UPDATE");
    phone.refused(&mut stage, 487);
    phone_replies(&mut stage, &phone, &ours, 200, Some("recvonly"));
    callee.fail(&mut stage, 487);
    stage.over();
}

#[test]
fn update_crosses_200() {
    let (mut stage, mut phone, mut callee) = agreed();
    phone_updates(&mut stage, &mut phone, "sendonly");
    let ours = stage.expect(callee.at, "UPDATE");
    callee.reply(&mut stage, 200, "", None);
    stage.expect(callee.at, "ACK");
    let ok = phone.answered(&mut stage);
    assert!(ok.body().is_empty());
    let answer = session_of(&callee, "recvonly", 2);
    callee.answer_to(&mut stage, &ours, 200, Some(&answer));
    let ok = phone.expect(&mut stage, "200 UPDATE");
    assert_eq!(sdp::direction(&ok.body()), "recvonly");
    // The next offer goes by re-INVITE, as in any call.
    phone.reinvite(&mut stage, "sendrecv");
    let ours = stage.expect(callee.at, "INVITE");
    let answer = session_of(&callee, "sendrecv", 3);
    callee.answer_to(&mut stage, &ours, 200, Some(&answer));
    stage.expect(callee.at, "ACK");
    phone.answered(&mut stage);
    stage.advance(1_000);
    phone.bye(&mut stage);
    callee.bye_comes(&mut stage);
    stage.over();
}

#[test]
fn an_update_of_the_callee_crosses_its_own_200() {
    let (mut stage, mut phone, mut callee) = agreed();
    let offer = session_of(&callee, "sendonly", 2);
    callee.request(&mut stage, "UPDATE", "", Some(&offer));
    let ours = phone.expect(&mut stage, "UPDATE");
    callee.reply(&mut stage, 200, "", None);
    stage.expect(callee.at, "ACK");
    assert!(phone.answered(&mut stage).body().is_empty());
    phone_replies(&mut stage, &phone, &ours, 200, Some("recvonly"));
    let ok = stage.expect(callee.at, "200 UPDATE");
    assert_eq!(sdp::direction(&ok.body()), "recvonly");
    phone.bye(&mut stage);
    callee.bye_comes(&mut stage);
    stage.over();
}

#[test]
fn an_update_crosses_the_failure_of_the_call() {
    let (mut stage, mut phone, mut callee) = agreed();
    phone_updates(&mut stage, &mut phone, "sendonly");
    stage.expect(callee.at, "UPDATE");
    callee.fail(&mut stage, 486);
    phone.expect(&mut stage, "491 UPDATE");
    phone.refused(&mut stage, 486);
    stage.over();
    let (mut stage, mut phone, mut callee) = agreed();
    let offer = session_of(&callee, "sendonly", 2);
    callee.request(&mut stage, "UPDATE", "", Some(&offer));
    phone.expect(&mut stage, "UPDATE");
    callee.reply(&mut stage, 486, "", None);
    stage.expect(callee.at, "487 UPDATE");
    phone.refused(&mut stage, 486);
    stage.over();
}

#[test]
fn an_update_that_nobody_answers_ends_nothing() {
    let (mut stage, mut phone, mut callee) = agreed();
    phone_updates(&mut stage, &mut phone, "sendonly");
    stage.expect(callee.at, "UPDATE");
    stage.advance(33_000);
    // A late answer to it would be of no use (RFC 4320 §4.2).
    assert!(stage.kinds(phone.at).is_empty());
    stage.inbox(callee.at);
    phone_updates(&mut stage, &mut phone, "sendonly");
    let ours = stage.expect(callee.at, "UPDATE");
    let answer = session_of(&callee, "recvonly", 2);
    callee.answer_to(&mut stage, &ours, 200, Some(&answer));
    phone.expect(&mut stage, "200 UPDATE");
    answer_and_end(stage, phone, callee);
}

#[test]
fn a_bye_of_the_caller_ends_an_update_that_waits() {
    let (mut stage, mut phone, mut callee) = agreed();
    phone_updates(&mut stage, &mut phone, "sendonly");
    stage.expect(callee.at, "UPDATE");
    phone.bye(&mut stage);
    phone.expect(&mut stage, "200 BYE");
    phone.expect(&mut stage, "487 UPDATE");
    stage.expect(callee.at, "CANCEL");
    callee.fail(&mut stage, 487);
    stage.over();
}

// --- PRACK with an offer ---

#[test]
fn corner_23_an_offer_in_a_prack_goes_to_the_phone_and_the_200_waits_for_it() {
    let (mut stage, mut phone, mut callee) = calling(CALLER, sdp::G711.payloads);
    rings(&mut stage, &mut callee, 9);
    let progress = phone.expect(&mut stage, "183 INVITE");
    phone.sdp_version += 1;
    let offer = phone.sdp("sendonly");
    prack(&mut stage, &mut phone, &progress, Some(&offer));
    let ours = stage.expect(callee.at, "UPDATE");
    assert_eq!(sdp::direction(&ours.body()), "sendonly");
    callee.reply(&mut stage, 200, "", None);
    stage.expect(callee.at, "ACK");
    stage.silence(phone.at);
    let answer = session_of(&callee, "recvonly", 2);
    callee.answer_to(&mut stage, &ours, 200, Some(&answer));
    let ok = stage.inbox(phone.at);
    let kinds: Vec<_> = ok.iter().map(tests::dialogue::kind).collect();
    assert_eq!(kinds, ["200 PRACK", "200 INVITE"]);
    assert_eq!(sdp::direction(&ok[0].body()), "recvonly");
    phone.dialog.learn(&ok[1]);
    phone.dialog.invite_cseq = 1;
    phone.ack(&mut stage, None);
    stage.advance(1_000);
    phone.bye(&mut stage);
    callee.bye_comes(&mut stage);
    stage.over();
    assert_eq!(stage.cdr().duration_ms, 1_000);
}

#[test]
fn an_offer_in_a_prack_that_nobody_takes_is_refused_and_the_response_counts() {
    let (mut stage, mut phone, mut callee) = calling(CALLER, sdp::G711.payloads);
    let answer = callee.sdp();
    callee.reply(&mut stage, 183, "", Some(&answer));
    let progress = phone.expect(&mut stage, "183 INVITE");
    phone.sdp_version += 1;
    let offer = phone.sdp("sendonly");
    prack(&mut stage, &mut phone, &progress, Some(&offer));
    phone.expect(&mut stage, "504 PRACK");
    stage.advance(30_000);
    stage.silence(phone.at);
    callee.answer(&mut stage);
    stage.expect(callee.at, "ACK");
    phone.dialog.invite_cseq = 1;
    phone.answered(&mut stage);
    phone.bye(&mut stage);
    callee.bye_comes(&mut stage);
    stage.over();
}

// --- switched off ---

#[test]
fn reliable_off_is_never_offered_and_what_requires_it_is_420() {
    let mut plan = tests::plan::Plan::standard();
    plan.carriers[0].reliable = false;
    let mut stage = Stage::new(plan.clone());
    let mut phone = stage.phone("c1", "34600000000");
    phone.invite_with(&mut stage, CALLER);
    let callee = Callee::wait(&mut stage, ALPHA);
    assert!(!callee.invite.has_token(Name::Supported, "100rel"));
    plan.carriers[0].reliable = true;
    plan.gates[0].reliable = false;
    let mut stage = Stage::new(plan);
    let mut phone = stage.phone("c1", "34600000000");
    phone.invite_with(&mut stage, "Require: 100rel\r\n");
    let refused = phone.refused(&mut stage, 420);
    assert_eq!(refused.header(Name::Unsupported), Some("100rel"));
    let mut phone = stage.phone("c2", "34600000000");
    phone.invite_with(&mut stage, CALLER);
    let mut callee = Callee::wait(&mut stage, ALPHA);
    rings(&mut stage, &mut callee, 1);
    let progress = phone.expect(&mut stage, "183 INVITE");
    assert!(progress.header(Name::RSeq).is_none() && !progress.body().is_empty());
}
