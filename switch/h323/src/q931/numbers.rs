//! Calling and called party number (Q.931 §4.5.8, §4.5.10).

/// Digits kept of a number.
pub const MAX_DIGITS: usize = 32;

/// Type of number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum TypeOfNumber {
    #[default]
    Unknown,
    International,
    National,
    NetworkSpecific,
    Subscriber,
    Abbreviated,
    Other(u8),
}

/// Whether the called side may be shown the calling number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Presentation {
    #[default]
    Allowed,
    Restricted,
    NotAvailable,
}

/// Who vouches for the calling number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Screening {
    #[default]
    UserNotScreened,
    UserPassed,
    UserFailed,
    Network,
}

/// Who calls.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CallingParty {
    /// Type of number.
    pub kind: TypeOfNumber,
    /// Numbering plan; 1 is E.164.
    pub plan: u8,
    /// Whether it may be shown; none if the element does not say (then it may).
    pub presentation: Option<Presentation>,
    /// Who vouches for it; none if the element does not say.
    pub screening: Option<Screening>,
    /// Digits, `*` and `#`; empty if it is not available.
    pub digits: String,
}

/// Who is called.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CalledParty {
    /// Type of number.
    pub kind: TypeOfNumber,
    /// Numbering plan; 1 is E.164.
    pub plan: u8,
    /// Digits, `*` and `#`.
    pub digits: String,
}

// === impl TypeOfNumber ===

impl TypeOfNumber {
    const fn of(octet: u8) -> Self {
        match octet >> 4 & 7 {
            0 => Self::Unknown,
            1 => Self::International,
            2 => Self::National,
            3 => Self::NetworkSpecific,
            4 => Self::Subscriber,
            6 => Self::Abbreviated,
            other => Self::Other(other),
        }
    }

    const fn bits(self) -> u8 {
        match self {
            Self::Unknown => 0,
            Self::International => 0x10,
            Self::National => 0x20,
            Self::NetworkSpecific => 0x30,
            Self::Subscriber => 0x40,
            Self::Abbreviated => 0x60,
            Self::Other(other) => (other & 7) << 4,
        }
    }
}

// === impl CallingParty ===

impl CallingParty {
    /// Of the element's content.
    pub fn parse(content: &[u8]) -> Option<Self> {
        let (&first, rest) = content.split_first()?;
        let mut party = Self { kind: TypeOfNumber::of(first), plan: first & 0x0f, ..Self::default() };
        let rest = if first & 0x80 == 0 {
            let (&second, rest) = rest.split_first()?;
            party.presentation = match second >> 5 & 3 {
                0 => Some(Presentation::Allowed),
                1 => Some(Presentation::Restricted),
                2 => Some(Presentation::NotAvailable),
                _ => None,
            };
            party.screening = Some(match second & 3 {
                0 => Screening::UserNotScreened,
                1 => Screening::UserPassed,
                2 => Screening::UserFailed,
                _ => Screening::Network,
            });
            rest
        } else {
            rest
        };
        party.digits = digits(rest);
        Some(party)
    }

    /// The element's content.
    pub fn content(&self) -> Vec<u8> {
        let first = self.kind.bits() | self.plan & 0x0f;
        let mut out = Vec::with_capacity(2 + self.digits.len());
        if self.presentation.is_none() && self.screening.is_none() {
            out.push(first | 0x80);
        } else {
            let presentation = match self.presentation.unwrap_or_default() {
                Presentation::Allowed => 0,
                Presentation::Restricted => 0x20,
                Presentation::NotAvailable => 0x40,
            };
            let screening = match self.screening.unwrap_or_default() {
                Screening::UserNotScreened => 0,
                Screening::UserPassed => 1,
                Screening::UserFailed => 2,
                Screening::Network => 3,
            };
            out.extend([first, 0x80 | presentation | screening]);
        }
        out.extend(self.digits.bytes().take(MAX_DIGITS));
        out
    }
}

// === impl CalledParty ===

impl CalledParty {
    /// Of the element's content.
    pub fn parse(content: &[u8]) -> Option<Self> {
        let (&first, rest) = content.split_first()?;
        Some(Self { kind: TypeOfNumber::of(first), plan: first & 0x0f, digits: digits(rest) })
    }

    /// The element's content.
    pub fn content(&self) -> Vec<u8> {
        let mut out = vec![0x80 | self.kind.bits() | self.plan & 0x0f];
        out.extend(self.digits.bytes().take(MAX_DIGITS));
        out
    }
}

/// Digits, `*` and `#`, up to the first NUL.
fn digits(content: &[u8]) -> String {
    let chars = content.iter().take_while(|&&octet| octet != 0).map(|&octet| char::from(octet & 0x7f));
    chars.filter(|c| c.is_ascii_digit() || matches!(c, '*' | '#' | '+')).take(MAX_DIGITS).collect()
}
