//! RULES X2, X3, X6, X10, X11, X14, B1, B2 for services paid by the piece: each line is what an account has,
//! what a service asks, and what becomes of it.

use std::sync::Arc;

use ledger::{NoticeEvent, Record, RecordBody, Replay, SystemAccount, Terms};
use rating::engine::{AccountRefused, Authorize, ChargeRequest, FollowUp, Moved, OpenAccount, TopUpRequest};
use rating::{CallId, Deck, Decks, Engine};
use units::{Currency, Money, Now, Tick, Wall};

const EUR: Currency = Currency::EUR;

fn money(text: &str) -> Money {
    Money::parse(text, EUR).expect("money")
}

fn at(text: &str) -> Now {
    Now { tick: Tick(0), wall: Wall::parse(text).expect("a time") }
}

struct Desk {
    account: String,
    engine: Engine,
    now: Now,
    records: Vec<Record>,
}

impl Desk {
    fn with(name: &str, balance: &str, limit: &str, terms: Terms) -> Self {
        let mut engine = Engine::new();
        let csv = "prefix,destination,rate,initial,increment\n39,Italy,0.10,60,60\n";
        engine.set_decks(Arc::new(Decks::new([Arc::new(
            Deck::load("retail", EUR, csv.as_bytes()).expect("a good deck").0,
        )])));
        let mut desk =
            Self { account: name.to_owned(), engine, now: at("2025-01-01T12:00:00Z"), records: Vec::new() };
        for tier in name.match_indices(':').map(|(end, _)| &name[..end]).chain([name]) {
            let (opening, limit) =
                if tier == name { (money(balance).amount, money(limit).amount) } else { (0, 0) };
            let ask = OpenAccount { name: tier, currency: EUR, opening, terms: terms.clone(), limit };
            desk.records.push(desk.engine.open_account(desk.now, &ask).expect("opens"));
        }
        desk
    }

    fn charge(&mut self, pieces: u32, price: Money, key: &str) -> Result<Moved, AccountRefused> {
        let ask = ChargeRequest { account: &self.account, pieces, price, cause: "fax to 3901", key };
        let moved = self.engine.charge(self.now, &ask);
        self.records.extend(moved.as_ref().ok().and_then(|moved| moved.record.clone()));
        while let Some(notice) = self.engine.poll_notice() {
            self.records.push(notice);
        }
        assert_eq!(self.engine.imbalance(), 0);
        moved
    }

    /// The journal tells what memory knows.
    fn replayed(&self) {
        let mut replay = Replay::new();
        self.records.iter().for_each(|record| replay.apply_record(record).expect("replays"));
        assert_eq!(replay.trial(), self.engine.trial());
    }
}

#[test]
fn all_of_it_or_nothing() {
    let table = "
        has     limit  pieces  price    outcome     left
        10       0        3    0.08     -0.24000    9.76000
        10       0        1    0.05     -0.05000    9.95000
        10       0        9    0.00      0.00000    10.00000
        0.24     0        3    0.08     -0.24000    0.00000
        0.20     0        3    0.08     no-money    0.20000
        0        0        1    0.00001  no-money    0.00000
        0       -1        3    0.08     -0.24000    -0.24000
        0       -0.23     3    0.08     no-money    0.00000
        10       0        0    0.08     pieces      10.00000
        10       0        1    -0.08    pieces      10.00000
        10       0  4000000000 90000000 range       10.00000";
    for line in table.lines().map(str::trim).filter(|line| !line.is_empty()).skip(1) {
        let [has, limit, pieces, price, outcome, left] = line.split_whitespace().collect::<Vec<_>>()[..]
        else {
            unreachable!("{line}")
        };
        let mut desk = Desk::with("acme", has, limit, Terms::of_deck("retail"));
        let found = match desk.charge(pieces.parse().expect("a number"), money(price), "k") {
            Ok(moved) => moved.amount.to_string(),
            Err(AccountRefused::NoMoney) => "no-money".to_owned(),
            Err(AccountRefused::Pieces) => "pieces".to_owned(),
            Err(AccountRefused::Books(ledger::Refused::Overflow)) => "range".to_owned(),
            Err(other) => other.to_string(),
        };
        let balance = desk.engine.account("acme").expect("there").balance.to_string();
        assert_eq!((found.as_str(), balance.as_str()), (outcome, left), "{line}");
        desk.replayed();
    }
}

/// The sentence of B1, and what a call holds is not there for a fax.
#[test]
fn a_call_in_progress_keeps_its_money() {
    let mut desk = Desk::with("acme", "0.30", "0", Terms::of_deck("retail"));
    let number = "390212345678".parse().expect("digits");
    let lease = desk
        .engine
        .authorize(desk.now, Authorize { call: CallId(1), account: "acme", number: &number })
        .expect("money")
        .lease;
    let refused = desk.charge(3, money("0.08"), "k").expect_err("0.20 is free");
    assert_eq!(refused.to_string(), "not enough money in your account to complete this operation");
    desk.engine.release(lease).expect("a lease");
    assert_eq!(desk.charge(3, money("0.08"), "k").expect("0.30").balance.to_string(), "0.06000");
}

#[test]
fn a_key_is_one_charge() {
    let mut desk = Desk::with("acme", "0.24", "0", Terms::of_deck("retail"));
    assert!(!desk.charge(3, money("0.08"), "k").expect("paid").replayed);
    let again = desk.charge(3, money("0.08"), "k").expect("paid before, though nothing is left");
    assert_eq!(
        (again.replayed, again.amount.to_string(), again.record.is_none()),
        (true, "-0.24000".to_owned(), true)
    );
    // The sum alone is not the content.
    assert_eq!(desk.charge(2, money("0.12"), "k").map(|_| ()), Err(ledger::Refused::KeyReused.into()));
    assert_eq!(
        desk.charge(3, Money::of(8_000, Currency::USD), "l").map(|_| ()),
        Err(ledger::Refused::CurrencyMismatch.into())
    );
    desk.replayed();
    // A charge in error is undone like any movement.
    let back = desk
        .engine
        .reverse(desk.now, FollowUp { account: "acme", of: "k", key: "r" }, None, "the fax did not go")
        .expect("undone");
    assert_eq!(
        (back.amount.to_string(), back.balance.to_string()),
        ("0.24000".to_owned(), "0.24000".to_owned())
    );
    assert_eq!(desk.engine.books().system_account(SystemAccount::Revenue, EUR), 0);
}

/// Below a reseller the money is the reseller's income, as it is for calls; what the operator takes of the
/// reseller is a charge of its own.
#[test]
fn below_a_reseller() {
    let mut desk = Desk::with("house:shop", "1", "0", Terms::of_deck("retail"));
    desk.charge(1, money("0.05"), "k").expect("paid");
    let books = desk.engine.books();
    assert_eq!(
        (
            books.system_account(SystemAccount::ResellerRevenue, EUR),
            books.system_account(SystemAccount::Revenue, EUR)
        ),
        (5_000, 0)
    );
    desk.replayed();
}

/// X11: told once; X14: a service used is an event, and the credit lives a year from it.
#[test]
fn a_charge_is_an_event_of_the_account() {
    let terms = Terms {
        low_balance: Some(200_000),
        idle_days: Some(365),
        email: Some("a@example.net".into()),
        ..Terms::of_deck("retail")
    };
    let mut desk = Desk::with("acme", "2.05", "0", terms);
    desk.now = at("2025-02-01T10:00:00Z");
    let top_up = TopUpRequest { account: "acme", amount: money("0.01"), reference: "", key: "t" };
    desk.records.extend(desk.engine.top_up(desk.now, top_up).expect("booked").record);
    desk.now = at("2025-03-01T10:00:00Z");
    for (key, low) in [("k1", 0), ("k2", 1), ("k3", 1)] {
        desk.charge(1, money("0.05"), key).expect("paid");
        let lows = desk
            .records
            .iter()
            .filter(|record| matches!(&record.body, RecordBody::Notice(n) if matches!(n.event, NoticeEvent::LowBalance { .. })));
        assert_eq!(lows.count(), low, "{key}");
    }
    assert_eq!(
        desk.engine.account("acme").expect("there").idle_end,
        Some(Wall::parse("2026-03-01T23:59:59.999Z").expect("a time"))
    );
    desk.replayed();
}
