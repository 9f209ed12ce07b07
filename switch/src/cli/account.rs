//! `tollgate account`: accounts of a running node and the money put on them.

use std::io::Write;
use std::process::ExitCode;

use serde_json::json;
use units::Currency;
use web::{AccountDoc, MovedDoc, Page, TopUpDoc};

use super::client::segment;
use super::order::{Order, Shown, print_lines};
use super::terms::{Change, Grant, print_terms};
use super::{plain, statement, stdout, topups};

/// What can be done with accounts.
#[derive(clap::Subcommand)]
pub(crate) enum Ask {
    /// All accounts with their balances
    List(Shown),
    /// One account
    Show {
        /// Its name
        name: String,
        #[command(flatten)]
        shown: Shown,
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
        #[command(flatten)]
        order: Order,
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
        #[command(flatten)]
        order: Order,
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
    /// Opening, each movement with its cause and the balance after it, closing; added up and compared
    Statement(statement::Ask),
    /// Take the price of a service from an account, by the piece: all of it, or nothing if the money is not there
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
        order: Order,
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

/// Asks the node and prints what it says.
pub(crate) fn run(ask: &Ask) -> anyhow::Result<ExitCode> {
    match ask {
        Ask::List(shown) => {
            let accounts: Vec<AccountDoc> = shown.client()?.read_all("/accounts")?;
            shown.show(&Page { items: accounts, next: None }, |page| print_table(&page.items))?;
        }
        Ask::Show { name, shown } => {
            let account: AccountDoc = shown.client()?.read(&format!("/accounts/{}", segment(name)), &[])?;
            shown.show(&account, print_account)?;
        }
        Ask::Add { name, currency, deck, balance, order } => {
            let body = json!({ "name": name, "currency": currency.as_str(), "deck": deck, "balance": balance });
            order.carry_out("/accounts", &body, print_account)?;
        }
        Ask::Grant(grant) => grant.run()?,
        Ask::Change(change) => change.shown.show(&change.run()?, print_account)?,
        Ask::Topup { name, amount, reference, method, fee, pending, order } => {
            let state = if *pending { "pending" } else { "booked" };
            let body = json!({ "amount": amount, "reference": reference, "method": method, "fee": fee, "state": state });
            order.carry_out(&format!("/accounts/{}/topups", segment(name)), &body, print_top_up)?;
        }
        Ask::Topups(topups) => topups.run()?,
        Ask::Book { of, fee, order } => order.carry_out(&of.path("book"), &json!({ "fee": fee }), print_moved)?,
        Ask::Reject { of, cause, order } => order.carry_out(&of.path("reject"), &json!({ "cause": cause }), print_moved)?,
        Ask::Reverse { name, of, call, cause, order } => {
            let path = format!("/accounts/{}/reversals", segment(name));
            order.carry_out(&path, &json!({ "key": of, "call": call, "cause": cause }), print_moved)?;
        }
        Ask::Statement(statement) => statement.run()?,
        Ask::Charge { name, pieces, price, cause, order } => {
            let path = format!("/accounts/{}/charges", segment(name));
            order.carry_out(&path, &json!({ "pieces": pieces, "price": price, "cause": cause }), print_moved)?;
        }
        Ask::Correct { name, amount, reason, order } => {
            let path = format!("/accounts/{}/corrections", segment(name));
            order.carry_out(&path, &json!({ "amount": amount, "reason": reason }), print_moved)?;
        }
    }
    Ok(ExitCode::SUCCESS)
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

fn print_account(account: &AccountDoc) -> anyhow::Result<()> {
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
