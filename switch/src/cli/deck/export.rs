//! `tollgate deck export`: a deck, whole, as a file that loads to the same version.

use std::fs::File;
use std::io::{BufWriter, IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use rating::{Deck, price};
use units::Currency;

use super::source::{self, KeptVersion};
use super::workbook;
use crate::cli::client::Reach;
use crate::cli::deck_file::{self, Said};

/// Arguments.
#[derive(clap::Args)]
pub(crate) struct Ask {
    /// Deck: CSV with a header, or .xlsx
    #[arg(required_unless_present_any = ["name", "deck_version"], conflicts_with_all = ["name", "deck_version"])]
    file: Option<PathBuf>,
    /// The deck that the running node has loaded under this name
    #[arg(long, value_name = "NAME", conflicts_with = "deck_version")]
    name: Option<String>,
    #[command(flatten)]
    kept: KeptVersion,
    /// Sheet of an .xlsx; as --config says, else its first
    #[arg(long, value_name = "NAME")]
    sheet: Option<String>,
    /// Currency of the deck; as --config says of this file, else EUR
    #[arg(long, value_name = "CODE", value_parser = crate::cli::currency)]
    currency: Option<Currency>,
    /// Decimal places that rates keep, 5 to 10; as --config says of this file, else 5
    #[arg(long, value_name = "PLACES", value_parser = clap::value_parser!(u32).range(5..=10))]
    rate_places: Option<u32>,
    /// What to write
    #[arg(long, value_enum, default_value_t = Format::Csv)]
    format: Format,
    /// Where to write it; standard output if absent
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    #[command(flatten)]
    reach: Reach,
}

/// Kinds of files.
#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// Text, header first
    Csv,
    /// A workbook of one sheet
    Xlsx,
}

/// Writes the deck; its version goes to stderr.
pub(super) fn run(ask: &Ask) -> anyhow::Result<ExitCode> {
    let deck = deck(ask)?;
    match &ask.out {
        Some(path) => {
            let file = File::create_new(path)
                .with_context(|| format!("cannot write {}: name a new file", path.display()))?;
            let mut out = BufWriter::new(file);
            write(&deck, ask.format, &mut out)?;
            out.into_inner().map_err(std::io::IntoInnerError::into_error)?.sync_all()?;
        }
        None if ask.format == Format::Xlsx && std::io::stdout().is_terminal() => {
            bail!("a workbook is no text: name a file with --out")
        }
        None => write(&deck, ask.format, &mut crate::cli::stdout())?,
    }
    eprintln!(
        "{} {}, version {}, {} rows",
        deck.name(),
        deck.currency(),
        price::version_text(deck.version()),
        deck.len()
    );
    Ok(ExitCode::SUCCESS)
}

fn deck(ask: &Ask) -> anyhow::Result<Deck> {
    if let Some(kept) = ask.kept.load()? {
        return Ok(kept);
    }
    let said = Said {
        sheet: ask.sheet.as_deref(),
        currency: ask.currency,
        rate_places: ask.rate_places,
        ..Said::default()
    };
    match (&ask.file, &ask.name) {
        (Some(file), _) => deck_file::load(file, said, ask.reach.config()),
        (None, Some(name)) => source::loaded(&ask.reach.client()?, name)?
            .with_context(|| format!("the node has no deck {name:?}")),
        (None, None) => bail!("name a file, --name, or --deck-version with --data"),
    }
}

fn write(deck: &Deck, format: Format, out: &mut impl Write) -> anyhow::Result<()> {
    match format {
        Format::Csv => deck.write_csv(&mut *out)?,
        Format::Xlsx => out.write_all(&workbook::write(deck)?)?,
    }
    out.flush()?;
    Ok(())
}
