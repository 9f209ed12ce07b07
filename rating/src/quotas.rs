//! Several nodes, one balance: a node spends from quotas of it that the central ledger lent, so no call waits
//! for a round trip.
//!
//! Two halves without I/O or clock: [`central`] says what a row of the central database may become, [`quota
//! client`] what a node asks and when. Invariant: what all nodes hold never exceeds what is there, and what a
//! node used is at most what it holds.

pub mod central;
pub mod client;
pub mod transaction;

use std::collections::BTreeMap;

use ledger::{Key, Party, Purpose, Record, SystemAccount, Transfer};
use units::{Currency, Money, Name};

/// Between the word `quota` and a grant's name in a transfer's key.
const KEY: &str = "slice/";
/// Between an account and its bucket.
const BUCKET: char = '/';

/// A part of a balance lent to a node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// Unique for ever: node, epoch and number.
    pub id: Name,
    /// Of which balance: an account's own money, `acme`, or a bucket, `acme/free`.
    pub account: Name,
    /// How much, 10⁻⁵ units, above zero.
    pub amount: i64,
}

/// What entries of a node's journal mean to one balance of the central ledger.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Movement {
    /// Usage and what else left the balance at the node, less what came, 10⁻⁵ units.
    pub spent: i64,
    /// Given back to the central ledger, 10⁻⁵ units.
    pub returned: i64,
    /// Grants that are in the node's books now, by their names.
    pub booked: Vec<Name>,
}

/// The account that a balance belongs to: `acme` of `acme` and of `acme/free`.
pub fn owner(balance: &str) -> &str {
    balance.split_once(BUCKET).map_or(balance, |(account, _)| account)
}

/// The balance of an account's bucket.
pub fn bucket_balance(account: &str, bucket: &str) -> Name {
    format!("{account}{BUCKET}{bucket}").into()
}

/// A balance as a side of transfers.
pub fn party(balance: &str) -> Party {
    match balance.split_once(BUCKET) {
        Some((account, bucket)) => Party::Bucket { account: account.into(), bucket: bucket.into() },
        None => Party::Customer(balance.into()),
    }
}

/// The balance of a side of transfers; system accounts have none here.
fn balance_of(party: &Party) -> Option<Name> {
    match party {
        Party::Customer(name) => Some(name.clone()),
        Party::Bucket { account, bucket } => Some(bucket_balance(account, bucket)),
        Party::SystemAccount(_) => None,
    }
}

/// Of an account's free money what a node gives back when another wants it: all without calls, else half.
pub const fn spare(free: i64, reserved: i64) -> i64 {
    match (free, reserved) {
        (..=0, _) => 0,
        (_, 0) => free,
        _ => free / 2,
    }
}

/// Lent money as a movement of the node's books.
pub fn grant_transfer(grant: &Grant, currency: Currency) -> Transfer {
    Transfer {
        key: Key::Given(format!("{KEY}{}", grant.id).into()),
        purpose: Purpose::Slice,
        debit: Party::SystemAccount(SystemAccount::Slices),
        credit: party(&grant.account),
        amount: Money::of(grant.amount, currency),
        memo: None,
    }
}

/// Money given back, under a name that the node uses once.
pub fn return_transfer(balance: &str, amount: Money, name: &str) -> Transfer {
    Transfer {
        key: Key::Given(format!("{KEY}{name}").into()),
        purpose: Purpose::Slice,
        debit: party(balance),
        credit: Party::SystemAccount(SystemAccount::Slices),
        amount,
        memo: None,
    }
}

/// Adds what a record of the journal means to each balance. System accounts are in the entry itself.
pub fn add_movements(record: &Record, to: &mut BTreeMap<Name, Movement>) {
    for transfer in record.transfers() {
        add_transfer(transfer, to);
    }
}

fn add_transfer(transfer: &Transfer, to: &mut BTreeMap<Name, Movement>) {
    let amount = transfer.amount.amount;
    let (debit, credit) = (balance_of(&transfer.debit), balance_of(&transfer.credit));
    match (transfer.purpose, debit, credit) {
        (Purpose::Slice, None, Some(balance)) => {
            let movement = to.entry(balance).or_default();
            if let Key::Given(key) = &transfer.key
                && let Some(id) = key.strip_prefix(KEY)
            {
                movement.booked.push(id.into());
            }
        }
        (Purpose::Slice, Some(balance), _) => {
            let movement = to.entry(balance).or_default();
            movement.returned = movement.returned.saturating_add(amount);
        }
        (_, debit, credit) => {
            if let Some(balance) = debit {
                let movement = to.entry(balance).or_default();
                movement.spent = movement.spent.saturating_add(amount);
            }
            if let Some(balance) = credit {
                let movement = to.entry(balance).or_default();
                movement.spent = movement.spent.saturating_sub(amount);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ledger::{CallId, RecordBody, SliceMoved};
    use serde_json::value::RawValue;
    use units::Wall;

    const EUR: Currency = Currency::EUR;

    #[test]
    fn what_is_spare() {
        //            free  reserved  spare
        for (free, reserved, want) in [(100, 0, 100), (100, 1, 50), (1, 1, 0), (0, 0, 0), (-5, 0, 0)] {
            assert_eq!(spare(free, reserved), want, "{free} free, {reserved} reserved");
        }
    }

    #[test]
    fn a_journal_in_the_words_of_the_central_ledger() {
        let grant = Grant { id: "n1.2.7".into(), account: "acme".into(), amount: 900 };
        let slice =
            |transfer| Record::new(Wall(1), "acme".into(), RecordBody::Slice(SliceMoved { transfer }));
        let usage = |amount, debit: Party, credit: Party| Transfer {
            key: Key::Call(CallId(1), 0),
            purpose: Purpose::Usage,
            debit,
            credit,
            amount: Money::of(amount, EUR),
            memo: None,
        };
        let (acme, revenue) = (Party::Customer("acme".into()), Party::SystemAccount(SystemAccount::Revenue));
        let transfers = vec![
            usage(70, acme.clone(), revenue.clone()),
            usage(50, Party::Customer("shop".into()), acme),
            usage(
                9,
                Party::SystemAccount(SystemAccount::CarrierCost),
                Party::SystemAccount(SystemAccount::CarrierPayable),
            ),
            usage(5, Party::Bucket { account: "acme".into(), bucket: "promo".into() }, revenue),
        ];
        let raw = RawValue::from_string("{}".to_owned()).expect("JSON");
        let mut moved = BTreeMap::new();
        add_movements(&slice(grant_transfer(&grant, EUR)), &mut moved);
        add_movements(&Record::settled(Wall(2), "acme".into(), CallId(1), raw, transfers), &mut moved);
        add_movements(&slice(return_transfer("acme", Money::of(30, EUR), "n1.2.back1")), &mut moved);
        let acme = Movement { spent: 20, returned: 30, booked: vec!["n1.2.7".into()] };
        let shop = Movement { spent: 50, ..Movement::default() };
        let promo = Movement { spent: 5, ..Movement::default() };
        assert_eq!(
            moved,
            BTreeMap::from([("acme".into(), acme), ("acme/promo".into(), promo), ("shop".into(), shop)])
        );
    }
}
