//! The money of a call: authorize, answer and settle among 500,000 prefixes and 1,000 accounts, and the
//! extension of a lease.
#![forbid(unsafe_code)]
#![allow(clippy::expect_used, reason = "a benchmark that cannot go on says why and stops")]

use std::hint::black_box;

use benches::clock::criterion;
use benches::plan::{self, NOON, ROWS};
use benches::world;
use criterion::BatchSize;
use rating::engine::{Authorize, CarrierLeg, OpenAccount};
use rating::{CallId, Engine, LeaseId};
use units::{Currency, Now, Number, Tick};

const ACCOUNTS: usize = 1_000;
const NOW: Now = Now { tick: Tick(0), wall: NOON };

/// As in the binary.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    let mut criterion = criterion();
    let prefixes = plan::prefixes(ROWS);
    let numbers = plan::numbers(&prefixes, 100_000, 5);
    let mut engine = Engine::new();
    engine.set_decks(world::decks(&prefixes));
    let names: Vec<String> = (0..ACCOUNTS).map(|at| format!("account-{at}")).collect();
    for name in &names {
        let ask = OpenAccount {
            name,
            currency: Currency::EUR,
            opening: 1_000_000_000_000,
            terms: ledger::Terms::of_deck("retail"),
            limit: 0,
        };
        engine.open_account(NOW, &ask).expect("a new account");
    }

    let mut group = criterion.benchmark_group("engine");
    let mut call = 0;
    group.bench_function("authorize, answer, settle", |b| {
        b.iter(|| {
            call += 1;
            let lease = authorize(&mut engine, &names, &numbers, call);
            engine.answer(NOW, lease).expect("money");
            engine.settle(NOW, lease, black_box(4_000), None).expect("settled")
        });
    });
    group.bench_function("authorize, answer, settle with the carrier's cost", |b| {
        b.iter(|| {
            call += 1;
            let lease = authorize(&mut engine, &names, &numbers, call);
            engine.answer(NOW, lease).expect("money");
            let number = &numbers[call % numbers.len()];
            let leg =
                CarrierLeg { deck: "alpha-cost", number, answered_at: NOON, duration_ms: 4_000, attempt: 0 };
            engine.settle(NOW, lease, black_box(4_000), Some(&leg)).expect("settled")
        });
    });
    group.bench_function("authorize and release", |b| {
        b.iter(|| {
            call += 1;
            let lease = authorize(&mut engine, &names, &numbers, call);
            engine.release(lease).expect("released");
        });
    });
    group.bench_function("extend", |b| {
        // A lease that is extended for ever would be one whose cost is never small: each is used for ten
        // minutes.
        b.iter_batched(
            || (),
            |()| {
                call += 1;
                let lease = authorize(&mut engine, &names, &numbers, call);
                let mut at_ms = engine.answer(NOW, lease).expect("money").renew_at_ms;
                for _ in 0..20 {
                    at_ms = engine.extend(NOW, lease, at_ms).expect("extended").timing.renew_at_ms;
                }
                engine.settle(NOW, lease, at_ms, None).expect("settled")
            },
            BatchSize::SmallInput,
        );
    });
    group.finish();
    assert_eq!(engine.imbalance(), 0);
    criterion.final_summary();
}

fn authorize(engine: &mut Engine, names: &[String], numbers: &[Number], call: usize) -> LeaseId {
    // Odd steps, so that neighbours in time are no neighbours in memory.
    let ask = Authorize {
        call: CallId(call as u128),
        account: &names[call * 17 % names.len()],
        number: &numbers[call % numbers.len()],
    };
    engine.authorize(NOW, ask).expect("money").lease
}
