//! Our end of all SIP legs of a shard: transactions, what each of them is for, tokens, and the connections
//! that legs live on.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;

use call::LegId;
use route::{CarrierId, Gate};
use sip::Message;
use sip::auth::server::Nonces;
use sip::flow::Flow;
use sip::token::{Kind, Minter, TOKEN_LEN};
use sip::transaction::{ClientId, Layer, ServerId, Settings, TransactionTiming};
use units::Now;

use super::sent::Sent;
use super::tag::open_tag;
use super::user_agents::UserAgents;
use crate::ConfigSnapshot;
use crate::config_snapshot::NodeTiming;
use crate::ids::{CallRef, Ids};
use crate::io::Output;

/// Connections that stay open for a leg.
#[derive(Debug, Default)]
pub(crate) struct Kept(pub Vec<u64>);

/// A 100 is sent only if nothing else was by then (RFC 3261 §17.2.1 allows 200 ms): most carriers ring
/// sooner.
const TRYING_AFTER_MS: u64 = 100;

/// Our end of all SIP legs of a shard: transactions, what each of them is for, and the connections that legs
/// live on.
pub(crate) struct Endpoint {
    pub(super) layer: Layer,
    pub(super) minter: Minter,
    /// What our client transactions are for.
    pub(super) clients: Ids<ClientId, Client>,
    /// Requests that a carrier may challenge.
    pub(super) sent: Ids<ClientId, Box<Sent>>,
    /// The INVITEs and UPDATEs that wait for our answer or its ACK.
    pub(super) servers: Ids<ServerId, (CallRef, LegId)>,
    /// Connections that legs live on, and how many do.
    pub(super) kept: Ids<u64, u32>,
    pub(super) user_agents: UserAgents,
    pub(super) nonces: Nonces,
    /// Whose credentials the request in hand has.
    pub(super) authenticated: Option<Arc<Gate>>,
    /// The call and leg that the To-tag of the packet in hand names, as [`Dispatch`] found them.
    pub(super) found: Option<(CallRef, LegId)>,
    /// What is to be done outside, besides the layer's transmissions.
    outputs: VecDeque<Output>,
}

/// What a client transaction is for.
#[derive(Debug, Clone)]
pub(super) enum Client {
    /// The INVITE of a called leg.
    Invite(CallRef, LegId),
    /// A re-INVITE or UPDATE on a leg.
    Offer(CallRef, LegId),
    /// An OPTIONS on a leg.
    Liveness(CallRef, LegId),
    /// A BYE on a leg.
    Bye(CallRef, LegId),
    /// An INFO that answers one of the other leg's.
    Relay(ServerId, Box<Message>),
    /// An OPTIONS probe of a carrier.
    Probe(CarrierId),
    /// A registration of ours at a carrier, by its key.
    Register(u32),
    /// A NOTIFY, by the key of its subscription.
    Notify(u64),
    /// A BYE that nobody waits for.
    Farewell,
    /// A PRACK: whatever comes of it, the callee goes on.
    Prack,
    /// An INFO of ours that tells a digit: whatever comes of it, the call goes on.
    Digit,
}

/// How much an endpoint holds: see [`Held`](crate::Held).
#[derive(Debug, Clone, Copy)]
pub(crate) struct Load {
    pub clients: usize,
    pub servers: usize,
    pub transactions: usize,
    pub timers: usize,
    pub connections: usize,
}

// === impl Endpoint ===

impl Endpoint {
    /// `key` is the secret of all tokens, the same for all shards.
    pub(crate) fn new(key: [u8; 16], shard: u8, timing: NodeTiming) -> Self {
        let minter = Minter::new(key, shard);
        let timing = TransactionTiming { t1_ms: u64::from(timing.t1_ms), ..TransactionTiming::RFC3261 };
        let settings = Settings { timing, trying_after_ms: TRYING_AFTER_MS, ..Settings::default() };
        Self {
            layer: Layer::new(minter.clone(), settings),
            clients: Ids::default(),
            sent: Ids::default(),
            servers: Ids::default(),
            kept: Ids::default(),
            user_agents: UserAgents::default(),
            nonces: Nonces::new(minter.clone()),
            authenticated: None,
            minter,
            found: None,
            outputs: VecDeque::new(),
        }
    }

    /// Peers whose transactions have timings of their own, by address; none other has.
    pub(crate) fn time_peers(&mut self, peers: impl IntoIterator<Item = (SocketAddr, TransactionTiming)>) {
        self.layer.time_peers(peers);
    }

    pub(crate) fn deadline(&self) -> Option<units::Tick> {
        self.layer.next_deadline()
    }

    /// What is to be sent or done outside; `None` when all is.
    pub(crate) fn poll_output(&mut self) -> Option<Output> {
        let kept = self.outputs.pop_front();
        kept.or_else(|| {
            self.layer
                .poll_transmit()
                .map(|transmit| Output::Send { flow: transmit.flow, bytes: transmit.bytes })
        })
    }

    pub(crate) fn load(&self) -> Load {
        let live = self.layer.live();
        Load {
            clients: self.clients.len() + self.sent.len(),
            servers: self.servers.len(),
            transactions: live.clients + live.servers,
            timers: live.timers,
            connections: self.kept.len(),
        }
    }

    /// The call of this shard that a Call-ID of ours was minted for.
    pub(crate) fn by_call_id(&self, call_id: &str) -> Option<CallRef> {
        let opened = self.minter.open(Kind::CallId, call_id.get(..TOKEN_LEN)?)?;
        let at = CallRef { slot: opened.slot, generation: opened.generation };
        (opened.shard == self.minter.shard()).then_some(at)
    }

    /// The call and leg that a tag of ours names.
    pub(super) fn by_tag(&self, tag: &str) -> Option<(CallRef, LegId)> {
        let (shard, at, leg) = open_tag(&self.minter, tag)?;
        (shard == self.minter.shard()).then_some((at, leg))
    }

    /// The same for the packet in hand, which need not be looked at again.
    pub(super) fn found_leg(&self, tag: &str) -> Option<(CallRef, LegId)> {
        self.found.or_else(|| self.by_tag(tag))
    }

    /// Whether a tag that should be ours does not carry our seal; tags of an earlier start do not either.
    pub(super) fn is_forged(&self, tag: &str) -> bool {
        tag.get(..TOKEN_LEN).and_then(|token| self.minter.open(Kind::Tag, token)).is_none()
    }

    /// A To-tag that opens to nothing, the same for repeats.
    pub(super) fn stateless_tag(&self, message: &Message) -> String {
        self.minter.stateless(&[message.call_id(), message.from_tag()]).to_string()
    }

    /// The user part of our Contact on a call's legs.
    pub(super) fn contact_user(&self, at: CallRef) -> sip::token::Token {
        self.minter.mint(Kind::Contact, at.slot, at.generation)
    }
}

// === impl Endpoint: connections ===

impl Endpoint {
    pub(super) fn keep(&mut self, conn: u64) {
        let legs = self.kept.entry(conn).or_default();
        *legs += 1;
        if *legs == 1 {
            self.outputs.push_back(Output::KeepOpen { conn, wanted: true });
        }
    }

    pub(super) fn let_go(&mut self, conn: u64) {
        let Some(legs) = self.kept.get_mut(&conn) else { return };
        *legs -= 1;
        if *legs == 0 {
            self.kept.remove(&conn);
            self.outputs.push_back(Output::KeepOpen { conn, wanted: false });
        }
    }

    /// A connection was closed: what waits on it goes out by another, and so will all that follows.
    pub(crate) fn connection_closed(&mut self, now: Now, flow: Flow) {
        if self.kept.remove(&flow.conn).is_some() {
            self.outputs.push_back(Output::KeepOpen { conn: flow.conn, wanted: false });
        }
        self.layer.stream_closed(now.tick, flow);
    }

    /// Nothing can be sent by this flow.
    pub(crate) fn unreachable(&mut self, now: Now, flow: Flow) {
        self.layer.transport_failed(now.tick, flow);
    }
}

/// Our address on a flow, as Via and Contact have it.
pub(super) fn here(config: &ConfigSnapshot, flow: &Flow) -> String {
    sip::flow::host_port(config.advertised(flow.local))
}
