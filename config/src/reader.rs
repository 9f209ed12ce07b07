//! From TOML text to checked tables: every unknown key, wrong type and value out of range is reported at
//! once, with its place.
//!
//! Invariant: what a `Table` hands out has the type and range that the schema says, or is absent and was
//! reported.

use std::collections::BTreeMap;

use toml::de::{DeTable, DeValue};

use crate::diagnostic::{Report, Source, Span};
use crate::field::{Field, Scope, in_order};
use crate::schema::{Kind, Preset, SECTIONS, Section};
use crate::value::{RuleText, Value, read_value, type_name, unknown};

/// One section as written, checked against the schema.
#[derive(Clone, Debug)]
pub(crate) struct Table {
    section: &'static Section,
    values: BTreeMap<&'static str, Field<Value>>,
    /// What stands in braces.
    inner: BTreeMap<&'static str, Table>,
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
        let document = Self::read_part(text, source, report);
        for section in SECTIONS.iter().filter(|s| s.required && !document.tables.contains_key(s.name)) {
            report.error(source, &(0..0), format!("section {} is missing", section.header()));
        }
        document
    }

    /// The same where no section must be there.
    pub(crate) fn read_part(text: &str, source: &Source, report: &mut Report) -> Self {
        let (root, syntax) = DeTable::parse_recoverable(text);
        for error in &syntax {
            let span = error.span().unwrap_or(0..0);
            report.error(source, &span, error.message().trim().to_owned());
        }
        let unreadable = report.findings.clone();
        let mut document = Self::default();
        for (name, value) in in_order(root.get_ref()) {
            match SECTIONS.iter().find(|s| s.name == name.get_ref().as_ref()) {
                Some(section) => {
                    document.read_section(section, value, &name.span(), &mut Scope { source, report })
                }
                None => {
                    let known = SECTIONS.iter().map(|s| s.name);
                    report.error(source, &name.span(), unknown("section", name.get_ref(), known));
                }
            }
        }
        report.drop_followers(&source.name, &unreadable);
        document
    }

    /// The one table of a section, with defaults only if it is absent.
    pub(crate) fn one(&self, section: &'static Section) -> Table {
        let table = self.tables.get(section.name).and_then(|tables| tables.first());
        table.cloned().unwrap_or(Table::empty(section))
    }

    /// Whether the file has it.
    pub(crate) fn has(&self, section: &'static Section) -> bool {
        self.tables.contains_key(section.name)
    }

    /// All tables of a section, as written.
    pub(crate) fn many(&self, section: &'static Section) -> &[Table] {
        self.tables.get(section.name).map_or(&[], Vec::as_slice)
    }

    fn read_section(
        &mut self,
        section: &'static Section,
        value: &toml::Spanned<DeValue<'_>>,
        name: &Span,
        scope: &mut Scope<'_>,
    ) {
        let header = section.header();
        match (value.get_ref(), section.many) {
            (DeValue::Table(table), false) => {
                for (key, value) in in_order(table) {
                    if let Some(inner) = within(section, key.get_ref()) {
                        self.read_section(inner, value, &key.span(), scope);
                    }
                }
                let table = Table::read(section, table, header_span(value.span(), name), scope);
                self.tables.insert(section.name, vec![table]);
            }
            (DeValue::Array(items), true) => {
                let mut tables = Vec::new();
                for item in items.iter().take(TABLES_MAX) {
                    match item.get_ref() {
                        DeValue::Table(table) => tables.push(Table::read(section, table, item.span(), scope)),
                        other => scope.error(
                            &item.span(),
                            format!("each {header} is a table, not {}", type_name(other)),
                        ),
                    }
                }
                if items.len() > TABLES_MAX {
                    scope.error(name, format!("more than {TABLES_MAX} {header} tables"));
                }
                self.tables.insert(section.name, tables);
            }
            (DeValue::Table(_), true) => {
                scope.error(name, format!("there may be many of these: write {header}"))
            }
            (DeValue::Array(_), false) => {
                scope.error(name, format!("there is only one of these: write {header}"))
            }
            (other, _) => scope.error(
                name,
                format!("{:?} is a section, not {}: write {header}", section.name, type_name(other)),
            ),
        }
    }
}

// === impl Table ===

impl Table {
    const fn empty(section: &'static Section) -> Self {
        Self { section, values: BTreeMap::new(), inner: BTreeMap::new(), span: 0..0 }
    }

    fn read(section: &'static Section, table: &DeTable<'_>, span: Span, scope: &mut Scope<'_>) -> Self {
        let (mut values, mut inner) = (BTreeMap::new(), BTreeMap::new());
        for (name, value) in in_order(table) {
            match section.key(name.get_ref()) {
                // `[sip.tls]` inside `[sip]`: read as a section of its own.
                None if within(section, name.get_ref()).is_some() => {}
                None => scope
                    .error(&name.span(), unknown("key", name.get_ref(), section.keys.iter().map(|k| k.name))),
                Some(key) => {
                    if let (Kind::Fields(section), DeValue::Table(table)) = (key.kind, value.get_ref()) {
                        inner.insert(key.name, Self::read(section, table, value.span(), scope));
                        continue;
                    }
                    let read = read_value(key, value.get_ref(), &value.span(), scope);
                    // A key that was wrong is there, but holds nothing: its absence is not an error again.
                    let field = read.map(|v| Field { value: v, span: value.span() });
                    values.insert(key.name, field);
                }
            }
        }
        for key in
            section.keys.iter().filter(|k| k.preset == Preset::Required && !values.contains_key(k.name))
        {
            scope.error(&span, format!("{} needs the key {:?}", section.header(), key.name));
        }
        let values = values.into_iter().filter_map(|(name, field)| Some((name, field?))).collect();
        Self { section, values, inner, span }
    }

    /// Whether the key is written (and right).
    pub(crate) fn has(&self, key: &str) -> bool {
        self.values.contains_key(key) || self.inner.contains_key(key)
    }

    /// Where the key's value stands, or the section if it is absent.
    pub(crate) fn at(&self, key: &str) -> Span {
        let inner = || self.inner.get(key).map(|table| table.span.clone());
        self.values.get(key).map(|f| f.span.clone()).or_else(inner).unwrap_or_else(|| self.span.clone())
    }

    /// What stands in braces, or defaults only.
    pub(crate) fn fields(&self, key: &str) -> Self {
        let Some(Kind::Fields(section)) = self.section.key(key).map(|known| known.kind) else {
            debug_assert!(false, "{key} of {} has no fields", self.section.name);
            return Self::empty(self.section);
        };
        self.inner.get(key).cloned().unwrap_or_else(|| Self::empty(section))
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
            (None, Preset::Texts(texts)) => {
                texts.iter().map(|&text| Field { value: text.to_owned(), span: self.span.clone() }).collect()
            }
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

/// The section `[outer.name]`.
fn within(outer: &Section, name: &str) -> Option<&'static Section> {
    let is_it = |section: &&Section| {
        section.name.strip_prefix(outer.name).and_then(|rest| rest.strip_prefix('.')) == Some(name)
    };
    SECTIONS.iter().find(is_it)
}

fn header_span(table: Span, name: &Span) -> Span {
    if table.is_empty() { name.clone() } else { table }
}
