//! The central ledger's rules without its database: whoever holds the rows loads them, calls one of these,
//! and writes them back, all in one transaction. The model test runs the same functions.
//!
//! Invariant: at each grant posted − held − limit ≥ 0, and held is the sum of what the quotas have
//! outstanding.

use ledger::{Hash, chain};
use units::Name;

use super::Movement;

/// The central ledger itself among the nodes: its journal, and who wants a balance back that ended.
pub const CENTRAL: &str = "@central";
/// A hint that somebody wants a balance stands so long, ms.
pub const WANTED_MS: i64 = 10_000;

/// A node as the central ledger knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct NodeRow {
    /// Counts its starts: what an earlier one writes is refused.
    pub epoch: u64,
    /// Chosen at random by the start that has the epoch, so that a join repeated is one join.
    pub boot: u64,
    /// The last entry of its journal that was shipped, 0 before the first.
    pub last_seq: u64,
    /// That entry's hash.
    pub chain: Hash,
    /// The last ask of this epoch that was answered.
    pub last_ask: u64,
    /// Declared lost by an operator: its quotas went back to the balances, and it gets nothing before it has
    /// given all of them back.
    pub lost: bool,
}

/// An account's money over all nodes, 10⁻⁵ units.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Account {
    /// What is there, less all usage shipped.
    pub posted: i64,
    /// Lent to nodes and not yet used or given back.
    pub held: i64,
    /// How far usage may go: 0 or negative.
    pub limit: i64,
    /// A node that asked in vain.
    pub wanted: Option<Wanted>,
}

/// See [`Account::wanted`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// Which node.
    pub by: Name,
    /// When, ms by the database's clock.
    pub at_ms: i64,
}

/// What one node has of one account, 10⁻⁵ units. Usage cannot be told by grants, so there is one quota
/// however often it grew.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Quota {
    /// Sum of all grants.
    pub granted: i64,
    /// Sum of what came back.
    pub returned: i64,
    /// Sum of what was shipped as spent.
    pub used: i64,
}

/// A node's request for more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ask {
    /// The asking start.
    pub epoch: u64,
    /// Counts up within the epoch: an ask repeated is one ask.
    pub number: u64,
    /// At least so much, or nothing; 0 takes what is fair.
    pub need: i64,
}

/// What the answer to an ask depends on besides the rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conditions {
    /// Nodes seen lately, the asking one included.
    pub live_nodes: u32,
    /// Largest grant beyond the need, 10⁻⁵ units.
    pub grant_max: i64,
    /// The database's clock, ms.
    pub now_ms: i64,
    /// The balance has ended: nothing of it is lent any more.
    pub ended: bool,
}

/// The answer to an ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lent {
    /// So much more, above zero.
    Now(i64),
    /// Not enough is free.
    Nothing,
    /// Answered before: the grant, if there was one, is still written or has been booked.
    Before,
}

/// An entry of a node's journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shipped {
    /// Its number.
    pub seq: u64,
    /// The hash that the node chained it by.
    pub hash: Hash,
    /// The record's bytes.
    pub body: Vec<u8>,
}

/// Why the central ledger does not do it. In the order in which it is checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum QuotaRefused {
    /// Another start of the same node has taken over, or an operator declared it lost.
    #[error(
        "fenced: this node has epoch {epoch} by now; another process runs under its name, or it was declared lost"
    )]
    Fenced {
        /// The epoch in force.
        epoch: u64,
    },
    /// The node's journal is not the one that was shipped from.
    #[error(
        "the journal does not contain entry {seq} as it was shipped: this is another data folder, or an old copy of it"
    )]
    Diverged {
        /// The entry that differs.
        seq: u64,
    },
    /// Entries are missing between.
    #[error("entry {found} was shipped after entry {last}")]
    Gap {
        /// The last one here.
        last: u64,
        /// What came.
        found: u64,
    },
    /// More than a balance can hold.
    #[error("the balance would be out of range")]
    Overflow,
}

// === impl Node ===

impl NodeRow {
    /// A start takes over: its epoch. `at_last` is the hash of entry [`NodeRow::last_seq`] in the journal of
    /// who joins.
    pub fn join(&mut self, boot: u64, at_last: Option<Hash>) -> Result<u64, QuotaRefused> {
        if self.last_seq > 0 && at_last != Some(self.chain) {
            return Err(QuotaRefused::Diverged { seq: self.last_seq });
        }
        if self.boot != boot || self.epoch == 0 {
            self.epoch += 1;
            (self.boot, self.last_ask) = (boot, 0);
        }
        Ok(self.epoch)
    }

    /// Only the start that joined last may write.
    pub const fn fence(&self, epoch: u64) -> Result<(), QuotaRefused> {
        if epoch == self.epoch { Ok(()) } else { Err(QuotaRefused::Fenced { epoch: self.epoch }) }
    }

    /// An operator gives the node up: whatever of it may still run is fenced. Its quotas are to be given up
    /// as well.
    pub const fn lose(&mut self) {
        (self.lost, self.boot) = (true, 0);
        self.epoch += 1;
    }

    /// A node that was given up and has nothing outstanding any more is one like the others.
    pub const fn find_again(&mut self, outstanding: i64) -> bool {
        self.lost = self.lost && outstanding != 0;
        !self.lost
    }

    /// Takes entries in order and tells which of them are new: those before were taken earlier and change
    /// nothing.
    pub fn ship<'a>(&mut self, epoch: u64, entries: &'a [Shipped]) -> Result<&'a [Shipped], QuotaRefused> {
        self.fence(epoch)?;
        let known = entries.partition_point(|entry| entry.seq <= self.last_seq);
        if let Some(same) = entries[..known].iter().find(|entry| entry.seq == self.last_seq)
            && same.hash != self.chain
        {
            return Err(QuotaRefused::Diverged { seq: same.seq });
        }
        let fresh = &entries[known..];
        let (mut seq, mut link) = (self.last_seq, self.chain);
        for entry in fresh {
            if entry.seq != seq + 1 {
                return Err(QuotaRefused::Gap { last: self.last_seq, found: entry.seq });
            }
            link = chain(&link, &entry.body);
            if link != entry.hash {
                return Err(QuotaRefused::Diverged { seq: entry.seq });
            }
            seq = entry.seq;
        }
        // Must succeed from here.
        (self.last_seq, self.chain) = (seq, link);
        Ok(fresh)
    }
}

// === impl Account ===

impl Account {
    /// What may still be lent; negative where a debit, a lower limit or a lost node's late usage took more
    /// than was there.
    pub const fn available(&self) -> i64 {
        self.posted.saturating_sub(self.held).saturating_sub(self.limit)
    }

    /// Money that comes or, negative, goes by the operator's hand. It may lead into debt.
    pub fn book(&mut self, amount: i64) -> Result<(), QuotaRefused> {
        self.posted = self.posted.checked_add(amount).ok_or(QuotaRefused::Overflow)?;
        Ok(())
    }

    /// It ended, or is about to, and what is lent of it is wanted back.
    pub fn is_recalled(&self, now_ms: i64) -> bool {
        self.wanted
            .as_ref()
            .is_some_and(|wanted| &*wanted.by == CENTRAL && now_ms.saturating_sub(wanted.at_ms) < WANTED_MS)
    }

    /// What a node shipped of this account. What a lost node has is not held any more.
    pub fn apply(&mut self, quota: &mut Quota, movement: &Movement, lost: bool) -> Result<(), QuotaRefused> {
        let Movement { spent, returned, .. } = movement;
        let posted = self.posted.checked_sub(*spent).ok_or(QuotaRefused::Overflow)?;
        let less = |held: i64| held.checked_sub(*spent).and_then(|held| held.checked_sub(*returned));
        let held = if lost { Some(self.held) } else { less(self.held) }.ok_or(QuotaRefused::Overflow)?;
        let used = quota.used.checked_add(*spent).ok_or(QuotaRefused::Overflow)?;
        let back = quota.returned.checked_add(*returned).ok_or(QuotaRefused::Overflow)?;
        // Must succeed from here.
        (self.posted, self.held) = (posted, held);
        (quota.used, quota.returned) = (used, back);
        Ok(())
    }

    /// An operator gives a node up: what it holds is free again.
    pub const fn lose(&mut self, quota: &Quota) {
        self.held = self.held.saturating_sub(quota.outstanding());
    }
}

// === impl Quota ===

impl Quota {
    /// What the node may still have: its balance as of the last entry shipped, and grants that it has not
    /// booked.
    pub const fn outstanding(&self) -> i64 {
        self.granted.saturating_sub(self.returned).saturating_sub(self.used)
    }
}

/// Lends: the need, or a fair part of what is free if that is more: half of it shared by the live nodes, so
/// that the next to ask finds some too.
pub fn ask(
    (name, node): (&Name, &mut NodeRow),
    account: &mut Account,
    quota: &mut Quota,
    ask: &Ask,
    conditions: &Conditions,
) -> Result<Lent, QuotaRefused> {
    node.fence(ask.epoch)?;
    if ask.number <= node.last_ask {
        return Ok(Lent::Before);
    }
    let free = account.available();
    let need = ask.need.max(0);
    let fair = free / i64::from(conditions.live_nodes.max(1)).saturating_mul(2);
    let amount = need.max(fair.min(conditions.grant_max));
    let refused = node.lost || conditions.ended || (need == 0 && account.is_recalled(conditions.now_ms));
    if amount > free || amount <= 0 || refused {
        node.last_ask = ask.number;
        if need > 0 && !refused {
            account.wanted = Some(Wanted { by: name.clone(), at_ms: conditions.now_ms });
        }
        return Ok(Lent::Nothing);
    }
    let held = account.held.checked_add(amount).ok_or(QuotaRefused::Overflow)?;
    let granted = quota.granted.checked_add(amount).ok_or(QuotaRefused::Overflow)?;
    // Must succeed from here.
    node.last_ask = ask.number;
    (account.held, quota.granted) = (held, granted);
    if account.wanted.as_ref().is_some_and(|wanted| wanted.by == *name) {
        account.wanted = None;
    }
    Ok(Lent::Now(amount))
}

#[cfg(test)]
mod tests {
    use super::*;
    use ledger::GENESIS;

    const CONDITIONS: Conditions = Conditions { live_nodes: 3, grant_max: 1_000, now_ms: 5, ended: false };

    fn joined() -> (Name, NodeRow) {
        let mut node = NodeRow::default();
        assert_eq!(node.join(77, None), Ok(1));
        ("n1".into(), node)
    }

    #[test]
    fn a_grant_is_fair_and_covers_the_need() {
        let table = [
            // posted  held  limit  need  →  lent, left to lend
            (6_000, 0, 0, 0, Lent::Now(1_000), 5_000),
            (60_000, 0, 0, 0, Lent::Now(1_000), 59_000),
            (60_000, 0, 0, 2_000, Lent::Now(2_000), 58_000),
            (600, 0, 0, 500, Lent::Now(500), 100),
            (600, 200, 0, 500, Lent::Nothing, 400),
            (600, 200, -100, 500, Lent::Now(500), 0),
            (5, 0, 0, 0, Lent::Nothing, 5),
            (-10, 0, 0, 0, Lent::Nothing, -10),
            (-10, 0, -16, 6, Lent::Now(6), 0),
        ];
        for (posted, held, limit, need, want, left) in table {
            let (name, mut node) = joined();
            let mut account = Account { posted, held, limit, wanted: None };
            let mut quota = Quota::default();
            let request = Ask { epoch: 1, number: 1, need };
            let lent = ask((&name, &mut node), &mut account, &mut quota, &request, &CONDITIONS);
            assert_eq!(
                (lent, account.available()),
                (Ok(want), left),
                "{posted} posted, {held} held, limit {limit}, need {need}"
            );
            assert_eq!(account.wanted.is_some(), want == Lent::Nothing && need > 0);
            let again = ask((&name, &mut node), &mut account, &mut quota, &request, &CONDITIONS);
            assert_eq!((again, account.available()), (Ok(Lent::Before), left));
        }
    }

    #[test]
    fn an_earlier_start_is_fenced() {
        let (_, mut node) = joined();
        assert_eq!(node.join(77, None), Ok(1), "the same start again");
        assert_eq!(node.join(78, None), Ok(2));
        assert_eq!(node.fence(1), Err(QuotaRefused::Fenced { epoch: 2 }));
        node.lose();
        assert_eq!(node.ship(2, &[]), Err(QuotaRefused::Fenced { epoch: 3 }));
        assert_eq!(node.join(78, None), Ok(4), "given up and back");
        assert!(!node.find_again(1), "it still has something");
        assert!(node.find_again(0));
        assert!(!node.lost);
    }

    fn entries(texts: &[&str]) -> Vec<Shipped> {
        let mut link = GENESIS;
        let entry = |(at, text): (usize, &&str)| {
            link = chain(&link, text.as_bytes());
            Shipped { seq: at as u64 + 1, hash: link, body: text.as_bytes().to_vec() }
        };
        texts.iter().enumerate().map(entry).collect()
    }

    #[test]
    fn entries_are_taken_once_and_in_order() {
        let (_, mut node) = joined();
        let all = entries(&["a", "b", "c", "d"]);
        assert_eq!(node.ship(1, &all[1..]), Err(QuotaRefused::Gap { last: 0, found: 2 }));
        assert_eq!(node.ship(1, &all[..2]).map(<[_]>::len), Ok(2));
        assert_eq!(node.ship(1, &all[..2]).map(<[_]>::len), Ok(0), "the same again");
        let other = entries(&["a", "B", "C"]);
        assert_eq!(node.ship(1, &other), Err(QuotaRefused::Diverged { seq: 2 }));
        assert_eq!(node.ship(1, &other[2..]), Err(QuotaRefused::Diverged { seq: 3 }));
        assert_eq!(node.ship(1, &all[1..]).map(<[_]>::len), Ok(2), "overlapping");
        assert_eq!((node.last_seq, node.chain), (4, all[3].hash));
        assert_eq!(node.join(80, Some(all[2].hash)), Err(QuotaRefused::Diverged { seq: 4 }));
        assert_eq!(node.join(80, Some(all[3].hash)), Ok(2));
    }

    #[test]
    fn shipped_usage_lowers_posted_and_held_together() {
        let mut account = Account { posted: 1_000, held: 600, limit: 0, wanted: None };
        let mut quota = Quota { granted: 600, returned: 0, used: 0 };
        account
            .apply(&mut quota, &Movement { spent: 250, returned: 100, booked: Vec::new() }, false)
            .expect("in range");
        assert_eq!(
            (account.posted, account.held, account.available(), quota.outstanding()),
            (750, 250, 500, 250)
        );
        account.lose(&quota);
        assert_eq!(account.available(), 750);
        account
            .apply(&mut quota, &Movement { spent: 5, returned: 245, booked: Vec::new() }, true)
            .expect("in range");
        assert_eq!(
            (account.posted, account.held, account.available(), quota.outstanding()),
            (745, 0, 745, 0)
        );
        let before = account.clone();
        assert_eq!(
            account.apply(&mut quota, &Movement { spent: i64::MIN, ..Movement::default() }, false),
            Err(QuotaRefused::Overflow)
        );
        assert_eq!(account, before);
    }
}
