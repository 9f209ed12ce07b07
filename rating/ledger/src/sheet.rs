//! One account out of the books and back: its money, what is known beside it, and those of its movements that
//! a request looks at.
//!
//! The central ledger keeps accounts so, in rows, and opens them for one transaction.

use units::{Currency, Name, Wall};

use crate::books::{AccountImage, BalanceImage, GivenImage};
use crate::{AccountId, AccountState, Books, Key, Outcome, Refused, ShardBooks, StateImage};

/// An account by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sheet {
    /// Its name.
    pub name: Name,
    /// Its own money.
    pub money: SheetMoney,
    /// Its buckets by name.
    pub buckets: Vec<(Name, SheetMoney)>,
    /// What is known of it beside its money.
    pub state: StateImage,
    /// Movements under given keys; not all need be here.
    pub given: Vec<GivenImage>,
    /// What became of movements; not all need be here.
    pub outcomes: Vec<(Key, Outcome)>,
}

/// A balance of a sheet, 10⁻⁵ units.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SheetMoney {
    /// What it counts.
    pub currency: Currency,
    /// What is there.
    pub posted: i64,
    /// What of it is not free.
    pub held: i64,
    /// How far usage may go.
    pub limit: i64,
}

/// A sheet whose parts do not fit together.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("account {0:?}: {1}")]
pub struct SheetError(pub Name, pub Refused);

// === impl SheetMoney ===

impl SheetMoney {
    fn image(self) -> BalanceImage {
        let Self { currency, posted, held: _, limit } = self;
        BalanceImage { currency, credits: posted.max(0), debits: posted.min(0).saturating_neg(), limit }
    }

    fn of(books: &Books, id: AccountId) -> Option<Self> {
        let balance = books.balance(id)?;
        Some(Self {
            currency: balance.currency,
            posted: balance.posted(),
            held: balance.reserved,
            limit: balance.limit,
        })
    }
}

// === impl Sheet ===

impl Sheet {
    /// An account as it stands in `books`, with all its movements there.
    pub fn of(books: &Books, state: &AccountState, id: AccountId) -> Option<Self> {
        let buckets = books
            .buckets_of(id)
            .filter_map(|(name, bucket)| Some((name.clone(), SheetMoney::of(books, bucket)?)));
        Some(Self {
            name: books.name(id)?.clone(),
            money: SheetMoney::of(books, id)?,
            buckets: buckets.collect(),
            state: StateImage::of(state),
            given: books.given_images(id).collect(),
            outcomes: books.outcomes_of(id).map(|(key, outcome)| (key.clone(), outcome.clone())).collect(),
        })
    }
}

// === impl ShardBooks ===

impl ShardBooks {
    /// Books of these accounts alone, those above others first. Their sums are not zero: the other sides are
    /// elsewhere.
    pub fn of_sheets(sheets: Vec<Sheet>, closed_until: Wall) -> Result<Self, SheetError> {
        let mut shard = Self { closed_until, ..Self::default() };
        for sheet in sheets {
            shard.load(sheet)?;
        }
        Ok(shard)
    }

    fn load(&mut self, sheet: Sheet) -> Result<(), SheetError> {
        let Sheet { name, money, buckets, state, given, outcomes } = sheet;
        let unfit = |refused| SheetError(name.clone(), refused);
        let images = buckets.iter().map(|(bucket, money)| (bucket.clone(), money.image())).collect();
        let image =
            AccountImage { name: name.clone(), balance: money.image(), buckets: images, slices: Vec::new() };
        let id = self.books.load_account(&image).map_err(unfit)?;
        self.books.load_held(id, money.held);
        for (bucket, money) in &buckets {
            let bucket = self.books.bucket(id, bucket).ok_or(unfit(Refused::UnknownAccount))?;
            self.books.load_held(bucket, money.held);
        }
        self.states.insert(id, state.state(&self.books, id, &name).map_err(unfit)?);
        for image in given {
            self.books.load_given(image).map_err(unfit)?;
        }
        for (of, outcome) in outcomes {
            self.books.load_outcome(&name, of, outcome).map_err(unfit)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{BucketGranted, BucketKind, BucketTerms, Party, Purpose, SystemAccount, Terms, Transfer};
    use units::Money;

    #[test]
    fn an_account_goes_out_of_the_books_and_back_as_it_was() {
        let (mut books, name) = (Books::default(), Name::from("acme"));
        let id = books.open(&name, Currency::EUR, -500).expect("new");
        let mut state = AccountState::new(Terms::of_deck("retail"), Wall(7), None, 0);
        let transfer = |key: &str, system_account, credit, money| Transfer {
            key: Key::Given(key.into()),
            purpose: Purpose::Grant,
            debit: Party::SystemAccount(system_account),
            credit,
            amount: money,
            memo: Some("welcome".into()),
        };
        let free = Party::Bucket { account: name.clone(), bucket: "free".into() };
        let granted = BucketGranted {
            bucket: "free".into(),
            terms: BucketTerms::of(BucketKind::Minutes),
            transfer: transfer("g", SystemAccount::Minutes, free, Money::of(600, Currency::SEC)),
        };
        state.grant(&mut books, id, &granted, Wall(8)).expect("given");
        let debt = Transfer {
            debit: Party::Customer(name.clone()),
            credit: Party::SystemAccount(SystemAccount::Corrections),
            ..transfer(
                "c",
                SystemAccount::Corrections,
                Party::Customer(name.clone()),
                Money::of(300, Currency::EUR),
            )
        };
        books.post(&debt).expect("into debt");
        books.reserve(id, 120).expect("within the limit");
        let sheet = Sheet::of(&books, &state, id).expect("whole");
        assert_eq!((sheet.money.posted, sheet.money.held, sheet.money.limit), (-300, 120, -500));
        assert_eq!((sheet.given.len(), sheet.buckets.len()), (2, 1));
        let shard = ShardBooks::of_sheets(vec![sheet.clone()], crate::OPEN).expect("fits");
        let id = shard.books.id("acme").expect("there");
        assert_eq!(shard.books.balance(id).map(crate::Balance::available), Some(80));
        assert_eq!(Sheet::of(&shard.books, &shard.states[&id], id), Some(sheet.clone()));
        assert!(ShardBooks::of_sheets(vec![sheet.clone(), sheet], crate::OPEN).is_err(), "twice");
    }
}
