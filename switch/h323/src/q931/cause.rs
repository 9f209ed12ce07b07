//! The cause element (Q.931 §4.5.12, Q.850).

use units::Cause;

/// Why a call ended, and who says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CauseIe {
    /// The cause value.
    pub cause: Cause,
    /// Q.850 §2.2.3: 0 user, 2 public network of this side, 4 of the other side, 10 beyond an interworking
    /// point.
    pub location: u8,
}

// === impl CauseIe ===

impl CauseIe {
    /// Of the element's content; none if it has no value.
    pub fn parse(content: &[u8]) -> Option<Self> {
        let (&first, rest) = content.split_first()?;
        // octet 3a, the recommendation, follows an octet 3 whose extension bit is 0
        let rest = if first & 0x80 == 0 { rest.split_first()?.1 } else { rest };
        let value = rest.first()? & 0x7f;
        (value != 0).then_some(Self { cause: Cause(value), location: first & 0x0f })
    }

    /// The element's content.
    pub const fn content(self) -> [u8; 2] {
        [0x80 | self.location & 0x0f, 0x80 | self.cause.0]
    }
}
