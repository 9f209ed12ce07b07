//! `tollgate rerate` of call records: what each account, destination and carrier would have paid by other
//! prices, in every tier of a call.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Read};
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use rating::Cdr;
use rating::rerate::Comparison;
use serde::Deserialize as _;
use serde_json::Value;
use web::AccountDoc;

use super::ask::Ask;
use super::book::Booking;
use super::corrections::{self, Period};
use super::prices::Prices;
use super::report::Document;
use crate::cli::cdr::columns;
use crate::cli::client::Client;
use crate::cli::pages::{Slice, each_row};

/// Reads the records, prices each anew, prints the sums; writes and books the corrections if asked.
pub(super) fn run(ask: &Ask) -> anyhow::Result<ExitCode> {
    let period = Period::of(ask)?;
    let corrects = ask.book || ask.corrections.is_some();
    if corrects && !period.is_whole() {
        bail!(
            "a correction run has a key for each account and period: give --from and --to in whole seconds"
        );
    }
    let prices = Prices::of(ask)?;
    if corrects && !prices.by.corrects() {
        bail!("corrections follow from other prices: give --deck, --deck-version or --decks");
    }
    let mut booking = Booking::default();
    let mut comparison = ask
        .account
        .as_ref()
        .map_or_else(Comparison::default, |name| Comparison::of_account(name.as_str().into()));
    each_record(ask, |record| {
        let cdr = Cdr::deserialize(record)
            .context("not a call record as `tollgate cdr` prints it, by --json or --csv")?;
        let billed_by = |name: &String| {
            cdr.deck.as_ref() == name || cdr.tiers.iter().any(|tier| tier.deck.as_ref() == name)
        };
        if period.holds(cdr.ended_at) && ask.billed_by.as_ref().is_none_or(billed_by) {
            comparison.add(&cdr, &prices.by);
            if ask.book {
                booking.add(&cdr, &prices.by, ask.account.as_deref())?;
            }
        }
        Ok(())
    })?;
    let corrections = if prices.by.corrects() && period.is_whole() {
        corrections::of(&comparison, &prices, period)
    } else {
        Vec::new()
    };
    if let Some(path) = &ask.corrections {
        corrections::write(path, &corrections)?;
    }
    Document::of(&comparison, &prices, period, corrections.clone()).print(ask.json, ask.wide)?;
    if ask.book { booking.post(ask, &corrections, &prices, period) } else { Ok(ExitCode::SUCCESS) }
}

/// From the file, else from the node.
fn each_record(ask: &Ask, mut take: impl FnMut(&Value) -> anyhow::Result<()>) -> anyhow::Result<()> {
    let Some(path) = &ask.cdrs else {
        let client = ask.reach.client()?;
        let account = match ask.account.as_deref() {
            // What others call below it is its business as well.
            Some(name) if !has_below(&client, name)? => Some(name),
            Some(_) | None => None,
        };
        let slice = Slice {
            account,
            from: ask.from.as_deref(),
            to: ask.to.as_deref(),
            cursor: None,
            limit: usize::MAX,
        };
        return each_row(&client, "/cdrs", &slice, take).map(|_| ());
    };
    let file: Box<dyn Read> = if path == Path::new("-") {
        Box::new(std::io::stdin().lock())
    } else {
        Box::new(File::open(path).with_context(|| format!("cannot read the records {}", path.display()))?)
    };
    let mut file = BufReader::new(file);
    // JSON begins with a bracket; whatever else there is, is a header.
    if !matches!(file.fill_buf()?.iter().find(|byte| !byte.is_ascii_whitespace()), None | Some(b'{' | b'[')) {
        return columns::read(file, take)
            .with_context(|| format!("cannot read the records {}", path.display()));
    }
    let mut documents = serde_json::Deserializer::from_reader(file);
    let mut count = 0_u64;
    while let Some(document) = Value::deserialize(&mut documents)
        .map(Some)
        .or_else(|error| if error.is_eof() { Ok(None) } else { Err(error) })?
    {
        // A page of the API, or one record after the other.
        let page = document.get("items").and_then(Value::as_array).map(Vec::as_slice);
        for record in page.unwrap_or(std::slice::from_ref(&document)) {
            count += 1;
            take(record).with_context(|| format!("record {count} of {}", path.display()))?;
        }
    }
    Ok(())
}

fn has_below(client: &Client, name: &str) -> anyhow::Result<bool> {
    let accounts: Vec<AccountDoc> = client.read_all("/accounts")?;
    Ok(accounts
        .iter()
        .any(|account| account.name.strip_prefix(name).is_some_and(|rest| rest.starts_with(':'))))
}
