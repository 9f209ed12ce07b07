//! What an engine is asked.

use bytes::Bytes;

use crate::bencode::DictionaryWriter;

/// A side of a call, as an engine knows it (its tags).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Party {
    /// Who called.
    Caller,
    /// Who is called, by the family of addresses that its media has (4 or 6).
    Called(u8),
}

/// One question. `call` names a call in all of them: no two calls of all nodes that share an engine have the
/// same.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Command {
    /// Whether it is there.
    Ping,
    /// A side's offer: where is the other side to send its media?
    Offer(Exchange),
    /// The answer to it: where is the offerer to send its media?
    Answer(Exchange),
    /// What passed so far.
    Query {
        /// The call.
        call: u128,
    },
    /// The call is over; its answer counts nothing.
    Delete {
        /// The call.
        call: u128,
    },
}

/// A session that passes from one side to the other. Ports stay what they were told first, as long as every
/// exchange of a call is between the same two parties.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Exchange {
    /// The call.
    pub call: u128,
    /// Who is called; the caller is the one who offers, whoever did so in truth.
    pub called: Party,
    /// The session of whoever speaks (RFC 8866).
    pub sdp: Bytes,
    /// The family of the address that the other side is told.
    pub ipv4: bool,
    /// The address of whoever speaks may be learnt from its packets.
    pub learn: bool,
    /// Whether RTCP comes by the RTP port (RFC 5761): from whoever speaks, and from the other side.
    pub mux: (bool, bool),
}

// === impl Party ===

impl Party {
    /// As a tag.
    pub(crate) fn tag(self) -> String {
        match self {
            Self::Caller => "caller".to_owned(),
            Self::Called(family) => format!("called-{family}"),
        }
    }

    /// Whose tag it is.
    pub(crate) fn of_tag(tag: &str) -> Option<Self> {
        match tag.strip_prefix("called-") {
            Some(family) => family.parse().ok().map(Self::Called),
            None => (tag == "caller").then_some(Self::Caller),
        }
    }
}

// === impl Command ===

impl Command {
    /// The datagram.
    pub(crate) fn write(&self, cookie: &str) -> Bytes {
        let mut writer = DictionaryWriter::after(format!("{cookie} ").as_bytes());
        match self {
            Self::Ping => writer.octets("command", b"ping"),
            Self::Offer(exchange) => exchange.write(&mut writer, "offer"),
            Self::Answer(exchange) => exchange.write(&mut writer, "answer"),
            Self::Query { call } => of_call(&mut writer, "query", *call),
            Self::Delete { call } => {
                of_call(&mut writer, "delete", *call);
                writer.integer("delete-delay", 0);
            }
        }
        writer.end().into()
    }
}

fn of_call(writer: &mut DictionaryWriter, command: &str, call: u128) {
    writer.octets("command", command.as_bytes());
    writer.octets("call-id", format!("tollgate-{call:032x}").as_bytes());
}

impl Exchange {
    fn write(&self, writer: &mut DictionaryWriter, command: &str) {
        of_call(writer, command, self.call);
        writer.octets("from-tag", Party::Caller.tag().as_bytes());
        writer.octets("to-tag", self.called.tag().as_bytes());
        writer.octets("sdp", &self.sdp);
        writer.octets("address family", if self.ipv4 { b"IP4" } else { b"IP6" });
        writer.octets("ICE", b"remove");
        writer.octets("DTLS", b"off");
        let mux: &[&str] = match self.mux {
            (true, true) => &["accept", "offer"],
            (true, false) => &["accept", "demux"],
            (false, true) => &["offer", "require"],
            (false, false) => &["reject", "demux"],
        };
        writer.list("rtcp-mux", mux);
        // Where media comes from is judged by the session; who strays from it later is not heard. Ports stay.
        let flags: &[&str] = match self.learn {
            true => &["trust-address", "strict-source", "port-latching"],
            false => &["trust-address", "strict-source", "port-latching", "asymmetric"],
        };
        writer.list("flags", flags);
    }
}
