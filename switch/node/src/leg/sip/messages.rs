//! The messages that we write. Topology stays here: no Via, Record-Route, Contact, Call-ID or User-Agent of
//! one leg is ever seen on the other.

use std::sync::Arc;

use bytes::Bytes;
use call::{OfferRefusal, Progress, Refusal, ReleaseReason};
use media::{BodyError, Session};
use route::HeaderRules;
use sip::flow::Transport;
use sip::{Builder, Message, Method, Name};
use units::Cause;

use super::privacy::Presentation;
use super::session_timer::SessionState;
use super::signature::Signature;

/// Methods that we take.
pub(crate) const ALLOW: &str = "INVITE, ACK, CANCEL, BYE, OPTIONS, UPDATE, INFO, PRACK";
/// Extensions that we take.
pub(crate) const SUPPORTED: &str = "100rel, timer";
/// Extensions for requests of ours whose provisional responses are not acknowledged.
pub(crate) const SUPPORTED_UNACKNOWLEDGED: &str = "timer";

/// A response to `request` with our tag.
pub(crate) fn response(request: &Message, status: u16, tag: &str) -> Builder {
    Builder::response(request, status, phrase(status)).to_tag(tag)
}

/// A refusal with its Reason (RFC 3326) and, where due, Retry-After.
pub(crate) fn refusal(request: &Message, refusal: &Refusal, tag: &str) -> Builder {
    let phrase = match (refusal.status, refusal.reason) {
        // RFC 8224 §6.2.2.
        (403, "identity-stale") => "Stale Date",
        (status, _) => phrase(status),
    };
    let builder = Builder::response(request, refusal.status, phrase)
        .to_tag(tag)
        .header_fmt(Name::Reason, format_args!("{}", q850(refusal.cause)));
    match refusal.retry_after {
        Some(secs) => builder.header_fmt(Name::RetryAfter, format_args!("{secs}")),
        None => builder,
    }
}

/// `Q.850;cause=17;text="User busy"`.
pub(crate) fn q850(cause: Cause) -> String {
    format!("Q.850;cause={};text=\"{}\"", cause.0, cause.text())
}

/// The Reason of a BYE or CANCEL.
pub(crate) fn reason(why: ReleaseReason) -> String {
    match why.status {
        // RFC 3326 §2 has these words.
        Some(200) => "SIP;cause=200;text=\"Call completed elsewhere\"".to_owned(),
        Some(status) => format!("SIP;cause={status};text=\"{}\"", phrase(status)),
        None => q850(why.cause),
    }
}

/// Longest Reason that is passed on, bytes.
const REASON_MAX: usize = 256;

/// What a CANCEL says of why it was sent, as it is passed on (RFC 3326); none if it says nothing or too much.
pub(crate) fn given_reason(cancel: &Message) -> Option<Box<str>> {
    let values: Vec<&str> = cancel.values(Name::Reason).collect();
    let joined = values.join(", ");
    if joined.is_empty() || joined.len() > REASON_MAX { None } else { Some(joined.into()) }
}

/// The Q.850 cause in a peer's Reason header, if it gave one.
pub(crate) fn cause_of(message: &Message) -> Option<Cause> {
    message.values(Name::Reason).find_map(|value| {
        let mut parts = value.split(';').map(str::trim);
        if !parts.next()?.eq_ignore_ascii_case("Q.850") {
            return None;
        }
        let (_, cause) = parts
            .filter_map(|p| p.split_once('='))
            .find(|(name, _)| name.trim().eq_ignore_ascii_case("cause"))?;
        cause.trim().parse().ok().filter(|cause| (1..=127).contains(cause)).map(Cause)
    })
}

/// Seconds for which a 503 asks not to be called, by its Retry-After (RFC 3261 §20.33, §21.5.4). Other
/// answers speak of the callee.
pub(crate) fn pause_secs(response: &Message) -> Option<u32> {
    let value = response.header(Name::RetryAfter).filter(|_| response.status() == 503)?.trim_start();
    let digits = value.split(|c: char| !c.is_ascii_digit()).next().unwrap_or_default();
    if digits.is_empty() { None } else { Some(digits.parse().unwrap_or(u32::MAX)) }
}

/// Contact of a leg: our address on its flow, and the token that leads back to its call.
pub(crate) fn contact(user: &str, here: &str, transport: Transport) -> String {
    match transport {
        Transport::Udp => ["<sip:", user, "@", here, ">"].concat(),
        Transport::Tcp | Transport::Tls | Transport::Ws | Transport::Wss | Transport::H323 => {
            ["<sip:", user, "@", here, ";transport=", transport.uri_name(), ">"].concat()
        }
    }
}

/// Adds what a 2xx to INVITE or UPDATE says of session timers.
pub(crate) fn with_session(builder: Builder, session: &SessionState) -> Builder {
    match session.uas_header() {
        Some((value, true)) => builder.header(Name::SessionExpires, &value).header(Name::Require, "timer"),
        Some((value, false)) => builder.header(Name::SessionExpires, &value),
        None => builder,
    }
}

/// What goes into the INVITE to a carrier.
pub(crate) struct InviteParts<'a> {
    pub call_id: &'a str,
    pub uri: &'a str,
    pub from: &'a str,
    pub to: &'a str,
    pub via: &'a str,
    pub contact: &'a str,
    pub max_forwards: u8,
    pub cseq: u32,
    /// By which proxies it goes, in order: values of Route.
    pub routes: &'a [Box<str>],
    /// What is seen of the caller, and of the INVITE's headers.
    pub presentation: &'a Presentation<'a>,
    /// Our signature of the caller's number.
    pub signature: Option<&'a Signature>,
    /// Our address there.
    pub here: &'a str,
    pub session_expires_secs: u32,
    pub min_se_secs: u32,
    /// Extensions.
    pub supported: &'a str,
    pub sdp: Option<&'a [u8]>,
    /// What the carrier wants to be different.
    pub rules: Option<&'a HeaderRules>,
}

pub(crate) fn invite(parts: &InviteParts<'_>) -> Builder {
    let mut builder = Builder::request(Method::Invite, parts.uri)
        .header(Name::Via, parts.via)
        .header_fmt(Name::MaxForwards, format_args!("{}", parts.max_forwards))
        .header(Name::From, parts.from)
        .header(Name::To, parts.to)
        .header(Name::CallId, parts.call_id)
        .cseq(parts.cseq, Method::Invite)
        .header(Name::Contact, parts.contact)
        .header(Name::Allow, ALLOW)
        .header(Name::Supported, parts.supported);
    builder = parts.routes.iter().fold(builder, |builder, route| builder.header(Name::Route, route));
    if parts.session_expires_secs > 0 {
        builder = builder
            .header_fmt(Name::SessionExpires, format_args!("{}", parts.session_expires_secs))
            .header_fmt(Name::MinSe, format_args!("{}", parts.min_se_secs));
    }
    if let Some(signature) = parts.signature {
        builder = builder.header(Name::Date, &signature.date).header(Name::Identity, &signature.value);
    }
    builder = parts.presentation.identify(builder, parts.here, parts.rules);
    for (name, value) in parts.rules.into_iter().flat_map(|rules| &rules.add) {
        builder = builder.raw(name, value);
    }
    match parts.sdp {
        Some(sdp) => builder.body("application/sdp", sdp),
        None => builder,
    }
}

/// The provisional response that says so.
pub(crate) const fn progress_status(progress: Progress) -> u16 {
    match progress {
        Progress::Trying => 100,
        Progress::Ringing => 180,
        Progress::Forwarded => 181,
        Progress::Queued => 182,
        Progress::InProgress => 183,
    }
}

/// What a provisional response says; none if it says nothing to a caller: 199 ends an early dialog, and is
/// for those that support it (RFC 6228).
pub(crate) const fn progress_of(status: u16) -> Option<Progress> {
    match status {
        100 => Some(Progress::Trying),
        180 => Some(Progress::Ringing),
        181 => Some(Progress::Forwarded),
        182 => Some(Progress::Queued),
        101..=198 => Some(Progress::InProgress),
        _ => None,
    }
}

/// The failure of a re-INVITE or UPDATE that says so. What a peer said is passed on only where it means
/// something without its headers and to somebody else: a challenge, an extension, an interval or another
/// address of its own is none of the other side's business.
pub(crate) const fn refusal_status(why: OfferRefusal) -> u16 {
    match why {
        OfferRefusal::Pending => 491,
        OfferRefusal::NotAcceptable => 488,
        OfferRefusal::Timeout => 408,
        OfferRefusal::Gone => 481,
        OfferRefusal::AsTold(
            300..=399 | 401 | 402 | 405 | 407 | 415 | 420..=429 | 433 | 437 | 438 | 469 | 489 | 494,
        ) => 488,
        OfferRefusal::AsTold(503) => 500,
        OfferRefusal::AsTold(status @ 400..=699) => status,
        OfferRefusal::AsTold(_) => 500,
    }
}

/// The answer to a request that was passed on, from the other side's. A time-out is never said to what is no
/// INVITE (RFC 4320 §4.2), a challenge never to whom it is not meant for.
pub(crate) const fn relayed_status(status: u16) -> u16 {
    match status {
        408 | 503 => 500,
        300..=399 | 401 | 407 | 420..=423 | 494 => 403,
        other => other,
    }
}

/// Why a peer refused our offer.
pub(crate) const fn refusal_of(status: u16) -> OfferRefusal {
    match status {
        491 => OfferRefusal::Pending,
        488 => OfferRefusal::NotAcceptable,
        408 => OfferRefusal::Timeout,
        481 => OfferRefusal::Gone,
        other => OfferRefusal::AsTold(other),
    }
}

/// The SDP of a request, if any. A body in an encoding is one of a type that we do not take (RFC 3261
/// §20.12).
pub(crate) fn body_of(message: &Message) -> Result<Option<Bytes>, BodyError> {
    let encoded =
        message.values(Name::ContentEncoding).any(|coding| !coding.eq_ignore_ascii_case("identity"));
    match media::sdp_part(message.content_type(), &message.body()) {
        Ok(Some(_)) if encoded => Err(BodyError::Unsupported),
        taken => taken,
    }
}

/// The session that a message describes, if any, and if it can be read.
pub(crate) fn session_in(message: &Message) -> Option<Arc<Session>> {
    let text = sdp_in(message)?;
    Session::read(&text).ok().map(Arc::new)
}

/// The SDP of a message, if any.
pub(crate) fn sdp_in(message: &Message) -> Option<Bytes> {
    media::sdp_part(message.content_type(), &message.body()).ok().flatten()
}

/// The reason phrase of a status (RFC 3261 §21 and the extensions' registries).
pub(crate) const fn phrase(status: u16) -> &'static str {
    match status {
        100 => "Trying",
        180 => "Ringing",
        181 => "Call Is Being Forwarded",
        182 => "Queued",
        183 => "Session Progress",
        200 => "OK",
        400 => "Bad Request",
        401 => "Unauthorized",
        402 => "Payment Required",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        406 => "Not Acceptable",
        408 => "Request Timeout",
        410 => "Gone",
        413 => "Request Entity Too Large",
        415 => "Unsupported Media Type",
        416 => "Unsupported URI Scheme",
        420 => "Bad Extension",
        422 => "Session Interval Too Small",
        423 => "Interval Too Brief",
        428 => "Use Identity Header",
        436 => "Bad Identity Info",
        437 => "Unsupported Credential",
        438 => "Invalid Identity Header",
        439 => "First Hop Lacks Outbound Support",
        480 => "Temporarily Unavailable",
        481 => "Call/Transaction Does Not Exist",
        482 => "Loop Detected",
        483 => "Too Many Hops",
        484 => "Address Incomplete",
        486 => "Busy Here",
        487 => "Request Terminated",
        488 => "Not Acceptable Here",
        489 => "Bad Event",
        491 => "Request Pending",
        500 => "Server Internal Error",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Server Time-out",
        505 => "Version Not Supported",
        600 => "Busy Everywhere",
        603 => "Decline",
        604 => "Does Not Exist Anywhere",
        606 => "Not Acceptable",
        _ => match status / 100 {
            1 => "Progress",
            2 => "OK",
            3 => "Redirected",
            4 => "Request Failed",
            5 => "Server Failure",
            _ => "Global Failure",
        },
    }
}
