//! Packets protected and unprotected in place (RFC 3711): which index they have, and whether they may be
//! taken.

use smallvec::SmallVec;

use super::keys::{RTCP_ENCRYPTED, RTCP_HEAD, Session};
use super::suite::MasterKey;
use super::window::Window;

/// Before the payload of RTP without sources and extension.
const RTP_HEAD: usize = 12;
/// Sources of one side under one key whose indices are kept.
const SOURCES_MAX: usize = 16;

/// Why a packet is not taken, or not sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum SrtpError {
    /// Not a packet, or no room for its tag.
    #[error("malformed")]
    Malformed,
    /// Its tag is not that of its key.
    #[error("wrong tag")]
    Tag,
    /// It came before, or is too old to tell.
    #[error("replayed")]
    Replayed,
    /// A source too many under one key, or indices used up.
    #[error("exhausted")]
    Exhausted,
}

/// Protects what goes to one side, which is one stream.
pub struct Protector {
    session: Session,
    sent: Window,
    /// Of RTCP, used next.
    rtcp_index: u32,
}

/// Unprotects what comes of one side.
pub struct Unprotector {
    session: Session,
    sources: SmallVec<[(u32, Window); 1]>,
    rtcp: SmallVec<[(u32, Window); 1]>,
}

// === impl Protector ===

impl Protector {
    /// From nothing sent; none if the key is of the wrong length, which no [`MasterKey`] is.
    pub fn new(master: &MasterKey) -> Option<Self> {
        Some(Self { session: Session::new(master)?, sent: Window::default(), rtcp_index: 0 })
    }

    /// Protects the first `length` octets of a buffer, a whole RTP packet; how long it is then. All packets
    /// have one source. One whose number was sent before, or is far behind, is not sent: its key stream is
    /// used.
    pub fn rtp(&mut self, buffer: &mut [u8], length: usize) -> Result<usize, SrtpError> {
        let keys = &self.session.rtp;
        let (packet, room) = buffer.split_at_mut_checked(length).ok_or(SrtpError::Malformed)?;
        let (head, sequence, ssrc) = rtp_head(packet).ok_or(SrtpError::Malformed)?;
        let index = self.sent.index_of(sequence).ok_or(SrtpError::Replayed)?;
        if !self.sent.is_new(index) {
            return Err(SrtpError::Replayed);
        }
        if index >> 48 != 0 {
            return Err(SrtpError::Exhausted);
        }
        let into = room.get_mut(..keys.tag_bytes).ok_or(SrtpError::Malformed)?;
        let tag = keys.seal(packet, head, (ssrc, index));
        into.copy_from_slice(tag.get(..keys.tag_bytes).unwrap_or_default());
        self.sent.note(index);
        Ok(length + keys.tag_bytes)
    }

    /// The same of RTCP.
    pub fn rtcp(&mut self, buffer: &mut [u8], length: usize) -> Result<usize, SrtpError> {
        let keys = &self.session.rtcp;
        let ssrc = buffer.get(..length).and_then(rtcp_source).ok_or(SrtpError::Malformed)?;
        if self.rtcp_index >= RTCP_ENCRYPTED {
            return Err(SrtpError::Exhausted);
        }
        let index = self.rtcp_index;
        self.rtcp_index += 1;
        keys.seal_rtcp(buffer, length, (ssrc, index)).ok_or(SrtpError::Malformed)
    }
}

// === impl Unprotector ===

impl Unprotector {
    /// From nothing received.
    pub fn new(master: &MasterKey) -> Option<Self> {
        Some(Self { session: Session::new(master)?, sources: SmallVec::new(), rtcp: SmallVec::new() })
    }

    /// Checks and deciphers an RTP packet; how long it is then. What is not taken is left as it came.
    pub fn rtp(&mut self, packet: &mut [u8]) -> Result<usize, SrtpError> {
        let keys = &self.session.rtp;
        let length = packet.len().checked_sub(keys.tag_bytes).ok_or(SrtpError::Malformed)?;
        let (signed, tag) = packet.split_at_mut(length);
        let (head, sequence, ssrc) = rtp_head(signed).ok_or(SrtpError::Malformed)?;
        let known = window_of(&self.sources, ssrc);
        let index = known.index_of(sequence).ok_or(SrtpError::Replayed)?;
        if !known.is_new(index) || index >> 48 != 0 {
            return Err(SrtpError::Replayed);
        }
        if !keys.is_sealed(signed, head, (ssrc, index), tag) {
            return Err(SrtpError::Tag);
        }
        note(&mut self.sources, ssrc, index)?;
        keys.open(signed, head, (ssrc, index));
        Ok(length)
    }

    /// The same of RTCP.
    pub fn rtcp(&mut self, packet: &mut [u8]) -> Result<usize, SrtpError> {
        let keys = &self.session.rtcp;
        let (length, is_encrypted, index) = keys.split_rtcp(packet).ok_or(SrtpError::Malformed)?;
        let ssrc = packet.get(..length).and_then(rtcp_source).ok_or(SrtpError::Malformed)?;
        if !window_of(&self.rtcp, ssrc).is_new(u64::from(index)) {
            return Err(SrtpError::Replayed);
        }
        if !keys.is_sealed_rtcp(packet, (ssrc, index)).ok_or(SrtpError::Malformed)? {
            return Err(SrtpError::Tag);
        }
        note(&mut self.rtcp, ssrc, u64::from(index))?;
        // A side may leave RTCP in the clear, packet by packet (§3.4).
        if is_encrypted {
            keys.open_rtcp(packet.get_mut(..length).unwrap_or_default(), (ssrc, index));
        }
        Ok(length)
    }
}

fn window_of(sources: &[(u32, Window)], ssrc: u32) -> Window {
    sources.iter().find(|(known, _)| *known == ssrc).map_or_else(Window::default, |(_, window)| *window)
}

/// A packet whose tag is right came: a source is kept from its first on.
fn note(sources: &mut SmallVec<[(u32, Window); 1]>, ssrc: u32, index: u64) -> Result<(), SrtpError> {
    if let Some((_, window)) = sources.iter_mut().find(|(known, _)| *known == ssrc) {
        window.note(index);
        return Ok(());
    }
    if sources.len() >= SOURCES_MAX {
        return Err(SrtpError::Exhausted);
    }
    let mut window = Window::default();
    window.note(index);
    sources.push((ssrc, window));
    Ok(())
}

/// Octets of an RTP packet before its payload, its sequence number and its source.
fn rtp_head(packet: &[u8]) -> Option<(usize, u16, u32)> {
    let head = packet.first_chunk::<RTP_HEAD>()?;
    let mut length = RTP_HEAD + usize::from(head[0] & 0x0f) * 4;
    if head[0] & 0x10 != 0 {
        let extension = packet.get(length..)?.first_chunk::<4>()?;
        length += 4 + usize::from(u16::from_be_bytes([extension[2], extension[3]])) * 4;
    }
    let [_, _, high, low, _, _, _, _, ssrc @ ..] = *head;
    (head[0] >> 6 == 2 && length <= packet.len())
        .then(|| (length, u16::from_be_bytes([high, low]), u32::from_be_bytes(ssrc)))
}

fn rtcp_source(packet: &[u8]) -> Option<u32> {
    let head = packet.first_chunk::<RTCP_HEAD>()?;
    let [_, _, _, _, ssrc @ ..] = *head;
    (head[0] >> 6 == 2).then(|| u32::from_be_bytes(ssrc))
}

#[cfg(test)]
#[path = "transform_tests.rs"]
mod tests;
