//! The books of two nodes read as one: in the order of the central journal, equal to the sum of both
//! journals.

use std::collections::BTreeMap;

use central::CentralError;
use ledger::TrialBalance;
use rating::engine::{AccountRefused, MoveOrder};
use serde_json::Value;
use store::{Query, StatementPlace, StatementQuery};
use units::{Currency, Wall};

use crate::kit::bench::Bench;
use crate::kit::node::TIMING;
use crate::kit::wait;

const OPENING: i64 = 1_000_000;
/// Before everything that nodes do, and after what the tests book at the central ledger.
const CLOSE: Wall = Wall(1_600_000_000_000);

/// Two nodes with calls of 3 s and of 5 s, and what operators do beside.
fn busy() -> Bench {
    let mut bench = Bench::new(OPENING);
    let (mut first, mut second) = (bench.node("n1", TIMING), bench.node("n2", TIMING));
    wait("both have something", || first.free() > 0 && second.free() > 0);
    bench.top_up("t1", 50_000).unwrap();
    for (node, id, seconds) in [(&mut first, 1, 3), (&mut second, 2, 5)] {
        wait("a call", || node.call(id).is_ok());
        for _ in 0..seconds {
            assert_eq!(node.second(), 0);
        }
        node.hang_up_all();
    }
    bench.announce("a1", 30_000_000).unwrap();
    bench.announce("a2", 20_000_000).unwrap();
    bench.move_money("b1", MoveOrder::Book { of: "a1".to_owned(), fee: 1_000_000 }).unwrap();
    bench.charge("c1", 7_000).unwrap();
    bench.give_seconds("g1", 60, None).unwrap();
    wait("both are shipped", || bench.posted("acme") == OPENING + 50_000 + 29_000_000 - 7_000 - 8_000);
    first.stop();
    second.stop();
    bench
}

fn query(limit: usize) -> StatementQuery {
    StatementQuery { account: "acme".into(), from: None, to: None, after: None, limit }
}

/// Every object with two sides in a record is a transfer.
fn transfers<'a>(value: &'a Value, found: &mut Vec<&'a Value>) {
    match value {
        Value::Object(fields) if fields.contains_key("debit") && fields.contains_key("credit") => {
            found.push(value)
        }
        Value::Object(fields) => fields.values().for_each(|value| transfers(value, found)),
        Value::Array(values) => values.iter().for_each(|value| transfers(value, found)),
        _ => {}
    }
}

/// What all journals in the database say, added up here: balances by side and currency, 10⁻⁵ units.
fn added_up(bench: &Bench) -> BTreeMap<(String, String), i64> {
    let mut sums = BTreeMap::new();
    for body in bench.postgres.texts("SELECT body FROM entry") {
        let record: Value = serde_json::from_str(&body).unwrap();
        let mut found = Vec::new();
        transfers(&record["body"], &mut found);
        for transfer in found.into_iter().filter(|transfer| transfer["purpose"] != "slice") {
            let (amount, currency) =
                (transfer["amount"].as_str().unwrap(), transfer["currency"].as_str().unwrap());
            let units: i64 = amount.replace('.', "").parse().unwrap();
            for (side, sign) in [("debit", -1), ("credit", 1)] {
                let side = transfer[side].as_str().map_or_else(|| transfer[side].to_string(), str::to_owned);
                *sums.entry((side, currency.to_owned())).or_default() += sign * units;
            }
        }
    }
    sums.retain(|_, sum| *sum != 0);
    sums
}

#[test]
fn a_statement_is_of_all_nodes_page_by_page() {
    let bench = busy();
    let whole = bench.statement(&query(1_000)).unwrap();
    let causes: Vec<&str> =
        whole.movements.iter().map(|movement| movement.cause.split(' ').next().unwrap()).collect();
    let mut sorted = causes.clone();
    sorted.sort_unstable();
    assert_eq!(
        sorted,
        ["call", "call", "charge:", "granted:", "opening", "payment", "payment,"],
        "{causes:?}"
    );
    assert!(!whole.more && whole.opening.is_empty());
    let own = whole.closing.balances[&("".into(), Currency::EUR)];
    assert_eq!((own, own), (bench.money().0, OPENING + 50_000 + 29_000_000 - 7_000 - 8_000));
    assert_eq!(whole.closing.balances[&("free".into(), Currency::SEC)], 6_000_000);
    let journals = added_up(&bench);
    let side = journals
        .iter()
        .find(|((side, currency), _)| side.contains("acme") && !side.contains("free") && currency == "EUR");
    assert_eq!(side.map(|(_, sum)| *sum), Some(own), "the sum of all journals: {journals:?}");
    // The same in pages of two, each beginning with what the one before closed with.
    let (mut movements, mut after): (_, Option<StatementPlace>) = (Vec::new(), None);
    loop {
        let page = bench.statement(&StatementQuery { after: after.clone(), ..query(2) }).unwrap();
        assert_eq!(page.opening, after.map_or_else(Default::default, |place| place.balances));
        assert!(page.movements.len() <= 2);
        movements.extend(page.movements);
        after = Some(page.closing);
        if !page.more {
            break;
        }
    }
    assert_eq!(movements, whole.movements);
    // From the calls on: what was before is the opening.
    let later = bench.statement(&StatementQuery { from: Some(CLOSE), ..query(100) }).unwrap();
    assert_eq!(later.movements.len(), 2, "the calls");
    assert_eq!(later.opening[&("".into(), Currency::EUR)], own + 8_000);
    let nobody = StatementQuery { account: "nobody".into(), ..query(5) };
    assert!(matches!(bench.statement(&nobody), Err(CentralError::NoAccount(_))));
}

#[test]
fn call_records_and_payments_of_all_nodes_have_one_cursor() {
    let bench = busy();
    let cdrs = |after, limit| {
        bench.runtime.block_on(bench.central.cdrs(&Query { after, limit, ..Query::default() })).unwrap()
    };
    let first = cdrs(None, 1);
    let second = cdrs(first.next, 1);
    let ids: Vec<String> =
        first.rows.iter().chain(&second.rows).map(|row| row.cdr.get().to_owned()).collect();
    assert_eq!(ids.len(), 2);
    assert!(ids[0] != ids[1] && second.next.is_none(), "{ids:?}");
    let other = Query { account: Some("shop".into()), ..Query::default() };
    assert!(bench.runtime.block_on(bench.central.cdrs(&other)).unwrap().rows.is_empty());
    let payments =
        |after, limit| bench.runtime.block_on(bench.central.payments(&"acme".into(), after, limit)).unwrap();
    let page = payments(0, 2);
    assert_eq!(page.rows.iter().map(|row| row.key.to_string()).collect::<Vec<_>>(), ["key/t1", "key/a1"]);
    assert_eq!(
        page.rows[1].booked.map(|booked| (booked.net.amount, booked.fee.amount)),
        Some((29_000_000, 1_000_000))
    );
    let rest = payments(page.next.unwrap(), 2);
    assert_eq!((rest.rows.len(), rest.rows[0].booked, rest.next), (1, None, None), "{rest:?}");
    let on_their_way =
        |late| bench.runtime.block_on(bench.central.in_transit(None, late, 10, Wall(3))).unwrap();
    assert_eq!(on_their_way(false).iter().map(|row| row.key.to_string()).collect::<Vec<_>>(), ["key/a2"]);
    assert!(on_their_way(true).is_empty(), "an hour is not over");
    let notices = bench.runtime.block_on(bench.central.notices(&Query::default())).unwrap();
    assert_eq!(notices.rows.len() as i64, bench.count("SELECT count(*) FROM journal WHERE kind = 2"));
}

#[test]
fn a_period_is_closed_once_over_all_nodes_and_nothing_is_dated_into_it() {
    let mut bench = busy();
    let refused =
        |outcome: Result<_, CentralError>| outcome.map(|_: (ledger::PeriodClosed, bool)| ()).unwrap_err();
    let tomorrow = Wall(bench.count("SELECT CAST(extract(epoch FROM now()) * 1000 AS BIGINT)") + 86_400_000);
    assert!(matches!(refused(bench.close("k0", tomorrow)), CentralError::Account(AccountRefused::Period)));
    let (closed, replayed) = bench.close("k1", CLOSE).unwrap();
    assert!(!replayed);
    assert_eq!(
        closed.entry,
        bench.count("SELECT count(*) FROM entry").cast_unsigned() - 1,
        "all but the closing itself"
    );
    assert_eq!(bench.close("k1", CLOSE).unwrap(), (closed.clone(), true));
    assert!(matches!(refused(bench.close("k1", Wall(CLOSE.0 + 1))), CentralError::KeyReused(_)));
    assert!(matches!(refused(bench.close("k2", Wall(CLOSE.0 - 1))), CentralError::Closed { .. }));
    // The trial balance is the sum of all journals.
    let trial = TrialBalance::of_rows(&closed.trial);
    let journals = added_up(&bench);
    for (currency, line, amount) in trial.lines() {
        let ledger::TrialLine::SystemAccount(system_account) = line else { continue };
        let side = journals
            .iter()
            .find(|((side, of), _)| side.contains(system_account.name()) && *of == currency.to_string());
        assert_eq!(side.map(|(_, sum)| i128::from(*sum)), Some(amount), "{system_account:?}: {journals:?}");
    }
    assert!(trial.sums().iter().all(|(_, sum)| sum == "0.00000"), "{trial:?}");
    // What comes now and happened before is dated at the first open moment.
    let closed_period = || {
        let page = bench.statement(&StatementQuery { to: Some(CLOSE), ..query(100) }).unwrap();
        (page.movements, page.closing.balances)
    };
    let before = closed_period();
    bench.top_up("t2", 1_000).unwrap();
    assert_eq!(closed_period(), before);
    let late = bench.statement(&StatementQuery { from: Some(CLOSE), ..query(100) }).unwrap();
    assert!(
        late.movements.iter().any(|movement| movement.at == CLOSE && movement.amount.amount == 1_000),
        "{late:?}"
    );
    let (again, _) = bench.close("k3", Wall(1_750_000_000_000)).unwrap();
    assert!(again.entry > closed.entry);
    let mut node = bench.node("n1", TIMING);
    wait("a call that begins and ends in the closed period, by its node's clock", || node.call(9).is_ok());
    assert_eq!(node.second(), 0);
    node.hang_up_all();
    node.stop();
    let late = bench.statement(&StatementQuery { from: Some(again.until), ..query(100) }).unwrap();
    assert!(
        late.movements.iter().any(|movement| movement.at == again.until && movement.amount.amount == -1_000),
        "{late:?}"
    );
}
