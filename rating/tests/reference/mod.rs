//! A slow exact pricer and random worlds for it. It walks a call block by block in whole numbers and shares
//! no code with the fast one: rows by linear search, times of the week by the minutes since a Monday, the
//! amount as one fraction rounded once.
#![allow(missing_docs, clippy::panic)]

use std::sync::Arc;

use rating::{Deck, Price, Rules};
use units::{Change, Currency, Exchange, Exchanges, Number, Period, Rounding, Wall, Zone};

const DAY: i64 = 86_400_000;
const WEEK: i64 = 7 * DAY;
/// 1970-01-05 was a Monday.
const MONDAY: i64 = 4 * DAY;
/// Conversion rates count 10⁻¹⁰.
const EXCHANGE_ONE: i128 = 10_000_000_000;

/// Seeded numbers (splitmix64).
pub struct Dice(pub u64);

#[derive(Clone, Debug)]
pub struct Row {
    prefix: &'static str,
    rate: i64,
    next_rate: Option<i64>,
    initial: i64,
    increment: i64,
    fee: i64,
    /// Index of a period.
    period: Option<usize>,
    /// In force from here, until there, ms.
    from: i64,
    until: i64,
}

#[derive(Clone, Debug)]
pub struct Times {
    days: u8,
    from: i64,
    until: i64,
    /// Offsets in seconds from instants in ms on.
    offsets: Vec<(i64, i64)>,
}

/// A deck in the program's form and in the model's.
pub struct World {
    pub deck: Deck,
    exchanges: Exchanges,
    rows: Vec<Row>,
    times: Vec<Times>,
    rounding: Rounding,
    rate: Option<u64>,
    /// Around here its clocks and rows change, ms.
    pub base: i64,
}

/// What a call comes to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Bill {
    pub billed: i64,
    pub amount: i64,
    /// The end of each block, s.
    pub ends: Vec<i64>,
    /// Sixtieths of 10⁻⁵ after each of them, fee aside.
    sums: Vec<i128>,
}

// === impl Dice ===

impl Dice {
    pub fn roll(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ (mixed >> 31)) % below
    }

    pub fn chance(&mut self, percent: u64) -> bool {
        self.roll(100) < percent
    }

    fn up_to(&mut self, most: i64) -> i64 {
        self.roll(most as u64 + 1) as i64
    }

    fn of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.roll(all.len() as u64) as usize]
    }
}

// === impl Times ===

impl Times {
    fn roll(dice: &mut Dice, base: i64) -> Self {
        let mut offsets = vec![(i64::MIN, dice.up_to(104) * 900 - 43_200)];
        for _ in 0..dice.roll(4) {
            offsets.push((base + dice.up_to(6 * DAY) - DAY, dice.up_to(104) * 900 - 43_200));
        }
        offsets.sort_unstable();
        let step = dice.of(&[1, 60, 900, 3_600]);
        let from = dice.up_to(86_399) / step * step;
        let until = (dice.up_to(86_400) / step * step).max(1);
        let until = if from == until { from + 1 } else { until };
        Self { days: 1 + dice.roll(127) as u8, from, until, offsets }
    }

    fn contain(&self, at: i64) -> bool {
        let (_, offset) = self.offsets.iter().rfind(|(from, _)| *from <= at).expect("from the begin of time");
        let clock = at + offset * 1_000 - MONDAY;
        let length =
            if self.until > self.from { self.until - self.from } else { self.until - self.from + 86_400 };
        let begins = (0..7).filter(|day| self.days >> day & 1 == 1).map(|day| day * DAY + self.from * 1_000);
        begins.into_iter().any(|begin| (clock - begin).rem_euclid(WEEK) < length * 1_000)
    }

    fn period(&self, at: usize) -> Period {
        let changes =
            self.offsets[1..].iter().map(|&(at, offset)| Change { at: Wall(at), offset: offset as i32 });
        let zone = Arc::new(Zone::new("Test/Zone", self.offsets[0].1 as i32, changes.collect()));
        Period::new(&format!("p{at}"), zone, self.days, self.from as u32, self.until as u32)
            .expect("a period")
    }
}

// === impl Row ===

impl Row {
    fn roll(dice: &mut Dice, prefix: &'static str, period: Option<usize>) -> Self {
        let (initial, increment) = dice.of(&[(1, 1), (30, 6), (60, 1), (60, 60), (1, 3_600), (0, 0)]);
        let (initial, increment) =
            if initial == 0 { (1 + dice.up_to(99), 1 + dice.up_to(99)) } else { (initial, increment) };
        let most = dice.of(&[3, 1_000, 50_000, 5_000_000]);
        let next_rate = dice.chance(30).then(|| dice.up_to(most));
        let fee = if dice.chance(30) { dice.up_to(20_000) } else { 0 };
        Self {
            prefix,
            rate: dice.up_to(most),
            next_rate,
            initial,
            increment,
            fee,
            period,
            from: i64::MIN,
            until: i64::MAX,
        }
    }

    fn csv(&self) -> String {
        let money = |amount: i64| format!("{}.{:05}", amount / 100_000, amount % 100_000);
        let next = self.next_rate.map(money).unwrap_or_default();
        let period = self.period.map(|at| format!("p{at}")).unwrap_or_default();
        let date =
            |at: i64| if at == i64::MIN || at == i64::MAX { String::new() } else { Wall(at).rfc3339() };
        let (prefix, rate, fee, from, until) =
            (self.prefix, money(self.rate), money(self.fee), date(self.from), date(self.until));
        format!(
            "{prefix},Place {prefix},{rate},{},{},{fee},{from},{until},{next},{period}\n",
            self.initial, self.increment
        )
    }
}

// === impl World ===

impl World {
    pub fn roll(dice: &mut Dice) -> Self {
        let base = 1_767_225_600_000 + dice.up_to(20 * 365) * DAY + dice.up_to(DAY);
        let times: Vec<Times> = (0..dice.roll(5)).map(|_| Times::roll(dice, base)).collect();
        let mut rows = Vec::new();
        for prefix in ["3", "34", "349", "55"] {
            let kinds = (0..times.len()).map(Some).filter(|_| dice.chance(60)).collect::<Vec<_>>();
            for period in kinds.into_iter().chain(dice.chance(80).then_some(None)) {
                let row = Row::roll(dice, prefix, period);
                if dice.chance(30) {
                    let middle = base + dice.up_to(3 * DAY);
                    rows.push(Row { from: middle, ..Row::roll(dice, prefix, period) });
                    rows.push(Row { until: middle, ..row });
                } else {
                    rows.push(row);
                }
            }
        }
        let rounding = dice.of(&[Rounding::HalfUp, Rounding::HalfUp, Rounding::Up, Rounding::Down]);
        let rate = dice.chance(50).then(|| 1 + dice.roll(30_000_000_000));
        let exchange = rate.map(|rate| Exchange {
            from: Currency::USD,
            to: Currency::EUR,
            rate: units::ExchangeRate::new(rate).expect("a rate"),
            at: Wall(0),
        });
        let periods = times.iter().enumerate().map(|(at, times)| times.period(at)).collect();
        // Some worlds have no row at all: nothing is priced there.
        let rules = Rules { rounding, periods, allow_empty: true, ..Rules::default() };
        let head = "prefix,destination,rate,initial,increment,connect_fee,effective_from,effective_until,next_rate,period\n";
        let csv = rows.iter().fold(head.to_owned(), |csv, row| csv + &row.csv());
        let (deck, _) = Deck::load_by("world", Currency::USD, &rules, csv.as_bytes())
            .unwrap_or_else(|errors| panic!("{errors:?}\n{csv}"));
        Self { deck, exchanges: Exchanges::new(exchange), rows, times, rounding, rate, base }
    }

    /// The program's price.
    pub fn price(&self, number: &str, at: i64) -> Option<Price> {
        let number: Number = number.parse().expect("a number");
        let price = self.deck.price(&number, Wall(at))?;
        Some(price.exchanged(self.exchanges.rate(Currency::USD, Currency::EUR, Wall(at))))
    }

    /// The model's bill of a call of `ms`; none if nothing prices it.
    pub fn bill(&self, number: &str, at: i64, ms: i64) -> Option<Bill> {
        let row = (1..=number.len()).rev().find_map(|len| self.turn(&number[..len], at, at))?;
        let mut bill = Bill { billed: 0, amount: 0, ends: Vec::new(), sums: Vec::new() };
        let seconds = (ms + 999) / 1_000;
        let (mut current, mut sum) = (row, 0_i128);
        while bill.billed < seconds {
            let (length, rate) = if bill.billed == 0 {
                (row.initial, row.rate)
            } else {
                current = self.turn(row.prefix, at, at + bill.billed * 1_000).unwrap_or(current);
                (current.increment, current.next_rate.unwrap_or(current.rate))
            };
            bill.billed += length;
            sum += i128::from(length) * i128::from(rate);
            bill.ends.push(bill.billed);
            bill.sums.push(sum);
        }
        if seconds > 0 {
            bill.amount = self.round(sum + i128::from(row.fee) * 60);
        }
        Some(bill)
    }

    /// What the blocks from the one after `from` until `to` cost by themselves, fee aside; indexes into the
    /// ends.
    pub fn part(&self, bill: &Bill, from: usize, to: usize) -> i64 {
        self.round(bill.sums[to] - bill.sums[from])
    }

    /// The row of a prefix that has its turn at `now`, of those in force at the answer.
    fn turn(&self, prefix: &str, answered: i64, now: i64) -> Option<&Row> {
        let in_force = self
            .rows
            .iter()
            .filter(|row| row.prefix == prefix && row.from <= answered && answered < row.until);
        let turns = in_force.filter(|row| row.period.is_none_or(|period| self.times[period].contain(now)));
        turns.min_by_key(|row| row.period.unwrap_or(usize::MAX))
    }

    fn round(&self, sixtieths: i128) -> i64 {
        let (num, den) = match self.rate {
            None => (sixtieths, 60),
            Some(rate) => (sixtieths * i128::from(rate), 60 * EXCHANGE_ONE),
        };
        let whole = match self.rounding {
            Rounding::HalfUp => (2 * num + den) / (2 * den),
            Rounding::Up => (num + den - 1) / den,
            Rounding::Down => num / den,
        };
        i64::try_from(whole).expect("in range")
    }
}

/// Prices one random call both ways; whatever differs is told. True if there was a price.
pub fn differ(world: &World, dice: &mut Dice) -> Result<bool, String> {
    let number = dice.of(&["34911234567", "349", "3", "39", "551199", "55", "7"]);
    let at = world.base + dice.up_to(3 * DAY);
    let longest = dice.of(&[100, 5_000, 120_000, 1_000_000, 10_000_000]);
    let ms = dice.up_to(longest) * if dice.chance(1) { 30 } else { 1 };
    let (fast, slow) = (world.price(number, at), world.bill(number, at, ms));
    let told = |what: &str| {
        Err(format!(
            "{what}: {number} at {} for {ms} ms\n{fast:?}\n{:?} {:?}",
            Wall(at).rfc3339(),
            world.rows,
            world.times
        ))
    };
    let (Some(price), Some(bill)) = (&fast, &slow) else {
        return if fast.is_none() == slow.is_none() { Ok(false) } else { told("priced by one only") };
    };
    let charge = price.charge(ms as u64);
    if (charge.billed_seconds as i64, charge.amount.amount) != (bill.billed, bill.amount) {
        return told(&format!("{charge:?} instead of {} s {}", bill.billed, bill.amount));
    }
    let last = bill.ends.len();
    if last == 0 {
        return Ok(true);
    }
    let (one, two) = (dice.roll(last as u64) as usize, dice.roll(last as u64) as usize);
    let (from, to) = (one.min(two), one.max(two));
    let (start, end) = (bill.ends[from] as u64, bill.ends[to] as u64);
    if price.cost_between(start, end, false) != world.part(bill, from, to) {
        return told(&format!("a part from {start} s until {end} s"));
    }
    let before = from.checked_sub(1).map_or(0, |before| bill.ends[before] as u64);
    let inside = before + dice.roll(start - before);
    if (price.next_boundary(inside), price.last_boundary(inside)) != (start, before) {
        return told(&format!("boundaries around {inside} s"));
    }
    Ok(true)
}
