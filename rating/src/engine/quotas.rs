//! Balances lent by a central ledger: booked here as any other money, and given back when another node wants
//! them.

use std::collections::BTreeMap;

use ledger::{
    AccountId, AccountState, BucketOpened, Lent, Party, Posted, Record, RecordBody, Refused, Sheet,
    SliceMoved, Transfer, note_all,
};
use units::{Currency, Money, Name, Now, Wall};

use super::lease::Tier;
use super::{CreditRefusal, Engine};
use crate::quotas::{Grant, bucket_balance, grant_transfer, owner, party, return_transfer, spare};

/// Accounts to ask the central ledger for, most at once; calls of more are refused all the same, and ask
/// again.
const NOT_OPENED_MAX: usize = 1_024;

// === impl Engine ===

impl Engine {
    /// The balances are lent, and may be trusted so far. Calls that waited for that may try again.
    pub fn set_lent(&mut self, lent: Lent) {
        let was_open = self.books.lent().is_none_or(|lent| lent.open);
        self.books.set_lent(lent);
        if lent.open && !was_open {
            let waiting: Vec<AccountId> = self.waiting.keys().copied().collect();
            waiting.into_iter().for_each(|account| self.freed(account));
        }
    }

    /// A balance (`acme`, or `acme/free` of a bucket) that calls found short by so much (10⁻⁵ units), or,
    /// with 0, left little in.
    pub fn poll_quota_request(&mut self) -> Option<(Name, i64)> {
        if let Some(account) = self.not_opened.pop_first() {
            return Some((account, 0));
        }
        loop {
            let (id, short) = self.books.pop_quota_request()?;
            match self.books.party(id) {
                Some(Party::Customer(name)) => return Some((name.clone(), short)),
                Some(Party::Bucket { account, bucket }) => {
                    return Some((bucket_balance(account, bucket), short));
                }
                Some(Party::SystemAccount(_)) | None => {}
            }
        }
    }

    /// Per currency what this shard holds of balances that are lent, what calls have reserved included, 10⁻⁵
    /// units; nothing if the balances are its own.
    pub fn lent_units(&self) -> BTreeMap<Currency, i64> {
        self.books.lent().map(|_| self.books.customers_have()).unwrap_or_default()
    }

    /// An account out of the books, with all its movements there.
    pub(crate) fn sheet(&self, account: &str) -> Option<Sheet> {
        let id = self.books.id(account)?;
        Sheet::of(&self.books, self.states.get(&id)?, id)
    }

    /// Movements of these accounts that are in the balances already: a low balance makes its notice.
    pub(crate) fn note_shipped(&mut self, now: Now, shipped: &[(Wall, Transfer)]) {
        for (at, transfer) in shipped {
            note_all(&self.books, &mut self.states, [transfer], *at);
        }
        let accounts: Vec<AccountId> = self.states.keys().copied().collect();
        for account in accounts {
            self.notify_low_balance(account, now);
        }
    }

    /// The next thing that comes to an account with time, also if what it concerns is all reserved.
    pub(crate) fn due(&self, account: &str) -> Option<Wall> {
        let id = self.books.id(account)?;
        let next = self.states.get(&id)?.next_due(&self.books, id).map(|(at, _)| at);
        self.ends(id).map(|(at, _)| at).chain(next).min()
    }

    /// Balances that ended by `at` and are not empty: the account's own under the empty name, and buckets.
    pub(crate) fn overdue(&self, account: &str, at: Wall) -> Vec<Name> {
        let Some(id) = self.books.id(account) else { return Vec::new() };
        self.ends(id).filter(|(end, _)| *end <= at).map(|(_, name)| name).collect()
    }

    /// When each balance of an account that is not empty ends.
    fn ends(&self, account: AccountId) -> impl Iterator<Item = (Wall, Name)> {
        let state = self.states.get(&account);
        let holds = |id| self.books.balance(id).is_some_and(|balance| balance.posted() > 0);
        let main =
            state.and_then(AccountState::idle_end).filter(|_| holds(account)).map(|at| (at, Name::from("")));
        let buckets = state.into_iter().flat_map(|state| &state.buckets);
        let buckets = buckets.filter(move |bucket| holds(bucket.id));
        main.into_iter()
            .chain(buckets.filter_map(|bucket| Some((bucket.terms.expires_at?, bucket.name.clone()))))
    }

    /// Why a call of an account is refused that is not in these books. Where a central ledger opens the
    /// accounts, this one may only not have been opened here yet: the ledger is asked for it, and the caller
    /// is not told that it has no account.
    pub fn not_here(&mut self, account: &str) -> CreditRefusal {
        if self.books.lent().is_none() {
            return CreditRefusal::UnknownAccount;
        }
        if self.not_opened.len() < NOT_OPENED_MAX {
            self.not_opened.insert(account.into());
        }
        CreditRefusal::LedgerAway
    }

    /// One more block does not fit into a tier: noted for the central ledger, if there is one, and why the
    /// call is refused.
    pub(super) fn found_short(&mut self, tier: &Tier) -> CreditRefusal {
        self.books.request_quota(tier.account, self.short_by(tier));
        match self.books.lent() {
            Some(lent) if !(lent.open && lent.reachable) => CreditRefusal::LedgerAway,
            Some(_) | None => CreditRefusal::NoCredit,
        }
    }

    /// What is lacking in a tier's account for one more increment, 10⁻⁵ units.
    pub(super) fn short_by(&self, tier: &Tier) -> i64 {
        let (price, from) = (&tier.price, tier.leased_secs());
        let more = price.cost(price.next_boundary(from)).saturating_sub(price.cost(from));
        more.saturating_sub(self.books.balance(tier.account).map_or(0, |balance| balance.available()))
    }

    /// Takes a bucket as the central ledger has it: the record for the journal; none if it is known so.
    pub fn know_bucket(
        &mut self,
        now: Now,
        account: &Name,
        opened: BucketOpened,
    ) -> Result<Option<Record>, Refused> {
        let id = self.books.id(account).ok_or(Refused::UnknownAccount)?;
        let state = self.states.get_mut(&id).ok_or(Refused::UnknownAccount)?;
        if !state.know_bucket(&mut self.books, id, &opened)? {
            return Ok(None);
        }
        self.wake(id);
        Ok(Some(Record::new(now.wall, account.clone(), RecordBody::BucketOpened(opened))))
    }

    /// Books a grant once: the record for the journal; none if it is booked already. The account has to be
    /// open, and the bucket known.
    pub fn book_quota(&mut self, now: Now, grant: &Grant) -> Result<Option<Record>, Refused> {
        let account = self.books.id(owner(&grant.account)).ok_or(Refused::UnknownAccount)?;
        let balance = self
            .lent_balance(&grant.account)
            .and_then(|id| self.books.balance(id))
            .ok_or(Refused::UnknownAccount)?;
        let transfer = grant_transfer(grant, balance.currency);
        match self.books.post(&transfer)? {
            Posted::Before { .. } => Ok(None),
            Posted::Now => {
                if let Some(id) = self.lent_balance(&grant.account) {
                    self.books.set_dry(id, false);
                }
                self.wake(account);
                Ok(Some(Record::new(
                    now.wall,
                    owner(&grant.account).into(),
                    RecordBody::Slice(SliceMoved { transfer }),
                )))
            }
        }
    }

    /// The central ledger has no more of a balance: calls of the account may see their end now.
    pub fn note_dry(&mut self, balance: &str) {
        if let (Some(account), Some(id)) = (self.books.id(owner(balance)), self.lent_balance(balance)) {
            self.books.set_dry(id, true);
            self.wake_all(account);
        }
    }

    /// Gives back what is [`spare`] of a balance, under a name that is used once: the record for the journal,
    /// none if nothing is.
    pub fn return_quota(&mut self, now: Now, balance: &str, name: &str) -> Option<Record> {
        let found = *self.lent_balance(balance).and_then(|id| self.books.balance(id))?;
        let amount = spare(found.available(), found.reserved);
        if amount == 0 {
            return None;
        }
        let transfer =
            return_transfer(balance, Money::of(amount, found.currency), &format!("{name}/{balance}"));
        // It is free and the name is new.
        self.books.post(&transfer).ok().filter(|posted| *posted == Posted::Now)?;
        Some(Record::new(now.wall, owner(balance).into(), RecordBody::Slice(SliceMoved { transfer })))
    }

    /// All balances of which this shard may hold something, accounts' own and buckets.
    pub fn lent_balances(&self) -> Vec<Name> {
        let buckets = |(account, id): (&Name, AccountId)| {
            let buckets: Vec<Name> =
                self.books.buckets_of(id).map(|(bucket, _)| bucket_balance(account, bucket)).collect();
            std::iter::once(account.clone()).chain(buckets)
        };
        self.books.customers().flat_map(buckets).collect()
    }

    fn lent_balance(&self, balance: &str) -> Option<AccountId> {
        match party(balance) {
            Party::Customer(name) => self.books.id(&name),
            Party::Bucket { account, bucket } => self.books.bucket(self.books.id(&account)?, &bucket),
            Party::SystemAccount(_) => None,
        }
    }
}
