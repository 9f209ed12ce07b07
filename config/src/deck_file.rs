//! A deck's file, CSV or workbook, as it is named in a configuration or on the command line. What it is shows in its first bytes.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

use rating::deck::{Draft, Rules};
use rating::{Deck, DeckError, Warning};
use units::Currency;

use crate::load::open_regular;
use crate::sheet::{self, Sheet};

/// Reads a deck's file as far as it is right. In a workbook it is the sheet named, or the first; findings are placed at line and column,
/// in a sheet at row and column of the cell.
///
/// # Errors
/// The file cannot be opened.
pub fn draft_deck(name: &str, currency: Currency, rules: &Rules, path: &Path, sheet: Option<&str>) -> std::io::Result<Draft> {
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
        (Ok(_), b"\xD0\xCF\x11\xE0") => refused("a workbook of before 2007, or with a password: save it as .xlsx without one".to_owned()),
        (Ok(_), _) if sheet.is_some() => refused("no workbook, so it has no sheets: drop the name of the sheet".to_owned()),
        (Ok(_), _) => Draft::read(name, currency, rules, file),
    }
}

fn workbook(file: File, sheet: Option<&str>) -> Result<Sheet, String> {
    let mut data = Vec::new();
    file.take(sheet::FILE_BYTES_MAX + 1).read_to_end(&mut data).map_err(|e| format!("cannot be read: {e}"))?;
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
