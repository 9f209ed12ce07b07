//! What an accountant asks of the journal: payments with what became of them, closings at an exact cut,
//! statements in pages of any size.

mod kit;

use kit::{NOON, Shard, quiet};
use ledger::{
    AccountOpened, Announced, Key, Party, PeriodClosed, Purpose, Record, RecordBody, Rejected, Replay,
    Reversed, SystemAccount, Terms, TopUpBooked, Transfer, TrialBalance,
};
use store::{Entry, Journal, Reader, StatementQuery, Ticket, verify};
use units::{Currency, Money, Name, Wall};

const EUR: Currency = Currency::EUR;

fn given(key: &str) -> Key {
    Key::Given(key.into())
}

fn transfer(key: &str, purpose: Purpose, debit: SystemAccount, credit: Party, amount: i64) -> Transfer {
    let memo = Some(r#"say "of": it"#.into());
    Transfer {
        key: given(key),
        purpose,
        debit: Party::SystemAccount(debit),
        credit,
        amount: Money::of(amount, EUR),
        memo,
    }
}

fn acme() -> Party {
    Party::Customer("acme".into())
}

/// `minute what key of gross fee`, as journaled for acme.
fn record(line: &str) -> Record {
    let words: Vec<&str> = line.split_whitespace().collect();
    let [minute, what, key, of, gross, fee]: [&str; 6] = words.try_into().expect("six columns");
    let [minute, gross, fee] = [minute, gross, fee].map(|number| number.parse::<i64>().expect("a number"));
    let from = if of == "-" { SystemAccount::Payments } else { SystemAccount::Transit };
    let fee_transfer = (fee > 0).then(|| Transfer {
        key: Key::Part(key.into(), 1),
        ..transfer(key, Purpose::Fee, from, Party::SystemAccount(SystemAccount::Fees), fee)
    });
    let announced = || {
        transfer(
            key,
            Purpose::Announced,
            SystemAccount::Payments,
            Party::SystemAccount(SystemAccount::Transit),
            gross,
        )
    };
    let body = match what {
        "open" => RecordBody::AccountOpened(AccountOpened {
            currency: EUR,
            terms: Terms::of_deck("retail"),
            limit: -1_000,
            opening: None,
            key: None,
        }),
        "pay" | "book" => RecordBody::TopUp(Box::new(TopUpBooked {
            transfer: transfer(key, Purpose::TopUp, from, acme(), gross - fee),
            fee: fee_transfer,
            method: Some("bank".into()).filter(|_| what == "pay"),
            of: Some(given(of)).filter(|_| of != "-"),
        })),
        "announce" => RecordBody::Announced(Announced {
            transfer: announced(),
            method: Some("bank".into()),
            due: Some(Wall(7)),
        }),
        "reject" => {
            let back = transfer(
                key,
                Purpose::Reversal,
                SystemAccount::Transit,
                Party::SystemAccount(SystemAccount::Payments),
                gross,
            );
            RecordBody::Rejected(Rejected { of: given(of), transfer: back })
        }
        "reverse" => {
            let (debit, credit) = (acme(), Party::SystemAccount(SystemAccount::Payments));
            let back = Transfer {
                debit,
                credit,
                ..transfer(key, Purpose::Reversal, SystemAccount::Payments, acme(), gross)
            };
            RecordBody::Reversed(Reversed { of: given(of), transfers: vec![back] })
        }
        other => unreachable!("{other}"),
    };
    Record::new(Wall(NOON + minute * 60_000), "acme".into(), body)
}

/// Payments that took every way.
const STORY: &str = "
    0  open      -   -   0    0
    1  pay       k1  -   100  0
    2  announce  a1  -   300  0
    3  announce  a2  -   400  0
    4  pay       k2  -   300  12
    5  announce  a3  -   50   0
    6  book      b1  a1  300  12
    7  reject    r1  a2  400  0
    8  reverse   r2  k1  100  0
    9  reverse   r3  b1  288  0";

fn journal(folder: &std::path::Path) -> (Journal, Shard, Ticket) {
    let (journal, _, _) = Journal::restore(folder, quiet(), Replay::new).expect("opens");
    let mut shard = Shard::of(&journal, 0);
    let mut last = Ticket(0);
    for line in STORY.lines().map(str::trim).filter(|line| !line.is_empty()) {
        last = shard.append(Entry::of(&record(line)).expect("encodes"));
    }
    shard.wait_durable(last);
    (journal, shard, last)
}

#[test]
fn each_payment_is_listed_once_with_what_became_of_it() {
    let folder = tempfile::tempdir().expect("temporary");
    let (journal, ..) = journal(folder.path());
    let reader = journal.reader().expect("opens");
    let told = |limit: u32| {
        let (mut rows, mut after) = (Vec::new(), 0);
        loop {
            let page = reader.payments(&"acme".into(), after, limit).expect("reads");
            rows.extend(page.rows.iter().map(|row| {
                let state = match (row.booked, &row.undone) {
                    (None, None) => "pending",
                    (Some(_), None) => "booked",
                    (None, Some(_)) => "rejected",
                    (Some(_), Some(_)) => "reversed",
                };
                let (net, fee) = row.booked.map_or((0, 0), |booked| (booked.net.amount, booked.fee.amount));
                let minute = |at: Option<Wall>| at.map_or(-1, |at| (at.0 - NOON) / 60_000);
                let times = [
                    row.announced_at,
                    row.booked.map(|booked| booked.at),
                    row.undone.as_ref().map(|(at, _)| *at),
                ]
                .map(minute);
                format!(
                    "{} {state} {} {fee} {net} {times:?}",
                    row.key.to_string().trim_start_matches("key/"),
                    row.gross.amount
                )
            }));
            match page.next {
                Some(next) => after = next,
                None => return rows,
            }
        }
    };
    let expected = [
        "k1 reversed 100 0 100 [-1, 1, 8]",
        "a1 reversed 300 12 288 [2, 6, 9]",
        "a2 rejected 400 0 0 [3, -1, 7]",
        "k2 booked 300 12 288 [-1, 4, -1]",
        "a3 pending 50 0 0 [5, -1, -1]",
    ];
    for limit in 1..=6 {
        assert_eq!(told(limit), expected, "{limit} a page");
    }
    assert!(reader.payments(&"acm".into(), 0, 10).expect("reads").rows.is_empty());
    journal.close().expect("closes");
}

#[test]
fn a_trial_balance_at_any_entry_is_that_of_a_replay_up_to_it() {
    let folder = tempfile::tempdir().expect("temporary");
    let (journal, _, last) = journal(folder.path());
    let mut replay = Replay::new();
    for (entry, line) in (1..).zip(STORY.lines().map(str::trim).filter(|line| !line.is_empty())) {
        replay.apply_record(&record(line)).expect("fits");
        assert_eq!(journal.trial_at(entry).expect("reads"), replay.trial(), "at entry {entry}");
    }
    assert!(journal.trial_at(last.0 + 1).is_err(), "it is not there yet");
    assert_eq!(journal.trial_at(0).expect("reads"), TrialBalance::default());
    journal.close().expect("closes");
}

#[test]
fn verification_finds_a_closing_that_is_not_what_its_entries_say() {
    // Of which entry the trial balance is, which cut it names, and whether it has a key: one without was
    // written before cuts were exact.
    for (taken_at, cut, key, expected) in [
        (10, 10, Some("november"), Some(true)),
        (6, 6, Some("november"), Some(true)),
        (6, 7, Some("november"), Some(false)),
        (9, 10, Some("november"), Some(false)),
        (9, 10, None, None),
    ] {
        let folder = tempfile::tempdir().expect("temporary");
        let (journal, mut shard, _) = journal(folder.path());
        let trial = journal.trial_at(taken_at).expect("reads").rows();
        let closed = PeriodClosed { until: Wall(NOON), entry: cut, trial, key: key.map(Name::from) };
        let written =
            Record::new(Wall(NOON + 600_000), Record::NODE.into(), RecordBody::PeriodClosed(closed.clone()));
        shard.append(Entry::of(&written).expect("encodes"));
        let ticket = shard.append(Entry::of(&record("11 pay k9 - 5 0")).expect("encodes"));
        shard.wait_durable(ticket);
        assert_eq!(journal.reader().expect("opens").closings().expect("reads"), [(11, closed)]);
        journal.close().expect("closes");
        let found = verify(folder.path()).expect("reads");
        assert_eq!(found.closings.first().map(|closing| closing.equal), expected, "{taken_at} at {cut}");
        assert_eq!(found.is_clean(), expected != Some(false), "{taken_at} at {cut}");
        if let Some(closing) = found.closings.first() {
            assert_eq!((closing.seq, closing.entry), (11, cut));
        }
    }
}

#[test]
fn a_statement_in_pages_of_any_size_is_the_statement() {
    let folder = tempfile::tempdir().expect("temporary");
    let (journal, ..) = journal(folder.path());
    journal.close().expect("closes");
    let reader = Reader::open(folder.path()).expect("opens");
    let at = |minute: Option<i64>| minute.map(|minute| Wall(NOON + minute * 60_000));
    for (from, to) in [(None, None), (Some(2), None), (None, Some(7)), (Some(4), Some(9)), (Some(30), None)] {
        let query = |after, limit| StatementQuery {
            account: "acme".into(),
            from: at(from),
            to: at(to),
            after,
            limit,
        };
        let whole = reader.statement(&query(None, 1_000)).expect("reads");
        assert!(!whole.more);
        for limit in 1..=6 {
            let (mut movements, mut page) =
                (Vec::new(), reader.statement(&query(None, limit)).expect("reads"));
            assert_eq!(page.opening, whole.opening, "{from:?} to {to:?}");
            while page.more {
                assert!((1..=limit).contains(&page.movements.len()), "{from:?} to {to:?}, {limit} a page");
                movements.append(&mut page.movements);
                let next = reader.statement(&query(Some(page.closing.clone()), limit)).expect("reads");
                assert_eq!(next.opening, page.closing.balances, "{from:?} to {to:?}, {limit} a page");
                page = next;
            }
            movements.append(&mut page.movements);
            assert_eq!(
                (movements, page.closing),
                (whole.movements.clone(), whole.closing.clone()),
                "{from:?} to {to:?}, {limit} a page"
            );
        }
    }
}

/// More entries than are looked through at once, and more of the account's than are found at once.
#[test]
fn a_long_statement_is_whole() {
    const ENTRIES: u64 = 40_000;
    let folder = tempfile::tempdir().expect("temporary");
    let (journal, _) = Journal::open(folder.path(), quiet(), |_, _, _| Ok(())).expect("opens");
    let mut shard = Shard::of(&journal, 0);
    let mut last = Ticket(0);
    for n in 0..ENTRIES {
        // Every third is of an account below, whose payments are not its own.
        let account = if n % 3 == 2 { "acme:shop" } else { "acme" };
        let payment = transfer(
            &format!("k{n}"),
            Purpose::TopUp,
            SystemAccount::Payments,
            Party::Customer(account.into()),
            1,
        );
        let record = Record::new(Wall(NOON + 1), account.into(), RecordBody::top_up(payment));
        last = shard.append(Entry::of(&record).expect("encodes"));
    }
    shard.wait_durable(last);
    let reader = journal.reader().expect("opens");
    let (mut after, mut count, mut pages) = (None, 0, 0);
    loop {
        let page = reader
            .statement(&StatementQuery { account: "acme".into(), from: None, to: None, after, limit: 9_000 })
            .expect("reads");
        for movement in &page.movements {
            count += 1;
            assert_eq!((movement.amount.amount, movement.balance), (1, count));
        }
        pages += 1;
        if !page.more {
            assert_eq!((page.closing.entry, page.closing.balances.values().sum::<i64>()), (ENTRIES, count));
            break;
        }
        after = Some(page.closing);
    }
    assert_eq!((count, pages), (26_667, 3));
    let opened = StatementQuery {
        account: "acme".into(),
        from: Some(Wall(NOON + 2)),
        to: None,
        after: None,
        limit: 10,
    };
    assert_eq!(reader.statement(&opened).expect("reads").opening.values().sum::<i64>(), count);
    journal.close().expect("closes");
}
