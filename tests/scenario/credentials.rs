//! Carriers that ask who we are (RFC 3261 §22, RFC 7616, RFC 8760), and others that would like to know.

use route::{Credentials, Secret};
use sip::{Message, Name};
use tests::digest::Challenger;
use tests::plan::Plan;

use crate::phone::{Callee, Phone};
use crate::stage::{ALPHA, BETA, Stage, addr};

const PROXY: Challenger = Challenger::proxy("alpha");

/// The standard plan, alpha's calls with credentials.
fn plan() -> Plan {
    let mut plan = Plan::standard();
    plan.carriers[0].credentials =
        Some(Box::new(Credentials { username: "us".into(), password: Secret::new("s3cret"), realm: None }));
    plan
}

/// A call that alpha has just got, without credentials.
fn called(plan: Plan) -> (Stage, Phone, Callee) {
    let mut stage = Stage::new(plan);
    let mut phone = stage.phone("c1", "34511000000");
    phone.invite(&mut stage);
    let alpha = Callee::wait(&mut stage, ALPHA);
    assert!(!alpha.invite.as_bytes().windows(13).any(|part| part == b"uthorization:"), "nothing was asked");
    (stage, phone, alpha)
}

/// Answers alpha's INVITE by a challenge; the INVITE that follows its ACK.
fn challenged(stage: &mut Stage, alpha: &mut Callee, status: u16, lines: &str) -> Callee {
    alpha.reply(stage, status, lines, None);
    stage.expect(addr(ALPHA), "ACK");
    Callee::wait_as(stage, ALPHA, "b2")
}

/// What stays the same in a request that is sent again, and what does not (RFC 3261 §22.2).
fn assert_renewed(before: &Message, after: &Message) {
    assert_eq!(after.call_id(), before.call_id());
    assert_eq!(after.from_tag(), before.from_tag());
    assert_eq!(after.request_uri(), before.request_uri());
    assert_eq!(after.cseq(), (before.cseq().0 + 1, before.cseq().1));
    assert_eq!(after.body(), before.body());
    let branch = |message: &Message| message.top_via().unwrap().branch().unwrap().to_owned();
    assert_ne!(branch(after), branch(before));
    assert_eq!(after.headers(Name::Via).count(), 1);
}

/// Both talk; alpha wanted `PROXY`'s credentials for nonce `n1`, used once.
fn talking() -> (Stage, Phone, Callee) {
    let (mut stage, mut phone, mut first) = called(plan());
    let mut alpha = challenged(&mut stage, &mut first, 407, &PROXY.line("n1", ""));
    alpha.answer(&mut stage);
    let ack = stage.expect(addr(ALPHA), "ACK");
    assert_eq!(ack.header(Name::ProxyAuthorization), alpha.invite.header(Name::ProxyAuthorization));
    phone.answered(&mut stage);
    (stage, phone, alpha)
}

/// Answers a request of the switch to alpha, with header lines.
fn reply(stage: &mut Stage, request: &Message, status: u16, extra: &str) {
    stage.send(addr(ALPHA), &tests::dialogue::reply(request, status, "", addr(ALPHA), extra, None));
}

#[test]
fn corner_35_a_challenged_invite_is_sent_again_with_credentials() {
    for (status, is_proxy, algorithm, qop) in
        [(407, true, "MD5", true), (401, false, "SHA-256", true), (401, false, "MD5", false)]
    {
        let asks = Challenger { is_proxy, algorithm, qop, ..PROXY };
        let (mut stage, mut phone, mut first) = called(plan());
        let mut alpha = challenged(&mut stage, &mut first, status, &asks.line("n1", ", opaque=\"o\""));
        assert_renewed(&first.invite, &alpha.invite);
        assert_eq!(asks.count_of(&alpha.invite, "n1"), Some(u32::from(qop)));
        alpha.answer(&mut stage);
        stage.expect(addr(ALPHA), "ACK");
        phone.answered(&mut stage);
        phone.bye(&mut stage);
        alpha.bye_comes(&mut stage);
        stage.over();
        let cdr = stage.cdr();
        assert_eq!((cdr.sip_status, cdr.attempts.len(), cdr.attempts[0].status), (200, 1, Some(200)));
    }
}

#[test]
fn corner_35_several_challenges_in_listed_order() {
    let (mut stage, mut phone, mut first) = called(plan());
    let sha = Challenger { algorithm: "SHA-256", ..PROXY };
    let other = Challenger { is_proxy: false, realm: "inner", ..PROXY };
    // Of one realm the topmost that we know; of another realm its own.
    let lines = format!(
        "Proxy-Authenticate: Digest realm=\"alpha\", nonce=\"n0\", algorithm=SHA-99\r\n{}{}{}",
        sha.line("n1", ""),
        PROXY.line("n1", ""),
        other.line("n2", "")
    );
    let mut second = challenged(&mut stage, &mut first, 407, &lines);
    assert_eq!(sha.count_of(&second.invite, "n1"), Some(1));
    assert_eq!(PROXY.count_of(&second.invite, "n1"), None);
    assert_eq!(other.count_of(&second.invite, "n2"), Some(1));
    // The next hop asks too: what the first one wants is said again, counted on.
    let third_asks = Challenger { is_proxy: false, realm: "third", ..PROXY };
    let third = challenged(&mut stage, &mut second, 401, &third_asks.line("n3", ""));
    assert_renewed(&second.invite, &third.invite);
    assert_eq!(sha.count_of(&third.invite, "n1"), Some(2));
    assert_eq!(other.count_of(&third.invite, "n2"), Some(2));
    assert_eq!(third_asks.count_of(&third.invite, "n3"), Some(1));
    phone.cancel(&mut stage);
    stage.over();
}

#[test]
fn corner_35_an_old_nonce_is_replaced_once() {
    let (mut stage, mut phone, mut first) = called(plan());
    let mut second = challenged(&mut stage, &mut first, 407, &PROXY.line("n1", ""));
    let mut third = challenged(&mut stage, &mut second, 407, &PROXY.line("n2", ", stale=true"));
    assert_eq!(PROXY.count_of(&third.invite, "n2"), Some(1));
    assert_eq!(third.invite.cseq().0, 3);
    third.reply(&mut stage, 407, &PROXY.line("n3", ", stale=true"), None);
    stage.expect(addr(ALPHA), "ACK");
    Callee::wait(&mut stage, BETA).fail(&mut stage, 486);
    phone.refused(&mut stage, 486);
    stage.over();
    assert_eq!(stage.cdr().attempts[0].status, Some(407));
}

#[test]
fn corner_35_a_422_and_a_401_in_one_attempt_are_both_answered() {
    let (mut stage, mut phone, mut first) = called(plan());
    let mut second = challenged(&mut stage, &mut first, 407, &PROXY.line("n1", ""));
    second.reply(&mut stage, 422, "Min-SE: 3600\r\n", None);
    stage.expect(addr(ALPHA), "ACK");
    let mut third = Callee::wait(&mut stage, ALPHA);
    assert_eq!((third.invite.cseq().0, third.invite.header(Name::MinSe)), (3, Some("3600")));
    assert_eq!(PROXY.count_of(&third.invite, "n1"), Some(2));
    assert_eq!(third.invite.from_tag(), first.invite.from_tag());
    // Also the other way round, and with the larger interval kept.
    let mut fourth = challenged(&mut stage, &mut third, 407, &PROXY.line("n2", ""));
    assert_eq!((fourth.invite.cseq().0, fourth.invite.header(Name::MinSe)), (4, Some("3600")));
    fourth.answer(&mut stage);
    stage.expect(addr(ALPHA), "ACK");
    phone.answered(&mut stage);
    phone.bye(&mut stage);
    fourth.bye_comes(&mut stage);
    stage.over();
    assert_eq!(stage.cdr().attempts.len(), 1);
}

#[test]
fn a_challenge_of_another_realm_is_not_answered() {
    let mut plan = plan();
    plan.carriers[0].credentials.as_mut().unwrap().realm = Some("alpha".into());
    let (mut stage, mut phone, mut first) = called(plan);
    let other = Challenger { realm: "beta", ..PROXY };
    first.reply(&mut stage, 407, &other.line("n1", ""), None);
    stage.expect(addr(ALPHA), "ACK");
    stage.silence(addr(ALPHA));
    Callee::wait(&mut stage, BETA).fail(&mut stage, 486);
    phone.refused(&mut stage, 486);
    stage.over();
}

#[test]
fn attack_22_a_carrier_that_challenges_for_ever_is_given_up() {
    let (mut stage, mut phone, mut first) = called(plan());
    let mut second = challenged(&mut stage, &mut first, 407, &PROXY.line("n1", ""));
    second.reply(&mut stage, 407, &PROXY.line("n2", ""), None);
    stage.expect(addr(ALPHA), "ACK");
    stage.silence(addr(ALPHA));
    let mut beta = Callee::wait(&mut stage, BETA);
    assert_eq!(beta.invite.header(Name::ProxyAuthorization), None, "alpha's credentials are alpha's");
    beta.answer(&mut stage);
    phone.answered(&mut stage);
    phone.bye(&mut stage);
    beta.bye_comes(&mut stage);
    stage.over();
    let cdr = stage.cdr();
    let statuses: Vec<_> = cdr.attempts.iter().map(|attempt| attempt.status).collect();
    assert_eq!(statuses, [Some(407), Some(200)]);
}

#[test]
fn attack_22_ever_new_realms_are_given_up_too() {
    let (mut stage, mut phone, mut alpha) = called(plan());
    let realms = ["r1", "r2", "r3", "r4", "r5", "r6"];
    let mut sent = 0;
    for realm in realms {
        alpha.reply(&mut stage, 407, &Challenger { realm, ..PROXY }.line("n", ""), None);
        let mut got = stage.inbox(addr(ALPHA));
        let kinds: Vec<_> = got.iter().map(tests::dialogue::kind).collect();
        if kinds == ["ACK"] {
            break;
        }
        assert_eq!(kinds, ["ACK", "INVITE"]);
        sent += 1;
        alpha.invite = got.remove(1);
    }
    assert_eq!(sent, 4);
    Callee::wait(&mut stage, BETA).fail(&mut stage, 486);
    phone.refused(&mut stage, 486);
    stage.over();
}

#[test]
fn corner_36_a_challenged_bye_is_sent_again_with_credentials() {
    let (mut stage, mut phone, _) = talking();
    phone.bye(&mut stage);
    let bye = stage.expect(addr(ALPHA), "BYE");
    assert_eq!(PROXY.count_of(&bye, "n1"), Some(2), "what alpha asked for is said at once");
    // The nonce is too old; not everybody says so.
    reply(&mut stage, &bye, 407, &PROXY.line("n2", ""));
    let again = stage.expect(addr(ALPHA), "BYE");
    assert_renewed(&bye, &again);
    assert_eq!(PROXY.count_of(&again, "n2"), Some(1));
    reply(&mut stage, &again, 407, &PROXY.line("n3", ", stale=true"));
    let last = stage.expect(addr(ALPHA), "BYE");
    assert_eq!(PROXY.count_of(&last, "n3"), Some(1));
    reply(&mut stage, &last, 200, "");
    stage.over();
}

#[test]
fn corner_36_a_bye_of_an_unchallenged_call_is_answered_too() {
    let (mut stage, mut phone, mut alpha) = called(plan());
    alpha.answer(&mut stage);
    stage.expect(addr(ALPHA), "ACK");
    phone.answered(&mut stage);
    phone.bye(&mut stage);
    let bye = stage.expect(addr(ALPHA), "BYE");
    assert_eq!(bye.header(Name::ProxyAuthorization), None);
    reply(&mut stage, &bye, 407, &PROXY.line("n1", ""));
    let again = stage.expect(addr(ALPHA), "BYE");
    assert_renewed(&bye, &again);
    assert_eq!(PROXY.count_of(&again, "n1"), Some(1));
    reply(&mut stage, &again, 407, &PROXY.line("n2", ""));
    stage.silence(addr(ALPHA));
    stage.over();
}

#[test]
fn corner_36_the_bye_of_an_answer_that_nobody_wanted_is_answered_too() {
    let (mut stage, mut phone, mut alpha) = called(plan());
    alpha.ring(&mut stage);
    phone.cancel(&mut stage);
    stage.expect(addr(ALPHA), "CANCEL");
    alpha.answer(&mut stage);
    stage.expect(addr(ALPHA), "ACK");
    let bye = stage.expect(addr(ALPHA), "BYE");
    reply(&mut stage, &bye, 401, &Challenger { is_proxy: false, ..PROXY }.line("n1", ""));
    let again = stage.expect(addr(ALPHA), "BYE");
    assert_renewed(&bye, &again);
    assert_eq!(Challenger { is_proxy: false, ..PROXY }.count_of(&again, "n1"), Some(1));
    reply(&mut stage, &again, 200, "");
    stage.over();
}

#[test]
fn corner_36_the_bye_of_a_lost_call_is_answered_too() {
    let (mut stage, _, _) = talking();
    stage.advance(11_000);
    stage.crash();
    let bye = stage.expect(addr(ALPHA), "BYE");
    reply(&mut stage, &bye, 407, &PROXY.line("n5", ""));
    let again = stage.expect(addr(ALPHA), "BYE");
    assert_renewed(&bye, &again);
    assert_eq!(PROXY.count_of(&again, "n5"), Some(1));
    reply(&mut stage, &again, 200, "");
    stage.over();
}

#[test]
fn corner_36_a_challenged_reinvite_is_sent_again_with_credentials() {
    let (mut stage, mut phone, alpha) = talking();
    phone.reinvite(&mut stage, "sendonly");
    let first = stage.expect(addr(ALPHA), "INVITE");
    assert_eq!(PROXY.count_of(&first, "n1"), Some(2));
    reply(&mut stage, &first, 407, &PROXY.line("n2", ", stale=true"));
    stage.expect(addr(ALPHA), "ACK");
    let mut again = Callee::wait(&mut stage, ALPHA);
    assert_renewed(&first, &again.invite);
    assert_eq!(PROXY.count_of(&again.invite, "n2"), Some(1));
    again.answer(&mut stage);
    let ack = stage.expect(addr(ALPHA), "ACK");
    assert_eq!(ack.cseq().0, again.invite.cseq().0);
    assert_eq!(ack.header(Name::ProxyAuthorization), again.invite.header(Name::ProxyAuthorization));
    phone.answered(&mut stage);
    // And an INFO, whose answer is the caller's.
    let info = phone.dialog.request("INFO", "Content-Type: application/dtmf-relay\r\n", None);
    stage.send(phone.at, &info);
    let info = stage.expect(addr(ALPHA), "INFO");
    assert_eq!(PROXY.count_of(&info, "n2"), Some(2));
    reply(&mut stage, &info, 401, &Challenger { is_proxy: false, ..PROXY }.line("n3", ""));
    let again = stage.expect(addr(ALPHA), "INFO");
    assert_renewed(&info, &again);
    stage.silence(phone.at);
    reply(&mut stage, &again, 200, "");
    phone.expect(&mut stage, "200 INFO");
    phone.bye(&mut stage);
    let bye = stage.expect(alpha.at, "BYE");
    assert_eq!(PROXY.count_of(&bye, "n2"), Some(4));
    reply(&mut stage, &bye, 200, "");
    stage.over();
}

#[test]
fn attack_29_a_caller_that_challenges_is_told_nothing() {
    let (mut stage, phone, mut alpha) = talking();
    alpha.bye(&mut stage);
    let bye = stage.expect(phone.at, "BYE");
    let line = PROXY.line("evil", "");
    stage.send(phone.at, &tests::dialogue::reply(&bye, 407, "", phone.at, &line, None));
    stage.silence(phone.at);
    stage.over();
}

#[test]
fn attack_29_a_callee_beyond_the_carrier_is_told_nothing() {
    let (mut stage, mut phone, mut first) = called(plan());
    let mut alpha = challenged(&mut stage, &mut first, 407, &PROXY.line("n1", ""));
    // The far end's Contact, which no proxy of alpha's recorded itself before.
    let far = addr("203.0.113.77:5060");
    let sdp = alpha.sdp();
    let answer = tests::dialogue::reply(&alpha.invite, 200, "b2", far, "", Some(&sdp));
    alpha.at = far;
    stage.send(addr(ALPHA), &answer);
    let ack = stage.expect(far, "ACK");
    assert_eq!(ack.header(Name::ProxyAuthorization), None);
    phone.answered(&mut stage);
    phone.bye(&mut stage);
    let bye = stage.expect(far, "BYE");
    assert_eq!(bye.header(Name::ProxyAuthorization), None);
    let line = PROXY.line("evil", "");
    stage.send(far, &tests::dialogue::reply(&bye, 407, "", far, &line, None));
    stage.silence(far);
    stage.over();
}

#[test]
fn attack_29_a_challenge_from_elsewhere_is_not_answered() {
    let (mut stage, mut phone, first) = called(plan());
    let far = addr("203.0.113.77:5060");
    let line = PROXY.line("evil", "");
    stage.send(far, &tests::dialogue::reply(&first.invite, 407, "x", far, &line, None));
    stage.expect(addr(ALPHA), "ACK");
    stage.silence(addr(ALPHA));
    stage.silence(far);
    Callee::wait(&mut stage, BETA).fail(&mut stage, 486);
    phone.refused(&mut stage, 486);
    stage.over();
}
