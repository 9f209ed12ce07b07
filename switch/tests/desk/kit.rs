//! A node in a folder of its own, the commands against it, and its API.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

/// How long anything may take on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(30);

const CONFIG: &str = r#"
[node]
name = "sw1"
data_dir = "./data"
drain_secs = 1
shards = 2
[sip]
listen = ["udp:127.0.0.1:0"]
[http]
listen = "127.0.0.1:0"
[[deck]]
name = "retail"
file = "retail.csv"
currency = "EUR"
[[deck]]
name = "dollars"
file = "retail.csv"
currency = "USD"
[[deck]]
name = "cost"
file = "cost.csv"
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
[media]
mode = "bypass"
"#;
const HEADER: &str = "prefix,destination,rate,initial,increment,connect_fee,effective_from,effective_until\n";

pub struct Node {
    child: Child,
    pub folder: tempfile::TempDir,
    pub api: String,
    pub sip: SocketAddr,
}

impl Node {
    pub fn start() -> Self {
        Self::with("")
    }

    /// With more of a configuration.
    pub fn with(more: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::write(
            folder.path().join("retail.csv"),
            format!("{HEADER}34,Spain,0.12345,30,6,,,\n39,Italy,0.60,60,60,,,\n"),
        )
        .unwrap();
        fs::write(
            folder.path().join("cost.csv"),
            format!("{HEADER}34,Spain,0.06,1,1,,,\n39,Italy,0.30,1,1,,,\n"),
        )
        .unwrap();
        fs::write(folder.path().join("tollgate.toml"), format!("{CONFIG}{more}")).unwrap();
        let (child, api, sip) = run(folder.path());
        Self { child, folder, api, sip }
    }

    /// Kills it without a word, and starts it again on the same data.
    pub fn restart(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        (self.child, self.api, self.sip) = run(self.folder.path());
    }

    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn edit(&self, change: impl FnOnce(String) -> String) {
        let path = self.file("tollgate.toml");
        fs::write(&path, change(fs::read_to_string(&path).unwrap())).unwrap();
    }

    pub fn ask(&self, args: &[&str]) -> Output {
        let token = self.file("admin.token");
        let reach = ["--api", &self.api, "--token-file", token.to_str().unwrap()];
        tollgate(&[args, &reach].concat())
    }

    /// What a command prints that does what it should.
    pub fn done(&self, args: &[&str]) -> String {
        let output = self.ask(args);
        assert!(output.status.success(), "{args:?}: {}", text(&output.stderr));
        text(&output.stdout)
    }

    pub fn json(&self, args: &[&str]) -> Value {
        serde_json::from_str(&self.done(&[args, &["--json"]].concat())).unwrap()
    }

    pub fn refused(&self, args: &[&str]) -> String {
        let output = self.ask(args);
        assert_eq!(output.status.code(), Some(1), "{args:?}: {}", text(&output.stdout));
        text(&output.stderr)
    }

    /// One request of the API: status, whether it was a repeat, body.
    pub fn http(&self, method: &str, path: &str, key: Option<&str>, body: &str) -> (u16, bool, Value) {
        let token = fs::read_to_string(self.file("admin.token")).unwrap();
        let host = self.api.strip_prefix("http://").unwrap();
        let key = key.map_or_else(String::new, |key| format!("Idempotency-Key: {key}\r\n"));
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {}\r\n{key}Content-Type: application/json\r\nAccept: application/json\r\n\
             Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
            token.trim(),
            body.len()
        );
        let mut stream = TcpStream::connect(host).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.write_all(head.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        let status = head.split_whitespace().nth(1).unwrap().parse().unwrap();
        let replayed = head.to_ascii_lowercase().contains("idempotency-replayed: true");
        (status, replayed, serde_json::from_str(body).unwrap_or(Value::Null))
    }

    /// Ends by itself within the time that it has.
    pub fn ends(&mut self) -> bool {
        until("the end", || self.child.try_wait().unwrap()).success()
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.child.kill();
        self.child.wait().unwrap();
    }
}

fn run(folder: &std::path::Path) -> (Child, String, SocketAddr) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_tollgate"))
        .args(["run", "--config"])
        .arg(folder.join("tollgate.toml"))
        .env("TOLLGATE_LOG", "error")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let word = |name: &str| {
        line.split_whitespace().find_map(|word| word.strip_prefix(name)).unwrap_or_else(|| panic!("{line}"))
    };
    let (api, sip) = (format!("http://{}", word("http=")), word("udp=").parse().unwrap());
    (child, api, sip)
}

pub fn tollgate(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_tollgate"))
        .args(args)
        .env_remove("TOLLGATE_LOG")
        .env_remove("TOLLGATE_CONFIG")
        .output()
        .unwrap()
}

pub fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// Waits for what has to come.
pub fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(begun.elapsed() < PATIENCE, "{what} did not come");
        std::thread::yield_now();
    }
}
