//! A deck's file, CSV or workbook, as it is named in a configuration or on the command line. What it is shows
//! in its first bytes.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rating::deck::{Draft, Rules};
use rating::{Deck, DeckError, Warning};
use units::{Currency, Name};

use crate::check::{Check, open_regular, read_text};
use crate::diagnostic::{Diagnostic, Report, Source};
use crate::prices::{currency, deck_rules, price_rules};
use crate::reader::Document;
use crate::schema;
use crate::sheet::{self, Sheet};

/// A `[[deck]]` whose file was not read yet.
#[derive(Debug, Clone)]
pub struct DeckSource {
    /// Unique in the configuration.
    pub name: Name,
    /// Of its amounts.
    pub currency: Currency,
    /// Its file.
    pub path: PathBuf,
    /// The sheet of a workbook, if not the first.
    pub sheet: Option<String>,
    /// What its rows may refer to.
    pub rules: Rules,
}

/// The decks of a configuration, without reading their files: those may be wrong, other sections absent.
///
/// # Errors
/// Every finding in this file.
pub fn deck_sources(path: impl AsRef<Path>) -> Result<Vec<DeckSource>, Vec<Diagnostic>> {
    let path = path.as_ref();
    let file: Arc<str> = path.to_string_lossy().into();
    let text = read_text(path).map_err(|message| vec![Diagnostic::error(&file, 1, 1, message)])?;
    let mut report = Report::default();
    let source = Source::new(file, text.as_str().into());
    let document = Document::read_part(&text, &source, &mut report);
    let mut check = Check::of_text(&source, &mut report);
    let periods = price_rules(&document, &mut check).periods;
    let (mut seen, mut decks) = (BTreeMap::new(), Vec::new());
    for table in document.many(&schema::DECK) {
        let name = check.name("deck", table, &mut seen);
        let currency = currency(table, "currency", &mut check);
        let (Some(name), Some(currency), Some(file)) = (name, currency, table.text("file")) else { continue };
        let path = path.parent().unwrap_or(Path::new("")).join(file.value);
        let sheet = table.text("sheet").map(|field| field.value);
        let rules = deck_rules(table, &periods);
        decks.push(DeckSource { name, currency, path, sheet, rules });
    }
    if report.has_errors() { Err(report.sorted()) } else { Ok(decks) }
}

/// The carriers of a configuration that have a deck, each with the deck's name; other sections may be wrong
/// or absent.
///
/// # Errors
/// Every finding in this file.
pub fn carrier_decks(path: impl AsRef<Path>) -> Result<Vec<(Name, Name)>, Vec<Diagnostic>> {
    let path = path.as_ref();
    let file: Arc<str> = path.to_string_lossy().into();
    let text = read_text(path).map_err(|message| vec![Diagnostic::error(&file, 1, 1, message)])?;
    let mut report = Report::default();
    let source = Source::new(file, text.as_str().into());
    let document = Document::read_part(&text, &source, &mut report);
    let carriers = document.many(&schema::CARRIER);
    let found = carriers.iter().filter_map(|table| {
        let name = table.text("name")?.value;
        Some((Name::from(name), Name::from(table.text("deck")?.value)))
    });
    let found = found.collect();
    if report.has_errors() { Err(report.sorted()) } else { Ok(found) }
}

/// Reads a deck's file as far as it is right. In a workbook it is the sheet named, or the first; findings are
/// placed at line and column, in a sheet at row and column of the cell.
///
/// # Errors
/// The file cannot be opened.
pub fn draft_deck(
    name: &str,
    currency: Currency,
    rules: &Rules,
    path: &Path,
    sheet: Option<&str>,
) -> std::io::Result<Draft> {
    Ok(draft(name, currency, rules, open_regular(path)?, sheet))
}

/// As [`draft_deck`], all rows or none.
///
/// # Errors
/// Every wrong row.
pub(crate) fn load(
    name: &str,
    currency: Currency,
    rules: &Rules,
    file: File,
    sheet: Option<&str>,
) -> Result<(Deck, Vec<Warning>), Vec<DeckError>> {
    draft(name, currency, rules, file, sheet).finish()
}

fn draft(name: &str, currency: Currency, rules: &Rules, mut file: File, sheet: Option<&str>) -> Draft {
    let refused = |message: String| {
        let mut nothing = Draft::read(name, currency, rules, &b""[..]);
        nothing.errors = vec![DeckError { line: 1, column: 1, message }];
        nothing
    };
    let mut head = Vec::new();
    let begun = file.by_ref().take(4).read_to_end(&mut head).and_then(|_| file.seek(SeekFrom::Start(0)));
    match (begun, head.as_slice()) {
        (Err(e), _) => refused(format!("cannot be read: {e}")),
        (Ok(_), b"PK\x03\x04") => match workbook(file, sheet) {
            Ok(sheet) => placed(Draft::read(name, currency, rules, sheet.text()), &sheet),
            Err(message) => refused(message),
        },
        (Ok(_), b"\xD0\xCF\x11\xE0") => {
            refused("a workbook of before 2007, or with a password: save it as .xlsx without one".to_owned())
        }
        (Ok(_), _) if sheet.is_some() => {
            refused("no workbook, so it has no sheets: drop the name of the sheet".to_owned())
        }
        (Ok(_), _) => Draft::read(name, currency, rules, file),
    }
}

fn workbook(file: File, sheet: Option<&str>) -> Result<Sheet, String> {
    let mut data = Vec::new();
    file.take(sheet::FILE_BYTES_MAX + 1)
        .read_to_end(&mut data)
        .map_err(|e| format!("cannot be read: {e}"))?;
    if data.len() as u64 > sheet::FILE_BYTES_MAX {
        return Err(format!("larger than {} MiB", sheet::FILE_BYTES_MAX >> 20));
    }
    Sheet::read(&data, sheet)
}

fn placed(mut draft: Draft, sheet: &Sheet) -> Draft {
    let locate = |found: Vec<DeckError>| found.into_iter().map(|e| sheet.locate(e)).collect();
    draft.errors = locate(draft.errors);
    draft.warnings = locate(draft.warnings);
    draft
}
