//! How a listener would rate a connection: the E-model (ITU-T G.107) with its default values, but for delay,
//! loss and codec, whose impairments are those of G.113 Appendix I.

use crate::codec::{Codec, G723Rate};

/// R of a connection without impairment, all other values at their defaults.
const R_0: f64 = 93.2;
/// Milliseconds of one-way delay from which talkers interrupt each other.
const DISTURBING_MS: f64 = 177.3;
/// Burst ratios that the model knows; from 2 % of loss on no more than 2 (G.107 table 2).
const BURST_RATIO_MAX: f64 = 8.0;
const BURST_RATIO_OF_HEAVY_LOSS_MAX: f64 = 2.0;
const HEAVY_LOSS: f64 = 0.02;

/// What is known of one direction of a call.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Connection {
    /// The codec that is listened to.
    pub codec: Codec,
    /// Its rate, if it is G.723.1.
    pub g723: G723Rate,
    /// Packets that were not played of a hundred: lost and late ones.
    pub loss_percent: f64,
    /// How much longer losses follow each other than if each were chance: 1 is chance, 2 twice as long.
    pub burst_ratio: f64,
    /// From mouth to ear, in milliseconds.
    pub delay_ms: f64,
}

// === impl Connection ===

impl Connection {
    /// Without loss or delay.
    pub const fn new(codec: Codec) -> Self {
        Self { codec, g723: G723Rate::R6300, loss_percent: 0.0, burst_ratio: 1.0, delay_ms: 0.0 }
    }

    /// With losses as they were counted: packets that came, packets that did not, and how many times one or
    /// more in a row did not.
    pub fn with_losses(self, came: u64, lost: u64, runs: u64) -> Self {
        if lost == 0 {
            return Self { loss_percent: 0.0, burst_ratio: 1.0, ..self };
        }
        let part = lost as f64 / came.saturating_add(lost) as f64;
        let max = if part < HEAVY_LOSS { BURST_RATIO_MAX } else { BURST_RATIO_OF_HEAVY_LOSS_MAX };
        // Runs of chance losses have 1 / (1 - part) packets on the average.
        let burst = lost as f64 / runs.max(1) as f64 * (1.0 - part);
        Self { loss_percent: part * 100.0, burst_ratio: burst.clamp(1.0, max), ..self }
    }

    /// The transmission rating, 0 to 93.2 (G.107 §3.1).
    pub fn r(&self) -> f64 {
        let loss = finite(self.loss_percent).clamp(0.0, 100.0);
        let burst = finite(self.burst_ratio).max(1.0);
        let delay = finite(self.delay_ms).max(0.0);
        let (ie, robustness) = impairment(self.codec, self.g723);
        let ie_eff = ie + (95.0 - ie) * loss / (loss / burst + robustness);
        let id = 0.024 * delay + 0.11 * (delay - DISTURBING_MS).max(0.0);
        (R_0 - id - ie_eff).max(0.0)
    }

    /// The mean opinion score, 1 to 4.41 (G.107 Annex B).
    pub fn mos(&self) -> f64 {
        score(self.r())
    }
}

fn score(r: f64) -> f64 {
    (1.0 + 0.035 * r + r * (r - 60.0) * (100.0 - r) * 7e-6).max(1.0)
}

/// Equipment impairment and robustness against loss, with concealment (G.113 tables I.1 and I.4). Opus is in
/// neither: it is rated as the best of the narrow-band codecs that are (12.2 kbit/s: 5), with the robustness
/// of G.729.
const fn impairment(codec: Codec, g723: G723Rate) -> (f64, f64) {
    match codec {
        Codec::Pcmu | Codec::Pcma => (0.0, 25.1),
        Codec::G729 => (11.0, 19.0),
        Codec::G723 => match g723 {
            G723Rate::R6300 => (15.0, 16.1),
            G723Rate::R5300 => (19.0, 16.1),
        },
        Codec::Opus => (5.0, 19.0),
    }
}

/// Zero of what is no number.
fn finite(value: f64) -> f64 {
    if value.is_finite() { value } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mos(connection: Connection) -> f64 {
        (connection.mos() * 100.0).round() / 100.0
    }

    #[test]
    fn values_are_those_of_the_recommendation() {
        let g711 = Connection::new(Codec::Pcma);
        assert!((g711.r() - 93.2).abs() < 1e-9);
        assert_eq!(mos(g711), 4.41);
        // G.109 table 1: the limits of the categories.
        for (r, wanted) in [(90.0, 4.34), (70.0, 3.60), (60.0, 3.10), (50.0, 2.58)] {
            assert!((score(r) - wanted).abs() < 0.006, "{r}: {}", score(r));
        }
        // 93.2 less the impairments 11, 15 and 19.
        assert!((Connection::new(Codec::G729).r() - 82.2).abs() < 1e-9);
        assert!((Connection::new(Codec::G723).r() - 78.2).abs() < 1e-9);
        assert!(
            (Connection { g723: G723Rate::R5300, ..Connection::new(Codec::G723) }.r() - 74.2).abs() < 1e-9
        );
        // 177.3 ms cost 4.26; 277.3 ms 6.66 and 11 more.
        assert!((Connection { delay_ms: 177.3, ..g711 }.r() - 88.944_8).abs() < 1e-3);
        assert!((Connection { delay_ms: 277.3, ..g711 }.r() - 75.544_8).abs() < 1e-3);
        // 5 % of chance loss: 95 · 5 / (5 + 25.1) = 15.78.
        assert!((Connection { loss_percent: 5.0, ..g711 }.r() - 77.419).abs() < 1e-3);
        // In bursts twice as long: 95 · 5 / (2.5 + 25.1) = 17.21.
        assert!((Connection { loss_percent: 5.0, burst_ratio: 2.0, ..g711 }.r() - 75.989).abs() < 1e-2);
    }

    #[test]
    fn losses_in_a_row_weigh_more() {
        let g711 = Connection::new(Codec::Pcma);
        let chance = g711.with_losses(990, 10, 10);
        assert!((chance.loss_percent - 1.0).abs() < 1e-9);
        assert_eq!(chance.burst_ratio, 1.0);
        // Ten of a thousand, five in a row each time: 5 · 0.99.
        assert!((g711.with_losses(990, 10, 2).burst_ratio - 4.95).abs() < 1e-9);
        assert_eq!(g711.with_losses(900, 100, 10).burst_ratio, 2.0, "the model knows no more");
        assert_eq!(g711.with_losses(999_999, 1_000, 1).burst_ratio, 8.0);
        assert!(g711.with_losses(990, 10, 2).mos() < chance.mos());
        assert_eq!(g711.with_losses(100, 0, 5), g711, "what came late is no loss");
        assert!(g711.with_losses(0, u64::MAX, 0).mos() < 1.5);
    }

    #[test]
    fn nothing_makes_a_score_beyond_the_scale() {
        for loss_percent in [-1.0, 0.0, 30.0, 100.0, 1e9, f64::NAN, f64::INFINITY] {
            for delay_ms in [-5.0, 0.0, 1000.0, 1e12, f64::NAN] {
                for burst_ratio in [0.0, 1.0, 1e9, f64::NAN] {
                    for codec in Codec::ALL {
                        let new = Connection::new(codec);
                        let mos = Connection { loss_percent, burst_ratio, delay_ms, ..new }.mos();
                        assert!((1.0..=4.41).contains(&(mos - 0.004)) || mos == 1.0, "{mos}");
                    }
                }
            }
        }
    }
}
