//! Codecs and addresses of a call's media, and how H.245 says them.

use crate::asn1::h245::{AudioCapability, AudioCapabilityG7231};
use std::net::SocketAddr;

/// An audio codec. Annexes A and B of G.729 are the same codec here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Codec {
    G711A,
    G711U,
    G729,
    G7231,
}

/// A codec and how it is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Audio {
    /// Which.
    pub codec: Codec,
    /// Milliseconds of audio in a packet, at most.
    pub packet_ms: u16,
    /// G.729 Annex B (`annexb=yes`), G.723.1 Annex A (`annexa=yes`): silence is not sent.
    pub silence: bool,
}

/// Our side of a call's media.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Local {
    /// Where we receive.
    pub rtp: SocketAddr,
    /// Where we receive reports.
    pub rtcp: SocketAddr,
    /// What we receive and send, preferred first.
    pub audio: Vec<Audio>,
    /// Payload number of telephone events (RFC 4733) that we receive.
    pub telephone_event: Option<u8>,
}

/// What both sides agreed, and where media goes now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Media {
    /// The codec; that of the channel to us if the two differ.
    pub audio: Audio,
    /// Where the peer receives; none while it may not be sent to.
    pub rtp: Option<SocketAddr>,
    /// Where the peer receives reports, if it said so.
    pub rtcp: Option<SocketAddr>,
    /// Payload number of telephone events that the peer receives.
    pub telephone_event: Option<u8>,
    /// Whether the peer sends.
    pub is_received: bool,
}

// === impl Codec ===

impl Codec {
    /// Milliseconds of one frame as H.245 counts them.
    const fn frame_ms(self) -> u16 {
        match self {
            Self::G711A | Self::G711U => 1,
            Self::G729 => 10,
            Self::G7231 => 30,
        }
    }
}

// === impl Audio ===

impl Audio {
    /// Of a capability or a channel; none for codecs that are not ours.
    pub fn parse(capability: &AudioCapability) -> Option<Self> {
        let (codec, frames, silence) = match capability {
            AudioCapability::G711Alaw64k(frames) => (Codec::G711A, *frames, false),
            AudioCapability::G711Ulaw64k(frames) => (Codec::G711U, *frames, false),
            AudioCapability::G729(frames) | AudioCapability::G729AnnexA(frames) => {
                (Codec::G729, *frames, false)
            }
            AudioCapability::G729wAnnexB(frames) | AudioCapability::G729AnnexAwAnnexB(frames) => {
                (Codec::G729, *frames, true)
            }
            AudioCapability::G7231(g7231) => {
                (Codec::G7231, g7231.max_al_sdu_audio_frames, g7231.silence_suppression)
            }
            _ => return None,
        };
        Some(Self { codec, packet_ms: frames.saturating_mul(codec.frame_ms()), silence })
    }

    /// The capabilities that say it, that which is opened first.
    pub fn capabilities(self) -> Vec<AudioCapability> {
        let frames = (self.packet_ms / self.codec.frame_ms()).clamp(1, 256);
        match (self.codec, self.silence) {
            (Codec::G711A, _) => vec![AudioCapability::G711Alaw64k(frames)],
            (Codec::G711U, _) => vec![AudioCapability::G711Ulaw64k(frames)],
            (Codec::G729, false) => {
                vec![AudioCapability::G729(frames), AudioCapability::G729AnnexA(frames)]
            }
            (Codec::G729, true) => {
                vec![AudioCapability::G729wAnnexB(frames), AudioCapability::G729AnnexAwAnnexB(frames)]
            }
            (Codec::G7231, silence) => vec![AudioCapability::G7231(AudioCapabilityG7231 {
                max_al_sdu_audio_frames: frames,
                silence_suppression: silence,
            })],
        }
    }

    /// What two sides can use of the same codec; none if the codecs differ.
    pub fn common(self, other: Self) -> Option<Self> {
        (self.codec == other.codec).then(|| Self {
            codec: self.codec,
            packet_ms: self.packet_ms.min(other.packet_ms).max(self.codec.frame_ms()),
            silence: self.silence && other.silence,
        })
    }
}

/// A capability with another number of frames in a packet; the form stays.
pub fn repacked(capability: &AudioCapability, packet_ms: u16) -> AudioCapability {
    let Some(audio) = Audio::parse(capability) else { return capability.clone() };
    let frames = (packet_ms / audio.codec.frame_ms()).clamp(1, 256);
    match capability {
        AudioCapability::G711Alaw64k(_) => AudioCapability::G711Alaw64k(frames),
        AudioCapability::G711Ulaw64k(_) => AudioCapability::G711Ulaw64k(frames),
        AudioCapability::G729(_) => AudioCapability::G729(frames),
        AudioCapability::G729AnnexA(_) => AudioCapability::G729AnnexA(frames),
        AudioCapability::G729wAnnexB(_) => AudioCapability::G729wAnnexB(frames),
        AudioCapability::G729AnnexAwAnnexB(_) => AudioCapability::G729AnnexAwAnnexB(frames),
        AudioCapability::G7231(g7231) => AudioCapability::G7231(AudioCapabilityG7231 {
            max_al_sdu_audio_frames: frames,
            silence_suppression: g7231.silence_suppression,
        }),
        other => other.clone(),
    }
}
