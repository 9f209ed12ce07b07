//! Corners 4, 10, 33, 34 and 45, attack 5: small rules that a peer notices at once.

use bytes::Bytes;
use sip::Name;
use tests::dialogue::ack_failure;

use crate::phone::Callee;
use crate::stage::{ALPHA, BETA, PBX, Stage, addr};

fn branch(message: &sip::Message) -> String {
    let via = message.header(Name::Via).expect("Via");
    via.split(";branch=").nth(1).expect("a branch").split([';', ',']).next().unwrap_or_default().to_owned()
}

/// The carrier confirms our CANCEL and never ends its INVITE: after 64·T1 nothing of the call is held any
/// more.
#[test]
fn a_carrier_that_confirms_cancel_and_never_ends_the_invite_is_forgotten() {
    let mut stage = Stage::standard();
    let mut phone = stage.phone("c1", "34511000000");
    phone.invite(&mut stage);
    let mut callee = Callee::wait(&mut stage, ALPHA);
    callee.ring(&mut stage);
    phone.expect(&mut stage, "180 INVITE");
    phone.cancel(&mut stage);
    phone.expect(&mut stage, "200 CANCEL");
    phone.refused(&mut stage, 487);
    let cancel = stage.expect(callee.at, "CANCEL");
    callee.answer_to(&mut stage, &cancel, 200, None);
    stage.over();
    assert_eq!((stage.cdr().amount, stage.cdr().sip_status), (0, 487));
    stage.silence(callee.at);
    stage.silence(addr(BETA));
}

/// RFC 3261 §13.2.2.4 and §17.1.1.3: a request of the dialog with a branch of its own; the transaction's,
/// with the INVITE's.
#[test]
fn the_ack_of_an_answer_has_its_own_branch_and_that_of_a_failure_the_invites() {
    let mut stage = Stage::standard();
    let mut phone = stage.phone("c1", "34511000000");
    phone.invite(&mut stage);
    let mut alpha = Callee::wait(&mut stage, ALPHA);
    alpha.reply(&mut stage, 503, "", None);
    let ack = stage.expect(alpha.at, "ACK");
    assert_eq!((branch(&ack), ack.request_uri()), (branch(&alpha.invite), alpha.invite.request_uri()));
    let mut beta = Callee::wait(&mut stage, BETA);
    let sdp = beta.sdp();
    beta.reply(&mut stage, 200, "Record-Route: <sip:198.51.100.77;lr>\r\n", Some(&sdp));
    // By the route of the answer: another address than the INVITE's.
    let ack = stage.expect(addr("198.51.100.77:5060"), "ACK");
    assert_ne!(branch(&ack), branch(&beta.invite));
    assert_eq!(ack.header(Name::Route), Some("<sip:198.51.100.77;lr>"));
    assert_eq!(ack.request_uri(), format!("sip:{BETA}"));
    phone.answered(&mut stage);
}

/// A Route that is ours is taken off (RFC 3261 §16.4) and not shown to the carrier, nor is one beyond it
/// followed.
#[test]
fn our_own_route_is_taken_off() {
    for route in
        ["Route: <sip:192.0.2.1;lr>\r\n", "Route: <sip:192.0.2.1:5060;lr>, <sip:203.0.113.50;lr>\r\n"]
    {
        let mut stage = Stage::standard();
        let mut phone = stage.phone("c1", "34511000000");
        phone.invite_with(&mut stage, route);
        let callee = Callee::wait(&mut stage, ALPHA);
        assert_eq!(callee.invite.header(Name::Route), None);
        stage.silence(addr("203.0.113.50:5060"));
    }
}

/// A redirect to a dearer number is a failure as another: the next carrier gets the number that was called,
/// and the caller nothing of it.
#[test]
fn a_redirect_is_not_followed_and_not_told() {
    for status in [300, 301, 302, 305, 380] {
        let mut stage = Stage::standard();
        let mut phone = stage.phone("c1", "34511000000");
        phone.invite(&mut stage);
        for at in [ALPHA, BETA] {
            let callee = Callee::wait(&mut stage, at);
            assert!(callee.invite.request_uri().contains("34511000000"));
            let away = addr("203.0.113.50:5060");
            stage.send(callee.at, &tests::dialogue::reply(&callee.invite, status, "r", away, "", None));
            stage.expect(callee.at, "ACK");
            stage.silence(away);
        }
        let answers = stage.inbox(phone.at);
        let refusal = answers.iter().find(|message| message.status() >= 300).expect("a refusal");
        assert!(refusal.status() >= 400, "{refusal:?}");
        assert!(!String::from_utf8_lossy(refusal.as_bytes()).contains("203.0.113.50"), "{refusal:?}");
        stage.send(phone.at, &ack_failure(phone.invite.as_ref().unwrap(), refusal));
        stage.over();
        assert_eq!(stage.cdr().amount, 0);
    }
}

fn with_body(stage: &mut Stage, content_type: &str, body: &str) -> Vec<sip::Message> {
    let mut phone = stage.phone("c1", "34511000000");
    let bytes = phone.dialog.request("INVITE", "", None);
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let (head, _) = text.split_once("Content-Length").expect("a length");
    let text = format!("{head}Content-Type: {content_type}\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    stage.send(phone.at, &Bytes::from(text));
    stage.inbox(phone.at)
}

fn part(kind: &str, more: &str, body: &str) -> String {
    format!("--b1\r\nContent-Type: {kind}\r\n{more}\r\n{body}\r\n")
}

/// RFC 5621: the session is found among parts that nobody has to know; a part that must be understood and is
/// not is 415.
#[test]
fn a_session_among_other_parts_is_found() {
    let session = Stage::standard().phone("c0", "34511000000").sdp("sendrecv");
    let isup = |handling: &str| {
        part(
            "application/isup;version=x",
            &format!("Content-Disposition: signal;handling={handling}\r\n"),
            "\u{1}\u{2}",
        )
    };
    for body in [
        format!("{}{}--b1--\r\n", part("application/sdp", "", &session), isup("optional")),
        format!("{}{}--b1--\r\n", isup("optional"), part("application/sdp", "", &session)),
    ] {
        let mut stage = Stage::standard();
        with_body(&mut stage, "multipart/mixed;boundary=b1", &body);
        let callee = Callee::wait(&mut stage, ALPHA);
        assert!(String::from_utf8_lossy(&callee.invite.body()).contains("m=audio"), "{:?}", callee.invite);
    }
    let mut stage = Stage::standard();
    let body = format!("{}{}--b1--\r\n", part("application/sdp", "", &session), isup("required"));
    let answers = with_body(&mut stage, "multipart/mixed;boundary=b1", &body);
    assert!(answers.iter().any(|message| message.status() == 415), "{answers:?}");
    stage.silence(addr(ALPHA));
}

/// A NUL, a payload beyond 32 bits and a port beyond 16 in an offer: refused, or handed on without it; never
/// a panic, never a record with a cost.
#[test]
fn an_sdp_with_a_nul_or_absurd_numbers_is_refused() {
    let session = Stage::standard().phone("c0", "34511000000").sdp("sendrecv");
    let (head, media) = session.split_once("m=audio ").expect("audio");
    let (_, rest) = media.split_once(' ').expect("a port");
    for body in [
        session.replacen("a=rtpmap", "a=rtp\0map", 1),
        session.replacen("a=", "a=fmtp\0:101 0-16\r\na=", 1),
        format!("{head}m=audio 17002 RTP/AVP 4294967296\r\n"),
        format!("{head}m=audio 65536 {rest}"),
        format!("{head}m=audio -1 {rest}"),
        head.to_owned(),
    ] {
        let mut stage = Stage::standard();
        let answers = with_body(&mut stage, "application/sdp", &body);
        let refused = answers.iter().any(|message| [400, 488].contains(&message.status()));
        let passed: Vec<_> = stage.inbox(addr(ALPHA));
        let clean = !passed.is_empty() && passed.iter().all(|message| !message.body().contains(&0));
        assert!(refused != clean, "{body:?}: {answers:?} {passed:?}");
        if refused {
            assert_eq!((stage.balance(), stage.view("acme").leased.amount), (1_000_000, 0));
        }
        assert!(stage.kinds(addr(PBX)).is_empty() || clean);
    }
}
