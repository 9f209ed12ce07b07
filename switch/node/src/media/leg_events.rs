//! How a leg's keypad digits are told, and what is under way of them.

use std::collections::VecDeque;

use codecs::DtmfForm;
use media::relay::Hearing;
use units::{Now, Tick};
use voice::dtmf::Digit;

/// Digits of one leg, and by which numbers its sessions name them as events (RFC 4733).
#[derive(Debug, Clone, Default)]
pub(crate) struct LegEvents {
    /// How the leg tells digits.
    pub form: DtmfForm,
    /// The number by which its side takes events, by its last session.
    pub(super) own: Option<u8>,
    /// The number of events in what it was told last.
    pub(super) told: Option<u8>,
    /// By this number events come of it that are not passed.
    pub(super) heard: Option<u8>,
    /// For what it is listened to.
    pub(super) listened: Option<Box<Hearing>>,
    /// Digits to be played to it as tones; the first is being played.
    pub(super) tones: VecDeque<Digit>,
    /// Digits that may still be told in the other way, and until when.
    twins: VecDeque<(Digit, ToldBy, Tick)>,
}

/// How a digit of a side with `dtmf = "info"` came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ToldBy {
    Info,
    /// Unasked (RFC 4733).
    Event,
}

/// Digits that are remembered, and for how long, ms: an event ends when the key is let go.
const TWINS_MAX: usize = 8;
const TWIN_MS: u64 = 5_000;

// === impl LegEvents ===

impl LegEvents {
    /// Whether a digit came in the other way already: some phones tell each key in both.
    pub(super) fn is_told_twice(&mut self, now: Now, digit: Digit, by: ToldBy) -> bool {
        if self.form != DtmfForm::Info {
            return false;
        }
        self.twins.retain(|(.., until)| *until > now.tick);
        let is_it = |(known, way, _): &(Digit, ToldBy, Tick)| *known == digit && *way != by;
        if let Some(at) = self.twins.iter().position(is_it) {
            self.twins.remove(at);
            return true;
        }
        if self.twins.len() == TWINS_MAX {
            self.twins.pop_front();
        }
        self.twins.push_back((digit, by, now.tick.plus_ms(TWIN_MS)));
        false
    }
}
