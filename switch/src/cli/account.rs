//! `tollgate account`: accounts of a running node and the money put on them.

use std::fs::File;
use std::io::{Read, Write};
use std::process::ExitCode;

use anyhow::{Context as _, anyhow};
use serde::de::DeserializeOwned;
use serde_json::json;
use units::Currency;
use web::{AccountDoc, MovedDoc, Page, StatementBalanceDoc, StatementDoc, TopUpDoc};

use super::client::{Reach, may_be_done, segment};
use super::terms::{Change, Grant, print_terms};
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
    /// Give promotional or test credit, or free minutes, once per key
    Grant(Grant),
    /// Change what an account calls by
    Change(Change),
    /// Add money to an account, once per key
    Topup {
        /// The account's name
        name: String,
        /// As 50.00, in the account's currency
        amount: String,
        /// The payment in your words: an invoice, a receipt
        #[arg(long, value_name = "TEXT", default_value = "")]
        reference: String,
        /// How it was paid: a payment method of the configuration, whose rules hold
        #[arg(long, value_name = "NAME")]
        method: Option<String>,
        /// What the bank kept of the amount
        #[arg(long, value_name = "AMOUNT", default_value = "0", conflicts_with = "pending")]
        fee: String,
        /// Only announced: book or reject it later
        #[arg(long)]
        pending: bool,
        /// Idempotency key: the same again books nothing; a random one if absent
        #[arg(long, value_name = "KEY")]
        key: Option<String>,
        /// One JSON document
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        reach: Reach,
    },
    /// An announced payment came in
    Book {
        #[command(flatten)]
        of: Earlier,
        /// What the bank kept of the amount
        #[arg(long, value_name = "AMOUNT", default_value = "0")]
        fee: String,
        #[command(flatten)]
        order: Order,
    },
    /// An announced payment will not come
    Reject {
        #[command(flatten)]
        of: Earlier,
        /// Why; the books keep it
        #[arg(long, value_name = "TEXT")]
        cause: String,
        #[command(flatten)]
        order: Order,
    },
    /// Undo a movement or a call's usage, once; the balance may fall below zero
    Reverse {
        /// The account's name
        name: String,
        /// Key of the movement
        #[arg(value_name = "KEY", required_unless_present = "call")]
        of: Option<String>,
        /// Id of a call, instead of a key
        #[arg(long, value_name = "ID", conflicts_with = "of")]
        call: Option<String>,
        /// Why; the books keep it
        #[arg(long, value_name = "TEXT")]
        cause: String,
        #[command(flatten)]
        order: Order,
    },
    /// Opening, each movement with its cause and the balance after it, closing
    Statement {
        /// The account's name
        name: String,
        /// Dated at or after, RFC 3339
        #[arg(long, value_name = "TIME")]
        from: Option<String>,
        /// Dated before, RFC 3339
        #[arg(long, value_name = "TIME")]
        to: Option<String>,
        /// One JSON document
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        reach: Reach,
    },
    /// Correct a balance by a new entry
    Correct {
        /// The account's name
        name: String,
        /// As -1.23: above zero gives, below zero takes
        #[arg(allow_negative_numbers = true)]
        amount: String,
        /// Why; the books keep it
        #[arg(long, value_name = "TEXT")]
        reason: String,
        #[command(flatten)]
        order: Order,
    },
}

/// An earlier movement of an account.
#[derive(clap::Args)]
pub(crate) struct Earlier {
    /// The account's name
    name: String,
    /// Key of the announced payment
    #[arg(value_name = "KEY")]
    of: String,
}

/// What every movement by hand has.
#[derive(clap::Args)]
pub(crate) struct Order {
    /// Idempotency key: the same again moves nothing; a random one if absent
    #[arg(long, value_name = "KEY")]
    key: Option<String>,
    /// One JSON document
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    reach: Reach,
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
        Ask::Grant(grant) => grant.run(&key_or_random(grant.key.as_deref())?)?,
        Ask::Change(change) => print_account(&change.run()?, change.json)?,
        Ask::Topup { name, amount, reference, method, fee, pending, key, json, reach } => {
            let key = key_or_random(key.as_deref())?;
            let state = if *pending { "pending" } else { "booked" };
            let body = json!({ "amount": amount, "reference": reference, "method": method, "fee": fee, "state": state });
            let booked: TopUpDoc = send(reach, &format!("/accounts/{}/topups", segment(name)), &key, &body)?;
            print_top_up(&booked, *json)?;
        }
        Ask::Book { of, fee, order } => order.carry_out(&of.path("book"), &json!({ "fee": fee }))?,
        Ask::Reject { of, cause, order } => order.carry_out(&of.path("reject"), &json!({ "cause": cause }))?,
        Ask::Reverse { name, of, call, cause, order } => {
            let path = format!("/accounts/{}/reversals", segment(name));
            order.carry_out(&path, &json!({ "key": of, "call": call, "cause": cause }))?;
        }
        Ask::Statement { name, from, to, json, reach } => {
            let query: Vec<(&str, &str)> =
                [("from", from), ("to", to)].into_iter().filter_map(|(name, time)| Some((name, time.as_deref()?))).collect();
            let statement: StatementDoc = reach.client()?.read(&format!("/accounts/{}/statement", segment(name)), &query)?;
            if *json { print_json(&statement)? } else { print_statement(&statement)? }
        }
        Ask::Correct { name, amount, reason, order } => {
            let path = format!("/accounts/{}/corrections", segment(name));
            order.carry_out(&path, &json!({ "amount": amount, "reason": reason }))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Moves money; says with which key to repeat it if nobody knows whether it was done.
fn send<T: DeserializeOwned>(reach: &Reach, path: &str, key: &str, body: &serde_json::Value) -> anyhow::Result<T> {
    reach.client()?.post(path, Some(key), body).map_err(|error| match may_be_done(&error) {
        true => anyhow!("{error:#}. It may have been booked: to be sure, repeat with --key {key}"),
        false => error,
    })
}

impl Earlier {
    fn path(&self, word: &str) -> String {
        format!("/accounts/{}/topups/{}/{word}", segment(&self.name), segment(&self.of))
    }
}

impl Order {
    fn carry_out(&self, path: &str, body: &serde_json::Value) -> anyhow::Result<()> {
        let key = key_or_random(self.key.as_deref())?;
        let moved: MovedDoc = send(&self.reach, path, &key, body)?;
        if self.json {
            return print_json(&moved);
        }
        let (of, cause) = (moved.of.unwrap_or_default(), moved.cause.unwrap_or_default());
        print_lines(&[
            ("account", &moved.account),
            ("amount", &moved.amount),
            ("currency", &moved.currency),
            ("before", &moved.balance_before),
            ("after", &moved.balance_after),
            ("of", &of),
            ("cause", &cause),
            ("key", &moved.idempotency_key),
        ])
    }
}

fn print_statement(statement: &StatementDoc) -> anyhow::Result<()> {
    let mut out = stdout();
    let balances = |out: &mut dyn Write, word: &str, all: &[StatementBalanceDoc]| {
        let mut all = all.iter();
        all.try_for_each(|b| writeln!(out, "{word:24} {:>16} {:>16} {:4} {}", "", plain(&b.balance), plain(&b.currency), plain(&b.pocket)))
    };
    balances(&mut out, "opening", &statement.opening)?;
    for m in &statement.movements {
        let [at, amount, balance, currency, pocket, cause] =
            [&m.at, &m.amount, &m.balance, &m.currency, &m.pocket, &m.cause].map(|text| plain(text));
        writeln!(out, "{at:24} {amount:>16} {balance:>16} {currency:4} {pocket} {cause} [{} {}]", m.entry, plain(&m.key))?;
    }
    balances(&mut out, "closing", &statement.closing)?;
    out.flush()?;
    Ok(())
}

/// One line each; what is empty is left out.
fn print_lines(lines: &[(&str, &String)]) -> anyhow::Result<()> {
    let mut out = stdout();
    for (label, value) in lines.iter().filter(|(_, value)| !value.is_empty()) {
        writeln!(out, "{label:10} {}", plain(value))?;
    }
    out.flush()?;
    Ok(())
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
    print_lines(&[
        ("name", &account.name),
        ("currency", &account.currency),
        ("balance", &account.balance),
        ("leased", &account.leased),
        ("available", &account.available),
        ("deck", &account.deck),
    ])?;
    print_terms(account)
}

fn print_top_up(booked: &TopUpDoc, json: bool) -> anyhow::Result<()> {
    if json {
        return print_json(booked);
    }
    let method = booked.method.clone().unwrap_or_default();
    print_lines(&[
        ("account", &booked.account),
        ("state", &booked.state),
        ("amount", &booked.amount),
        ("fee", &booked.fee),
        ("net", &booked.net),
        ("currency", &booked.currency),
        ("before", &booked.balance_before),
        ("after", &booked.balance_after),
        ("method", &method),
        ("reference", &booked.reference),
        ("key", &booked.idempotency_key),
    ])
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
