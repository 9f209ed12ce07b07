//! What a carrier charges for its leg: priced by its own deck in its own currency, booked among the system
//! accounts's accounts.

use ledger::{CallId, Key, Party, Purpose, SystemAccount, Transfer};
use units::{Money, Number, Wall};

use super::invariant::must;
use super::{CreditRefusal, Engine};
use crate::{Charge, Price};

/// A carrier's leg that was answered.
#[derive(Debug, Clone, Copy)]
pub struct CarrierLeg<'a> {
    /// The carrier's deck; unknown decks and destinations cost nothing that we know of.
    pub deck: &'a str,
    /// As sent to the carrier.
    pub number: &'a Number,
    /// Its 2xx.
    pub answered_at: Wall,
    /// Until its BYE, ms, tear-down included.
    pub duration_ms: u64,
    /// Which attempt of the call, from 0: part of the idempotency key.
    pub attempt: u16,
}

/// A leg's cost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cost {
    /// In the carrier's currency.
    pub amount: Money,
    /// By the carrier's increments.
    pub billed_seconds: u64,
    /// By which row.
    pub price: Price,
}

// === impl Engine ===

impl Engine {
    /// What the leg costs, without booking it; nothing if the deck does not say, or says more than a balance
    /// can hold.
    pub fn carrier_cost(&self, leg: &CarrierLeg<'_>) -> Option<Cost> {
        let price = self.decks.named(leg.deck)?.price(leg.number, leg.answered_at)?;
        let Charge { billed_seconds, amount } = price.checked_charge(leg.duration_ms)?;
        Some(Cost { amount, billed_seconds, price })
    }

    /// Books the cost of a leg that no settle covers, as a late answer's. The transfers go into the caller's
    /// record.
    pub fn book_cost(
        &mut self,
        call: CallId,
        leg: &CarrierLeg<'_>,
    ) -> Result<(Option<Cost>, Vec<Transfer>), CreditRefusal> {
        let Some(cost) = self.carrier_cost(leg) else { return Ok((None, Vec::new())) };
        let transfers: Vec<_> = cost_transfer(call, leg.attempt, cost.amount).into_iter().collect();
        for transfer in &transfers {
            must(self.books.post(transfer), "a carrier's cost");
        }
        Ok((Some(cost), transfers))
    }
}

pub(super) fn cost_transfer(call: CallId, attempt: u16, amount: Money) -> Option<Transfer> {
    (amount.amount > 0).then(|| Transfer {
        key: Key::cost(call, attempt),
        purpose: Purpose::CarrierCost,
        debit: Party::SystemAccount(SystemAccount::CarrierCost),
        credit: Party::SystemAccount(SystemAccount::CarrierPayable),
        amount,
        memo: None,
    })
}
