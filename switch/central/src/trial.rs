//! The trial balance over all nodes.

use ledger::{SystemAccount, TrialBalance, TrialLine};
use tokio_postgres::Transaction;
use units::Currency;

use crate::failed::Failed;
use crate::journal::{END, End};
use crate::rows::damaged;

/// All balances, and the end of the central journal, of one moment: up to that end, if it is not behind, they
/// are the sum of its entries.
pub(crate) async fn balance(tx: &Transaction<'_>) -> Result<(TrialBalance, End), Failed> {
    const LINE: &str = "CASE WHEN pocket_of IS NULL THEN 'customers' ELSE 'pockets' END";
    let text = format!(
        "WITH fin (place, behind) AS ({END}) \
         SELECT currency, house, CAST(SUM(balance) AS BIGINT), CAST(0 AS BIGINT), CAST(0 AS BIGINT), FALSE FROM house \
         GROUP BY currency, house \
         UNION ALL SELECT currency, {LINE}, CAST(SUM(posted) AS BIGINT), CAST(SUM(held) AS BIGINT), CAST(0 AS BIGINT), FALSE FROM account \
         GROUP BY currency, {LINE} \
         UNION ALL SELECT '', '', CAST(0 AS BIGINT), CAST(0 AS BIGINT), place, behind FROM fin"
    );
    let (mut trial, mut end) = (TrialBalance::default(), End::default());
    for row in tx.query(&text, &[]).await? {
        let (currency, word): (&str, &str) = (row.try_get(0)?, row.try_get(1)?);
        if word.is_empty() {
            end = End { place: row.try_get::<_, i64>(4)?.cast_unsigned(), behind: row.try_get(5)? };
            continue;
        }
        let currency: Currency = currency.parse().map_err(|e: units::MoneyError| damaged(&e))?;
        let (posted, held): (i64, i64) = (row.try_get(2)?, row.try_get(3)?);
        trial.add(currency, line(word)?, i128::from(posted) - i128::from(held));
        trial.add(currency, TrialLine::Leases, i128::from(held));
    }
    Ok((trial, end))
}

fn line(word: &str) -> Result<TrialLine, Failed> {
    match word {
        "customers" => Ok(TrialLine::Customers),
        "pockets" => Ok(TrialLine::Buckets),
        system_account => {
            let known = SystemAccount::ALL.into_iter().find(|known| known.name() == system_account);
            known
                .map(TrialLine::SystemAccount)
                .ok_or_else(|| damaged(&format_args!("{system_account} is no house account")))
        }
    }
}
