//! What a check found. An error fails the build, a warning is only printed.

/// Findings of one check, each a full sentence that says where and what to do.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// These fail the build.
    pub errors: Vec<String>,
    /// These are shown.
    pub warnings: Vec<String>,
}

impl Report {
    /// Adds an error.
    pub fn error(&mut self, text: impl Into<String>) {
        self.errors.push(text.into());
    }

    /// Adds a warning.
    pub fn warn(&mut self, text: impl Into<String>) {
        self.warnings.push(text.into());
    }

    /// Both together.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.errors.extend(other.errors);
        self.warnings.extend(other.warnings);
        self
    }

    /// Writes all findings and one closing line.
    pub fn print(&self, name: &str) {
        for text in &self.warnings {
            println!("{name}: warning: {text}");
        }
        for text in &self.errors {
            println!("{name}: error: {text}");
        }
        let verdict = if self.errors.is_empty() { "ok" } else { "FAILED" };
        println!("{name}: {verdict} ({} errors, {} warnings)", self.errors.len(), self.warnings.len());
    }
}
