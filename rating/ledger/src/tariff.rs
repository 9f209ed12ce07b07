//! What one rate does not say of a call's price: segments of time, conversion, rounding. Kept whole, so that
//! a restart bills the same.

use serde::{Deserialize, Serialize};
use units::{Exchange, Name, Rate, Rounding};

/// Blocks of one length and one rate, from a second of the call until the next segment begins. A block is
/// priced where it starts and is never cut, so each segment begins where a block of the one before ends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Segment {
    /// Seconds after the answer.
    pub from: u64,
    /// Seconds of each block.
    pub block: u32,
    /// Per minute, in the deck's currency.
    pub rate: Rate,
    /// The time-of-day period that says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub period: Option<Name>,
}

/// See the module. The last segment has no end.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Tariff {
    /// By their start, the first at 0; none if the row's rate and increments say all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub segments: Vec<Segment>,
    /// From the deck's currency to the account's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exchange: Option<Exchange>,
    /// Of the amount.
    #[serde(default, skip_serializing_if = "Rounding::is_half_up")]
    pub rounding: Rounding,
}

// === impl Tariff ===

impl Tariff {
    /// Whether it says no more than a row does.
    pub fn is_plain(&self) -> bool {
        *self == Self::default()
    }

    /// Whether its segments follow each other as they must: the first at 0, each made of whole blocks of 1 to
    /// 86,400 s, no rate negative.
    pub fn is_whole(&self) -> bool {
        let one = |segment: &Segment| (1..=86_400).contains(&segment.block) && segment.rate >= Rate::ZERO;
        let ordered = self.segments.windows(2).all(|pair| match pair {
            [a, b] => a.from < b.from && (b.from - a.from).is_multiple_of(u64::from(a.block.max(1))),
            _ => false,
        });
        ordered && self.segments.iter().all(one) && self.segments.first().is_none_or(|first| first.from == 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn segment(from: u64, block: u32) -> Segment {
        Segment { from, block, rate: Rate::of_units(12_345), period: None }
    }

    #[test]
    fn what_is_absent_is_not_written() {
        assert_eq!(serde_json::to_string(&Tariff::default()).expect("JSON"), "{}");
        let night = Segment { period: Some("night".into()), ..segment(0, 60) };
        let tariff = Tariff { segments: vec![night], rounding: Rounding::Down, ..Tariff::default() };
        let text =
            r#"{"segments":[{"from":0,"block":60,"rate":"0.12345","period":"night"}],"rounding":"down"}"#;
        assert_eq!(serde_json::to_string(&tariff).expect("JSON"), text);
        assert_eq!(serde_json::from_str::<Tariff>(text).expect("a tariff"), tariff);
    }

    #[test]
    fn segments_are_whole_blocks_from_zero() {
        let whole =
            |segments: &[Segment]| Tariff { segments: segments.to_vec(), ..Tariff::default() }.is_whole();
        assert!(whole(&[]) && whole(&[segment(0, 60), segment(120, 1)]));
        for broken in [
            &[segment(1, 60)][..],
            &[segment(0, 0)],
            &[segment(0, 86_401)],
            &[segment(0, 60), segment(90, 1)],
            &[segment(0, 60), segment(0, 1)],
            &[Segment { rate: Rate::new(-1), ..segment(0, 60) }],
        ] {
            assert!(!whole(broken), "{broken:?}");
        }
    }
}
