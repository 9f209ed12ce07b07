//! A sheet of a workbook (`.xlsx`) as CSV text, one line for one row, so that the deck's one loader reads
//! both.
//!
//! A number in a cell is a binary double. A spreadsheet keeps and shows 15 significant digits of it, and
//! every decimal of up to 15 digits survives the way into a double and back: the 15-digit decimal is what was
//! typed, and the text is made of nothing else. Dates have no zone in a sheet and are taken as UTC. Of a
//! formula the value counts that was saved with it.
//!
//! Invariant: row and column of a finding are the cell's; what a file unpacks to is bounded before it is
//! unpacked into memory.

use std::io::{Cursor, Read};
use std::panic::{AssertUnwindSafe, catch_unwind};

use calamine::{DataRef, ExcelDateTime, Reader as _, Xlsx};
use rating::DeckError;

/// Largest file, packed.
pub(crate) const FILE_BYTES_MAX: u64 = 128 << 20;
/// All parts of a file together, unpacked. A million full rows have about 350 MiB.
const UNPACKED_BYTES_MAX: u64 = 512 << 20;
/// Most parts of a file.
const PARTS_MAX: usize = 4_096;
/// Most cells with a value, and most distinct texts.
const CELLS_MAX: usize = 16_000_000;
/// Cells to the right of this are no part of a deck.
const COLUMNS_MAX: u32 = 64;
/// The text that the loader takes.
const TEXT_BYTES_MAX: usize = 512 << 20;
/// Significant digits of a number in a spreadsheet.
const DIGITS: usize = 15;

/// A sheet as CSV, and where its rows begin.
#[derive(Debug)]
pub(crate) struct Sheet {
    text: Vec<u8>,
    starts: Vec<usize>,
}

// === impl Sheet ===

impl Sheet {
    /// Reads the sheet named, or the first; says why it cannot.
    pub(crate) fn read(data: &[u8], name: Option<&str>) -> Result<Self, String> {
        check_parts(data)?;
        // A fault in the library must not end a switch that reloads.
        let read = catch_unwind(AssertUnwindSafe(|| cells(data, name)));
        read.unwrap_or_else(|_| Err("not a workbook that can be read: save it anew as .xlsx".to_owned()))
    }

    /// The CSV.
    pub(crate) fn text(&self) -> &[u8] {
        &self.text
    }

    /// A finding of the loader, placed at its cell: the row's number and the column's, from 1.
    pub(crate) fn locate(&self, found: DeckError) -> DeckError {
        let start =
            usize::try_from(found.line).ok().and_then(|line| self.starts.get(line.checked_sub(1)?).copied());
        let Some(start) = start else { return found };
        let length = usize::try_from(found.column - 1).unwrap_or_default();
        let before = self.text.get(start..start + length).unwrap_or_default();
        let (mut column, mut quoted) = (0_u32, false);
        for byte in before {
            match byte {
                b'"' => quoted = !quoted,
                b',' if !quoted => column += 1,
                _ => {}
            }
        }
        let message = format!("cell {}{}: {}", letters(column), found.line, found.message);
        DeckError { line: found.line, column: u64::from(column) + 1, message }
    }

    /// Ends the rows up to `row`, from 0, which begins.
    fn begin(&mut self, row: u32) {
        while self.starts.len() <= row as usize {
            if !self.starts.is_empty() {
                self.text.push(b'\n');
            }
            self.starts.push(self.text.len());
        }
    }

    /// Empty cells after the last one of a row, so that what is missing has its column.
    fn pad(&mut self, last: u32, width: u32) {
        self.text.extend(std::iter::repeat_n(b',', width.saturating_sub(last) as usize));
    }

    fn push(&mut self, cell: &str) {
        let quoted = cell.contains([',', '"']);
        if quoted {
            self.text.push(b'"');
        }
        for byte in cell.bytes() {
            match byte {
                b'"' => self.text.extend(b"\"\""),
                // A row stays one line; the loader refuses the mark as it would the line break.
                b'\n' | b'\r' => self.text.push(0x0B),
                byte => self.text.push(byte),
            }
        }
        if quoted {
            self.text.push(b'"');
        }
    }
}

/// Unpacks every part into nothing and counts, since what a part says of its own size may be a lie.
fn check_parts(data: &[u8]) -> Result<(), String> {
    let broken = |e: zip::result::ZipError| format!("not a workbook: {e}");
    let mut archive = zip::ZipArchive::new(Cursor::new(data)).map_err(broken)?;
    if archive.len() > PARTS_MAX {
        return Err(format!("more than {PARTS_MAX} parts: no workbook"));
    }
    let (mut left, mut buffer) = (UNPACKED_BYTES_MAX, vec![0; 64 << 10]);
    for at in 0..archive.len() {
        let mut part = archive.by_index(at).map_err(broken)?;
        let mut counts =
            part.name().map_err(broken)?.to_ascii_lowercase().ends_with("sharedstrings.xml").then(Vec::new);
        loop {
            let read = part.read(&mut buffer).map_err(|e| format!("not a workbook: {e}"))?;
            if read == 0 {
                break;
            }
            left = left
                .checked_sub(read as u64)
                .ok_or_else(|| format!("unpacks to more than {} MiB", UNPACKED_BYTES_MAX >> 20))?;
            if let Some(seen) = &mut counts {
                seen.extend_from_slice(&buffer[..read]);
                check_counts(seen)?;
                // What may be cut in two stays.
                seen.drain(..seen.len().saturating_sub(64));
            }
        }
    }
    Ok(())
}

/// The library makes room for as many texts as a workbook says that it has: a lie there must not take all
/// memory.
fn check_counts(text: &[u8]) -> Result<(), String> {
    for at in memchr::memmem::find_iter(text, b"uniqueCount") {
        let value = &text[at + 11..];
        let before = value.iter().take_while(|b| !b.is_ascii_digit()).count();
        let digits = value.iter().skip(before).take_while(|b| b.is_ascii_digit());
        let count = digits
            .fold(0_usize, |count, digit| count.saturating_mul(10).saturating_add(usize::from(digit - b'0')));
        if count > CELLS_MAX || before > 16 {
            return Err(format!("more than {CELLS_MAX} texts"));
        }
    }
    Ok(())
}

fn cells(data: &[u8], name: Option<&str>) -> Result<Sheet, String> {
    let broken = |e: calamine::XlsxError| format!("not a workbook: {e}");
    let mut workbook: Xlsx<_> = Xlsx::new(Cursor::new(data)).map_err(broken)?;
    let names = workbook.sheet_names();
    let chosen = match name {
        Some(name) if names.iter().any(|known| known == name) => name.to_owned(),
        Some(name) => return Err(format!("no sheet {name:?}; there are: {}", names.join(", "))),
        None => names.first().cloned().ok_or("a workbook without sheets")?,
    };
    let mut reader = workbook.worksheet_cells_reader(&chosen).map_err(broken)?;
    let mut sheet = Sheet { text: Vec::new(), starts: Vec::new() };
    let (mut taken, mut here, mut width) = (0_usize, None::<(u32, u32)>, None::<u32>);
    let mut scratch = String::with_capacity(64);
    while let Some(cell) = reader.next_cell().map_err(|e| broken_at(&e, here))? {
        let (row, column) = cell.get_position();
        let Some(text) = text_of(cell.get_value(), &mut scratch) else { continue };
        if here.is_some_and(|before| (row, column) <= before) {
            return Err(format!(
                "cell {}{} comes twice or out of order",
                letters(column),
                u64::from(row) + 1
            ));
        }
        if column >= COLUMNS_MAX {
            return Err(format!(
                "cell {}{}: a deck has at most {COLUMNS_MAX} columns",
                letters(column),
                u64::from(row) + 1
            ));
        }
        taken += 1;
        if taken > CELLS_MAX || sheet.text.len() > TEXT_BYTES_MAX {
            return Err(format!("more than {CELLS_MAX} cells or {} MiB of text", TEXT_BYTES_MAX >> 20));
        }
        let mut from = 0;
        match here {
            Some((before, last)) if before == row => from = last,
            Some((_, last)) => sheet.pad(last, *width.get_or_insert(last)),
            None => {}
        }
        sheet.begin(row);
        sheet.text.extend(std::iter::repeat_n(b',', (column - from) as usize));
        sheet.push(text);
        here = Some((row, column));
    }
    if let Some((_, last)) = here {
        sheet.pad(last, width.unwrap_or(last));
    }
    sheet.text.push(b'\n');
    Ok(sheet)
}

fn broken_at(error: &calamine::XlsxError, after: Option<(u32, u32)>) -> String {
    match after {
        Some((row, column)) => {
            format!("not a workbook after cell {}{}: {error}", letters(column), u64::from(row) + 1)
        }
        None => format!("not a workbook: {error}"),
    }
}

/// A cell as it would stand in a CSV file, made in `scratch` where it must be; none if it is empty.
fn text_of<'a>(value: &'a DataRef<'a>, scratch: &'a mut String) -> Option<&'a str> {
    scratch.clear();
    match value {
        DataRef::Empty => return None,
        DataRef::String(text) | DataRef::DurationIso(text) => return Some(text),
        DataRef::SharedString(text) => return Some(text),
        DataRef::Float(number) if short_decimal(*number, scratch) => {}
        DataRef::Float(number) => scratch.push_str(&decimal(*number)),
        DataRef::Int(whole) => scratch.push_str(&whole.to_string()),
        DataRef::Bool(is_true) => scratch.push_str(if *is_true { "TRUE" } else { "FALSE" }),
        DataRef::DateTime(at) => scratch.push_str(&instant(at)),
        DataRef::DateTimeIso(text) => scratch.push_str(&zoned(text)),
        DataRef::Error(error) => scratch.push_str(&error.to_string()),
    }
    Some(scratch)
}

/// What [`decimal`] writes of a number of up to five places and nine digits before them: nearly all of a
/// deck. Two whole numbers below 2^53 and a power of ten divide to the double that is nearest to their
/// quotient, so if that is the number, the quotient is what was typed.
fn short_decimal(number: f64, out: &mut String) -> bool {
    const PLACES: usize = 5;
    const SCALE: f64 = 100_000.0;
    if !(0.0..1e9).contains(&number) {
        return false;
    }
    let scaled = (number * SCALE).round();
    if scaled / SCALE != number {
        return false;
    }
    let digits = scaled as u64;
    let (whole, mut fraction) = (digits / 100_000, digits % 100_000);
    push_digits(whole, 1, out);
    let mut places = PLACES;
    while places > 0 && fraction.is_multiple_of(10) {
        fraction /= 10;
        places -= 1;
    }
    if places > 0 {
        out.push('.');
        push_digits(fraction, places, out);
    }
    true
}

/// At least `width` digits.
fn push_digits(mut number: u64, width: usize, out: &mut String) {
    let mut digits = [b'0'; 20];
    let mut begin = digits.len();
    while number > 0 || digits.len() - begin < width {
        begin -= 1;
        digits[begin] = b'0' + (number % 10) as u8;
        number /= 10;
    }
    out.extend(digits[begin..].iter().map(|digit| char::from(*digit)));
}

/// The decimal of 15 significant digits, without an exponent; what is no price anyway keeps it.
fn decimal(number: f64) -> String {
    let scientific = format!("{number:.*e}", DIGITS - 1);
    let Some((mantissa, exponent)) = scientific.split_once('e') else { return scientific };
    let (sign, mantissa) = mantissa.strip_prefix('-').map_or(("", mantissa), |rest| ("-", rest));
    let digits: String = mantissa.chars().filter(char::is_ascii_digit).collect();
    let digits = digits.trim_end_matches('0');
    match exponent.parse::<i32>() {
        Ok(_) if digits.is_empty() => "0".to_owned(),
        Ok(exponent @ 0..=30) => {
            let whole = exponent.unsigned_abs() as usize + 1;
            let point = digits.len().min(whole);
            let (left, right) = digits.split_at(point);
            let dot = if right.is_empty() { "" } else { "." };
            format!("{sign}{left}{}{dot}{right}", "0".repeat(whole - point))
        }
        Ok(exponent @ -30..=-1) => {
            format!("{sign}0.{}{digits}", "0".repeat(exponent.unsigned_abs() as usize - 1))
        }
        _ => scientific,
    }
}

/// RFC 3339; a time without a day stays what it is in the sheet, a number.
fn instant(at: &ExcelDateTime) -> String {
    if !at.is_datetime() || at.as_f64() < 1.0 {
        return decimal(at.as_f64());
    }
    let (year, month, day, hour, minute, second, milli) = at.to_ymd_hms_milli();
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{milli:03}Z")
}

/// ISO 8601 as some programs write it: a day is its first instant, and without a zone it is UTC.
fn zoned(text: &str) -> String {
    match text.split_once('T') {
        None => format!("{text}T00:00:00Z"),
        Some((_, time)) if time.contains(['Z', '+', '-']) => text.to_owned(),
        Some(_) => format!("{text}Z"),
    }
}

/// A column as spreadsheets call it; 0 is A.
fn letters(column: u32) -> String {
    let mut name = String::new();
    let mut left = column + 1;
    while left > 0 {
        let digit = (left - 1) % 26;
        name.insert(0, char::from(b'A' + digit as u8));
        left = (left - 1) / 26;
    }
    name
}

#[cfg(test)]
mod tests;
