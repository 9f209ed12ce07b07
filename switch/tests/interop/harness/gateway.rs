//! The H.323 peer of the tests: gateway that calls or answers, in Python on a codec of another author.
//! Its events come as lines of JSON.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::Value;

use super::eventually;

/// Ways in which a call may be signalled.
pub const MODES: [&str; 4] = ["slow", "fast", "tunnelled", "fast-tunnelled"];

/// A gateway that runs.
pub struct Gateway {
    child: Child,
    heard: Arc<Mutex<Vec<Value>>>,
    /// What it sent and got, for tshark.
    pcap: tempfile::NamedTempFile,
}

impl Gateway {
    /// One that answers at 127.0.0.1; it listens when this returns.
    pub fn answers(port: u16, words: &[&str]) -> Self {
        let at = format!("127.0.0.1:{port}");
        let gateway = Self::start(&[&["answer", "--listen", &at], words].concat());
        gateway.wait("listening");
        gateway
    }

    /// One that calls from `ip`.
    pub fn calls(ip: &str, to: std::net::SocketAddr, number: &str, words: &[&str]) -> Self {
        let to = to.to_string();
        Self::start(&[&["call", "--to", &to, "--local", ip, "--number", number], words].concat())
    }

    fn start(words: &[&str]) -> Self {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/h323/peer.py");
        let pcap = tempfile::NamedTempFile::new().unwrap();
        let mut child = Command::new("python3")
            .arg(script)
            .arg("--pcap")
            .arg(pcap.path())
            .args(words)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (out, heard) = (child.stdout.take().unwrap(), Arc::new(Mutex::new(Vec::new())));
        let news = Arc::clone(&heard);
        std::thread::spawn(move || {
            for line in BufReader::new(out).lines().map_while(Result::ok) {
                let event = serde_json::from_str(&line).unwrap();
                news.lock().unwrap_or_else(PoisonError::into_inner).push(event);
            }
        });
        Self { child, heard, pcap }
    }

    /// All events of this name so far.
    pub fn heard(&self, event: &str) -> Vec<Value> {
        let heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        heard.iter().filter(|one| one["event"] == event).cloned().collect()
    }

    /// The first event of this name, when it has come.
    pub fn wait(&self, event: &str) -> Value {
        let look = || self.heard(event).into_iter().next();
        super::look_until(super::SOON, look).unwrap_or_else(|| panic!("no {event}: {}", self.story()))
    }

    /// Digits that were heard, with their forms.
    pub fn digits(&self) -> Vec<(String, String)> {
        let text = |event: &Value, name: &str| event[name].as_str().unwrap().to_owned();
        self.heard("digit").iter().map(|event| (text(event, "form"), text(event, "digit"))).collect()
    }

    /// What its call's voice came to: packets sent and received.
    pub fn packets(&self) -> (u64, u64) {
        let rtp = self.wait("rtp");
        (rtp["sent"].as_u64().unwrap(), rtp["received"].as_u64().unwrap())
    }

    /// Everything, as it was told.
    pub fn story(&self) -> String {
        let heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        heard.iter().map(|event| format!("{event}\n")).collect()
    }

    /// Waits for its end; true if it was content.
    pub fn ended(&mut self) -> bool {
        let child = &mut self.child;
        let within = Duration::from_secs(100);
        eventually("the end of a gateway", within, || child.try_wait().unwrap()).success()
    }

    /// Nothing that passed is malformed in Wireshark's eyes, and there was a call.
    pub fn is_well_formed(&self) {
        let read = |words: &[&str]| {
            let ran = Command::new("tshark").arg("-r").arg(self.pcap.path()).args(words).output().unwrap();
            String::from_utf8_lossy(&ran.stdout).into_owned()
        };
        let bad = read(&["-Y", "_ws.malformed"]);
        assert!(bad.is_empty(), "{bad}\n{}", self.story());
        assert!(read(&["-Y", "q931"]).contains("setup"), "no call: {}", self.story());
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
