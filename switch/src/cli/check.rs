//! `tollgate check`: the whole configuration with every file that it names, all errors at once.

use std::io::Write;
use std::process::ExitCode;

use config::{Diagnostic, Severity};
use serde_json::{Value, json};

use super::{ConfigFile, print_json, stdout};

/// Arguments.
#[derive(clap::Args)]
pub(crate) struct Ask {
    #[command(flatten)]
    config: ConfigFile,
    /// One JSON document with all findings
    #[arg(long, conflicts_with = "draw")]
    json: bool,
    /// Draw each finding under its source line
    #[arg(long)]
    draw: bool,
}

/// Checks and says what it found; warnings do not fail.
pub(crate) fn run(ask: &Ask) -> anyhow::Result<ExitCode> {
    let (fine, findings) = match config::load(ask.config.path()?) {
        Ok(settings) => match unwritable(&settings.journal) {
            None => (true, settings.warnings),
            Some(finding) => (false, settings.warnings.into_iter().chain([finding]).collect()),
        },
        Err(findings) => (false, findings),
    };
    if ask.json {
        print_json(&json!({ "ok": fine, "findings": findings.iter().map(document).collect::<Vec<_>>() }))?;
    } else if fine {
        // `ok` is the answer; warnings are beside it.
        for warning in &findings {
            eprintln!("{warning}");
        }
        writeln!(stdout(), "ok")?;
    } else {
        let mut out = stdout();
        if ask.draw {
            out.write_all(config::render(&findings).as_bytes())?;
        } else {
            for finding in &findings {
                writeln!(out, "{finding}")?;
            }
        }
        out.flush()?;
    }
    Ok(if fine { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// A start would be refused, since the unsaved file cannot be written by this user.
fn unwritable(journal: &config::Journal) -> Option<Diagnostic> {
    let error = store::try_unsaved_place(&journal.unsaved_file, true).err()?;
    let (file, line, column) = journal.unsaved_file_at.clone();
    Some(Diagnostic { file, line, column, severity: Severity::Error, message: error.to_string() })
}

fn document(finding: &Diagnostic) -> Value {
    let severity = match finding.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    };
    json!({
        "file": &*finding.file,
        "line": finding.line,
        "column": finding.column,
        "severity": severity,
        "message": finding.message,
    })
}
