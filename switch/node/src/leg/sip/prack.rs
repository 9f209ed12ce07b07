//! Provisional responses of a called side. Reliable ones are acknowledged by PRACK (RFC 3262 §4): each once,
//! in order, in the early dialog that it belongs to.

use std::sync::Arc;

use call::Branch;
use media::Session;
use sip::dialog::Dialog;
use sip::{Message, Method, Name};

use super::endpoint::Client;
use super::hop::names_transport;
use super::leg::{EarlyFromCallee, SipLeg};
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
        let rseq = response.header(Name::RSeq).and_then(|value| value.trim().parse::<u32>().ok());
        let (Some(rseq), Some(phone)) = (rseq.filter(|rseq| *rseq > 0), self.phone(branch, response)) else {
            return Taken::Unreliable;
        };
        let Some(dialog) = &phone.dialog else { return Taken::Unreliable };
        if phone.rseq != 0 && phone.rseq.checked_add(1) != Some(rseq) {
            return Taken::Ignored;
        }
        phone.rseq = rseq;
        let next = dialog.next_hop().to_owned();
        let flow = self.way_to(cx, &next);
        let here = cx.here(&flow);
        let (client, ticket) = cx.endpoint.layer.mint_client();
        let dialog = self.phone(branch, response).and_then(|phone| phone.dialog.as_mut());
        let Some(dialog) = dialog else {
            cx.endpoint.layer.abandon(client);
            return Taken::Unreliable;
        };
        let request = dialog.request(Method::Prack, &sender(&flow, &here, &ticket, ""));
        let (number, method) = response.cseq();
        let rack = format_args!("{rseq} {number} {}", method.as_str());
        let bytes = request.header_fmt(Name::RAck, rack).build();
        cx.endpoint.clients.insert(client, Client::Prack);
        self.submit(cx, client, (flow, names_transport(&next)), Method::Prack, bytes);
        Taken::Acknowledged
    }

    /// The phone that a response is of; none beyond those that are told apart.
    fn phone(&mut self, branch: Branch, response: &Message) -> Option<&mut EarlyFromCallee> {
        let phone = self.outgoing_mut()?.early_received.get_mut(usize::from(branch))?;
        (*phone.tag == *response.to_tag()).then_some(phone)
    }

    /// The session in a provisional response.
    fn early_answer(&mut self, branch: Branch, taken: Taken, response: &Message) -> Option<Arc<Session>> {
        let session = messages::session_in(response)?;
        let Some(phone) = self.phone(branch, response) else { return Some(session) };
        if phone.has_answered {
            return None;
        }
        phone.has_answered = taken == Taken::Acknowledged;
        Some(session)
    }

    /// The phone of this tag gave its answer reliably: what it says of the session later is none (RFC 3261
    /// §13.2.1).
    pub(super) fn has_answered_early(&self, tag: &str) -> bool {
        let phones = self.outgoing().map(|outgoing| &*outgoing.early_received);
        phones.unwrap_or_default().iter().any(|phone| &*phone.tag == tag && phone.has_answered)
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
