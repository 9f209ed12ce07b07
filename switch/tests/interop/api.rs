//! The API on a running switch: tokens, money with a key, live calls, pages.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::harness::{Books, CARRIERS, SOON, Scenario, Site, Tollgate, eventually, free_port, units};

const BY_THE_SECOND: &str = "34,Spain,0.60,1,1,,,";

fn stage(port: u16) -> (Site, Tollgate) {
    let site = Site::acme("10.00", BY_THE_SECOND).carrier("alpha", port, "").route("34", &["alpha"]);
    let switch = site.start();
    (site, switch)
}

#[test]
fn without_the_token_nothing_is_told_or_done() {
    let (site, switch) = stage(free_port(CARRIERS));
    for token in ["", "wrong", "Bearer"] {
        let stranger = switch.api.with_token(token);
        for path in ["/accounts", "/accounts/acme", "/cdrs", "/calls", "/openapi.json"] {
            let reply = stranger.get(path);
            assert!(reply.is_problem(401), "{path} with {token:?}: {reply:?}");
        }
        assert!(stranger.top_up("acme", "5.00", "stolen").is_problem(401));
        assert!(stranger.delete("/calls/00000000000000000000000000000000").is_problem(401));
    }
    assert_eq!(switch.api.balance("acme"), units("10.00000"));
    // Probes need none.
    assert_eq!(switch.api.text("/livez"), "ok\n");
    assert_eq!(switch.api.text("/readyz"), "ok\n");
    use std::os::unix::fs::PermissionsExt as _;
    let mode = std::fs::metadata(site.data().join("admin.token")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600, "the token is for the operator alone");
}

const fn fields_of_a_receipt() -> [&'static str; 6] {
    ["account", "amount", "currency", "reference", "balance_before", "balance_after"]
}

#[test]
fn money_moves_once_for_each_key() {
    let (site, switch) = stage(free_port(CARRIERS));
    let api = &switch.api;
    let topups = "/accounts/acme/topups";
    let body = json!({ "amount": "5.00", "reference": "invoice 7" });
    assert!(api.post(topups, None, &body).is_problem(400), "a key is a must");
    let first = api.post(topups, Some("k1"), &body);
    assert_eq!(first.status, 201, "{first:?}");
    let fields = fields_of_a_receipt().map(|name| first.body[name].as_str().unwrap());
    assert_eq!(fields, ["acme", "5.00000", "EUR", "invoice 7", "10.00000", "15.00000"]);
    let again = api.post(topups, Some("k1"), &body);
    assert_eq!(again.status, 201, "{again:?}");
    for field in fields_of_a_receipt() {
        assert_eq!(again.body[field], first.body[field], "{field} of a repeated top-up");
    }
    assert_eq!(api.balance("acme"), units("15.00000"), "the same key booked twice");
    let other = api.post(topups, Some("k1"), &json!({ "amount": "6.00", "reference": "invoice 7" }));
    assert!(other.is_problem(422) || other.is_problem(409), "{other:?}");

    let wrong: [(Value, &str); 8] = [
        (json!({ "amount": "-5.00", "reference": "x" }), "negative"),
        (json!({ "amount": "0.00", "reference": "x" }), "zero"),
        (json!({ "amount": "0.000001", "reference": "x" }), "six places"),
        (json!({ "amount": "5,00", "reference": "x" }), "comma"),
        (json!({ "amount": "1e3", "reference": "x" }), "exponent"),
        (json!({ "amount": "99999999999999999999", "reference": "x" }), "too much"),
        (json!({ "amount": "5.00", "currency": "USD" }), "another currency"),
        (json!({ "sum": "5.00" }), "unknown field"),
    ];
    for (body, what) in wrong {
        let reply = api.post(topups, Some("k2"), &body);
        assert!((400..500).contains(&reply.status) && reply.is_problem(reply.status), "{what}: {reply:?}");
    }
    assert!(api.top_up("nobody", "5.00", "k3").is_problem(404));
    assert_eq!(api.balance("acme"), units("15.00000"));
    Books { paid_in: units("5.00000"), ..Books::of("acme", "10.00") }.check(api, &site.data());
}

#[test]
fn an_account_opened_through_the_api_calls_and_stays() {
    let (site, switch) = stage(free_port(CARRIERS));
    let new = json!({ "name": "globex", "currency": "EUR", "deck": "retail", "balance": "3.00" });
    assert!(switch.api.post("/accounts", None, &new).is_problem(400), "money without a key");
    assert_eq!(switch.api.post("/accounts", Some("open-1"), &new).status, 201);
    let taken = json!({ "name": "globex", "currency": "EUR", "deck": "retail", "balance": "4.00" });
    assert!(switch.api.post("/accounts", Some("open-2"), &taken).is_problem(409), "the name is taken");
    assert!(
        switch
            .api
            .post(
                "/accounts",
                Some("open-3"),
                &json!({ "name": "x", "currency": "EUR", "deck": "none", "balance": "1.00" })
            )
            .is_problem(422)
    );
    let names: Vec<Value> =
        switch.api.get("/accounts").items().into_iter().map(|account| account["name"].clone()).collect();
    assert_eq!(names, ["acme", "globex"]);
    switch.stop();
    let again = site.start();
    assert_eq!(again.api.account("globex")["balance"], "3.00000");
    assert_eq!(again.api.account("acme")["balance"], "10.00000", "a restart makes no account twice");
}

#[test]
fn a_live_call_is_listed_and_hung_up_on_both_sides() {
    let port = free_port(CARRIERS);
    let (site, switch) = stage(port);
    let alpha = Scenario::carrier("uas_answer", port).calls(3).start();
    let callers = Scenario::caller("uac_cutoff", &switch).calls(3).rate(100).start();
    let live = eventually("three calls", SOON, || {
        let calls = switch.api.calls();
        (calls.len() == 3 && calls.iter().all(|call| call["state"] == "answered")).then_some(calls)
    });
    let account = switch.api.account("acme");
    assert!(units(account["leased"].as_str().unwrap()) > 0, "{account}");
    assert_eq!(
        units(account["available"].as_str().unwrap()),
        units("10.00000") - units(account["leased"].as_str().unwrap())
    );
    assert!(switch.api.delete("/calls/ffffffffffffffffffffffffffffffff").is_problem(404));
    assert!(switch.api.delete("/calls/nonsense").is_problem(404));
    for call in &live {
        assert_eq!(
            (call["gate"].as_str(), call["account"].as_str(), call["carrier"].as_str()),
            (Some("acme-pbx"), Some("acme"), Some("alpha"))
        );
        assert_eq!(switch.api.delete(&format!("/calls/{}", call["id"].as_str().unwrap())).status, 204);
    }
    assert_eq!(callers.finish().cut().len(), 3);
    alpha.finish();
    let cdrs = switch.api.wait_cdrs(3);
    let ids = |values: Vec<&str>| values.into_iter().map(str::to_owned).collect::<BTreeSet<_>>();
    assert_eq!(
        ids(cdrs.iter().map(|cdr| cdr.text("id")).collect()),
        ids(live.iter().map(|call| call["id"].as_str().unwrap()).collect())
    );
    assert!(
        cdrs.iter().all(|cdr| cdr.text("hangup_by") == "operator" && cdr.text("amount") == "0.01000"),
        "{cdrs:?}"
    );
    Books::of("acme", "10.00").check(&switch.api, &site.data());
}

#[test]
fn call_records_come_page_by_page() {
    let port = free_port(CARRIERS);
    let (_site, switch) = stage(port);
    let _alpha = Scenario::carrier("uas_answer", port).start();
    Scenario::caller("uac_call", &switch).calls(25).rate(50).pause_ms(50).run();
    let all = switch.api.wait_cdrs(25);
    let (mut pages, mut after) = (Vec::new(), None);
    loop {
        let page = switch.api.cdr_page(10, after.as_deref());
        pages.push(page.items());
        match page.body["next"].as_str() {
            Some(next) => after = Some(next.to_owned()),
            None => break,
        }
    }
    let sizes: Vec<usize> = pages.iter().map(Vec::len).filter(|rows| *rows > 0).collect();
    assert_eq!(sizes, [10, 10, 5]);
    let rows: Vec<&Value> = pages.iter().flatten().collect();
    assert_eq!(rows, all.iter().map(|cdr| &cdr.0).collect::<Vec<_>>(), "pages are the list");

    let middle = all[12].text("ended_at");
    let split = |bound: &str| switch.api.get(&format!("/cdrs?limit=1000&{bound}={middle}")).items().len();
    assert_eq!(split("from") + split("to"), 25, "`from` begins where `to` ends");
    assert_eq!(switch.api.get("/cdrs?account=acme").items().len(), 25);
    assert_eq!(switch.api.get("/cdrs?account=nobody").items().len(), 0);
    for wrong in ["limit=0", "limit=10001", "limit=x", "cursor=x", "from=yesterday", "colour=red"] {
        let reply = switch.api.get(&format!("/cdrs?{wrong}"));
        assert!(reply.is_problem(400), "{wrong}: {reply:?}");
    }
}
