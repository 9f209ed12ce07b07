//! Lines of an SDP and those attributes that negotiation understands (RFC 8866 §6, RFC 3264 §5.1, RFC 4585
//! §4.2). Invariant: an attribute that we read in any letter case is never passed on as one that we did not
//! understand.

use super::fault::{Fault, NAME_BYTES_MAX};
use super::field::{self, payload_number};

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
    /// `a=ptime`, checked to be above 0: whole milliseconds of audio in one packet.
    Ptime(u16),
    /// `a=maxptime`, checked to be above 0.
    MaxPtime,
    /// Keys, encryption, capability negotiation (RFC 5939) and grouping (RFC 5888): what a switch that
    /// filters streams must not pass on.
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

    /// An `a=` line that cannot be read, of a stream that is not audio.
    pub(super) const fn unread(value: &'a [u8]) -> Self {
        Self { kind: b'a', value, attribute: Some(Attribute::Other) }
    }

    /// An `a=` line; `rtp` says whether payload numbers mean something where it stands.
    pub(super) fn attribute(value: &'a [u8], rtp: bool) -> Result<Self, Fault> {
        let (name, argument) = split_name(value).ok_or(Fault::Attribute)?;
        let attribute = match Name::of(name) {
            Name::Rtpmap if rtp => Attribute::Rtpmap(rtpmap(argument)?),
            Name::Fmtp if rtp => {
                let (payload, params) = payload_and(argument)?;
                Attribute::Fmtp { payload, params }
            }
            Name::RtcpFb if rtp => match field::token(argument).ok_or(Fault::Attribute)? {
                (b"*", value) => Attribute::RtcpFb { payload: None, value: value.trim_ascii_start() },
                (number, value) => Attribute::RtcpFb {
                    payload: Some(payload_number(number).ok_or(Fault::Payload)?),
                    value: value.trim_ascii_start(),
                },
            },
            Name::Rtpmap | Name::Fmtp | Name::RtcpFb | Name::Other => Attribute::Other,
            Name::Direction(direction) => Attribute::Direction(direction),
            Name::Ptime if above_zero(argument) => Attribute::Ptime(whole(argument)),
            Name::MaxPtime if above_zero(argument) => Attribute::MaxPtime,
            Name::Ptime | Name::MaxPtime => return Err(Fault::Ptime),
            Name::Barred => Attribute::Barred,
        };
        Ok(Self { kind: b'a', value, attribute: Some(attribute) })
    }
}

/// The attribute names that mean something here.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Name {
    Rtpmap,
    Fmtp,
    RtcpFb,
    Direction(Direction),
    Ptime,
    MaxPtime,
    Barred,
    Other,
}

impl Name {
    fn of(name: &[u8]) -> Self {
        const KNOWN: [(u64, Name); 26] = [
            (name_key(b"fmtp"), Name::Fmtp),
            (name_key(b"rtpmap"), Name::Rtpmap),
            (name_key(b"ptime"), Name::Ptime),
            (name_key(b"maxptime"), Name::MaxPtime),
            (name_key(b"rtcp-fb"), Name::RtcpFb),
            (name_key(b"sendrecv"), Name::Direction(Direction::SendRecv)),
            (name_key(b"sendonly"), Name::Direction(Direction::SendOnly)),
            (name_key(b"recvonly"), Name::Direction(Direction::RecvOnly)),
            (name_key(b"inactive"), Name::Direction(Direction::Inactive)),
            (name_key(b"crypto"), Name::Barred),
            (name_key(b"setup"), Name::Barred),
            (name_key(b"tls-id"), Name::Barred),
            (name_key(b"key-mgmt"), Name::Barred),
            (name_key(b"group"), Name::Barred),
            (name_key(b"tcap"), Name::Barred),
            (name_key(b"acap"), Name::Barred),
            (name_key(b"pcfg"), Name::Barred),
            (name_key(b"acfg"), Name::Barred),
            (name_key(b"lcfg"), Name::Barred),
            (name_key(b"csup"), Name::Barred),
            (name_key(b"creq"), Name::Barred),
            (name_key(b"rmcap"), Name::Barred),
            (name_key(b"omcap"), Name::Barred),
            (name_key(b"mfcap"), Name::Barred),
            (name_key(b"mscap"), Name::Barred),
            (name_key(b"sescap"), Name::Barred),
        ];
        if name.len() <= 8 {
            let wanted = name_key(name);
            return KNOWN.iter().find(|&&(key, _)| key == wanted).map_or(Self::Other, |&(_, name)| name);
        }
        let barred = name.eq_ignore_ascii_case(b"fingerprint") || name.eq_ignore_ascii_case(b"zrtp-hash");
        if barred { Self::Barred } else { Self::Other }
    }
}

/// A name of at most 8 bytes in lower case as one number. Control bytes were refused before, so no two names
/// that differ in more than the case of letters and a few signs share one, and of the known names none has
/// such signs.
const fn name_key(name: &[u8]) -> u64 {
    let (mut key, mut index) = (0, 0);
    while index < name.len() {
        key = key << 8 | (name[index] | 0x20) as u64;
        index += 1;
    }
    key
}

/// An attribute's name, and its argument without outer blanks, empty if there is no colon. None for what is
/// no name.
fn split_name(value: &[u8]) -> Option<(&[u8], &[u8])> {
    let end =
        value.iter().position(|&byte| byte == b':' || byte <= b' ' || byte == b'"').unwrap_or(value.len());
    let (name, rest) = value.split_at_checked(end)?;
    if name.is_empty() || name.len() > NAME_BYTES_MAX {
        return None;
    }
    match rest {
        [b':', argument @ ..] => Some((name, argument.trim_ascii())),
        blanks => blanks.iter().all(|&byte| byte == b' ').then_some((name, &[])),
    }
}

/// The payload number that an argument begins with, and the rest.
fn payload_and(argument: &[u8]) -> Result<(u8, &[u8]), Fault> {
    let (number, rest) = field::token(argument).ok_or(Fault::Attribute)?;
    Ok((payload_number(number).ok_or(Fault::Payload)?, rest.trim_ascii_start()))
}

fn rtpmap(argument: &[u8]) -> Result<Rtpmap<'_>, Fault> {
    let (payload, value) = payload_and(argument)?;
    let (name, rest) = split_slash(value);
    if name.is_empty() {
        return Err(Fault::Attribute);
    }
    let (clock, rest) = rest.map_or((&b"8000"[..], None), split_slash);
    let channels = rest.map_or(1, |rest| field::number(split_slash(rest).0).unwrap_or(0));
    Ok(Rtpmap { payload, value, name, clock_hz: field::number(clock).unwrap_or(0), channels })
}

/// What stands before the first slash without outer blanks, and what behind it.
fn split_slash(text: &[u8]) -> (&[u8], Option<&[u8]>) {
    let slash = text.iter().position(|&byte| byte == b'/');
    match slash.and_then(|slash| text.split_at_checked(slash)) {
        Some((before, after)) => (before.trim_ascii(), after.get(1..)),
        None => (text.trim_ascii(), None),
    }
}

/// Whether a text is a decimal number above 0, with or without a fraction.
fn above_zero(text: &[u8]) -> bool {
    let mut parts = text.split(|&byte| byte == b'.');
    let (Some(whole), fraction, None) = (parts.next(), parts.next(), parts.next()) else { return false };
    let digits = |part: &[u8]| !part.is_empty() && part.len() <= 9 && part.iter().all(u8::is_ascii_digit);
    let nonzero = |part: &[u8]| part.iter().any(|&byte| byte != b'0');
    digits(whole) && fraction.is_none_or(digits) && (nonzero(whole) || fraction.is_some_and(nonzero))
}

/// The whole part of a decimal number, at least 1.
fn whole(text: &[u8]) -> u16 {
    let whole = text.split(|&byte| byte == b'.').next().and_then(field::number).unwrap_or(1);
    u16::try_from(whole).unwrap_or(u16::MAX).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_known_in_any_case_and_only_those() {
        assert_eq!(Name::of(b"RtpMap"), Name::Rtpmap);
        assert_eq!(Name::of(b"rtcp-FB"), Name::RtcpFb);
        assert_eq!(Name::of(b"InActive"), Name::Direction(Direction::Inactive));
        for barred in ["crypto", "Key-Mgmt", "Fingerprint", "ZRTP-hash", "pcfg"] {
            assert_eq!(Name::of(barred.as_bytes()), Name::Barred, "{barred}");
        }
        for other in ["", "rtcp", "rtpmaps", "xrtpmap", "ptim", "maxptimes", "fingerprints", "rtcp-mux"] {
            assert_eq!(Name::of(other.as_bytes()), Name::Other, "{other}");
        }
    }

    #[test]
    fn no_other_printable_byte_passes_for_one_of_a_known_name() {
        for name in [&b"rtpmap"[..], b"fmtp", b"rtcp-fb", b"crypto", b"group"] {
            let known = Name::of(name);
            for place in 0..name.len() {
                for byte in b'!'..=0xFF {
                    let mut other = name.to_vec();
                    other[place] = byte;
                    assert_eq!(
                        Name::of(&other) == known,
                        byte.eq_ignore_ascii_case(&name[place]),
                        "{other:?}"
                    );
                }
            }
        }
    }
}
