//! How an amount comes about, line by line, each to its last exact digit: for people who check a bill.

use units::{ExchangeRate, Rate};

use super::{MINUTE, Price, used};

/// One line of an explanation.
#[derive(Clone, PartialEq, Eq, Debug, serde::Serialize)]
pub struct Step {
    /// What is counted, as `30 s at 0.12345/min`.
    pub text: String,
    /// Exact, `0.0041133(3)` where the last digit repeats for ever.
    pub amount: String,
}

// === impl Price ===

impl Price {
    /// How [`Price::charge`] comes about: fee, first block, further blocks of each segment, exact sum,
    /// conversion, rounded amount.
    pub fn steps(&self, duration_ms: u64) -> Vec<Step> {
        let charge = self.charge(duration_ms);
        let total = Step {
            text: format!("rounded once, {}", self.rounding().word()),
            amount: charge.amount.to_string(),
        };
        if charge.billed_seconds == 0 {
            return vec![
                Step { text: "not answered: nothing is billed".to_owned(), amount: exact(0) },
                total,
            ];
        }
        let mut steps = Vec::with_capacity(6);
        if !self.connect_fee.is_zero() {
            steps.push(Step { text: "connect fee".to_owned(), amount: exact(self.sixtieths_of_fee()) });
        }
        self.usage_steps(charge.billed_seconds, &mut steps);
        let sum = self.sixtieths(charge.billed_seconds).saturating_add(self.sixtieths_of_fee());
        steps.push(Step { text: format!("exact sum for {} s", charge.billed_seconds), amount: exact(sum) });
        if let Some(exchange) = self.exchange() {
            let text = format!(
                "x {} {} per {} since {}",
                exchange.rate,
                exchange.to,
                exchange.from,
                exchange.at.rfc3339()
            );
            steps.push(Step { text, amount: converted(sum, exchange.rate) });
        }
        steps.push(total);
        steps
    }

    fn usage_steps(&self, billed_seconds: u64, steps: &mut Vec<Step>) {
        if self.segments().is_empty() {
            let (initial, increment) =
                (u64::from(self.increments.initial()), u64::from(self.increments.increment()));
            let rate = self.rate;
            steps.push(Step {
                text: format!("first {initial} s at {rate}/min"),
                amount: exact(usage(self.rate, initial)),
            });
            let more = billed_seconds.saturating_sub(initial);
            if more > 0 {
                let text = format!("{} x {increment} s at {rate}/min", more / increment);
                steps.push(Step { text, amount: exact(usage(self.rate, more)) });
            }
        }
        for (segment, secs) in used(self.segments(), billed_seconds) {
            let (rate, block) = (segment.rate, u64::from(segment.block.max(1)));
            let mut text = match segment.from {
                0 if secs == block => format!("first {secs} s at {rate}/min"),
                0 => format!("{} x {block} s at {rate}/min", secs / block),
                from => format!("{} x {block} s at {rate}/min from {from} s on", secs / block),
            };
            if let Some(period) = &segment.period {
                text += &format!(" ({period})");
            }
            steps.push(Step { text, amount: exact(usage(segment.rate, secs)) });
        }
    }
}

fn usage(rate: Rate, seconds: u64) -> u128 {
    u128::from(rate.magnitude()) * u128::from(seconds)
}

/// So many sixtieths of 10⁻¹⁰: 1/60 of it is five thirds of 10⁻¹², so a third may be left, which repeats.
fn exact(sixtieths: u128) -> String {
    thirds(sixtieths.checked_mul(5), 12)
}

/// The same times a conversion rate, which has ten places more.
fn converted(sixtieths: u128, rate: ExchangeRate) -> String {
    thirds(sixtieths.checked_mul(5 * u128::from(rate.count())), 22)
}

/// So many thirds of `10^-places`, with at least five places.
fn thirds(count: Option<u128>, places: usize) -> String {
    let Some(count) = count else { return "more than can be written".to_owned() };
    let (whole, rest) = (count / 3, count % 3);
    let one = 10_u128.pow(places as u32);
    let text = format!("{}.{:0places$}", whole / one, whole % one);
    match rest {
        0 => {
            let most = places - units::PLACES as usize;
            let cut = text.bytes().rev().take(most).take_while(|b| *b == b'0').count();
            text[..text.len() - cut].to_owned()
        }
        // The repeating digit once, after the places that a rate of five places has.
        _ => {
            let digit = b'0' + (rest * 3) as u8;
            let most = (Rate::PLACES - units::PLACES) as usize;
            let cut = text.bytes().rev().take(most).take_while(|b| *b == digit).count();
            format!("{}({})", &text[..text.len() - cut], rest * 3)
        }
    }
}

const _: () = assert!(MINUTE == 60, "thirds are what sixtieths leave");

#[cfg(test)]
mod tests {
    use ledger::Tariff;
    use units::{Currency, Exchange, Rounding, Wall};

    use super::super::tests::{price, segment, with};
    use super::*;

    #[test]
    fn explains_to_the_last_digit() {
        let steps: Vec<_> = price(12_345, 30, 6, 0)
            .steps(61_000)
            .into_iter()
            .map(|step| format!("{} = {}", step.text, step.amount))
            .collect();
        assert_eq!(
            steps,
            [
                "first 30 s at 0.12345/min = 0.061725",
                "6 x 6 s at 0.12345/min = 0.07407",
                "exact sum for 66 s = 0.135795",
                "rounded once, half-up = 0.13580",
            ]
        );
        // 0.1 / 60 = 0.001666…; with the fee of 0.05.
        let amounts: Vec<_> =
            price(10_000, 1, 1, 5_000).steps(1).into_iter().map(|step| step.amount).collect();
        assert_eq!(amounts, ["0.05000", "0.0016666(6)", "0.0516666(6)", "0.05167"]);
        assert_eq!(price(10_000, 1, 1, 5_000).steps(0).len(), 2);
    }

    fn lines(price: &Price, duration_ms: u64) -> Vec<String> {
        price.steps(duration_ms).into_iter().map(|step| format!("{} = {}", step.text, step.amount)).collect()
    }

    #[test]
    fn explains_segments_conversion_and_rounding() {
        let segments = vec![
            segment(0, 60, 30_000, "peak"),
            segment(60, 60, 30_000, "peak"),
            segment(180, 6, 10_000, ""),
        ];
        let price = with(
            self::price(30_000, 60, 60, 5_000),
            Tariff { segments, rounding: Rounding::Up, ..Tariff::default() },
        );
        let exchange = Exchange {
            from: Currency::USD,
            to: Currency::EUR,
            rate: "0.9215".parse().expect("a rate"),
            at: Wall(0),
        };
        assert_eq!(
            lines(&price.exchanged(Some(exchange)), 190_000),
            [
                "connect fee = 0.05000",
                "first 60 s at 0.30000/min (peak) = 0.30000",
                "2 x 60 s at 0.30000/min from 60 s on (peak) = 0.60000",
                "2 x 6 s at 0.10000/min from 180 s on = 0.02000",
                "exact sum for 192 s = 0.97000",
                "x 0.9215 EUR per USD since 1970-01-01T00:00:00.000Z = 0.893855",
                "rounded once, up = 0.89386",
            ]
        );
        // A third of 10⁻⁵ times 0.1 repeats in the place after.
        let exchange = Exchange { rate: "0.1".parse().expect("a rate"), ..exchange };
        let third = self::price(10_000, 1, 1, 0).exchanged(Some(exchange));
        assert_eq!(
            lines(&third, 1)[2],
            "x 0.1 EUR per USD since 1970-01-01T00:00:00.000Z = 0.00016666666666666(6)"
        );
    }
}
