//! What is wrong, where: `file:line:column: message` on one line, or drawn under the source for people.
//!
//! Invariant: lines and columns count from 1, columns in characters; a file that has no text to point at gets
//! 1:1.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

/// Bytes of a source.
pub type Span = Range<usize>;

/// Whether it stops the load.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Severity {
    /// Nothing is applied.
    Error,
    /// Applied, but somebody should look.
    Warning,
}

/// One finding in one place.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Diagnostic {
    /// The file as the operator would name it.
    pub file: Arc<str>,
    /// From 1.
    pub line: u32,
    /// From 1, in characters.
    pub column: u32,
    /// Error or warning.
    pub severity: Severity,
    /// What is wrong and what to do, without a place.
    pub message: String,
}

/// Findings in several files, and the sources to draw them from.
#[derive(Debug, Default)]
pub(crate) struct Report {
    pub(crate) findings: Vec<Diagnostic>,
}

/// A text with its name and the starts of its lines.
#[derive(Debug)]
pub(crate) struct Source {
    pub(crate) name: Arc<str>,
    text: Arc<str>,
    line_starts: Vec<usize>,
}

// === impl Diagnostic ===

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let severity = match self.severity {
            Severity::Error => "",
            Severity::Warning => "warning: ",
        };
        write!(f, "{}:{}:{}: {severity}{}", self.file, self.line, self.column, self.message)
    }
}

impl Diagnostic {
    pub(crate) fn error(file: &Arc<str>, line: u32, column: u32, message: impl Into<String>) -> Self {
        Self {
            file: file.clone(),
            line: line.max(1),
            column: column.max(1),
            severity: Severity::Error,
            message: message.into(),
        }
    }
}

// === impl Source ===

impl Source {
    pub(crate) fn new(name: Arc<str>, text: Arc<str>) -> Self {
        let ends = text.bytes().enumerate().filter(|&(_, b)| b == b'\n').map(|(at, _)| at + 1);
        let line_starts = std::iter::once(0).chain(ends).collect();
        Self { name, text, line_starts }
    }

    /// Line and column of a byte.
    pub(crate) fn place(&self, byte: usize) -> (u32, u32) {
        let line = self.line_starts.partition_point(|&start| start <= byte).max(1);
        let start = self.line_starts.get(line - 1).copied().unwrap_or_default();
        let line_text = self.text.get(start..).unwrap_or_default();
        let column = line_text.char_indices().take_while(|&(at, _)| start + at < byte).count() + 1;
        (u32::try_from(line).unwrap_or(u32::MAX), u32::try_from(column).unwrap_or(u32::MAX))
    }

    /// `file:line:column` of a span's begin.
    pub(crate) fn at(&self, span: &Span) -> String {
        let (line, column) = self.place(span.start);
        format!("{}:{line}:{column}", self.name)
    }
}

// === impl Report ===

impl Report {
    pub(crate) fn error(&mut self, source: &Source, span: &Span, message: impl Into<String>) {
        let (line, column) = source.place(span.start);
        self.findings.push(Diagnostic::error(&source.name, line, column, message));
    }

    pub(crate) fn warning(&mut self, source: &Source, span: &Span, message: impl Into<String>) {
        let (line, column) = source.place(span.start);
        self.findings.push(Diagnostic {
            severity: Severity::Warning,
            ..Diagnostic::error(&source.name, line, column, message)
        });
    }

    pub(crate) fn has_errors(&self) -> bool {
        self.findings.iter().any(|d| d.severity == Severity::Error)
    }

    /// Errors of `file` on a line where the text itself could not be read say nothing new.
    pub(crate) fn drop_followers(&mut self, file: &Arc<str>, syntax: &[Diagnostic]) {
        self.findings
            .retain(|d| d.file != *file || syntax.contains(d) || syntax.iter().all(|s| s.line != d.line));
    }

    /// By file in order of first mention, then by place.
    pub(crate) fn sorted(mut self) -> Vec<Diagnostic> {
        let mut files: Vec<Arc<str>> = Vec::new();
        for d in &self.findings {
            if !files.contains(&d.file) {
                files.push(d.file.clone());
            }
        }
        self.findings.sort_by_cached_key(|d| {
            (files.iter().position(|f| *f == d.file), d.line, d.column, d.message.clone())
        });
        self.findings.dedup();
        self.findings
    }
}

/// Draws the findings under their source lines; files are read again for their text.
pub fn render(findings: &[Diagnostic]) -> String {
    let mut out = String::new();
    let handler = miette::GraphicalReportHandler::new();
    for d in findings {
        let drawn = Drawn::of(d);
        if handler.render_report(&mut out, &drawn).is_err() {
            out.push_str(&format!("{d}\n"));
        }
    }
    out
}

#[derive(Debug)]
struct Drawn {
    finding: Diagnostic,
    source: miette::NamedSource<String>,
    at: Span,
}

impl Drawn {
    /// At most this much of a file is read to draw from it.
    const FILE_BYTES_MAX: u64 = 16 << 20;

    fn of(finding: &Diagnostic) -> Self {
        let small = std::fs::metadata(&*finding.file).is_ok_and(|m| m.len() <= Self::FILE_BYTES_MAX);
        let mut text = if small { std::fs::read(&*finding.file).unwrap_or_default() } else { Vec::new() };
        // A workbook has no lines to draw; its findings name their cells.
        if text.starts_with(b"PK") {
            text.clear();
        }
        let text = String::from_utf8_lossy(&text).into_owned();
        let line = finding.line as usize - 1;
        let start: usize = text.split_inclusive('\n').take(line).map(str::len).sum();
        let shown = text.get(start..).and_then(|rest| rest.lines().next()).unwrap_or_default();
        let into = shown.char_indices().nth(finding.column as usize - 1).map_or(shown.len(), |(at, _)| at);
        let end = shown[into..].find(['\n', ',', ']', '#']).map_or(shown.len(), |at| into + at).max(into);
        Self {
            finding: finding.clone(),
            source: miette::NamedSource::new(&finding.file, text),
            at: start + into..start + end,
        }
    }
}

impl fmt::Display for Drawn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.finding.message)
    }
}

impl std::error::Error for Drawn {}

impl miette::Diagnostic for Drawn {
    fn severity(&self) -> Option<miette::Severity> {
        Some(match self.finding.severity {
            Severity::Error => miette::Severity::Error,
            Severity::Warning => miette::Severity::Warning,
        })
    }

    fn source_code(&self) -> Option<&dyn miette::SourceCode> {
        Some(&self.source)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = miette::LabeledSpan> + '_>> {
        let label =
            miette::LabeledSpan::new_with_span(Some("here".to_owned()), (self.at.start, self.at.len()));
        Some(Box::new(std::iter::once(label)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_count_from_one_in_characters() {
        let source = Source::new("f".into(), "a\nbñc = 1\r\n\nx".into());
        for (byte, place) in [
            (0, (1, 1)),
            (1, (1, 2)),
            (2, (2, 1)),
            (5, (2, 3)),
            (12, (3, 1)),
            (13, (4, 1)),
            (14, (4, 2)),
            (99, (4, 2)),
        ] {
            assert_eq!(source.place(byte), place, "{byte}");
        }
    }

    #[test]
    fn one_line_per_finding() {
        let error = Diagnostic::error(&"a.toml".into(), 3, 7, "unknown key \"x\"");
        assert_eq!(error.to_string(), "a.toml:3:7: unknown key \"x\"");
        let warning = Diagnostic { severity: Severity::Warning, ..error };
        assert_eq!(warning.to_string(), "a.toml:3:7: warning: unknown key \"x\"");
    }
}
