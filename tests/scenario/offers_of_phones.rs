//! Corner 18: the offer of a phone that is called without one, in a reliable 18x, and its answer in the PRACK
//! (RFC 3262 §5). Corner 17 where several phones ring.

use sip::{Message, Name};
use tests::plan::{Plan, SIP_DOMAIN, number, sip_account};
use tests::sdp;

use crate::early_offers::{CALLER, RELIABLE, calling, phone_updates, prack, rings, session_of};
use crate::handset::Handset;
use crate::phone::{Callee, Phone};
use crate::stage::Stage;

/// The phone's offer, as the caller was told it.
fn offered() -> (Stage, Phone, Callee, Message) {
    let (mut stage, phone, mut callee) = calling(CALLER, &[]);
    assert!(callee.invite.body().is_empty());
    assert!(callee.invite.has_token(Name::Supported, "100rel"));
    let offer = sdp::write(callee.at.ip(), &sdp::G711);
    callee.reply(&mut stage, 183, &format!("{RELIABLE}5\r\n"), Some(&offer));
    let progress = stage.expect(phone.at, "183 INVITE");
    assert!(progress.has_token(Name::Require, "100rel"));
    assert_eq!(sdp::payloads(&progress.body()), [8, 0, 101]);
    // Its PRACK brings the answer, which only the caller can give.
    stage.silence(callee.at);
    (stage, phone, callee, progress)
}

fn answer_of(phone: &Phone, offer: &Message) -> String {
    sdp::answer(&offer.body(), phone.at.ip(), 1)
}

#[test]
fn corner_18_an_early_offer_is_answered_in_the_prack() {
    let (mut stage, mut phone, mut callee, progress) = offered();
    let answer = answer_of(&phone, &progress);
    prack(&mut stage, &mut phone, &progress, Some(&answer));
    assert!(phone.expect(&mut stage, "200 PRACK").body().is_empty());
    let ours = stage.expect(callee.at, "PRACK");
    assert_eq!(ours.header(Name::RAck), Some("5 1 INVITE"));
    assert_eq!(sdp::payloads(&ours.body()), [8, 101]);
    callee.answer_to(&mut stage, &ours, 200, None);
    // Both have agreed: an UPDATE passes.
    phone.payloads = vec![8, 101];
    phone_updates(&mut stage, &mut phone, "sendonly");
    let ours = stage.expect(callee.at, "UPDATE");
    let answer = session_of(&callee, "recvonly", 2);
    callee.answer_to(&mut stage, &ours, 200, Some(&answer));
    phone.expect(&mut stage, "200 UPDATE");
    phone.dialog.invite_cseq = 1;
    let codec = |stage: &Stage| stage.cdr().codec_a.clone();
    callee.reply(&mut stage, 200, "", None);
    stage.expect(callee.at, "ACK");
    assert!(phone.answered(&mut stage).body().is_empty());
    stage.advance(1_000);
    phone.bye(&mut stage);
    callee.bye_comes(&mut stage);
    stage.over();
    assert_eq!((stage.cdr().duration_ms, codec(&stage).as_deref()), (1_000, Some("PCMA")));
}

#[test]
fn an_early_offer_is_not_asked_for_where_the_caller_cannot_answer_it() {
    let (mut stage, mut phone, mut callee) = calling("", &[]);
    assert!(!callee.invite.has_token(Name::Supported, "100rel"));
    let offer = sdp::write(callee.at.ip(), &sdp::G711);
    callee.reply(&mut stage, 183, "", Some(&offer));
    assert!(phone.expect(&mut stage, "183 INVITE").body().is_empty());
    callee.reply(&mut stage, 200, "", Some(&offer));
    let ok = phone.take_answer(&mut stage);
    let answer = answer_of(&phone, &ok);
    phone.ack(&mut stage, Some(&answer));
    assert_eq!(sdp::payloads(&stage.expect(callee.at, "ACK").body()), [8, 101]);
    phone.bye(&mut stage);
    callee.bye_comes(&mut stage);
    stage.over();
}

#[test]
fn a_prack_without_the_answer_that_it_owes_is_refused_and_the_offer_repeated() {
    let (mut stage, mut phone, mut callee, progress) = offered();
    prack(&mut stage, &mut phone, &progress, None);
    phone.expect(&mut stage, "488 PRACK");
    stage.advance(500);
    let again = phone.expect(&mut stage, "183 INVITE");
    assert_eq!(again.body(), progress.body());
    stage.silence(callee.at);
    // A lost PRACK is as none: in the end the call fails.
    stage.advance(31_500);
    phone.refused(&mut stage, 504);
    stage.expect(callee.at, "CANCEL");
    callee.fail(&mut stage, 487);
    stage.over();
    assert_eq!((&*stage.cdr().reason, stage.cdr().amount), ("no-prack", 0));
}

#[test]
fn an_early_offer_whose_answer_does_not_fit_ends_the_call() {
    let (mut stage, mut phone, mut callee, progress) = offered();
    let other = sdp::write(phone.at.ip(), &sdp::G722);
    prack(&mut stage, &mut phone, &progress, Some(&other));
    phone.expect(&mut stage, "200 PRACK");
    phone.refused(&mut stage, 488);
    stage.expect(callee.at, "CANCEL");
    callee.fail(&mut stage, 487);
    stage.over();
    assert_eq!(stage.cdr().amount, 0);
}

#[test]
fn an_early_offer_of_nothing_that_the_caller_may_take_goes_to_the_next_carrier() {
    let (mut stage, mut phone, mut callee) = calling(CALLER, &[]);
    let offer = sdp::write(callee.at.ip(), &sdp::G722);
    callee.reply(&mut stage, 183, &format!("{RELIABLE}5\r\n"), Some(&offer));
    stage.expect(callee.at, "CANCEL");
    callee.fail(&mut stage, 487);
    let mut beta = Callee::wait(&mut stage, crate::stage::BETA);
    beta.fail(&mut stage, 486);
    phone.refused(&mut stage, 486);
    stage.over();
}

#[test]
fn a_200_before_the_early_offer_has_its_answer_is_ended_and_charged() {
    let (mut stage, mut phone, mut callee, _) = offered();
    callee.reply(&mut stage, 200, "", None);
    assert!(stage.expect(callee.at, "ACK").body().is_empty());
    callee.bye_comes(&mut stage);
    let mut beta = Callee::wait(&mut stage, crate::stage::BETA);
    beta.fail(&mut stage, 486);
    phone.refused(&mut stage, 486);
    stage.over();
    assert_eq!((stage.cdr().amount, stage.late_costs().len()), (0, 1));
}

#[test]
fn another_phone_may_answer_with_an_offer_of_its_own() {
    let (mut stage, mut phone, mut callee, progress) = offered();
    let answer = answer_of(&phone, &progress);
    prack(&mut stage, &mut phone, &progress, Some(&answer));
    phone.expect(&mut stage, "200 PRACK");
    stage.expect(callee.at, "PRACK");
    callee.tag = "b2".to_owned();
    callee.dialog = tests::dialogue::Dialogue::callee(callee.at, &callee.invite, "b2");
    let offer = sdp::write(callee.at.ip(), &sdp::G711);
    callee.reply(&mut stage, 200, "", Some(&offer));
    let ok = phone.take_answer(&mut stage);
    assert_ne!(ok.to_tag(), progress.to_tag());
    assert_eq!(sdp::payloads(&ok.body()), [8, 0, 101]);
    let answer = answer_of(&phone, &ok);
    phone.dialog.invite_cseq = 1;
    phone.ack(&mut stage, Some(&answer));
    assert_eq!(sdp::payloads(&stage.expect(callee.at, "ACK").body()), [8, 101]);
    phone.bye(&mut stage);
    callee.bye_comes(&mut stage);
    stage.over();
}

#[test]
fn an_update_without_an_offer_moves_the_phones_end_of_its_dialog() {
    let (mut stage, mut phone, mut callee, progress) = offered();
    let update = callee.dialog.request("UPDATE", "", None);
    let moved = String::from_utf8(update.to_vec())
        .unwrap()
        .replace(&format!("Contact: <sip:{}>", callee.at), "Contact: <sip:198.51.100.9:5070>");
    stage.send(callee.at, &moved.into());
    stage.expect(callee.at, "200 UPDATE");
    let answer = answer_of(&phone, &progress);
    prack(&mut stage, &mut phone, &progress, Some(&answer));
    let ours = stage.expect(crate::stage::addr("198.51.100.9:5070"), "PRACK");
    assert_eq!(ours.request_uri(), "sip:198.51.100.9:5070");
}

#[test]
fn corner_17_where_several_phones_ring_an_update_goes_to_that_of_its_dialog() {
    let (desk_at, mobile_at) = ("203.0.113.7:5062", "203.0.113.8:5064");
    let mut plan = Plan::standard();
    plan.gates.push(sip_account("alice", "acme"));
    plan.domains = vec![SIP_DOMAIN];
    plan.numbers = vec![number("34911000001", "acme", "sip_account:alice")];
    let mut stage = Stage::new(plan);
    for at in [desk_at, mobile_at] {
        Handset::at("alice", at, at).register(&mut stage, &format!("Contact: <sip:alice@{at}>\r\n"));
    }
    let mut phone = stage.phone("c1", "34911000001");
    phone.invite_with(&mut stage, CALLER);
    let (mut desk, mut mobile) =
        (Callee::wait(&mut stage, desk_at), Callee::wait_as(&mut stage, mobile_at, "m1"));
    rings(&mut stage, &mut desk, 1);
    let progress = phone.expect(&mut stage, "183 INVITE");
    prack(&mut stage, &mut phone, &progress, None);
    phone.expect(&mut stage, "200 PRACK");
    rings(&mut stage, &mut mobile, 1);
    // The caller hears the first of them, and knows nothing of the other's session.
    assert!(phone.expect(&mut stage, "183 INVITE").body().is_empty());
    phone_updates(&mut stage, &mut phone, "sendonly");
    let ours = stage.expect(desk.at, "UPDATE");
    stage.silence(mobile.at);
    let answer = session_of(&desk, "recvonly", 2);
    desk.answer_to(&mut stage, &ours, 200, Some(&answer));
    phone.expect(&mut stage, "200 UPDATE");
    let offer = session_of(&mobile, "sendonly", 2);
    mobile.request(&mut stage, "UPDATE", "", Some(&offer));
    stage.expect(mobile.at, "504 UPDATE");
    // One that is open ends with its phone; the others go on.
    phone_updates(&mut stage, &mut phone, "inactive");
    stage.expect(desk.at, "UPDATE");
    desk.fail(&mut stage, 486);
    phone.expect(&mut stage, "491 UPDATE");
    mobile.reply(&mut stage, 200, "", None);
    stage.expect(mobile.at, "ACK");
    phone.dialog.invite_cseq = 1;
    let ok = phone.answered(&mut stage);
    assert_ne!(ok.to_tag(), progress.to_tag());
    assert_eq!(sdp::payloads(&ok.body()), [8, 101]);
    stage.advance(1_000);
    phone.bye(&mut stage);
    mobile.bye_comes(&mut stage);
    stage.advance(60_000);
    assert_eq!(stage.cdr().duration_ms, 1_000);
}
