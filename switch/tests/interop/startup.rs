//! Starts that must not succeed: each says in one line what is wrong and what to do, ends with an error, and
//! leaves every file as it was.

use std::fs::{self, OpenOptions};
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::net::{TcpListener, UdpSocket};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use crate::harness::{Books, CARRIERS, SPAIN, Scenario, Site, eventually, free_port, tollgate};

const BY_THE_SECOND: &str = "34,Spain,0.60,1,1,,,";

/// `tollgate run` that must end by itself.
fn run(site: &Site) -> Output {
    let mut program = Command::new(env!("CARGO_BIN_EXE_tollgate"));
    program.arg("run").arg("--config").arg(site.config()).env_remove("TOLLGATE_LOG");
    let mut child = program.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let ended = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        eventually("the end of a start that must fail", Duration::from_secs(60), || {
            child.try_wait().unwrap()
        });
    }));
    if ended.is_err() {
        // Its own child, which should not run.
        let _ = child.kill();
    }
    let output = child.wait_with_output().unwrap();
    assert!(ended.is_ok(), "it runs: {output:?}");
    output
}

/// It failed, said all of `words` in its only line on stderr (log lines apart), and never said `ready`.
fn fails(output: &Output, words: &[&str]) {
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success(), "{output:?}");
    assert!(output.stdout.is_empty(), "{output:?}");
    let lines: Vec<&str> = said.lines().filter(|line| line.starts_with("tollgate: ")).collect();
    assert_eq!(lines.len(), 1, "one line that says what to do:\n{said}");
    for word in words {
        assert!(lines[0].contains(word), "{word:?} is not said:\n{said}");
    }
}

fn acme() -> Site {
    Site::acme("10.00", BY_THE_SECOND).carrier("alpha", free_port(CARRIERS), "").route("34", &["alpha"])
}

/// Every mistake at once, each with its place; `check` and `run` say the same.
#[test]
fn a_wrong_configuration() {
    let site = Site::new();
    fs::write(
        site.path("decks/retail.csv"),
        "prefix,destination,rate,initial,increment,connect_fee,effective_from,effective_until\n34,Spain,x,30,6,,,\n35,Nowhere,0.1,0,6,,,\n",
    )
    .unwrap();
    let text = r#"[node]
name = "sw1"
data_dir = "./data"
drain_sec = 30

[sip]
listen = ["udp:127.0.0.1", "tcp:127.0.0.1:0"]

[http]
listen = "localhost"

[media]
mode = "relay"

[[deck]]
name = "retail"
file = "decks/retail.csv"
currency = "EUR"

[[account]]
name = "acme"
currency = "EUR"
balance = 10.00
deck = "wholesale"

[[gate]]
name = "pbx"
account = "nobody"
source = ["127.0.0.300"]
codecs = ["PCMA", "G722"]
max_calls = 0

[[carrier]]
name = "alpha"
address = "127.0.0.1:5080"

[[route]]
prefix = "34"
carriers = ["gamma"]

[[routes]]
file = "routes.csv"
"#;
    fs::write(site.config(), text).unwrap();
    let places = [
        "tollgate.toml:4:1: ",
        "tollgate.toml:7:11: ",
        "tollgate.toml:10:10: ",
        "tollgate.toml:13:8: ",
        "retail.csv:2:",
        "retail.csv:3:",
        "tollgate.toml:23:11: ",
        "tollgate.toml:24:8: ",
        "tollgate.toml:28:11: ",
        "tollgate.toml:29:11: ",
        "tollgate.toml:30:19: ",
        "tollgate.toml:31:13: ",
        "tollgate.toml:35:11: ",
        "tollgate.toml:39:13: ",
        "tollgate.toml:42:8: ",
    ];
    let config = site.config();
    for command in ["check", "run"] {
        let output = tollgate(&[command, "--config", config.to_str().unwrap()]);
        let said =
            format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert_eq!(output.status.code(), Some(1), "{command}: {said}");
        for place in places {
            assert!(said.contains(place), "{command} does not say {place:?}:\n{said}");
        }
    }
    assert!(!site.data().exists(), "a wrong configuration made a data folder");
}

#[test]
fn a_configuration_that_is_not_there() {
    let site = Site::new();
    for command in ["check", "run"] {
        let output = tollgate(&[command, "--config", site.config().to_str().unwrap()]);
        let said =
            format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.contains("tollgate.toml"), "{said}");
    }
}

#[test]
fn a_port_in_use() {
    let port = free_port(CARRIERS);
    let _udp = UdpSocket::bind((CARRIERS, port)).unwrap();
    let _tcp = TcpListener::bind((CARRIERS, port)).unwrap();
    let address = format!("{CARRIERS}:{port}");
    let any = format!("{CARRIERS}:0");
    for (sip, http) in
        [(format!("udp:{address}"), &any), (format!("tcp:{address}"), &any), (format!("udp:{any}"), &address)]
    {
        let site = acme().listening(&sip, http);
        site.write();
        fails(&run(&site), &[&address, "in use"]);
    }
}

#[test]
fn a_data_folder_that_cannot_be_written() {
    // A file in its place stops root as well.
    let site = acme();
    site.write();
    fs::write(site.data(), "not a folder").unwrap();
    fails(&run(&site), &["data", "node.data_dir"]);
    assert_eq!(fs::read_to_string(site.data()).unwrap(), "not a folder");

    let site = acme();
    site.write();
    fs::create_dir(site.data()).unwrap();
    fs::set_permissions(site.data(), fs::Permissions::from_mode(0o555)).unwrap();
    if fs::write(site.data().join("probe"), "").is_ok() {
        eprintln!("root writes everywhere: permissions are not tried");
        return;
    }
    fails(&run(&site), &["data", "node.data_dir"]);
}

#[test]
fn a_second_process_on_the_same_data() {
    let site = acme();
    let switch = site.start();
    let other = acme();
    other.write();
    let text = fs::read_to_string(other.config()).unwrap();
    fs::write(other.config(), text.replace("\"./data\"", &format!("{:?}", site.data().to_str().unwrap())))
        .unwrap();
    fails(&run(&other), &["in use", &switch.pid().to_string(), "node.data_dir"]);
    // The first is not disturbed.
    assert_eq!(switch.api.account("acme")["balance"], "10.00000");
    assert_eq!(switch.api.top_up("acme", "1.00", "after the second").status, 201);
    switch.stop();
}

/// Bytes turned over in the middle of the journal: it is refused, left as it is, and its whole part still
/// verifies.
#[test]
fn a_damaged_journal() {
    let port = free_port(CARRIERS);
    let site = Site::acme("10.00", BY_THE_SECOND).carrier("alpha", port, "").route("34", &["alpha"]);
    let switch = site.start();
    let _alpha = Scenario::carrier("uas_answer", port).start();
    Scenario::caller("uac_call", &switch).number(SPAIN).calls(40).rate(100).pause_ms(50).run();
    switch.api.wait_cdrs(40);
    Books::of("acme", "10.00").check(&switch.api, &site.data());
    switch.stop();

    let journal = journal_file(&site.data());
    let last = turn_over(&journal, SPAIN.as_bytes());
    assert!(last, "no record to damage in {}", journal.display());
    let before = fs::read(&journal).unwrap();
    let output = run(&site);
    fails(&output, &["damaged after entry", "left as it", "backup"]);
    assert!(fs::read(&journal).unwrap() == before, "a damaged journal was written to");

    let verify = tollgate(&["ledger", "verify", "--data", site.data().to_str().unwrap(), "--json"]);
    assert_eq!(verify.status.code(), Some(1), "{verify:?}");
    let found: serde_json::Value = serde_json::from_slice(&verify.stdout).unwrap();
    assert_eq!(found["chain"], "damaged", "{found}");
    assert!(found["entries"].as_u64().unwrap() > 0, "the whole part before the damage is counted: {found}");
    assert!(found["sums"].as_object().unwrap().values().all(|sum| sum == "0.00000"), "{found}");
    assert!(fs::read(&journal).unwrap() == before, "verify wrote to a damaged journal");
}

/// Half of the file is gone, and a file that is no journal at all.
#[test]
fn a_journal_cut_short_or_foreign() {
    let site = acme();
    site.start().stop();
    let journal = journal_file(&site.data());
    let whole = fs::read(&journal).unwrap();
    for bytes in [
        whole[..whole.len() / 2].to_vec(),
        b"something else altogether, longer than a header, as people put it there\n".repeat(99),
    ] {
        fs::write(&journal, &bytes).unwrap();
        let output = run(&site);
        fails(&output, &["left as it"]);
        assert!(fs::read(&journal).unwrap() == bytes, "it was written to");
    }
}

/// The journal's file.
fn journal_file(data: &Path) -> std::path::PathBuf {
    data.join("journal.db")
}

/// Turns over the bits of a byte in the last place where `text` stands.
fn turn_over(file: &Path, text: &[u8]) -> bool {
    let mut bytes = Vec::new();
    let mut journal = OpenOptions::new().read(true).write(true).open(file).unwrap();
    journal.read_to_end(&mut bytes).unwrap();
    let Some(at) = bytes.windows(text.len()).rposition(|window| window == text) else { return false };
    journal.seek(SeekFrom::Start(at as u64)).unwrap();
    journal.write_all(&[bytes[at] ^ 1]).unwrap();
    true
}

/// Where unsaved records would go is tried by writing there: `check` names the place in the file, a start
/// says no `ready`.
#[test]
fn fault_a1_an_unsaved_file_that_cannot_be_written() {
    let site = acme().toml("[journal]\nunsaved_file = \"/proc/no/such/unsaved.jsonl\"");
    site.write();
    let output = tollgate(&["check", "--config", site.config().to_str().unwrap()]);
    let said = String::from_utf8_lossy(&output.stdout);
    let line = fs::read_to_string(site.config())
        .unwrap()
        .lines()
        .position(|line| line.starts_with("unsaved_file"))
        .unwrap()
        + 1;
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(
        said.contains(&format!("tollgate.toml:{line}:16: journal.unsaved_file /proc/no/such/unsaved.jsonl")),
        "{said}"
    );
    fails(&run(&site), &["journal.unsaved_file", "/proc/no/such", "set a file"]);
    let fine = acme().toml("[journal]\nunsaved_file = \"deep/in/there/unsaved.jsonl\"");
    fine.write();
    assert!(tollgate(&["check", "--config", fine.config().to_str().unwrap()]).status.success());
    assert!(!fine.path("deep").exists(), "asking leaves nothing");
}

/// The end of a journal is anchored: beside it, and by a head kept elsewhere. Its tables are compared and
/// made anew.
#[test]
fn fault_a9_verify_misses_what_is_not_there() {
    let site = acme();
    let switch = site.start();
    for n in 1..=5 {
        assert_eq!(switch.api.top_up("acme", "1.00", &format!("k{n}")).status, 201);
    }
    switch.stop();
    let data = site.data();
    let data = data.to_str().unwrap();
    let verify = |more: &[&str]| {
        let output = tollgate(&[&["ledger", "verify", "--data", data], more].concat());
        (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned())
    };
    assert_eq!(verify(&[]).0, Some(0));
    let head = String::from_utf8(tollgate(&["ledger", "head", "--data", data]).stdout).unwrap();
    assert_eq!(verify(&["--head", head.trim()]).0, Some(0), "{head}");
    let (entry, hash) = head.trim().split_once(':').unwrap();
    let other = format!("{entry}:{}", hash.replace('a', "b").replace('0', "1"));
    assert_eq!(verify(&["--head", &other]).0, Some(1));

    let sql = |change: &str| {
        assert!(
            Command::new("sqlite3")
                .arg(site.data().join("journal.db"))
                .arg(change)
                .status()
                .unwrap()
                .success()
        )
    };
    sql("UPDATE entry SET kind = 0 WHERE kind = 3");
    let (code, said) = verify(&[]);
    assert_eq!((code, said.contains("`kind`") && said.contains("ledger reindex")), (Some(1), true), "{said}");
    assert!(tollgate(&["ledger", "reindex", "--data", data]).status.success());
    assert_eq!(verify(&["--head", head.trim()]).0, Some(0));

    sql("DELETE FROM entry WHERE seq = (SELECT max(seq) FROM entry)");
    let (code, said) = verify(&[]);
    assert_eq!((code, said.contains("journal.head says")), (Some(1), true), "{said}");
    fails(&run(&site), &["damaged after entry", "journal.head", "backup"]);
}
