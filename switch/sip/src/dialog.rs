//! Dialogs: RFC 3261 §12, both sides. What a leg must remember to send and to judge requests inside a call.
//! Invariant: ids never change; the route set is frozen by the first 2xx; only the remote target moves after
//! that.

use std::fmt::Write as _;

use crate::flow::Transport;
use crate::list::values;
use crate::token::Minter;
use crate::{Builder, Message, Method, Name, NameAddr, Uri};

/// Most Record-Route values taken.
pub const ROUTES_MAX: usize = 32;
/// CSeq numbers stay below 2³¹ (§8.1.1.5).
const CSEQ_MAX: u32 = (1 << 31) - 1;

/// One side's view of a dialog, early or confirmed.
#[derive(Clone, Debug)]
pub struct Dialog {
    /// Call-ID, our party, his party and his Contact's URI, in this order; `ends` are where each ends. Then,
    /// a line each, URIs as they stand in Route headers, nearest first. One text, because it is kept for the
    /// whole call.
    text: Box<str>,
    ends: [u32; 4],
    /// The tags, which stand in the parties.
    local_tag: Place,
    remote_tag: Place,
    local_seq: u32,
    /// Nothing until he sends a request.
    remote_seq: Option<u32>,
    /// The number of the last INVITE we sent: its ACK and CANCEL have the same.
    invite_seq: u32,
    confirmed: bool,
    caller: bool,
}

/// Where a part of the text stands: start and end.
type Place = (u32, u32);

/// The Via and Contact that one request of ours carries; the rest comes from the dialog.
#[derive(Clone, Copy, Debug)]
pub struct Sender<'a> {
    /// The Via's transport.
    pub transport: Transport,
    /// Our host or host:port in the Via.
    pub sent_by: &'a str,
    /// From `Layer::mint_client`; for an ACK to a 2xx a branch of its own.
    pub branch: &'a str,
    /// Our Contact value in angle brackets. Left out of BYE, CANCEL and PRACK, where it means nothing, and if
    /// empty (ACK does not need it).
    pub contact: &'a str,
}

/// Why a message makes no dialog or does not belong to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DialogError {
    /// The header is absent.
    #[error("no dialog from a message without {0}")]
    Missing(Name),
    /// The header cannot be read.
    #[error("no dialog from a message whose {0} cannot be read")]
    Malformed(Name),
    /// More Record-Route values than `ROUTES_MAX`.
    #[error("no dialog over more than {ROUTES_MAX} recorded routes")]
    TooManyRoutes,
    /// Call-ID or tags are of another dialog: answer 481.
    #[error("Call-ID or tags of another dialog: answer 481")]
    OtherDialog,
    /// CSeq below one already seen: answer 500 (§12.2.2).
    #[error("CSeq {received} after {last}: answer 500")]
    OutOfOrder {
        /// Highest so far.
        last: u32,
        /// In this request.
        received: u32,
    },
}

impl DialogError {
    /// The response that a request deserves for it.
    pub const fn status(self) -> u16 {
        match self {
            Self::Missing(_) | Self::Malformed(_) | Self::TooManyRoutes => 400,
            Self::OtherDialog => 481,
            Self::OutOfOrder { .. } => 500,
        }
    }
}

// === impl Dialog: making ===

impl Dialog {
    /// The callee's side (§12.1.1), from an INVITE and the tag of our responses. Early until `confirm_uas`.
    pub fn uas(invite: &Message, local_tag: &str) -> Result<Self, DialogError> {
        let routes = record_routes(invite, false)?;
        let target = target_of(invite)?;
        let (number, _) = invite.cseq();
        let to = invite.header(Name::To).ok_or(DialogError::Missing(Name::To))?;
        let local = with_tag(to, local_tag);
        let remote = invite.header(Name::From).ok_or(DialogError::Missing(Name::From))?;
        let (text, ends) = join([invite.call_id(), &local, remote, target], &routes);
        let (local_tag, remote_tag) = tags(&text, ends, [Name::To, Name::From])?;
        Ok(Self {
            text,
            ends,
            local_tag,
            remote_tag,
            local_seq: 0,
            remote_seq: Some(number),
            invite_seq: 0,
            confirmed: false,
            caller: false,
        })
    }

    /// The caller's side (§12.1.2), from our INVITE and a 101–199 (early) or 2xx (confirmed) to it.
    pub fn uac(invite: &Message, response: &Message) -> Result<Self, DialogError> {
        let routes = record_routes(response, true)?;
        Self::uac_at(invite, response, target_of(response)?, &routes)
    }

    /// The same for a 2xx to an INVITE of ours whose Contact or Record-Route cannot be used: `target` stands
    /// in, without routes. Good for its ACK and a BYE, and for nothing else.
    pub fn uac_to(response: &Message, target: &str) -> Result<Self, DialogError> {
        Self::uac_at(response, response, target, &[])
    }

    fn uac_at(
        invite: &Message,
        response: &Message,
        target: &str,
        routes: &[&str],
    ) -> Result<Self, DialogError> {
        let local = invite.header(Name::From).ok_or(DialogError::Missing(Name::From))?;
        let remote = response.header(Name::To).ok_or(DialogError::Missing(Name::To))?;
        let (number, _) = invite.cseq();
        let (text, ends) = join([invite.call_id(), local, remote, target], routes);
        let (local_tag, remote_tag) = tags(&text, ends, [Name::From, Name::To])?;
        Ok(Self {
            text,
            ends,
            local_tag,
            remote_tag,
            local_seq: number,
            remote_seq: None,
            invite_seq: number,
            confirmed: (200..300).contains(&response.status()),
            caller: true,
        })
    }

    /// The same dialog was early before: its numbers go on (§12.2.1.1).
    pub const fn continues(&mut self, early: &Self) {
        if early.local_seq > self.local_seq {
            self.local_seq = early.local_seq;
        }
        self.remote_seq = early.remote_seq;
    }

    /// We sent our 2xx.
    pub fn confirm_uas(&mut self) {
        self.confirmed = true;
    }
}

// === impl Dialog: reading ===

impl Dialog {
    /// Call-ID.
    pub fn call_id(&self) -> &str {
        self.part(0)
    }

    /// Our From value, tag included.
    pub fn local(&self) -> &str {
        self.part(1)
    }

    /// Our To value, tag included.
    pub fn remote(&self) -> &str {
        self.part(2)
    }

    /// Our tag.
    pub fn local_tag(&self) -> &str {
        self.place(self.local_tag)
    }

    /// His tag; empty from an RFC 2543 peer (§12.1.1).
    pub fn remote_tag(&self) -> &str {
        self.place(self.remote_tag)
    }

    /// Where his requests come from: the URI of his last Contact.
    pub fn target(&self) -> &str {
        self.part(3)
    }

    /// The route set, nearest first, each in angle brackets.
    pub fn routes(&self) -> impl Iterator<Item = &str> {
        self.text.get(self.ends[3] as usize..).unwrap_or_default().lines()
    }

    /// The URI to which the next request is sent: the first route, or the remote target (§8.1.2).
    pub fn next_hop(&self) -> &str {
        self.routes().next().and_then(NameAddr::parse).map_or(self.target(), |route| route.uri)
    }

    /// Whether a 2xx was sent or received.
    pub const fn is_confirmed(&self) -> bool {
        self.confirmed
    }

    /// Whether we sent the INVITE that made it (we own the Call-ID, §14.1).
    pub const fn is_caller(&self) -> bool {
        self.caller
    }

    /// The CSeq number of our last request; 0 if there was none.
    pub const fn local_seq(&self) -> u32 {
        self.local_seq
    }

    /// The CSeq number of our last INVITE: that of its ACK.
    pub const fn invite_seq(&self) -> u32 {
        self.invite_seq
    }

    /// Whether these ids are this dialog's, seen from our side.
    pub fn matches(&self, call_id: &str, local_tag: &str, remote_tag: &str) -> bool {
        self.call_id() == call_id && self.local_tag() == local_tag && self.remote_tag() == remote_tag
    }

    fn part(&self, index: usize) -> &str {
        let start = if index == 0 { 0 } else { self.ends[index - 1] as usize };
        self.text.get(start..self.ends[index] as usize).unwrap_or_default()
    }

    fn place(&self, (start, end): Place) -> &str {
        self.text.get(start as usize..end as usize).unwrap_or_default()
    }
}

// === impl Dialog: his requests ===

impl Dialog {
    /// Judges a request of his by ids and CSeq (§12.2.2): gaps are fine, a lower number is not. ACK and
    /// CANCEL repeat their INVITE's.
    pub fn accept(&mut self, request: &Message) -> Result<(), DialogError> {
        if !self.matches(request.call_id(), request.to_tag(), request.from_tag()) {
            return Err(DialogError::OtherDialog);
        }
        let (received, method) = request.cseq();
        if matches!(method, Method::Ack | Method::Cancel) {
            return Ok(());
        }
        if let Some(last) = self.remote_seq
            && received < last
        {
            return Err(DialogError::OutOfOrder { last, received });
        }
        self.remote_seq = Some(received);
        Ok(())
    }

    /// Takes the Contact of a target refresh (§12.2): a re-INVITE or UPDATE of his, or a 2xx to ours. Without
    /// Contact nothing changes.
    pub fn refresh(&mut self, msg: &Message) -> Result<(), DialogError> {
        if msg.header(Name::Contact).is_some() {
            let target = target_of(msg)?;
            if target != self.target() {
                let routes: Vec<&str> = self.routes().collect();
                (self.text, self.ends) = join([self.call_id(), self.local(), self.remote(), target], &routes);
            }
        }
        Ok(())
    }
}

// === impl Dialog: our requests ===

impl Dialog {
    /// The next request inside the dialog (§12.2.1.1), complete but for its body and what the caller adds.
    /// Takes the next CSeq number; for `Method::Ack` use `ack`, for CANCEL the transaction layer.
    pub fn request(&mut self, method: Method, sender: &Sender<'_>) -> Builder {
        let number = self.next_number(method);
        self.write(method, number, sender)
    }

    /// The CSeq number of a request of ours that is written elsewhere, as one that is sent again with
    /// credentials (§22.2).
    pub fn next_number(&mut self, method: Method) -> u32 {
        self.local_seq = if self.local_seq < CSEQ_MAX { self.local_seq + 1 } else { 1 };
        if method == Method::Invite {
            self.invite_seq = self.local_seq;
        }
        self.local_seq
    }

    /// The ACK to a 2xx: the number of the INVITE it answers, a branch of its own, the dialog's routes
    /// (§13.2.2.4).
    pub fn ack(&self, invite_seq: u32, sender: &Sender<'_>) -> Builder {
        self.write(Method::Ack, invite_seq, sender)
    }

    /// The branch of that ACK: the same whenever it is made again, another for each 2xx and each INVITE.
    pub fn ack_branch(&self, minter: &Minter, invite_seq: u32) -> String {
        let token = minter.stateless(&["ack", self.call_id(), self.remote_tag(), &invite_seq.to_string()]);
        ["z9hG4bK", &token].concat()
    }

    fn write(&self, method: Method, number: u32, sender: &Sender<'_>) -> Builder {
        let strict = self.routes().next().and_then(NameAddr::parse).filter(|route| !is_loose(route.uri));
        let uri = strict.map_or(self.target(), |route| strict_uri(route.uri));
        let mut builder = Builder::request(method, uri).header_fmt(
            Name::Via,
            format_args!(
                "SIP/2.0/{} {};branch={};rport",
                sender.transport.via_name(),
                sender.sent_by,
                sender.branch
            ),
        );
        for route in self.routes().skip(usize::from(strict.is_some())) {
            builder = builder.header(Name::Route, route);
        }
        if strict.is_some() {
            builder = builder.header_fmt(Name::Route, format_args!("<{}>", self.target()));
        }
        builder = builder
            .header(Name::From, self.local())
            .header(Name::To, self.remote())
            .header(Name::CallId, self.call_id())
            .cseq(number, method)
            .header(Name::MaxForwards, "70");
        let contactless =
            sender.contact.is_empty() || matches!(method, Method::Bye | Method::Cancel | Method::Prack);
        if contactless { builder } else { builder.header(Name::Contact, sender.contact) }
    }
}

// === helpers ===

/// Concatenates the parts and notes where each ends; the routes follow as lines, which no header's value can
/// break.
fn join(parts: [&str; 4], routes: &[&str]) -> (Box<str>, [u32; 4]) {
    let length = parts.iter().map(|part| part.len()).sum::<usize>()
        + routes.iter().map(|route| route.len() + 1).sum::<usize>();
    let mut text = String::with_capacity(length);
    let ends = parts.map(|part| {
        text.push_str(part);
        u32::try_from(text.len()).unwrap_or(u32::MAX)
    });
    for route in routes {
        text.push_str(route);
        text.push('\n');
    }
    (text.into_boxed_str(), ends)
}

/// Where the tags stand in the text: our party is its second part, his the third. An RFC 2543 peer has none.
fn tags(text: &str, ends: [u32; 4], names: [Name; 2]) -> Result<(Place, Place), DialogError> {
    let tag = |part: usize, name: Name| {
        let (start, end) = (ends[part - 1], ends[part]);
        let party = text.get(start as usize..end as usize).unwrap_or_default();
        let tag = NameAddr::parse(party).ok_or(DialogError::Malformed(name))?.tag().unwrap_or_default();
        if tag.is_empty() {
            return Ok((start, start));
        }
        let at = start + (tag.as_ptr() as usize - party.as_ptr() as usize) as u32;
        Ok((at, at + tag.len() as u32))
    };
    Ok((tag(1, names[0])?, tag(2, names[1])?))
}

/// A To value with our tag, unless it has one (a re-INVITE).
fn with_tag(value: &str, tag: &str) -> String {
    let mut text = String::with_capacity(value.len() + 5 + tag.len());
    text.push_str(value);
    if NameAddr::parse(value).is_none_or(|address| address.tag().is_none()) {
        let _ = write!(text, ";tag={tag}");
    }
    text
}

fn target_of(msg: &Message) -> Result<&str, DialogError> {
    let contact = msg.contact().map_err(|_| match msg.header(Name::Contact) {
        Some(_) => DialogError::Malformed(Name::Contact),
        None => DialogError::Missing(Name::Contact),
    })?;
    Uri::parse(contact.uri).ok_or(DialogError::Malformed(Name::Contact))?;
    Ok(contact.uri)
}

/// The route set: in order for the callee, reversed for the caller (§12.1.1, §12.1.2).
fn record_routes(msg: &Message, reversed: bool) -> Result<Vec<&str>, DialogError> {
    let mut routes = Vec::new();
    for value in msg.headers(Name::RecordRoute).flat_map(values) {
        NameAddr::parse(value)
            .and_then(|route| Uri::parse(route.uri))
            .ok_or(DialogError::Malformed(Name::RecordRoute))?;
        if routes.len() == ROUTES_MAX {
            return Err(DialogError::TooManyRoutes);
        }
        routes.push(value);
    }
    if reversed {
        routes.reverse();
    }
    Ok(routes)
}

fn is_loose(uri: &str) -> bool {
    Uri::parse(uri).is_some_and(|uri| uri.params.find("lr").is_some())
}

/// A route as a Request-URI: without what is not allowed there (§12.2.1.1, §19.1.1): headers.
fn strict_uri(uri: &str) -> &str {
    uri.split_once('?').map_or(uri, |(uri, _)| uri)
}

#[cfg(test)]
mod tests;
