//! A value with its place in the text, and where findings about it go.

use toml::de::{DeTable, DeValue};

use crate::diagnostic::{Report, Source, Span};

/// A value and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Field<T> {
    pub(crate) value: T,
    pub(crate) span: Span,
}

/// Where findings go.
pub(crate) struct Scope<'a> {
    pub(crate) source: &'a Source,
    pub(crate) report: &'a mut Report,
}

impl Scope<'_> {
    pub(crate) fn error(&mut self, span: &Span, message: String) {
        self.report.error(self.source, span, message);
    }
}

/// Keys as they stand in the file, not by name.
pub(crate) fn in_order<'t, 'i>(
    table: &'t DeTable<'i>,
) -> Vec<(&'t toml::Spanned<std::borrow::Cow<'i, str>>, &'t toml::Spanned<DeValue<'i>>)> {
    let mut entries: Vec<_> = table.iter().collect();
    entries.sort_by_key(|(name, _)| name.span().start);
    entries
}
