//! What a caller hears before its call is refused, and by which refusal it is known.

use std::sync::Arc;

use call::Refusal;
use media::Session;
use prompts::{Prompt, Tone};
use units::Tick;

/// What a caller hears before its call is refused.
#[derive(Debug)]
pub(crate) struct Announcement {
    /// The final answer that follows.
    pub(super) refusal: Refusal,
    /// What the caller is told of our side.
    pub(super) session: Arc<Session>,
    /// When the final answer goes out, whatever the relay says.
    pub(super) until: Tick,
}

/// What is heard.
#[derive(Clone, Copy)]
pub(super) enum Why {
    Prompt(Prompt),
    Tone(Tone),
}

// === impl Announcement ===

impl Announcement {
    pub(crate) const fn deadline(&self) -> Tick {
        self.until
    }
}

// === impl Why ===

impl Why {
    /// Of a refusal before anybody was dialled.
    pub(super) const fn of(refusal: &Refusal) -> Option<Self> {
        match refusal.status {
            402 => Some(Self::Prompt(Prompt::NoCredit)),
            404 => Some(Self::Prompt(Prompt::NotInService)),
            480 => Some(Self::Tone(Tone::Busy)),
            503 => Some(Self::Tone(Tone::Congestion)),
            _ => None,
        }
    }
}
