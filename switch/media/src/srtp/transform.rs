//! Packets protected and unprotected in place (RFC 3711): AES in counter mode, HMAC-SHA1.

use aes::cipher::{Block, BlockCipherEncrypt, KeyInit};
use aes::{Aes128, Aes256};
use hmac::{Hmac, Mac};
use sha1::Sha1;
use smallvec::SmallVec;
use subtle::ConstantTimeEq;

use super::suite::{MasterKey, SALT_BYTES};
use super::window::Window;

const BLOCK: usize = 16;
/// Counter blocks that are enciphered together.
const BLOCKS: usize = 8;
const AUTH_KEY_BYTES: usize = 20;
/// Of RTCP, whatever the suite.
const RTCP_TAG_BYTES: usize = 10;
/// The flag of encryption and the index behind an RTCP packet.
const RTCP_INDEX_BYTES: usize = 4;
const RTCP_ENCRYPTED: u32 = 1 << 31;
/// Octets by which a packet may grow.
pub const RTCP_ROOM: usize = RTCP_TAG_BYTES + RTCP_INDEX_BYTES;
/// Before the payload of RTP without sources and extension, and of RTCP.
const RTP_HEAD: usize = 12;
const RTCP_HEAD: usize = 8;
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

#[derive(Clone)]
enum Aes {
    Short(Aes128),
    Long(Aes256),
}

/// The session keys of RTP or of RTCP.
#[derive(Clone)]
struct Keys {
    aes: Aes,
    mac: Hmac<Sha1>,
    salt: [u8; SALT_BYTES],
    tag_bytes: usize,
}

/// Session keys of both.
#[derive(Clone)]
struct Session {
    rtp: Keys,
    rtcp: Keys,
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

// === impl Aes ===

impl Aes {
    fn new(key: &[u8]) -> Option<Self> {
        Some(match key.len() {
            16 => Self::Short(Aes128::new_from_slice(key).ok()?),
            _ => Self::Long(Aes256::new_from_slice(key).ok()?),
        })
    }

    /// Adds the key stream of this first counter block, whose last two octets count.
    fn add_stream(&self, iv: [u8; BLOCK], data: &mut [u8]) {
        let mut counter = 0_u16;
        for part in data.chunks_mut(BLOCK * BLOCKS) {
            let mut blocks = [Block::<Aes128>::default(); BLOCKS];
            for block in &mut blocks {
                block.copy_from_slice(&iv);
                let [.., high, low] = block.as_mut_slice() else { return };
                [*high, *low] = counter.to_be_bytes();
                counter = counter.wrapping_add(1);
            }
            match self {
                Self::Short(aes) => aes.encrypt_blocks(&mut blocks),
                Self::Long(aes) => aes.encrypt_blocks(&mut blocks),
            }
            for (octet, key) in part.iter_mut().zip(blocks.iter().flatten()) {
                *octet ^= key;
            }
        }
    }
}

// === impl Keys ===

impl Keys {
    /// §4.3: derived once, with labels that follow each other from `label` on.
    fn derive(master: &MasterKey, label: u8, tag_bytes: usize) -> Option<Self> {
        let aes = Aes::new(master.key())?;
        let mut derived = [[0_u8; 32]; 3];
        for (label, derived) in (label..).zip(&mut derived) {
            let mut iv = [0; BLOCK];
            iv.get_mut(..SALT_BYTES)?.copy_from_slice(master.salt());
            // The label stands before a key index of 48 bits, which is 0.
            *iv.get_mut(7)? ^= label;
            aes.add_stream(iv, derived);
        }
        let [key, auth, salt] = derived;
        Some(Self {
            aes: Aes::new(key.get(..master.suite().key_bytes())?)?,
            mac: Hmac::new_from_slice(auth.get(..AUTH_KEY_BYTES)?).ok()?,
            salt: *salt.first_chunk()?,
            tag_bytes,
        })
    }

    /// §4.1.1
    fn iv(&self, ssrc: u32, index: u64) -> [u8; BLOCK] {
        let mut iv = [0; BLOCK];
        let salt = self.salt.iter().chain(&[0, 0]);
        let source = [0; 4].into_iter().chain(ssrc.to_be_bytes()).chain([0; 8]);
        let index = [0; 6].into_iter().chain(index.to_be_bytes()).chain([0; 2]);
        for (octet, ((salt, source), index)) in iv.iter_mut().zip(salt.zip(source).zip(index)) {
            *octet = salt ^ source ^ index;
        }
        iv
    }

    fn cipher(&self, ssrc: u32, index: u64, payload: &mut [u8]) {
        self.aes.add_stream(self.iv(ssrc, index), payload);
    }

    /// The whole tag; as much of it is used as the suite says.
    fn tag(&self, packet: &[u8], roc: &[u8]) -> [u8; 20] {
        self.mac.clone().chain_update(packet).chain_update(roc).finalize().into_bytes().into()
    }
}

impl Session {
    fn new(master: &MasterKey) -> Option<Self> {
        let rtp = Keys::derive(master, 0, master.suite().tag_bytes())?;
        Some(Self { rtp, rtcp: Keys::derive(master, 3, RTCP_TAG_BYTES)? })
    }
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
        keys.cipher(ssrc, index, packet.get_mut(head..).unwrap_or_default());
        let tag = keys.tag(packet, &roc(index));
        into.copy_from_slice(tag.get(..keys.tag_bytes).unwrap_or_default());
        self.sent.note(index);
        Ok(length + keys.tag_bytes)
    }

    /// The same of RTCP.
    pub fn rtcp(&mut self, buffer: &mut [u8], length: usize) -> Result<usize, SrtpError> {
        let keys = &self.session.rtcp;
        let ssrc = buffer.get(..length).and_then(rtcp_source).ok_or(SrtpError::Malformed)?;
        let (packet, _) = buffer
            .split_at_mut_checked(length + RTCP_INDEX_BYTES + RTCP_TAG_BYTES)
            .ok_or(SrtpError::Malformed)?;
        if self.rtcp_index >= RTCP_ENCRYPTED {
            return Err(SrtpError::Exhausted);
        }
        let index = self.rtcp_index;
        self.rtcp_index += 1;
        keys.cipher(ssrc, u64::from(index), packet.get_mut(RTCP_HEAD..length).unwrap_or_default());
        let (signed, into) = packet.split_at_mut(length + RTCP_INDEX_BYTES);
        let (_, trailer) = signed.split_at_mut(length);
        trailer.copy_from_slice(&(RTCP_ENCRYPTED | index).to_be_bytes());
        let tag = keys.tag(signed, &[]);
        into.copy_from_slice(tag.get(..RTCP_TAG_BYTES).unwrap_or_default());
        Ok(length + RTCP_ROOM)
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
        let expected = keys.tag(signed, &roc(index));
        if !bool::from(expected.get(..keys.tag_bytes).unwrap_or_default().ct_eq(tag)) {
            return Err(SrtpError::Tag);
        }
        note(&mut self.sources, ssrc, index)?;
        keys.cipher(ssrc, index, signed.get_mut(head..).unwrap_or_default());
        Ok(length)
    }

    /// The same of RTCP.
    pub fn rtcp(&mut self, packet: &mut [u8]) -> Result<usize, SrtpError> {
        let keys = &self.session.rtcp;
        let signed_bytes = packet.len().checked_sub(RTCP_TAG_BYTES).ok_or(SrtpError::Malformed)?;
        let length = signed_bytes.checked_sub(RTCP_INDEX_BYTES).ok_or(SrtpError::Malformed)?;
        let (signed, tag) = packet.split_at_mut(signed_bytes);
        let ssrc = signed.get(..length).and_then(rtcp_source).ok_or(SrtpError::Malformed)?;
        let trailer = signed.last_chunk::<4>().map(|bytes| u32::from_be_bytes(*bytes)).unwrap_or_default();
        let index = u64::from(trailer & !RTCP_ENCRYPTED);
        if !window_of(&self.rtcp, ssrc).is_new(index) {
            return Err(SrtpError::Replayed);
        }
        let expected = keys.tag(signed, &[]);
        if !bool::from(expected.get(..RTCP_TAG_BYTES).unwrap_or_default().ct_eq(tag)) {
            return Err(SrtpError::Tag);
        }
        note(&mut self.rtcp, ssrc, index)?;
        // A side may leave RTCP in the clear, packet by packet (§3.4).
        if trailer & RTCP_ENCRYPTED != 0 {
            keys.cipher(ssrc, index, signed.get_mut(RTCP_HEAD..length).unwrap_or_default());
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

/// Rolled-over sequence numbers, as they are signed.
fn roc(index: u64) -> [u8; 4] {
    ((index >> 16) as u32).to_be_bytes()
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
