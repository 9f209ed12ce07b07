//! Requests that the layer makes from the user's INVITE: the ACK to 3xx–6xx (RFC 3261 §17.1.1.3) and CANCEL (§9.1).
//! Invariant: same Request-URI, branch, Call-ID, From, CSeq number and Route headers as the INVITE, and one Via.

use bytes::Bytes;

use crate::{Builder, Message, Method, Name};

/// The ACK to a 3xx–6xx; its To is the response's. Nothing if the INVITE cannot be read back.
pub(super) fn ack(invite: &Bytes, response: &Message) -> Option<Bytes> {
    let invite = Message::parse(invite.clone()).ok()?;
    let to = response.header(Name::To)?;
    Some(follow_up(&invite, Method::Ack, to)?.build())
}

/// The CANCEL, with the Reason header's value if there is one. Nothing if the INVITE cannot be read back.
pub(super) fn cancel(invite: &Bytes, reason: Option<&str>) -> Option<Bytes> {
    let invite = Message::parse(invite.clone()).ok()?;
    let builder = follow_up(&invite, Method::Cancel, invite.header(Name::To)?)?;
    Some(match reason {
        Some(reason) => builder.header(Name::Reason, reason).build(),
        None => builder.build(),
    })
}

fn follow_up(invite: &Message, method: Method, to: &str) -> Option<Builder> {
    let via = invite.values(Name::Via).next()?;
    let mut builder = Builder::request(method, invite.request_uri()).header(Name::Via, via);
    for route in invite.headers(Name::Route) {
        builder = builder.header(Name::Route, route);
    }
    let builder = builder
        .header(Name::From, invite.header(Name::From)?)
        .header(Name::To, to)
        .header(Name::CallId, invite.call_id())
        .cseq(invite.cseq().0, method)
        .header(Name::MaxForwards, "70");
    Some(builder)
}
