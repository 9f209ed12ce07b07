//! What an answer means for the offerer (RFC 3264 §6 and §7, RFC 4733, RFC 7261).
//! Invariant: what is passed to the offerer has its m-lines in its order and names only payload numbers that it offered.

use bytes::Bytes;
use codecs::Codec;
use codecs::sdp::{Attribute, Direction, Media, Proto, Sdp, SdpError, Writer};
use units::Cause;

use crate::offer::{FilteredOffer, Offered};
use crate::origin::SessionOrigin;
use crate::pass::{self, MediaTarget, Reach};
use crate::payload::{self, Format, Numbers, PAYLOADS_MAX, Params, Payload, PayloadMap};

/// An answer as it may be sent to the offerer.
#[derive(Clone, Debug)]
pub struct Negotiated {
    /// The SDP to send.
    pub sdp: Bytes,
    /// The first codec of the answer; `None` if the answerer rejected the stream with port 0.
    pub codec: Option<Codec>,
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
    /// A format that was not offered.
    #[error("the answer holds payload {0}, which was not offered")]
    OutsideOffer(u8),
    /// No codec in the answered stream.
    #[error("the answer holds no codec")]
    NoCodec,
    /// The stream has no `c=` line, or one that names a group of receivers.
    #[error("no unicast media address in the answer")]
    Address,
}

impl AnswerError {
    /// The Q.850 cause for the BYE: 65.
    pub const fn cause(self) -> Cause {
        Cause::BEARER
    }
}

/// Judges `answer` against the offer that was sent and writes what the offerer gets; `our`, our session toward the offerer, replaces its origin.
///
/// Payloads are matched by what they carry, so the offerer sees its own numbers even where the answerer chose others. An annex that
/// either side refuses is written as refused. Port 0 on the audio stream is no error: see [`Negotiated::codec`].
pub fn check_answer(offer: &FilteredOffer, answer: &[u8], our: &SessionOrigin) -> Result<Negotiated, AnswerError> {
    let offered = &offer.offered;
    let sdp = Sdp::parse(answer)?;
    if !sdp.media().iter().map(|media| media.kind).eq(offered.kinds().iter().copied()) {
        return Err(AnswerError::StreamMismatch);
    }
    let audio = sdp.media().get(usize::from(offered.audio)).ok_or(AnswerError::StreamMismatch)?;
    let agreed = if audio.port == 0 { None } else { Some(agree(offered, &sdp, audio, our)?) };

    let mut writer = Writer::with_capacity(answer.len() + 96);
    pass::write_session(&mut writer, &sdp, our);
    for (index, media) in sdp.media().iter().enumerate() {
        match &agreed {
            Some(agreed) if index == usize::from(offered.audio) => write_open(&mut writer, &sdp, media, offered, agreed),
            _ => pass::write_closed(&mut writer, &sdp, media),
        }
    }
    let direction = sdp.direction_of(audio);
    let bytes = our.stamp(writer.finish()?)?;
    Ok(negotiated(offered, bytes, direction, agreed.as_ref()))
}

/// The agreed payloads.
struct Agreed {
    pairs: [Pair; PAYLOADS_MAX],
    len: usize,
    target: MediaTarget,
}

/// One payload of the answer and the offerer's number for it.
#[derive(Clone, Copy)]
struct Pair {
    answered: u8,
    offered: u8,
    format: Format,
    ours: Params,
    theirs: Params,
}

impl Pair {
    const NONE: Self = Self { answered: 0, offered: 0, format: Format::ComfortNoise, ours: Params::ABSENT, theirs: Params::ABSENT };

    /// Whether either side refuses the annex of this payload.
    const fn annex_refused(&self) -> bool {
        self.ours.refuses_annex(self.format) || self.theirs.refuses_annex(self.format)
    }
}

impl Agreed {
    fn pairs(&self) -> &[Pair] {
        self.pairs.get(..self.len).unwrap_or(&[])
    }

    fn of_answered(&self, number: u8) -> Option<&Pair> {
        self.pairs().iter().find(|pair| pair.answered == number)
    }
}

/// Matches the payloads of the answer to those of the offer.
fn agree(offered: &Offered, sdp: &Sdp<'_>, audio: &Media<'_>, our: &SessionOrigin) -> Result<Agreed, AnswerError> {
    if !matches!(audio.proto, Proto::Avp | Proto::Avpf) {
        return Err(AnswerError::StreamMismatch);
    }
    let connection = sdp.connection_of(audio).ok_or(AnswerError::Address)?;
    let target = MediaTarget::of(&connection, audio.port, our).ok_or(AnswerError::Address)?;
    let map = PayloadMap::read(sdp.lines_of(audio));
    let mut agreed = Agreed { pairs: [Pair::NONE; PAYLOADS_MAX], len: 0, target };
    let (mut seen, mut taken) = (Numbers::default(), Numbers::default());
    for number in audio.payloads() {
        if !seen.insert(number) {
            continue;
        }
        let payload = offered_payload(offered, &map, number).ok_or(AnswerError::OutsideOffer(number))?;
        // A second number for what is already agreed adds nothing that the offerer could send.
        if !taken.insert(payload.number) {
            continue;
        }
        if let Some(slot) = agreed.pairs.get_mut(agreed.len) {
            let theirs = map.params(number);
            *slot = Pair { answered: number, offered: payload.number, format: payload.format, ours: payload.params, theirs };
            agreed.len += 1;
        }
    }
    if agreed.pairs().iter().all(|pair| pair.format.codec().is_none()) { Err(AnswerError::NoCodec) } else { Ok(agreed) }
}

/// The offered payload that a number of the answer stands for: the same number if it carries the same, else the first that does.
/// A number without meaning of its own (an rtpmap left out) means what the offer said of it.
fn offered_payload<'a>(offered: &'a Offered, map: &PayloadMap, number: u8) -> Option<&'a Payload> {
    let same_number = offered.payloads.with_number(number);
    match map.format(number) {
        Some(format) => same_number
            .filter(|payload| payload.format == format)
            .or_else(|| offered.payloads.as_slice().iter().find(|payload| payload.format == format)),
        None if map.is_mapped(number) => None,
        None => same_number,
    }
}

fn negotiated(offered: &Offered, sdp: Bytes, direction: Direction, agreed: Option<&Agreed>) -> Negotiated {
    let pairs = agreed.map_or(&[][..], Agreed::pairs);
    let first = pairs.iter().find_map(|pair| pair.format.codec().map(|codec| (codec, pair)));
    let target = agreed.map(|agreed| agreed.target);
    let held = matches!(direction, Direction::SendOnly | Direction::Inactive) || target.is_some_and(|target| target.reach == Reach::Nobody);
    let of = |wanted: Codec| first.filter(|&(codec, _)| codec == wanted).map(|(_, pair)| pair);
    Negotiated {
        sdp,
        codec: first.map(|(codec, _)| codec),
        dtmf: pairs.iter().any(|pair| pair.format == Format::TelephoneEvent),
        direction,
        hold: offered.hold() || held,
        annexb: of(Codec::G729).is_some_and(|pair| !pair.annex_refused()),
        annexa: of(Codec::G723).is_some_and(|pair| !pair.annex_refused()),
        bitrate_bps: of(Codec::G723).and_then(|pair| pair.theirs.bitrate_bps().or(pair.ours.bitrate_bps())),
        target,
    }
}

/// Writes the agreed stream in the offerer's payload numbers.
fn write_open(writer: &mut Writer, sdp: &Sdp<'_>, media: &Media<'_>, offered: &Offered, agreed: &Agreed) {
    pass::write_media(writer, media.name, media.port, if offered.feedback { b"RTP/AVPF" } else { b"RTP/AVP" });
    for pair in agreed.pairs() {
        pass::write_payload(writer, pair.offered);
    }
    writer.end();
    let mut told = Numbers::default();
    for line in sdp.lines_of(media) {
        match line.attribute {
            None if line.kind == b'k' => {}
            Some(Attribute::Barred) => {}
            None | Some(Attribute::Direction(_) | Attribute::Ptime | Attribute::Other) => writer.line(line.kind, line.value),
            Some(Attribute::Rtpmap(rtpmap)) => {
                if let Some(pair) = agreed.of_answered(rtpmap.payload) {
                    write_attribute(writer, b"rtpmap:", Some(pair.offered), rtpmap.value);
                }
            }
            Some(Attribute::Fmtp { payload, params }) => match agreed.of_answered(payload) {
                Some(pair) if pair.annex_refused() => write_annex_refused(writer, pair, params, told.insert(payload)),
                Some(pair) => write_attribute(writer, b"fmtp:", Some(pair.offered), params),
                None => {}
            },
            Some(Attribute::RtcpFb { payload: None, value }) => write_attribute(writer, b"rtcp-fb:", None, value),
            Some(Attribute::RtcpFb { payload: Some(payload), value }) => {
                if let Some(pair) = agreed.of_answered(payload) {
                    write_attribute(writer, b"rtcp-fb:", Some(pair.offered), value);
                }
            }
        }
    }
    for pair in agreed.pairs() {
        if pair.annex_refused() && told.insert(pair.answered) {
            write_annex_refused(writer, pair, &[], true);
        }
    }
}

/// `a=NAME:PAYLOAD VALUE`, the payload `*` if there is none.
fn write_attribute(writer: &mut Writer, name: &[u8], payload: Option<u8>, value: &[u8]) {
    begin_attribute(writer, name, payload);
    writer.text(value);
    writer.end();
}

fn begin_attribute(writer: &mut Writer, name: &[u8], payload: Option<u8>) {
    writer.begin(b'a');
    writer.text(name);
    match payload {
        Some(number) => writer.number(u64::from(number)),
        None => writer.text(b"*"),
    }
    writer.text(b" ");
}

/// The parameters of an answered payload without what they say of its annex, and with its refusal if this is the line to `tell` it.
fn write_annex_refused(writer: &mut Writer, pair: &Pair, params: &[u8], tell: bool) {
    let annex: &[u8] = if pair.format == Format::Codec(Codec::G723) { b"annexa" } else { b"annexb" };
    let mut others = payload::split_params(params).filter(|(name, _)| !name.eq_ignore_ascii_case(annex)).map(|(_, param)| param).peekable();
    if !tell && others.peek().is_none() {
        return;
    }
    begin_attribute(writer, b"fmtp:", Some(pair.offered));
    while let Some(param) = others.next() {
        writer.text(param);
        if tell || others.peek().is_some() {
            writer.text(b";");
        }
    }
    if tell {
        writer.text(annex);
        writer.text(b"=no");
    }
    writer.end();
}
