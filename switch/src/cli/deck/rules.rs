//! What a new version of a deck changes beside its rows: currency, rounding, the times of periods.

use std::io::Write;

use rating::Deck;
use rating::deck::RuleChanges;
use serde::Serialize;
use units::Period;

use crate::cli::plain;

/// What is another; absent where nothing is.
#[derive(Serialize)]
pub(super) struct RulesDoc {
    #[serde(skip_serializing_if = "Option::is_none")]
    currency_change: Option<Pair>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rounding_change: Option<Pair>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    period_changes: Vec<PeriodLine>,
    /// The new order of periods that counts where two hold at once.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    period_order: Vec<String>,
}

#[derive(Serialize)]
struct Pair {
    old: String,
    new: String,
}

#[derive(Serialize)]
struct PeriodLine {
    period: String,
    #[serde(flatten)]
    times: Pair,
}

// === impl RulesDoc ===

impl RulesDoc {
    pub(super) fn of(old: &Deck, new: &Deck) -> Self {
        let RuleChanges { rounding, periods, order } = RuleChanges::of(old, new);
        let currency = || Pair { old: old.currency().to_string(), new: new.currency().to_string() };
        let period = |change: rating::deck::PeriodChange| PeriodLine {
            period: change.new.name().to_string(),
            times: Pair { old: times(&change.old), new: times(&change.new) },
        };
        Self {
            currency_change: (old.currency() != new.currency() && !old.is_empty()).then(currency),
            rounding_change: rounding
                .map(|(old, new)| Pair { old: old.word().to_owned(), new: new.word().to_owned() }),
            period_changes: periods.into_iter().map(period).collect(),
            period_order: order.iter().map(ToString::to_string).collect(),
        }
    }

    pub(super) fn print(&self, out: &mut impl Write) -> std::io::Result<()> {
        for (what, pair) in [("currency", &self.currency_change), ("rounding", &self.rounding_change)] {
            if let Some(Pair { old, new }) = pair {
                writeln!(out, "{what} {old} -> {new}, for every call")?;
            }
        }
        for PeriodLine { period, times: Pair { old, new } } in &self.period_changes {
            writeln!(out, "period   {}: {} -> {}", plain(period), plain(old), plain(new))?;
        }
        if !self.period_order.is_empty() {
            let order: Vec<String> = self.period_order.iter().map(|name| plain(name)).collect();
            writeln!(
                out,
                "order    where two periods hold at once the first of {} counts",
                order.join(", ")
            )?;
        }
        Ok(())
    }
}

/// As a configuration would say it: `mon tue 08:00-20:00 Europe/Madrid`.
fn times(period: &Period) -> String {
    const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
    let days: Vec<&str> = DAYS
        .iter()
        .enumerate()
        .filter(|(day, _)| period.days() & (1 << day) != 0)
        .map(|(_, name)| *name)
        .collect();
    let hour = |secs: u32| format!("{:02}:{:02}", secs / 3_600, secs / 60 % 60);
    let days = if days.len() == DAYS.len() { "daily".to_owned() } else { days.join(" ") };
    format!("{days} {}-{} {}", hour(period.from()), hour(period.until()), period.zone().name())
}
