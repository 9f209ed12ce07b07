//! The journal on a real disk, with records of real calls: durable entries per second, and CPU per call at a
//! steady rate.
#![forbid(unsafe_code)]
#![allow(clippy::expect_used, reason = "a benchmark that cannot go on says why and stops")]

use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use benches::clock::{cpu_of, thread_cpu};
use benches::figure::{self, Runs};
use benches::load::{Calls, STEPS};
use benches::world::World;
use ledger::Record;
use store::{Entry, Journal, Options, Priority};

/// Calls for the run at full speed; each has two records.
const CALLS: usize = 60_000;
/// Calls per second of the steady run, and for how long.
const RATE: usize = 2_000;
const SECONDS: usize = 6;
const RUNS: usize = 3;
/// Entries that may wait while going at full speed.
const AHEAD: u64 = 50_000;

/// As in the binary.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    let records = records(CALLS);
    let (cpu, entries) = cpu_of(|| encode(&records));
    let bytes: usize = entries.iter().map(|entry| entry.body.len()).sum();
    figure::print("records of a call, bytes", bytes / CALLS);
    figure::print("encoding, µs CPU per call", format!("{:.2}", cpu.as_secs_f64() * 1e6 / CALLS as f64));

    let mut speed = Runs::default();
    for _ in 0..RUNS {
        speed.add(full_speed(entries.clone()));
    }
    figure::print("full speed, durable entries per second", speed);

    let (mut ours, mut writers, mut commits) = (Runs::default(), Runs::default(), Runs::default());
    for _ in 0..RUNS {
        let (shard, writer, entries_per_commit) = steady(&records[..2 * RATE * SECONDS]);
        ours.add(shard);
        writers.add(writer);
        commits.add(entries_per_commit);
    }
    figure::print(&format!("{RATE} calls/s: shard, µs CPU per call"), ours);
    figure::print(&format!("{RATE} calls/s: writer, µs CPU per call"), writers);
    figure::print(&format!("{RATE} calls/s: entries per commit"), commits);
}

/// What the node writes for so many calls, in order.
fn records(calls: usize) -> Vec<Record> {
    let mut world = World::new(5_000);
    let mut records = Vec::with_capacity(2 * calls);
    for first in (0..calls).step_by(1_000) {
        let mut round = Calls::new(&world, first, 1_000);
        for step in STEPS {
            round.step(&mut world, step);
        }
        round.publish(&mut world);
        records.append(&mut round.records);
    }
    assert_eq!(records.len(), 2 * calls, "each call has an open and a settled record");
    records
}

fn encode(records: &[Record]) -> Vec<Entry> {
    records.iter().map(|record| Entry::of(record).expect("a record")).collect()
}

fn open(folder: &Path) -> Journal {
    Journal::open(folder, Options::default(), |_, _, _| Ok(())).expect("a new journal").0
}

/// Durable entries per second of wall time, as fast as the journal takes them.
fn full_speed(entries: Vec<Entry>) -> f64 {
    let folder = tempfile::tempdir().expect("a folder");
    let journal = open(folder.path());
    let mut appender = journal.appender(0, || {}).expect("the only one");
    let (count, start) = (entries.len(), Instant::now());
    for entry in entries {
        appender.append(entry, Priority::Live).map_err(|refused| refused.why).expect("room");
        while appender.pressure().queued > AHEAD {
            thread::yield_now();
        }
    }
    journal.close().expect("durable");
    count as f64 / start.elapsed().as_secs_f64()
}

/// µs of CPU per call of the shard (encoding, queueing) and of the writer, and entries per commit.
fn steady(records: &[Record]) -> (f64, f64, f64) {
    let folder = tempfile::tempdir().expect("a folder");
    let journal = open(folder.path());
    let mut appender = journal.appender(0, || {}).expect("the only one");
    let (start, mut used) = (Instant::now(), Duration::ZERO);
    let per_ms = 2 * RATE / 1_000;
    for (ms, batch) in records.chunks(per_ms).enumerate() {
        while let Some(rest) = Duration::from_millis(ms as u64).checked_sub(start.elapsed()) {
            thread::park_timeout(rest);
        }
        let begun = thread_cpu();
        for record in batch {
            let entry = Entry::of(record).expect("a record");
            appender.append(entry, Priority::Live).map_err(|refused| refused.why).expect("room");
        }
        used += thread_cpu() - begun;
    }
    let writer = writer_cpu();
    let done = journal.metrics();
    journal.close().expect("durable");
    let calls = records.len() as f64 / 2.0;
    (
        used.as_secs_f64() * 1e6 / calls,
        writer.as_secs_f64() * 1e6 / calls,
        done.entries as f64 / done.commits.max(1) as f64,
    )
}

/// CPU time of the journal's thread, by the scheduler's books.
fn writer_cpu() -> Duration {
    let tasks = std::fs::read_dir("/proc/self/task").expect("/proc");
    let nanoseconds = tasks.flatten().find_map(|task| {
        let name = std::fs::read_to_string(task.path().join("comm")).ok()?;
        let used = std::fs::read_to_string(task.path().join("schedstat")).ok()?;
        (name.trim() == "journal").then(|| used.split_whitespace().next()?.parse().ok()).flatten()
    });
    Duration::from_nanos(nanoseconds.expect("the writer's thread"))
}
