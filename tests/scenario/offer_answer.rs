//! Offers and answers that are not of the simplest kind: further formats, SDPs that repeat or forget, what
//! fails on one side only (RFC 3264 §6 and §8, RFC 3261 §13.2.1 and §14). Corners 6, 16, 19, 26–30.

use sip::{Message, Name};
use tests::dialogue::{ack_failure, reply};
use tests::sdp::{self, Media};

use crate::phone::{Callee, Phone};
use crate::stage::{ALPHA, BETA, Stage, addr};

fn text(message: &Message) -> String {
    String::from_utf8_lossy(&message.body()).into_owned()
}

/// Session id and version of the `o=` line.
fn origin(message: &Message) -> (String, u64) {
    let text = text(message);
    let line = text.lines().find(|line| line.starts_with("o=")).expect("o= line");
    let fields: Vec<&str> = line.split(' ').collect();
    (fields[1].to_owned(), fields[2].parse().expect("version"))
}

/// A call that the carrier rings on, not answered yet.
fn ringing(payloads: &[u8]) -> (Stage, Phone, Callee) {
    let mut stage = Stage::standard();
    let mut phone = stage.phone("c1", "34600000000");
    phone.payloads = payloads.to_vec();
    phone.invite(&mut stage);
    let callee = Callee::wait(&mut stage, ALPHA);
    (stage, phone, callee)
}

fn hang_up(stage: &mut Stage, phone: &mut Phone, callee: &mut Callee) {
    phone.bye(stage);
    callee.bye_comes(stage);
    stage.over();
}

#[test]
fn fault_b4_an_answer_with_further_formats_does_not_end_the_call() {
    for further in ["8 101", "8 18", "8 13", "0 8 9", "18 8 4"] {
        let (mut stage, mut phone, mut callee) = ringing(&[8]);
        let payloads: Vec<u8> = further.split(' ').map(|number| number.parse().unwrap()).collect();
        let answer = sdp::write(callee.at.ip(), &Media { payloads: &payloads, ..sdp::G711 });
        callee.reply(&mut stage, 200, "", Some(&answer));
        stage.expect(callee.at, "ACK");
        let ok = phone.answered(&mut stage);
        assert_eq!(sdp::payloads(&ok.body()), [8], "{further}: only what was offered");
        stage.advance(1_000);
        hang_up(&mut stage, &mut phone, &mut callee);
        assert_eq!((stage.cdr().duration_ms, stage.cdr().codec_a.as_deref()), (1_000, Some("PCMA")));
    }
}

#[test]
fn an_answer_with_nothing_that_was_offered_is_still_the_next_carriers_turn() {
    let (mut stage, mut phone, mut callee) = ringing(&[8]);
    let answer = sdp::write(callee.at.ip(), &Media { payloads: &[18, 101], ..sdp::G711 });
    callee.reply(&mut stage, 200, "", Some(&answer));
    stage.expect(callee.at, "ACK");
    callee.bye_comes(&mut stage);
    let mut beta = Callee::wait(&mut stage, BETA);
    beta.answer(&mut stage);
    stage.expect(beta.at, "ACK");
    phone.answered(&mut stage);
    hang_up(&mut stage, &mut phone, &mut beta);
}

#[test]
fn fault_b4_a_reinvites_answer_with_further_formats_passes() {
    let mut stage = Stage::standard();
    let (mut phone, mut callee) = stage.talk("c1", "34600000000");
    phone.payloads = vec![8];
    phone.reinvite(&mut stage, "sendrecv");
    let ours = stage.expect(callee.at, "INVITE");
    assert_eq!(sdp::payloads(&ours.body()), [8]);
    let answer = sdp::write(callee.at.ip(), &Media { payloads: &[8, 0, 18, 101], version: 2, ..sdp::G711 });
    callee.answer_to(&mut stage, &ours, 200, Some(&answer));
    stage.expect(callee.at, "ACK");
    let ok = phone.answered(&mut stage);
    assert_eq!(sdp::payloads(&ok.body()), [8]);
    hang_up(&mut stage, &mut phone, &mut callee);
}

#[test]
fn fault_b4_a_reinvite_that_the_caller_cannot_have_is_undone_at_the_callee() {
    let mut stage = Stage::standard();
    let (mut phone, mut callee) = stage.talk("c1", "34600000000");
    let first = text(&callee.invite);
    phone.payloads = vec![8];
    phone.reinvite(&mut stage, "sendonly");
    let ours = stage.expect(callee.at, "INVITE");
    // It takes the offer, but its answer holds nothing of it.
    let answer = sdp::write(callee.at.ip(), &Media { payloads: &[0], version: 2, direction: "recvonly" });
    callee.answer_to(&mut stage, &ours, 200, Some(&answer));
    stage.expect(callee.at, "ACK");
    phone.refused(&mut stage, 488);
    let undone = stage.expect(callee.at, "INVITE");
    assert_eq!(origin(&undone), (origin(&ours).0, origin(&ours).1 + 1));
    let without_origin =
        |text: &str| text.lines().filter(|line| !line.starts_with("o=")).collect::<Vec<_>>().join("\n");
    assert_eq!(without_origin(&text(&undone)), without_origin(&first), "what was agreed before");
    let answer = sdp::answer(&undone.body(), callee.at.ip(), 3);
    callee.answer_to(&mut stage, &undone, 200, Some(&answer));
    stage.expect(callee.at, "ACK");
    stage.silence(phone.at);
    hang_up(&mut stage, &mut phone, &mut callee);
    assert_eq!(&*stage.cdr().reason, "normal");
}

#[test]
fn fault_b5_the_first_changed_offer_has_a_version_of_its_own() {
    let mut stage = Stage::standard();
    let (mut phone, mut callee) = stage.talk("c1", "34600000000");
    let (id, version) = origin(&callee.invite);
    for step in 1..4 {
        phone.reinvite(&mut stage, if step % 2 == 1 { "sendonly" } else { "sendrecv" });
        let ours = stage.expect(callee.at, "INVITE");
        assert_eq!(origin(&ours), (id.clone(), version + step), "RFC 3264 §8: one more with each change");
        let answer = sdp::answer(&ours.body(), callee.at.ip(), 1 + step as u32);
        callee.answer_to(&mut stage, &ours, 200, Some(&answer));
        stage.expect(callee.at, "ACK");
        phone.answered(&mut stage);
    }
    hang_up(&mut stage, &mut phone, &mut callee);
}

#[test]
fn fault_b5_an_offer_that_failed_does_not_lend_its_version_to_the_next() {
    let mut stage = Stage::standard();
    let (mut phone, mut callee) = stage.talk("c1", "34600000000");
    let mut versions = vec![origin(&callee.invite).1];
    for status in [488, 200] {
        phone.reinvite(&mut stage, if status == 200 { "inactive" } else { "sendonly" });
        let ours = stage.expect(callee.at, "INVITE");
        versions.push(origin(&ours).1);
        let answer = sdp::answer(&ours.body(), callee.at.ip(), 2);
        callee.answer_to(&mut stage, &ours, status, (status == 200).then_some(&*answer));
        stage.expect(callee.at, "ACK");
        if status == 200 { drop(phone.answered(&mut stage)) } else { drop(phone.refused(&mut stage, 488)) }
    }
    assert_eq!(versions, [1, 2, 3]);
    hang_up(&mut stage, &mut phone, &mut callee);
}

#[test]
fn fault_b5_a_changed_sdp_passes_even_under_an_old_version() {
    let mut stage = Stage::standard();
    let (mut phone, mut callee) = stage.talk("c1", "34600000000");
    // Hold, without a word of it in the o= line.
    phone.sdp_version -= 1;
    phone.reinvite(&mut stage, "sendonly");
    let ours = stage.expect(callee.at, "INVITE");
    assert_eq!(sdp::direction(&ours.body()), "sendonly");
    let answer = sdp::answer(&ours.body(), callee.at.ip(), 2);
    callee.answer_to(&mut stage, &ours, 200, Some(&answer));
    stage.expect(callee.at, "ACK");
    let ok = phone.answered(&mut stage);
    assert_eq!(sdp::direction(&ok.body()), "recvonly");
    // The same once more is a refresh, and stays here.
    phone.sdp_version -= 1;
    phone.reinvite(&mut stage, "sendonly");
    let again = phone.answered(&mut stage);
    assert_eq!(again.body(), ok.body());
    stage.silence(callee.at);
    hang_up(&mut stage, &mut phone, &mut callee);
}

#[test]
fn fault_b5_an_offer_that_was_refused_is_no_refresh_when_it_comes_again() {
    let mut stage = Stage::standard();
    let (mut phone, mut callee) = stage.talk("c1", "34600000000");
    for status in [488, 200] {
        phone.sdp_version = 1;
        phone.reinvite(&mut stage, "sendonly");
        let ours = stage.expect(callee.at, "INVITE");
        let answer = sdp::answer(&ours.body(), callee.at.ip(), 2);
        callee.answer_to(&mut stage, &ours, status, (status == 200).then_some(&*answer));
        stage.expect(callee.at, "ACK");
        if status == 200 { drop(phone.answered(&mut stage)) } else { drop(phone.refused(&mut stage, 488)) }
    }
    hang_up(&mut stage, &mut phone, &mut callee);
}

#[test]
fn fault_b6_an_early_answer_is_the_answer_if_the_200_holds_none() {
    let (mut stage, mut phone, mut callee) = ringing(&[8, 0, 101]);
    let sdp = callee.sdp();
    callee.reply(&mut stage, 183, "", Some(&sdp));
    let early = phone.expect(&mut stage, "183 INVITE");
    callee.reply(&mut stage, 200, "", None);
    stage.expect(callee.at, "ACK");
    let ok = phone.answered(&mut stage);
    assert_eq!((ok.body(), ok.to_tag()), (early.body(), early.to_tag()), "the very same answer");
    stage.advance(2_000);
    hang_up(&mut stage, &mut phone, &mut callee);
    assert_eq!((stage.cdr().duration_ms, stage.cdr().codec_b.as_deref()), (2_000, Some("PCMA")));
}

#[test]
fn fault_b6_the_same_in_a_reinvite() {
    let mut stage = Stage::standard();
    let (mut phone, mut callee) = stage.talk("c1", "34600000000");
    phone.reinvite(&mut stage, "sendonly");
    let ours = stage.expect(callee.at, "INVITE");
    let answer = sdp::answer(&ours.body(), callee.at.ip(), 2);
    callee.answer_to(&mut stage, &ours, 183, Some(&answer));
    callee.answer_to(&mut stage, &ours, 200, None);
    stage.expect(callee.at, "ACK");
    let ok = phone.answered(&mut stage);
    assert_eq!(sdp::direction(&ok.body()), "recvonly");
    hang_up(&mut stage, &mut phone, &mut callee);
}

#[test]
fn an_answer_without_any_sdp_is_the_next_carriers_turn() {
    let (mut stage, mut phone, mut callee) = ringing(&[8]);
    callee.ring(&mut stage);
    callee.reply(&mut stage, 200, "", None);
    stage.expect(callee.at, "ACK");
    callee.bye_comes(&mut stage);
    let mut beta = Callee::wait(&mut stage, BETA);
    beta.fail(&mut stage, 486);
    phone.refused(&mut stage, 486);
    stage.over();
}

#[test]
fn fault_b7_sessions_of_two_phones_are_two_dialogs_toward_the_caller() {
    let (mut stage, mut phone, callee) = ringing(&[8, 0]);
    let mut forks = ["r1", "r2"].map(|tag| Callee { tag: tag.to_owned(), ..callee.clone() });
    let mut tags = Vec::new();
    for (port, fork) in ["41000", "42000"].into_iter().zip(&mut forks) {
        let sdp = fork.sdp().replace("40000", port);
        fork.reply(&mut stage, 183, "", Some(&sdp));
        let early = phone.expect(&mut stage, "183 INVITE");
        assert!(text(&early).contains(port));
        tags.push(early.to_tag().to_owned());
    }
    assert_ne!(tags[0], tags[1], "two answers to one offer are two dialogs");
    // The second one answers.
    let fork = &mut forks[1];
    let sdp = fork.sdp().replace("40000", "42000");
    fork.reply(&mut stage, 200, "", Some(&sdp));
    stage.expect(fork.at, "ACK");
    let ok = phone.answered(&mut stage);
    assert_eq!(ok.to_tag(), tags[1]);
    assert!(text(&ok).contains("42000"));
    fork.dialog = tests::dialogue::Dialogue::callee(fork.at, &fork.invite, "r2");
    stage.advance(1_000);
    phone.reinvite(&mut stage, "sendonly");
    let ours = stage.expect(fork.at, "INVITE");
    assert_eq!(ours.to_tag(), "r2");
    let answer = sdp::answer(&ours.body(), fork.at.ip(), 2);
    fork.answer_to(&mut stage, &ours, 200, Some(&answer));
    stage.expect(fork.at, "ACK");
    phone.answered(&mut stage);
    let mut fork = fork.clone();
    hang_up(&mut stage, &mut phone, &mut fork);
}

#[test]
fn fault_b7_an_answer_by_a_phone_that_said_nothing_has_a_dialog_of_its_own() {
    let (mut stage, mut phone, callee) = ringing(&[8, 0]);
    let sdp = callee.sdp();
    stage.send(callee.at, &reply(&callee.invite, 183, "r1", callee.at, "", Some(&sdp)));
    let early = phone.expect(&mut stage, "183 INVITE");
    let mut other = callee;
    other.answer(&mut stage);
    stage.expect(other.at, "ACK");
    let ok = phone.answered(&mut stage);
    assert_ne!(ok.to_tag(), early.to_tag());
    hang_up(&mut stage, &mut phone, &mut other);
}

#[test]
fn fault_b7_a_reinvite_that_is_cancelled_is_cancelled_beyond() {
    let mut stage = Stage::standard();
    let (mut phone, mut callee) = stage.talk("c1", "34600000000");
    phone.reinvite(&mut stage, "sendonly");
    let ours = stage.expect(callee.at, "INVITE");
    callee.answer_to(&mut stage, &ours, 100, None);
    phone.cancel(&mut stage);
    phone.expect(&mut stage, "200 CANCEL");
    phone.refused(&mut stage, 487);
    let cancel = stage.expect(callee.at, "CANCEL");
    assert_eq!(cancel.cseq().0, ours.cseq().0);
    callee.answer_to(&mut stage, &cancel, 200, None);
    callee.answer_to(&mut stage, &ours, 487, None);
    stage.expect(callee.at, "ACK");
    stage.silence(phone.at);
    // The session is free for another exchange.
    phone.reinvite(&mut stage, "sendonly");
    let ours = stage.expect(callee.at, "INVITE");
    let answer = sdp::answer(&ours.body(), callee.at.ip(), 2);
    callee.answer_to(&mut stage, &ours, 200, Some(&answer));
    stage.expect(callee.at, "ACK");
    phone.answered(&mut stage);
    hang_up(&mut stage, &mut phone, &mut callee);
}

#[test]
fn fault_b7_a_cancelled_reinvite_that_the_callee_took_is_undone() {
    let mut stage = Stage::standard();
    let (mut phone, mut callee) = stage.talk("c1", "34600000000");
    phone.reinvite(&mut stage, "sendonly");
    let ours = stage.expect(callee.at, "INVITE");
    phone.cancel(&mut stage);
    phone.refused(&mut stage, 487);
    let answer = sdp::answer(&ours.body(), callee.at.ip(), 2);
    callee.answer_to(&mut stage, &ours, 200, Some(&answer));
    stage.expect(callee.at, "ACK");
    let undone = stage.expect(callee.at, "INVITE");
    assert_eq!((sdp::direction(&undone.body()), origin(&undone).1), ("sendrecv", origin(&ours).1 + 1));
    let answer = sdp::answer(&undone.body(), callee.at.ip(), 3);
    callee.answer_to(&mut stage, &undone, 200, Some(&answer));
    stage.expect(callee.at, "ACK");
    hang_up(&mut stage, &mut phone, &mut callee);
}

#[test]
fn fault_b11e_a_refusal_that_concerns_the_callees_leg_is_told_in_words_that_mean_something() {
    for (theirs, ours) in
        [(401, 488), (407, 488), (420, 488), (415, 488), (302, 488), (503, 500), (603, 603), (500, 500)]
    {
        let mut stage = Stage::standard();
        let (mut phone, mut callee) = stage.talk("c1", "34600000000");
        phone.reinvite(&mut stage, "sendonly");
        let asked = stage.expect(callee.at, "INVITE");
        let extra =
            "WWW-Authenticate: Digest realm=\"alpha\", nonce=\"1\"\r\nUnsupported: x\r\nAccept: a/b\r\n";
        stage.send(callee.at, &reply(&asked, theirs, "", callee.at, extra, None));
        stage.expect(callee.at, "ACK");
        let told = phone.refused(&mut stage, ours);
        assert!(
            !String::from_utf8_lossy(told.as_bytes()).contains("realm"),
            "a carrier's challenge is none of the caller's business"
        );
        hang_up(&mut stage, &mut phone, &mut callee);
    }
}

#[test]
fn fault_b11m_a_video_stream_of_many_attributes_does_not_refuse_the_call() {
    let mut stage = Stage::standard();
    let mut phone = stage.phone("c1", "34600000000");
    let sdp = phone.sdp("sendrecv")
        + "m=video 5000 RTP/AVP 99\r\na=rtpmap:99 H264/90000\r\n"
        + &"a=x-layer:1\r\n".repeat(200);
    let bytes = phone.dialog.request("INVITE", "", Some(&sdp));
    stage.send(phone.at, &bytes);
    let mut callee = Callee::wait(&mut stage, ALPHA);
    assert!(text(&callee.invite).ends_with("m=video 0 RTP/AVP 99\r\n"));
    let answer = callee.sdp() + "m=video 0 RTP/AVP 99\r\n";
    callee.reply(&mut stage, 200, "", Some(&answer));
    stage.expect(callee.at, "ACK");
    phone.answered(&mut stage);
    hang_up(&mut stage, &mut phone, &mut callee);
}

#[test]
fn an_offer_of_the_callee_that_cannot_be_read_changes_nothing() {
    let mut stage = Stage::standard();
    let (mut phone, mut callee) = stage.talk("c1", "34600000000");
    for broken in
        ["v=0\r\n", "v=0\r\no=- 1 1 IN IP4 198.51.100.1\r\ns=-\r\nt=0 0\r\nm=audio 70000 RTP/AVP 8\r\n"]
    {
        let theirs = callee.request(&mut stage, "INVITE", "", Some(broken));
        let refused = stage.expect(callee.at, "488 INVITE");
        stage.send(callee.at, &ack_failure(&theirs, &refused));
    }
    stage.silence(phone.at);
    hang_up(&mut stage, &mut phone, &mut callee);
}

#[test]
fn a_late_offer_reinvite_asks_the_callee_for_all_that_it_speaks() {
    let mut stage = Stage::standard();
    let (mut phone, mut callee) = stage.talk("c1", "34600000000");
    let bytes = phone.dialog.request("INVITE", "", None);
    stage.send(phone.at, &bytes);
    let asked = stage.expect(callee.at, "INVITE");
    assert!(asked.body().is_empty());
    let offer = sdp::write(callee.at.ip(), &Media { payloads: &[18, 8, 0, 101], version: 2, ..sdp::G711 });
    callee.answer_to(&mut stage, &asked, 200, Some(&offer));
    let ok = phone.take_answer(&mut stage);
    assert_eq!(sdp::payloads(&ok.body()), [18, 8, 0, 101]);
    let answer = sdp::write(phone.at.ip(), &Media { payloads: &[18, 101], version: 2, ..sdp::G711 });
    phone.ack(&mut stage, Some(&answer));
    let ack = stage.expect(callee.at, "ACK");
    assert_eq!(sdp::payloads(&ack.body()), [18, 101]);
    hang_up(&mut stage, &mut phone, &mut callee);
    assert_eq!(stage.cdr().codec_b.as_deref(), Some("G729"));
}

#[test]
fn corner_29_a_fax_is_refused_and_the_call_goes_on() {
    let mut stage = Stage::standard();
    let (mut phone, mut callee) = stage.talk("c1", "34600000000");
    let fax = format!(
        "v=0\r\no=- 7 2 IN IP4 {0}\r\ns=-\r\nc=IN IP4 {0}\r\nt=0 0\r\nm=image 5000 udptl t38\r\na=T38FaxVersion:0\r\n",
        callee.at.ip()
    );
    let theirs = callee.request(&mut stage, "INVITE", "", Some(&fax));
    let refused = stage.expect(callee.at, "488 INVITE");
    stage.send(callee.at, &ack_failure(&theirs, &refused));
    stage.advance(1_000);
    hang_up(&mut stage, &mut phone, &mut callee);
    assert_eq!(stage.cdr().duration_ms, 1_000);
}

#[test]
fn fault_b5_a_refresh_repeats_what_was_agreed_and_not_what_was_refused() {
    let mut plan = tests::plan::Plan::standard();
    plan.carriers[0].session.expires_secs = 600;
    let mut stage = Stage::new(plan);
    let mut phone = stage.phone("c1", "34600000000");
    phone.invite(&mut stage);
    let mut callee = Callee::wait(&mut stage, ALPHA);
    let sdp = callee.sdp();
    callee.reply(&mut stage, 200, "Session-Expires: 600;refresher=uac\r\nRequire: timer\r\n", Some(&sdp));
    stage.expect(addr(ALPHA), "ACK");
    phone.answered(&mut stage);
    phone.reinvite(&mut stage, "sendonly");
    let ours = stage.expect(callee.at, "INVITE");
    callee.answer_to(&mut stage, &ours, 488, None);
    stage.expect(callee.at, "ACK");
    phone.refused(&mut stage, 488);
    stage.advance(310_000);
    let refresh = stage.expect(callee.at, "INVITE");
    assert_eq!(refresh.body(), callee.invite.body(), "word for word what holds");
    assert!(refresh.header(Name::SessionExpires).is_some());
}

#[test]
fn an_answer_to_a_hold_that_ignores_it_is_read_as_the_offer_allows() {
    // RFC 3264 §6.1: sendonly is answered recvonly or inactive, inactive is answered inactive.
    for (offered, answered, told) in [
        ("sendonly", "sendrecv", "recvonly"),
        ("sendonly", "sendonly", "inactive"),
        ("inactive", "sendrecv", "inactive"),
        ("recvonly", "sendrecv", "sendonly"),
        ("sendrecv", "recvonly", "recvonly"),
    ] {
        let mut stage = Stage::standard();
        let (mut phone, mut callee) = stage.talk("c1", "34600000000");
        phone.reinvite(&mut stage, offered);
        let ours = stage.expect(callee.at, "INVITE");
        let answer = sdp::write(callee.at.ip(), &Media { direction: answered, version: 2, ..sdp::G711 });
        callee.answer_to(&mut stage, &ours, 200, Some(&answer));
        stage.expect(callee.at, "ACK");
        let ok = phone.answered(&mut stage);
        assert_eq!(
            text(&ok).matches("a=send").count()
                + text(&ok).matches("a=recv").count()
                + text(&ok).matches("a=inactive").count(),
            1
        );
        assert_eq!(sdp::direction(&ok.body()), told, "{offered} / {answered}");
        hang_up(&mut stage, &mut phone, &mut callee);
    }
}

#[test]
fn an_update_without_an_offer_is_answered_while_an_offer_is_open() {
    let mut stage = Stage::standard();
    let (mut phone, mut callee) = stage.talk("c1", "34600000000");
    phone.reinvite(&mut stage, "sendonly");
    let ours = stage.expect(callee.at, "INVITE");
    for (extra, offer, status) in [("", false, 200), ("", true, 500)] {
        let sdp = phone.sdp("inactive");
        let bytes = phone.dialog.request("UPDATE", extra, offer.then_some(&*sdp));
        stage.send(phone.at, &bytes);
        let answer = phone.expect(&mut stage, &format!("{status} UPDATE"));
        assert_eq!(answer.header(Name::RetryAfter).is_some(), status == 500);
    }
    let offer = sdp::write(callee.at.ip(), &sdp::G711);
    callee.request(&mut stage, "UPDATE", "", Some(&offer));
    stage.expect(callee.at, "491 UPDATE");
    let answer = sdp::answer(&ours.body(), callee.at.ip(), 2);
    callee.answer_to(&mut stage, &ours, 200, Some(&answer));
    stage.expect(callee.at, "ACK");
    let ok = phone.expect(&mut stage, "200 INVITE");
    phone.dialog.learn(&ok);
    let ack = phone.dialog.ack(ok.cseq().0, None);
    stage.send(phone.at, &ack);
    hang_up(&mut stage, &mut phone, &mut callee);
}

#[test]
fn an_offer_in_an_update_passes_as_a_reinvite_does() {
    let mut stage = Stage::standard();
    let (mut phone, mut callee) = stage.talk("c1", "34600000000");
    let offer = phone.sdp("sendonly").replace("o=- 7 1 ", "o=- 7 2 ");
    let bytes = phone.dialog.request("UPDATE", "", Some(&offer));
    stage.send(phone.at, &bytes);
    let ours = stage.expect(callee.at, "INVITE");
    let answer = sdp::answer(&ours.body(), callee.at.ip(), 2);
    callee.answer_to(&mut stage, &ours, 200, Some(&answer));
    stage.expect(callee.at, "ACK");
    let ok = phone.expect(&mut stage, "200 UPDATE");
    assert_eq!(sdp::direction(&ok.body()), "recvonly");
    hang_up(&mut stage, &mut phone, &mut callee);
}
