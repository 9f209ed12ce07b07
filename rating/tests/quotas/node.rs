//! A node of the model: real books and a real holder, a journal whose end is not yet durable, calls that
//! reserve and use.

use std::collections::{BTreeMap, BTreeSet};

use ledger::{
    AccountId, Books, CallId, GENESIS, Hash, Key, Lent, Party, Posted, Purpose, Record, RecordBody, Refused,
    SliceMoved, SystemAccount, Transfer, chain,
};
use rating::quotas::central::Shipped;
use rating::quotas::client::CentralNotice;
use rating::quotas::client::{LendingState, QuotaClient, QuotaTiming};
use rating::quotas::{Grant, Movement, add_movements, grant_transfer, owner, party, return_transfer, spare};
use serde_json::value::RawValue;
use units::{Currency, Money, Name, Tick, Wall};

pub const EUR: Currency = Currency::EUR;

pub struct Call {
    pub account: Name,
    pub id: CallId,
    pub reserved: i64,
}

/// What became of a call's wish.
#[derive(PartialEq, Eq)]
pub enum Wish {
    Granted,
    NoMoney,
    Ended,
}

/// An entry of a node's journal, and what it means to the central ledger.
pub struct Written {
    pub entry: Shipped,
    pub record: Record,
    /// Of which balance it is.
    pub balance: Name,
    pub movement: Movement,
}

pub struct Node {
    pub name: Name,
    pub boot: u64,
    pub up: bool,
    pub holder: QuotaClient,
    pub gate: LendingState,
    pub books: Books,
    pub journal: Vec<Written>,
    pub durable: usize,
    pub calls: Vec<Call>,
    /// Its monotonic clock runs by this many per mille of the true time, from this origin.
    pub rate: u64,
    pub origin_ms: u64,
}

impl Node {
    pub fn new(name: &str, accounts: &[Name], timing: QuotaTiming) -> Self {
        Self {
            name: name.into(),
            boot: 0,
            up: false,
            holder: QuotaClient::new(name.into(), timing, 0, 0),
            gate: LendingState { until: Tick(0), reachable: false },
            books: replayed(accounts, &[]),
            journal: Vec::new(),
            durable: 0,
            calls: Vec::new(),
            rate: 1_000,
            origin_ms: 0,
        }
    }

    /// A start from what of the journal is on disk: at least what was said to be durable.
    pub fn start(&mut self, boot: u64, on_disk: usize, accounts: &[Name], timing: QuotaTiming) {
        self.journal.truncate(on_disk.max(self.durable));
        self.durable = self.journal.len();
        self.books = replayed(accounts, &self.journal);
        self.calls.clear();
        self.holder = QuotaClient::new(self.name.clone(), timing, self.durable as u64, boot);
        self.gate = LendingState { until: Tick(0), reachable: false };
        (self.boot, self.up) = (boot, true);
    }

    pub fn tick(&self, true_ms: u64) -> Tick {
        Tick((self.origin_ms + true_ms * self.rate / 1_000) * 1_000)
    }

    pub fn book(&mut self, grant: &Grant) {
        let transfer = grant_transfer(grant, EUR);
        if self.books.post(&transfer).expect("books take it") == Posted::Now {
            self.write(&grant.account, RecordBody::Slice(SliceMoved { transfer }));
        }
    }

    /// What the central ledger noticed.
    pub fn tell(&mut self, word: &CentralNotice) {
        self.write(&word.account, RecordBody::Notice(word.notice.clone()));
    }

    /// Notices with an id in the journal so far.
    pub fn said(&self) -> impl Iterator<Item = &Name> {
        self.journal.iter().filter_map(|written| match &written.record.body {
            RecordBody::Notice(notice) => notice.id.as_ref(),
            _ => None,
        })
    }

    pub fn give_back(&mut self, account: &Name, name: &str) -> bool {
        let balance = self.balance(account);
        let amount = spare(balance.available(), balance.reserved);
        if amount == 0 {
            return false;
        }
        let transfer = return_transfer(account, Money::of(amount, EUR), &format!("{name}/{account}"));
        self.books.post(&transfer).expect("books take it");
        self.write(account, RecordBody::Slice(SliceMoved { transfer }));
        true
    }

    pub fn call(&mut self, now: Tick, account: &Name, id: CallId, need: i64) -> Wish {
        let wish = self.reserve(now, account, need);
        if wish == Wish::Granted {
            self.calls.push(Call { account: account.clone(), id, reserved: need });
        }
        wish
    }

    pub fn extend(&mut self, now: Tick, at: usize, more: i64) -> Wish {
        let account = self.calls[at].account.clone();
        let wish = self.reserve(now, &account, more);
        if wish == Wish::Granted {
            self.calls[at].reserved += more;
        }
        wish
    }

    fn reserve(&mut self, now: Tick, account: &Name, need: i64) -> Wish {
        self.books.set_lent(Lent { open: now < self.gate.until, reachable: self.gate.reachable });
        let id = balance_id(&self.books, account);
        let reserved = self.books.reserve(id, need);
        while let Some((of, short)) = self.books.pop_quota_request() {
            let name = Name::from(self.books.party(of).expect("there").to_string());
            self.holder.want(now, &name, short);
        }
        match reserved {
            Ok(()) => Wish::Granted,
            Err(Refused::ExceedsAvailable) => Wish::NoMoney,
            Err(Refused::SliceEnded) => Wish::Ended,
            Err(other) => unreachable!("{other}"),
        }
    }

    /// Ends a call that used `per_mille` of what it reserved.
    pub fn hang_up(&mut self, at: usize, per_mille: i64) {
        let call = self.calls.swap_remove(at);
        let used = call.reserved * per_mille / 1_000;
        if used == 0 {
            let id = balance_id(&self.books, &call.account);
            return self.books.void(id, call.reserved).expect("was reserved");
        }
        let usage = Transfer {
            key: Key::Call(call.id, 0),
            purpose: Purpose::Usage,
            debit: party(&call.account),
            credit: Party::SystemAccount(SystemAccount::Revenue),
            amount: Money::of(used, EUR),
            memo: None,
        };
        self.books.post_reserved(&usage, call.reserved).expect("was reserved");
        let raw = RawValue::from_string("{}".to_owned()).expect("JSON");
        self.write(
            &call.account,
            Record::settled(Wall(0), call.account.clone(), call.id, raw, vec![usage]).body,
        );
    }

    /// The disk is done with all so far.
    pub fn commit(&mut self) {
        self.durable = self.journal.len();
        self.holder.durable(self.durable as u64);
    }

    pub fn balance(&self, account: &Name) -> ledger::Balance {
        *self.books.balance(balance_id(&self.books, account)).expect("open")
    }

    pub fn hash(&self, seq: u64) -> Option<Hash> {
        let at = usize::try_from(seq).ok()?.checked_sub(1)?;
        self.journal.get(at).map(|written| written.entry.hash)
    }

    /// Durable entries after `after`.
    pub fn entries(&self, after: u64, limit: usize) -> Vec<Shipped> {
        self.journal[..self.durable]
            .iter()
            .skip(after as usize)
            .take(limit)
            .map(|written| written.entry.clone())
            .collect()
    }

    /// Sums of (usage, returns) of an account in entries after `after`, and the grants booked in all.
    pub fn moved(&self, account: &Name, after: u64) -> (i64, i64, BTreeSet<&Name>) {
        let (mut used, mut returned, mut booked) = (0, 0, BTreeSet::new());
        for Written { entry, movement, .. } in
            self.journal.iter().filter(|written| written.balance == *account)
        {
            booked.extend(&movement.booked);
            if entry.seq > after {
                used += movement.spent;
                returned += movement.returned;
            }
        }
        (used, returned, booked)
    }

    fn write(&mut self, account: &Name, body: RecordBody) {
        let record = Record::new(Wall(0), owner(account).into(), body);
        let body = record.encode().expect("JSON");
        let link = self.journal.last().map_or(GENESIS, |last| last.entry.hash);
        let entry = Shipped { seq: self.journal.len() as u64 + 1, hash: chain(&link, &body), body };
        let mut moved = BTreeMap::new();
        add_movements(&record, &mut moved);
        let movement = moved.remove(account).unwrap_or_default();
        assert!(moved.is_empty(), "the model's records are of one balance");
        self.journal.push(Written { entry, record, balance: account.clone(), movement });
    }
}

fn balance_id(books: &Books, balance: &str) -> AccountId {
    let account = books.id(owner(balance)).expect("open");
    match party(balance) {
        Party::Bucket { bucket, .. } => books.bucket(account, &bucket).expect("open"),
        Party::Customer(_) | Party::SystemAccount(_) => account,
    }
}

/// Books as a restart finds them; an account comes before its buckets.
fn replayed(balances: &[Name], journal: &[Written]) -> Books {
    let mut books = Books::default();
    for balance in balances {
        if let Party::Bucket { account, bucket } = party(balance) {
            let account = books.id(&account).expect("before");
            books.open_bucket(account, &bucket, EUR).expect("new");
        } else {
            books.open(balance, EUR, 0).expect("new");
        }
    }
    for written in journal {
        match &written.record.body {
            RecordBody::Slice(moved) => books.repost(&moved.transfer).expect("fits"),
            RecordBody::Settled(settled) => {
                settled.transfers.iter().for_each(|transfer| books.repost(transfer).expect("fits"))
            }
            RecordBody::Notice(_) => {}
            other => unreachable!("the model writes no {other:?}"),
        }
    }
    books
}
