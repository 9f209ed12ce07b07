//! New prices as a mail lists them: a table of old and new, what its signs mean, the times of periods, and
//! where the whole list is.

use fluent_bundle::FluentArgs;
use ledger::{PeriodTimes, RateChange, RateTerms, RatesChange, Times};
use units::{Name, Rate, Wall};

use super::language::{self, TextError, Texts, plain};

/// Sets what the texts of `rates-change` name. Rules that change do so at `at`, when the version came into
/// force.
pub(super) fn fill(
    texts: &Texts,
    at: Wall,
    told: &RatesChange,
    link: Option<&str>,
    values: &mut FluentArgs<'_>,
) -> Result<(), TextError> {
    values.set("deck", plain(&told.deck));
    values.set("currency", told.currency.to_string());
    values.set("count", told.count());
    values.set("date", language::time(texts.language, at));
    let mut blocks = Vec::new();
    if !told.changes.is_empty() {
        blocks.push(table(texts, &told.changes)?);
    }
    blocks.extend(rest(texts, told, link, values)?);
    let notes = notes(texts, told, values)?;
    if !notes.is_empty() {
        blocks.push(notes.join("\n"));
    }
    values.set("table", blocks.join("\n\n"));
    Ok(())
}

/// How many rows are not shown, and where all are.
fn rest(
    texts: &Texts,
    told: &RatesChange,
    link: Option<&str>,
    values: &mut FluentArgs<'_>,
) -> Result<Option<String>, TextError> {
    let mut sentences = Vec::new();
    if told.more > 0 {
        values.set("more", told.more);
        sentences.push(texts.text("rates-change-more", values)?);
    }
    match link {
        Some(link) => {
            values.set(
                "link",
                link.replace("{deck}", &escaped(&told.deck)).replace("{version}", &escaped(&told.version)),
            );
            sentences.push(texts.text("rates-list", values)?);
        }
        None if told.more > 0 => sentences.push(texts.text("rates-list-request", values)?),
        None => {}
    }
    Ok((!sentences.is_empty()).then(|| sentences.join(" ")))
}

/// What the signs of the table mean, as far as they are in it, and what changes beside the rows.
fn notes(texts: &Texts, told: &RatesChange, values: &mut FluentArgs<'_>) -> Result<Vec<String>, TextError> {
    let terms = || told.changes.iter().flat_map(|change| [change.old_terms, change.new_terms]).flatten();
    let mut notes = Vec::new();
    let signs = [
        ("rates-steps", terms().next().is_some()),
        ("rates-next", terms().any(|terms| terms.next_rate.is_some())),
        ("rates-fee", terms().any(|terms| terms.connect_fee.is_some())),
    ];
    for (id, _) in signs.into_iter().filter(|(_, is_there)| *is_there) {
        notes.push(texts.text(id, values)?);
    }
    if let Some(currency) = told.old_currency {
        values.set("oldCurrency", currency.to_string());
        notes.push(texts.text("rates-old-currency", values)?);
    }
    for PeriodTimes { period, old, new } in &told.periods {
        values.set("period", plain(period));
        values.set("times", times(texts, new)?);
        if let Some(old) = old {
            values.set("before", times(texts, old)?);
        }
        notes.push(texts.text(if old.is_some() { "rates-hours-changed" } else { "rates-hours" }, values)?);
    }
    if !told.order.is_empty() {
        values.set("order", told.order.iter().map(|name| plain(name)).collect::<Vec<_>>().join(", "));
        notes.push(texts.text("rates-overlap", values)?);
    }
    if let Some(change) = told.rounding {
        values.set("old", change.old.word());
        values.set("new", change.new.word());
        notes.push(texts.text("rates-rounding", values)?);
    }
    Ok(notes)
}

/// Columns as wide as their widest cell.
fn table(texts: &Texts, changes: &[RateChange]) -> Result<String, TextError> {
    let none = FluentArgs::new();
    let word = |id: &str| texts.text(id, &none);
    let (added, removed) = (word("rates-added")?, word("rates-removed")?);
    let mut rows = vec![[
        word("rates-prefix")?,
        word("rates-destination")?,
        word("rates-old")?,
        word("rates-new")?,
        word("rates-from")?,
    ]];
    rows.extend(changes.iter().map(|change| {
        let destination = match &change.period {
            Some(period) => format!("{} ({})", plain(&change.destination), plain(period)),
            None => plain(&change.destination),
        };
        let (old, new) = (
            price(texts, change.old, change.old_terms, &added),
            price(texts, change.new, change.new_terms, &removed),
        );
        [change.prefix.to_string(), destination, old, new, language::time(texts.language, change.from)]
    }));
    let width = |column: usize| {
        rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths = [width(0), width(1), width(2), width(3)];
    let lines: Vec<String> = rows
        .iter()
        .map(|[prefix, destination, old, new, from]| {
            let [a, b, c, d] = widths;
            format!("{prefix:a$}  {destination:b$}  {old:c$}  {new:d$}  {from}")
        })
        .collect();
    Ok(lines.join("\n"))
}

/// `0.03|0.02 60/6 +0.05`: rate, rate after the first step, steps, connect fee.
fn price(texts: &Texts, rate: Option<Rate>, terms: Option<RateTerms>, otherwise: &str) -> String {
    let Some(rate) = rate else { return otherwise.to_owned() };
    let decimal = |rate| language::rate(texts.language, rate);
    let Some(RateTerms { initial, increment, next_rate, connect_fee }) = terms else { return decimal(rate) };
    let next = next_rate.map(|rate| format!("|{}", decimal(rate))).unwrap_or_default();
    let fee = connect_fee.map(|fee| format!(" +{}", decimal(fee))).unwrap_or_default();
    format!("{}{next} {initial}/{increment}{fee}", decimal(rate))
}

/// `Mon–Fri, Sun 08:00–20:00 (Europe/Madrid)`.
fn times(texts: &Texts, times: &Times) -> Result<String, TextError> {
    let names = texts.text("weekdays", &FluentArgs::new())?;
    let names: Vec<&str> = names.split(' ').collect();
    let name = |day: usize| names.get(day).copied().unwrap_or("?");
    let is_on = |day: usize| day < 7 && times.days & (1 << day) != 0;
    let mut days = Vec::new();
    let mut day = 0;
    while day < 7 {
        let run = (day..7).take_while(|day| is_on(*day)).count();
        match run {
            0 => {}
            1 => days.push(name(day).to_owned()),
            _ => days.push(format!("{}–{}", name(day), name(day + run - 1))),
        }
        day += run + 1;
    }
    let hour = |secs: u32| format!("{:02}:{:02}", secs / 3_600, secs / 60 % 60);
    Ok(format!("{} {}–{} ({})", days.join(", "), hour(times.from), hour(times.until), plain(&times.zone)))
}

/// As a part of a URL's path: RFC 3986 §2.3.
fn escaped(name: &Name) -> String {
    let mut out = String::new();
    for byte in name.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => out.push(char::from(byte)),
            other => out.push_str(&format!("%{other:02X}")),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use units::Language;

    #[test]
    fn days_are_written_in_runs() {
        let texts = Texts::of(Language::En).expect("reads");
        let of = |days| {
            times(&texts, &Times { days, from: 28_800, until: 86_400, zone: "UTC".into() }).expect("writes")
        };
        for (days, written) in [
            (0b111_1111, "Mon–Sun"),
            (0b001_1111, "Mon–Fri"),
            (0b110_0000, "Sat–Sun"),
            (0b100_0101, "Mon, Wed, Sun"),
            (0b101_1011, "Mon–Tue, Thu–Fri, Sun"),
        ] {
            assert_eq!(of(days), format!("{written} 08:00–24:00 (UTC)"));
        }
    }

    #[test]
    fn a_name_is_one_part_of_a_path() {
        assert_eq!(escaped(&"retail-2026/ü?".into()), "retail-2026%2F%C3%BC%3F");
    }
}
