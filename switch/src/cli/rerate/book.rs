//! `tollgate rerate --book`: the node books the difference between what each call costs its account now and
//! what it is to cost.
//!
//! Invariant: what is booked follows from the state alone. Whatever came between (reversals, earlier
//! corrections, an overlapping period, another list), the same run again finds nothing that differs.

use std::collections::{BTreeMap, BTreeSet};
use std::process::ExitCode;

use rating::Cdr;
use rating::rerate::{CallCost, Repricing};
use serde_json::{Value, json};
use units::{Currency, Money, Name};

use super::ask::Ask;
use super::corrections::{Correction, Period, by, text};
use super::prices::Prices;
use crate::cli::client::{Client, segment};
use crate::cli::instant;

/// Calls in one request, so that its body stays well below what the node takes.
const CALLS_MAX: usize = 400;
/// What the API takes as a reason, in characters.
const REASON_CHARS_MAX: usize = 200;

/// What calls were billed and are to cost, by account.
#[derive(Default)]
pub(super) struct Booking {
    accounts: BTreeMap<(Name, Currency), Vec<CallCost>>,
    /// Records may overlap; each call counts once.
    seen: BTreeSet<String>,
}

// === impl Booking ===

impl Booking {
    /// Takes one record; `only` this account's part of it, if that is said.
    pub(super) fn add(&mut self, cdr: &Cdr, by: &Repricing, only: Option<&str>) -> anyhow::Result<()> {
        if !self.seen.insert(cdr.id.clone()) {
            return Ok(());
        }
        for (account, currency, cost) in
            by.costs(cdr).filter(|(account, ..)| only.is_none_or(|only| only == &***account))
        {
            self.accounts.entry((account.clone(), currency)).or_default().push(cost);
        }
        Ok(())
    }

    /// Books all of it. `wanted` is what the records alone ask for: an account in it that needs nothing any
    /// more has its correction.
    pub(super) fn post(
        self,
        ask: &Ask,
        wanted: &[Correction],
        prices: &Prices,
        period: Period,
    ) -> anyhow::Result<ExitCode> {
        let client = ask.reach.client()?;
        let run = format!("rerate/{}/{:x}", prices.by.version(), instant(None)?.0);
        let mut corrected: BTreeSet<String> =
            wanted.iter().map(|correction| correction.account.clone()).collect();
        let mut failed = BTreeSet::new();
        for ((account, currency), calls) in &self.accounts {
            let said = wanted
                .iter()
                .find(|correction| *correction.account == **account)
                .map(|correction| correction.reason.clone());
            let reason = said.unwrap_or_else(|| {
                format!("calls from {} to {} re-rated by {}", text(period.from), text(period.to), by(prices))
            });
            let reason: String = reason.chars().take(REASON_CHARS_MAX).collect();
            for (nth, calls) in calls.chunks(CALLS_MAX).enumerate() {
                match post(&client, account, *currency, calls, &reason, &format!("{run}/{nth}")) {
                    Ok(false) => {}
                    Ok(true) => _ = corrected.insert(account.to_string()),
                    Err(error) => {
                        corrected.insert(account.to_string());
                        failed.insert(account.to_string());
                        eprintln!("not booked: {account}, {} calls: {error:#}", calls.len());
                    }
                }
            }
        }
        eprintln!("{} of {} corrections are booked", corrected.len() - failed.len(), corrected.len());
        Ok(if failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

/// True if something differed.
fn post(
    client: &Client,
    account: &str,
    currency: Currency,
    calls: &[CallCost],
    reason: &str,
    key: &str,
) -> anyhow::Result<bool> {
    let money = |amount| Money::of(amount, currency).to_string();
    let row = |call: &CallCost| json!({"call": call.call.to_string(), "billed": money(call.billed), "cost": money(call.cost)});
    let calls: Vec<Value> = calls.iter().map(row).collect();
    let body = json!({"reason": reason, "currency": currency.to_string(), "calls": calls});
    let moved: Value =
        client.post(&format!("/accounts/{}/corrections", segment(account)), Some(key), &body)?;
    Ok(moved.get("amount").and_then(Value::as_str) != Some(money(0).as_str()))
}
