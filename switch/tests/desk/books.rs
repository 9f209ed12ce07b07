//! A12, D5: statements, payments and trial balances as an accountant takes them along.

use crate::kit::{Node, until};
use crate::phones::{Carrier, call};

fn cells(csv: &str, line: usize) -> Vec<String> {
    let line = csv.lines().nth(line).unwrap_or_default();
    line.split(',').map(|cell| cell.trim_matches('"').to_owned()).collect()
}

#[test]
fn fault_d5_statement_payments_and_trial_balance_are_csv_with_title_and_header() {
    let node = Node::start();
    node.done(&["account", "topup", "acme", "5.00", "--key", "k1", "--reference", "=SUM(A1)"]);
    node.done(&[
        "account",
        "charge",
        "acme",
        "--price",
        "0.08",
        "--pieces",
        "3",
        "--cause",
        "fax, two pages",
        "--key",
        "k2",
    ]);
    let statement = node.done(&["account", "statement", "acme", "--from", "2020-01-01", "--csv"]);
    assert!(
        statement.starts_with("\"Statement of acme, from 2020-01-01T00:00:00.000Z to now\"\n"),
        "{statement}"
    );
    assert_eq!(statement.lines().nth(1), Some("entry,at,what,cause,pocket,amount,currency,balance,key"));
    let movements = statement.lines().filter(|line| line.contains("top_up") || line.contains("charge"));
    assert_eq!(movements.count(), 2, "{statement}");
    assert!(statement.contains("5.00000,EUR,15.00000,key/k1"), "{statement}");
    assert!(statement.contains("-0.24000,EUR,14.76000,key/k2"), "{statement}");
    assert_eq!(cells(&statement, statement.lines().count() - 1)[2], "closing");
    let table = node.done(&["account", "statement", "acme"]);
    assert!(table.lines().all(|line| line.chars().count() <= 80), "{table}");

    let payments = node.done(&["account", "topups", "acme", "--csv"]);
    assert_eq!(payments.lines().next(), Some("Payments of acme"));
    assert!(payments.lines().nth(1).unwrap().starts_with("announced_at,booked_at,"));
    assert!(payments.contains(",k1,'=SUM(A1),"), "no formula: {payments}");

    let trial = node.done(&["ledger", "trial-balance", "--csv"]);
    assert!(trial.starts_with("Trial balance of http://127.0.0.1:"), "{trial}");
    assert_eq!(trial.lines().nth(1), Some("currency,account,balance"));
    assert!(
        !trial.lines().any(|line| line.ends_with(",0.00000") && !line.contains(",sum,")),
        "no zero lines: {trial}"
    );
    assert!(trial.contains("EUR,customers,14.76000") && trial.contains("EUR,sum,0.00000"), "{trial}");
    let data = node.file("data");
    let offline =
        crate::kit::tollgate(&["ledger", "trial-balance", "--data", data.to_str().unwrap(), "--csv"]);
    let offline = crate::kit::text(&offline.stdout);
    assert!(trial.lines().skip(2).eq(offline.lines().skip(2)), "{offline}");
}

#[test]
fn fault_d5_a_carrier_has_a_statement() {
    let carrier = Carrier::start("200 OK");
    let node =
        Node::with(&format!("{}[[route]]\nprefix = \"\"\ncarriers = [\"alpha\"]\n", carrier.config("alpha")));
    for (number, id) in [("34911234567", "c1"), ("390212345678", "c2")] {
        assert_eq!(call(node.sip, number, id), 200);
    }
    let payable = |trial: serde_json::Value| {
        let lines = trial["lines"].as_array().unwrap().clone();
        lines
            .iter()
            .find(|line| line["account"].as_str().unwrap().contains("payable"))
            .map(|line| line["balance"].clone())
    };
    let all = until("both charges", || {
        let statement = node.json(&["carriers", "--statement", "alpha"]);
        (statement["charges"].as_array().unwrap().len() == 2).then_some(statement)
    });
    // By the second: 0.06 and 0.30 a minute, each for the seconds that the leg was up.
    assert_eq!(all["charges"][0]["currency"], "EUR");
    assert_eq!(payable(node.json(&["ledger", "trial-balance"])), Some(all["closing"]["EUR"].clone()));
    let none = node.json(&["carriers", "--statement", "beta"]);
    assert!(none["charges"].as_array().unwrap().is_empty());
    let later = node.json(&["carriers", "--statement", "alpha", "--from", "2099-01-01"]);
    assert_eq!(
        (&later["opening"]["EUR"], later["charges"].as_array().unwrap().len()),
        (&all["closing"]["EUR"], 0)
    );
    let csv = node.done(&["carriers", "--statement", "alpha", "--csv"]);
    assert!(
        csv.starts_with("\"Statement of carrier alpha, from the beginning to now\"\nentry,at,what,"),
        "{csv}"
    );
    assert_eq!(csv.lines().filter(|line| line.contains(",charge,")).count(), 2);
}
