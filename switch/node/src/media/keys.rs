//! Keys of SRTP (RFC 4568), leg by leg: what a side is offered, what its offer is answered, and by which keys
//! the relay hears it and speaks to it. Each leg has keys of its own, so that none ever crosses.

use call::LegId;
use codecs::SrtpPolicy;
use media::relay::PeerKeys;
use media::srtp::{Crypto, MasterKey, Suite};
use media::{Described, Keyed};

use super::shard_media::ShardMedia;
use super::sides::{CallMedia, LegMedia};

/// Number of the line in which a suite is offered.
fn tag_of(suite: Suite) -> u32 {
    let place = Suite::ALL.into_iter().position(|known| known == suite);
    place.and_then(|place| u32::try_from(place + 1).ok()).unwrap_or_default()
}

impl ShardMedia {
    /// What an offer to a leg says of keys; none where it is not encrypted.
    pub(super) fn keys_to_offer(&self, side: &LegMedia) -> Option<Keyed> {
        let endpoint = side.endpoint.filter(|_| side.srtp != SrtpPolicy::Off && side.dtls.is_none())?;
        let line = |suite| Some(Crypto { tag: tag_of(suite), key: self.key(endpoint, suite)? });
        let lines = Suite::ALL.into_iter().filter_map(line).collect();
        Some(Keyed { lines, is_savp: side.is_savp })
    }

    /// What the answer to a leg's offer says of keys.
    pub(super) fn keys_to_answer(&self, side: &LegMedia, offer: Option<&Described>) -> Option<Keyed> {
        let endpoint = side.endpoint.filter(|_| side.srtp != SrtpPolicy::Off)?;
        let (crypto, is_savp) = offer?.keys?;
        let key = self.key(endpoint, crypto.key.suite())?;
        Some(Keyed { lines: vec![Crypto { tag: crypto.tag, key }], is_savp })
    }

    /// The keys of a leg whose side said this; `is_answer`: it chose of what it was offered. Whether anything
    /// may be sent at all: never plain where keys are required.
    pub(super) fn keys_of(
        &self,
        side: &LegMedia,
        said: Option<&Described>,
        is_answer: bool,
    ) -> (Option<Box<PeerKeys>>, bool) {
        let keys = || {
            let endpoint = side.endpoint.filter(|_| side.srtp != SrtpPolicy::Off)?;
            let (crypto, _) = said?.keys?;
            let suite = crypto.key.suite();
            // A side with DTLS was not offered them.
            let is_offered = !is_answer || crypto.tag == tag_of(suite);
            let ours = self.key(endpoint, suite).filter(|_| is_offered)?;
            Some(Box::new(PeerKeys { theirs: crypto.key, ours }))
        };
        let keys = keys().filter(|keys| is_not_ours(keys.theirs, keys.ours));
        let may_send = keys.is_some()
            || said.is_some_and(|said| said.dtls.is_some())
            || side.srtp != SrtpPolicy::Required;
        (keys, may_send)
    }
}

/// Who sends our own key back would have both ways share a key stream.
fn is_not_ours(theirs: MasterKey, ours: MasterKey) -> bool {
    theirs != ours
}

impl CallMedia {
    /// The policy of a leg.
    pub(super) fn srtp_of(&self, leg: LegId) -> SrtpPolicy {
        self.side(leg).map_or(SrtpPolicy::Off, |side| side.srtp)
    }
}
