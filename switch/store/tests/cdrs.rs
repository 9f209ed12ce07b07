//! Queries for call records, against a plain filter over all of them.

mod kit;

use kit::{NOON, Shard, cdr, open, quiet, started};
use store::{Journal, MAX_PAGE_ROWS, Page, Query, Reader};
use units::{Name, Wall};

/// Entries, three blocks of the index and a bit.
const COUNT: u64 = 25_000;

/// A fixed sequence that looks random.
struct Lcg(u64);

impl Lcg {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % n
    }
}

/// What the plain filter looks at.
struct Row {
    seq: u64,
    account: String,
    at: i64,
}

/// Every seventh entry is no call record; one account is rare; the clock jumps back an hour in the middle.
fn fill(journal: &Journal) -> Vec<Row> {
    let mut shard = Shard::of(journal, 0);
    let mut lcg = Lcg(7);
    let mut rows = Vec::new();
    for seq in 1..=COUNT {
        let at =
            NOON + seq as i64 * 1_000 + lcg.below(5_000) as i64 - if seq > COUNT / 2 { 3_600_000 } else { 0 };
        let account = if seq % 9_001 == 5 { "rare".to_owned() } else { format!("a{}", lcg.below(20)) };
        let entry = if seq % 7 == 0 { started("x") } else { cdr(seq, &account, at) };
        let ticket = shard.append(entry);
        if seq % 7 != 0 {
            rows.push(Row { seq, account, at });
        }
        if seq % 5_000 == 0 {
            shard.wait_durable(ticket);
        }
    }
    shard.wait_durable(shard.appender.last());
    rows
}

fn expected(rows: &[Row], query: &Query) -> (Vec<u64>, bool) {
    let limit = query.limit as usize;
    let mut all: Vec<u64> = rows
        .iter()
        .filter(|row| query.account.as_ref().is_none_or(|account| **account == *row.account))
        .filter(|row| {
            query.from.is_none_or(|from| row.at >= from.0) && query.to.is_none_or(|to| row.at < to.0)
        })
        .map(|row| row.seq)
        .filter(|seq| {
            query.after.is_none_or(|after| if query.newest_first { *seq < after } else { *seq > after })
        })
        .collect();
    if query.newest_first {
        all.reverse();
    }
    all.truncate(limit + 1);
    let more = all.len() > limit;
    all.truncate(limit);
    (all, more)
}

fn check(reader: &Reader, rows: &[Row], query: &Query) -> Page {
    let page = reader.cdrs(query).expect("reads");
    let (seqs, more) = expected(rows, query);
    assert_eq!(page.rows.iter().map(|row| row.seq).collect::<Vec<u64>>(), seqs, "{query:?}");
    assert_eq!(page.next, if more { seqs.last().copied() } else { None }, "{query:?}");
    page
}

#[test]
fn fault_d2_pages_are_what_a_plain_filter_finds_in_both_directions() {
    let folder = tempfile::tempdir().expect("temporary");
    let (journal, _, _) = open(folder.path(), quiet()).expect("opens");
    let rows = fill(&journal);
    let mut reader = journal.reader().expect("opens");
    let mut lcg = Lcg(11);
    let mut found = 0;
    for round in 0..300 {
        if round == 150 {
            // The state of the open block is read back after a restart.
            journal.close().expect("closes");
            reader = Reader::open(folder.path()).expect("opens");
        }
        let account = match lcg.below(4) {
            0 => None,
            1 => Some(Name::from("rare")),
            2 => Some(Name::from("nobody")),
            _ => Some(Name::from(format!("a{}", lcg.below(20)))),
        };
        let mut time = || (lcg.below(3) > 0).then(|| Wall(NOON + lcg.below(COUNT * 1_000) as i64));
        let (from, to) = (time(), time());
        let after = (lcg.below(2) > 0).then(|| lcg.below(COUNT + 10));
        let limit = [1, 10, 100, 10_000][lcg.below(4) as usize];
        let newest_first = lcg.below(2) > 0;
        found += check(&reader, &rows, &Query { account, from, to, after, limit, newest_first }).rows.len();
    }
    assert!(found > 10_000, "{found}");
}

#[test]
fn cursors_walk_over_everything_once_and_go_on_where_they_ended() {
    let folder = tempfile::tempdir().expect("temporary");
    let (journal, _, _) = open(folder.path(), quiet()).expect("opens");
    let rows = fill(&journal);
    let reader = journal.reader().expect("opens");
    let mut query = Query { account: Some(Name::from("a3")), limit: 97, ..Query::default() };
    let mut all = Vec::new();
    let mut back = Query { newest_first: true, ..query.clone() };
    let mut newest = Vec::new();
    loop {
        let page = check(&reader, &rows, &back);
        newest.extend(page.rows.iter().map(|row| row.seq));
        let Some(next) = page.next else { break };
        back.after = Some(next);
    }
    newest.reverse();
    loop {
        let page = check(&reader, &rows, &query);
        all.extend(page.rows.iter().map(|row| row.seq));
        let Some(next) = page.next else { break };
        query.after = Some(next);
    }
    assert_eq!(newest, all, "the same rows from the other end");
    assert!(all.iter().copied().eq(rows.iter().filter(|row| row.account == "a3").map(|row| row.seq)));
    // A poller that keeps the last number sees what comes later, also in a block that is new.
    query.after = all.last().copied();
    assert!(reader.cdrs(&query).expect("reads").rows.is_empty());
    journal.close().expect("closes");
    drop(journal);
    let (journal, _, _) = open(folder.path(), quiet()).expect("opens");
    let mut shard = Shard::of(&journal, 0);
    shard.append(cdr(COUNT + 1, "other", NOON));
    let last = shard.append(cdr(COUNT + 2, "a3", NOON));
    shard.wait_durable(last);
    let page = reader.cdrs(&query).expect("reads");
    assert_eq!(page.rows.iter().map(|row| row.seq).collect::<Vec<u64>>(), [COUNT + 2]);
    assert_eq!(
        page.rows[0].cdr.get(),
        format!(r#"{{"id":"{}","account":"a3","amount":"0.00000"}}"#, COUNT + 2)
    );
}

#[test]
fn limits_are_kept_in_their_range() {
    let folder = tempfile::tempdir().expect("temporary");
    let (journal, _, _) = open(folder.path(), quiet()).expect("opens");
    fill(&journal);
    let reader = journal.reader().expect("opens");
    let rows =
        |limit, after| reader.cdrs(&Query { limit, after, ..Query::default() }).expect("reads").rows.len();
    assert_eq!(rows(0, None), 1);
    assert_eq!(rows(u32::MAX, None), MAX_PAGE_ROWS as usize);
    assert_eq!(rows(10, Some(u64::MAX)), 0);
    let empty = tempfile::tempdir().expect("temporary");
    kit::make(empty.path(), 0);
    assert!(
        Reader::open(empty.path()).expect("opens").cdrs(&Query::default()).expect("reads").rows.is_empty()
    );
    assert!(Reader::open(&empty.path().join("none")).is_err());
}

#[test]
fn records_before_a_long_stretch_without_any_are_found_after_a_restart() {
    let folder = tempfile::tempdir().expect("temporary");
    let (journal, _, _) = open(folder.path(), quiet()).expect("opens");
    let mut shard = Shard::of(&journal, 0);
    shard.append(cdr(1, "acme", NOON));
    (0..20_000).for_each(|_| assert!(shard.append(started("x")) > store::Ticket(0)));
    journal.close().expect("closes");
    drop(journal);
    let (journal, _, _) = open(folder.path(), quiet()).expect("opens");
    let mut shard = Shard::of(&journal, 0);
    let last = shard.append(cdr(2, "acme", NOON));
    shard.wait_durable(last);
    for account in [None, Some(Name::from("acme"))] {
        let page =
            journal.reader().expect("opens").cdrs(&Query { account, ..Query::default() }).expect("reads");
        assert_eq!(page.rows.iter().map(|row| row.seq).collect::<Vec<u64>>(), [1, 20_002]);
    }
}
