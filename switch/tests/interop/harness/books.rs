//! Do balance, call records and ledger say the same? Amounts are computed anew here, from the contract and
//! nothing else.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::Value;

use super::{Api, Cdr, SOON, look_until, tollgate, units};

/// The books of one account.
pub struct Books<'a> {
    pub account: &'a str,
    /// What was there at first, 10⁻⁵ EUR.
    pub opening: i64,
    /// What was paid in since.
    pub paid_in: i64,
}

impl<'a> Books<'a> {
    /// An account that began with `opening`, as in the configuration.
    pub fn of(account: &'a str, opening: &str) -> Self {
        let (whole, places) = opening.split_once('.').unwrap_or((opening, ""));
        Self { account, opening: units(&format!("{whole}.{places:0<5}")), paid_in: 0 }
    }

    /// Everything that must hold when no call is up: no CDR twice, each with its right amount, each balance
    /// after the one before, nothing negative, nothing left leased, and the ledger whole.
    pub fn check(&self, api: &Api, data: &Path) {
        let all = self.at_rest(api);
        let ids: BTreeSet<&str> = all.iter().map(|cdr| cdr.text("id")).collect();
        assert_eq!(ids.len(), all.len(), "a CDR twice");
        let mut spent = 0;
        let mut balance = self.opening;
        for cdr in all.iter().filter(|cdr| cdr.text("account") == self.account) {
            check_amount(cdr);
            let (before, after) = (cdr.units("balance_before"), cdr.units("balance_after"));
            assert_eq!(before, after + cdr.units("amount"), "{cdr:?}");
            assert!(after >= 0, "a negative balance: {cdr:?}");
            if self.paid_in == 0 {
                assert_eq!(before, balance, "not the balance that the CDR before left: {cdr:?}");
            }
            balance = after;
            spent += cdr.units("amount");
        }
        let account = api.account(self.account);
        let field = |name: &str| units(account[name].as_str().unwrap());
        assert_eq!(field("balance"), self.opening + self.paid_in - spent, "{account}");
        assert_eq!(field("leased"), 0, "{account}");
        assert_eq!(field("available"), field("balance"), "{account}");
        verify_ledger(data);
    }

    /// All CDRs once no call is up and the balance is what they leave. Memory knows of an amount before the
    /// disk does, and a CDR is shown when the disk has it. Books that never come to rest are given back as
    /// they stand: the checks say what is wrong with them.
    fn at_rest(&self, api: &Api) -> Vec<Cdr> {
        let mut all = Vec::new();
        let _ = look_until(SOON, || {
            all = api.cdrs();
            let spent: i64 = all
                .iter()
                .filter(|cdr| cdr.text("account") == self.account)
                .map(|cdr| cdr.units("amount"))
                .sum();
            (api.calls().is_empty() && api.balance(self.account) == self.opening + self.paid_in - spent)
                .then_some(())
        });
        all
    }
}

/// `tollgate ledger verify`, which must find nothing; its document.
pub fn verify_ledger(data: &Path) -> Value {
    let output = tollgate(&["ledger", "verify", "--data", data.to_str().unwrap(), "--json"]);
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{}: {said}{}", output.status, String::from_utf8_lossy(&output.stderr));
    let found: Value = serde_json::from_str(&said).unwrap();
    assert_eq!(found["chain"], "ok", "{found}");
    let sums = found["sums"].as_object().unwrap();
    assert!(sums.values().all(|sum| sum == "0.00000"), "{found}");
    found
}

/// Increments a/b, connect fee, rounded once, half-up (the contract's reference, in whole numbers).
fn check_amount(cdr: &Cdr) {
    let (initial, increment) = (cdr.number("initial"), cdr.number("increment"));
    let seconds = (cdr.number("duration_ms") + 999) / 1_000;
    let answered = cdr.0["answered_at"].is_string() && seconds > 0;
    let further = (seconds - initial).max(0);
    let billed = if answered { initial + (further + increment - 1) / increment * increment } else { 0 };
    assert_eq!(cdr.number("billed_seconds"), billed, "{cdr:?}");
    let fee = if answered { cdr.units("connect_fee") } else { 0 };
    // (2·60·fee + 2·rate·billed + 60) / (2·60), all whole: half goes up.
    let amount = (120 * fee + 2 * cdr.units("rate") * billed + 60) / 120;
    assert_eq!(cdr.units("amount"), amount, "{cdr:?}");
}
