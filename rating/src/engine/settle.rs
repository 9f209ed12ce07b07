//! The end of a call: duration → increments → amount, rounded once; post what was used, give the rest back.
//!
//! Time beyond the lease is never billed: it is tear-down, at the operator's exposure.

use ledger::{AccountId, CallId, House, Key, OpenCall, Party, Purpose, Transfer};
use units::{Money, Name, Now, Wall};

use super::carrier::cost_transfer;
use super::{CarrierLeg, Cost, Engine, LeaseId, Refusal};
use crate::Price;

/// What a call came to. The transfers are posted; they go into the call's record with its CDR.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settlement {
    /// Which call.
    pub call: CallId,
    /// Who paid.
    pub account: Name,
    /// Billing began, if ever.
    pub answered_at: Option<Wall>,
    /// Billed time, ms: at most the lease.
    pub duration_ms: u64,
    /// Answered time beyond the lease, ms.
    pub teardown_ms: u64,
    /// After increments.
    pub billed_seconds: u64,
    /// What it cost the account.
    pub amount: Money,
    /// What the carrier charges, if its deck says.
    pub cost: Option<Cost>,
    /// Posted balance before.
    pub balance_before: Money,
    /// Posted balance after.
    pub balance_after: Money,
    /// What the time beyond the lease would have cost.
    pub exposure: Money,
    /// Billed by this row.
    pub price: Price,
    /// Posted for it.
    pub transfers: Vec<Transfer>,
}

/// A call's facts at its end.
struct Ended {
    call: CallId,
    account: AccountId,
    price: Price,
    answered_at: Option<Wall>,
    /// Answered time, ms.
    duration_ms: u64,
    /// Billable at most, ms.
    lease_ms: u64,
    /// Held for it; none if it was not reserved in this run.
    reserved: Option<i64>,
}

// === impl Engine ===

impl Engine {
    /// Ends a lease: `duration_ms` from answer to hang-up; a call that was not answered is billed nothing whatever is given.
    pub fn settle(&mut self, _now: Now, id: LeaseId, duration_ms: u64, carrier: Option<&CarrierLeg<'_>>) -> Result<Settlement, Refusal> {
        let lease = self.leases.remove(id)?;
        let ended = Ended {
            call: lease.call,
            account: lease.account,
            lease_ms: lease.cut_at_ms(),
            duration_ms: lease.answered_at.map_or(0, |_| duration_ms),
            answered_at: lease.answered_at,
            price: lease.price,
            reserved: Some(lease.reserved),
        };
        let settlement = self.finish(ended, carrier);
        self.wake(lease.account);
        settlement
    }

    /// Ends a call that was up when the node was lost, billed to its last checkpoint.
    pub fn recover(&mut self, lost: &OpenCall, carrier: Option<&CarrierLeg<'_>>) -> Result<Settlement, Refusal> {
        let account = self.books.id(&lost.account).ok_or(Refusal::UnknownAccount)?;
        let price = Price::from_row(&lost.open.price).map_err(|_| Refusal::NoPrice)?;
        let free = self.books.balance(account).map_or(0, |balance| balance.available());
        let ended = Ended {
            call: lost.open.call,
            account,
            answered_at: Some(lost.open.answered_at),
            duration_ms: lost.answered_ms,
            lease_ms: affordable_ms(&price, free, lost.answered_ms),
            price,
            reserved: None,
        };
        self.finish(ended, carrier)
    }

    fn finish(&mut self, ended: Ended, carrier: Option<&CarrierLeg<'_>>) -> Result<Settlement, Refusal> {
        let Ended { call, account, price, answered_at, .. } = ended;
        let name = self.books.name(account).cloned().ok_or(Refusal::UnknownAccount)?;
        let duration_ms = ended.duration_ms.min(ended.lease_ms);
        let charge = price.charge(duration_ms);
        let whole = price.charge(ended.duration_ms).amount;
        let exposure = Money::of(whole.amount.saturating_sub(charge.amount.amount), price.currency);
        let mut transfers = Vec::with_capacity(2);
        if charge.amount.amount > 0 {
            let usage = Transfer {
                key: Key::usage(call, 0, 0),
                purpose: Purpose::Usage,
                debit: Party::Customer(name.clone()),
                credit: Party::House(House::Revenue),
                amount: charge.amount,
                memo: None,
            };
            match ended.reserved {
                Some(reserved) => self.books.post_reserved(&usage, reserved)?,
                None => self.books.post(&usage)?,
            };
            transfers.push(usage);
        } else if let Some(reserved) = ended.reserved {
            self.books.void(account, reserved)?;
        }
        let cost = carrier.and_then(|leg| self.carrier_cost(leg));
        if let (Some(leg), Some(cost)) = (carrier, &cost)
            && let Some(transfer) = cost_transfer(call, leg.attempt, cost.amount)
        {
            self.books.post(&transfer)?;
            transfers.push(transfer);
        }
        if exposure.amount > 0 {
            let sum = self.exposure.entry(exposure.currency).or_default();
            *sum = sum.saturating_add(exposure.amount);
        }
        let after = self.books.balance(account).map_or(0, |balance| balance.posted());
        Ok(Settlement {
            call,
            account: name,
            answered_at,
            duration_ms,
            teardown_ms: ended.duration_ms.saturating_sub(duration_ms),
            billed_seconds: charge.billed_seconds,
            amount: charge.amount,
            cost,
            balance_before: Money::of(after.saturating_add(charge.amount.amount), price.currency),
            balance_after: Money::of(after, price.currency),
            exposure,
            price,
            transfers,
        })
    }
}

/// What of `duration_ms` a restarted node can bill: everything, since the lost lease covered it, unless the limit was lowered meanwhile.
fn affordable_ms(price: &Price, free: i64, duration_ms: u64) -> u64 {
    let billed = price.billed_seconds(duration_ms);
    if price.cost(billed) <= free.max(0) { duration_ms } else { price.affordable(0, billed, free).saturating_mul(1_000) }
}
