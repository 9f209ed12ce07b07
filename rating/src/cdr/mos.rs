//! A mean opinion score in a record: hundredths, written as a number with at most two decimals.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

/// How a listener would rate a stream: 1 (bad) to 5 (excellent), in hundredths.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Mos(u16);

impl Mos {
    /// To the nearest hundredth; none if it is not from 1 to 5.
    pub fn new(score: f64) -> Option<Self> {
        (1.0..=5.0).contains(&score).then(|| Self((score * 100.0).round() as u16))
    }

    /// The score.
    pub fn score(self) -> f64 {
        f64::from(self.0) / 100.0
    }
}

impl Serialize for Mos {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_f64(self.score())
    }
}

impl<'de> Deserialize<'de> for Mos {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let score = f64::deserialize(d)?;
        Self::new(score).ok_or_else(|| D::Error::custom(format_args!("not a score from 1 to 5: {score}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_hundredth_is_read_as_it_was_written() {
        for hundredths in 100..=500 {
            let text = serde_json::to_string(&Mos(hundredths)).expect("JSON");
            assert!(text.len() <= 4, "{text}");
            assert_eq!(serde_json::from_str::<Mos>(&text).expect("a score"), Mos(hundredths));
        }
        assert_eq!(Mos::new(4.4094), Some(Mos(441)));
        for wrong in ["0.99", "5.01", "-3", "\"4\"", "1e99"] {
            assert!(serde_json::from_str::<Mos>(wrong).is_err(), "{wrong}");
        }
        assert_eq!(Mos::new(f64::NAN), None);
    }
}
