//! The call detail record: one per call, failed calls too, with the names that customers' and operators'
//! scripts rely on.

mod paid;
mod parties;
mod text;
mod unfinished;

use std::net::IpAddr;

use ledger::{CallId, PriceRow, RecordError, Segment};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use units::{Cause, Currency, ExchangeRate, Name, Rate, Rounding, Wall};

use crate::engine::Settlement;
use paid::Beside;
use text::{time_opt, units_text, units_text_opt};

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
    /// Answered time beyond the lease, ms: at the operator's expense.
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
    /// Why it went where it did and who pays.
    #[serde(default)]
    pub decision: Option<String>,
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
    /// A call of which only this is known: nothing billed, nothing tried, cause unspecified.
    pub fn new(
        id: CallId,
        node: &Name,
        account: &Name,
        gate: &Name,
        currency: Currency,
        started_at: Wall,
    ) -> Self {
        Self {
            id: id.to_string(),
            node: node.clone(),
            account: account.clone(),
            gate: gate.clone(),
            ..Self::blank(currency, started_at)
        }
    }

    fn blank(currency: Currency, started_at: Wall) -> Self {
        let none = Name::default;
        Self {
            id: String::new(),
            node: none(),
            account: none(),
            gate: none(),
            caller: String::new(),
            called: String::new(),
            called_e164: String::new(),
            destination: none(),
            prefix: String::new(),
            deck: none(),
            deck_version: String::new(),
            codec_a: None,
            codec_b: None,
            call_id_a: String::new(),
            call_id_b: None,
            carrier: None,
            attempts: Vec::new(),
            started_at,
            answered_at: None,
            ended_at: started_at,
            pdd_ms: None,
            duration_ms: 0,
            billed_seconds: 0,
            initial: 0,
            increment: 0,
            rate: Rate::ZERO,
            connect_fee: Rate::ZERO,
            amount: 0,
            currency,
            deck_currency: None,
            exchange_rate: None,
            exchange_at: None,
            segments: Vec::new(),
            rounding: Rounding::HalfUp,
            cost: None,
            cost_currency: None,
            margin: None,
            cost_exchange_rate: None,
            parts: Vec::new(),
            tiers: Vec::new(),
            balance_before: 0,
            balance_after: 0,
            teardown_ms: 0,
            hangup_by: none(),
            cause_q850: Cause::UNSPECIFIED,
            sip_status: 0,
            reason: none(),
            route_reason: None,
            transport_a: none(),
            transport_b: None,
            direction: Direction::default(),
            origin: none(),
            origin_kind: PartyKind::default(),
            destination_kind: None,
            number: None,
            sip_account: None,
            protocol_a: Protocol::default(),
            protocol_b: None,
            source_ip_a: None,
            source_ip_b: None,
            user_agent_a: None,
            user_agent_b: None,
            attestation: None,
            verstat: None,
            decision: None,
        }
    }

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
