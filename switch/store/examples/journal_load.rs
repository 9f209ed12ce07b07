//! Measures the journal on this disk: durable entries a second at full speed, and CPU at a steady rate of
//! calls.
//!
//! `cargo run --release -p store --example journal_load -- [FOLDER] [CALLS_PER_SECOND] [SECONDS]
//! [GATHER_US]`; without calls, full speed.

use std::error::Error;
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use ledger::{CallId, Record};
use serde_json::value::RawValue;
use store::{Appender, Entry, Journal, Kind, Options, Priority, Ticket};
use units::{Name, Wall};

type Outcome<T> = Result<T, Box<dyn Error>>;

/// Accounts that the calls are spread over.
const ACCOUNTS: u64 = 1_000;

fn main() -> Outcome<()> {
    let mut args = std::env::args().skip(1);
    let parent = args.next().map_or_else(std::env::temp_dir, PathBuf::from);
    let mut number = |default: u64| args.next().map_or(Ok(default), |text| text.parse());
    let (calls, seconds, gather) = (number(0)?, number(10)?, number(20_000)?);
    let folder = parent.join(format!("journal-load-{}", std::process::id()));
    let accounts: Vec<Name> = (0..ACCOUNTS).map(|n| Name::from(format!("customer-{n}"))).collect();
    let samples = (open_entry(&accounts[0]), cdr_entry(&accounts[0])?);
    println!("bodies of {} and {} bytes", samples.0.body.len(), samples.1.body.len());
    if calls == 0 {
        full_speed(&folder, &samples, &accounts)?;
    } else {
        paced(&folder, &samples, &accounts, calls, seconds, gather)?;
    }
    std::fs::remove_dir_all(folder)?;
    Ok(())
}

/// The two entries of a call, as long as real ones.
fn open_entry(account: &Name) -> Entry {
    let body = format!(r#"{{"call_open":{{"dialogs":"{}"}}}}"#, "x".repeat(370)).into_bytes();
    Entry { kind: Kind::OTHER, account: account.clone(), at: Wall(0), body }
}

fn cdr_entry(account: &Name) -> Outcome<Entry> {
    let cdr = RawValue::from_string(format!(r#"{{"id":"1","fields":"{}"}}"#, "x".repeat(1_350)))?;
    Ok(Entry::of(&Record::settled(Wall(0), account.clone(), CallId(1), cdr, Vec::new()))?)
}

fn call(
    appender: &mut Appender,
    samples: &(Entry, Entry),
    accounts: &[Name],
    number: u64,
) -> Outcome<Ticket> {
    let account = &accounts[(number.wrapping_mul(2_654_435_761) % ACCOUNTS) as usize];
    appender
        .append(Entry { account: account.clone(), ..samples.0.clone() }, Priority::Live)
        .map_err(|refused| refused.why)?;
    let at = Wall(i64::try_from(number)?);
    let cdr = Entry { account: account.clone(), at, ..samples.1.clone() };
    Ok(appender.append(cdr, Priority::Live).map_err(|refused| refused.why)?)
}

fn full_speed(folder: &std::path::Path, samples: &(Entry, Entry), accounts: &[Name]) -> Outcome<()> {
    const CALLS: u64 = 200_000;
    let (journal, _) = Journal::open(folder, Options::default(), |_, _, _| Ok(()))?;
    let mut appender = journal.appender(0, || {})?;
    let start = Instant::now();
    for number in 0..CALLS {
        call(&mut appender, samples, accounts, number)?;
        while appender.pressure().queued > 50_000 {
            thread::yield_now();
        }
    }
    journal.close()?;
    let took = start.elapsed().as_secs_f64();
    let metrics = journal.metrics();
    println!("full speed: {:.0} durable entries/s in {} commits", 2.0 * CALLS as f64 / took, metrics.commits);
    Ok(())
}

fn paced(
    folder: &std::path::Path,
    samples: &(Entry, Entry),
    accounts: &[Name],
    calls: u64,
    seconds: u64,
    gather_us: u64,
) -> Outcome<()> {
    let options = Options { gather: Duration::from_micros(gather_us), ..Options::default() };
    let (journal, _) = Journal::open(folder, options, |_, _, _| Ok(()))?;
    let mut appender = journal.appender(0, || {})?;
    let mut appending = Duration::ZERO;
    let (start, step) = (Instant::now(), Duration::from_micros(1_000_000 / calls.max(1)));
    for number in 0..calls * seconds {
        let due = start + step * u32::try_from(number)?;
        if let Some(rest) = due.checked_duration_since(Instant::now()) {
            thread::sleep(rest);
        }
        let begin = Instant::now();
        call(&mut appender, samples, accounts, number)?;
        appending += begin.elapsed();
    }
    let took = start.elapsed();
    let writer = writer_cpu()?;
    let done = journal.metrics();
    let (count, commits) = (calls as f64 * seconds as f64, done.commits as f64);
    println!(
        "{calls} calls/s for {took:.1?}, gathering {gather_us} us: writer {:.1} us CPU per call, appending {:.1} us per call; \
         {commits} commits of {:.1} entries, {:.0} us each",
        writer.as_secs_f64() * 1e6 / count,
        appending.as_secs_f64() * 1e6 / count,
        done.entries as f64 / commits,
        done.commit_seconds.sum_us as f64 / commits,
    );
    journal.close()?;
    Ok(())
}

/// CPU time of the writer's thread, from the scheduler.
fn writer_cpu() -> Outcome<Duration> {
    for task in std::fs::read_dir("/proc/self/task")? {
        let path = task?.path();
        if std::fs::read_to_string(path.join("comm"))?.trim() == "journal" {
            let stat = std::fs::read_to_string(path.join("schedstat"))?;
            return Ok(Duration::from_nanos(stat.split_whitespace().next().unwrap_or("0").parse()?));
        }
    }
    Err("the writer's thread is gone".into())
}
