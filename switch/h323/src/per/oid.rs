//! OBJECT IDENTIFIER, kept as its content octets (X.690 8.19).

use std::fmt;

/// Octets of the longest that is taken.
const MAX_OCTETS: usize = 39;

/// An object identifier.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Oid {
    octets: [u8; MAX_OCTETS],
    len: u8,
}

impl Oid {
    /// By its content octets, as written in a constant.
    pub const fn of(content: &[u8]) -> Self {
        let mut octets = [0; MAX_OCTETS];
        let mut at = 0;
        while at < content.len() && at < MAX_OCTETS {
            octets[at] = content[at];
            at += 1;
        }
        Self { octets, len: at as u8 }
    }

    /// By its content octets; none if they are too many, or none.
    pub fn new(content: &[u8]) -> Option<Self> {
        (1..=MAX_OCTETS).contains(&content.len()).then(|| Self::of(content))
    }

    /// Its content octets.
    pub fn octets(&self) -> &[u8] {
        &self.octets[..usize::from(self.len)]
    }
}

impl Default for Oid {
    fn default() -> Self {
        Self::of(&[0])
    }
}

/// In dots: `0.0.8.2250.0.4`.
impl fmt::Debug for Oid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut arc = 0_u128;
        let mut is_first = true;
        for &octet in self.octets() {
            arc = arc << 7 | u128::from(octet & 0x7f);
            if octet & 0x80 != 0 {
                continue;
            }
            if is_first {
                let top = (arc / 40).min(2);
                write!(f, "{top}.{}", arc - top * 40)?;
            } else {
                write!(f, ".{arc}")?;
            }
            (arc, is_first) = (0, false);
        }
        Ok(())
    }
}
