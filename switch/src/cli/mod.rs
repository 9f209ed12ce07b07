//! The subcommands. Each reads its arguments whole, does one thing and prints either lines for people or one
//! JSON document. Invariant: text from the network is never printed raw; money is printed from integers,
//! never from floats.

pub(crate) mod account;
pub(crate) mod bans;
pub(crate) mod calls;
pub(crate) mod carriers;
pub(crate) mod cdr;
pub(crate) mod check;
mod client;
mod config_file;
mod csv_out;
pub(crate) mod deck;
mod deck_file;
pub(crate) mod gates;
pub(crate) mod keyed_post;
pub(crate) mod ledger;
pub(crate) mod manual;
pub(crate) mod node;
pub(crate) mod notices;
mod pages;
pub(crate) mod price;
pub(crate) mod registrations;
pub(crate) mod rerate;
pub(crate) mod route;
pub(crate) mod seal;
mod slices;
mod statement;
mod table;
mod terms;
mod topups;
mod trace;
mod when;

pub(crate) use config_file::ConfigFile;

use std::io::{BufWriter, StdoutLock, Write};

use anyhow::Context as _;
use serde::Serialize;
use units::{Currency, Number, Wall};

/// Where answers go.
fn stdout() -> BufWriter<StdoutLock<'static>> {
    BufWriter::new(std::io::stdout().lock())
}

/// Prints one JSON document.
fn print_json(document: &impl Serialize) -> anyhow::Result<()> {
    let mut out = stdout();
    serde_json::to_writer_pretty(&mut out, document).map_err(std::io::Error::from)?;
    out.write_all(b"\n")?;
    out.flush()?;
    Ok(())
}

/// The instant of `--at`, or now.
fn instant(at: Option<&str>) -> anyhow::Result<Wall> {
    match at {
        Some(text) => when::moment(text).map_err(anyhow::Error::msg),
        None => when::now(),
    }
}

/// A number as people write it: separators, then one `+` or `00`, are dropped.
fn number(text: &str) -> anyhow::Result<Number> {
    let digits: String = text.chars().filter(|c| !matches!(c, ' ' | '-' | '.' | '(' | ')' | '/')).collect();
    let digits = digits.strip_prefix('+').or_else(|| digits.strip_prefix("00")).unwrap_or(&digits);
    digits.parse().with_context(|| format!("{text:?} is not an international number"))
}

/// A currency of ISO 4217, as people write it.
fn currency(text: &str) -> Result<Currency, String> {
    Currency::iso(text).map_err(|error| error.to_string())
}

/// Text from outside, with control characters made visible so that no terminal obeys them.
fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() || is_bidi(c) { '\u{fffd}' } else { c }).collect()
}

/// Marks that turn the direction of text.
const fn is_bidi(c: char) -> bool {
    matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Whether the reader of our output went away.
pub(crate) fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        cause.downcast_ref::<std::io::Error>().is_some_and(|io| io.kind() == std::io::ErrorKind::BrokenPipe)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_as_people_write_them() {
        for text in ["34911234567", "+34 911 234-567", "0034911234567", "+34 (911) 23.45.67"] {
            assert_eq!(number(text).map(|n| n.to_string()).ok().as_deref(), Some("34911234567"), "{text}");
        }
        for text in ["", "+", "3491123456x", "1234567890123456", "++34"] {
            assert!(number(text).is_err(), "{text}");
        }
    }

    #[test]
    fn terminals_get_no_orders() {
        assert_eq!(plain("a\u{1b}[31mb\u{202e}c\n"), "a\u{fffd}[31mb\u{fffd}c\u{fffd}");
    }
}
