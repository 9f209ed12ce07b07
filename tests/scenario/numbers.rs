//! Numbers of ours: a carrier's call rings at the target and costs nobody anything; another customer's is
//! paid by the caller if its deck has a price; what cannot be reached, and what a crash leaves.

use node::{Dispatch, Input, shard_of};
use rating::Cdr;
use rating::cdr::{PartyKind, Protocol};
use sip::flow::Flow;
use sip::{Message, Name};
use tests::dialogue::{SWITCH, parse, reply};
use tests::plan::{Plan, deck, gate, number};

use crate::phone::{Callee, Phone};
use crate::stage::{ALPHA, BETA, PBX, Stage, addr};

/// The other customer's PBX.
const SHOP: &str = "192.0.2.12:5060";
/// Where nobody of ours is.
const FOREIGN: &str = "203.0.113.7:5070";
pub const NUMBER: &str = "34911000001";

/// acme has 34911000001 and 4930000001 at its gate and 34911000002 at a URI elsewhere; shop has money and
/// another deck, which prices 349.
pub fn plan() -> Plan {
    let mut plan = Plan::standard();
    plan.decks.push(("wholesale", deck(&[("349", "0.2", 60, 60, "")])));
    plan.accounts.push(("shop", 500_000, "wholesale"));
    plan.gates.push(gate("shop-pbx", "shop", "192.0.2.12"));
    plan.numbers = vec![
        number(NUMBER, "acme", "gate:acme-pbx"),
        number("34911000002", "acme", &format!("sip:alice@{FOREIGN}")),
        number("4930000001", "acme", "gate:acme-pbx"),
    ];
    plan
}

/// A call from `from` that is about to begin.
pub fn calling(from: &str, called: &str) -> Phone {
    Phone::new(addr(from), "n1", called)
}

pub fn cause(refusal: &Message) -> &str {
    refusal
        .header(Name::Reason)
        .and_then(|reason| reason.split("cause=").nth(1)?.split(';').next())
        .expect("a Q.850 Reason")
}

/// From the first INVITE to the end: answered at `at`, talked for 61 s, hung up by the caller.
fn talked(stage: &mut Stage, from: &str, called: &str, at: &str) -> Cdr {
    let mut phone = calling(from, called);
    phone.invite_with(stage, "User-Agent: Caller/1.0\r\n");
    let mut callee = Callee::wait(stage, at);
    callee.ring(stage);
    phone.expect(stage, "180 INVITE");
    let sdp = callee.sdp();
    callee.reply(stage, 200, "Server: Callee/2.0\r\n", Some(&sdp));
    stage.expect(callee.at, "ACK");
    phone.answered(stage);
    assert_eq!(stage.talking(), 1);
    stage.advance(61_000);
    phone.bye(stage);
    callee.bye_comes(stage);
    stage.over();
    stage.cdr()
}

#[test]
fn a_carriers_call_rings_at_the_gate_and_costs_its_owner_nothing() {
    let mut stage = Stage::new(plan());
    let cdr = talked(&mut stage, ALPHA, "+34911000001", PBX);
    assert_eq!(
        (cdr.direction.as_str(), cdr.origin_kind.as_str(), &*cdr.origin),
        ("inbound", "carrier", "alpha")
    );
    assert_eq!(
        (cdr.destination_kind.map(PartyKind::as_str), cdr.number.as_deref()),
        (Some("gate"), Some(NUMBER))
    );
    assert_eq!((&*cdr.account, &*cdr.gate, cdr.carrier.as_deref()), ("acme", "acme-pbx", None));
    assert_eq!(
        (cdr.amount, cdr.duration_ms, cdr.balance_before, cdr.balance_after),
        (0, 61_000, 1_000_000, 1_000_000)
    );
    assert_eq!((cdr.cost, cdr.attempts.len(), &*cdr.attempts[0].carrier), (None, 1, "gate:acme-pbx"));
    assert_eq!((cdr.protocol_a, cdr.protocol_b), (Protocol::Sip, Some(Protocol::Sip)));
    let address = |ip: Option<std::net::IpAddr>| ip.map(|ip| ip.to_string());
    assert_eq!(address(cdr.source_ip_a).as_deref(), Some("198.51.100.1"));
    assert_eq!(address(cdr.source_ip_b).as_deref(), Some("192.0.2.11"));
    assert_eq!(
        (cdr.user_agent_a.as_deref(), cdr.user_agent_b.as_deref()),
        (Some("Caller/1.0"), Some("Callee/2.0"))
    );
    assert!(cdr.decision.as_deref().is_some_and(|text| text.contains("nobody pays")), "{:?}", cdr.decision);
    assert_eq!(stage.balance(), 1_000_000);
}

#[test]
fn the_gate_is_dialled_with_the_number_and_at_its_address_if_it_has_one() {
    let mut plan = plan();
    plan.gates[0].address = "sip:192.0.2.11:5090".parse().ok();
    let mut stage = Stage::new(plan);
    let mut phone = calling(ALPHA, "0034911000001");
    phone.invite(&mut stage);
    let callee = Callee::wait(&mut stage, "192.0.2.11:5090");
    assert_eq!(callee.invite.request_uri(), "sip:34911000001@192.0.2.11:5090");
    assert!(
        callee.invite.header(Name::From).is_some_and(|from| from.contains("34600000001")),
        "the caller's number is shown"
    );
}

/// The owner's money has no part in it, and neither have its free minutes or its reseller.
#[test]
fn it_rings_without_money_too() {
    let mut plan = plan();
    plan.accounts[0].1 = 0;
    let mut stage = Stage::new(plan);
    let cdr = talked(&mut stage, ALPHA, NUMBER, PBX);
    assert_eq!((cdr.amount, cdr.balance_after, &*cdr.reason), (0, 0, "normal"));
}

#[test]
fn a_foreign_uri_is_dialled_as_written_and_may_hang_up() {
    let mut stage = Stage::new(plan());
    let mut phone = calling(ALPHA, "34911000002");
    phone.invite(&mut stage);
    let mut alice = Callee::wait(&mut stage, FOREIGN);
    assert_eq!(alice.invite.request_uri(), format!("sip:alice@{FOREIGN}"));
    alice.answer(&mut stage);
    phone.answered(&mut stage);
    stage.advance(5_000);
    alice.bye(&mut stage);
    stage.expect(alice.at, "200 BYE");
    phone.bye_comes(&mut stage);
    stage.over();
    let cdr = stage.cdr();
    assert_eq!((cdr.destination_kind.map(PartyKind::as_str), cdr.amount, &*cdr.gate), (Some("uri"), 0, ""));
    assert_eq!((&*cdr.attempts[0].carrier, &*cdr.hangup_by), (&*format!("sip:alice@{FOREIGN}"), "callee"));
    // The call is over, and its peer a stranger again.
    alice.request(&mut stage, "OPTIONS", "", None);
    stage.silence(alice.at);
}

#[test]
fn another_customers_call_is_internal_and_paid_by_its_own_deck() {
    let mut stage = Stage::new(plan());
    let cdr = talked(&mut stage, SHOP, NUMBER, PBX);
    assert_eq!(
        (cdr.direction.as_str(), cdr.origin_kind.as_str(), &*cdr.origin, &*cdr.gate),
        ("internal", "gate", "shop-pbx", "shop-pbx")
    );
    assert_eq!(
        (&*cdr.account, &*cdr.deck, cdr.destination_kind.map(PartyKind::as_str)),
        ("shop", "wholesale", Some("gate"))
    );
    // 61 s at 0.20 a minute in whole minutes.
    assert_eq!((cdr.billed_seconds, cdr.amount, cdr.balance_after), (120, 40_000, 460_000));
    assert_eq!((cdr.carrier.as_deref(), cdr.cost, stage.balance()), (None, None, 1_000_000));
}

#[test]
fn without_a_price_it_is_free_and_recorded_all_the_same() {
    let mut stage = Stage::new(plan());
    let cdr = talked(&mut stage, SHOP, "4930000001", PBX);
    assert_eq!((cdr.direction.as_str(), &*cdr.account, &*cdr.deck), ("internal", "shop", ""));
    assert_eq!((cdr.amount, cdr.duration_ms, cdr.balance_after), (0, 61_000, 500_000));
    assert!(cdr.is_free());
}

#[test]
fn a_price_that_the_caller_cannot_pay_is_402() {
    let mut plan = plan();
    plan.accounts[1].1 = 100;
    let mut stage = Stage::new(plan);
    let mut phone = calling(SHOP, NUMBER);
    phone.invite(&mut stage);
    phone.refused(&mut stage, 402);
    stage.silence(addr(PBX));
    stage.over();
    assert_eq!((stage.cdr().direction.as_str(), stage.cdr().amount), ("internal", 0));
}

/// Routes and carriers have no part in it: there is none for 4930.
#[test]
fn a_customers_own_number_rings_without_a_carrier() {
    let mut plan = plan();
    plan.routes.clear();
    let mut stage = Stage::new(plan);
    let mut phone = calling(PBX, NUMBER);
    phone.invite(&mut stage);
    let invite = stage.expect(addr(PBX), "INVITE");
    assert_eq!(invite.request_uri(), "sip:34911000001@192.0.2.11");
}

#[test]
fn nobodys_number_is_404_to_a_carrier_and_silence_to_strangers() {
    let mut stage = Stage::new(plan());
    for (nth, called) in ["34911000009", "911000001", "34911", "", "alice", "*21"].into_iter().enumerate() {
        let mut phone = Phone::new(addr(ALPHA), &format!("n{nth}"), called);
        phone.invite(&mut stage);
        let refusal = phone.refused(&mut stage, 404);
        assert_eq!(cause(&refusal), "1", "{called}");
    }
    let mut stranger = calling("203.0.113.9:5060", NUMBER);
    stranger.invite(&mut stage);
    stage.silence(stranger.at);
    stage.silence(addr(PBX));
    stage.over();
    assert!(stage.cdrs.is_empty(), "nobody's call has no account to be recorded in");
}

#[test]
fn what_cannot_be_reached_is_480_with_cause_20() {
    // Silent, refused by the network, taken out of the configuration, without an address.
    for how in 0..4 {
        let mut stage = Stage::new(plan());
        match how {
            2 => drop(stage.plan.gates.remove(0)),
            3 => stage.plan.gates[0].source = vec![route::Cidr::parse("192.0.2.64/27").unwrap()],
            _ => {}
        }
        stage.reload();
        let mut phone = calling(ALPHA, NUMBER);
        phone.invite(&mut stage);
        match how {
            0 => stage.advance(4_000),
            1 => stage.input(Input::Unreachable(Flow::udp(addr(SWITCH), addr(PBX)))),
            _ => {}
        }
        let refusal = phone.refused(&mut stage, 480);
        assert_eq!((cause(&refusal), refusal.header(Name::RetryAfter)), ("20", None), "{how}");
        stage.over();
        assert_eq!((&*stage.cdr().reason, &*stage.cdr().account), ("not-reachable", "acme"), "{how}");
    }
}

#[test]
fn what_the_callee_says_is_passed_on_and_no_carrier_is_tried() {
    for (status, told) in [(486, 486), (404, 404), (480, 480), (603, 603), (401, 500), (503, 500), (422, 500)]
    {
        let mut stage = Stage::new(plan());
        let mut phone = calling(SHOP, NUMBER);
        phone.invite(&mut stage);
        Callee::wait(&mut stage, PBX).fail(&mut stage, status);
        phone.refused(&mut stage, told);
        stage.silence(addr(ALPHA));
        stage.silence(addr(BETA));
        stage.over();
    }
}

#[test]
fn a_carrier_that_gives_up_cancels_the_called_leg() {
    let mut stage = Stage::new(plan());
    let mut phone = calling(ALPHA, NUMBER);
    phone.invite(&mut stage);
    let mut callee = Callee::wait(&mut stage, PBX);
    callee.ring(&mut stage);
    phone.cancel(&mut stage);
    phone.refused(&mut stage, 487);
    let cancel = stage.expect(callee.at, "CANCEL");
    callee.answer_to(&mut stage, &cancel, 200, None);
    callee.fail(&mut stage, 487);
    stage.over();
    assert_eq!(
        (stage.cdr().amount, &*stage.cdr().reason, stage.cdr().direction.as_str()),
        (0, "cancelled", "inbound")
    );
}

#[test]
fn codecs_are_those_that_both_allow() {
    let mut plan = plan();
    plan.gates[0].codecs = codecs::CodecSet::of(codecs::Codec::G729);
    let mut stage = Stage::new(plan);
    let mut phone = calling(ALPHA, NUMBER);
    phone.invite(&mut stage);
    phone.refused(&mut stage, 488);
    stage.silence(addr(PBX));
    stage.over();
}

#[test]
fn the_called_gates_longest_call_ends_it() {
    let mut plan = plan();
    plan.gates[0].max_call_secs = 30;
    let mut stage = Stage::new(plan);
    let mut phone = calling(ALPHA, NUMBER);
    phone.invite(&mut stage);
    let mut callee = Callee::wait(&mut stage, PBX);
    callee.answer(&mut stage);
    phone.answered(&mut stage);
    stage.advance(30_000);
    phone.bye_comes(&mut stage);
    callee.bye_comes(&mut stage);
    stage.over();
    assert_eq!((&*stage.cdr().reason, stage.cdr().duration_ms), ("max-call-secs", 30_000));
}

#[test]
fn a_crash_leaves_one_record_and_two_byes() {
    let mut stage = Stage::new(plan());
    let mut phone = calling(ALPHA, NUMBER);
    phone.invite(&mut stage);
    let mut callee = Callee::wait(&mut stage, PBX);
    callee.answer(&mut stage);
    phone.answered(&mut stage);
    stage.advance(25_000);
    stage.inbox(addr(ALPHA));
    stage.inbox(addr(PBX));
    stage.crash();
    phone.bye_comes(&mut stage);
    callee.bye_comes(&mut stage);
    let cdr = stage.cdr();
    assert_eq!((&*cdr.reason, cdr.amount, cdr.duration_ms), ("node-lost", 0, 20_000));
    assert_eq!(
        (cdr.direction.as_str(), &*cdr.origin, &*cdr.account, cdr.number.as_deref()),
        ("inbound", "alpha", "acme", Some(NUMBER))
    );
    stage.over();
}

#[test]
fn a_reload_changes_the_next_call_and_not_this_one() {
    let mut stage = Stage::new(plan());
    let mut phone = calling(ALPHA, NUMBER);
    phone.invite(&mut stage);
    let mut callee = Callee::wait(&mut stage, PBX);
    stage.plan.numbers = vec![number(NUMBER, "shop", "gate:shop-pbx")];
    stage.reload();
    callee.answer(&mut stage);
    phone.answered(&mut stage);
    let mut next = Phone::new(addr(BETA), "n2", NUMBER);
    next.invite(&mut stage);
    Callee::wait(&mut stage, SHOP).fail(&mut stage, 486);
    next.refused(&mut stage, 486);
    phone.bye(&mut stage);
    callee.bye_comes(&mut stage);
    stage.over();
    let accounts: Vec<&str> = stage.cdrs.iter().map(|cdr| &*cdr.account).collect();
    assert_eq!(accounts, ["shop", "acme"]);
}

/// Drain and overload come first, as for a gate.
#[test]
fn drain_is_503_to_a_carrier_too() {
    let mut stage = Stage::new(plan());
    stage.input(Input::Drain);
    let mut phone = calling(ALPHA, NUMBER);
    phone.invite(&mut stage);
    let refusal = phone.refused(&mut stage, 503);
    assert_eq!((cause(&refusal), refusal.header(Name::RetryAfter)), ("42", Some("5")));
}

/// Every thread that receives hands a carrier's call to the shard of the account whose number it is for, and
/// so its repeats and its CANCEL.
#[test]
fn a_carriers_call_goes_to_the_owners_shard() {
    const SHARDS: u8 = 8;
    let mut plan = plan();
    plan.numbers.push(number("34911000003", "shop", "gate:shop-pbx"));
    let config = plan.config_snapshot(None);
    let dispatch = Dispatch::new([7; 16], SHARDS);
    assert_ne!(shard_of("acme", SHARDS), shard_of("shop", SHARDS), "the test needs two shards");
    for (called, shard) in [
        ("+34911000001", shard_of("acme", SHARDS)),
        ("34911000003", shard_of("shop", SHARDS)),
        ("34911000009", 0),
        ("alice", 0),
    ] {
        let mut phone = calling(ALPHA, called);
        let invite = parse(&phone.dialog.request("INVITE", "", None));
        let cancel = parse(&tests::dialogue::cancel(&invite));
        for message in [invite, cancel] {
            let arrival = dispatch.find(&config, Flow::udp(addr(SWITCH), addr(ALPHA)), Ok(message));
            assert_eq!(arrival.shard, Some(shard), "{called}");
        }
    }
    let stranger = parse(&calling("203.0.113.9:5060", NUMBER).dialog.request("INVITE", "", None));
    let arrival = dispatch.find(&config, Flow::udp(addr(SWITCH), addr("203.0.113.9:5060")), Ok(stranger));
    assert_eq!(arrival.shard, None);
    // What knows addresses of names asks for the shard of one whose address is in no configuration.
    assert_eq!(dispatch.shard_of_carrier(&config, &arrival.message), shard_of("acme", SHARDS));
}

/// A re-INVITE and a hold pass as in any call.
#[test]
fn a_hold_passes_to_the_called_gate() {
    let mut stage = Stage::new(plan());
    let mut phone = calling(ALPHA, NUMBER);
    phone.invite(&mut stage);
    let mut callee = Callee::wait(&mut stage, PBX);
    callee.answer(&mut stage);
    stage.expect(callee.at, "ACK");
    phone.answered(&mut stage);
    phone.reinvite(&mut stage, "sendonly");
    let hold = stage.expect(callee.at, "INVITE");
    let answer = tests::sdp::answer(&hold.body(), callee.at.ip(), 2);
    stage.send(callee.at, &reply(&hold, 200, "", callee.at, "", Some(&answer)));
    phone.expect(&mut stage, "200 INVITE");
}

/// A host name rings where it was last resolved to, under the name that the resolver is told; until then
/// nobody is there.
#[test]
fn a_target_by_name_rings_where_it_resolves_to() {
    const BY_NAME: &str = "sip:alice@sip.example.net:5070";
    let mut plan = plan();
    plan.numbers.push(number("34911000004", "acme", BY_NAME));
    plan.numbers.push(number("34911000005", "acme", BY_NAME));
    plan.gates[0].address = "sip:pbx.example.net".parse().ok();
    let mut stage = Stage::new(plan);
    let named: Vec<_> = stage.config.named_targets().into_iter().map(|(name, _)| name.to_string()).collect();
    assert_eq!(named, ["gate:acme-pbx", BY_NAME], "each once, carriers with addresses not at all");
    let mut phone = Phone::new(addr(ALPHA), "n1", "34911000004");
    phone.invite(&mut stage);
    let refusal = phone.refused(&mut stage, 480);
    assert_eq!(cause(&refusal), "20");
    stage.input(Input::Resolved { carrier: BY_NAME.into(), addresses: vec![addr(FOREIGN)], transport: None });
    let mut phone = Phone::new(addr(ALPHA), "n2", "34911000004");
    phone.invite(&mut stage);
    let alice = Callee::wait(&mut stage, FOREIGN);
    assert_eq!(alice.invite.request_uri(), "sip:alice@sip.example.net:5070");
}

/// Nothing rings for an owner that is suspended, and nobody is told why.
#[test]
fn a_suspended_owners_number_is_not_reachable() {
    for from in [ALPHA, SHOP] {
        let mut stage = Stage::new(plan());
        let change = rating::engine::AccountChange {
            status: Some(ledger::AccountStatus::Suspended),
            ..Default::default()
        };
        stage.admin(node::AdminRequest::ChangeAccount { name: "acme".into(), change });
        let mut phone = calling(from, NUMBER);
        phone.invite(&mut stage);
        let refusal = phone.refused(&mut stage, 480);
        assert_eq!(cause(&refusal), "20", "{from}");
        stage.silence(addr(PBX));
        stage.over();
        assert_eq!(stage.cdr().amount, 0);
    }
}
