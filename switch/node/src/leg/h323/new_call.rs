//! A Setup: looked at, and made the caller's leg of a new call.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use call::{LegId, Origin, Progress, Refusal, Setup};
use h323::call::{Call, SetupInfo};
use h323::q931::{CallingParty, Presentation, TypeOfNumber};
use units::Now;

use super::leg::{H323Leg, State};
use super::sessions;
use crate::Source;
use crate::ids::CallRef;
use crate::leg::{Leg, Party};
use crate::node::Node;

impl Node {
    /// A call that a gateway wants to make on a connection of its own.
    pub(crate) fn h323_setup(&mut self, now: Now, conn: u64, reference: u16, frame: &[u8]) {
        let Some((local, peer)) = self.gateways.ends(conn) else { return };
        let source = peer.ip().to_canonical();
        let Some(me) = self.calls.reserve() else {
            return self.refuse_setup(now, conn, frame, &Refusal::OVERLOAD);
        };
        let id = self.mint_call_id(now);
        let seed = self.gateways.drawn(id, LegId::Caller, 5);
        let terms = self.h323_terms_of(source);
        let call = match Call::incoming(now.tick, H323Leg::settings(terms), seed, frame) {
            Ok(call) => call,
            Err(refused) => {
                tracing::debug!(%peer, why = refused.why, "a Setup that makes no call");
                self.calls.release(me);
                if let Some(frame) = refused.frame {
                    self.gateways.send(conn, frame);
                }
                return;
            }
        };
        let called = call.setup().map(called_number).unwrap_or_default();
        let origin = self.h323_origin_of(source, &called);
        let overloaded = self.overloaded(now, origin.as_ref().ok().and_then(Origin::gate));
        let origin = match (origin, overloaded) {
            (Ok(origin), None) => origin,
            (_, Some(refusal)) | (Err(refusal), None) => {
                self.calls.release(me);
                return self.refuse_setup(now, conn, frame, &refusal);
            }
        };
        if !self.gateways.add(conn, reference, (me, LegId::Caller)) {
            self.calls.release(me);
            return self.refuse_setup(now, conn, frame, &Refusal::OVERLOAD);
        }
        self.with_h323_caller(now, (me, id), (conn, local), call, (origin, called));
    }

    fn with_h323_caller(
        &mut self,
        now: Now,
        (me, id): (CallRef, u128),
        (conn, local): (u64, SocketAddr),
        call: Call,
        (origin, called): (Origin, String),
    ) {
        let facts = call.setup().cloned().unwrap_or_default();
        let party = Party::of_origin(&origin);
        let source = self.gateways.ends(conn).map_or(local.ip(), |(_, peer)| peer.ip().to_canonical());
        let allowed = origin.codecs();
        let offered = Some(&*facts.offers).filter(|_| party.h323_terms().fast_start);
        let channel = offered.and_then(|offers| sessions::offered(offers, allowed));
        let is_fast = channel.is_some();
        let offer = channel.unwrap_or_else(|| sessions::unsaid(source, allowed));
        let setup = Setup {
            id,
            caller: calling_number(&facts.calling).into(),
            called: called.into(),
            sip_account: None,
            checkpoint_ms: self.config.timing.checkpoint_ms,
            offer: Ok(offer.session().map(Arc::new)),
            origin,
        };
        let leg = H323Leg {
            id: LegId::Caller,
            party,
            source,
            state: State::Incoming,
            ids: *call.ids(),
            call: Some(Box::new(call)),
            calling: None,
            signalling: conn,
            local: Some(local),
            control: None,
            theirs: is_fast.then_some(offer),
            is_answered: false,
            is_heard: true,
            is_withheld: facts.calling.presentation == Some(Presentation::Restricted),
            offering: None,
            is_held: false,
            before: None,
            user_agent: facts.product.as_deref().map(Into::into),
        };
        self.begin_call(now, me, setup, Leg::H323(leg));
        // One that was refused at once has its answer.
        self.with_h323_leg(now, (me, LegId::Caller), |leg, cx| leg.ring(cx, Progress::Trying, None));
    }

    /// Refused before there is a call, so that a flood writes nothing.
    fn refuse_setup(&mut self, now: Now, conn: u64, frame: &[u8], refusal: &Refusal) {
        self.counters.caller_attempt(refusal.reason);
        let settings = H323Leg::settings(route::H323Terms::default());
        let refused = Call::incoming(now.tick, settings, 0, frame).map(|mut call| {
            call.release(now.tick, refusal.cause);
            call
        });
        let Ok(mut call) = refused else { return };
        while let Some(output) = call.poll_output() {
            if let h323::call::Output::Signalling(bytes) = output {
                self.gateways.send(conn, bytes);
            }
        }
    }

    /// How H.323 is spoken with whoever calls from an address.
    fn h323_terms_of(&self, source: IpAddr) -> route::H323Terms {
        match self.h323_source(source) {
            Source::Gate(id) => self.config.gates.by_id(id).map(|gate| gate.h323),
            Source::Carrier(id) => self.config.carriers.by_id(id).map(|carrier| carrier.h323),
            Source::Unknown => None,
        }
        .unwrap_or_default()
    }

    fn h323_source(&self, source: IpAddr) -> Source {
        match self.config.h323_source(source) {
            Source::Unknown => self.h323_source_by_name(source),
            known => known,
        }
    }

    fn h323_origin_of(&self, source: IpAddr, called: &str) -> Result<Origin, Refusal> {
        match self.h323_source(source) {
            Source::Gate(id) => {
                let gate = self.config.gates.by_id(id).ok_or(Refusal::BLOCKED)?;
                Ok(Origin::Gate(Arc::clone(gate)))
            }
            Source::Carrier(id) => {
                let carrier = self.config.carriers.by_id(id).ok_or(Refusal::BLOCKED)?;
                let number = self.config.numbers.find_dialled(called).ok_or(Refusal::NOT_OURS)?;
                Ok(Origin::Carrier(Arc::clone(carrier), Arc::clone(number)))
            }
            Source::Unknown => Err(Refusal::BLOCKED),
        }
    }
}

/// What is called; international digits with the `+` that says so.
fn called_number(facts: &SetupInfo) -> String {
    if facts.called.is_empty() {
        return facts.called_aliases.first().cloned().unwrap_or_default();
    }
    facts.called.clone()
}

/// Who calls, in the spelling of a gate.
fn calling_number(calling: &CallingParty) -> String {
    let plus =
        if calling.kind == TypeOfNumber::International && !calling.digits.is_empty() { "+" } else { "" };
    format!("{plus}{}", calling.digits)
}
