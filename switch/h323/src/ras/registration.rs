//! Our registration at a gatekeeper, and the calls that it admits (H.225.0 §7.9 to §7.13, H.323 §7.2).

use super::messages;
use super::requests::{Due, Purpose, Requests};
use super::settings::{Admission, RasSettings};
use super::token::sealed;
use crate::address;
use crate::asn1::h225::{
    AdmissionConfirm, AdmissionRejectReason, AltGKInfo, AlternateGK, BandwidthConfirm, DisengageConfirm,
    GatekeeperConfirm, InfoRequest, RasMessage, RegistrationConfirm, RegistrationReject,
    RegistrationRejectReason, UnregistrationConfirm,
};
use crate::call::{CallIds, alias_digits};
use crate::per::decode;
use std::collections::VecDeque;
use std::net::SocketAddr;
use units::{Cause, Now, Tick};

/// Registrations are not renewed more often, whatever time to live a gatekeeper says.
const TTL_FLOOR_S: u32 = 20;
/// Full registrations are this far apart.
const REGISTER_FLOOR_MS: u64 = 5_000;
const ALTERNATES_MAX: usize = 16;
/// Calls that are known to the gatekeeper at once.
const CALLS_MAX: usize = 4096;

/// What the owner of the socket is to do.
#[derive(Clone, Debug, PartialEq)]
pub enum RasOutput {
    /// Send a datagram.
    Send(SocketAddr, Vec<u8>),
    /// Something happened.
    Event(RasEvent),
}

/// What a registration tells. Calls are named by the owner's numbers.
#[derive(Clone, Debug, PartialEq)]
pub enum RasEvent {
    /// It stands, anew or at another gatekeeper.
    Registered(SocketAddr),
    /// It is lost, and tried again; calls go on.
    Unregistered(&'static str),
    /// The call may be made.
    Admitted(u64, Admitted),
    /// It may not: the next carrier is tried.
    Refused(u64, Cause),
    /// The gatekeeper wants the call ended.
    Disengaged(u64),
}

/// How an admitted call is made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Admitted {
    /// Where its Setup goes.
    pub destination: SocketAddr,
    /// The number to call instead, if the gatekeeper changed it.
    pub called: Option<String>,
}

/// One registration.
#[derive(Debug)]
pub struct Registration {
    settings: RasSettings,
    state: State,
    /// Where requests go now.
    gatekeeper: SocketAddr,
    gatekeeper_id: Option<String>,
    alternates: Vec<Alternate>,
    /// Alternates that were tried since a gatekeeper last answered.
    tried: usize,
    requests: Requests,
    calls: Vec<ActiveCall>,
    last_register: Option<Tick>,
    random: u32,
    outputs: VecDeque<RasOutput>,
}

#[derive(Clone, Debug, PartialEq)]
enum State {
    Stopped,
    Asking,
    Registered { id: String, refresh_at: Tick, expires_at: Tick },
    Waiting { until: Tick },
}

#[derive(Clone, Debug)]
struct Alternate {
    address: SocketAddr,
    id: Option<String>,
    needs_register: bool,
    priority: u8,
}

#[derive(Debug)]
struct ActiveCall {
    call: u64,
    ids: CallIds,
    is_answer: bool,
    /// Its reports: milliseconds between two, and the next.
    report: Option<(u64, Tick)>,
}

// === impl Registration: driven by its owner ===

impl Registration {
    /// Not begun. `seed` is random.
    pub fn new(settings: RasSettings, seed: u32) -> Self {
        Self {
            state: State::Stopped,
            gatekeeper: settings.gatekeeper,
            gatekeeper_id: settings.gatekeeper_id.clone(),
            alternates: Vec::new(),
            tried: 0,
            requests: Requests::new(seed as u16, settings.wait_ms, settings.tries),
            calls: Vec::new(),
            last_register: None,
            random: seed,
            outputs: VecDeque::new(),
            settings,
        }
    }

    /// Begins.
    pub fn start(&mut self, now: Now) {
        if self.state == State::Stopped {
            self.begin(now);
        }
    }

    /// Ends it at the gatekeeper.
    pub fn stop(&mut self, now: Now) {
        self.requests.forget(|_| true);
        if let State::Registered { id, .. } = std::mem::replace(&mut self.state, State::Stopped) {
            let number = self.requests.next_number();
            self.ask(now, number, Purpose::Unregister, messages::unregister(&self.settings, number, &id));
        }
    }

    /// What to do next; drain after every input.
    pub fn poll_output(&mut self) -> Option<RasOutput> {
        self.outputs.pop_front()
    }

    /// Our endpoint identifier while the registration stands; it goes into the Setup of admitted calls.
    pub fn endpoint_id(&self) -> Option<&str> {
        match &self.state {
            State::Registered { id, .. } => Some(id),
            _ => None,
        }
    }

    /// Asks for a call; `Admitted` or `Refused` follows.
    pub fn admit(&mut self, now: Now, call: u64, admission: &Admission) {
        let Some(id) = self.endpoint_id().map(str::to_owned) else {
            return self.tell(RasEvent::Refused(call, Cause::OUT_OF_ORDER));
        };
        let number = self.requests.next_number();
        let message = messages::admit(&self.settings, number, &id, admission);
        if self.calls.len() >= CALLS_MAX || !self.ask(now, number, Purpose::Admit(call), message) {
            return self.tell(RasEvent::Refused(call, Cause::CONGESTION));
        }
        let Admission { ids, is_answer, .. } = *admission;
        self.calls.push(ActiveCall { call, ids, is_answer, report: None });
    }

    /// A call is over, or is not made after all.
    pub fn end_call(&mut self, now: Now, call: u64) {
        self.requests.forget(|purpose| purpose == Purpose::Admit(call));
        let Some(at) = self.calls.iter().position(|active| active.call == call) else { return };
        let ActiveCall { ids, is_answer, .. } = self.calls.swap_remove(at);
        if let Some(id) = self.endpoint_id().map(str::to_owned) {
            let number = self.requests.next_number();
            let message = messages::disengage(number, &id, &ids, is_answer);
            self.ask(now, number, Purpose::Disengage(call), message);
        }
    }

    /// When [`Registration::handle_timeout`] is wanted.
    pub fn next_deadline(&self) -> Option<Tick> {
        let own = match &self.state {
            State::Registered { refresh_at, .. } if !self.requests.is_pending(Purpose::Refresh) => {
                Some(*refresh_at)
            }
            State::Registered { expires_at, .. } => Some(*expires_at),
            State::Waiting { until } => Some(*until),
            State::Stopped | State::Asking => None,
        };
        let reports = self.calls.iter().filter_map(|call| call.report.map(|(_, at)| at)).min();
        [own, reports, self.requests.deadline()].into_iter().flatten().min()
    }

    /// Time has passed.
    pub fn handle_timeout(&mut self, now: Now) {
        while let Some(due) = self.requests.poll_due(now.tick) {
            match due {
                Due::Again(to, bytes) => self.outputs.push_back(RasOutput::Send(to, bytes)),
                Due::GivenUp(purpose) => self.given_up(now, purpose),
            }
        }
        match &self.state {
            State::Waiting { until } if *until <= now.tick => self.begin(now),
            State::Registered { expires_at, .. } if *expires_at <= now.tick => {
                self.lose("its time to live ended");
                self.begin(now);
            }
            State::Registered { refresh_at, .. }
                if *refresh_at <= now.tick && !self.requests.is_pending(Purpose::Refresh) =>
            {
                self.refresh(now);
            }
            _ => {}
        }
        self.report_due(now);
    }

    /// A datagram of the RAS socket.
    pub fn handle_message(&mut self, now: Now, from: SocketAddr, bytes: &[u8]) {
        let Ok(message) = decode::<RasMessage>(bytes) else { return };
        let ip = from.ip();
        let purpose = answered(&message).and_then(|number| self.requests.take(number, ip));
        match (&message, purpose) {
            (RasMessage::GatekeeperConfirm(confirm), Some(Purpose::Discover)) => {
                self.discovered(now, confirm);
            }
            (RasMessage::GatekeeperReject(reject), Some(Purpose::Discover)) => {
                self.learn(reject.alt_gk_info.as_ref());
                self.next_gatekeeper(now);
            }
            (RasMessage::RegistrationConfirm(confirm), Some(Purpose::Register | Purpose::Refresh)) => {
                self.registered(now, confirm);
            }
            (RasMessage::RegistrationReject(reject), Some(Purpose::Register | Purpose::Refresh)) => {
                self.register_refused(now, reject);
            }
            (RasMessage::AdmissionConfirm(confirm), Some(Purpose::Admit(call))) => {
                self.admitted(now, call, confirm);
            }
            (RasMessage::AdmissionReject(reject), Some(Purpose::Admit(call))) => {
                self.learn(reject.alt_gk_info.as_ref());
                self.refused(now, call, &reject.reject_reason);
            }
            (RasMessage::RequestInProgress(progress), _) => {
                let delay_ms = u64::from(progress.delay);
                self.requests.extend(now.tick, progress.request_seq_num, ip, delay_ms);
            }
            (request, None) if ip == self.gatekeeper.ip() => self.on_request(now, from, request),
            _ => {}
        }
    }
}

/// The number of the request that a message answers.
const fn answered(message: &RasMessage) -> Option<u16> {
    Some(match message {
        RasMessage::GatekeeperConfirm(answer) => answer.request_seq_num,
        RasMessage::GatekeeperReject(answer) => answer.request_seq_num,
        RasMessage::RegistrationConfirm(answer) => answer.request_seq_num,
        RasMessage::RegistrationReject(answer) => answer.request_seq_num,
        RasMessage::UnregistrationConfirm(answer) => answer.request_seq_num,
        RasMessage::UnregistrationReject(answer) => answer.request_seq_num,
        RasMessage::AdmissionConfirm(answer) => answer.request_seq_num,
        RasMessage::AdmissionReject(answer) => answer.request_seq_num,
        RasMessage::DisengageConfirm(answer) => answer.request_seq_num,
        RasMessage::DisengageReject(answer) => answer.request_seq_num,
        _ => return None,
    })
}

// === impl Registration: what the gatekeeper asks ===

impl Registration {
    fn on_request(&mut self, now: Now, from: SocketAddr, request: &RasMessage) {
        match request {
            RasMessage::UnregistrationRequest(request) => {
                self.learn_list(request.alternate_gatekeeper.as_deref().unwrap_or_default());
                let confirm = UnregistrationConfirm {
                    request_seq_num: request.request_seq_num,
                    ..UnregistrationConfirm::default()
                };
                self.send(now, from, RasMessage::UnregistrationConfirm(Box::new(confirm)));
                if self.endpoint_id().is_some() {
                    self.lose("the gatekeeper ended it");
                    self.begin_soon(now);
                }
            }
            RasMessage::DisengageRequest(request) => {
                let confirm = DisengageConfirm {
                    request_seq_num: request.request_seq_num,
                    ..DisengageConfirm::default()
                };
                self.send(now, from, RasMessage::DisengageConfirm(Box::new(confirm)));
                let id = request.call_identifier.as_ref().map(|id| id.guid);
                let is_it = |ids: &CallIds| match id {
                    Some(id) => ids.call_id == id,
                    None => ids.reference == request.call_reference_value,
                };
                if let Some(at) = self.calls.iter().position(|active| is_it(&active.ids)) {
                    let call = self.calls.swap_remove(at).call;
                    self.tell(RasEvent::Disengaged(call));
                }
            }
            RasMessage::BandwidthRequest(request) => {
                let confirm = BandwidthConfirm {
                    request_seq_num: request.request_seq_num,
                    band_width: request.band_width,
                    ..BandwidthConfirm::default()
                };
                self.send(now, from, RasMessage::BandwidthConfirm(Box::new(confirm)));
            }
            RasMessage::InfoRequest(request) => self.answer_info(now, from, request),
            _ => {}
        }
    }

    fn answer_info(&mut self, now: Now, from: SocketAddr, request: &InfoRequest) {
        let Some(id) = self.endpoint_id().map(str::to_owned) else { return };
        // a reply goes to no third party
        let reply = request.reply_address.as_ref().and_then(address::of_h225);
        let to = reply.filter(|reply| reply.ip() == from.ip()).unwrap_or(from);
        let asked = request.call_identifier.as_ref().map(|id| id.guid);
        let is_asked = |ids: &CallIds| match asked {
            Some(id) if id != [0; 16] => ids.call_id == id,
            // reference 0 asks for all of them (H.225.0 §7.15.1)
            _ => request.call_reference_value == 0 || ids.reference == request.call_reference_value,
        };
        let calls = self.calls.iter().filter(|call| is_asked(&call.ids)).take(64);
        let calls = calls.map(|call| (&call.ids, call.is_answer));
        let report = messages::report(&self.settings, request.request_seq_num, &id, calls, false);
        self.send(now, to, report);
    }

    fn report_due(&mut self, now: Now) {
        let Some(id) = self.endpoint_id().map(str::to_owned) else { return };
        for at in 0..self.calls.len() {
            let Some((every_ms, due)) = self.calls[at].report.filter(|(_, due)| *due <= now.tick) else {
                continue;
            };
            self.calls[at].report = Some((every_ms, due.max(now.tick).plus_ms(every_ms)));
            let number = self.requests.next_number();
            let call = std::iter::once((&self.calls[at].ids, self.calls[at].is_answer));
            let report = messages::report(&self.settings, number, &id, call, true);
            self.send(now, self.gatekeeper, report);
        }
    }
}

// === impl Registration: its state ===

impl Registration {
    fn begin(&mut self, now: Now) {
        self.state = State::Asking;
        self.requests.forget(is_registering);
        let number = self.requests.next_number();
        if self.settings.discover {
            let message = messages::discover(&self.settings, number);
            self.ask(now, number, Purpose::Discover, message);
        } else {
            self.register(now);
        }
    }

    /// Again, but no storm of it.
    fn begin_soon(&mut self, now: Now) {
        let floor = self.last_register.map(|last| last.plus_ms(REGISTER_FLOOR_MS));
        match floor.filter(|floor| *floor > now.tick) {
            Some(until) => self.state = State::Waiting { until },
            None => self.begin(now),
        }
    }

    fn register(&mut self, now: Now) {
        self.last_register = Some(now.tick);
        let number = self.requests.next_number();
        let message = messages::register(&self.settings, number, None, self.gatekeeper_id.as_deref());
        self.ask(now, number, Purpose::Register, message);
    }

    fn refresh(&mut self, now: Now) {
        if let State::Registered { id, .. } = &self.state {
            let number = self.requests.next_number();
            let message = messages::register(&self.settings, number, Some(id), self.gatekeeper_id.as_deref());
            self.ask(now, number, Purpose::Refresh, message);
        }
    }

    fn discovered(&mut self, now: Now, confirm: &GatekeeperConfirm) {
        if let Some(address) = address::of_h225(&confirm.ras_address) {
            self.gatekeeper = address;
        }
        if confirm.gatekeeper_identifier.is_some() {
            self.gatekeeper_id = confirm.gatekeeper_identifier.clone();
        }
        self.learn_list(confirm.alternate_gatekeeper.as_deref().unwrap_or_default());
        self.register(now);
    }

    fn registered(&mut self, now: Now, confirm: &RegistrationConfirm) {
        let ttl_ms = u64::from(confirm.time_to_live.unwrap_or(self.settings.ttl_s).max(TTL_FLOOR_S)) * 1000;
        let is_new = self.endpoint_id() != Some(&confirm.endpoint_identifier);
        if confirm.gatekeeper_identifier.is_some() {
            self.gatekeeper_id = confirm.gatekeeper_identifier.clone();
        }
        if confirm.alternate_gatekeeper.is_some() {
            self.learn_list(confirm.alternate_gatekeeper.as_deref().unwrap_or_default());
        }
        self.tried = 0;
        self.state = State::Registered {
            id: confirm.endpoint_identifier.clone(),
            refresh_at: now.tick.plus_ms(ttl_ms / 4 * 3),
            expires_at: now.tick.plus_ms(ttl_ms),
        };
        if is_new {
            self.tell(RasEvent::Registered(self.gatekeeper));
        }
    }

    fn register_refused(&mut self, now: Now, reject: &RegistrationReject) {
        self.learn(reject.alt_gk_info.as_ref());
        match reject.reject_reason {
            RegistrationRejectReason::FullRegistrationRequired => {
                self.lose("a full registration is required");
                self.state = State::Asking;
                self.register(now);
            }
            RegistrationRejectReason::DiscoveryRequired => {
                self.lose("a discovery is required");
                self.state = State::Asking;
                let number = self.requests.next_number();
                self.ask(now, number, Purpose::Discover, messages::discover(&self.settings, number));
            }
            _ => {
                self.lose("it was refused");
                self.next_gatekeeper(now);
            }
        }
    }

    fn given_up(&mut self, now: Now, purpose: Purpose) {
        match purpose {
            Purpose::Discover | Purpose::Register | Purpose::Refresh => self.next_gatekeeper(now),
            Purpose::Admit(call) => {
                self.calls.retain(|active| active.call != call);
                self.tell(RasEvent::Refused(call, Cause::OUT_OF_ORDER));
                // whether the gatekeeper is there at all shows sooner than by the time to live
                if !self.requests.is_pending(Purpose::Refresh) {
                    self.refresh(now);
                }
            }
            // some never answer these
            Purpose::Unregister | Purpose::Disengage(_) => {}
        }
    }

    /// The next alternate by its priority, or after all of them the configured one, later.
    fn next_gatekeeper(&mut self, now: Now) {
        let Some(alternate) = self.alternates.get(self.tried).cloned() else {
            self.lose("no gatekeeper answers");
            self.tried = 0;
            self.gatekeeper = self.settings.gatekeeper;
            self.gatekeeper_id = self.settings.gatekeeper_id.clone();
            self.state = State::Waiting { until: now.tick.plus_ms(self.settings.retry_ms) };
            return;
        };
        self.tried += 1;
        self.gatekeeper = alternate.address;
        self.gatekeeper_id = alternate.id.or(self.gatekeeper_id.take());
        if !alternate.needs_register && self.endpoint_id().is_some() {
            self.tell(RasEvent::Registered(self.gatekeeper));
            return self.refresh(now);
        }
        self.lose("another gatekeeper is tried");
        self.state = State::Asking;
        self.register(now);
    }

    fn lose(&mut self, why: &'static str) {
        if self.endpoint_id().is_some() {
            self.tell(RasEvent::Unregistered(why));
        }
        self.state = State::Asking;
        self.requests.forget(is_registering);
    }

    fn learn(&mut self, info: Option<&AltGKInfo>) {
        if let Some(info) = info {
            self.learn_list(&info.alternate_gatekeeper);
        }
    }

    /// Other gatekeepers, by priority: 0 is the first.
    fn learn_list(&mut self, list: &[AlternateGK]) {
        let alternates = list.iter().take(ALTERNATES_MAX).filter_map(|alternate| {
            address::of_h225(&alternate.ras_address).map(|address| Alternate {
                address,
                id: alternate.gatekeeper_identifier.clone(),
                needs_register: alternate.need_to_register,
                priority: alternate.priority,
            })
        });
        let mut alternates: Vec<Alternate> = alternates.collect();
        if !alternates.is_empty() {
            alternates.sort_by_key(|alternate| alternate.priority);
            self.alternates = alternates;
            self.tried = 0;
        }
    }
}

// === impl Registration: calls ===

impl Registration {
    fn admitted(&mut self, now: Now, call: u64, confirm: &AdmissionConfirm) {
        let Some(destination) = address::of_h225(&confirm.dest_call_signal_address) else {
            self.calls.retain(|active| active.call != call);
            return self.tell(RasEvent::Refused(call, Cause::NO_ROUTE));
        };
        let mut calls = self.calls.iter_mut();
        if let (Some(seconds), Some(active)) =
            (confirm.irr_frequency, calls.find(|active| active.call == call))
        {
            let every_ms = u64::from(seconds.max(1)) * 1000;
            active.report = Some((every_ms, now.tick.plus_ms(every_ms)));
        }
        let called = confirm.destination_info.iter().flatten().find_map(alias_digits);
        self.tell(RasEvent::Admitted(call, Admitted { destination, called }));
    }

    fn refused(&mut self, now: Now, call: u64, reason: &AdmissionRejectReason) {
        self.calls.retain(|active| active.call != call);
        self.tell(RasEvent::Refused(call, cause(reason)));
        let is_unknown = matches!(
            reason,
            AdmissionRejectReason::CallerNotRegistered | AdmissionRejectReason::InvalidEndpointIdentifier
        );
        if is_unknown && self.endpoint_id().is_some() {
            self.lose("the gatekeeper does not know us");
            self.begin_soon(now);
        }
    }

    fn ask(&mut self, now: Now, number: u16, purpose: Purpose, message: RasMessage) -> bool {
        let to = self.gatekeeper;
        let Some(bytes) = self.send(now, to, message) else { return false };
        self.requests.add(now.tick, number, purpose, to, bytes)
    }

    fn send(&mut self, now: Now, to: SocketAddr, mut message: RasMessage) -> Option<Vec<u8>> {
        self.random = self.random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let peer = self.gatekeeper_id.clone().unwrap_or_default();
        let secret = self.settings.secret.as_ref();
        let bytes = sealed(&mut message, secret, &peer, now.wall, self.random).ok()?;
        self.outputs.push_back(RasOutput::Send(to, bytes.clone()));
        Some(bytes)
    }

    fn tell(&mut self, event: RasEvent) {
        self.outputs.push_back(RasOutput::Event(event));
    }
}

const fn is_registering(purpose: Purpose) -> bool {
    matches!(purpose, Purpose::Discover | Purpose::Register | Purpose::Refresh)
}

/// Why a gatekeeper refuses a call, as Q.850 says it (H.246 Annex C).
const fn cause(reason: &AdmissionRejectReason) -> Cause {
    Cause(match reason {
        AdmissionRejectReason::CalledPartyNotRegistered => 20,
        AdmissionRejectReason::InvalidPermission | AdmissionRejectReason::SecurityDenial => 57,
        AdmissionRejectReason::RequestDenied | AdmissionRejectReason::ResourceUnavailable => 34,
        AdmissionRejectReason::ExceedsCallCapacity => 34,
        AdmissionRejectReason::CallerNotRegistered | AdmissionRejectReason::InvalidEndpointIdentifier => 38,
        AdmissionRejectReason::IncompleteAddress => 28,
        AdmissionRejectReason::AliasesInconsistent | AdmissionRejectReason::UnallocatedNumber => 1,
        AdmissionRejectReason::NoRouteToDestination | AdmissionRejectReason::RouteCallToSCN(_) => 3,
        AdmissionRejectReason::QosControlNotSupported => 49,
        _ => 31,
    })
}
