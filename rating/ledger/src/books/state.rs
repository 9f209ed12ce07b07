//! The books as a snapshot keeps them: balances, buckets and given keys of each account, by name, so that no
//! numbering survives.

use std::ops::Bound;

use serde::{Deserialize, Serialize};
use units::{Currency, Name};

use super::{AccountId, Balance, Books, Given, Outcome, Refused};
use crate::{Key, Party, SystemAccount, Transfer, TrialBalance, TrialLine, units_text};

/// A balance without reservations, as it stands in a snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct BalanceImage {
    /// What the amounts count.
    pub currency: Currency,
    /// Sum of all credits.
    #[serde(with = "units_text")]
    pub credits: i64,
    /// Sum of all debits.
    #[serde(with = "units_text")]
    pub debits: i64,
    /// How far usage may go.
    #[serde(with = "units_text")]
    pub limit: i64,
}

/// A customer's account with its buckets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountImage {
    /// Its name.
    pub name: Name,
    /// Its money.
    pub balance: BalanceImage,
    /// Its buckets by name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[serde(rename = "pockets")]
    pub buckets: Vec<(Name, BalanceImage)>,
    /// Keys of its slices that are remembered, the oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub slices: Vec<Key>,
}

/// A movement whose key came from outside.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GivenImage {
    /// Whose books it is in.
    pub owner: Name,
    /// The movement.
    pub transfer: Transfer,
    /// How the customer paid.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<Name>,
    /// The posted balance right after it.
    #[serde(with = "units_text")]
    pub after: i64,
}

impl From<&Balance> for BalanceImage {
    fn from(balance: &Balance) -> Self {
        let Balance { currency, credits, debits, limit, reserved: _ } = *balance;
        Self { currency, credits, debits, limit }
    }
}

impl From<BalanceImage> for Balance {
    fn from(image: BalanceImage) -> Self {
        let BalanceImage { currency, credits, debits, limit } = image;
        Self { currency, credits, debits, limit, reserved: 0 }
    }
}

impl Books {
    /// A customer's account and its buckets.
    pub(crate) fn image(&self, id: AccountId) -> Option<AccountImage> {
        let (name, balance) = (self.name(id)?.clone(), BalanceImage::from(self.balance(id)?));
        let buckets = self
            .buckets_of(id)
            .filter_map(|(name, bucket)| Some((name.clone(), self.balance(bucket)?.into())))
            .collect();
        let slices = self.slices.get(&id).into_iter().flatten().cloned().collect();
        Some(AccountImage { name, balance, buckets, slices })
    }

    /// An account's buckets by name.
    pub fn buckets_of(&self, account: AccountId) -> impl Iterator<Item = (&Name, AccountId)> {
        let from = (account, Name::from(""));
        self.buckets
            .range(from..)
            .take_while(move |((of, _), _)| *of == account)
            .map(|((_, name), id)| (name, *id))
    }

    /// Movements under given keys of an account, in the order of their keys.
    pub(crate) fn given_images(&self, id: AccountId) -> impl Iterator<Item = GivenImage> {
        let owner = self.name(id).cloned().unwrap_or_else(|| "".into());
        let all = self.given.range((id, Key::Opening)..).take_while(move |((of, _), _)| *of == id);
        all.map(move |(_, Given { transfer, method, balance_after })| GivenImage {
            owner: owner.clone(),
            transfer: transfer.clone(),
            method: method.clone(),
            after: *balance_after,
        })
    }

    /// What became of an account's movements, in the order of their keys.
    pub(crate) fn outcomes_of(&self, id: AccountId) -> impl Iterator<Item = (&Key, &Outcome)> {
        let from = Bound::Included((id, Key::Opening));
        self.outcomes
            .range((from, Bound::Unbounded))
            .take_while(move |((of, _), _)| *of == id)
            .map(|((_, key), outcome)| (key, outcome))
    }

    /// System accounts by currency and name.
    pub(crate) fn system_account_images(&self) -> impl Iterator<Item = (SystemAccount, BalanceImage)> {
        self.system_accounts
            .iter()
            .filter_map(|((_, system_account), id)| Some((*system_account, self.balance(*id)?.into())))
    }

    pub(crate) fn load_account(&mut self, image: &AccountImage) -> Result<AccountId, Refused> {
        let id = self.open(&image.name, image.balance.currency, image.balance.limit)?;
        self.change(id, |balance| *balance = image.balance.into());
        for (name, balance) in &image.buckets {
            let bucket = self.open_bucket(id, name, balance.currency)?;
            self.change(bucket, |empty| *empty = (*balance).into());
        }
        if !image.slices.is_empty() {
            self.slices.insert(id, image.slices.iter().cloned().collect());
        }
        Ok(id)
    }

    /// What of a balance is not free, whatever is there.
    pub(crate) fn load_held(&mut self, id: AccountId, held: i64) {
        self.change(id, |balance| balance.reserved = held);
    }

    pub(crate) fn load_given(&mut self, image: GivenImage) -> Result<(), Refused> {
        let owner = self.id(&image.owner).ok_or(Refused::UnknownAccount)?;
        let GivenImage { transfer, method, after, .. } = image;
        self.given.insert((owner, transfer.key.clone()), Given { transfer, method, balance_after: after });
        Ok(())
    }

    pub(crate) fn load_outcome(&mut self, owner: &str, of: Key, outcome: Outcome) -> Result<(), Refused> {
        let owner = self.id(owner).ok_or(Refused::UnknownAccount)?;
        self.outcomes.insert((owner, of), outcome);
        Ok(())
    }

    /// Adds to a system account what a snapshot says of it, or what another shard holds of it.
    pub(crate) fn load_system_account(
        &mut self,
        system_account: SystemAccount,
        image: BalanceImage,
    ) -> Result<(), Refused> {
        let id = self.resolve(&Party::SystemAccount(system_account), image.currency)?;
        let balance = self.balance(id).ok_or(Refused::UnknownAccount)?;
        let credits = balance.credits.checked_add(image.credits).ok_or(Refused::Overflow)?;
        let debits = balance.debits.checked_add(image.debits).ok_or(Refused::Overflow)?;
        self.change(id, |balance| (balance.credits, balance.debits) = (credits, debits));
        Ok(())
    }

    /// Adds these books to a trial balance.
    pub fn add_to(&self, trial: &mut TrialBalance) {
        for (party, balance) in self.names.iter().zip(&self.balances) {
            let held = balance.reserved;
            trial.add(
                balance.currency,
                TrialLine::of(party),
                i128::from(balance.posted()) - i128::from(held),
            );
            if held != 0 {
                trial.add(balance.currency, TrialLine::Leases, i128::from(held));
            }
        }
    }
}
