//! OPTIONS probes of carriers, where asked for; what names resolve to.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use route::{Carrier, CarrierId};
use sip::transaction::TransactionTiming;
use units::{Name, Now, Tick, Transport};

use crate::ids::TimerKey;
use crate::node::Node;
use crate::{Evidence, Output, Source};

/// Most addresses kept for a name.
const ADDRESSES_MAX: usize = 16;

impl Node {
    pub(crate) fn resolved(
        &mut self,
        carrier: &Name,
        mut addresses: Vec<SocketAddr>,
        transport: Option<Transport>,
    ) {
        addresses.truncate(ADDRESSES_MAX);
        match transport {
            Some(transport) => _ = self.peers.names.transports.insert(carrier.clone(), transport),
            None => _ = self.peers.names.transports.remove(carrier),
        }
        self.peers.names.addresses.insert(carrier.clone(), addresses);
        self.time_carriers();
    }

    /// Tells the transactions whose T1 and T2 are not everybody's.
    pub(crate) fn time_carriers(&mut self) {
        let own =
            TransactionTiming { t1_ms: u64::from(self.config.timing.t1_ms), ..TransactionTiming::RFC3261 };
        let timed = self.config.carriers.iter().filter(|it| it.t1_ms.is_some() || it.t2_ms.is_some());
        let timings = timed.flat_map(|carrier| {
            let t1_ms = carrier.t1_ms.map_or(own.t1_ms, u64::from);
            let t2_ms = carrier.t2_ms.map_or(own.t2_ms, u64::from).max(t1_ms);
            let addresses = self.peers.addresses_of(&carrier.target, &carrier.name);
            addresses.into_iter().map(move |at| (at, TransactionTiming { t1_ms, t2_ms, ..own }))
        });
        self.sip.time_peers(timings);
    }

    /// The carrier whose name resolves to an address that the configuration does not list.
    pub(crate) fn source_by_name(&self, ip: IpAddr) -> Source {
        let owners = self.peers.names.owners(ip).filter_map(|name| self.config.carriers.by_name(name));
        let carrier = owners.into_iter().find(|carrier| carrier.target.transport != Transport::H323);
        carrier.map_or(Source::Unknown, |carrier| Source::Carrier(carrier.id))
    }

    /// The same of carriers that speak H.323.
    pub(crate) fn h323_source_by_name(&self, ip: IpAddr) -> Source {
        let owners = self.peers.names.owners(ip).filter_map(|name| self.config.carriers.by_name(name));
        let carrier = owners.into_iter().find(|carrier| carrier.target.transport == Transport::H323);
        carrier.map_or(Source::Unknown, |carrier| Source::Carrier(carrier.id))
    }

    /// The carrier whose address this is, listed or by name.
    pub(crate) fn carrier_at(&self, ip: IpAddr) -> Option<Arc<Carrier>> {
        let source = match self.config.source(ip) {
            Source::Unknown => self.source_by_name(ip),
            known @ (Source::Gate(_) | Source::Carrier(_)) => known,
        };
        match source {
            Source::Carrier(id) => self.config.carriers.by_id(id).map(Arc::clone),
            Source::Gate(_) | Source::Unknown => None,
        }
    }

    /// Follows the configuration: who is probed, and when next.
    pub(crate) fn schedule_probes(&mut self, now: Now) {
        self.peers.health.adopt(&self.config.carriers, now.tick);
        self.wake_for_probe();
    }

    fn wake_for_probe(&mut self) {
        self.timers.cancel(self.peers.probe_timer);
        if let Some(at) = self.peers.health.next_probe().filter(|at| *at != Tick::NEVER) {
            self.peers.probe_timer = self.timers.insert(at, TimerKey::Probes);
        }
    }

    pub(crate) fn run_probes(&mut self, now: Now) {
        let config = Arc::clone(&self.config);
        while let Some(carrier) = self.peers.health.poll_probe(&config.carriers, now.tick) {
            let to = self.peers.open_addresses_of(&carrier.target, &carrier.name, now.tick);
            if let Some(to) = to.first().filter(|_| self.is_prober(carrier.id)) {
                let transport = self.peers.names.transport(&carrier.target, &carrier.name);
                self.sip.probe(now, &config, (carrier, transport), *to);
            }
        }
        self.wake_for_probe();
    }

    /// Whether this shard asks the carrier: one of them does, so that it hears one OPTIONS an interval; the
    /// others are told the answer.
    pub(crate) fn is_prober(&self, carrier: CarrierId) -> bool {
        usize::from(carrier.0) % usize::from(self.identity.shards.max(1)) == usize::from(self.identity.shard)
    }

    /// An address of a carrier asked not to be called for a while: the others are; the carrier is skipped
    /// while all have.
    pub(crate) fn pause_address(&mut self, now: Now, carrier: &Carrier, at: SocketAddr, secs: u32) {
        let all = self.peers.pause_address(carrier, at, secs, now.tick);
        if let Some(secs) = all {
            self.peers.health.pause(carrier.id, secs, now.tick);
        }
        let (longest, is_skipped) = (route::PAUSE_SECS_MAX, all.is_some());
        tracing::warn!(
            carrier = &*carrier.name,
            address = %at,
            secs,
            longest,
            is_skipped,
            "an address of the carrier answered 503 with Retry-After: it is not called for so long"
        );
    }

    /// The address that is probed: the first that is called now.
    fn probed_address(&self, now: Now, carrier: &Carrier) -> Option<SocketAddr> {
        self.peers.open_addresses_of(&carrier.target, &carrier.name, now.tick).first().copied()
    }

    /// The carrier answered our OPTIONS with this status; 408 stands for no answer. The other shards are
    /// told.
    pub(crate) fn probe_answered(
        &mut self,
        now: Now,
        carrier: CarrierId,
        status: u16,
        pause_secs: Option<u32>,
    ) {
        let config = Arc::clone(&self.config);
        let Some(carrier) = config.carriers.by_id(carrier) else { return };
        if self.identity.shards > 1 {
            self.outputs.push_back(Output::Probed { carrier: carrier.name.clone(), status, pause_secs });
        }
        if let Some((secs, at)) = pause_secs.zip(self.probed_address(now, carrier)) {
            self.pause_address(now, carrier, at, secs);
        }
        self.judge_probe(now, carrier, status);
    }

    /// Another shard's probe was answered.
    pub(crate) fn probed_elsewhere(
        &mut self,
        now: Now,
        carrier: &Name,
        status: u16,
        pause_secs: Option<u32>,
    ) {
        let config = Arc::clone(&self.config);
        let Some(carrier) = config.carriers.by_name(carrier) else { return };
        if let Some((secs, at)) = pause_secs.zip(self.probed_address(now, carrier))
            && let Some(secs) = self.peers.pause_address(carrier, at, secs, now.tick)
        {
            self.peers.health.pause(carrier.id, secs, now.tick);
        }
        self.judge_probe(now, carrier, status);
    }

    /// Any answer but a failure of the server is proof of life, 401 and 405 too.
    fn judge_probe(&mut self, now: Now, carrier: &Carrier, status: u16) {
        let end = if status == 408 { route::AttemptEnd::Timeout } else { route::AttemptEnd::Status(status) };
        let failed = matches!(status, 408 | 500 | 502..=504);
        let changed = if failed {
            self.peers.health.record(carrier, end, now.tick)
        } else {
            self.peers.health.succeeded(carrier.id)
        };
        if changed {
            self.counters.carrier_changed(&carrier.name, !failed, Evidence::Probe(status));
        }
    }
}
