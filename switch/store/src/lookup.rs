//! One call's record, found among those of its account; one movement by its key.

use ledger::{CallId, Key, Record, Transfer};
use units::{Name, Wall};

use crate::index::BLOCK;
use crate::{Reader, StoreError};

// Newest first: what is disputed is mostly young. The block still open is in no table.
const BLOCKS: &str = "SELECT block FROM cdr_account WHERE account = ?1 UNION SELECT max(seq) / ?2 FROM cdr ORDER BY block DESC";
const ROWS: &str = "SELECT e.seq, e.body FROM cdr c CROSS JOIN entry e ON e.seq = c.seq \
    WHERE c.seq >= ?1 AND c.seq < ?2 AND c.account = ?3 ORDER BY c.seq DESC";

// A movement's key is in its record as it is written; within a text the quotes would be escaped. Newest
// first: what is repeated is young.
const MONEY: &str =
    "SELECT seq, body FROM entry WHERE kind = 3 AND account = ?1 AND instr(body, ?2) > 0 ORDER BY seq DESC";

// What changes what calls cost: of an account, and of those below it. Both words are of records' kinds;
// within a text quotes are escaped.
const CHANGES: &str = "SELECT seq, body FROM entry WHERE kind = 3 AND account = ?1 \
        AND (instr(body, '\"reversed\":{') > 0 OR instr(body, '\"rerated\":{') > 0) \
    UNION ALL SELECT seq, body FROM entry WHERE kind = 3 AND account >= ?2 AND account < ?3 AND instr(body, '\"reversed\":{') > 0 \
    ORDER BY seq";

impl Reader {
    /// Shows the records that changed what calls cost an account after they were billed, in the journal's
    /// order.
    pub fn changes_of_calls(&self, account: &Name, mut take: impl FnMut(&Record)) -> Result<(), StoreError> {
        let (below, beyond) = (format!("{account}:"), format!("{account};"));
        let mut statement = self.conn.prepare_cached(CHANGES).map_err(|e| self.unreadable(e))?;
        let mut rows = statement.query((&**account, below, beyond)).map_err(|e| self.unreadable(e))?;
        while let Some(row) = rows.next().map_err(|e| self.unreadable(e))? {
            take(&self.decode(row)?.1);
        }
        Ok(())
    }

    /// The movement of an account that has this key, if it is durable and no call's; of several the newest.
    pub fn movement(&self, account: &Name, key: &Key) -> Result<Option<Transfer>, StoreError> {
        let found = self.booked(account, key)?;
        Ok(found
            .and_then(|record| record.transfers().into_iter().find(|transfer| transfer.key == *key).cloned()))
    }

    /// When that movement was booked.
    pub fn booked_at(&self, account: &Name, key: &Key) -> Result<Option<Wall>, StoreError> {
        Ok(self.booked(account, key)?.map(|record| record.at))
    }

    fn booked(&self, account: &Name, key: &Key) -> Result<Option<Record>, StoreError> {
        let written = serde_json::to_string(key).map_err(|e| self.damaged(1, &e.into()))?;
        let mut statement = self.conn.prepare_cached(MONEY).map_err(|e| self.unreadable(e))?;
        let mut rows =
            statement.query((&**account, format!("\"key\":{written}"))).map_err(|e| self.unreadable(e))?;
        while let Some(row) = rows.next().map_err(|e| self.unreadable(e))? {
            let (_, record) = self.decode(row)?;
            if record.transfers().iter().any(|transfer| transfer.key == *key) {
                return Ok(Some(record));
            }
        }
        Ok(None)
    }

    /// The record that ended a call, if it is durable and the account's.
    pub fn settled(&self, account: &Name, call: CallId) -> Result<Option<Record>, StoreError> {
        let found =
            self.body_of(account, call).map_err(|e| StoreError::sqlite("cannot read", &self.path, e))?;
        let Some((seq, body)) = found else { return Ok(None) };
        let record = Record::decode(&body).map_err(|e| self.damaged(seq, &e))?;
        Ok(record.cdr().is_some_and(|(id, _)| id == call).then_some(record))
    }

    fn body_of(&self, account: &Name, call: CallId) -> rusqlite::Result<Option<(u64, Vec<u8>)>> {
        let id = call.to_string();
        let snapshot = self.conn.unchecked_transaction()?;
        let mut blocks = snapshot.prepare_cached(BLOCKS)?;
        let mut rows_of = snapshot.prepare_cached(ROWS)?;
        let mut blocks = blocks.query((&**account, BLOCK))?;
        while let Some(block) = blocks.next()? {
            let Some(block) = block.get::<_, Option<u64>>(0)? else { continue };
            let start = block.saturating_mul(BLOCK);
            let mut rows = rows_of.query((start, start.saturating_add(BLOCK), &**account))?;
            while let Some(row) = rows.next()? {
                let body = row.get_ref(1)?.as_bytes()?;
                if body.windows(id.len()).any(|part| part == id.as_bytes()) {
                    return Ok(Some((row.get(0)?, body.to_vec())));
                }
            }
        }
        Ok(None)
    }
}
