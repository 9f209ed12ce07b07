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

/// The proxies between are told back, and the call goes by them (RFC 3327 §5.3).
#[test]
fn a_phone_behind_proxies_is_called_by_its_path() {
    let mut stage = stage();
    let mut phone = phone("r8");
    let lines = "Contact: <sip:a@10.0.0.9>\r\nPath: <sip:near.example;lr>, <sip:edge.example;lr;ob>\r\n";
    let answer = phone.register(&mut stage, lines);
    assert_eq!((answer.status(), answer.header(Name::Unsupported)), (420, Some("path")));
    let answer = phone.register(&mut stage, &format!("Supported: path\r\n{lines}"));
    let path: Vec<&str> = answer.values(Name::Path).collect();
    assert_eq!((answer.status(), path), (200, vec!["<sip:near.example;lr>", "<sip:edge.example;lr;ob>"]));
    for (path, status) in [("<tel:+34>", 400), ("nonsense", 400), (&*["<sip:p;lr>"; 9].join(","), 400)] {
        stage.advance(1_000);
        let lines = format!("Supported: path\r\nContact: <sip:a@10.0.0.9>\r\nPath: {path}\r\n");
        assert_eq!(phone.register(&mut stage, &lines).status(), status, "{path}");
    }
    let mut caller = crate::phone::Phone::new(addr(crate::stage::PBX), "c1", "alice");
    caller.invite(&mut stage);
    let mut callee = crate::phone::Callee::wait(&mut stage, HOME);
    let routes: Vec<&str> = callee.invite.values(Name::Route).collect();
    assert_eq!(routes, ["<sip:near.example;lr>", "<sip:edge.example;lr;ob>"]);
    callee.fail(&mut stage, 486);
    caller.refused(&mut stage, 486);
    stage.over();
}

/// Outbound is confirmed where the first hop keeps the flow: that is us, or a proxy that says so (RFC 5626
/// §6).
#[test]
fn flows_are_confirmed_where_the_first_hop_keeps_them() {
    let mut stage = stage();
    let contact = "Contact: <sip:a@h.example>;+sip.instance=\"<urn:uuid:1>\";reg-id=1\r\n";
    let supported = format!("Supported: path, outbound\r\n{contact}");
    let far = "Via: SIP/2.0/UDP 10.0.0.9;branch=z9hG4bKfar\r\n";
    for (lines, status, required) in [
        (supported.clone(), 200, Some("outbound")),
        (contact.to_owned(), 200, None),
        (format!("{supported}{far}Path: <sip:edge.example;lr>\r\n"), 439, None),
        (format!("{supported}{far}Path: <sip:edge.example;lr;ob>\r\n"), 200, Some("outbound")),
    ] {
        let mut phone = phone(&format!("r9-{status}{}", lines.len()));
        let answer = phone.register(&mut stage, &lines);
        assert_eq!((answer.status(), answer.header(Name::Require)), (status, required), "{lines}");
        stage.advance(1_000);
        phone.register(&mut stage, "Contact: *\r\nExpires: 0\r\n");
    }
    let required = format!("Require: path, outbound\r\n{contact}");
    assert_eq!(phone("r11").register(&mut stage, &required).status(), 200);
    stage.over();
}

/// A phone that starts again, by another port each time, is one contact.
#[test]
fn a_phone_that_names_itself_replaces_itself() {
    let mut stage = stage();
    for port in 5062..5072 {
        let mut phone = Handset::at("alice", &format!("203.0.113.7:{port}"), &format!("i{port}"));
        let contact = format!("Contact: <sip:a@203.0.113.7:{port}>;+sip.instance=\"<urn:uuid:7>\"\r\n");
        assert_eq!(phone.register(&mut stage, &contact).status(), 200);
        stage.advance(1_000);
    }
    let all = registered(&mut stage);
    assert_eq!((all.len(), all[0].flow.peer.port()), (1, 5_071));
    stage.over();
}

/// What was registered is there after a restart; a connection is not.
#[test]
fn contacts_survive_a_restart() {
    let mut stage = stage();
    phone("r12").register(&mut stage, "Contact: <sip:a@h.example>;expires=100\r\n");
    stage.crash();
    let all = registered(&mut stage);
    assert_eq!((all.len(), &*all[0].contact), (1, "sip:a@h.example"));
    assert!(stage.node.is_registered_at(addr(HOME)));
    stage.advance(100_000);
    assert!(registered(&mut stage).is_empty() && !stage.node.is_registered_at(addr(HOME)));
    stage.over();
}

/// Two shards: the one that keeps the account tells the other, which calls by it.
#[test]
fn another_shard_knows_the_contacts() {
    let mut stage = stage();
    phone("r13").register(&mut stage, "Contact: <sip:a@h.example>\r\n");
    let told = stage.registered.values().next().expect("told").clone();
    assert_eq!((&*told.sip_account, told.contacts.len()), ("alice", 1));
    let shards = 8;
    let other = (node::shard_of("acme", shards) + 1) % shards;
    let identity = node::Identity { name: "sw1".into(), shard: other, shards, key: [7; 16], boot: 0 };
    let mut node = node::Node::new(identity, std::sync::Arc::clone(&stage.config), stage.places.clone());
    node.handle(stage.now, node::Input::Registered(told));
    assert!(node.is_registered_at(addr(HOME)));
    assert_eq!(node.contacts_by_reach(), (0, 0), "it is listed by the shard that keeps it");
    phone("r14").register(&mut stage, "Contact: *\r\nExpires: 0\r\n");
    node.handle(stage.now, node::Input::Registered(stage.registered.values().next().expect("told").clone()));
    assert!(!node.is_registered_at(addr(HOME)));
    stage.over();
}
