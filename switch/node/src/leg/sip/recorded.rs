//! What the journal keeps of a leg, and how a restart ends it by that (RFC 3261 §12.2.1.1).

use std::borrow::Cow;
use std::net::SocketAddr;
use std::sync::Arc;

use call::ReleaseReason;
use route::Carrier;
use serde::{Deserialize, Serialize, Serializer};
use serde_json::value::RawValue;
use sip::flow::{Flow, TlsId, Transport};
use sip::{Builder, Method, Name};
use units::Now;

use super::endpoint::{Client, Endpoint, here};
use super::hop::hop;
use super::leg::SipLeg;
use super::messages;
use crate::{ConfigSnapshot, Source};

/// CSeq numbers are left out after a restart, for requests that no checkpoint knows of.
const CSEQ_GAP: u32 = 1_000;
/// About as long as such a record is, bytes.
const RECORD_LENGTH: usize = 512;
/// The protocol that records name.
const PROTOCOL: &str = "sip";

/// What a restart needs to end one leg of a call that was up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RecordedLeg<'a> {
    /// Which protocol the leg speaks; records before this was written are all of SIP.
    #[serde(default = "protocol")]
    protocol: Cow<'a, str>,
    call_id: Cow<'a, str>,
    /// Our From value with its tag.
    local: Cow<'a, str>,
    /// The peer's, our To value.
    remote: Cow<'a, str>,
    /// Request-URI.
    target: Cow<'a, str>,
    routes: Vec<Cow<'a, str>>,
    cseq: u32,
    transport: Cow<'a, str>,
    #[serde(serialize_with = "address")]
    here: SocketAddr,
    #[serde(serialize_with = "address")]
    peer: SocketAddr,
}

impl SipLeg {
    pub(crate) fn recorded(&self) -> Option<Box<RawValue>> {
        let dialog = self.dialog()?;
        let record = RecordedLeg {
            protocol: protocol(),
            call_id: dialog.call_id().into(),
            local: dialog.local().into(),
            remote: dialog.remote().into(),
            target: dialog.target().into(),
            routes: dialog.routes().map(Cow::from).collect(),
            cseq: dialog.local_seq(),
            transport: self.flow.transport.as_str().into(),
            here: self.flow.local,
            peer: self.flow.peer,
        };
        ledger::json::to_raw(&record, RECORD_LENGTH).ok()
    }
}

impl RecordedLeg<'_> {
    /// Whether it is of a leg that spoke H.323.
    pub(crate) fn is_gateways(text: &RawValue) -> bool {
        #[derive(Deserialize)]
        struct Spoken<'a> {
            protocol: Option<Cow<'a, str>>,
        }
        serde_json::from_str::<Spoken<'_>>(text.get())
            .is_ok_and(|spoken| spoken.protocol.as_deref() == Some("h323"))
    }

    /// What was written of a leg; none if that was another protocol's, or a later version's.
    pub(crate) fn read(text: &RawValue) -> Option<RecordedLeg<'_>> {
        serde_json::from_str(text.get()).ok().filter(|leg: &RecordedLeg<'_>| leg.protocol == PROTOCOL)
    }
}

impl Endpoint {
    /// BYE on a leg of a process that is gone; `carrier` is whose it is, should it be challenged.
    pub(crate) fn end_recorded(
        &mut self,
        now: Now,
        config: &ConfigSnapshot,
        (leg, carrier): (&RecordedLeg<'_>, Option<&Arc<Carrier>>),
        why: ReleaseReason,
    ) {
        let transport = leg.transport.parse().unwrap_or(Transport::Tcp);
        let local = config.local_for(transport, leg.peer).unwrap_or(leg.here);
        let next = leg
            .routes
            .first()
            .map_or(&*leg.target, |route| route.trim_start_matches('<').split('>').next().unwrap_or(route));
        let tls = config.carriers.by_source(leg.peer.ip()).map_or(TlsId::NONE, |carrier| carrier.target.tls);
        let gone = Flow { transport, tls, local, peer: leg.peer, conn: 0 };
        // A stream died with the process: the peer's listening address, where its Contact names one.
        let is_phone = config.has_sip_accounts() && config.source(leg.peer.ip()) == Source::Unknown;
        // What a SIP account's phone calls itself is worth nothing behind a NAT.
        let flow = if is_phone && !transport.is_reliable() { gone } else { hop(config, next, gone, false) };
        let (client, branch) = self.layer.mint_client();
        let via =
            format!("SIP/2.0/{} {};branch={branch};rport", flow.transport.via_name(), here(config, &flow));
        let mut builder = Builder::request(Method::Bye, &leg.target)
            .header(Name::Via, &via)
            .header(Name::MaxForwards, "70")
            .header(Name::From, &leg.local)
            .header(Name::To, &leg.remote)
            .header(Name::CallId, &leg.call_id)
            .cseq(leg.cseq.saturating_add(CSEQ_GAP), Method::Bye);
        for route in &leg.routes {
            builder = builder.header(Name::Route, route);
        }
        let bytes = builder.header(Name::Reason, &messages::reason(why)).build();
        self.clients.insert(client, Client::Farewell);
        self.keep_sent(client, carrier, flow, (Method::Bye, &bytes));
        self.layer.send(now.tick, client, flow, Method::Bye, bytes);
    }
}

const fn protocol() -> Cow<'static, str> {
    Cow::Borrowed(PROTOCOL)
}

/// As serde writes addresses, faster.
fn address<S: Serializer>(address: &SocketAddr, s: S) -> Result<S::Ok, S::Error> {
    s.serialize_str(&sip::flow::host_port(*address))
}
