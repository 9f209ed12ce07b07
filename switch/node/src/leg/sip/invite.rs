//! The INVITE of a called leg: written, sent, and sent again to another address or with a larger session
//! timer.

use std::net::SocketAddr;

use call::{Callee, LegId};
use route::{Carrier, Target};
use sip::flow::{Flow, Transport};
use sip::overload;
use sip::token::Kind;
use sip::transaction::ClientId;
use sip::{Message, Method};

use super::endpoint::Client;
use super::given_up::address_until;
use super::hop::flow_to;
use super::leg::{LegState, Outgoing, Setup, SipLeg};
use super::messages::{self, InviteParts};
use super::privacy::Presentation;
use super::session_timer::{Asked, SESSION_SECS_MAX};
use super::signature::sign;
use super::tag::tag;
use crate::leg::{ContactWay, Context, Dialling, Party, Reached};

/// Where a first INVITE goes.
struct Way {
    flow: Flow,
    /// Other addresses of the callee's name.
    alternates: Vec<SocketAddr>,
    contact: Option<Box<ContactWay>>,
}

impl Way {
    /// None if nothing of ours reaches any of the addresses.
    fn of(cx: &Context<'_>, callee: &Callee, at: Reached) -> Option<Self> {
        let mut addresses = match at {
            Reached::Contact(contact) => {
                return Some(Self { flow: contact.flow, alternates: Vec::new(), contact: Some(contact) });
            }
            Reached::Addresses(addresses) => addresses,
        };
        let target = callee.target()?;
        let transport = cx.names.transport(target, &callee.name());
        // Those of a family that nothing of ours speaks are as if they were not there.
        addresses.retain(|to| cx.config.local_for(transport, *to).is_some());
        let first = *addresses.first()?;
        addresses.remove(0);
        let flow = flow_to((target, transport), cx.config.local_for(transport, first)?, first);
        Some(Self { flow, alternates: addresses, contact: None })
    }
}

// === impl SipLeg ===

impl SipLeg {
    pub(crate) fn dial(cx: &mut Context<'_>, dialling: Dialling) -> Option<Self> {
        let Way { flow, alternates, contact } = Way::of(cx, &dialling.callee, dialling.at)?;
        let id = LegId::Carrier(dialling.attempt);
        let call_id = cx.endpoint.minter.mint(Kind::CallId, cx.call.at.slot, cx.call.at.generation);
        let (client, branch) = cx.endpoint.layer.mint_client();
        let silent_until = cx.now.tick.plus_ms(u64::from(dialling.callee.first_response_ms()));
        let setup = Setup::Outgoing(Outgoing {
            call_id: format!("{call_id}{}", dialling.attempt).into(),
            cseq: 1,
            enlarged: false,
            heard: false,
            redirects: None,
            number: dialling.number,
            contact,
            offered: dialling.session,
            address_until: address_until(cx.now.tick, silent_until, alternates.len()),
            silent_until,
            alternates,
            crossing: dialling.crossing,
            early_received: Vec::new(),
        });
        let party = Party::of_callee(&dialling.callee);
        let mut leg = Self::new(id, party, flow, LegState::Calling { invite: client }, setup);
        leg.send_invite(cx, &dialling.callee, (client, &branch), None);
        Some(leg)
    }

    /// Sends the INVITE; `retry` is the session interval that a 422 asked for.
    fn send_invite(
        &mut self,
        cx: &mut Context<'_>,
        callee: &Callee,
        (client, branch): (ClientId, &str),
        retry: Option<u32>,
    ) {
        let flow = self.flow;
        let here = cx.here(&flow);
        let at = cx.call.at;
        let tag = tag(&cx.endpoint.minter.mint(Kind::Tag, at.slot, at.generation), self.id);
        let ours = self.session_origin(cx);
        let (local, setup) = (&mut self.local, self.setup.as_deref());
        let Some(Setup::Outgoing(outgoing)) = setup else { return };
        let (dialled, target) = (callee.user(outgoing.number.as_ref()), callee.target());
        let contact = outgoing.contact.as_deref();
        let domain = || cx.config.domains.first().cloned().unwrap_or_else(|| here.clone());
        let host = target.map_or_else(domain, Target::host_port);
        let (original, session) = (outgoing.crossing.as_ref(), self.party.session());
        let mut presentation = Presentation::of(original, cx.call.shown(), self.party.identity());
        let signature = sign(cx, (&self.party, original), &mut presentation, outgoing.number.as_ref());
        let from = format!("{};tag={tag}", presentation.from(&here));
        let sdp = outgoing.offered.as_deref().map(|session| local.write(session, ours));
        let is_so = |said: fn(&Carrier) -> bool| self.party.carrier().is_some_and(|carrier| said(carrier));
        let announced = if is_so(|carrier| carrier.overload_control) { overload::ANNOUNCEMENT } else { "" };
        let kind = if is_so(|carrier| carrier.user_phone) { ";user=phone" } else { "" };
        let uri = match flow.transport {
            Transport::Udp => format!("sip:{dialled}@{host}{kind}"),
            Transport::Tcp | Transport::Tls | Transport::Ws | Transport::Wss | Transport::H323 => {
                format!("sip:{dialled}@{host};transport={}{kind}", flow.transport.uri_name())
            }
        };
        let redirected = outgoing.redirects.as_ref().and_then(|redirects| redirects.uri.as_deref());
        let given = redirected.or_else(|| contact.map(|contact| &*contact.uri));
        let parts = InviteParts {
            call_id: &outgoing.call_id,
            uri: given.unwrap_or(&uri),
            from: &from,
            to: &format!("<sip:{dialled}@{host}{kind}>"),
            via: &format!("SIP/2.0/{} {here};branch={branch};rport{announced}", flow.transport.via_name()),
            contact: &cx.contact(&flow),
            max_forwards: original
                .and_then(|crossing| crossing.invite.max_forwards())
                .unwrap_or(70)
                .saturating_sub(1),
            cseq: outgoing.cseq,
            routes: contact.map_or(&[], |contact| &contact.path),
            presentation: &presentation,
            signature: signature.as_ref(),
            here: &here,
            session_expires_secs: retry.unwrap_or(session.expires_secs),
            min_se_secs: retry.unwrap_or(session.min_secs),
            // Without an offer of ours the first reliable response brings one (RFC 3262 §5), which its
            // PRACK has to answer: only a caller that acknowledges it can.
            supported: if self.party.is_reliable()
                && (sdp.is_some() || original.is_some_and(|crossing| crossing.acknowledges))
            {
                messages::SUPPORTED
            } else {
                messages::SUPPORTED_UNACKNOWLEDGED
            },
            sdp: sdp.as_deref(),
            rules: self.party.carrier().and_then(|carrier| carrier.headers.as_deref()),
        };
        let bytes = messages::invite(&parts).build();
        self.attested = signature.map(|signature| signature.level);
        let is_fixed = target.is_none_or(|target| target.is_written);
        cx.endpoint.clients.insert(client, Client::Invite(at, self.id));
        self.submit(cx, client, (flow, is_fixed), Method::Invite, bytes);
    }

    /// Calls again as if for the first time, at `to`; false if nothing of ours reaches that.
    pub(super) fn redial(&mut self, cx: &mut Context<'_>, to: SocketAddr, retry: Option<u32>) -> bool {
        let Some(callee) = self.party.callee() else { return false };
        if let Some(target) = callee.target() {
            let transport = self.flow.transport;
            let Some(local) = cx.config.local_for(transport, to) else { return false };
            self.flow = flow_to((target, transport), local, to);
        }
        // Whatever rang there is over.
        self.end_exchange(cx);
        let (client, branch) = cx.endpoint.layer.mint_client();
        self.source = to.ip();
        self.local = media::LocalSession::new();
        self.state = LegState::Calling { invite: client };
        if let Some(outgoing) = self.outgoing_mut() {
            outgoing.early_received.clear();
            outgoing.cseq += u32::from(retry.is_some());
            outgoing.enlarged |= retry.is_some();
            outgoing.address_until =
                address_until(cx.now.tick, outgoing.silent_until, outgoing.alternates.len());
        }
        self.send_invite(cx, &callee, (client, &branch), retry);
        true
    }

    /// The next address of the callee's name, when one was unreachable or answered 503 (RFC 3263 §4.3).
    pub(crate) fn dial_alternate(&mut self, cx: &mut Context<'_>) -> bool {
        let next = self
            .outgoing_mut()
            .filter(|outgoing| !outgoing.alternates.is_empty())
            .map(|outgoing| outgoing.alternates.remove(0));
        next.is_some_and(|next| self.redial(cx, next, None))
    }

    /// A 422 is answered once with the interval that it wants (RFC 4028 §7.3).
    pub(crate) fn retry_with_larger_session(&mut self, cx: &mut Context<'_>, response: &Message) -> bool {
        let wanted = Asked::read(response).min_se_secs.filter(|secs| *secs <= SESSION_SECS_MAX);
        match wanted {
            Some(min_se) if self.outgoing().is_some_and(|outgoing| !outgoing.enlarged) => {
                self.redial(cx, self.flow.peer, Some(min_se))
            }
            Some(_) | None => false,
        }
    }
}
