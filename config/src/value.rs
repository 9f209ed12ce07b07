//! One value against the kind that the schema gives its key: the right type and range, or an error at its
//! place.
//!
//! Invariant: what is read is whole; a list with one wrong item is no list, though all its items are checked.

use toml::de::{DeTable, DeValue};

use crate::diagnostic::Span;
use crate::field::{Field, Scope, in_order};
use crate::schema::{Key, Kind};

/// One `{ prefix, replace, length }`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RuleText {
    pub(crate) prefix: String,
    pub(crate) replace: String,
    pub(crate) length: Option<u8>,
}

/// A checked value.
#[derive(Clone, Debug)]
pub(crate) enum Value {
    Text(String),
    Bool(bool),
    Int(i64),
    Texts(Vec<Field<String>>),
    Ports(u16, u16),
    Rules(Vec<RuleText>),
}

/// Reads one value as its key wants it.
pub(crate) fn read_value(
    key: &Key,
    value: &DeValue<'_>,
    span: &Span,
    scope: &mut Scope<'_>,
) -> Option<Value> {
    let wrong = |scope: &mut Scope<'_>, expected: &str| {
        scope.error(span, format!("{} must be {expected}, not {}", key.name, type_name(value)));
        None
    };
    match (key.kind, value) {
        (Kind::Text | Kind::Path | Kind::Money, DeValue::String(text)) => {
            Some(Value::Text(text.clone().into_owned()))
        }
        (Kind::Word(words), DeValue::String(text)) => {
            if words.contains(&text.as_ref()) {
                return Some(Value::Text(text.clone().into_owned()));
            }
            let known: Vec<String> = words.iter().map(|w| format!("{w:?}")).collect();
            scope.error(span, format!("{} must be {}, not {:?}", key.name, known.join(" or "), text));
            None
        }
        (Kind::Bool, DeValue::Boolean(yes)) => Some(Value::Bool(*yes)),
        (Kind::Int(min, max), DeValue::Integer(n)) => match i64::from_str_radix(n.as_str(), n.radix()) {
            Ok(n) if (min..=max).contains(&n) => Some(Value::Int(n)),
            _ => {
                scope.error(span, format!("{} must be from {min} to {max}, not {n}", key.name));
                None
            }
        },
        (Kind::Part, DeValue::Float(n)) => part(n.as_str(), span, key, scope),
        (Kind::Part, DeValue::Integer(n)) => part(n.as_str(), span, key, scope),
        (Kind::Addresses, DeValue::String(text)) => {
            let value = text.clone().into_owned();
            Some(Value::Texts(vec![Field { value, span: span.clone() }]))
        }
        (Kind::Texts | Kind::Addresses, DeValue::Array(items)) => {
            read_texts(key, items, scope).map(Value::Texts)
        }
        (Kind::Statuses, DeValue::Array(items)) => read_statuses(key, items, scope).map(Value::Texts),
        (Kind::Ports, DeValue::Array(items)) => read_ports(key, items, span, scope),
        (Kind::Rules, DeValue::Array(items)) => read_rules(key, items, scope).map(Value::Rules),
        (Kind::Text | Kind::Path, _) => wrong(scope, "text in quotes"),
        (Kind::Money, _) => wrong(scope, "an amount in quotes, as \"10.00\""),
        (Kind::Word(_), _) => wrong(scope, "a word in quotes"),
        (Kind::Bool, _) => wrong(scope, "true or false"),
        (Kind::Int(..), _) => wrong(scope, "a whole number"),
        (Kind::Part, _) => wrong(scope, "a number from 0 to 1, as 0.01"),
        (Kind::Texts, _) => wrong(scope, "a list of texts, as [\"a\", \"b\"]"),
        (Kind::Addresses, _) => wrong(scope, "an address in quotes, as \"192.0.2.1\", or a list of them"),
        (Kind::Ports, _) => wrong(scope, "a list of two ports, as [16384, 32766]"),
        (Kind::Statuses, _) => wrong(scope, "a list of statuses, as [\"5xx\", 480]"),
        (Kind::Fields(_), _) => wrong(scope, "keys in braces, as { key = true }"),
        (Kind::Rules, _) => wrong(scope, "a list of rules, as [{ prefix = \"0\", replace = \"34\" }]"),
    }
}

/// A part of one in millionths: digits, not a float, so that every number means what is written.
fn part(text: &str, span: &Span, key: &Key, scope: &mut Scope<'_>) -> Option<Value> {
    let (whole, places) = text.split_once('.').unwrap_or((text, ""));
    let are_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let millionths = (!whole.is_empty() && places.len() <= 6 && are_digits(whole) && are_digits(places))
        .then(|| format!("{whole}{places:0<6}").parse::<i64>().ok())
        .flatten();
    match millionths {
        Some(part @ 0..=1_000_000) => Some(Value::Int(part)),
        Some(_) | None => {
            let message =
                format!("{} must be from 0 to 1 with at most six places, as 0.01, not {text}", key.name);
            scope.error(span, message);
            None
        }
    }
}

fn read_texts(
    key: &Key,
    items: &[toml::Spanned<DeValue<'_>>],
    scope: &mut Scope<'_>,
) -> Option<Vec<Field<String>>> {
    let mut all = Some(Vec::new());
    for item in items {
        match item.get_ref() {
            DeValue::String(text) => {
                push(&mut all, Field { value: text.clone().into_owned(), span: item.span() })
            }
            other => {
                scope.error(
                    &item.span(),
                    format!("{} holds texts in quotes, not {}", key.name, type_name(other)),
                );
                all = None;
            }
        }
    }
    all
}

fn read_statuses(
    key: &Key,
    items: &[toml::Spanned<DeValue<'_>>],
    scope: &mut Scope<'_>,
) -> Option<Vec<Field<String>>> {
    let mut all = Some(Vec::new());
    for item in items {
        match item.get_ref() {
            DeValue::String(text) => {
                push(&mut all, Field { value: text.clone().into_owned(), span: item.span() })
            }
            DeValue::Integer(n) => push(&mut all, Field { value: n.to_string(), span: item.span() }),
            other => {
                scope.error(
                    &item.span(),
                    format!("{} holds statuses, as 480 or \"5xx\", not {}", key.name, type_name(other)),
                );
                all = None;
            }
        }
    }
    all
}

fn push<T>(all: &mut Option<Vec<T>>, value: T) {
    if let Some(all) = all {
        all.push(value);
    }
}

fn read_ports(
    key: &Key,
    items: &[toml::Spanned<DeValue<'_>>],
    span: &Span,
    scope: &mut Scope<'_>,
) -> Option<Value> {
    let port = |item: Option<&toml::Spanned<DeValue<'_>>>| match item.map(|i| i.get_ref()) {
        Some(DeValue::Integer(n)) => u16::from_str_radix(n.as_str(), n.radix()).ok().filter(|&p| p >= 1_024),
        _ => None,
    };
    match (port(items.first()), port(items.get(1)), items.len()) {
        (Some(first), Some(last), 2) if first < last => Some(Value::Ports(first, last)),
        _ => {
            scope.error(
                span,
                format!("{} must be two ports from 1024 to 65535, the first below the last", key.name),
            );
            None
        }
    }
}

fn read_rules(
    key: &Key,
    items: &[toml::Spanned<DeValue<'_>>],
    scope: &mut Scope<'_>,
) -> Option<Vec<RuleText>> {
    let mut all = Some(Vec::new());
    for item in items {
        let DeValue::Table(table) = item.get_ref() else {
            scope.error(
                &item.span(),
                format!(
                    "{} holds rules, as {{ prefix = \"0\", replace = \"34\" }}, not {}",
                    key.name,
                    type_name(item.get_ref())
                ),
            );
            all = None;
            continue;
        };
        match read_rule(table, scope) {
            Some(rule) => push(&mut all, rule),
            None => all = None,
        }
    }
    all
}

fn read_rule(table: &DeTable<'_>, scope: &mut Scope<'_>) -> Option<RuleText> {
    let mut rule = RuleText { prefix: String::new(), replace: String::new(), length: None };
    let mut right = true;
    for (name, value) in in_order(table) {
        match (name.get_ref().as_ref(), value.get_ref()) {
            ("prefix", DeValue::String(text)) => rule.prefix = text.clone().into_owned(),
            ("replace", DeValue::String(text)) => rule.replace = text.clone().into_owned(),
            ("length", DeValue::Integer(n)) => match u8::from_str_radix(n.as_str(), n.radix()) {
                Ok(length @ 1..=64) => rule.length = Some(length),
                _ => {
                    scope.error(&value.span(), format!("length must be from 1 to 64, not {n}"));
                    right = false;
                }
            },
            ("prefix" | "replace", other) => {
                scope.error(
                    &value.span(),
                    format!("{} must be text in quotes, not {}", name.get_ref(), type_name(other)),
                );
                right = false;
            }
            ("length", other) => {
                scope
                    .error(&value.span(), format!("length must be a whole number, not {}", type_name(other)));
                right = false;
            }
            (other, _) => {
                scope.error(&name.span(), unknown("key", other, ["prefix", "replace", "length"].into_iter()));
                right = false;
            }
        }
    }
    right.then_some(rule)
}

/// What a value is, in words.
pub(crate) fn type_name(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a text",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a decimal number",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}

/// `unknown key "max_cals": did you mean "max_calls"?`
pub(crate) fn unknown(what: &str, name: &str, known: impl Iterator<Item = &'static str>) -> String {
    let shown: String = name.chars().take(64).collect();
    let near = known.map(|k| (distance(&shown, k), k)).filter(|&(d, k)| d <= 2 && d < k.len()).min();
    match near {
        Some((_, near)) => format!("unknown {what} {shown:?}: did you mean {near:?}?"),
        None => format!("unknown {what} {shown:?}"),
    }
}

/// Edits between two short texts (Levenshtein).
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, ca) in a.chars().enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        for (j, cb) in b.iter().enumerate() {
            let above = row.get(j + 1).copied().unwrap_or_default();
            let here = (diagonal + usize::from(ca != *cb)).min(above + 1).min(left + 1);
            diagonal = above;
            left = here;
            if let Some(cell) = row.get_mut(j + 1) {
                *cell = here;
            }
        }
        if let Some(first) = row.first_mut() {
            *first = i + 1;
        }
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_names_are_suggested() {
        for (a, b, d) in
            [("max_cals", "max_calls", 1), ("", "abc", 3), ("kitten", "sitting", 3), ("same", "same", 0)]
        {
            assert_eq!(distance(a, b), d, "{a} {b}");
        }
        assert_eq!(
            unknown("key", "soruce", ["source", "name"].into_iter()),
            "unknown key \"soruce\": did you mean \"source\"?"
        );
        assert_eq!(unknown("key", "zzzzzz", ["source", "name"].into_iter()), "unknown key \"zzzzzz\"");
    }
}
