//! Where the pages of CDRs come from. The journal's reader implements [`CdrSource`]; tests bring their own.
//! Invariant: only durable records are ever shown, in journal order.

use serde::Deserialize;
use serde_json::value::RawValue;
use units::Wall;

/// Which CDRs a page holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CdrFilter {
    /// Of this account only.
    pub account: Option<String>,
    /// `ended_at` at this instant or later.
    pub from: Option<Wall>,
    /// `ended_at` before this instant.
    pub to: Option<Wall>,
    /// Whose called or calling number is this or begins with it: digits without `+`.
    pub number: Option<String>,
    /// Tried or carried by this carrier.
    pub carrier: Option<String>,
    /// Call-ID of either leg, or the record's own id.
    pub call_id: Option<String>,
    /// `sip_status`.
    pub status: Option<u16>,
    /// The newest first; the cursor then goes back.
    pub newest_first: bool,
    /// After this journal position; before it where the newest are first.
    pub after: Option<u64>,
    /// At most so many rows, 1–10,000.
    pub limit: usize,
}

/// What a filter looks at inside of a record.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Inside {
    id: String,
    caller: String,
    called: String,
    called_e164: String,
    carrier: Option<String>,
    call_id_a: String,
    call_id_b: Option<String>,
    sip_status: Option<u16>,
    attempts: Vec<Tried>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Tried {
    carrier: String,
}

impl CdrFilter {
    /// Whether records have to be read to be judged.
    pub fn looks_inside(&self) -> bool {
        self.number.is_some() || self.carrier.is_some() || self.call_id.is_some() || self.status.is_some()
    }

    /// Whether a record, as its JSON document, has the number, carrier, Call-ID and status that are asked
    /// for.
    pub fn takes(&self, record: &str) -> bool {
        let Ok(inside) = serde_json::from_str::<Inside>(record) else { return false };
        let digits = |text: &str| text.chars().filter(char::is_ascii_digit).collect::<String>();
        let has_number = |number: &String| {
            inside.called_e164.starts_with(number)
                || digits(&inside.called).starts_with(number)
                || digits(&inside.caller).starts_with(number)
        };
        let has_carrier = |carrier: &String| {
            inside.carrier.as_ref() == Some(carrier)
                || inside.attempts.iter().any(|attempt| attempt.carrier == *carrier)
        };
        let has_call_id = |id: &String| {
            inside.id == *id || inside.call_id_a == *id || inside.call_id_b.as_ref() == Some(id)
        };
        self.number.as_ref().is_none_or(has_number)
            && self.carrier.as_ref().is_none_or(has_carrier)
            && self.call_id.as_ref().is_none_or(has_call_id)
            && self.status.is_none_or(|status| inside.sip_status == Some(status))
    }
}

/// One page, as stored.
#[derive(Debug, Default)]
pub struct CdrRows {
    /// Each CDR as its JSON document.
    pub items: Vec<Box<RawValue>>,
    /// Journal position to go on after; `None` if there was nothing more at that moment.
    pub next: Option<u64>,
}

/// The journal could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("CDRs cannot be read: {0}")]
pub struct SourceError(pub String);

/// Reads CDRs from the disk. It blocks, so it is called away from the threads that serve requests.
pub trait CdrSource: Send + Sync + 'static {
    /// One page.
    fn page(&self, filter: &CdrFilter) -> Result<CdrRows, SourceError>;
    /// One page of notices, each a [`crate::documents::NoticeDoc`]; the filter's times are those at which
    /// they were made.
    fn notices(&self, filter: &CdrFilter) -> Result<CdrRows, SourceError>;
}
