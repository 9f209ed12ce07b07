//! The story of a journal told again, and the entry named that does not fit.

use super::*;
use crate::{Party, PriceRow, Purpose, SystemAccount, Terms, hex};
use serde_json::value::RawValue;

fn transfer(key: Key, amount: i64) -> Transfer {
    let (customer, given) = (Party::Customer("acme".into()), matches!(key, Key::Given(_)));
    Transfer {
        key,
        purpose: if given { Purpose::TopUp } else { Purpose::Usage },
        debit: if given { Party::SystemAccount(SystemAccount::Payments) } else { customer.clone() },
        credit: if given { customer } else { Party::SystemAccount(SystemAccount::Revenue) },
        amount: Money::of(amount, Currency::EUR),
        memo: None,
    }
}

fn record(body: RecordBody) -> Record {
    Record::new(Wall(1), "acme".into(), body)
}

fn raw() -> Box<RawValue> {
    RawValue::from_string(r#"{"any": "thing"}"#.to_owned()).expect("JSON")
}

fn open(call: u128) -> Record {
    let price = PriceRow {
        prefix: "34".parse().expect("digits"),
        destination: "Spain".into(),
        rate: units::Rate::of_units(12_345),
        initial: 30,
        increment: 6,
        connect_fee: units::Rate::ZERO,
        currency: Currency::EUR,
        deck: "retail".into(),
        deck_version: "00000000000000ff".into(),
        tariff: None,
    };
    let (call, gate, answered_at) = (CallId(call), Name::from("pbx"), Wall(5));
    let open = CallOpen {
        call,
        gate,
        answered_at,
        leased_secs: 30,
        price,
        tiers: Vec::new(),
        dialog_a: raw(),
        dialog_b: raw(),
        cdr: raw(),
    };
    record(RecordBody::CallOpen(Box::new(open)))
}

fn settled(call: u128, amount: i64) -> Record {
    Record::settled(
        Wall(9),
        "acme".into(),
        CallId(call),
        raw(),
        vec![transfer(Key::Call(CallId(call), 0), amount)],
    )
}

/// Opened with nothing, 1.00 paid in, two calls answered, the second checked at 4 s, the first settled.
fn story() -> Vec<Record> {
    let (currency, terms) = (Currency::EUR, Terms::of_deck("retail"));
    vec![
        Record::started(Wall(0), "sw1".into(), "0.1.0".into()),
        record(RecordBody::AccountOpened(AccountOpened {
            currency,
            terms,
            limit: 0,
            opening: None,
            key: None,
        })),
        record(RecordBody::top_up(transfer(Key::Given("k1".into()), 100_000))),
        open(1),
        open(2),
        Record::checkpoint(Wall(6), "acme".into(), CallId(2), 4_000),
        settled(1, 7_407),
    ]
}

fn feed(replay: &mut Replay, seq: u64, record: &Record) -> Result<Record, ReplayError> {
    let bytes = record.encode().expect("JSON");
    let hash = chain(&replay.chain, &bytes);
    replay.feed(seq, &bytes, &hash)
}

fn replayed() -> Replay {
    let mut replay = Replay::new();
    for (seq, record) in story().iter().enumerate() {
        feed(&mut replay, seq as u64 + 1, record).expect("whole");
    }
    replay
}

#[test]
fn tells_the_story_again() {
    let replay = replayed();
    let sums = replay.verification();
    assert_eq!(
        (sums.entries, sums.accounts, sums.open_calls, sums.sums),
        (7, 1, 1, vec![Money::zero(Currency::EUR)])
    );
    assert_eq!(hex(&sums.chain).len(), 64);
    let Restored { mut shards, next_seq, chain } = replay.finish();
    assert_eq!((next_seq, chain), (Some(8), sums.chain));
    let shard = shards.swap_remove(0);
    let id = shard.books.id("acme").expect("there");
    assert_eq!(shard.books.balance(id).map(|balance| balance.posted()), Some(92_593));
    assert_eq!(shard.states.get(&id).map(|state| &state.terms), Some(&Terms::of_deck("retail")));
    let left: Vec<_> = shard.open_calls.values().map(|call| (call.open.call, call.answered_ms)).collect();
    assert_eq!(left, [(CallId(2), 4_000)]);
    assert_eq!(shard.open_calls.get(&CallId(2)).map(|call| call.open.dialog_a.get()), Some(raw().get()));
}

#[test]
fn names_the_entry_that_does_not_fit() {
    let mut replay = replayed();
    assert!(matches!(feed(&mut replay, 9, &settled(2, 1)), Err(ReplayError::Gap { expected: 8, found: 9 })));
    assert!(matches!(
        feed(&mut replay, 8, &settled(1, 7_407)),
        Err(ReplayError::NotOpen { seq: 8, call: CallId(1) })
    ));
    let again = record(RecordBody::top_up(transfer(Key::Given("k1".into()), 100_000)));
    assert!(matches!(
        feed(&mut replay, 8, &again),
        Err(ReplayError::Refused { refused: Refused::KeyReused, .. })
    ));
    let bytes = settled(2, 1).encode().expect("JSON");
    assert!(matches!(replay.feed(8, &bytes, &GENESIS), Err(ReplayError::Chain { seq: 8 })));
    for garbage in [
        &b"{}"[..],
        b"",
        b"\xFF",
        br#"{"v":9,"at":0,"account":"@node","body":{"started":{"node":"a","version":"b"}}}"#,
    ] {
        let hash = chain(&replay.chain, garbage);
        assert!(matches!(replay.feed(8, garbage, &hash), Err(ReplayError::Record { seq: 8, .. })));
    }
    feed(&mut replay, 8, &settled(2, 1)).expect("nothing of the above was taken");
    assert_eq!(replay.verification().open_calls, 0);
}

#[test]
fn one_changed_byte_breaks_the_chain() {
    let mut replay = Replay::new();
    let first = &story()[1];
    let bytes = first.encode().expect("JSON");
    let hash = chain(&GENESIS, &bytes);
    for at in 0..bytes.len() {
        let mut changed = bytes.clone();
        changed[at] ^= 1;
        assert!(matches!(replay.feed(1, &changed, &hash), Err(ReplayError::Chain { seq: 1 })), "byte {at}");
    }
    replay.feed(1, &bytes, &hash).expect("as written");
}
