//! RULES L10–L17, L22, X2, X7 by `tollgate price` and `tollgate rerate`, to the last digit; periods,
//! conversion, rounding and comparisons as users call them.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic)]

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::{Value, json};

const HEADER: &str =
    "prefix,destination,rate,initial,increment,connect_fee,effective_from,effective_until,next_rate,period\n";

/// A price list and calls with what they come to, shared with the calls through a node in `tests/scenario`
/// and by SIPp in `interop`.
const RETAIL: &str = include_str!("../../tests/data/prices/deck.csv");
/// Rule, number, seconds talked, seconds billed, amount; the first line is the header.
const CALLS: &str = include_str!("../../tests/data/prices/calls.txt");

const CONFIG: &str = r#"
[[period]]
name = "peak"
zone = "Europe/Madrid"
days = ["mon", "tue", "wed", "thu", "fri"]
from = "08:00"
until = "20:00"

[[exchange]]
from = "USD"
to = "EUR"
rate = "0.9215"
at = "2026-01-01T00:00:00Z"

[[exchange]]
from = "USD"
to = "EUR"
rate = "0.85"
at = "2026-06-01T00:00:00Z"
"#;

fn tollgate(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_tollgate")).args(args).env_remove("TOLLGATE_LOG").output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn done(args: &[&str]) -> String {
    let output = tollgate(args);
    assert!(output.status.success(), "{args:?}\n{}", text(&output.stderr));
    text(&output.stdout)
}

fn json_of(args: &[&str]) -> Value {
    serde_json::from_str(&done(args)).unwrap()
}

/// Writes a file and gives its path.
fn file(folder: &Path, name: &str, content: &str) -> String {
    let path = folder.join(name);
    fs::write(&path, content).unwrap();
    path.to_str().unwrap().to_owned()
}

fn calls() -> Vec<[&'static str; 5]> {
    CALLS
        .lines()
        .skip(1)
        .map(|line| line.split_whitespace().collect::<Vec<_>>().try_into().unwrap())
        .collect()
}

#[test]
fn every_amount_by_price() {
    let folder = tempfile::tempdir().unwrap();
    let deck = file(folder.path(), "retail.csv", RETAIL);
    for [rule, number, talked, billed, amount] in calls() {
        let priced = json_of(&["price", "--deck", &deck, "--json", number, talked]);
        let found = (priced["billed_seconds"].to_string(), &priced["amount"]);
        assert_eq!(found, (billed.to_owned(), &json!(amount)), "{rule}: {number} {talked} s");
        assert_eq!(priced["steps"].as_array().unwrap().last().unwrap()["amount"], amount);
        // A plain price has no more keys than it ever had.
        assert_eq!(priced.as_object().unwrap().len(), 15);
    }
}

#[test]
fn every_amount_by_rerate() {
    let folder = tempfile::tempdir().unwrap();
    let deck = file(folder.path(), "retail.csv", RETAIL);
    let rows: String = calls()
        .iter()
        .map(|[_, number, talked, ..]| {
            format!("c,2026-06-01T12:00:00Z,{number},{}\n", talked.parse::<u64>().unwrap() * 1_000)
        })
        .collect();
    let calls_file =
        file(folder.path(), "calls.csv", &format!("call_id,answered_at,number,duration_ms\n{rows}"));
    let written = done(&["rerate", "--deck", &deck, "--calls", &calls_file]);
    let found: Vec<Vec<&str>> = written.lines().skip(1).map(|line| line.split(',').collect()).collect();
    assert_eq!(found.len(), calls().len());
    for (cells, [rule, number, _, billed, amount]) in found.iter().zip(calls()) {
        assert_eq!((cells[2], cells[7], cells[8]), (number, billed, amount), "{rule}: {cells:?}");
    }
}

/// L10: a call that was answered before the date keeps the old rate, wherever it is priced.
#[test]
fn a_dated_change_of_l10() {
    let folder = tempfile::tempdir().unwrap();
    let header = HEADER.replace(",next_rate,period", "");
    let rows = "55,Brazil,0.02,60,60,,,2026-07-01T00:00:00Z\n55,Brazil,0.03,60,60,,2026-07-01T00:00:00Z,\n";
    let deck = file(folder.path(), "dated.csv", &format!("{header}{rows}"));
    let moments = [("2026-06-30T23:59:59.999Z", "0.02000"), ("2026-07-01T00:00:00Z", "0.03000")];
    for (at, amount) in moments {
        assert_eq!(
            json_of(&["price", "--deck", &deck, "--at", at, "--json", "5511", "60"])["amount"],
            amount,
            "{at}"
        );
    }
    let rows: String = moments.iter().map(|(at, _)| format!("c,{at},5511,60000\n")).collect();
    let calls = file(folder.path(), "calls.csv", &format!("call_id,answered_at,number,duration_ms\n{rows}"));
    let written = done(&["rerate", "--deck", &deck, "--calls", &calls]);
    let found: Vec<&str> = written.lines().skip(1).filter_map(|line| line.split(',').nth(8)).collect();
    assert_eq!(found, moments.map(|(_, amount)| amount));
}

/// X7: of 181 s by the minute two minutes were free; what is re-rated is the rest, and comes to 0.20 again.
#[test]
fn free_minutes_of_x7() {
    let folder = tempfile::tempdir().unwrap();
    let deck = file(folder.path(), "retail.csv", RETAIL);
    let mut call = record("1", "acme", Some("alpha"), "390212345678", 181, "0.20000");
    call["parts"] = json!([
        {"pocket": "free", "seconds": 120, "amount": "120.00000", "currency": "SEC"},
        {"seconds": 120, "amount": "0.20000", "currency": "EUR"},
    ]);
    let calls = file(folder.path(), "calls.jsonl", &format!("{call}\n"));
    let total = &json_of(&["rerate", "--deck", &deck, "--cdrs", &calls, "--json"])["total"][0];
    assert_eq!((&total["new_amount"], &total["difference"]), (&json!("0.20000"), &json!("0.00000")));
}

#[test]
fn roundings_of_l12() {
    let folder = tempfile::tempdir().unwrap();
    let deck = file(folder.path(), "retail.csv", RETAIL);
    for (word, amount) in [("half-up", "0.00206"), ("up", "0.00206"), ("down", "0.00205")] {
        assert_eq!(
            json_of(&["price", "--deck", &deck, "--json", "--rounding", word, "4930123456", "1"])["amount"],
            amount
        );
    }
    assert_eq!(
        tollgate(&["price", "--deck", &deck, "--rounding", "bankers", "4930123456", "1"]).status.code(),
        Some(2)
    );
}

#[test]
fn dollars_become_euros_at_a_dated_rate_or_not_at_all() {
    let folder = tempfile::tempdir().unwrap();
    let deck = file(folder.path(), "usd.csv", &format!("{HEADER}49,Germany,0.12345,1,1,0.10000,,,,\n"));
    let config = file(folder.path(), "t.toml", CONFIG);
    let usd =
        ["price", "--deck", &deck, "--currency", "USD", "--account-currency", "EUR", "--config", &config];
    for (at, amount, rate) in
        [("2026-05-31T23:59:59Z", "0.15093", "0.9215"), ("2026-06-01T00:00:00Z", "0.13922", "0.85")]
    {
        let priced = json_of(&[&usd[..], &["--json", "--at", at, "4930123456", "31"]].concat());
        assert_eq!(
            (&priced["amount"], &priced["currency"], &priced["deck_currency"]),
            (&json!(amount), &json!("EUR"), &json!("USD"))
        );
        assert_eq!((&priced["exchange_rate"], &priced["rate"]), (&json!(rate), &json!("0.12345")));
    }
    let lines = done(&[&usd[..], &["--at", "2026-06-01T00:00:00Z", "4930123456", "31"]].concat());
    for part in [
        "rate         0.12345 USD per minute",
        "exchange     0.85 EUR per USD since 2026-06-01T00:00:00.000Z",
        "x 0.85 EUR per USD since 2026-06-01T00:00:00.000Z  0.139215125",
        "amount       0.13922 EUR",
    ] {
        assert!(lines.contains(part), "{part}\n{lines}");
    }
    let refused = tollgate(&[&usd[..], &["--at", "2025-12-31T23:59:59Z", "4930123456", "31"]].concat());
    assert_eq!(refused.status.code(), Some(1));
    assert!(
        text(&refused.stderr).contains("no conversion rate from USD to EUR"),
        "{}",
        text(&refused.stderr)
    );

    let calls = "call_id,answered_at,number,duration_ms\na,2026-05-31T23:59:59Z,4930123456,31000\nb,2025-01-01T00:00:00Z,4930123456,31000\n";
    let calls = file(folder.path(), "calls.csv", calls);
    let written = done(&[&["rerate", "--calls", &calls], &usd[1..]].concat());
    let rows: Vec<&str> = written.lines().skip(1).collect();
    assert_eq!(rows[0], "a,2026-05-31T23:59:59Z,4930123456,31000,49,Germany,0.12345,31,0.15093,");
    assert_eq!(rows[1], "b,2025-01-01T00:00:00Z,4930123456,31000,49,Germany,0.12345,,,no conversion rate");
}

/// 29 March 2026, when clocks go from 02:00 to 03:00, is a Sunday; Friday 20:00 in Madrid is 19:00 UTC before
/// and 18:00 UTC after it.
#[test]
fn each_block_has_the_price_of_the_time_it_starts_at() {
    let folder = tempfile::tempdir().unwrap();
    let rows = "34,Spain,0.1,60,60,,,,,\n34,Spain,0.3,60,6,,,,0.2,peak\n";
    let deck = file(folder.path(), "timed.csv", &format!("{HEADER}{rows}"));
    let config = file(folder.path(), "t.toml", CONFIG);
    let timed = ["price", "--deck", &deck, "--config", &config, "--json"];
    for (at, seconds, billed, amount) in [
        // Before 20:00 for 90 s: 60 s at 0.3, then 30 s at 0.2 by 6 s; then minutes at 0.1.
        ("2026-03-27T18:58:30Z", "91", 150, "0.50000"),
        ("2026-03-27T18:58:30Z", "90", 90, "0.40000"),
        ("2026-03-27T19:00:00Z", "90", 120, "0.20000"),
        // A week later the same clock is an hour earlier by UTC.
        ("2026-04-03T17:58:30Z", "91", 150, "0.50000"),
        ("2026-04-03T18:00:00Z", "90", 120, "0.20000"),
        // Sunday.
        ("2026-03-29T10:00:00Z", "60", 60, "0.10000"),
    ] {
        let priced = json_of(&[&timed[..], &["--at", at, "34911234567", seconds]].concat());
        assert_eq!(
            (&priced["billed_seconds"], &priced["amount"]),
            (&json!(billed), &json!(amount)),
            "{at} {seconds} s"
        );
    }
    let priced = json_of(&[&timed[..], &["--at", "2026-03-27T18:58:30Z", "34911234567", "91"]].concat());
    let steps: Vec<String> = priced["steps"]
        .as_array()
        .unwrap()
        .iter()
        .map(|s| format!("{} = {}", s["text"], s["amount"]).replace('"', ""))
        .collect();
    assert_eq!(
        steps,
        [
            "first 60 s at 0.30000/min (peak) = 0.30000",
            "5 x 6 s at 0.20000/min from 60 s on (peak) = 0.10000",
            "1 x 60 s at 0.10000/min from 90 s on = 0.10000",
            "exact sum for 150 s = 0.50000",
            "rounded once, half-up = 0.50000",
        ]
    );
    assert_eq!(priced["segments"][1], json!({"from": 60, "block": 6, "rate": "0.20000", "period": "peak"}));
    // Without the configuration the period is unknown, with its place.
    let refused = tollgate(&["price", "--deck", &deck, "34911234567", "1"]);
    assert!(
        text(&refused.stderr).contains("timed.csv:3:26: period: \"peak\" is not defined"),
        "{}",
        text(&refused.stderr)
    );
    let calls = file(
        folder.path(),
        "calls.csv",
        "call_id,answered_at,number,duration_ms\na,2026-03-27T18:58:30Z,34911234567,91000\n",
    );
    let written = done(&["rerate", "--deck", &deck, "--config", &config, "--calls", &calls]);
    assert!(written.ends_with("34,Spain,0.30000,150,0.50000,\n"), "{written}");
}

/// A record as the API prints it.
fn record(id: &str, account: &str, carrier: Option<&str>, number: &str, seconds: u64, amount: &str) -> Value {
    json!({
        "id": id, "node": "sw1", "account": account, "gate": "pbx", "caller": "1", "called": number, "called_e164": number,
        "destination": "Brazil", "prefix": "55", "deck": "retail", "deck_version": "00000000000000ff", "codec_a": null, "codec_b": null,
        "call_id_a": "a", "call_id_b": null, "carrier": carrier, "attempts": [], "started_at": "2026-06-01T11:59:50.000Z",
        "answered_at": "2026-06-01T12:00:00.000Z", "ended_at": "2026-06-01T12:05:00.000Z", "pdd_ms": 10, "duration_ms": seconds * 1_000,
        "billed_seconds": 0, "initial": 30, "increment": 6, "rate": "0.12345", "connect_fee": "0.00000", "amount": amount, "currency": "EUR",
        "cost": null, "cost_currency": null, "balance_before": "9.00000", "balance_after": "8.00000", "teardown_ms": 0, "hangup_by": "caller",
        "cause_q850": 16, "sip_status": 200, "reason": "answered", "route_reason": null, "transport_a": "udp", "transport_b": null,
    })
}

#[test]
fn billed_calls_at_tomorrows_prices() {
    let folder = tempfile::tempdir().unwrap();
    let new = file(
        folder.path(),
        "new.csv",
        &format!("{HEADER}55,Brazil,0.2,60,60,,,,,\n49,Germany,0.05,1,1,,,,,\n"),
    );
    let config = file(folder.path(), "t.toml", CONFIG);
    let records = [
        record("1", "acme", Some("alpha"), "552112345678", 31, "0.07407"),
        record("2", "acme:shop", Some("beta"), "552112345678", 61, "0.13580"),
        record("3", "acme", Some("alpha"), "3311", 31, "0.07407"),
        json!({"answered_at": null, "duration_ms": 0, "amount": "0.00000", "carrier": null}),
    ];
    let mut records = records.to_vec();
    // The failed call is a whole record too.
    let failed = records.pop().unwrap();
    let mut whole = record("4", "acme", None, "552112345678", 0, "0.00000");
    whole.as_object_mut().unwrap().extend(failed.as_object().unwrap().clone());
    records.push(whole);
    let page = file(folder.path(), "page.json", &json!({"items": records, "next": null}).to_string());
    let lines =
        file(folder.path(), "lines.jsonl", &records.iter().map(|r| format!("{r}\n")).collect::<String>());
    let corrections = folder.path().join("corrections.jsonl");
    let period = ["--from", "2026-06-01T00:00:00Z", "--to", "2026-06-02T00:00:00Z"];
    for cdrs in [&page, &lines] {
        let args = [
            &[
                "rerate",
                "--deck",
                &new,
                "--config",
                &config,
                "--cdrs",
                cdrs,
                "--json",
                "--corrections",
                corrections.to_str().unwrap(),
            ],
            &period[..],
        ];
        let compared = json_of(&args.concat());
        assert_eq!(
            compared["accounts"],
            json!([
                {"account": "acme", "currency": "EUR", "calls": 1, "old_amount": "0.07407", "new_amount": "0.20000", "difference": "0.12593"},
                {"account": "acme:shop", "currency": "EUR", "calls": 1, "old_amount": "0.13580", "new_amount": "0.40000", "difference": "0.26420"},
            ])
        );
        assert_eq!(compared["carriers"][1]["carrier"], "beta");
        assert_eq!(compared["destinations"][0]["difference"], "0.39013");
        assert_eq!(
            (&compared["total"][0]["calls"], &compared["total"][0]["new_amount"]),
            (&json!(2), &json!("0.60000"))
        );
        assert_eq!(
            (&compared["unpriced"][0]["reason"], &compared["unpriced"][0]["old_amount"]),
            (&json!("no price"), &json!("0.07407"))
        );
        let version = compared["deck_version"].as_str().unwrap();
        let written = fs::read_to_string(&corrections).unwrap();
        let first: Value = serde_json::from_str(written.lines().next().unwrap()).unwrap();
        assert_eq!((first["account"].as_str(), first["amount"].as_str()), (Some("acme"), Some("-0.12593")));
        assert_eq!(first["key"], format!("rerate/{version}/acme/20260601T000000Z/20260602T000000Z"));
        assert_eq!(written.lines().count(), 2);
    }
    // By their own prices nothing differs; the period, the account and the deck choose.
    let own = json_of(&["rerate", "--cdrs", &lines, "--json"]);
    assert_eq!((&own["total"][0]["calls"], &own["total"][0]["difference"]), (&json!(3), &json!("0.00000")));
    for (args, calls) in [
        (["--account", "acme:shop"], 1),
        (["--billed-by", "retail"], 3),
        (["--from", "2026-06-01T12:00:00Z"], 3),
    ] {
        assert_eq!(
            json_of(&[&["rerate", "--cdrs", &lines, "--json"], &args[..]].concat())["total"][0]["calls"],
            calls,
            "{args:?}"
        );
    }
    for args in [["--billed-by", "other"], ["--to", "2026-06-01T12:05:00Z"]] {
        assert_eq!(
            json_of(&[&["rerate", "--cdrs", &lines, "--json"], &args[..]].concat())["total"],
            json!([]),
            "{args:?}"
        );
    }
    assert!(done(&["rerate", "--deck", &new, "--cdrs", &lines]).contains("acme:shop"));
}

#[test]
fn a_correction_run_needs_its_period_and_a_deck() {
    let folder = tempfile::tempdir().unwrap();
    let deck = file(folder.path(), "new.csv", &format!("{HEADER}55,Brazil,0.2,60,60,,,,,\n"));
    let lines =
        file(folder.path(), "lines.jsonl", &record("1", "acme", None, "5521", 31, "0.07407").to_string());
    let broken = file(folder.path(), "broken.jsonl", "{\"id\":\"1\"}\n");
    let (from, to) = ("2026-06-01T00:00:00Z", "2026-06-02T00:00:00Z");
    for (args, hint) in [
        (vec!["--cdrs", &lines, "--deck", &deck, "--book"], "--from and --to"),
        (
            vec!["--cdrs", &lines, "--deck", &deck, "--book", "--from", "2026-06-01T00:00:00.5Z", "--to", to],
            "whole seconds",
        ),
        (vec!["--cdrs", &lines, "--book", "--from", from, "--to", to], "give --deck"),
        (vec!["--cdrs", &broken, "--deck", &deck], "record 1"),
    ] {
        let output = tollgate(&[&["rerate"], &args[..]].concat());
        assert_eq!(output.status.code(), Some(1), "{args:?}");
        assert!(text(&output.stderr).contains(hint), "{args:?}\n{}", text(&output.stderr));
    }
    assert_eq!(tollgate(&["rerate", "--deck", &deck]).status.code(), Some(2));
}
