//! What an operations centre sees: answers counted, forged tags, carriers that go down, probes that leave
//! once. Faults B11 and E of the second review.

use std::collections::BTreeMap;
use std::sync::Arc;

use node::{CountedSide, Evidence, Identity, Input, Node, Output};
use route::AttemptEnd;
use sip::Method;
use tests::dialogue::parse;
use tests::plan::Plan;
use tests::slots::Places;
use units::{Now, Tick, Wall};

use crate::phone::Callee;
use crate::stage::{ALPHA, BETA, PBX, Stage, addr};

/// Final answers by side and status, whatever the carrier.
fn finals(stage: &mut Stage) -> Vec<(CountedSide, u16, u64)> {
    let counted = stage.node.take_counters().sip_responses;
    let mut sums = BTreeMap::new();
    for ((side, _, status), count) in counted {
        *sums.entry((side, status)).or_default() += count;
    }
    sums.into_iter().map(|((side, status), count)| (side, status, count)).collect()
}

/// One call with OPTIONS, a hold, a request of no method and BYE around it: one answer of each side.
#[test]
fn fault_e2_only_final_answers_to_a_calls_invite_are_counted() {
    let mut stage = Stage::standard();
    let (mut phone, mut callee) = stage.talk("c1", "34600000000");
    let mut other = stage.phone("c2", "34600000000");
    for method in ["OPTIONS", "REGISTER", "FLY"] {
        let bytes = other.dialog.request(method, "", None);
        stage.send(other.at, &bytes);
    }
    let bytes = phone.dialog.request("OPTIONS", "", None);
    stage.send(phone.at, &bytes);
    phone.bye(&mut stage);
    callee.bye_comes(&mut stage);
    phone.expect(&mut stage, "200 BYE");
    assert_eq!(finals(&mut stage), [(CountedSide::Gate, 200, 1), (CountedSide::Carrier, 200, 1)]);
    let mut wrong = stage.phone("c3", "34abc");
    wrong.invite(&mut stage);
    let mut needy = stage.phone("c4", "34600000000");
    needy.invite_with(&mut stage, "Require: nothing-known\r\n");
    assert_eq!(finals(&mut stage), [(CountedSide::Gate, 404, 1), (CountedSide::Gate, 420, 1)]);
}

/// A tag that we never minted, in a request that pretends a dialog; a late BYE of a call that was ours is
/// nobody's forgery.
#[test]
fn fault_b11o_forged_tags_are_counted() {
    let mut stage = Stage::standard();
    let (mut phone, mut callee) = stage.talk("c1", "34600000000");
    phone.bye(&mut stage);
    callee.bye_comes(&mut stage);
    stage.advance(60_000);
    phone.bye(&mut stage);
    phone.expect(&mut stage, "481 BYE");
    assert_eq!(stage.rejected("forged_tag"), 0);
    let real = phone.dialog.remote.clone();
    let (kept, seal) = real.split_at(real.len() - 4);
    let turned: String = seal.chars().rev().collect();
    for (remote, method) in
        [("<sip:34600000000@192.0.2.1>;tag=nobody".to_owned(), "BYE"), (format!("{kept}{turned}"), "INFO")]
    {
        phone.dialog.remote = remote;
        let bytes = phone.dialog.request(method, "", None);
        stage.send(phone.at, &bytes);
        phone.expect(&mut stage, &format!("481 {method}"));
    }
    let ack = phone.dialog.ack(1, None);
    stage.send(phone.at, &ack);
    assert_eq!(stage.rejected("forged_tag"), 3);
}

/// A carrier that fails until it is skipped, and answers later: told once each, with what showed it.
#[test]
fn fault_e1_a_carrier_down_and_up_is_told_with_its_reason() {
    let mut plan = Plan::standard();
    plan.carriers[0].down_after = 2;
    plan.carriers[0].down_secs = 30;
    let mut stage = Stage::new(plan);
    for call in ["c1", "c2"] {
        let mut phone = stage.phone(call, "34600000000");
        phone.invite(&mut stage);
        let mut alpha = Callee::wait(&mut stage, ALPHA);
        alpha.reply(&mut stage, 503, "", None);
        let mut beta = Callee::wait(&mut stage, BETA);
        beta.reply(&mut stage, 486, "", None);
        phone.refused(&mut stage, 486);
    }
    let told: Vec<_> = stage.node.take_counters().carrier_changes;
    let told: Vec<_> = told.iter().map(|change| (&*change.carrier, change.is_up, change.by)).collect();
    assert_eq!(told, [("alpha", false, Evidence::Call(AttemptEnd::Status(503)))]);
    stage.advance(31_000);
    let (mut phone, mut callee) = stage.talk("c3", "34600000000");
    phone.bye(&mut stage);
    callee.bye_comes(&mut stage);
    let told = stage.node.take_counters().carrier_changes;
    assert_eq!(
        told.iter().map(|change| (&*change.carrier, change.is_up)).collect::<Vec<_>>(),
        [("alpha", true)]
    );
}

/// Strangers' addresses are kept for the log, a few of them, each once.
#[test]
fn fault_e1_strangers_are_named() {
    let mut stage = Stage::standard();
    for last in (1..=40).chain([1, 2]) {
        let bytes = stage.phone("c1", "34600000000").dialog.request("INVITE", "", None);
        stage.send(addr(&format!("203.0.113.{last}:5060")), &bytes);
    }
    let counters = stage.node.take_counters();
    assert_eq!(counters.auth_rejected.get("unknown_source"), Some(&42));
    assert_eq!(counters.strangers.len(), 16);
    assert_eq!(counters.strangers[0], addr("203.0.113.1:5060").ip());
    stage.silence(addr(PBX));
}

/// Two shards, two carriers, three intervals: one OPTIONS a carrier and interval; both shards learn of the
/// silence.
#[test]
fn fault_b11l_one_probe_an_interval_for_all_shards() {
    let mut plan = Plan::standard();
    for carrier in &mut plan.carriers {
        (carrier.probe_secs, carrier.down_after) = (60, 1);
    }
    let config = plan.config_snapshot(None);
    let mut now = Now { tick: Tick(1_000_000), wall: Wall(1_767_607_200_000) };
    let shard = |shard| {
        let identity = Identity { name: "sw1".into(), shard, shards: 2, key: [7; 16], boot: 0 };
        let mut node = Node::new(identity, Arc::clone(&config), Arc::new(Places::default()));
        node.start_empty(now);
        node
    };
    let mut nodes = [shard(0), shard(1)];
    let mut sent: BTreeMap<String, std::collections::BTreeSet<String>> = BTreeMap::new();
    // Each probe that hears nothing ends after 64·T1, 32 s.
    for _ in 0..3 * 60 * 10 {
        now = Now { tick: now.tick.plus_ms(100), wall: now.wall.plus_ms(100) };
        let mut told = Vec::new();
        for (at, node) in nodes.iter_mut().enumerate() {
            node.handle(now, Input::Tick);
            while let Some(output) = node.poll() {
                match output {
                    Output::Send { flow, bytes } => {
                        let message = parse(&bytes);
                        assert_eq!(message.method(), Method::Options);
                        sent.entry(flow.peer.to_string()).or_default().insert(message.call_id().to_owned());
                    }
                    Output::Probed { carrier, status, pause_secs } => {
                        told.push((1 - at, Input::Probed { carrier, status, pause_secs }))
                    }
                    _ => {}
                }
            }
        }
        for (other, input) in told {
            nodes[other].handle(now, input);
        }
    }
    let probes: Vec<_> = sent.iter().map(|(peer, ids)| (peer.as_str(), ids.len())).collect();
    assert_eq!(probes, [(ALPHA, 3), (BETA, 3)]);
    for node in &nodes {
        assert_eq!(node.carriers_down(now.tick).len(), 2, "both shards know");
    }
}
