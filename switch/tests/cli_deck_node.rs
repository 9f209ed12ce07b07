//! Decks of a running node: previewed, reloaded, told of, kept for ever, and given back as they were.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic)]

use std::fs;
use std::io::{BufRead, BufReader, Lines, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, Output, Stdio};
use std::sync::mpsc;
use std::time::Duration;

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
[media]
mode = "bypass"
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
        let http = line
            .split_whitespace()
            .find_map(|word| word.strip_prefix("http="))
            .unwrap_or_else(|| panic!("{line}"));
        Self { child, log, api: format!("http://{http}") }
    }

    fn signal(&self, name: &str) {
        let sent =
            Command::new("sh").args(["-c", &format!("kill -{name} {}", self.child.id())]).status().unwrap();
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
            let line =
                |c: &ledger::RateChange| format!("{} {} {:?}>{:?}", c.prefix, c.destination, c.old, c.new);
            lists
                .insert(rates.version.clone(), rates.changes.iter().map(line).collect::<Vec<_>>().join("; "));
            return Ok(());
        }
        assert_eq!(
            (notice.to.as_deref(), notice.language.as_deref()),
            (Some("noc@acme.example"), Some("es"))
        );
        assert!(
            rates.shared && rates.changes.is_empty() && rates.more == 1,
            "the list is in the journal once: {rates:?}"
        );
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
    assert_eq!(
        (&json[0]["deck"], &json[0]["up"], &json[0]["unchanged"]),
        (&"retail".into(), &1.into(), &1.into())
    );
    assert_eq!((&json[0]["effects"][0]["percent"], &json[1]["unchanged"]), (&"+50.00".into(), &1.into()));
    let retail = "file = \"retail.csv\"\ncurrency = \"EUR\"\n";
    fs::write(&config, CONFIG.replace(retail, &format!("{retail}rounding = \"up\"\n"))).unwrap();
    let preview = tollgate(&[&["deck", "preview", "--name", "retail", "--json"][..], &reach].concat());
    let json: Value = serde_json::from_slice(&preview.stdout).unwrap();
    assert_eq!(
        json["rounding_change"],
        serde_json::json!({"old": "half-up", "new": "up"}),
        "{}",
        text(&preview.stderr)
    );
    let preview = tollgate(&[&["deck", "preview", "--name", "retail"][..], &reach].concat());
    assert!(
        text(&preview.stdout).contains("rounding half-up -> up, for every call"),
        "{}",
        text(&preview.stdout)
    );
    fs::write(&config, CONFIG).unwrap();
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
    let expected = ["55 Brazil Some(0.02000)>Some(0.03000)", "55 Brazil Some(0.03000)>Some(0.01000)"];
    assert_eq!(
        told(&data),
        expected.map(|changes| ("acme".to_owned(), "retail".to_owned(), changes.to_owned()))
    );

    let data = data.to_str().unwrap();
    let versions = tollgate(&["deck", "versions", "--data", data, "--json"]);
    let versions: Value = serde_json::from_slice(&versions.stdout).unwrap();
    let of = |name: &str| {
        versions.as_array().unwrap().iter().filter(|v| v["deck"] == name).cloned().collect::<Vec<_>>()
    };
    assert_eq!((of("retail").len(), of("wholesale").len()), (3, 1), "{versions}");
    let first = of("retail")[0]["version"].as_str().unwrap().to_owned();
    let export = tollgate(&["deck", "export", "--deck-version", &first, "--data", data]);
    assert!(text(&export.stdout).contains("55,Brazil,0.02000,30,6,"), "{}", text(&export.stderr));
    assert!(text(&export.stderr).contains(&first));
    assert_eq!(text(&tollgate(&["deck", "versions", "--data", data]).stdout).lines().count(), 4);

    // What was in force once prices as it did then, and is compared as files are.
    let priced = tollgate(&["price", "--deck-version", &first, "--data", data, "--json", "5521", "60"]);
    let priced: Value = serde_json::from_slice(&priced.stdout).unwrap();
    assert_eq!((&priced["deck"], &priced["amount"]), (&"retail".into(), &"0.02000".into()));
    fs::write(
        folder.path().join("calls.csv"),
        "call_id,answered_at,number,duration_ms\na,2026-06-01T12:00:00Z,5521,60000\n",
    )
    .unwrap();
    let rated =
        tollgate(&["rerate", "--deck-version", &first, "--data", data, "--calls", &path("calls.csv")]);
    assert!(text(&rated.stdout).ends_with("55,Brazil,0.02000,60,0.02000,\n"), "{}", text(&rated.stderr));
    let last = of("retail")[2]["version"].as_str().unwrap().to_owned();
    let diff = tollgate(&["deck", "diff", &first, &last, "--data", data, "--json"]);
    let diff: Value = serde_json::from_slice(&diff.stdout).unwrap();
    assert_eq!((&diff["down"], &diff["effects"][0]["percent"]), (&1.into(), &"-50.00".into()));
    assert_eq!(
        tollgate(&["price", "--deck-version", "00", "--data", data, "5521", "60"]).status.code(),
        Some(1)
    );
    let verify = tollgate(&["ledger", "verify", "--data", data]);
    assert!(verify.status.success(), "{}", text(&verify.stderr));
}

/// A call of `shop`, below the reseller `res`, as the API gives it.
fn record() -> Value {
    let tier = serde_json::json!({
        "account": "res", "deck": "wholesale", "deck_version": "00000000000000ee", "prefix": "55", "destination": "Brazil", "rate": "0.06000",
        "initial": 1, "increment": 1, "billed_seconds": 60, "amount": "0.06000", "currency": "EUR",
    });
    let mut record = serde_json::json!({
        "id": "1", "node": "sw1", "account": "res:shop", "gate": "pbx", "caller": "1", "called": "5521", "called_e164": "5521",
        "destination": "Brazil", "prefix": "55", "deck": "retail", "deck_version": "00000000000000ff", "codec_a": null, "codec_b": null,
        "call_id_a": "a", "call_id_b": null, "carrier": "alpha", "attempts": [], "started_at": "2026-06-01T11:59:50.000Z",
        "answered_at": "2026-06-01T12:00:00.000Z", "ended_at": "2026-06-01T12:05:00.000Z", "pdd_ms": 10, "duration_ms": 60_000,
        "billed_seconds": 60, "initial": 60, "increment": 60, "rate": "0.10000", "connect_fee": "0.00000", "amount": "0.10000",
        "currency": "EUR", "cost": "0.03000", "cost_currency": "EUR", "balance_before": "9.00000", "balance_after": "8.90000",
        "teardown_ms": 0, "hangup_by": "caller", "cause_q850": 16, "sip_status": 200, "reason": "answered", "route_reason": null,
        "transport_a": "udp", "transport_b": null,
    });
    record["tiers"] = vec![tier].into();
    record
}

#[test]
fn every_tier_is_corrected_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| -> String { folder.path().join(name).to_str().unwrap().to_owned() };
    let accounts = ["res", "res:shop"].map(|name| {
        let deck = if name == "res" { "wholesale" } else { "retail" };
        format!("[[account]]\nname = \"{name}\"\ncurrency = \"EUR\"\nbalance = \"5.00\"\ndeck = \"{deck}\"\n")
    });
    let alpha = "[[carrier]]\nname = \"alpha\"\naddress = \"sip:127.0.0.1:5080\"\ndeck = \"alpha-cost\"\n\
                 [[deck]]\nname = \"alpha-cost\"\nfile = \"alpha.csv\"\ncurrency = \"USD\"\n";
    let (head, _) = CONFIG.split_once("[[account]]").unwrap();
    fs::write(folder.path().join("tollgate.toml"), format!("{head}{}{alpha}", accounts.concat())).unwrap();
    write(folder.path(), "retail.csv", "55,Brazil,0.12,60,60,,,\n");
    write(folder.path(), "wholesale.csv", "55,Brazil,0.05,1,1,,,\n");
    write(folder.path(), "alpha.csv", "55,Brazil,0.02,1,1,,,\n");
    fs::write(folder.path().join("cdrs.jsonl"), record().to_string()).unwrap();
    let node = Node::start(folder.path());
    let (config, token, cdrs) = (path("tollgate.toml"), path("admin.token"), path("cdrs.jsonl"));
    let reach = ["--config", &config, "--api", &node.api, "--token-file", &token];
    let run = [
        "rerate",
        "--cdrs",
        &cdrs,
        "--decks",
        "--from",
        "2026-06-01T00:00:00Z",
        "--to",
        "2026-06-02T00:00:00Z",
        "--json",
        "--book",
    ];
    for _ in 0..2 {
        let output = tollgate(&[&run[..], &reach].concat());
        assert!(output.status.success(), "{}", text(&output.stderr));
        assert!(text(&output.stderr).contains("2 of 2 corrections are booked"));
        let compared: Value = serde_json::from_slice(&output.stdout).unwrap();
        let line = |of: &str, at: usize| {
            let line = &compared[of][at];
            [&line["old_amount"], &line["new_amount"], &line["difference"]]
                .map(|text| text.as_str().unwrap_or("?").to_owned())
        };
        assert_eq!(line("accounts", 0), ["0.06000", "0.05000", "-0.01000"], "res");
        assert_eq!(line("accounts", 1), ["0.10000", "0.12000", "0.02000"], "res:shop");
        assert_eq!(line("total", 0), ["0.16000", "0.17000", "0.01000"]);
        assert_eq!(
            line("revenue", 0),
            ["0.06000", "0.05000", "-0.01000"],
            "the operator is paid by the reseller"
        );
        // The carrier's deck is in dollars there, as its configuration says, and was in euros.
        assert_eq!(
            (line("costs", 0), line("costs", 1)),
            (
                ["0.03000", "0.00000", "-0.03000"].map(str::to_owned),
                ["0.00000", "0.02000", "0.02000"].map(str::to_owned)
            )
        );
        for (account, balance) in [("res", "5.01000"), ("res:shop", "4.98000")] {
            let shown = tollgate(&[&["account", "show", account, "--json"][..], &reach].concat());
            let shown: Value = serde_json::from_slice(&shown.stdout).unwrap();
            assert_eq!(shown["balance"], balance, "{account}");
        }
    }
    let trial = tollgate(&[&["ledger", "trial-balance", "--json"][..], &reach].concat());
    assert!(trial.status.success(), "every sum is zero: {}", text(&trial.stdout));
    node.stop();
    // Without a node: one deck for one tier, and a carrier's other price.
    let (deck, cost) = (path("wholesale.csv"), format!("alpha={}", path("alpha.csv")));
    let named = tollgate(&[
        "rerate",
        "--cdrs",
        &cdrs,
        "--deck",
        &deck,
        "--billed-by",
        "wholesale",
        "--carrier-deck",
        &cost,
        "--json",
    ]);
    let named: Value = serde_json::from_slice(&named.stdout).unwrap();
    let difference = |of: &str, at: usize| named[of][at]["difference"].as_str().unwrap_or("?").to_owned();
    assert_eq!(
        [difference("accounts", 0), difference("accounts", 1), difference("costs", 0)],
        ["-0.01000", "0.00000", "-0.01000"]
    );
    let one = tollgate(&[
        "rerate",
        "--cdrs",
        &cdrs,
        "--deck",
        &deck,
        "--billed-by",
        "wholesale",
        "--account",
        "res",
    ]);
    assert!(
        text(&one.stdout).contains("res") && !text(&one.stdout).contains("res:shop"),
        "{}",
        text(&one.stdout)
    );
}

/// The same calls again by an overlapping period, by records given twice, by a second list and back: each run
/// books what differs from what the calls cost now, and nothing else.
#[test]
fn fault_a2_rerate_book_looks_at_what_calls_cost_now() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| -> String { folder.path().join(name).to_str().unwrap().to_owned() };
    let accounts = ["res", "res:shop"].map(|name| {
        let deck = if name == "res" { "wholesale" } else { "retail" };
        format!("[[account]]\nname = \"{name}\"\ncurrency = \"EUR\"\nbalance = \"5.00\"\ndeck = \"{deck}\"\n")
    });
    let (head, _) = CONFIG.split_once("[[account]]").unwrap();
    fs::write(folder.path().join("tollgate.toml"), format!("{head}{}", accounts.concat())).unwrap();
    write(folder.path(), "retail.csv", "55,Brazil,0.10,60,60,,,\n");
    write(folder.path(), "wholesale.csv", "55,Brazil,0.06,1,1,,,\n");
    write(folder.path(), "half.csv", "55,Brazil,0.05,60,60,,,\n");
    write(folder.path(), "dear.csv", "55,Brazil,0.12,60,60,,,\n");
    let mut second = record();
    second["id"] = "2".into();
    fs::write(folder.path().join("cdrs.jsonl"), format!("{}\n{second}\n{}", record(), record())).unwrap();
    let node = Node::start(folder.path());
    let (token, cdrs) = (path("admin.token"), path("cdrs.jsonl"));
    let reach = ["--api", &node.api, "--token-file", &token];
    let balance = |account: &str| {
        let shown = tollgate(&[&["account", "show", account, "--json"][..], &reach].concat());
        serde_json::from_slice::<Value>(&shown.stdout).unwrap()["balance"].as_str().unwrap().to_owned()
    };
    let whole = ("2026-06-01T00:00:00Z", "2026-06-02T00:00:00Z");
    // Two calls at 0.10 of the customer; the reseller keeps what it pays.
    for (deck, (from, to), shop) in [
        ("half.csv", whole, "5.10000"),
        ("half.csv", whole, "5.10000"),
        ("half.csv", ("2026-05-31T00:00:00Z", "2026-06-01T13:00:00Z"), "5.10000"),
        ("dear.csv", whole, "4.96000"),
        ("half.csv", ("2026-06-01T10:00:00Z", "2026-06-03T00:00:00Z"), "5.10000"),
        ("retail.csv", whole, "5.00000"),
    ] {
        let deck = path(deck);
        let run = ["rerate", "--cdrs", &cdrs, "--deck", &deck, "--from", from, "--to", to, "--book"];
        let output = tollgate(&[&run[..], &reach].concat());
        assert!(output.status.success(), "{}", text(&output.stderr));
        assert_eq!(
            (balance("res:shop"), balance("res")),
            (shop.to_owned(), "5.00000".to_owned()),
            "{deck} {from}"
        );
    }
    let statement = tollgate(&[&["account", "statement", "res:shop"][..], &reach].concat());
    assert!(text(&statement.stdout).contains("2 calls re-rated"), "{}", text(&statement.stdout));
    node.stop();
    let verify = tollgate(&["ledger", "verify", "--data", folder.path().join("data").to_str().unwrap()]);
    assert!(verify.status.success(), "{}", text(&verify.stderr));
}

/// A mail server that takes everything; each mail as it came, its folded lines whole again.
fn sink() -> (u16, mpsc::Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let (tell, mails) = mpsc::channel();
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            // A client that leaves, or a test that has heard enough, is no fault of the sink's.
            let _ = take_mail(stream, &tell);
        }
    });
    (port, mails)
}

fn take_mail(stream: TcpStream, tell: &mpsc::Sender<String>) -> std::io::Result<()> {
    let mut out = stream.try_clone()?;
    let mut lines = BufReader::new(stream).lines();
    out.write_all(b"220 sink\r\n")?;
    while let Some(line) = lines.next().transpose()? {
        let answer = match line.get(..4) {
            Some("DATA") => {
                out.write_all(b"354 go on\r\n")?;
                let mail: Vec<String> =
                    lines.by_ref().map_while(Result::ok).take_while(|line| line != ".").collect();
                let _ = tell.send(mail.join("\n").replace("=\n", ""));
                "250 taken\r\n"
            }
            Some("QUIT") => "221 bye\r\n",
            _ => "250 fine\r\n",
        };
        out.write_all(answer.as_bytes())?;
    }
    Ok(())
}

/// RULES L10: one mail for each customer of the deck and version, with prefix, old, new and date; the whole
/// list is elsewhere (L9).
#[test]
fn a_new_version_is_one_mail_for_each_customer() {
    let folder = tempfile::tempdir().unwrap();
    let (port, mails) = sink();
    let gamma = "[[account]]\nname = \"gamma\"\ncurrency = \"EUR\"\ndeck = \"retail\"\nemail = \"ops@gamma.example\"\n";
    let mail = format!(
        "[mail]\nsmtp = \"smtp://127.0.0.1:{port}\"\nfrom = \"billing@example.net\"\ntls = \"none\"\nprice_lists = \"https://example.net/{{deck}}\"\n"
    );
    fs::write(folder.path().join("tollgate.toml"), format!("{CONFIG}{gamma}{mail}")).unwrap();
    write(folder.path(), "retail.csv", "55,Brazil,0.02,30,6,,,\n");
    write(folder.path(), "wholesale.csv", "7,Russia,0.05,60,60,,,\n");
    let mut node = Node::start(folder.path());
    let mut told = Vec::new();
    for (rate, english) in
        [("0.03", "0.03 30/6  1 January 2099, 00:00 UTC"), ("0.04", "0.04 30/6  1 January 2099, 00:00 UTC")]
    {
        let dated = format!(
            "55,Brazil,0.02,30,6,,,2099-01-01T00:00:00Z\n55,Brazil,{rate},30,6,,2099-01-01T00:00:00Z,\n"
        );
        write(folder.path(), "retail.csv", &dated);
        node.signal("HUP");
        node.says("told of new prices");
        node.signal("HUP");
        node.says("nothing changed");
        // Two customers call by it; beta does not. What came before would be in the way of the second
        // round's.
        for _ in 0..2 {
            let mail = mails.recv_timeout(Duration::from_secs(60)).unwrap();
            let to = mail.lines().find_map(|line| line.strip_prefix("To: ")).unwrap().to_owned();
            let (new, list) = if to == "ops@gamma.example" {
                (english.to_owned(), "The complete price list: https://example.net/retail")
            } else {
                (
                    format!("{} 30/6  01/01/2099 00:00 UTC", rate.replace('.', ",")),
                    "La tarifa completa: https://example.net/retail",
                )
            };
            assert!(mail.contains(&new) && mail.contains(list), "{mail}");
            told.push(to);
        }
    }
    told.sort_unstable();
    assert_eq!(told, ["noc@acme.example", "noc@acme.example", "ops@gamma.example", "ops@gamma.example"]);
    node.stop();
}
