//! How a leg's keypad digits are told, and what is under way of them.

use std::collections::VecDeque;

use codecs::DtmfForm;
use media::relay::Hearing;
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
}
