//! A statement for people: a table that fits a terminal, or CSV with a title and a header.

use std::io::Write;

use serde::Serialize;
use web::{StatementBalanceDoc, StatementDoc};

use crate::cli::pages::seconds;
use crate::cli::table::{self, Table, Wide};
use crate::cli::{csv_out, plain, stdout};

const HEADER: &str = "entry,at,what,cause,pocket,amount,currency,balance,key";

/// All that came to and went from a balance: opening + credits − debits = closing.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(super) struct Turnover {
    #[serde(rename = "pocket")]
    pub(super) bucket: String,
    pub(super) currency: String,
    pub(super) credits: String,
    pub(super) debits: String,
}

/// Rows as they come.
pub(super) struct Sheet {
    title: String,
    table: Table,
    /// Lines of CSV, if that is wanted.
    csv: Option<Vec<String>>,
}

impl Sheet {
    pub(super) fn new(title: String, csv: bool, wide: Wide) -> Self {
        let columns = [
            table::text("at"),
            table::number("amount"),
            table::number("balance"),
            table::text(""),
            table::text("cause"),
            table::text("bucket").wide(),
            table::text("key").wide(),
            table::number("entry").wide(),
        ];
        Self { title, table: Table::new(&columns, wide), csv: csv.then(Vec::new) }
    }

    /// A page's movements, of the first one its opening too.
    pub(super) fn add(&mut self, page: &StatementDoc, is_first: bool) {
        if is_first {
            self.balances("opening", &page.opening);
        }
        for m in &page.movements {
            let entry = m.entry.to_string();
            match &mut self.csv {
                Some(lines) => lines.push(csv_out::line([
                    &*entry,
                    &*m.at,
                    &*m.purpose,
                    &*m.cause,
                    &*m.bucket,
                    &*m.amount,
                    &*m.currency,
                    &*m.balance,
                    &*m.key,
                ])),
                None => {
                    let cause = if m.bucket.is_empty() {
                        m.cause.clone()
                    } else {
                        format!("{}: {}", m.bucket, m.cause)
                    };
                    let at = seconds(&m.at);
                    self.table.row([
                        &*at,
                        &*m.amount,
                        &*m.balance,
                        &*m.currency,
                        &*cause,
                        &*m.bucket,
                        &*m.key,
                        &*entry,
                    ]);
                }
            }
        }
    }

    fn balances(&mut self, word: &str, all: &[StatementBalanceDoc]) {
        for b in all {
            match &mut self.csv {
                Some(lines) => lines.push(csv_out::line([
                    "",
                    "",
                    word,
                    "",
                    &*b.bucket,
                    "",
                    &*b.currency,
                    &*b.balance,
                    "",
                ])),
                None => self.table.row([word, "", &*b.balance, &*b.currency, &*b.bucket]),
            }
        }
    }

    /// The end: all that came and went, and the closing.
    pub(super) fn print(
        mut self,
        turnover: &[Turnover],
        closing: &[StatementBalanceDoc],
    ) -> anyhow::Result<()> {
        for sum in turnover {
            for (word, amount) in [("came", sum.credits.clone()), ("went", negative(&sum.debits))] {
                match &mut self.csv {
                    Some(lines) => lines.push(csv_out::line([
                        "",
                        "",
                        word,
                        "",
                        &*sum.bucket,
                        &*amount,
                        &*sum.currency,
                        "",
                        "",
                    ])),
                    None => self.table.row([word, &*amount, "", &*sum.currency, &*sum.bucket]),
                }
            }
        }
        self.balances("closing", closing);
        let mut out = stdout();
        let Some(lines) = self.csv else {
            writeln!(out, "{}", plain(&self.title))?;
            out.flush()?;
            drop(out);
            return self.table.print();
        };
        writeln!(out, "{}\n{HEADER}", csv_out::line([&*self.title]))?;
        for line in lines {
            writeln!(out, "{line}")?;
        }
        Ok(out.flush()?)
    }
}

fn negative(sum: &str) -> String {
    if sum.bytes().all(|b| matches!(b, b'0' | b'.')) { sum.to_owned() } else { format!("-{sum}") }
}
