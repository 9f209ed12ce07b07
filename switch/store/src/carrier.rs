//! What carriers charge, from the journal: the cost of calls that ended with them, and of answers that came
//! too late.

use ledger::{CallId, Purpose, Record, RecordBody, Transfer};
use serde::Deserialize;
use units::{Money, Name, Wall};

use crate::{Reader, StoreError};

/// Entries looked through in one page at most.
const LOOK_MAX: u64 = 65_536;
// Records of calls, and of costs that no call's record has: kinds 1 and 0.
const ROWS: &str = "SELECT seq, body FROM entry WHERE seq > ?1 AND seq <= ?2 AND kind IN (0, 1) AND instr(body, ?3) > 0 ORDER BY seq";

/// Charges, and where the next page begins.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ChargePage {
    /// Oldest first.
    pub rows: Vec<ChargeRow>,
    /// Cursor for the next page, if there may be more now. A page may be short.
    pub next: Option<u64>,
}

/// One charge of a carrier.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChargeRow {
    /// Number of its entry.
    pub entry: u64,
    /// When it was booked.
    pub at: Wall,
    /// For which call.
    pub call: CallId,
    /// Whose call.
    pub account: Name,
    /// Called number; empty of a late answer.
    pub called_e164: String,
    /// Answered time as billed to the account, ms.
    pub duration_ms: u64,
    /// What the carrier charges.
    pub amount: Money,
}

/// What a call record says of its carrier.
#[derive(Deserialize, Default)]
#[serde(default)]
struct CarrierWords {
    carrier: Option<String>,
    called_e164: String,
    duration_ms: u64,
}

impl Reader {
    /// Up to `limit` charges of `carrier` after entry `after`. Only durable ones are ever seen.
    pub fn carrier_charges(
        &self,
        carrier: &Name,
        after: u64,
        limit: usize,
    ) -> Result<ChargePage, StoreError> {
        let last = self.last()?;
        let after = after.min(i64::MAX as u64 - LOOK_MAX - 1);
        let upto = last.min(after + LOOK_MAX);
        let mut page = ChargePage { rows: Vec::new(), next: (upto < last).then_some(upto) };
        let Ok(written) = serde_json::to_string(&**carrier) else { return Ok(page) };
        let mut statement = self.conn.prepare_cached(ROWS).map_err(|e| self.unreadable(e))?;
        let mut rows = statement.query((after, upto, written)).map_err(|e| self.unreadable(e))?;
        while let Some(row) = rows.next().map_err(|e| self.unreadable(e))? {
            let (entry, record) = self.decode(row)?;
            let charges = charges(carrier, entry, &record);
            if page.rows.len() + charges.len() > limit && !page.rows.is_empty() {
                page.next = Some(entry - 1);
                break;
            }
            page.rows.extend(charges);
        }
        Ok(page)
    }
}

fn charges(carrier: &Name, entry: u64, record: &Record) -> Vec<ChargeRow> {
    let (call, words, transfers): (CallId, CarrierWords, &[Transfer]) = match &record.body {
        RecordBody::Settled(settled) => {
            let words: CarrierWords = serde_json::from_str(settled.cdr.get()).unwrap_or_default();
            if words.carrier.as_deref() != Some(&**carrier) {
                return Vec::new();
            }
            (settled.call, words, &settled.transfers)
        }
        RecordBody::CostBooked(booked) if booked.carrier == *carrier => {
            (booked.call, CarrierWords::default(), &booked.transfers)
        }
        _ => return Vec::new(),
    };
    let costs = transfers.iter().filter(|transfer| transfer.purpose == Purpose::CarrierCost);
    let row = |transfer: &Transfer| ChargeRow {
        entry,
        at: record.at,
        call,
        account: record.account.clone(),
        called_e164: words.called_e164.clone(),
        duration_ms: words.duration_ms,
        amount: transfer.amount,
    };
    costs.map(row).collect()
}
