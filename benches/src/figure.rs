//! Figures as plain lines, and the median of several runs: the slowest and the fastest tell how far to trust
//! it.

use std::fmt;
use std::time::Duration;

/// Prints `what: value`, aligned, for those who copy it into a table.
pub fn print(what: &str, value: impl fmt::Display) {
    println!("{what:<44} {value}");
}

/// Several runs of one thing.
#[derive(Debug, Clone, Default)]
pub struct Runs(Vec<f64>);

impl Runs {
    /// Adds the time of one run divided by what it did, in µs.
    pub fn per_item(&mut self, time: Duration, items: usize) {
        self.0.push(time.as_secs_f64() * 1e6 / items.max(1) as f64);
    }

    /// Adds any other figure.
    pub fn add(&mut self, value: f64) {
        self.0.push(value);
    }

    /// The middle one; 0 of none.
    pub fn median(&self) -> f64 {
        self.at(self.0.len() / 2)
    }

    fn at(&self, place: usize) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        sorted.get(place).copied().unwrap_or_default()
    }
}

impl fmt::Display for Runs {
    /// `3.14 (3.10–3.80, 9 runs)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let last = self.0.len().saturating_sub(1);
        write!(f, "{:.2} ({:.2}–{:.2}, {} runs)", self.median(), self.at(0), self.at(last), self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_stands_between_the_extremes() {
        let mut runs = Runs::default();
        for (ms, items) in [(5, 1), (2, 2), (9, 1)] {
            runs.per_item(Duration::from_millis(ms), items);
        }
        assert_eq!(runs.to_string(), "5000.00 (1000.00–9000.00, 3 runs)");
    }
}
