//! The JSON documents of the API, shared by the server and the command line. Money is a string with five
//! decimals, times are RFC 3339 UTC with milliseconds; a field is never removed or given another meaning.

mod books;
mod node;
mod trace;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

pub use books::{
    MovementDoc, PaymentDoc, PeriodDoc, StatementBalanceDoc, StatementDoc, TrialBalanceDoc, TrialLineDoc,
};
pub use node::{
    BanDoc, CarrierChargeDoc, CarrierDoc, CarrierRegistrationDoc, CarrierStatementDoc, DrainDoc, GateDoc,
    LogDoc, RegistrationDoc, ReloadDoc, RouteCarrierDoc, RouteDoc, RouteLeaseDoc, RouteLeftDoc,
    RouteNumberDoc, RoutePriceDoc, RouteRefusedDoc,
};
pub use trace::{TraceDoc, TraceLegDoc, TraceMessageDoc, TraceNextDoc, TraceWaitingDoc};
use units::{Period, Rounding};

/// One page of a list. `next` is the cursor of the following page, `null` on the last one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Page<T> {
    /// The rows, in the list's own order.
    pub items: Vec<T>,
    /// Opaque; give it back as `cursor`.
    pub next: Option<String>,
}

/// A prepaid account and what it holds now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountDoc {
    /// Unique in the node.
    pub name: String,
    /// ISO 4217 code.
    pub currency: String,
    /// Posted money.
    pub balance: String,
    /// Reserved by live calls; it is still part of `balance`.
    pub leased: String,
    /// `balance` − `leased`.
    pub available: String,
    /// Name of the deck that prices this account's calls.
    pub deck: String,
    /// `active`, `suspended` (no new calls) or `closed`.
    #[serde(default = "active")]
    pub status: String,
    /// When it was opened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub opened_at: Option<String>,
    /// Calls that hold a lease now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub live_calls: Option<u64>,
    /// What it calls by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub terms: Option<TermsDoc>,
    /// Promotional and test credit and minutes, in the order in which calls use them.
    #[serde(default)]
    #[serde(rename = "pockets")]
    pub buckets: Vec<BucketDoc>,
}

fn active() -> String {
    "active".to_owned()
}

/// An account's terms.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TermsDoc {
    /// Its price lists: the first that prices a number is taken.
    pub decks: Vec<String>,
    /// `block`, `warn` or `off`.
    pub profit_guard: String,
    /// The owner is told below this.
    pub low_balance: Option<String>,
    /// The balance ends so many days after the last payment or paid usage.
    pub idle_days: Option<u32>,
    /// The same in calendar months.
    #[serde(default)]
    pub idle_months: Option<u32>,
    /// By whose clocks days begin and end; UTC if absent.
    #[serde(default)]
    pub zone: Option<String>,
    /// When that would be.
    pub idle_end: Option<String>,
    /// Where notices go.
    pub email: Option<String>,
    /// In which language.
    pub language: Option<String>,
    /// How far below zero calls may take the balance.
    pub credit: String,
}

/// A part of an account with a kind, an order and an end of its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BucketDoc {
    /// Unique within the account.
    pub name: String,
    /// `minutes`, `test` or `promo`.
    pub kind: String,
    /// Posted: money, or seconds with five places.
    pub left: String,
    /// Reserved by live calls; it is still part of `left`.
    pub leased: String,
    /// ISO 4217 code, or `SEC`.
    pub currency: String,
    /// Among those of a kind the lower goes first.
    pub priority: u8,
    /// The destinations that it pays for; all if empty.
    pub prefixes: Vec<String>,
    /// From when on.
    pub valid_from: Option<String>,
    /// Until when.
    pub expires_at: Option<String>,
}

/// Credit or minutes given to a bucket, as booked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GrantDoc {
    /// The account, by its name.
    pub account: String,
    /// Which bucket.
    #[serde(rename = "pocket")]
    pub bucket: String,
    /// `minutes`, `test` or `promo`.
    pub kind: String,
    /// What was given: money, or seconds with five places.
    pub amount: String,
    /// ISO 4217 code, or `SEC`.
    pub currency: String,
    /// Posted in the bucket right after it.
    pub left: String,
    /// The operator's own words.
    pub reference: String,
    /// The client's key; the same key again gives nothing.
    pub idempotency_key: String,
    /// When it was booked, if the books say so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub booked_at: Option<String>,
}

/// A deck that the node has loaded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeckDoc {
    /// As configured.
    pub name: String,
    /// ISO 4217 code.
    pub currency: String,
    /// Hash of its content, 16 hex digits.
    pub version: String,
    /// How many rows.
    pub rows: u64,
    /// Which way amounts are rounded.
    #[serde(default)]
    pub rounding: Rounding,
    /// Parts of the week that rows may name; where two hold at once the first counts.
    #[serde(default)]
    pub periods: Vec<DeckPeriodDoc>,
}

/// A part of the week that rows of a deck may name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeckPeriodDoc {
    /// As rows name it.
    pub name: String,
    /// Whose clocks count, as the tz database calls it.
    pub zone: String,
    /// Bit 0 is Monday: the days on which it begins.
    pub days: u8,
    /// Seconds after midnight.
    pub from: u32,
    /// Seconds after midnight, exclusive; at or before `from` it is on the next day.
    pub until: u32,
}

/// A version of a deck that was in force once and is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeckVersionDoc {
    /// Hash of its content, 16 hex digits.
    pub version: String,
    /// When it came into force.
    pub since: String,
    /// ISO 4217 code.
    pub currency: String,
    /// How many rows.
    pub rows: u64,
}

impl DeckPeriodDoc {
    /// As a deck has it.
    pub fn of(period: &Period) -> Self {
        Self {
            name: period.name().to_string(),
            zone: period.zone().name().to_string(),
            days: period.days(),
            from: period.from(),
            until: period.until(),
        }
    }
}

/// Money put on an account, as booked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TopUpDoc {
    /// The account topped up.
    pub account: String,
    /// What was added.
    pub amount: String,
    /// ISO 4217 code.
    pub currency: String,
    /// The payer's own words: an invoice or payment number.
    pub reference: String,
    /// The client's key; the same key again books nothing.
    pub idempotency_key: String,
    /// Posted balance before this top-up.
    pub balance_before: String,
    /// Posted balance after this top-up.
    pub balance_after: String,
    /// When it was booked, if the books say so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub booked_at: Option<String>,
    /// `booked`, or `pending` if it is only announced.
    pub state: String,
    /// How the customer paid.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// What the bank kept of the amount.
    pub fee: String,
    /// What the account got.
    pub net: String,
    /// After this an announced payment is late.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due_at: Option<String>,
}

/// A movement made by hand, as booked: a correction, a reversal, a word on an announced payment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MovedDoc {
    /// Whose balance.
    pub account: String,
    /// What the account got; negative if it paid.
    pub amount: String,
    /// ISO 4217 code.
    pub currency: String,
    /// The key of the movement, or the id of the call, that this is the next word on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub of: Option<String>,
    /// Why, in the operator's words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
    /// The client's key; the same key again moves nothing.
    pub idempotency_key: String,
    /// Posted balance before.
    pub balance_before: String,
    /// Posted balance after.
    pub balance_after: String,
    /// When, if the books say so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub booked_at: Option<String>,
}

/// Something that an account's owner was told, or would have been with an address.
#[derive(Debug, Clone, Serialize)]
pub struct NoticeDoc {
    /// Number of its journal entry; a mail's `Message-ID` begins with the node's name and this.
    pub entry: u64,
    /// When it was made.
    pub at: String,
    /// To whom.
    pub account: String,
    /// As journaled: `to`, `language` and `event`.
    pub notice: Box<RawValue>,
}

/// The recording of a call in progress.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordingDoc {
    /// Name of its file, as in the CDR to come; none if it has none.
    pub recording: Option<String>,
}

/// A call in progress.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallDoc {
    /// The same `id` as in the CDR to come.
    pub id: String,
    /// Where it came from.
    pub gate: String,
    /// Who pays.
    pub account: String,
    /// As sent by the caller's side.
    pub caller: String,
    /// As sent by the caller's side.
    pub called: String,
    /// The carrier that is being tried or has answered.
    pub carrier: Option<String>,
    /// `routing`, `ringing`, `answered` or `ending`.
    pub state: String,
    /// First INVITE.
    pub started_at: String,
    /// First 2xx from the carrier.
    pub answered_at: Option<String>,
    /// Milliseconds since the answer; 0 before it.
    pub duration_ms: u64,
}

/// RFC 9457 §3.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProblemDoc {
    /// A URI for the kind of problem; `about:blank` means that the status says it all.
    #[serde(rename = "type")]
    pub kind: String,
    /// The status in words.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// What happened and what to do.
    pub detail: String,
    /// The field, parameter or header at fault.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// All findings, where there may be several (RFC 9457 §3.2).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<String>,
}
