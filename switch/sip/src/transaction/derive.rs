//! Requests that the layer makes from the user's INVITE: the ACK to 3xx–6xx (RFC 3261 §17.1.1.3) and CANCEL
//! (§9.1), and from a 2xx that came again its ACK. Invariant: but for that one same Request-URI, branch,
//! Call-ID, From, CSeq number and Route headers as the INVITE, and one Via.

use bytes::Bytes;

use crate::dialog::{Dialog, Sender};
use crate::flow::{Flow, Transport};
use crate::token::Minter;
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

/// The ACK to a 2xx that came again over `flow`, all of which follows from that 2xx (§13.2.2.4) if it has no
/// body: its Via names us. The branch is that of the first one. Nothing if the 2xx makes no dialog.
pub(super) fn ack_2xx(minter: &Minter, flow: &Flow, response: &Message) -> Option<Bytes> {
    let dialog = Dialog::uac(response, response).ok()?;
    let via = response.values(Name::Via).next()?;
    let sent_by = via.split_once([' ', '\t'])?.1.split(';').next()?.trim();
    let branch = dialog.ack_branch(minter, response.cseq().0);
    let sender = Sender { transport: flow.transport, sent_by, branch: &branch, contact: "" };
    Some(dialog.ack(response.cseq().0, &sender).build())
}

/// The same request with the Via of another transport (RFC 3261 §18.1.1). Nothing if its first header is not
/// the Via.
pub fn over(request: &Bytes, transport: Transport, sent_by: &str) -> Option<Bytes> {
    const VIA: &[u8] = b"\r\nVia: SIP/2.0/";
    let at = memchr::memmem::find(request, b"\r\n")?;
    let params = at + memchr::memchr(b';', request.get(at..)?.strip_prefix(VIA)?)? + VIA.len();
    let (head, tail) = (request.get(..at + VIA.len())?, request.get(params..)?);
    let mut bytes = Vec::with_capacity(request.len() + 8);
    for part in [head, transport.via_name().as_bytes(), b" ", sent_by.as_bytes(), tail] {
        bytes.extend_from_slice(part);
    }
    Some(Bytes::from(bytes))
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
