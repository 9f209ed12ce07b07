//! Which shard a packet belongs to, told from the packet alone: our own token in it, else the account behind its source address.

use sip::flow::Flow;
use sip::token::{Kind, Minter, TOKEN_LEN};
use sip::{Message, Method, Name};

use crate::{Source, Tables, build, shard_of};

/// Tells every thread that receives where to hand a message.
#[derive(Debug, Clone)]
pub struct Dispatch {
    minter: Minter,
    shards: u8,
}

impl Dispatch {
    /// `key` is the one that all shards mint with.
    pub const fn new(key: [u8; 16], shards: u8) -> Self {
        Self { minter: Minter::new(key, 0), shards }
    }

    /// The shard for `message`; `None` for one that nobody known sent, to be dropped and counted as `unknown_source`.
    pub fn shard(&self, tables: &Tables, flow: &Flow, message: &Message) -> Option<u8> {
        if self.shards == 1 {
            // The node counts and drops what nobody known sent.
            return Some(0);
        }
        let minted = if message.is_request() { self.by_tag(message) } else { self.by_branch(message) };
        if let Some(shard) = minted.filter(|shard| *shard < self.shards) {
            return Some(shard);
        }
        match tables.source(flow.peer.ip()) {
            Source::Gate(id) => {
                let account = tables.gates.by_id(id).map(|gate| &gate.account);
                Some(account.map_or(0, |account| shard_of(account, self.shards)))
            }
            Source::Carrier(_) => Some(self.by_called_number(tables, message)),
            Source::Unknown => None,
        }
    }

    /// A carrier's call belongs to the account whose number it is for, also its repeats and its CANCEL, which name the same number; whatever
    /// is for nobody here, to the first shard.
    fn by_called_number(&self, tables: &Tables, message: &Message) -> u8 {
        if tables.numbers.is_empty() || !message.is_request() {
            return 0;
        }
        let number = tables.numbers.find_dialled(&build::called_party(message));
        number.map_or(0, |number| shard_of(&number.account, self.shards))
    }

    fn by_branch(&self, response: &Message) -> Option<u8> {
        let via = response.top_via().ok()?;
        let token = via.branch()?.strip_prefix("z9hG4bK")?;
        Some(self.minter.open(Kind::Branch, token)?.shard)
    }

    fn by_tag(&self, request: &Message) -> Option<u8> {
        if matches!(request.method(), Method::Cancel) {
            return None;
        }
        let to = request.header(Name::To)?;
        let tag = sip::NameAddr::parse(to)?.tag()?;
        Some(self.minter.open(Kind::Tag, tag.get(..TOKEN_LEN)?)?.shard)
    }
}
