//! `tollgate check` and `tollgate route` as users call them.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic)]

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

const CONFIG: &str = r#"
[node]
name = "sw1"
data_dir = "./data"
drain_secs = 30

[sip]
listen = ["udp:127.0.0.1:5060", "tcp:127.0.0.1:5060"]

[http]
listen = "127.0.0.1:8080"
admin_token_file = "./admin.token"

[media]
mode = "bypass"
address = "127.0.0.1"
ports = [16384, 32766]

[[deck]]
name = "retail"
file = "decks/retail.csv"
currency = "EUR"

[[deck]]
name = "alpha-cost"
file = "decks/alpha.csv"
currency = "EUR"

[[account]]
name = "acme"
currency = "EUR"
balance = "10.00"
deck = "retail"

[[gate]]
name = "acme-pbx"
account = "acme"
source = ["127.0.0.11", "192.0.2.0/24"]
codecs = ["PCMA", "PCMU"]

[[carrier]]
name = "alpha"
address = "sip:127.0.0.1:5080;transport=udp"
deck = "alpha-cost"
codecs = ["PCMA", "PCMU", "G729"]

[[carrier]]
name = "beta"
address = "sip:127.0.0.1:5081;transport=udp"

[[carrier]]
name = "gamma"
address = "sip:127.0.0.1:5082;transport=udp"
codecs = ["G729"]

[[route]]
prefix = "34"
carriers = ["gamma", "alpha", "beta"]
"#;

fn tollgate(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_tollgate")).args(args).env_remove("TOLLGATE_LOG").output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn write(folder: &Path, config: &str) -> String {
    let header = "prefix,destination,rate,initial,increment,connect_fee,effective_from,effective_until\n";
    fs::create_dir_all(folder.join("decks")).unwrap();
    fs::write(folder.join("decks/retail.csv"), format!("{header}34,Spain,0.12345,30,6,,,\n")).unwrap();
    fs::write(folder.join("decks/alpha.csv"), format!("{header}34,Spain,0.01,1,1,,,\n")).unwrap();
    let path = folder.join("tollgate.toml");
    fs::write(&path, config).unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn a_good_configuration_is_ok() {
    let folder = tempfile::tempdir().unwrap();
    let config = write(folder.path(), CONFIG);
    let output = tollgate(&["check", "--config", &config]);
    assert_eq!(
        (output.status.code(), text(&output.stdout).as_str()),
        (Some(0), "ok\n"),
        "{}",
        text(&output.stderr)
    );
    let json: Value =
        serde_json::from_slice(&tollgate(&["check", "--config", &config, "--json"]).stdout).unwrap();
    assert_eq!(json["ok"], true);
    assert!(
        !folder.path().join("data").exists() && !folder.path().join("admin.token").exists(),
        "a check leaves nothing behind"
    );
}

#[test]
fn all_errors_come_at_once_with_their_places() {
    let folder = tempfile::tempdir().unwrap();
    let wrong = CONFIG
        .replace("drain_secs = 30", "drain_secs = \"soon\"")
        .replace("admin_token_file", "admin_token_fiel")
        .replace("account = \"acme\"", "account = \"acne\"")
        .replace("mode = \"bypass\"", "mode = \"relais\"");
    let config = write(folder.path(), &wrong);
    fs::write(
        folder.path().join("decks/alpha.csv"),
        "prefix,destination,rate,initial,increment,connect_fee,effective_from,effective_until\n34,S,x,1,1,,,\n",
    )
    .unwrap();
    let output = tollgate(&["check", "--config", &config]);
    assert_eq!(output.status.code(), Some(1));
    let said = text(&output.stdout);
    let line_of = |needle: &str| wrong.lines().position(|line| line.contains(needle)).unwrap() + 1;
    for (needle, file) in [
        ("\"soon\"", "tollgate.toml"),
        ("admin_token_fiel", "tollgate.toml"),
        ("\"acne\"", "tollgate.toml"),
        ("\"relais\"", "tollgate.toml"),
    ] {
        let place = format!("{file}:{}:", line_of(needle));
        assert!(said.lines().any(|line| line.contains(&place)), "{place}\n{said}");
    }
    assert!(said.lines().any(|line| line.contains("alpha.csv:2:")), "{said}");
    assert!(!said.contains("ok\n"));
    let json: Value =
        serde_json::from_slice(&tollgate(&["check", "--config", &config, "--json"]).stdout).unwrap();
    assert_eq!(json["ok"], false);
    assert!(json["findings"].as_array().unwrap().len() >= 5);
    assert!(json["findings"][0]["line"].as_u64().unwrap() > 1);
    let missing = tollgate(&["check", "--config", "/nonexistent.toml"]);
    assert_eq!(missing.status.code(), Some(1));
    assert!(text(&missing.stdout).starts_with("/nonexistent.toml:1:1: "), "{}", text(&missing.stdout));
}

fn route(config: &str, rest: &[&str]) -> (Option<i32>, Value) {
    let output = tollgate(&[&["route", "--config", config, "--gate", "acme-pbx", "--json"], rest].concat());
    let json =
        serde_json::from_slice(&output.stdout).unwrap_or_else(|e| panic!("{e}: {}", text(&output.stderr)));
    (output.status.code(), json)
}

#[test]
fn the_plan_names_every_carrier_with_its_reason() {
    let folder = tempfile::tempdir().unwrap();
    let config = write(folder.path(), CONFIG);
    let (code, plan) = route(&config, &["--to", "+34911234567"]);
    assert_eq!(code, Some(0));
    for key in ["account", "gate", "to_e164", "price", "lease", "carriers", "left_out"] {
        assert!(plan.get(key).is_some(), "{key}");
    }
    assert_eq!(
        (&plan["account"], &plan["gate"], &plan["to_e164"]),
        (&"acme".into(), &"acme-pbx".into(), &"34911234567".into())
    );
    assert_eq!(plan["price"]["rate"], "0.12345");
    // The first 30 s at 0.12345 a minute: 0.061725, half-up.
    assert_eq!((&plan["lease"]["amount"], &plan["lease"]["seconds"]), (&"0.06173".into(), &30.into()));
    let names: Vec<&str> =
        plan["carriers"].as_array().unwrap().iter().map(|c| c["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["alpha", "beta"]);
    assert_eq!(plan["carriers"][0]["cost"], "0.01000");
    assert!(plan["carriers"][1]["cost"].is_null());
    assert!(plan["carriers"].as_array().unwrap().iter().all(|c| !c["reason"].as_str().unwrap().is_empty()));
    assert_eq!(plan["left_out"][0]["name"], "gamma");
    assert!(plan["left_out"][0]["reason"].as_str().unwrap().contains("codec"));
    let lines =
        text(&tollgate(&["route", "--config", &config, "--gate", "acme-pbx", "--to", "34911234567"]).stdout);
    for part in ["acme", "34911234567", "0.06173 EUR", "1. alpha", "2. beta", "left out: gamma"] {
        assert!(lines.contains(part), "{part}\n{lines}");
    }
}

/// A carrier that charges in dollars beside a price in euros: compared by the dated rate; without one taken,
/// and said so.
#[test]
fn profit_is_judged_across_currencies_by_the_dated_rate() {
    let folder = tempfile::tempdir().unwrap();
    let dollars = CONFIG.replace(
        "file = \"decks/alpha.csv\"\ncurrency = \"EUR\"",
        "file = \"decks/alpha.csv\"\ncurrency = \"USD\"",
    );
    let guarded = dollars.replace("balance = \"10.00\"", "balance = \"10.00\"\nprofit_guard = \"block\"");
    let exchange = |rate: &str, at: &str| {
        format!("\n[[exchange]]\nfrom = \"USD\"\nto = \"EUR\"\nrate = \"{rate}\"\nat = \"{at}\"\n")
    };
    // A minute brings 0.12345 EUR and costs 0.01 USD: a loss when a dollar is more than 12.345 EUR.
    let rates = exchange("12.345", "2026-01-01T00:00:00Z") + &exchange("12.3451", "2026-06-01T00:00:00Z");
    let config = write(folder.path(), &(guarded.clone() + &rates));
    let first = |at: &str| {
        let (_, plan) = route(&config, &["--to", "34911234567", "--at", at]);
        (
            plan["carriers"][0]["name"].clone(),
            plan["carriers"][0]["reason"].as_str().unwrap().to_owned(),
            plan["left_out"].to_string(),
        )
    };
    let (name, reason, _) = first("2026-05-31T23:59:59Z");
    assert_eq!((name, reason.as_str()), ("alpha".into(), "route 34, place 2 of 3, cost 0.01000 USD"));
    let (name, reason, left_out) = first("2026-06-01T00:00:00Z");
    assert_eq!(
        (name, reason.as_str()),
        ("beta".into(), "route 34, place 3 of 3, cost unknown, 1 left out at a loss")
    );
    assert!(left_out.contains("it costs more than the call brings"), "{left_out}");
    let (name, reason, _) = first("2025-12-31T23:59:59Z");
    assert_eq!(
        (name, reason.as_str()),
        ("alpha".into(), "route 34, place 2 of 3, cost 0.01000 USD, not compared: no conversion rate")
    );
}

#[test]
fn a_refused_call_says_status_and_cause() {
    let folder = tempfile::tempdir().unwrap();
    let config = write(folder.path(), CONFIG);
    for (to, status, cause) in
        [("", 484, 28), ("34abc", 404, 1), ("1234567890123456", 404, 1), ("49301234567", 404, 3)]
    {
        let (code, plan) = route(&config, &["--to", to]);
        assert_eq!(code, Some(1), "{to}");
        assert_eq!(
            (&plan["refused"]["status"], &plan["refused"]["cause"]),
            (&status.into(), &cause.into()),
            "{to}"
        );
    }
    let unknown = tollgate(&["route", "--config", &config, "--gate", "nobody", "--to", "34911234567"]);
    assert_eq!(unknown.status.code(), Some(1));
    assert!(text(&unknown.stderr).contains("acme-pbx"));
}

#[test]
fn a_node_that_is_not_there_is_said_so() {
    let folder = tempfile::tempdir().unwrap();
    let config = write(folder.path(), &CONFIG.replace("127.0.0.1:8080", "127.0.0.1:1"));
    let no_token = tollgate(&["account", "list", "--config", &config]);
    assert_eq!(no_token.status.code(), Some(1));
    assert!(text(&no_token.stderr).contains("admin.token"), "{}", text(&no_token.stderr));
    let token = folder.path().join("admin.token");
    fs::write(&token, "0123456789abcdef0123456789abcdef\n").unwrap();
    let exposed = tollgate(&["calls", "--config", &config]);
    assert!(text(&exposed.stderr).contains("600"), "{}", text(&exposed.stderr));
    fs::set_permissions(&token, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    for args in [
        vec!["account", "list"],
        vec!["calls"],
        vec!["cdr", "--csv"],
        vec!["account", "topup", "acme", "5.00"],
    ] {
        let output = tollgate(&[&args[..], &["--config", &config]].concat());
        assert_eq!(output.status.code(), Some(1), "{args:?}");
        assert!(
            text(&output.stderr).contains("no answer from the node at http://127.0.0.1:1"),
            "{}",
            text(&output.stderr)
        );
    }
    let verify = tollgate(&["ledger", "verify", "--data", folder.path().join("none").to_str().unwrap()]);
    assert_eq!(verify.status.code(), Some(1));
    assert_eq!(text(&verify.stderr).lines().count(), 1);
}
