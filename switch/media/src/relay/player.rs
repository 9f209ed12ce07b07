//! What is played to one side: a clip, in packets that go on in the stream which the side has, or begin one.
//!
//! ```text
//! of the other side   n  n+1  n+2   …      …       …      m     m+1
//! sent                n  n+1  n+2  n+3*   n+4  …  n+k   n+k+1*  n+k+2     * with the marker
//!                                  └── the clip ──┘
//! ```

use std::sync::Arc;
use std::time::Duration;

use units::Tick;
use units::wheel::TimerId;
use voice::playback::{Clip, Player, PlayerSettings};

use super::egress::Egress;
use super::header::RtpHeader;

/// What is played to a side, and how.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Play {
    /// The sound, in the codec that the side takes.
    pub clip: Arc<Clip>,
    /// The side's payload number of that codec.
    pub payload: u8,
    /// Over and over, until it is stopped.
    pub repeat: bool,
    /// Where the side was sent nothing yet, its stream has a source, a sequence number and a timestamp of
    /// this: random, so that no two streams have the same (RFC 3550 §5.1).
    pub seed: u64,
}

/// A clip under way.
#[derive(Debug)]
pub(super) struct Playing {
    player: Player,
    /// It ends before its last packet.
    is_ended: bool,
    /// When [`Self::due`] is.
    pub(super) timer: TimerId,
}

const fn since_zero(at: Tick) -> Duration {
    Duration::from_micros(at.0)
}

// === impl Playing ===

impl Playing {
    /// Begins at once, behind what was sent.
    pub(super) fn new(now: Tick, play: Play, egress: &Egress) -> Self {
        let Play { clip, payload, repeat, seed } = play;
        let begun = ((seed >> 32) as u32, seed as u16, (seed >> 16) as u32);
        let (ssrc, sequence, timestamp) = egress.next(now, clip.codec().clock_hz()).unwrap_or(begun);
        let settings = PlayerSettings { payload_type: payload, ssrc, sequence, timestamp, repeat };
        let player = Player::new(clip, settings, since_zero(now));
        Self { player, is_ended: false, timer: TimerId::NONE }
    }

    /// When its next packet is due; after the last, when that has been heard.
    pub(super) fn due(&self) -> Tick {
        Tick(u64::try_from(self.player.heard_until().as_micros()).unwrap_or(u64::MAX))
    }

    /// Whether it is over by now, and the other side is heard again.
    pub(super) fn is_over(&self, now: Tick) -> bool {
        self.is_ended || self.player.deadline().is_none() && self.due() <= now
    }

    /// It is over.
    pub(super) const fn end(&mut self) {
        self.is_ended = true;
    }

    /// Writes the next packet that is due: its header and its length. Its number is that behind the last
    /// packet that was sent, so that one which was left out is no loss to the side.
    pub(super) fn poll(
        &mut self,
        now: Tick,
        egress: &Egress,
        buffer: &mut [u8],
    ) -> Option<(RtpHeader, usize)> {
        if self.is_ended {
            return None;
        }
        let mut packet = self.player.poll(since_zero(now))?;
        if let Some((ssrc, sequence, _)) = egress.next(now, 1) {
            (packet.ssrc, packet.sequence) = (ssrc, sequence);
        }
        let bytes = packet.write(buffer)?;
        let voice::Packet { payload_type: payload, sequence, timestamp, ssrc, .. } = packet;
        Some((RtpHeader { payload, sequence, timestamp, ssrc }, bytes))
    }
}
