//! Which shard a packet belongs to, told from the packet alone: our own token in it, else the account behind
//! its source address. What was found goes with the packet, so that its shard need not look again.

use call::LegId;
use sip::auth::server::Authorization;
use sip::flow::Flow;
use sip::token::{Kind, Minter};
use sip::{Message, Method, Name};

use super::arrival::{Arrival, Received};
use super::parties;
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
                None => (self.by_source(config, (source, flow), message), None),
            },
            Ok(message) => {
                (self.by_branch(message).or_else(|| self.by_source(config, (source, flow), message)), None)
            }
            // It is refused the same way everywhere.
            Err(_) => ((self.shards == 1 || source != Source::Unknown).then_some(0), None),
        };
        let for_all = leg.is_none() && shard.is_some() && self.is_for_all(source, &message);
        Arrival { flow, message, shard, for_all, source, leg }
    }

    fn by_source(
        &self,
        config: &ConfigSnapshot,
        (source, flow): (Source, Flow),
        message: &Message,
    ) -> Option<u8> {
        match source {
            // The node counts and drops what nobody known sent.
            _ if self.shards == 1 => Some(0),
            Source::Gate(id) => {
                let account = config.gates.by_id(id).map(|gate| &gate.account);
                Some(account.map_or(0, |account| shard_of(account, self.shards)))
            }
            Source::Carrier(_) => Some(self.by_called_number(config, message)),
            Source::Unknown if config.has_sip_accounts() && message.is_request() => {
                Some(self.by_credentials(config, flow, message))
            }
            Source::Unknown => None,
        }
    }

    /// A SIP account's request belongs to the account of the user that its credentials name; one without any
    /// is challenged anywhere.
    fn by_credentials(&self, config: &ConfigSnapshot, flow: Flow, message: &Message) -> u8 {
        let account = Authorization::find(message, &config.realm)
            .and_then(|given| config.gates.by_username(&given.username))
            .map(|gate| shard_of(&gate.account, self.shards));
        account.unwrap_or((flow.peer.port() % u16::from(self.shards)) as u8)
    }

    /// Whether a request may be of a call on any shard: a SIP account's CANCEL and ACK have no credentials.
    fn is_for_all(&self, source: Source, message: &Received) -> bool {
        let is_bare = |message: &Message| matches!(message.method(), Method::Cancel | Method::Ack);
        self.shards > 1
            && source == Source::Unknown
            && message.as_ref().is_ok_and(|message| message.is_request() && is_bare(message))
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
        let number = config.numbers.find_dialled(&parties::called_by_carrier(config, message));
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
