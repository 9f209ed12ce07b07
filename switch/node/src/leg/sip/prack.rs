//! Provisional responses of a called side. Reliable ones are acknowledged by PRACK (RFC 3262 §4): each once,
//! in order, in the early dialog that it belongs to.

use std::sync::Arc;

use bytes::Bytes;
use call::Branch;
use media::{Mark, Session};
use sip::dialog::Dialog;
use sip::{Message, Method, Name};

use super::early::EarlyFromCallee;
use super::endpoint::Client;
use super::hop::names_transport;
use super::leg::SipLeg;
use super::messages;
use super::reliable;
use super::sender::sender;
use crate::leg::{Context, LegEvent};

/// What a provisional response is to be taken for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Taken {
    /// It is unreliable, or cannot be acknowledged.
    Unreliable,
    /// It was acknowledged.
    Acknowledged,
    /// It brought an offer, and is acknowledged with the answer.
    Offered,
    /// It is a repeat, or out of order: as if it had not come.
    Ignored,
}

impl SipLeg {
    /// A provisional response to its INVITE.
    pub(super) fn rings(&mut self, cx: &mut Context<'_>, response: &Message) {
        // That an early dialog of a fork ended (RFC 6228) is a sign of life, and no more to a caller who has
        // dialogs with us.
        let status = if response.status() == 199 { 100 } else { response.status() };
        let Some(progress) = messages::progress_of(status) else { return };
        let is_early = status > 100 && !response.to_tag().is_empty();
        let branch = if is_early {
            self.branch_of(response.to_tag(), || Dialog::uac(response, response).ok())
        } else {
            0
        };
        let is_reliable = is_early && response.has_token(Name::Require, reliable::OPTION);
        let taken =
            if is_reliable { self.acknowledge_provisional(cx, branch, response) } else { Taken::Unreliable };
        if taken == Taken::Ignored {
            return;
        }
        let session = if status > 100 { self.early_answer(branch, taken, response) } else { None };
        cx.emit(self.id, LegEvent::Progress { branch, progress, session });
    }

    /// Acknowledges a response of a phone that rings, if it asks for that.
    fn acknowledge_provisional(&mut self, cx: &mut Context<'_>, branch: Branch, response: &Message) -> Taken {
        let has_offered = self.outgoing().is_some_and(|outgoing| outgoing.offered.is_some());
        let rseq = response.header(Name::RSeq).and_then(|value| value.trim().parse::<u32>().ok());
        let (Some(rseq), Some(phone)) = (rseq.filter(|rseq| *rseq > 0), self.phone(branch, response)) else {
            return Taken::Unreliable;
        };
        if phone.dialog.is_none() {
            return Taken::Unreliable;
        }
        if phone.rseq != 0 && phone.rseq.checked_add(1) != Some(rseq) {
            return Taken::Ignored;
        }
        // Its offer waits for the answer: it may send no other before that.
        if phone.owed.is_some() {
            return Taken::Ignored;
        }
        let (cseq, _) = response.cseq();
        phone.rseq = rseq;
        phone.takes_update |= response.has_token(Name::Allow, "UPDATE");
        if !has_offered && !phone.has_answered && messages::session_in(response).is_some() {
            phone.owed = Some((rseq, cseq));
            return Taken::Offered;
        }
        self.send_prack(cx, branch, (rseq, cseq), None);
        Taken::Acknowledged
    }

    /// Acknowledges the offer of a phone with our answer.
    pub(crate) fn answer_early(&mut self, cx: &mut Context<'_>, branch: Branch, session: &Session) {
        let ours = self.session_origin(cx);
        let Some(outgoing) = self.outgoing_mut() else { return };
        let Some(phone) = outgoing.early_received.get_mut(usize::from(branch)) else { return };
        let Some(owed) = phone.owed.take() else { return };
        phone.has_answered = true;
        let sdp = self.local.write(session, ours);
        self.send_prack(cx, branch, owed, Some(&sdp));
    }

    /// The PRACK of a response with this RSeq, to the INVITE with this CSeq number.
    fn send_prack(
        &mut self,
        cx: &mut Context<'_>,
        branch: Branch,
        (rseq, cseq): (u32, u32),
        sdp: Option<&Bytes>,
    ) {
        let Some(next) = self.dialog_of(branch).map(|dialog| dialog.next_hop().to_owned()) else { return };
        let flow = self.way_to(cx, &next);
        let here = cx.here(&flow);
        let (client, ticket) = cx.endpoint.layer.mint_client();
        let Some(dialog) = self.dialog_of(branch) else { return cx.endpoint.layer.abandon(client) };
        let request = dialog.request(Method::Prack, &sender(&flow, &here, &ticket, ""));
        let rack = format_args!("{rseq} {cseq} {}", Method::Invite.as_str());
        let mut request = request.header_fmt(Name::RAck, rack);
        if let Some(sdp) = sdp {
            request = request.body("application/sdp", sdp);
        }
        cx.endpoint.clients.insert(client, Client::Prack);
        self.submit(cx, client, (flow, names_transport(&next)), Method::Prack, request.build());
    }

    fn dialog_of(&mut self, branch: Branch) -> Option<&mut Dialog> {
        self.outgoing_mut()?.early_received.get_mut(usize::from(branch))?.dialog.as_mut()
    }

    /// The phone that a response is of; none beyond those that are told apart.
    fn phone(&mut self, branch: Branch, response: &Message) -> Option<&mut EarlyFromCallee> {
        let phone = self.outgoing_mut()?.early_received.get_mut(usize::from(branch))?;
        (*phone.tag == *response.to_tag()).then_some(phone)
    }

    /// The session in a provisional response.
    fn early_answer(&mut self, branch: Branch, taken: Taken, response: &Message) -> Option<Arc<Session>> {
        let text = messages::sdp_in(response)?;
        let session = Session::read(&text).ok().map(Arc::new)?;
        let has_offered = self.outgoing().is_some_and(|outgoing| outgoing.offered.is_some());
        // Without an offer of ours it is one, which only a reliable response can make.
        if !has_offered && taken != Taken::Offered {
            return None;
        }
        let Some(phone) = self.phone(branch, response) else { return Some(session) };
        if phone.has_answered {
            return None;
        }
        phone.has_answered = taken == Taken::Acknowledged;
        if taken != Taken::Unreliable {
            phone.remote = Some(Mark::of(&text));
        }
        Some(session)
    }

    /// What the phone of this tag said of the session last, if it has agreed for good: what its 2xx says of
    /// it means nothing (RFC 3261 §13.2.1).
    pub(super) fn answered_early(&self, tag: &str) -> Option<Option<Mark>> {
        let phones = self.outgoing().map(|outgoing| &*outgoing.early_received);
        let phone = phones.unwrap_or_default().iter().find(|phone| &*phone.tag == tag);
        phone.filter(|phone| phone.has_answered).map(|phone| phone.remote)
    }

    /// The dialog of a 2xx goes on with the numbers of the early one.
    pub(super) fn continue_early(&self, dialog: &mut Dialog) {
        let phones = self.outgoing().map(|outgoing| &*outgoing.early_received).unwrap_or_default();
        let early = phones.iter().find(|phone| &*phone.tag == dialog.remote_tag());
        if let Some(early) = early.and_then(|phone| phone.dialog.as_ref()) {
            dialog.continues(early);
        }
    }
}
