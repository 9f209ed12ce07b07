//! How a leg ends: CANCEL, BYE, or ACK and BYE for an answer that nobody wants.

use call::LegId;
use route::AttemptEnd;
use sip::dialog::{Dialog, Sender};
use sip::flow::Flow;
use sip::transaction::ClientId;
use sip::{Message, Method, Name};
use units::{Cause, Now};

use crate::actions::Accepted;
use crate::build;
use crate::leg::{Exchange, Goodbye, LegState};
use crate::node::{Client, Node};
use crate::slot::Slot;

impl Node {
    pub(crate) fn hang_up(&mut self, now: Now, slot: &mut Slot, id: LegId, why: Goodbye) {
        if matches!(slot.leg(id), Some(leg) if matches!(leg.state, LegState::Calling { .. })) {
            match why.cause {
                Cause::TIMER => self.note_carrier_end(now, slot, AttemptEnd::Timeout),
                Cause::NO_ANSWER => self.note_carrier_end(now, slot, AttemptEnd::NoAnswer { rang: true }),
                _ => self.note_carrier_end(now, slot, AttemptEnd::Status(487)),
            }
        }
        // A caller that says why it gives up ("Call completed elsewhere") says it to whoever rings (RFC 3326 §2).
        let given = slot.cancel_reason.take();
        let Some(leg) = slot.leg_mut(id) else { return };
        match &mut leg.state {
            LegState::Calling { invite } => {
                let invite = *invite;
                leg.state = LegState::Abandoned { why };
                let reason = given.map_or_else(|| build::reason(why), String::from);
                self.layer.cancel(now.tick, invite, Some(&reason));
            }
            LegState::Accepted { owed, .. } => *owed = Some(why),
            LegState::Answered { invite, remote_tag, cseq } => {
                let (invite, remote_tag, cseq) = (*invite, remote_tag.clone(), *cseq);
                leg.state = LegState::Confirmed;
                self.send_ack(now, slot, id, &Accepted { client: invite, cseq, remote_tag: &remote_tag }, None);
                self.say_bye(now, slot, id, why);
            }
            LegState::Confirmed => self.say_bye(now, slot, id, why),
            LegState::Incoming { .. } | LegState::Abandoned { .. } | LegState::Leaving | LegState::Gone => {}
        }
    }

    /// BYE; whatever exchange was under way is over.
    pub(crate) fn say_bye(&mut self, now: Now, slot: &mut Slot, id: LegId, why: Goodbye) {
        self.end_exchange(now, slot, id);
        let (client, branch) = self.layer.mint_client();
        let me = slot.me;
        let Some(flow) = slot.leg(id).map(|leg| self.next_hop(leg)) else { return self.layer.abandon(client) };
        let here = self.tables.advertised_text(flow.local);
        let Some(leg) = slot.leg_mut(id) else { return self.layer.abandon(client) };
        let Some(dialog) = leg.dialog.as_mut() else {
            leg.state = LegState::Gone;
            return self.layer.abandon(client);
        };
        let sender = Sender { transport: flow.transport, sent_by: &here, branch: &branch, contact: "" };
        let bye = dialog.request(Method::Bye, &sender).header(Name::Reason, &build::reason(why)).build();
        leg.state = LegState::Leaving;
        self.clients.insert(client, Client::Bye(me, id));
        self.layer.send(now.tick, client, flow, Method::Bye, bye);
    }

    /// An exchange that the end of the dialog overtakes: 487 to theirs; the answer to ours is ignored.
    pub(crate) fn end_exchange(&mut self, now: Now, slot: &mut Slot, id: LegId) {
        let Some(leg) = slot.leg_mut(id) else { return };
        match std::mem::replace(&mut leg.exchange, Exchange::None) {
            Exchange::Theirs { server, request } => {
                let bytes = build::response(&request, 487, leg.tag()).build();
                self.servers.remove(&server);
                self.layer.respond(now.tick, server, 487, bytes);
            }
            Exchange::TheirsAccepted { server, .. } => {
                self.servers.remove(&server);
            }
            Exchange::Ours { .. } | Exchange::None => {}
            Exchange::OursLate { client, remote_tag, cseq } => {
                self.send_ack(now, slot, id, &Accepted { client, cseq, remote_tag: &remote_tag }, None)
            }
        }
    }

    /// ACK and BYE for a 2xx that nobody wants: late, or of a fork. Without `client` even the INVITE's transaction is gone.
    pub(crate) fn ack_and_bye(&mut self, now: Now, client: Option<ClientId>, flow: Flow, response: &Message, why: Goodbye) {
        // Without a Contact that can be read the one place left is where the response came from (RFC 3261 §12.1.2 wants one).
        let fallback = format!("sip:{}", sip::flow::host_port(flow.peer));
        let Ok(dialog) = Dialog::uac(response, response).or_else(|_| Dialog::uac_to(response, &fallback)) else { return };
        let branch = dialog.ack_branch(&self.minter, response.cseq().0);
        let flow = self.hop(dialog.next_hop(), flow, false);
        let here = self.tables.advertised_text(flow.local);
        let sender = Sender { transport: flow.transport, sent_by: &here, branch: &branch, contact: "" };
        let ack = dialog.ack(response.cseq().0, &sender).build();
        match client {
            Some(client) => self.layer.ack_2xx(now.tick, client, response.to_tag(), flow, ack),
            None => self.layer.transmit(flow, ack),
        }
        self.bye_unattended(now, dialog, flow, why);
    }

    fn bye_unattended(&mut self, now: Now, mut dialog: Dialog, flow: Flow, why: Goodbye) {
        let (client, branch) = self.layer.mint_client();
        let here = self.tables.advertised_text(flow.local);
        let sender = Sender { transport: flow.transport, sent_by: &here, branch: &branch, contact: "" };
        let bye = dialog.request(Method::Bye, &sender).header(Name::Reason, &build::reason(why)).build();
        self.clients.insert(client, Client::Farewell);
        self.layer.send(now.tick, client, flow, Method::Bye, bye);
    }
}
