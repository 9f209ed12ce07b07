//! `tollgate price` and `tollgate rerate` as users call them: exact amounts, JSON keys, errors with their
//! place.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic)]

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

const DECK: &str = "prefix,destination,rate,initial,increment,connect_fee,effective_from,effective_until\r\n\
                    34,Spain,0.12345,30,6,,,\r\n\
                    346,Spain mobile,0.2,1,1,0.05,2026-01-01T00:00:00Z,2026-02-01T00:00:00Z\r\n";

fn tollgate(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_tollgate")).args(args).env_remove("TOLLGATE_LOG").output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn deck(folder: &Path) -> String {
    let path = folder.join("retail.csv");
    fs::write(&path, DECK).unwrap();
    path.to_str().unwrap().to_owned()
}

fn price(deck: &str, rest: &[&str]) -> Value {
    let args = [&["price", "--deck", deck, "--json"], rest].concat();
    let output = tollgate(&args);
    assert!(output.status.success(), "{}", text(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Exact: 0.12345/min, 30/6. 31 s bill 36 s = 0.07407; 61 s bill 66 s = 0.135795, half-up 0.13580.
#[test]
fn amounts_are_exact() {
    let folder = tempfile::tempdir().unwrap();
    let deck = deck(folder.path());
    for (seconds, billed, amount) in [
        ("31", 36, "0.07407"),
        ("61", 66, "0.13580"),
        ("0", 0, "0.00000"),
        ("1", 30, "0.06173"),
        ("30.001", 36, "0.07407"),
    ] {
        let json = price(&deck, &["34911234567", seconds]);
        assert_eq!(json["billed_seconds"], billed, "{seconds}");
        assert_eq!(json["amount"], amount, "{seconds}");
    }
}

/// 0.0000049 a minute: 10,000 minutes are 0.049. Exact sums: 600,000 s · 0.0000049 / 60;
/// 66 s · 0.1234567891 / 60 = 0.13580246801.
#[test]
fn fault_c3_a_rate_of_ten_places_is_exact_in_every_tool() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (deck, book, again) = (path("fine.csv"), path("fine.xlsx"), path("again.csv"));
    let rows = "34,Spain,0.0000049,60,60\n35,Portugal,0.1234567891,30,6\n36,Hungary,999999.1234567891,1,1\n";
    fs::write(&deck, format!("prefix,destination,rate,initial,increment\n{rows}")).unwrap();
    let coarse = tollgate(&["price", "--deck", &deck, "34911", "60"]);
    assert!(
        !coarse.status.success() && text(&coarse.stderr).contains("above zero, but zero in 5 places"),
        "{}",
        text(&coarse.stderr)
    );
    for (number, seconds, rate, amount) in [
        ("34911", "600000", "0.0000049", "0.04900"),
        ("34911", "60", "0.0000049", "0.00000"),
        ("34911", "61", "0.0000049", "0.00001"),
        ("35911", "61", "0.1234567891", "0.13580"),
        ("36911", "60", "999999.1234567891", "999999.12346"),
    ] {
        let json = price(&deck, &["--rate-places", "10", number, seconds]);
        assert_eq!((&json["rate"], &json["amount"]), (&rate.into(), &amount.into()), "{number} {seconds}");
    }
    let calls = path("calls.csv");
    fs::write(&calls, "call_id,answered_at,number,duration_ms\na,2026-01-15T10:00:00Z,34911,600000000\n")
        .unwrap();
    let rated = tollgate(&["rerate", "--deck", &deck, "--rate-places", "10", "--calls", &calls]);
    assert!(text(&rated.stdout).contains(",34,Spain,0.0000049,600000,0.04900,"), "{}", text(&rated.stdout));
    for args in [
        ["deck", "export", &deck, "--rate-places", "10", "--format", "xlsx", "--out", &book],
        ["deck", "export", &book, "--rate-places", "10", "--format", "csv", "--out", &again],
    ] {
        let made = tollgate(&args);
        assert!(made.status.success(), "{}", text(&made.stderr));
    }
    let kept = fs::read_to_string(&again).unwrap();
    assert!(
        kept.contains(",0.0000049,")
            && kept.contains(",0.1234567891,")
            && kept.contains(",999999.1234567891,"),
        "{kept}"
    );
}

#[test]
fn json_has_the_promised_keys() {
    let folder = tempfile::tempdir().unwrap();
    let json = price(&deck(folder.path()), &["34911234567", "31"]);
    for key in [
        "prefix",
        "destination",
        "rate",
        "initial",
        "increment",
        "connect_fee",
        "duration_seconds",
        "billed_seconds",
        "amount",
        "currency",
        "steps",
    ] {
        assert!(json.get(key).is_some(), "{key}");
    }
    assert_eq!(json["prefix"], "34");
    assert_eq!(json["destination"], "Spain");
    assert_eq!(json["rate"], "0.12345");
    assert_eq!((&json["initial"], &json["increment"]), (&30.into(), &6.into()));
    assert_eq!(json["connect_fee"], "0.00000");
    assert_eq!(json["duration_seconds"], 31);
    assert_eq!(json["currency"], "EUR");
    assert!(!json["steps"].as_array().unwrap().is_empty());
}

#[test]
fn the_row_in_force_at_the_answer_counts() {
    let folder = tempfile::tempdir().unwrap();
    let deck = deck(folder.path());
    let mobile =
        price(&deck, &["--at", "2026-01-15T00:00:00Z", "--currency", "USD", "+34 600 000 000", "60"]);
    assert_eq!(
        (&mobile["prefix"], &mobile["amount"], &mobile["currency"]),
        (&"346".into(), &"0.25000".into(), &"USD".into())
    );
    assert_eq!(price(&deck, &["--at", "2026-02-01T00:00:00Z", "34600000000", "60"])["prefix"], "34");
}

#[test]
fn people_get_each_step() {
    let folder = tempfile::tempdir().unwrap();
    let output = tollgate(&["price", "--deck", &deck(folder.path()), "34911234567", "61"]);
    let lines = text(&output.stdout);
    for part in ["Spain", "0.12345", "30/6", "66 s", "0.13580 EUR"] {
        assert!(lines.contains(part), "{part}\n{lines}");
    }
}

#[test]
fn what_cannot_be_priced_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let deck = deck(folder.path());
    for (args, hint) in [
        (vec!["49301234567", "31"], "no price"),
        (vec!["34x", "31"], "number"),
        (vec!["34911234567", "1e9"], "seconds"),
        (vec!["34911234567", "31", "--at", "now"], "RFC 3339"),
    ] {
        let output = tollgate(&[&["price", "--deck", &deck], &args[..]].concat());
        assert_eq!(output.status.code(), Some(1), "{args:?}");
        let said = text(&output.stderr);
        assert!(said.contains(hint) && said.lines().count() == 1, "{said}");
        assert!(output.stdout.is_empty());
    }
    assert_eq!(tollgate(&["price"]).status.code(), Some(2));
}

#[test]
fn wrong_rows_are_all_said_with_their_place() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bad.csv");
    let rows = "prefix,destination,rate,initial,increment,connect_fee,effective_from,effective_until\n34,Spain,NaN,30,6,,,\n35,P,0.1,1,1,,,\n36,Q,0.1,0,0,,,\n37,R,1e9,1,1,,,\n38,S,-1,1,1,,,\n";
    fs::write(&path, rows).unwrap();
    let path = path.to_str().unwrap();
    let output = tollgate(&["price", "--deck", path, "35911", "31"]);
    assert_eq!(output.status.code(), Some(1));
    let said = text(&output.stderr);
    for line in [2, 4, 5, 6] {
        let place = format!("{path}:{line}:");
        let found = said.lines().find(|l| l.starts_with(&place)).unwrap_or_else(|| panic!("{place}\n{said}"));
        let column = found[place.len()..].split(':').next().unwrap();
        assert!(column.parse::<u32>().is_ok_and(|c| c >= 1), "{found}");
    }
    assert!(!said.contains(&format!("{path}:3:")), "{said}");
}

#[test]
fn calls_are_re_rated_line_by_line() {
    let folder = tempfile::tempdir().unwrap();
    let deck = deck(folder.path());
    let calls = folder.path().join("calls.csv");
    let out = folder.path().join("out.csv");
    let rows = "call_id,answered_at,number,duration_ms\na,2026-03-01T10:00:00Z,34911234567,31000\nb,2026-03-01T10:00:00Z,34911234567,61000\nc,,34911234567,5000\nd,2026-03-01T10:00:00Z,34911234567,0\ne,2026-03-01T10:00:00Z,49301234567,1000\n";
    fs::write(&calls, rows).unwrap();
    let args =
        ["rerate", "--deck", &deck, "--calls", calls.to_str().unwrap(), "--out", out.to_str().unwrap()];
    let output = tollgate(&args);
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert!(output.stdout.is_empty());
    assert!(text(&output.stderr).contains("5 calls, 1 without a price"), "{}", text(&output.stderr));
    let written = fs::read_to_string(&out).unwrap();
    let mut lines = written.lines();
    let header: Vec<&str> = lines.next().unwrap().split(',').collect();
    let at = |name: &str| header.iter().position(|h| *h == name).unwrap();
    let cells: Vec<Vec<&str>> = lines.map(|line| line.split(',').collect()).collect();
    let column = |name: &str| cells.iter().map(|row| row[at(name)]).collect::<Vec<_>>();
    assert_eq!(column("amount"), ["0.07407", "0.13580", "0.00000", "0.00000", ""]);
    assert_eq!(column("billed_seconds"), ["36", "66", "0", "0", ""]);
    assert!(!cells[4][at("reason")].is_empty());
    let piped = tollgate(&args[..5]);
    assert_eq!(text(&piped.stdout), written);
}

#[test]
fn re_rating_never_writes_over_its_input() {
    let folder = tempfile::tempdir().unwrap();
    let deck = deck(folder.path());
    let calls = folder.path().join("calls.csv");
    fs::write(&calls, "call_id,answered_at,number,duration_ms\n").unwrap();
    let path = calls.to_str().unwrap();
    let output = tollgate(&["rerate", "--deck", &deck, "--calls", path, "--out", path]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(fs::read_to_string(&calls).unwrap(), "call_id,answered_at,number,duration_ms\n");
    fs::write(&calls, "call_id,number\n").unwrap();
    let output = tollgate(&["rerate", "--deck", &deck, "--calls", path]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("missing"), "{}", text(&output.stderr));
}
