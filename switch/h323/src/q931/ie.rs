//! Ids of information elements, and the short ones.

/// Id of an information element (Q.931 table 4-3), as far as they are used here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
#[allow(missing_docs)]
pub enum IeId {
    BearerCapability = 0x04,
    Cause = 0x08,
    CallState = 0x14,
    Facility = 0x1c,
    ProgressIndicator = 0x1e,
    NotificationIndicator = 0x27,
    Display = 0x28,
    Keypad = 0x2c,
    Signal = 0x34,
    CallingParty = 0x6c,
    CalledParty = 0x70,
    UserUser = 0x7e,
}

/// Speech at 64 kbit/s over H.221 and H.242, as gateways say it (H.225.0 §7.2.2.1).
pub const BEARER_SPEECH: [u8; 3] = [0x80, 0x90, 0xa5];

/// Progress description (Q.931 §4.5.23).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress(pub u8);

// === impl Progress ===

impl Progress {
    /// 1: not all of the way is ISDN.
    pub const NOT_ISDN: Self = Self(1);
    /// 8: tones or announcements can be heard.
    pub const IN_BAND: Self = Self(8);

    /// Of a progress indicator's content.
    pub fn parse(content: &[u8]) -> Option<Self> {
        content.get(1).map(|octet| Self(octet & 0x7f))
    }

    /// The content of a progress indicator: location user.
    pub const fn content(self) -> [u8; 2] {
        [0x80, 0x80 | self.0]
    }

    /// Whether the caller should hear what comes.
    pub const fn is_heard(self) -> bool {
        matches!(self.0, 1 | 2 | 3 | 8)
    }
}

/// Characters of keypad facility or display: IA5, without a charset octet in front and NULs behind.
pub fn ia5_text(content: &[u8]) -> String {
    let content = match content {
        // display may begin with a charset (Q.931 §4.5.16)
        [first, rest @ ..] if *first >= 0x80 => rest,
        _ => content,
    };
    let end = content.iter().position(|&octet| octet == 0).unwrap_or(content.len());
    content[..end].iter().map(|&octet| char::from(octet & 0x7f)).filter(|c| !c.is_ascii_control()).collect()
}
