//! Lines of an SDP and those attributes that negotiation understands (RFC 8866 §6, RFC 3264 §5.1, RFC 4585 §4.2).
//! Invariant: an attribute that we read in any letter case is never passed on as one that we did not understand.

use super::field::{self, payload_number};
use super::{Fault, NAME_BYTES_MAX};

/// Which way media flows, from the view of the side that wrote the SDP (RFC 3264 §5.1).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Direction {
    /// Both ways, the default.
    #[default]
    SendRecv,
    /// It sends only: the other side is on hold.
    SendOnly,
    /// It receives only.
    RecvOnly,
    /// Neither way.
    Inactive,
}

/// What a payload number means: `a=rtpmap:96 telephone-event/8000`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Rtpmap<'a> {
    /// Payload number, 0 to 127.
    pub payload: u8,
    /// All behind the payload number, as written.
    pub value: &'a [u8],
    /// Encoding name as written.
    pub name: &'a [u8],
    /// RTP clock in Hz, 8000 if the line does not say; 0 if it says no number.
    pub clock_hz: u32,
    /// Channels, 1 if the line does not say; 0 if it says something else than a number.
    pub channels: u32,
}

/// An attribute, as far as negotiation has to know it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Attribute<'a> {
    /// `a=rtpmap`.
    Rtpmap(Rtpmap<'a>),
    /// `a=fmtp`: parameters of a payload.
    Fmtp {
        /// Payload number, 0 to 127.
        payload: u8,
        /// The parameters as written.
        params: &'a [u8],
    },
    /// `a=rtcp-fb`.
    RtcpFb {
        /// Payload number; `None` for `*`.
        payload: Option<u8>,
        /// All behind the payload, as written.
        value: &'a [u8],
    },
    /// `a=sendrecv` and its kin.
    Direction(Direction),
    /// `a=ptime` or `a=maxptime`, checked to be above 0.
    Ptime,
    /// Keys, encryption, capability negotiation (RFC 5939) and grouping (RFC 5888): what a switch that filters streams must not pass on.
    Barred,
    /// Any other.
    Other,
}

/// One line.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Line<'a> {
    /// The letter before `=`.
    pub kind: u8,
    /// All behind `=`, without the line's end.
    pub value: &'a [u8],
    /// What the line means, if it is an attribute.
    pub attribute: Option<Attribute<'a>>,
}

impl<'a> Line<'a> {
    pub(super) const fn plain(kind: u8, value: &'a [u8]) -> Self {
        Self { kind, value, attribute: None }
    }

    /// An `a=` line; `rtp` says whether payload numbers mean something where it stands.
    pub(super) fn attribute(value: &'a [u8], rtp: bool) -> Result<Self, Fault> {
        let (name, argument) = match value.iter().position(|&byte| byte == b':') {
            Some(colon) => (&value[..colon], value[colon + 1..].trim_ascii()),
            None => (value.trim_ascii_end(), &[][..]),
        };
        if name.is_empty() || name.len() > NAME_BYTES_MAX || name.iter().any(|&byte| byte <= b' ' || byte == b'"') {
            return Err(Fault::Attribute);
        }
        let attribute = match Name::of(name) {
            Name::Rtpmap if rtp => Attribute::Rtpmap(rtpmap(argument)?),
            Name::Fmtp if rtp => {
                let (payload, params) = payload_and(argument)?;
                Attribute::Fmtp { payload, params }
            }
            Name::RtcpFb if rtp => match field::token(argument).ok_or(Fault::Attribute)? {
                (b"*", value) => Attribute::RtcpFb { payload: None, value: value.trim_ascii_start() },
                (number, value) => {
                    Attribute::RtcpFb { payload: Some(payload_number(number).ok_or(Fault::Payload)?), value: value.trim_ascii_start() }
                }
            },
            Name::Rtpmap | Name::Fmtp | Name::RtcpFb | Name::Other => Attribute::Other,
            Name::Direction(direction) => Attribute::Direction(direction),
            Name::Ptime if above_zero(argument) => Attribute::Ptime,
            Name::Ptime => return Err(Fault::Ptime),
            Name::Barred => Attribute::Barred,
        };
        Ok(Self { kind: b'a', value, attribute: Some(attribute) })
    }
}

/// The attribute names that mean something here.
#[derive(Clone, Copy)]
enum Name {
    Rtpmap,
    Fmtp,
    RtcpFb,
    Direction(Direction),
    Ptime,
    Barred,
    Other,
}

impl Name {
    /// Names of one length side by side, so that most attributes are settled by one comparison.
    fn of(name: &[u8]) -> Self {
        let known: &[(&[u8], Self)] = match name.len() {
            4 => &[
                (b"fmtp", Self::Fmtp),
                (b"tcap", Self::Barred),
                (b"acap", Self::Barred),
                (b"pcfg", Self::Barred),
                (b"acfg", Self::Barred),
                (b"csup", Self::Barred),
                (b"creq", Self::Barred),
                (b"lcfg", Self::Barred),
            ],
            5 => &[
                (b"ptime", Self::Ptime),
                (b"group", Self::Barred),
                (b"rmcap", Self::Barred),
                (b"omcap", Self::Barred),
                (b"mfcap", Self::Barred),
                (b"mscap", Self::Barred),
                (b"setup", Self::Barred),
            ],
            6 => &[(b"rtpmap", Self::Rtpmap), (b"crypto", Self::Barred), (b"tls-id", Self::Barred), (b"sescap", Self::Barred)],
            7 => &[(b"rtcp-fb", Self::RtcpFb)],
            8 => &[
                (b"sendrecv", Self::Direction(Direction::SendRecv)),
                (b"sendonly", Self::Direction(Direction::SendOnly)),
                (b"recvonly", Self::Direction(Direction::RecvOnly)),
                (b"inactive", Self::Direction(Direction::Inactive)),
                (b"maxptime", Self::Ptime),
                (b"key-mgmt", Self::Barred),
            ],
            9 => &[(b"zrtp-hash", Self::Barred)],
            11 => &[(b"fingerprint", Self::Barred)],
            _ => &[],
        };
        known.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map_or(Self::Other, |&(_, name)| name)
    }
}

/// The payload number that an argument begins with, and the rest.
fn payload_and(argument: &[u8]) -> Result<(u8, &[u8]), Fault> {
    let (number, rest) = field::token(argument).ok_or(Fault::Attribute)?;
    Ok((payload_number(number).ok_or(Fault::Payload)?, rest.trim_ascii_start()))
}

fn rtpmap(argument: &[u8]) -> Result<Rtpmap<'_>, Fault> {
    let (payload, value) = payload_and(argument)?;
    let mut parts = value.split(|&byte| byte == b'/');
    let name = parts.next().unwrap_or(&[]).trim_ascii();
    if name.is_empty() {
        return Err(Fault::Attribute);
    }
    let clock_hz = parts.next().map_or(8000, |clock| field::number(clock.trim_ascii()).unwrap_or(0));
    let channels = parts.next().map_or(1, |channels| field::number(channels.trim_ascii()).unwrap_or(0));
    Ok(Rtpmap { payload, value, name, clock_hz, channels })
}

/// Whether a text is a decimal number above 0, with or without a fraction.
fn above_zero(text: &[u8]) -> bool {
    let mut parts = text.split(|&byte| byte == b'.');
    let (Some(whole), fraction, None) = (parts.next(), parts.next(), parts.next()) else { return false };
    let digits = |part: &[u8]| !part.is_empty() && part.len() <= 9 && part.iter().all(u8::is_ascii_digit);
    let nonzero = |part: &[u8]| part.iter().any(|&byte| byte != b'0');
    digits(whole) && fraction.is_none_or(digits) && (nonzero(whole) || fraction.is_some_and(nonzero))
}
