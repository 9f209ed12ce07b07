//! A whole shard: datagrams of a customer, a carrier and a stranger in any order, with time between them. The
//! books stay in balance, and a stranger hears nothing. Datagrams are separated by the byte 0xff; the byte after
//! it says whose it is and how much time passed before.
#![no_main]

use std::sync::Arc;

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use node::{Identity, Input, Node, Output};
use sip::Message;
use sip::flow::Flow;
use tests::dialogue::SWITCH;
use tests::plan::Plan;
use tests::slots::Places;
use units::{Now, Tick, Wall};

const PEERS: [&str; 4] = ["192.0.2.11:5060", "198.51.100.1:5060", "198.51.100.2:5060", "203.0.113.9:5060"];
const STRANGER: usize = 3;
const PAUSES_MS: [u64; 4] = [0, 500, 5_000, 40_000];
/// Datagrams of one run, and answers to each that are sent back.
const DATAGRAMS_MAX: usize = 32;

fuzz_target!(|input: &[u8]| {
    let config = Plan::standard().config_snapshot(None);
    let identity = Identity { name: "sw1".into(), shard: 0, shards: 1, key: [7; 16], boot: 0 };
    let mut node = Node::new(identity, config, Arc::new(Places::default()));
    let mut now = Now { tick: Tick(1_000_000), wall: Wall(1_767_607_200_000) };
    node.start_empty(now);
    let mut written = 0;
    let mut drain = |node: &mut Node, now: Now| {
        while let Some(output) = node.poll() {
            match output {
                Output::Send { flow, bytes } => {
                    Message::parse(bytes).expect("what we send is SIP");
                    assert_ne!(flow.peer, PEERS[STRANGER].parse().expect("address"), "a stranger hears nothing");
                }
                Output::Journal { .. } => {
                    written += 1;
                    node.handle(now, Input::Durable(written));
                }
                _ => {}
            }
        }
        assert_eq!(node.engine().imbalance(), 0, "debits are not credits");
    };
    drain(&mut node, now);
    for part in input.split(|byte| *byte == 0xff).take(DATAGRAMS_MAX) {
        let Some((&how, wire)) = part.split_first() else { continue };
        let pause = PAUSES_MS[usize::from(how >> 2) % PAUSES_MS.len()];
        now = Now { tick: now.tick.plus_ms(pause), wall: now.wall.plus_ms(pause as i64) };
        node.handle(now, Input::Tick);
        drain(&mut node, now);
        let peer = PEERS[usize::from(how) % PEERS.len()].parse().expect("address");
        let flow = Flow::udp(SWITCH.parse().expect("address"), peer);
        let arrival = node.find(flow, Message::parse(Bytes::copy_from_slice(wire)));
        node.handle(now, Input::Sip(arrival));
        drain(&mut node, now);
    }
});
