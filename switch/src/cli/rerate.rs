//! `tollgate rerate`: a file of calls priced by a deck, streaming, with a bar on a terminal.

use std::fs::File;
use std::io::{IsTerminal, Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use indicatif::{ProgressBar, ProgressStyle};
use rating::Deck;
use rating::rerate::{Progress, Summary, rerate};

use super::deck_file::DeckFile;

/// Arguments.
#[derive(clap::Args)]
pub(crate) struct Ask {
    #[command(flatten)]
    deck: DeckFile,
    /// Calls, CSV with call_id,answered_at,number,duration_ms; `-` for standard input
    #[arg(long, value_name = "FILE")]
    calls: PathBuf,
    /// Where priced calls go; standard output if absent
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// Prices every call; the sum goes to stderr.
pub(crate) fn run(ask: &Ask) -> anyhow::Result<ExitCode> {
    let deck = ask.deck.load()?;
    let (calls, bytes): (Box<dyn Read>, Option<u64>) = if ask.calls == Path::new("-") {
        (Box::new(std::io::stdin().lock()), None)
    } else {
        let file = File::open(&ask.calls).with_context(|| format!("cannot read the calls {}", ask.calls.display()))?;
        let bytes = file.metadata().ok().map(|metadata| metadata.len());
        (Box::new(file), bytes)
    };
    let bar = bar(bytes);
    let summary = match &ask.out {
        None => price(&deck, calls, std::io::stdout().lock(), &bar),
        Some(path) => {
            refuse_inputs(path, ask)?;
            let file = File::create(path).with_context(|| format!("cannot write {}", path.display()))?;
            price(&deck, calls, file, &bar)
        }
    };
    bar.finish_and_clear();
    let summary = summary.with_context(|| format!("re-rating {} stopped", ask.calls.display()))?;
    eprintln!(
        "{} calls, {} without a price, {} s billed, {} {}",
        summary.calls, summary.unpriced, summary.billed_seconds, summary.amount, summary.amount.currency
    );
    Ok(ExitCode::SUCCESS)
}

fn price(deck: &Deck, calls: impl Read, mut out: impl Write, bar: &ProgressBar) -> anyhow::Result<Summary> {
    let summary = rerate(deck, calls, &mut out, |Progress { calls, bytes }| {
        bar.set_position(bytes);
        bar.set_message(format!("{calls} calls"));
    })?;
    out.flush()?;
    Ok(summary)
}

/// Writing over what is being read would lose both.
fn refuse_inputs(out: &Path, ask: &Ask) -> anyhow::Result<()> {
    let Ok(target) = out.canonicalize() else { return Ok(()) };
    for input in [&ask.calls, &ask.deck.path] {
        if input.canonicalize().is_ok_and(|input| input == target) {
            bail!("--out {} is one of the inputs: name another file", out.display());
        }
    }
    Ok(())
}

/// Hidden unless a person looks on.
fn bar(bytes: Option<u64>) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    match bytes {
        None => ProgressBar::new_spinner(),
        Some(bytes) => {
            let bar = ProgressBar::new(bytes);
            let style = ProgressStyle::with_template("{wide_bar} {percent}% {msg} {eta}");
            if let Ok(style) = style { bar.with_style(style) } else { bar }
        }
    }
}
