//! Phones of SIP accounts register (RFC 3261 §10.3, RFC 5626 §4.1).

use sip::flow::{Flow, Transport};
use sip::{Message, Name};
use tests::dialogue::SWITCH;
use tests::plan::{Plan, SIP_DOMAIN, sip_account};

use crate::handset::{Handset, registered};
use crate::stage::{Stage, addr};

const HOME: &str = "203.0.113.7:5062";

fn stage() -> Stage {
    let mut plan = Plan::standard();
    plan.gates.push(sip_account("alice", "acme"));
    plan.domains = vec![SIP_DOMAIN];
    Stage::new(plan)
}

fn phone(call_id: &str) -> Handset {
    Handset::at("alice", HOME, call_id)
}

fn contacts(answer: &Message) -> Vec<&str> {
    answer.values(Name::Contact).collect()
}

#[test]
fn contacts_are_told_and_end_with_their_time() {
    let mut stage = stage();
    let mut phone = phone("r1");
    let answer = phone.register(
        &mut stage,
        "Contact: <sip:a@203.0.113.7:5062>;q=0.5, <sip:b@10.0.0.9>;expires=100\r\nExpires: 7200\r\n",
    );
    assert_eq!(answer.status(), 200);
    assert_eq!(
        contacts(&answer),
        ["<sip:b@10.0.0.9>;expires=100;q=1.000", "<sip:a@203.0.113.7:5062>;expires=3600;q=0.500"]
    );
    let all = registered(&mut stage);
    assert_eq!((all.len(), &*all[0].sip_account, &*all[0].account), (2, "alice", "acme"));
    assert_eq!((&*all[0].contact, all[0].flow.peer), ("sip:b@10.0.0.9", addr(HOME)));
    stage.advance(100_000);
    let answer = phone.register(&mut stage, "");
    assert_eq!(contacts(&answer), ["<sip:a@203.0.113.7:5062>;expires=3500;q=0.500"]);
    stage.advance(3_500_000);
    assert!(registered(&mut stage).is_empty());
    stage.over();
}

#[test]
fn contacts_go_one_by_one_or_all_at_once() {
    let mut stage = stage();
    let mut phone = phone("r2");
    phone.register(&mut stage, "Contact: <sip:a@h.example>, <sip:b@h.example>\r\n");
    let answer = phone.register(&mut stage, "Contact: <sip:a@h.example>;expires=0\r\n");
    assert_eq!(contacts(&answer).len(), 1);
    for (lines, status) in [
        ("Contact: *\r\n", 400),
        ("Contact: *\r\nExpires: 60\r\n", 400),
        ("Contact: *, <sip:a@h.example>\r\nExpires: 0\r\n", 400),
        ("Contact: <sip:a@h.example>;q=2\r\n", 400),
        ("Contact: <tel:+34911>\r\n", 400),
        ("Contact: *\r\nExpires: 0\r\n", 200),
    ] {
        assert_eq!(phone.register(&mut stage, lines).status(), status, "{lines}");
        assert_eq!(registered(&mut stage).len(), usize::from(status != 200), "{lines}");
        stage.advance(1_000);
    }
    stage.over();
}

#[test]
fn a_time_that_is_too_short_is_423_and_too_many_contacts_are_403() {
    let mut stage = stage();
    let mut phone = phone("r3");
    let answer = phone.register(&mut stage, "Contact: <sip:a@h.example>;expires=59\r\n");
    assert_eq!((answer.status(), answer.header(Name::MinExpires)), (423, Some("60")));
    let five: Vec<String> = (0..5).map(|n| format!("<sip:{n}@h.example>;expires=60")).collect();
    let five = format!("Contact: {}\r\n", five.join(", "));
    assert_eq!(phone.register(&mut stage, &five).status(), 200);
    let answer = phone.register(&mut stage, "Contact: <sip:6@h.example>;expires=60\r\n");
    assert_eq!((answer.status(), registered(&mut stage).len()), (403, 5));
    // Those that are there may be refreshed.
    stage.advance(2_000);
    assert_eq!(phone.register(&mut stage, &five).status(), 200);
    stage.over();
}

/// Who has the password of one account registers no other.
#[test]
fn attack_32_an_account_registers_itself_alone() {
    let mut stage = stage();
    let mut phone = phone("r4");
    phone.dialog.remote = format!("<sip:bob@{SIP_DOMAIN}>");
    assert_eq!(phone.register(&mut stage, "Contact: <sip:a@h.example>\r\n").status(), 403);
    assert!(registered(&mut stage).is_empty());
    stage.over();
}

/// A connection stays open while somebody is registered by it; when it is closed he is not reachable.
#[test]
fn a_connection_lives_as_long_as_its_registration() {
    let mut stage = stage();
    let flow = Flow::stream(Transport::Tcp, addr(SWITCH), addr(HOME), 7);
    let mut phone = Handset::by("alice", flow, "r5");
    phone.dialog = phone.dialog.over("TCP");
    let lines =
        "Contact: <sip:a@203.0.113.7;transport=tcp>;+sip.instance=\"<urn:uuid:1>\";reg-id=1;expires=100\r\n";
    let answer = phone.register(&mut stage, lines);
    assert!(
        contacts(&answer)[0].ends_with(";+sip.instance=\"<urn:uuid:1>\";reg-id=1"),
        "{:?}",
        contacts(&answer)
    );
    phone.register(&mut stage, lines);
    assert!(stage.kept_open.contains(&7));
    stage.input(node::Input::Closed(flow));
    assert!(!registered(&mut stage)[0].is_reachable && stage.kept_open.is_empty());
    // The same phone by a new connection.
    let mut again = Handset::by("alice", Flow { conn: 8, ..flow }, "r6");
    again.dialog = again.dialog.over("TCP");
    again.register(&mut stage, lines);
    assert!(registered(&mut stage).iter().all(|contact| contact.is_reachable && contact.flow.conn == 8));
    stage.advance(100_000);
    assert!(stage.kept_open.is_empty());
    stage.over();
}

#[test]
fn an_account_that_is_removed_is_nowhere() {
    let mut stage = stage();
    phone("r7").register(&mut stage, "Contact: <sip:a@h.example>\r\n");
    stage.plan.gates.retain(|gate| !gate.is_sip_account());
    stage.reload();
    assert!(registered(&mut stage).is_empty());
    stage.over();
}
