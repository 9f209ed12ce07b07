//! Snapshots, and a crash at every single write: of rows, commits, checkpoints, snapshots and their names,
//! with a feed that hands on.
#![allow(clippy::panic)] // a test's helper may stop it

mod kit;

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use kit::{NOON, Shard, cdr, quiet};
use ledger::{
    AccountOpened, Key, Party, Purpose, Record, RecordBody, Replay, SystemAccount, Terms, Transfer,
};
use store::{Entry, Feed, Journal, Options, Priority, Recovered, Stage, Start, Ticket, Wants, verify};
use units::{Currency, Money, Name, Wall};

const EUR: Currency = Currency::EUR;
/// Payments in the story.
const PAYMENTS: u64 = 12;

fn opened() -> Record {
    let body =
        AccountOpened { currency: EUR, terms: Terms::of_deck("retail"), limit: 0, opening: None, key: None };
    Record::new(Wall(NOON), Name::from("acme"), RecordBody::AccountOpened(body))
}

fn payment(number: u64) -> Record {
    let transfer = Transfer {
        key: Key::Given(format!("k{number}").into()),
        purpose: Purpose::TopUp,
        debit: Party::SystemAccount(SystemAccount::Payments),
        credit: Party::Customer("acme".into()),
        amount: Money::of(100, EUR),
        memo: None,
    };
    Record::new(Wall(NOON), Name::from("acme"), RecordBody::top_up(transfer))
}

fn entry(record: &Record) -> Entry {
    Entry::of(record).expect("encodes")
}

fn restore(folder: &Path, options: Options) -> (Journal, Recovered, Replay) {
    Journal::restore(folder, options, Replay::new).expect("opens")
}

fn snapshots(folder: &Path) -> Vec<PathBuf> {
    let all = fs::read_dir(folder).expect("reads").map(|file| file.expect("reads").path());
    let mut found: Vec<_> = all.filter(|path| path.to_string_lossy().contains("snapshot-")).collect();
    found.sort();
    found
}

/// Options whose every snapshot is told of, after it was given its name or failed.
fn told(every: u64) -> (Options, mpsc::Receiver<()>) {
    let (tell, told) = mpsc::channel();
    let fault = move |stage| {
        if stage == Stage::Snapshot {
            tell.send(()).unwrap_or(());
        }
        Ok(())
    };
    (Options { snapshot_entries: every, fault: Some(Box::new(fault)), ..quiet() }, told)
}

/// A closed journal with an account, `payments` and two snapshots, the last at its end or near it.
fn made(folder: &Path, payments: u64) {
    let (options, told) = told(3);
    let (journal, _, _) = restore(folder, options);
    let mut shard = Shard::of(&journal, 0);
    shard.append(entry(&opened()));
    for number in 1..=payments {
        let ticket = shard.append(entry(&payment(number)));
        shard.wait_durable(ticket);
        if number % 4 == 0 {
            for _ in 0..2 {
                told.recv_timeout(Duration::from_secs(30)).expect("a snapshot");
            }
        }
    }
    journal.close().expect("closes");
}

#[test]
fn a_start_reads_only_what_came_after_the_snapshot() {
    let folder = tempfile::tempdir().expect("temporary");
    made(folder.path(), 8);
    assert!(!snapshots(folder.path()).is_empty());
    let checked = verify(folder.path()).expect("reads");
    assert!(checked.is_clean() && checked.snapshots.iter().all(|snapshot| snapshot.equal), "{checked:?}");
    let (journal, recovered, mut replay) = restore(folder.path(), quiet());
    assert!(recovered.from_snapshot > 0, "{recovered:?}");
    assert_eq!((recovered.entries, replay.seq()), (9, 9));
    // Keys from before the snapshot are as used as those after it.
    for number in 1..=8 {
        assert!(replay.apply_record(&payment(number)).is_err(), "k{number}");
    }
    assert_eq!(replay.trial().sums(), [(EUR, "0.00000".to_owned())]);
    // The journal goes on where it ended.
    let mut shard = Shard::of(&journal, 0);
    let ticket = shard.append(entry(&payment(9)));
    shard.wait_durable(ticket);
    journal.close().expect("closes");
    assert_eq!(verify(folder.path()).expect("reads").entries, 10);
}

#[test]
fn a_snapshot_that_does_not_fit_is_only_slower() {
    let folder = tempfile::tempdir().expect("temporary");
    made(folder.path(), 8);
    for (n, path) in snapshots(folder.path()).into_iter().enumerate() {
        let mut bytes = fs::read(&path).expect("reads");
        match n {
            0 => bytes.truncate(bytes.len() / 2),
            _ => {
                let at = bytes.len() / 2;
                bytes[at] ^= 1;
            }
        }
        fs::write(&path, bytes).expect("writes");
    }
    assert!(!verify(folder.path()).expect("reads").is_clean(), "verification says so");
    let (journal, recovered, replay) = restore(folder.path(), Options { snapshot_entries: 0, ..quiet() });
    assert_eq!((recovered.from_snapshot, recovered.entries, replay.seq()), (0, 9, 9));
    drop(journal);
    // One of another journal is whole and does not fit either.
    let other = tempfile::tempdir().expect("temporary");
    made(other.path(), 4);
    let (journal, _) = Journal::open(&folder.path().join("third"), quiet(), |_, _, _| Ok(())).expect("opens");
    let mut shard = Shard::of(&journal, 0);
    for number in 1..=9 {
        shard.append(cdr(number, "acme", NOON));
    }
    journal.close().expect("closes");
    drop(journal);
    let foreign = snapshots(other.path()).pop().expect("made");
    fs::copy(&foreign, folder.path().join("third").join(foreign.file_name().expect("named")))
        .expect("copies");
    let (_journal, recovered, _) = restore(&folder.path().join("third"), quiet());
    assert_eq!((recovered.from_snapshot, recovered.entries), (0, 9));
}

/// What was there to see before a crash.
struct Seen {
    acknowledged: u64,
    /// Entries that a feed handed on, every second time without remembering it.
    handed_on: Vec<u64>,
    /// Whether the disk ever failed.
    failed: bool,
}

fn feed(journal: &Journal) -> Feed {
    journal.feed("edge-1", "test", Wants::All, Start::First).expect("goes on where it stood")
}

/// Runs the story on a disk that fails for ever from its `nth` write on.
fn crash_at(folder: &Path, nth: u64) -> Seen {
    let writes = Arc::new(AtomicU64::new(0));
    let (tell, told) = mpsc::channel();
    let counted = Arc::clone(&writes);
    let fault = move |stage| {
        let failed = counted.fetch_add(1, Ordering::SeqCst) + 1 >= nth;
        if stage == Stage::Snapshot {
            tell.send(()).unwrap_or(());
        }
        if failed { Err(io::Error::other("the power is gone")) } else { Ok(()) }
    };
    let options = Options {
        snapshot_entries: 3,
        checkpoint_bytes: 0,
        fault: Some(Box::new(fault)),
        unsaved_file: Some(folder.join("unsaved.jsonl")),
        ..quiet()
    };
    let (journal, _, _) = restore(folder, options);
    let mut shard = Shard::of(&journal, 0);
    let (mut feed, mut handed_on) = (feed(&journal), Vec::new());
    let records = std::iter::once(opened()).chain((1..=PAYMENTS).map(payment));
    for (number, record) in records.enumerate() {
        let Ok(ticket) = shard.appender.append(entry(&record), Priority::New) else { break };
        while shard.appender.durable() < ticket && journal.failed().is_none() {
            shard.wait();
        }
        let batch = feed.read(10).expect("reads");
        handed_on.extend(batch.entries.iter().map(|found| found.seq));
        if number % 2 == 0 && !batch.entries.is_empty() {
            feed.confirm(batch.upto).expect("remembers");
        }
        // A journal that fails after its last word begins no snapshot.
        let begun = Instant::now();
        while number % 4 == 3
            && journal.failed().is_none()
            && told.recv_timeout(Duration::from_millis(20)).is_err()
        {
            assert!(begun.elapsed() < Duration::from_secs(60), "a snapshot begins");
        }
    }
    let Ticket(acknowledged) = shard.appender.durable();
    // An error says that not all is in the journal, which is the point.
    let _closed = journal.close();
    Seen { acknowledged, handed_on, failed: writes.load(Ordering::SeqCst) >= nth }
}

#[test]
fn a_crash_at_any_write_loses_nothing_acknowledged_and_doubles_nothing() {
    for nth in 1..200 {
        let folder = tempfile::tempdir().expect("temporary");
        let Seen { acknowledged, handed_on, failed } = crash_at(folder.path(), nth);
        let verified = verify(folder.path());
        let (journal, recovered, mut replay) =
            restore(folder.path(), Options { snapshot_entries: 0, ..quiet() });
        assert!(recovered.entries >= acknowledged, "write {nth}: {recovered:?} of {acknowledged}");
        // What left the journal is in it, and what did not leave it still does.
        assert!(
            handed_on.iter().all(|seq| *seq <= recovered.entries),
            "write {nth}: {handed_on:?} of {recovered:?}"
        );
        let batch = feed(&journal).read(100).expect("reads");
        let again = batch.entries.iter().map(|found| found.seq);
        let all: BTreeSet<u64> = handed_on.into_iter().chain(again).collect();
        assert!(
            all.into_iter().eq(1..=recovered.entries),
            "write {nth}: a feed skipped an entry of {recovered:?}"
        );
        if recovered.entries > 0 {
            let verified = verified.expect("reads");
            assert!(verified.is_clean(), "write {nth}: {verified:?}");
            assert_eq!((verified.entries, verified.head), (recovered.entries, recovered.head), "write {nth}");
            assert_eq!(
                verified.trial,
                replay.trial(),
                "write {nth}: the snapshot and all entries say the same"
            );
        }
        assert!(replay.trial().sums().iter().all(|(_, sum)| sum == "0.00000"), "write {nth}");
        for number in 1..recovered.entries {
            assert!(replay.apply_record(&payment(number)).is_err(), "write {nth}: k{number} is booked once");
        }
        if !failed {
            assert_eq!(recovered.entries, PAYMENTS + 1);
            assert!(nth > 30, "{nth} writes");
            return;
        }
    }
    panic!("the story never ended");
}
