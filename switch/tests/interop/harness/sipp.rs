//! SIPp as PBX and carrier, by the scenarios that the shell tests use too.

use std::fs;
use std::net::{IpAddr, SocketAddr};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;

use super::{CARRIERS, PBX, SOON, Tollgate, eventually, free_port, look_until};

/// Longest run of a scenario that says nothing else, seconds.
const LIMIT_SECS: u64 = 300;

/// A scenario with its settings.
pub struct Scenario {
    name: &'static str,
    local: SocketAddr,
    /// UDP and TCP address of the switch, for callers.
    to: Option<(SocketAddr, SocketAddr)>,
    tcp: bool,
    limit_secs: u64,
    options: Vec<String>,
    sipp: Vec<String>,
}

/// SIPp, running.
pub struct Sipp {
    name: &'static str,
    child: Child,
    out: TempDir,
    limit: Duration,
}

/// What it logged when it was done.
pub struct Log(pub String);

impl Scenario {
    /// A carrier at 127.0.0.1, for any number of calls unless told otherwise.
    pub fn carrier(name: &'static str, port: u16) -> Self {
        Self::new(name, CARRIERS, port, None)
    }

    /// A caller at 127.0.0.11, one call unless told otherwise.
    pub fn caller(name: &'static str, to: &Tollgate) -> Self {
        Self::new(name, PBX, free_port(PBX), Some((to.udp, to.tcp)))
    }

    /// Somebody who is called at another address than carriers are.
    pub fn called(name: &'static str, ip: &str, port: u16) -> Self {
        Self::new(name, ip, port, None)
    }

    /// A caller at another address than the PBX's, one call unless told otherwise.
    pub fn caller_at(name: &'static str, ip: &str, to: &Tollgate) -> Self {
        Self::new(name, ip, free_port(ip), Some((to.udp, to.tcp)))
    }

    /// A caller there, of whatever listens at `to`; one call unless told otherwise.
    pub fn caller_of(name: &'static str, ip: &str, to: SocketAddr) -> Self {
        Self::new(name, ip, free_port(ip), Some((to, to)))
    }

    fn new(name: &'static str, ip: &str, port: u16, to: Option<(SocketAddr, SocketAddr)>) -> Self {
        let local = SocketAddr::new(ip.parse().unwrap(), port);
        Self { name, local, to, tcp: false, limit_secs: LIMIT_SECS, options: Vec::new(), sipp: Vec::new() }
    }

    /// `udp`, as it is, or `tcp`.
    pub fn over(mut self, transport: &str) -> Self {
        self.tcp = transport == "tcp";
        self.option("-T", transport)
    }

    /// How many calls.
    pub fn calls(self, count: usize) -> Self {
        self.option("-c", &count.to_string())
    }

    /// The scenario's pause: ringing, talking.
    pub fn pause_ms(self, ms: u64) -> Self {
        self.option("-d", &ms.to_string())
    }

    /// New calls per second.
    pub fn rate(self, calls: u32) -> Self {
        self.option("-r", &calls.to_string())
    }

    /// The called number.
    pub fn number(self, digits: &str) -> Self {
        self.option("-n", digits)
    }

    /// The final answer of `uas_refuse`.
    pub fn answers(self, status: &str) -> Self {
        self.option("-f", status)
    }

    /// Longest run.
    pub fn limit_secs(mut self, secs: u64) -> Self {
        self.limit_secs = secs;
        self
    }

    /// The answer that `uac_refused` must see.
    pub fn wants(self, status: u16) -> Self {
        self.sipp(&["-set", "want", &status.to_string()])
    }

    /// Options of SIPp itself.
    pub fn sipp(mut self, options: &[&str]) -> Self {
        self.sipp.extend(options.iter().map(ToString::to_string));
        self
    }

    /// Runs it to its end; every call must end as the scenario says.
    pub fn run(self) -> Log {
        self.start().finish()
    }

    /// Starts it. A carrier listens when this returns.
    pub fn start(mut self) -> Sipp {
        assert_installed();
        let out = tempfile::tempdir().unwrap();
        if let Some((udp, tcp)) = self.to {
            let to = if self.tcp { tcp } else { udp };
            self = self.option("-t", &to.to_string());
        }
        let mut command = Command::new(scenarios().join("drive.sh"));
        command.arg(self.name).arg(self.local.to_string()).args(&self.options);
        command
            .arg("-w")
            .arg(self.limit_secs.to_string())
            .arg("-o")
            .arg(out.path())
            .arg("--")
            .args(&self.sipp);
        // A group of its own, so that the script and SIPp end together.
        command
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(fs::File::create(out.path().join("drive.err")).unwrap());
        let child = command.spawn().unwrap();
        let mut started =
            Sipp { name: self.name, child, out, limit: Duration::from_secs(self.limit_secs + 15) };
        if self.to.is_none() {
            eventually("a listening carrier", SOON, || {
                let ended = started.child.try_wait().unwrap();
                assert!(ended.is_none(), "{}: {}", started.name, started.trouble());
                listens(self.local, self.tcp).then_some(())
            });
        }
        started
    }

    fn option(mut self, flag: &str, value: &str) -> Self {
        self.options.extend([flag.to_owned(), value.to_owned()]);
        self
    }
}

impl Sipp {
    /// Waits for its end, which must be a good one; what it logged.
    pub fn finish(mut self) -> Log {
        let (name, limit) = (self.name, self.limit);
        let ended = look_until(limit, || self.child.try_wait().unwrap());
        let status =
            ended.unwrap_or_else(|| panic!("{name}: still running after {limit:?}\n{}", self.trouble()));
        assert!(status.success(), "{name}: {status}\n{}", self.trouble());
        Log(fs::read_to_string(self.file("log")).unwrap_or_default())
    }

    /// Ends it, calls or not.
    pub fn stop(self) {
        drop(self);
    }

    fn file(&self, kind: &str) -> PathBuf {
        self.out.path().join(format!("{}.{kind}", self.name))
    }

    fn trouble(&self) -> String {
        let read = |path: PathBuf| fs::read_to_string(path).unwrap_or_default();
        let screen = read(self.file("screen"));
        let tail: Vec<&str> = screen.lines().rev().take(45).collect();
        let screen = tail.into_iter().rev().collect::<Vec<_>>().join("\n");
        format!("{}\n{screen}", read(self.out.path().join("drive.err")))
    }
}

impl Drop for Sipp {
    fn drop(&mut self) {
        if !matches!(self.child.try_wait(), Ok(Some(_))) {
            // The group of the script that this test started.
            let group = format!("kill -KILL -{} 2>/dev/null", self.child.id());
            let _ = Command::new("sh").args(["-c", &group]).status();
            let _ = self.child.wait();
        }
    }
}

impl Log {
    /// For each call that was cut, its number in the scenario, milliseconds talked, and the BYE's Reason.
    pub fn cut(&self) -> Vec<(u32, f64, &str)> {
        let cut = self.0.lines().filter_map(|line| line.split_once("cut call ")?.1.split_once(" talked_ms "));
        cut.map(|(call, rest)| {
            let (ms, reason) = rest.split_once(" reason ").unwrap();
            (call.trim().parse().unwrap(), ms.trim().parse().unwrap(), reason.trim())
        })
        .collect()
    }

    /// The number of each call that was refused.
    pub fn refused(&self) -> Vec<u32> {
        let refused =
            self.0.lines().filter_map(|line| line.split_once("refused call ")?.1.split_once(" reason "));
        refused.map(|(call, _)| call.trim().parse().unwrap()).collect()
    }
}

fn scenarios() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/sipp")
}

fn assert_installed() {
    let found = std::env::var_os("PATH")
        .is_some_and(|path| std::env::split_paths(&path).any(|folder| folder.join("sipp").is_file()));
    assert!(
        found,
        "no sipp on this machine: run .ci/run, which installs it, or `apt-get install sip-tester`"
    );
}

/// Whether a socket listens there: `/proc/net` has addresses and states as hexadecimal, 0A for a listener of
/// TCP, 07 for any socket of UDP.
fn listens(at: SocketAddr, tcp: bool) -> bool {
    let (address, six) = match at.ip() {
        IpAddr::V4(ip) => (format!("{:08X}", u32::from(ip).swap_bytes()), ""),
        // Four words, each in the machine's own order.
        IpAddr::V6(ip) => {
            let words = ip.octets();
            let word = |four: &[u8]| u32::from_be_bytes(four.try_into().unwrap()).swap_bytes();
            (words.chunks(4).map(|four| format!("{:08X}", word(four))).collect(), "6")
        }
    };
    let local = format!("{address}:{:04X}", at.port());
    let (table, state) = if tcp { ("tcp", "0A") } else { ("udp", "07") };
    let table = fs::read_to_string(format!("/proc/net/{table}{six}")).unwrap_or_default();
    table.lines().skip(1).any(|line| {
        let words: Vec<&str> = line.split_whitespace().collect();
        words.get(1) == Some(&local.as_str()) && words.get(3) == Some(&state)
    })
}
