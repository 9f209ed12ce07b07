//! The call detail record: one per call, failed calls too, with the names that customers' and operators'
//! scripts rely on.

mod blank;
mod mos;
mod paid;
mod parties;
mod text;
mod unfinished;

use std::net::IpAddr;

use ledger::{PriceRow, RecordError, Segment};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use units::{Cause, Currency, ExchangeRate, Name, Rate, Rounding, Wall};

use crate::engine::Settlement;
use paid::Beside;
use text::{time_opt, units_text, units_text_opt};

pub use mos::Mos;
pub use paid::{Part, Tier};
pub use parties::{Direction, PartyKind, Protocol};

/// One call, complete. Money is a string with 5 decimals, times are RFC 3339 UTC with milliseconds.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Cdr {
    /// The call, 32 hex digits.
    pub id: String,
    /// Which switch.
    pub node: Name,
    /// Who pays.
    pub account: Name,
    /// Where it came in.
    pub gate: Name,
    /// Caller as received.
    pub caller: String,
    /// Called as received.
    pub called: String,
    /// Called after normalisation, digits.
    pub called_e164: String,
    /// Name of the deck row.
    pub destination: Name,
    /// Digits of the deck row.
    pub prefix: String,
    /// The account's deck.
    pub deck: Name,
    /// Its content hash, 16 hex digits.
    pub deck_version: String,
    /// The caller's codec.
    pub codec_a: Option<String>,
    /// The carrier's codec.
    pub codec_b: Option<String>,
    /// Call-ID of the caller's leg.
    pub call_id_a: String,
    /// Call-ID of the last carrier leg.
    pub call_id_b: Option<String>,
    /// Who carried it, if answered; else the last tried.
    pub carrier: Option<Name>,
    /// One per carrier tried, in order.
    pub attempts: Vec<Attempt>,
    /// First packet.
    #[serde(with = "units::wall_text")]
    pub started_at: Wall,
    /// Billing began.
    #[serde(with = "time_opt")]
    pub answered_at: Option<Wall>,
    /// Over.
    #[serde(with = "units::wall_text")]
    pub ended_at: Wall,
    /// Post-dial delay: first packet to the first ringing or answer, ms.
    pub pdd_ms: Option<u64>,
    /// Answered time that is billed, ms; never beyond the lease.
    pub duration_ms: u64,
    /// After increments.
    pub billed_seconds: u64,
    /// Seconds of the first block.
    pub initial: u32,
    /// Seconds of each next block.
    pub increment: u32,
    /// Per minute at the answer, in the deck's currency.
    pub rate: Rate,
    /// Once per answered call, in the deck's currency.
    pub connect_fee: Rate,
    /// What it cost the account.
    #[serde(with = "units_text")]
    pub amount: i64,
    /// Of amount and balances.
    pub currency: Currency,
    /// Of rate and fee, if there was a price.
    #[serde(default)]
    pub deck_currency: Option<Currency>,
    /// How many of `currency` one of `deck_currency` is, if they differ.
    #[serde(default)]
    pub exchange_rate: Option<ExchangeRate>,
    /// Since when that rate counts.
    #[serde(default, with = "time_opt")]
    pub exchange_at: Option<Wall>,
    /// What was billed at which rate, where one rate and its increments do not say it: up to the last billed
    /// second.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub segments: Vec<Segment>,
    /// How the amount was rounded.
    #[serde(default, skip_serializing_if = "Rounding::is_half_up")]
    pub rounding: Rounding,
    /// What the carrier charges, if its deck is known.
    #[serde(with = "units_text_opt")]
    pub cost: Option<i64>,
    /// Of the cost.
    pub cost_currency: Option<Currency>,
    /// What the operator earned: what the topmost account paid less the carrier's cost, in that account's
    /// currency.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "units_text_opt")]
    pub margin: Option<i64>,
    /// How many of the margin's currency one of `cost_currency` is, if they differ.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost_exchange_rate: Option<ExchangeRate>,
    /// Which balances paid which seconds; absent where the account's own money paid all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<Part>,
    /// What the accounts above paid, from the nearest up.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tiers: Vec<Tier>,
    /// Posted balance before this settle.
    #[serde(with = "units_text")]
    pub balance_before: i64,
    /// Posted balance right after it.
    #[serde(with = "units_text")]
    pub balance_after: i64,
    /// Answered time that is not billed, ms: beyond the lease, or after the called party's media ended. At
    /// the operator's expense.
    pub teardown_ms: u64,
    /// `caller`, `callee`, `switch`.
    pub hangup_by: Name,
    /// Why it ended.
    pub cause_q850: Cause,
    /// Final status sent to the caller.
    pub sip_status: u16,
    /// Why it ended, in a word: `answered`, `busy`, `no-credit`, `node-lost`.
    pub reason: Name,
    /// Why this route was taken.
    pub route_reason: Option<String>,
    /// Of the caller's leg: `udp`, `tcp`, `tls`.
    pub transport_a: Name,
    /// Of the carrier's leg.
    pub transport_b: Option<Name>,
    /// `outbound`, `inbound` or `internal`.
    #[serde(default)]
    pub direction: Direction,
    /// Who calls: a name among its kind. Empty in records of before there was another kind than gates.
    #[serde(default)]
    pub origin: Name,
    /// `gate`, `sip_account` or `carrier`.
    #[serde(default)]
    pub origin_kind: PartyKind,
    /// Where it goes: `carrier`, `gate` or `uri`; none if it was refused before that was known.
    #[serde(default)]
    pub destination_kind: Option<PartyKind>,
    /// The number of ours that was called, E.164 digits.
    #[serde(default)]
    pub number: Option<String>,
    /// The SIP account of the call, if one has part in it.
    #[serde(default)]
    pub sip_account: Option<Name>,
    /// Of the caller's leg: `sip`.
    #[serde(default)]
    pub protocol_a: Protocol,
    /// Of the called leg.
    #[serde(default)]
    pub protocol_b: Option<Protocol>,
    /// Address that the caller's signalling came from.
    #[serde(default)]
    pub source_ip_a: Option<IpAddr>,
    /// Address of the called party's signalling.
    #[serde(default)]
    pub source_ip_b: Option<IpAddr>,
    /// The caller's User-Agent header.
    #[serde(default)]
    pub user_agent_a: Option<Name>,
    /// The called party's Server or User-Agent header.
    #[serde(default)]
    pub user_agent_b: Option<Name>,
    /// `A`, `B` or `C`: how much the signer of the caller's number says of it; where no signature was
    /// verified, how much we said of it when we signed.
    #[serde(default)]
    pub attestation: Option<Name>,
    /// What came of verifying the caller's number: `TN-Validation-Passed`, `TN-Validation-Failed` or
    /// `No-TN-Validation`; none if nobody looked.
    #[serde(default)]
    pub verstat: Option<Name>,
    /// The callIdentifier of H.323, 32 hex digits: of the caller's leg, else of the called one. Absent of
    /// a call that is SIP's on both sides.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub h323_call_id: Option<String>,
    /// The conferenceID that goes with it, 32 hex digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub h323_conference_id: Option<String>,
    /// Why it went where it did and who pays.
    #[serde(default)]
    pub decision: Option<String>,
    /// Where the caller's media came from, or was to come from, of a relayed call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub media_ip_a: Option<IpAddr>,
    /// The same of the called party.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub media_ip_b: Option<IpAddr>,
    /// RTP packets (or datagrams of a fax) of the caller that were accepted; absent of a call that was not
    /// relayed, as all that follow.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rtp_packets_a_in: Option<u64>,
    /// Sent to the caller.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rtp_packets_a_out: Option<u64>,
    /// Of the called party, accepted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rtp_packets_b_in: Option<u64>,
    /// Sent to the called party.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rtp_packets_b_out: Option<u64>,
    /// Packets of the caller that never came, by their numbers (RFC 3550 A.3).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rtp_lost_a: Option<u64>,
    /// The same of the called party.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rtp_lost_b: Option<u64>,
    /// Interarrival jitter of the caller's stream at its end, ms (RFC 3550 A.8).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jitter_ms_a: Option<u32>,
    /// The same of the called party.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jitter_ms_b: Option<u32>,
    /// How a listener would rate the caller's stream (ITU-T G.107); absent of one that is too short, or not
    /// voice.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mos_a: Option<Mos>,
    /// The same of the called party.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mos_b: Option<Mos>,
    /// Whether its voice was made another codec's; absent of a call that was not relayed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transcoded: Option<bool>,
    /// The file of its recording; absent of a call that was not recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recording: Option<String>,
}

/// One carrier tried.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Attempt {
    /// Its name.
    pub carrier: Name,
    /// When it was dialled.
    #[serde(with = "units::wall_text")]
    pub started_at: Wall,
    /// Its final answer; none if it gave none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// What that means.
    pub cause: Cause,
    /// In words: its reason phrase, `no response`, `late answer`.
    pub reason: String,
    /// Dialling to its first ringing or answer, ms.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pdd_ms: Option<u64>,
    /// What it charges for this attempt, in the CDR's cost currency.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "units_text_opt")]
    pub cost: Option<i64>,
}

// === impl Cdr ===

impl Cdr {
    /// Whether nobody pays for it: it has no price of any deck, so none can stand for it when calls are
    /// priced anew.
    pub fn is_free(&self) -> bool {
        self.direction != Direction::Outbound && self.deck.is_empty()
    }

    /// Fills in what the call came to: price, times billed, amount, balances, and the carrier's cost if that
    /// is known.
    pub fn set_settlement(&mut self, settlement: &Settlement) {
        self.set_billed(&settlement.price, settlement.billed_seconds);
        self.answered_at = settlement.answered_at;
        self.duration_ms = settlement.duration_ms;
        self.teardown_ms = settlement.teardown_ms;
        self.amount = settlement.amount.amount;
        self.balance_before = settlement.balance_before.amount;
        self.balance_after = settlement.balance_after.amount;
        if let Some(cost) = &settlement.cost {
            self.cost = Some(cost.amount.amount);
            self.cost_currency = Some(cost.amount.currency);
        }
        self.margin = settlement.margin.map(|margin| margin.amount);
        self.cost_exchange_rate = settlement.cost_exchange.map(|exchange| exchange.rate);
        if settlement.parts.iter().any(|part| part.bucket.is_some()) {
            self.parts = settlement.parts.iter().map(Part::of).collect();
        }
        self.tiers = settlement.tiers.iter().map(Tier::of).collect();
    }

    /// As it is journaled and published.
    pub fn to_raw(&self) -> Result<Box<RawValue>, RecordError> {
        /// Of a call over one carrier, with names of some length.
        const LENGTH: usize = 2_048;
        Ok(ledger::json::to_raw(self, LENGTH)?)
    }

    /// From the journal.
    pub fn from_raw(raw: &RawValue) -> Result<Self, RecordError> {
        Ok(serde_json::from_str(raw.get())?)
    }

    /// Fills in what the price list says and how much of it was billed.
    pub fn set_billed(&mut self, price: &crate::Price, billed_seconds: u64) {
        self.set_price(price);
        self.billed_seconds = billed_seconds;
        self.segments =
            price.segments().iter().take_while(|segment| segment.from < billed_seconds).cloned().collect();
    }

    /// Fills in what the price list says.
    pub fn set_price(&mut self, price: &crate::Price) {
        self.destination = price.destination.clone();
        self.prefix = price.prefix.to_string();
        self.deck = price.deck.clone();
        self.deck_version = crate::price::version_text(price.deck_version).to_string();
        self.initial = price.increments.initial();
        self.increment = price.increments.increment();
        self.rate = price.rate;
        self.connect_fee = price.connect_fee;
        self.currency = price.currency;
        self.deck_currency = Some(price.deck_currency());
        self.exchange_rate = price.exchange().map(|exchange| exchange.rate);
        self.exchange_at = price.exchange().map(|exchange| exchange.at);
        self.rounding = price.rounding();
    }

    /// The price that it was billed by, from the record alone: [`crate::Price::charge`] of `duration_ms`
    /// gives its amount. None if it had none, or if its fields do not make one.
    pub fn price(&self) -> Option<crate::Price> {
        let row = PriceRow {
            prefix: self.prefix.parse().ok()?,
            destination: self.destination.clone(),
            rate: self.rate,
            initial: self.initial,
            increment: self.increment,
            connect_fee: self.connect_fee,
            currency: self.currency,
            deck: self.deck.clone(),
            deck_version: self.deck_version.as_str().into(),
            tariff: None,
        };
        let exchange = (self.exchange_rate, self.exchange_at);
        Beside {
            deck_currency: self.deck_currency,
            exchange,
            segments: &self.segments,
            rounding: self.rounding,
        }
        .price(row)
    }
}

#[cfg(test)]
mod tests;
