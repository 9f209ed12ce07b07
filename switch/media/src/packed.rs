//! An SDP kept for the whole length of a call in a quarter of its room: what the lines of all SDP have in
//! common is one byte each. Invariant: what is unpacked is byte for byte what was packed, whatever it was.

use bytes::Bytes;

/// Bytes of an SDP, to be said again as they were.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Packed(Box<[u8]>);

/// What one byte stands for. Ordered by the first byte, and then so that what is longer comes before what it
/// begins with.
const PHRASES: [&[u8]; 55] = [
    b"\r\nc=IN IP4 ",
    b"\r\nc=IN IP6 ",
    b"\r\ns=-\r\nc=IN IP4 ",
    b"\r\ns=-\r\nc=IN IP6 ",
    b"\r\ns=-\r\n",
    b"\r\ns=",
    b"\r\nt=0 0\r\nm=audio ",
    b"\r\nt=0 0\r\n",
    b"\r\n",
    b" 101\r\n",
    b" G723/8000\r\n",
    b" G729/8000\r\n",
    b" IN IP4 ",
    b" IN IP6 ",
    b" PCMA/8000\r\n",
    b" PCMU/8000\r\n",
    b" RTP/AVP 0 8 ",
    b" RTP/AVP 0 ",
    b" RTP/AVP 18 ",
    b" RTP/AVP 8 0 ",
    b" RTP/AVP 8 ",
    b" RTP/AVP ",
    b" RTP/SAVP ",
    b" telephone-event/8000\r\n",
    b"/8000\r\n",
    b"0-15\r\n",
    b"0-16\r\n",
    b"a=candidate:",
    b"a=fmtp:101 0-15\r\n",
    b"a=fmtp:101 0-16\r\n",
    b"a=fmtp:18 annexb=no\r\n",
    b"a=fmtp:18 annexb=yes\r\n",
    b"a=fmtp:4 bitrate=",
    b"a=fmtp:",
    b"a=inactive\r\n",
    b"a=maxptime:",
    b"a=ptime:20\r\n",
    b"a=ptime:",
    b"a=recvonly\r\n",
    b"a=rtcp-mux\r\n",
    b"a=rtcp:",
    b"a=rtpmap:0 PCMU/8000\r\n",
    b"a=rtpmap:101 telephone-event/8000\r\n",
    b"a=rtpmap:18 G729/8000\r\n",
    b"a=rtpmap:4 G723/8000\r\n",
    b"a=rtpmap:8 PCMA/8000\r\n",
    b"a=rtpmap:",
    b"a=sendonly\r\n",
    b"a=sendrecv\r\n",
    b"a=silenceSupp:off - - - -\r\n",
    b"a=ssrc:",
    b"a=",
    b"b=AS:",
    b"m=audio ",
    b"v=0\r\no=- ",
];

/// Two digits: the first of a hundred codes.
const DIGITS: u8 = 0x80;
/// The codes of phrases: all above the digits but the last, then control bytes, which stand in no SDP but for
/// three of them.
const CODES: [u8; PHRASES.len()] = codes();
/// The phrase of a code; `NONE` for bytes that are none.
const PHRASE_OF: [u8; 256] = phrase_of();
/// Per first byte, the first phrase and the one after the last.
const STARTING: [(u8, u8); 256] = starting();
/// The third and fourth byte of each phrase, zero where it has none: most phrases that
/// begin with the same byte differ here.
const AHEAD: [[u8; 2]; PHRASES.len()] = phrases_ahead();
const NONE: u8 = u8::MAX;
/// The next byte stands for itself.
const LITERAL: u8 = 0xff;

const fn codes() -> [u8; PHRASES.len()] {
    let mut codes = [0; PHRASES.len()];
    let (mut code, mut at) = (DIGITS + 100, 0);
    while at < codes.len() {
        codes[at] = code;
        code = match code {
            0xfe => 0x00,
            // over tabulator, line feed and carriage return
            0x08 => 0x0b,
            0x0c => 0x0e,
            other => other + 1,
        };
        at += 1;
    }
    codes
}

const fn phrase_of() -> [u8; 256] {
    let mut phrases = [NONE; 256];
    let mut at = 0;
    while at < CODES.len() {
        phrases[CODES[at] as usize] = at as u8;
        at += 1;
    }
    phrases
}

const fn starting() -> [(u8, u8); 256] {
    let mut ranges = [(0, 0); 256];
    let mut at = 0;
    while at < PHRASES.len() {
        let first = PHRASES[at][0] as usize;
        if ranges[first].1 == 0 {
            ranges[first].0 = at as u8;
        }
        ranges[first].1 = at as u8 + 1;
        at += 1;
    }
    ranges
}

const fn phrases_ahead() -> [[u8; 2]; PHRASES.len()] {
    let mut all = [[0; 2]; PHRASES.len()];
    let mut at = 0;
    while at < PHRASES.len() {
        let phrase = PHRASES[at];
        all[at] =
            [if phrase.len() > 2 { phrase[2] } else { 0 }, if phrase.len() > 3 { phrase[3] } else { 0 }];
        at += 1;
    }
    all
}

/// The first phrase that `rest` begins with.
fn phrase(rest: &[u8], first: u8) -> Option<usize> {
    let (from, to) = STARTING[usize::from(first)];
    let ahead = rest.get(2..4).unwrap_or_default();
    (usize::from(from)..usize::from(to)).find(|&at| {
        let expected = AHEAD[at];
        // a rest of less than four bytes is compared as a whole
        let may_be = ahead.len() < 2
            || ((expected[0] == 0 || expected[0] == ahead[0])
                && (expected[1] == 0 || expected[1] == ahead[1]));
        may_be && rest.starts_with(PHRASES[at])
    })
}

// === impl Packed ===

impl Packed {
    /// Packs any bytes; SDP becomes small.
    pub fn new(sdp: &[u8]) -> Self {
        let mut packed = Vec::with_capacity(sdp.len() / 2);
        let mut rest = sdp;
        while let Some((&first, after)) = rest.split_first() {
            if let Some(at) = phrase(rest, first) {
                packed.push(CODES[at]);
                rest = &rest[PHRASES[at].len()..];
            } else if let (b'0'..=b'9', Some(second @ b'0'..=b'9')) = (first, after.first()) {
                packed.push(DIGITS + (first - b'0') * 10 + (second - b'0'));
                rest = &after[1..];
            } else {
                if first >= DIGITS || PHRASE_OF[usize::from(first)] != NONE {
                    packed.push(LITERAL);
                }
                packed.push(first);
                rest = after;
            }
        }
        Self(packed.into_boxed_slice())
    }

    /// The bytes as they were.
    pub fn unpack(&self) -> Bytes {
        let mut sdp = Vec::with_capacity(self.0.len() * 5);
        let mut packed = self.0.iter().copied();
        while let Some(code) = packed.next() {
            match code {
                LITERAL => sdp.extend(packed.next()),
                DIGITS..0xe4 => sdp.extend([b'0' + (code - DIGITS) / 10, b'0' + (code - DIGITS) % 10]),
                code => match PHRASES.get(usize::from(PHRASE_OF[usize::from(code)])) {
                    Some(phrase) => sdp.extend_from_slice(phrase),
                    None => sdp.push(code),
                },
            }
        }
        Bytes::from(sdp)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OFFER: &str = "v=0\r\no=- 3990230400 3990230400 IN IP4 10.1.0.1\r\ns=pbx\r\nc=IN IP4 10.1.0.1\r\nt=0 0\r\n\
        m=audio 40000 RTP/AVP 8 0 18 101\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:18 G729/8000\r\na=fmtp:18 annexb=no\r\n\
        a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-16\r\na=ptime:20\r\na=sendrecv\r\n";
    const ANSWER: &str = "v=0\r\no=- 4611686018427387904 1 IN IP6 2001:db8::1\r\ns=-\r\nc=IN IP6 2001:db8::1\r\nt=0 0\r\nm=audio 30000 RTP/AVP 8 101\r\n\
        a=rtpmap:8 PCMA/8000\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\na=ptime:20\r\na=sendrecv\r\n";

    #[test]
    fn an_sdp_takes_a_quarter() {
        for sdp in [OFFER, ANSWER] {
            let packed = Packed::new(sdp.as_bytes());
            assert_eq!(packed.unpack(), sdp);
            assert!(packed.0.len() * 4 <= sdp.len(), "{} of {}", packed.0.len(), sdp.len());
        }
    }

    #[test]
    fn phrases_are_in_order_and_have_codes_of_their_own() {
        for pair in PHRASES.windows(2) {
            assert!(pair[0][0] <= pair[1][0], "{pair:?}");
            assert!(!pair[1].starts_with(pair[0]), "never reached: {pair:?}");
        }
        for (at, code) in CODES.iter().enumerate() {
            assert!(
                !(DIGITS..DIGITS + 100).contains(code)
                    && ![LITERAL, b'\t', b'\r', b'\n'].contains(code)
                    && !(0x20..0x80).contains(code)
            );
            assert_eq!(usize::from(PHRASE_OF[usize::from(*code)]), at, "{code:#x} twice");
        }
    }

    /// Every byte, every phrase broken off, and bytes from a linear congruential sequence.
    #[test]
    fn anything_comes_back_as_it_was() {
        let every: Vec<u8> = (0..=255).chain((0..=255).rev()).collect();
        assert_eq!(Packed::new(&every).unpack(), every);
        assert_eq!(Packed::new(b"").unpack(), "");
        for end in 0..OFFER.len() {
            assert_eq!(Packed::new(&OFFER.as_bytes()[..end]).unpack(), OFFER.as_bytes()[..end]);
        }
        let mut dice = 7u64;
        for length in 0..2_000 {
            let mut roll = || {
                dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                (dice >> 33) as u8
            };
            let bytes: Vec<u8> = (0..length % 97).map(|_| roll()).collect();
            assert_eq!(Packed::new(&bytes).unpack(), bytes);
        }
    }
}
