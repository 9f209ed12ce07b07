//! Three switches on one PostgreSQL, one account, sixty calls at once. Rate 0.60 a minute by the second: 0.01
//! a second.

use serde_json::{Value, json};

use crate::harness::{
    Api, CARRIERS, Postgres, SOON, Scenario, Site, Tollgate, eventually, free_port, tollgate, units,
    verify_ledger,
};

const BY_THE_SECOND: &str = "34,Spain,0.60,1,1,,,";
const OPENING: &str = "9.00";

pub fn site(name: &'static str, postgres: &Postgres, carrier: u16) -> Site {
    Site::acme(OPENING, BY_THE_SECOND)
        .named(name)
        .node(&format!("ledger = \"{}\"\nslice_max = \"1.00\"", postgres.address()))
        .carrier("alpha", carrier, "")
        .route("34", &["alpha"])
}

/// Until the node has something to lend.
pub fn wait_for_a_quota(postgres: &Postgres, node: &str) {
    let booked = format!("SELECT count(*) FROM slice WHERE node = '{node}' AND granted > 0");
    eventually("a slice", SOON, || (postgres.number(&booked) == 1).then_some(()));
    let shown = format!("SELECT count(*) FROM lent WHERE node = '{node}'");
    eventually("which is booked", SOON, || (postgres.number(&shown) == 0).then_some(()));
}

/// Sum of all amounts of call records, 10⁻⁵ units.
fn spent(postgres: &Postgres) -> i64 {
    postgres.number(
        "SELECT CAST(COALESCE(SUM(CAST(body::json->>'amount' AS NUMERIC) * 100000), 0) AS BIGINT) FROM cdr",
    )
}

/// What operators do beside top-ups, by two switches, while calls go on.
fn orders_by_hand(one: &Api, other: &Api) {
    let hand = |api: &Api, path: &str, key: &str, body: Value| {
        api.post(&format!("/accounts/acme/{path}"), Some(key), &body)
    };
    let announced =
        hand(one, "topups", "p1", json!({ "amount": "5.00", "reference": "soon", "state": "pending" }));
    assert_eq!((announced.status, announced.body["state"].as_str()), (201, Some("pending")), "{announced:?}");
    assert_eq!(hand(other, "topups/p1/reject", "r1", json!({ "cause": "never came" })).status, 201);
    assert!(hand(one, "topups/p1/book", "b1", json!({})).is_problem(409), "it is rejected everywhere");
    let changed = one.patch("/accounts/acme", &json!({ "email": "ops@acme.example" }));
    assert_eq!(changed.body["terms"]["email"], "ops@acme.example", "{changed:?}");
    assert_eq!(other.account("acme")["terms"]["email"], "ops@acme.example");
    let trial = other.get("/ledger/trial-balance").body;
    assert_eq!(trial["sums"], json!({ "EUR": "0.00000" }), "{trial}");
}

#[test]
fn three_switches_sixty_calls_one_balance() {
    let mut postgres = Postgres::start();
    let port = free_port(CARRIERS);
    let _alpha = Scenario::carrier("uas_answer", port).limit_secs(300).start();
    let sites = ["n1", "n2", "n3"].map(|name| site(name, &postgres, port));
    let mut switches: Vec<Tollgate> = sites.iter().map(Site::start).collect();
    for node in ["n1", "n2", "n3"] {
        wait_for_a_quota(&postgres, node);
    }
    assert_eq!(
        postgres.number("SELECT posted FROM account"),
        units("9.00000"),
        "the configuration of three makes one account"
    );
    let mut callers: Vec<_> = switches
        .iter()
        .map(|switch| Scenario::caller("uac_cutoff", switch).calls(20).rate(1_000).start())
        .collect();
    eventually("calls on every switch", SOON, || {
        switches.iter().all(|switch| switch.api.calls_in("answered") >= 5).then_some(())
    });
    let holds = "tollgate_slice_units{currency=\"EUR\"}";
    eventually("what each holds, in the metrics", SOON, || {
        switches.iter().all(|switch| switch.api.metric(holds) > 0.0).then_some(())
    });
    let lasts = |switch: &Tollgate, ms: u64| {
        switch.api.calls().iter().any(|call| call["duration_ms"].as_u64() >= Some(ms))
    };
    eventually("seconds talked on every switch", SOON, || {
        switches.iter().all(|switch| lasts(switch, 2_000)).then_some(())
    });

    // One dies with its calls; it comes back later and ends them.
    switches.remove(1).kill();
    callers.remove(1).stop();
    eventually("a second more on the others", SOON, || {
        switches.iter().all(|switch| lasts(switch, 3_000)).then_some(())
    });
    // The database goes; calls go on by what each switch holds.
    postgres.stop();
    for switch in &switches {
        let goes_on =
            || switch.api.metric("tollgate_central_up") == 0.0 && switch.api.calls_in("answered") > 0;
        eventually("a switch that notices, and whose calls go on within its slice", SOON, || {
            goes_on().then_some(())
        });
    }
    let (status, text) = switches[0].api.text_and_status("/readyz");
    assert!(status == 200 && text.contains("the central ledger"), "{status} {text}");
    let late = switches[0].api.top_up("acme", "1.00", "late");
    assert_eq!(late.status, 503, "not confirmed, so not booked: {late:?}");
    postgres.resume();
    eventually("the switches notice", SOON, || {
        switches.iter().all(|switch| switch.api.metric("tollgate_central_up") == 1.0).then_some(())
    });
    assert_eq!(switches[0].api.top_up("acme", "1.00", "late").status, 201);
    assert_eq!(
        switches[1].api.top_up("acme", "1.00", "late").body["balance_after"]
            .as_str()
            .map(|text| text.ends_with("00")),
        Some(true)
    );
    orders_by_hand(&switches[0].api, &switches[1].api);
    switches.insert(1, sites[1].start());

    // Calls are cut when the money ends. The last few could talk for minutes on what the others left: they
    // are hung up from here.
    let cut =
        |switch: &Tollgate| switch.api.cdrs().iter().filter(|cdr| cdr.text("reason") == "no-credit").count();
    eventually("calls without money", SOON, || (cut(&switches[0]) >= 20).then_some(()));
    for switch in &switches {
        for call in switch.api.calls() {
            // It may have ended since.
            let status = switch.api.delete(&format!("/calls/{}", call["id"].as_str().unwrap())).status;
            assert!(status == 204 || status == 404, "{status}");
        }
    }
    assert_eq!(callers.into_iter().map(|caller| caller.finish().cut().len()).sum::<usize>(), 40);
    switches.into_iter().for_each(Tollgate::stop);

    let (posted, spent) = (postgres.number("SELECT posted FROM account"), spent(&postgres));
    assert_eq!(posted, units("10.00000") - spent, "to the last unit: each top-up once, each call once");
    assert!(posted >= 0, "spent {spent} of ten");
    assert!(spent > units("3.00000"), "{spent} was spent");
    assert_eq!(postgres.number("SELECT held FROM account"), 0, "what was not used is back");
    assert_eq!(postgres.number("SELECT count(*) FROM lent"), 0);
    assert_eq!(
        postgres.number("SELECT count(*) FROM booking"),
        4,
        "opening, one top-up, one announced and rejected"
    );
    assert!(
        postgres.number("SELECT count(*) FROM cdr WHERE node = 'n2' AND body LIKE '%node-lost%'") >= 5,
        "the dead node's calls"
    );
    for site in &sites {
        let found = verify_ledger(&site.data());
        let shipped = format!("SELECT last_seq FROM node WHERE name = '{}'", site.name);
        assert_eq!(
            found["entries"].as_i64(),
            Some(postgres.number(&shipped)),
            "all of the journal is in the central ledger: {found}"
        );
    }
    let listed = tollgate(&["ledger", "slices", "--config", sites[0].config().to_str().unwrap(), "--json"]);
    assert!(listed.status.success(), "{}", String::from_utf8_lossy(&listed.stderr));
    let listed: serde_json::Value = serde_json::from_slice(&listed.stdout).unwrap();
    let table = tollgate(&["ledger", "slices", "--config", sites[0].config().to_str().unwrap()]).stdout;
    let table = String::from_utf8(table).unwrap();
    assert!(table.lines().all(|line| line.chars().count() <= 80), "{table}");
    for column in ["available", "outstanding"] {
        assert!(table.contains(column), "{table}");
    }
    assert_eq!(
        listed["slices"].as_array().map(|rows| rows.iter().filter(|row| row["state"] == "closed").count()),
        Some(3),
        "{listed}"
    );
    eprintln!(
        "three switches: spent {spent} of 1000000, {} records",
        postgres.number("SELECT count(*) FROM cdr")
    );
}

/// It has no account yet, and knows none: that is its own trouble, and not the callers'.
#[test]
fn fault_a12_a_first_start_without_the_database_answers_503() {
    let mut postgres = Postgres::start();
    let site = site("n1", &postgres, free_port(CARRIERS));
    postgres.stop();
    let switch = site.start();
    let log = Scenario::caller("uac_refused", &switch).wants(503).run();
    assert!(log.0.contains("Q.850;cause=41"), "{}", log.0);
    // Records are read from the central journal, which is away: the log has this one.
    let ended = "\"status\":503,\"reason\":\"ledger-away\"";
    eventually("the record of the refused call", SOON, || switch.log().contains(ended).then_some(()));
    switch.stop();
}
