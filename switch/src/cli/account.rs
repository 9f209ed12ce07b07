//! `tollgate account`: accounts of a running node and the money put on them.

use std::fs::File;
use std::io::{Read, Write};
use std::process::ExitCode;

use anyhow::{Context as _, anyhow};
use serde_json::json;
use units::Currency;
use web::{AccountDoc, Page, TopUpDoc};

use super::client::{Reach, may_be_done, segment};
use super::{plain, print_json, stdout};

/// What can be done with accounts.
#[derive(clap::Subcommand)]
pub(crate) enum Ask {
    /// All accounts with their balances
    List {
        /// One JSON document
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        reach: Reach,
    },
    /// One account
    Show {
        /// Its name
        name: String,
        /// One JSON document
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        reach: Reach,
    },
    /// Open an account
    Add {
        /// 1 to 64 letters, digits, . _ -
        name: String,
        /// Its currency for ever
        #[arg(long, value_name = "CODE")]
        currency: Currency,
        /// The deck that prices its calls
        #[arg(long, value_name = "NAME")]
        deck: String,
        /// Money to start with
        #[arg(long, value_name = "AMOUNT", default_value = "0.00")]
        balance: String,
        /// Idempotency key; a random one if absent
        #[arg(long, value_name = "KEY")]
        key: Option<String>,
        /// One JSON document
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        reach: Reach,
    },
    /// Add money to an account, once per key
    Topup {
        /// The account's name
        name: String,
        /// As 50.00, in the account's currency
        amount: String,
        /// The payment in your words: an invoice, a receipt
        #[arg(long, value_name = "TEXT", default_value = "")]
        reference: String,
        /// Idempotency key: the same again books nothing; a random one if absent
        #[arg(long, value_name = "KEY")]
        key: Option<String>,
        /// One JSON document
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        reach: Reach,
    },
}

/// Asks the node and prints what it says.
pub(crate) fn run(ask: &Ask) -> anyhow::Result<ExitCode> {
    match ask {
        Ask::List { json, reach } => {
            let accounts: Vec<AccountDoc> = reach.client()?.read_all("/accounts")?;
            if *json { print_json(&Page { items: accounts, next: None })? } else { print_table(&accounts)? }
        }
        Ask::Show { name, json, reach } => {
            let account: AccountDoc = reach.client()?.read(&format!("/accounts/{}", segment(name)), &[])?;
            print_account(&account, *json)?;
        }
        Ask::Add { name, currency, deck, balance, key, json, reach } => {
            let key = key_or_random(key.as_deref())?;
            let body = json!({ "name": name, "currency": currency.as_str(), "deck": deck, "balance": balance });
            let account: AccountDoc = reach.client()?.post("/accounts", Some(&key), &body)?;
            print_account(&account, *json)?;
        }
        Ask::Topup { name, amount, reference, key, json, reach } => {
            let key = key_or_random(key.as_deref())?;
            let body = json!({ "amount": amount, "reference": reference });
            let client = reach.client()?;
            let sent = client.post(&format!("/accounts/{}/topups", segment(name)), Some(&key), &body);
            let booked: TopUpDoc = sent.map_err(|error| match may_be_done(&error) {
                true => anyhow!("{error:#}. It may have been booked: to be sure, repeat with --key {key}"),
                false => error,
            })?;
            print_top_up(&booked, *json)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn print_table(accounts: &[AccountDoc]) -> anyhow::Result<()> {
    let mut out = stdout();
    writeln!(out, "{:24} {:>18} {:>18} {:>18} {:4} deck", "name", "balance", "leased", "available", "")?;
    for a in accounts {
        let [name, currency, deck] = [&a.name, &a.currency, &a.deck].map(|text| plain(text));
        writeln!(out, "{name:24} {:>18} {:>18} {:>18} {currency:4} {deck}", plain(&a.balance), plain(&a.leased), plain(&a.available))?;
    }
    out.flush()?;
    Ok(())
}

fn print_account(account: &AccountDoc, json: bool) -> anyhow::Result<()> {
    if json {
        return print_json(account);
    }
    let mut out = stdout();
    for (label, value) in [
        ("name", &account.name),
        ("currency", &account.currency),
        ("balance", &account.balance),
        ("leased", &account.leased),
        ("available", &account.available),
        ("deck", &account.deck),
    ] {
        writeln!(out, "{label:10} {}", plain(value))?;
    }
    out.flush()?;
    Ok(())
}

fn print_top_up(booked: &TopUpDoc, json: bool) -> anyhow::Result<()> {
    if json {
        return print_json(booked);
    }
    let mut out = stdout();
    for (label, value) in [
        ("account", &booked.account),
        ("amount", &booked.amount),
        ("currency", &booked.currency),
        ("before", &booked.balance_before),
        ("after", &booked.balance_after),
        ("reference", &booked.reference),
        ("key", &booked.idempotency_key),
    ] {
        writeln!(out, "{label:10} {}", plain(value))?;
    }
    out.flush()?;
    Ok(())
}

/// The key given, or 128 random bits: each run is a payment of its own.
fn key_or_random(given: Option<&str>) -> anyhow::Result<String> {
    if let Some(key) = given {
        return Ok(key.to_owned());
    }
    let mut random = [0_u8; 16];
    File::open("/dev/urandom")
        .and_then(|mut file| file.read_exact(&mut random))
        .context("no random bytes for an idempotency key; give --key")?;
    Ok(random.iter().map(|byte| format!("{byte:02x}")).collect())
}
