//! The operator's commands against a running node: what they print, and that money moves once.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic)]

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;

const CONFIG: &str = r#"
[node]
name = "sw1"
data_dir = "./data"
drain_secs = 1
[sip]
listen = ["udp:127.0.0.1:0", "tcp:127.0.0.1:0"]
[http]
listen = "127.0.0.1:0"
[[deck]]
name = "retail"
file = "retail.csv"
currency = "EUR"
[[account]]
name = "acme"
currency = "EUR"
balance = "10.00"
deck = "retail"
[[gate]]
name = "acme-pbx"
account = "acme"
source = ["127.0.0.11"]
[[carrier]]
name = "alpha"
address = "sip:127.0.0.1:5080;transport=udp"
[[route]]
prefix = "34"
carriers = ["alpha"]
[media]
mode = "bypass"
"#;

struct Node {
    child: Child,
    folder: tempfile::TempDir,
    api: String,
}

impl Node {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let header = "prefix,destination,rate,initial,increment,connect_fee,effective_from,effective_until\n";
        fs::write(folder.path().join("retail.csv"), format!("{header}34,Spain,0.12345,30,6,,,\n")).unwrap();
        fs::write(folder.path().join("tollgate.toml"), CONFIG).unwrap();
        let mut child = Command::new(env!("CARGO_BIN_EXE_tollgate"))
            .args(["run", "--log", "warn", "--config"])
            .arg(folder.path().join("tollgate.toml"))
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert!(line.starts_with("ready udp=127.0.0.1:"), "{line}");
        let http = line.split_whitespace().find_map(|word| word.strip_prefix("http=")).unwrap();
        Self { child, folder, api: format!("http://{http}") }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn ask(&self, args: &[&str]) -> Output {
        let token = self.file("admin.token");
        Command::new(env!("CARGO_BIN_EXE_tollgate"))
            .args(args)
            .args(["--api", &self.api, "--token-file", token.to_str().unwrap()])
            .output()
            .unwrap()
    }

    fn json(&self, args: &[&str]) -> Value {
        let output = self.ask(&[args, &["--json"]].concat());
        assert!(output.status.success(), "{args:?}: {}", text(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    }

    fn refused(&self, args: &[&str]) -> String {
        let output = self.ask(args);
        assert_eq!(output.status.code(), Some(1), "{args:?}");
        let said = text(&output.stderr);
        assert_eq!(said.lines().count(), 1, "{said}");
        said
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn an_operator_tops_up_once_and_the_books_hold() {
    let node = Node::start();
    assert_eq!(node.json(&["account", "show", "acme"])["balance"], "10.00000");
    let topup = ["account", "topup", "acme", "5.00", "--reference", "invoice 7", "--key", "k-1"];
    let booked = node.json(&topup);
    assert_eq!(
        (&booked["balance_before"], &booked["balance_after"]),
        (&"10.00000".into(), &"15.00000".into())
    );
    assert_eq!(node.json(&topup)["balance_after"], "15.00000");
    assert_eq!(node.json(&["account", "show", "acme"])["available"], "15.00000");

    let reused = node.refused(&["account", "topup", "acme", "6.00", "--key", "k-1"]);
    assert!(reused.contains("422") && !reused.contains("--key"), "{reused}");
    assert!(node.refused(&["account", "topup", "acme", "1e9"]).contains("plain decimal"));
    assert!(node.refused(&["account", "topup", "nobody", "5.00"]).contains("404"));
    assert!(node.refused(&["account", "show", "../calls"]).contains("404"));
    assert_eq!(node.json(&["account", "show", "acme"])["balance"], "15.00000");

    let fax = [
        "account",
        "charge",
        "acme",
        "--pieces",
        "3",
        "--price",
        "0.08",
        "--cause",
        "fax to 3901",
        "--key",
        "c-1",
    ];
    let charged = node.json(&fax);
    assert_eq!((&charged["amount"], &charged["balance_after"]), (&"-0.24000".into(), &"14.76000".into()));
    assert_eq!(node.json(&fax)["balance_after"], "14.76000");
    assert!(
        node.refused(&["account", "charge", "acme", "--price", "99", "--cause", "rent of 3902"])
            .contains("402")
    );
    assert!(
        text(&node.ask(&["account", "statement", "acme"]).stdout)
            .contains("charge: fax to 3901: 3 x 0.08000")
    );

    let opened =
        node.json(&["account", "add", "beta", "--currency", "EUR", "--deck", "retail", "--balance", "1.5"]);
    assert_eq!(opened["balance"], "1.50000");
    assert!(
        node.refused(&["account", "add", "beta", "--currency", "EUR", "--deck", "retail"]).contains("409")
    );
    assert!(
        node.refused(&["account", "add", "gamma", "--currency", "EUR", "--deck", "none"]).contains("deck")
    );
    let names: Vec<Value> = node.json(&["account", "list"])["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|a| a["name"].clone())
        .collect();
    assert_eq!(names, ["acme", "beta"]);

    let data = node.file("data");
    let verified = Command::new(env!("CARGO_BIN_EXE_tollgate"))
        .args(["ledger", "verify", "--json", "--data"])
        .arg(&data)
        .output()
        .unwrap();
    assert!(verified.status.success(), "{}", text(&verified.stdout));
    let books: Value = serde_json::from_slice(&verified.stdout).unwrap();
    assert_eq!(
        (&books["chain"], &books["accounts"], &books["sums"]["EUR"]),
        (&"ok".into(), &2.into(), &"0.00000".into())
    );
    assert!(books["entries"].as_u64().unwrap() >= 3);
}

#[test]
fn lists_of_an_idle_node_are_empty_and_well_formed() {
    let node = Node::start();
    for list in ["calls", "cdr"] {
        let json = node.json(&[list]);
        assert!(json["items"].as_array().unwrap().is_empty() && json["next"].is_null(), "{json}");
    }
    let csv = text(&node.ask(&["cdr", "--csv"]).stdout);
    assert!(csv.starts_with("id,node,account,gate,") && csv.lines().count() == 1, "{csv}");
    assert!(node.refused(&["calls", "--kill", "00000000000000000000000000000001"]).contains("404"));
    let yesterday = node.ask(&["cdr", "--from", "yesterday"]);
    assert!(
        yesterday.status.code() == Some(2) && text(&yesterday.stderr).contains("RFC 3339"),
        "{yesterday:?}"
    );
    fs::write(node.file("admin.token"), "0123456789abcdef0123456789abcdef").unwrap();
    assert!(node.refused(&["account", "list"]).contains("401"));
}
