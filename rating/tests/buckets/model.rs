//! The rules of several balances, written down as slowly as they can be said: one increment after the other,
//! whole fractions, no sharing.

use std::collections::BTreeMap;
use std::sync::Arc;

use ledger::{BucketKind, BucketTerms, Transfer};
use units::Wall;

/// A reseller, its customer, and one of our own.
pub const ACCOUNTS: [&str; 3] = ["r", "r:c", "solo"];

/// A bucket that any account may be given; their order is the order of their use.
pub struct Given {
    pub name: &'static str,
    pub kind: BucketKind,
    pub priority: u8,
    pub is_minutes: bool,
    /// The place that it serves; all if none.
    pub place: Option<usize>,
    pub expires_ms: Option<i128>,
}

const fn given(
    name: &'static str,
    kind: BucketKind,
    priority: u8,
    place: Option<usize>,
    expires_ms: Option<i128>,
) -> Given {
    Given { name, kind, priority, is_minutes: matches!(kind, BucketKind::Minutes), place, expires_ms }
}

pub const BUCKETS: [Given; 6] = [
    given("m0", BucketKind::Minutes, 0, Some(0), Some(300_000)),
    given("m1", BucketKind::Minutes, 1, None, None),
    given("t0", BucketKind::Test, 0, None, Some(250_000)),
    given("p0", BucketKind::Promo, 0, Some(1), None),
    given("p1", BucketKind::Promo, 1, None, Some(100_000)),
    given("p2", BucketKind::Promo, 2, None, None),
];

#[derive(Clone, Copy, Debug)]
pub struct Tariff {
    pub rate: i128,
    pub fee: i128,
    pub initial: i128,
    pub increment: i128,
}

#[derive(Clone, Debug, Default)]
pub struct Account {
    pub main: i128,
    /// Zero or negative: how far usage may go.
    pub limit: i128,
    /// None until the first grant.
    pub buckets: [Option<i128>; BUCKETS.len()],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    /// The account's own money if none.
    pub bucket: Option<usize>,
    pub from: i128,
    pub until: i128,
    pub with_fee: bool,
}

#[derive(Clone, Debug)]
pub struct Tier {
    pub account: usize,
    pub parts: Vec<Part>,
    last_grant: i128,
}

#[derive(Clone, Debug)]
pub struct Call {
    place: usize,
    answered_ms: i128,
    pub tiers: Vec<Tier>,
    /// Answered time at its last checkpoint, and the parts then.
    checkpoint: (i128, Vec<Vec<Part>>),
    pub warning: Warning,
}

/// What was said of a call's end.
#[derive(Clone, Copy, Debug, Default)]
pub struct Warning {
    pub told: bool,
    /// Money came since.
    pub funded: bool,
    /// With all of it the end was more than a minute away when the call was extended: it may be told again.
    pub may_rearm: bool,
}

/// A call that was billed: what each balance paid, and the last reversal of it, if there was one.
/// Account, bucket, amount, whether seconds, whether the reseller's income.
pub type PaidPart = (usize, Option<usize>, i128, bool, bool);

#[derive(Clone, Debug)]
pub struct Billed {
    pub call: u128,
    pub transfers: Arc<[Transfer]>,
    pub paid: Arc<[PaidPart]>,
    /// Of the account that called.
    pub account: usize,
    /// The key of the last reversal: of the call, of that reversal, and so on.
    pub last: Option<String>,
    pub reversed: bool,
}

/// What a tier paid: per part the bucket, seconds and amount; then all its money.
pub struct Paid {
    pub parts: Vec<(Option<usize>, i128, i128)>,
    pub billed: i128,
    pub money: i128,
}

#[derive(Clone, Debug)]
pub struct Model {
    pub ms: i128,
    tariffs: [[Tariff; 3]; 2],
    pub accounts: [Account; ACCOUNTS.len()],
    pub calls: BTreeMap<u128, Call>,
    /// Money and seconds.
    pub revenue: [i128; 2],
    pub reseller_revenue: [i128; 2],
    pub breakage: [i128; 2],
    pub corrections: i128,
    pub billed: Vec<Billed>,
}

impl Given {
    pub fn terms(&self, begin: i64) -> BucketTerms {
        let prefixes =
            self.place.map(|place| (10 + place).to_string().parse().expect("digits")).into_iter().collect();
        let expires_at = self.expires_ms.map(|ms| Wall(begin + ms as i64));
        BucketTerms { kind: self.kind, priority: self.priority, prefixes, valid_from: None, expires_at }
    }
}

impl Tariff {
    /// Seconds billed for so many talked.
    fn billed(self, secs: i128) -> i128 {
        let mut billed = 0;
        while billed < secs {
            billed += if billed == 0 { self.initial } else { self.increment };
        }
        billed
    }

    /// `fee + rate · seconds / 60`, half-up: the nearest whole number, of two the higher.
    fn cost(self, secs: i128, with_fee: bool) -> i128 {
        let sixtieths = self.rate * secs + if with_fee && secs > 0 { self.fee * 60 } else { 0 };
        (2 * sixtieths + 60) / 120
    }
}

impl Part {
    fn amount(self, tariff: Tariff) -> i128 {
        let secs = self.until - self.from;
        if self.bucket.is_some_and(|bucket| BUCKETS[bucket].is_minutes) {
            secs * 100_000
        } else {
            tariff.cost(secs, self.with_fee)
        }
    }

    fn is_money(self) -> bool {
        self.bucket.is_none_or(|bucket| !BUCKETS[bucket].is_minutes)
    }
}

impl Tier {
    fn leased(&self) -> i128 {
        self.parts.last().map_or(0, |part| part.until)
    }
}

impl Call {
    pub fn leased(&self) -> i128 {
        self.tiers.iter().map(Tier::leased).min().expect("a tier")
    }

    /// What a restart knows of it.
    pub fn at_checkpoint(mut self) -> (i128, Self) {
        for (tier, parts) in self.tiers.iter_mut().zip(self.checkpoint.1) {
            tier.parts = parts;
        }
        self.checkpoint.1 = Vec::new();
        (self.checkpoint.0, self)
    }
}

impl Model {
    pub fn new(tariffs: [[Tariff; 3]; 2]) -> Self {
        let (accounts, calls) = (Default::default(), BTreeMap::new());
        let (revenue, reseller_revenue, breakage) = ([0; 2], [0; 2], [0; 2]);
        Self {
            ms: 0,
            tariffs,
            accounts,
            calls,
            revenue,
            reseller_revenue,
            breakage,
            corrections: 0,
            billed: Vec::new(),
        }
    }

    fn tariff(&self, account: usize, place: usize) -> Tariff {
        self.tariffs[usize::from(account != 0)][place]
    }

    pub fn elapsed_ms(&self, call: u128) -> i128 {
        self.ms - self.calls[&call].answered_ms
    }

    pub fn is_expired(&self, bucket: usize) -> bool {
        BUCKETS[bucket].expires_ms.is_some_and(|end| end <= self.ms)
    }

    /// Held by all calls that are up.
    pub fn reserved(&self, account: usize, bucket: Option<usize>) -> i128 {
        let of_call = |call: &Call| {
            let tiers = call.tiers.iter().filter(|tier| tier.account == account);
            let parts = tiers.flat_map(|tier| &tier.parts).filter(|part| part.bucket == bucket);
            parts.map(|part| part.amount(self.tariff(account, call.place))).sum::<i128>()
        };
        self.calls.values().map(of_call).sum()
    }

    pub fn posted(&self, account: usize, bucket: Option<usize>) -> i128 {
        let account = &self.accounts[account];
        bucket.map_or(account.main, |bucket| account.buckets[bucket].unwrap_or(0))
    }

    fn limit(&self, account: usize, bucket: Option<usize>) -> i128 {
        bucket.map_or(self.accounts[account].limit, |_| 0)
    }

    pub fn posted_mut(&mut self, account: usize, bucket: Option<usize>) -> &mut i128 {
        let account = &mut self.accounts[account];
        bucket.map_or(&mut account.main, |bucket| account.buckets[bucket].get_or_insert(0))
    }

    /// Lengthens `held` to `wanted` seconds as far as it goes, one increment after the other, each balance
    /// giving at most `1/share` of what it has free but its first increment whatever that costs; false if not
    /// one fits.
    fn lengthen(
        &self,
        account: usize,
        place: usize,
        held: &mut Vec<Part>,
        wanted: i128,
        share: i128,
    ) -> bool {
        let tariff = self.tariff(account, place);
        let before = held.clone();
        let costs_nothing = tariff.rate == 0 && tariff.fee == 0;
        let from = held.last().map_or(Some(0), |part| part.bucket);
        let serves =
            |bucket: usize| BUCKETS[bucket].place.is_none_or(|at| at == place) && !self.is_expired(bucket);
        let buckets = (0..BUCKETS.len())
            .filter(|bucket| !costs_nothing && from.is_some_and(|from| *bucket >= from) && serves(*bucket));
        let is_granted = |bucket: &usize| self.accounts[account].buckets[*bucket].is_some();
        for bucket in buckets.filter(is_granted).map(Some).chain([None]) {
            let free =
                self.posted(account, bucket) - self.reserved(account, bucket) - self.limit(account, bucket);
            let already =
                before.last().filter(|part| part.bucket == bucket).map_or(0, |part| part.amount(tariff));
            let mut first = true;
            loop {
                let leased = held.last().map_or(0, |part| part.until);
                let next = tariff.billed(leased + 1);
                let extends = held.last().is_some_and(|part| part.bucket == bucket);
                let longer = match held.last() {
                    Some(last) if extends => Part { until: next, ..*last },
                    _ => {
                        let part = Part { bucket, from: leased, until: next, with_fee: false };
                        Part { with_fee: part.is_money() && !held.iter().any(|part| part.is_money()), ..part }
                    }
                };
                let more = longer.amount(tariff) - already;
                let fits = |budget: i128| more <= budget.max(0);
                if leased >= wanted || (!first && !fits(free / share) && fits(free)) {
                    return *held != before;
                }
                if !fits(free) {
                    break;
                }
                if extends {
                    held.pop();
                }
                held.push(longer);
                first = false;
            }
        }
        *held != before
    }

    /// A call with its first block leased in every tier, or none.
    pub fn authorized(&self, account: usize, place: usize) -> Option<Call> {
        let tiers = if account == 1 { vec![1, 0] } else { vec![account] };
        let tier = |account: usize| {
            let (mut parts, initial) = (Vec::new(), self.tariff(account, place).initial);
            self.lengthen(account, place, &mut parts, initial, 1).then_some(Tier {
                account,
                parts,
                last_grant: initial,
            })
        };
        let tiers: Option<Vec<_>> = tiers.into_iter().map(tier).collect();
        Some(Call {
            place,
            answered_ms: self.ms,
            tiers: tiers?,
            checkpoint: (0, Vec::new()),
            warning: Warning::default(),
        })
    }

    /// Each tier that is short grows by itself, as far as the first of those that cannot reaches. True if the
    /// first to end is one of them.
    pub fn extend(&mut self, id: u128) -> bool {
        let (elapsed, mut call) = (self.elapsed_ms(id), self.calls[&id].clone());
        if call.leased() * 1_000 <= elapsed {
            self.look_for_end(id);
            return true;
        }
        let is_short = |tier: &Tier| tier.leased() * 1_000 - elapsed <= (tier.last_grant * 500).min(15_000);
        // The fewest seconds that make 30, and one increment at least.
        let target = |tier: &Tier| ((elapsed + 30_000 + 999) / 1_000).max(tier.leased() + 1);
        let can_grow = |tier: &Tier, wanted| {
            let mut parts = tier.parts.clone();
            self.lengthen(
                tier.account,
                call.place,
                &mut parts,
                self.tariff(tier.account, call.place).billed(wanted),
                8,
            )
            .then_some(parts)
        };
        let starved =
            call.tiers.iter().filter(|tier| is_short(tier) && can_grow(tier, target(tier)).is_none());
        let capacity = starved.map(Tier::leased).min();
        let mut grown = call.tiers.clone();
        for tier in
            grown.iter_mut().filter(|tier| is_short(tier) && capacity.is_none_or(|end| tier.leased() < end))
        {
            let wanted = capacity.map_or(target(tier), |end| target(tier).min(end));
            if let Some(parts) = can_grow(tier, wanted) {
                let before = tier.leased();
                tier.parts = parts;
                tier.last_grant = tier.leased() - before;
            }
        }
        call.tiers = grown;
        let refused = capacity == Some(call.leased());
        self.calls.insert(id, call);
        self.look_for_end(id);
        refused
    }

    /// After money came: is the end more than a minute away, if the call may have all of it?
    fn look_for_end(&mut self, id: u128) {
        let (elapsed, call) = (self.elapsed_ms(id), &self.calls[&id]);
        let reaches = |tier: &Tier| {
            let (mut parts, secs) = (tier.parts.clone(), (elapsed + 999) / 1_000 + 61);
            if tier.leased() < secs {
                self.lengthen(
                    tier.account,
                    call.place,
                    &mut parts,
                    self.tariff(tier.account, call.place).billed(secs),
                    1,
                );
            }
            parts.last().expect("a part").until >= secs
        };
        let away = call.warning.funded && call.tiers.iter().all(reaches);
        let warning = &mut self.calls.get_mut(&id).expect("up").warning;
        warning.may_rearm |= warning.told && away;
        warning.funded = false;
    }

    /// Money may have come to somebody.
    pub fn funded(&mut self) {
        self.calls.values_mut().for_each(|call| call.warning.funded = true);
    }

    /// How long a lost call is billed, ms: in every tier as long as the one with the least money can pay.
    pub fn payable_ms(&self, call: &Call, answered_ms: i128) -> i128 {
        let of_tier = |tier: &Tier| {
            let tariff = self.tariff(tier.account, call.place);
            let billed = tariff.billed((answered_ms + 999) / 1_000);
            let mut end = 0;
            for part in &tier.parts {
                let free =
                    (self.posted(tier.account, part.bucket) - self.limit(tier.account, part.bucket)).max(0);
                let until = part.until.min(billed);
                while end < until && (Part { until: tariff.billed(end + 1), ..*part }).amount(tariff) <= free
                {
                    end = tariff.billed(end + 1);
                }
                if end < until || end >= billed {
                    break;
                }
            }
            if end >= billed { answered_ms } else { end * 1_000 }
        };
        call.tiers.iter().map(of_tier).min().expect("a tier")
    }

    /// A minute before the first tier has nothing left, if that is within a minute of the cut.
    pub fn warn_at_ms(&self, id: u128) -> Option<i128> {
        let call = &self.calls[&id];
        let horizon = call.leased() + 60;
        let end = |tier: &Tier| {
            let (mut parts, wanted) =
                (tier.parts.clone(), self.tariff(tier.account, call.place).billed(horizon));
            if tier.leased() < horizon {
                self.lengthen(tier.account, call.place, &mut parts, wanted, 1);
            }
            parts.last().expect("a part").until
        };
        call.tiers.iter().map(end).min().filter(|end| *end < horizon).map(|end| (end - 60).max(0) * 1_000)
    }

    pub fn note_checkpoint(&mut self, id: u128, elapsed: i128) {
        let call = self.calls.get_mut(&id).expect("up");
        if elapsed > call.checkpoint.0 {
            call.checkpoint = (elapsed, call.tiers.iter().map(|tier| tier.parts.clone()).collect());
        }
    }

    /// Takes what the call used, no longer among those that are up.
    pub fn settle(&mut self, call: &Call, duration_ms: i128) -> Vec<Paid> {
        let mut all = Vec::new();
        for (at, tier) in call.tiers.iter().enumerate() {
            let tariff = self.tariff(tier.account, call.place);
            let billed = tariff.billed((duration_ms + 999) / 1_000);
            let mut paid = Paid { parts: Vec::new(), billed, money: 0 };
            for part in tier.parts.iter().filter(|part| part.from < billed) {
                let part = Part { until: part.until.min(billed), ..*part };
                let amount = part.amount(tariff);
                *self.posted_mut(tier.account, part.bucket) -= amount;
                let system_account =
                    if at + 1 < call.tiers.len() { &mut self.reseller_revenue } else { &mut self.revenue };
                system_account[usize::from(!part.is_money())] += amount;
                paid.money += if part.is_money() { amount } else { 0 };
                paid.parts.push((part.bucket, part.until - part.from, amount));
            }
            all.push(paid);
        }
        all
    }

    /// All that a billed call took goes back, or is taken again.
    pub fn reverse(&mut self, at: usize, key: String) {
        let billed = &mut self.billed[at];
        billed.last = Some(key);
        billed.reversed = !billed.reversed;
        let (sign, paid) = (if billed.reversed { 1 } else { -1 }, Arc::clone(&billed.paid));
        for (account, bucket, amount, is_seconds, is_resellers) in paid.iter().copied() {
            *self.posted_mut(account, bucket) += sign * amount;
            let system_account = if is_resellers { &mut self.reseller_revenue } else { &mut self.revenue };
            system_account[usize::from(is_seconds)] -= sign * amount;
        }
        self.funded();
    }

    /// What is free of a bucket is gone.
    pub fn expired(&mut self, account: usize, bucket: usize) -> i128 {
        assert!(self.is_expired(bucket));
        let gone = self.posted(account, Some(bucket)) - self.reserved(account, Some(bucket));
        *self.posted_mut(account, Some(bucket)) -= gone;
        self.breakage[usize::from(BUCKETS[bucket].is_minutes)] += gone;
        gone
    }
}
