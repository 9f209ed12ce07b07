//! What is kept of provisional responses that a caller acknowledges (RFC 3262 §3), until the answer.

use std::collections::VecDeque;

use bytes::Bytes;
use call::{Attempt, Branch};
use media::Session;
use sip::{Message, Name};
use units::Tick;

use super::tag::EARLY_MAX;

/// The option tag.
pub(super) const OPTION: &str = "100rel";
/// Most responses that wait for the PRACK of another; what comes after them is not told.
const WAITING_MAX: usize = 8;
/// First RSeq numbers are below 2³¹ (§7.1); this leaves room for those that follow.
const FIRST_MASK: u64 = 0x3fff_ffff;

/// What a caller's INVITE asked for, and how far it got.
#[derive(Debug)]
pub(crate) struct Reliable {
    /// The INVITE requires it; else what brings a session goes reliably, and nothing else.
    required: bool,
    /// RSeq of the last response of each early dialog; 0: none.
    last: [u32; EARLY_MAX],
    /// In which early dialogs the caller has a session for good.
    pub(super) told: [bool; EARLY_MAX],
    /// Waits for its PRACK.
    pub(super) sent: Option<Sent>,
    /// Wait for that.
    pub(super) waiting: VecDeque<Provisional>,
    /// The answer to the INVITE, which waits too.
    pub(super) held: Option<Held>,
}

/// A response with its number.
#[derive(Debug)]
pub(super) struct Provisional {
    pub status: u16,
    pub place: usize,
    pub rseq: u32,
    pub bytes: Bytes,
    pub brings_session: bool,
}

/// One that waits for its PRACK.
#[derive(Debug)]
pub(super) struct Sent {
    pub response: Provisional,
    pub interval_ms: u64,
    pub repeat_at: Tick,
    pub give_up_at: Tick,
}

/// An answer that waits, and whose it is.
#[derive(Debug)]
pub(super) struct Held {
    pub of: (Attempt, Branch),
    pub session: Session,
}

// === impl Reliable ===

impl Reliable {
    /// What an INVITE asks for; none if its caller knows nothing of it.
    pub(crate) fn wanted(invite: &Message) -> Option<Box<Self>> {
        let required = invite.has_token(Name::Require, OPTION);
        (required || invite.has_token(Name::Supported, OPTION)).then(|| {
            Box::new(Self {
                required,
                last: [0; EARLY_MAX],
                told: [false; EARLY_MAX],
                sent: None,
                waiting: VecDeque::new(),
                held: None,
            })
        })
    }

    /// Whether a response goes reliably.
    pub(super) const fn takes(&self, with_session: bool) -> bool {
        self.required || with_session
    }

    /// Whether the caller has a session for good in an early dialog: what is said of it later means nothing
    /// (RFC 3261 §13.2.1).
    pub(super) fn has_told(&self, place: usize) -> bool {
        self.told.get(place).copied().unwrap_or(false)
    }

    /// Whether the caller has a session for good in an early dialog, and said so.
    pub(super) fn is_acknowledged(&self, place: usize) -> bool {
        let mut waits = self.sent.iter().map(|sent| &sent.response).chain(&self.waiting);
        self.has_told(place) && !waits.any(|response| response.place == place && response.brings_session)
    }

    /// Whether it has one in any.
    pub(super) fn has_told_any(&self) -> bool {
        self.told.contains(&true)
    }

    /// The RSeq of the next response in an early dialog, whose first has the number `first`; none if too many
    /// wait.
    pub(super) fn next_number(&mut self, place: usize, first: u64) -> Option<u32> {
        if self.waiting.len() == WAITING_MAX {
            return None;
        }
        let last = self.last.get_mut(place)?;
        *last = if *last == 0 { (first & FIRST_MASK) as u32 | 1 } else { *last + 1 };
        Some(*last)
    }

    /// When something is due.
    pub(super) fn deadline(&self) -> Tick {
        self.sent.as_ref().map_or(Tick::NEVER, |sent| sent.repeat_at.min(sent.give_up_at))
    }

    pub(super) const fn is_held(&self) -> bool {
        self.held.is_some()
    }
}
