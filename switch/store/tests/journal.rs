//! The journal when all goes well: order, acknowledgement, reopening, pressure, one owner.

mod kit;

use std::sync::mpsc::channel;
use std::time::Duration;

use kit::{NOON, Shard, cdr, crash_image, make, number_of, open, quiet, started};
use ledger::{Key, Party, Purpose, Record, RecordBody, Replay, Transfer};
use store::{Entry, Load, Options, Priority, QueueRefusal, Stage, StoreError, Ticket, feed, verify};
use units::{Currency, Money, Name, Wall};

#[test]
fn what_three_shards_append_is_there_after_reopening_in_one_order() {
    let folder = tempfile::tempdir().expect("temporary");
    let (journal, recovered, _) =
        open(folder.path(), Options { shards: 3, ..Options::default() }).expect("opens");
    assert_eq!((recovered.entries, recovered.head), (0, [0; 32]));
    let mut shards: Vec<Shard> = (0..3).map(|n| Shard::of(&journal, n)).collect();
    for number in 1..=3_000_u64 {
        let ticket = shards[number as usize % 3].append(cdr(number, "acme", NOON));
        assert_eq!(ticket, Ticket(number.div_ceil(3)));
    }
    shards.iter().for_each(|shard| shard.wait_durable(Ticket(1_000)));
    let metrics = journal.metrics();
    assert_eq!((metrics.entries, metrics.queued, metrics.unsaved), (3_000, 0, 0));
    assert_eq!(metrics.commit_seconds.counts.iter().sum::<u64>(), metrics.commits);
    assert!(metrics.commits < 3_000, "entries are grouped");
    assert_eq!(journal.close().expect("closes").map(|closed| closed.entries), Some(3_000));
    drop(journal);

    let (journal, first, seen) = open(folder.path(), quiet()).expect("opens");
    // One thread appended, so the one FIFO kept its order over all shards.
    assert!(seen.iter().map(number_of).eq(1..=3_000));
    let mut shard = Shard::of(&journal, 0);
    let ticket = shard.append(started("again"));
    assert_eq!(ticket, Ticket(1), "tickets begin anew");
    shard.wait_durable(ticket);
    drop(journal);
    let (_journal, second, seen) = open(folder.path(), quiet()).expect("opens");
    assert_eq!((second.entries, &seen[3_000]), (3_001, &started("again")));
    assert_eq!(second.head, ledger::chain(&first.head, &started("again").body));
}

#[test]
fn a_crash_image_holds_all_that_was_acknowledged() {
    let folder = tempfile::tempdir().expect("temporary");
    let (journal, _, _) = open(folder.path(), quiet()).expect("opens");
    let mut shard = Shard::of(&journal, 0);
    for round in 1..=5_u64 {
        let mut last = Ticket(0);
        for number in (round - 1) * 400 + 1..=round * 400 {
            last = shard.append(cdr(number, "acme", NOON));
        }
        shard.wait_durable(Ticket(last.0 - 200));
        let acknowledged = shard.appender.durable();
        let image = folder.path().join(format!("image{round}"));
        crash_image(folder.path(), &image);
        let (_copy, recovered, seen) = open(&image, quiet()).expect("opens");
        assert!(recovered.entries >= acknowledged.0 && recovered.entries <= last.0);
        assert!(seen.iter().map(number_of).eq(1..=recovered.entries));
        assert!(verify(&image).expect("reads").is_clean());
    }
}

#[test]
fn money_verifies_while_the_journal_runs_and_after() {
    let folder = tempfile::tempdir().expect("temporary");
    let (journal, _, _) = open(folder.path(), quiet()).expect("opens");
    let mut shard = Shard::of(&journal, 0);
    let account = Name::from("acme");
    let ten = Money::parse("10.00", Currency::EUR).expect("money");
    let opening = Transfer {
        key: Key::Opening,
        purpose: Purpose::Opening,
        debit: Party::SystemAccount(ledger::SystemAccount::Opening),
        credit: Party::Customer(account.clone()),
        amount: ten,
        memo: None,
    };
    let opened = ledger::AccountOpened {
        currency: Currency::EUR,
        terms: ledger::Terms::of_deck("retail"),
        limit: 0,
        opening: Some(opening),
        key: None,
    };
    shard.append(
        Entry::of(&Record::new(Wall(NOON), account.clone(), RecordBody::AccountOpened(opened)))
            .expect("encodes"),
    );
    let last = shard.append(cdr(1, "acme", NOON));
    shard.wait_durable(last);
    let running = verify(folder.path()).expect("reads");
    assert!(running.is_clean(), "{running:?}");
    assert_eq!((running.entries, running.accounts, running.open_calls), (2, 1, 0));
    assert_eq!(running.sums, [Money::zero(Currency::EUR)]);
    journal.close().expect("closes");
    assert_eq!(verify(folder.path()).expect("reads").head, running.head);
    drop(journal);
    let mut replay = Replay::new();
    let (_journal, recovered) =
        store::Journal::open(folder.path(), quiet(), feed(&mut replay)).expect("opens");
    assert_eq!((recovered.entries, replay.verification().accounts), (2, 1));
}

#[test]
fn a_folder_has_one_owner_who_is_named() {
    let folder = tempfile::tempdir().expect("temporary");
    let (journal, _, _) = open(folder.path(), quiet()).expect("opens");
    let refused = open(folder.path(), quiet()).err().expect("in use");
    assert!(
        matches!(refused, StoreError::InUse { pid: Some(pid), .. } if pid == std::process::id()),
        "{refused}"
    );
    assert!(refused.to_string().contains(&format!("process {}", std::process::id())), "{refused}");
    assert!(journal.appender(0, || {}).is_ok());
    assert!(matches!(journal.appender(0, || {}), Err(StoreError::Shard { shard: 0 })));
    assert!(matches!(journal.appender(1, || {}), Err(StoreError::Shard { shard: 1 })));
    drop(journal);
    assert!(open(folder.path(), quiet()).is_ok());
}

#[test]
fn a_folder_that_cannot_be_made_is_told_in_one_line() {
    let folder = tempfile::tempdir().expect("temporary");
    let file = folder.path().join("file");
    std::fs::write(&file, "x").expect("writes");
    for path in [file.clone(), file.join("data")] {
        let refused = open(&path, quiet()).err().expect("no folder");
        let text = refused.to_string();
        assert!(text.contains("node.data_dir") && text.contains("file") && !text.contains('\n'), "{text}");
    }
    assert!(matches!(
        verify(&file.join("data")),
        Err(StoreError::Missing { .. } | StoreError::Folder { .. })
    ));
    assert!(matches!(verify(folder.path()), Err(StoreError::Missing { .. })));
}

#[test]
fn a_full_queue_refuses_new_entries_first_and_live_ones_at_its_bound() {
    let folder = tempfile::tempdir().expect("temporary");
    let (go, gate) = channel::<()>();
    // A disk that stands still until it is told to go on.
    let fault = move |stage: Stage| {
        if stage == Stage::Commit {
            gate.recv().unwrap_or(());
        }
        Ok(())
    };
    let options = Options { bound: 16, live_reserve: 4, fault: Some(Box::new(fault)), ..quiet() };
    let (journal, _, _) = open(folder.path(), options).expect("opens");
    let mut shard = Shard::of(&journal, 0);
    let mut append = |count: u64, priority| {
        for n in 0..count {
            shard.appender.append(cdr(n, "acme", NOON), priority).expect("room");
        }
        journal.pressure()
    };
    assert_eq!(append(7, Priority::New).load, Load::Ok);
    assert_eq!(append(1, Priority::Live).load, Load::Half);
    assert_eq!(append(4, Priority::New).load, Load::Full);
    let refused =
        shard.appender.append(cdr(99, "acme", NOON), Priority::New).expect_err("only the reserve is left");
    assert_eq!((refused.why, number_of(&refused.entry)), (QueueRefusal::Full, 99));
    for n in 0..4 {
        assert_eq!(
            shard.appender.append(cdr(n, "acme", NOON), Priority::Live).expect("the reserve"),
            Ticket(13 + n)
        );
    }
    let refused = shard.appender.append(cdr(99, "acme", NOON), Priority::Live).expect_err("nothing is left");
    assert_eq!((refused.why, journal.pressure().queued), (QueueRefusal::Full, 16));
    assert_eq!(shard.appender.durable(), Ticket(0));
    drop(go);
    shard.wait_durable(Ticket(16));
    assert_eq!((journal.pressure().queued, journal.pressure().load), (0, Load::Ok));
    assert_eq!(shard.append(cdr(99, "acme", NOON)), Ticket(17), "a refusal uses no ticket");
    assert_eq!(journal.close().expect("closes").map(|closed| closed.entries), Some(17));
    assert_eq!(
        shard.appender.append(cdr(1, "acme", NOON), Priority::Live).expect_err("closed").why,
        QueueRefusal::Closed
    );
    assert!(journal.close().expect("nothing to do").is_none());
}

#[test]
fn the_log_is_copied_into_the_file_and_stays_small() {
    let folder = tempfile::tempdir().expect("temporary");
    let options = Options { checkpoint_bytes: 256 << 10, gather: Duration::ZERO, ..Options::default() };
    let (journal, _, _) = open(folder.path(), options).expect("opens");
    let mut shard = Shard::of(&journal, 0);
    let reader = journal.reader().expect("opens");
    for number in 1..=20_000 {
        let ticket = shard.append(cdr(number, "acme", NOON));
        if number % 100 == 0 {
            shard.wait_durable(ticket);
            assert_eq!(
                reader
                    .cdrs(&store::Query { after: Some(number - 1), ..store::Query::default() })
                    .expect("reads")
                    .rows
                    .len(),
                1
            );
        }
    }
    let log = std::fs::metadata(folder.path().join("journal.db-wal")).expect("there").len();
    assert!(log < 2 << 20, "{log}");
    journal.close().expect("closes");
    assert_eq!(std::fs::metadata(folder.path().join("journal.db-wal")).map_or(0, |meta| meta.len()), 0);
    drop(journal);
    assert_eq!(open(folder.path(), quiet()).expect("opens").1.entries, 20_000);
}

#[test]
fn an_empty_journal_is_whole() {
    let folder = tempfile::tempdir().expect("temporary");
    make(folder.path(), 0);
    let verified = verify(folder.path()).expect("reads");
    assert!(verified.is_clean());
    assert_eq!((verified.entries, verified.sums.len()), (0, 0));
}
