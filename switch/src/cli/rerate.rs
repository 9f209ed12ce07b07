//! `tollgate rerate`: a file of calls priced by a deck, streaming, with a bar on a terminal; or billed calls
//! compared with other prices.

mod ask;
mod book;
mod compare;
mod corrections;
mod prices;
mod report;

use std::fs::File;
use std::io::{IsTerminal, Read, Write};
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use indicatif::{ProgressBar, ProgressStyle};
use rating::rerate::{Pricing, Progress, Summary, rerate_in};

use super::deck_file;
pub(crate) use ask::Ask;

/// Prices every call; the sum goes to stderr.
pub(crate) fn run(ask: &Ask) -> anyhow::Result<ExitCode> {
    match &ask.calls {
        Some(calls) => run_calls(ask, calls),
        None => compare::run(ask),
    }
}

fn run_calls(ask: &Ask, path: &Path) -> anyhow::Result<ExitCode> {
    let exchanges = deck_file::price_rules(ask.reach.config())?.exchanges;
    let deck = ask.kept.deck(ask.deck.as_deref(), &ask.how, ask.reach.config())?;
    let deck = deck.context("calls are priced by --deck, or by --deck-version and --data")?;
    let pricing = Pricing { deck: &deck, currency: ask.how.amounts(&deck), exchanges: &exchanges };
    let (calls, bytes): (Box<dyn Read>, Option<u64>) = if path == Path::new("-") {
        (Box::new(std::io::stdin().lock()), None)
    } else {
        let file = File::open(path).with_context(|| format!("cannot read the calls {}", path.display()))?;
        let bytes = file.metadata().ok().map(|metadata| metadata.len());
        (Box::new(file), bytes)
    };
    let bar = bar(bytes);
    let summary = match &ask.out {
        None => price(pricing, calls, std::io::stdout().lock(), &bar),
        Some(out) => {
            refuse_inputs(out, [Some(path), ask.deck.as_deref()])?;
            let file = File::create(out).with_context(|| format!("cannot write {}", out.display()))?;
            price(pricing, calls, file, &bar)
        }
    };
    bar.finish_and_clear();
    let summary = summary.with_context(|| format!("re-rating {} stopped", path.display()))?;
    eprintln!(
        "{} calls, {} without a price, {} s billed, {} {}",
        summary.calls, summary.unpriced, summary.billed_seconds, summary.amount, summary.amount.currency
    );
    Ok(ExitCode::SUCCESS)
}

fn price(
    pricing: Pricing<'_>,
    calls: impl Read,
    mut out: impl Write,
    bar: &ProgressBar,
) -> anyhow::Result<Summary> {
    let summary = rerate_in(pricing, calls, &mut out, |Progress { calls, bytes }| {
        bar.set_position(bytes);
        bar.set_message(format!("{calls} calls"));
    })?;
    out.flush()?;
    Ok(summary)
}

/// Writing over what is being read would lose both.
fn refuse_inputs(out: &Path, inputs: [Option<&Path>; 2]) -> anyhow::Result<()> {
    let Ok(target) = out.canonicalize() else { return Ok(()) };
    for input in inputs.into_iter().flatten() {
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
