//! Relayed calls whose sessions change before the answer (RFC 3262 §5, RFC 3311): each side keeps our port,
//! and what was agreed last is what the relay knows.

use tests::sdp;

use crate::early_offers::{CALLER, RELIABLE, phone_updates, prack, rings, session_of};
use crate::phone::{Callee, Phone};
use crate::relay::{media_of, relayed, target};
use crate::stage::{ALPHA, Stage, addr};

fn calling(payloads: &[u8]) -> (Stage, Phone, Callee) {
    let mut stage = relayed();
    let mut phone = stage.phone("c1", "34600000000");
    phone.payloads = payloads.to_vec();
    phone.invite_with(&mut stage, CALLER);
    let callee = Callee::wait(&mut stage, ALPHA);
    (stage, phone, callee)
}

/// Where a packet of each side goes: the caller's, the called side's.
fn heard(
    stage: &mut Stage,
    (phone, a): (&Phone, std::net::SocketAddr),
    b: std::net::SocketAddr,
) -> [Option<String>; 2] {
    stage.advance(20);
    let now = stage.now.tick;
    let from_caller = stage.relay.rtp(now, media_of(phone.at), a);
    let from_callee = stage.relay.rtp(now, media_of(addr(ALPHA)), b);
    [from_caller, from_callee].map(|to| to.map(|to| to.to_string()))
}

#[test]
fn corner_17_an_update_before_the_answer_is_relayed() {
    let (mut stage, mut phone, mut callee) = calling(sdp::G711.payloads);
    let b = target(&callee.invite.body());
    rings(&mut stage, &mut callee, 9);
    let progress = phone.expect(&mut stage, "183 INVITE");
    let a = target(&progress.body());
    prack(&mut stage, &mut phone, &progress, None);
    phone.expect(&mut stage, "200 PRACK");
    let both = [Some(media_of(callee.at).to_string()), Some(media_of(phone.at).to_string())];
    assert_eq!(heard(&mut stage, (&phone, a), b), both);
    // Hold, before anybody answered: by our port, and nothing goes to who holds.
    phone_updates(&mut stage, &mut phone, "sendonly");
    let ours = stage.expect(callee.at, "UPDATE");
    assert_eq!((target(&ours.body()), sdp::direction(&ours.body())), (b, "sendonly"));
    let answer = session_of(&callee, "recvonly", 2);
    callee.answer_to(&mut stage, &ours, 200, Some(&answer));
    let ok = phone.expect(&mut stage, "200 UPDATE");
    assert_eq!((target(&ok.body()), sdp::direction(&ok.body())), (a, "recvonly"));
    assert_eq!(heard(&mut stage, (&phone, a), b), [both[0].clone(), None]);
    phone.dialog.invite_cseq = 1;
    callee.reply(&mut stage, 200, "", None);
    stage.expect(callee.at, "ACK");
    assert!(phone.answered(&mut stage).body().is_empty(), "it was agreed before");
    assert_eq!(heard(&mut stage, (&phone, a), b), [both[0].clone(), None], "and holds after the answer");
    phone.bye(&mut stage);
    callee.bye_comes(&mut stage);
    stage.over();
}

#[test]
fn corner_18_an_early_offer_of_a_phone_is_relayed() {
    let (mut stage, mut phone, mut callee) = calling(&[]);
    let offer = sdp::write(callee.at.ip(), &sdp::G711);
    callee.reply(&mut stage, 183, &format!("{RELIABLE}5\r\n"), Some(&offer));
    let progress = phone.expect(&mut stage, "183 INVITE");
    let a = target(&progress.body());
    assert_ne!(a, media_of(callee.at));
    let answer = sdp::answer(&progress.body(), phone.at.ip(), 1);
    prack(&mut stage, &mut phone, &progress, Some(&answer));
    phone.expect(&mut stage, "200 PRACK");
    let ours = stage.expect(callee.at, "PRACK");
    let b = target(&ours.body());
    assert_ne!(b, media_of(phone.at));
    callee.answer_to(&mut stage, &ours, 200, None);
    let both = [Some(media_of(callee.at).to_string()), Some(media_of(phone.at).to_string())];
    assert_eq!(heard(&mut stage, (&phone, a), b), both);
    phone.dialog.invite_cseq = 1;
    callee.reply(&mut stage, 200, "", None);
    stage.expect(callee.at, "ACK");
    phone.answered(&mut stage);
    assert_eq!(heard(&mut stage, (&phone, a), b), both);
    // Both are watched from the answer on.
    stage.advance(61_000);
    phone.bye_comes(&mut stage);
    callee.bye_comes(&mut stage);
    stage.over();
    assert_eq!(&*stage.cdr().reason, "rtp-timeout");
}

/// An address that nothing may be sent to, in an UPDATE before the answer.
#[test]
fn attack_42_in_an_update_before_the_answer() {
    let (mut stage, mut phone, mut callee) = calling(sdp::G711.payloads);
    rings(&mut stage, &mut callee, 9);
    let progress = phone.expect(&mut stage, "183 INVITE");
    prack(&mut stage, &mut phone, &progress, None);
    phone.expect(&mut stage, "200 PRACK");
    phone.sdp_version += 1;
    let offer = phone.sdp("sendrecv").replace("c=IN IP4 192.0.2.11", "c=IN IP4 127.0.0.1");
    let bytes = phone.dialog.request("UPDATE", "", Some(&offer));
    stage.send(phone.at, &bytes);
    phone.expect(&mut stage, "488 UPDATE");
    stage.silence(callee.at);
}
