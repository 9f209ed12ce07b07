//! Statements: opening, movements and closing agree to the last digit, whatever the time asked for; an old
//! journal is upgraded in place.

mod kit;

use kit::{NOON, Shard, cdr, quiet};
use ledger::{
    AccountOpened, CallId, Key, Party, Purpose, Record, RecordBody, Replay, SystemAccount, Terms, Transfer,
};
use rusqlite::Connection;
use serde_json::value::RawValue;
use store::{Entry, Journal, Statement, StatementQuery, verify};
use units::{Currency, Money, Name, Wall};

const EUR: Currency = Currency::EUR;

fn transfer(key: Key, purpose: Purpose, debit: Party, credit: Party, amount: i64) -> Transfer {
    Transfer { key, purpose, debit, credit, amount: Money::of(amount, EUR), memo: Some("words".into()) }
}

fn customer(name: &str) -> Party {
    Party::Customer(name.into())
}

/// A reseller and its shop; the shop pays in, a call of the shop costs both, a correction.
fn story() -> Vec<Record> {
    let at = |minute: i64, account: &str, body| {
        Record::new(Wall(NOON + minute * 60_000), Name::from(account), body)
    };
    let opened = || {
        RecordBody::AccountOpened(AccountOpened {
            currency: EUR,
            terms: Terms::of_deck("retail"),
            limit: -1_000,
            opening: None,
            key: None,
        })
    };
    let pay = |key: &str, to: &str| {
        RecordBody::top_up(transfer(
            Key::Given(key.into()),
            Purpose::TopUp,
            Party::SystemAccount(SystemAccount::Payments),
            customer(to),
            500,
        ))
    };
    let usage = |tier, from: &str, amount| {
        transfer(
            Key::usage(CallId(7), tier, 0),
            Purpose::Usage,
            customer(from),
            Party::SystemAccount(SystemAccount::Revenue),
            amount,
        )
    };
    let raw = |text: &str| RawValue::from_string(text.to_owned()).expect("JSON");
    let open = format!(
        r#"{{"v":1,"at":{},"account":"r:shop","body":{{"call_open":{{"call":"{}","gate":"pbx","answered_at":0,"leased_secs":30,"price":{{"prefix":"34","destination":"Spain","rate":"0.10000","initial":1,"increment":1,"connect_fee":"0.00000","currency":"EUR","deck":"d","deck_version":"0"}},"dialog_a":{{}},"dialog_b":{{}},"cdr":{{}}}}}}}}"#,
        NOON + 180_000,
        CallId(7)
    );
    let correction = transfer(
        Key::Given("c".into()),
        Purpose::Correction,
        customer("r:shop"),
        Party::SystemAccount(SystemAccount::Corrections),
        1,
    );
    vec![
        at(0, "r", opened()),
        at(0, "r:shop", opened()),
        at(1, "r", pay("k1", "r")),
        at(2, "r:shop", pay("k1", "r:shop")),
        Record::decode(open.as_bytes()).expect("a record"),
        Record::settled(
            Wall(NOON + 240_000),
            "r:shop".into(),
            CallId(7),
            raw(r#"{"called_e164":"34911","destination":"Spain","billed_seconds":36}"#),
            vec![usage(0, "r:shop", 60), usage(1, "r", 40)],
        ),
        at(5, "r:shop", RecordBody::Corrected(ledger::Corrected { transfer: correction })),
    ]
}

fn write(folder: &std::path::Path) {
    let (journal, _, _) = Journal::restore(folder, quiet(), Replay::new).expect("opens");
    let mut shard = Shard::of(&journal, 0);
    for record in story() {
        shard.append(Entry::of(&record).expect("encodes"));
    }
    // A neighbour whose name begins alike.
    shard.append(cdr(9, "r0", NOON));
    journal.close().expect("closes");
}

fn statement(folder: &std::path::Path, account: &str, from: Option<i64>, to: Option<i64>) -> Statement {
    let at = |minute: Option<i64>| minute.map(|minute| Wall(NOON + minute * 60_000));
    let query =
        StatementQuery { account: account.into(), from: at(from), to: at(to), after: None, limit: 1_000 };
    store::Reader::open(folder).expect("opens").statement(&query).expect("reads")
}

#[test]
fn opening_and_movements_make_the_closing() {
    let folder = tempfile::tempdir().expect("temporary");
    write(folder.path());
    let whole = statement(folder.path(), "r:shop", None, None);
    let told: Vec<(i64, i64, &str)> =
        whole.movements.iter().map(|m| (m.amount.amount, m.balance, &*m.cause)).collect();
    assert_eq!(
        told,
        [
            (500, 500, "payment: words"),
            (-60, 440, "call 00000000000000000000000000000007 to 34911 (Spain), 36 s billed, by r:shop"),
            (-1, 439, "correction: words"),
        ]
    );
    let above = statement(folder.path(), "r", None, None);
    assert_eq!(
        above.movements.iter().map(|m| (m.amount.amount, m.balance)).collect::<Vec<_>>(),
        [(500, 500), (-40, 460)]
    );
    let key = (Name::from(""), EUR);
    for from in 0..8 {
        for to in from..8 {
            let part = statement(folder.path(), "r:shop", Some(from), Some(to));
            let sum: i64 = part.movements.iter().map(|m| m.amount.amount).sum();
            let of = |balances: &store::Balances| balances.get(&key).copied().unwrap_or_default();
            assert_eq!(of(&part.opening) + sum, of(&part.closing.balances), "{from} to {to}");
            assert_eq!(
                of(&part.closing.balances),
                of(&statement(folder.path(), "r:shop", Some(to), None).opening),
                "{from} to {to}"
            );
        }
    }
    assert_eq!(verify(folder.path()).expect("reads").trial.sums(), [(EUR, "0.00000".to_owned())]);
}

#[test]
fn a_journal_of_the_first_version_is_upgraded_in_place() {
    let folder = tempfile::tempdir().expect("temporary");
    write(folder.path());
    let now = statement(folder.path(), "r:shop", None, None);
    let conn = Connection::open(folder.path().join("journal.db")).expect("opens");
    conn.execute_batch(
        // It had no corrections, and so no row of one that has to be given its kind.
        "DROP INDEX money; UPDATE entry SET kind = 0 WHERE kind = 3 AND NOT instr(body, 'correct');
         PRAGMA user_version = 1; PRAGMA wal_checkpoint(TRUNCATE);",
    )
    .expect("as it was");
    drop(conn);
    let as_it_is = verify(folder.path()).expect("reads");
    assert!(as_it_is.is_clean(), "it is read as it is: {as_it_is:?}");
    let (journal, recovered, _) = Journal::restore(folder.path(), quiet(), Replay::new).expect("opens");
    assert_eq!(recovered.entries, 8);
    journal.close().expect("closes");
    drop(journal);
    let after = statement(folder.path(), "r:shop", None, None);
    assert_eq!(after.movements.first(), now.movements.first(), "payments are found again");
    assert!(verify(folder.path()).expect("reads").is_clean());
}
