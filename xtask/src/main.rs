//! Repository checks that the compiler cannot make: `cargo xtask arrows | circles | purity | style | docs |
//! check`; and `cargo xtask rolling`, which upgrades two nodes under calls. Each check is a function of plain
//! data, so its tests feed it made-up workspaces that must fail.
#![forbid(unsafe_code)]

mod arrows;
mod circles;
mod docs;
mod purity;
mod report;
mod rolling;
mod rules;
mod source;
mod style;
mod workspace;

use anyhow::{Context, Result, bail};
use report::Report;
use std::path::PathBuf;
use std::process::ExitCode;
use workspace::Workspace;

const USAGE: &str = "usage: cargo xtask arrows | circles | purity | style | docs | check | rolling [--old BINARY] [--new BINARY] [COMMIT]";

fn main() -> Result<ExitCode> {
    let wanted = std::env::args().nth(1).context(USAGE)?;
    let root = root()?;
    if wanted == "rolling" {
        rolling::run(&root, &std::env::args().skip(2).collect::<Vec<_>>())?;
        return Ok(ExitCode::SUCCESS);
    }
    let workspace = Workspace::read(&root, purity::PURE)?;
    let files = source::rust_files(&root, &workspace)?;
    let checks: &[(&str, &dyn Fn() -> Result<Report>)] = &[
        ("arrows", &|| Ok(arrows::check(&workspace))),
        ("circles", &|| Ok(circles::check(&workspace, &files))),
        ("purity", &|| Ok(purity::check(&workspace, &files))),
        ("style", &|| Ok(style::check(&workspace, &files))),
        ("docs", &|| Ok(docs::check(&root, &workspace)?.and(rules::check(&root, &files)?))),
    ];
    let mut errors = 0;
    let mut ran = 0;
    for (name, check) in checks {
        if wanted == *name || wanted == "check" {
            let report = check()?;
            report.print(name);
            errors += report.errors.len();
            ran += 1;
        }
    }
    if ran == 0 {
        bail!("unknown check `{wanted}`; {USAGE}");
    }
    Ok(if errors == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The workspace root: the folder above this package.
fn root() -> Result<PathBuf> {
    let here = PathBuf::from(
        std::env::var_os("CARGO_MANIFEST_DIR").unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into()),
    );
    Ok(here.parent().context("xtask has no parent folder")?.to_path_buf())
}
