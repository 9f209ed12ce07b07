//! How a leg ends: CANCEL, BYE, or ACK and BYE for an answer that nobody wants.

use std::sync::Arc;

use call::ReleaseReason;
use route::Carrier;
use sip::dialog::Dialog;
use sip::flow::Flow;
use sip::transaction::ClientId;
use sip::{Message, Method, Name};
use units::Cause;

use super::acknowledge::Accepted;
use super::crossing::Crossing;
use super::endpoint::{Client, Endpoint, here};
use super::hop::hop;
use super::leg::{Exchange, LegState, SipLeg};
use super::messages;
use super::sender::sender;
use crate::leg::{Context, Party};

/// Whose 2xx it is that nobody wants.
pub(crate) struct Unwanted<'a> {
    /// Our INVITE's transaction, if it is still there.
    pub client: Option<ClientId>,
    /// Should it challenge the BYE.
    pub carrier: Option<&'a Arc<Carrier>>,
    /// Its Contact means nothing: it is reached by the way on which it was heard.
    pub by_flow: bool,
}

// === impl SipLeg ===

impl SipLeg {
    pub(crate) fn release(&mut self, cx: &mut Context<'_>, why: ReleaseReason, crossing: Option<Crossing>) {
        if self.is_calling() {
            self.end_exchange(cx);
        }
        match &mut self.state {
            LegState::Calling { invite } => {
                let invite = *invite;
                self.state = LegState::Abandoned { why };
                // A caller that says why it gives up ("Call completed elsewhere") says it to whoever rings
                // (RFC 3326 §2).
                let given = crossing.and_then(|crossing| crossing.cancel_reason);
                let reason = given.map_or_else(|| messages::reason(why), String::from);
                cx.endpoint.layer.cancel(cx.now.tick, invite, Some(&reason));
            }
            LegState::Accepted { owed, .. } => *owed = Some(why),
            LegState::Answered { invite, remote_tag, cseq } => {
                let (client, remote_tag, cseq) = (*invite, remote_tag.clone(), *cseq);
                self.state = LegState::Confirmed;
                self.send_ack(cx, &Accepted { client, cseq, remote_tag: &remote_tag }, None);
                self.say_bye(cx, why);
            }
            LegState::Confirmed => self.say_bye(cx, why),
            LegState::Incoming { .. } => self.release_held(cx, why),
            LegState::Abandoned { .. } | LegState::Leaving | LegState::Gone => {}
        }
    }

    /// The caller of an answered call that could not be told so.
    fn release_held(&mut self, cx: &mut Context<'_>, why: ReleaseReason) {
        self.end_held(cx, why.status_before_answer(), Some(&messages::q850(why.cause)));
    }

    /// Of a peer that gave no sign of life; it may have none of the dialog left.
    pub(crate) fn release_lost(&mut self, cx: &mut Context<'_>) {
        if self.is_confirmed() {
            self.say_bye(cx, ReleaseReason::cause(Cause::TIMER));
        }
    }

    /// BYE; whatever exchange was under way is over.
    pub(crate) fn say_bye(&mut self, cx: &mut Context<'_>, why: ReleaseReason) {
        self.end_exchange(cx);
        let flow = self.next_hop(cx);
        let here = cx.here(&flow);
        let (client, branch) = cx.endpoint.layer.mint_client();
        let Some(dialog) = self.dialog.as_mut() else {
            self.state = LegState::Gone;
            return cx.endpoint.layer.abandon(client);
        };
        let request = dialog.request(Method::Bye, &sender(&flow, &here, &branch, ""));
        let bye = request.header(Name::Reason, &messages::reason(why)).build();
        self.state = LegState::Leaving;
        cx.endpoint.clients.insert(client, Client::Bye(cx.call.at, self.id));
        self.submit(cx, client, (flow, true), Method::Bye, bye);
    }

    /// An exchange that the end of the dialog overtakes: 487 to theirs; the answer to ours is ignored.
    pub(crate) fn end_exchange(&mut self, cx: &mut Context<'_>) {
        match std::mem::replace(&mut self.exchange, Exchange::None) {
            Exchange::Theirs { server, request } => {
                let bytes = messages::response(&request, 487, self.tag()).build();
                cx.endpoint.servers.remove(&server);
                cx.endpoint.layer.respond(cx.now.tick, server, 487, bytes);
            }
            Exchange::TheirsAccepted { server, .. } => {
                cx.endpoint.servers.remove(&server);
            }
            Exchange::Ours { .. } | Exchange::None => {}
            Exchange::OursLate { client, remote_tag, cseq } => {
                self.send_ack(cx, &Accepted { client, cseq, remote_tag: &remote_tag }, None);
            }
        }
    }
}

// === impl Context: answers that nobody wants ===

impl Context<'_> {
    /// ACK and BYE for a 2xx of this leg's peer that nobody wants: late, or of a fork.
    pub(crate) fn ack_and_bye(
        &mut self,
        (client, party): (ClientId, &Party),
        flow: Flow,
        response: &Message,
        why: ReleaseReason,
    ) {
        let unwanted =
            Unwanted { client: Some(client), carrier: party.carrier(), by_flow: party.is_sip_account() };
        self.endpoint.ack_and_bye(self.now, self.config, unwanted, (flow, response), why);
    }
}

impl Endpoint {
    /// As [`Context::ack_and_bye`], where there is no call any more.
    pub(crate) fn ack_and_bye(
        &mut self,
        now: units::Now,
        config: &crate::ConfigSnapshot,
        Unwanted { client, carrier, by_flow }: Unwanted<'_>,
        (flow, response): (Flow, &Message),
        why: ReleaseReason,
    ) {
        // Without a Contact that can be read the one place left is where the response came from (RFC 3261
        // §12.1.2 wants one).
        let fallback = format!("sip:{}", sip::flow::host_port(flow.peer));
        let Ok(mut dialog) = Dialog::uac(response, response).or_else(|_| Dialog::uac_to(response, &fallback))
        else {
            return;
        };
        let flow = if by_flow { flow } else { hop(config, dialog.next_hop(), flow, false) };
        let here = here(config, &flow);
        let branch = dialog.ack_branch(&self.minter, response.cseq().0);
        let ack = dialog.ack(response.cseq().0, &sender(&flow, &here, &branch, "")).build();
        match client {
            Some(client) => self.layer.ack_2xx(now.tick, client, response.to_tag(), flow, ack),
            None => self.layer.transmit(flow, ack),
        }
        let (client, branch) = self.layer.mint_client();
        let request = dialog.request(Method::Bye, &sender(&flow, &here, &branch, ""));
        let bye = request.header(Name::Reason, &messages::reason(why)).build();
        self.clients.insert(client, Client::Farewell);
        self.keep_sent(client, carrier, flow, (Method::Bye, &bye));
        self.layer.send(now.tick, client, flow, Method::Bye, bye);
    }
}
