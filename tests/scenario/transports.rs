//! TLS, WebSockets and IPv6 in virtual time: what Via and Contact say, and by which flow what goes.

use node::Input;
use sip::flow::{Flow, TlsId, Transport};
use sip::{Message, Name};
use tests::dialogue::{parse, reply};
use tests::plan::Plan;

use crate::phone::{Callee, Phone};
use crate::stage::{ALPHA, PBX, Stage, addr};

const SECURE: &str = "192.0.2.1:5061";
const WEB: &str = "192.0.2.1:5066";
const SWITCH6: &str = "[2001:db8::1]:5060";
/// Where calls under TLS go.
const ALPHA_TLS: &str = "198.51.100.1:5061";
/// A browser's end, and a PBX's.
const EPHEMERAL: &str = "192.0.2.11:40000";

fn listening() -> Plan {
    let mut plan = Plan::standard();
    plan.listeners.extend([
        (Transport::Tls, addr(SECURE)),
        (Transport::Ws, addr(WEB)),
        (Transport::Udp, addr(SWITCH6)),
    ]);
    plan
}

/// Alpha is called under TLS, verified as the 7th.
fn alpha_under_tls() -> Stage {
    let mut plan = listening();
    plan.carriers[0].target = "sip:198.51.100.1;transport=tls".parse().expect("target");
    plan.carriers[0].target.tls = TlsId(7);
    Stage::new(plan)
}

fn contact(message: &Message) -> &str {
    message.header(Name::Contact).expect("Contact")
}

/// A response by the connection that the switch opened.
fn answer(stage: &mut Stage, conn: u64, request: &Message, status: u16, sdp: Option<&str>) {
    let by = Flow::stream(Transport::Tls, addr(SECURE), addr(ALPHA_TLS), conn).verified_by(TlsId(7));
    let text = reply(request, status, "b1", addr(ALPHA_TLS), "", sdp);
    let text = String::from_utf8(text.to_vec()).expect("text");
    let text = text.replace(&format!("<sip:{ALPHA_TLS}>"), &format!("<sip:{ALPHA_TLS};transport=tls>"));
    stage.send_over(by, &text.into());
}

#[test]
fn a_call_under_tls_carries_whose_certificate_it_needs() {
    let mut stage = alpha_under_tls();
    let mut phone = stage.phone("c1", "34911234567");
    phone.invite(&mut stage);
    let callee = Callee::wait(&mut stage, ALPHA_TLS);
    let flow = stage.flows[&addr(ALPHA_TLS)];
    assert_eq!((flow.transport, flow.tls, flow.conn), (Transport::Tls, TlsId(7), 0));
    assert!(callee.invite.header(Name::Via).expect("Via").starts_with(&format!("SIP/2.0/TLS {SECURE};")));
    assert!(contact(&callee.invite).contains(&format!("@{SECURE};transport=tls>")));
    assert_eq!(callee.invite.request_uri(), "sip:34911234567@198.51.100.1;transport=tls");
    let sdp = callee.sdp();
    answer(&mut stage, 5, &callee.invite, 200, Some(&sdp));
    phone.answered(&mut stage);
    let ack = stage.expect(addr(ALPHA_TLS), "ACK");
    assert!(ack.header(Name::Via).expect("Via").contains("/TLS "));
    assert_eq!(stage.flows[&addr(ALPHA_TLS)].conn, 5);
    // The connection breaks: the BYE goes by another, for the same name.
    let gone = Flow::stream(Transport::Tls, addr(SECURE), addr(ALPHA_TLS), 5).verified_by(TlsId(7));
    phone.bye(&mut stage);
    stage.expect(addr(ALPHA_TLS), "BYE");
    stage.input(Input::Closed(gone));
    let bye = stage.expect(addr(ALPHA_TLS), "BYE");
    let flow = stage.flows[&addr(ALPHA_TLS)];
    assert_eq!((flow.transport, flow.tls, flow.conn), (Transport::Tls, TlsId(7), 0));
    answer(&mut stage, 6, &bye, 200, None);
    stage.over();
    assert_eq!(stage.cdr().transport_b.as_deref(), Some("tls"));
}

/// A refused certificate is an unreachable carrier: what waits for that name ends, what waits for another at
/// the same address does not.
#[test]
fn attack_26_only_the_calls_of_the_refused_name_fail_over() {
    let mut plan = listening();
    for (at, id) in [(0, 7), (1, 8)] {
        plan.carriers[at].target = "sip:198.51.100.1;transport=tls".parse().expect("target");
        plan.carriers[at].target.tls = TlsId(id);
    }
    plan.routes = vec![("349", vec!["alpha", "gamma"]), ("346", vec!["beta"])];
    plan.carriers.push(tests::plan::carrier("gamma", "sip:198.51.100.3"));
    let mut stage = Stage::new(plan);
    let mut one = stage.phone("c1", "34911234567");
    one.invite(&mut stage);
    stage.expect(addr(ALPHA_TLS), "INVITE");
    let refused = stage.flows[&addr(ALPHA_TLS)];
    let mut other = stage.phone("c2", "34611234567");
    other.invite(&mut stage);
    let waiting = stage.expect(addr(ALPHA_TLS), "INVITE");
    let flow = stage.flows[&addr(ALPHA_TLS)];
    assert_eq!((refused.tls, flow.tls), (TlsId(7), TlsId(8)));
    stage.input(Input::Unreachable(refused));
    let mut gamma = Callee::wait(&mut stage, "198.51.100.3:5060");
    gamma.fail(&mut stage, 486);
    one.refused(&mut stage, 486);
    answer(&mut stage, 9, &waiting, 486, None);
    stage.expect(addr(ALPHA_TLS), "ACK");
    other.refused(&mut stage, 486);
    stage.over();
}

fn browser(conn: u64) -> Flow {
    Flow::stream(Transport::Ws, addr(WEB), addr(EPHEMERAL), conn)
}

/// A browser's call, answered; its Via and Contact name nothing that could be reached.
fn call_from_a_browser(stage: &mut Stage) -> (Phone, Callee) {
    let mut phone = stage.phone("c1", "34911234567");
    let sdp = phone.sdp("sendrecv");
    let invite = from_browser(&phone.dialog.request("INVITE", "", Some(&sdp)));
    stage.send_over(browser(3), &invite);
    phone.invite = Some(parse(&invite));
    let mut callee = Callee::wait(stage, ALPHA);
    callee.answer(stage);
    stage.expect(addr(ALPHA), "ACK");
    let ok = stage.expect(addr(EPHEMERAL), "200 INVITE");
    assert_eq!(stage.flows[&addr(EPHEMERAL)], browser(3));
    assert!(contact(&ok).ends_with(&format!("@{WEB};transport=ws>")), "{}", contact(&ok));
    phone.dialog.learn(&ok);
    let ack = from_browser(&phone.dialog.ack(phone.dialog.invite_cseq, None));
    stage.send_over(browser(3), &ack);
    (phone, callee)
}

fn from_browser(bytes: &bytes::Bytes) -> bytes::Bytes {
    let text = String::from_utf8(bytes.to_vec()).expect("text");
    let via = text.replace(&format!("SIP/2.0/UDP {PBX}"), "SIP/2.0/WS df7jal23ls0d.invalid");
    let text =
        via.replace(&format!("Contact: <sip:{PBX}>"), "Contact: <sip:u@df7jal23ls0d.invalid;transport=ws>");
    text.into()
}

#[test]
fn a_browser_hears_the_bye_by_its_own_websocket() {
    let mut stage = Stage::new(listening());
    let (_phone, mut callee) = call_from_a_browser(&mut stage);
    assert_eq!(stage.kept_open, [3].into());
    callee.bye(&mut stage);
    stage.expect(callee.at, "200 BYE");
    let bye = stage.expect(addr(EPHEMERAL), "BYE");
    assert_eq!(stage.flows[&addr(EPHEMERAL)], browser(3));
    assert!(bye.header(Name::Via).expect("Via").starts_with(&format!("SIP/2.0/WS {WEB};")));
    let ok = reply(&bye, 200, "", addr(EPHEMERAL), "", None);
    stage.send_over(browser(3), &ok);
    stage.over();
    let cdr = stage.cdr();
    assert_eq!((&*cdr.transport_a, cdr.transport_b.as_deref()), ("ws", Some("udp")));
}

/// Nobody but the browser can open its WebSocket: once it is gone the BYE has nowhere to go.
#[test]
fn nothing_is_opened_toward_a_browser_that_is_gone() {
    let mut stage = Stage::new(listening());
    let (_phone, mut callee) = call_from_a_browser(&mut stage);
    stage.input(Input::Closed(browser(3)));
    callee.bye(&mut stage);
    stage.expect(callee.at, "200 BYE");
    let gone = stage.flows[&addr(EPHEMERAL)];
    assert_eq!(
        (gone.transport, gone.peer),
        (Transport::Ws, addr(EPHEMERAL)),
        "no other transport, no other place"
    );
    stage.input(Input::Unreachable(gone));
    stage.over();
}

#[test]
fn a_call_from_ipv6_goes_out_by_ipv4_and_back() {
    let mut plan = listening();
    plan.gates[0].source.push(route::Cidr::parse("2001:db8::11").expect("block"));
    let mut stage = Stage::new(plan);
    let pbx = "[2001:db8::11]:5060";
    let by = Flow::udp(addr(SWITCH6), addr(pbx));
    let mut phone = Phone::new(addr(pbx), "c1", "34911234567");
    let sdp = phone.sdp("sendrecv");
    let invite = phone.dialog.request("INVITE", "", Some(&sdp));
    stage.send_over(by, &invite);
    let mut callee = Callee::wait(&mut stage, ALPHA);
    assert!(callee.invite.header(Name::Via).expect("Via").starts_with("SIP/2.0/UDP 192.0.2.1:5060;"));
    callee.answer(&mut stage);
    stage.expect(addr(ALPHA), "ACK");
    let ok = stage.expect(addr(pbx), "200 INVITE");
    assert_eq!(stage.flows[&addr(pbx)], by);
    assert!(contact(&ok).ends_with(&format!("@{SWITCH6}>")), "{}", contact(&ok));
    assert!(ok.header(Name::Via).expect("Via").contains("received=2001:db8::11;rport=5060"));
    phone.dialog.learn(&ok);
    let ack = phone.dialog.ack(phone.dialog.invite_cseq, None);
    stage.send_over(by, &ack);
    callee.bye(&mut stage);
    stage.expect(addr(ALPHA), "200 BYE");
    let bye = stage.expect(addr(pbx), "BYE");
    assert!(bye.header(Name::Via).expect("Via").starts_with(&format!("SIP/2.0/UDP {SWITCH6};")));
    assert_eq!(bye.request_uri(), format!("sip:{pbx}"));
    stage.send_over(by, &reply(&bye, 200, "", addr(pbx), "", None));
    stage.over();
    assert_eq!(stage.cdr().source_ip_a.map(|ip| ip.to_string()).as_deref(), Some("2001:db8::11"));
}

#[test]
fn a_call_from_ipv4_goes_out_by_ipv6() {
    let mut plan = listening();
    plan.carriers[0].target = "sip:[2001:db8::2]:5060".parse().expect("target");
    let mut stage = Stage::new(plan);
    let mut phone = stage.phone("c1", "34911234567");
    phone.invite(&mut stage);
    let alpha = "[2001:db8::2]:5060";
    let mut callee = Callee::wait(&mut stage, alpha);
    let via = callee.invite.header(Name::Via).expect("Via");
    assert!(via.starts_with(&format!("SIP/2.0/UDP {SWITCH6};")), "{via}");
    assert!(contact(&callee.invite).ends_with(&format!("@{SWITCH6}>")));
    assert_eq!(callee.invite.request_uri(), "sip:34911234567@[2001:db8::2]:5060");
    let sdp = callee.sdp();
    let by = Flow::udp(addr(SWITCH6), addr(alpha));
    stage.send_over(by, &reply(&callee.invite, 200, "b1", addr(alpha), "", Some(&sdp)));
    phone.answered(&mut stage);
    stage.expect(addr(alpha), "ACK");
    let bye = callee.dialog.request("BYE", "", None);
    stage.send_over(by, &bye);
    stage.expect(addr(alpha), "200 BYE");
    phone.bye_comes(&mut stage);
    stage.over();
    assert_eq!(stage.cdr().carrier.as_deref(), Some("alpha"));
}
