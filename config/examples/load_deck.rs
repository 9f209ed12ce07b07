//! How long a deck takes to load: `cargo run --release -p config --example load_deck [ROWS]` makes a price
//! list of so many rows, as CSV and as a workbook, loads each three times and prints the shortest time of
//! each kind, by the clock and, where the system says it, of the processor.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used)]

use std::fmt::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

use rating::deck::Rules;
use rust_xlsxwriter::Workbook;
use units::Currency;

const COLUMNS: [&str; 6] = ["prefix", "destination", "rate", "initial", "increment", "connect_fee"];

/// Row `n` of a list: prefixes of five to seven digits, 2,000 names, the usual increments.
fn row(n: u32) -> (String, String, f64, u32, u32, f64) {
    let (initial, increment) = [(1, 1), (30, 6), (60, 60), (60, 1)][n as usize % 4];
    (
        format!("{}", 10_000 + n * 7),
        format!("Destination {}", n % 2_000),
        f64::from(n % 99_991 + 1) / 100_000.0,
        initial,
        increment,
        0.0,
    )
}

/// Ticks of the processor that this process has used, of a hundredth of a second; none where there is no such
/// file.
fn ticks() -> Option<u64> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    let (_, fields) = stat.rsplit_once(") ")?;
    let mut fields = fields.split(' ').skip(11).map(|field| field.parse::<u64>().ok());
    Some(fields.next()?? + fields.next()??)
}

fn load(path: &Path, rows: u32) -> (Duration, Option<u64>) {
    let loads = (0..3).map(|_| {
        let (begun, before) = (Instant::now(), ticks());
        let draft = config::draft_deck("retail", Currency::EUR, &Rules::default(), path, None).unwrap();
        let took = (begun.elapsed(), ticks().zip(before).map(|(after, before)| after - before));
        assert_eq!((draft.deck.len(), draft.errors.len()), (rows as usize, 0));
        took
    });
    loads.min().unwrap()
}

fn main() {
    let rows: u32 = std::env::args().nth(1).map_or(500_000, |text| text.parse().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let (csv, book) = (folder.path().join("deck.csv"), folder.path().join("deck.xlsx"));
    let mut text = COLUMNS.join(",") + "\n";
    let mut workbook = Workbook::new();
    let sheet = workbook.add_worksheet();
    for (column, name) in (0..).zip(COLUMNS) {
        sheet.write_string(0, column, name).unwrap();
    }
    for n in 0..rows {
        let (prefix, destination, rate, initial, increment, fee) = row(n);
        writeln!(text, "{prefix},{destination},{rate:.5},{initial},{increment},{fee:.5}").unwrap();
        let line = n + 1;
        sheet.write_string(line, 0, &prefix).unwrap();
        sheet.write_string(line, 1, &destination).unwrap();
        for (column, number) in [(2, rate), (3, f64::from(initial)), (4, f64::from(increment)), (5, fee)] {
            sheet.write_number(line, column, number).unwrap();
        }
    }
    std::fs::write(&csv, text).unwrap();
    workbook.save(&book).unwrap();
    for (kind, path) in [("CSV", csv), (".xlsx", book)] {
        let (clock, ticks) = load(&path, rows);
        let ticks = ticks.map_or(String::new(), |ticks| {
            format!(", {}.{:02} s of the processor", ticks / 100, ticks % 100)
        });
        println!("{rows} rows of {kind}: {:.2} s{ticks}", clock.as_secs_f64());
    }
}
