//! A cash book on a running switch (RULES L18–L22, X1, X8): each line is a request of the operator, what
//! comes of it, and what is then in the account, in transit and with the banks. Then the same books after a
//! restart, as statement, as list, closed and verified.

use ledger::{Key, Party, Purpose, Record, RecordBody, Replay, SystemAccount, Transfer};
use serde_json::{Value, json};
use store::{Entry, Journal, Options, Priority};
use units::{Currency, Money, Wall};

use crate::harness::{
    Api, CARRIERS, SOON, Site, Tollgate, eventually, free_port, tollgate, units, verify_ledger,
};

/// PayPal from 1, banks from 300 and vouchers of fixed amounts; euro accounts buy at least 10 in the shop. No
/// cards.
const METHODS: &str = r#"
[[payment_method]]
name = "paypal"
currency = "EUR"
minimum = "1"
pending_minutes = 15
[[payment_method]]
name = "bank"
currency = "EUR"
minimum = "300"
pending_days = 7
[[payment_method]]
name = "bank"
currency = "USD"
minimum = "300"
pending_days = 7
[[payment_method]]
name = "shop"
currency = "EUR"
minimum = "10"
[[payment_method]]
name = "voucher"
currency = "EUR"
amounts = ["10", "25", "50"]
[[deck]]
name = "dollars"
file = "decks/dollars.csv"
currency = "USD"
[[account]]
name = "dollar"
currency = "USD"
deck = "dollars"
"#;

fn site() -> Site {
    let site = Site::acme("0.00", "34,Spain,0.60,1,1,,,")
        .carrier("alpha", free_port(CARRIERS), "")
        .route("34", &["alpha"])
        .toml(METHODS);
    site.write_deck("dollars", "34,Spain,0.60,1,1,,,");
    site
}

/// `what key  of|by  gross  fee` as a request: path, key, body.
fn request(words: &[&str]) -> (String, Option<String>, Value) {
    let [what, key, of, amount, fee] = words.try_into().expect("five columns");
    let given = |word: &str| (word != "-").then(|| word.to_owned());
    let (kind, account) = what.split_once('@').unwrap_or((what, "acme"));
    let topups = format!("/accounts/{account}/topups");
    let (path, body) = match kind {
        "pay" | "announce" => {
            let state = if kind == "pay" { "booked" } else { "pending" };
            let (amount, currency) = match amount.split_once('$') {
                Some((amount, _)) => (amount, Some("USD")),
                None => (amount, None),
            };
            let body = json!({ "amount": amount, "currency": currency, "method": given(of), "fee": given(fee), "state": state, "reference": "invoice" });
            (topups, body)
        }
        "book" => (format!("{topups}/{of}/book"), json!({ "fee": given(fee) })),
        "reject" => (format!("{topups}/{of}/reject"), json!({ "cause": "the bank sent it back" })),
        "reverse" => (format!("{topups}/{of}/reverse"), json!({ "cause": "chargeback" })),
        "correct" => (
            format!("/accounts/{account}/corrections"),
            json!({ "amount": amount, "reason": "counted twice" }),
        ),
        other => unreachable!("{other}"),
    };
    (path, given(key), body)
}

/// What is in a line of the trial balance, EUR.
fn line_of(api: &Api, account: &str) -> i64 {
    let trial = api.get("/ledger/trial-balance").body;
    let lines = trial["lines"].as_array().unwrap();
    let line = lines.iter().find(|line| line["account"] == account && line["currency"] == "EUR");
    line.map_or(0, |line| units(line["balance"].as_str().unwrap()))
}

/// Each line: a request | its status and a part of what is said | balance, transit, fees. `200` stands for a
/// repeat that changed nothing.
fn tells(api: &Api, table: &str) {
    let mut lines = 0;
    for line in table.lines().map(str::trim).filter(|line| !line.is_empty()).skip(1) {
        let [asked, told, state]: [&str; 3] =
            line.split('|').map(str::trim).collect::<Vec<_>>().try_into().expect("three parts");
        let (path, key, body) = request(&asked.split_whitespace().collect::<Vec<_>>());
        let reply = api.post(&path, key.as_deref(), &body);
        let replayed = reply.headers.contains_key("idempotency-replayed");
        let status = if replayed { 200 } else { reply.status };
        let (wanted, words) = told.split_once(' ').unwrap_or((told, ""));
        assert_eq!(status.to_string(), wanted, "{line}: {reply:?}");
        assert!(reply.body.to_string().contains(words.trim()), "{line}: {reply:?}");
        let now = [api.balance("acme"), line_of(api, "@transit"), line_of(api, "@fees")];
        let expected: Vec<i64> =
            state.split_whitespace().map(|euros| euros.parse::<i64>().unwrap() * 100_000).collect();
        assert_eq!(now.as_slice(), expected, "{line}");
        lines += 1;
    }
    assert!(lines > 0, "an empty table");
}

const BOOK: &str = "
    what         key  of/by    gross   fee   | answer                                     | balance  transit  fees
    pay          -    paypal     5.00  -     | 400 Idempotency-Key                        |    0        0       0
    pay          k1   card      50.00  -     | 422 is not offered in EUR                  |    0        0       0
    pay          k1   paypal     0.99  -     | 422 takes at least 1.00000 EUR             |    0        0       0
    pay          k1   paypal     1.00  -     | 201 booked                                 |    1        0       0
    pay          k1   paypal     1.00  -     | 200 booked                                 |    1        0       0
    pay          k1   paypal     1.01  -     | 422 used before with other content         |    1        0       0
    pay          k2   bank     299.99  -     | 422 takes at least 300.00000 EUR           |    1        0       0
    pay          k2   bank     300.00  -     | 201 300.00000                              |  301        0       0
    pay          k3   bank     300.00  12.00 | 201 288.00000                              |  589        0      12
    pay          k4   bank     300.00  300   | 422 below the amount                       |  589        0      12
    pay          k5   shop       9.99  -     | 422 takes at least 10.00000 EUR            |  589        0      12
    pay          k5   shop      10.00  -     | 201 10.00000                               |  599        0      12
    pay          k6   voucher   12     -     | 422 takes only 10.00000 EUR, 25.00000 EUR  |  599        0      12
    pay          k6   voucher   25     -     | 201 25.00000                               |  624        0      12
    pay          k7   bank     300.00$ -     | 422 EUR                                    |  624        0      12
    pay@dollar   k1   paypal     5.00  -     | 422 is not offered in USD                  |  624        0      12
    pay@dollar   k1   bank     300.00$ -     | 201 300.00000                              |  624        0      12
    announce     a1   bank     300.00  -     | 201 due_at                                 |  624      300      12
    announce     a2   bank     400.00  -     | 201 pending                                |  624      700      12
    announce     a3   paypal     5.00  -     | 201 due_at                                 |  624      705      12
    announce     a4   bank     300.00  12.00 | 422 has no fee yet                         |  624      705      12
    book         b1   a1         -     12.00 | 201 288.00000                              |  912      405      24
    book         b1   a1         -     12.00 | 200 288.00000                              |  912      405      24
    book         b2   a1         -     -     | 409 not pending                            |  912      405      24
    reject       r1   a2         -     -     | 201 the bank sent it back                  |  912        5      24
    book         b3   a2         -     -     | 409 not pending                            |  912        5      24
    book         b3   nothing    -     -     | 404 no movement has this key               |  912        5      24
    reverse      v1   k1         -     -     | 201 chargeback                             |  911        5      24
    reverse      v2   k1         -     -     | 409 reversed before                        |  911        5      24
    reverse      v3   a1         -     -     | 201 -288.00000                             |  623        5      24
    correct      c1   -        -23.00  -     | 201 counted twice                          |  600        5      24
    correct      c1   -        -23.00  -     | 200 counted twice                          |  600        5      24
    correct      c1   -         23.00  -     | 422 used before with other content         |  600        5      24";

/// State, gross, fee and net of each payment, as the table above leaves them.
const LEFT: [&str; 8] = [
    "k1 reversed 1.00000 0.00000 1.00000",
    "k2 booked 300.00000 0.00000 300.00000",
    "k3 booked 300.00000 12.00000 288.00000",
    "k5 booked 10.00000 0.00000 10.00000",
    "k6 booked 25.00000 0.00000 25.00000",
    "a1 reversed 300.00000 12.00000 288.00000",
    "a2 rejected 400.00000 0.00000 0.00000",
    "a3 pending 5.00000 0.00000 0.00000",
];

fn listed(api: &Api, limit: usize) -> Vec<String> {
    let (mut rows, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = api.get(&format!("/accounts/acme/topups?limit={limit}&cursor={cursor}"));
        assert_eq!(page.status, 200, "{page:?}");
        rows.extend(page.items().iter().map(|row| {
            let text = |name: &str| row[name].as_str().unwrap_or("-").to_owned();
            format!(
                "{} {} {} {} {}",
                text("idempotency_key"),
                text("state"),
                text("amount"),
                text("fee"),
                text("net")
            )
        }));
        match page.body["next"].as_str() {
            Some(next) => cursor = next.to_owned(),
            None => return rows,
        }
    }
}

/// Amount and balance after it of each movement, in cents; the statement page by page must be that.
fn movements(api: &Api, limit: usize) -> Vec<(i64, i64)> {
    let (mut all, mut cursor, mut before) = (Vec::new(), String::new(), None);
    loop {
        let page = api.get(&format!("/accounts/acme/statement?limit={limit}&cursor={cursor}"));
        assert_eq!(page.status, 200, "{page:?}");
        if let Some(before) = before {
            assert_eq!(page.body["opening"], before, "a page opens with what the page before closed with");
        }
        before = Some(page.body["closing"].clone());
        let cents = |value: &Value| units(value.as_str().unwrap()) / 1_000;
        all.extend(
            page.body["movements"]
                .as_array()
                .unwrap()
                .iter()
                .map(|m| (cents(&m["amount"]), cents(&m["balance"]))),
        );
        match page.body["next"].as_str() {
            Some(next) => cursor = next.to_owned(),
            None => {
                assert_eq!(page.body["closing"][0]["balance"], api.account("acme")["balance"]);
                return all;
            }
        }
    }
}

/// Everything that an accountant reads, and that a restart must not change.
fn read_books(site: &Site, switch: &Tollgate) -> (Vec<(i64, i64)>, Value) {
    let api = &switch.api;
    for limit in [1, 3, 1_000] {
        assert_eq!(listed(api, limit), LEFT, "{limit} a page");
    }
    let whole = movements(api, 100_000);
    for limit in [1, 2, 5] {
        assert_eq!(movements(api, limit), whole, "{limit} a page");
    }
    let cents = [1, 300, 288, 10, 25, 288, -1, -288, -23].map(|euros: i64| euros * 100);
    assert_eq!(whole.iter().map(|(amount, _)| *amount).collect::<Vec<_>>(), cents);
    assert_eq!(whole.last().map(|(_, balance)| *balance), Some(60_000));
    // The command line adds it all up once more.
    let config = site.config();
    let printed = tollgate(&["account", "statement", "acme", "--json", "--config", config.to_str().unwrap()]);
    assert!(printed.status.success(), "{}", String::from_utf8_lossy(&printed.stderr));
    let document: Value = serde_json::from_slice(&printed.stdout).unwrap();
    assert_eq!(document["movements"].as_array().map(Vec::len), Some(cents.len()));
    let turnover =
        json!([{ "pocket": "", "currency": "EUR", "credits": "912.00000", "debits": "312.00000" }]);
    assert_eq!(document["turnover"], turnover, "all that came and all that went");
    assert_eq!(document["closing"], api.get("/accounts/acme/statement").body["closing"]);
    let trial = api.get("/ledger/trial-balance").body;
    assert!(trial["sums"].as_object().unwrap().values().all(|sum| sum == "0.00000"), "{trial}");
    let pending = api.get("/topups").items();
    assert_eq!(
        pending.iter().map(|row| row["idempotency_key"].as_str().unwrap()).collect::<Vec<_>>(),
        ["a3"]
    );
    assert_eq!(api.get("/topups?state=late").items().len(), 0, "fifteen minutes are not over");
    eventually("the gauge of payments on their way", SOON, || {
        (api.metric("tollgate_topups_pending") == 1.0).then_some(())
    });
    assert_eq!(api.metric("tollgate_topups_late"), 0.0);
    (whole, trial)
}

#[test]
fn a_cash_book_an_accountant_can_close() {
    let site = site();
    let switch = site.start();
    tells(&switch.api, BOOK);
    let before = read_books(&site, &switch);
    switch.stop();

    let switch = site.start();
    let api = &switch.api;
    assert_eq!(read_books(&site, &switch), before, "a restart changes nothing");
    let again = BOOK
        .lines()
        .filter(|line| line.contains("| 20"))
        .map(|line| line.replace("| 201", "| 200"))
        .collect::<Vec<_>>();
    for line in &again {
        let (path, key, body) =
            request(&line.split('|').next().unwrap().split_whitespace().collect::<Vec<_>>());
        let reply = api.post(&path, key.as_deref(), &body);
        assert_eq!(
            (reply.status, reply.headers.contains_key("idempotency-replayed")),
            (201, true),
            "{line}: {reply:?}"
        );
    }
    assert!(again.len() > 15);
    assert_eq!(read_books(&site, &switch), before, "repeats change nothing");

    close_and_verify(&site, &switch);
    switch.stop();
    let switch = site.start();
    let closed = switch.api.post("/ledger/close", Some("november"), &json!({ "until": UNTIL }));
    assert_eq!(
        (closed.status, closed.headers.contains_key("idempotency-replayed")),
        (201, true),
        "{closed:?}"
    );
    assert_eq!(switch.api.balance("acme"), units("600.00000"));
    verify_ledger(&site.data());
}

/// Over when this is run.
const UNTIL: &str = "2026-01-01T00:00:00Z";

/// The trial balance of a closing is that of its cut, whatever is moved meanwhile; one key closes once.
fn close_and_verify(site: &Site, switch: &Tollgate) {
    let api = &switch.api;
    let close = |key: Option<&str>, until: &str| api.post("/ledger/close", key, &json!({ "until": until }));
    assert!(close(None, UNTIL).is_problem(400), "a key is a must");
    assert!(close(Some("early"), "9999-01-01T00:00:00Z").is_problem(422), "a period that is not over");
    let trial = api.get("/ledger/trial-balance").body;
    let first = close(Some("november"), UNTIL);
    assert_eq!(first.status, 201, "{first:?}");
    assert_eq!(first.body["trial"], trial, "nothing moved meanwhile");
    assert!(api.top_up("acme", "7.00", "after").body["net"] == "7.00000");
    let again = close(Some("november"), UNTIL);
    assert_eq!((again.status, &again.body), (201, &first.body), "the same key gives the same closing");
    assert!(again.headers.contains_key("idempotency-replayed"));
    assert!(close(Some("november"), "2026-02-01T00:00:00Z").is_problem(422), "the key was used");
    assert!(close(Some("december"), UNTIL).is_problem(422), "it is closed already");
    // The rest of the story is as if this had not been paid.
    assert_eq!(
        api.post("/accounts/acme/topups/after/reverse", Some("after-back"), &json!({ "cause": "test" }))
            .status,
        201
    );
    let found = verify_ledger(&site.data());
    assert_eq!(found["closings"].as_array().map(Vec::len), Some(1), "{found}");
    assert_eq!(
        (&found["closings"][0]["cut"], &found["closings"][0]["equal"]),
        (&first.body["entry"], &json!(true))
    );
}

#[test]
fn accounts_below_their_mark_are_counted_however_they_were_opened() {
    let site = site();
    let switch = site.start();
    let api = &switch.api;
    let low = |count: f64| {
        eventually("the gauge of low accounts", SOON, || {
            (api.metric("tollgate_balance_low_accounts") == count).then_some(())
        })
    };
    low(0.0);
    let new = json!({ "name": "globex", "currency": "EUR", "deck": "retail", "balance": "3.00" });
    assert_eq!(api.post("/accounts", Some("open"), &new).status, 201);
    assert_eq!(api.patch("/accounts/globex", &json!({ "low_balance": "3.01" })).status, 200);
    low(1.0);
    assert_eq!(api.patch("/accounts/acme", &json!({ "low_balance": "1.00" })).status, 200);
    low(2.0);
    assert_eq!(api.top_up("globex", "0.01", "k").status, 201);
    low(1.0);
    switch.stop();
    let switch = site.start();
    eventually("the gauge after a restart", SOON, || {
        (switch.api.metric("tollgate_balance_low_accounts") == 1.0).then_some(())
    });
    assert_eq!(switch.api.patch("/accounts/acme", &json!({ "low_balance": null })).status, 200);
    eventually("no mark", SOON, || (switch.api.metric("tollgate_balance_low_accounts") == 0.0).then_some(()));
}

/// The machine's clock was a day ahead while somebody paid 3.00: a statement up to an hour from now is
/// answered, without it; and one of everything has it.
#[test]
fn fault_a12_a_statement_up_to_a_moment_before_the_newest_entry_is_answered() {
    let site = site();
    let switch = site.start();
    assert_eq!(switch.api.top_up("acme", "5.00", "k1").status, 201);
    switch.stop();
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    let from_now = |hours: i64| Wall(i64::try_from(now.as_millis()).unwrap() + hours * 3_600_000);
    let paid = Transfer {
        key: Key::Given("k2".into()),
        purpose: Purpose::TopUp,
        debit: Party::SystemAccount(SystemAccount::Payments),
        credit: Party::Customer("acme".into()),
        amount: Money::of(300_000, Currency::EUR),
        memo: None,
    };
    let record = Record::new(from_now(24), "acme".into(), RecordBody::top_up(paid));
    let (journal, _, _) = Journal::restore(&site.data(), Options::default(), Replay::new).unwrap();
    journal.appender(0, || {}).unwrap().append(Entry::of(&record).unwrap(), Priority::New).unwrap();
    journal.close().unwrap();
    drop(journal);

    let switch = site.start();
    for (to, balance, movements) in [(-1, "0.00000", 0), (1, "5.00000", 1), (25, "8.00000", 2)] {
        let page = switch.api.get(&format!("/accounts/acme/statement?to={}", from_now(to).rfc3339()));
        assert_eq!(page.status, 200, "{page:?}");
        let closing = page.body["closing"].as_array().unwrap();
        let closed = closing
            .iter()
            .find(|line| line["currency"] == "EUR")
            .map_or("0.00000", |line| line["balance"].as_str().unwrap());
        assert_eq!(
            (closed, page.body["movements"].as_array().unwrap().len()),
            (balance, movements),
            "up to {to} h from now: {page:?}"
        );
    }
    assert_eq!(movements(&switch.api, 10), [(500, 500), (300, 800)]);
    switch.stop();
    verify_ledger(&site.data());
}
