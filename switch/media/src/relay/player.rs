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

use super::digits::{KeyedDigit, Sending};
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

/// A clip or digits under way.
#[derive(Debug)]
pub(super) struct Playing {
    what: What,
    /// It ends before its last packet.
    is_ended: bool,
    /// When [`Self::due`] is.
    pub(super) timer: TimerId,
}

#[derive(Debug)]
enum What {
    Clip(Player),
    Digits { sending: Sending, begun: (u32, u16, u32) },
}

/// Source, number and timestamp of a stream that begins.
const fn beginning(seed: u64) -> (u32, u16, u32) {
    ((seed >> 32) as u32, seed as u16, (seed >> 16) as u32)
}

const fn since_zero(at: Tick) -> Duration {
    Duration::from_micros(at.0)
}

// === impl Playing ===

impl Playing {
    /// Begins at once, behind what was sent.
    pub(super) fn new(now: Tick, play: Play, egress: &Egress) -> Self {
        let Play { clip, payload, repeat, seed } = play;
        let next = egress.next(now, clip.codec().clock_hz());
        let (ssrc, sequence, timestamp) = next.unwrap_or(beginning(seed));
        let settings = PlayerSettings { payload_type: payload, ssrc, sequence, timestamp, repeat };
        let player = Player::new(clip, settings, since_zero(now));
        Self { what: What::Clip(player), is_ended: false, timer: TimerId::NONE }
    }

    /// Digits that are pushed then.
    pub(super) fn digits(now: Tick, payload: u8, seed: u64) -> Self {
        let what = What::Digits { sending: Sending::new(now, payload), begun: beginning(seed) };
        Self { what, is_ended: false, timer: TimerId::NONE }
    }

    /// Whether these are digits.
    pub(super) const fn has_digits(&self) -> bool {
        matches!(self.what, What::Digits { .. })
    }

    /// Another digit; nothing while a clip is played.
    pub(super) fn push(&mut self, digit: KeyedDigit) {
        if let What::Digits { sending, .. } = &mut self.what {
            sending.push(digit);
        }
    }

    /// When its next packet is due; after the last, when that has been heard.
    pub(super) fn due(&self) -> Tick {
        match &self.what {
            What::Clip(player) => Tick(u64::try_from(player.heard_until().as_micros()).unwrap_or(u64::MAX)),
            What::Digits { sending, .. } => sending.due(),
        }
    }

    /// Whether it is over by now, and the other side is heard again.
    pub(super) fn is_over(&self, now: Tick) -> bool {
        let is_over = match &self.what {
            What::Clip(player) => player.deadline().is_none() && self.due() <= now,
            What::Digits { sending, .. } => sending.is_over(),
        };
        self.is_ended || is_over
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
        let player = match &mut self.what {
            What::Clip(player) => player,
            What::Digits { sending, begun } => return sending.poll(now, egress, *begun, buffer),
        };
        let mut packet = player.poll(since_zero(now))?;
        if let Some((ssrc, sequence, _)) = egress.next(now, 1) {
            (packet.ssrc, packet.sequence) = (ssrc, sequence);
        }
        let bytes = packet.write(buffer)?;
        let voice::Packet { payload_type: payload, sequence, timestamp, ssrc, .. } = packet;
        Some((RtpHeader { payload, sequence, timestamp, ssrc }, bytes))
    }
}
