//! Calls that nobody pays for: a lease like any other, so that they are recorded, checkpointed and recovered
//! like any other, of no money.

use ledger::{AccountId, CallId};
use smallvec::smallvec;
use units::{Currency, Increments, Number, Prefix, Rate};

use super::lease::{Lease, Part, Pays, Tier};
use super::{CreditRefusal, Engine, LeaseId};
use crate::Price;

/// Seconds of such a lease: longer than any call may last, so that it is never extended.
const SECS: u32 = 10_000_000;

// === impl Engine ===

impl Engine {
    /// A lease of an account that holds nothing and comes to 0.00000, whatever the balance, its decks and the
    /// accounts above are; but for one that is suspended or closed, it or one above it. `number` is what is
    /// called, if that is a number.
    pub fn authorize_free(
        &mut self,
        call: CallId,
        account: &str,
        number: Option<Number>,
    ) -> Result<LeaseId, CreditRefusal> {
        let account = self.books.id(account).ok_or_else(|| self.not_here(account))?;
        let currency = self
            .books
            .balance(account)
            .map(|balance| balance.currency)
            .ok_or(CreditRefusal::UnknownAccount)?;
        let mut above = Some(account);
        while let Some(tier) = above {
            let state = self.states.get(&tier).ok_or(CreditRefusal::UnknownAccount)?;
            if !state.terms.status.is_active() {
                return Err(CreditRefusal::Suspended);
            }
            above = state.parent;
        }
        if self.leases.is_full() {
            return Err(CreditRefusal::TooManyCalls);
        }
        Ok(self.leases.insert(Lease {
            call,
            // Nothing of such a lease is ever priced.
            number: number.unwrap_or(Number::ZERO),
            answered_at: None,
            tiers: smallvec![free_tier(account, currency)?],
            announced_end: None,
            was_funded: false,
            looks: false,
        }))
    }
}

fn free_tier(account: AccountId, currency: Currency) -> Result<Tier, CreditRefusal> {
    let price = Price {
        prefix: Prefix::EMPTY,
        destination: "".into(),
        rate: Rate::ZERO,
        increments: Increments::new(1, 1).map_err(|_| CreditRefusal::NoPrice)?,
        connect_fee: Rate::ZERO,
        currency,
        deck: "".into(),
        deck_version: 0,
        tariff: None,
    };
    let parts = smallvec![Part {
        balance: account,
        until_secs: SECS,
        reserved: 0,
        pays: Pays::Money { with_fee: false }
    }];
    Ok(Tier {
        account,
        row: 0,
        last_grant_secs: SECS,
        is_starved: false,
        waits: false,
        deck: None,
        price,
        parts,
    })
}
