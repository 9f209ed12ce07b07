//! An INVITE outside any dialog: read, looked at, and made the caller's leg of a new call.

use std::sync::Arc;

use bytes::Bytes;
use call::{LegId, Origin, Refusal, Setup as CallSetup};
use media::{Mark, Session};
use route::Gate;
use sip::dialog::Dialog;
use sip::flow::Flow;
use sip::token::{Kind, TOKEN_LEN};
use sip::transaction::ServerId;
use sip::{Message, Name, NameAddr};
use units::{Now, Tick};

use super::leg::{Incoming, LegState, Setup, SipLeg};
use super::reliable::{self, Reliable};
use super::session_timer::Asked;
use super::tag::tag;
use super::{messages, parties};
use crate::ids::CallRef;
use crate::leg::{Leg, Party};
use crate::node::Node;

impl Node {
    pub(super) fn new_call(&mut self, now: Now, id: ServerId, flow: Flow, message: Message) {
        // Overload and drain come first, whoever calls.
        let origin = match self.sip.authenticated.take() {
            Some(account) => Ok(Origin::Gate(account)),
            None => self.origin_of(flow.peer.ip(), &self.called(flow, &message)),
        };
        if let Some(refusal) = self.overloaded(now, origin.as_ref().ok().and_then(Origin::gate)) {
            return self.refuse_bare(now, id, &message, &refusal);
        }
        let origin = match origin {
            Ok(_) if self.is_own_call_back(&message) => {
                return self.refuse_bare(now, id, &message, &Refusal::LOOP);
            }
            Ok(origin) => origin,
            Err(refusal) => return self.refuse_bare(now, id, &message, &refusal),
        };
        let min_secs = origin.session().min_secs;
        if Asked::read(&message).too_small(min_secs) {
            let builder = messages::response(&message, 422, &self.sip.stateless_tag(&message));
            self.count_final(&message, 422);
            return self.sip.respond(
                now,
                id,
                422,
                builder.header_fmt(Name::MinSe, format_args!("{min_secs}")),
            );
        }
        let is_reliable = match &origin {
            Origin::Gate(gate) => gate.reliable,
            Origin::Carrier(carrier, _) => carrier.reliable,
        };
        if !is_reliable && message.has_token(Name::Require, reliable::OPTION) {
            return self.refuse_reliable(now, id, &message);
        }
        let offer = match messages::body_of(&message) {
            Ok(offer) => offer,
            Err(fault) => {
                self.count_final(&message, fault.status());
                return self.sip.decline_body(now, id, &message, fault);
            }
        };
        if !accepts_sdp(&message) {
            return self.decline(now, id, &message, 406);
        }
        let Some(me) = self.calls.reserve() else {
            return self.refuse_bare(now, id, &message, &Refusal::OVERLOAD);
        };
        let tag = tag(&self.sip.minter.mint(Kind::Tag, me.slot, me.generation), LegId::Caller);
        // Without a Contact that can be read the call could never be ended (RFC 3261 §8.1.1.8), nor
        // recovered.
        match Dialog::uas(&message, &tag) {
            Ok(dialog) => self.with_caller(now, (id, flow), message, origin, (me, dialog), offer),
            Err(fault) => {
                self.calls.release(me);
                self.decline(now, id, &message, fault.status());
            }
        }
    }

    fn with_caller(
        &mut self,
        now: Now,
        (id, flow): (ServerId, Flow),
        message: Message,
        origin: Origin,
        (me, dialog): (CallRef, Dialog),
        offer: Option<Bytes>,
    ) {
        self.sip.layer.set_tag(id, dialog.local_tag());
        self.sip.servers.insert(id, (me, LegId::Caller));
        let from = message.from().ok();
        let sip_account = match &origin {
            Origin::Gate(gate) => self.named_account(gate, &message),
            Origin::Carrier(..) => None,
        };
        let setup = CallSetup {
            id: self.mint_call_id(now),
            caller: from
                .as_ref()
                .and_then(NameAddr::parse_uri)
                .map(|uri| parties::calling_party(&uri).into())
                .unwrap_or_default(),
            called: match &origin {
                Origin::Gate(_) => parties::called_party(&message),
                Origin::Carrier(..) => parties::called_by_carrier(&self.config, &message),
            }
            .into(),
            sip_account,
            checkpoint_ms: self.config.timing.checkpoint_ms,
            offer: offer.as_ref().map(|text| Session::read(text).map(Arc::new)).transpose(),
            origin,
        };
        let lasts_ms = message.expires().filter(|secs| *secs > 0).map(|secs| u64::from(secs) * 1_000);
        let takes_update = message.has_token(Name::Allow, "UPDATE");
        let user_agent = self.sip.user_agents.of(&message);
        let party = Party::of_origin(&setup.origin);
        let reliable = Reliable::wanted(&message).filter(|_| party.is_reliable());
        let incoming = Incoming {
            invite: Arc::new(message),
            expires_at: lasts_ms.map_or(Tick::NEVER, |ms| now.tick.plus_ms(ms)),
            cancel_reason: None,
            early_sent: Vec::new(),
            reliable,
        };
        let mut caller = SipLeg::new(
            LegId::Caller,
            party,
            flow,
            LegState::Incoming { invite: id },
            Setup::Incoming(incoming),
        );
        caller.with_dialog(dialog);
        caller.remote = offer.as_deref().map(Mark::of);
        caller.takes_update = takes_update;
        caller.user_agent = user_agent;
        caller.keep(&mut self.sip, flow);
        self.begin_call(now, me, setup, Leg::Sip(caller));
    }

    /// 420 to one that requires 100rel where it is switched off.
    fn refuse_reliable(&mut self, now: Now, id: ServerId, message: &Message) {
        self.count_final(message, 420);
        let builder = messages::response(message, 420, &self.sip.stateless_tag(message));
        self.sip.respond(now, id, 420, builder.header(Name::Unsupported, reliable::OPTION));
    }

    /// What a caller dialled, as it wrote it.
    fn called(&self, flow: Flow, message: &Message) -> String {
        match self.config.gates.by_source(flow.peer.ip()) {
            Some(_) => parties::called_party(message),
            None => parties::called_by_carrier(&self.config, message),
        }
    }

    /// The SIP account of the caller's own customer whose user name, or name, is called.
    fn named_account(&self, caller: &Gate, message: &Message) -> Option<Arc<Gate>> {
        if !self.config.has_sip_accounts() {
            return None;
        }
        let uri = message.uri().ok()?;
        self.config.gates.sip_account_of(&caller.account, &uri.user_base()).cloned()
    }

    fn refuse_bare(&mut self, now: Now, id: ServerId, message: &Message, refusal: &Refusal) {
        self.counters.caller_attempt(refusal.reason);
        self.count_final(message, refusal.status);
        let builder = messages::refusal(message, refusal, &self.sip.stateless_tag(message));
        self.sip.respond(now, id, refusal.status, builder);
    }

    /// Whether an INVITE is one of ours, sent back by a proxy to the number that it was for (RFC 3261 §16.3
    /// step 4): its From tag is of our minting, and Request-URI and To name the same number. One that was
    /// forwarded to another number has another Request-URI and goes on.
    fn is_own_call_back(&self, invite: &Message) -> bool {
        let ours = |tag: &str| {
            tag.get(..TOKEN_LEN).and_then(|token| self.sip.minter.open(Kind::Tag, token)).is_some()
        };
        if !ours(invite.from_tag()) {
            return false;
        }
        let to = invite.to().ok();
        let to = to.as_ref().and_then(NameAddr::parse_uri).map(|uri| uri.user.unwrap_or_default().to_owned());
        let asked = parties::called_party(invite);
        let number = |text: &str| route::normalise_e164(text).ok();
        to.is_some_and(|to| to == asked || number(&to).is_some_and(|to| number(&asked) == Some(to)))
    }
}

/// Accept absent, or naming SDP (RFC 3261 §20.1).
fn accepts_sdp(message: &Message) -> bool {
    let mut any = false;
    for value in message.values(Name::Accept) {
        any = true;
        let kind = value.split(';').next().unwrap_or_default().trim();
        if kind.eq_ignore_ascii_case("application/sdp")
            || kind == "*/*"
            || kind.eq_ignore_ascii_case("application/*")
        {
            return true;
        }
    }
    !any
}
