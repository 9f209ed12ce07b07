//! `tollgate deck` as operators call it: compare, export, and workbooks wherever a deck is named.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic)]

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

const HEADER: &str = "prefix,destination,rate,initial,increment,connect_fee,effective_from,effective_until\n";
const OLD: &str = "55,Brazil,0.02,30,6,,,\n34,Spain,0.03,1,1,,,\n7,Russia,0.05,60,60,,,\n44,UK,0.01,1,1,,,2026-01-01T00:00:00Z\n";
const NEW: &str = "55,Brazil,0.02,30,6,,,2026-04-01T00:00:00Z\n55,Brazil,0.03,30,6,,2026-04-01T00:00:00Z,\n\
                   34,Spain,0.01,1,1,,,\n39,Italy,0.04,1,1,,,\n44,UK,0.01,1,1,,,2026-01-01T00:00:00Z\n";

fn tollgate(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_tollgate")).args(args).env_remove("TOLLGATE_LOG").output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn write(folder: &Path, name: &str, rows: &str) -> String {
    let path = folder.join(name);
    fs::write(&path, format!("{HEADER}{rows}")).unwrap();
    path.to_str().unwrap().to_owned()
}

fn version(stderr: &[u8]) -> String {
    let said = text(stderr);
    let (_, rest) = said.split_once("version ").unwrap_or_else(|| panic!("{said}"));
    rest.split(',').next().unwrap().to_owned()
}

/// Lines as they were before what did not fit went on below, by its indent.
fn unfolded(said: &str) -> Vec<String> {
    let mut whole: Vec<String> = Vec::new();
    for line in said.lines() {
        let rest = line.trim_start();
        match (whole.last_mut(), line.len() - rest.len()) {
            (Some(before), 9 | 19) => *before = format!("{before} {rest}"),
            _ => whole.push(line.to_owned()),
        }
    }
    whole
}

#[test]
fn fault_d4_a_new_version_is_shown_in_80_columns_before_it_is_loaded() {
    let folder = tempfile::tempdir().unwrap();
    let (old, new) = (write(folder.path(), "old.csv", OLD), write(folder.path(), "new.csv", NEW));
    let diff = ["deck", "diff", &old, &new, "--at", "2026-03-01T00:00:00Z"];
    let output = tollgate(&diff);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let said = text(&output.stdout);
    assert!(said.lines().all(|line| line.chars().count() <= 80), "{said}");
    let whole = unfolded(&said);
    let lines: Vec<&str> =
        whole.iter().skip(3).map(|line| line.trim()).filter(|line| !line.is_empty()).collect();
    let expected = [
        "rows     2 added, 1 removed, 0 dearer, 1 cheaper, 1 otherwise changed, 1 unchanged, 0 in error",
        "past     1 rows are over, 0 changed rows began earlier: calls already billed keep their amounts",
        "Prices, the largest change first",
        "-66.67 %  Spain  0.03000 1/1 -> 0.01000 1/1  1 prefix from 2026-03-01T00:00:00.000Z",
        "+50.00 %  Brazil  0.02000 30/6 -> 0.03000 30/6  1 prefix from 2026-04-01T00:00:00.000Z",
        "Italy  none -> 0.04000 1/1  1 prefix from 2026-03-01T00:00:00.000Z",
        "Russia  0.05000 60/60 -> none  1 prefix from 2026-03-01T00:00:00.000Z",
        "When, if loaded at 2026-03-01T00:00:00.000Z",
        "2026-03-01T00:00:00.000Z  0 dearer, 1 cheaper, 0 otherwise changed, 1 new, 1 gone",
        "2026-04-01T00:00:00.000Z  1 dearer, 0 cheaper, 0 otherwise changed, 0 new, 0 gone",
        "Rows",
        "down       34  line 3: Spain 0.03000 1/1 -> line 4: Spain 0.01000 1/1",
        "added      39  line 5: Italy 0.04000 1/1",
        "otherwise  55  line 2: Brazil 0.02000 30/6 -> line 2: Brazil 0.02000 30/6 until 2026-04-01T00:00:00.000Z",
        "added      55  line 3: Brazil 0.03000 30/6 from 2026-04-01T00:00:00.000Z",
        "removed    7  line 4: Russia 0.05000 60/60",
    ];
    let found: std::collections::BTreeSet<&str> = lines.iter().copied().collect();
    assert_eq!(lines[..11], expected[..11], "{said}");
    assert_eq!(found, expected.into_iter().collect(), "{said}");

    let json: Value = serde_json::from_slice(&tollgate(&[&diff[..], &["--json"]].concat()).stdout).unwrap();
    assert_eq!(
        (&json["added"], &json["removed"], &json["down"], &json["over"]),
        (&2.into(), &1.into(), &1.into(), &1.into())
    );
    assert_eq!(json["effects"][1]["percent"], "+50.00");
    assert_eq!(json["effects"][1]["new"]["rate"], "0.03000");
    assert_eq!(json["instants"].as_array().unwrap().len(), 2);
}

#[test]
fn wrong_rows_are_shown_beside_what_the_others_would_change() {
    let folder = tempfile::tempdir().unwrap();
    let old = write(folder.path(), "old.csv", OLD);
    let new = write(
        folder.path(),
        "new.csv",
        &format!("{OLD}55,Again,0.1,1,1,,,\n33,France,NaN,1,1,,,\n33,France,0.1,1,1,,,\n"),
    );
    let output = tollgate(&["deck", "diff", &old, &new]);
    assert_eq!(output.status.code(), Some(1));
    let said = unfolded(&text(&output.stdout)).join("\n");
    for part in [
        "1 added, 0 removed, 0 dearer, 0 cheaper, 0 otherwise changed, 4 unchanged, 2 in error",
        "new.csv:6:1: prefix 55: in force at the same time as the row of line 2",
        "new.csv:7:11: rate: NaN: not a decimal",
        "added      33  line 8: France 0.10000 1/1",
    ] {
        assert!(said.contains(part), "{part}\n{said}");
    }
    let wrong = tollgate(&["deck", "diff", &new, &old]);
    assert_eq!((wrong.status.code(), wrong.stdout.len()), (Some(1), 0));
    assert!(text(&wrong.stderr).contains("nothing to compare with"));
}

#[test]
fn an_export_loads_to_the_same_version_whatever_its_format() {
    let folder = tempfile::tempdir().unwrap();
    let first = write(
        folder.path(),
        "retail.csv",
        &format!("{NEW}+77,\"Kazakhstan, \"\"all\"\"\",999999.99999,1,1,0.00001,,\n"),
    );
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (book, csv) = (path("retail.xlsx"), path("again.csv"));
    let made = tollgate(&["deck", "export", &first, "--format", "xlsx", "--out", &book]);
    assert!(made.status.success(), "{}", text(&made.stderr));
    let again = tollgate(&["deck", "export", &book, "--out", &csv]);
    assert!(again.status.success(), "{}", text(&again.stderr));
    let last = tollgate(&["deck", "export", &csv]);
    assert_eq!(
        [version(&made.stderr), version(&again.stderr)],
        [version(&last.stderr), version(&last.stderr)]
    );
    assert_eq!(text(&last.stdout), fs::read_to_string(&csv).unwrap());
    assert!(
        text(&last.stdout).contains("77,\"Kazakhstan, \"\"all\"\"\",999999.99999,1,1,0.00001,,,,\n"),
        "complete, with increments"
    );
    let over = tollgate(&["deck", "export", &csv, "--out", &book]);
    assert!(
        !over.status.success() && text(&over.stderr).contains("name a new file"),
        "nothing is written over"
    );
    let price = tollgate(&["price", "--deck", &book, "77011", "60", "--json"]);
    let price: Value = serde_json::from_slice(&price.stdout).unwrap();
    assert_eq!(price["amount"], "1000000.00000");
}

#[test]
fn a_workbook_is_a_deck_of_the_configuration_and_its_cells_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let mut book = rust_xlsxwriter::Workbook::new();
    book.add_worksheet().set_name("Notes").unwrap();
    let sheet = book.add_worksheet().set_name("Prices").unwrap();
    for (column, name) in (0..).zip(["prefix", "destination", "rate", "initial", "increment"]) {
        sheet.write_string(0, column, name).unwrap();
    }
    sheet
        .write_number(1, 0, 34)
        .unwrap()
        .write_string(1, 1, "Spain")
        .unwrap()
        .write_number(1, 2, 0.12345)
        .unwrap();
    sheet.write_number(1, 3, 30).unwrap().write_number(1, 4, 6).unwrap();
    book.save(folder.path().join("good.xlsx")).unwrap();
    book.worksheet_from_name("Prices").unwrap().write_string(1, 2, "dear").unwrap();
    book.save(folder.path().join("bad.xlsx")).unwrap();
    let check = |file: &str, sheet: &str| {
        let config = format!(
            "[node]\nname = \"sw1\"\ndata_dir = \"./data\"\n[sip]\nlisten = [\"udp:127.0.0.1:5060\"]\n\
             [[deck]]\nname = \"retail\"\nfile = \"{file}\"\n{sheet}currency = \"EUR\"\n[media]\nmode = \"bypass\"\n"
        );
        fs::write(folder.path().join("t.toml"), config).unwrap();
        let config = folder.path().join("t.toml").to_str().unwrap().to_owned();
        let output = tollgate(&["check", "--config", &config]);
        let drawn = tollgate(&["check", "--config", &config, "--draw"]);
        assert_eq!(drawn.status.code(), output.status.code());
        text(&output.stdout).replace(&format!("{}/", folder.path().display()), "")
    };
    assert_eq!(check("good.xlsx", "sheet = \"Prices\"\n"), "ok\n");
    assert_eq!(
        check("bad.xlsx", "sheet = \"Prices\"\n"),
        "bad.xlsx:2:3: cell C2: rate: dear: not a decimal number such as 0.01250\n"
    );
    assert!(check("good.xlsx", "").starts_with("good.xlsx:1:1: "), "its first sheet is empty");
    assert!(
        check("good.xlsx", "sheet = \"Price\"\n").contains("no sheet \"Price\"; there are: Notes, Prices")
    );
    let price = tollgate(&[
        "price",
        "--deck",
        folder.path().join("good.xlsx").to_str().unwrap(),
        "--sheet",
        "Prices",
        "34911",
        "31",
    ]);
    assert!(text(&price.stdout).contains("0.07407"), "{}", text(&price.stderr));
}
