//! Call records into a JetStream stream, each confirmed by the server's disk before the feed moves on.
//!
//! Invariant: records of this node are stored in the order of the journal. A batch goes out on one
//! connection, is stored in that order, and after any fault the connection is dropped and everything
//! unconfirmed goes out again; `Nats-Msg-Id` makes the server pass over what it has.

mod link;

use std::time::{Duration, Instant};

use ledger::Record;
use serde::{Deserialize, Serialize};

pub use self::link::Login;
use self::link::{Fault, Link};
use crate::{Consumer, Delivery, Message};

/// The server forgets ids after so long, in streams that are made here. A repeat comes at most a pause after
/// the server is back.
const DUPLICATE_WINDOW: Duration = Duration::from_secs(600);
/// A connection not used for so long is not used again: servers end silent ones.
const IDLE: Duration = Duration::from_secs(60);
/// JetStream's error "stream not found".
const NO_STREAM: u64 = 10_059;

/// Where records go.
#[derive(Clone)]
pub struct Target {
    /// `host:port`.
    pub server: String,
    /// Name of the stream; made if absent.
    pub stream: String,
    /// What records are published on; the stream must listen to it.
    pub subject: String,
    /// For the server.
    pub login: Login,
}

/// Publishes call records.
pub struct Nats {
    target: Target,
    link: Option<(Link, Instant)>,
}

/// What JetStream answers, to whatever was asked.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Answer {
    stream: String,
    seq: u64,
    error: Option<ApiError>,
    config: Option<StreamConfig>,
}

#[derive(Deserialize)]
struct ApiError {
    #[serde(default)]
    err_code: u64,
    #[serde(default)]
    description: String,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct StreamConfig {
    subjects: Vec<String>,
}

#[derive(Serialize)]
struct NewStream<'a> {
    name: &'a str,
    subjects: [&'a str; 1],
    storage: &'a str,
    retention: &'a str,
    /// ns
    duplicate_window: u128,
}

// === impl Nats ===

impl Nats {
    /// Nothing is asked of the server before the first record.
    pub const fn new(target: Target) -> Self {
        Self { target, link: None }
    }

    /// A connection to a server that has the stream.
    async fn connect(&self) -> Result<Link, Fault> {
        let mut link = Link::open(&self.target.server, &self.target.login).await?;
        let Target { stream, subject, .. } = &self.target;
        let told = answer(&link.ask(&format!("$JS.API.STREAM.INFO.{stream}"), b"").await?)?;
        match told.error {
            None => {
                let subjects = told.config.unwrap_or_default().subjects;
                if subjects.iter().any(|pattern| covers(pattern, subject)) {
                    return Ok(link);
                }
                Err(format!(
                    "stream {stream} takes {} and not {subject}: add it to the stream or change nats.subject",
                    subjects.join(", ")
                ))
            }
            Some(error) if error.err_code == NO_STREAM => {
                let new = NewStream {
                    name: stream,
                    subjects: [subject],
                    storage: "file",
                    retention: "limits",
                    duplicate_window: DUPLICATE_WINDOW.as_nanos(),
                };
                let new = serde_json::to_vec(&new).map_err(|e| e.to_string())?;
                match answer(&link.ask(&format!("$JS.API.STREAM.CREATE.{stream}"), &new).await?)?.error {
                    None => Ok(link),
                    Some(error) => Err(format!("stream {stream} cannot be made: {}", error.description)),
                }
            }
            Some(error) => Err(format!("stream {stream}: {}", error.description)),
        }
    }

    /// Publishes and counts in `confirmed` how many are stored, from the first one on.
    async fn publish(
        &self,
        link: &mut Link,
        messages: &[Message],
        confirmed: &mut usize,
    ) -> Result<(), Fault> {
        let Target { stream, subject, .. } = &self.target;
        let mut first = None;
        for message in messages {
            let record = Record::decode(&message.entry.entry.body)
                .map_err(|e| format!("entry {}: {e}", message.entry.seq))?;
            let Some((_, cdr)) = record.cdr() else {
                return Err(format!("entry {} is no call record", message.entry.seq));
            };
            let headers = [("Nats-Msg-Id", message.id.as_str()), ("Nats-Expected-Stream", stream.as_str())];
            let place = link.publish(subject, &headers, cdr.get().as_bytes());
            first.get_or_insert(place);
        }
        link.send().await?;
        // The server answers in the order of what it stores.
        let mut expected = first.unwrap_or_default();
        while *confirmed < messages.len() {
            let reply = link.reply().await?;
            if reply.place != expected {
                return Err(format!("the answers came out of order: {} instead of {expected}", reply.place));
            }
            let told = if reply.nobody { Answer::default() } else { answer(&reply.body)? };
            match told.error {
                Some(error) => return Err(format!("{subject}: {}", error.description)),
                None if told.seq == 0 || told.stream != *stream => {
                    return Err(format!("no stream stores {subject}"));
                }
                None => {}
            }
            *confirmed += 1;
            expected += 1;
        }
        Ok(())
    }
}

impl Consumer for Nats {
    const BATCH: u32 = 256;
    const PATIENCE: Duration = Duration::from_secs(120);

    async fn deliver(&mut self, messages: &[Message]) -> Delivery {
        loop {
            // Taken out: if this future is dropped, so is a connection in an unknown state.
            let kept = self.link.take().filter(|(_, used)| used.elapsed() < IDLE);
            let again = kept.is_some();
            let mut link = match kept {
                Some((link, _)) => link,
                None => match self.connect().await {
                    Ok(link) => link,
                    Err(why) => return Delivery::stopped(0, why),
                },
            };
            let mut confirmed = 0;
            match self.publish(&mut link, messages, &mut confirmed).await {
                Ok(()) => {
                    self.link = Some((link, Instant::now()));
                    return Delivery::done(messages);
                }
                // A server that was restarted while there was nothing to say is no failure.
                Err(_) if again && confirmed == 0 => {}
                Err(why) => return Delivery::stopped(confirmed, why),
            }
        }
    }
}

fn answer(body: &[u8]) -> Result<Answer, Fault> {
    serde_json::from_slice(body).map_err(|e| format!("JetStream's answer cannot be read: {e}"))
}

/// Does a stream that listens to `pattern` store what is published on `subject`? `*` is any one word, `>` at
/// the end any words.
fn covers(pattern: &str, subject: &str) -> bool {
    let (mut pattern, mut subject) = (pattern.split('.'), subject.split('.'));
    loop {
        match (pattern.next(), subject.next()) {
            (Some(">"), Some(_)) | (None, None) => return true,
            (Some(p), Some(s)) if p == "*" || p == s => {}
            _ => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_cover_subjects() {
        for (pattern, subject, covered) in [
            ("tollgate.cdr", "tollgate.cdr", true),
            ("tollgate.*", "tollgate.cdr", true),
            ("tollgate.>", "tollgate.cdr", true),
            (">", "tollgate.cdr", true),
            ("*.cdr", "tollgate.cdr", true),
            ("tollgate", "tollgate.cdr", false),
            ("tollgate.cdr.>", "tollgate.cdr", false),
            ("tollgate.cdr.*", "tollgate.cdr", false),
            ("tollgate.cdrs", "tollgate.cdr", false),
            ("*", "tollgate.cdr", false),
        ] {
            assert_eq!(covers(pattern, subject), covered, "{pattern} {subject}");
        }
    }
}
