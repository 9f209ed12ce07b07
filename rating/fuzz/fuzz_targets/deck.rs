//! Any bytes as a deck: refused with a place in the file, or loaded to rows that price a call at any instant
//! within their bounds.
#![no_main]

use std::sync::Arc;

use libfuzzer_sys::fuzz_target;
use rating::{Deck, Rules};
use units::{Change, Currency, Number, Period, Rate, Rounding, Wall, Zone};

fuzz_target!(|bytes: &[u8]| {
    let zone = Arc::new(Zone::new("Test/Zone", 3_600, vec![Change { at: Wall(1_774_746_000_000), offset: 7_200 }]));
    let period = |name, days, from, until| Period::new(name, Arc::clone(&zone), days, from, until);
    let (Ok(peak), Ok(night)) = (period("peak", 0x1F, 28_800, 72_000), period("night", 0x7F, 79_200, 21_600)) else { return };
    let rules = Rules { rounding: Rounding::Up, periods: [peak, night].into(), ..Rules::default() };
    let (deck, warnings) = match Deck::load_by("fuzz", Currency::EUR, &rules, bytes) {
        Ok(loaded) => loaded,
        Err(errors) => {
            assert!(!errors.is_empty() && errors.iter().all(|error| error.line >= 1 && error.column >= 1));
            return;
        }
    };
    assert!(warnings.iter().all(|warning| warning.line >= 1));
    for row in deck.rows().take(50) {
        assert!(row.rate >= Rate::ZERO && row.connect_fee >= Rate::ZERO && row.next_rate.is_none_or(|rate| rate >= Rate::ZERO));
        let Ok(number) = row.prefix.to_string().parse::<Number>() else { continue };
        for at in [row.effective_from.unwrap_or_default(), Wall(1_774_740_000_000), Wall(i64::MAX), Wall(i64::MIN)] {
            let Some(price) = deck.price(&number, at) else { continue };
            let (short, long) = (price.charge(1), price.charge(604_800_000));
            assert!(short.billed_seconds >= 1 && short.amount.amount <= long.amount.amount);
            assert_eq!(price.next_boundary(0), short.billed_seconds);
            assert!(!price.steps(61_000).is_empty());
        }
    }
});
