//! Journals of earlier versions: what the program of commit a8b4d55 wrote is opened to the balances, call
//! records and statements that it told itself. `tests/data/a8b4d55/make.sh` made the bytes and the answers.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::harness::{CARRIERS, Site, eventually, free_port, verify_ledger};

const WHOLESALE: &str = "34,Spain,0.40,1,1,,,\n44,UK,0.20,1,1,,,";
const RETAIL: &str = "34,Spain,0.60,1,1,0.01,,\n44,UK,0.30,1,1,,,";
/// How long the program was not there since then, and which shard wrote first at the start.
const SINCE_THEN: &[&str] = &["teardown_ms", "entry"];

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/data/a8b4d55")
}

fn answer(name: &str) -> Value {
    let mut answer: Value = serde_json::from_str(
        &fs::read_to_string(folder().join("answers").join(format!("{name}.json"))).unwrap(),
    )
    .unwrap();
    if name == "ledger-trial-balance" {
        // It told of every system account, also of those with nothing in them.
        answer["lines"].as_array_mut().unwrap().retain(|line| line["balance"] != "0.00000");
    }
    answer
}

/// A site with the old data in its data folder, as its old program was configured.
fn site() -> Site {
    let site = Site::new().deck("retail", RETAIL).deck("wholesale", WHOLESALE);
    let account = |name: &str, deck: &str| {
        format!("[[account]]\nname = \"{name}\"\ncurrency = \"EUR\"\nbalance = \"1.00\"\ndeck = \"{deck}\"")
    };
    let site = site
        .toml(&account("acme", "wholesale"))
        .toml(&account("acme:shop", "retail"))
        .toml("[[payment_method]]\nname = \"bank\"\ncurrency = \"EUR\"");
    let site =
        site.gate("acme-pbx", "acme", "127.0.0.11", "").gate("shop-pbx", "acme:shop", "127.0.0.13", "");
    let site = site.carrier("alpha", free_port(CARRIERS), "deck = \"wholesale\"").route("", &["alpha"]);
    fs::create_dir(site.data()).unwrap();
    for file in fs::read_dir(folder().join("data")).unwrap().flatten() {
        fs::copy(file.path(), site.data().join(file.file_name())).unwrap();
    }
    site
}

/// All that the old answer says the new one says too; it may say more.
fn says_as_much(new: &Value, old: &Value, place: &str) {
    match (new, old) {
        (Value::Object(new), Value::Object(old)) => {
            for (key, value) in old.iter().filter(|(key, _)| !SINCE_THEN.contains(&key.as_str())) {
                says_as_much(new.get(key).unwrap_or(&Value::Null), value, &format!("{place}.{key}"));
            }
        }
        (Value::Array(new), Value::Array(old)) => {
            assert_eq!(new.len(), old.len(), "{place}");
            new.iter()
                .zip(old)
                .enumerate()
                .for_each(|(n, (new, old))| says_as_much(new, old, &format!("{place}[{n}]")));
        }
        _ => assert_eq!(new, old, "{place}"),
    }
}

#[test]
fn a_journal_of_a8b4d55_opens_to_the_same() {
    let site = site();
    let found = verify_ledger(&site.data());
    says_as_much(&found, &answer("verify"), "verify");
    assert_eq!(
        (found["open_calls"].as_u64(), found["snapshots"].as_array().map(Vec::len)),
        (Some(1), Some(1)),
        "{found}"
    );
    let switch = site.start();
    eventually("the end of the call that was up", crate::harness::SOON, || {
        switch.api.cdrs().iter().any(|cdr| cdr.text("reason") == "node-lost").then_some(())
    });
    for path in [
        "accounts",
        "cdrs",
        "accounts/acme/statement",
        "accounts/acme:shop/statement",
        "accounts/acme/topups",
        "ledger/trial-balance",
    ] {
        let reply = switch.api.get(&format!("/{path}"));
        assert_eq!(reply.status, 200, "{path}: {reply:?}");
        says_as_much(&reply.body, &answer(&path.replace(['/', ':'], "-")), path);
    }
    assert!(switch.log().contains("\"from_snapshot\":"), "{}", switch.log());
    switch.stop();
    verify_ledger(&site.data());
}

#[test]
fn a_record_of_the_future_is_refused_in_words() {
    let site = site();
    let journal = site.data().join("journal.db");
    // As a later Tollgate would write it: number, chain and columns are right, its form is not known here.
    let body = r#"{"v":2,"at":1,"account":"@node","body":{"weather":{"rain":true}}}"#;
    let (entry, hash) = store::journal_head(&site.data()).unwrap();
    let next = ledger::hex(&ledger::chain(&hash, body.as_bytes()));
    let sql = |body: &str, hash: &str| {
        let row = format!(
            "INSERT OR REPLACE INTO entry VALUES ({}, 0, '@node', 1, '{body}', x'{hash}')",
            entry + 1
        );
        assert!(std::process::Command::new("sqlite3").arg(&journal).arg(row).status().unwrap().success());
    };
    sql(body, &next);
    site.write();
    let output = crate::harness::tollgate(&["run", "--config", site.config().to_str().unwrap()]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && output.stdout.is_empty(), "{output:?}");
    assert!(
        said.contains("written by a newer Tollgate; record version 2") && said.contains("run the version"),
        "{said}"
    );
    // One that its writer lets others pass over stops nobody.
    let body = body.replace(r#""v":2,"#, r#""v":2,"needs":1,"#);
    sql(&body, &ledger::hex(&ledger::chain(&hash, body.as_bytes())));
    let switch = site.start();
    assert_eq!(switch.api.top_up("acme", "1.00", "after the future").status, 201);
    switch.stop();
    verify_ledger(&site.data());
}
