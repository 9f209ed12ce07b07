//! One stream of voice in terms that H.245 has too: codecs in order, address, events, direction. Sessions of
//! legs that speak no SDP are made of it, and what is told to them is read by it.
//!
//! Invariant: what is made of a channel reads back as the same channel.

use std::fmt::Write;
use std::net::SocketAddr;

use bytes::Bytes;
use codecs::sdp::Direction;
use codecs::{Codec, CodecSet};
use smallvec::SmallVec;

use crate::payload::Format;
use crate::session::Session;

/// A stream of voice.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Channel {
    /// Where its side receives RTP; RTCP comes to the port above.
    pub rtp: SocketAddr,
    /// Codecs with static payload numbers (RFC 3551 §6), preferred first.
    pub codecs: SmallVec<[Codec; 4]>,
    /// Payload number of events (RFC 4733).
    pub events: Option<u8>,
    /// Milliseconds of sound in a packet; none: as the codec has it.
    pub packet_ms: Option<u16>,
    /// From the view of its side.
    pub direction: Direction,
}

/// Payload number of events in offers of ours.
const EVENTS: u8 = 101;

/// What RFC 3551 numbers; others have no channel.
const fn static_number(codec: Codec) -> Option<u8> {
    match codec {
        Codec::Pcmu => Some(0),
        Codec::G723 => Some(4),
        Codec::Pcma => Some(8),
        Codec::G729 => Some(18),
        Codec::Opus => None,
    }
}

// === impl Channel ===

impl Channel {
    /// Whether a codec can be told.
    pub const fn carries(codec: Codec) -> bool {
        static_number(codec).is_some()
    }

    /// An offer of all these codecs that can be told, and of events.
    pub fn of_codecs(rtp: SocketAddr, codecs: CodecSet) -> Self {
        Self {
            rtp,
            codecs: codecs.iter().filter(|codec| Self::carries(*codec)).collect(),
            events: Some(EVENTS),
            packet_ms: None,
            direction: Direction::SendRecv,
        }
    }

    /// As a session. Neither G.729 nor G.723.1 may fall silent in it.
    pub fn session(&self) -> Option<Session> {
        let (ip, port) = (self.rtp.ip(), self.rtp.port());
        let family = if ip.is_ipv4() { "IP4" } else { "IP6" };
        let mut text = format!("v=0\r\no=- 1 1 IN {family} {ip}\r\ns=-\r\nc=IN {family} {ip}\r\nt=0 0\r\n");
        let numbers = self.codecs.iter().copied().filter_map(static_number).chain(self.events);
        // Writing to a String cannot fail.
        _ = write!(text, "m=audio {port} RTP/AVP");
        for number in numbers {
            _ = write!(text, " {number}");
        }
        for codec in &self.codecs {
            text.push_str(match codec {
                Codec::Pcmu => "\r\na=rtpmap:0 PCMU/8000",
                Codec::Pcma => "\r\na=rtpmap:8 PCMA/8000",
                Codec::G723 => "\r\na=rtpmap:4 G723/8000\r\na=fmtp:4 annexa=no",
                Codec::G729 => "\r\na=rtpmap:18 G729/8000\r\na=fmtp:18 annexb=no",
                Codec::Opus => "",
            });
        }
        if let Some(number) = self.events {
            _ = write!(text, "\r\na=rtpmap:{number} telephone-event/8000\r\na=fmtp:{number} 0-15");
        }
        if let Some(ms) = self.packet_ms {
            _ = write!(text, "\r\na=ptime:{ms}");
        }
        text.push_str(match self.direction {
            Direction::SendRecv => "\r\na=sendrecv\r\n",
            Direction::SendOnly => "\r\na=sendonly\r\n",
            Direction::RecvOnly => "\r\na=recvonly\r\n",
            Direction::Inactive => "\r\na=inactive\r\n",
        });
        Session::read(&Bytes::from(text)).ok()
    }
}

impl Session {
    /// What a leg that speaks no SDP can be told of this; none without an address, or where no codec of
    /// it has a static number.
    pub fn channel(&self) -> Option<Channel> {
        let stream = self.active().filter(|stream| stream.port != 0 && !stream.is_fax())?;
        let target = self.target()?;
        let codecs: SmallVec<[Codec; 4]> = stream
            .payloads
            .iter()
            .filter_map(|payload| Some((payload.format.codec()?, payload.shown)))
            .filter(|(codec, shown)| static_number(*codec) == Some(*shown))
            .map(|(codec, _)| codec)
            .collect();
        if codecs.is_empty() {
            return None;
        }
        let events = stream.payloads.iter().find(|payload| payload.format == Format::TelephoneEvent);
        Some(Channel {
            rtp: SocketAddr::new(target.address?, target.port),
            codecs,
            events: events.map(|payload| payload.shown),
            packet_ms: stream.packet_time_ms,
            direction: stream.direction,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_made_of_a_channel_reads_back() {
        for rtp in ["192.0.2.1:4000", "[2001:db8::1]:65534"] {
            for direction in
                [Direction::SendRecv, Direction::SendOnly, Direction::RecvOnly, Direction::Inactive]
            {
                let channel = Channel {
                    rtp: rtp.parse().expect("address"),
                    codecs: [Codec::G729, Codec::Pcma, Codec::G723, Codec::Pcmu].into_iter().collect(),
                    events: Some(101),
                    packet_ms: Some(30),
                    direction,
                };
                let session = channel.session().expect("a session");
                assert_eq!(session.channel(), Some(channel.clone()));
                assert!(!session.described().expect("open").may_be_silent);
            }
        }
    }

    #[test]
    fn dynamic_numbers_and_other_streams_are_no_channel() {
        let read = |media: &str| {
            let text = format!(
                "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n{media}\r\n"
            );
            Session::read(&Bytes::from(text)).expect("SDP").channel()
        };
        assert_eq!(read("m=audio 4000 RTP/AVP 96\r\na=rtpmap:96 opus/48000/2"), None);
        assert_eq!(read("m=audio 4000 RTP/AVP 96\r\na=rtpmap:96 PCMA/8000"), None);
        assert_eq!(read("m=image 4000 udptl t38"), None);
        assert_eq!(read("m=audio 0 RTP/AVP 8"), None);
        let channel = read(
            "m=audio 4000 RTP/AVP 96 8 0 97\r\na=rtpmap:96 opus/48000/2\r\na=rtpmap:97 telephone-event/8000\r\na=recvonly",
        );
        let channel = channel.expect("PCMA");
        assert_eq!(channel.codecs.as_slice(), [Codec::Pcma, Codec::Pcmu]);
        assert_eq!((channel.events, channel.direction), (Some(97), Direction::RecvOnly));
    }
}
