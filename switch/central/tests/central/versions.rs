//! Rows of other versions of the program: a dump of the first form, and every transaction of its nodes and
//! operators, as `record.py` beside them recorded them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use central::Central;
use ledger::TrialLine;
use rating::engine::{AccountChange, MoveOrder};
use serde::Deserialize;
use serde_json::Value;
use store::{Query, StatementQuery};
use units::{Currency, Money, Name, Wall};

use crate::kit::bench::LATE;
use crate::kit::postgres::Postgres;

fn recorded(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/data/a8b4d55/central").join(name)
}

fn expected() -> Value {
    serde_json::from_slice(&std::fs::read(recorded("expected.json")).unwrap()).unwrap()
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

/// The lines of a trial balance as text, what nodes hold counted to whom it belongs.
fn lines(rows: impl Iterator<Item = (String, String, i64)>) -> BTreeMap<(String, String), i64> {
    let mut lines = BTreeMap::new();
    for (currency, line, amount) in rows {
        let line = if line.starts_with('@') { line } else { "customers".to_owned() };
        *lines.entry((currency, line)).or_default() += amount;
    }
    lines.retain(|_, amount| *amount != 0);
    lines
}

fn units_of(text: &str) -> i64 {
    text.replace('.', "").parse().unwrap()
}

/// The database says what the old version said of it.
fn says_the_same(postgres: &Postgres, central: &Central, runtime: &tokio::runtime::Runtime) {
    let expected = expected();
    for (balance, posted) in expected["posted"].as_object().unwrap() {
        assert_eq!(
            postgres.number(&format!("SELECT posted FROM account WHERE name = '{balance}'")),
            posted.as_i64().unwrap(),
            "{balance}"
        );
    }
    let trial = runtime.block_on(central.trial_balance()).unwrap();
    let name = |line: TrialLine| match line {
        TrialLine::SystemAccount(system_account) => system_account.name().to_owned(),
        other => format!("{other:?}"),
    };
    let found = lines(
        trial.lines().map(|(c, line, amount)| (c.to_string(), name(line), i64::try_from(amount).unwrap())),
    );
    let text = |row: &Value, field: &str| row[field].as_str().unwrap().to_owned();
    let said = expected["trial"]["lines"].as_array().unwrap().iter();
    let said = lines(said.map(|row| {
        (text(row, "currency"), text(row, "account"), units_of(row["balance"].as_str().unwrap()))
    }));
    assert_eq!(found, said);
    let page = runtime.block_on(central.cdrs(&Query { limit: 100, ..Query::default() })).unwrap();
    let mut found: Vec<Value> =
        page.rows.iter().map(|row| serde_json::from_str(row.cdr.get()).unwrap()).collect();
    let mut said: Vec<Value> =
        ["n1", "n2"].iter().flat_map(|node| expected["cdrs"][node].as_array().unwrap().clone()).collect();
    for cdrs in [&mut found, &mut said] {
        cdrs.sort_by_key(|cdr| cdr["id"].as_str().unwrap().to_owned());
    }
    assert_eq!(found, said);
    for account in ["acme", "acme:shop"] {
        let query =
            StatementQuery { account: account.into(), from: None, to: None, after: None, limit: 1_000 };
        let statement = runtime.block_on(central.statement(&query, LATE)).unwrap();
        let own = statement.closing.balances[&("".into(), Currency::EUR)];
        assert_eq!(own, expected["posted"][account].as_i64().unwrap(), "{account}");
    }
    let payments = runtime.block_on(central.payments(&"acme".into(), 0, 10)).unwrap();
    let states: Vec<(String, bool, bool)> = payments
        .rows
        .iter()
        .map(|row| (row.key.to_string(), row.booked.is_some(), row.undone.is_some()))
        .collect();
    let want = [("key/t1", true, true), ("key/a1", true, false), ("key/a2", false, false)];
    assert_eq!(states, want.map(|(key, booked, undone)| (key.to_owned(), booked, undone)));
    let entries = postgres.number("SELECT count(*) FROM journal");
    assert_eq!(entries, postgres.number("SELECT count(*) FROM entry"), "each entry has its place");
    assert_eq!(entries, postgres.number("SELECT place FROM journal_end"));
    let order = "SELECT count(*) FROM journal a JOIN journal b ON a.node = b.node AND a.seq < b.seq AND a.place > b.place";
    assert_eq!(postgres.number(order), 0, "in the order of its own journal");
}

#[test]
fn versions_a_database_of_the_first_form_goes_forward_in_place() {
    let (postgres, runtime) = (Postgres::start(), runtime());
    postgres.script(&recorded("dump.sql"));
    let central = Central::new(&postgres.address(), 1).unwrap();
    says_the_same(&postgres, &central, &runtime);
    assert_eq!(postgres.number("SELECT version FROM form"), 2, "nodes of the first form go on");
    assert_eq!(postgres.number("SELECT MAX(number) FROM schema_change"), 1);
    let money = Money::of(100_000, Currency::EUR);
    let order = MoveOrder::Correct { amount: money, reason: "goodwill".to_owned() };
    let posted = expected()["posted"]["acme"].as_i64().unwrap();
    let moved = runtime
        .block_on(central.move_money("acme".into(), "new".to_owned(), order, [].into(), LATE))
        .unwrap();
    assert_eq!(moved.balance.amount, posted + 100_000);
    let again = MoveOrder::TopUp {
        amount: Money::of(500_000, Currency::EUR),
        reference: "invoice 7".to_owned(),
        method: None,
        fee: 0,
        pending: false,
    };
    let again =
        runtime.block_on(central.move_money("acme".into(), "t1".to_owned(), again, [].into(), LATE)).unwrap();
    assert!(again.replayed, "the keys of before are known");
}

/// What nodes and operators of the first form do, statement by statement, on tables of this version.
#[test]
fn versions_nodes_of_the_first_form_work_on_beside_newer_ones() {
    let (postgres, runtime) = (Postgres::start(), runtime());
    let central = Central::new(&postgres.address(), 1).unwrap();
    assert!(runtime.block_on(central.slices()).unwrap().is_empty());
    let dialogue = std::fs::read_to_string(recorded("dialogue.sql")).unwrap();
    let messages: Vec<&str> =
        dialogue.split("\n\n").filter(|message| !message.contains("CREATE TABLE")).collect();
    let file = tempfile::NamedTempFile::new().unwrap();
    // All of it, and in the middle somebody reads the whole by this version.
    for part in messages.chunks(20) {
        std::fs::write(file.path(), part.join("\n")).unwrap();
        postgres.script(file.path());
        let seen = runtime.block_on(central.cdrs(&Query::default())).unwrap();
        assert_eq!(seen.rows.len() as i64, postgres.number("SELECT count(*) FROM cdr"));
    }
    says_the_same(&postgres, &central, &runtime);
}

/// An account's state as programs of the first form read it: other terms they refuse.
#[derive(Debug, Deserialize)]
struct FirstState {
    terms: FirstTerms,
    opened_at: i64,
    last_event: i64,
    low_armed: bool,
    expiries: u32,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(dead_code, reason = "it matters that there is no other")]
struct FirstTerms {
    decks: Vec<String>,
    profit_guard: Option<String>,
    low_balance: Option<String>,
    idle_days: Option<u32>,
    email: Option<String>,
    language: Option<String>,
}

#[test]
fn versions_programs_of_the_first_form_read_what_this_one_writes_and_newer_fields_stay() {
    let (postgres, runtime) = (Postgres::start(), runtime());
    postgres.script(&recorded("dump.sql"));
    let central = Central::new(&postgres.address(), 1).unwrap();
    let file = tempfile::NamedTempFile::new().unwrap();
    runtime.block_on(central.slices()).unwrap();
    // A program newer than this one wrote a term that this one does not know.
    let newer = "UPDATE account SET more = '{\"terms\":{\"colour\":\"red\"},\"weather\":{\"sun\":true}}' WHERE name = 'acme';\n";
    std::fs::write(file.path(), newer).unwrap();
    postgres.script(file.path());
    let change = AccountChange { language: Some(Some(Name::from("fr"))), ..AccountChange::default() };
    runtime.block_on(central.amend("acme".into(), change, Wall(LATE.0))).unwrap();
    let state = postgres.texts("SELECT state FROM account WHERE name = 'acme'").join("");
    let first: FirstState = serde_json::from_str(&state).unwrap();
    assert_eq!((first.terms.language.as_deref(), first.terms.decks.len()), (Some("fr"), 1));
    assert!(
        first.opened_at > 0 && first.last_event >= first.opened_at && first.expiries == 0 && first.low_armed,
        "{first:?}"
    );
    let more: Value =
        serde_json::from_str(&postgres.texts("SELECT more FROM account WHERE name = 'acme'").join(""))
            .unwrap();
    assert_eq!((&more["terms"]["colour"], &more["weather"]["sun"]), (&"red".into(), &true.into()));
    // What must not be used by a program that does not know it is refused in words.
    std::fs::write(
        file.path(),
        "INSERT INTO schema_change (number, least, at_ms, program) VALUES (99, 98, 0, '9.0.0');\n",
    )
    .unwrap();
    postgres.script(file.path());
    let late = Central::new(&postgres.address(), 2).unwrap();
    let refused = runtime.block_on(late.slices()).unwrap_err().to_string();
    assert!(refused.contains("newer program") && refused.contains("98"), "{refused}");
}
