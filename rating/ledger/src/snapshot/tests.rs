//! A story with everything in it, cut at every entry: written, read, and told to its end the same.

use serde_json::value::RawValue;
use units::{Currency, Money};

use super::*;
use crate::{
    AccountOpened, Announced, BucketGranted, BucketKind, CallId, CallOpen, Charged, Checkpoint, Corrected,
    PeriodClosed, PriceRow, Purpose, Record, RecordBody, Reversed, Settled, TopUpBooked, Transfer, root,
};

const EUR: Currency = Currency::EUR;

fn transfer(key: Key, purpose: Purpose, debit: Party, credit: Party, amount: i64) -> Transfer {
    let currency =
        if matches!(debit, Party::SystemAccount(SystemAccount::Minutes)) { Currency::SEC } else { EUR };
    Transfer { key, purpose, debit, credit, amount: Money::of(amount, currency), memo: Some("why".into()) }
}

fn customer(name: &str) -> Party {
    Party::Customer(name.into())
}

fn given(key: &str) -> Key {
    Key::Given(key.into())
}

fn open_call(call: u128) -> RecordBody {
    let raw = || RawValue::from_string("{}".to_owned()).expect("JSON");
    let price = PriceRow {
        prefix: "34".parse().expect("digits"),
        destination: "Spain".into(),
        rate: units::Rate::of_units(12_345),
        initial: 30,
        increment: 6,
        connect_fee: units::Rate::ZERO,
        currency: EUR,
        deck: "retail".into(),
        deck_version: "00000000000000ff".into(),
        ..serde_json::from_str(
            r#"{"prefix":"34","destination":"","rate":"0","initial":1,"increment":1,"connect_fee":"0","currency":"EUR","deck":"","deck_version":""}"#,
        )
        .expect("a row")
    };
    RecordBody::CallOpen(Box::new(CallOpen {
        call: CallId(call),
        gate: "pbx".into(),
        answered_at: Wall(5),
        leased_secs: 30,
        price,
        tiers: Vec::new(),
        dialog_a: raw(),
        dialog_b: raw(),
        cdr: raw(),
    }))
}

fn settled(call: u128, usage: Transfer) -> RecordBody {
    let cdr = RawValue::from_string("{}".to_owned()).expect("JSON");
    RecordBody::Settled(Settled { call: CallId(call), cdr, transfers: vec![usage] })
}

/// Two trees of accounts, payments in every state, minutes, calls up and settled and undone, a closed period.
fn story() -> Vec<Record> {
    use SystemAccount::{Corrections, Minutes, Payments, Revenue, Transit};
    let opened = || {
        RecordBody::AccountOpened(AccountOpened {
            currency: EUR,
            terms: Terms::of_deck("retail"),
            limit: -5,
            opening: None,
            key: None,
        })
    };
    let pay = |key: &str, to: &str| TopUpBooked {
        transfer: transfer(given(key), Purpose::TopUp, Party::SystemAccount(Payments), customer(to), 900),
        fee: None,
        method: Some("bank".into()),
        of: None,
    };
    let usage = transfer(
        Key::usage(CallId(1), 0, 0),
        Purpose::Usage,
        customer("acme"),
        Party::SystemAccount(Revenue),
        40,
    );
    let bucket = Party::Bucket { account: "shop:one".into(), bucket: "free".into() };
    let grant = BucketGranted {
        bucket: "free".into(),
        terms: BucketTerms { expires_at: Some(Wall(99)), ..BucketTerms::of(BucketKind::Minutes) },
        transfer: transfer(given("g"), Purpose::Grant, Party::SystemAccount(Minutes), bucket, 600),
    };
    let announced = |key| {
        transfer(
            given(key),
            Purpose::Announced,
            Party::SystemAccount(Payments),
            Party::SystemAccount(Transit),
            300,
        )
    };
    let book = TopUpBooked {
        transfer: transfer(given("b"), Purpose::TopUp, Party::SystemAccount(Transit), customer("acme"), 300),
        fee: None,
        method: None,
        of: Some(given("a")),
    };
    let announce =
        |key| RecordBody::Announced(Announced { transfer: announced(key), method: None, due: Some(Wall(7)) });
    let correct =
        transfer(given("c"), Purpose::Correction, Party::SystemAccount(Corrections), customer("acme"), 1);
    let fax = Charged {
        pieces: 3,
        price: 8,
        transfer: transfer(
            given("f"),
            Purpose::Charge,
            customer("shop:one"),
            Party::SystemAccount(SystemAccount::ResellerRevenue),
            24,
        ),
    };
    let undo = usage.reversed(given("r"), "wrong".into());
    let steps = [
        ("acme", opened()),
        ("shop", opened()),
        ("shop:one", opened()),
        ("acme", RecordBody::TopUp(Box::new(pay("k1", "acme")))),
        ("shop:one", RecordBody::TopUp(Box::new(pay("k1", "shop:one")))),
        ("shop:one", RecordBody::BucketGranted(grant)),
        ("acme", announce("a")),
        ("acme", announce("later")),
        ("acme", RecordBody::TopUp(Box::new(book))),
        ("acme", open_call(1)),
        ("shop:one", open_call(2)),
        (
            "shop:one",
            RecordBody::Checkpoint(Checkpoint { call: CallId(2), answered_ms: 4_000, parts: Vec::new() }),
        ),
        ("acme", settled(1, usage)),
        ("acme", RecordBody::Corrected(Corrected { transfer: correct })),
        ("shop:one", RecordBody::Charged(fax)),
        ("acme", RecordBody::Reversed(Reversed { of: Key::usage(CallId(1), 0, 0), transfers: vec![undo] })),
        (
            "@node",
            RecordBody::PeriodClosed(PeriodClosed {
                until: Wall(3),
                entry: 0,
                trial: Vec::new(),
                key: Some("k".into()),
            }),
        ),
    ];
    steps.into_iter().map(|(account, body)| Record::new(Wall(9), account.into(), body)).collect()
}

fn feed(replay: &mut Replay, record: &Record) {
    let bytes = record.encode().expect("JSON");
    let hash = chain(&replay.chain, &bytes);
    replay.feed(replay.seq() + 1, &bytes, &hash).expect("fits");
}

fn lines(replay: &Replay) -> Vec<Vec<u8>> {
    let mut lines = Vec::new();
    let put = |line: &[u8]| {
        lines.push(line.to_vec());
        Ok::<_, serde_json::Error>(())
    };
    replay.write_snapshot(put).expect("writes");
    lines
}

fn read(lines: &[Vec<u8>], replay: Replay) -> Result<Replay, SnapshotError> {
    let mut reader = SnapshotReader::into(replay);
    lines.iter().try_for_each(|line| reader.take(line))?;
    reader.finish()
}

fn sharded(count: usize) -> Replay {
    Replay::sharded(count, |account| root(account).len())
}

#[test]
fn cut_anywhere_the_story_ends_the_same() {
    let story = story();
    let mut whole = Replay::new();
    story.iter().for_each(|record| feed(&mut whole, record));
    for cut in 0..=story.len() {
        let mut first = Replay::new();
        story[..cut].iter().for_each(|record| feed(&mut first, record));
        for shards in [1, 2, 5] {
            let mut second = read(&lines(&first), sharded(shards)).expect("reads");
            assert_eq!((second.seq(), second.chain), (first.seq(), first.chain));
            story[cut..].iter().for_each(|record| feed(&mut second, record));
            assert_eq!(second.verification().accounts, 3);
            assert_eq!(second.trial(), whole.trial(), "cut at {cut} into {shards}");
            for shard in &second.shards {
                assert!(shard.books.sums().values().all(|sum| *sum == 0), "each shard sums to zero");
            }
            if shards == 1 {
                assert_eq!(lines(&second), lines(&whole), "cut at {cut}");
            }
        }
    }
}

#[test]
fn old_keys_are_known_after_a_snapshot() {
    let mut whole = Replay::new();
    story().iter().for_each(|record| feed(&mut whole, record));
    let mut again = read(&lines(&whole), Replay::new()).expect("reads");
    for record in story().iter().filter(|record| !record.transfers().is_empty()) {
        assert!(again.apply_record(record).is_err(), "{:?}", record.body);
    }
    assert_eq!(lines(&again).len(), lines(&whole).len());
}

#[test]
fn what_is_not_whole_is_refused() {
    let mut whole = Replay::new();
    story().iter().for_each(|record| feed(&mut whole, record));
    let good = lines(&whole);
    assert!(read(&good, Replay::new()).is_ok());
    for gone in 0..good.len() {
        let mut bad = good.clone();
        bad.remove(gone);
        assert!(read(&bad, Replay::new()).is_err(), "without line {gone}");
        let mut bad = good.clone();
        let at = bad[gone].len() / 2;
        bad[gone][at] ^= 1;
        assert!(read(&bad, Replay::new()).is_err(), "line {gone} changed");
        assert!(read(&good[..gone], Replay::new()).is_err(), "cut at {gone}");
    }
    let mut more = good.clone();
    more.push(good[1].clone());
    assert!(matches!(read(&more, Replay::new()), Err(SnapshotError::Cut)));
    let newer = vec![String::from_utf8_lossy(&good[0]).replace(r#""v":3"#, r#""v":9"#).into_bytes()];
    assert!(matches!(read(&newer, Replay::new()), Err(SnapshotError::Version(9))));
}
