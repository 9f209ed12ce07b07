//! A deck as a workbook. Amounts are numbers, so that a sheet can calculate with them: an amount of five places up to a million has at
//! most twelve digits, and a double keeps fifteen. Prefixes and instants are text, which no spreadsheet rounds or shifts.

use anyhow::{Context as _, bail};
use rating::Deck;
use rust_xlsxwriter::{Format, Workbook, Worksheet};

/// Rows of a sheet, the header included.
const ROWS_MAX: usize = 1_048_576;

/// The file's bytes.
pub(super) fn write(deck: &Deck) -> anyhow::Result<Vec<u8>> {
    if deck.len() >= ROWS_MAX {
        bail!("{} has {} rows, a sheet only {ROWS_MAX}: export it as CSV", deck.name(), deck.len());
    }
    let mut workbook = Workbook::new();
    let amount = Format::new().set_num_format("0.00000");
    let sheet = workbook.add_worksheet();
    for (column, name) in (0..).zip(Deck::COLUMNS) {
        sheet.write_string(0, column, name)?;
    }
    for (line, row) in (1..).zip(deck.rows()) {
        for ((column, name), text) in (0..).zip(Deck::COLUMNS).zip(row.cells()) {
            cell(sheet, (line, column), name, &text, &amount)?;
        }
    }
    Ok(workbook.save_to_buffer()?)
}

fn cell(sheet: &mut Worksheet, (line, column): (u32, u16), name: &str, text: &str, amount: &Format) -> anyhow::Result<()> {
    let number = || text.parse::<f64>().with_context(|| format!("{name} {text:?} is no number"));
    match name {
        _ if text.is_empty() => {}
        "rate" | "next_rate" | "connect_fee" => {
            sheet.write_number_with_format(line, column, number()?, amount)?;
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
