//! By which numbers a leg's sessions name keypad digits as events (RFC 4733).

use codecs::DtmfForm;

/// Events in the sessions of one leg.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct LegEvents {
    /// How the leg tells digits.
    pub form: DtmfForm,
    /// The number by which its side takes events, by its last session.
    pub(super) own: Option<u8>,
    /// The number of events in what it was told last.
    pub(super) told: Option<u8>,
    /// By this number events come of it that are not passed.
    pub(super) heard: Option<u8>,
}
