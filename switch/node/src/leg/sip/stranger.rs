//! Requests that need credentials: of unknown addresses, and of gates whose address alone is not enough.
//! Challenges leave no trace but the time in their nonce; who is not answered by the contract hears nothing.

use std::net::IpAddr;
use std::sync::Arc;

use route::{Gate, OfferedHashes};
use sip::auth::Algorithm;
use sip::auth::server::{Authorization, Ha1, Verdict};
use sip::flow::Flow;
use sip::{Message, Method, Name, NameAddr, ReplyTo, Scheme, Uri};
use units::Now;

use super::messages;
use super::subscribe::EVENTS;
use crate::node::Node;
use crate::{BanReason, ConfigSnapshot, Source};

/// What becomes of a request.
pub(super) enum Admission {
    /// It goes on, for whom its credentials are, if it needed any.
    Admitted(Option<Arc<Gate>>),
    /// It was answered, or is not to be.
    Done,
}

impl Node {
    /// Whether a request may go on to its transaction. `message` was checked.
    pub(super) fn admission(&mut self, now: Now, source: Source, flow: Flow, message: &Message) -> Admission {
        match source {
            Source::Unknown => self.stranger(now, flow, message),
            Source::Gate(id) => {
                let gate = self.config.gates.by_id(id).filter(|gate| gate.login.is_some());
                let begins = message.method() == Method::Invite && message.to_tag().is_empty();
                match gate.map(Arc::clone) {
                    Some(gate) if begins && !self.sip.layer.knows(message) => {
                        self.judge(now, Some(gate), flow, message)
                    }
                    Some(_) | None => Admission::Admitted(None),
                }
            }
            Source::Carrier(_) => Admission::Admitted(None),
        }
    }

    fn stranger(&mut self, now: Now, flow: Flow, message: &Message) -> Admission {
        let ip = flow.peer.ip();
        // What belongs to a transaction of ours was admitted with its first request: CANCEL, ACK, repeats.
        if self.sip.layer.knows(message) {
            return Admission::Admitted(None);
        }
        if self.strangers.is_banned(ip, now.tick) {
            self.counters.rejected("locked_out");
            return Admission::Done;
        }
        if !is_challenged(&self.config, message) && !self.subscribes(flow, message) {
            self.counters.stranger(ip);
            // Every phone acknowledges the 401 to its INVITE, of which we know nothing any more.
            if message.method() != Method::Ack {
                self.offended(now, ip);
            }
            return Admission::Done;
        }
        self.judge(now, None, flow, message)
    }

    /// Whether a phone subscribes by the way by which it is registered: whoever is there has proved who it
    /// is.
    fn subscribes(&self, flow: Flow, message: &Message) -> bool {
        message.method() == Method::Subscribe
            && self.registrar.is_by(flow)
            && message.uri().is_ok_and(|uri| is_ours(&self.config, &uri) || uri.user_base() == EVENTS)
    }

    /// Judges credentials: those of `gate`, or of the SIP account that they name. Wrong ones of an unknown
    /// address count toward its lock-out.
    fn judge(&mut self, now: Now, gate: Option<Arc<Gate>>, flow: Flow, message: &Message) -> Admission {
        let ip = flow.peer.ip();
        let is_unknown = gate.is_none();
        let config = Arc::clone(&self.config);
        let given = Authorization::find(message, &config.realm)
            .filter(|given| offered(config.hashes).contains(&given.algorithm()));
        let Some(given) = given else {
            if is_unknown && self.offended(now, ip) {
                return Admission::Done;
            }
            self.challenge(now, is_unknown, flow, message, false);
            return Admission::Done;
        };
        let known = match gate {
            Some(gate) => Some(gate)
                .filter(|gate| gate.login.as_ref().is_some_and(|login| *login.username == *given.username)),
            None => config.gates.by_username(&given.username).map(Arc::clone),
        };
        let login = known.as_ref().and_then(|gate| gate.login.as_ref());
        let ha1 = login.map(|login| Ha1 {
            sha256: login.ha1.sha256.as_ref().map(route::Secret::expose),
            md5: login.ha1.md5.as_ref().map(route::Secret::expose),
        });
        let stale = match self.sip.nonces.judge(message, &given, ha1, (ip, now.wall.0)) {
            Verdict::Right => {
                if is_unknown {
                    self.strangers.succeeded(ip, now.tick);
                }
                return Admission::Admitted(known);
            }
            Verdict::Wrong => {
                self.counters.rejected("bad_credentials");
                // A datagram that comes again is the same guess.
                let branch = message.top_via().ok().and_then(|via| via.branch().map(str::to_owned));
                let guess = [branch.as_deref().unwrap_or_default(), given.response()].join(" ");
                if is_unknown && self.strangers.failed(ip, now, config.strangers, guess.as_bytes()) {
                    self.counters.locks_out(ip, BanReason::WrongCredentials);
                    // Its last answer; from now on it hears nothing.
                    self.challenge(now, is_unknown, flow, message, false);
                    self.lock_out = Some(ip);
                    return Admission::Done;
                }
                false
            }
            Verdict::Stale => {
                self.counters.rejected("stale_nonce");
                true
            }
            Verdict::Replayed => {
                self.counters.rejected("replayed_nonce");
                true
            }
        };
        self.challenge(now, is_unknown, flow, message, stale);
        Admission::Done
    }

    /// A request of an unknown address had no good end; true if the address hears nothing any more.
    pub(super) fn offended(&mut self, now: Now, ip: IpAddr) -> bool {
        let is_banned = self.strangers.offended(ip, now, self.config.strangers);
        if is_banned {
            self.counters.locks_out(ip, BanReason::Scanner);
            self.lock_out = Some(ip);
        }
        is_banned
    }

    /// 401 without any state, of one form for all; to an unknown address only so often.
    fn challenge(&mut self, now: Now, is_unknown: bool, flow: Flow, message: &Message, stale: bool) {
        let ip = flow.peer.ip();
        if is_unknown && !self.strangers.may_challenge(ip, now.tick, self.config.strangers) {
            return self.counters.rejected("over_challenges");
        }
        let tag = self.sip.layer.stateless_tag(message);
        let values = self.sip.nonces.challenges(&self.config.realm, ip, now.wall.0, stale);
        let wanted = offered(self.config.hashes);
        let values = HASHES.iter().zip(&values).filter(|(hash, _)| wanted.contains(hash));
        let builder = messages::response(message, 401, &tag);
        let bytes = values
            .map(|(_, value)| value)
            .fold(builder, |builder, value| builder.header(Name::WwwAuthenticate, value));
        self.sip.layer.transmit(flow.of_answer(message, ReplyTo::Auto), bytes.build());
    }
}

/// Hashes of [`sip::auth::server::Nonces::challenges`], in its order.
const HASHES: [Algorithm; 2] = [Algorithm::Sha256, Algorithm::Md5];

/// The hashes that challenges offer.
const fn offered(hashes: OfferedHashes) -> &'static [Algorithm] {
    match hashes {
        OfferedHashes::Both => &HASHES,
        OfferedHashes::Sha256 => &[Algorithm::Sha256],
        OfferedHashes::Md5 => &[Algorithm::Md5],
    }
}

/// Whether an unknown address is challenged: a REGISTER or a first INVITE for one of our domains.
fn is_challenged(config: &ConfigSnapshot, message: &Message) -> bool {
    if !config.has_sip_accounts() || !message.to_tag().is_empty() {
        return false;
    }
    match message.method() {
        Method::Invite => message.uri().is_ok_and(|uri| is_ours(config, &uri)),
        Method::Register => {
            let to = message.to().ok();
            to.as_ref().and_then(NameAddr::parse_uri).is_some_and(|uri| is_ours(config, &uri))
        }
        _ => false,
    }
}

/// Whether a URI is in one of our domains; without any, at one of our addresses.
fn is_ours(config: &ConfigSnapshot, uri: &Uri<'_>) -> bool {
    if uri.scheme == Scheme::Tel {
        return false;
    }
    if !config.domains.is_empty() {
        return config.domains.iter().any(|domain| domain.eq_ignore_ascii_case(uri.host));
    }
    let is_at = |ip| config.listeners.iter().any(|&(_, local)| config.advertised(local).ip() == ip);
    uri.host_ip().is_some_and(is_at)
}
