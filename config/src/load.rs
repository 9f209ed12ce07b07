//! From a path to settings: everything is read and checked before anything fails, so that one run shows every error.
//!
//! Invariant: settings come out only if no finding is an error; ids of gates and carriers follow the settings before.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use units::Name;

use crate::diagnostic::{Diagnostic, Report, Source, Span};
use crate::reader::{Document, Field, Table};
use crate::{Settings, base, feeds, money, numbers, peers, prices, routing};

/// Largest configuration file.
pub const FILE_BYTES_MAX: u64 = 64 << 20;
/// Longest name of a gate, carrier, account or deck.
pub const NAME_MAX: usize = 64;

/// Reads and checks a configuration and every file that it names.
///
/// # Errors
/// Every finding in every file, warnings included.
pub fn load(path: impl AsRef<Path>) -> Result<Settings, Vec<Diagnostic>> {
    read(path.as_ref(), None)
}

/// As [`load`], for a running switch: gates and carriers keep the ids that they have in `before`.
///
/// # Errors
/// As [`load`]; then nothing of the new configuration may be applied.
pub fn reload(path: impl AsRef<Path>, before: &Settings) -> Result<Settings, Vec<Diagnostic>> {
    read(path.as_ref(), Some(before))
}

fn read(path: &Path, before: Option<&Settings>) -> Result<Settings, Vec<Diagnostic>> {
    let name: Arc<str> = path.to_string_lossy().into();
    let text = read_text(path).map_err(|message| vec![Diagnostic::error(&name, 1, 1, message)])?;
    let dir = path.parent().map(Path::to_path_buf).unwrap_or_default();
    build(name, &text, Some(dir), before)
}

/// Checks a configuration that is no file: the files that it names are not read, each is an error.
///
/// # Errors
/// As [`load`].
pub fn check_text(name: &str, text: &str) -> Result<Settings, Vec<Diagnostic>> {
    build(name.into(), text, None, None)
}

/// Checks `text` as the configuration file `name` in the folder `dir`; without one no file is read.
fn build(name: Arc<str>, text: &str, dir: Option<PathBuf>, before: Option<&Settings>) -> Result<Settings, Vec<Diagnostic>> {
    let mut report = Report::default();
    let source = Source::new(name, text.into());
    let document = Document::read(text, &source, &mut report);
    let mut check = Check { source: &source, report: &mut report, dir };

    let node = base::node(&document, &mut check);
    let sip = base::sip(&document, &mut check);
    let http = base::http(&document, &mut check);
    let media = base::media(&document, &mut check);
    let journal = base::journal(&document, &check);
    let log = base::log(&document);
    let nats = feeds::nats(&document, &mut check);
    let mail = feeds::mail(&document, &mut check);
    base::refuse_shared_ports(&document, &http, &mut check);

    let rules = prices::price_rules(&document, &mut check);
    let decks = money::decks(&document, &rules, &mut check);
    let accounts = money::accounts(&document, &decks, &mut check);
    let payment_methods = money::payment_methods(&document, &mut check);
    let gates = peers::gates(&document, node.session, &mut check);
    let carriers = peers::carriers(&document, node.session, &decks, &mut check);
    let gates = check.built(route::Gates::new(gates, before.map(|b| &*b.gates)));
    let carriers = check.built(route::Carriers::new(carriers, before.map(|b| &*b.carriers)));
    peers::warn_of_carriers_inside_gates(&document, &gates, &mut check);
    let numbers = numbers::numbers(&document, &sip, &gates, &mut check);
    let routes = routing::routes(&document, &carriers, &decks, &mut check);

    let failed = report.has_errors();
    let findings = report.sorted();
    if failed {
        return Err(findings);
    }
    Ok(Settings {
        node,
        sip,
        http,
        media,
        journal,
        log,
        periods: rules.periods,
        nats,
        mail,
        decks: Arc::new(decks.loaded),
        accounts,
        payment_methods,
        gates: Arc::new(gates),
        carriers: Arc::new(carriers),
        numbers: Arc::new(numbers),
        routes: Arc::new(routes),
        warnings: findings,
    })
}

pub(crate) fn read_text(path: &Path) -> Result<String, String> {
    let file = File::open(path).map_err(|e| format!("cannot read: {e}"))?;
    let mut bytes = Vec::new();
    let read = file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(|e| format!("cannot read: {e}"))?;
    if read as u64 > FILE_BYTES_MAX {
        return Err(format!("larger than {FILE_BYTES_MAX} bytes"));
    }
    String::from_utf8(bytes).map_err(|e| format!("not UTF-8 text at byte {}", e.utf8_error().valid_up_to()))
}

/// Opens a plain file: a pipe would block the load, a device might never end.
pub(crate) fn open_regular(path: &Path) -> std::io::Result<File> {
    if std::fs::metadata(path)?.is_file() { File::open(path) } else { Err(std::io::Error::other("not a plain file")) }
}

/// One check under way: where it stands and where findings go.
pub(crate) struct Check<'a> {
    pub(crate) source: &'a Source,
    pub(crate) report: &'a mut Report,
    dir: Option<PathBuf>,
}

impl<'a> Check<'a> {
    /// Of a text whose files are not read.
    pub(crate) const fn of_text(source: &'a Source, report: &'a mut Report) -> Self {
        Self { source, report, dir: None }
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
    pub(crate) fn name(&mut self, kind: &str, table: &Table, seen: &mut BTreeMap<String, Span>) -> Option<Name> {
        let field = table.text("name")?;
        let plain = |c: char| c.is_alphanumeric() || matches!(c, '.' | '_' | '-');
        let fits = field.value.len() <= NAME_MAX && field.value.chars().all(plain);
        if !fits || !field.value.starts_with(char::is_alphanumeric) {
            let rule = format!("1 to {NAME_MAX} letters, digits, dots, hyphens, underscores, beginning with a letter or digit");
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
                self.error(&field.span, format!("{kind} {:?} is defined twice: first at {first}", field.value));
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

    fn built<T: Default>(&mut self, result: Result<T, route::BuildError>) -> T {
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
