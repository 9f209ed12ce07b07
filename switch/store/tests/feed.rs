//! Feeds: at least once, in journal order, under the same id each time, through restarts.

mod kit;

use std::path::Path;
use std::sync::mpsc::channel;
use std::time::Duration;

use kit::{NOON, Shard, cdr, crash_image, open, quiet, started};
use ledger::{Notice, NoticeEvent, Record, RecordBody};
use store::{Batch, Entry, Feed, Journal, Kind, Query, Reader, Start, StoreError, Wants};
use units::{Name, Wall};

fn notice(account: &str) -> Entry {
    let event = NoticeEvent::LowMinutes { bucket: "minutes".into(), seconds: 60 };
    let body = RecordBody::Notice(Notice { to: None, language: None, event, id: None });
    Entry::of(&Record::new(Wall(NOON), Name::from(account), body)).expect("encodes")
}

/// 1 started, 2 call, 3 notice, 4 call, and so on: every entry whose number ends in 3 is a notice, else even
/// ones are calls.
fn fill(shard: &mut Shard, from: u64, to: u64) {
    let mut last = shard.appender.last();
    for number in from..=to {
        last = shard.append(match number {
            n if n % 10 == 3 => notice("acme"),
            n if n % 2 == 0 => cdr(n, "acme", NOON),
            _ => started("x"),
        });
    }
    shard.wait_durable(last);
}

fn feed(journal: &Journal, wants: Wants, start: Start) -> Feed {
    journal.feed("edge-1", "test", wants, start).expect("opens")
}

fn numbers(batch: &Batch) -> Vec<u64> {
    batch.entries.iter().map(|found| found.seq).collect()
}

#[test]
fn entries_are_what_was_written() {
    let folder = tempfile::tempdir().expect("a folder");
    let (journal, _, _) = open(folder.path(), quiet()).expect("opens");
    let mut shard = Shard::of(&journal, 0);
    fill(&mut shard, 1, 30);
    let reader: Reader = journal.reader().expect("opens");
    let found = reader.entries(5, 3).expect("reads");
    assert_eq!(found.iter().map(|e| e.seq).collect::<Vec<_>>(), [6, 7, 8]);
    assert_eq!(found[0].entry, cdr(6, "acme", NOON));
    assert_eq!(found[1].hash, ledger::chain(&found[0].hash, &found[1].entry.body));
    assert_eq!(reader.entries(30, 3).expect("reads"), []);
    assert_eq!(reader.entries(u64::MAX, 3).expect("reads"), []);
}

#[test]
fn each_feed_gets_what_it_wants_and_passes_the_rest() {
    let folder = tempfile::tempdir().expect("a folder");
    let (journal, _, _) = open(folder.path(), quiet()).expect("opens");
    let mut shard = Shard::of(&journal, 0);
    fill(&mut shard, 1, 25);
    for (name, wants, first, all) in [
        ("all", Wants::All, vec![1, 2, 3, 4], (1..=25).collect::<Vec<u64>>()),
        ("cdrs", Wants::Cdrs, vec![2, 4, 6, 8], (1..=12).map(|n| n * 2).collect()),
        ("notices", Wants::Notices, vec![3, 13, 23], vec![3, 13, 23]),
    ] {
        let mut feed = journal.feed("edge-1", name, wants, Start::First).expect("opens");
        assert_eq!(feed.progress().lag(), 25, "{name}");
        assert_eq!(numbers(&feed.read(4).expect("reads")), first, "{name}");
        let mut seen = Vec::new();
        loop {
            let batch = feed.read(4).expect("reads");
            if batch.entries.is_empty() {
                break;
            }
            seen.extend(numbers(&batch));
            feed.confirm(batch.upto).expect("confirms");
        }
        assert_eq!(seen, all, "{name}");
        assert_eq!((feed.seq(), feed.progress().lag()), (25, 0), "{name}");
    }
}

#[test]
fn what_was_not_confirmed_comes_again_also_after_a_restart() {
    let folder = tempfile::tempdir().expect("a folder");
    let (journal, _, _) = open(folder.path(), quiet()).expect("opens");
    let mut shard = Shard::of(&journal, 0);
    fill(&mut shard, 1, 20);
    let mut feed = feed(&journal, Wants::Cdrs, Start::First);
    let batch = feed.read(5).expect("reads");
    assert_eq!((numbers(&batch), batch.upto), (vec![2, 4, 6, 8, 10], 10));
    assert_eq!(feed.read(5).expect("reads"), batch, "nothing was confirmed");
    feed.confirm(6).expect("confirms");
    feed.confirm(4).expect("going back changes nothing");
    drop(feed);
    drop(shard);
    journal.close().expect("closes");
    drop(journal);

    let (journal, _, _) = open(folder.path(), quiet()).expect("opens");
    let mut feed = self::feed(&journal, Wants::Cdrs, Start::First);
    let batch = feed.read(2).expect("reads");
    assert_eq!(numbers(&batch), [8, 10]);
    assert_eq!((feed.message_id(8), feed.progress().lag()), ("edge-1/8".to_owned(), 14));
}

#[test]
fn old_news_are_not_told() {
    let folder = tempfile::tempdir().expect("a folder");
    let (journal, _, _) = open(folder.path(), quiet()).expect("opens");
    let mut shard = Shard::of(&journal, 0);
    fill(&mut shard, 1, 5);
    drop(feed(&journal, Wants::Notices, Start::Next));
    fill(&mut shard, 6, 15);
    // The place was taken when it first ran: what came while it was away is told.
    let mut feed = feed(&journal, Wants::Notices, Start::Next);
    let batch = feed.read(10).expect("reads");
    assert_eq!(numbers(&batch), [13]);
    assert_eq!(batch.entries[0].entry.kind, Kind::NOTICE);
}

#[test]
fn a_watcher_hears_of_each_commit() {
    let folder = tempfile::tempdir().expect("a folder");
    let (journal, _, _) = open(folder.path(), quiet()).expect("opens");
    let (wake, woken) = channel();
    journal.watch(move || wake.send(()).unwrap_or(()));
    let mut feed = feed(&journal, Wants::All, Start::First);
    let mut shard = Shard::of(&journal, 0);
    for number in 1..=3 {
        shard.append(cdr(number, "acme", NOON));
        while journal.last() < number {
            woken.recv_timeout(Duration::from_secs(30)).expect("the writer speaks");
        }
        let batch = feed.read(10).expect("reads");
        assert_eq!(numbers(&batch), [number]);
        feed.confirm(batch.upto).expect("confirms");
    }
}

#[test]
fn a_feed_does_not_go_on_in_another_journal() {
    let (folder, backup) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
    let write = |folder: &Path, from, to, confirmed: u64| {
        let (journal, _, _) = open(folder, quiet()).expect("opens");
        let mut shard = Shard::of(&journal, 0);
        fill(&mut shard, from, to);
        if confirmed > 0 {
            feed(&journal, Wants::All, Start::First).confirm(confirmed).expect("confirms");
        }
        crash_image(folder, backup.path());
    };
    write(folder.path(), 1, 6, 0);
    let (journal, _, _) = open(folder.path(), quiet()).expect("opens");
    let mut shard = Shard::of(&journal, 0);
    fill(&mut shard, 7, 12);
    feed(&journal, Wants::All, Start::First).confirm(10).expect("confirms");
    drop((shard, journal));
    // The backup has fewer entries; and once it has as many, they are others.
    std::fs::copy(folder.path().join("feeds.db"), backup.path().join("feeds.db")).expect("copies");
    for (from, to) in [(20, 21), (22, 30), (31, 31)] {
        let (journal, _, _) = open(backup.path(), quiet()).expect("opens");
        let refused = journal.feed("edge-1", "test", Wants::All, Start::First).err();
        assert!(matches!(refused, Some(StoreError::Place { seq: 10, feed: "test", .. })), "{refused:?}");
        let mut shard = Shard::of(&journal, 0);
        fill(&mut shard, from, to);
    }
}

#[test]
fn pages_of_notices_are_filtered_and_in_order() {
    let folder = tempfile::tempdir().expect("a folder");
    let (journal, _, _) = open(folder.path(), quiet()).expect("opens");
    let mut shard = Shard::of(&journal, 0);
    for number in 0..40_i64 {
        let mut entry = notice(if number % 2 == 0 { "acme" } else { "beta" });
        entry.at = Wall(NOON + number);
        shard.append(cdr(number.unsigned_abs(), "acme", NOON));
        shard.append(entry);
    }
    shard.wait_durable(shard.appender.last());
    let reader = journal.reader().expect("opens");
    let mut query = Query {
        account: Some("acme".into()),
        from: Some(Wall(NOON + 4)),
        to: Some(Wall(NOON + 20)),
        after: None,
        limit: 3,
        newest_first: false,
    };
    let mut seen = Vec::new();
    loop {
        let page = reader.notices(&query).expect("reads");
        seen.extend(page.rows.iter().map(|row| (row.seq, row.at.0 - NOON)));
        assert!(
            page.rows.iter().all(|row| &*row.account == "acme" && row.notice.get().contains("low_minutes"))
        );
        let Some(next) = page.next else { break };
        query.after = Some(next);
    }
    assert_eq!(seen, [4, 6, 8, 10, 12, 14, 16, 18].map(|number| (2 * number + 2, number as i64)));
}
