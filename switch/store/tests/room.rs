//! A full disk: live calls are settled in the room kept for them, nothing begins without room, and what found
//! none is taken in later.

mod kit;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use kit::{NOON, Shard, cdr, number_of, open, quiet};
use store::{Journal, Load, Options, Priority, Stage, StoreError, Ticket, verify};

const BALLAST: u64 = 1 << 20;

fn full() -> io::Error {
    io::Error::from(io::ErrorKind::StorageFull)
}

/// A disk that others have filled while `filled`: only the ballast's room is left.
fn shared_disk(folder: &Path, filled: &Arc<AtomicBool>) -> Options {
    let (ballast, filled) = (folder.join("ballast"), Arc::clone(filled));
    let fault = move |stage| {
        let is_full = stage == Stage::Insert && filled.load(Ordering::SeqCst) && ballast.exists();
        if is_full { Err(full()) } else { Ok(()) }
    };
    Options { fault: Some(Box::new(fault)), ballast_bytes: BALLAST, ..with_place(folder) }
}

fn place(folder: &Path) -> PathBuf {
    folder.join("elsewhere/unsaved.jsonl")
}

fn with_place(folder: &Path) -> Options {
    Options { unsaved_file: Some(place(folder)), ..quiet() }
}

/// Fails for ever from the `nth` time at `stage`, not for want of room.
fn broken_from(folder: &Path, stage: Stage, nth: u32) -> Options {
    let mut times = 0;
    let fault = move |at: Stage| {
        times += u32::from(at == stage);
        if at == stage && times >= nth { Err(io::Error::other("the disk is broken")) } else { Ok(()) }
    };
    Options { fault: Some(Box::new(fault)), ..with_place(folder) }
}

fn numbers(folder: &Path, options: Options) -> (Vec<u64>, u64) {
    let (journal, recovered, seen) = open(folder, options).expect("opens");
    journal.close().expect("closes");
    (seen.iter().map(number_of).collect(), recovered.taken)
}

#[test]
fn fault_a1_live_calls_settle_in_the_room_kept_back() {
    let folder = tempfile::tempdir().expect("temporary");
    let filled = Arc::new(AtomicBool::new(false));
    let (journal, _, _) = open(folder.path(), shared_disk(folder.path(), &filled)).expect("opens");
    assert_eq!(fs::metadata(folder.path().join("ballast")).expect("kept").len(), BALLAST);
    let mut shard = Shard::of(&journal, 0);
    let ticket = shard.append(cdr(1, "acme", NOON));
    shard.wait_durable(ticket);
    filled.store(true, Ordering::SeqCst);
    let ticket = shard.appender.append(cdr(2, "acme", NOON), Priority::Live).expect("taken");
    shard.wait_durable(ticket);
    assert_eq!((journal.pressure().load, journal.failed()), (Load::NoRoom, None));
    let ticket = shard.appender.append(cdr(3, "acme", NOON), Priority::Live).expect("taken");
    shard.wait_durable(ticket);
    // Somebody makes room: what begins anew is taken again.
    filled.store(false, Ordering::SeqCst);
    while journal.pressure().load != Load::Ok {
        shard.wait();
    }
    assert!(folder.path().join("ballast").exists(), "the room is kept back again");
    let ticket = shard.append(cdr(4, "acme", NOON));
    shard.wait_durable(ticket);
    journal.close().expect("all is in the journal");
    drop(journal);
    assert_eq!(numbers(folder.path(), with_place(folder.path())), (vec![1, 2, 3, 4], 0));
    assert!(verify(folder.path()).expect("reads").is_clean());
}

#[test]
fn fault_a1_without_room_nothing_is_written_at_a_start() {
    let folder = tempfile::tempdir().expect("temporary");
    let options = Options { ballast_bytes: 1 << 60, ..with_place(folder.path()) };
    let error = open(folder.path(), options).err().expect("no disk has that much");
    assert!(matches!(error, StoreError::NoRoom { .. }), "{error:?}");
    assert!(error.to_string().contains("ballast"), "{error}");
    assert!(!folder.path().join("journal.db").exists(), "nothing is begun");
}

#[test]
fn fault_a1_an_unsaved_file_that_cannot_be_written_refuses_the_start() {
    let folder = tempfile::tempdir().expect("temporary");
    let options = Options { unsaved_file: Some(PathBuf::from("/proc/no/such/unsaved.jsonl")), ..quiet() };
    let error = open(folder.path(), options).err().expect("refused").to_string();
    assert!(error.contains("journal.unsaved_file /proc/no/such/unsaved.jsonl"), "{error}");
    assert!(!folder.path().join("journal.db").exists(), "nothing is begun");
}

/// What found no room, or a disk that failed at any stage, is in the journal after the next start, once, in
/// its order.
#[test]
fn fault_a1_unsaved_entries_are_taken_in_at_the_next_start() {
    for stage in [Stage::Insert, Stage::Commit] {
        let folder = tempfile::tempdir().expect("temporary");
        let (journal, _, _) = open(folder.path(), broken_from(folder.path(), stage, 3)).expect("opens");
        let mut shard = Shard::of(&journal, 0);
        for number in 1..=2 {
            let ticket = shard.append(cdr(number, "acme", NOON));
            shard.wait_durable(ticket);
        }
        shard.append(cdr(3, "acme", NOON));
        while journal.failed().is_none() {
            shard.wait();
        }
        shard.appender.append(cdr(4, "acme", NOON), Priority::Live).expect("taken");
        journal.close().expect_err("not all is in the journal");
        drop(journal);
        assert!(place(folder.path()).exists());
        assert_eq!(
            numbers(folder.path(), with_place(folder.path())),
            (vec![1, 2, 3, 4], 2),
            "{stage:?}: shown as it is taken in"
        );
        assert!(!place(folder.path()).exists(), "nothing is in both places");
        assert_eq!(numbers(folder.path(), with_place(folder.path())), (vec![1, 2, 3, 4], 0));
        assert!(verify(folder.path()).expect("reads").is_clean());
    }
}

/// A commit whose fsync failed may be on the disk all the same: what the journal holds is skipped.
#[test]
fn fault_a1_what_the_journal_holds_is_not_taken_in_again() {
    let folder = tempfile::tempdir().expect("temporary");
    let (journal, _, _) = open(folder.path(), broken_from(folder.path(), Stage::Insert, 2)).expect("opens");
    let mut shard = Shard::of(&journal, 0);
    let ticket = shard.append(cdr(1, "acme", NOON));
    shard.wait_durable(ticket);
    for number in 2..=4 {
        shard.appender.append(cdr(number, "acme", NOON), Priority::Live).expect("taken");
    }
    journal.close().expect_err("not all is in the journal");
    drop(journal);
    let text = fs::read_to_string(place(folder.path())).expect("written");
    // After a start without the last line, as if the crash had come between two commits of the taking in.
    let first: String = text.lines().take(2).flat_map(|line| [line, "\n"]).collect();
    fs::write(place(folder.path()), first).expect("writes");
    assert_eq!(numbers(folder.path(), with_place(folder.path())), (vec![1, 2, 3], 2));
    fs::write(place(folder.path()), &text).expect("writes");
    assert_eq!(numbers(folder.path(), with_place(folder.path())), (vec![1, 2, 3, 4], 1));
    fs::write(place(folder.path()), &text).expect("writes");
    assert_eq!(
        numbers(folder.path(), with_place(folder.path())),
        (vec![1, 2, 3, 4], 0),
        "held from the first line to the last"
    );
    assert!(!place(folder.path()).exists());
}

#[test]
fn fault_a1_a_file_of_another_journal_or_with_a_hole_is_refused() {
    let (folder, other) = (tempfile::tempdir().expect("temporary"), tempfile::tempdir().expect("temporary"));
    for (at, first) in [(folder.path(), 1), (other.path(), 100)] {
        let (journal, _, _) = open(at, broken_from(at, Stage::Insert, 2)).expect("opens");
        let mut shard = Shard::of(&journal, 0);
        let ticket = shard.append(cdr(first, "acme", NOON));
        shard.wait_durable(ticket);
        for number in first + 1..=first + 3 {
            shard.appender.append(cdr(number, "acme", NOON), Priority::Live).expect("taken");
        }
        journal.close().expect_err("not all is in the journal");
    }
    let text = fs::read_to_string(place(folder.path())).expect("written");
    let without_first: String = text.lines().skip(1).flat_map(|line| [line, "\n"]).collect();
    let changed = text.replace("0.00000", "9.00000");
    let foreign = fs::read_to_string(place(other.path())).expect("written");
    for (file, says) in [
        (without_first, "missing"),
        (changed, "does not follow"),
        (foreign, "does not follow"),
        ("x\n".into(), "line 1"),
    ] {
        fs::write(place(folder.path()), &file).expect("writes");
        let error = open(folder.path(), with_place(folder.path())).err().expect("refused").to_string();
        assert!(
            error.contains(says) && error.contains("unsaved.jsonl") && error.contains("ledger import"),
            "{error}"
        );
        assert_eq!(fs::read_to_string(place(folder.path())).expect("kept"), file);
        assert_eq!(verify(folder.path()).expect("reads").entries, 1, "nothing of it was written");
    }
}

#[test]
fn a_full_disk_at_a_checkpoint_is_no_failure() {
    let folder = tempfile::tempdir().expect("temporary");
    let fault = |stage| if stage == Stage::Checkpoint { Err(full()) } else { Ok(()) };
    let options = Options { fault: Some(Box::new(fault)), checkpoint_bytes: 0, ..with_place(folder.path()) };
    let (journal, _, _) = open(folder.path(), options).expect("opens");
    let mut shard = Shard::of(&journal, 0);
    for number in 1..=3 {
        let ticket = shard.append(cdr(number, "acme", NOON));
        shard.wait_durable(ticket);
    }
    assert_eq!(shard.appender.durable(), Ticket(3));
    journal.close().expect("the log has all of it");
    drop(journal);
    assert_eq!(numbers(folder.path(), with_place(folder.path())).0, [1, 2, 3]);
}

/// The operator started without the file and then wants it in: what contradicts is named, the rest is taken,
/// a second time nothing.
#[test]
fn fault_a1_import_takes_what_fits_and_names_what_does_not() {
    let folder = tempfile::tempdir().expect("temporary");
    let (journal, _, _) = open(folder.path(), broken_from(folder.path(), Stage::Insert, 2)).expect("opens");
    let mut shard = Shard::of(&journal, 0);
    let ticket = shard.append(cdr(1, "acme", NOON));
    shard.wait_durable(ticket);
    for number in 2..=4 {
        shard.appender.append(cdr(number, "acme", NOON), Priority::Live).expect("taken");
    }
    journal.close().expect_err("not all is in the journal");
    drop(journal);
    let file = folder.path().join("moved.jsonl");
    fs::rename(place(folder.path()), &file).expect("moves");
    let (journal, _, _) = open(folder.path(), with_place(folder.path())).expect("opens");
    let mut shard = Shard::of(&journal, 0);
    // Call 3 was closed otherwise meanwhile, call 4 in the very same way.
    let ticket = shard.append(cdr(3, "acme", NOON + 1));
    shard.wait_durable(ticket);
    let ticket = shard.append(cdr(4, "acme", NOON));
    shard.wait_durable(ticket);
    assert!(matches!(Journal::import(folder.path(), &file), Err(StoreError::InUse { .. })), "a switch runs");
    journal.close().expect("closes");
    drop(journal);
    let imported = Journal::import(folder.path(), &file).expect("reads");
    assert_eq!((imported.taken, imported.held, imported.refused.len()), (1, 1, 1), "{imported:?}");
    assert_eq!(imported.refused[0].line, 2);
    assert!(imported.refused[0].why.contains("was settled by journal entry 2"), "{imported:?}");
    let again = Journal::import(folder.path(), &file).expect("reads");
    assert_eq!((again.taken, again.held, again.refused.len()), (0, 2, 1));
    assert_eq!(numbers(folder.path(), with_place(folder.path())).0, [1, 3, 4, 2]);
    assert!(verify(folder.path()).expect("reads").is_clean());
}
