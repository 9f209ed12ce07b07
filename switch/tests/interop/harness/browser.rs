//! Chromium with a page of ours, which tells what it does to the server that it came from.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver, Sender};
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// Longest body of what a page tells, bytes.
const BODY_MAX: usize = 65_536;

/// A step that the page told: its name, and what there is to say of it.
pub type Step = (String, String);

/// The folder of the page, built by `npm run build`.
fn page() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../tests/browser")
}

/// A browser that has opened the page.
pub struct Browser {
    child: Child,
    told: Receiver<Step>,
    heard: Vec<Step>,
    _profile: TempDir,
}

/// Serves the page, before anything is told of it.
pub struct PageServer {
    at: SocketAddr,
    told: Receiver<Step>,
}

impl PageServer {
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let at = listener.local_addr().unwrap();
        let script = fs::read(page().join("built/phone.js"))
            .expect("no tests/browser/built/phone.js: run `npm ci && npm run build` in tests/browser");
        let html = fs::read(page().join("phone.html")).unwrap();
        let (tell, told) = mpsc::channel();
        // It ends with the test's process.
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                // A connection that breaks is the browser's own business.
                let _ = serve(stream, &html, &script, &tell);
            }
        });
        Self { at, told }
    }

    /// The origin that its pages have.
    pub fn origin(&self) -> String {
        format!("http://{}", self.at)
    }

    /// Opens the page with its orders; into its microphone goes a tone of so many Hz, without end.
    pub fn open(self, orders: &serde_json::Value, hz: u32) -> Browser {
        let profile = tempfile::tempdir().unwrap();
        let microphone = profile.path().join("microphone.wav");
        fs::write(&microphone, tone(hz)).unwrap();
        let fragment: String = orders.to_string().bytes().map(|byte| format!("%{byte:02x}")).collect();
        let child = Command::new("chromium")
            .args(["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"])
            .args(["--disable-background-networking", "--disable-component-update", "--disable-sync"])
            .args(["--disable-dev-shm-usage", "--use-fake-device-for-media-stream"])
            // The certificate is the test's own; a page may use the (feigned) microphone.
            .args(["--use-fake-ui-for-media-stream", "--ignore-certificate-errors"])
            .arg(format!("--use-file-for-fake-audio-capture={}", microphone.display()))
            // It listens without a click, and to the loopback interface, where all of this is.
            .args(["--autoplay-policy=no-user-gesture-required", "--allow-loopback-in-peer-connection"])
            .arg("--remote-debugging-port=0")
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .arg(format!("{}/#{fragment}", self.origin()))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("no chromium: install it (apt-get install chromium)");
        Browser { child, told: self.told, heard: Vec::new(), _profile: profile }
    }
}

impl Browser {
    /// Waits until the page tells this step, and says what it told of it.
    pub fn wait(&mut self, step: &str, within: Duration) -> String {
        let begun = Instant::now();
        loop {
            let left = within.saturating_sub(begun.elapsed());
            let Ok(told) = self.told.recv_timeout(left) else {
                panic!("the page did not tell {step:?} in {within:?}; it told {:?}", self.heard);
            };
            self.heard.push(told.clone());
            if told.0 == step {
                return told.1;
            }
        }
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // It is this test's own child; its helpers end with it.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A second of a tone as a WAV of 48 kHz, mono, 16 bits; played over and over, it has no seam.
fn tone(hz: u32) -> Vec<u8> {
    const RATE: u32 = 48_000;
    let mut wav = b"RIFF".to_vec();
    wav.extend((36 + 2 * RATE).to_le_bytes());
    wav.extend(b"WAVEfmt \x10\0\0\0\x01\0\x01\0");
    wav.extend([RATE.to_le_bytes(), (2 * RATE).to_le_bytes()].concat());
    wav.extend(b"\x02\0\x10\0data");
    wav.extend((2 * RATE).to_le_bytes());
    for at in 0..RATE {
        let turns = f64::from(at * hz) / f64::from(RATE);
        wav.extend((((turns * std::f64::consts::TAU).sin() * 10_000.0) as i16).to_le_bytes());
    }
    wav
}

fn serve(stream: TcpStream, html: &[u8], script: &[u8], tell: &Sender<Step>) -> std::io::Result<()> {
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    let mut reader = BufReader::new(stream);
    let mut first = String::new();
    reader.read_line(&mut first)?;
    let mut length = 0;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 || line == "\r\n" {
            break;
        }
        if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap_or(0_usize).min(BODY_MAX);
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    let path = first.split(' ').nth(1).unwrap_or("/").to_owned();
    let (kind, content): (&str, &[u8]) = match path.as_str() {
        "/phone.js" => ("text/javascript", script),
        "/" => ("text/html", html),
        "/told" => {
            let step: Option<Step> = serde_json::from_slice(&body).ok();
            if let Some(step) = step {
                // The test may be over.
                let _ = tell.send(step);
            }
            ("text/plain", b"")
        }
        _ => ("text/plain", b""),
    };
    let mut stream = reader.into_inner();
    write!(
        stream,
        "HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        content.len()
    )?;
    stream.write_all(content)
}
