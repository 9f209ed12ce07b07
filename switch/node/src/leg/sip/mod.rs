//! SIP legs: messages, dialogs, exchanges and timers of RFC 3261, 3264, 3311, 4028. Nothing outside this folder knows a SIP message.
//!
//! A packet comes in by `intake`; the transaction layer makes events of it; `responses` and `in_dialog` find the leg that it is for and
//! call a method of [`SipLeg`], which works with what a [`Context`](crate::leg::Context) lends it.

use std::collections::VecDeque;

use call::LegId;
use route::CarrierId;
use sip::dialog::Sender;
use sip::token::{Kind, Minter, TOKEN_LEN};
use sip::transaction::{ClientId, Layer, ServerId, Settings};
use sip::{Message, ParseError};

use crate::io::Output;
use crate::leg::Context;
use crate::node::Ids;
use crate::slot::CallRef;
use crate::tables::Timing;

mod answering;
mod dispatch;
mod hop;
mod in_dialog;
mod intake;
mod invite;
mod leg;
mod liveness;
mod messages;
mod new_call;
mod offers;
mod options;
mod privacy;
mod recorded;
mod relay;
mod release;
mod responses;
mod session_timer;
mod timers;
mod user_agents;

pub use dispatch::{Arrival, Dispatch};
pub(crate) use leg::{Crossing, SipLeg};
pub(crate) use recorded::RecordedLeg;
pub use sip::flow::Flow;
pub(crate) use sip::token::GENERATION_MASK;

use user_agents::UserAgents;

/// A message as the driver read it, or why it is none.
pub type Received = Result<Message, ParseError>;

/// A 100 is sent only if nothing else was by then (RFC 3261 §17.2.1 allows 200 ms): most carriers ring sooner.
const TRYING_AFTER_MS: u64 = 100;

/// Our end of all SIP legs of a shard: transactions, what each of them is for, and the connections that legs live on.
pub(crate) struct Endpoint {
    layer: Layer,
    minter: Minter,
    /// What our client transactions are for.
    clients: Ids<ClientId, Client>,
    /// The INVITEs and UPDATEs that wait for our answer or its ACK.
    servers: Ids<ServerId, (CallRef, LegId)>,
    /// Connections that legs live on, and how many do.
    kept: Ids<u64, u32>,
    user_agents: UserAgents,
    /// The call and leg that the To-tag of the packet in hand names, as [`Dispatch`] found them.
    found: Option<(CallRef, LegId)>,
    /// What is to be done outside, besides the layer's transmissions.
    outputs: VecDeque<Output>,
}

/// What a client transaction is for.
#[derive(Debug, Clone)]
enum Client {
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
    /// A BYE that nobody waits for.
    Farewell,
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
    pub(crate) fn new(key: [u8; 16], shard: u8, timing: Timing) -> Self {
        let minter = Minter::new(key, shard);
        let timing = sip::transaction::Timing { t1_ms: u64::from(timing.t1_ms), ..sip::transaction::Timing::RFC3261 };
        let settings = Settings { timing, trying_after_ms: TRYING_AFTER_MS, ..Settings::default() };
        Self {
            layer: Layer::new(minter.clone(), settings),
            minter,
            clients: Ids::default(),
            servers: Ids::default(),
            kept: Ids::default(),
            user_agents: UserAgents::default(),
            found: None,
            outputs: VecDeque::new(),
        }
    }

    pub(crate) fn deadline(&self) -> Option<units::Tick> {
        self.layer.next_deadline()
    }

    /// What is to be sent or done outside; `None` when all is.
    pub(crate) fn poll_output(&mut self) -> Option<Output> {
        let kept = self.outputs.pop_front();
        kept.or_else(|| self.layer.poll_transmit().map(|transmit| Output::Send { flow: transmit.flow, bytes: transmit.bytes }))
    }

    pub(crate) fn load(&self) -> Load {
        let live = self.layer.live();
        Load {
            clients: self.clients.len(),
            servers: self.servers.len(),
            transactions: live.clients + live.servers,
            timers: live.timers,
            connections: self.kept.len(),
        }
    }

    /// The call and leg that a tag of ours names.
    fn by_tag(&self, tag: &str) -> Option<(CallRef, LegId)> {
        let (shard, at, leg) = open_tag(&self.minter, tag)?;
        (shard == self.minter.shard()).then_some((at, leg))
    }

    /// The same for the packet in hand, which need not be looked at again.
    fn found_leg(&self, tag: &str) -> Option<(CallRef, LegId)> {
        self.found.or_else(|| self.by_tag(tag))
    }

    /// Whether a tag that should be ours does not carry our seal; tags of an earlier start do not either.
    fn is_forged(&self, tag: &str) -> bool {
        tag.get(..TOKEN_LEN).and_then(|token| self.minter.open(Kind::Tag, token)).is_none()
    }

    /// A To-tag that opens to nothing, the same for repeats.
    fn stateless_tag(&self, message: &Message) -> String {
        self.minter.stateless(&[message.call_id(), message.from_tag()]).to_string()
    }

    /// The user part of our Contact on a call's legs.
    fn contact_user(&self, at: CallRef) -> sip::token::Token {
        self.minter.mint(Kind::Contact, at.slot, at.generation)
    }
}

/// The shard, call and leg that a tag of ours names, whichever shard minted it.
fn open_tag(minter: &Minter, tag: &str) -> Option<(u8, CallRef, LegId)> {
    let opened = minter.open(Kind::Tag, tag.get(..TOKEN_LEN)?)?;
    let leg = leg::leg_of_tag(tag.get(TOKEN_LEN..)?)?;
    Some((opened.shard, CallRef { slot: opened.slot, generation: opened.generation }, leg))
}

// === impl Context: what every message needs ===

impl Context<'_> {
    /// Our address on a flow, as Via and Contact have it.
    fn here(&self, flow: &Flow) -> String {
        here(self.tables, flow)
    }

    /// Our Contact on a flow.
    fn contact(&self, flow: &Flow) -> String {
        messages::contact(&self.endpoint.contact_user(self.call.at), &self.here(flow), flow.transport)
    }
}

/// Our address on a flow, as Via and Contact have it.
fn here(tables: &crate::Tables, flow: &Flow) -> String {
    sip::flow::host_port(tables.advertised(flow.local))
}

/// The Via and Contact of one request of ours.
const fn sender<'a>(flow: &Flow, here: &'a str, branch: &'a str, contact: &'a str) -> Sender<'a> {
    Sender { transport: flow.transport, sent_by: here, branch, contact }
}
