//! `tollgate deck`: price lists as an operator handles them: what a new version changes, and a deck as a file again.

mod compare;
mod export;
mod workbook;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::bail;
use units::Currency;

use super::{deck_file, instant};
use compare::{Comparison, Known, Shown};

/// What can be done with decks.
#[derive(clap::Subcommand)]
pub(crate) enum Ask {
    /// What a new version changes: rows, prices in per cent, and from when on; exit 1 if it would not load
    Diff {
        /// The version before, CSV or .xlsx
        old: PathBuf,
        /// The new one
        new: PathBuf,
        /// Sheet of the new one, if it is an .xlsx; its first if absent
        #[arg(long, value_name = "NAME")]
        sheet: Option<String>,
        /// Sheet of the version before
        #[arg(long, value_name = "NAME")]
        old_sheet: Option<String>,
        /// Currency of both
        #[arg(long, value_name = "CODE", default_value = "EUR")]
        currency: Currency,
        /// When the new version would be loaded, RFC 3339; now if absent
        #[arg(long, value_name = "RFC3339")]
        at: Option<String>,
        #[command(flatten)]
        shown: Shown,
    },
    /// A deck as a file that loads to the same version
    Export(export::Ask),
}

/// Does what was asked.
pub(crate) fn run(ask: &Ask) -> anyhow::Result<ExitCode> {
    match ask {
        Ask::Diff { old, new, sheet, old_sheet, currency, at, shown } => {
            let at = instant(at.as_deref())?;
            let before = deck_file::draft(old, *currency, old_sheet.as_deref())?;
            if !before.errors.is_empty() {
                deck_file::tell(old, "", &before.errors);
                bail!("{} has {} wrong row(s): there is nothing to compare with", old.display(), before.errors.len());
            }
            let after = deck_file::draft(new, *currency, sheet.as_deref())?;
            let comparison = Comparison::of(Known { deck: &before.deck, lines: &before.lines }, &after, new, at);
            compare::print(&[comparison], shown)
        }
        Ask::Export(ask) => export::run(ask),
    }
}
