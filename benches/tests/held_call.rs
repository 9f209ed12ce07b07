//! What a held call may keep on the heap, so that it never creeps back: both legs answered, counted at the
//! allocator. What all calls share (prefixes, decks, wheels) is not in it; tables that grow with the calls
//! are.
#![forbid(unsafe_code)]
#![allow(clippy::expect_used, reason = "a test says what failed by failing")]

use allocation_counter::measure;
use benches::load::{Calls, STEPS, UP};
use benches::world::World;

/// Just under a power of two, where tables that double are full: what they waste at worst would hide what a
/// call takes.
const HELD: usize = 3_500;
const TOGETHER: usize = 500;
/// 64·T1 and what rounds it up: by then all transactions of the set-up are forgotten.
const REST_SECS: u64 = 40;
/// Right after the answer, with transactions that linger for repeats.
const FRESH_BYTES_MAX: i64 = 2_600;
/// When those are gone.
const RESTED_BYTES_MAX: i64 = 2_560;

#[test]
fn a_held_call_keeps_few_bytes() {
    let mut world = World::new(500);
    // Tables of the first calls have grown by then.
    place(&mut world, 0, STEPS.len());
    rest(&mut world);
    let before = world.node.live_calls();
    let placed = measure(|| {
        for first in (0..HELD).step_by(TOGETHER) {
            place(&mut world, TOGETHER + first, UP);
        }
    });
    assert_eq!(world.node.live_calls() - before, HELD);
    let rested = measure(|| rest(&mut world));
    assert_eq!(world.node.live_calls() - before, HELD, "all calls are still up");
    let fresh = placed.bytes_current / HELD as i64;
    let rested = (placed.bytes_current + rested.bytes_current) / HELD as i64;
    assert!(fresh <= FRESH_BYTES_MAX, "{fresh} bytes right after the answer");
    assert!(rested <= RESTED_BYTES_MAX, "{rested} bytes {REST_SECS} s later");
}

fn place(world: &mut World, first: usize, steps: usize) {
    let mut calls = Calls::new(world, first, TOGETHER);
    for step in &STEPS[..steps] {
        calls.step(world, *step);
    }
    if steps == UP {
        assert_eq!(calls.answered(), TOGETHER);
    }
    calls.publish(world);
}

fn rest(world: &mut World) {
    for _ in 0..REST_SECS {
        world.idle_secs(1, &mut Vec::new());
    }
}
