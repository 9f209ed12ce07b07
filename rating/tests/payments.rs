//! RULES L18–L21, X1, X8 as a cash book: each line is a request and what must come of it.

use rating::engine::{
    AccountRefused, FollowUp, Moved, OpenAccount, PaymentMethod, PaymentOrder, TopUpRequest,
};
use rating::{CallId, Engine, Term, Terms};

use ledger::{Corrected, Key, Party, Purpose, RecordBody, Replay, SystemAccount, Transfer};
use units::{Calendar, Currency, Money, Now, Tick, Wall, Zone};

const EUR: Currency = Currency::EUR;
/// 2026-11-27 is a Friday.
const FRIDAY: &str = "2026-11-27T10:00:00Z";

/// An engine whose records are replayed as they come.
struct Book {
    engine: Engine,
    replay: Replay,
    methods: Vec<PaymentMethod>,
    /// Everything that was ever written.
    records: usize,
    /// What clocks show.
    wall: Wall,
}

fn now() -> Now {
    Now { tick: Tick(0), wall: Wall::parse(FRIDAY).expect("a time") }
}

fn money(text: &str) -> Money {
    Money::parse(text, EUR).expect("money")
}

fn method(
    name: &str,
    currency: Currency,
    minimum: &str,
    amounts: &[&str],
    term: Option<Term>,
) -> PaymentMethod {
    let amounts = amounts.iter().map(|amount| money(amount).amount).collect();
    PaymentMethod { name: name.into(), currency, minimum: money(minimum).amount, amounts, term }
}

impl Book {
    /// Two accounts, `acme` in euros and `dollar`; PayPal from 1, bank from 300, cards in fixed amounts.
    fn new() -> Self {
        let seven_days = || Some(Term::BusinessDays(7, Calendar::new(Zone::utc().into(), [])));
        let methods = vec![
            method("paypal", EUR, "1.00", &[], Some(Term::Minutes(15))),
            method("bank", EUR, "300.00", &[], seven_days()),
            method("bank", Currency::USD, "300.00", &[], seven_days()),
            method("card", EUR, "0", &["10.00", "25.00", "50.00"], None),
        ];
        let mut book =
            Self { engine: Engine::new(), replay: Replay::new(), methods, records: 0, wall: now().wall };
        for (name, currency) in [("acme", EUR), ("dollar", Currency::USD)] {
            let ask = OpenAccount { name, currency, opening: 0, terms: Terms::of_deck("retail"), limit: 0 };
            let record = book.engine.open_account(now(), &ask).expect("opens");
            book.replay.apply_record(&record).expect("replays");
        }
        book
    }

    fn keep(&mut self, moved: Result<Moved, AccountRefused>) -> Result<Moved, AccountRefused> {
        if let Some(record) = moved.as_ref().ok().and_then(|moved| moved.record.as_ref()) {
            self.replay.apply_record(record).expect("replays");
            self.records += 1;
        }
        assert_eq!(self.replay.trial().sums(), self.engine.trial().sums());
        assert_eq!(self.replay.trial(), self.engine.trial(), "the journal tells the same");
        assert!(
            self.engine.trial().sums().iter().all(|(_, sum)| sum == "0.00000"),
            "{:?}",
            self.engine.trial()
        );
        moved
    }

    /// `what key  of|method  amount  fee`
    fn ask(&mut self, account: &str, words: &[&str]) -> Result<Moved, AccountRefused> {
        let [what, key, of, amount, fee] = words.try_into().expect("five columns");
        let now = Now { wall: self.wall, ..now() };
        let word = FollowUp { account, of, key };
        let fee = if fee == "-" { 0 } else { money(fee).amount };
        let moved = match what {
            "pay" | "announce" => {
                let amount =
                    Money::of(money(amount).amount, self.engine.account(account).expect("there").currency);
                let top_up = TopUpRequest { account, amount, reference: "invoice 7", key };
                let order = PaymentOrder {
                    top_up,
                    method: (of != "-").then_some(of),
                    fee,
                    pending: what == "announce",
                };
                self.engine.take_payment(now, &order, &self.methods)
            }
            "book" => self.engine.book_payment(now, word, fee),
            "reject" => self.engine.reject_payment(now, word, "the bank sent it back"),
            "reverse" => self.engine.reverse(now, word, None, "chargeback"),
            "correct" => self.engine.correct(now, account, money(amount), "counted twice", key),
            other => unreachable!("{other}"),
        };
        self.keep(moved)
    }

    /// Each line: the five columns of [`Self::ask`], then the answer, then balance, transit and fees. `again`
    /// is a repeat.
    fn tells(&mut self, table: &str) {
        let mut lines = 0;
        for line in table.lines().map(str::trim).filter(|line| !line.is_empty()) {
            let (asked, told) = line.split_once('|').expect("two halves");
            let (answer, state) = told.split_once('|').expect("three parts");
            let words: Vec<&str> = asked.split_whitespace().collect();
            let written = self.records;
            let found = match self.ask("acme", &words) {
                Ok(moved) if moved.replayed => "again".to_owned(),
                Ok(moved) => moved.amount.to_string().trim_end_matches('0').trim_end_matches('.').to_owned(),
                Err(refused) => refused.to_string(),
            };
            assert_eq!(found, answer.trim(), "{line}");
            let done = found.starts_with(|c: char| c == '-' || c.is_ascii_digit());
            assert_eq!(
                self.records - written,
                usize::from(done),
                "{line}: what is refused or repeated writes nothing"
            );
            let system_account = |system_account| self.engine.books().system_account(system_account, EUR);
            let balance = self.engine.account("acme").expect("there").balance.amount;
            let now = [balance, system_account(SystemAccount::Transit), system_account(SystemAccount::Fees)]
                .map(|amount| Money::of(amount, EUR).to_string());
            let expected: Vec<String> =
                state.split_whitespace().map(|amount| money(amount).to_string()).collect();
            assert_eq!(now.as_slice(), expected, "{line}");
            lines += 1;
        }
        assert!(lines > 0);
    }
}

#[test]
fn l18_l19_x1_x8_what_a_method_takes() {
    Book::new().tells(
        "what key  by      gross   fee   | answer                                                    | balance transit fees
         pay  k1   cash     10.00  -     | payment method \"cash\" is not offered in EUR              |    0      0      0
         pay  k1   paypal    0.99  -     | paypal takes at least 1.00000 EUR                         |    0      0      0
         pay  k1   paypal    1.00  -     | 1                                                         |    1      0      0
         pay  k2   bank    299.99  -     | bank takes at least 300.00000 EUR                         |    1      0      0
         pay  k2   bank    300.00  -     | 300                                                       |  301      0      0
         pay  k3   card     12.00  -     | card takes only 10.00000 EUR, 25.00000 EUR, 50.00000 EUR  |  301      0      0
         pay  k3   card     25.00  -     | 25                                                        |  326      0      0
         pay  k4   -         0.01  -     | 0.01                                                      |  326.01   0      0
         pay  k5   -         0.00  -     | the amount must be above zero                             |  326.01   0      0"
            .split_once('\n')
            .expect("a heading")
            .1,
    );
}

#[test]
fn l20_the_bank_keeps_its_fee_and_the_net_amount_is_credited() {
    Book::new().tells(
        "pay       k1  bank     300.00  12.00   | 288                                                   | 288     0    12
         pay       k1  bank     300.00  12.00   | again                                                 | 288     0    12
         pay       k1  bank     300.00  11.00   | the idempotency key was used before with other content: use a new key | 288 0 12
         pay       k1  bank     300.00  -       | the idempotency key was used before with other content: use a new key | 288 0 12
         pay       k1  -        300.00  12.00   | the idempotency key was used before with other content: use a new key | 288 0 12
         pay       k1  bank     299.00  12.00   | the idempotency key was used before with other content: use a new key | 288 0 12
         pay       k2  bank     300.00  300.00  | the fee must be zero or more and below the amount     | 288     0    12
         pay       k2  bank     300.00  299.99  | 0.01                                                  | 288.01  0   311.99",
    );
}

#[test]
fn l21_announced_then_booked_or_rejected_never_both() {
    Book::new().tells(
        "announce  k1  bank     300.00  -       | 0                                                     |   0   300     0
         announce  k1  bank     300.00  -       | again                                                 |   0   300     0
         announce  k2  bank     300.00  12.00   | a payment that is only announced has no fee yet       |   0   300     0
         announce  k2  bank     400.00  -       | 0                                                     |   0   700     0
         book      b1  k1       -       12.00   | 288                                                   | 288   400    12
         book      b1  k1       -       12.00   | again                                                 | 288   400    12
         book      b1  k1       -       13.00   | the idempotency key was used before with other content: use a new key | 288 400 12
         book      b2  k1       -       -       | the payment is not pending                            | 288   400    12
         reject    r1  k1       -       -       | the payment is not pending                            | 288   400    12
         reject    r1  k2       -       -       | 0                                                     | 288     0    12
         reject    r1  k2       -       -       | again                                                 | 288     0    12
         book      b2  k2       -       -       | the payment is not pending                            | 288     0    12
         book      b3  k9       -       -       | no movement has this key                              | 288     0    12
         book      b3  b1       -       -       | the payment is not pending                            | 288     0    12
         pay       k2  -        400.00  -       | the idempotency key was used before with other content: use a new key | 288 0 12",
    );
}

#[test]
fn what_was_booked_is_undone_once_and_may_lead_into_debt() {
    Book::new().tells(
        "pay       k1  -        100.00  -       | 100                                                   |  100    0     0
         correct   c1  -        -70.00  -       | -70                                                   |   30    0     0
         correct   c1  -        -70.00  -       | again                                                 |   30    0     0
         correct   c1  -         70.00  -       | the idempotency key was used before with other content: use a new key | 30 0 0
         correct   c2  -          0.00  -       | the amount must be above zero                         |   30    0     0
         reverse   r1  k1       -       -       | -100                                                  |  -70    0     0
         reverse   r1  k1       -       -       | again                                                 |  -70    0     0
         reverse   r2  k1       -       -       | it was reversed before                                |  -70    0     0
         reverse   r3  c1       -       -       | 70                                                    |    0    0     0
         reverse   r4  zz       -       -       | no movement has this key                              |    0    0     0
         announce  k2  bank     300.00  -       | 0                                                     |    0  300     0
         book      b2  k2       -       12.00   | 288                                                   |  288    0    12
         reverse   r5  k2       -       -       | -288                                                  |    0    0    12
         reverse   r6  b2       -       -       | it was reversed before                                |    0    0    12
         announce  k3  bank     300.00  -       | 0                                                     |    0  300    12
         reverse   r7  k3       -       -       | 0                                                     |    0    0    12
         reverse   r7  k3       -       -       | again                                                 |    0    0    12",
    );
}

#[test]
fn a_rule_that_came_later_does_not_unmake_a_repeat() {
    let mut book = Book::new();
    book.tells("pay k1 paypal 1.00 - | 1 | 1 0 0");
    book.methods.clear();
    book.tells("pay k1 paypal 1.00 - | again | 1 0 0");
}

#[test]
fn another_currency_is_never_one_to_one() {
    let mut book = Book::new();
    let top_up = TopUpRequest { account: "dollar", amount: money("300.00"), reference: "", key: "k1" };
    let order = PaymentOrder { top_up, method: Some("bank"), fee: 0, pending: false };
    let refused =
        book.engine.take_payment(now(), &order, &book.methods).expect_err("euros to a dollar account");
    assert_eq!(refused, AccountRefused::Books(ledger::Refused::CurrencyMismatch));
    assert_eq!(
        book.ask("dollar", &["pay", "k1", "paypal", "5.00", "-"])
            .expect_err("no PayPal in dollars")
            .to_string(),
        "payment method \"paypal\" is not offered in USD"
    );
    assert_eq!(
        book.ask("dollar", &["pay", "k1", "bank", "300.00", "-"]).expect("taken").balance,
        Money::of(30_000_000, Currency::USD)
    );
}

#[test]
fn l21_seven_business_days_from_a_friday() {
    let mut book = Book::new();
    let announced = book.ask("acme", &["announce", "k1", "bank", "300.00", "-"]).expect("taken");
    let Some(ledger::RecordBody::Announced(announced)) = announced.record.map(|record| record.body) else {
        unreachable!("announced")
    };
    // Monday 30 to Friday 4 December are five, Monday and Tuesday the rest: late when Tuesday the 8th is
    // over.
    assert_eq!(announced.due.map(Wall::rfc3339).as_deref(), Some("2026-12-09T00:00:00.000Z"));
}

/// `what key by gross` at a time, then `on their way / late` and the keys of those that are told to be late
/// now.
#[test]
fn l21_what_does_not_come_in_time_is_told_once() {
    let table = "
        2026-11-27T10:00:00.000Z  announce p1  paypal    5.00  | 1 0
        2026-11-27T10:00:01.000Z  announce b1  bank    300.00  | 2 0
        2026-11-27T10:00:02.000Z  announce c1  card     25.00  | 3 0
        2026-11-27T10:00:03.000Z  announce p2  paypal    5.00  | 4 0
        2026-11-27T10:15:00.000Z  look                         | 4 0
        2026-11-27T10:15:00.001Z  look                         | 4 1 p1
        2026-11-27T10:15:00.002Z  announce p2  paypal    5.00  | 4 1
        2026-11-27T10:15:01.000Z  book     x1  p1              | 3 0
        2026-11-27T10:15:03.000Z  book     x2  p2              | 2 0
        2026-11-27T10:20:00.000Z  look                         | 2 0
        2026-12-09T00:00:00.000Z  look                         | 2 0
        2026-12-09T00:00:00.001Z  look                         | 2 1 b1
        2026-12-09T00:00:01.000Z  look                         | 2 1
        2026-11-27T10:00:00.000Z  look                         | 2 1
        2027-12-09T00:00:00.000Z  look                         | 2 1
        2027-12-09T00:00:01.000Z  reject   r1  b1              | 1 0
        2027-12-09T00:00:02.000Z  reverse  r2  c1              | 0 0";
    let mut book = Book::new();
    let mut lines = 0;
    for line in table.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let (asked, told) = line.split_once('|').expect("two halves");
        let (at, words) = asked.trim().split_once(' ').expect("a time");
        book.wall = Wall::parse(at).expect("a time");
        let mut words: Vec<&str> = words.split_whitespace().collect();
        if words != ["look"] {
            words.resize(5, "-");
            book.ask("acme", &words).expect(line);
        }
        let (engine, told) = (&mut book.engine, told.split_whitespace().collect::<Vec<_>>());
        assert!(
            words != ["look"] || engine.next_late().is_none_or(|at| at > book.wall) || told.len() == 3,
            "{line}: it comes by itself"
        );
        engine.look_for_late(book.wall);
        let (pending, late) = engine.transit_counts();
        let mut found = vec![pending.to_string(), late.to_string()];
        found.extend(
            std::iter::from_fn(|| engine.poll_late()).map(|late| late.key.to_string().replace("key/", "")),
        );
        assert_eq!(found, told, "{line}");
        lines += 1;
    }
    assert_eq!(lines, 17);
}

#[test]
fn what_is_on_its_way_is_listed_by_due_time_also_after_a_restart() {
    let mut book = Book::new();
    for words in [
        "announce b1 bank 300.00 -",
        "announce c1 card 25.00 -",
        "announce p1 paypal 5.00 -",
        "announce p2 paypal 6.00 -",
        "book x p2 - -",
    ] {
        book.ask("acme", &words.split_whitespace().collect::<Vec<_>>()).expect(words);
    }
    book.ask("dollar", &["announce", "b1", "bank", "300.00", "-"]).expect("taken");
    let list = |engine: &Engine, late_only, limit| -> Vec<String> {
        let (mut all, mut after) = (Vec::new(), None);
        loop {
            let page = engine.in_transit(after.as_ref(), late_only, limit);
            let Some(last) = page.last() else { return all };
            after = Some(last.place());
            all.extend(page.iter().map(|row| {
                format!("{} {} {} {}", row.account, row.key, row.amount, row.method.as_deref().unwrap_or("-"))
            }));
        }
    };
    let expected = [
        "acme key/p1 5.00000 paypal",
        "acme key/b1 300.00000 bank",
        "dollar key/b1 300.00000 bank",
        "acme key/c1 25.00000 card",
    ];
    let restored = Engine::restored(book.replay.finish().shards.swap_remove(0)).0;
    book.engine.look_for_late(now().wall.plus_ms(15 * 60_000 + 1));
    for limit in 1..=5 {
        for engine in [&book.engine, &restored] {
            assert_eq!(list(engine, false, limit), expected, "{limit} a page");
        }
        assert_eq!(list(&book.engine, true, limit), expected[..1], "{limit} a page");
        assert!(list(&restored, true, limit).is_empty(), "nobody has looked yet");
    }
    assert_eq!(restored.transit_counts(), (4, 0));
}

#[test]
fn a_calls_usage_is_undone_in_all_tiers_once() {
    let mut book = Book::new();
    let ask = OpenAccount {
        name: "acme:shop",
        currency: EUR,
        opening: 100,
        terms: Terms::of_deck("retail"),
        limit: 0,
    };
    let record = book.engine.open_account(now(), &ask).expect("opens");
    book.replay.apply_record(&record).expect("replays");
    let used = |account: &str, tier, system_account, amount| Transfer {
        key: Key::usage(CallId(7), tier, 0),
        purpose: Purpose::Usage,
        debit: Party::Customer(account.into()),
        credit: Party::SystemAccount(system_account),
        amount: Money::of(amount, EUR),
        memo: None,
    };
    let cost = Transfer { purpose: Purpose::CarrierCost, ..used("acme", 3, SystemAccount::Revenue, 1) };
    let usage = [
        used("acme:shop", 0, SystemAccount::ResellerRevenue, 60),
        used("acme", 1, SystemAccount::Revenue, 40),
        cost,
    ];
    let mut undo = |key: &str| {
        let moved =
            book.engine.reverse_call(now(), "acme:shop", (CallId(7), &usage), "wrong price list", key);
        book.keep(moved)
    };
    let moved = undo("r1").expect("undone");
    assert_eq!((moved.amount.amount, moved.balance.amount, moved.replayed), (60, 160, false));
    assert!(undo("r1").expect("a repeat").replayed);
    assert_eq!(undo("r2").expect_err("once"), AccountRefused::Books(ledger::Refused::Reversed));
    assert_eq!(book.engine.account("acme").map(|view| view.balance.amount), Some(40));
    let nothing = book.engine.reverse_call(now(), "acme:shop", (CallId(8), &usage[2..]), "no charge", "r3");
    assert_eq!(nothing.expect_err("costs are not the customer's"), AccountRefused::NoUsage);
}

/// What a reseller's customer paid is the reseller's income, so that is what a correction of it moves.
#[test]
fn a_correction_moves_what_the_usage_did() {
    let mut book = Book::new();
    let ask = OpenAccount {
        name: "acme:shop",
        currency: EUR,
        opening: 0,
        terms: Terms::of_deck("retail"),
        limit: 0,
    };
    book.engine.open_account(now(), &ask).expect("opens");
    for (account, system_account) in
        [("acme", SystemAccount::Corrections), ("acme:shop", SystemAccount::ResellerRevenue)]
    {
        let moved = book.engine.correct(now(), account, money("-0.50"), "re-rated", "c").expect("booked");
        let Some(RecordBody::Corrected(Corrected { transfer })) = moved.record.map(|record| record.body)
        else {
            panic!("a correction")
        };
        assert_eq!(
            (transfer.debit, transfer.credit),
            (Party::Customer(account.into()), Party::SystemAccount(system_account))
        );
    }
    assert!(book.engine.trial().sums().iter().all(|(_, sum)| sum == "0.00000"));
}

#[test]
fn keys_and_reasons_are_fit_to_be_kept() {
    let mut book = Book::new();
    let mut correct =
        |why: &str, key: &str| book.engine.correct(now(), "acme", money("1.00"), why, key).map(|_| ());
    for (why, key, refused) in [
        ("", "k", AccountRefused::Reason),
        (" ", "k", AccountRefused::Reason),
        ("a\nb", "k", AccountRefused::Reason),
        ("why", "", AccountRefused::Key),
        ("why", "a\0", AccountRefused::Key),
    ] {
        assert_eq!(correct(why, key), Err(refused), "{why:?} {key:?}");
    }
    assert_eq!(correct("why", &"k".repeat(255)), Ok(()));
}

#[test]
fn nothing_is_dated_into_a_closed_period() {
    let mut book = Book::new();
    let end = Wall::parse("2026-11-01T00:00:00Z").expect("a time");
    assert_eq!(
        book.engine.close_period(now(), now().wall.plus_ms(1)),
        Err(AccountRefused::Period),
        "it is not over"
    );
    book.engine.close_period(now(), end).expect("closed");
    book.engine.close_period(now(), end).expect("the same again");
    assert_eq!(
        book.engine.close_period(now(), end.plus_ms(-1)),
        Err(AccountRefused::Period),
        "never less far"
    );
    // The clock fell back by a month: what happens now is dated on the first open moment.
    let early = Now { wall: end.plus_ms(-86_400_000), ..now() };
    let top_up = TopUpRequest { account: "acme", amount: money("1.00"), reference: "", key: "k1" };
    let moved = book.engine.top_up(early, top_up).expect("booked");
    let record = moved.record.expect("written");
    assert_eq!(record.at, end);
    let closed = ledger::PeriodClosed { until: end, entry: 0, trial: Vec::new(), key: None };
    let closed = ledger::Record::new(now().wall, "@node".into(), ledger::RecordBody::PeriodClosed(closed));
    book.replay.apply_record(&closed).expect("replays");
    let mut stale = record.clone();
    stale.at = end.plus_ms(-1);
    assert!(matches!(book.replay.apply_record(&stale), Err(ledger::ReplayError::Closed { .. })));
    book.replay.apply_record(&record).expect("the first open moment is open");
}
