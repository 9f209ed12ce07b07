//! The real program: started, asked, signalled, and killed when the test lets go of it.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use super::{Api, SOON, Site, eventually};

/// A busy machine may need this long until `ready`.
const START_MAX: Duration = Duration::from_secs(60);
/// Lines of the log shown when a test fails.
const LOG_LINES: usize = 60;

/// Runs the program to its end.
pub fn tollgate(args: &[&str]) -> Output {
    program().args(args).output().unwrap()
}

/// The program under test; `TOLLGATE_BIN` names another one, as that of an earlier commit.
pub fn binary() -> OsString {
    std::env::var_os("TOLLGATE_BIN").unwrap_or_else(|| env!("CARGO_BIN_EXE_tollgate").into())
}

fn program() -> Command {
    let mut program = Command::new(binary());
    program.env_remove("TOLLGATE_LOG");
    program
}

fn through_shell(script: &str) -> Command {
    let mut shell = Command::new("sh");
    shell.args(["-c", script]).arg(binary()).env_remove("TOLLGATE_LOG");
    shell
}

/// Sends a signal by its short name.
fn signal(pid: u32, name: &str) {
    let sent = Command::new("sh").args(["-c", &format!("kill -{name} {pid}")]).status().unwrap();
    assert!(sent.success(), "cannot send {name} to {pid}");
}

/// A switch that runs.
pub struct Tollgate {
    pub udp: SocketAddr,
    pub tcp: SocketAddr,
    pub api: Api,
    ready: String,
    child: Child,
    log: PathBuf,
}

impl Tollgate {
    /// With `file_kib` no file of the process grows beyond that: a disk that is full.
    pub(super) fn start(site: &Site, file_kib: Option<u32>) -> Self {
        let log = site.path("switch.log");
        let errors = OpenOptions::new().create(true).append(true).open(&log).unwrap();
        let mut run = match file_kib {
            // The signal is ignored, so that writes fail as they do on a full disk; `ulimit` counts 512
            // bytes.
            Some(kib) => through_shell(&format!("trap '' XFSZ; ulimit -f {}; exec \"$0\" \"$@\"", kib * 2)),
            None => program(),
        };
        run.arg("run").arg("--config").arg(site.config()).current_dir(site.folder());
        if let Some(file) = site.authorities() {
            run.env("SSL_CERT_FILE", file);
        }
        let mut child = run.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(errors).spawn().unwrap();
        let ready = match first_line(&mut child) {
            Some(line) if line.starts_with("ready ") => line,
            other => {
                // It is this test's own child; a failed start has ended by itself.
                let _ = child.kill();
                let _ = child.wait();
                panic!("the switch did not start: {other:?}\n{}", tail(&log));
            }
        };
        let at = |name: &str| listener(&ready, name);
        let token = fs::read_to_string(site.data().join("admin.token")).unwrap();
        let api = Api::new(at("http"), token.trim());
        Self { udp: at("udp"), tcp: at("tcp"), api, child, log, ready }
    }

    /// Where it listens by this name of its first line: `tls`, `wss`.
    pub fn at(&self, name: &str) -> SocketAddr {
        listener(&self.ready, name)
    }

    /// Its process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sends it a signal: `HUP`, `TERM`.
    pub fn signal(&self, name: &str) {
        signal(self.pid(), name);
    }

    /// Ends it as a power cut would.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Waits for its end.
    pub fn ended(mut self, within: Duration) -> ExitStatus {
        eventually("the end of the switch", within, || self.child.try_wait().unwrap())
    }

    /// SIGTERM and its end, which must be a good one.
    pub fn stop(self) {
        self.signal("TERM");
        let log = self.log.clone();
        let status = self.ended(SOON);
        assert!(status.success(), "{status}\n{}", tail(&log));
    }

    /// Whether it still runs.
    pub fn runs(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// All that it logged.
    pub fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap()
    }
}

impl Drop for Tollgate {
    fn drop(&mut self) {
        // It may have ended already; then there is nothing to kill.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("--- the switch's last words\n{}", tail(&self.log));
        }
    }
}

fn listener(ready: &str, name: &str) -> SocketAddr {
    let word = ready.split_whitespace().find_map(|word| word.strip_prefix(name)?.strip_prefix('='));
    word.unwrap_or_else(|| panic!("no {name}= in {ready:?}")).parse().unwrap()
}

/// The first line on stdout; `None` if it ended or took too long. The rest is read away.
fn first_line(child: &mut Child) -> Option<String> {
    let out = child.stdout.take()?;
    let (tell, told) = mpsc::channel();
    std::thread::spawn(move || {
        for line in BufReader::new(out).lines().map_while(Result::ok) {
            // Nobody listens after the first.
            let _ = tell.send(line);
        }
    });
    let begun = Instant::now();
    told.recv_timeout(START_MAX.saturating_sub(begun.elapsed())).ok()
}

fn tail(path: &PathBuf) -> String {
    let Ok(file) = File::open(path) else { return String::new() };
    let lines: Vec<String> = BufReader::new(file).lines().map_while(Result::ok).collect();
    lines[lines.len().saturating_sub(LOG_LINES)..].join("\n")
}
