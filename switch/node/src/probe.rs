//! Carriers from outside: OPTIONS probes where asked for, and the addresses of those that have a name.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use route::{Carrier, CarrierId, Host};
use sip::flow::{Flow, Transport};
use sip::{Builder, Method, Name};
use units::{Now, Tick};

use crate::node::{Client, Node, TimerKey};
use crate::{Evidence, Output};

/// What is known of carriers by name.
#[derive(Debug, Default)]
pub(crate) struct Probes {
    addresses: BTreeMap<units::Name, Vec<SocketAddr>>,
}

/// Most addresses kept for a name.
const ADDRESSES_MAX: usize = 16;

impl Probes {
    pub(crate) fn addresses(&self, carrier: &str) -> &[SocketAddr] {
        self.addresses.get(carrier).map_or(&[], Vec::as_slice)
    }

    /// The carrier whose name resolves to this address.
    pub(crate) fn owner(&self, ip: std::net::IpAddr) -> Option<&units::Name> {
        self.addresses.iter().find(|(_, addresses)| addresses.iter().any(|address| address.ip() == ip)).map(|(name, _)| name)
    }
}

impl Node {
    pub(crate) fn resolved(&mut self, carrier: &units::Name, mut addresses: Vec<SocketAddr>) {
        addresses.truncate(ADDRESSES_MAX);
        self.probes.addresses.insert(carrier.clone(), addresses);
    }

    /// Follows the configuration: who is probed, and when next.
    pub(crate) fn schedule_probes(&mut self, now: Now) {
        self.health.adopt(&self.tables.carriers, now.tick);
        self.wake_for_probe();
    }

    fn wake_for_probe(&mut self) {
        self.wheel.cancel(self.probe_timer);
        if let Some(at) = self.health.next_probe().filter(|at| *at != Tick::NEVER) {
            self.probe_timer = self.wheel.insert(at, TimerKey::Probes);
        }
    }

    pub(crate) fn run_probes(&mut self, now: Now) {
        let tables = Arc::clone(&self.tables);
        while let Some(carrier) = self.health.poll_probe(&tables.carriers, now.tick) {
            if self.probes(carrier.id) {
                self.probe(now, carrier);
            }
        }
        self.wake_for_probe();
    }

    /// Whether this shard asks the carrier: one of them does, so that it hears one OPTIONS an interval; the others are told the answer.
    fn probes(&self, carrier: CarrierId) -> bool {
        usize::from(carrier.0) % usize::from(self.identity.shards.max(1)) == usize::from(self.identity.shard)
    }

    fn probe(&mut self, now: Now, carrier: &Carrier) {
        let to = match &carrier.target.host {
            Host::Ip(ip) => Some(SocketAddr::new(*ip, carrier.target.port_or_default())),
            Host::Name(_) => self.probes.addresses(&carrier.name).first().copied(),
        };
        let transport = carrier.target.transport;
        let Some((to, local)) = to.and_then(|to| Some((to, self.tables.local_for(transport, to)?))) else { return };
        let flow = if transport == Transport::Udp { Flow::udp(local, to) } else { Flow::stream(transport, local, to, 0) };
        let here = self.tables.advertised(local);
        let (client, branch) = self.layer.mint_client();
        let tag = self.minter.stateless(&["probe", &branch]);
        let uri = format!("sip:{}", carrier.target.host_port());
        let bytes = Builder::request(Method::Options, &uri)
            .header_fmt(Name::Via, format_args!("SIP/2.0/{} {here};branch={branch};rport", transport.via_name()))
            .header(Name::MaxForwards, "70")
            .header_fmt(Name::From, format_args!("<sip:{here}>;tag={tag}"))
            .header_fmt(Name::To, format_args!("<{uri}>"))
            .header_fmt(Name::CallId, format_args!("{tag}@{here}"))
            .cseq(1, Method::Options)
            .header(Name::Accept, "application/sdp")
            .build();
        self.clients.insert(client, Client::Probe(carrier.id));
        self.layer.send(now.tick, client, flow, Method::Options, bytes);
    }

    /// A carrier asked not to be called for a while.
    pub(crate) fn pause_carrier(&mut self, now: Now, carrier: &Carrier, secs: u32) {
        self.health.pause(carrier.id, secs, now.tick);
        let longest = route::PAUSE_SECS_MAX;
        tracing::warn!(carrier = &*carrier.name, secs, longest, "the carrier answered 503 with Retry-After: it is skipped for so long");
    }

    /// The carrier answered our OPTIONS with this status; 408 stands for no answer. The other shards are told.
    pub(crate) fn probe_answered(&mut self, now: Now, carrier: CarrierId, status: u16, pause_secs: Option<u32>) {
        let tables = Arc::clone(&self.tables);
        let Some(carrier) = tables.carriers.by_id(carrier) else { return };
        if self.identity.shards > 1 {
            self.outputs.push_back(Output::Probed { carrier: carrier.name.clone(), status, pause_secs });
        }
        if let Some(secs) = pause_secs {
            self.pause_carrier(now, carrier, secs);
        }
        self.judge_probe(now, carrier, status);
    }

    /// Another shard's probe was answered.
    pub(crate) fn probed_elsewhere(&mut self, now: Now, carrier: &units::Name, status: u16, pause_secs: Option<u32>) {
        let tables = Arc::clone(&self.tables);
        let Some(carrier) = tables.carriers.by_name(carrier) else { return };
        if let Some(secs) = pause_secs {
            self.health.pause(carrier.id, secs, now.tick);
        }
        self.judge_probe(now, carrier, status);
    }

    /// Any answer but a failure of the server is proof of life, 401 and 405 too.
    fn judge_probe(&mut self, now: Now, carrier: &Carrier, status: u16) {
        let end = if status == 408 { route::AttemptEnd::Timeout } else { route::AttemptEnd::Status(status) };
        let failed = matches!(status, 408 | 500 | 502..=504);
        let changed = if failed { self.health.record(carrier, end, now.tick) } else { self.health.succeeded(carrier.id) };
        if changed {
            self.counters.carrier_changed(&carrier.name, !failed, Evidence::Probe(status));
        }
    }
}
