//! What comes with time alone: credit that ends, and notices 60 and 14 days ahead. Wall time may jump; each
//! thing happens once.

use ledger::{
    AccountId, Balance, BucketExpired, Due, Key, NoticeEvent, Party, Purpose, Record, RecordBody,
    SystemAccount, Transfer,
};
use units::{Money, Name, Now, Wall};

use super::Engine;
use super::invariant::{must, sum};

/// Most accounts looked at by one [`Engine::expire`].
const ACCOUNTS_MAX: usize = 256;
/// Most things that come to one account at one moment: both warnings and the end of each balance.
const DUE_MAX: usize = 3 * (ledger::MAX_BUCKETS + 1);

// === impl Engine ===

impl Engine {
    /// When to call [`Engine::expire`] again: no later than the next thing is due.
    pub fn next_expiry(&self) -> Option<Wall> {
        self.due.first().map(|(at, _)| *at)
    }

    /// Does what is due: what is not reserved of an expired balance goes to breakage, with notices for the
    /// owners. For the journal, in this order. Where many accounts are due at once, the next call goes on.
    pub fn expire(&mut self, now: Now) -> Vec<Record> {
        let mut records: Vec<Record> = self.notices.drain(..).collect();
        if self.books.lent().is_some() {
            // What ends is the whole balance: the central ledger says so.
            self.due.clear();
            self.scheduled.clear();
        }
        for _ in 0..ACCOUNTS_MAX {
            let Some((at, account)) = self.due.first().copied().filter(|(at, _)| *at <= now.wall) else {
                break;
            };
            self.due.remove(&(at, account));
            self.scheduled.remove(&account);
            for _ in 0..DUE_MAX {
                let next = self.states.get(&account).and_then(|state| state.next_due(&self.books, account));
                let Some((_, due)) = next.filter(|(at, _)| *at <= now.wall) else { break };
                match due {
                    Due::Warning(place) => self.notify_end_ahead(account, place, now),
                    Due::End(place) => records.extend(self.end_balance(account, place, now)),
                }
                records.extend(self.notices.drain(..));
            }
            // Owed since a crash, if at all.
            self.notify_low_balance(account, now);
            records.extend(self.notices.drain(..));
            self.schedule(account);
        }
        records
    }

    /// Makes sure that the account is looked at no later than something is due. An entry that is earlier
    /// already finds the new time itself.
    pub(super) fn schedule(&mut self, account: AccountId) {
        let Some(state) = self.states.get(&account).filter(|_| self.books.lent().is_none()) else { return };
        let posted = self.books.balance(account).map_or(0, Balance::posted);
        // A crash may have come between the movement and its notice.
        let owed = state.low_balance_due(posted).map(|_| Wall(i64::MIN));
        let Some(at) = owed.or_else(|| state.next_due(&self.books, account).map(|(at, _)| at)) else {
            return;
        };
        match self.scheduled.get(&account) {
            Some(scheduled) if *scheduled <= at => {}
            scheduled => {
                if let Some(scheduled) = scheduled {
                    self.due.remove(&(*scheduled, account));
                }
                self.scheduled.insert(account, at);
                self.due.insert((at, account));
            }
        }
    }

    /// The balance, its bucket's name if it is one, and when it ends.
    fn ending(&self, account: AccountId, place: Option<usize>) -> Option<(AccountId, Option<Name>, Wall)> {
        let state = self.states.get(&account)?;
        match place {
            None => Some((account, None, state.idle_end()?)),
            Some(place) => {
                let bucket = state.buckets.get(place)?;
                Some((bucket.id, Some(bucket.name.clone()), bucket.terms.expires_at?))
            }
        }
    }

    fn notify_end_ahead(&mut self, account: AccountId, place: Option<usize>, now: Now) {
        let Some((id, bucket, at)) = self.ending(account, place) else { return };
        let Some(balance) = self.books.balance(id).copied() else { return };
        let event =
            NoticeEvent::CreditExpires { bucket, amount: balance.posted(), currency: balance.currency, at };
        self.notify(now, account, event);
    }

    fn end_balance(&mut self, account: AccountId, place: Option<usize>, now: Now) -> Option<Record> {
        let (id, bucket, _) = self.ending(account, place)?;
        let (balance, state) = (self.books.balance(id).copied()?, self.states.get(&account)?);
        let amount = sum(balance.posted(), -balance.reserved);
        let expiries = place
            .map_or(state.expiries, |place| state.buckets.get(place).map_or(0, |bucket| bucket.expiries));
        let transfer = Transfer {
            key: Key::Expired(bucket.clone().unwrap_or_else(|| "".into()), expiries.saturating_add(1)),
            purpose: Purpose::Expired,
            debit: self.books.party(id)?.clone(),
            credit: Party::SystemAccount(SystemAccount::Breakage),
            amount: Money::of(amount, balance.currency),
            memo: None,
        };
        if amount <= 0 {
            return None;
        }
        must(self.books.post(&transfer), "what expired");
        if let Some(state) = self.states.get_mut(&account) {
            state.note_expired(bucket.as_ref());
        }
        self.note_posted(account, &transfer, now);
        let event = NoticeEvent::CreditExpired { bucket: bucket.clone(), amount, currency: balance.currency };
        self.notify(now, account, event);
        self.notify_low_balance(account, now);
        let name = self.books.name(account)?.clone();
        Some(Record::new(now.wall, name, RecordBody::BucketExpired(BucketExpired { bucket, transfer })))
    }
}
