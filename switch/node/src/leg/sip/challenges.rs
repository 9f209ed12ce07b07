//! Requests that a carrier answered by 401 or 407, sent again with credentials (RFC 3261 §22.2): any request
//! of a leg, and a BYE that has none any more.
//! Invariant: a request is kept only where its carrier has credentials, and never sent again toward an
//! address that is not the carrier's, nor for one that answered from elsewhere.

use std::net::IpAddr;
use std::sync::Arc;

use bytes::Bytes;
use route::Carrier;
use sip::dialog::Dialog;
use sip::flow::Flow;
use sip::token::Token;
use sip::transaction::ClientId;
use sip::{Message, Method};
use units::Now;

use super::credentials::{Asked, Authorization, Renewal};
use super::endpoint::{Client, Endpoint};
use super::leg::{Exchange, LegState, SipLeg};
use super::sent::Sent;
use crate::leg::{Context, Leg, Party, is_of_carrier};
use crate::node::Node;

// === impl Node ===

impl Node {
    /// A request was answered by 401 or 407: true if it was sent again with credentials.
    pub(super) fn authorize(
        &mut self,
        now: Now,
        id: ClientId,
        mut sent: Box<Sent>,
        (flow, response): (Flow, &Message),
    ) -> bool {
        let Some(client) = self.sip.clients.get(&id).cloned() else { return false };
        let at = |ip: IpAddr| is_of_carrier(&sent.carrier, ip, &self.config, &self.peers.names);
        let is_carriers = at(flow.peer.ip()) && at(sent.flow.peer.ip());
        let Some((place, leg)) = sent.leg else {
            return is_carriers && self.sip.authorize_last(now, id, sent, response);
        };
        let mut given = Some(sent);
        let mut done = false;
        let Some(mut slot) = self.calls.take(place) else { return false };
        let is_there = self.on_leg(now, &mut slot, leg, |leg, cx| {
            let Leg::Sip(leg) = leg else { return };
            let Some(sent) = given.take() else { return };
            let known = leg.authorization.as_ref().and_then(|known| known.at);
            if is_carriers || (known == Some(flow.peer.ip()) && known == Some(sent.flow.peer.ip())) {
                done = leg.authorize(cx, (id, client), sent, (flow, response));
            }
        });
        self.park(now, slot);
        if let (false, Some(last)) = (is_there, given.take()) {
            sent = last;
            return is_carriers && self.sip.authorize_last(now, id, sent, response);
        }
        done
    }
}

// === impl Endpoint ===

impl Endpoint {
    /// Keeps a request of no leg, should it be challenged.
    pub(super) fn keep_sent(
        &mut self,
        client: ClientId,
        carrier: Option<&Arc<Carrier>>,
        flow: Flow,
        (method, bytes): (Method, &Bytes),
    ) {
        if let Some(carrier) = carrier.filter(|carrier| carrier.credentials.is_some()) {
            let sent = Sent {
                carrier: Arc::clone(carrier),
                leg: None,
                flow,
                fixed: true,
                method,
                bytes: bytes.clone(),
                asked: Asked::default(),
            };
            self.sent.insert(client, Box::new(sent));
        }
    }

    /// Our nonce of a request, which nobody can foretell.
    pub(super) fn cnonce(&self, now: Now, client: ClientId) -> Token {
        let ClientId { slot, generation } = client;
        self.minter.stateless(&["cnonce", &format!("{slot} {generation} {}", now.tick.0)])
    }

    /// Answers the challenge to a BYE that nobody waits for.
    fn authorize_last(&mut self, now: Now, id: ClientId, mut sent: Box<Sent>, response: &Message) -> bool {
        let Some(ours) = sent.carrier.credentials.as_deref() else { return false };
        let mut known = Authorization::default();
        if !known.challenged(ours, &mut sent.asked, response) {
            return false;
        }
        let number = response.cseq().0.saturating_add(1);
        let (client, branch) = self.layer.mint_client();
        let cnonce = self.cnonce(now, client);
        let renewal = Renewal { identity: Some((&branch, number)), cnonce: &cnonce };
        let Some(bytes) = known.authorize(&sent.bytes, ours, &renewal) else {
            self.layer.abandon(client);
            return false;
        };
        self.clients.remove(&id);
        self.clients.insert(client, Client::Farewell);
        let (flow, method) = (sent.flow, sent.method);
        sent.leg = None;
        sent.bytes = bytes.clone();
        self.sent.insert(client, sent);
        self.layer.send(now.tick, client, flow, method, bytes);
        true
    }
}

// === impl SipLeg ===

impl SipLeg {
    /// The carrier of this leg, if it has credentials of ours and is at `ip`.
    pub(super) fn challenger(&self, cx: &Context<'_>, ip: IpAddr) -> Option<Arc<Carrier>> {
        let Party::Carrier(carrier) = &self.party else { return None };
        carrier.credentials.as_ref()?;
        let known = self.authorization.as_ref().and_then(|known| known.at);
        let is_there = known == Some(ip) || is_of_carrier(carrier, ip, cx.config, cx.names);
        is_there.then(|| Arc::clone(carrier))
    }

    /// Sends a request: with credentials at once where its carrier has asked for some, and kept until its
    /// final answer where it may ask.
    pub(super) fn submit(
        &mut self,
        cx: &mut Context<'_>,
        client: ClientId,
        (flow, fixed): (Flow, bool),
        method: Method,
        bytes: Bytes,
    ) {
        let Some(carrier) = self.challenger(cx, flow.peer.ip()) else {
            return cx.send_by(client, (flow, fixed), method, bytes);
        };
        let known = self.authorization.as_deref_mut().filter(|known| !known.is_empty());
        let bytes = match (known, carrier.credentials.as_deref()) {
            (Some(known), Some(ours)) => {
                let cnonce = cx.endpoint.cnonce(cx.now, client);
                let renewal = Renewal { identity: None, cnonce: &cnonce };
                known.authorize(&bytes, ours, &renewal).unwrap_or(bytes)
            }
            (None | Some(_), _) => bytes,
        };
        let sent = Sent {
            carrier,
            leg: Some((cx.call.at, self.id)),
            flow,
            fixed,
            method,
            bytes: bytes.clone(),
            asked: Asked::default(),
        };
        cx.endpoint.sent.insert(client, Box::new(sent));
        cx.send_by(client, (flow, fixed), method, bytes);
    }

    /// Sends a request again with credentials; false if nobody wants it any more, or if the challenge is not
    /// for us.
    fn authorize(
        &mut self,
        cx: &mut Context<'_>,
        (id, client): (ClientId, Client),
        mut sent: Box<Sent>,
        (flow, response): (Flow, &Message),
    ) -> bool {
        if !self.still_wants(id, &client, response) {
            return false;
        }
        let Some(ours) = sent.carrier.credentials.as_deref() else { return false };
        let mut known = self.authorization.take().unwrap_or_default();
        let is_answered = known.challenged(ours, &mut sent.asked, response);
        known.at = Some(flow.peer.ip());
        if !is_answered {
            self.authorization = Some(known).filter(|known| !known.is_empty());
            return false;
        }
        let number = self.next_number(sent.method, response);
        let (next, branch) = cx.endpoint.layer.mint_client();
        let cnonce = cx.endpoint.cnonce(cx.now, next);
        let renewal = Renewal { identity: Some((&branch, number)), cnonce: &cnonce };
        let bytes = known.authorize(&sent.bytes, ours, &renewal);
        self.authorization = Some(known);
        let Some(bytes) = bytes else {
            cx.endpoint.layer.abandon(next);
            return false;
        };
        if let (Client::Invite(..), Some(carrier)) = (&client, self.party.carrier()) {
            cx.counters.carrier_response(&carrier.name, response.status());
        }
        self.goes_on_as(id, next, number);
        cx.endpoint.clients.remove(&id);
        cx.endpoint.clients.insert(next, client);
        sent.bytes = bytes.clone();
        let (way, method) = ((sent.flow, sent.fixed), sent.method);
        cx.endpoint.sent.insert(next, sent);
        cx.send_by(next, way, method, bytes);
        true
    }

    /// Whether the leg waits for the answer to this request.
    fn still_wants(&mut self, id: ClientId, client: &Client, response: &Message) -> bool {
        match client {
            Client::Invite(..) => matches!(self.state, LegState::Calling { invite } if invite == id),
            Client::Offer(..) => matches!(self.exchange, Exchange::Ours { client, .. } if client == id),
            Client::Bye(..) => true,
            Client::Liveness(..) | Client::Relay(..) | Client::Prack | Client::Digit => {
                self.dialog_with(response.to_tag()).is_some()
            }
            Client::Probe(_) | Client::Register(_) | Client::Notify(_) | Client::Farewell => false,
        }
    }

    /// The dialog, early or not, with a peer of this tag.
    fn dialog_with(&mut self, tag: &str) -> Option<&mut Dialog> {
        if self.dialog.is_some() {
            return self.dialog_mut();
        }
        let phones = &mut self.outgoing_mut()?.early_received;
        phones.iter_mut().find(|phone| &*phone.tag == tag)?.dialog.as_mut()
    }

    /// The CSeq number under which a request goes out again.
    fn next_number(&mut self, method: Method, response: &Message) -> u32 {
        let is_first = method == Method::Invite && self.is_calling();
        let dialog = if is_first { None } else { self.dialog_with(response.to_tag()) };
        dialog.map_or_else(|| response.cseq().0.saturating_add(1), |dialog| dialog.next_number(method))
    }

    /// The transaction that stands for `before` now.
    fn goes_on_as(&mut self, before: ClientId, next: ClientId, number: u32) {
        if let LegState::Calling { invite } = &mut self.state
            && *invite == before
        {
            *invite = next;
            if let Some(outgoing) = self.outgoing_mut() {
                outgoing.cseq = number;
                outgoing.early_received.clear();
            }
        }
        if let Exchange::Ours { client, cseq, early, .. } = &mut self.exchange
            && *client == before
        {
            (*client, *cseq, *early) = (next, number, None);
        }
    }
}
