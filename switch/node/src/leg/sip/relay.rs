//! INFO and MESSAGE: DTMF, text and the like go from one SIP leg to the other as they are, and the other
//! side's answer is this side's answer. They go into an early dialog too (RFC 6086 §4.2.1, RFC 3428 §4), and
//! need not wait for an ACK.

use call::LegId;
use sip::flow::Flow;
use sip::transaction::ServerId;
use sip::{Message, Method};
use units::Now;
use voice::dtmf::{Info, InfoForm};

use super::endpoint::{Client, Endpoint};
use super::hop::names_transport;
use super::leg::{LegState, SipLeg};
use super::sender::sender;
use super::{messages, parties};
use crate::leg::{Context, Leg};
use crate::node::Node;
use crate::slot::Slot;

/// Largest body that is passed on, bytes; RFC 3428 §8 wants no more than 1,300 over an unknown path.
const BODY_MAX: usize = 8_192;

impl Node {
    pub(super) fn pass_on(
        &mut self,
        now: Now,
        slot: &mut Slot,
        from: LegId,
        (id, flow): (ServerId, Flow),
        message: Message,
    ) {
        let mut admitted = false;
        self.on_leg(now, slot, from, |leg, cx| {
            let Leg::Sip(leg) = leg else { return };
            admitted = leg.admits(cx, id, flow, &message);
        });
        if !admitted {
            return;
        }
        if message.body().len() > BODY_MAX {
            return self.sip.decline(now, id, &message, 413);
        }
        if let Some(info) = keyed(&message)
            && self.passes_digit(now, slot, from, info)
        {
            let bytes = messages::response(&message, 200, message.to_tag()).build();
            return self.sip.layer.respond(now.tick, id, 200, bytes);
        }
        let Some(to) = addressee(slot, from, &message) else {
            return self.sip.decline(now, id, &message, 480);
        };
        let mut message = Some(message);
        self.on_leg(now, slot, to, |leg, cx| {
            let Leg::Sip(leg) = leg else { return };
            message = message.take().and_then(|message| leg.relay(cx, id, message));
        });
        if let Some(message) = message {
            self.sip.decline(now, id, &message, 480);
        }
    }
}

/// The digit that an INFO tells.
fn keyed(message: &Message) -> Option<Info> {
    let is_info = message.method() == Method::Info;
    let form = InfoForm::from_content_type(message.content_type()).filter(|_| is_info)?;
    form.parse(&message.body()).ok()
}

/// Whom a request is for. While several phones ring, the caller's is for the one whose early dialog it is in;
/// in a dialog that is no single phone's it is for nobody.
fn addressee(slot: &Slot, from: LegId, message: &Message) -> Option<LegId> {
    if from != LegId::Caller || slot.call.is_talking() {
        return Some(slot.opposite(from));
    }
    let mut ringing = slot.carriers.iter().filter(|leg| matches!(leg, Leg::Sip(leg) if leg.is_wanted()));
    let early_peer = match &slot.caller {
        Leg::Sip(caller) => caller.early_peer(message),
        Leg::H323(_) => None,
    };
    match early_peer {
        Some((attempt, _)) => Some(LegId::Carrier(attempt)),
        None => ringing.next().map(Leg::id).filter(|_| ringing.next().is_none()),
    }
}

impl SipLeg {
    /// Tells its side a digit; nothing where there is no dialog yet.
    pub(crate) fn tell_digit(&mut self, cx: &mut Context<'_>, info: Info) {
        let Some(next) = self.open_dialog().map(|dialog| dialog.next_hop().to_owned()) else { return };
        let flow = self.way_to(cx, &next);
        let (contact, here) = (cx.contact(&flow), cx.here(&flow));
        let (client, branch) = cx.endpoint.layer.mint_client();
        let Some(dialog) = self.open_dialog() else {
            return cx.endpoint.layer.abandon(client);
        };
        let form = InfoForm::Relay;
        let request = dialog.request(Method::Info, &sender(&flow, &here, &branch, &contact));
        let bytes = request.body(form.content_type(), form.write(info).as_bytes()).build();
        let fixed = names_transport(dialog.next_hop());
        cx.endpoint.clients.insert(client, Client::Digit);
        self.submit(cx, client, (flow, fixed), Method::Info, bytes);
    }

    /// Whether the call still wants its answer.
    const fn is_wanted(&self) -> bool {
        !matches!(self.state, LegState::Abandoned { .. } | LegState::Leaving | LegState::Gone)
    }

    /// Sends a request of the other leg on; gives it back if this one has no dialog for it.
    fn relay(&mut self, cx: &mut Context<'_>, id: ServerId, message: Message) -> Option<Message> {
        // Of a leg that rings, by the way of the phone's own dialog.
        let Some(next) = self.open_dialog().map(|dialog| dialog.next_hop().to_owned()) else {
            return Some(message);
        };
        let flow = self.way_to(cx, &next);
        let (contact, here) = (cx.contact(&flow), cx.here(&flow));
        let (client, branch) = cx.endpoint.layer.mint_client();
        let Some(dialog) = self.open_dialog() else {
            cx.endpoint.layer.abandon(client);
            return Some(message);
        };
        let method = message.method();
        let request = dialog.request(method, &sender(&flow, &here, &branch, &contact));
        let request = request.copy(&message, |name, _| parties::passes(name));
        let bytes = request.body(message.content_type(), &message.body()).build();
        let fixed = names_transport(dialog.next_hop());
        cx.endpoint.clients.insert(client, Client::Relay(id, Box::new(message)));
        self.submit(cx, client, (flow, fixed), method, bytes);
        None
    }
}

impl Endpoint {
    /// The other side answered, or did not: 408.
    pub(super) fn relay_answered(&mut self, now: Now, server: ServerId, request: &Message, status: u16) {
        let status = messages::relayed_status(status);
        let bytes = messages::response(request, status, request.to_tag()).build();
        self.layer.respond(now.tick, server, status, bytes);
    }
}
