//! Which node tells customers of a new price list: the first that has it in force. All nodes read the same
//! configuration, and one mail is enough.

use tokio_postgres::Transaction;
use units::Name;

use crate::failed::Failed;

/// A price list that came into force on a node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Claim {
    pub(crate) deck: Name,
    /// Hash of the version.
    pub(crate) version: Name,
    /// Who asks.
    pub(crate) node: Name,
}

/// Whether it is for the one who asks to tell of it; asked again, the answer is the same until another
/// version is claimed.
pub(crate) async fn claim(tx: &Transaction<'_>, claim: &Claim) -> Result<bool, Failed> {
    let Claim { deck, version, node } = claim;
    // Whoever inserts first has it; the others wait here for his commit.
    let made = "INSERT INTO told (deck, version, node) VALUES ($1, $2, $3) ON CONFLICT (deck) DO NOTHING";
    if tx.execute(made, &[&&**deck, &&**version, &&**node]).await? == 1 {
        return Ok(true);
    }
    let row = tx.query_one("SELECT version, node FROM told WHERE deck = $1 FOR UPDATE", &[&&**deck]).await?;
    let (told, by): (&str, &str) = (row.try_get(0)?, row.try_get(1)?);
    if *told == **version {
        return Ok(*by == **node);
    }
    tx.execute("UPDATE told SET version = $2, node = $3 WHERE deck = $1", &[&&**deck, &&**version, &&**node])
        .await?;
    Ok(true)
}
