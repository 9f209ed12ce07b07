//! A deck as a workbook. Rates are numbers, so that a sheet can calculate with them: a double keeps fifteen
//! digits. A rate with more, which only one with ten places above 100,000 has, is text. Prefixes and instants
//! are text, which no spreadsheet rounds or shifts.

use anyhow::{Context as _, bail};
use rating::Deck;
use rust_xlsxwriter::{Format, Workbook, Worksheet};

/// Digits of a decimal that a double keeps.
const DIGITS: usize = 15;
/// Rows of a sheet, the header included.
const ROWS_MAX: usize = 1_048_576;

/// The file's bytes.
pub(super) fn write(deck: &Deck) -> anyhow::Result<Vec<u8>> {
    if deck.len() >= ROWS_MAX {
        bail!("{} has {} rows, a sheet only {ROWS_MAX}: export it as CSV", deck.name(), deck.len());
    }
    let mut workbook = Workbook::new();
    let formats = Formats {
        five: Format::new().set_num_format("0.00000"),
        ten: Format::new().set_num_format("0.00000#####"),
    };
    let sheet = workbook.add_worksheet();
    for (column, name) in (0..).zip(Deck::COLUMNS) {
        sheet.write_string(0, column, name)?;
    }
    for (line, row) in (1..).zip(deck.rows()) {
        for ((column, name), text) in (0..).zip(Deck::COLUMNS).zip(row.cells()) {
            cell(sheet, (line, column), name, &text, &formats)?;
        }
    }
    Ok(workbook.save_to_buffer()?)
}

/// How rates are shown.
struct Formats {
    five: Format,
    ten: Format,
}

fn cell(
    sheet: &mut Worksheet,
    (line, column): (u32, u16),
    name: &str,
    text: &str,
    formats: &Formats,
) -> anyhow::Result<()> {
    let number = || text.parse::<f64>().with_context(|| format!("{name} {text:?} is no number"));
    match name {
        _ if text.is_empty() => {}
        "rate" | "next_rate" | "connect_fee" if text.trim_start_matches(['0', '.']).len() <= DIGITS => {
            let five = text.split_once('.').is_some_and(|(_, places)| places.len() <= 5);
            sheet.write_number_with_format(
                line,
                column,
                number()?,
                if five { &formats.five } else { &formats.ten },
            )?;
        }
        "initial" | "increment" => {
            sheet.write_number(line, column, number()?)?;
        }
        _ => {
            sheet.write_string(line, column, text)?;
        }
    }
    Ok(())
}
