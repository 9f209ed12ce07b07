//! Decks of a running node: previewed, reloaded, told of, kept for ever, and given back as they were.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic)]

use std::fs;
use std::io::{BufRead, BufReader, Lines};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, Output, Stdio};

use ledger::{NoticeEvent, Record, RecordBody};
use serde_json::Value;

const CONFIG: &str = r#"
[node]
name = "sw1"
data_dir = "./data"
drain_secs = 1
[sip]
listen = ["udp:127.0.0.1:0"]
[http]
listen = "127.0.0.1:0"
[[deck]]
name = "retail"
file = "retail.csv"
currency = "EUR"
[[deck]]
name = "wholesale"
file = "wholesale.csv"
currency = "EUR"
[[account]]
name = "acme"
currency = "EUR"
decks = ["wholesale", "retail"]
email = "noc@acme.example"
language = "es"
[[account]]
name = "beta"
currency = "EUR"
deck = "wholesale"
"#;
const HEADER: &str = "prefix,destination,rate,initial,increment,connect_fee,effective_from,effective_until\n";

struct Node {
    child: Child,
    log: Lines<BufReader<ChildStderr>>,
    api: String,
}

impl Node {
    fn start(folder: &Path) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_tollgate"))
            .args(["run", "--log", "info", "--config"])
            .arg(folder.join("tollgate.toml"))
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let log = BufReader::new(child.stderr.take().unwrap()).lines();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let http = line.split_whitespace().find_map(|word| word.strip_prefix("http=")).unwrap_or_else(|| panic!("{line}"));
        Self { child, log, api: format!("http://{http}") }
    }

    fn signal(&self, name: &str) {
        let sent = Command::new("sh").args(["-c", &format!("kill -{name} {}", self.child.id())]).status().unwrap();
        assert!(sent.success());
    }

    /// Reads the log up to a line that says so.
    fn says(&mut self, text: &str) -> String {
        let mut seen = String::new();
        for line in self.log.by_ref() {
            let line = line.unwrap();
            if line.contains(text) {
                return line;
            }
            seen.push_str(&line);
            seen.push('\n');
        }
        panic!("{text:?} was never said:\n{seen}");
    }

    fn stop(mut self) {
        self.signal("TERM");
        let log: Vec<String> = self.log.by_ref().map_while(Result::ok).collect();
        assert!(self.child.wait().unwrap().success(), "{log:#?}");
    }
}

fn tollgate(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_tollgate")).args(args).env_remove("TOLLGATE_LOG").output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn write(folder: &Path, name: &str, rows: &str) {
    fs::write(folder.join(name), format!("{HEADER}{rows}")).unwrap();
}

/// Who was told of which version of which deck, with the changes as text.
fn told(data: &Path) -> Vec<(String, String, String)> {
    let (mut told, mut lists) = (Vec::new(), std::collections::BTreeMap::new());
    let read = |_, entry: &store::Entry, _: &ledger::Hash| {
        let record = Record::decode(&entry.body).map_err(|e| e.to_string())?;
        let RecordBody::Notice(notice) = record.body else { return Ok(()) };
        let NoticeEvent::RatesChange(rates) = notice.event else { return Ok(()) };
        if &*record.account == Record::NODE {
            assert!(notice.to.is_none() && !rates.shared && rates.more == 0, "{rates:?}");
            let line = |c: &ledger::RateChange| format!("{} {} {:?}>{:?}", c.prefix, c.destination, c.old, c.new);
            lists.insert(rates.version.clone(), rates.changes.iter().map(line).collect::<Vec<_>>().join("; "));
            return Ok(());
        }
        assert_eq!((notice.to.as_deref(), notice.language.as_deref()), (Some("noc@acme.example"), Some("es")));
        assert!(rates.shared && rates.changes.is_empty() && rates.more == 1, "the list is in the journal once: {rates:?}");
        told.push((record.account.to_string(), rates.deck.to_string(), lists[&rates.version].clone()));
        Ok(())
    };
    let options = store::Options { shards: 1, ..store::Options::default() };
    let (journal, _) = store::Journal::open(data, options, read).unwrap();
    journal.close().unwrap();
    told
}

#[test]
fn a_version_is_previewed_loaded_told_of_once_and_kept_for_ever() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| -> String { folder.path().join(name).to_str().unwrap().to_owned() };
    fs::write(folder.path().join("tollgate.toml"), CONFIG).unwrap();
    write(folder.path(), "retail.csv", "55,Brazil,0.02,30,6,,,\n34,Spain,0.03,1,1,,,\n");
    write(folder.path(), "wholesale.csv", "7,Russia,0.05,60,60,,,\n");
    let mut node = Node::start(folder.path());
    let (config, token) = (path("tollgate.toml"), path("admin.token"));
    let (api, file) = (node.api.clone(), path("now.csv"));
    let reach = ["--config", &config, "--api", &api, "--token-file", &token];

    write(folder.path(), "retail.csv", "55,Brazil,0.03,30,6,,,\n34,Spain,0.03,1,1,,,\n");
    let preview = tollgate(&[&["deck", "preview", "--json"][..], &reach].concat());
    assert!(preview.status.success(), "{}", text(&preview.stderr));
    let json: Value = serde_json::from_slice(&preview.stdout).unwrap();
    assert_eq!((&json[0]["deck"], &json[0]["up"], &json[0]["unchanged"]), (&"retail".into(), &1.into(), &1.into()));
    assert_eq!((&json[0]["effects"][0]["percent"], &json[1]["unchanged"]), (&"+50.00".into(), &1.into()));
    write(folder.path(), "retail.csv", "55,Brazil,x,30,6,,,\n34,Spain,0.03,1,1,,,\n");
    let preview = tollgate(&[&["deck", "preview", "--name", "retail"][..], &reach].concat());
    assert_eq!(preview.status.code(), Some(1));
    assert!(text(&preview.stdout).contains("retail.csv:2:11: rate: x"), "{}", text(&preview.stdout));

    write(folder.path(), "retail.csv", "55,Brazil,0.03,30,6,,,\n34,Spain,0.03,1,1,,,\n");
    node.signal("HUP");
    let said = node.says("told of new prices");
    assert!(said.contains("\"accounts\":1"), "beta calls by another deck: {said}");
    node.signal("HUP");
    node.says("nothing changed");
    let export = tollgate(&[&["deck", "export", "--name", "retail", "--out", &file][..], &reach].concat());
    assert!(export.status.success(), "{}", text(&export.stderr));
    assert!(fs::read_to_string(&file).unwrap().contains("55,Brazil,0.03000,30,6,0.00000,"));
    node.stop();

    // Another file at a start is a change as well, and a start with the same is none.
    write(folder.path(), "retail.csv", "55,Brazil,0.01,30,6,,,\n34,Spain,0.03,1,1,,,\n");
    let mut node = Node::start(folder.path());
    node.says("told of new prices");
    node.stop();
    Node::start(folder.path()).stop();

    let data: PathBuf = folder.path().join("data");
    let expected = ["55 Brazil Some(2000)>Some(3000)", "55 Brazil Some(3000)>Some(1000)"];
    assert_eq!(told(&data), expected.map(|changes| ("acme".to_owned(), "retail".to_owned(), changes.to_owned())));

    let data = data.to_str().unwrap();
    let versions = tollgate(&["deck", "versions", "--data", data, "--json"]);
    let versions: Value = serde_json::from_slice(&versions.stdout).unwrap();
    let of = |name: &str| versions.as_array().unwrap().iter().filter(|v| v["deck"] == name).cloned().collect::<Vec<_>>();
    assert_eq!((of("retail").len(), of("wholesale").len()), (3, 1), "{versions}");
    let first = of("retail")[0]["version"].as_str().unwrap().to_owned();
    let export = tollgate(&["deck", "export", "--deck-version", &first, "--data", data]);
    assert!(text(&export.stdout).contains("55,Brazil,0.02000,30,6,"), "{}", text(&export.stderr));
    assert!(text(&export.stderr).contains(&first));
    assert_eq!(text(&tollgate(&["deck", "versions", "--data", data]).stdout).lines().count(), 4);
    let verify = tollgate(&["ledger", "verify", "--data", data]);
    assert!(verify.status.success(), "{}", text(&verify.stderr));
}
