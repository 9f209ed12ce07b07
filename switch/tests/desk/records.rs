//! D2: call records by number, carrier, Call-ID and status, the newest first, limits that are told, CSV that
//! is read again.

use serde_json::Value;

use crate::kit::{Node, text, tollgate, until};
use crate::phones::{Carrier, call};

fn ids(page: &Value) -> Vec<String> {
    page["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|cdr| cdr["call_id_a"].as_str().unwrap().to_owned())
        .collect()
}

/// Answered by beta after alpha said 503, three calls to Spain and one to Italy; one that has no price.
fn world() -> (Node, [Carrier; 2]) {
    let carriers = [Carrier::start("503 Service Unavailable"), Carrier::start("200 OK")];
    let routes = "[[route]]\nprefix = \"\"\ncarriers = [\"alpha\", \"beta\"]\n";
    let node = Node::with(&format!("{}{}{routes}", carriers[0].config("alpha"), carriers[1].config("beta")));
    for (number, call_id, status) in [
        ("34911234567", "s1", 200),
        ("34911234568", "s2", 200),
        ("390212345678", "i1", 200),
        ("4420712345", "u1", 404),
        ("34911234567", "s3", 200),
    ] {
        assert_eq!(call(node.sip, number, call_id), status, "{call_id}");
        until("the record", || {
            ids(&node.json(&["cdr", "--last", "1"])).contains(&call_id.to_owned()).then_some(())
        });
    }
    (node, carriers)
}

#[test]
fn fault_d2_records_are_found_and_no_limit_is_silent() {
    let (node, _carriers) = world();
    let found = |filter: &[&str]| ids(&node.json(&[&["cdr"], filter].concat()));
    assert_eq!(found(&[]), ["s1", "s2", "i1", "u1", "s3"]);
    assert_eq!(found(&["--last", "2"]), ["s3", "u1"], "the newest first");
    assert_eq!(found(&["--number", "34911234567"]), ["s1", "s3"]);
    assert_eq!(found(&["--number", "+3491123456"]), ["s1", "s2", "s3"]);
    assert_eq!(found(&["--last", "1", "--number", "34911234568"]), ["s2"]);
    assert_eq!(found(&["--carrier", "beta"]), ["s1", "s2", "i1", "s3"]);
    assert_eq!(found(&["--carrier", "gamma"]), Vec::<String>::new());
    assert_eq!(found(&["--call-id", "i1"]), ["i1"]);
    assert_eq!(found(&["--status", "404"]), ["u1"]);
    assert_eq!(found(&["--status", "200", "--carrier", "alpha", "--number", "39"]), ["i1"]);
    assert_eq!(found(&["--account", "nobody"]), Vec::<String>::new());
    // Dates: all of this is after the first, nothing is before.
    assert_eq!(found(&["--from", "2020-01-01"]).len(), 5);
    assert_eq!(found(&["--to", "2020-01-01"]).len(), 0);
    assert_eq!(node.ask(&["cdr", "--from", "yesterday"]).status.code(), Some(2));

    for (args, code, rows) in [
        (&["cdr", "--limit", "2"][..], 3, 2),
        (&["cdr", "--limit", "5"], 0, 5),
        (&["cdr", "--status", "200", "--limit", "4"], 0, 4),
        (&["cdr", "--status", "200", "--limit", "3"], 3, 3),
        (&["cdr", "--last", "2"], 0, 2),
    ] {
        for format in ["--json", "--csv", "--wide"] {
            let output = node.ask(&[args, &[format]].concat());
            let said = text(&output.stderr);
            assert_eq!(output.status.code(), Some(code), "{args:?} {format}: {said}");
            assert_eq!(said.contains("there are more than"), code == 3, "{args:?}: {said}");
            let shown = text(&output.stdout);
            let count = if format == "--json" {
                shown.matches("\"call_id_a\"").count()
            } else {
                shown.lines().count() - 1
            };
            assert_eq!(count, rows, "{args:?} {format}: {shown}");
        }
    }
    // A limited answer goes on where it ended, with a filter too.
    let page = node.ask(&["cdr", "--status", "200", "--limit", "2", "--json"]);
    let page: Value = serde_json::from_slice(&page.stdout).unwrap();
    let rest = found(&["--status", "200", "--cursor", page["next"].as_str().unwrap()]);
    assert_eq!(
        (ids(&page), rest),
        (vec!["s1".to_owned(), "s2".to_owned()], vec!["i1".to_owned(), "s3".to_owned()])
    );
    // A table fits a terminal.
    let table = node.done(&["cdr"]);
    assert!(table.lines().all(|line| line.chars().count() <= 80), "{table}");
    assert!(table.contains("34911234568") && table.contains("beta"), "{table}");
}

#[test]
fn fault_d2_the_csv_of_records_is_complete_and_rerate_reads_it() {
    let (node, _carriers) = world();
    let csv = node.done(&["cdr", "--csv"]);
    let header: Vec<&str> = csv.lines().next().unwrap().split(',').collect();
    for column in ["parts", "tiers", "segments", "margin", "attempts", "balance_after", "cost_exchange_rate"]
    {
        assert!(header.contains(&column), "{column}");
    }
    let file = node.file("cdrs.csv");
    std::fs::write(&file, &csv).unwrap();
    let json = node.file("cdrs.json");
    std::fs::write(&json, node.ask(&["cdr", "--json"]).stdout).unwrap();
    let deck = node.file("retail.csv");
    let rerate = |records: &std::path::Path| -> Value {
        let args =
            ["rerate", "--cdrs", records.to_str().unwrap(), "--deck", deck.to_str().unwrap(), "--json"];
        let output = tollgate(&args);
        assert!(output.status.success(), "{}", text(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    };
    let from_csv = rerate(&file);
    assert_eq!(from_csv, rerate(&json));
    // The same deck: three calls of a first block of 30 s at 0.12345, one of 60 s at 0.60.
    assert_eq!(from_csv["total"][0]["new_amount"], "0.78519");
    assert_eq!(from_csv["total"][0]["difference"], "0.00000");
    let table = |more: &[&str]| {
        let args =
            [&["rerate", "--cdrs", file.to_str().unwrap(), "--deck", deck.to_str().unwrap()], more].concat();
        let output = tollgate(&args);
        (text(&output.stdout), text(&output.stderr))
    };
    let (narrow, note) = table(&[]);
    assert!(narrow.contains("0.78519") && narrow.lines().all(|line| line.chars().count() <= 80), "{narrow}");
    assert!(!note.contains("--wide"), "all is shown: {note}");
    assert_eq!(table(&["--wide"]).0, narrow);
}
