//! What the chain alone does not tell: a cut end, a missing log, columns and tables that are not those of the
//! entries.

mod kit;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use kit::{NOON, Shard, cdr, crash_image, make, open, quiet};
use ledger::{Record, RecordBody, Replay, hex};
use rusqlite::Connection;
use store::{Entry, Journal, Query, StoreError, journal_head, reindex, verify, verify_against};
use units::{Name, Wall};

fn sql(folder: &Path, change: &str) {
    Connection::open(folder.join("journal.db")).and_then(|conn| conn.execute_batch(change)).expect("changes");
}

/// Verification and a start both refuse, in words that hold `says`.
fn is_found(folder: &Path, says: &str, what: &str) {
    let verified = verify(folder).expect("reads");
    assert!(!verified.is_clean(), "{what}: {verified:?}");
    let said = verified.damage.as_ref().or(verified.index.as_ref()).expect("said").to_string();
    assert!(said.contains(says) && !said.contains('\n'), "{what}: {said}");
    let error = Journal::restore(folder, quiet(), Replay::new)
        .err()
        .unwrap_or_else(|| unreachable!("{what}: it starts"));
    assert!(error.to_string().contains(says), "{what}: {error}");
}

#[test]
fn fault_a9_entries_deleted_at_the_end_are_missed() {
    for tables in ["", "; DELETE FROM cdr WHERE seq > 15"] {
        let folder = tempfile::tempdir().expect("temporary");
        make(folder.path(), 20);
        sql(folder.path(), &format!("DELETE FROM entry WHERE seq > 15{tables}"));
        is_found(
            folder.path(),
            "it ends at entry 15, but journal.head says that entry 20 was written",
            tables,
        );
    }
    // Without the head the tables still know, and with none of both nothing does: that is the limit.
    let folder = tempfile::tempdir().expect("temporary");
    make(folder.path(), 20);
    sql(folder.path(), "DELETE FROM entry WHERE seq > 15");
    fs::remove_file(folder.path().join("journal.head")).expect("removes");
    let error = open(folder.path(), quiet()).err().expect("refused");
    assert!(matches!(error, StoreError::Index { .. }), "{error}");
}

#[test]
fn fault_a9_a_missing_log_is_missed() {
    let (running, folder) =
        (tempfile::tempdir().expect("temporary"), tempfile::tempdir().expect("temporary"));
    let (journal, _, _) = open(running.path(), quiet()).expect("opens");
    let mut shard = Shard::of(&journal, 0);
    for number in 1..=5 {
        let ticket = shard.append(cdr(number, "acme", NOON));
        shard.wait_durable(ticket);
    }
    crash_image(running.path(), folder.path());
    fs::copy(running.path().join("journal.head"), folder.path().join("journal.head")).expect("copies");
    assert!(verify(folder.path()).expect("reads").is_clean());
    fs::remove_file(folder.path().join("journal.db-wal")).expect("removes");
    let error = open(folder.path(), quiet()).err().expect("refused").to_string();
    assert!(error.contains("journal.head says that entry 5 was written"), "{error}");
    assert!(verify(folder.path()).is_err() || !verify(folder.path()).expect("reads").is_clean());
}

#[test]
fn fault_a9_a_lost_journal_does_not_begin_anew() {
    let folder = tempfile::tempdir().expect("temporary");
    make(folder.path(), 3);
    for file in ["journal.db", "journal.db-wal", "journal.db-shm"] {
        let _absent = fs::remove_file(folder.path().join(file));
    }
    let error = open(folder.path(), quiet()).err().expect("refused").to_string();
    assert!(error.contains("journal.head says that entry 3 was written"), "{error}");
}

#[test]
fn fault_a9_tables_that_are_not_those_of_the_entries_are_found_and_made_anew() {
    let changes = [
        ("UPDATE cdr SET account = '' WHERE seq = 9000", false),
        ("UPDATE cdr SET at = 1 WHERE seq = 3", false),
        ("DELETE FROM cdr WHERE seq = 12", true),
        ("DELETE FROM cdr", true),
        ("INSERT INTO cdr (seq, at, account) VALUES (9001, 1, 'acme')", true),
        ("DELETE FROM cdr_time", false),
        ("UPDATE cdr_time SET last_at = 0", false),
        ("UPDATE cdr_account SET account = 'nobody'", false),
        ("DELETE FROM cdr_account", false),
    ];
    let whole = tempfile::tempdir().expect("temporary");
    make(whole.path(), 9_000);
    for (change, stops_a_start) in changes {
        let folder = tempfile::tempdir().expect("temporary");
        for file in ["journal.db", "journal.head"] {
            fs::copy(whole.path().join(file), folder.path().join(file)).expect("copies");
        }
        sql(folder.path(), change);
        let verified = verify(folder.path()).expect("reads");
        assert!(
            matches!(verified.index, Some(StoreError::Index { .. })) && !verified.is_clean(),
            "{change}: {verified:?}"
        );
        if stops_a_start {
            let error =
                open(folder.path(), quiet()).err().unwrap_or_else(|| unreachable!("{change}: it starts"));
            assert!(error.to_string().contains("ledger reindex"), "{change}: {error}");
        }
        let done = reindex(folder.path()).expect("reindexes");
        assert_eq!((done.entries, done.cdrs, done.changed), (9_000, 9_000, 0), "{change}");
        assert!(verify(folder.path()).expect("reads").is_clean(), "{change}");
        let (journal, _, _) = open(folder.path(), quiet()).expect("opens");
        let page = journal.reader().expect("reads").cdrs(&Query {
            account: Some("acme".into()),
            limit: 10_000,
            ..Query::default()
        });
        assert_eq!(page.expect("reads").rows.len(), 9_000, "{change}");
    }
}

#[test]
fn fault_a9_a_changed_kind_is_found_and_mended() {
    let folder = tempfile::tempdir().expect("temporary");
    let (journal, _, _) = Journal::restore(folder.path(), quiet(), Replay::new).expect("opens");
    let mut shard = Shard::of(&journal, 0);
    let opened = ledger::AccountOpened {
        currency: units::Currency::EUR,
        terms: ledger::Terms::of_deck("retail"),
        limit: 0,
        key: None,
        opening: Some(ledger::Transfer {
            key: ledger::Key::Opening,
            purpose: ledger::Purpose::Opening,
            debit: ledger::Party::SystemAccount(ledger::SystemAccount::Opening),
            credit: ledger::Party::Customer("acme".into()),
            amount: units::Money::of(100, units::Currency::EUR),
            memo: None,
        }),
    };
    let record = Record::new(Wall(NOON), Name::from("acme"), RecordBody::AccountOpened(opened));
    let ticket = shard.append(Entry::of(&record).expect("encodes"));
    shard.append(cdr(1, "acme", NOON));
    shard.wait_durable(ticket);
    journal.close().expect("closes");
    drop(journal);
    for kind in [0, 1, 2, 7] {
        sql(folder.path(), &format!("UPDATE entry SET kind = {kind} WHERE seq = 1"));
        is_found(folder.path(), "kind", &format!("kind {kind}"));
        assert_eq!(reindex(folder.path()).expect("reindexes").changed, 1);
        assert!(verify(folder.path()).expect("reads").is_clean());
    }
}

#[test]
fn fault_a9_a_head_kept_elsewhere_proves_what_was_rewritten() {
    let (folder, other) = (tempfile::tempdir().expect("temporary"), tempfile::tempdir().expect("temporary"));
    make(folder.path(), 10);
    let (entry, hash) = journal_head(folder.path()).expect("reads");
    assert_eq!((entry, hash), (10, verify(folder.path()).expect("reads").head));
    assert!(verify_against(folder.path(), Some((entry, hash))).expect("reads").is_clean());
    // Whoever may write the folder makes another whole journal there, of the same length or longer.
    make(other.path(), 9);
    let (journal, _, _) = open(other.path(), quiet()).expect("opens");
    let mut shard = Shard::of(&journal, 0);
    let ticket = shard.append(cdr(10, "acme", NOON + 7));
    shard.wait_durable(ticket);
    journal.close().expect("closes");
    drop(journal);
    assert!(verify(other.path()).expect("reads").is_clean(), "by itself it is whole");
    let verified = verify_against(other.path(), Some((entry, hash))).expect("reads");
    let said = verified.damage.expect("found").to_string();
    assert!(said.contains("entry 10 is not the one"), "{said}: {}", hex(&hash));
    assert!(!verify_against(folder.path(), Some((11, hash))).expect("reads").is_clean());
}

#[test]
fn fault_a12_the_journal_is_for_its_owner_alone() {
    let folder = tempfile::tempdir().expect("temporary");
    let data = folder.path().join("new/data");
    let mode = |path: &Path| fs::metadata(path).expect("there").permissions().mode() & 0o777;
    let options = || store::Options { ballast_bytes: 4_096, snapshot_entries: 2, ..quiet() };
    let (journal, _, _) = Journal::restore(&data, options(), Replay::new).expect("opens");
    let mut shard = Shard::of(&journal, 0);
    for number in 1..=4 {
        let ticket = shard.append(cdr(number, "acme", NOON));
        shard.wait_durable(ticket);
    }
    assert_eq!(mode(&data), 0o700);
    for file in ["journal.db", "journal.db-wal", "journal.db-shm", "journal.head", "journal.lock", "ballast"]
    {
        assert_eq!(mode(&data.join(file)), 0o600, "{file}");
    }
    journal.close().expect("closes");
    drop(journal);
    // As an older version left it.
    fs::set_permissions(data.join("journal.db"), fs::Permissions::from_mode(0o644)).expect("changes");
    fs::write(data.join("snapshot-00000000000000000001"), "").expect("writes");
    fs::set_permissions(data.join("snapshot-00000000000000000001"), fs::Permissions::from_mode(0o644))
        .expect("changes");
    let (_journal, _, _) = Journal::restore(&data, quiet(), Replay::new).expect("opens");
    for file in fs::read_dir(&data).expect("reads").flatten() {
        assert_eq!(mode(&file.path()), 0o600, "{file:?}");
    }
}
