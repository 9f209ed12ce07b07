//! SIP accounts: who is challenged, whose credentials are taken, and who hears nothing (RFC 3261 §22, RFC
//! 7616, RFC 8760).

use node::{Dispatch, Source, StrangerLimits, shard_of};
use rating::cdr::PartyKind;
use route::{GateSpec, Login};
use sip::auth::{Challenge, Credentials};
use sip::flow::Flow;
use sip::{Message, Name};
use tests::dialogue::{SWITCH, cancel, parse};
use tests::plan::{Plan, SIP_DOMAIN, sip_account};
use units::Currency;

use crate::phone::{Callee, Phone};
use crate::stage::{ALPHA, PBX, Stage, addr};

/// A phone behind some NAT, known to nobody.
const HOME: &str = "203.0.113.7:5062";
const NUMBER: &str = "+34911000001";

fn plan() -> Plan {
    let mut plan = Plan::standard();
    plan.gates.push(sip_account("alice", "acme"));
    plan.domains = vec![SIP_DOMAIN];
    plan
}

/// A phone that is about to call from anywhere.
fn stranger(at: &str, call_id: &str) -> Phone {
    let mut phone = Phone::new(addr(at), call_id, NUMBER);
    phone.dialog.target = format!("sip:{NUMBER}@{SIP_DOMAIN}");
    phone
}

/// The first challenge of a 401.
fn challenge(refusal: &Message) -> String {
    refusal.header(Name::WwwAuthenticate).expect("a challenge").to_owned()
}

/// A header line that answers a challenge.
fn answer(challenge: &str, (user, password): (&str, &str), (method, uri): (&str, &str), nc: u32) -> String {
    let challenge = Challenge::parse(challenge).expect("a challenge");
    let credentials = Credentials { user, password, method, uri, cnonce: "c0ffee", nc };
    format!("Authorization: {}\r\n", challenge.authorization(&credentials))
}

pub fn of_invite(phone: &Phone, challenge: &str, user: (&str, &str), nc: u32) -> String {
    answer(challenge, user, ("INVITE", &phone.dialog.target), nc)
}

pub const ALICE: (&str, &str) = ("alice", "s3cret");

/// Calls without credentials and takes the challenge.
pub fn challenged(stage: &mut Stage, phone: &mut Phone) -> String {
    phone.invite(stage);
    let refusal = phone.refused(stage, 401);
    challenge(&refusal)
}

#[test]
fn a_sip_account_calls_and_pays_to_the_last_unit() {
    let mut stage = Stage::new(plan());
    let mut phone = stranger(HOME, "h1");
    phone.invite(&mut stage);
    let refusal = phone.refused(&mut stage, 401);
    let offered: Vec<&str> = refusal.headers(Name::WwwAuthenticate).collect();
    assert!(offered[0].contains("algorithm=SHA-256, qop=\"auth\"") && offered[1].contains("algorithm=MD5"));
    assert!(offered.iter().all(|line| line.contains("realm=\"sip.example.net\"") && !line.contains("stale")));
    // Neither the challenge nor its ACK has left anything.
    assert_eq!(stage.node.held(), node::Held::default());
    let credentials = of_invite(&phone, offered[0], ALICE, 1);
    phone.invite_with(&mut stage, &credentials);
    let mut callee = Callee::wait(&mut stage, ALPHA);
    assert!(callee.invite.header(Name::Authorization).is_none(), "credentials stay here");
    callee.ring(&mut stage);
    phone.expect(&mut stage, "180 INVITE");
    callee.answer(&mut stage);
    stage.expect(addr(ALPHA), "ACK");
    phone.answered(&mut stage);
    stage.advance(61_000);
    phone.bye(&mut stage);
    phone.expect(&mut stage, "200 BYE");
    callee.bye_comes(&mut stage);
    let cdr = stage.cdr();
    assert_eq!((&*cdr.origin, cdr.origin_kind, &*cdr.account), ("alice", PartyKind::SipAccount, "acme"));
    assert_eq!((cdr.sip_account.as_deref(), &*cdr.gate), (Some("alice"), "alice"));
    // Two minutes at 0.6, and 0.1 for the connection.
    assert_eq!((cdr.billed_seconds, cdr.amount, cdr.currency), (120, 130_000, Currency::EUR));
    assert_eq!(stage.balance(), 1_000_000 - 130_000);
    stage.over();
}

/// Some phones give up at a challenge whose hash they do not know: they are offered the other alone, and what
/// was not offered is not taken.
#[test]
fn only_the_hashes_that_are_offered_are_taken() {
    for (hashes, name, other) in [
        (route::OfferedHashes::Md5, "algorithm=MD5", "algorithm=SHA-256"),
        (route::OfferedHashes::Sha256, "algorithm=SHA-256", "algorithm=MD5"),
    ] {
        let mut stage = Stage::new(Plan { hashes, ..plan() });
        let mut phone = stranger(HOME, "h9");
        phone.invite(&mut stage);
        let refusal = phone.refused(&mut stage, 401);
        let offered: Vec<&str> = refusal.headers(Name::WwwAuthenticate).collect();
        assert!(offered.len() == 1 && offered[0].contains(name), "{offered:?}");
        let not_offered = of_invite(&phone, &offered[0].replace(name, other), ALICE, 1);
        phone.invite_with(&mut stage, &not_offered);
        let again = challenge(&phone.refused(&mut stage, 401));
        let right = of_invite(&phone, &again, ALICE, 1);
        phone.invite_with(&mut stage, &right);
        Callee::wait(&mut stage, ALPHA);
    }
}

/// The called side's BYE goes back by the flow of the phone, not to what its Contact says.
#[test]
fn a_phone_behind_a_nat_is_reached_by_its_flow() {
    let mut stage = Stage::new(plan());
    let mut phone = stranger(HOME, "h2");
    let challenge = challenged(&mut stage, &mut phone);
    let credentials = of_invite(&phone, &challenge, ALICE, 1);
    phone.dialog.me = addr("198.18.0.9:5060");
    phone.invite_with(&mut stage, &credentials);
    let mut callee = Callee::wait(&mut stage, ALPHA);
    callee.answer(&mut stage);
    stage.expect(addr(ALPHA), "ACK");
    phone.answered(&mut stage);
    callee.bye(&mut stage);
    stage.expect(addr(ALPHA), "200 BYE");
    phone.bye_comes(&mut stage);
    stage.over();
}

#[test]
fn a_challenged_invite_is_cancelled_in_its_turn() {
    let mut stage = Stage::new(plan());
    let mut phone = stranger(HOME, "h3");
    phone.invite(&mut stage);
    let refusal = stage.expect(phone.at, "401 INVITE");
    // CANCEL of what was only challenged: there is nothing to cancel, and nothing is said.
    phone.cancel(&mut stage);
    stage.silence(phone.at);
    let credentials = of_invite(&phone, &challenge(&refusal), ALICE, 1);
    phone.invite_with(&mut stage, &credentials);
    let callee = Callee::wait(&mut stage, ALPHA);
    stage.send(callee.at, &tests::dialogue::reply(&callee.invite, 180, "b1", callee.at, "", None));
    phone.cancel(&mut stage);
    phone.expect(&mut stage, "200 CANCEL");
    phone.refused(&mut stage, 487);
    let cancelled = stage.expect(callee.at, "CANCEL");
    stage.send(callee.at, &tests::dialogue::reply(&cancelled, 200, "b1", callee.at, "", None));
    stage.send(callee.at, &tests::dialogue::reply(&callee.invite, 487, "b1", callee.at, "", None));
    assert_eq!((stage.cdr().sip_status, stage.cdr().amount), (487, 0));
    stage.over();
}

/// Repeats of an INVITE with credentials are absorbed: they are no replay.
#[test]
fn a_repeat_is_no_replay() {
    let mut stage = Stage::new(plan());
    let mut phone = stranger(HOME, "h4");
    let challenge = challenged(&mut stage, &mut phone);
    let credentials = of_invite(&phone, &challenge, ALICE, 1);
    phone.invite_with(&mut stage, &credentials);
    Callee::wait(&mut stage, ALPHA).fail(&mut stage, 486);
    let again = phone.invite.clone().expect("it called");
    stage.send(phone.at, again.bytes());
    stage.send(phone.at, again.bytes());
    let kinds = stage.kinds(phone.at);
    assert!(kinds.iter().all(|kind| kind == "486 INVITE" || kind == "100 INVITE"), "{kinds:?}");
}

#[test]
fn attack_9_credentials_are_taken_once_and_from_their_address_alone() {
    let mut stage = Stage::new(plan());
    let mut phone = stranger(HOME, "h5");
    let first = challenged(&mut stage, &mut phone);
    let credentials = of_invite(&phone, &first, ALICE, 1);
    phone.invite_with(&mut stage, &credentials);
    Callee::wait(&mut stage, ALPHA).fail(&mut stage, 486);
    phone.refused(&mut stage, 486);
    // The same credentials in another call, from there and from elsewhere.
    for (at, call_id, reason) in [(HOME, "h6", "replayed_nonce"), ("203.0.113.8:5060", "h7", "stale_nonce")] {
        let mut thief = stranger(at, call_id);
        thief.invite_with(&mut stage, &credentials);
        let refusal = thief.refused(&mut stage, 401);
        assert!(challenge(&refusal).contains("stale=true"), "{reason}");
        assert_eq!(stage.rejected(reason), 1);
    }
    stage.silence(addr(ALPHA));
    // A higher count of the same nonce is good; later the nonce is old, and the phone is told so.
    let mut phone = stranger(HOME, "h8");
    let credentials = of_invite(&phone, &first, ALICE, 2);
    phone.invite_with(&mut stage, &credentials);
    Callee::wait(&mut stage, ALPHA).fail(&mut stage, 486);
    phone.refused(&mut stage, 486);
    stage.advance(301_000);
    let mut phone = stranger(HOME, "h9");
    let credentials = of_invite(&phone, &first, ALICE, 3);
    phone.invite_with(&mut stage, &credentials);
    let refusal = phone.refused(&mut stage, 401);
    assert!(challenge(&refusal).contains("stale=true"));
    assert_eq!(stage.cdrs.len(), 2, "what was challenged has no CDR");
    stage.over();
}

/// A whole recorded INVITE, sent again when its transaction is forgotten: a fresh challenge, and no call.
#[test]
fn attack_33_a_recorded_call_with_credentials_is_a_replay() {
    let mut stage = Stage::new(plan());
    let mut phone = stranger(HOME, "v1");
    let given = challenged(&mut stage, &mut phone);
    let credentials = of_invite(&phone, &given, ALICE, 1);
    phone.invite_with(&mut stage, &credentials);
    let recorded = phone.invite.clone().expect("it called");
    Callee::wait(&mut stage, ALPHA).fail(&mut stage, 486);
    phone.refused(&mut stage, 486);
    stage.advance(60_000);
    stage.send(phone.at, recorded.bytes());
    phone.refused(&mut stage, 401);
    stage.silence(addr(ALPHA));
    assert_eq!((stage.rejected("replayed_nonce"), stage.cdrs.len()), (1, 1));
    stage.over();
}

/// Odd credentials are challenged as if there were none: nothing panics, nothing is billed.
#[test]
fn attack_10_odd_credentials_are_challenged() {
    let mut stage = Stage::new(plan());
    let mut phone = stranger(HOME, "h10");
    let challenge = challenged(&mut stage, &mut phone);
    let good = of_invite(&phone, &challenge, ALICE, 1);
    let long = format!("username=\"{}\"", "x".repeat(60_000));
    for odd in [
        "Authorization: Digest\r\n".to_owned(),
        "Authorization: \r\n".to_owned(),
        good.replace("username=\"alice\"", "username=\"alice"),
        good.replace("username=\"alice\"", "username=\"alice\", username=\"alice\""),
        good.replace("username=\"alice\"", &long),
        good.replace("realm=\"sip", "realm=\"no"),
        good.replace("nc=00000001", "nc=1"),
    ] {
        stage.advance(1_000);
        phone.invite_with(&mut stage, &odd);
        phone.refused(&mut stage, 401);
    }
    assert_eq!(stage.rejected("bad_credentials"), 0);
    stage.silence(addr(ALPHA));
    assert!(stage.cdrs.is_empty());
    stage.over();
}

/// Existing and unknown users are answered in one form, and wrong credentials count for both.
#[test]
fn nobody_learns_which_users_exist() {
    let mut stage = Stage::new(plan());
    let mut answers = Vec::new();
    for (user, call_id) in [("alice", "u1"), ("mallory", "u2")] {
        let mut phone = stranger(HOME, call_id);
        let challenge = challenged(&mut stage, &mut phone);
        let credentials = of_invite(&phone, &challenge, (user, "wrong"), 1);
        phone.invite_with(&mut stage, &credentials);
        let refusal = phone.refused(&mut stage, 401);
        let named = |(_, name, value): (Name, &str, &str)| {
            (!matches!(name, "Via" | "From" | "To" | "Call-ID" | "CSeq"))
                .then(|| (name.to_owned(), value.len()))
        };
        answers.push(refusal.all_headers().filter_map(named).collect::<Vec<_>>());
        assert_eq!(stage.rejected("bad_credentials"), 1);
    }
    assert_eq!(answers[0], answers[1]);
}

#[test]
fn attack_21_an_address_that_guesses_hears_nothing_more_and_gates_always_do() {
    let mut plan = plan();
    plan.strangers = StrangerLimits { lockout_after: 3, lockout_secs: 60, ..StrangerLimits::default() };
    let mut stage = Stage::new(plan);
    let mut phone = stranger(HOME, "g1");
    let mut given = challenged(&mut stage, &mut phone);
    for guess in 1..=3 {
        let credentials = of_invite(&phone, &given, ("alice", "guess"), 1);
        phone.invite_with(&mut stage, &credentials);
        // The same datagram again is the same guess.
        let again = phone.invite.clone().expect("it called");
        stage.send(phone.at, again.bytes());
        given = challenge(&phone.refused(&mut stage, 401));
        assert_eq!(stage.locked_out.len(), usize::from(guess == 3));
        stage.kinds(phone.at);
    }
    let credentials = of_invite(&phone, &given, ("alice", "guess"), 1);
    phone.invite_with(&mut stage, &credentials);
    stage.silence(phone.at);
    // Right ones come too late, also from another port; the user itself is not locked out.
    let credentials = of_invite(&phone, &given, ALICE, 2);
    phone.invite_with(&mut stage, &credentials);
    stage.silence(phone.at);
    let mut elsewhere = stranger("203.0.113.8:5060", "g2");
    let other = challenged(&mut stage, &mut elsewhere);
    let credentials = of_invite(&elsewhere, &other, ALICE, 1);
    elsewhere.invite_with(&mut stage, &credentials);
    Callee::wait(&mut stage, ALPHA).fail(&mut stage, 486);
    elsewhere.refused(&mut stage, 486);
    stage.advance(60_000);
    let mut again = stranger(HOME, "g3");
    challenged(&mut stage, &mut again);
    stage.over();
}

#[test]
fn attack_21_challenges_are_bounded_by_address() {
    let mut stage = Stage::new(plan());
    let mut answered = 0;
    for call in 0..50 {
        stranger(HOME, &format!("f{call}")).invite(&mut stage);
        answered += stage.kinds(addr(HOME)).len();
    }
    assert_eq!((answered, stage.rejected("over_challenges")), (10, 40));
    stage.advance(1_000);
    challenged(&mut stage, &mut stranger(HOME, "f51"));
    stage.over();
}

/// Silence for what is neither REGISTER nor INVITE, and for what is not for our domains.
#[test]
fn attack_30_strangers_hear_a_challenge_or_nothing() {
    let mut stage = Stage::new(plan());
    for method in ["OPTIONS", "MESSAGE", "SUBSCRIBE", "BYE", "CANCEL", "PUBLISH", "ACK", "FOO"] {
        let mut phone = stranger(HOME, method);
        let bytes = phone.dialog.request(method, "", None);
        stage.send(phone.at, &bytes);
        stage.silence(phone.at);
    }
    for uri in
        ["sip:1@elsewhere.example", "sip:1@192.0.2.1", "tel:+34911000001", "sip:1@sip.example.net.evil"]
    {
        let mut phone = stranger(HOME, uri);
        phone.dialog.target = uri.to_owned();
        phone.invite(&mut stage);
        stage.silence(phone.at);
    }
    let mut phone = stranger(HOME, "r1");
    phone.dialog.remote = format!("<sip:alice@{SIP_DOMAIN}>");
    phone.dialog.target = "sip:anything.example".to_owned();
    let bytes = phone.dialog.request("REGISTER", "", None);
    stage.send(phone.at, &bytes);
    stage.expect(phone.at, "401 REGISTER");
    stage.over();
}

#[test]
fn attack_30_without_sip_accounts_strangers_hear_nothing() {
    let mut plan = plan();
    plan.gates.retain(|gate| !gate.is_sip_account());
    let mut stage = Stage::new(plan);
    for method in ["INVITE", "REGISTER"] {
        let mut phone = stranger(HOME, method);
        phone.dialog.remote = format!("<sip:alice@{SIP_DOMAIN}>");
        let bytes = phone.dialog.request(method, "", None);
        stage.send(phone.at, &bytes);
        stage.silence(phone.at);
    }
    assert_eq!(stage.rejected("unknown_source"), 2);
}

/// Without domains our own addresses are those of SIP accounts.
#[test]
fn without_domains_our_addresses_are_served() {
    let mut plan = plan();
    plan.domains.clear();
    let mut stage = Stage::new(plan);
    let mut phone = Phone::new(addr(HOME), "d1", NUMBER);
    let challenge = challenged(&mut stage, &mut phone);
    assert!(challenge.contains("realm=\"192.0.2.1\""), "{challenge}");
    let mut phone = stranger(HOME, "d2");
    phone.invite(&mut stage);
    stage.silence(phone.at);
}

/// A gate with a user name: its address alone is not enough, and it is never locked out.
#[test]
fn attack_31_a_gate_with_a_user_name_needs_address_and_credentials() {
    let mut plan = plan();
    let login = plan.gates[1].login.clone().expect("alice's");
    let login = Some(Box::new(Login { username: "alice".into(), ..*login }));
    plan.gates[0] = GateSpec { login, ..plan.gates[0].clone() };
    plan.gates.truncate(1);
    plan.strangers.lockout_after = 1;
    let mut stage = Stage::new(plan);
    let mut phone = stage.phone("p1", NUMBER);
    let first = challenged(&mut stage, &mut phone);
    for user in [("alice", "wrong"), ("bob", "s3cret")] {
        let credentials = of_invite(&phone, &first, user, 1);
        phone.invite_with(&mut stage, &credentials);
        phone.refused(&mut stage, 401);
    }
    let credentials = of_invite(&phone, &first, ALICE, 1);
    phone.invite_with(&mut stage, &credentials);
    let mut callee = Callee::wait(&mut stage, ALPHA);
    callee.answer(&mut stage);
    stage.expect(addr(ALPHA), "ACK");
    phone.answered(&mut stage);
    phone.bye(&mut stage);
    phone.expect(&mut stage, "200 BYE");
    callee.bye_comes(&mut stage);
    assert_eq!((&*stage.cdr().gate, stage.cdr().origin_kind), ("acme-pbx", PartyKind::Gate));
    // Right credentials from elsewhere are a stranger's, and there is no SIP account.
    let mut thief = stranger(HOME, "p2");
    thief.invite_with(&mut stage, &credentials);
    stage.silence(thief.at);
    assert_eq!(addr(PBX), phone.at);
    stage.over();
}

/// Credentials lead to the shard of the account; CANCEL and ACK, which have none, go to all.
#[test]
fn credentials_lead_to_the_accounts_shard() {
    const SHARDS: u8 = 8;
    let config = plan().config_snapshot(None);
    let dispatch = Dispatch::new([7; 16], SHARDS);
    let flow = Flow::udp(addr(SWITCH), addr(HOME));
    let mut stage = Stage::new(plan());
    let mut phone = stranger(HOME, "s1");
    let challenge = challenged(&mut stage, &mut phone);
    let credentials = of_invite(&phone, &challenge, ALICE, 1);
    let invite = parse(&phone.dialog.request("INVITE", &credentials, None));
    let found = dispatch.find(&config, flow, Ok(invite.clone()));
    assert_eq!((found.shard, found.for_all), (Some(shard_of("acme", SHARDS)), false));
    let found = dispatch.find(&config, flow, Ok(parse(&cancel(&invite))));
    assert!(found.shard.is_some() && found.for_all && found.is_strange());
    assert_eq!(config.source(addr(HOME).ip()), Source::Unknown);
}
