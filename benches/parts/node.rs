//! A whole call through a shard without sockets: INVITE → 100 → INVITE → 180 → 200 → ACK → BYE → 200, priced,
//! leased, routed, recorded. In lock step at 1,000 calls per simulated second, so that 32 seconds of finished
//! transactions are in the tables, as in a running switch. For a profiler, smaller: `cargo bench -p benches
//! --bench node -- ROUNDS ROWS`.
#![forbid(unsafe_code)]
#![allow(clippy::expect_used, reason = "a benchmark that cannot go on says why and stops")]

use std::time::Duration;

use benches::clock::cpu_of;
use benches::figure::{self, Runs};
use benches::load::{Calls, STEPS};
use benches::plan::ROWS;
use benches::world::World;

/// Calls that go together, and each simulated second.
const CALLS: usize = 1_000;
/// Rounds until as many transactions end as begin.
const WARM_UP: usize = 40;
const ROUNDS: usize = 60;

/// Times of a round, µs per call.
#[derive(Default)]
struct Times {
    steps: [Runs; STEPS.len()],
    publish: Runs,
    whole: Runs,
    encode: Runs,
}

/// As in the binary.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    let mut numbers = std::env::args().filter_map(|arg| arg.parse::<usize>().ok());
    let (rounds, rows) = (numbers.next().unwrap_or(ROUNDS), numbers.next().unwrap_or(ROWS));
    let warm_up = WARM_UP.min(rounds);
    let mut world = World::new(rows);
    let mut times = Times::default();
    for round in 0..warm_up + rounds {
        let into = (round >= warm_up).then_some(&mut times);
        run(&mut world, round * CALLS, into);
    }
    for (step, runs) in STEPS.iter().zip(&times.steps) {
        figure::print(&format!("{}, µs CPU", step.name()), runs);
    }
    figure::print("publishing, µs CPU", &times.publish);
    figure::print("whole call, µs CPU", &times.whole);
    figure::print("encoding its two records, µs CPU", &times.encode);
}

fn run(world: &mut World, first: usize, into: Option<&mut Times>) {
    let mut calls = Calls::new(world, first, CALLS);
    let spent = STEPS.map(|step| calls.step(world, step));
    let publish = calls.publish(world);
    assert_eq!((calls.answered(), calls.ended(), calls.records.len()), (CALLS, CALLS, 2 * CALLS));
    assert_eq!(world.node.live_calls(), 0);
    let (encode, bodies) =
        cpu_of(|| calls.records.iter().map(|record| record.encode().expect("a record").len()).sum::<usize>());
    assert!(bodies > 0);
    // One step's share of simulated time is left for the pause between rounds.
    world.advance_us(125_000);
    if let Some(times) = into {
        for (runs, spent) in times.steps.iter_mut().zip(spent) {
            runs.per_item(spent, CALLS);
        }
        times.publish.per_item(publish, CALLS);
        times.whole.per_item(spent.iter().sum::<Duration>() + publish, CALLS);
        times.encode.per_item(encode, CALLS);
    }
}
