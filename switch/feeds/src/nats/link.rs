//! One connection to a NATS server: the few verbs of its text protocol that a publisher needs.
//!
//! <https://docs.nats.io/reference/reference-protocols/nats-protocol>. Invariant: nothing that a server sends
//! can make this grow without bound.

use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::time::timeout;

/// Who we are to the server.
#[derive(Clone, Default)]
pub struct Login {
    /// User, if the server wants one.
    pub user: Option<String>,
    /// Its password.
    pub password: Option<String>,
}

/// To connect, and for each answer.
const ANSWER: Duration = Duration::from_secs(10);
/// A line of the protocol; INFO is the longest, with the addresses of a cluster.
const LINE_MAX: u64 = 64 << 10;
/// An answer of JetStream's API.
const BODY_MAX: usize = 1 << 20;

/// Why the connection is of no more use, in words.
pub(super) type Fault = String;

/// A connection that has logged in and listens on its inbox.
pub(super) struct Link {
    from: BufReader<OwnedReadHalf>,
    to: OwnedWriteHalf,
    inbox: String,
    out: Vec<u8>,
    asked: u64,
}

/// What came back: on which place of the inbox, and what.
#[derive(PartialEq, Eq, Debug)]
pub(super) struct Reply {
    pub(super) place: u64,
    pub(super) body: Vec<u8>,
    /// Nobody listens on the subject that was published to.
    pub(super) nobody: bool,
}

#[derive(Deserialize)]
struct Info {
    #[serde(default)]
    headers: bool,
    #[serde(default)]
    jetstream: bool,
    #[serde(default)]
    tls_required: bool,
}

#[derive(Serialize)]
struct Connect<'a> {
    verbose: bool,
    pedantic: bool,
    tls_required: bool,
    name: &'a str,
    lang: &'a str,
    version: &'a str,
    protocol: u8,
    headers: bool,
    no_responders: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pass: Option<&'a str>,
}

// === impl Link ===

impl Link {
    /// Connects to `server` (`host:port`) and logs in.
    pub(super) async fn open(server: &str, login: &Login) -> Result<Self, Fault> {
        let stream = timeout(ANSWER, TcpStream::connect(server))
            .await
            .map_err(|_| format!("{server} does not answer"))?;
        let stream = stream.map_err(|e| format!("cannot connect to {server}: {e}"))?;
        // What is written is written whole; waiting for more only costs time.
        let _ = stream.set_nodelay(true);
        let (from, to) = stream.into_split();
        let random = RandomState::new().build_hasher().finish();
        let mut link = Self {
            from: BufReader::new(from),
            to,
            inbox: format!("_INBOX.{random:016x}"),
            out: Vec::new(),
            asked: 0,
        };
        link.greet(login).await.map_err(|why| format!("{server}: {why}"))?;
        Ok(link)
    }

    async fn greet(&mut self, login: &Login) -> Result<(), Fault> {
        let line = self.line().await?;
        let info = line.strip_prefix("INFO ").ok_or("this is no NATS server")?;
        let info: Info = serde_json::from_str(info).map_err(|e| format!("its INFO cannot be read: {e}"))?;
        match info {
            Info { tls_required: true, .. } => {
                return Err("the server wants TLS, which is not built for NATS yet".to_owned());
            }
            Info { headers: false, .. } => {
                return Err(
                    "the server knows no headers: it is older than 2.2, or they are switched off".to_owned()
                );
            }
            Info { jetstream: false, .. } => {
                return Err("the server has no JetStream: start it with -js".to_owned());
            }
            Info { .. } => {}
        }
        let connect = Connect {
            verbose: false,
            pedantic: false,
            tls_required: false,
            name: "tollgate",
            lang: "rust",
            version: env!("CARGO_PKG_VERSION"),
            protocol: 1,
            headers: true,
            no_responders: true,
            user: login.user.as_deref(),
            pass: login.password.as_deref(),
        };
        let connect = serde_json::to_string(&connect).map_err(|e| e.to_string())?;
        let inbox = &self.inbox;
        self.out.extend_from_slice(format!("CONNECT {connect}\r\nSUB {inbox}.* 1\r\nPING\r\n").as_bytes());
        self.send().await?;
        loop {
            // A wrong password is told by -ERR, which `line` turns into a fault.
            if self.line().await? == "PONG" {
                return Ok(());
            }
        }
    }

    /// Puts one message into what [`Self::send`] writes; the answer comes to the returned place of the inbox.
    pub(super) fn publish(&mut self, subject: &str, headers: &[(&str, &str)], body: &[u8]) -> u64 {
        self.asked += 1;
        let (inbox, place) = (&self.inbox, self.asked);
        let mut block = String::from("NATS/1.0\r\n");
        for (name, value) in headers {
            block.extend([name, ": ", value, "\r\n"]);
        }
        block.push_str("\r\n");
        let lengths = (block.len(), block.len() + body.len());
        self.out.extend_from_slice(
            format!("HPUB {subject} {inbox}.{place} {} {}\r\n{block}", lengths.0, lengths.1).as_bytes(),
        );
        self.out.extend_from_slice(body);
        self.out.extend_from_slice(b"\r\n");
        place
    }

    /// Writes all that was published.
    pub(super) async fn send(&mut self) -> Result<(), Fault> {
        let written = timeout(ANSWER, self.to.write_all(&self.out)).await;
        self.out.clear();
        written
            .map_err(|_| "the server reads nothing".to_owned())?
            .map_err(|e| format!("the connection broke: {e}"))
    }

    /// Asks JetStream's API and waits for its answer.
    pub(super) async fn ask(&mut self, subject: &str, body: &[u8]) -> Result<Vec<u8>, Fault> {
        let place = self.publish(subject, &[], body);
        self.send().await?;
        loop {
            let reply = self.reply().await?;
            if reply.place == place {
                return if reply.nobody {
                    Err("JetStream does not answer for this account".to_owned())
                } else {
                    Ok(reply.body)
                };
            }
        }
    }

    /// The next answer to something that was published.
    pub(super) async fn reply(&mut self) -> Result<Reply, Fault> {
        loop {
            let line = self.line().await?;
            let mut words = line.split(' ').filter(|word| !word.is_empty());
            let with_headers = match words.next() {
                Some("MSG") => false,
                Some("HMSG") => true,
                // INFO comes again when a cluster changes.
                _ => continue,
            };
            let words: Vec<&str> = words.collect();
            // Subject, subscription, a reply subject that may be absent, lengths.
            let number = |from_end: usize| {
                words.iter().rev().nth(from_end).and_then(|word| word.parse::<usize>().ok())
            };
            let (total, head) = if with_headers { (number(0), number(1)) } else { (number(0), Some(0)) };
            let (Some(total), Some(head)) = (total, head) else {
                return Err(format!("the server sent {line:?}"));
            };
            let body = self.body(total, head).await?;
            let place = words
                .first()
                .and_then(|subject| subject.rsplit_once('.'))
                .and_then(|(_, place)| place.parse().ok());
            if let Some(place) = place {
                let nobody = with_headers && body.0.starts_with(b"NATS/1.0 503");
                return Ok(Reply { place, body: body.1, nobody });
            }
        }
    }

    /// Headers and the rest.
    async fn body(&mut self, total: usize, head: usize) -> Result<(Vec<u8>, Vec<u8>), Fault> {
        if total > BODY_MAX || head > total {
            return Err(format!("the server sent a message of {total} bytes"));
        }
        let mut whole = vec![0; total + 2];
        let read = timeout(ANSWER, self.from.read_exact(&mut whole)).await;
        read.map_err(|_| "the server stopped in the middle of a message".to_owned())?
            .map_err(|e| format!("the connection broke: {e}"))?;
        whole.truncate(total);
        let rest = whole.split_off(head);
        Ok((whole, rest))
    }

    /// The next line without its end. PINGs are answered, `+OK`s passed over, and an error is one.
    async fn line(&mut self) -> Result<String, Fault> {
        loop {
            let mut line = Vec::new();
            let mut bounded = (&mut self.from).take(LINE_MAX);
            let read = timeout(ANSWER, bounded.read_until(b'\n', &mut line)).await;
            read.map_err(|_| "the server does not answer".to_owned())?
                .map_err(|e| format!("the connection broke: {e}"))?;
            let Some(text) = line.strip_suffix(b"\r\n").map(String::from_utf8_lossy) else {
                return Err("the server closed the connection".to_owned());
            };
            match text.as_ref() {
                "PING" => {
                    self.out.extend_from_slice(b"PONG\r\n");
                    self.send().await?;
                }
                "+OK" => {}
                error if error.starts_with("-ERR") => {
                    return Err(format!(
                        "the server says {}",
                        error.trim_start_matches("-ERR ").trim_matches('\'')
                    ));
                }
                _ => return Ok(text.into_owned()),
            }
        }
    }
}
