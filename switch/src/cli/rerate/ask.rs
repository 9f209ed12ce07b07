//! The arguments of `tollgate rerate`.

use std::path::PathBuf;

use crate::cli::client::Reach;
use crate::cli::deck::KeptVersion;
use crate::cli::deck_file::DeckAsk;
use crate::cli::table::Wide;

/// Arguments.
#[derive(clap::Args)]
pub(crate) struct Ask {
    /// Deck, CSV with a header or .xlsx; with call records and without a deck each is priced by its own
    /// prices again
    #[arg(long, value_name = "FILE", conflicts_with_all = ["deck_version", "decks"])]
    pub(super) deck: Option<PathBuf>,
    #[command(flatten)]
    pub(super) kept: KeptVersion,
    /// Every account of a call by the deck of --config that has the name of the one it was billed by, every
    /// carrier by its deck there
    #[arg(long, requires = "config", conflicts_with_all = ["calls", "deck_version", "billed_by"])]
    pub(super) decks: bool,
    /// What this carrier would charge, by another deck; may be given for several
    #[arg(long, value_name = "NAME=FILE", conflicts_with = "calls")]
    pub(super) carrier_deck: Vec<String>,
    /// Calls, CSV with call_id,answered_at,number,duration_ms; `-` for standard input
    #[arg(long, value_name = "FILE", required_unless_present_any = ["cdrs", "from"])]
    pub(super) calls: Option<PathBuf>,
    /// Where priced calls go; standard output if absent
    #[arg(long, value_name = "FILE", requires = "calls")]
    pub(super) out: Option<PathBuf>,
    #[command(flatten)]
    pub(super) how: DeckAsk,
    /// Call records as `tollgate cdr --csv` or --json prints them, or one a line; `-` for standard input;
    /// from the node if absent
    #[arg(long, value_name = "FILE", conflicts_with = "calls")]
    pub(super) cdrs: Option<PathBuf>,
    /// Calls that ended at this instant or later, RFC 3339
    #[arg(long, value_name = "RFC3339", conflicts_with = "calls")]
    pub(super) from: Option<String>,
    /// Calls that ended before this instant, RFC 3339
    #[arg(long, value_name = "RFC3339", conflicts_with = "calls")]
    pub(super) to: Option<String>,
    /// Only what this account paid, for its own calls and for those of accounts below it
    #[arg(long, value_name = "NAME", conflicts_with = "calls")]
    pub(super) account: Option<String>,
    /// Only calls that were billed by the deck of this name, and the new deck for the accounts that were;
    /// else for the callers' accounts
    #[arg(long, value_name = "NAME", conflicts_with = "calls")]
    pub(super) billed_by: Option<String>,
    /// One JSON document
    #[arg(long, conflicts_with = "calls")]
    pub(super) json: bool,
    #[command(flatten)]
    pub(super) wide: Wide,
    /// Where the corrections go, one JSON object a line; needs --from and --to
    #[arg(long, value_name = "FILE", conflicts_with = "calls")]
    pub(super) corrections: Option<PathBuf>,
    /// Book on the node the difference between what each call costs its account now and what it is to cost;
    /// again, it changes nothing
    #[arg(long, conflicts_with = "calls")]
    pub(super) book: bool,
    #[command(flatten)]
    pub(super) reach: Reach,
}
