//! From source address to plan: gate, route among 500,000 prefixes, carriers in order with what they charge.
#![forbid(unsafe_code)]
#![allow(clippy::expect_used, reason = "a benchmark that cannot go on says why and stops")]

use std::hint::black_box;
use std::net::IpAddr;

use benches::clock::criterion;
use benches::plan::{self, NOON, ROWS};
use benches::world::{self, GATES, gate_address};
use codecs::CodecSet;
use route::{Health, Network, SlotTable};
use units::{Now, Tick};

/// As in the binary.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    let mut criterion = criterion();
    let prefixes = plan::prefixes(ROWS);
    let numbers = plan::numbers(&prefixes, 100_000, 5);
    let (gates, carriers, decks) = (world::gates(), world::carriers(), world::decks(&prefixes));
    let routes = plan::routes(&prefixes, &carriers);
    let now = Now { tick: Tick(0), wall: NOON };
    let (health, slots) = (Health::new(&carriers, now.tick), SlotTable::default());
    let network = Network {
        carriers: &carriers,
        routes: &routes,
        costs: &*decks,
        health: &health,
        slots: &slots,
        sale: None,
    };

    let mut group = criterion.benchmark_group("route");
    let known: Vec<IpAddr> = (0..GATES).map(|gate| gate_address(gate).ip()).collect();
    let mut at = 0;
    let mut next = |len: usize| {
        at = (at + 1) % len;
        at
    };
    group.bench_function("gate by source", |b| {
        b.iter(|| gates.by_source(black_box(known[next(known.len())])))
    });
    let stranger: IpAddr = "203.0.113.9".parse().expect("address");
    group.bench_function("nobody's source", |b| b.iter(|| gates.by_source(black_box(stranger))));
    group.bench_function("longest prefix", |b| {
        b.iter(|| routes.find(black_box(&numbers[next(numbers.len())])))
    });
    group.bench_function("plan of two carriers with decks", |b| {
        b.iter(|| {
            route::plan(&network, black_box(&numbers[next(numbers.len())]), CodecSet::ALL.into(), now)
                .expect("a route")
        });
    });
    group.finish();
    criterion.final_summary();
}
