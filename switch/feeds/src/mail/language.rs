//! The six languages of notices: their texts, and how each writes amounts and times.

use std::borrow::Cow;

use fluent_bundle::concurrent::FluentBundle;
use fluent_bundle::{FluentArgs, FluentResource};
use units::{Currency, Language, Rate, Wall};

/// Counts in one unit of money.
const UNIT: u64 = 100_000;
/// Decimals that are always written.
const PLACES_MIN: usize = 2;

/// The texts of one language, ready to be filled in.
pub(super) struct Texts {
    pub(super) language: Language,
    bundle: FluentBundle<FluentResource>,
}

/// A text that could not be made. It is a fault of the locale files, which tests would have found.
#[derive(Debug, thiserror::Error)]
#[error("the text {id} in {language} cannot be written: {why}")]
pub struct TextError {
    language: &'static str,
    id: String,
    why: String,
}

const fn source(language: Language) -> &'static str {
    match language {
        Language::En => include_str!("../../locale/en.ftl"),
        Language::Es => include_str!("../../locale/es.ftl"),
        Language::Ru => include_str!("../../locale/ru.ftl"),
        Language::Vi => include_str!("../../locale/vi.ftl"),
        Language::It => include_str!("../../locale/it.ftl"),
        Language::Nl => include_str!("../../locale/nl.ftl"),
    }
}

/// An amount in 10⁻⁵ units: all its decimals, at least two, without grouping.
pub(super) fn decimal(language: Language, amount: i64) -> String {
    let (whole, rest) = (amount.unsigned_abs() / UNIT, amount.unsigned_abs() % UNIT);
    number(language, amount < 0, whole, format!("{rest:05}"))
}

/// A rate or connect fee: all its decimals, at least two, without grouping.
pub(super) fn rate(language: Language, rate: Rate) -> String {
    let (scale, count) = (Rate::SCALE.unsigned_abs(), rate.count().unsigned_abs());
    number(language, rate < Rate::ZERO, count / scale, format!("{:010}", count % scale))
}

fn number(language: Language, is_negative: bool, whole: u64, mut places: String) -> String {
    while places.len() > PLACES_MIN && places.ends_with('0') {
        places.pop();
    }
    let point = if language == Language::En { '.' } else { ',' };
    let sign = if is_negative { "-" } else { "" };
    format!("{sign}{whole}{point}{places}")
}

/// Day and minute in UTC, the parts in the language's order.
pub(super) fn time(language: Language, at: Wall) -> String {
    const MONTHS: [&str; 12] = [
        "January",
        "February",
        "March",
        "April",
        "May",
        "June",
        "July",
        "August",
        "September",
        "October",
        "November",
        "December",
    ];
    // YYYY-MM-DDThh:mm:ss.mmmZ
    let text = at.rfc3339();
    let part = |from: usize, to: usize| text.get(from..to).unwrap_or_default();
    let (year, month, day, clock) = (part(0, 4), part(5, 7), part(8, 10), part(11, 16));
    let date = match language {
        Language::En => {
            let month = month
                .parse::<usize>()
                .ok()
                .and_then(|number| MONTHS.get(number.wrapping_sub(1)))
                .unwrap_or(&"?");
            format!("{} {month} {year},", day.trim_start_matches('0'))
        }
        Language::Es | Language::Vi | Language::It => format!("{day}/{month}/{year}"),
        Language::Ru => format!("{day}.{month}.{year}"),
        Language::Nl => format!("{day}-{month}-{year}"),
    };
    format!("{date} {clock} UTC")
}

// === impl Texts ===

impl Texts {
    pub(super) fn of(language: Language) -> Result<Self, TextError> {
        let fault = |why: String| TextError { language: language.code(), id: "of all".to_owned(), why };
        let code = language.code().parse().map_err(|e| fault(format!("{e}")))?;
        let resource = FluentResource::try_new(source(language).to_owned())
            .map_err(|(_, errors)| fault(format!("{errors:?}")))?;
        let mut bundle = FluentBundle::new_concurrent(vec![code]);
        // Marks of direction around each value only disturb in plain text; none of the six runs from right to
        // left.
        bundle.set_use_isolating(false);
        bundle.add_resource(resource).map_err(|errors| fault(format!("{errors:?}")))?;
        Ok(Self { language, bundle })
    }

    /// The text `id` with `values` filled in; one that it names and does not get is an error.
    pub(super) fn text(&self, id: &str, values: &FluentArgs<'_>) -> Result<String, TextError> {
        let fault =
            |why: &str| TextError { language: self.language.code(), id: id.to_owned(), why: why.to_owned() };
        let pattern = self
            .bundle
            .get_message(id)
            .and_then(|message| message.value())
            .ok_or_else(|| fault("there is none"))?;
        let mut errors = Vec::new();
        let text: Cow<'_, str> = self.bundle.format_pattern(pattern, Some(values), &mut errors);
        if errors.is_empty() { Ok(text.into_owned()) } else { Err(fault(&format!("{errors:?}"))) }
    }

    /// An amount with its currency; seconds given as time.
    pub(super) fn money(&self, amount: i64, currency: Currency) -> Result<String, TextError> {
        if currency != Currency::SEC {
            return Ok(format!("{} {currency}", decimal(self.language, amount)));
        }
        let seconds = amount.unsigned_abs() / UNIT;
        let mut values = FluentArgs::new();
        values.set("minutes", seconds / 60);
        values.set("seconds", seconds % 60);
        self.text("talk-time", &values)
    }
}

/// On one line, whatever it was.
pub(super) fn plain(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}') { ' ' } else { c })
        .collect()
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::*;

    /// Message ids and the variables that each names, read as text.
    fn outline(language: Language) -> BTreeMap<String, BTreeSet<String>> {
        let mut all: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        let mut id = String::new();
        for line in source(language).lines().filter(|line| !line.starts_with('#')) {
            if let Some((name, _)) = line.split_once(" =").filter(|_| !line.starts_with(' ')) {
                id = name.to_owned();
                assert!(
                    all.insert(id.clone(), BTreeSet::new()).is_none(),
                    "{language:?}: {name} is there twice"
                );
            }
            for after in line.split('$').skip(1) {
                let variable: String = after.chars().take_while(char::is_ascii_alphanumeric).collect();
                all.get_mut(&id).expect("a message").insert(variable);
            }
        }
        all
    }

    #[test]
    fn all_languages_say_the_same_things_with_the_same_values() {
        let english = outline(Language::En);
        assert_eq!(english.len(), 33);
        for language in Language::ALL {
            assert_eq!(outline(language), english, "{language:?}");
            assert!(Texts::of(language).is_ok(), "{language:?}");
        }
    }

    #[test]
    fn a_value_that_is_missing_is_an_error_and_no_text() {
        let texts = Texts::of(Language::Es).expect("reads");
        let error = texts.text("footer", &FluentArgs::new()).expect_err("names the account");
        assert!(error.to_string().starts_with("the text footer in es cannot be written"), "{error}");
        assert!(texts.text("nothing", &FluentArgs::new()).is_err());
    }

    #[test]
    fn amounts_keep_every_decimal_that_counts() {
        for (amount, english, russian) in [
            (0, "0.00", "0,00"),
            (100_000, "1.00", "1,00"),
            (123_450, "1.2345", "1,2345"),
            (123_456, "1.23456", "1,23456"),
            (150_000, "1.50", "1,50"),
            (1, "0.00001", "0,00001"),
            (-199_500, "-1.995", "-1,995"),
            (i64::MIN, "-92233720368547.75808", "-92233720368547,75808"),
        ] {
            assert_eq!(
                (decimal(Language::En, amount), decimal(Language::Ru, amount)),
                (english.to_owned(), russian.to_owned())
            );
        }
    }

    #[test]
    fn times_are_in_the_order_of_the_language() {
        let at = Wall::parse("2026-03-01T23:05:00Z").expect("an instant");
        for (language, written) in [
            (Language::En, "1 March 2026, 23:05 UTC"),
            (Language::Es, "01/03/2026 23:05 UTC"),
            (Language::Ru, "01.03.2026 23:05 UTC"),
            (Language::Vi, "01/03/2026 23:05 UTC"),
            (Language::It, "01/03/2026 23:05 UTC"),
            (Language::Nl, "01-03-2026 23:05 UTC"),
        ] {
            assert_eq!(time(language, at), written);
        }
    }

    #[test]
    fn who_asked_for_no_language_gets_english() {
        for (code, language) in [
            (None, Language::En),
            (Some("vi"), Language::Vi),
            (Some("tlh"), Language::En),
            (Some(""), Language::En),
        ] {
            assert_eq!(Language::of(code), language);
        }
    }

    #[test]
    fn plurals_follow_each_language() {
        for (language, expected) in [
            (
                Language::En,
                [
                    "less than one minute left",
                    "one minute left",
                    "2 minutes left",
                    "5 minutes left",
                    "21 minutes left",
                ],
            ),
            (
                Language::Es,
                [
                    "queda menos de un minuto",
                    "queda un minuto",
                    "quedan 2 minutos",
                    "quedan 5 minutos",
                    "quedan 21 minutos",
                ],
            ),
            (
                Language::Ru,
                [
                    "осталось меньше минуты",
                    "осталась 1 минута",
                    "осталось 2 минуты",
                    "осталось 5 минут",
                    "осталась 21 минута",
                ],
            ),
            (
                Language::Vi,
                ["còn chưa đến một phút", "còn 1 phút", "còn 2 phút", "còn 5 phút", "còn 21 phút"],
            ),
            (
                Language::It,
                [
                    "resta meno di un minuto",
                    "resta un minuto",
                    "restano 2 minuti",
                    "restano 5 minuti",
                    "restano 21 minuti",
                ],
            ),
            (
                Language::Nl,
                [
                    "minder dan één minuut over",
                    "nog één minuut over",
                    "nog 2 minuten over",
                    "nog 5 minuten over",
                    "nog 21 minuten over",
                ],
            ),
        ] {
            let texts = Texts::of(language).expect("reads");
            for (minutes, text) in [0_u64, 1, 2, 5, 21].into_iter().zip(expected) {
                let mut values = FluentArgs::new();
                values.set("account", "acme");
                values.set("minutes", minutes);
                assert_eq!(
                    texts.text("low-minutes-subject", &values).expect("writes"),
                    format!("acme: {text}")
                );
            }
        }
    }
}
