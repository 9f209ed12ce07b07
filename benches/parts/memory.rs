//! What a held call keeps and what a call allocates, counted at the allocator: 10,000 calls that stay up.
//! The resident size is what the system sees of the same, with the allocator's own loss.
#![forbid(unsafe_code)]
#![allow(clippy::expect_used, reason = "a benchmark that cannot go on says why and stops")]

use allocation_counter::{AllocationInfo, measure};
use benches::figure;
use benches::load::{Calls, STEPS, UP};
use benches::wire::Caller;
use benches::world::{SWITCH, World, gate_address};
use sip::Message;

const HELD: usize = 10_000;
/// Calls that are set up together.
const TOGETHER: usize = 500;
/// By then every transaction of the set-up is forgotten (64·T1 is 32 s) and every lease was renewed.
const REST_SECS: u64 = 40;

fn main() {
    messages();
    // A small plan: prefixes are shared by all calls and not counted here.
    let mut world = World::new(5_000);
    one_call(&mut world);
    held(&mut world);
}

fn messages() {
    let caller = Caller { call: 1, from: gate_address(0), to: SWITCH, number: "34911234567" };
    let bytes = caller.invite(true);
    let mut received = Some(bytes.clone());
    let ours = measure(|| drop(received.take().map(Message::parse)));
    let theirs = measure(|| drop(rsip::SipMessage::try_from(&bytes[..])));
    figure::print("parse an INVITE, allocations", ours.count_total);
    figure::print("the same by rsip, allocations", theirs.count_total);
    figure::print("a message in memory, bytes", size_of::<Message>());
}

/// Allocations of the switch for a call from INVITE to CDR, peers left out.
fn one_call(world: &mut World) {
    // Tables have grown by then.
    for first in [0, TOGETHER] {
        place(world, first, STEPS.len());
    }
    let mut calls = Calls::new(world, 2 * TOGETHER, TOGETHER);
    let mut sum = AllocationInfo::default();
    for step in STEPS {
        sum += calls.step_under(world, step, |deliver| measure(deliver));
    }
    figure::print("a call, allocations", sum.count_total / TOGETHER as u64);
    figure::print("a call, bytes allocated in all", sum.bytes_total / TOGETHER as u64);
    rest(world);
}

fn held(world: &mut World) {
    let (resident, before) = (resident_bytes(), world.node.live_calls());
    let mut kept = AllocationInfo::default();
    kept += measure(|| {
        for first in (0..HELD).step_by(TOGETHER) {
            place(world, 2 * TOGETHER + first, UP);
        }
    });
    assert_eq!(world.node.live_calls() - before, HELD);
    let fresh = kept.bytes_current;
    kept += measure(|| rest(world));
    assert_eq!(world.node.live_calls() - before, HELD, "all calls are still up");
    let grown = resident_bytes().saturating_sub(resident);
    figure::print("a call just answered, bytes", fresh / HELD as i64);
    figure::print(&format!("a call held for {REST_SECS} s, bytes"), kept.bytes_current / HELD as i64);
    figure::print(
        &format!("a call held for {REST_SECS} s, allocations kept"),
        kept.count_current as f64 / HELD as f64,
    );
    figure::print("a held call, bytes resident", grown / HELD as u64);
}

fn place(world: &mut World, first: usize, steps: usize) {
    let mut calls = Calls::new(world, first, TOGETHER);
    for step in &STEPS[..steps] {
        calls.step(world, *step);
    }
    calls.publish(world);
}

fn rest(world: &mut World) {
    for _ in 0..REST_SECS {
        world.idle_secs(1, &mut Vec::new());
    }
}

fn resident_bytes() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").expect("/proc");
    statm.split_whitespace().nth(1).and_then(|pages| pages.parse::<u64>().ok()).expect("pages") * 4_096
}
