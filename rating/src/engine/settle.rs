//! The end of a call: duration → increments → amount, rounded once per balance; post what was used, give the
//! rest back, in every tier.
//!
//! Time beyond the lease is never billed: it is tear-down, at the operator's exposure. So is time that is not
//! to be billed.

use ledger::{AccountId, Balance, CallId, Key, OpenCall, OpenPart, Party, Purpose, SystemAccount, Transfer};
use smallvec::SmallVec;
use units::{Currency, Exchange, Money, Name, Now, Rounding, Wall};

use super::carrier::cost_transfer;
use super::invariant::{must, sum};
use super::lease::{Lease, Part, Parts, Pays, leased_secs, with_starts};
use super::rollover::latest;
use super::{CarrierLeg, Cost, CreditRefusal, Engine, LeaseId};
use crate::Price;

/// What a call came to. The transfers are posted; they go into the call's record with its CDR.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settlement {
    /// The call's id.
    pub call: CallId,
    /// Whose call it was.
    pub account: Name,
    /// Billing began, if ever.
    pub answered_at: Option<Wall>,
    /// Billed time, ms: at most the lease.
    pub duration_ms: u64,
    /// Answered time that is not billed, ms.
    pub teardown_ms: u64,
    /// After increments, those paid in free minutes included.
    pub billed_seconds: u64,
    /// What it cost the account in money.
    pub amount: Money,
    /// Which balances paid which seconds, in order; empty if nothing was due.
    pub parts: SmallVec<[PaidPart; 1]>,
    /// What it cost the accounts above, from the nearest up.
    pub tiers: Vec<PaidTier>,
    /// What the carrier charges, if its deck says.
    pub cost: Option<Cost>,
    /// What made the cost comparable, if it is in another currency than what the topmost account paid.
    pub cost_exchange: Option<Exchange>,
    /// What the operator earned: what the topmost account paid less the carrier's cost. None without a cost,
    /// or if it is in another currency that no rate leads from.
    pub margin: Option<Money>,
    /// `balance_after` and `amount`: what was there before, with what promotional money paid.
    pub balance_before: Money,
    /// Posted balance after, buckets aside.
    pub balance_after: Money,
    /// What the time that is not billed would have cost.
    pub exposure: Money,
    /// Billed by this row.
    pub price: Price,
    /// Posted for it.
    pub transfers: Vec<Transfer>,
}

/// What one balance paid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PaidPart {
    /// Which bucket; the account's own money if none.
    pub bucket: Option<Name>,
    /// Billed seconds that this balance paid.
    pub seconds: u64,
    /// Money, or the same seconds in [`Currency::SEC`].
    pub amount: Money,
}

/// What an account above paid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PaidTier {
    /// The account's name.
    pub account: Name,
    /// By which price.
    pub price: Price,
    /// Seconds billed by its own increments.
    pub billed_seconds: u64,
    /// What it paid in money, in its currency.
    pub amount: Money,
    /// Which of its balances paid which seconds, in order; empty if nothing was due.
    pub parts: SmallVec<[PaidPart; 1]>,
}

/// A call's facts at its end.
struct Ended {
    call: CallId,
    answered_at: Option<Wall>,
    /// From the answer to the end, ms.
    answered_ms: u64,
    /// What of it is billed, in every tier: at most the least of their leases, ms.
    billed_ms: u64,
    /// At least one, from the caller's up.
    tiers: SmallVec<[EndedTier; 1]>,
    /// Whether the parts are reserved; not so after a restart.
    is_held: bool,
}

struct EndedTier {
    account: AccountId,
    price: Price,
    parts: Parts,
}

/// What a tier paid.
struct Paid {
    parts: SmallVec<[PaidPart; 1]>,
    amount: Money,
    billed_seconds: u64,
}

// === impl Engine ===

impl Engine {
    /// Ends a lease: `duration_ms` from answer to hang-up; a call that was not answered is billed nothing
    /// whatever is given.
    pub fn settle(
        &mut self,
        now: Now,
        id: LeaseId,
        duration_ms: u64,
        carrier: Option<&CarrierLeg<'_>>,
    ) -> Result<Settlement, CreditRefusal> {
        self.settle_part(now, id, (duration_ms, duration_ms), carrier)
    }

    /// Ends a lease of a call that was answered for so many milliseconds, of which only the first so many, at
    /// most the lease, are billed.
    pub fn settle_part(
        &mut self,
        now: Now,
        id: LeaseId,
        (answered_ms, to_bill_ms): (u64, u64),
        carrier: Option<&CarrierLeg<'_>>,
    ) -> Result<Settlement, CreditRefusal> {
        let lease = self.leases.remove(id)?;
        let lease_ms = lease.cut_at_ms();
        let Lease { call, answered_at, tiers, .. } = lease;
        let tiers: SmallVec<[EndedTier; 1]> = tiers
            .into_iter()
            .map(|tier| EndedTier { account: tier.account, price: tier.price, parts: tier.parts })
            .collect();
        let accounts: SmallVec<[AccountId; 2]> = tiers.iter().map(|tier| tier.account).collect();
        let answered_ms = answered_at.map_or(0, |_| answered_ms);
        let ended = Ended {
            call,
            answered_at,
            answered_ms,
            billed_ms: answered_ms.min(to_bill_ms).min(lease_ms),
            tiers,
            is_held: true,
        };
        let settlement = self.finish(now, ended, carrier);
        for account in accounts {
            self.freed(account);
        }
        settlement
    }

    /// Ends a call that was up when the node was lost, billed to its last checkpoint from the balances named
    /// there: in every tier for the same time, which is what the tier with the least money left can pay.
    pub fn recover(
        &mut self,
        now: Now,
        lost: &OpenCall,
        carrier: Option<&CarrierLeg<'_>>,
    ) -> Result<Settlement, CreditRefusal> {
        let mut tiers = SmallVec::new();
        let mut least_ms = lost.answered_ms;
        let first = std::iter::once((&lost.account, &lost.open.price));
        for (at, (account, row)) in
            first.chain(lost.open.tiers.iter().map(|tier| (&tier.account, &tier.price))).enumerate()
        {
            let account = self.books.id(account).ok_or(CreditRefusal::UnknownAccount)?;
            let price = Price::from_row(row).map_err(|_| CreditRefusal::NoPrice)?;
            let billed = price.billed_seconds(lost.answered_ms);
            let parts =
                self.lost_parts(account, &price, billed, lost.parts.get(at).map_or(&[], Vec::as_slice));
            let leased = leased_secs(&parts);
            // Everything is there, since the lost lease covered it, unless money was taken or the limit
            // lowered meanwhile.
            let lease_ms = if leased >= billed { lost.answered_ms } else { leased.saturating_mul(1_000) };
            least_ms = least_ms.min(lease_ms);
            tiers.push(EndedTier { account, price, parts });
        }
        let (call, answered_at) = (lost.open.call, Some(lost.open.answered_at));
        let ended = Ended {
            call,
            answered_at,
            answered_ms: lost.answered_ms,
            billed_ms: least_ms,
            tiers,
            is_held: false,
        };
        self.finish(now, ended, carrier)
    }

    /// What a lost lease held until `billed` seconds, as far as it is there: from the account's own money,
    /// where the checkpoint names no balance.
    fn lost_parts(&self, account: AccountId, price: &Price, billed: u64, checkpoint: &[OpenPart]) -> Parts {
        let own = [OpenPart { bucket: None, until: billed }];
        let mut parts = Parts::new();
        let (mut from, mut money_paid) = (0, false);
        for OpenPart { bucket, until } in if checkpoint.is_empty() { &own } else { checkpoint } {
            let id = bucket.as_ref().map_or(Some(account), |bucket| self.books.bucket(account, bucket));
            let Some((balance, held)) = id.and_then(|id| Some((id, self.books.balance(id)?))) else { break };
            let pays = if held.currency == Currency::SEC {
                Pays::Seconds
            } else {
                Pays::Money { with_fee: !money_paid }
            };
            let wanted = billed.min(*until);
            let until = latest(price, from, wanted, |until| {
                pays.amount(price, from, until) <= held.available().max(0)
            });
            if until > from
                && let Ok(until_secs) = u32::try_from(until)
            {
                parts.push(Part { balance, until_secs, reserved: 0, pays });
                money_paid |= pays != Pays::Seconds;
            }
            if until < wanted || until >= billed {
                break;
            }
            from = until;
        }
        parts
    }

    fn finish(
        &mut self,
        now: Now,
        ended: Ended,
        carrier: Option<&CarrierLeg<'_>>,
    ) -> Result<Settlement, CreditRefusal> {
        let mut transfers = Vec::with_capacity(2);
        let mut paid: SmallVec<[Paid; 1]> = SmallVec::new();
        for at in 0..ended.tiers.len() {
            paid.push(self.pay(now, &ended, at, &mut transfers)?);
        }
        let cost = carrier.and_then(|leg| self.carrier_cost(leg));
        if let (Some(leg), Some(cost)) = (carrier, &cost)
            && let Some(transfer) = cost_transfer(ended.call, leg.attempt, cost.amount)
        {
            must(self.books.post(&transfer), "a carrier's cost");
            transfers.push(transfer);
        }
        let Ended { call, answered_at, .. } = ended;
        let mut tiers = ended.tiers.into_iter().zip(paid);
        let (first, own) = tiers.next().ok_or(CreditRefusal::NoLease)?;
        let name = |account| self.books.name(account).cloned().ok_or(CreditRefusal::UnknownAccount);
        let account = name(first.account)?;
        let above = tiers.map(|(tier, paid)| {
            let Paid { amount, billed_seconds, parts } = paid;
            Ok::<_, CreditRefusal>(PaidTier {
                account: name(tier.account)?,
                price: tier.price,
                billed_seconds,
                amount,
                parts,
            })
        });
        let above = above.collect::<Result<Vec<_>, _>>()?;
        let duration_ms = ended.billed_ms;
        let price = first.price;
        let exposure = self.note_exposure(&price, ended.answered_ms, duration_ms);
        let earned = above.last().map_or(own.amount, |tier| tier.amount);
        let (cost_exchange, margin) = cost
            .as_ref()
            .zip(carrier)
            .map_or((None, None), |(cost, leg)| self.margin(earned, cost, leg.answered_at));
        let after = self.books.balance(first.account).map_or(0, Balance::posted);
        Ok(Settlement {
            call,
            account,
            answered_at,
            duration_ms,
            teardown_ms: ended.answered_ms.saturating_sub(duration_ms),
            billed_seconds: own.billed_seconds,
            amount: own.amount,
            parts: own.parts,
            tiers: above,
            cost,
            cost_exchange,
            margin,
            balance_before: Money::of(sum(after, own.amount.amount), price.currency),
            balance_after: Money::of(after, price.currency),
            exposure,
            price,
            transfers,
        })
    }

    /// What a call cost beyond its billed time: a counter, not money in the books.
    fn note_exposure(&mut self, price: &Price, answered_ms: u64, billed_ms: u64) -> Money {
        let [answered, billed] = [answered_ms, billed_ms].map(|ms| price.charge(ms).amount.amount);
        let exposure = Money::of(answered.saturating_sub(billed), price.currency);
        if exposure.amount > 0 {
            let total = self.exposure.entry(exposure.currency).or_default();
            *total = total.saturating_add(exposure.amount);
        }
        exposure
    }

    /// What is left of `earned` after a cost, converted at the rate of `at` where its currency is another;
    /// none where there is no rate.
    fn margin(&self, earned: Money, cost: &Cost, at: Wall) -> (Option<Exchange>, Option<Money>) {
        let (charged, left) =
            (cost.amount, |charged: i64| Money::of(earned.amount.saturating_sub(charged), earned.currency));
        if charged.currency == earned.currency {
            return (None, Some(left(charged.amount)));
        }
        let exchange = self.decks.exchanges().rate(charged.currency, earned.currency, at);
        (exchange, exchange.map(|exchange| left(exchange.converted(charged.amount, Rounding::HalfUp))))
    }

    /// Posts what one tier used of each balance, and gives back the rest.
    fn pay(
        &mut self,
        now: Now,
        ended: &Ended,
        at: usize,
        transfers: &mut Vec<Transfer>,
    ) -> Result<Paid, CreditRefusal> {
        let tier = ended.tiers.get(at).ok_or(CreditRefusal::NoLease)?;
        let price = &tier.price;
        let billed_seconds = price.billed_seconds(ended.billed_ms);
        let has_above = self.states.get(&tier.account).is_some_and(|state| state.parent.is_some());
        let system_account = if has_above { SystemAccount::ResellerRevenue } else { SystemAccount::Revenue };
        let mut paid = Paid { parts: SmallVec::new(), amount: Money::zero(price.currency), billed_seconds };
        let first = transfers.len();
        for (segment, (from, part)) in with_starts(&tier.parts).enumerate() {
            let until = billed_seconds.min(u64::from(part.until_secs));
            let units = part.pays.amount(price, from.min(until), until);
            if units == 0 && ended.is_held {
                must(self.books.void(part.balance, part.reserved), "to give a lease back");
            }
            if until > from {
                let party = self.books.party(part.balance).cloned().ok_or(CreditRefusal::UnknownAccount)?;
                let currency =
                    self.books.balance(part.balance).map_or(price.currency, |balance| balance.currency);
                let amount = Money::of(units, currency);
                let bucket =
                    if let Party::Bucket { bucket, .. } = &party { Some(bucket.clone()) } else { None };
                if units > 0 {
                    let key = Key::usage(ended.call, tier_number(at), tier_number(segment));
                    let transfer = Transfer {
                        key,
                        purpose: Purpose::Usage,
                        debit: party,
                        credit: Party::SystemAccount(system_account),
                        amount,
                        memo: None,
                    };
                    let posted = if ended.is_held {
                        self.books.post_reserved(&transfer, part.reserved)
                    } else {
                        self.books.post(&transfer)
                    };
                    must(posted, "a call's usage");
                    transfers.push(transfer);
                }
                if currency != Currency::SEC {
                    paid.amount.amount = sum(paid.amount.amount, units);
                }
                paid.parts.push(PaidPart { bucket, seconds: until - from, amount });
            }
        }
        for transfer in transfers.iter().skip(first) {
            self.note_posted(tier.account, transfer, now);
        }
        if transfers.len() > first {
            self.notify_low_balance(tier.account, now);
            self.notify_low_minutes(tier.account, &paid.parts, price, now);
        }
        Ok(paid)
    }
}

/// Tiers and parts are few: names have at most eight tiers, accounts at most 64 buckets.
fn tier_number(at: usize) -> u8 {
    u8::try_from(at).unwrap_or(u8::MAX)
}
