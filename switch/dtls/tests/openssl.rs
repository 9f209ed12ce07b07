//! Handshakes with OpenSSL between sockets: it tells the octets of its exporter, which are to be our keys.

use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use dtls::{Begin, Certificate, Handshaken, Handshakes};
use media::relay::{DtlsRole, PeerKeys};
use media::srtp::{MasterKey, Suite};
use sha2::{Digest, Sha256};
use units::Tick;

const PATIENCE: Duration = Duration::from_secs(20);
const EXPORTER: [&str; 4] = ["-keymatexport", "EXTRACTOR-dtls_srtp", "-keymatexportlen", "60"];

/// A folder with a key and a certificate of OpenSSL's own, removed in the end.
struct Theirs {
    folder: PathBuf,
    fingerprint: [u8; 32],
}

/// OpenSSL as it runs; ended by its number.
struct Peer {
    child: Child,
    lines: Receiver<String>,
}

fn openssl() -> Command {
    let mut command = Command::new("openssl");
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    command
}

// === impl Theirs ===

impl Theirs {
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("dtls-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a folder");
        let made = openssl()
            .args(["req", "-x509", "-nodes", "-days", "30", "-subj", "/CN=peer", "-newkey", "ec"])
            .args(["-pkeyopt", "ec_paramgen_curve:P-256", "-keyout", "key.pem", "-out", "cert.pem"])
            .current_dir(&folder)
            .status();
        assert!(made.expect("it runs").success());
        let der =
            openssl().args(["x509", "-in", "cert.pem", "-outform", "der"]).current_dir(&folder).output();
        let fingerprint = Sha256::digest(der.expect("it runs").stdout).into();
        Self { folder, fingerprint }
    }
}

impl Drop for Theirs {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

// === impl Peer ===

impl Peer {
    fn start(command: &mut Command, folder: &Path) -> Self {
        let mut child = command
            .args(["-dtls1_2", "-cert", "cert.pem", "-key", "key.pem"])
            .args(["-use_srtp", "SRTP_AES128_CM_SHA1_80"])
            .args(EXPORTER)
            .current_dir(folder)
            .spawn()
            .expect("it starts");
        let (told, lines) = channel();
        let out = BufReader::new(child.stdout.take().expect("its output"));
        std::thread::spawn(move || out.lines().map_while(Result::ok).try_for_each(|line| told.send(line)));
        Self { child, lines }
    }

    fn wait_for(&self, mut wanted: impl FnMut(&str) -> Option<Vec<u8>>) -> Vec<u8> {
        let end = Instant::now() + PATIENCE;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            let line = self.lines.recv_timeout(left).expect("it says what is waited for");
            if let Some(found) = wanted(&line) {
                return found;
            }
        }
    }

    /// What its exporter gave.
    fn exported(&self) -> Vec<u8> {
        self.wait_for(|line| {
            let hex = line.trim().strip_prefix("Keying material: ")?;
            Some(
                (0..hex.len() / 2)
                    .filter_map(|at| u8::from_str_radix(&hex[at * 2..at * 2 + 2], 16).ok())
                    .collect(),
            )
        })
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Carries datagrams between our side and the network until there are keys.
fn shake_hands(
    socket: &UdpSocket,
    mut peer: Option<SocketAddr>,
    begin: Begin,
    ours: Certificate,
) -> PeerKeys {
    let epoch = Instant::now();
    let now = || Tick(u64::try_from(epoch.elapsed().as_micros()).expect("a short while"));
    let mut handshakes = Handshakes::new(ours, epoch, 1).expect("settings");
    handshakes.begin(now(), 0_u8, begin);
    socket.set_read_timeout(Some(Duration::from_millis(20))).expect("a socket");
    let (mut buffer, mut keys) = ([0; 2_048], None);
    while epoch.elapsed() < PATIENCE {
        while let Some((_, made)) = handshakes.poll() {
            match made {
                Handshaken::Datagram(datagram) => {
                    // Before its port is open the network says that it is not: it is sent again.
                    let _ = socket.send_to(&datagram, peer.expect("it spoke first"));
                }
                Handshaken::Secured(secured) => keys = Some(secured),
                Handshaken::Failed(failure) => assert_eq!(failure.words(), "", "it failed"),
            }
        }
        if let Some(keys) = keys {
            return keys;
        }
        if let Ok((bytes, from)) = socket.recv_from(&mut buffer) {
            peer = Some(from);
            handshakes.handle(now(), 0, &buffer[..bytes]);
        }
        handshakes.tick(now());
    }
    keys.expect("keys in time")
}

fn socket() -> (UdpSocket, u16) {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a port");
    let port = socket.local_addr().expect("bound").port();
    (socket, port)
}

#[test]
fn its_client_has_our_keys() {
    for is_checked in [true, false] {
        let theirs = Theirs::new(if is_checked { "client" } else { "cookie" });
        let (socket, port) = socket();
        let to = format!("127.0.0.1:{port}");
        let peer = Peer::start(openssl().args(["s_client", "-connect", &to]), &theirs.folder);
        let begin = Begin { role: DtlsRole::Server, fingerprint: theirs.fingerprint, is_checked };
        let keys = shake_hands(&socket, None, begin, Certificate::new().expect("randomness"));
        let exported = MasterKey::exported(Suite::Aes128Sha1Tag80, &peer.exported()).expect("sixty octets");
        assert_eq!([keys.theirs, keys.ours], exported);
    }
}

#[test]
fn its_server_has_our_keys() {
    let theirs = Theirs::new("server");
    let (free, port) = self::socket();
    drop(free);
    let accept = port.to_string();
    let peer = Peer::start(openssl().args(["s_server", "-Verify", "1", "-accept", &accept]), &theirs.folder);
    peer.wait_for(|line| line.contains("ACCEPT").then(Vec::new));
    let (socket, _) = socket();
    let begin = Begin { role: DtlsRole::Client, fingerprint: theirs.fingerprint, is_checked: true };
    let to = format!("127.0.0.1:{port}").parse().ok();
    let keys = shake_hands(&socket, to, begin, Certificate::new().expect("randomness"));
    let exported = MasterKey::exported(Suite::Aes128Sha1Tag80, &peer.exported()).expect("sixty octets");
    assert_eq!([keys.ours, keys.theirs], exported);
}
