//! `tollgate account`: accounts of a running node and the money put on them.

use std::process::ExitCode;

use serde_json::{Value, json};
use units::Currency;
use web::{AccountDoc, MovedDoc, Page, TopUpDoc};

use super::client::segment;
use super::keyed_post::{KeyedPost, Shown, print_lines};
use super::table::{self, Table, Wide};
use super::terms::{Change, Grant, NewTerms, print_terms};
use super::{statement, topups};

/// What can be done with accounts.
#[derive(clap::Subcommand)]
pub(crate) enum Ask {
    /// All accounts with their balances
    List(List),
    /// One account
    Show {
        /// Its name
        name: String,
        #[command(flatten)]
        shown: Shown,
    },
    /// Open an account
    Add {
        /// 1 to 64 messages, digits, . _ -
        name: String,
        /// Its currency for ever
        #[arg(long, value_name = "CODE", value_parser = super::currency)]
        currency: Currency,
        /// Money to start with
        #[arg(long, value_name = "AMOUNT", default_value = "0.00")]
        balance: String,
        #[command(flatten)]
        terms: NewTerms,
        #[command(flatten)]
        order: KeyedPost,
    },
    /// Give promotional or test credit, or free minutes, once per key
    Grant(Grant),
    /// Change what an account calls by
    Change(Change),
    /// No new calls, of accounts below it neither; calls in progress go on, and money may still be booked
    Suspend(Named),
    /// Calls again, after a suspension or a close
    Resume(Named),
    /// For good: nothing may be left in it, on its way to it or held by its calls; its history stays
    Close(Named),
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
        #[command(flatten)]
        order: KeyedPost,
    },
    /// Payments: of an account, or of all accounts those that are announced and not here yet
    Topups(topups::Ask),
    /// An announced payment came in
    Book {
        #[command(flatten)]
        of: Earlier,
        /// What the bank kept of the amount
        #[arg(long, value_name = "AMOUNT", default_value = "0")]
        fee: String,
        #[command(flatten)]
        order: KeyedPost,
    },
    /// An announced payment will not come
    Reject {
        #[command(flatten)]
        of: Earlier,
        /// Why; the books keep it
        #[arg(long, value_name = "TEXT")]
        cause: String,
        #[command(flatten)]
        order: KeyedPost,
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
        order: KeyedPost,
    },
    /// Opening, each movement with its cause and the balance after it, closing; added up and compared
    Statement(statement::Ask),
    /// Take the price of a service from an account, by the piece: all of it, or nothing if the money is not
    /// there
    Charge {
        /// The account's name
        name: String,
        /// How many
        #[arg(long, value_name = "COUNT", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
        pieces: u32,
        /// Of each, as 0.08, in the account's currency
        #[arg(long, value_name = "AMOUNT")]
        price: String,
        /// What for; the books keep it
        #[arg(long, value_name = "TEXT")]
        cause: String,
        #[command(flatten)]
        order: KeyedPost,
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
        order: KeyedPost,
    },
}

/// One account.
#[derive(clap::Args)]
pub(crate) struct Named {
    /// The account's name
    name: String,
    #[command(flatten)]
    shown: Shown,
}

/// Which accounts.
#[derive(clap::Args)]
pub(crate) struct List {
    /// active, suspended or closed
    #[arg(long, value_name = "WORD", value_parser = ["active", "suspended", "closed"])]
    status: Option<String>,
    /// In this currency
    #[arg(long, value_name = "CODE")]
    currency: Option<Currency>,
    /// That call by this deck
    #[arg(long, value_name = "NAME")]
    deck: Option<String>,
    /// Whose names begin so
    #[arg(long, value_name = "TEXT")]
    name: Option<String>,
    /// Below this account
    #[arg(long, value_name = "NAME")]
    below: Option<String>,
    /// With less than their low-balance mark
    #[arg(long)]
    low: bool,
    #[command(flatten)]
    wide: Wide,
    #[command(flatten)]
    shown: Shown,
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

/// Asks the node and prints what it says.
pub(crate) fn run(ask: &Ask) -> anyhow::Result<ExitCode> {
    match ask {
        Ask::List(list) => list.run()?,
        Ask::Show { name, shown } => {
            let account: AccountDoc = shown.client()?.read(&format!("/accounts/{}", segment(name)), &[])?;
            shown.show(&account, print_account)?;
        }
        Ask::Add { name, currency, balance, terms, order } => {
            let mut body = terms.body();
            body.extend(
                [("name", json!(name)), ("currency", json!(currency.as_str())), ("balance", json!(balance))]
                    .map(owned),
            );
            order.send("/accounts", &Value::Object(body), print_account)?;
        }
        Ask::Suspend(named) => named.set_status("suspended")?,
        Ask::Resume(named) => named.set_status("active")?,
        Ask::Close(named) => named.set_status("closed")?,
        Ask::Grant(grant) => grant.run()?,
        Ask::Change(change) => change.shown.show(&change.run()?, print_account)?,
        Ask::Topup { name, amount, reference, method, fee, pending, order } => {
            let state = if *pending { "pending" } else { "booked" };
            let body = json!({ "amount": amount, "reference": reference, "method": method, "fee": fee, "state": state });
            order.send(&format!("/accounts/{}/topups", segment(name)), &body, print_top_up)?;
        }
        Ask::Topups(topups) => topups.run()?,
        Ask::Book { of, fee, order } => order.send(&of.path("book"), &json!({ "fee": fee }), print_moved)?,
        Ask::Reject { of, cause, order } => {
            order.send(&of.path("reject"), &json!({ "cause": cause }), print_moved)?
        }
        Ask::Reverse { name, of, call, cause, order } => {
            let path = format!("/accounts/{}/reversals", segment(name));
            order.send(&path, &json!({ "key": of, "call": call, "cause": cause }), print_moved)?;
        }
        Ask::Statement(statement) => statement.run()?,
        Ask::Charge { name, pieces, price, cause, order } => {
            let path = format!("/accounts/{}/charges", segment(name));
            order.send(&path, &json!({ "pieces": pieces, "price": price, "cause": cause }), print_moved)?;
        }
        Ask::Correct { name, amount, reason, order } => {
            let path = format!("/accounts/{}/corrections", segment(name));
            order.send(&path, &json!({ "amount": amount, "reason": reason }), print_moved)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn owned((name, value): (&str, Value)) -> (String, Value) {
    (name.to_owned(), value)
}

impl Named {
    fn set_status(&self, status: &str) -> anyhow::Result<()> {
        let path = format!("/accounts/{}", segment(&self.name));
        let account: AccountDoc = self.shown.client()?.patch(&path, &json!({ "status": status }))?;
        self.shown.show(&account, print_account)
    }
}

impl List {
    fn run(&self) -> anyhow::Result<()> {
        let currency = self.currency.map(|currency| currency.to_string());
        let low = self.low.then(|| "true".to_owned());
        let given = [
            ("status", &self.status),
            ("currency", &currency),
            ("deck", &self.deck),
            ("name", &self.name),
            ("below", &self.below),
            ("low", &low),
        ];
        let query: Vec<(&str, &str)> =
            given.into_iter().filter_map(|(name, value)| Some((name, value.as_deref()?))).collect();
        let mut items: Vec<AccountDoc> = Vec::new();
        self.shown.client()?.each_row("/accounts", &query, (None, usize::MAX), |row| {
            items.push(row);
            Ok(())
        })?;
        self.shown.show(&Page { items, next: None }, |page| self.print(&page.items))
    }

    fn print(&self, accounts: &[AccountDoc]) -> anyhow::Result<()> {
        let columns = [
            table::text("name"),
            table::number("balance"),
            table::number("available"),
            table::text(""),
            table::text("deck"),
            table::text("status"),
            table::number("leased").wide(),
            table::text("opened").wide(),
        ];
        let mut table = Table::new(&columns, self.wide);
        for a in accounts {
            let opened = a.opened_at.as_deref().unwrap_or_default();
            table.row([
                &*a.name,
                &*a.balance,
                &*a.available,
                &*a.currency,
                &*a.deck,
                &*a.status,
                &*a.leased,
                opened,
            ]);
        }
        table.print()
    }
}

impl Earlier {
    fn path(&self, word: &str) -> String {
        format!("/accounts/{}/topups/{}/{word}", segment(&self.name), segment(&self.of))
    }
}

fn print_moved(moved: &MovedDoc) -> anyhow::Result<()> {
    print_lines(&[
        ("account", &moved.account),
        ("amount", &moved.amount),
        ("currency", &moved.currency),
        ("before", &moved.balance_before),
        ("after", &moved.balance_after),
        ("of", moved.of.as_deref().unwrap_or_default()),
        ("cause", moved.cause.as_deref().unwrap_or_default()),
        ("key", &moved.idempotency_key),
    ])
}

fn print_account(account: &AccountDoc) -> anyhow::Result<()> {
    print_lines(&[
        ("name", &account.name),
        ("currency", &account.currency),
        ("balance", &account.balance),
        ("leased", &account.leased),
        ("available", &account.available),
        ("deck", &account.deck),
        ("status", &account.status),
        ("opened", account.opened_at.as_deref().unwrap_or_default()),
    ])?;
    print_terms(account)
}

fn print_top_up(booked: &TopUpDoc) -> anyhow::Result<()> {
    print_lines(&[
        ("account", &booked.account),
        ("state", &booked.state),
        ("amount", &booked.amount),
        ("fee", &booked.fee),
        ("net", &booked.net),
        ("currency", &booked.currency),
        ("before", &booked.balance_before),
        ("after", &booked.balance_after),
        ("method", booked.method.as_deref().unwrap_or_default()),
        ("due", booked.due_at.as_deref().unwrap_or_default()),
        ("reference", &booked.reference),
        ("key", &booked.idempotency_key),
    ])
}
