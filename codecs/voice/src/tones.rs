//! Tones that tell callers how their call fares, by country (ITU-T E.180 Supplement 2): frequencies and
//! cadences.

use crate::dtmf::TonePair;

/// The power of a tone of one frequency, and of each of two, in dBm0.
const LEVEL_ONE: f32 = -10.0;
const LEVEL_TWO: f32 = -13.0;

/// Which tone.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Tone {
    /// It rings.
    Ringback,
    /// The number is engaged.
    Busy,
    /// The network is.
    Congestion,
}

/// A country's tone.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Cadence {
    /// In Hz; the second is 0 where there is one only.
    pub frequencies: [u16; 2],
    /// Milliseconds of sound and of silence in turn, over and over.
    pub on_off_ms: &'static [(u16, u16)],
}

struct Country {
    code: &'static str,
    ringback: Cadence,
    busy: Cadence,
    congestion: Cadence,
}

const fn one(hz: u16, on_off_ms: &'static [(u16, u16)]) -> Cadence {
    Cadence { frequencies: [hz, 0], on_off_ms }
}

const fn two(low: u16, high: u16, on_off_ms: &'static [(u16, u16)]) -> Cadence {
    Cadence { frequencies: [low, high], on_off_ms }
}

const fn country(code: &'static str, ringback: Cadence, busy: Cadence, congestion: Cadence) -> Country {
    Country { code, ringback, busy, congestion }
}

const RING_1_4: Cadence = one(425, &[(1000, 4000)]);
const RING_1_5: Cadence = one(425, &[(1000, 5000)]);
const HALVES: Cadence = one(425, &[(500, 500)]);
const QUARTERS: Cadence = one(425, &[(250, 250)]);
const FIFTHS: Cadence = one(425, &[(200, 200)]);
const NORTH_AMERICAN_RING: Cadence = two(440, 480, &[(2000, 4000)]);
const NORTH_AMERICAN_BUSY: Cadence = two(480, 620, &[(500, 500)]);
const NORTH_AMERICAN_REORDER: Cadence = two(480, 620, &[(250, 250)]);

/// By code of ISO 3166, in the order of the alphabet.
static COUNTRIES: &[Country] = &[
    country("ar", one(425, &[(1000, 4500)]), one(425, &[(300, 200)]), one(425, &[(300, 400)])),
    country("at", one(420, &[(1000, 5000)]), one(420, &[(400, 400)]), one(420, &[(200, 200)])),
    country("be", one(425, &[(1000, 3000)]), HALVES, one(425, &[(167, 167)])),
    country("br", RING_1_4, QUARTERS, one(425, &[(250, 250), (750, 250)])),
    country("ca", NORTH_AMERICAN_RING, NORTH_AMERICAN_BUSY, NORTH_AMERICAN_REORDER),
    country("ch", RING_1_4, HALVES, FIFTHS),
    country("cn", one(450, &[(1000, 4000)]), one(450, &[(350, 350)]), one(450, &[(700, 700)])),
    country("de", RING_1_4, one(425, &[(480, 480)]), one(425, &[(240, 240)])),
    country("es", one(425, &[(1500, 3000)]), FIFTHS, one(425, &[(200, 200), (200, 200), (200, 600)])),
    country("fr", one(440, &[(1500, 3500)]), one(440, &[(500, 500)]), one(440, &[(250, 250)])),
    country(
        "gb",
        two(400, 450, &[(400, 200), (400, 2000)]),
        one(400, &[(375, 375)]),
        one(400, &[(400, 350), (225, 525)]),
    ),
    country("it", RING_1_4, HALVES, FIFTHS),
    country("mx", RING_1_4, QUARTERS, QUARTERS),
    country("nl", RING_1_4, HALVES, QUARTERS),
    country("pl", RING_1_4, HALVES, HALVES),
    country("pt", RING_1_5, HALVES, FIFTHS),
    country("ru", one(425, &[(800, 3200)]), one(425, &[(400, 400)]), FIFTHS),
    country("se", RING_1_5, QUARTERS, one(425, &[(250, 750)])),
    country("us", NORTH_AMERICAN_RING, NORTH_AMERICAN_BUSY, NORTH_AMERICAN_REORDER),
];

/// A country's tone, by its code of ISO 3166 in any letter case; none of a country that is not in the table.
pub fn cadence(country: &str, tone: Tone) -> Option<Cadence> {
    let found = COUNTRIES.iter().find(|known| known.code.eq_ignore_ascii_case(country))?;
    Some(match tone {
        Tone::Ringback => found.ringback,
        Tone::Busy => found.busy,
        Tone::Congestion => found.congestion,
    })
}

/// The codes of the countries in the table, for what is configured and what is refused.
pub fn countries() -> impl Iterator<Item = &'static str> {
    COUNTRIES.iter().map(|country| country.code)
}

/// Makes a tone for as long as it is asked to.
#[derive(Clone, Debug)]
pub struct ToneMaker {
    pair: TonePair,
    cadence: Cadence,
    /// Which turn of the cadence, and samples of it that are over.
    turn: usize,
    over: usize,
}

// === impl ToneMaker ===

impl ToneMaker {
    /// From the begin of the cadence.
    pub fn new(cadence: Cadence) -> Self {
        let level = if cadence.frequencies[1] == 0 { LEVEL_ONE } else { LEVEL_TWO };
        let pair = TonePair::new(cadence.frequencies.map(f32::from), [level; 2]);
        Self { pair, cadence, turn: 0, over: 0 }
    }

    /// Fills `samples` with what comes next.
    pub fn fill(&mut self, samples: &mut [i16]) {
        let mut rest = samples;
        while !rest.is_empty() {
            let turns = self.cadence.on_off_ms;
            let Some(&(on_ms, off_ms)) = turns.get(self.turn) else { return rest.fill(0) };
            let (on, whole) = (usize::from(on_ms) * 8, (usize::from(on_ms) + usize::from(off_ms)) * 8);
            let is_on = self.over < on;
            let until = if is_on { on } else { whole };
            let count = (until - self.over).min(rest.len());
            let (now, later) = rest.split_at_mut(count);
            self.pair.fill(now, is_on);
            rest = later;
            self.over += count;
            if self.over >= whole {
                (self.turn, self.over) = ((self.turn + 1) % turns.len(), 0);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Stretches of sound and silence in milliseconds, in steps of 5.
    fn stretches(cadence: Cadence, ms: usize) -> Vec<(bool, usize)> {
        let (mut maker, mut sound) = (ToneMaker::new(cadence), vec![0; ms * 8]);
        for piece in sound.chunks_mut(163) {
            maker.fill(piece);
        }
        let mut found: Vec<(bool, usize)> = Vec::new();
        for piece in sound.chunks_exact(40) {
            let on = piece.iter().any(|sample| sample.unsigned_abs() > 2000);
            match found.last_mut() {
                Some((was, ms)) if *was == on => *ms += 5,
                _ => found.push((on, 5)),
            }
        }
        found
    }

    #[test]
    fn every_country_has_three_tones_that_differ_from_each_other() {
        assert!(countries().count() >= 12);
        assert!(countries().is_sorted());
        for country in countries() {
            let tones =
                [Tone::Ringback, Tone::Busy, Tone::Congestion].map(|tone| cadence(country, tone).unwrap());
            assert_ne!(tones[0], tones[1], "{country}");
            for tone in tones {
                assert!(
                    (300..=650).contains(&tone.frequencies[0]) && !tone.on_off_ms.is_empty(),
                    "{country}"
                );
                assert!(tone.on_off_ms.iter().all(|&(on, off)| on >= 100 && off >= 100), "{country}");
            }
        }
        assert_eq!(cadence("ES", Tone::Busy), cadence("es", Tone::Busy));
        assert_eq!(cadence("xx", Tone::Busy), None);
    }

    #[test]
    fn cadences_are_kept_for_as_long_as_they_are_asked_for() {
        let near = |found: &[(bool, usize)], wanted: &[(bool, usize)]| {
            assert_eq!(found.len(), wanted.len(), "{found:?}");
            for (one, other) in found.iter().zip(wanted) {
                assert!(one.0 == other.0 && one.1.abs_diff(other.1) <= 10, "{found:?}");
            }
        };
        let gb = stretches(cadence("gb", Tone::Ringback).unwrap(), 3600);
        near(&gb, &[(true, 400), (false, 200), (true, 400), (false, 2000), (true, 400), (false, 200)]);
        let es = stretches(cadence("es", Tone::Congestion).unwrap(), 1800);
        near(
            &es,
            &[(true, 200), (false, 200), (true, 200), (false, 200), (true, 200), (false, 600), (true, 200)],
        );
    }

    #[test]
    fn a_tone_has_its_frequency_and_power() {
        let mut sound = vec![0; 8000];
        ToneMaker::new(Cadence { frequencies: [425, 0], on_off_ms: &[(2000, 10)] }).fill(&mut sound);
        let crossings = sound.windows(2).filter(|pair| pair[0] < 0 && pair[1] >= 0).count();
        assert!((424..=425).contains(&crossings), "{crossings} Hz");
        let mean = sound[800..].iter().map(|&s| f64::from(s).powi(2)).sum::<f64>() / 7200.0;
        // 0 dBm0 is a sine of amplitude 22,826.
        let dbm0 = 10.0 * (mean / (22_826f64.powi(2) / 2.0)).log10();
        assert!((dbm0 + 10.0).abs() < 0.1, "{dbm0} dBm0");
    }
}
