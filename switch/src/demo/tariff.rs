//! The demo's price lists, and what a call costs by schoolbook long division: the switch's own arithmetic is
//! not used. Invariant: amounts are counts of 10⁻⁵; nothing is rounded but the last step, half up, once.

/// One row, as it is written into the deck.
pub(super) struct Row {
    pub prefix: &'static str,
    pub destination: &'static str,
    /// Per minute.
    pub rate: &'static str,
    pub initial: u64,
    pub increment: u64,
    /// Empty: none.
    pub connect_fee: &'static str,
}

const fn row(
    prefix: &'static str,
    destination: &'static str,
    rate: &'static str,
    blocks: (u64, u64),
    connect_fee: &'static str,
) -> Row {
    Row { prefix, destination, rate, initial: blocks.0, increment: blocks.1, connect_fee }
}

/// What customers pay.
pub(super) const RETAIL: &[Row] = &[
    row("34", "Spain", "0.12345", (30, 6), ""),
    row("346", "Spain mobile", "0.15000", (60, 60), ""),
    row("39", "Italy", "0.02111", (1, 1), ""),
    row("393", "Italy mobile", "0.98765", (2, 1), "0.015"),
    row("44", "United Kingdom", "0.01333", (1, 1), ""),
    row("447", "United Kingdom mobile", "0.23457", (1, 1), "0.01"),
];

/// What alpha charges.
pub(super) const ALPHA_COST: &[Row] = &[
    row("34", "Spain", "0.01007", (1, 1), ""),
    row("39", "Italy", "0.01111", (1, 1), ""),
    row("393", "Italy mobile", "0.40003", (1, 1), ""),
    row("44", "United Kingdom", "0.00511", (1, 1), ""),
    row("447", "United Kingdom mobile", "0.03007", (1, 1), ""),
];

/// A deck file.
pub(super) fn csv(rows: &[Row]) -> String {
    let mut text = String::from(
        "prefix,destination,rate,initial,increment,connect_fee,effective_from,effective_until\n",
    );
    for Row { prefix, destination, rate, initial, increment, connect_fee } in rows {
        text.push_str(&format!("{prefix},{destination},{rate},{initial},{increment},{connect_fee},,\n"));
    }
    text
}

/// The row with the longest prefix.
pub(super) fn row_of<'a>(rows: &'a [Row], number: &str) -> Option<&'a Row> {
    rows.iter().filter(|row| number.starts_with(row.prefix)).max_by_key(|row| row.prefix.len())
}

/// What a call comes to.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Due {
    pub billed_seconds: u64,
    /// Count of 10⁻⁵.
    pub amount: i64,
    /// `0.061725`, unrounded; ends in `…` if its digits never end.
    pub unrounded: String,
}

/// Digits written of an amount whose digits never end.
const DIGITS_SHOWN: usize = 8;
/// Digits of the currency.
const PLACES: usize = 5;

impl Row {
    /// What `duration_ms` of answered time costs.
    pub(super) fn due(&self, duration_ms: u64) -> Due {
        let mut billed_seconds = 0;
        if duration_ms > 0 {
            billed_seconds = self.initial;
            while billed_seconds * 1_000 < duration_ms {
                billed_seconds += self.increment;
            }
        }
        let fee = if duration_ms > 0 { hundred_thousandths(self.connect_fee) } else { 0 };
        // Over sixty hundred-thousandths: seconds × rate per minute, and the fee brought to the same
        // denominator.
        let dividend = u128::from(billed_seconds) * hundred_thousandths(self.rate) + fee * 60;
        let (digits, rest) = divide(dividend, 60 * 100_000);
        let unrounded = format!("{}{}", digits, if rest { "…" } else { "" });
        Due { billed_seconds, amount: round_half_up(&digits), unrounded }
    }
}

/// `0.12345` → 12345; the demo's own constants have at most five places.
fn hundred_thousandths(text: &str) -> u128 {
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    format!("{whole}{part:0<5}").parse().unwrap_or(0)
}

/// The quotient digit by digit, and whether digits are left.
fn divide(dividend: u128, divisor: u128) -> (String, bool) {
    let mut digits = format!("{}.", dividend / divisor);
    let mut rest = dividend % divisor;
    for place in 0..DIGITS_SHOWN {
        if rest == 0 && place >= PLACES {
            break;
        }
        rest *= 10;
        digits.push_str(&(rest / divisor).to_string());
        rest %= divisor;
    }
    (digits, rest != 0)
}

/// Five places; the sixth digit decides.
fn round_half_up(digits: &str) -> i64 {
    let (whole, part) = digits.split_once('.').unwrap_or((digits, ""));
    let kept: i64 = format!("{whole}{}", part.get(..PLACES).unwrap_or_default()).parse().unwrap_or(i64::MAX);
    kept + i64::from(part.as_bytes().get(PLACES).is_some_and(|digit| *digit >= b'5'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_those_of_exact_fractions() {
        // 0.12345 × 30 / 60 = 0.061725; 0.01 + 0.23457 × 2 / 60 = 0.017819;
        // 0.015 + 0.98765 × 5 / 60 = 0.0973041666…
        for (number, ms, billed, amount, unrounded) in [
            ("34911000001", 2_500, 30, 6_173, "0.061725"),
            ("34911000001", 30_000, 30, 6_173, "0.061725"),
            ("34911000001", 30_001, 36, 7_407, "0.07407"),
            ("447700900002", 1_700, 2, 1_782, "0.017819"),
            ("393331234567", 5_000, 5, 9_730, "0.09730416…"),
            ("393331234567", 0, 0, 0, "0.00000"),
        ] {
            let due = row_of(RETAIL, number).expect(number).due(ms);
            assert_eq!(
                due,
                Due { billed_seconds: billed, amount, unrounded: unrounded.to_owned() },
                "{number} {ms}"
            );
        }
    }

    #[test]
    fn the_longest_prefix_prices() {
        for (number, destination) in
            [("34911000001", "Spain"), ("34600", "Spain mobile"), ("447700900002", "United Kingdom mobile")]
        {
            assert_eq!(row_of(RETAIL, number).map(|row| row.destination), Some(destination));
        }
        assert!(row_of(RETAIL, "1").is_none());
    }
}
