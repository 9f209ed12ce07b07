//! The invariants: after every step, and when all is quiet.

use std::collections::BTreeSet;

use ledger::TrialBalance;
use rating::quotas::transaction::{add_system_accounts, system_accounts};
use units::{Name, Tick};

use super::World;
use crate::node::Node;

impl World {
    pub(super) fn check(&self) {
        for name in &self.accounts {
            let (account, funds) = (&self.central.accounts[name], self.funds[name]);
            let spent: i64 = self.nodes.iter().map(|node| node.moved(name, 0).0).sum();
            let exposed = self.exposed.get(name).copied().unwrap_or_default();
            let seed = self.seed;
            assert!(
                spent <= funds - account.limit + exposed,
                "seed {seed}: {name} spent {spent} of {funds}, exposed {exposed}"
            );
            assert!(
                exposed > 0 || account.available() >= 0,
                "seed {seed}: more of {name} is lent than there is: {account:?}"
            );
            let mut held = 0;
            for node in &self.nodes {
                held += self.check_slice(name, node);
            }
            assert_eq!(held, account.held, "seed {seed}: {name} holds what the slices do not");
        }
    }

    /// What the node has is what central says that it has, less what is on its way. Returns what central
    /// holds for it.
    fn check_slice(&self, account: &Name, node: &Node) -> i64 {
        let key = (account.clone(), node.name.clone());
        let slice = self.central.slices.get(&key).copied().unwrap_or_default();
        let row = self.central.nodes.get(&node.name).copied().unwrap_or_default();
        let (used, returned, booked) = node.moved(account, row.last_seq);
        let lent = self
            .central
            .grants
            .values()
            .filter(|(holder, grant)| *holder == node.name && grant.account == *account);
        let on_its_way: i64 =
            lent.filter(|(_, grant)| !booked.contains(&grant.id)).map(|(_, grant)| grant.amount).sum();
        let local = node.balance(account).posted();
        let seed = self.seed;
        assert_eq!(
            slice.outstanding() - used - returned - on_its_way,
            local,
            "seed {seed}: {account} at {}",
            node.name
        );
        assert!(
            slice.outstanding() >= used,
            "seed {seed}: {account} at {}: unshipped usage is not held",
            node.name
        );
        let trusted = node.up && node.boot == row.boot && node.gate.until > Tick(0);
        assert!(!(row.lost && trusted), "seed {seed}: {} lends what was given to others", node.name);
        if row.lost { 0 } else { slice.outstanding() }
    }

    pub(super) fn check_end(&self) {
        self.check();
        for name in &self.accounts {
            let (account, funds) = (&self.central.accounts[name], self.funds[name]);
            let spent: i64 = self.nodes.iter().map(|node| node.moved(name, 0).0).sum();
            assert_eq!(account.posted, funds - spent, "seed {}: {name}: to the last unit", self.seed);
            assert_eq!(account.held, 0, "seed {}: {name}: all is back", self.seed);
        }
        let said: Vec<&Name> = self.nodes.iter().flat_map(Node::said).collect();
        let once: BTreeSet<&Name> = said.iter().copied().collect();
        let words = usize::try_from(self.seen.words).expect("few");
        assert!(
            once.len() == words && (self.seen.lost > 0 || said.len() == words),
            "seed {}: {words} words, {said:?}",
            self.seed
        );
        let mut trial = TrialBalance::default();
        let journals = self
            .nodes
            .iter()
            .flat_map(|node| node.journal.iter().map(|written| &written.record))
            .chain(&self.central.records);
        journals.for_each(|record| add_system_accounts(record.transfers(), &mut trial));
        let (system_account, posted) = (
            system_accounts(&trial).map(|(_, _, amount)| amount).sum::<i128>(),
            self.central.accounts.values().map(|row| row.posted),
        );
        assert_eq!(
            system_account + i128::from(posted.sum::<i64>()),
            0,
            "seed {}: debits equal credits over all journals",
            self.seed
        );
    }
}
