//! What an engine answers. Everything that is not as expected is a refusal: an engine is believed only what
//! the question asked for.

use std::net::{IpAddr, SocketAddr};

use bytes::Bytes;

use crate::bencode::Value;
use crate::command::{Command, Party};

/// Longest word of an engine on why it refuses that is kept.
const REASON_MAX: usize = 120;
/// Sides of one call that are read.
const PARTIES_MAX: usize = 64;

/// An answer, by its question.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Reply {
    /// To `Ping`.
    Pong,
    /// To `Offer` and `Answer`: the session as the other side is to be told it.
    Session(Bytes),
    /// To `Query`.
    Statistics(Statistics),
    /// To `Delete`.
    Deleted,
    /// It cannot, and why: in its own words, cut and without control characters.
    Refused(String),
}

/// What passed between the sides of a call.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Statistics {
    /// Each side that the engine knows.
    pub parties: Vec<PartyStatistics>,
}

/// What came from one side.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PartyStatistics {
    /// Which.
    pub party: Party,
    /// RTP packets that came from it and were taken.
    pub packets: u64,
    /// The last packet of it, RTP or RTCP, in seconds since 1970 by the engine's clock; none if none came.
    pub last_packet: Option<u64>,
    /// Where its packets come from.
    pub peer: Option<SocketAddr>,
}

/// What is kept of a question, to read its answer by.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Question {
    Ping,
    Exchange,
    Query,
    Delete,
}

// === impl Question ===

impl Question {
    pub(crate) const fn of(command: &Command) -> Self {
        match command {
            Command::Ping => Self::Ping,
            Command::Offer(_) | Command::Answer(_) => Self::Exchange,
            Command::Query { .. } => Self::Query,
            Command::Delete { .. } => Self::Delete,
        }
    }
}

// === impl Reply ===

impl Reply {
    pub(crate) fn of(question: Question, message: &Value<'_>) -> Self {
        let result = message.at("result").and_then(Value::text);
        match (question, result) {
            (Question::Ping, Some("pong")) => Self::Pong,
            (Question::Exchange, Some("ok")) => match message.at("sdp").and_then(Value::octets) {
                Some(sdp) => Self::Session(Bytes::copy_from_slice(sdp)),
                None => Self::Refused("an answer without a session".to_owned()),
            },
            (Question::Query, Some("ok")) => Self::Statistics(statistics(message)),
            (Question::Delete, Some("ok")) => Self::Deleted,
            (_, Some("error")) => {
                let reason = message.at("error-reason").and_then(Value::text).unwrap_or("no reason given");
                Self::Refused(shown(reason))
            }
            (_, Some(other)) => Self::Refused(shown(other)),
            (_, None) => Self::Refused("an answer without a result".to_owned()),
        }
    }
}

fn shown(words: &str) -> String {
    words.chars().filter(|char| !char.is_control()).take(REASON_MAX).collect()
}

fn statistics(message: &Value<'_>) -> Statistics {
    let tags = message.at("tags").map_or(&[][..], Value::pairs);
    let parties = tags.iter().filter_map(|(tag, side)| {
        let party = Party::of_tag(std::str::from_utf8(tag).ok()?)?;
        Some(of_party(party, side))
    });
    Statistics { parties: parties.take(PARTIES_MAX).collect() }
}

fn of_party(party: Party, side: &Value<'_>) -> PartyStatistics {
    let mut found = PartyStatistics { party, packets: 0, last_packet: None, peer: None };
    let medias = side.at("medias").map_or(&[][..], Value::items);
    for stream in medias.iter().flat_map(|media| media.at("streams").map_or(&[][..], Value::items)) {
        let count = |key| stream.at("stats").and_then(|stats| stats.at(key)?.count()).unwrap_or_default();
        // Strangers' packets are among its errors, and among its packets too.
        let packets = count("packets").saturating_sub(count("errors"));
        let flags = stream.at("flags").map_or(&[][..], Value::items);
        // With a single port for both it says RTP and RTCP: then it counts both together.
        if flags.iter().any(|flag| flag.text() == Some("RTP")) {
            found.packets = found.packets.saturating_add(packets);
            found.peer = found.peer.or_else(|| address(stream.at("endpoint")?));
        }
        // Before the first packet it says when the stream was made.
        if packets > 0 {
            found.last_packet = found.last_packet.max(stream.at("last packet").and_then(Value::count));
        }
    }
    found
}

fn address(endpoint: &Value<'_>) -> Option<SocketAddr> {
    let ip: IpAddr = endpoint.at("address")?.text()?.parse().ok()?;
    let port = u16::try_from(endpoint.at("port")?.count()?).ok()?;
    Some(SocketAddr::new(ip, port))
}
