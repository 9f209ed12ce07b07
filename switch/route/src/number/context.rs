//! Numbers with a `phone-context` (RFC 3966 §5.1.5), and the callers' numbers that lists of blocked ones are
//! compared with.
//!
//! Invariant: a local number is never taken as one in international form. It is completed from a context that
//! begins with `+`, or refused.

use rlibphonenumber::{
    NumberLengthType, PHONE_NUMBER_UTIL, ValidationError, get_national_significant_number_owned,
};

use super::digits::{DIALLED_MAX, NumberRefused, Numbering, decode, escaped, national};

/// A number as written, and the context that it is written in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Written<'a> {
    /// Without scheme, host, password and parameters; escapes and separators are there still.
    pub number: &'a str,
    /// Value of the first `phone-context` in the user part or, with `user=phone`, among the URI's parameters.
    pub context: Option<&'a str>,
}

impl<'a> Written<'a> {
    /// Takes apart the user part of a SIP URI, or a whole `tel:`, `sip:` or `sips:` URI.
    pub(super) fn read(text: &'a str) -> Self {
        let (user, more) = match text.split_once(':') {
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("tel") => (rest, ""),
            Some((scheme, rest))
                if scheme.eq_ignore_ascii_case("sip") || scheme.eq_ignore_ascii_case("sips") =>
            {
                // A SIP URI without a user dials nobody; `:` after the user begins a password.
                let (user, host) = rest.split_once('@').unwrap_or_default();
                let host = host.split_once('?').map_or(host, |(host, _)| host);
                (user.split_once(':').map_or(user, |(user, _)| user), host)
            }
            Some(_) | None => (text, ""),
        };
        let (number, params) = user.split_once(';').unwrap_or((user, ""));
        let context =
            context_in(params).or_else(|| context_in(more.split_once(';').map_or("", |(_, params)| params)));
        Self { number, context }
    }
}

fn context_in(params: &str) -> Option<&str> {
    let named = params.split(';').filter_map(|param| param.split_once('='));
    named
        .into_iter()
        .find(|(name, _)| name.trim().eq_ignore_ascii_case("phone-context"))
        .map(|(_, value)| value.trim())
}

/// `local`, decoded, as it is dialled from outside its context: with `+`, or as it is where the gate's
/// country gives a domain's numbers their meaning.
pub(super) fn complete_in(
    context: &str,
    local: String,
    numbering: Numbering,
) -> Result<String, NumberRefused> {
    if local.starts_with('+') {
        return Ok(local);
    }
    if local.is_empty() {
        return Err(NumberRefused::Empty);
    }
    let context = decode(context).unwrap_or_default();
    let Some(area) = context.strip_prefix('+') else {
        // A domain, or nothing that can be read: whose numbers these are only the gate's own plan could say.
        return if matches!(numbering, Numbering::National(_)) {
            Ok(local)
        } else {
            Err(NumberRefused::LocalNumber)
        };
    };
    if area.is_empty()
        || !area.bytes().all(|b| b.is_ascii_digit())
        || !local.bytes().all(|b| b.is_ascii_digit())
    {
        return Err(if local.contains(['*', '#']) {
            NumberRefused::ServiceCode
        } else {
            NumberRefused::LocalNumber
        });
    }
    match in_plan(&format!("{area}{local}")) {
        Ok(number) => Ok(number),
        // Some write the country code into the number as well.
        Err(refused) if local.starts_with(area) => in_plan(&local).map_err(|_| refused),
        Err(refused) => Err(refused),
    }
}

/// The whole number with `+`, its trunk prefix dropped, if its country has numbers of that length.
fn in_plan(digits: &str) -> Result<String, NumberRefused> {
    let parsed =
        PHONE_NUMBER_UTIL.parse(format!("+{digits}"), None).map_err(|_| NumberRefused::LocalNumber)?;
    match PHONE_NUMBER_UTIL.is_possible_number_with_reason(&parsed) {
        Ok(NumberLengthType::IsPossible) => {
            Ok(format!("+{}{}", parsed.country_code, get_national_significant_number_owned(&parsed)))
        }
        Ok(NumberLengthType::IsPossibleLocalOnly) | Err(ValidationError::TooShort) => {
            Err(NumberRefused::TooShort)
        }
        Err(_) => Err(NumberRefused::LocalNumber),
    }
}

/// The digits of a caller's number in international form, as far as it has any: what lists of blocked callers
/// are compared with. Unlike a called number it may be anything, and whatever it hides behind (escapes,
/// separators, `00`) is taken off.
pub(crate) fn caller_digits(caller: &str, numbering: Numbering) -> String {
    let Written { number, context } = Written::read(caller);
    let mut text = leading(number);
    if let Some(context) = context {
        // A context of no country, or a number too short for it, is still what the caller shows.
        let joined = || {
            Some(leading(context))
                .filter(|area| area.starts_with('+') && !text.starts_with('+'))
                .map(|area| area + &text)
        };
        if let Some(whole) = complete_in(context, text.clone(), numbering).ok().or_else(joined) {
            text = whole;
        }
    }
    let international = text.starts_with('+') || text.starts_with("00");
    if let Numbering::National(country) = numbering
        && !international
        && let Ok(number) = national(&text, country)
    {
        return number.to_string();
    }
    text.trim_start_matches(['+', '0']).to_owned()
}

/// Digits and a leading `+`, without separators, up to the first other sign.
fn leading(raw: &str) -> String {
    let mut text = String::with_capacity(16);
    let mut bytes = raw.bytes().take(DIALLED_MAX);
    while let Some(byte) = bytes.next() {
        let byte = if byte == b'%' { escaped(bytes.next(), bytes.next()).unwrap_or_default() } else { byte };
        match byte {
            b'0'..=b'9' => text.push(char::from(byte)),
            b'+' if text.is_empty() => text.push('+'),
            b'-' | b'.' | b'(' | b')' | b' ' => {}
            _ => break,
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::super::{NumberRefused, normalise};
    use super::*;
    use crate::GateSpec;

    fn gate(country: Option<&str>) -> GateSpec {
        let numbering =
            country.map_or(Numbering::E164, |code| Numbering::National(code.parse().expect("a country")));
        GateSpec { numbering, ..GateSpec::new("g", "a") }
    }

    /// RFC 3966 §5.1.5; the whole numbers by each country's published plan.
    #[test]
    fn fault_c2_a_local_number_is_completed_from_its_context_or_refused() {
        use NumberRefused::{Empty, LocalNumber, ServiceCode, TooShort};
        for (dialled, number) in [
            ("tel:2125550123;phone-context=+1", Ok("12125550123")),
            ("tel:(212)555-0123;phone-context=+1", Ok("12125550123")),
            ("TEL:2125550123;isub=1;Phone-Context=%2B1", Ok("12125550123")),
            ("sip:2125550123;phone-context=+1@192.0.2.1;user=phone", Ok("12125550123")),
            ("sip:2125550123@192.0.2.1;user=phone;phone-context=+1", Ok("12125550123")),
            ("2125550123;phone-context=+1", Ok("12125550123")),
            // The trunk prefixes of the United States and of Britain; Kazakhstan's numbers begin with their
            // own country code.
            ("tel:12125550123;phone-context=+1", Ok("12125550123")),
            ("tel:02079460000;phone-context=+44", Ok("442079460000")),
            ("tel:7012345678;phone-context=+7", Ok("77012345678")),
            ("tel:34911234567;phone-context=+34", Ok("34911234567")),
            // A number with + is whole, whatever is written after it.
            ("tel:+34911234567;phone-context=+1", Ok("34911234567")),
            ("tel:+34911234567;phone-context=example.com", Ok("34911234567")),
            ("tel:5550123;phone-context=+1", Err(TooShort)),
            ("tel:7042;phone-context=+1", Err(TooShort)),
            ("tel:7042;phone-context=example.com", Err(LocalNumber)),
            ("tel:34911234567;phone-context=example.com", Err(LocalNumber)),
            ("tel:34911234567;phone-context=", Err(LocalNumber)),
            ("tel:2125550123;phone-context=1", Err(LocalNumber)),
            ("tel:2125550123;phone-context=+", Err(LocalNumber)),
            ("tel:21255501234567;phone-context=+1", Err(LocalNumber)),
            ("tel:0034911234567;phone-context=+34", Err(LocalNumber)),
            ("tel:*21;phone-context=+34", Err(ServiceCode)),
            (";phone-context=+34", Err(Empty)),
        ] {
            let found = normalise(dialled, &gate(None)).map(|number| number.to_string());
            assert_eq!(found.as_deref().map_err(|refused| *refused), number, "{dialled}");
        }
        assert_eq!((LocalNumber.status(), LocalNumber.cause().0, TooShort.status()), (404, 1, 484));
        // Where the gate's country says what local numbers are, a domain does not matter.
        let spanish = normalise("sip:911234567;phone-context=pbx.example@192.0.2.1", &gate(Some("ES")));
        assert_eq!(spanish.map(|number| number.to_string()).as_deref(), Ok("34911234567"));
    }

    #[test]
    fn fault_c2_a_blocked_caller_is_blocked_however_it_is_written() {
        for caller in [
            "99912345678",
            "+99912345678",
            "0099912345678",
            "+999-12345678",
            "(999)12345678",
            "%2B99912345678",
            "%39%39%3912345678",
            "999.12",
            "+0099912",
            "999 12x",
            "tel:+999-12",
            "tel:12345678;phone-context=+999",
            "sip:0099912@192.0.2.1",
        ] {
            assert!(caller_digits(caller, Numbering::E164).starts_with("999"), "{caller}");
        }
        for caller in ["", "anonymous", "+34999", "34999", "x99912", "sip:192.0.2.1", "%", "%9"] {
            assert!(!caller_digits(caller, Numbering::E164).starts_with("999"), "{caller}");
        }
        let spain = Numbering::National("ES".parse().expect("a country"));
        for caller in ["911234567", "91 123 45 67", "0034911234567", "+34911234567"] {
            assert_eq!(caller_digits(caller, spain), "34911234567", "{caller}");
        }
    }
}
