//! What an answer means for the offerer (RFC 3264 §6 and §7, RFC 4733, RFC 7261).
//! Invariant: what is passed to the offerer has its streams in its order and names only payload numbers that
//! it offered.

use std::iter;
use std::sync::Arc;

use codecs::sdp::{Direction, Proto, SdpError};
use codecs::{Codec, G723Rate};
use smallvec::SmallVec;
use units::Cause;

use crate::payload::{Format, Numbers, Payload};
use crate::session::{Session, Stream, What};
use crate::target::MediaTarget;
use crate::voice_side::{Transcoding, VoicePayload, VoiceSide};

/// An answer as it may be sent to the offerer.
#[derive(Clone, Debug)]
pub struct Negotiated {
    /// What the offerer is told.
    pub session: Session,
    /// The codec that the offerer talks: the first of the answer; `None` if the answerer rejected the stream
    /// with port 0, or it is fax.
    pub codec: Option<Codec>,
    /// The answerer's: the same, unless the call is transcoded.
    pub codec_of_answerer: Option<Codec>,
    /// Whether telephone-event was agreed.
    pub dtmf: bool,
    /// The answerer's direction.
    pub direction: Direction,
    /// Whether either side holds the call, so that silence is no sign of a dead one.
    pub hold: bool,
    /// G.729 with Annex B agreed by both sides; false for other codecs.
    pub annexb: bool,
    /// G.723.1 with Annex A agreed by both sides; false for other codecs.
    pub annexa: bool,
    /// The G.723.1 rate that the answerer asked for, else the offerer, in bit/s: 5300 or 6300.
    pub bitrate_bps: Option<u16>,
    /// Where the answerer wants its media; `None` if it rejected the stream.
    pub target: Option<MediaTarget>,
}

/// Why an answer is refused: ACK, BYE, next carrier.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum AnswerError {
    /// Not an SDP.
    #[error("malformed SDP in the answer: {0}")]
    Malformed(#[from] SdpError),
    /// Another number, order or transport of m-lines than the offer's.
    #[error("the answer's m-lines are not those of the offer")]
    StreamMismatch,
    /// Nothing of the answer was offered; this format for one.
    #[error("the answer holds payload {0}, which was not offered, and none that was")]
    OutsideOffer(u8),
    /// No codec in the answered stream.
    #[error("the answer holds no codec")]
    NoCodec,
    /// The stream has no address, or one that names a group of receivers.
    #[error("no unicast media address in the answer")]
    Address,
}

impl AnswerError {
    /// The Q.850 cause for the BYE: 65.
    pub const fn cause(self) -> Cause {
        Cause::BEARER
    }
}

impl Session {
    /// Judges `answer` against this offer, which was sent as it stands, and makes of it what the offerer is
    /// told.
    ///
    /// Payloads are matched by what they carry, so the offerer sees its own numbers even where the answerer
    /// chose others. Formats that were not offered are left out: the answerer may be ready to receive them
    /// (RFC 3264 §6.1), but the offerer has not said that it is. An annex that either side refuses is told as
    /// refused. Port 0 on the stream is no error: see [`Session::is_open`].
    pub fn answered(&self, answer: &Self) -> Result<Negotiated, AnswerError> {
        if !answer.streams.iter().map(|stream| stream.kind).eq(self.streams.iter().map(|stream| stream.kind))
        {
            return Err(AnswerError::StreamMismatch);
        }
        let place = self.active.map(usize::from).ok_or(AnswerError::StreamMismatch)?;
        let (Some(offered), Some(theirs)) = (self.streams.get(place), answer.streams.get(place)) else {
            return Err(AnswerError::StreamMismatch);
        };
        let agreed = if theirs.port == 0 { None } else { Some(agree(offered, theirs)?) };
        let target = match agreed {
            Some(_) => Some(answer.target_of(theirs).ok_or(AnswerError::Address)?),
            None => None,
        };
        let direction = answered_direction(offered.direction, theirs.direction);
        let mut session = answer.clone();
        session.active = self.active;
        session.lines.retain(|line| line.what != What::Barred);
        let mut negotiated = Negotiated {
            codec: None,
            codec_of_answerer: None,
            dtmf: false,
            direction,
            hold: false,
            annexb: false,
            annexa: false,
            bitrate_bps: None,
            target,
            session,
        };
        for (index, stream) in negotiated.session.streams.iter_mut().enumerate() {
            if index != place || agreed.is_none() {
                stream.close();
            }
        }
        if let Some(agreed) = agreed
            && let Some(stream) = negotiated.session.streams.get_mut(place)
        {
            stream.transcoding = transcoding(offered, theirs, &agreed).map(Arc::new);
            stream.tell(offered, &agreed);
            stream.direction_is_ours = direction != stream.direction;
            if stream.direction_is_ours {
                stream.direction = direction;
                stream.lines.retain(|line| line.what != What::Direction);
            }
            negotiated.note(&agreed);
        }
        let held = matches!(direction, Direction::SendOnly | Direction::Inactive);
        negotiated.hold = self.hold() || held || target.is_some_and(|target| target.is_nobody());
        Ok(negotiated)
    }
}

impl Negotiated {
    /// What the agreed payloads mean.
    fn note(&mut self, agreed: &Agreed) {
        let first = agreed.iter().find_map(|pair| pair.ours.format.codec().map(|codec| (codec, pair)));
        let of = |wanted: Codec| first.filter(|&(codec, _)| codec == wanted).map(|(_, pair)| pair);
        self.codec_of_answerer = first.map(|(codec, _)| codec);
        self.codec = self.session.active().and_then(Stream::preferred);
        self.dtmf = agreed.iter().any(|pair| pair.ours.format == Format::TelephoneEvent);
        self.annexb = of(Codec::G729).is_some_and(|pair| !pair.annex_refused());
        self.annexa = of(Codec::G723).is_some_and(|pair| !pair.annex_refused());
        self.bitrate_bps = of(Codec::G723)
            .and_then(|pair| pair.theirs.params.bitrate_bps().or(pair.ours.params.bitrate_bps()));
    }
}

type Agreed = SmallVec<[Pair; 4]>;

/// One payload of the answer, and that of the offer for which it stands.
#[derive(Clone, Copy)]
struct Pair {
    ours: Payload,
    theirs: Payload,
}

impl Pair {
    /// Whether either side refuses the annex of this payload.
    const fn annex_refused(&self) -> bool {
        self.ours.params.refuses_annex(self.ours.format) || self.theirs.params.refuses_annex(self.ours.format)
    }
}

/// What an answer's direction can mean (RFC 3264 §6.1): who is only sent to cannot send. Equipment that
/// answers a hold as if there were none is read as the offer allows.
const fn answered_direction(offered: Direction, answered: Direction) -> Direction {
    let sends = matches!(answered, Direction::SendRecv | Direction::SendOnly)
        && matches!(offered, Direction::SendRecv | Direction::RecvOnly);
    let receives = matches!(answered, Direction::SendRecv | Direction::RecvOnly)
        && matches!(offered, Direction::SendRecv | Direction::SendOnly);
    match (sends, receives) {
        (true, true) => Direction::SendRecv,
        (true, false) => Direction::SendOnly,
        (false, true) => Direction::RecvOnly,
        (false, false) => Direction::Inactive,
    }
}

/// Matches the payloads of the answer to those of the offer.
fn agree(offered: &Stream, theirs: &Stream) -> Result<Agreed, AnswerError> {
    if offered.is_fax {
        return if theirs.is_fax { Ok(Agreed::new()) } else { Err(AnswerError::StreamMismatch) };
    }
    if !matches!(theirs.transport, Proto::Avp | Proto::Avpf) {
        return Err(AnswerError::StreamMismatch);
    }
    let mut agreed = Agreed::new();
    let mut taken = Numbers::default();
    let mut outside = None;
    for answered in &theirs.payloads {
        let Some(ours) = offered_payload(offered, answered) else {
            outside = outside.or(Some(answered.number));
            continue;
        };
        // A second number for what is already agreed adds nothing that the offerer could send.
        if taken.insert(ours.number) {
            agreed.push(Pair { ours: *ours, theirs: *answered });
        }
    }
    if agreed.iter().any(|pair| pair.ours.format.codec().is_some()) {
        return Ok(agreed);
    }
    Err(outside.filter(|_| agreed.is_empty()).map_or(AnswerError::NoCodec, AnswerError::OutsideOffer))
}

/// The offered payload that one of the answer stands for: the same number if it carries the same, else the
/// first that does. A number without meaning of its own (an rtpmap left out) means what the offer said of it.
fn offered_payload<'a>(offered: &'a Stream, answered: &Payload) -> Option<&'a Payload> {
    let same_number = offered.payloads.iter().find(|payload| payload.number == answered.number);
    match answered.format {
        Format::Unnamed => same_number,
        Format::Unknown => None,
        format => same_number
            .filter(|payload| payload.format == format)
            .or_else(|| offered.payloads.iter().find(|payload| payload.format == format)),
    }
}

/// What an answer to an offer of our codecs comes to; none where the codecs are the offerer's.
fn transcoding(offered: &Stream, answered: &Stream, agreed: &Agreed) -> Option<Transcoding> {
    let own = offered.stands_for?;
    let codec = agreed.iter().find(|pair| pair.ours.format.codec().is_some())?;
    let of = |format| agreed.iter().find(|pair| pair.ours.format == format);
    let (event, noise) = (of(Format::TelephoneEvent), of(Format::ComfortNoise));
    // Numbers of an offerer are its own both ways; an answerer is sent its own, and sends the offer's.
    let same = |number| VoicePayload { taken: number, sent: number };
    let both = |pair: &Pair| VoicePayload { taken: pair.theirs.number, sent: pair.ours.shown };
    let side = |payload: &Payload, number, packet_ms| VoiceSide {
        codec: payload.format.codec().unwrap_or(Codec::Pcma),
        payload: number,
        event: None,
        noise: None,
        packet_ms,
        g723: if payload.params.bitrate_bps() == Some(5300) { G723Rate::R5300 } else { G723Rate::R6300 },
        fec: payload.params.takes_fec(),
    };
    let answerers = Payload { format: codec.ours.format, ..codec.theirs };
    Some(Transcoding {
        offerer: VoiceSide {
            event: event.map(|pair| same(pair.ours.number)),
            noise: noise.map(|pair| same(pair.ours.number)),
            ..side(&own, same(own.number), offered.packet_time_ms)
        },
        answerer: VoiceSide {
            event: event.map(both),
            noise: noise.map(both),
            ..side(&answerers, both(codec), answered.packet_time_ms)
        },
    })
}

impl Stream {
    /// Speaks of the agreed payloads only, in the offerer's numbers, over the offerer's transport.
    fn tell(&mut self, offered: &Self, agreed: &Agreed) {
        let told = agreed.iter().map(|pair| Payload {
            shown: pair.ours.shown,
            format: pair.ours.format,
            annex_refused: pair.annex_refused(),
            ..pair.theirs
        });
        self.payloads = match offered.stands_for {
            None => told.collect(),
            // The offerer's own codec, and beside it what is none.
            Some(own) => iter::once(own).chain(told.filter(|told| told.format.codec().is_none())).collect(),
        };
        if !self.is_fax {
            self.transport = offered.transport;
            self.transport_text = None;
        }
        let (payloads, is_transcoded) = (&self.payloads, offered.stands_for.is_some());
        self.lines.retain(|line| match line.what {
            What::Rtpmap | What::Fmtp | What::RtcpFb => {
                payloads.iter().any(|payload| line.speaks_of(payload))
            }
            What::Barred => false,
            What::PacketTime => !is_transcoded,
            What::Connection | What::Direction | What::Path | What::Plain => true,
        });
    }
}
