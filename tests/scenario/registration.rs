//! Registrations of ours at carriers (RFC 3261 §10): asked for, refreshed, refused, moved and taken back.

use node::{Input, RegistrationState};
use route::{Credentials, Secret};
use sip::flow::{Flow, Transport};
use sip::{Message, Name};
use tests::dialogue::{SWITCH, reply};
use tests::digest::Challenger;
use tests::plan::{Plan, number};

use crate::phone::Phone;
use crate::stage::{ALPHA, BETA, PBX, Stage, addr};

/// The standard plan, registered at alpha as `us`, an hour wanted.
fn plan() -> Plan {
    let mut plan = Plan::standard();
    let alpha = &mut plan.carriers[0];
    alpha.credentials =
        Some(Box::new(Credentials { username: "us".into(), password: Secret::new("s3cret"), realm: None }));
    alpha.register_secs = Some(3_600);
    plan
}

fn answer(stage: &mut Stage, request: &Message, status: u16, extra: &str) {
    answer_from(stage, ALPHA, request, status, extra);
}

fn answer_from(stage: &mut Stage, at: &str, request: &Message, status: u16, extra: &str) {
    // A registrar's 2xx names bindings, not itself.
    let bytes = reply(request, status, "r1", addr(at), "", None);
    let text = String::from_utf8(bytes.to_vec()).unwrap();
    let lines: Vec<_> =
        text.lines().filter(|line| !line.starts_with("Contact:") && !line.is_empty()).collect();
    stage.send(addr(at), &format!("{}\r\n{extra}\r\n", lines.join("\r\n")).into());
}

/// A 200 that grants so many seconds.
fn grant(stage: &mut Stage, request: &Message, secs: u32) {
    let contact = request.header(Name::Contact).unwrap().split(';').next().unwrap().to_owned();
    answer(stage, request, 200, &format!("Contact: {contact};expires={secs}\r\n"));
}

/// State and reason.
fn standing(stage: &Stage) -> (RegistrationState, String) {
    let all = stage.node.registrations();
    assert_eq!(all.len(), 1);
    (all[0].state, all[0].reason.clone())
}

/// A stage on which alpha has granted `secs` to the first REGISTER.
fn registered(secs: u32) -> (Stage, Message) {
    let mut stage = Stage::new(plan());
    assert_eq!(standing(&stage), (RegistrationState::Trying, String::new()));
    let first = stage.expect(addr(ALPHA), "REGISTER");
    grant(&mut stage, &first, secs);
    assert_eq!(standing(&stage), (RegistrationState::Registered, String::new()));
    (stage, first)
}

#[test]
fn a_carrier_learns_where_we_are() {
    let (mut stage, first) = registered(3_600);
    assert_eq!(first.request_uri(), "sip:198.51.100.1:5060");
    assert_eq!(first.header(Name::To), Some("<sip:us@198.51.100.1>"));
    assert_eq!(first.header(Name::Contact), Some(&*format!("<sip:us@{SWITCH}>;expires=3600")));
    // A minute before it ends it is refreshed: the same Call-ID, the next number.
    stage.advance(3_539_000);
    stage.silence(addr(ALPHA));
    stage.advance(1_000);
    let second = stage.expect(addr(ALPHA), "REGISTER");
    assert_eq!((second.call_id(), second.cseq().0), (first.call_id(), 2));
    assert_eq!(second.from_tag(), first.from_tag());
    stage.silence(addr(BETA));
}

#[test]
fn what_is_granted_is_followed_from_twenty_seconds_up() {
    for (granted, refreshed_ms) in
        [(20, 15_000), (60, 45_000), (240, 180_000), (5, 15_000), (7_200, 7_140_000)]
    {
        let (mut stage, _) = registered(granted);
        stage.advance(refreshed_ms - 1);
        stage.silence(addr(ALPHA));
        stage.advance(1);
        stage.expect(addr(ALPHA), "REGISTER");
    }
    // By the header alone, of a registrar that writes our Contact as it sees it.
    let mut stage = Stage::new(plan());
    let first = stage.expect(addr(ALPHA), "REGISTER");
    answer(&mut stage, &first, 200, "Contact: <sip:other@192.0.2.7>;expires=20\r\nExpires: 40\r\n");
    stage.advance(30_000);
    stage.expect(addr(ALPHA), "REGISTER");
}

#[test]
fn a_challenged_registration_goes_again_and_refreshes_carry_credentials_at_once() {
    let asks = Challenger { is_proxy: false, algorithm: "SHA-256", ..Challenger::proxy("alpha") };
    let mut stage = Stage::new(plan());
    let first = stage.expect(addr(ALPHA), "REGISTER");
    assert_eq!(first.header(Name::Authorization), None);
    answer(&mut stage, &first, 401, &asks.line("n1", ""));
    let second = stage.expect(addr(ALPHA), "REGISTER");
    assert_eq!((second.cseq().0, asks.count_of(&second, "n1")), (2, Some(1)));
    grant(&mut stage, &second, 60);
    stage.advance(45_000);
    let third = stage.expect(addr(ALPHA), "REGISTER");
    assert_eq!(asks.count_of(&third, "n1"), Some(2));
    answer(&mut stage, &third, 401, &asks.line("n2", ", stale=true"));
    let fourth = stage.expect(addr(ALPHA), "REGISTER");
    assert_eq!(asks.count_of(&fourth, "n2"), Some(1));
    // Wrong after all: no third time, and it holds until it ends.
    answer(&mut stage, &fourth, 401, &asks.line("n3", ""));
    stage.silence(addr(ALPHA));
    assert_eq!(standing(&stage), (RegistrationState::Registered, "answered 401".to_owned()));
    stage.advance(15_000);
    assert_eq!(standing(&stage).0, RegistrationState::Failed);
}

#[test]
fn a_challenge_from_elsewhere_is_a_refusal() {
    let mut stage = Stage::new(plan());
    let first = stage.expect(addr(ALPHA), "REGISTER");
    let line = Challenger { is_proxy: false, ..Challenger::proxy("alpha") }.line("evil", "");
    answer_from(&mut stage, "203.0.113.7:5060", &first, 401, &line);
    stage.silence(addr(ALPHA));
    assert_eq!(standing(&stage), (RegistrationState::Failed, "answered 401".to_owned()));
}

#[test]
fn an_interval_too_brief_is_made_longer_once() {
    let mut stage = Stage::new({
        let mut plan = plan();
        plan.carriers[0].register_secs = Some(60);
        plan
    });
    let first = stage.expect(addr(ALPHA), "REGISTER");
    answer(&mut stage, &first, 423, "Min-Expires: 600\r\n");
    let second = stage.expect(addr(ALPHA), "REGISTER");
    assert_eq!((second.cseq().0, second.header(Name::Expires)), (2, Some("600")));
    answer(&mut stage, &second, 423, "Min-Expires: 1200\r\n");
    stage.silence(addr(ALPHA));
    assert_eq!(standing(&stage), (RegistrationState::Failed, "answered 423".to_owned()));
}

#[test]
fn refusals_are_followed_by_growing_pauses() {
    let mut stage = Stage::new(plan());
    for pause_ms in [5_000, 10_000, 20_000, 40_000, 80_000, 160_000, 320_000, 600_000, 600_000] {
        let request = stage.expect(addr(ALPHA), "REGISTER");
        answer(&mut stage, &request, 403, "");
        assert_eq!(standing(&stage), (RegistrationState::Failed, "answered 403".to_owned()));
        stage.advance(pause_ms - 1);
        stage.silence(addr(ALPHA));
        stage.advance(1);
    }
    let request = stage.expect(addr(ALPHA), "REGISTER");
    answer(&mut stage, &request, 503, "Retry-After: 30 (soon)\r\n");
    stage.advance(600_000);
    // Back to the shortest after a good one.
    let request = stage.expect(addr(ALPHA), "REGISTER");
    grant(&mut stage, &request, 60);
    stage.advance(45_000);
    let request = stage.expect(addr(ALPHA), "REGISTER");
    answer(&mut stage, &request, 503, "Retry-After: 12\r\n");
    assert_eq!(standing(&stage), (RegistrationState::Registered, "answered 503".to_owned()));
    stage.advance(12_000);
    stage.expect(addr(ALPHA), "REGISTER");
}

#[test]
fn the_next_address_of_a_carrier_is_asked_before_any_pause() {
    let mut plan = plan();
    plan.carriers[0].target = "sip:sbc.alpha.example".parse().unwrap();
    let mut stage = Stage::new(plan);
    assert_eq!(standing(&stage).1, "its name does not resolve");
    let (one, two) = ("198.51.100.11:5060", "198.51.100.12:5060");
    stage.input(Input::Resolved {
        carrier: "alpha".into(),
        addresses: vec![addr(one), addr(two)],
        transport: None,
    });
    stage.expect(addr(one), "REGISTER");
    // Silence, then a server that fails.
    stage.advance(10_000);
    let second = stage.expect(addr(two), "REGISTER");
    stage.inbox(addr(one));
    answer_from(&mut stage, two, &second, 500, "");
    stage.silence(addr(one));
    stage.advance(5_000);
    let third = stage.inbox(addr(one)).pop().unwrap();
    assert_eq!(third.cseq().0, 3);
    stage.input(Input::Unreachable(Flow::udp(addr(SWITCH), addr(one))));
    let fourth = stage.expect(addr(two), "REGISTER");
    assert_eq!(fourth.call_id(), third.call_id());
    answer_from(&mut stage, two, &fourth, 200, "Expires: 60\r\n");
    assert_eq!(standing(&stage).0, RegistrationState::Registered);
    // It is refreshed where it stands.
    stage.advance(45_000);
    stage.expect(addr(two), "REGISTER");
    assert!(stage.inbox(addr(one)).iter().all(|message| message.cseq().0 <= 3));
}

#[test]
fn an_answer_that_comes_too_late_changes_nothing() {
    let mut stage = Stage::new(plan());
    let first = stage.expect(addr(ALPHA), "REGISTER");
    stage.advance(10_000);
    assert_eq!(standing(&stage), (RegistrationState::Failed, "no answer".to_owned()));
    grant(&mut stage, &first, 60);
    assert_eq!(standing(&stage).0, RegistrationState::Failed);
}

#[test]
fn a_reload_without_it_takes_the_registration_back() {
    let asks = Challenger { is_proxy: false, ..Challenger::proxy("alpha") };
    let (mut stage, _) = registered(3_600);
    stage.plan.carriers[0].register_secs = None;
    stage.reload();
    let last = stage.expect(addr(ALPHA), "REGISTER");
    assert_eq!(last.header(Name::Expires), Some("0"));
    assert_eq!(last.header(Name::Contact), Some(&*format!("<sip:us@{SWITCH}>;expires=0")));
    assert_eq!(stage.node.registrations(), []);
    answer(&mut stage, &last, 401, &asks.line("n1", ""));
    let again = stage.expect(addr(ALPHA), "REGISTER");
    assert_eq!((asks.count_of(&again, "n1"), again.header(Name::Expires)), (Some(1), Some("0")));
    answer(&mut stage, &again, 200, "");
    stage.over();
}

#[test]
fn another_password_is_tried_at_once_and_the_same_plan_changes_nothing() {
    let mut stage = Stage::new(plan());
    let first = stage.expect(addr(ALPHA), "REGISTER");
    answer(&mut stage, &first, 403, "");
    stage.reload();
    stage.silence(addr(ALPHA));
    stage.plan.carriers[0].credentials.as_mut().unwrap().password = Secret::new("other");
    stage.reload();
    let request = stage.expect(addr(ALPHA), "REGISTER");
    grant(&mut stage, &request, 3_600);
    // Another carrier's address is another registration.
    stage.plan.carriers[0].target = "sip:198.51.100.9:5060".parse().unwrap();
    stage.reload();
    assert_eq!(stage.expect(addr(ALPHA), "REGISTER").header(Name::Expires), Some("0"));
    assert_eq!(stage.expect(addr("198.51.100.9:5060"), "REGISTER").header(Name::Expires), Some("3600"));
}

#[test]
fn a_clean_stop_takes_the_registration_back_and_waits_for_the_answer() {
    let (mut stage, _) = registered(3_600);
    stage.input(Input::Drain);
    stage.silence(addr(ALPHA));
    assert!(stage.node.is_idle());
    stage.input(Input::Stop);
    let last = stage.expect(addr(ALPHA), "REGISTER");
    assert_eq!(last.header(Name::Expires), Some("0"));
    assert!(!stage.node.is_idle() && stage.node.is_settled());
    answer(&mut stage, &last, 200, "");
    assert!(stage.node.is_idle());
    stage.over();
}

#[test]
fn a_registrar_that_says_nothing_more_holds_nobody_up() {
    let (mut stage, _) = registered(3_600);
    stage.input(Input::Stop);
    stage.expect(addr(ALPHA), "REGISTER");
    stage.advance(10_000);
    assert!(stage.node.is_idle());
    stage.over();
}

#[test]
fn the_connection_of_a_registration_stays_open_and_a_broken_one_is_replaced() {
    let mut plan = plan();
    plan.carriers[0].target = "sip:198.51.100.1:5060;transport=tcp".parse().unwrap();
    let mut stage = Stage::new(plan);
    let first = stage.expect(addr(ALPHA), "REGISTER");
    assert_eq!(first.header(Name::Contact), Some(&*format!("<sip:us@{SWITCH};transport=tcp>;expires=3600")));
    let flow = Flow::stream(Transport::Tcp, addr(SWITCH), addr(ALPHA), 7);
    stage.send_over(flow, &reply(&first, 200, "r", addr(ALPHA), "Expires: 600\r\n", None));
    assert!(stage.kept_open.contains(&7));
    stage.input(Input::Closed(flow));
    assert!(stage.kept_open.is_empty());
    assert_eq!(stage.expect(addr(ALPHA), "REGISTER").cseq().0, 2);
    assert_eq!(standing(&stage).0, RegistrationState::Registered);
}

#[test]
fn a_call_to_the_registered_contact_rings_the_number_in_its_to() {
    let mut plan = plan();
    plan.numbers = vec![number("34911000001", "acme", "gate:acme-pbx")];
    plan.gates[0].address = Some("sip:192.0.2.11:5060".parse().unwrap());
    let mut stage = Stage::new(plan);
    let first = stage.expect(addr(ALPHA), "REGISTER");
    grant(&mut stage, &first, 3_600);
    // The Contact as it was registered, the number as it was dialled.
    let mut caller = Phone::new(addr(ALPHA), "in1", "34911000001");
    caller.dialog.target = format!("sip:us@{SWITCH}");
    caller.invite(&mut stage);
    let rung = stage.expect(addr(PBX), "INVITE");
    assert!(rung.request_uri().starts_with("sip:34911000001@"), "{}", rung.request_uri());
    // Who is no carrier dials what it dials.
    let mut stranger = Phone::new(addr(PBX), "in2", "34911000001");
    stranger.dialog.target = format!("sip:us@{SWITCH}");
    stranger.invite(&mut stage);
    stranger.refused(&mut stage, 404);
}
