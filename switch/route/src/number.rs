//! From what was dialled to E.164 digits: RFC 3986 escapes, RFC 3966 separators and `tel:`, the gate's rules,
//! the numbering plan.
//!
//! Invariant: the result is 3 to 15 digits; everything else is refused with its status and cause before money
//! or a carrier is asked.

mod context;
mod digits;

use units::Number;

use crate::GateSpec;
use context::Written;
pub use digits::{Country, DIALLED_MAX, DIGITS_MIN, NumberRefused, Numbering};
use digits::{complete, decode, e164, national};

pub(crate) use context::caller_digits;

/// The E.164 digits of what a call from `gate` dialled: the user part of a SIP URI (raw, escapes and
/// parameters included), or a whole `tel:`, `sip:` or `sips:` URI. A local number with a `phone-context` is
/// completed first.
pub fn normalise(dialled: &str, gate: &GateSpec) -> Result<Number, NumberRefused> {
    let written = Written::read(dialled);
    let mut text = decode(written.number)?;
    if let Some(context) = written.context {
        text = context::complete_in(context, text, gate.numbering)?;
    }
    gate.translate.apply(&mut text);
    let (international, digits) = match (text.strip_prefix('+'), text.strip_prefix("00")) {
        (Some(rest), _) | (None, Some(rest)) => (true, rest),
        (None, None) => (false, text.as_str()),
    };
    complete(digits)?;
    match gate.numbering {
        Numbering::National(country) if !international => national(digits, country),
        Numbering::National(_) | Numbering::E164 => e164(digits),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Rule, Translations};
    use NumberRefused::{Empty, LeadingZero, NotDigits, NotNational, ServiceCode, TooLong, TooShort};
    use proptest::prelude::*;
    use units::Cause;

    fn gate(numbering: Numbering, rules: &[(&str, &str)]) -> GateSpec {
        let rules = rules.iter().map(|&(prefix, replace)| Rule {
            prefix: prefix.into(),
            replace: replace.into(),
            length: None,
        });
        GateSpec {
            numbering,
            translate: Translations::new(rules.collect()).expect("rules"),
            ..GateSpec::new("g", "a")
        }
    }

    fn national(country: &str) -> GateSpec {
        gate(Numbering::National(country.parse().expect("country")), &[])
    }

    fn digits(dialled: &str, gate: &GateSpec) -> Result<String, NumberRefused> {
        normalise(dialled, gate).map(|n| n.to_string())
    }

    #[test]
    fn e164_numbers_are_cleaned() {
        let gate = gate(Numbering::E164, &[]);
        for (dialled, number) in [
            ("34911234567", "34911234567"),
            ("+34911234567", "34911234567"),
            ("0034911234567", "34911234567"),
            ("%2B34911234567", "34911234567"),
            ("%2b34%39%31%31234567", "34911234567"),
            ("+34-911.23(45) 67", "34911234567"),
            ("+34%20911%2D234567", "34911234567"),
            ("34911234567;phone-context=+34", "34911234567"),
            ("34911234567;isub=1;x", "34911234567"),
            ("tel:+34-911-234-567", "34911234567"),
            ("TEL:+34911234567;ext=7", "34911234567"),
            ("sip:+34911234567;npdi@192.0.2.1:5060;user=phone", "34911234567"),
            ("sips:34911234567:secret@a.example", "34911234567"),
            ("112", "112"),
            ("123456789012345", "123456789012345"),
        ] {
            assert_eq!(digits(dialled, &gate).as_deref(), Ok(number), "{dialled}");
        }
    }

    #[test]
    fn everything_else_is_refused_with_its_answer() {
        let gate = gate(Numbering::E164, &[]);
        let long = "3".repeat(40);
        let huge = "-".repeat(100_000);
        for (dialled, refusal, status, cause) in [
            ("", Empty, 484, 28),
            ("+", Empty, 484, 28),
            ("00", Empty, 484, 28),
            ("--", Empty, 484, 28),
            (";phone-context=+34", Empty, 484, 28),
            ("sip:192.0.2.1", Empty, 484, 28),
            ("34", TooShort, 484, 28),
            ("+3", TooShort, 484, 28),
            ("abc", NotDigits, 404, 1),
            ("34911x", NotDigits, 404, 1),
            ("34+911", NotDigits, 404, 1),
            ("++34911", NotDigits, 404, 1),
            ("34%3B911", NotDigits, 404, 1),
            ("34911%", NotDigits, 404, 1),
            ("34911%4", NotDigits, 404, 1),
            ("34911%zz", NotDigits, 404, 1),
            ("34911%00", NotDigits, 404, 1),
            ("３４９１１", NotDigits, 404, 1),
            ("0911234567", LeadingZero, 404, 1),
            ("0", LeadingZero, 404, 1),
            ("00034911", LeadingZero, 404, 1),
            ("+034911", LeadingZero, 404, 1),
            ("*21", ServiceCode, 404, 1),
            ("34911%23", ServiceCode, 404, 1),
            ("#", ServiceCode, 404, 1),
            ("1234567890123456", TooLong, 404, 1),
            (long.as_str(), TooLong, 404, 1),
            (huge.as_str(), TooLong, 404, 1),
        ] {
            let refused = normalise(dialled, &gate).expect_err(dialled);
            assert_eq!(
                (refused, refused.status(), refused.cause()),
                (refusal, status, Cause(cause)),
                "{dialled}"
            );
        }
    }

    #[test]
    fn the_gates_rules_come_before_the_prefix_is_dropped() {
        let gate = gate(Numbering::E164, &[("0000", "00"), ("9", "+349"), ("*34", "34"), ("77", "")]);
        for (dialled, number) in [
            ("911234567", Ok("34911234567")),
            ("000034911234567", Ok("34911234567")),
            ("*34911234567", Ok("34911234567")),
            ("7734911234567", Ok("34911234567")),
            ("770034911234567", Ok("34911234567")),
            ("77", Err(Empty)),
        ] {
            assert_eq!(digits(dialled, &gate).as_deref().map_err(|e| *e), number, "{dialled}");
        }
    }

    /// Expected values by each country's published plan.
    #[test]
    fn national_numbers_follow_the_countrys_plan() {
        for (country, dialled, number) in [
            ("ES", "911234567", Ok("34911234567")),
            ("ES", "91 123 45 67", Ok("34911234567")),
            ("ES", "0033140000000", Ok("33140000000")),
            ("ES", "+33140000000", Ok("33140000000")),
            ("ES", "34911234567", Ok("34911234567")),
            ("FR", "0140000000", Ok("33140000000")),
            ("GB", "02079460000", Ok("442079460000")),
            ("IT", "0612345678", Ok("390612345678")),
            ("DE", "030123456", Ok("4930123456")),
            ("US", "2125550123", Ok("12125550123")),
            ("US", "12125550123", Ok("12125550123")),
            ("US", "01134911234567", Ok("34911234567")),
            ("ES", "+034911", Err(LeadingZero)),
            ("ES", "*21", Err(ServiceCode)),
            ("ES", "", Err(Empty)),
            ("ES", "91", Err(TooShort)),
            ("ES", "12345678901234567890", Err(NotNational)),
            ("ES", "9a", Err(NotDigits)),
        ] {
            assert_eq!(
                digits(dialled, &national(country)).as_deref().map_err(|e| *e),
                number,
                "{country} {dialled}"
            );
        }
    }

    #[test]
    fn only_countries_with_a_plan_are_known() {
        assert_eq!("es".parse::<Country>().map(|c| c.to_string()).as_deref(), Ok("ES"));
        for text in ["", "E", "ESP", "XX", "001", "34", "é"] {
            assert!(text.parse::<Country>().is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_gives_3_to_15_digits_or_a_refusal(dialled in "[0-9+*#%a-f;:@. -]{0,80}", plan in 0..2) {
            let gate = if plan == 0 { gate(Numbering::E164, &[("0", "")]) } else { national("ES") };
            if let Ok(number) = normalise(&dialled, &gate) {
                prop_assert!((DIGITS_MIN..=15).contains(&number.digits().len()));
            }
        }
    }
}
