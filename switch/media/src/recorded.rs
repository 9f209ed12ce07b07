//! What a side may send, for whoever hears it beside the other side.

use std::sync::Arc;

use codecs::Codec;
use smallvec::SmallVec;

/// One side of a call that is recorded.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RecordedSide {
    /// Name of the file, for both sides the same.
    pub file: Arc<str>,
    /// It is the caller: the left channel.
    pub is_caller: bool,
    /// What it may send.
    pub voices: Voices,
}

/// Codecs that a side may send, and comfort noise.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Voices {
    /// Each by its payload number.
    pub codecs: SmallVec<[(u8, Codec); 4]>,
    /// The payload number of comfort noise (RFC 3389), if it was agreed.
    pub noise: Option<u8>,
}

// === impl Voices ===

impl Voices {
    /// The codec of a payload number.
    pub fn codec(&self, payload: u8) -> Option<Codec> {
        self.codecs.iter().find(|(number, _)| *number == payload).map(|(_, codec)| *codec)
    }

    /// Adds what a number means, if it is not known already.
    pub(crate) fn add(&mut self, number: u8, codec: Codec) {
        if self.codec(number).is_none() {
            self.codecs.push((number, codec));
        }
    }
}
