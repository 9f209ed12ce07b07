//! A million calls priced anew against 500,000 rows, from CSV to CSV as `tollgate rerate` does it, in memory.
#![forbid(unsafe_code)]
#![allow(clippy::expect_used, reason = "a benchmark that cannot go on says why and stops")]

use std::fmt::Write as _;

use benches::clock::cpu_of;
use benches::dice::Dice;
use benches::figure::{self, Runs};
use benches::plan::{self, NOON, ROWS};
use rating::rerate::rerate;

const CALLS: usize = 1_000_000;
const RUNS: usize = 5;

/// As in the binary.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    let prefixes = plan::prefixes(ROWS);
    let deck = plan::deck("retail", &prefixes, 2);
    let calls = calls(&prefixes);
    let mut runs = Runs::default();
    let mut written = Vec::with_capacity(calls.len() * 3);
    for _ in 0..RUNS {
        written.clear();
        let (cpu, summary) = cpu_of(|| rerate(&deck, calls.as_bytes(), &mut written, |_| ()));
        let summary = summary.expect("a good file");
        assert_eq!((summary.calls, summary.unpriced), (CALLS as u64, 0));
        runs.add(cpu.as_secs_f64());
    }
    let (read, wrote) = (calls.len() / 1_000_000, written.len() / 1_000_000);
    figure::print(&format!("re-rate {CALLS} calls, {read} MB to {wrote} MB, s"), runs);
}

/// One in ten unanswered, the others up to some minutes long.
fn calls(prefixes: &[String]) -> String {
    let mut dice = Dice::new(9);
    let numbers = plan::numbers(prefixes, CALLS, 8);
    let mut csv = String::with_capacity(CALLS * 72);
    csv.push_str("call_id,answered_at,number,duration_ms\n");
    for (call, number) in numbers.iter().enumerate() {
        let at = NOON.plus_ms(dice.below(86_400_000) as i64);
        let duration_ms = if dice.below(10) == 0 { 0 } else { 1 + dice.below(400_000) };
        writeln!(csv, "{call:032x},{},{number},{duration_ms}", at.rfc3339()).expect("memory");
    }
    csv
}
