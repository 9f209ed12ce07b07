//! A10, A12, D3: accounts opened once per key, checked as the file is, suspended and closed, listed with
//! filters.

use serde_json::{Value, json};

use crate::kit::{Node, until};
use crate::phones::{Carrier, call};

fn open(node: &Node, key: &str, body: &Value) -> (u16, bool, Value) {
    node.http("POST", "/api/v1/accounts", Some(key), &body.to_string())
}

#[test]
fn fault_a10_an_account_is_opened_once_per_key_also_after_a_restart() {
    let mut node = Node::start();
    let body = json!({"name": "beta", "currency": "EUR", "deck": "retail", "balance": "1.50", "low_balance": "0.50"});
    let (status, replayed, first) = open(&node, "open-1", &body);
    assert_eq!((status, replayed, &first["balance"]), (201, false, &"1.50000".into()), "{first}");
    assert_eq!(open(&node, "open-1", &body), (201, true, first.clone()));
    // What became of the account since does not change what the request was answered.
    node.done(&["account", "topup", "beta", "3.00"]);
    node.done(&["account", "change", "beta", "--low-balance", "none"]);
    assert_eq!(open(&node, "open-1", &body), (201, true, first.clone()));
    for (field, other) in [
        ("name", json!("gamma")),
        ("currency", json!("USD")),
        ("balance", json!("1.51")),
        ("low_balance", json!("0.51")),
        ("deck", json!("dollars")),
    ] {
        let mut changed = body.clone();
        changed[field] = other;
        let (status, _, problem) = open(&node, "open-1", &changed);
        assert_eq!((status, &problem["field"]), (422, &"Idempotency-Key".into()), "{field}: {problem}");
    }
    // Names of every shard: a key is one for all of them.
    for name in ["a", "b", "c", "d", "e"] {
        assert_eq!(
            open(&node, "open-1", &json!({"name": name, "currency": "EUR", "deck": "retail"})).0,
            422,
            "{name}"
        );
    }
    assert_eq!(open(&node, "open-2", &body).0, 409, "another request for a name that is taken");
    node.restart();
    assert_eq!(open(&node, "open-1", &body), (201, true, first));
    assert_eq!(open(&node, "open-1", &json!({"name": "gamma", "currency": "EUR", "deck": "retail"})).0, 422);
    assert_eq!(node.json(&["account", "show", "beta"])["balance"], "4.50000");
}

#[test]
fn fault_a10_every_post_that_moves_money_gives_its_first_answer_again() {
    let mut node = Node::start();
    let posts = [
        (
            "/topups",
            json!({"amount": "5.00", "reference": "i \"7\""}),
            json!({"amount": "5.00", "reference": "other"}),
        ),
        ("/topups", json!({"amount": "2.00", "state": "pending"}), json!({"amount": "2.00"})),
        (
            "/charges",
            json!({"price": "0.00", "cause": "free fax"}),
            json!({"price": "0.01", "cause": "free fax"}),
        ),
        (
            "/charges",
            json!({"price": "0.08", "pieces": 3, "cause": "fax"}),
            json!({"price": "0.12", "pieces": 2, "cause": "fax"}),
        ),
        (
            "/corrections",
            json!({"amount": "-1.00", "reason": "x"}),
            json!({"amount": "-1.00", "reason": "y"}),
        ),
        (
            "/grants",
            json!({"pocket": "p", "kind": "promo", "amount": "1.00"}),
            json!({"pocket": "q", "kind": "promo", "amount": "1.00"}),
        ),
        (
            "/grants",
            json!({"pocket": "m", "kind": "minutes", "seconds": 60}),
            json!({"pocket": "m", "kind": "minutes", "seconds": 61}),
        ),
    ];
    let ask = |node: &Node, at: usize, body: &Value| {
        node.http(
            "POST",
            &format!("/api/v1/accounts/acme{}", posts[at].0),
            Some(&format!("key \"{at}\"")),
            &body.to_string(),
        )
    };
    let first: Vec<Value> = posts
        .iter()
        .enumerate()
        .map(|(at, (_, body, _))| {
            let (status, replayed, document) = ask(&node, at, body);
            assert_eq!((status, replayed), (201, false), "{body}: {document}");
            assert!(document["booked_at"].is_string(), "{document}");
            document
        })
        .collect();
    for round in 0..2 {
        for (at, (_, body, other)) in posts.iter().enumerate() {
            assert_eq!(ask(&node, at, body), (201, true, first[at].clone()), "round {round}: {body}");
            assert_eq!(ask(&node, at, other).0, 422, "round {round}: {other}");
        }
        node.restart();
    }
    let verified = crate::kit::tollgate(&["ledger", "verify", "--data", node.file("data").to_str().unwrap()]);
    assert!(verified.status.success(), "{verified:?}");
}

#[test]
fn fault_d3_an_account_is_suspended_resumed_and_closed() {
    let carrier = Carrier::start("200 OK");
    let mut node =
        Node::with(&format!("{}[[route]]\nprefix = \"\"\ncarriers = [\"alpha\"]\n", carrier.config("alpha")));
    assert_eq!(call(node.sip, "34911234567", "c1"), 200);
    until("the record", || (!node.json(&["cdr"])["items"].as_array().unwrap().is_empty()).then_some(()));
    assert_eq!(node.json(&["account", "suspend", "acme"])["status"], "suspended");
    assert_eq!(call(node.sip, "34911234567", "c2"), 403);
    assert!(node.done(&["account", "list", "--status", "suspended"]).contains("acme"));
    node.restart();
    assert_eq!(call(node.sip, "34911234567", "c3"), 403);
    node.done(&["account", "topup", "acme", "1.00", "--key", "late"]);
    assert_eq!(node.json(&["account", "resume", "acme"])["status"], "active");
    assert_eq!(call(node.sip, "34911234567", "c4"), 200);
    // What is left stands in the way.
    let money = node.refused(&["account", "close", "acme"]);
    assert!(money.contains("409") && money.contains("its balance is"), "{money}");
    until("the settle", || (node.json(&["account", "show", "acme"])["leased"] == "0.00000").then_some(()));
    let balance = node.json(&["account", "show", "acme"])["balance"].as_str().unwrap().to_owned();
    node.done(&["account", "correct", "acme", &format!("-{balance}"), "--reason", "paid out"]);
    node.done(&["account", "topup", "acme", "5.00", "--pending", "--key", "soon"]);
    assert!(node.refused(&["account", "close", "acme"]).contains("soon"));
    node.done(&["account", "reject", "acme", "soon", "--cause", "account ends"]);
    node.done(&["account", "grant", "acme", "promo", "--amount", "1.00", "--key", "g"]);
    assert!(node.refused(&["account", "close", "acme"]).contains("promo"));
    node.done(&["account", "reverse", "acme", "g", "--cause", "account ends"]);
    node.done(&["account", "add", "acme:shop", "--currency", "EUR", "--deck", "retail"]);
    assert!(node.refused(&["account", "close", "acme"]).contains("acme:shop"));
    assert_eq!(node.json(&["account", "close", "acme:shop"])["status"], "closed");
    assert_eq!(node.json(&["account", "close", "acme"])["status"], "closed");
    for order in [
        &["account", "topup", "acme", "1.00"][..],
        &["account", "charge", "acme", "--price", "0", "--cause", "x"],
        &["account", "grant", "acme", "promo", "--amount", "1.00"],
    ] {
        assert!(node.refused(order).contains("closed"), "{order:?}");
    }
    // A request of before is answered as then.
    assert_eq!(node.json(&["account", "topup", "acme", "1.00", "--key", "late"])["amount"], "1.00000");
    assert_eq!(call(node.sip, "34911234567", "c5"), 403);
    assert!(node.done(&["account", "statement", "acme"]).contains("paid out"));
}

#[test]
fn fault_d3_account_add_obeys_the_rules_of_the_file_and_lists_filter() {
    let node = Node::start();
    let add = ["account", "add", "beta", "--currency", "EUR"];
    let with = |more: &[&str]| node.refused(&[&add, more].concat());
    assert!(with(&["--deck", "none"]).contains("no deck named"));
    assert!(with(&["--deck", "dollars"]).contains("[[exchange]]"), "a deck that nothing converts");
    assert!(with(&["--deck", "retail", "--email", "nobody"]).contains("email"));
    assert!(with(&["--deck", "retail", "--language", "xx"]).contains("language"));
    assert!(with(&["--deck", "retail", "--balance", "90000000000001"]).contains("balance"));
    assert_eq!(
        node.ask(&["account", "add", "beta", "--currency", "SEC", "--deck", "retail"]).status.code(),
        Some(2)
    );
    assert!(node.refused(&["account", "change", "acme", "--deck", "dollars"]).contains("[[exchange]]"));
    let options = [
        "--deck",
        "retail",
        "--credit",
        "5.00",
        "--low-balance",
        "2.00",
        "--idle-days",
        "30",
        "--email",
        "a@b.example",
    ];
    let opened = node.json(&[&add[..], &options[..]].concat());
    let terms = &opened["terms"];
    assert_eq!(
        (&terms["credit"], &terms["low_balance"], &terms["idle_days"]),
        (&"5.00000".into(), &"2.00000".into(), &30.into())
    );
    node.done(&[
        "account",
        "add",
        "acme:shop",
        "--currency",
        "EUR",
        "--deck",
        "retail",
        "--deck",
        "cost",
        "--low-balance",
        "1.00",
    ]);
    let names = |filter: &[&str]| -> Vec<String> {
        let list = node.json(&[&["account", "list"], filter].concat());
        list["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|account| account["name"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(names(&[]), ["acme", "acme:shop", "beta"]);
    assert_eq!(names(&["--below", "acme"]), ["acme:shop"]);
    assert_eq!(names(&["--deck", "cost"]), ["acme:shop"]);
    assert_eq!(names(&["--name", "b"]), ["beta"]);
    assert_eq!(names(&["--low"]), ["acme:shop"], "beta may use its credit: 5.00 is available");
    assert_eq!(names(&["--currency", "USD"]), Vec::<String>::new());
}

#[test]
fn fault_d3_a_gate_may_name_an_account_made_at_run_time_and_a_reload_tells_what_it_leaves() {
    let carrier = Carrier::start("200 OK");
    let mut node =
        Node::with(&format!("{}[[route]]\nprefix = \"\"\ncarriers = [\"alpha\"]\n", carrier.config("alpha")));
    node.edit(|config| {
        let config = config.replace("account = \"acme\"\n", "account = \"late\"\n");
        config.replace(
            "deck = \"retail\"\n[[gate]]",
            "decks = [\"retail\", \"cost\"]\nlow_balance = \"3.00\"\n[[gate]]",
        )
    });
    let config = node.file("tollgate.toml");
    let checked = crate::kit::tollgate(&["check", "--config", config.to_str().unwrap()]);
    let said = crate::kit::text(&checked.stderr);
    assert!(
        checked.status.success() && said.contains("late") && said.contains("tollgate account add"),
        "{said}"
    );
    let reloaded = node.json(&["reload"]);
    let warnings = reloaded["warnings"].to_string();
    assert!(
        warnings.contains("tollgate account change acme --deck retail --deck cost --low-balance 3.00000"),
        "{warnings}"
    );
    assert!(warnings.contains("tollgate account add late"), "{warnings}");
    assert_ne!(call(node.sip, "34911234567", "c1"), 200);
    node.done(&["account", "add", "late", "--currency", "EUR", "--deck", "retail", "--balance", "1.00"]);
    assert_eq!(call(node.sip, "34911234567", "c2"), 200);
    // Done as told, nothing is left to warn of; also after a start.
    node.done(&[
        "account",
        "change",
        "acme",
        "--deck",
        "retail",
        "--deck",
        "cost",
        "--low-balance",
        "3.00000",
    ]);
    node.restart();
    let said = node.json(&["reload"])["warnings"].to_string();
    assert!(!said.contains("account change") && !said.contains("was not opened"), "{said}");
    assert_eq!(node.json(&["gates"])["items"][0]["account_status"], "active");
    // A configuration that is wrong changes nothing, and every finding is told.
    node.edit(|config| config.replace("currency = \"USD\"", "currency = \"XQZ\""));
    let said = node.refused(&["reload"]);
    assert!(
        said.contains("XQZ") && said.contains("tollgate.toml:") && said.contains("nothing was changed"),
        "{said}"
    );
}
