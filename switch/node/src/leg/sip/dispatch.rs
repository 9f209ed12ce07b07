//! Which shard a packet belongs to, told from the packet alone: our own token in it, else the account behind
//! its source address. What was found goes with the packet, so that its shard need not look again.

use call::LegId;
use sip::flow::Flow;
use sip::token::{Kind, Minter};
use sip::{Message, Method, Name};

use super::arrival::{Arrival, Received};
use super::messages;
use super::tag::open_tag;
use crate::ids::CallRef;
use crate::node::Node;
use crate::{ConfigSnapshot, Source, shard_of};

/// Tells every thread that receives where to hand a message.
#[derive(Debug, Clone)]
pub struct Dispatch {
    minter: Minter,
    shards: u8,
}

impl Node {
    /// Finds whose packet it is, for drivers of one shard.
    pub fn find(&self, flow: Flow, message: Received) -> Arrival {
        Dispatch::new(self.identity.key, self.identity.shards).find(&self.config, flow, message)
    }
}

impl Dispatch {
    /// `key` is the one that all shards mint with.
    pub const fn new(key: [u8; 16], shards: u8) -> Self {
        Self { minter: Minter::new(key, 0), shards }
    }

    /// Finds whose packet it is.
    pub fn find(&self, config: &ConfigSnapshot, flow: Flow, message: Received) -> Arrival {
        let source = config.source(flow.peer.ip());
        let (shard, leg) = match &message {
            Ok(message) if message.is_request() => match self.by_tag(message) {
                Some((shard, at, leg)) => (Some(shard), Some((at, leg))),
                None => (self.by_source(config, source, message), None),
            },
            Ok(message) => {
                (self.by_branch(message).or_else(|| self.by_source(config, source, message)), None)
            }
            // It is refused the same way everywhere.
            Err(_) => ((self.shards == 1 || source != Source::Unknown).then_some(0), None),
        };
        Arrival { flow, message, shard, source, leg }
    }

    fn by_source(&self, config: &ConfigSnapshot, source: Source, message: &Message) -> Option<u8> {
        match source {
            // The node counts and drops what nobody known sent.
            _ if self.shards == 1 => Some(0),
            Source::Gate(id) => {
                let account = config.gates.by_id(id).map(|gate| &gate.account);
                Some(account.map_or(0, |account| shard_of(account, self.shards)))
            }
            Source::Carrier(_) => Some(self.by_called_number(config, message)),
            Source::Unknown => None,
        }
    }

    /// The shard for what a carrier sent that is known by its name only.
    pub fn shard_of_carrier(&self, config: &ConfigSnapshot, message: &Received) -> u8 {
        message.as_ref().map_or(0, |message| self.by_called_number(config, message))
    }

    /// A carrier's call belongs to the account whose number it is for, also its repeats and its CANCEL, which
    /// name the same number; whatever is for nobody here, to the first shard.
    fn by_called_number(&self, config: &ConfigSnapshot, message: &Message) -> u8 {
        if config.numbers.is_empty() || !message.is_request() {
            return 0;
        }
        let number = config.numbers.find_dialled(&messages::called_by_carrier(config, message));
        number.map_or(0, |number| shard_of(&number.account, self.shards))
    }

    fn by_branch(&self, response: &Message) -> Option<u8> {
        let via = response.top_via().ok()?;
        let token = via.branch()?.strip_prefix("z9hG4bK")?;
        let shard = self.minter.open(Kind::Branch, token)?.shard;
        (shard < self.shards).then_some(shard)
    }

    fn by_tag(&self, request: &Message) -> Option<(u8, CallRef, LegId)> {
        if matches!(request.method(), Method::Cancel) {
            return None;
        }
        let to = request.header(Name::To)?;
        open_tag(&self.minter, sip::NameAddr::parse(to)?.tag()?).filter(|(shard, ..)| *shard < self.shards)
    }
}
