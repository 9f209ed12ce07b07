//! What we say to one leg, as SDP: our `o=` line (RFC 8866 §5.2), when its version moves (RFC 3264 §8), and
//! what was said last. Invariant: the version grows by one exactly when what we say besides the `o=` line
//! differs from what we said last; none is used twice.

use std::hash::{DefaultHasher, Hasher as _};
use std::net::IpAddr;
use std::num::NonZeroU32;

use bytes::Bytes;
use codecs::sdp::Writer;

use crate::packed::Packed;
use crate::session::Session;

/// Our side of one leg: the last SDP that we sent, and its version.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LocalSession {
    /// The version of what was said last.
    version: u32,
    /// The highest version ever said: 2³² of them in one call there are not.
    version_max: u32,
    sent: Option<Packed>,
}

/// Who we are in the `o=` line toward one leg, `o=- ID VERSION IN IP4|IP6 ADDRESS`: the same for as long as
/// the leg lives.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SessionOrigin {
    /// Of which 63 bits count (RFC 3264 §5).
    pub id: u64,
    /// Ours on that leg.
    pub address: IpAddr,
}

/// What we said before an offer that may fail (RFC 3261 §14.1).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Before {
    version: u32,
    sent: Option<Packed>,
}

/// Tells whether a peer says the same again: equal marks are equal SDPs, `o=` line included. A changed SDP
/// counts as changed even where the peer forgot to raise its version.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Mark(NonZeroU32);

impl Mark {
    /// The mark of an SDP.
    pub fn of(sdp: &[u8]) -> Self {
        // With fixed keys: the same everywhere in one process, and it never leaves it.
        let mut hasher = DefaultHasher::new();
        hasher.write(sdp);
        let digest = hasher.finish();
        Self(NonZeroU32::new((digest ^ digest >> 32) as u32).unwrap_or(NonZeroU32::MAX))
    }
}

impl SessionOrigin {
    pub(crate) const fn number(self) -> u64 {
        self.id & (u64::MAX >> 1)
    }
}

impl Default for LocalSession {
    fn default() -> Self {
        Self::new()
    }
}

impl LocalSession {
    /// A side that has said nothing yet; its first version is 1.
    pub const fn new() -> Self {
        Self { version: 1, version_max: 0, sent: None }
    }

    /// The SDP that says `session`, with the version that it deserves. It counts as said.
    pub fn write(&mut self, session: &Session, origin: SessionOrigin) -> Bytes {
        let text = session.write(origin, self.version);
        let packed = Packed::new(&text);
        if self.sent.as_ref() == Some(&packed) {
            return Bytes::from(text);
        }
        if self.version_max == 0 {
            self.version_max = self.version;
            self.sent = Some(packed);
            return Bytes::from(text);
        }
        self.send_anew(&text, origin)
    }

    /// What was said last, byte for byte.
    pub fn last_sent(&self) -> Option<Bytes> {
        self.sent.as_ref().map(Packed::unpack)
    }

    /// True once anything was said.
    pub const fn has_sent(&self) -> bool {
        self.sent.is_some()
    }

    /// What was said last under a new version: for a peer that has accepted something else meanwhile.
    pub fn send_again(&mut self, origin: SessionOrigin) -> Option<Bytes> {
        let sent = self.last_sent()?;
        Some(self.send_anew(&sent, origin))
    }

    /// To be kept while an offer is under way.
    pub fn before(&self) -> Before {
        Before { version: self.version, sent: self.sent.clone() }
    }

    /// The offer failed: what was said before it holds. Its version stays used.
    pub fn restore(&mut self, before: Before) {
        (self.version, self.sent) = (before.version, before.sent);
    }

    /// The same text under the next version.
    fn send_anew(&mut self, text: &[u8], origin: SessionOrigin) -> Bytes {
        self.version_max += 1;
        self.version = self.version_max;
        let (start, end) = origin_line(text);
        let mut writer = Writer::with_capacity(text.len() + 4);
        writer.text(text.get(..start).unwrap_or(&[]));
        writer.origin(origin.number(), u64::from(self.version), origin.address);
        writer.text(text.get(end..).unwrap_or(&[]));
        let text = writer.finish().unwrap_or_default();
        self.sent = Some(Packed::new(&text));
        Bytes::from(text)
    }
}

/// Where the `o=` line of a text of ours begins, and where the next line does: it is the second.
fn origin_line(text: &[u8]) -> (usize, usize) {
    let mut lines = text.split_inclusive(|&byte| byte == b'\n').map(<[u8]>::len);
    let start = lines.next().unwrap_or(0);
    (start, start + lines.next().unwrap_or(0))
}
