//! What a transcoded call keeps: its channel, and what its sides talk.

use std::sync::Arc;

use call::Side;
use media::transcode::Channels;
use media::{Transcoding, VoiceSide};

/// A channel in use; dropped, it is free again.
#[derive(Debug)]
pub(crate) struct Channel(Arc<Channels>);

/// What both sides of a transcoded call talk.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Transcoded {
    pub caller: VoiceSide,
    pub called: VoiceSide,
}

impl Drop for Channel {
    fn drop(&mut self) {
        self.0.put_back();
    }
}

// === impl Channel ===

impl Channel {
    /// One of at most so many, as [`Channels::try_take`] has it.
    pub(crate) fn take(channels: &Arc<Channels>, max: u32) -> Option<Self> {
        channels.try_take(max).then(|| Self(Arc::clone(channels)))
    }
}

// === impl Transcoded ===

impl Transcoded {
    pub(crate) const fn of(offerer: Side, sides: &Transcoding) -> Self {
        let Transcoding { offerer: own, answerer } = *sides;
        match offerer {
            Side::Caller => Self { caller: own, called: answerer },
            Side::Carrier => Self { caller: answerer, called: own },
        }
    }
}
