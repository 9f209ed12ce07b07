//! Who we are in an SDP: the `o=` line that replaces the peer's (RFC 8866 §5.2), and when its version moves (RFC 3264 §8).
//! Invariant: the version grows by one exactly when what we say besides the `o=` line differs from what we said last.

use std::hash::{DefaultHasher, Hasher as _};
use std::net::IpAddr;

use bytes::Bytes;
use codecs::sdp::Writer;

/// The `o=` line that we write: `o=- ID VERSION IN IP4|IP6 ADDRESS`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Origin {
    /// Session id, the same for the whole leg; at most 2^63 - 1 (RFC 3264 §5).
    pub id: u64,
    /// Session version.
    pub version: u64,
    /// Our signalling address on that leg.
    pub address: IpAddr,
}

/// The session that we hold toward one leg.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SessionOrigin {
    id: u64,
    version: u64,
    said: Option<u64>,
}

impl SessionOrigin {
    /// A session that has said nothing yet; its first version is 1.
    pub const fn new(id: u64) -> Self {
        Self { id: id & (u64::MAX >> 1), version: 1, said: None }
    }

    /// The `o=` line to write now; give what was written to [`SessionOrigin::stamp`] before sending it.
    pub const fn origin(&self, address: IpAddr) -> Origin {
        Origin { id: self.id, version: self.version, address }
    }

    /// Takes an SDP that was written with [`SessionOrigin::origin`] and is about to be sent: if it says something else than the last one,
    /// the version moves and the returned SDP carries it; else it comes back untouched.
    #[must_use]
    pub fn stamp(&mut self, sdp: Bytes, address: IpAddr) -> Bytes {
        let Some((start, end)) = origin_line(&sdp) else { return sdp };
        let (before, after) = (sdp.get(..start).unwrap_or(&[]), sdp.get(end..).unwrap_or(&[]));
        let mut hasher = DefaultHasher::new();
        hasher.write(after);
        let says = hasher.finish();
        let changed = self.said.replace(says).is_some_and(|said| said != says);
        if !changed {
            return sdp;
        }
        self.version = self.version.saturating_add(1);
        let mut writer = Writer::with_capacity(sdp.len() + 4);
        writer.text(before);
        writer.origin(self.id, self.version, address);
        writer.text(after);
        // One digit more can pass the limit only for an SDP that no datagram holds; the old version is then the lesser evil.
        writer.finish().map_or(sdp, Bytes::from)
    }
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
