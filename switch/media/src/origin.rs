//! Who we are in an SDP: the `o=` line that replaces the peer's (RFC 8866 §5.2), and when its version moves (RFC 3264 §8).
//! Invariant: the version grows by one exactly when what we say besides the `o=` line differs from what we said last.

use std::hash::{DefaultHasher, Hasher as _};
use std::net::IpAddr;
use std::num::NonZeroU64;

use bytes::Bytes;
use codecs::sdp::{SdpError, Writer};

/// The session that we hold toward one leg, as its `o=` line says it: `o=- ID VERSION IN IP4|IP6 ADDRESS`.
///
/// What [`crate::filter`] and [`crate::check_answer`] write carries the right version by itself: the last one if it says what was said last,
/// else the next. Tell [`SessionOrigin::sent`] what really went out.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SessionOrigin {
    id: u64,
    /// Rises with each SDP that says something else: 2³² of them in one call there are not.
    version: u32,
    address: IpAddr,
    /// Digest of what was said last.
    said: Option<NonZeroU64>,
}

impl SessionOrigin {
    /// A session that has said nothing yet; its first version is 1. `address` is ours on that leg; of `id` 63 bits count (RFC 3264 §5).
    pub const fn new(id: u64, address: IpAddr) -> Self {
        Self { id: id & (u64::MAX >> 1), version: 1, address, said: None }
    }

    /// Our address on that leg.
    pub const fn address(&self) -> IpAddr {
        self.address
    }

    /// Notes an SDP of ours that was sent; the next one that says something else has the next version.
    pub fn sent(&mut self, sdp: &[u8]) {
        let Some((_, end)) = origin_line(sdp) else { return };
        let says = mark(sdp.get(end..).unwrap_or(&[]));
        if self.said.replace(says).is_some_and(|said| said != says) {
            self.version = self.version.saturating_add(1);
        }
    }

    /// Writes the `o=` line with the version of what was said last.
    pub(crate) fn write(&self, writer: &mut Writer) {
        writer.origin(self.id, u64::from(self.version), self.address);
    }

    /// The bytes of an SDP that was written with the last version, with the next one if they say something else.
    pub(crate) fn stamp(&self, sdp: Vec<u8>) -> Result<Bytes, SdpError> {
        let Some((said, (start, end))) = self.said.zip(origin_line(&sdp)) else { return Ok(Bytes::from(sdp)) };
        let (before, after) = (sdp.get(..start).unwrap_or(&[]), sdp.get(end..).unwrap_or(&[]));
        if mark(after) == said {
            return Ok(Bytes::from(sdp));
        }
        let mut writer = Writer::with_capacity(sdp.len() + 4);
        writer.text(before);
        writer.origin(self.id, u64::from(self.version) + 1, self.address);
        writer.text(after);
        writer.finish().map(Bytes::from)
    }
}

/// A digest that is not 0.
fn mark(text: &[u8]) -> NonZeroU64 {
    NonZeroU64::new(digest(text)).unwrap_or(NonZeroU64::MAX)
}

fn digest(text: &[u8]) -> u64 {
    // With fixed keys: the same everywhere in one process, and it never leaves it.
    let mut hasher = DefaultHasher::new();
    hasher.write(text);
    hasher.finish()
}

/// What tells two sessions of one peer apart, small enough to keep for the whole call: equal marks are the same `o=` line (RFC 3264 §8).
pub fn session_mark(sdp: &[u8]) -> Option<u64> {
    origin_value(sdp).map(digest)
}

/// Whether `new` is a refresh of the session that `old` described: the same `o=` line, so the media must not be touched (RFC 3264 §8).
/// False if either has no `o=` line.
pub fn same_session(old: &[u8], new: &[u8]) -> bool {
    match (origin_value(old), origin_value(new)) {
        (Some(old), Some(new)) => old == new,
        _ => false,
    }
}

fn origin_value(sdp: &[u8]) -> Option<&[u8]> {
    let (start, end) = origin_line(sdp)?;
    sdp.get(start..end).map(<[u8]>::trim_ascii)
}

/// Where the `o=` line begins, and where the next line does. It stands among the first lines.
fn origin_line(sdp: &[u8]) -> Option<(usize, usize)> {
    const LINES_SEARCHED_MAX: usize = 8;
    let mut start = 0;
    for line in sdp.split_inclusive(|&byte| byte == b'\n').take(LINES_SEARCHED_MAX) {
        let end = start + line.len();
        if line.starts_with(b"o=") {
            return Some((start, end));
        }
        start = end;
    }
    None
}
