//! What arrives: who sent it, whether it is SIP, and what is answered before any call is made.

use sip::flow::Flow;
use sip::transaction::ServerId;
use sip::{Builder, Message, Method, Name, ParseError, ReplyTo};
use units::Now;

use crate::build::{self, ALLOW, SUPPORTED};
use crate::io::Output;
use crate::node::Node;
use crate::privacy;
use crate::{CountedSide, Source};

impl Node {
    pub(crate) fn sip(&mut self, now: Now, flow: Flow, message: Result<Message, ParseError>) {
        match message {
            Ok(mut message) => {
                message.set_source(flow.peer);
                if message.is_request() { self.request(now, flow, message) } else { self.response_in(now, flow, message) }
            }
            Err(fault) => self.malformed(flow, &fault),
        }
    }

    /// 400 for what a known peer sent and can be answered; silence for everything else.
    fn malformed(&mut self, flow: Flow, fault: &ParseError) {
        let source = self.source_of(flow.peer.ip());
        if source == Source::Unknown {
            return self.counters.stranger(flow.peer.ip());
        }
        self.counters.rejected(fault.label());
        if let (Some(bytes), Some(request)) = (fault.response(flow.peer), fault.request()) {
            let flow = flow.of_answer(request, self.reply_to(source));
            self.outputs.push_back(Output::Send { flow, bytes });
        }
    }

    fn response_in(&mut self, now: Now, flow: Flow, mut message: Message) {
        match message.check_once() {
            Ok(()) => self.layer.handle_message(now.tick, flow, message),
            Err(fault) => self.counters.rejected(fault.label()),
        }
    }

    fn request(&mut self, now: Now, flow: Flow, mut message: Message) {
        let source = self.source_of(flow.peer.ip());
        if source == Source::Unknown && !self.is_live_peer(&flow, &message) {
            return self.counters.stranger(flow.peer.ip());
        }
        message.set_reply_to(self.reply_to(source));
        if let Err(fault) = message.check_once() {
            self.counters.rejected(fault.label());
            if let Some(bytes) = fault.response(&message) {
                let flow = flow.of_answer(&message, ReplyTo::Auto);
                self.outputs.push_back(Output::Send { flow, bytes });
            }
            return;
        }
        self.layer.handle_message(now.tick, flow, message);
    }

    /// Where the answers go that a Via without `rport` asks for.
    fn reply_to(&self, source: Source) -> ReplyTo {
        let Source::Gate(id) = source else { return ReplyTo::Auto };
        match self.tables.gates.by_id(id).map(|gate| gate.reply_to) {
            Some(route::ReplyTo::Source) => ReplyTo::Source,
            Some(route::ReplyTo::Via) => ReplyTo::Via,
            Some(route::ReplyTo::Auto) | None => ReplyTo::Auto,
        }
    }

    /// A peer whose gate was removed may still end the call that it has.
    fn is_live_peer(&mut self, flow: &Flow, message: &Message) -> bool {
        let Some((at, leg)) = self.by_tag(message.to_tag()) else { return false };
        let Some(slot) = self.slots.take(at) else { return false };
        let live = slot.leg(leg).is_some_and(|leg| self.is_peer(&slot, leg, flow.peer.ip()));
        self.slots.put(slot);
        live
    }

    /// A request that opened a server transaction.
    pub(crate) fn new_request(&mut self, now: Now, id: ServerId, flow: Flow, message: Message) {
        if !message.to_tag().is_empty() {
            return self.in_dialog(now, id, flow, message);
        }
        if let Err(fault) = message.check_scheme() {
            return self.decline(now, id, &message, fault.status());
        }
        if self.refuses_extension(now, id, &message) {
            return;
        }
        // What ends here needs no more hops (RFC 4475 §3.3.11); a call would go on.
        if message.max_forwards() == Some(0) && message.method() == Method::Invite {
            return self.decline(now, id, &message, 483);
        }
        if message.method() == Method::Invite && privacy::forwards(&message) > privacy::FORWARDS_MAX {
            return self.decline(now, id, &message, 482);
        }
        match message.method() {
            Method::Invite => self.new_call(now, id, flow, message),
            Method::Options => self.options(now, id, &message),
            Method::Bye | Method::Update | Method::Info | Method::Prack | Method::Notify => self.decline(now, id, &message, 481),
            Method::Ack | Method::Cancel => {}
            Method::Register | Method::Refer | Method::Subscribe | Method::Message | Method::Publish => {
                self.not_allowed(now, id, &message, 405)
            }
            Method::Other => self.not_allowed(now, id, &message, 501),
        }
    }

    /// OPTIONS of a known peer: what we can do; 503 when we take no calls, so that its probes steer calls away.
    fn options(&mut self, now: Now, id: ServerId, message: &Message) {
        let status = if self.draining { 503 } else { 200 };
        let builder = build::response(message, status, &self.stateless_tag(message))
            .header(Name::Allow, ALLOW)
            .header(Name::Accept, "application/sdp")
            .header(Name::Supported, SUPPORTED);
        self.answer(now, id, status, builder);
    }

    /// 420 to a request that requires what we do not have; true if it does.
    pub(crate) fn refuses_extension(&mut self, now: Now, id: ServerId, message: &Message) -> bool {
        let Some(unsupported) = unsupported(message) else { return false };
        let builder = build::response(message, 420, &self.stateless_tag(message)).header(Name::Unsupported, &unsupported);
        self.count_final(message, 420);
        self.answer(now, id, 420, builder);
        true
    }

    pub(crate) fn not_allowed(&mut self, now: Now, id: ServerId, message: &Message, status: u16) {
        let builder = build::response(message, status, &self.stateless_tag(message)).header(Name::Allow, ALLOW);
        self.answer(now, id, status, builder);
    }

    /// A bare final answer outside any call.
    pub(crate) fn decline(&mut self, now: Now, id: ServerId, message: &Message, status: u16) {
        self.count_final(message, status);
        let builder = build::response(message, status, &self.stateless_tag(message));
        self.answer(now, id, status, builder);
    }

    /// A body that cannot be taken: with what can.
    pub(crate) fn decline_body(&mut self, now: Now, id: ServerId, message: &Message, fault: media::BodyError) {
        let tag = self.stateless_tag(message);
        let builder =
            build::response(message, fault.status(), &tag).header(Name::Accept, "application/sdp").header(Name::AcceptEncoding, "identity");
        self.count_final(message, fault.status());
        self.answer(now, id, fault.status(), builder);
    }

    /// Counts a final answer to an INVITE that begins a call; those of a call that began are counted where it is answered or refused, and
    /// answers to anything else never.
    pub(crate) fn count_final(&mut self, message: &Message, status: u16) {
        if message.method() == Method::Invite && message.to_tag().is_empty() {
            self.counters.sip_response(CountedSide::Gate, &self.nobody, status);
        }
    }

    pub(crate) fn answer(&mut self, now: Now, id: ServerId, status: u16, builder: Builder) {
        self.layer.respond(now.tick, id, status, builder.build());
    }

    /// A To-tag that opens to nothing, the same for repeats.
    pub(crate) fn stateless_tag(&self, message: &Message) -> String {
        self.minter.stateless(&[message.call_id(), message.from_tag()]).to_string()
    }
}

/// The option tags of Require and Proxy-Require that we do not know (RFC 3261 §8.2.2.3).
fn unsupported(message: &Message) -> Option<String> {
    if matches!(message.method(), Method::Cancel | Method::Ack) {
        return None;
    }
    let required = message.values(Name::Require).filter(|tag| !tag.eq_ignore_ascii_case("timer"));
    let unknown: Vec<&str> = required.chain(message.values(Name::ProxyRequire)).collect();
    if unknown.is_empty() { None } else { Some(unknown.join(", ")) }
}
