//! A journal that is not whole: it is told where, nothing of it is overwritten, and its whole part verifies.
#![allow(clippy::panic)] // a test's helper may stop it

mod kit;

use std::fs;
use std::path::Path;

use kit::{NOON, Shard, cdr, crash_image, make, open, quiet};
use rusqlite::Connection;
use store::{StoreError, verify};

const COUNT: u64 = 2_000;

/// Every file of the folder with its bytes, but for the lock and the shared memory that readers make.
fn contents(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut all: Vec<_> = ["journal.db", "journal.db-wal"]
        .iter()
        .filter_map(|name| {
            fs::read(folder.join(name))
                .ok()
                .filter(|bytes| !bytes.is_empty())
                .map(|bytes| ((*name).to_owned(), bytes))
        })
        .collect();
    all.sort();
    all
}

/// Opening refuses, names the last whole entry, and leaves the files as they were; verification agrees.
/// Returns the entry and the text.
fn refused(folder: &Path) -> (u64, String) {
    let before = contents(folder);
    let error = open(folder, quiet()).err().expect("damaged");
    assert_eq!(contents(folder), before, "nothing is overwritten");
    let text = error.to_string();
    assert!(!text.contains('\n') && text.contains("journal.db") && text.contains("left as it is"), "{text}");
    let StoreError::Damaged { last_whole, .. } = error else { panic!("{error:?}") };
    let verified = verify(folder).expect("the whole part is read");
    assert_eq!(verified.entries, last_whole);
    assert!(!verified.is_clean());
    assert_eq!(verified.damage.map(|damage| damage.to_string()), Some(text.clone()));
    assert_eq!(contents(folder), before, "nothing is overwritten");
    (last_whole, text)
}

fn find(bytes: &[u8], what: &str) -> usize {
    bytes.windows(what.len()).position(|window| window == what.as_bytes()).expect("in the file")
}

#[test]
fn a_changed_byte_in_a_body_breaks_the_chain_at_its_entry() {
    let folder = tempfile::tempdir().expect("temporary");
    make(folder.path(), COUNT);
    let path = folder.path().join("journal.db");
    let mut bytes = fs::read(&path).expect("reads");
    let at = find(&bytes, r#""id":"1234""#);
    // The amount of call 1234, a free call made dear.
    let amount = at + find(&bytes[at..], "0.00000");
    bytes[amount] = b'9';
    fs::write(&path, bytes).expect("writes");
    let (last_whole, text) = refused(folder.path());
    assert_eq!(last_whole, 1_233);
    assert!(text.contains("entry 1234"), "{text}");
}

#[test]
fn a_file_that_was_cut_keeps_its_beginning() {
    let folder = tempfile::tempdir().expect("temporary");
    make(folder.path(), COUNT);
    let path = folder.path().join("journal.db");
    let whole = fs::read(&path).expect("reads");
    for percent in [90, 60, 30] {
        fs::write(&path, &whole[..whole.len() * percent / 100]).expect("writes");
        let (last_whole, _) = refused(folder.path());
        assert!(last_whole > 0 && last_whole < COUNT, "{last_whole} at {percent} %");
    }
    fs::write(&path, &whole[..50]).expect("writes");
    assert_eq!(refused(folder.path()).0, 0);
    fs::write(&path, whole).expect("writes");
    assert_eq!(open(folder.path(), quiet()).expect("whole again").1.entries, COUNT);
}

#[test]
fn noise_over_any_page_is_found_or_harmless() {
    let folder = tempfile::tempdir().expect("temporary");
    make(folder.path(), COUNT);
    let path = folder.path().join("journal.db");
    let whole = fs::read(&path).expect("reads");
    let mut found = 0;
    for page in 0..whole.len() / 8_192 {
        let mut bytes = whole.clone();
        for (n, byte) in bytes[page * 8_192..][..8_192].iter_mut().enumerate() {
            *byte = (n * 31 + page * 7) as u8 | 1;
        }
        fs::write(&path, &bytes).expect("writes");
        let error = match verify(folder.path()) {
            Ok(verified) => {
                assert_eq!(verified.entries == COUNT, verified.damage.is_none());
                verified.damage
            }
            Err(e) => Some(e),
        };
        // What is not damage to an entry is in the tables of the queries, and the entries are all there.
        if let Some(error) = error {
            found += 1;
            assert!(!error.to_string().contains('\n'));
            assert!(open(folder.path(), quiet()).is_err(), "page {page}");
            assert_eq!(fs::read(&path).expect("reads"), bytes, "page {page} is not overwritten");
        }
    }
    assert!(found > 40, "{found}");
}

#[test]
fn rows_that_are_missing_or_moved_are_told() {
    for (change, last_whole, says) in [
        ("DELETE FROM entry WHERE seq = 77", 76, "entry 77 is missing"),
        ("DELETE FROM entry WHERE seq < 10", 0, "entry 1 is missing"),
        ("UPDATE entry SET seq = 5000 WHERE seq = 2000", 1_999, "entry 2000 is missing"),
        ("UPDATE entry SET body = replace(body, 'acme', 'evil') WHERE seq = 3", 2, "entry 3"),
        ("UPDATE entry SET hash = x'00' WHERE seq = 8", 7, ""),
    ] {
        let folder = tempfile::tempdir().expect("temporary");
        make(folder.path(), COUNT);
        Connection::open(folder.path().join("journal.db"))
            .and_then(|conn| conn.execute_batch(change))
            .expect("changes");
        let (whole, text) = refused(folder.path());
        assert_eq!(whole, last_whole, "{change}");
        assert!(text.contains(says), "{text}");
    }
}

#[test]
fn a_row_whose_columns_contradict_its_record_is_no_replay() {
    let folder = tempfile::tempdir().expect("temporary");
    make(folder.path(), 10);
    let change = "UPDATE entry SET account = 'evil' WHERE seq = 4";
    Connection::open(folder.path().join("journal.db"))
        .and_then(|conn| conn.execute_batch(change))
        .expect("changes");
    let verified = verify(folder.path()).expect("reads");
    assert_eq!(verified.entries, 3);
    assert!(matches!(verified.damage, Some(StoreError::Replay { seq: 4, .. })), "{verified:?}");
}

#[test]
fn what_is_not_ours_is_left_alone() {
    let foreign = "CREATE TABLE customer (id INTEGER); PRAGMA user_version = 7;";
    let newer = "PRAGMA user_version = 9;";
    for (sql, fresh, is) in [(foreign, true, "not a journal"), (newer, false, "version 9")] {
        let folder = tempfile::tempdir().expect("temporary");
        if !fresh {
            make(folder.path(), 3);
        }
        Connection::open(folder.path().join("journal.db"))
            .and_then(|conn| conn.execute_batch(sql))
            .expect("changes");
        let before = contents(folder.path());
        let text = open(folder.path(), quiet()).err().expect("refused").to_string();
        assert!(text.contains(is), "{text}");
        assert!(verify(folder.path()).is_err());
        assert_eq!(contents(folder.path()), before);
    }
    let folder = tempfile::tempdir().expect("temporary");
    fs::write(folder.path().join("journal.db"), "minutes of the last meeting\n".repeat(400)).expect("writes");
    assert_eq!(refused(folder.path()).0, 0);
}

/// A log of many commits beside the file, as `kill -9` leaves it.
fn crashed(folder: &Path) {
    let running = tempfile::tempdir().expect("temporary");
    let (journal, _, _) = open(running.path(), quiet()).expect("opens");
    let mut shard = Shard::of(&journal, 0);
    for number in 1..=50 {
        let ticket = shard.append(cdr(number, "acme", NOON));
        shard.wait_durable(ticket);
    }
    crash_image(running.path(), folder);
}

#[test]
fn a_changed_log_is_damage_unless_only_its_last_commit_is_hit() {
    let folder = tempfile::tempdir().expect("temporary");
    crashed(folder.path());
    let path = folder.path().join("journal.db-wal");
    let whole = fs::read(&path).expect("reads");
    // In the header, in a frame of a commit in the middle, in its head.
    let frame = 24 + 8_192;
    let middle = 32 + frame * ((whole.len() - 32) / frame / 2);
    for at in [0, 9, 20, middle + 4_000, middle + 17] {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x40;
        fs::write(&path, &bytes).expect("writes");
        let (last_whole, text) = refused(folder.path());
        assert!(last_whole < 50 && text.contains("journal.db-wal"), "{last_whole} {text}");
    }
    // A crash of the machine may spoil the end: what it cuts off was never acknowledged, or is one commit.
    let mut bytes = whole.clone();
    let end = bytes.len() - 5_000;
    bytes[end] ^= 1;
    fs::write(&path, &bytes).expect("writes");
    assert_eq!(verify(folder.path()).expect("reads").entries, 49);
    fs::write(&path, &whole[..whole.len() - 100]).expect("writes");
    let verified = verify(folder.path()).expect("reads");
    assert!(verified.is_clean() && verified.entries == 49, "{verified:?}");
    assert_eq!(open(folder.path(), quiet()).expect("opens").1.entries, 49);
}

#[test]
fn a_log_without_its_file_is_damage() {
    let folder = tempfile::tempdir().expect("temporary");
    crashed(folder.path());
    fs::remove_file(folder.path().join("journal.db")).expect("removes");
    let before = contents(folder.path());
    let text = open(folder.path(), quiet()).err().expect("damaged").to_string();
    assert!(text.contains("journal.db is missing or empty"), "{text}");
    assert_eq!(contents(folder.path()), before);
}
