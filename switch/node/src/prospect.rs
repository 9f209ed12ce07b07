//! What a call would find in this shard, without a call: how carriers stand, the accounts that would pay, and whether they could.

use ledger::CallId;
use rating::Refusal;
use rating::engine::{AccountView, Authorize};
use route::Health;
use units::{Money, Name, Now, Number, Wall};

use crate::node::Node;

/// See the module.
#[derive(Debug)]
pub struct Prospect {
    /// How the carriers stand here.
    pub health: Health,
    /// The account and those above it, from the caller's up; none if it was not opened.
    pub accounts: Vec<AccountView>,
    /// What the first block would hold, or why no money would be given; none without a number.
    pub credit: Option<Result<Money, Refusal>>,
}

impl Node {
    /// A lease is taken and given back at once: nothing of it is left, and no carrier is asked.
    pub(crate) fn prospect(&mut self, now: Now, account: &Name, number: Option<&Number>, at: Wall) -> Prospect {
        let tiers = std::iter::successors(Some(&**account), |name| ledger::parent(name));
        let accounts: Vec<AccountView> = tiers.filter_map(|name| self.money.engine.account(name)).collect();
        let then = Now { wall: at, ..now };
        let credit = number.map(|number| {
            let grant = self.money.engine.authorize(then, Authorize { call: CallId::default(), account, number })?;
            self.money.engine.release(grant.lease)?;
            Ok(grant.reserved)
        });
        Prospect { health: self.peers.health.clone(), accounts, credit }
    }
}
