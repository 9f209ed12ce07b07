//! Our tags: the token of a call, and what names the leg in it.

use call::LegId;
use sip::token::{Kind, Minter, TOKEN_LEN};

use crate::ids::CallRef;

/// Most early dialogs of one leg: further ones count as the last.
pub(crate) const EARLY_MAX: usize = 10;

/// Our tag of a leg: the token of its call and what names the leg in it, `a` for the caller's, `b` and the
/// attempt for a carrier's.
pub(crate) fn tag(token: &str, leg: LegId) -> String {
    match leg {
        LegId::Caller => [token, "a"].concat(),
        LegId::Carrier(attempt) => format!("{token}b{attempt}"),
    }
}

/// The leg that the end of a tag names.
fn leg_of_tag(end: &str) -> Option<LegId> {
    match end.as_bytes() {
        // A digit tells early dialogs of the caller apart.
        b"a" | [b'a', b'1'..=b'9'] => Some(LegId::Caller),
        // One spelling only: no sign, no leading zero.
        [b'b', b'0'] => Some(LegId::Carrier(0)),
        [b'b', b'1'..=b'9', ..] => end.get(1..)?.parse().ok().map(LegId::Carrier),
        _ => None,
    }
}

/// The shard, call and leg that a tag of ours names, whichever shard minted it.
pub(crate) fn open_tag(minter: &Minter, tag: &str) -> Option<(u8, CallRef, LegId)> {
    let opened = minter.open(Kind::Tag, tag.get(..TOKEN_LEN)?)?;
    let leg = leg_of_tag(tag.get(TOKEN_LEN..)?)?;
    Some((opened.shard, CallRef { slot: opened.slot, generation: opened.generation }, leg))
}

/// The tag under which the caller knows one of its early dialogs: our tag for the first, with a digit behind
/// it for others.
pub(crate) fn early_tag(tag: &str, place: usize) -> String {
    match place {
        0 => tag.to_owned(),
        place => format!("{tag}{}", place.min(EARLY_MAX - 1)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_attempt_has_a_tag_of_its_own() {
        let legs =
            (0..call::ATTEMPTS_MAX).map(|attempt| LegId::Carrier(attempt as u8)).chain([LegId::Caller]);
        for leg in legs {
            let tag = tag("token", leg);
            assert_eq!(leg_of_tag(&tag["token".len()..]), Some(leg), "{tag}");
        }
        for end in ["", "A", "aa", "b", "b-1", "b+1", "b01", "b256", "b1x", "c1", "z", "a0", "a11"] {
            assert_eq!(leg_of_tag(end), None, "{end}");
        }
    }
}
