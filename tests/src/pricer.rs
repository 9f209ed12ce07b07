//! The contract's billing in ten lines, against which every CDR is held. It shares nothing with `rating` but
//! the rule.

/// Billed seconds and amount (10⁻⁵ units) of `ms` answered milliseconds, by a rate and a fee in 10⁻¹⁰ units.
pub fn charge(rate: i64, fee: i64, initial: u32, increment: u32, ms: u64) -> (u64, i64) {
    if ms == 0 {
        return (0, 0);
    }
    let (first, step) = (i128::from(initial), i128::from(increment));
    let talked = (i128::from(ms) + 999) / 1_000;
    let blocks = if talked > first { (talked - first + step - 1) / step } else { 0 };
    let billed = first + blocks * step;
    let amount = ((i128::from(fee) * 60 + i128::from(rate) * billed) * 2 + 6_000_000).div_euclid(12_000_000);
    (billed as u64, amount as i64)
}

#[cfg(test)]
mod tests {
    use super::charge;

    #[test]
    fn the_contracts_own_figures() {
        // 0.12345 a minute, 30/6: 36 s and 66 s.
        assert_eq!(charge(1_234_500_000, 0, 30, 6, 31_000), (36, 7_407));
        assert_eq!(charge(1_234_500_000, 0, 30, 6, 61_000), (66, 13_580));
        assert_eq!(charge(1_234_500_000, 50_000_000, 30, 6, 0), (0, 0));
        assert_eq!(charge(6_000_000_000, 0, 1, 1, 1), (1, 1_000));
        // 0.0000049 a minute for a day: 0.007056.
        assert_eq!(charge(49_000, 0, 1, 1, 86_400_000), (86_400, 706));
    }
}
