//! One check under way: names, paths and files as every section of the configuration reads them.
//!
//! Invariant: whatever gives nothing has said why, at its place.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use units::Name;

use crate::diagnostic::{Report, Source, Span};
use crate::field::Field;
use crate::node_secret::SecretFile;
use crate::reader::Table;

/// Largest configuration file.
pub const FILE_BYTES_MAX: u64 = 64 << 20;
/// Longest name of a gate, carrier, account or deck.
pub const NAME_MAX: usize = 64;

/// The whole text of a file of at most [`FILE_BYTES_MAX`] bytes.
pub(crate) fn read_text(path: &Path) -> Result<String, String> {
    let file = File::open(path).map_err(|e| format!("cannot read: {e}"))?;
    let mut bytes = Vec::new();
    let read =
        file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(|e| format!("cannot read: {e}"))?;
    if read as u64 > FILE_BYTES_MAX {
        return Err(format!("larger than {FILE_BYTES_MAX} bytes"));
    }
    String::from_utf8(bytes).map_err(|e| format!("not UTF-8 text at byte {}", e.utf8_error().valid_up_to()))
}

/// Opens a plain file: a pipe would block the load, a device might never end.
pub(crate) fn open_regular(path: &Path) -> std::io::Result<File> {
    if std::fs::metadata(path)?.is_file() {
        File::open(path)
    } else {
        Err(std::io::Error::other("not a plain file"))
    }
}

/// One check under way: where it stands and where findings go.
pub(crate) struct Check<'a> {
    pub(crate) source: &'a Source,
    pub(crate) report: &'a mut Report,
    /// The configuration's folder; without one no file is read.
    pub(crate) dir: Option<PathBuf>,
    /// Permission bits of the configuration, if it is a file.
    pub(crate) mode: Option<u32>,
    /// What opens sealed values, once `[node]` was read.
    pub(crate) node_secret: SecretFile,
}

impl<'a> Check<'a> {
    /// Of a text whose files are not read.
    pub(crate) const fn of_text(source: &'a Source, report: &'a mut Report) -> Self {
        Self { source, report, dir: None, mode: None, node_secret: SecretFile::Unnamed }
    }

    pub(crate) fn error(&mut self, span: &Span, message: impl Into<String>) {
        self.report.error(self.source, span, message);
    }

    pub(crate) fn warning(&mut self, span: &Span, message: impl Into<String>) {
        self.report.warning(self.source, span, message);
    }

    /// A path of the configuration, relative to its folder.
    pub(crate) fn path(&self, written: &str) -> PathBuf {
        let written = Path::new(written);
        let written = written.strip_prefix("./").unwrap_or(written);
        self.dir.as_ref().map_or_else(|| written.to_path_buf(), |dir| dir.join(written))
    }

    /// Opens a file named at `field`; says so there if it cannot.
    pub(crate) fn open(&mut self, field: &Field<String>) -> Option<(Arc<str>, File)> {
        let path = self.path(&field.value);
        match self.dir.is_some().then(|| open_regular(&path)) {
            Some(Ok(file)) => return Some((path.to_string_lossy().into(), file)),
            Some(Err(e)) => self.error(&field.span, format!("cannot read {}: {e}", path.display())),
            None => self.error(&field.span, format!("{} is not read here", path.display())),
        }
        None
    }

    /// The checked name of a table that must be unique among `seen`; placed at its value.
    pub(crate) fn name(
        &mut self,
        kind: &str,
        table: &Table,
        seen: &mut BTreeMap<String, Span>,
    ) -> Option<Name> {
        let field = table.text("name")?;
        let plain = |c: char| c.is_alphanumeric() || matches!(c, '.' | '_' | '-');
        let fits = field.value.len() <= NAME_MAX && field.value.chars().all(plain);
        if !fits || !field.value.starts_with(char::is_alphanumeric) {
            let rule = format!(
                "1 to {NAME_MAX} letters, digits, dots, hyphens, underscores, beginning with a letter or digit"
            );
            self.error(&field.span, format!("{kind} name {:?}: {rule}", field.value));
            return None;
        }
        self.once(kind, &field, seen)
    }

    /// As [`Self::name`] for an account, whose name may have tiers: `reseller:customer`.
    pub(crate) fn account_name(&mut self, table: &Table, seen: &mut BTreeMap<String, Span>) -> Option<Name> {
        let field = table.text("name")?;
        self.parsed(&field.span, rating::check_account_name(&field.value))?;
        self.once("account", &field, seen)
    }

    fn once(&mut self, kind: &str, field: &Field<String>, seen: &mut BTreeMap<String, Span>) -> Option<Name> {
        match seen.get(&field.value) {
            Some(first) => {
                let first = self.source.at(first);
                self.error(
                    &field.span,
                    format!("{kind} {:?} is defined twice: first at {first}", field.value),
                );
                None
            }
            None => {
                seen.insert(field.value.clone(), field.span.clone());
                Some(field.value.as_str().into())
            }
        }
    }

    /// Reads a value, or says at its place why not.
    pub(crate) fn parsed<T, E: std::fmt::Display>(&mut self, span: &Span, result: Result<T, E>) -> Option<T> {
        result.map_err(|e| self.error(span, e.to_string())).ok()
    }

    /// What the router made of checked parts.
    pub(crate) fn built<T: Default>(&mut self, result: Result<T, route::BuildError>) -> T {
        // Clashes were reported at their place; what is left (too many names) has none.
        let before = self.report.has_errors();
        result.unwrap_or_else(|e| {
            if !before {
                self.error(&(0..0), e.to_string());
            }
            T::default()
        })
    }
}
