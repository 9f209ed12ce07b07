//! Which balance pays which seconds: free minutes that serve the number, then test and promotional credit,
//! then the account's money.
//!
//! A call goes from one to the next where an increment ends, and never back, so that each balance's part is
//! rounded once.

use ledger::{AccountId, AccountState, Balance, Books, BucketKind};
use units::Wall;

use super::lease::{Part, Parts, Pays, Tier, leased_secs, with_starts};
use crate::Price;

/// A renewal of several increments takes at most this part of what a balance has free.
pub(super) const SHARE: i64 = 8;

/// Seconds by which a price shows whether it costs anything.
const DAY_SECS: u64 = 86_400;

/// One account's balances, as one call sees them.
#[derive(Clone, Copy)]
pub(super) struct CallBalances<'a> {
    pub books: &'a Books,
    pub state: &'a AccountState,
    pub account: AccountId,
    /// The called number.
    pub digits: &'a [u8],
    pub at: Wall,
    /// No balance gives more than its share, not even one increment.
    pub share_only: bool,
}

// === impl CallBalances ===

impl CallBalances<'_> {
    /// What `tier` takes when it grows to `wanted_secs`, or as far as `1/share` of each balance reaches; none
    /// if not one increment fits anywhere.
    pub fn growth(&self, tier: &Tier, wanted_secs: u64, share: i64) -> Option<Parts> {
        self.fill(&tier.price, &tier.parts, wanted_secs, share)
    }

    /// Parts to follow `held` until `wanted_secs`, a boundary. Each balance gives at most `1/share` of what
    /// it has free, but one increment if that fits, and the next one is asked only when not one more
    /// increment fits.
    pub fn fill(&self, price: &Price, held: &[Part], wanted_secs: u64, share: i64) -> Option<Parts> {
        let mut more = Parts::new();
        let mut from = leased_secs(held);
        let mut money_paid = held.iter().any(|part| part.pays != Pays::Seconds);
        let offer = |balance: AccountId, pays: Pays, more: &mut Parts, from: &mut u64| {
            let (start, before) = match with_starts(held).last() {
                Some((start, last)) if last.balance == balance && more.is_empty() => (start, last.reserved),
                Some(_) | None => (*from, 0),
            };
            let added = |until| pays.amount(price, start, until).saturating_sub(before);
            let free = self.books.balance(balance).map_or(0, Balance::available);
            // What costs nothing is always free.
            let within = |until, budget: i64| added(until) <= budget.max(0);
            let mut until = latest(price, *from, wanted_secs, |until| within(until, free / share));
            let one = price.next_boundary(*from);
            if until == *from && !self.share_only && within(one, free) {
                until = one;
            }
            if until > *from
                && let Ok(until_secs) = u32::try_from(until)
            {
                more.push(Part { balance, until_secs, reserved: added(until), pays });
                *from = until;
            }
            *from >= wanted_secs || within(price.next_boundary(*from), free)
        };
        for (balance, kind) in self.buckets(price, held) {
            let pays = match kind {
                BucketKind::Minutes => Pays::Seconds,
                BucketKind::Test | BucketKind::Promo => {
                    Pays::Money { with_fee: fee_of(held, balance).unwrap_or(!money_paid) }
                }
            };
            let before = more.len();
            if offer(balance, pays, &mut more, &mut from) {
                return (!more.is_empty()).then_some(more);
            }
            money_paid |= more.len() > before && pays != Pays::Seconds;
        }
        let with_fee = fee_of(held, self.account).unwrap_or(!money_paid);
        offer(self.account, Pays::Money { with_fee }, &mut more, &mut from);
        (!more.is_empty()).then_some(more)
    }

    /// The buckets that may pay after `held`, in order.
    fn buckets(&self, price: &Price, held: &[Part]) -> impl Iterator<Item = (AccountId, BucketKind)> {
        let buckets = &*self.state.buckets;
        let from = match held.last() {
            // Nothing is taken from a bucket for a call that costs nothing.
            _ if buckets.is_empty() || price.cost(DAY_SECS) == 0 => buckets.len(),
            None => 0,
            // Never back; and a bucket that is no more gives way to money.
            Some(last) => {
                buckets.iter().position(|bucket| bucket.id == last.balance).unwrap_or(buckets.len())
            }
        };
        let rest = buckets.get(from..).unwrap_or_default();
        rest.iter()
            .filter(|bucket| bucket.terms.serves(self.digits, self.at))
            .map(|bucket| (bucket.id, bucket.terms.kind))
    }
}

/// Whether the last part, if it is of this balance, has the connect fee.
fn fee_of(held: &[Part], balance: AccountId) -> Option<bool> {
    match held.last() {
        Some(Part { balance: last, pays: Pays::Money { with_fee }, .. }) if *last == balance => {
            Some(*with_fee)
        }
        Some(_) | None => None,
    }
}

/// The latest boundary after `from`, at most `wanted`, that fits; `from` if none does. Both are boundaries,
/// and cost never falls with time.
pub(super) fn latest(price: &Price, from: u64, wanted: u64, fits: impl Fn(u64) -> bool) -> u64 {
    if wanted <= from || fits(wanted) {
        return wanted.max(from);
    }
    // Up to `fit` it fits; the boundary at or after `over` does not.
    let (mut fit, mut over) = (from, wanted);
    while over - fit > 1 {
        let middle = fit + (over - fit) / 2;
        let boundary = price.next_boundary(middle - 1);
        if fits(boundary) {
            fit = boundary;
        } else {
            over = middle;
        }
    }
    fit
}
