//! Tables for people: as wide as what is in them, at most 80 columns unless all is asked for. What does not
//! fit is said.

use std::io::Write;

use super::{plain, stdout};

/// What a terminal shows at least.
const WIDTH: usize = 80;
/// No column of text is cut below this.
const TEXT_MIN: usize = 8;

/// A column.
#[derive(Clone, Copy)]
pub(super) struct Column {
    title: &'static str,
    /// Numbers stand on the right and are never cut.
    number: bool,
    /// Shown only if all is asked for.
    wide: bool,
}

/// Whether all columns are wanted.
#[derive(clap::Args, Clone, Copy)]
pub(crate) struct Wide {
    /// All columns, as wide as they are
    #[arg(long)]
    wide: bool,
}

/// Rows to be printed.
pub(super) struct Table {
    columns: Vec<Column>,
    rows: Vec<Vec<String>>,
    wide: bool,
}

/// A column of text.
pub(super) const fn text(title: &'static str) -> Column {
    Column { title, number: false, wide: false }
}

/// A column of numbers.
pub(super) const fn number(title: &'static str) -> Column {
    Column { title, number: true, wide: false }
}

// === impl Column ===

impl Column {
    /// Shown only with `--wide`.
    pub(super) const fn wide(self) -> Self {
        Self { wide: true, ..self }
    }
}

// === impl Table ===

impl Table {
    /// Without rows.
    pub(super) fn new(columns: &[Column], wide: Wide) -> Self {
        Self { columns: columns.to_vec(), rows: Vec::new(), wide: wide.wide }
    }

    /// A cell for each column, text from outside made harmless.
    pub(super) fn row<'a>(&mut self, cells: impl IntoIterator<Item = &'a str>) {
        self.rows.push(cells.into_iter().map(plain).collect());
    }

    /// Prints it; on stderr whether something is not shown.
    pub(super) fn print(&self) -> anyhow::Result<()> {
        let mut out = stdout();
        let is_cut = self.write(&mut out)?;
        out.flush()?;
        note(is_cut);
        Ok(())
    }

    /// Writes it; true if something is not shown, which [`note`] says once for all tables.
    pub(super) fn write(&self, out: &mut impl Write) -> std::io::Result<bool> {
        let (lines, is_cut) = self.lines();
        for line in lines {
            writeln!(out, "{line}")?;
        }
        Ok(is_cut && !self.rows.is_empty())
    }

    fn lines(&self) -> (Vec<String>, bool) {
        let shown: Vec<usize> =
            (0..self.columns.len()).filter(|at| self.wide || !self.columns[*at].wide).collect();
        let cell = |row: &[String], at: usize| row.get(at).cloned().unwrap_or_default();
        let length = |text: &str| text.chars().count();
        let longest =
            |at: usize| self.rows.iter().map(|row| length(&cell(row, at))).max().unwrap_or_default();
        let mut widths: Vec<usize> =
            shown.iter().map(|at| longest(*at).max(length(self.columns[*at].title))).collect();
        let mut is_cut = shown.len() < self.columns.len();
        // The widest text gives way first.
        while !self.wide && widths.iter().sum::<usize>() + widths.len().saturating_sub(1) > WIDTH {
            let texts =
                shown.iter().enumerate().filter(|(_, at)| !self.columns[**at].number).map(|(place, _)| place);
            let Some(place) =
                texts.filter(|place| widths[*place] > TEXT_MIN).max_by_key(|place| widths[*place])
            else {
                break;
            };
            widths[place] -= 1;
            is_cut = true;
        }
        let line = |cells: Vec<String>| {
            let padded = shown.iter().zip(&widths).zip(cells).map(|((at, width), cell)| {
                match self.columns[*at].number {
                    true => format!("{cell:>width$}"),
                    false => format!("{:width$}", cut(&cell, *width)),
                }
            });
            padded.collect::<Vec<_>>().join(" ").trim_end().to_owned()
        };
        let titles = shown.iter().map(|at| self.columns[*at].title.to_owned()).collect();
        let rows = self.rows.iter().map(|row| line(shown.iter().map(|at| cell(row, *at)).collect()));
        (std::iter::once(line(titles)).chain(rows).collect(), is_cut)
    }
}

/// Says on stderr that something is not shown, if it is so.
pub(super) fn note(is_cut: bool) {
    if is_cut {
        eprintln!("note: not all is shown in 80 columns: --wide, or --json");
    }
}

/// A line that is no row of a table: what is beyond 80 columns goes on below, after so many blanks.
pub(super) fn folded(text: &str, indent: usize) -> String {
    let (mut done, mut rest) = (String::new(), text.to_owned());
    while rest.chars().count() > WIDTH {
        let fits = rest.char_indices().nth(WIDTH).map_or(rest.len(), |(at, _)| at);
        let begin = rest.len() - rest.trim_start().len();
        // A word that is longer stays whole.
        let Some(at) = rest.get(begin..=fits).and_then(|head| head.rfind(' ')).filter(|at| *at > 0) else {
            break;
        };
        let (line, more) = rest.split_at(begin + at);
        done = done + line.trim_end() + "\n";
        rest = " ".repeat(indent) + more.trim_start();
    }
    done + rest.trim_end()
}

/// At most `width` characters; the last one tells that there is more.
fn cut(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    text.chars().take(width.saturating_sub(1)).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const COLUMNS: &[Column] = &[text("name"), number("balance"), text("cause"), text("gate").wide()];

    #[test]
    fn fault_d4_a_table_fits_80_columns_or_says_that_it_does_not() {
        let long = "x".repeat(70);
        let mut table = Table::new(COLUMNS, Wide { wide: false });
        table.row(["acme", "-92233720368547.75808", &long, "pbx"]);
        table.row(["b\u{1b}[31m", "1.00000", "short", "pbx"]);
        let (lines, is_cut) = table.lines();
        assert!(is_cut && lines.iter().all(|line| line.chars().count() <= 80), "{lines:?}");
        assert!(
            lines[1].contains("-92233720368547.75808")
                && lines[1].ends_with('…')
                && !lines[2].contains('\u{1b}')
        );
        table.wide = true;
        let (lines, is_cut) = table.lines();
        assert!(!is_cut && lines[0].ends_with("gate") && lines[1].contains(&long));
        assert!(lines.iter().any(|line| line.chars().count() > 80));
        assert_eq!(
            Table::new(&COLUMNS[..2], Wide { wide: false }).lines(),
            (vec!["name balance".to_owned()], false)
        );
    }

    #[test]
    fn fault_d4_a_long_line_goes_on_below() {
        for (text, expected) in [
            ("short".to_owned(), "short".to_owned()),
            (
                format!("  {} {}", "a".repeat(40), "b".repeat(40)),
                format!("  {}\n    {}", "a".repeat(40), "b".repeat(40)),
            ),
            (format!("{}  {}", "é".repeat(79), "b"), format!("{}\n    b", "é".repeat(79))),
            ("x".repeat(100), "x".repeat(100)),
            (format!("  {}", "x".repeat(100)), format!("  {}", "x".repeat(100))),
            (format!("{} {}", "a".repeat(80), "b"), format!("{}\n    b", "a".repeat(80))),
        ] {
            assert_eq!(folded(&text, 4), expected, "{text}");
        }
        let words = "word ".repeat(100);
        assert!(folded(&words, 6).lines().all(|line| line.chars().count() <= 80 && !line.ends_with(' ')));
        assert_eq!(folded(&words, 6).split_whitespace().count(), 100);
    }
}
