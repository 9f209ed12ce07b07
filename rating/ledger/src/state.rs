//! What is known of an account beside its balances, and how each movement changes it: the same in a running
//! node and in a replay.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use units::{Name, Wall};

use crate::bucket::next_warning;
use crate::{
    AccountId, AccountOpened, Balance, Books, Bucket, BucketGranted, BucketKind, BucketOpened, BucketTerms,
    Key, NoticeEvent, Posted, Purpose, RecordBody, Refused, Terms, Transfer, Warned, units_text,
};

/// Most buckets of an account; used-up ones give way.
pub const MAX_BUCKETS: usize = 64;

/// Everything of an account but its money.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountState {
    /// What it calls by.
    pub terms: Terms,
    /// When it was opened.
    pub opened_at: Wall,
    /// The account a tier above.
    pub parent: Option<AccountId>,
    /// In the order in which calls use them.
    pub buckets: Vec<Bucket>,
    /// The last payment or paid usage: what `idle_days` and `idle_months` count from.
    pub last_event: Wall,
    /// The balance was above its low mark and the owner was not told since.
    pub low_armed: bool,
    /// What was said of the end of the main balance.
    pub warned: Option<Warned>,
    /// How often the main balance expired.
    pub expiries: u32,
    /// By deck, the version of whose prices the owner was told last.
    pub rates_told: BTreeMap<Name, Name>,
    /// What the request that opened it asked for; none if nobody may repeat it.
    pub opened_as: Option<Arc<OpenedAs>>,
    /// Payments announced and neither booked nor rejected, by the key of the announcement.
    pub announced: BTreeMap<Key, Announcement>,
}

/// A request that opened an account: the same key with the same content opens nothing more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenedAs {
    /// The client's key, unique among all accounts.
    pub key: Name,
    /// What it was to call by.
    pub terms: Terms,
    /// How far usage might take the balance, 10⁻⁵ units.
    #[serde(with = "units_text")]
    pub limit: i64,
    /// The first balance, 10⁻⁵ units.
    #[serde(with = "units_text")]
    pub opening: i64,
}

/// A payment on its way. What is on its way is in the books under the same key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Announcement {
    /// When it was announced.
    pub at: Wall,
    /// After this it is late; never if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due: Option<Wall>,
}

/// Something that comes with time alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Due {
    /// The owner is to be told that a balance ends: a bucket by its place, or the main balance.
    Warning(Option<usize>),
    /// It ends.
    End(Option<usize>),
}

/// Movements were posted at `at`: every account that they touch takes note.
pub fn note_all<'a>(
    books: &Books,
    states: &mut BTreeMap<AccountId, AccountState>,
    transfers: impl IntoIterator<Item = &'a Transfer>,
    at: Wall,
) {
    for transfer in transfers {
        if let Some(id) = transfer.customer().and_then(|name| books.id(name))
            && let Some(state) = states.get_mut(&id)
        {
            state.note_posted(transfer, at, books.balance(id).map_or(0, Balance::posted));
        }
    }
}

// === impl AccountState ===

impl AccountState {
    /// Of an account opened at `at` with `posted` in it.
    pub fn new(terms: Terms, at: Wall, parent: Option<AccountId>, posted: i64) -> Self {
        let low_armed = terms.low_balance.is_some_and(|mark| posted >= mark);
        Self {
            terms,
            opened_at: at,
            parent,
            buckets: Vec::new(),
            last_event: at,
            low_armed,
            warned: None,
            expiries: 0,
            rates_told: BTreeMap::new(),
            opened_as: None,
            announced: BTreeMap::new(),
        }
    }

    /// Of an account that was opened by `opened` at `at`, with `posted` in it.
    pub fn opened(opened: &AccountOpened, at: Wall, parent: Option<AccountId>, posted: i64) -> Self {
        let by = |key: &Name| OpenedAs {
            key: key.clone(),
            terms: opened.terms.clone(),
            limit: opened.limit,
            opening: posted,
        };
        Self {
            opened_as: opened.key.as_ref().map(by).map(Arc::new),
            ..Self::new(opened.terms.clone(), at, parent, posted)
        }
    }

    /// Other terms; another low mark is watched from the balance as it stands.
    pub fn change(&mut self, terms: Terms, posted: i64) {
        if terms.low_balance != self.terms.low_balance {
            self.low_armed = terms.low_balance.is_some_and(|mark| posted >= mark);
        }
        self.terms = terms;
    }

    /// A movement of this account was posted at `at`; `posted` is its main balance now.
    pub fn note_posted(&mut self, transfer: &Transfer, at: Wall, posted: i64) {
        let paid = transfer.amount.currency != units::Currency::SEC && transfer.amount.amount != 0;
        if paid && matches!(transfer.purpose, Purpose::TopUp | Purpose::Usage | Purpose::Charge) {
            self.last_event = self.last_event.max(at);
        }
        if self.terms.low_balance.is_some_and(|mark| posted > mark) {
            self.low_armed = true;
        }
    }

    /// A request of `account`, this one, was carried out at `at`: a payment may be on its way now, or no
    /// more; credit that expired may be there again.
    pub fn note_request(&mut self, books: &Books, account: AccountId, body: &RecordBody, at: Wall) {
        match body {
            RecordBody::Announced(announced) => {
                self.announced
                    .insert(announced.transfer.key.clone(), Announcement { at, due: announced.due });
            }
            RecordBody::TopUp(booked) => {
                booked.of.as_ref().map(|of| self.announced.remove(of));
            }
            RecordBody::Rejected(rejected) => {
                self.announced.remove(&rejected.of);
            }
            RecordBody::Reversed(reversed) => {
                if let Key::Expired(bucket, _) = &reversed.of {
                    self.note_unexpired(books, account, bucket, at);
                }
            }
            _ => {}
        }
    }

    /// The low mark, if the owner is to be told that the balance is below it.
    pub fn low_balance_due(&self, posted: i64) -> Option<i64> {
        self.terms.low_balance.filter(|mark| self.low_armed && posted < *mark)
    }

    /// The owner was told at `at`.
    pub fn note_notice(&mut self, event: &NoticeEvent, at: Wall) {
        match event {
            NoticeEvent::LowBalance { .. } => self.low_armed = false,
            NoticeEvent::LowMinutes { bucket, .. } => {
                if let Some(bucket) = self.bucket_mut(bucket) {
                    bucket.low_armed = false;
                }
            }
            NoticeEvent::CreditExpires { bucket, at: expiry, .. } => {
                let warned = Some(Warned { expiry: *expiry, at });
                match bucket {
                    None => self.warned = warned,
                    Some(name) => {
                        if let Some(bucket) = self.bucket_mut(name) {
                            bucket.warned = warned;
                        }
                    }
                }
            }
            NoticeEvent::RatesChange(told) => {
                let deck = &told.deck;
                self.rates_told.insert(deck.clone(), told.version.clone());
                // Of decks that it does not call by any more nothing need be known.
                let decks = &self.terms.decks;
                self.rates_told.retain(|told, _| told == deck || decks.contains(told));
            }
            NoticeEvent::CreditExpired { .. }
            | NoticeEvent::TopUpBooked { .. }
            | NoticeEvent::CallEnds { .. } => {}
        }
    }

    /// Books a grant to a bucket of `account`, this one, opening the bucket if there is none of that name.
    pub fn grant(
        &mut self,
        books: &mut Books,
        account: AccountId,
        granted: &BucketGranted,
        at: Wall,
    ) -> Result<Posted, Refused> {
        if !books.knows(account, &granted.transfer.key) && books.bucket(account, &granted.bucket).is_none() {
            books.open_bucket(account, &granted.bucket, granted.transfer.amount.currency)?;
        }
        let posted = books.post(&granted.transfer)?;
        if posted != Posted::Now {
            return Ok(posted);
        }
        let id = books.bucket(account, &granted.bucket).ok_or(Refused::UnknownAccount)?;
        let before = self.bucket(&granted.bucket).map_or(0, |bucket| bucket.expiries);
        self.forget_used_up(books);
        self.buckets.retain(|bucket| bucket.id != id);
        self.place(Bucket {
            id,
            name: granted.bucket.clone(),
            terms: granted.terms.clone(),
            granted_at: at,
            low_armed: true,
            warned: None,
            expiries: before,
        });
        Ok(Posted::Now)
    }

    fn place(&mut self, bucket: Bucket) {
        self.buckets.push(bucket);
        self.buckets.sort_by(|a, b| a.rank().cmp(&b.rank()));
    }

    /// Takes a bucket of `account`, this one, as the central ledger has it, opening it if there is none of
    /// that name. False if it was known so already.
    pub fn know_bucket(
        &mut self,
        books: &mut Books,
        account: AccountId,
        opened: &BucketOpened,
    ) -> Result<bool, Refused> {
        let BucketOpened { bucket, terms, granted_at } = opened;
        if self.bucket(bucket).is_some_and(|known| known.terms == *terms && known.granted_at == *granted_at) {
            return Ok(false);
        }
        let own = books.balance(account).ok_or(Refused::UnknownAccount)?.currency;
        let currency = terms.kind.currency(own);
        let id = match books.bucket(account, bucket) {
            Some(id) => id,
            None => books.open_bucket(account, bucket, currency)?,
        };
        if books.balance(id).is_none_or(|balance| balance.currency != currency) {
            return Err(Refused::CurrencyMismatch);
        }
        self.forget_used_up(books);
        self.buckets.retain(|known| known.id != id);
        self.place(Bucket {
            id,
            name: bucket.clone(),
            terms: terms.clone(),
            granted_at: *granted_at,
            low_armed: true,
            warned: None,
            expiries: 0,
        });
        Ok(true)
    }

    /// Buckets with nothing posted are nothing any more, once there are many.
    pub fn forget_used_up(&mut self, books: &Books) {
        if self.buckets.len() >= MAX_BUCKETS {
            self.buckets
                .retain(|bucket| books.balance(bucket.id).is_some_and(|balance| balance.posted() > 0));
        }
    }

    /// Something of a bucket, or of the main balance, expired.
    pub fn note_expired(&mut self, bucket: Option<&Name>) {
        match bucket {
            None => self.expiries = self.expiries.checked_add(1).expect("fewer than 2³² ends of one balance"),
            Some(name) => {
                if let Some(bucket) = self.bucket_mut(name) {
                    bucket.expiries =
                        bucket.expiries.checked_add(1).expect("fewer than 2³² ends of one pocket");
                }
            }
        }
    }

    /// An expiry was reversed at `at`, of the bucket of this name or, without a name, of the main balance. It
    /// must not end again at once: an end that has passed is lifted, until a grant gives the bucket another;
    /// the time without use counts anew.
    fn note_unexpired(&mut self, books: &Books, account: AccountId, bucket: &Name, at: Wall) {
        if bucket.is_empty() {
            self.last_event = self.last_event.max(at);
            return;
        }
        let Some(id) = books.bucket(account, bucket) else { return };
        let known =
            self.buckets.iter().position(|known| known.id == id).map(|place| self.buckets.remove(place));
        let mut restored = known.unwrap_or_else(|| {
            // It was used up and forgotten; what it served is not known any more.
            let is_time = books.balance(id).is_some_and(|balance| balance.currency == units::Currency::SEC);
            let terms = BucketTerms::of(if is_time { BucketKind::Minutes } else { BucketKind::Promo });
            Bucket {
                id,
                name: bucket.clone(),
                terms,
                granted_at: at,
                low_armed: true,
                warned: None,
                expiries: 0,
            }
        });
        if restored.terms.is_expired(at) {
            (restored.terms.expires_at, restored.warned) = (None, None);
        }
        self.place(restored);
    }

    /// A bucket by name.
    pub fn bucket(&self, name: &str) -> Option<&Bucket> {
        self.buckets.iter().find(|bucket| &*bucket.name == name)
    }

    fn bucket_mut(&mut self, name: &str) -> Option<&mut Bucket> {
        self.buckets.iter_mut().find(|bucket| &*bucket.name == name)
    }

    /// When the main balance ends if nothing happens: the end of a day of the account's zone, `idle_months`
    /// or `idle_days` after the last event.
    pub fn idle_end(&self) -> Option<Wall> {
        let (months, days) = match (self.terms.idle_months, self.terms.idle_days) {
            (Some(months), _) => (months, 0),
            (None, Some(days)) => (0, days),
            (None, None) => return None,
        };
        Some(self.terms.zone().end_of_day_after(self.last_event, months, days))
    }

    /// The next thing that comes with time alone, and when.
    pub fn next_due(&self, books: &Books, account: AccountId) -> Option<(Wall, Due)> {
        let main = books.balance(account).into_iter().flat_map(|balance| self.main_dues(balance));
        let buckets = self.buckets.iter().enumerate().flat_map(|(place, bucket)| {
            let free = books.balance(bucket.id).map_or(0, Balance::available);
            let end = bucket.terms.expires_at.map(|at| (at, Due::End(Some(place))));
            let warning = bucket.next_warning(&self.terms.zone()).map(|at| (at, Due::Warning(Some(place))));
            [end, warning].into_iter().flatten().filter(move |_| free > 0)
        });
        main.chain(buckets).min()
    }

    /// Money that calls are using is not idle.
    fn main_dues(&self, balance: &Balance) -> impl Iterator<Item = (Wall, Due)> {
        let end = self.idle_end().filter(|_| balance.posted() > 0);
        let ends = end.filter(|_| balance.reserved == 0).map(|at| (at, Due::End(None)));
        let warning = end.and_then(|end| next_warning(end, self.last_event, self.warned, &self.terms.zone()));
        let warning = warning.map(|at| (at, Due::Warning(None)));
        [ends, warning].into_iter().flatten()
    }

    /// Buckets of minutes before buckets of money, each in its order, that serve a number at `at`.
    pub fn serving<'a>(&'a self, digits: &'a [u8], at: Wall) -> impl Iterator<Item = &'a Bucket> {
        self.buckets.iter().filter(move |bucket| bucket.terms.serves(digits, at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        BucketExpired, BucketTerms, Key, Notice, Party, Record, RecordBody, Replay, ShardBooks, SystemAccount,
    };
    use units::{Currency, Money};

    const DAY_MS: i64 = 86_400_000;

    fn transfer(
        key: Key,
        purpose: Purpose,
        (debit, credit): (Party, Party),
        amount: i64,
        currency: Currency,
    ) -> Transfer {
        Transfer { key, purpose, debit, credit, amount: Money::of(amount, currency), memo: None }
    }

    fn bucket(name: &str) -> Party {
        Party::Bucket { account: "acme".into(), bucket: name.into() }
    }

    fn granted(name: &str, kind: BucketKind, amount: i64, expires_at: Option<Wall>) -> RecordBody {
        let system_account = Party::SystemAccount(if kind == BucketKind::Minutes {
            SystemAccount::Minutes
        } else {
            SystemAccount::Promotions
        });
        let key = Key::Given(format!("grant-{name}-{amount}").into());
        let transfer = transfer(
            key,
            Purpose::Grant,
            (system_account, bucket(name)),
            amount,
            kind.currency(Currency::EUR),
        );
        let terms = BucketTerms { expires_at, ..BucketTerms::of(kind) };
        RecordBody::BucketGranted(BucketGranted { bucket: name.into(), terms, transfer })
    }

    fn replayed(bodies: Vec<RecordBody>) -> ShardBooks {
        let terms = Terms { idle_days: Some(365), low_balance: Some(100), ..Terms::of_deck("retail") };
        let opening = transfer(
            Key::Opening,
            Purpose::Opening,
            (Party::SystemAccount(SystemAccount::Opening), Party::Customer("acme".into())),
            100,
            Currency::EUR,
        );
        let opened =
            AccountOpened { currency: Currency::EUR, terms, limit: 0, opening: Some(opening), key: None };
        let mut replay = Replay::new();
        for body in std::iter::once(RecordBody::AccountOpened(opened)).chain(bodies) {
            let record = Record::new(Wall(0), "acme".into(), body);
            let bytes = record.encode().expect("JSON");
            replay.apply_record(&Record::decode(&bytes).expect("a record")).expect("whole");
        }
        replay.finish().shards.swap_remove(0)
    }

    fn state(shard: &ShardBooks) -> &AccountState {
        &shard.states[&shard.books.id("acme").expect("there")]
    }

    #[test]
    fn buckets_stand_in_the_order_of_their_use() {
        let shard = replayed(vec![
            granted("promo", BucketKind::Promo, 5, None),
            granted("soon", BucketKind::Promo, 5, Some(Wall(9))),
            granted("test", BucketKind::Test, 5, None),
            granted("free", BucketKind::Minutes, 5, None),
            granted("promo", BucketKind::Promo, 6, Some(Wall(8))),
        ]);
        let names: Vec<_> = state(&shard).buckets.iter().map(|bucket| &*bucket.name).collect();
        assert_eq!(names, ["free", "test", "promo", "soon"]);
        let promo = state(&shard).bucket("promo").expect("there");
        assert_eq!(shard.books.balance(promo.id).map(Balance::posted), Some(11));
        assert!(shard.books.sums().values().all(|sum| *sum == 0));
    }

    #[test]
    fn what_comes_with_time_is_known_after_a_replay() {
        let end = Wall(90 * DAY_MS);
        let notice = |at| {
            let event = NoticeEvent::CreditExpires {
                bucket: Some("promo".into()),
                amount: 5,
                currency: Currency::EUR,
                at,
            };
            RecordBody::Notice(Notice { to: None, language: None, event, id: None })
        };
        let due = |bodies: Vec<RecordBody>| {
            let shard = replayed(bodies);
            state(&shard).next_due(&shard.books, shard.books.id("acme").expect("there")).expect("something")
        };
        let promo = || granted("promo", BucketKind::Promo, 5, Some(end));
        assert_eq!(
            due(vec![]),
            (Wall(306 * DAY_MS - 1), Due::Warning(None)),
            "60 days before the 366th midnight"
        );
        assert_eq!(due(vec![promo()]), (Wall(30 * DAY_MS), Due::Warning(Some(0))));
        // The replay told at 0 of another end, then of this one.
        assert_eq!(due(vec![promo(), notice(Wall(1))]), (Wall(30 * DAY_MS), Due::Warning(Some(0))));
        let breakage = (bucket("promo"), Party::SystemAccount(SystemAccount::Breakage));
        let expired = transfer(Key::Expired("promo".into(), 1), Purpose::Expired, breakage, 5, Currency::EUR);
        let expired =
            RecordBody::BucketExpired(BucketExpired { bucket: Some("promo".into()), transfer: expired });
        assert_eq!(due(vec![promo(), expired.clone()]).1, Due::Warning(None));
        assert_eq!(
            state(&replayed(vec![promo(), expired])).buckets.first().map(|bucket| bucket.expiries),
            Some(1)
        );
    }

    #[test]
    fn the_low_mark_is_armed_above_it() {
        let told = || {
            let event = NoticeEvent::LowBalance { balance: 99, threshold: 100, currency: Currency::EUR };
            RecordBody::Notice(Notice { to: None, language: None, event, id: None })
        };
        assert_eq!(state(&replayed(vec![])).low_balance_due(99), Some(100), "it began at its mark");
        assert_eq!(state(&replayed(vec![])).low_balance_due(100), None);
        let mut state = state(&replayed(vec![told()])).clone();
        assert_eq!(state.low_balance_due(99), None, "told");
        let payment = (Party::SystemAccount(SystemAccount::Payments), Party::Customer("acme".into()));
        let top_up = transfer(Key::Given("k".into()), Purpose::TopUp, payment, 1, Currency::EUR);
        state.note_posted(&top_up, Wall(5), 100);
        assert_eq!((state.low_balance_due(99), state.last_event), (None, Wall(5)), "not above");
        state.note_posted(&top_up, Wall(4), 101);
        assert_eq!((state.low_balance_due(99), state.last_event), (Some(100), Wall(5)));
    }
}
