//! Two switches on one PostgreSQL: statement, payments, close, trial balance and call records answer at
//! either for the whole, equal to the sum of both journals.

use serde_json::{Value, json};

use crate::central::{site, wait_for_a_quota};
use crate::harness::{
    Api, CARRIERS, Postgres, SOON, Scenario, Site, Tollgate, eventually, free_port, tollgate, units,
};

/// A list from its first page to its last, a few at a time.
fn all(api: &Api, path: &str) -> Vec<Value> {
    let (mut items, mut cursor) = (Vec::new(), String::new());
    loop {
        let page =
            api.get(&format!("{path}{}limit=2{cursor}", if path.contains('?') { '&' } else { '?' })).body;
        items.extend(page["items"].as_array().unwrap_or_else(|| panic!("{path}: {page}")).clone());
        match page["next"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return items,
        }
    }
}

/// A statement's movements from the first page to the last, and what it closes with of the account's own
/// money, 10⁻⁵ units.
fn statement(api: &Api, account: &str) -> (Vec<Value>, i64) {
    let (mut movements, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = api.get(&format!("/accounts/{account}/statement?limit=2{cursor}")).body;
        movements.extend(page["movements"].as_array().unwrap_or_else(|| panic!("{page}")).clone());
        match page["next"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => {
                let closing = page["closing"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .find(|balance| balance["pocket"] == "")
                    .cloned();
                return (movements, closing.map_or(0, |balance| units(balance["balance"].as_str().unwrap())));
            }
        }
    }
}

/// A line of a trial balance, 10⁻⁵ units of EUR.
fn line(trial: &Value, account: &str) -> i64 {
    let lines = trial["lines"].as_array().unwrap_or_else(|| panic!("{trial}"));
    let line = lines.iter().find(|line| line["account"] == account && line["currency"] == "EUR");
    line.map_or(0, |line| units(line["balance"].as_str().unwrap()))
}

/// What a node's own journal says, replayed from its data folder.
fn of_its_journal(site: &Site) -> Value {
    let said = tollgate(&["ledger", "trial-balance", "--data", site.data().to_str().unwrap(), "--json"]);
    assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
    serde_json::from_slice(&said.stdout).unwrap()
}

fn orders(one: &Api, other: &Api) {
    let hand = |api: &Api, path: &str, key: &str, body: Value| {
        let reply = api.post(&format!("/accounts/acme/{path}"), Some(key), &body);
        assert_eq!(reply.status, 201, "{path} {key}: {reply:?}");
    };
    hand(one, "topups", "t1", json!({ "amount": "5.00", "reference": "invoice 7" }));
    hand(other, "topups", "a1", json!({ "amount": "20.00", "reference": "soon", "state": "pending" }));
    hand(other, "topups", "a2", json!({ "amount": "30.00", "reference": "later", "state": "pending" }));
    hand(one, "topups/a1/book", "b1", json!({ "fee": "0.50" }));
    hand(one, "charges", "c1", json!({ "pieces": 3, "price": "0.10", "cause": "fax pages" }));
    hand(other, "corrections", "x1", json!({ "amount": "-1.00", "reason": "counted twice" }));
    hand(one, "topups/t1/reverse", "v1", json!({ "cause": "chargeback" }));
}

#[test]
fn the_books_of_two_switches_are_one() {
    let postgres = Postgres::start();
    let port = free_port(CARRIERS);
    let _alpha = Scenario::carrier("uas_answer", port).start();
    let sites = ["n1", "n2"].map(|name| site(name, &postgres, port));
    let switches: Vec<Tollgate> = sites.iter().map(Site::start).collect();
    for (switch, calls) in switches.iter().zip([2, 1]) {
        Scenario::caller("uac_call", switch).calls(calls).rate(10).pause_ms(1_100).run();
    }
    ["n1", "n2"].into_iter().for_each(|node| wait_for_a_quota(&postgres, node));
    let [one, other] = [&switches[0].api, &switches[1].api];
    orders(one, other);
    eventually("all calls at either switch", SOON, || {
        (one.cdrs().len() == 3 && other.cdrs().len() == 3).then_some(())
    });
    // Call records: those of both, in one order, wherever one asks.
    let cdrs = all(one, "/cdrs");
    assert_eq!(all(other, "/cdrs"), cdrs);
    let mut nodes: Vec<&str> = cdrs.iter().map(|cdr| cdr["node"].as_str().unwrap()).collect();
    nodes.sort_unstable();
    assert_eq!(nodes, ["n1", "n1", "n2"]);
    let talked: i64 = cdrs.iter().map(|cdr| units(cdr["amount"].as_str().unwrap())).sum();
    assert!(talked >= 3 * 2_000, "{talked}");
    let listed = tollgate(&["cdr", "--config", sites[1].config().to_str().unwrap(), "--json"]);
    assert!(listed.status.success(), "{}", String::from_utf8_lossy(&listed.stderr));
    let text = String::from_utf8_lossy(&listed.stdout).into_owned();
    assert!(cdrs.iter().all(|cdr| text.contains(cdr["id"].as_str().unwrap())), "{text}");
    // The statement closes with the balance, page by page.
    let (movements, closing) = statement(one, "acme");
    assert_eq!(statement(other, "acme"), (movements.clone(), closing));
    let booked = units("9.00000") + units("19.50000") - units("0.30000") - units("1.00000");
    assert_eq!((closing, one.balance("acme")), (booked - talked, booked - talked));
    assert_eq!(
        movements.iter().map(|movement| units(movement["amount"].as_str().unwrap())).sum::<i64>(),
        closing
    );
    let calls = movements.iter().filter(|movement| movement["purpose"] == "usage").count();
    assert_eq!(
        (calls, movements.len()),
        (3, 3 + 6),
        "opening, payment, booking, charge, correction, reversal: {movements:?}"
    );
    // Payments, and those on their way.
    let payments: Vec<(String, String)> = all(other, "/accounts/acme/topups")
        .iter()
        .map(|row| {
            (row["idempotency_key"].as_str().unwrap().to_owned(), row["state"].as_str().unwrap().to_owned())
        })
        .collect();
    let want = [("t1", "reversed"), ("a1", "booked"), ("a2", "pending")]
        .map(|(key, state)| (key.to_owned(), state.to_owned()));
    assert_eq!(payments, want);
    let on_their_way = all(one, "/topups");
    assert_eq!((on_their_way.len(), on_their_way[0]["idempotency_key"].as_str()), (1, Some("a2")));
    // The close, at one switch; the other knows it.
    let until = "2026-11-01T00:00:00.000Z";
    let close = |api: &Api, key: &str| api.post("/ledger/close", Some(key), &json!({ "until": until }));
    let closed = close(one, "k1");
    assert_eq!(closed.status, 201, "{closed:?}");
    let again = close(other, "k1");
    assert!(again.headers.contains_key("idempotency-replayed") && again.body == closed.body, "{again:?}");
    assert!(close(other, "k2").is_problem(422), "it is closed");
    let trial = one.get("/ledger/trial-balance").body;
    assert_eq!(
        (&trial["sums"], &closed.body["trial"]["sums"]),
        (&json!({ "EUR": "0.00000" }), &json!({ "EUR": "0.00000" }))
    );
    assert_eq!(line(&trial, "customers") + line(&trial, "leases"), closing);
    for (switch, site) in switches.into_iter().zip(&sites) {
        switch.stop();
        wait_until_shipped(&postgres, site.name);
    }
    // The whole is the sum of the journals of both and of what was booked at the ledger itself.
    let journals: Vec<Value> = sites.iter().map(of_its_journal).collect();
    for system_account in ["@revenue", "@payments", "@transit", "@fees", "@corrections", "@opening"] {
        let own =
            postgres.number(&format!("SELECT COALESCE(SUM(balance), 0) FROM house WHERE node = '@central' AND house = '{system_account}'"));
        let sum = own + journals.iter().map(|trial| line(trial, system_account)).sum::<i64>();
        assert_eq!(line(&trial, system_account), sum, "{system_account}");
        assert_eq!(line(&closed.body["trial"], system_account), sum, "{system_account}, closed");
    }
    assert_eq!(journals.iter().map(|trial| line(trial, "@revenue")).sum::<i64>(), talked);
}

fn wait_until_shipped(postgres: &Postgres, node: &str) {
    let held = format!(
        "SELECT CAST(COALESCE(SUM(granted - returned - used), 0) AS BIGINT) FROM slice WHERE node = '{node}'"
    );
    eventually("all is back", SOON, || (postgres.number(&held) == 0).then_some(()));
}
