//! From TOML text to checked tables: every unknown key, wrong type and value out of range is reported at once, with its place.
//!
//! Invariant: what a `Table` hands out has the type and range that the schema says, or is absent and was reported.

use std::collections::BTreeMap;

use toml::de::{DeTable, DeValue};

use crate::diagnostic::{Report, Source, Span};
use crate::schema::{Key, Kind, Preset, SECTIONS, Section};

/// A value and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Field<T> {
    pub(crate) value: T,
    pub(crate) span: Span,
}

/// One `{ prefix, replace, length }`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RuleText {
    pub(crate) prefix: String,
    pub(crate) replace: String,
    pub(crate) length: Option<u8>,
}

#[derive(Clone, Debug)]
enum Value {
    Text(String),
    Bool(bool),
    Int(i64),
    Texts(Vec<Field<String>>),
    Ports(u16, u16),
    Rules(Vec<RuleText>),
}

/// One section as written, checked against the schema.
#[derive(Clone, Debug)]
pub(crate) struct Table {
    section: &'static Section,
    values: BTreeMap<&'static str, Field<Value>>,
    /// The header, or the begin of the file for a section that is not there.
    pub(crate) span: Span,
}

/// The file as its sections.
#[derive(Debug, Default)]
pub(crate) struct Document {
    tables: BTreeMap<&'static str, Vec<Table>>,
}

/// Most tables of one kind (gates, accounts, routes …).
const TABLES_MAX: usize = 100_000;

// === impl Document ===

impl Document {
    /// Reads and checks `text`. What the TOML parser could not read is reported first and not built upon.
    pub(crate) fn read(text: &str, source: &Source, report: &mut Report) -> Self {
        let (root, syntax) = DeTable::parse_recoverable(text);
        for error in &syntax {
            let span = error.span().unwrap_or(0..0);
            report.error(source, &span, error.message().trim().to_owned());
        }
        let unreadable = report.findings.clone();
        let mut document = Self::default();
        for (name, value) in in_order(root.get_ref()) {
            match SECTIONS.iter().find(|s| s.name == name.get_ref().as_ref()) {
                Some(section) => document.read_section(section, value, &name.span(), &mut Scope { source, report }),
                None => {
                    let known = SECTIONS.iter().map(|s| s.name);
                    report.error(source, &name.span(), unknown("section", name.get_ref(), known));
                }
            }
        }
        for section in SECTIONS.iter().filter(|s| s.required && !document.tables.contains_key(s.name)) {
            report.error(source, &(0..0), format!("section {} is missing", section.header()));
        }
        report.drop_followers(&source.name, &unreadable);
        document
    }

    /// The one table of a section, with defaults only if it is absent.
    pub(crate) fn one(&self, section: &'static Section) -> Table {
        let table = self.tables.get(section.name).and_then(|tables| tables.first());
        table.cloned().unwrap_or(Table { section, values: BTreeMap::new(), span: 0..0 })
    }

    /// All tables of a section, as written.
    pub(crate) fn many(&self, section: &'static Section) -> &[Table] {
        self.tables.get(section.name).map_or(&[], Vec::as_slice)
    }

    fn read_section(&mut self, section: &'static Section, value: &toml::Spanned<DeValue<'_>>, name: &Span, scope: &mut Scope<'_>) {
        let header = section.header();
        match (value.get_ref(), section.many) {
            (DeValue::Table(table), false) => {
                let table = Table::read(section, table, header_span(value.span(), name), scope);
                self.tables.insert(section.name, vec![table]);
            }
            (DeValue::Array(items), true) => {
                let mut tables = Vec::new();
                for item in items.iter().take(TABLES_MAX) {
                    match item.get_ref() {
                        DeValue::Table(table) => tables.push(Table::read(section, table, item.span(), scope)),
                        other => scope.error(&item.span(), format!("each {header} is a table, not {}", type_name(other))),
                    }
                }
                if items.len() > TABLES_MAX {
                    scope.error(name, format!("more than {TABLES_MAX} {header} tables"));
                }
                self.tables.insert(section.name, tables);
            }
            (DeValue::Table(_), true) => scope.error(name, format!("there may be many of these: write {header}")),
            (DeValue::Array(_), false) => scope.error(name, format!("there is only one of these: write {header}")),
            (other, _) => scope.error(name, format!("{:?} is a section, not {}: write {header}", section.name, type_name(other))),
        }
    }
}

// === impl Table ===

impl Table {
    fn read(section: &'static Section, table: &DeTable<'_>, span: Span, scope: &mut Scope<'_>) -> Self {
        let mut values = BTreeMap::new();
        for (name, value) in in_order(table) {
            match section.key(name.get_ref()) {
                None => scope.error(&name.span(), unknown("key", name.get_ref(), section.keys.iter().map(|k| k.name))),
                Some(key) => {
                    let read = read_value(key, value.get_ref(), &value.span(), scope);
                    // A key that was wrong is there, but holds nothing: its absence is not an error again.
                    let field = read.map(|v| Field { value: v, span: value.span() });
                    values.insert(key.name, field);
                }
            }
        }
        for key in section.keys.iter().filter(|k| k.preset == Preset::Required && !values.contains_key(k.name)) {
            scope.error(&span, format!("{} needs the key {:?}", section.header(), key.name));
        }
        let values = values.into_iter().filter_map(|(name, field)| Some((name, field?))).collect();
        Self { section, values, span }
    }

    /// Whether the key is written (and right).
    pub(crate) fn has(&self, key: &str) -> bool {
        self.values.contains_key(key)
    }

    /// Where the key's value stands, or the section if it is absent.
    pub(crate) fn at(&self, key: &str) -> Span {
        self.values.get(key).map_or(self.span.clone(), |f| f.span.clone())
    }

    /// A text, its default, or nothing.
    pub(crate) fn text(&self, key: &str) -> Option<Field<String>> {
        let span = self.at(key);
        match (self.values.get(key).map(|f| &f.value), self.preset(key)) {
            (Some(Value::Text(text)), _) => Some(Field { value: text.clone(), span }),
            (None, Preset::Text(text)) => Some(Field { value: text.to_owned(), span }),
            _ => None,
        }
    }

    /// A whole number, its default, or nothing; within the schema's range.
    pub(crate) fn int(&self, key: &str) -> Option<u32> {
        match (self.values.get(key).map(|f| &f.value), self.preset(key)) {
            (Some(&Value::Int(n)), _) | (None, Preset::Int(n)) => u32::try_from(n).ok(),
            _ => None,
        }
    }

    /// Yes or no, or its default.
    pub(crate) fn bool(&self, key: &str) -> bool {
        match (self.values.get(key).map(|f| &f.value), self.preset(key)) {
            (Some(&Value::Bool(yes)), _) | (None, Preset::Bool(yes)) => yes,
            _ => false,
        }
    }

    /// A list of texts, or its default.
    pub(crate) fn texts(&self, key: &str) -> Vec<Field<String>> {
        match (self.values.get(key).map(|f| &f.value), self.preset(key)) {
            (Some(Value::Texts(texts)), _) => texts.clone(),
            (None, Preset::Texts(texts)) => texts.iter().map(|&text| Field { value: text.to_owned(), span: self.span.clone() }).collect(),
            _ => Vec::new(),
        }
    }

    /// Two ports.
    pub(crate) fn ports(&self, key: &str) -> Option<(u16, u16)> {
        match self.values.get(key).map(|f| &f.value) {
            Some(&Value::Ports(first, last)) => Some((first, last)),
            _ => None,
        }
    }

    /// Translation rules.
    pub(crate) fn rules(&self, key: &str) -> Vec<RuleText> {
        match self.values.get(key).map(|f| &f.value) {
            Some(Value::Rules(rules)) => rules.clone(),
            _ => Vec::new(),
        }
    }

    fn preset(&self, key: &str) -> Preset {
        let known = self.section.key(key);
        debug_assert!(known.is_some(), "{key} is not in the schema of {}", self.section.name);
        known.map_or(Preset::Nothing, |k| k.preset)
    }
}

/// Where findings go.
struct Scope<'a> {
    source: &'a Source,
    report: &'a mut Report,
}

impl Scope<'_> {
    fn error(&mut self, span: &Span, message: String) {
        self.report.error(self.source, span, message);
    }
}

fn read_value(key: &Key, value: &DeValue<'_>, span: &Span, scope: &mut Scope<'_>) -> Option<Value> {
    let wrong = |scope: &mut Scope<'_>, expected: &str| {
        scope.error(span, format!("{} must be {expected}, not {}", key.name, type_name(value)));
        None
    };
    match (key.kind, value) {
        (Kind::Text | Kind::Path | Kind::Money, DeValue::String(text)) => Some(Value::Text(text.clone().into_owned())),
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
        (Kind::Texts, DeValue::Array(items)) => read_texts(key, items, scope).map(Value::Texts),
        (Kind::Statuses, DeValue::Array(items)) => read_statuses(key, items, scope).map(Value::Texts),
        (Kind::Ports, DeValue::Array(items)) => read_ports(key, items, span, scope),
        (Kind::Rules, DeValue::Array(items)) => read_rules(key, items, scope).map(Value::Rules),
        (Kind::Text | Kind::Path, _) => wrong(scope, "text in quotes"),
        (Kind::Money, _) => wrong(scope, "an amount in quotes, as \"10.00\""),
        (Kind::Word(_), _) => wrong(scope, "a word in quotes"),
        (Kind::Bool, _) => wrong(scope, "true or false"),
        (Kind::Int(..), _) => wrong(scope, "a whole number"),
        (Kind::Texts, _) => wrong(scope, "a list of texts, as [\"a\", \"b\"]"),
        (Kind::Ports, _) => wrong(scope, "a list of two ports, as [16384, 32766]"),
        (Kind::Statuses, _) => wrong(scope, "a list of statuses, as [\"5xx\", 480]"),
        (Kind::Rules, _) => wrong(scope, "a list of rules, as [{ prefix = \"0\", replace = \"34\" }]"),
    }
}

fn read_texts(key: &Key, items: &[toml::Spanned<DeValue<'_>>], scope: &mut Scope<'_>) -> Option<Vec<Field<String>>> {
    let mut all = Some(Vec::new());
    for item in items {
        match item.get_ref() {
            DeValue::String(text) => push(&mut all, Field { value: text.clone().into_owned(), span: item.span() }),
            other => {
                scope.error(&item.span(), format!("{} holds texts in quotes, not {}", key.name, type_name(other)));
                all = None;
            }
        }
    }
    all
}

fn read_statuses(key: &Key, items: &[toml::Spanned<DeValue<'_>>], scope: &mut Scope<'_>) -> Option<Vec<Field<String>>> {
    let mut all = Some(Vec::new());
    for item in items {
        match item.get_ref() {
            DeValue::String(text) => push(&mut all, Field { value: text.clone().into_owned(), span: item.span() }),
            DeValue::Integer(n) => push(&mut all, Field { value: n.to_string(), span: item.span() }),
            other => {
                scope.error(&item.span(), format!("{} holds statuses, as 480 or \"5xx\", not {}", key.name, type_name(other)));
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

fn read_ports(key: &Key, items: &[toml::Spanned<DeValue<'_>>], span: &Span, scope: &mut Scope<'_>) -> Option<Value> {
    let port = |item: Option<&toml::Spanned<DeValue<'_>>>| match item.map(|i| i.get_ref()) {
        Some(DeValue::Integer(n)) => u16::from_str_radix(n.as_str(), n.radix()).ok().filter(|&p| p >= 1_024),
        _ => None,
    };
    match (port(items.first()), port(items.get(1)), items.len()) {
        (Some(first), Some(last), 2) if first < last => Some(Value::Ports(first, last)),
        _ => {
            scope.error(span, format!("{} must be two ports from 1024 to 65535, the first below the last", key.name));
            None
        }
    }
}

fn read_rules(key: &Key, items: &[toml::Spanned<DeValue<'_>>], scope: &mut Scope<'_>) -> Option<Vec<RuleText>> {
    let mut all = Some(Vec::new());
    for item in items {
        let DeValue::Table(table) = item.get_ref() else {
            scope.error(
                &item.span(),
                format!("{} holds rules, as {{ prefix = \"0\", replace = \"34\" }}, not {}", key.name, type_name(item.get_ref())),
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
                scope.error(&value.span(), format!("{} must be text in quotes, not {}", name.get_ref(), type_name(other)));
                right = false;
            }
            ("length", other) => {
                scope.error(&value.span(), format!("length must be a whole number, not {}", type_name(other)));
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

/// Keys as they stand in the file, not by name.
fn in_order<'t, 'i>(table: &'t DeTable<'i>) -> Vec<(&'t toml::Spanned<std::borrow::Cow<'i, str>>, &'t toml::Spanned<DeValue<'i>>)> {
    let mut entries: Vec<_> = table.iter().collect();
    entries.sort_by_key(|(name, _)| name.span().start);
    entries
}

fn header_span(table: Span, name: &Span) -> Span {
    if table.is_empty() { name.clone() } else { table }
}

fn type_name(value: &DeValue<'_>) -> &'static str {
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
fn unknown(what: &str, name: &str, known: impl Iterator<Item = &'static str>) -> String {
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
        for (a, b, d) in [("max_cals", "max_calls", 1), ("", "abc", 3), ("kitten", "sitting", 3), ("same", "same", 0)] {
            assert_eq!(distance(a, b), d, "{a} {b}");
        }
        assert_eq!(unknown("key", "soruce", ["source", "name"].into_iter()), "unknown key \"soruce\": did you mean \"source\"?");
        assert_eq!(unknown("key", "zzzzzz", ["source", "name"].into_iter()), "unknown key \"zzzzzz\"");
    }
}
