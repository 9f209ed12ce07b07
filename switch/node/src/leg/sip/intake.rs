//! What arrives: who sent it, whether it is SIP, and what is answered before any call is made.

use sip::flow::Flow;
use sip::overload;
use sip::transaction::ServerId;
use sip::{Builder, Message, Method, Name, ParseError, ReplyTo};
use units::Now;

use super::arrival::Arrival;
use super::endpoint::Endpoint;
use super::messages::{self, ALLOW, SUPPORTED};
use super::privacy;
use super::reliable;
use super::stranger::Admission;
use crate::Source;
use crate::leg::Leg;
use crate::node::Node;

impl Node {
    pub(crate) fn packet(&mut self, now: Now, arrival: Arrival) {
        let Arrival { flow, message, source, leg, .. } = arrival;
        match message {
            Ok(mut message) => {
                message.set_source(flow.peer);
                if message.is_request() {
                    self.sip.found = leg;
                    self.request(now, source, flow, message);
                } else {
                    self.response_in(now, flow, message);
                }
            }
            Err(fault) => self.malformed(now, source, flow, &fault),
        }
    }

    /// 400 for what a known peer sent and can be answered; silence for everything else.
    fn malformed(&mut self, now: Now, source: Source, flow: Flow, fault: &ParseError) {
        let source = self.known(source, &flow);
        if source == Source::Unknown {
            let ip = flow.peer.ip();
            if self.config.has_sip_accounts() && !self.strangers.is_banned(ip, now.tick) {
                self.offended(now, ip);
            }
            return self.counters.stranger(ip);
        }
        self.counters.rejected(fault.label());
        if let (Some(bytes), Some(request)) = (fault.response(flow.peer), fault.request()) {
            let flow = flow.of_answer(request, self.reply_to(source));
            self.sip.layer.transmit(flow, bytes);
        }
    }

    fn response_in(&mut self, now: Now, flow: Flow, mut message: Message) {
        match message.check_once() {
            Ok(()) => self.sip.layer.handle_message(now.tick, flow, message),
            Err(fault) => self.counters.rejected(fault.label()),
        }
    }

    fn request(&mut self, now: Now, source: Source, flow: Flow, mut message: Message) {
        let source = self.known(source, &flow);
        let is_stranger = source == Source::Unknown && !self.is_live_peer(now, &flow, &message);
        if is_stranger && !self.config.has_sip_accounts() {
            return self.counters.stranger(flow.peer.ip());
        }
        message.set_reply_to(self.reply_to(source));
        if !is_stranger && announces_overload_control(&message) {
            let is_closed = self.draining || self.sip.layer.is_full();
            message.set_load_report(self.shedding.report(now, is_closed));
        }
        if let Err(fault) = message.check_once() {
            self.counters.rejected(fault.label());
            if is_stranger {
                return;
            }
            if let Some(bytes) = fault.response(&message) {
                let flow = flow.of_answer(&message, ReplyTo::Auto);
                self.sip.layer.transmit(flow, bytes);
            }
            return;
        }
        if is_stranger || matches!(source, Source::Gate(_)) {
            match self.admission(now, source, flow, &message) {
                Admission::Admitted(account) => self.sip.authenticated = account,
                Admission::Done => return,
            }
        }
        self.sip.layer.handle_message(now.tick, flow, message);
    }

    /// Whose address it is: as the configuration says, or of a carrier whose name resolves to it.
    fn known(&self, source: Source, flow: &Flow) -> Source {
        match source {
            Source::Unknown => self.source_by_name(flow.peer.ip()),
            known => known,
        }
    }

    /// Where the answers go that a Via without `rport` asks for.
    fn reply_to(&self, source: Source) -> ReplyTo {
        let Source::Gate(id) = source else { return ReplyTo::Auto };
        match self.config.gates.by_id(id).map(|gate| gate.reply_to) {
            Some(route::ReplyTo::Source) => ReplyTo::Source,
            Some(route::ReplyTo::Via) => ReplyTo::Via,
            Some(route::ReplyTo::Auto) | None => ReplyTo::Auto,
        }
    }

    /// A peer whose gate was removed may still end the call that it has.
    fn is_live_peer(&mut self, now: Now, flow: &Flow, message: &Message) -> bool {
        let Some((at, id)) = self.sip.found_leg(message.to_tag()) else { return false };
        let Some(mut slot) = self.calls.take(at) else { return false };
        let mut is_peer = false;
        self.on_leg(now, &mut slot, id, |leg, cx| {
            if let Leg::Sip(leg) = leg {
                is_peer = leg.is_peer(cx, flow.peer.ip());
            }
        });
        self.calls.put(slot);
        is_peer
    }

    /// A request that begins a server transaction.
    pub(super) fn new_request(&mut self, now: Now, id: ServerId, flow: Flow, message: Message) {
        if message.method() == Method::Subscribe
            && let Some(account) = self.sip.authenticated.take().filter(|account| account.is_sip_account())
        {
            return self.subscribe(now, id, flow, &account, &message);
        }
        if !message.to_tag().is_empty() {
            return self.in_dialog(now, id, flow, message);
        }
        if let Err(fault) = message.check_scheme() {
            return self.decline(now, id, &message, fault.status());
        }
        if let Some(status) = self.sip.refuses_extension(now, id, &message) {
            return self.count_final(&message, status);
        }
        // What ends here needs no more hops (RFC 4475 §3.3.11); a call would go on.
        if message.max_forwards() == Some(0) && message.method() == Method::Invite {
            return self.decline(now, id, &message, 483);
        }
        if message.method() == Method::Invite && privacy::forwards(&message) > privacy::FORWARDS_MAX {
            return self.decline(now, id, &message, 482);
        }
        match message.method() {
            Method::Invite if message.header(Name::Replaces).is_some() => {
                self.refuse_replaces(now, id, flow, &message);
            }
            Method::Invite => self.new_call(now, id, flow, message),
            Method::Options => self.options(now, id, &message),
            Method::Bye | Method::Update | Method::Info | Method::Prack | Method::Notify => {
                self.decline(now, id, &message, 481)
            }
            Method::Ack | Method::Cancel => {}
            // For gates and carriers we have no event package, and say so (RFC 6665 §7.2).
            Method::Subscribe => self.decline(now, id, &message, 489),
            Method::Register if self.sip.authenticated.is_some() => {
                if let Some(account) = self.sip.authenticated.take() {
                    self.register(now, id, flow, &account, &message);
                }
            }
            Method::Register | Method::Refer | Method::Message | Method::Publish => {
                self.sip.not_allowed(now, id, &message, 405);
            }
            Method::Other => self.sip.not_allowed(now, id, &message, 501),
        }
    }

    /// OPTIONS of a known peer: what we can do; 503 when we take no calls, so that its probes steer calls
    /// away.
    fn options(&mut self, now: Now, id: ServerId, message: &Message) {
        let status = if self.draining { 503 } else { 200 };
        let builder = messages::response(message, status, &self.sip.stateless_tag(message))
            .header(Name::Allow, ALLOW)
            .header(Name::Accept, "application/sdp")
            .header(Name::Supported, SUPPORTED);
        self.sip.respond(now, id, status, builder);
    }

    /// A bare final answer outside any call.
    pub(super) fn decline(&mut self, now: Now, id: ServerId, message: &Message, status: u16) {
        self.count_final(message, status);
        self.sip.decline(now, id, message, status);
    }

    /// Counts a final answer to an INVITE that begins a call; those of a call that began are counted where it
    /// is answered or refused, and answers to anything else never.
    pub(super) fn count_final(&mut self, message: &Message, status: u16) {
        if message.method() == Method::Invite && message.to_tag().is_empty() {
            self.counters.caller_response(status);
        }
    }
}

// === impl Endpoint: final answers ===

impl Endpoint {
    pub(super) fn respond(&mut self, now: Now, id: ServerId, status: u16, builder: Builder) {
        self.layer.respond(now.tick, id, status, builder.build());
    }

    /// A bare final answer.
    pub(super) fn decline(&mut self, now: Now, id: ServerId, message: &Message, status: u16) {
        let builder = messages::response(message, status, &self.stateless_tag(message));
        self.respond(now, id, status, builder);
    }

    /// A body that cannot be taken: with what can.
    pub(super) fn decline_body(
        &mut self,
        now: Now,
        id: ServerId,
        message: &Message,
        fault: media::BodyError,
    ) {
        let builder = messages::response(message, fault.status(), &self.stateless_tag(message));
        let builder =
            builder.header(Name::Accept, "application/sdp").header(Name::AcceptEncoding, "identity");
        self.respond(now, id, fault.status(), builder);
    }

    /// A method that we do not take: with those that we do.
    pub(super) fn not_allowed(&mut self, now: Now, id: ServerId, message: &Message, status: u16) {
        let builder =
            messages::response(message, status, &self.stateless_tag(message)).header(Name::Allow, ALLOW);
        self.respond(now, id, status, builder);
    }

    /// 500 with a time after which it may be tried again (RFC 3261 §14.2).
    pub(super) fn answer_later(&mut self, now: Now, id: ServerId, message: &Message) {
        let builder = messages::response(message, 500, message.to_tag()).header(Name::RetryAfter, "5");
        self.respond(now, id, 500, builder);
    }

    /// 420 to a request that requires what we do not have; none if it does not.
    pub(super) fn refuses_extension(&mut self, now: Now, id: ServerId, message: &Message) -> Option<u16> {
        let unsupported = unsupported(message)?;
        let builder = messages::response(message, 420, &self.stateless_tag(message))
            .header(Name::Unsupported, &unsupported);
        self.respond(now, id, 420, builder);
        Some(420)
    }
}

/// Whether the sender of a request heeds what we say of our load (RFC 7339 §4.1).
fn announces_overload_control(message: &Message) -> bool {
    message.header(Name::Via).is_some_and(|line| line.contains("oc"))
        && message.top_via().is_ok_and(|via| overload::is_announced(&via.params))
}

/// The option tags of Require and Proxy-Require that we do not know (RFC 3261 §8.2.2.3).
fn unsupported(message: &Message) -> Option<String> {
    if matches!(message.method(), Method::Cancel | Method::Ack) {
        return None;
    }
    let known: &[&str] = match message.method() {
        Method::Register => &["timer", reliable::OPTION, "path", "outbound"],
        _ => &["timer", reliable::OPTION],
    };
    let required = message
        .values(Name::Require)
        .filter(|tag| !known.iter().any(|known| tag.eq_ignore_ascii_case(known)));
    let unknown: Vec<&str> = required.chain(message.values(Name::ProxyRequire)).collect();
    if unknown.is_empty() { None } else { Some(unknown.join(", ")) }
}
