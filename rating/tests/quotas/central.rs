//! The central ledger in memory: tables as maps, one request a transaction, the rules those of
//! `rating::quotas::central`.

use std::collections::BTreeMap;

use ledger::{Hash, OPEN, Record, RecordBody, Sheet};
use rating::quotas::central::{Account, Ask, Conditions, Lent, NodeRow, Quota, QuotaRefused, Shipped, ask};
use rating::quotas::client::{CentralNotice, Reply, Request};
use rating::quotas::transaction::AccountTransaction;
use rating::quotas::{Grant, Movement, add_movements, bucket_balance};
use units::Name;

/// A node counts as live for a fair share so long after its last beat.
const SEEN_MS: i64 = 5_000;
/// How long a hint that somebody asked in vain stands.
const WANTED_MS: i64 = 10_000;

#[derive(Default)]
pub struct Central {
    pub nodes: BTreeMap<Name, NodeRow>,
    pub accounts: BTreeMap<Name, Account>,
    pub slices: BTreeMap<(Name, Name), Quota>,
    /// Lent and not yet seen in the journal of who has it.
    pub grants: BTreeMap<Name, (Name, Grant)>,
    pub expires_ms: BTreeMap<Name, i64>,
    pub seen_ms: BTreeMap<Name, i64>,
    /// What is known of accounts beside their money, and what was done for them by hand.
    pub sheets: BTreeMap<Name, Sheet>,
    /// Its own journal.
    pub records: Vec<Record>,
    /// To be said, and by whom; by any if that is none.
    pub words: BTreeMap<Name, (Option<Name>, CentralNotice)>,
    /// The database's clock, which may be set.
    pub clock_ms: i64,
    pub hold_ms: i64,
}

impl Central {
    pub fn request(
        &mut self,
        from: &Name,
        boot: u64,
        request: &Request,
        entries: &[Shipped],
        at_last: impl Fn(u64) -> Option<Hash>,
    ) -> Reply {
        let answer = match request {
            Request::Join => self.join(from, boot, at_last),
            Request::Beat { epoch } => self.beat(from, *epoch),
            Request::Ask { epoch, number, account, need } => {
                self.ask(from, account, &Ask { epoch: *epoch, number: *number, need: *need })
            }
            Request::Ship { epoch, .. } => self.ship(from, *epoch, entries),
        };
        match answer {
            Ok(reply) => reply,
            Err(QuotaRefused::Gap { last, .. }) => Reply::Shipped { last_seq: last },
            Err(QuotaRefused::Fenced { .. } | QuotaRefused::Diverged { .. }) => Reply::Fenced,
            Err(QuotaRefused::Overflow) => unreachable!("amounts of the model are small"),
        }
    }

    fn join(
        &mut self,
        from: &Name,
        boot: u64,
        at_last: impl Fn(u64) -> Option<Hash>,
    ) -> Result<Reply, QuotaRefused> {
        let node = self.nodes.entry(from.clone()).or_default();
        let epoch = node.join(boot, at_last(node.last_seq))?;
        let (last_seq, recalled) = (node.last_seq, node.lost);
        self.renew(from);
        Ok(Reply::Joined { epoch, last_seq, grants: self.unbooked(from), recalled })
    }

    fn beat(&mut self, from: &Name, epoch: u64) -> Result<Reply, QuotaRefused> {
        let held = self.slices.iter().filter(|((_, holder), _)| holder == from);
        let outstanding = held.map(|(_, slice)| slice.outstanding()).sum();
        let node = self.nodes.get_mut(from).expect("joined");
        node.fence(epoch)?;
        let recalled = !node.find_again(outstanding);
        self.renew(from);
        let mine = self
            .slices
            .iter()
            .filter(|((_, holder), _)| holder == from)
            .map(|((account, _), slice)| (account, slice));
        let (mut wanted, mut offered) = (Vec::new(), Vec::new());
        for (name, slice) in mine {
            let account = &self.accounts[name];
            let hint = account
                .wanted
                .as_ref()
                .filter(|wanted| wanted.by != *from && self.clock_ms - wanted.at_ms < WANTED_MS);
            if hint.is_some() && slice.outstanding() > 0 {
                wanted.push(name.clone());
            } else if slice.outstanding() == 0 && account.available() > 0 {
                offered.push(name.clone());
            }
        }
        let words = self.words.values_mut().filter(|(by, _)| by.as_ref().is_none_or(|by| by == from)).map(
            |(by, word)| {
                *by = Some(from.clone());
                word.clone()
            },
        );
        let words = words.collect();
        Ok(Reply::Beaten { wanted, offered, grants: self.unbooked(from), recalled, words })
    }

    fn ask(&mut self, from: &Name, name: &Name, wish: &Ask) -> Result<Reply, QuotaRefused> {
        let live = self.seen_ms.values().filter(|seen| self.clock_ms - **seen < SEEN_MS).count() as u32;
        let conditions = Conditions { live_nodes: live, grant_max: 400, now_ms: self.clock_ms, ended: false };
        let node = self.nodes.get_mut(from).expect("joined");
        let account = self.accounts.get_mut(name).expect("made");
        let slice = self.slices.entry((name.clone(), from.clone())).or_default();
        let id: Name = format!("{from}.{}.{}", wish.epoch, wish.number).into();
        let grant = match ask((from, node), account, slice, wish, &conditions)? {
            Lent::Now(amount) => {
                let grant = Grant { id: id.clone(), account: name.clone(), amount };
                self.grants.insert(id, (from.clone(), grant.clone()));
                Some(grant)
            }
            Lent::Nothing => None,
            Lent::Before => self.grants.get(&id).map(|(_, grant)| grant.clone()),
        };
        Ok(Reply::Lent { account: name.clone(), grant })
    }

    fn ship(&mut self, from: &Name, epoch: u64, entries: &[Shipped]) -> Result<Reply, QuotaRefused> {
        let node = self.nodes.get_mut(from).expect("joined");
        let fresh = node.ship(epoch, entries)?;
        let mut moved: BTreeMap<Name, Movement> = BTreeMap::new();
        for entry in fresh {
            let record = Record::decode(&entry.body).expect("a record");
            add_movements(&record, &mut moved);
            if let RecordBody::Notice(notice) = &record.body {
                self.words.remove(notice.id.as_ref().expect("of the central ledger"));
            }
        }
        let (last_seq, lost) = (node.last_seq, node.lost);
        for (name, movement) in moved {
            let slice = self.slices.entry((name.clone(), from.clone())).or_default();
            self.accounts.get_mut(&name).expect("made").apply(slice, &movement, lost)?;
            for id in &movement.booked {
                self.grants.remove(id);
            }
        }
        Ok(Reply::Shipped { last_seq })
    }

    /// An order by hand, as the database's transaction does it: rows to a desk, the work, and what changed
    /// back into the rows.
    pub fn at_desk<T>(&mut self, account: &Name, work: impl FnOnce(&mut AccountTransaction) -> T) -> T {
        let mut sheet = self.sheets[account].clone();
        let row = &self.accounts[account];
        (sheet.money.posted, sheet.money.held) = (row.posted, row.held);
        for (bucket, money) in &mut sheet.buckets {
            let row = &self.accounts[&bucket_balance(account, bucket)];
            (money.posted, money.held) = (row.posted, row.held);
        }
        let (given, outcomes) = (sheet.given.clone(), sheet.outcomes.clone());
        let mut desk = AccountTransaction::new(vec![sheet], OPEN).expect("fits");
        let done = work(&mut desk);
        let outcome = desk.finish();
        self.records.extend(outcome.records);
        for mut sheet in outcome.sheets {
            self.accounts.get_mut(account).expect("made").posted = sheet.money.posted;
            for (bucket, money) in &sheet.buckets {
                self.accounts.entry(bucket_balance(account, bucket)).or_default().posted = money.posted;
            }
            sheet.given.splice(0..0, given.clone());
            sheet.outcomes.splice(0..0, outcomes.clone());
            self.sheets.insert(account.clone(), sheet);
        }
        done
    }

    /// An operator gives up a node whose time is over.
    pub fn lose(&mut self, node: &Name) -> bool {
        let over = self.expires_ms.get(node).is_some_and(|expires| *expires < self.clock_ms);
        let Some(row) = self.nodes.get_mut(node).filter(|row| over && !row.lost) else { return false };
        row.lose();
        self.words.values_mut().filter(|(by, _)| by.as_ref() == Some(node)).for_each(|(by, _)| *by = None);
        for ((account, holder), slice) in &self.slices {
            if holder == node {
                self.accounts.get_mut(account).expect("there").lose(slice);
            }
        }
        true
    }

    fn renew(&mut self, node: &Name) {
        let expires = self.expires_ms.entry(node.clone()).or_default();
        *expires = (*expires).max(self.clock_ms + self.hold_ms);
        self.seen_ms.insert(node.clone(), self.clock_ms);
    }

    fn unbooked(&self, node: &Name) -> Vec<Grant> {
        self.grants.values().filter(|(holder, _)| holder == node).map(|(_, grant)| grant.clone()).collect()
    }
}
