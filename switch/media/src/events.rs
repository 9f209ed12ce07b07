//! Keypad digits as events (telephone-event, RFC 4733) in a session: left out for a side that tells and takes
//! them by signalling, and put in for one whose other side does.

use bytes::{BufMut as _, Bytes, BytesMut};

use crate::payload::{Format, Params, Payload};
use crate::session::{Line, Session, Span, What};

/// Numbers that may be given to events, the usual one first (RFC 3551 §6: 96 to 127 are dynamic).
const USUAL: u8 = 101;
const DYNAMIC: std::ops::RangeInclusive<u8> = 96..=127;
/// Longest text that spans can name parts of.
const TEXT_MAX: usize = u16::MAX as usize;

impl Session {
    /// The number by which its side takes events, as that side wrote it.
    pub fn events(&self) -> Option<u8> {
        self.active()?.payloads.iter().find(|payload| is_events(payload)).map(|payload| payload.number)
    }

    /// The number of events as the other side is told it.
    pub fn events_told(&self) -> Option<u8> {
        self.active()?.dtmf()
    }

    /// The same without events.
    #[must_use]
    pub fn without_events(&self) -> Self {
        let mut without = self.clone();
        if let Some(stream) = without.active.and_then(|at| without.streams.get_mut(usize::from(at))) {
            let before = stream.payloads.clone();
            let is_gone = |number: u8| {
                before.iter().any(|payload: &Payload| is_events(payload) && payload.number == number)
            };
            stream.payloads.retain(|payload| !is_events(payload));
            stream.lines.retain(|line| match line.what {
                What::Rtpmap | What::Fmtp | What::RtcpFb => !is_gone(line.payload),
                _ => true,
            });
        }
        without
    }

    /// The same with events of keypad digits, told as `number`, or as a number that is free; unchanged if it
    /// has them, or its stream is closed or fax.
    #[must_use]
    pub fn with_events(&self, number: Option<u8>) -> Self {
        let mut with = self.clone();
        let Some(stream) = with.active.and_then(|at| with.streams.get_mut(usize::from(at))) else {
            return with;
        };
        let is_free = |number: &u8| {
            stream.payloads.iter().all(|payload| payload.number != *number && payload.shown != *number)
        };
        let free = || std::iter::once(USUAL).chain(DYNAMIC).find(is_free);
        let shown = number.or_else(free);
        // Ours, so that no line of its side's speaks of it.
        let (Some(shown), Some(own)) = (shown, shown.filter(is_free).or_else(free)) else { return with };
        let is_voice = stream.port != 0 && !stream.is_fax;
        if !is_voice || stream.payloads.iter().any(is_events) {
            return with;
        }
        let mut text = BytesMut::from(&self.text[..]);
        let mut line = |what, name: &str, value: &str| {
            let start = text.len();
            text.put_slice(name.as_bytes());
            text.put_slice(own.to_string().as_bytes());
            text.put_slice(b" ");
            let begin = text.len();
            text.put_slice(value.as_bytes());
            let spot = |at: usize| u16::try_from(at).unwrap_or_default();
            let span = Span { start: spot(start), end: spot(text.len()) };
            Line { what, payload: own, kind: b'a', text: span, value: spot(begin), is_browsers: false }
        };
        let lines =
            [line(What::Rtpmap, "a=rtpmap:", "telephone-event/8000"), line(What::Fmtp, "a=fmtp:", "0-15")];
        if text.len() > TEXT_MAX {
            return with;
        }
        stream.lines.extend(lines);
        let format = Format::TelephoneEvent;
        let params = Params::default();
        stream.payloads.push(Payload {
            number: own,
            shown,
            format,
            params,
            annex_refused: false,
            is_ours: false,
        });
        with.text = Bytes::from(text);
        with
    }
}

fn is_events(payload: &Payload) -> bool {
    payload.format == Format::TelephoneEvent
}
