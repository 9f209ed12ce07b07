//! A price list of 500,000 rows: how long it takes to load, to find a number's row, and to price a call.
#![forbid(unsafe_code)]
#![allow(clippy::expect_used, reason = "a benchmark that cannot go on says why and stops")]

use std::hint::black_box;

use benches::clock::{cpu_of, criterion};
use benches::figure::{self, Runs};
use benches::plan::{self, NOON, ROWS};
use rating::Deck;
use units::Currency;

/// Loads of which the median is taken.
const LOADS: usize = 5;

/// As in the binary.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    let mut criterion = criterion();
    let prefixes = plan::prefixes(ROWS);
    let numbers = plan::numbers(&prefixes, 100_000, 5);
    let csv = plan::deck_csv(&prefixes, 2);
    let mut loads = Runs::default();
    for _ in 0..LOADS {
        let (cpu, loaded) = cpu_of(|| Deck::load("retail", Currency::EUR, csv.as_bytes()));
        let (deck, _) = loaded.expect("a good deck");
        assert_eq!(deck.len(), ROWS);
        loads.add(cpu.as_secs_f64());
    }
    figure::print(&format!("load {ROWS} rows, {} MB, s", csv.len() / 1_000_000), loads);

    let deck = plan::deck("retail", &prefixes, 2);
    let mut group = criterion.benchmark_group("price");
    let mut at = 0;
    let mut next = || {
        at = (at + 1) % numbers.len();
        at
    };
    group.bench_function("price of a number", |b| b.iter(|| deck.price(black_box(&numbers[next()]), NOON)));
    group.bench_function("price and charge", |b| {
        b.iter(|| {
            let call = next();
            deck.price(black_box(&numbers[call]), NOON).map(|price| price.charge(1_000 + call as u64 * 7))
        });
    });
    let price = deck.price(&numbers[0], NOON).expect("priced");
    group.bench_function("charge alone", |b| b.iter(|| price.charge(black_box(61_000))));
    group.finish();
    criterion.final_summary();
}
