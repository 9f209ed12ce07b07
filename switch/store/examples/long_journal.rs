//! Measures a start with a long journal: makes one of so many entries, snapshots included, and opens it as a
//! switch does.
//!
//! `cargo run --release -p store --example long_journal -- [FOLDER] [ENTRIES] [ACCOUNTS]`; the journal is
//! deleted afterwards.

use std::error::Error;
use std::path::PathBuf;
use std::thread;
use std::time::Instant;

use ledger::{
    AccountOpened, CallId, Key, Party, Purpose, Record, RecordBody, Replay, SystemAccount, Terms, Transfer,
};
use serde_json::value::RawValue;
use store::{Appender, Entry, Journal, Options, Priority};
use units::{Currency, Money, Name, Wall};

type Outcome<T> = Result<T, Box<dyn Error>>;

/// One entry in so many is a payment; the others are records of calls.
const CALLS_PER_PAYMENT: u64 = 100;

fn main() -> Outcome<()> {
    let mut args = std::env::args().skip(1);
    let parent = args.next().map_or_else(std::env::temp_dir, PathBuf::from);
    let mut number = |default: u64| args.next().map_or(Ok(default), |text| text.parse());
    let (entries, accounts) = (number(10_000_000)?, number(10_000)?);
    let folder = parent.join(format!("long-journal-{}", std::process::id()));
    let measured = make(&folder, entries, accounts).and_then(|()| open(&folder));
    std::fs::remove_dir_all(&folder)?;
    measured
}

fn make(folder: &std::path::Path, entries: u64, accounts: u64) -> Outcome<()> {
    let start = Instant::now();
    let (journal, _, _) = Journal::restore(folder, Options::default(), Replay::new)?;
    let mut appender = journal.appender(0, || {})?;
    let cdr = RawValue::from_string(format!(r#"{{"id":"1","fields":"{}"}}"#, "x".repeat(120)))?;
    for number in 0..entries {
        let account = Name::from(format!("customer-{}", number % accounts));
        let body = if number < accounts {
            RecordBody::AccountOpened(AccountOpened {
                currency: Currency::EUR,
                terms: Terms::of_deck("retail"),
                limit: 0,
                opening: None,
                key: None,
            })
        } else if number % CALLS_PER_PAYMENT == 0 {
            RecordBody::top_up(payment(&account, number))
        } else {
            let record =
                Record::settled(Wall(0), account, CallId(u128::from(number)), cdr.clone(), Vec::new());
            append(&mut appender, &record)?;
            continue;
        };
        append(&mut appender, &Record::new(Wall(0), account, body))?;
    }
    while journal.last() < entries {
        thread::yield_now();
    }
    journal.close()?;
    println!("{entries} entries of {accounts} accounts written in {:.1?}", start.elapsed());
    Ok(())
}

fn append(appender: &mut Appender, record: &Record) -> Outcome<()> {
    appender.append(Entry::of(record)?, Priority::Live).map_err(|refused| refused.why)?;
    while appender.pressure().queued > 50_000 {
        thread::yield_now();
    }
    Ok(())
}

fn payment(account: &Name, number: u64) -> Transfer {
    Transfer {
        key: Key::Given(format!("payment-{number}").into()),
        purpose: Purpose::TopUp,
        debit: Party::SystemAccount(SystemAccount::Payments),
        credit: Party::Customer(account.clone()),
        amount: Money::of(1_000_000, Currency::EUR),
        memo: Some("invoice".into()),
    }
}

fn open(folder: &std::path::Path) -> Outcome<()> {
    let start = Instant::now();
    let options = Options { snapshot_entries: 0, ..Options::default() };
    let (journal, recovered, replay) =
        Journal::restore(folder, options, || Replay::sharded(2, |account| account.len()))?;
    let took = start.elapsed();
    println!(
        "opened in {took:.2?}: {} entries, {} from the snapshot",
        recovered.entries, recovered.from_snapshot
    );
    println!("{} accounts, sums {:?}", replay.verification().accounts, replay.trial().sums());
    journal.close()?;
    Ok(())
}
