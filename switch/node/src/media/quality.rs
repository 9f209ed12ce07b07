//! What a relayed call was worth to its listeners, from what the relay counted: the rating of each side's
//! stream by the E-model, a side that was never heard, and answers without sound.

use codecs::Codec;
use codecs::quality::Connection;
use media::relay::EndpointReport;
use rating::Cdr;
use rating::cdr::{Mos, PartyKind};

use crate::counters::Counters;

/// A stream of fewer packets is not rated: a second of it.
const PACKETS_MIN: u64 = 50;
/// A called side that sends nothing for so long after its answer did not answer, ms. Gateways that learn
/// their peer's address begin within a second or two.
const FALSE_ANSWER_MS: u32 = 5_000;
/// A jitter buffer holds packets back for so many times the jitter.
const BUFFER_OF_JITTER: f64 = 2.0;

/// What the relay told of a call's sides; none of one that it did not.
#[derive(Debug, Default)]
pub(super) struct Sides {
    pub caller: Option<EndpointReport>,
    pub called: Option<EndpointReport>,
}

// === impl Sides ===

impl Sides {
    /// Fills in what a listener would say. `is_voice`: neither side's stream was fax.
    pub(super) fn rate(&self, cdr: &mut Cdr, is_voice: bool) {
        if !is_voice {
            return;
        }
        let rated = |report: &Option<EndpointReport>, codec: &Option<String>| {
            let codec = Codec::from_name(codec.as_ref()?.as_bytes())?;
            mos(report.as_ref()?, codec, self.round_trip_us())
        };
        cdr.mos_a = rated(&self.caller, &cdr.codec_a);
        cdr.mos_b = rated(&self.called, &cdr.codec_b);
    }

    /// From end to end and back, as far as reports told it.
    fn round_trip_us(&self) -> u64 {
        let sides = [&self.caller, &self.called].into_iter().flatten();
        sides.filter_map(|side| side.round_trip_us).map(u64::from).sum()
    }

    /// Counts a call whose record is whole. `rings_on`: the called side's first sound was ringback.
    pub(super) fn count(&self, cdr: &Cdr, rings_on: bool, counters: &mut Counters) {
        for mos in [cdr.mos_a, cdr.mos_b].into_iter().flatten() {
            counters.rated(mos);
        }
        if cdr.answered_at.is_none() {
            return;
        }
        let (caller, called) = (self.caller.unwrap_or_default(), self.called.unwrap_or_default());
        let unheard = match (caller.is_mute(), called.is_mute()) {
            (true, false) => Some("caller"),
            (false, true) => Some("called"),
            _ => None,
        };
        if let Some(side) = unheard {
            *counters.one_way_calls.entry(side).or_default() += 1;
            tracing::debug!(call = cdr.id.as_str(), side, "one-way sound: this side was never heard");
        }
        // Where the called side was sent nothing either, it may wait for the first packet, or our own ports
        // may be closed to it.
        let is_mute = called.mute_ms.is_some_and(|ms| ms >= FALSE_ANSWER_MS) && called.packets_out > 0;
        let is_carrier = cdr.destination_kind == Some(PartyKind::Carrier);
        if let Some(carrier) = cdr.carrier.as_ref().filter(|_| (is_mute || rings_on) && is_carrier) {
            *counters.false_answers.entry(carrier.clone()).or_default() += 1;
            let what = if rings_on { "ringback after the answer" } else { "answered without sound" };
            tracing::debug!(call = cdr.id.as_str(), carrier = &**carrier, "false answer: {what}");
        }
    }
}

/// How a listener would rate a stream; none of one that is too short.
fn mos(report: &EndpointReport, codec: Codec, round_trip_us: u64) -> Option<Mos> {
    if report.packets_in < PACKETS_MIN {
        return None;
    }
    let way_ms = round_trip_us as f64 / 2_000.0;
    let buffer_ms = f64::from(report.jitter_us) / 1_000.0 * BUFFER_OF_JITTER;
    let delay_ms = way_ms + buffer_ms + codec_ms(codec);
    let connection = Connection { delay_ms, ..Connection::new(codec) };
    Mos::new(connection.with_losses(report.packets_in, report.lost, report.gaps).mos())
}

/// Milliseconds that a packet and the codec's look-ahead take (G.114 Annex A), with packets of their usual
/// length.
const fn codec_ms(codec: Codec) -> f64 {
    match codec {
        Codec::Pcmu | Codec::Pcma => 20.0,
        Codec::G729 => 25.0,
        Codec::G723 => 37.5,
        Codec::Opus => 26.5,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn score(report: EndpointReport, codec: Codec, round_trip_ms: u64) -> f64 {
        let rated = mos(&EndpointReport { packets_in: 1_000, ..report }, codec, round_trip_ms * 1_000);
        rated.expect("long enough").score()
    }

    #[test]
    fn what_was_counted_lowers_the_score() {
        let good = EndpointReport::default();
        assert_eq!(score(good, Codec::Pcma, 0), 4.4, "20 ms of delay");
        assert!(score(good, Codec::G729, 0) < 4.15);
        let lossy = EndpointReport { lost: 50, gaps: 50, ..good };
        assert!(score(lossy, Codec::Pcma, 0) < 4.0);
        let bursty = EndpointReport { gaps: 10, ..lossy };
        assert!(score(bursty, Codec::Pcma, 0) < score(lossy, Codec::Pcma, 0));
        let uneven = EndpointReport { jitter_us: 150_000, ..good };
        assert!(score(uneven, Codec::Pcma, 0) < 3.8, "300 ms in the buffer");
        assert_eq!(score(good, Codec::Pcma, 600), score(uneven, Codec::Pcma, 0), "half of the round trip");
        assert_eq!(mos(&EndpointReport { packets_in: 49, ..good }, Codec::Pcma, 0), None);
    }
}
