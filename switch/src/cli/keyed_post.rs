//! What commands against a running node share: how it is reached, how its answer is shown, and a key for what
//! moves money.

use std::io::Write;

use anyhow::{Context as _, anyhow};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::client::{Client, Reach, may_be_done};
use super::{plain, print_json, stdout};

/// How an answer is shown, and whose it is.
#[derive(clap::Args)]
pub(crate) struct Shown {
    /// One JSON document
    #[arg(long)]
    pub(super) json: bool,
    #[command(flatten)]
    reach: Reach,
}

/// What every order that moves money has.
#[derive(clap::Args)]
pub(crate) struct KeyedPost {
    /// Idempotency key: the same again does nothing; a random one if absent
    #[arg(long, value_name = "KEY")]
    key: Option<String>,
    #[command(flatten)]
    shown: Shown,
}

// === impl Shown ===

impl Shown {
    /// The node.
    pub(super) fn client(&self) -> anyhow::Result<Client> {
        self.reach.client()
    }

    /// As a document, or by `print`.
    pub(super) fn show<T: Serialize>(
        &self,
        document: &T,
        print: impl FnOnce(&T) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        if self.json { print_json(document) } else { print(document) }
    }
}

// === impl Order ===

impl KeyedPost {
    /// Sends it and shows the answer. If nobody knows whether it was done, says with which key to repeat it.
    pub(super) fn send<T: DeserializeOwned + Serialize>(
        &self,
        path: &str,
        body: &Value,
        print: impl FnOnce(&T) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        let key = self.key.clone().map_or_else(random_key, Ok)?;
        let done: T =
            self.shown.client()?.post(path, Some(&key), body).map_err(|error| match may_be_done(&error) {
                true => anyhow!("{error:#}. It may have been booked: to be sure, repeat with --key {key}"),
                false => error,
            })?;
        self.shown.show(&done, print)
    }
}

/// 128 random bits: each run is an order of its own.
fn random_key() -> anyhow::Result<String> {
    let mut random = [0_u8; 16];
    getrandom::fill(&mut random).context("no random bytes for an idempotency key; give --key")?;
    Ok(hex::encode(random))
}

/// One line each; what is empty is left out.
pub(super) fn print_lines(lines: &[(&str, &str)]) -> anyhow::Result<()> {
    let mut out = stdout();
    for (label, value) in lines.iter().filter(|(_, value)| !value.is_empty()) {
        writeln!(out, "{label:10} {}", plain(value))?;
    }
    out.flush()?;
    Ok(())
}
