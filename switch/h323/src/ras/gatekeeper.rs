//! A small gatekeeper: gates register by their address, or by an alias and a password, and their calls are
//! routed through us (H.323 §8.1.2, gatekeeper routed). Whoever is no member hears nothing.

use super::token::{Scheme, Secret, verifies};
use crate::address;
use crate::asn1::H225_V4;
use crate::asn1::h225::{
    AdmissionConfirm, AdmissionReject, AdmissionRejectReason, AliasAddress, BandwidthConfirm, CallModel,
    DisengageConfirm, GatekeeperConfirm, InfoRequest, InfoRequestAck, LocationReject, LocationRejectReason,
    RasMessage, RegistrationConfirm, RegistrationReject, RegistrationRejectReason, RegistrationRequest,
    ResourcesAvailableConfirm, TransportAddress, UUIEsRequested, UnregistrationConfirm,
};
use crate::asn1::h235::AuthenticationMechanism;
use crate::call::alias_text;
use crate::per::{Oid, decode, encode};
use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};
use units::{Now, Tick};

/// Seconds that a registration lives at least, and at most.
const TTL_FLOOR_S: u32 = 20;
const TTL_MAX_S: u32 = 3600;
/// Registrations of one member at once: it may be several gateways.
const PER_MEMBER_MAX: usize = 16;
const ALIASES_MAX: usize = 16;

/// The gatekeeper's own names and addresses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GatekeeperSettings {
    /// Its identifier.
    pub id: String,
    /// Its RAS address as members see it.
    pub ras: SocketAddr,
    /// Where members send call signalling.
    pub signalling: SocketAddr,
    /// Seconds that a registration lives unless it asks for less.
    pub ttl_s: u32,
}

/// Who may register: a gate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// The owner's name for it.
    pub key: u32,
    /// Aliases by which it may be known; any, if there are none.
    pub aliases: Vec<String>,
    /// What it must know; nothing, if it is known by its address.
    pub secret: Option<Secret>,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GatekeeperEvent {
    /// A member takes calls there.
    Registered {
        /// Which.
        key: u32,
        /// Where it takes call signalling.
        signalling: SocketAddr,
    },
    /// It does not any more.
    Unregistered {
        /// Which.
        key: u32,
        /// Where it was.
        signalling: SocketAddr,
    },
}

#[derive(Debug)]
struct Endpoint {
    id: String,
    key: u32,
    source: IpAddr,
    ras: SocketAddr,
    signalling: SocketAddr,
    ttl_s: u32,
    expires_at: Tick,
}

/// The gatekeeper.
#[derive(Debug)]
pub struct Gatekeeper {
    settings: GatekeeperSettings,
    members: Vec<Member>,
    endpoints: Vec<Endpoint>,
    /// Makes endpoint identifiers that cannot be guessed.
    seed: u64,
    number: u16,
    events: VecDeque<GatekeeperEvent>,
}

// === impl Gatekeeper ===

impl Gatekeeper {
    /// Nobody is registered. `seed` is random.
    pub const fn new(settings: GatekeeperSettings, members: Vec<Member>, seed: u64) -> Self {
        Self { settings, members, endpoints: Vec::new(), seed, number: 0, events: VecDeque::new() }
    }

    /// Other members; those that are gone lose their registration.
    pub fn set_members(&mut self, members: Vec<Member>) {
        self.members = members;
        let keys: Vec<u32> = self.members.iter().map(|member| member.key).collect();
        self.drop_where(|endpoint| !keys.contains(&endpoint.key));
    }

    /// Where a member takes call signalling now, the newest registration first.
    pub fn addresses(&self, key: u32) -> impl Iterator<Item = SocketAddr> {
        self.endpoints
            .iter()
            .rev()
            .filter(move |endpoint| endpoint.key == key)
            .map(|endpoint| endpoint.signalling)
    }

    /// How many are registered.
    pub fn registered(&self) -> usize {
        self.endpoints.len()
    }

    /// The next event.
    pub fn poll_event(&mut self) -> Option<GatekeeperEvent> {
        self.events.pop_front()
    }

    /// When [`Gatekeeper::handle_timeout`] is wanted.
    pub fn next_deadline(&self) -> Option<Tick> {
        self.endpoints.iter().map(|endpoint| endpoint.expires_at).min()
    }

    /// Registrations whose time is over end.
    pub fn handle_timeout(&mut self, now: Tick) {
        self.drop_where(|endpoint| endpoint.expires_at <= now);
    }

    /// Asks a member's endpoints for their calls.
    pub fn info_requests(&mut self, key: u32) -> Vec<(SocketAddr, Vec<u8>)> {
        let endpoints = self.endpoints.iter().filter(|endpoint| endpoint.key == key);
        let addresses: Vec<SocketAddr> = endpoints.map(|endpoint| endpoint.ras).collect();
        let requests = addresses.into_iter().filter_map(|to| {
            self.number = self.number.checked_add(1).unwrap_or(1);
            let request = InfoRequest {
                request_seq_num: self.number,
                reply_address: Some(address::h225(self.settings.ras)),
                ..InfoRequest::default()
            };
            encode(&RasMessage::InfoRequest(Box::new(request))).ok().map(|bytes| (to, bytes))
        });
        requests.collect()
    }

    /// A datagram; `by_source` is the member whose address it came from, if it is one's. What to answer, and
    /// where to: never to another host than that which asked.
    pub fn handle_message(
        &mut self,
        now: Now,
        from: SocketAddr,
        by_source: Option<u32>,
        bytes: &[u8],
    ) -> Option<(SocketAddr, Vec<u8>)> {
        let message = decode::<RasMessage>(bytes).ok()?;
        let (answer, reply_to) = match &message {
            RasMessage::GatekeeperRequest(request) => {
                let aliases = request.endpoint_alias.as_deref().unwrap_or_default();
                let member = self.member(by_source, aliases)?;
                let wanted = request.gatekeeper_identifier.as_ref();
                if wanted.is_some_and(|id| *id != self.settings.id) {
                    return None;
                }
                let confirm = self.gatekeeper_confirm(request.request_seq_num, member);
                (confirm, Some(&request.ras_address))
            }
            RasMessage::RegistrationRequest(request) => {
                let answer = self.register(now, from, by_source, request, bytes, &message)?;
                (answer, request.ras_address.first())
            }
            request => {
                let key = self.key_of(now, from, by_source, request, bytes)?;
                (self.answer(key, request)?, None)
            }
        };
        let to = reply_to.and_then(address::of_h225).filter(|to| to.ip() == from.ip()).unwrap_or(from);
        Some((to, encode(&answer).ok()?))
    }

    /// The member that asks: by its address, or by an alias if it has a secret.
    fn member(&self, by_source: Option<u32>, aliases: &[AliasAddress]) -> Option<&Member> {
        let names: Vec<String> = aliases.iter().take(ALIASES_MAX).filter_map(alias_text).collect();
        let by_name = self.members.iter().find(|member| {
            member.secret.is_some() && member.aliases.iter().any(|alias| names.contains(alias))
        });
        let by_source = by_source.and_then(|key| self.members.iter().find(|member| member.key == key));
        by_source.or(by_name)
    }

    fn gatekeeper_confirm(&self, number: u16, member: &Member) -> RasMessage {
        let needs_hash = member.secret.is_some();
        RasMessage::GatekeeperConfirm(Box::new(GatekeeperConfirm {
            request_seq_num: number,
            protocol_identifier: H225_V4,
            gatekeeper_identifier: Some(self.settings.id.clone()),
            ras_address: address::h225(self.settings.ras),
            authentication_mode: needs_hash.then_some(AuthenticationMechanism::PwdHash),
            algorithm_oid: needs_hash.then(|| match member.secret.as_ref().map(|secret| secret.scheme) {
                Some(Scheme::H2351) => Oid::of(&[0, 8, 0x81, 0x6b, 0, 2, 6]),
                _ => Oid::of(&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 2, 5]),
            }),
            ..GatekeeperConfirm::default()
        }))
    }

    fn register(
        &mut self,
        now: Now,
        from: SocketAddr,
        by_source: Option<u32>,
        request: &RegistrationRequest,
        bytes: &[u8],
        message: &RasMessage,
    ) -> Option<RasMessage> {
        let number = request.request_seq_num;
        let known = request.endpoint_identifier.as_deref().and_then(|id| self.endpoint(id, from.ip()));
        if request.keep_alive == Some(true) {
            let Some(at) = known else {
                // only who could register at all is told that it has to
                self.member(by_source, &[])?;
                return Some(reject(number, RegistrationRejectReason::FullRegistrationRequired));
            };
            let endpoint = &mut self.endpoints[at];
            endpoint.expires_at = now.tick.plus_ms(u64::from(endpoint.ttl_s) * 1000);
            return Some(self.confirm(number, at));
        }
        let aliases = request.terminal_alias.as_deref().unwrap_or_default();
        let member = self.member(by_source, aliases)?;
        let key = member.key;
        if let Some(secret) = &member.secret
            && !verifies(bytes, message, secret, now.wall)
        {
            let is_stranger = by_source != Some(key);
            return (!is_stranger).then(|| reject(number, RegistrationRejectReason::SecurityDenial));
        }
        let names: Vec<String> = aliases.iter().take(ALIASES_MAX).filter_map(alias_text).collect();
        if !member.aliases.is_empty() && names.iter().any(|name| !member.aliases.contains(name)) {
            return Some(reject(number, RegistrationRejectReason::InvalidAlias));
        }
        let Some(signalling) = usable(&request.call_signal_address, from) else {
            return Some(reject(number, RegistrationRejectReason::InvalidCallSignalAddress));
        };
        let ras = usable(&request.ras_address, from).unwrap_or(from);
        let at = self.put(now, key, from.ip(), (ras, signalling), request.time_to_live);
        Some(self.confirm(number, at))
    }

    /// A new registration, or the same one anew: the same member at the same address has one.
    fn put(
        &mut self,
        now: Now,
        key: u32,
        source: IpAddr,
        (ras, signalling): (SocketAddr, SocketAddr),
        ttl_s: Option<u32>,
    ) -> usize {
        let ttl_s = ttl_s.unwrap_or(TTL_MAX_S).min(self.settings.ttl_s).clamp(TTL_FLOOR_S, TTL_MAX_S);
        let expires_at = now.tick.plus_ms(u64::from(ttl_s) * 1000);
        let same = self.endpoints.iter().position(|of| (of.key, of.signalling) == (key, signalling));
        if let Some(at) = same {
            let endpoint = &mut self.endpoints[at];
            (endpoint.source, endpoint.ras) = (source, ras);
            (endpoint.ttl_s, endpoint.expires_at) = (ttl_s, expires_at);
            return at;
        }
        let of_member = |of: &Endpoint| of.key == key;
        if self.endpoints.iter().filter(|of| of_member(of)).count() >= PER_MEMBER_MAX
            && let Some(oldest) = self.endpoints.iter().position(of_member)
        {
            let gone = self.endpoints.remove(oldest);
            self.events.push_back(GatekeeperEvent::Unregistered { key, signalling: gone.signalling });
        }
        self.seed = self.seed.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
        let id = format!("{:016x}_{}", self.seed ^ (self.seed >> 29), self.settings.id);
        let id = id.chars().take(128).collect();
        self.endpoints.push(Endpoint { id, key, source, ras, signalling, ttl_s, expires_at });
        self.events.push_back(GatekeeperEvent::Registered { key, signalling });
        self.endpoints.len() - 1
    }

    fn confirm(&self, number: u16, at: usize) -> RasMessage {
        let endpoint = &self.endpoints[at];
        RasMessage::RegistrationConfirm(Box::new(RegistrationConfirm {
            request_seq_num: number,
            protocol_identifier: H225_V4,
            call_signal_address: vec![address::h225(self.settings.signalling)],
            gatekeeper_identifier: Some(self.settings.id.clone()),
            endpoint_identifier: endpoint.id.clone(),
            time_to_live: Some(endpoint.ttl_s),
            will_respond_to_irr: Some(false),
            maintain_connection: Some(false),
            ..RegistrationConfirm::default()
        }))
    }

    /// Whose request it is: a registered endpoint's, from its host, with its token if it has a secret; or,
    /// where nobody is registered, the member's at that address.
    fn key_of(
        &self,
        now: Now,
        from: SocketAddr,
        by_source: Option<u32>,
        request: &RasMessage,
        bytes: &[u8],
    ) -> Option<Asker> {
        let id = match request {
            RasMessage::UnregistrationRequest(request) => request.endpoint_identifier.as_deref(),
            RasMessage::AdmissionRequest(request) => Some(request.endpoint_identifier.as_str()),
            RasMessage::BandwidthRequest(request) => Some(request.endpoint_identifier.as_str()),
            RasMessage::DisengageRequest(request) => Some(request.endpoint_identifier.as_str()),
            RasMessage::InfoRequestResponse(request) => Some(request.endpoint_identifier.as_str()),
            RasMessage::ResourcesAvailableIndicate(request) => Some(request.endpoint_identifier.as_str()),
            _ => None,
        };
        if let Some(at) = id.and_then(|id| self.endpoint(id, from.ip())) {
            let member = self.members.iter().find(|member| member.key == self.endpoints[at].key)?;
            let is_proven = match (&member.secret, request) {
                // what these say changes nothing
                (_, RasMessage::InfoRequestResponse(_) | RasMessage::ResourcesAvailableIndicate(_)) => true,
                (Some(secret), _) => verifies(bytes, request, secret, now.wall),
                (None, _) => true,
            };
            return is_proven.then_some(Asker::Endpoint(at));
        }
        by_source.filter(|key| self.members.iter().any(|member| member.key == *key)).map(|_| Asker::Member)
    }

    fn endpoint(&self, id: &str, source: IpAddr) -> Option<usize> {
        self.endpoints.iter().position(|endpoint| endpoint.id == id && endpoint.source == source)
    }

    fn answer(&mut self, asker: Asker, request: &RasMessage) -> Option<RasMessage> {
        match request {
            RasMessage::UnregistrationRequest(request) => {
                if let Asker::Endpoint(at) = asker {
                    let Endpoint { key, signalling, .. } = self.endpoints.remove(at);
                    self.events.push_back(GatekeeperEvent::Unregistered { key, signalling });
                }
                Some(RasMessage::UnregistrationConfirm(Box::new(UnregistrationConfirm {
                    request_seq_num: request.request_seq_num,
                    ..UnregistrationConfirm::default()
                })))
            }
            RasMessage::AdmissionRequest(request) => {
                let number = request.request_seq_num;
                let Asker::Endpoint(at) = asker else {
                    return Some(RasMessage::AdmissionReject(Box::new(AdmissionReject {
                        request_seq_num: number,
                        reject_reason: AdmissionRejectReason::CallerNotRegistered,
                        ..AdmissionReject::default()
                    })));
                };
                // a call that we bring it is signalled at its own address
                let signalling = match request.answer_call {
                    true => self.endpoints[at].signalling,
                    false => self.settings.signalling,
                };
                Some(admission_confirm(number, request.band_width, signalling))
            }
            RasMessage::BandwidthRequest(request) => {
                Some(RasMessage::BandwidthConfirm(Box::new(BandwidthConfirm {
                    request_seq_num: request.request_seq_num,
                    band_width: request.band_width,
                    ..BandwidthConfirm::default()
                })))
            }
            // the call itself ends by its signalling alone: this may overtake it
            RasMessage::DisengageRequest(request) => {
                Some(RasMessage::DisengageConfirm(Box::new(DisengageConfirm {
                    request_seq_num: request.request_seq_num,
                    ..DisengageConfirm::default()
                })))
            }
            RasMessage::InfoRequestResponse(response) if response.need_response == Some(true) => {
                Some(RasMessage::InfoRequestAck(Box::new(InfoRequestAck {
                    request_seq_num: response.request_seq_num,
                    ..InfoRequestAck::default()
                })))
            }
            RasMessage::ResourcesAvailableIndicate(indicate) => {
                Some(RasMessage::ResourcesAvailableConfirm(Box::new(ResourcesAvailableConfirm {
                    request_seq_num: indicate.request_seq_num,
                    protocol_identifier: H225_V4,
                    ..ResourcesAvailableConfirm::default()
                })))
            }
            RasMessage::LocationRequest(request) => {
                Some(RasMessage::LocationReject(Box::new(LocationReject {
                    request_seq_num: request.request_seq_num,
                    reject_reason: LocationRejectReason::RequestDenied,
                    ..LocationReject::default()
                })))
            }
            _ => None,
        }
    }

    fn drop_where(&mut self, is_gone: impl Fn(&Endpoint) -> bool) {
        let events = &mut self.events;
        self.endpoints.retain(|endpoint| {
            let is_gone = is_gone(endpoint);
            if is_gone {
                let Endpoint { key, signalling, .. } = *endpoint;
                events.push_back(GatekeeperEvent::Unregistered { key, signalling });
            }
            !is_gone
        });
    }
}

/// Who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asker {
    /// A registered one, by its place.
    Endpoint(usize),
    /// A member that is not registered.
    Member,
}

/// The first address that is the host's itself: calls go to nobody else.
fn usable(addresses: &[TransportAddress], from: SocketAddr) -> Option<SocketAddr> {
    addresses.iter().take(8).filter_map(address::of_h225).find(|address| address.ip() == from.ip())
}

fn reject(number: u16, reason: RegistrationRejectReason) -> RasMessage {
    RasMessage::RegistrationReject(Box::new(RegistrationReject {
        request_seq_num: number,
        protocol_identifier: H225_V4,
        reject_reason: reason,
        ..RegistrationReject::default()
    }))
}

fn admission_confirm(number: u16, band_width: u32, signalling: SocketAddr) -> RasMessage {
    RasMessage::AdmissionConfirm(Box::new(AdmissionConfirm {
        request_seq_num: number,
        band_width,
        call_model: CallModel::GatekeeperRouted,
        dest_call_signal_address: address::h225(signalling),
        will_respond_to_irr: Some(false),
        uuies_requested: Some(UUIEsRequested::default()),
        ..AdmissionConfirm::default()
    }))
}
