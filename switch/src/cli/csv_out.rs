//! CSV for people with spreadsheets (RFC 4180): a cell that a spreadsheet would take for a formula gets a
//! leading apostrophe. Plain decimals, a negative balance for one, stay numbers.

/// Appends one cell to `line`, with its comma if it is not the first.
pub(super) fn cell(line: &mut String, text: &str) {
    if !line.is_empty() {
        line.push(',');
    }
    let guarded = if is_formula(text) { format!("'{text}") } else { text.to_owned() };
    // The first cell of a line may be empty: then a pair of quotes keeps the count right.
    if guarded.contains([',', '"', '\n', '\r']) || (guarded.is_empty() && line.is_empty()) {
        line.push('"');
        line.push_str(&guarded.replace('"', "\"\""));
        line.push('"');
    } else {
        line.push_str(&guarded);
    }
}

/// What was written into a cell by [`cell`]: without the apostrophe of what looks like a formula.
pub(super) fn meant(cell: &str) -> &str {
    cell.strip_prefix('\'').filter(|text| is_formula(text)).unwrap_or(cell)
}

/// One line of cells.
pub(super) fn line<'a>(cells: impl IntoIterator<Item = &'a str>) -> String {
    let mut line = String::new();
    cells.into_iter().for_each(|text| cell(&mut line, text));
    line
}

fn is_formula(text: &str) -> bool {
    text.starts_with(['=', '+', '-', '@', '\t', '\r']) && !is_negative_decimal(text)
}

fn is_negative_decimal(text: &str) -> bool {
    let Some(rest) = text.strip_prefix('-') else { return false };
    let (whole, fraction) = rest.split_once('.').unwrap_or((rest, "0"));
    [whole, fraction].iter().all(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formulas_are_text_and_numbers_are_numbers() {
        for (text, written) in [
            ("=1+1", "'=1+1"),
            ("+34911234567", "'+34911234567"),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("-2+3", "'-2+3"),
            ("-", "'-"),
            ("\t=1", "'\t=1"),
            ("\r=1", "\"'\r=1\""),
            ("-0.07407", "-0.07407"),
            ("0.07407", "0.07407"),
            ("=HYPERLINK(\"x\",\"y\")", "\"'=HYPERLINK(\"\"x\"\",\"\"y\"\")\""),
            ("a,b", "\"a,b\""),
            ("", "\"\""),
        ] {
            let mut line = String::new();
            cell(&mut line, text);
            assert_eq!(line, written);
        }
        let mut line = "a".to_owned();
        cell(&mut line, "");
        cell(&mut line, "b");
        assert_eq!(line, "a,,b");
    }
}
