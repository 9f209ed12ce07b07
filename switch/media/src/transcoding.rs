//! Sessions whose sides share no codec: the other side is offered codecs of ours in the place of the
//! offerer's, and the offerer is answered with one of its own. Between the two the sound is transcoded.
//! Invariant: neither side is told of a codec that it did not say or may not use.

use codecs::CodecSet;
use smallvec::SmallVec;
use voice::available;

use crate::offer::OfferRefused;
use crate::payload::{Format, Numbers, Params, Payload};
use crate::session::{Session, Stream};
use crate::voice_side::Transcoding;

// === impl Session ===

impl Session {
    /// This offer of a side that may use the codecs of `own`, as it goes to one that may use those of
    /// `other`: with those that both share, as [`Session::offer`] has it; where there are none and it may be
    /// transcoded, with those of `other` that the switch knows.
    pub fn offer_to(
        &self,
        own: CodecSet,
        other: CodecSet,
        may_transcode: bool,
    ) -> Result<Self, OfferRefused> {
        match self.offer(own.intersection(other)) {
            Err(OfferRefused::NothingAcceptable) if may_transcode => {
                self.offer_transcoded(known(own), known(other))
            }
            passed => passed,
        }
    }

    fn offer_transcoded(&self, own: CodecSet, other: CodecSet) -> Result<Self, OfferRefused> {
        if other.is_empty() {
            return Err(OfferRefused::NothingAcceptable);
        }
        // As it would go to a side that shares all of its codecs; then the codecs are exchanged.
        let mut offer = self.offer(own)?;
        let stream = offer.active.and_then(|active| offer.streams.get_mut(usize::from(active)));
        let stream = stream.filter(|stream| !stream.is_fax).ok_or(OfferRefused::NothingAcceptable)?;
        stream.offer_instead(other).ok_or(OfferRefused::NothingAcceptable)?;
        Ok(offer)
    }

    /// Whether what is offered here can only be had by transcoding.
    pub fn is_transcoded(&self) -> bool {
        self.active().is_some_and(|active| active.stands_for.is_some() || active.transcoding.is_some())
    }

    /// Of an answer as the offerer is told it: what each side sends and is sent where it is transcoded.
    pub fn transcoding(&self) -> Option<&Transcoding> {
        self.active()?.transcoding.as_deref()
    }
}

/// Those that the switch can decode and encode.
fn known(codecs: CodecSet) -> CodecSet {
    codecs.iter().filter(|&codec| available(codec)).collect()
}

// === impl Stream ===

impl Stream {
    /// Puts codecs of ours in the place of the offerer's; its first one is kept for the answer. Digits and
    /// comfort noise stay as it said them.
    fn offer_instead(&mut self, codecs: CodecSet) -> Option<()> {
        let own = self.payloads.iter().find(|payload| payload.format.codec().is_some())?;
        self.stands_for = Some(Payload { shown: own.number, annex_refused: true, is_ours: true, ..*own });
        self.payloads.retain(|payload| payload.format.codec().is_none());
        let mut taken = Numbers::default();
        self.payloads.iter().for_each(|payload| _ = taken.insert(payload.number));
        let mut ours = SmallVec::<[Payload; 8]>::new();
        for codec in codecs.iter() {
            let number = codec.static_payload().filter(|&number| taken.insert(number));
            let Some(number) = number.or_else(|| taken.free()) else { continue };
            taken.insert(number);
            ours.push(Payload {
                number,
                shown: number,
                format: Format::Codec(codec),
                params: Params::of_ours(),
                annex_refused: true,
                is_ours: true,
            });
        }
        ours.extend(self.payloads.drain(..));
        self.payloads = ours;
        self.keep(CodecSet::ALL);
        Some(())
    }
}
