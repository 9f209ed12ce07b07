//! `tollgate account statement`: page after page as it comes, and added up once more here: opening +
//! movements = closing, exactly.

mod sheet;

use std::collections::BTreeMap;
use std::io::Write;

use anyhow::{Context as _, bail};
use serde_json::json;
use units::{Currency, Money, Wall};
use web::{StatementBalanceDoc, StatementDoc};

use super::client::segment;
use super::keyed_post::Shown;
use super::table::Wide;
use super::{stdout, when};
use sheet::{Sheet, Turnover};

/// Movements asked for at once.
const PAGE_ROWS: &str = "10000";

/// Arguments.
#[derive(clap::Args)]
pub(crate) struct Ask {
    /// The account's name
    name: String,
    /// Dated at or after, RFC 3339 or a date (its first moment, UTC)
    #[arg(long, value_name = "TIME", value_parser = when::moment)]
    from: Option<Wall>,
    /// Dated before, RFC 3339 or a date
    #[arg(long, value_name = "TIME", value_parser = when::moment)]
    to: Option<Wall>,
    /// CSV with a title and a header
    #[arg(long, conflicts_with = "json")]
    csv: bool,
    #[command(flatten)]
    wide: Wide,
    #[command(flatten)]
    shown: Shown,
}

/// A bucket (empty: the account's own money) and its currency.
type Place = (String, String);

/// What was printed so far, 10⁻⁵ units.
#[derive(Default)]
struct Tally {
    /// After it.
    balances: BTreeMap<Place, i64>,
    /// Sums of what came and of what went.
    turnover: BTreeMap<Place, (i64, i64)>,
}

// === impl Ask ===

impl Ask {
    /// Prints all pages. An error if they do not add up.
    pub(super) fn run(&self) -> anyhow::Result<()> {
        let client = self.shown.client()?;
        let path = format!("/accounts/{}/statement", segment(&self.name));
        let (mut out, mut tally) = (stdout(), None);
        let (from, to) = (self.from.map(Wall::rfc3339), self.to.map(Wall::rfc3339));
        let mut cursor: Option<String> = None;
        let mut sheet = self.sheet();
        loop {
            let given = [("from", &from), ("to", &to), ("cursor", &cursor)];
            let mut query: Vec<(&str, &str)> =
                given.into_iter().filter_map(|(name, value)| Some((name, value.as_deref()?))).collect();
            query.push(("limit", PAGE_ROWS));
            let page: StatementDoc = client.read(&path, &query)?;
            let is_first = tally.is_none();
            let sum = tally.get_or_insert_with(Tally::default);
            sum.add_page(&page, is_first)?;
            match &mut sheet {
                Some(sheet) => sheet.add(&page, is_first),
                None => self.print_json(&mut out, &page, is_first)?,
            }
            match page.next {
                Some(next) if cursor.as_ref() != Some(&next) => cursor = Some(next),
                Some(_) => bail!("the node gave the same page twice"),
                None => {
                    let turnover = sum.turnover()?;
                    return match sheet {
                        Some(sheet) => sheet.print(&turnover, &page.closing),
                        None => Ok(writeln!(
                            out,
                            "\n],\"turnover\":{},\"closing\":{}}}",
                            json!(turnover),
                            json!(page.closing)
                        )?),
                    };
                }
            }
        }
    }

    fn print_json(&self, out: &mut impl Write, page: &StatementDoc, is_first: bool) -> anyhow::Result<()> {
        if is_first {
            write!(
                out,
                "{{\"account\":{},\"opening\":{},\"movements\":[",
                json!(page.account),
                json!(page.opening)
            )?;
        }
        for (at, movement) in page.movements.iter().enumerate() {
            let comma = if is_first && at == 0 { "" } else { "," };
            write!(out, "{comma}\n{}", json!(movement))?;
        }
        Ok(())
    }

    /// Where rows for people go; none for JSON.
    fn sheet(&self) -> Option<Sheet> {
        let from = self.from.map_or_else(|| "the beginning".to_owned(), Wall::rfc3339);
        let to = self.to.map_or_else(|| "now".to_owned(), Wall::rfc3339);
        let title = format!("Statement of {}, from {from} to {to}", self.name);
        (!self.shown.json).then(|| Sheet::new(title, self.csv, self.wide))
    }
}

// === impl Tally ===

impl Tally {
    /// A page must open with what was there, each movement must lead to its balance, and all of them to the
    /// closing.
    fn add_page(&mut self, page: &StatementDoc, is_first: bool) -> anyhow::Result<()> {
        if is_first {
            self.balances = balances(&page.opening)?;
        } else {
            self.must_be(&page.opening, "a page does not open with what the page before closed with")?;
        }
        for m in &page.movements {
            let (place, amount) = ((m.bucket.clone(), m.currency.clone()), units(&m.amount, &m.currency)?);
            let (credits, debits) = self.turnover.entry(place.clone()).or_default();
            let side = if amount < 0 { debits } else { credits };
            *side = side.checked_add(amount.saturating_abs()).context("out of range")?;
            let balance = self.balances.entry(place).or_default();
            *balance = balance.checked_add(amount).context("out of range")?;
            if *balance != units(&m.balance, &m.currency)? {
                bail!(
                    "entry {} does not lead from the balance before it to {} {}: do not trust this statement",
                    m.entry,
                    m.balance,
                    m.currency
                );
            }
        }
        self.must_be(&page.closing, "opening and movements do not make the closing")
    }

    fn turnover(&self) -> anyhow::Result<Vec<Turnover>> {
        let sum = |((bucket, currency), (credits, debits)): (&Place, &(i64, i64))| {
            let [credits, debits] = [credits, debits]
                .map(|sum| Ok::<_, anyhow::Error>(Money::of(*sum, currency.parse()?).to_string()));
            Ok(Turnover {
                bucket: bucket.clone(),
                currency: currency.clone(),
                credits: credits?,
                debits: debits?,
            })
        };
        self.turnover.iter().map(sum).collect()
    }

    fn must_be(&self, told: &[StatementBalanceDoc], otherwise: &str) -> anyhow::Result<()> {
        let told = balances(told)?;
        let all = self.balances.keys().chain(told.keys());
        for place in all {
            let [ours, theirs] =
                [&self.balances, &told].map(|balances| balances.get(place).copied().unwrap_or_default());
            if ours != theirs {
                let (bucket, currency) = place;
                bail!(
                    "{otherwise}: {bucket:?} in {currency} differs by {} units of 1e-5",
                    theirs.saturating_sub(ours)
                );
            }
        }
        Ok(())
    }
}

fn balances(told: &[StatementBalanceDoc]) -> anyhow::Result<BTreeMap<Place, i64>> {
    told.iter()
        .map(|b| Ok(((b.bucket.clone(), b.currency.clone()), units(&b.balance, &b.currency)?)))
        .collect()
}

fn units(text: &str, currency: &str) -> anyhow::Result<i64> {
    let currency: Currency = currency.parse()?;
    Ok(Money::parse(text, currency)?.amount)
}

#[cfg(test)]
mod tests {
    use super::*;
    use web::MovementDoc;

    fn balance(bucket: &str, currency: &str, balance: &str) -> StatementBalanceDoc {
        StatementBalanceDoc {
            bucket: bucket.to_owned(),
            currency: currency.to_owned(),
            balance: balance.to_owned(),
        }
    }

    fn movement(bucket: &str, currency: &str, amount: &str, balance: &str) -> MovementDoc {
        let [at, key, purpose, cause] = [(); 4].map(|()| String::new());
        let [bucket, currency, amount, balance] = [bucket, currency, amount, balance].map(str::to_owned);
        MovementDoc { entry: 7, at, key, purpose, cause, bucket, amount, currency, balance }
    }

    fn page(opening: &str, movements: Vec<MovementDoc>, closing: &str) -> StatementDoc {
        let minutes =
            movements.iter().rev().find(|m| m.currency == "SEC").map(|m| balance("free", "SEC", &m.balance));
        let closing = std::iter::once(balance("", "EUR", closing)).chain(minutes).collect();
        StatementDoc {
            account: "acme".to_owned(),
            opening: vec![balance("", "EUR", opening)],
            movements,
            closing,
            next: None,
        }
    }

    #[test]
    fn every_page_is_added_up_for_money_and_for_minutes() {
        let good = page(
            "1.00000",
            vec![movement("", "EUR", "-0.25000", "0.75000"), movement("free", "SEC", "60.00000", "60.00000")],
            "0.75000",
        );
        let mut tally = Tally::default();
        tally.add_page(&good, true).expect("adds up");
        let turnover = tally.turnover().expect("in range");
        let told: Vec<_> =
            turnover.iter().map(|sum| (&*sum.bucket, &*sum.currency, &*sum.credits, &*sum.debits)).collect();
        assert_eq!(told, [("", "EUR", "0.00000", "0.25000"), ("free", "SEC", "60.00000", "0.00000")]);
        tally.add_page(&page("0.75000", vec![], "0.75000"), false).expect_err("60 seconds are missing");

        for (what, opening, amount, after, closing) in [
            ("a movement that leads elsewhere", "1.00000", "-0.25000", "0.75001", "0.75000"),
            ("a closing that is another", "1.00000", "-0.25000", "0.75000", "0.75001"),
            ("an opening that is another", "1.00001", "-0.25000", "0.75000", "0.75000"),
            ("no amount", "1.00000", "x", "0.75000", "0.75000"),
        ] {
            let bad = page(opening, vec![movement("", "EUR", amount, after)], closing);
            assert!(Tally::default().add_page(&bad, true).is_err(), "{what}");
        }
        let mut tally = Tally::default();
        tally.add_page(&page("1.00000", vec![], "1.00000"), true).expect("adds up");
        assert!(
            tally.add_page(&page("1.00001", vec![], "1.00001"), false).is_err(),
            "a page in between is missing"
        );
    }
}
