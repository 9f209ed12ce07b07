//! REGISTER toward a carrier (RFC 3261 §10.2): what one registration says, and what it makes of the answers.
//! When it speaks is [`Registrations`](crate::registrations::Registrations)' business.

use std::net::SocketAddr;
use std::sync::Arc;

use route::{Carrier, Credentials};
use sip::flow::Flow;
use sip::transaction::ClientId;
use sip::{Builder, Message, Method, Name, NameAddr, Uri};
use units::{Now, Transport};

use super::credentials::{Asked, Authorization, Renewal};
use super::endpoint::{Client, Endpoint, here};
use super::hop::flow_to;
use super::messages;
use super::parties::escaped_user;
use crate::ConfigSnapshot;

/// The shortest expiry that is followed, seconds: what a registrar grants below it is refreshed as if it were
/// this.
pub(crate) const EXPIRES_SECS_MIN: u32 = 20;
/// The longest, seconds.
pub(crate) const EXPIRES_SECS_MAX: u32 = 86_400;

/// One registration: a Call-ID, its CSeq numbers, and what its registrar wants to know.
pub(crate) struct Registration {
    pub carrier: Arc<Carrier>,
    /// Under which its transactions are known.
    key: u32,
    call_id: String,
    cseq: u32,
    /// Seconds asked for.
    wanted_secs: u32,
    known: Authorization,
    asked: Asked,
    /// Whether a 423 was answered since the last good answer.
    enlarged: bool,
    /// The request that is out.
    client: Option<ClientId>,
    /// Where it went.
    pub flow: Option<Flow>,
    /// The connection that it keeps open, 0: none.
    pub conn: u64,
}

/// What became of a REGISTER.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Registered {
    /// For so many seconds.
    For(u32),
    /// No more, as we wished.
    Removed,
    /// It went out again, with credentials or with a longer expiry.
    Again,
    /// Not, by this status and with this Retry-After.
    Refused(u16, Option<u32>),
}

// === impl Registration ===

impl Registration {
    pub(crate) fn new(endpoint: &Endpoint, key: u32, carrier: Arc<Carrier>) -> Self {
        let call_id = endpoint.minter.stateless(&["registration", &carrier.name, &key.to_string()]);
        Self {
            wanted_secs: carrier.register_secs.unwrap_or(EXPIRES_SECS_MAX),
            carrier,
            key,
            call_id: call_id.to_string(),
            cseq: 0,
            known: Authorization::default(),
            asked: Asked::default(),
            enlarged: false,
            client: None,
            flow: None,
            conn: 0,
        }
    }

    /// Whether this transaction is the one that it waits for.
    pub(crate) fn waits_for(&self, id: ClientId) -> bool {
        self.client == Some(id)
    }

    /// Other credentials, or other terms: nothing learnt holds.
    pub(crate) fn adopt(&mut self, carrier: &Arc<Carrier>) {
        self.carrier = Arc::clone(carrier);
        self.wanted_secs = carrier.register_secs.unwrap_or(EXPIRES_SECS_MAX);
        self.known = Authorization::default();
    }

    /// Asks at `to` to be registered, or no more; false if nothing of ours reaches that.
    pub(crate) fn ask(
        &mut self,
        now: Now,
        endpoint: &mut Endpoint,
        config: &ConfigSnapshot,
        (to, transport): (SocketAddr, Transport),
        is_wanted: bool,
    ) -> bool {
        let Some(local) = config.local_for(transport, to) else { return false };
        let mut flow = flow_to((&self.carrier.target, transport), local, to);
        if self.flow.is_some_and(|flow| flow.peer == to) {
            flow.conn = self.conn;
        }
        self.asked = Asked::default();
        self.enlarged = false;
        self.send(now, endpoint, config, flow, if is_wanted { self.wanted_secs } else { 0 });
        true
    }

    /// No answer is waited for any more.
    pub(crate) fn forget(&mut self, endpoint: &mut Endpoint) {
        if let Some(client) = self.client.take() {
            endpoint.clients.remove(&client);
        }
    }

    /// Lets its connection go.
    pub(crate) fn close(&mut self, endpoint: &mut Endpoint) {
        self.forget(endpoint);
        if self.conn != 0 {
            endpoint.let_go(std::mem::take(&mut self.conn));
        }
    }

    fn send(&mut self, now: Now, endpoint: &mut Endpoint, config: &ConfigSnapshot, flow: Flow, expires: u32) {
        self.forget(endpoint);
        self.cseq += 1;
        self.flow = Some(flow);
        let (client, branch) = endpoint.layer.mint_client();
        let bytes = self.write(endpoint, &here(config, &flow), &flow, &branch, expires).build();
        let ours = self.carrier.credentials.as_deref().filter(|_| !self.known.is_empty());
        let bytes = match ours {
            Some(ours) => {
                let cnonce = endpoint.cnonce(now, client);
                let renewal = Renewal { identity: None, cnonce: &cnonce };
                self.known.authorize(&bytes, ours, &renewal).unwrap_or(bytes)
            }
            None => bytes,
        };
        self.client = Some(client);
        endpoint.clients.insert(client, Client::Register(self.key));
        endpoint.layer.send(now.tick, client, flow, Method::Register, bytes);
    }

    fn write(&self, endpoint: &Endpoint, here: &str, flow: &Flow, branch: &str, expires: u32) -> Builder {
        let username = self.carrier.credentials.as_deref().map_or("", |ours| &*ours.username);
        // Who is known as user@domain says so; the contact is the user's.
        let host = self.carrier.target.host.to_string();
        let (user, domain) = username.rsplit_once('@').unwrap_or((username, &host));
        let party = format!("<sip:{}@{domain}>", escaped_user(user));
        let tag = endpoint.minter.stateless(&["register", &self.call_id]);
        let contact = messages::contact(&escaped_user(user), here, flow.transport);
        Builder::request(Method::Register, &format!("sip:{}", self.carrier.target.host_port()))
            .header_fmt(
                Name::Via,
                format_args!("SIP/2.0/{} {here};branch={branch};rport", flow.transport.via_name()),
            )
            .header(Name::MaxForwards, "70")
            .header_fmt(Name::From, format_args!("{party};tag={tag}"))
            .header(Name::To, &party)
            .header(Name::CallId, &self.call_id)
            .cseq(self.cseq, Method::Register)
            .header_fmt(Name::Contact, format_args!("{contact};expires={expires}"))
            .header_fmt(Name::Expires, format_args!("{expires}"))
            .header(Name::Allow, messages::ALLOW)
    }

    /// Takes a final answer. `is_carriers`: it came from an address of the carrier.
    pub(crate) fn answered(
        &mut self,
        now: Now,
        endpoint: &mut Endpoint,
        config: &ConfigSnapshot,
        (flow, response, is_carriers): (Flow, &Message, bool),
        is_wanted: bool,
    ) -> Registered {
        self.forget(endpoint);
        let status = response.status();
        let (sent, secs) = (self.flow.unwrap_or(flow), if is_wanted { self.wanted_secs } else { 0 });
        let is_again = match (status, self.carrier.credentials.as_deref()) {
            (200..=299, _) => {
                self.keep(endpoint, flow);
                return if is_wanted { self.granted(response) } else { Registered::Removed };
            }
            (401 | 407, Some(ours)) if is_carriers => self.known.challenged(ours, &mut self.asked, response),
            (423, _) if is_wanted && !self.enlarged => match min_expires(response) {
                Some(least) if least > self.wanted_secs => {
                    (self.wanted_secs, self.enlarged) = (least, true);
                    return self.again(now, endpoint, config, sent, least);
                }
                Some(_) | None => false,
            },
            _ => false,
        };
        if is_again {
            return self.again(now, endpoint, config, sent, secs);
        }
        let after = response.header(Name::RetryAfter).and_then(leading_number);
        Registered::Refused(status, after)
    }

    fn again(
        &mut self,
        now: Now,
        endpoint: &mut Endpoint,
        config: &ConfigSnapshot,
        flow: Flow,
        secs: u32,
    ) -> Registered {
        self.send(now, endpoint, config, flow, secs);
        Registered::Again
    }

    /// How long a 2xx grants: what it says of our Contact, else its Expires, else what was asked for (RFC
    /// 3261 §10.2.4). A registrar may write the Contact as it sees it; the user part is ours.
    fn granted(&self, response: &Message) -> Registered {
        let user = escaped_user(self.carrier.credentials.as_deref().map_or("", Credentials::user));
        let of_contact = response
            .values(Name::Contact)
            .filter_map(NameAddr::parse)
            .filter(|contact| Uri::parse(contact.uri).is_some_and(|uri| uri.user == Some(&*user)))
            .filter_map(|contact| contact.params.value("expires").and_then(leading_number))
            .max();
        let said = of_contact.or_else(|| response.header(Name::Expires).and_then(leading_number));
        match said.unwrap_or(self.wanted_secs) {
            // It took the binding away.
            0 => Registered::Refused(response.status(), None),
            secs => Registered::For(secs.clamp(EXPIRES_SECS_MIN, EXPIRES_SECS_MAX)),
        }
    }

    /// Calls come by the connection on which it is registered (RFC 5626 §4.2, without its parameters).
    fn keep(&mut self, endpoint: &mut Endpoint, flow: Flow) {
        if flow.conn == self.conn {
            return;
        }
        if self.conn != 0 {
            endpoint.let_go(self.conn);
        }
        if flow.conn != 0 {
            endpoint.keep(flow.conn);
        }
        self.conn = flow.conn;
    }
}

// === helpers ===

fn min_expires(response: &Message) -> Option<u32> {
    let secs = response.header(Name::MinExpires).and_then(leading_number)?;
    (secs <= EXPIRES_SECS_MAX).then_some(secs)
}

/// The digits that a value begins with; a number that is too large counts as the largest.
fn leading_number(value: &str) -> Option<u32> {
    let digits = value.trim_start().split(|c: char| !c.is_ascii_digit()).next().unwrap_or_default();
    if digits.is_empty() { None } else { Some(digits.parse().unwrap_or(u32::MAX)) }
}
