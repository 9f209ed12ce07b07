//! What one carrier wants to be different: numbers, headers, redirections.

use route::{Cidr, Credentials, HeaderRules, RedirectHosts, Secret};
use sip::Name;
use tests::digest::Challenger;
use tests::plan::Plan;

use crate::phone::Callee;
use crate::stage::{ALPHA, BETA, Stage, addr};

const FIRST: &str = "203.0.113.10:5062";
const SECOND: &str = "203.0.113.11:5060";

#[test]
fn numbers_have_a_plus_where_no_rule_applies() {
    let mut plan = Plan::standard();
    plan.carriers[0].plus = true;
    let rule = route::Rule { prefix: "346".into(), replace: "0".into(), length: None };
    plan.carriers[0].translate = route::Translations::new(vec![rule]).unwrap();
    let mut stage = Stage::new(plan);
    for (call, number, dialled) in [("c1", "34511000000", "+34511000000"), ("c2", "34600000000", "000000000")]
    {
        stage.phone(call, number).invite(&mut stage);
        let alpha = Callee::wait(&mut stage, ALPHA);
        let to = alpha.invite.header(Name::To).unwrap();
        assert!(to.starts_with(&format!("<sip:{dialled}@")), "{to}");
        assert!(alpha.invite.request_uri().starts_with(&format!("sip:{dialled}@")));
    }
}

#[test]
fn numbers_are_called_as_telephones_where_a_carrier_wants_that() {
    let mut plan = Plan::standard();
    plan.carriers[0].user_phone = true;
    let mut stage = Stage::new(plan);
    let mut phone = stage.phone("c1", "34511000000");
    phone.invite(&mut stage);
    let mut alpha = Callee::wait(&mut stage, ALPHA);
    let uri = format!("sip:34511000000@{ALPHA};user=phone");
    assert_eq!(alpha.invite.request_uri(), uri);
    assert_eq!(alpha.invite.header(Name::To), Some(&*format!("<{uri}>")));
    alpha.fail(&mut stage, 503);
    let beta = Callee::wait(&mut stage, BETA);
    assert_eq!(beta.invite.request_uri(), format!("sip:34511000000@{BETA}"));
}

/// T1 and T2 of one carrier: its INVITEs and BYEs are repeated at its own pace, those of others at
/// everybody's.
#[test]
fn timers_are_those_of_the_carrier() {
    let mut plan = Plan::standard();
    (plan.carriers[0].t1_ms, plan.carriers[0].t2_ms) = (Some(1_000), Some(2_000));
    plan.carriers[0].first_response_ms = 8_000;
    plan.carriers[1].first_response_ms = 8_000;
    let mut stage = Stage::new(plan);
    let mut phone = stage.phone("c1", "34511000000");
    phone.invite(&mut stage);
    let mut times = |at: &str| {
        let begun = stage.now.tick;
        let mut times = Vec::new();
        while stage.now.tick.ms_since(begun) < 7_900 {
            let sent = stage.kinds(addr(at)).iter().filter(|kind| *kind == "INVITE").count();
            times.extend((0..sent).map(|_| stage.now.tick.ms_since(begun)));
            stage.advance(100);
        }
        stage.advance(100);
        times
    };
    assert_eq!(times(ALPHA), [0, 1_000, 3_000, 7_000]);
    assert_eq!(times(BETA), [0, 500, 1_500, 3_500, 7_500]);

    // A reload takes them away again, from what begins then.
    stage.plan.carriers[0].t1_ms = None;
    stage.plan.carriers[0].t2_ms = None;
    stage.reload();
    stage.advance(60_000);
    stage.kinds(addr(ALPHA));
    let (mut phone, callee) = stage.talk("c2", "34511000000");
    phone.bye(&mut stage);
    stage.advance(500);
    let byes = stage.kinds(callee.at).iter().filter(|kind| *kind == "BYE").count();
    assert_eq!(byes, 2);
}

#[test]
fn headers_are_added_and_stripped_for_one_carrier() {
    let mut plan = Plan::standard();
    let rules = HeaderRules {
        add: vec![("X-Trunk".into(), "acme".into())],
        strip: vec!["x-secret".into(), "Subject".into()],
    };
    plan.carriers[0].headers = Some(Box::new(rules));
    let mut stage = Stage::new(plan);
    let mut phone = stage.phone("c1", "34511000000");
    phone.invite_with(&mut stage, "X-Secret: 1\r\nX-Trunk: mine\r\nX-Other: 2\r\nSubject: hello\r\n");
    let mut alpha = Callee::wait(&mut stage, ALPHA);
    let named = |message: &sip::Message, name: &str| {
        let values = message.all_headers().filter(|(_, text, _)| text.eq_ignore_ascii_case(name));
        values.map(|(_, _, value)| value.to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(named(&alpha.invite, "X-Trunk"), ["mine", "acme"]);
    assert_eq!(named(&alpha.invite, "X-Other"), ["2"]);
    assert!(named(&alpha.invite, "X-Secret").is_empty() && named(&alpha.invite, "Subject").is_empty());
    alpha.fail(&mut stage, 503);
    let beta = Callee::wait(&mut stage, BETA);
    assert_eq!(
        (named(&beta.invite, "X-Trunk"), named(&beta.invite, "X-Secret")),
        (vec!["mine".to_owned()], vec!["1".to_owned()])
    );
}

/// Alpha may send calls on to 203.0.113.0/24.
fn redirecting() -> Plan {
    let mut plan = Plan::standard();
    let block = Cidr::parse("203.0.113.0/24").unwrap();
    plan.carriers[0].redirect_hosts =
        Some(Box::new(RedirectHosts { blocks: vec![block], names: vec![("sbc.example.net".into(), None)] }));
    plan
}

/// A 302 of a callee with these Contacts.
fn redirect(stage: &mut Stage, from: &Callee, contacts: &str) {
    let bytes = tests::dialogue::reply(&from.invite, 302, "b1", from.at, "", None);
    let text = String::from_utf8(bytes.to_vec()).unwrap();
    let own = text.lines().find(|line| line.starts_with("Contact:")).unwrap().to_owned();
    stage.send(from.at, &text.replacen(&own, contacts, 1).into());
    stage.expect(from.at, "ACK");
}

#[test]
fn corner_34_a_redirection_by_a_name_that_is_allowed_leads_to_its_addresses() {
    let mut stage = Stage::new(redirecting());
    let named = stage.config.named_targets();
    let (name, target) = named.first().expect("the name is looked up beforehand").clone();
    assert_eq!((target.host_port().as_str(), named.len()), ("sbc.example.net", 1));
    // Its addresses are the operator's choice, wherever they are.
    let addresses = vec![addr("192.0.2.201:5060"), addr("192.0.2.202:5060")];
    stage.input(node::Input::Resolved { carrier: name, addresses, transport: None });
    let mut phone = stage.phone("c1", "34511000000");
    phone.invite(&mut stage);
    let alpha = Callee::wait(&mut stage, ALPHA);
    redirect(
        &mut stage,
        &alpha,
        "Contact: <sip:x@other.example.net>, <sip:x@sbc.example.net:5060>, <sip:x@SBC.example.net>",
    );
    let mut first = Callee::wait(&mut stage, "192.0.2.201:5060");
    assert_eq!(first.invite.request_uri(), "sip:x@SBC.example.net");
    first.fail(&mut stage, 503);
    let mut second = Callee::wait(&mut stage, "192.0.2.202:5060");
    second.answer(&mut stage);
    phone.answered(&mut stage);
    // Whoever was redirected to is the peer of its own dialog, and of nothing else.
    stage.advance(1_000);
    second.bye(&mut stage);
    stage.expect(second.at, "200 BYE");
    phone.bye_comes(&mut stage);
    let stranger = tests::dialogue::Dialogue::caller(addr("192.0.2.201:5060"), "x1", "1", "34511000000")
        .request("INVITE", "", None);
    stage.send(addr("192.0.2.201:5060"), &stranger);
    stage.silence(addr("192.0.2.201:5060"));
    stage.over();
    assert_eq!((stage.cdr().attempts.len(), stage.cdr().cost), (1, Some(50)));
}

#[test]
fn corner_34_a_name_that_does_not_resolve_leads_nowhere() {
    let mut stage = Stage::new(redirecting());
    let mut phone = stage.phone("c1", "34511000000");
    phone.invite(&mut stage);
    let alpha = Callee::wait(&mut stage, ALPHA);
    redirect(&mut stage, &alpha, "Contact: <sip:x@sbc.example.net>");
    Callee::wait(&mut stage, BETA).fail(&mut stage, 486);
    phone.refused(&mut stage, 486);
    stage.over();
}

#[test]
fn corner_34_a_redirection_is_followed_by_q_inside_the_allowed_hosts() {
    let mut stage = Stage::new(redirecting());
    let mut phone = stage.phone("c1", "34511000000");
    phone.invite(&mut stage);
    let alpha = Callee::wait(&mut stage, ALPHA);
    // Beta is another carrier, at another price, and not among the allowed.
    let contacts = "Contact: <sip:34511000000@198.51.100.2>;q=1, <sip:s@203.0.113.11>;q=0.3\r\n\
                    Contact: <sip:f@203.0.113.10:5062>;q=0.7, <tel:+34511000000>, <sips:x@203.0.113.12>\r\n";
    let bytes = tests::dialogue::reply(&alpha.invite, 302, "b1", alpha.at, "", None);
    let text = String::from_utf8(bytes.to_vec()).unwrap().replacen(
        "Contact: <sip:198.51.100.1:5060>\r\n",
        contacts,
        1,
    );
    stage.send(alpha.at, &text.into());
    stage.expect(alpha.at, "ACK");
    let mut first = Callee::wait(&mut stage, FIRST);
    assert_eq!(first.invite.request_uri(), "sip:f@203.0.113.10:5062");
    assert_eq!(first.invite.header(Name::To), alpha.invite.header(Name::To));
    assert_eq!((first.invite.call_id(), first.invite.cseq().0), (alpha.invite.call_id(), 2));
    first.fail(&mut stage, 480);
    let mut second = Callee::wait(&mut stage, SECOND);
    assert_eq!(second.invite.request_uri(), "sip:s@203.0.113.11");
    stage.silence(addr(BETA));
    second.answer(&mut stage);
    phone.answered(&mut stage);
    stage.advance(10_000);
    phone.bye(&mut stage);
    second.bye_comes(&mut stage);
    stage.over();
    let cdr = stage.cdr();
    assert_eq!((cdr.carrier.as_deref(), cdr.attempts.len()), (Some("alpha"), 1));
    // 0.03 a minute, by the second, 10 s.
    assert_eq!(cdr.cost, Some(500));
}

#[test]
fn corner_34_redirections_end_after_three_and_outside_the_allowed() {
    for (contact, followed) in
        [("sip:x@203.0.113.10:5062", 3), ("sip:x@198.51.100.2", 0), ("sip:x@sbc.example", 0)]
    {
        let mut stage = Stage::new(redirecting());
        let mut phone = stage.phone("c1", "34511000000");
        phone.invite(&mut stage);
        let mut at = Callee::wait(&mut stage, ALPHA);
        let mut count = 0;
        loop {
            let bytes = tests::dialogue::reply(&at.invite, 302, "b1", at.at, "", None);
            let text = String::from_utf8(bytes.to_vec()).unwrap();
            let own = text.lines().find(|line| line.starts_with("Contact:")).unwrap().to_owned();
            stage.send(at.at, &text.replacen(&own, &format!("Contact: <{contact}>"), 1).into());
            stage.expect(at.at, "ACK");
            let Some(next) = stage.inbox(addr(FIRST)).pop() else { break };
            count += 1;
            at = Callee { at: addr(FIRST), invite: next, ..at };
        }
        assert_eq!(count, followed, "{contact}");
        Callee::wait(&mut stage, BETA).fail(&mut stage, 486);
        phone.refused(&mut stage, 486);
        stage.over();
        assert_eq!(stage.cdr().attempts[0].status, Some(302));
    }
}

#[test]
fn attack_29_the_target_of_a_redirection_is_told_no_credentials() {
    let mut plan = redirecting();
    plan.carriers[0].credentials =
        Some(Box::new(Credentials { username: "us".into(), password: Secret::new("s3cret"), realm: None }));
    let mut stage = Stage::new(plan);
    let mut phone = stage.phone("c1", "34511000000");
    phone.invite(&mut stage);
    let alpha = Callee::wait(&mut stage, ALPHA);
    let away = tests::dialogue::reply(&alpha.invite, 302, "b1", addr(FIRST), "", None);
    stage.send(alpha.at, &away);
    let mut first = Callee::wait(&mut stage, FIRST);
    first.reply(&mut stage, 407, &Challenger::proxy("alpha").line("evil", ""), None);
    stage.expect(addr(FIRST), "ACK");
    stage.silence(addr(FIRST));
    Callee::wait(&mut stage, BETA).fail(&mut stage, 486);
    phone.refused(&mut stage, 486);
    stage.over();
}
