//! The call detail record: one per call, failed calls too, with the names that customers' and operators' scripts rely on.

use ledger::{CallId, RecordError};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use units::{Cause, Currency, Money, Name, Wall};

use crate::engine::Settlement;

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
    #[serde(with = "time")]
    pub started_at: Wall,
    /// Billing began.
    #[serde(with = "time_opt")]
    pub answered_at: Option<Wall>,
    /// Over.
    #[serde(with = "time")]
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
    /// Per minute.
    #[serde(with = "units_text")]
    pub rate: i64,
    /// Once per answered call.
    #[serde(with = "units_text")]
    pub connect_fee: i64,
    /// What it cost the account.
    #[serde(with = "units_text")]
    pub amount: i64,
    /// Of rate, fee, amount and balances.
    pub currency: Currency,
    /// What the carrier charges, if its deck is known.
    #[serde(with = "units_text_opt")]
    pub cost: Option<i64>,
    /// Of the cost.
    pub cost_currency: Option<Currency>,
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
}

/// One carrier tried.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Attempt {
    /// Its name.
    pub carrier: Name,
    /// When it was dialled.
    #[serde(with = "time")]
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
    pub fn new(id: CallId, node: &Name, account: &Name, gate: &Name, currency: Currency, started_at: Wall) -> Self {
        let none = || Name::from("");
        Self {
            id: id.to_string(),
            node: node.clone(),
            account: account.clone(),
            gate: gate.clone(),
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
            rate: 0,
            connect_fee: 0,
            amount: 0,
            currency,
            cost: None,
            cost_currency: None,
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
        }
    }

    /// Fills in what the call came to: price, times billed, amount, balances, and the carrier's cost if that is known.
    pub fn set_settlement(&mut self, settlement: &Settlement) {
        self.set_price(&settlement.price);
        self.answered_at = settlement.answered_at;
        self.duration_ms = settlement.duration_ms;
        self.teardown_ms = settlement.teardown_ms;
        self.billed_seconds = settlement.billed_seconds;
        self.amount = settlement.amount.amount;
        self.balance_before = settlement.balance_before.amount;
        self.balance_after = settlement.balance_after.amount;
        if let Some(cost) = &settlement.cost {
            self.cost = Some(cost.amount.amount);
            self.cost_currency = Some(cost.amount.currency);
        }
    }

    /// As it is journaled and published.
    pub fn to_raw(&self) -> Result<Box<RawValue>, RecordError> {
        Ok(serde_json::value::to_raw_value(self)?)
    }

    /// From the journal.
    pub fn from_raw(raw: &RawValue) -> Result<Self, RecordError> {
        Ok(serde_json::from_str(raw.get())?)
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
    }
}

/// A [`Wall`] as RFC 3339.
mod time {
    use serde::{Deserializer, Serializer, de::Error};
    use units::Wall;

    pub fn serialize<S: Serializer>(wall: &Wall, s: S) -> Result<S::Ok, S::Error> {
        match wall.rfc3339_ascii() {
            Some(text) => s.serialize_str(std::str::from_utf8(&text).unwrap_or_default()),
            None => s.serialize_str(&wall.rfc3339()),
        }
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Wall, D::Error> {
        let text = <std::borrow::Cow<'de, str> as serde::Deserialize>::deserialize(d)?;
        Wall::parse(&text).ok_or_else(|| D::Error::custom(format_args!("not an RFC 3339 time: {text}")))
    }
}

/// The same, or null.
mod time_opt {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};
    use units::Wall;

    pub fn serialize<S: Serializer>(wall: &Option<Wall>, s: S) -> Result<S::Ok, S::Error> {
        match wall {
            Some(wall) => super::time::serialize(wall, s),
            None => s.serialize_none(),
        }
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Option<Wall>, D::Error> {
        match <Option<std::borrow::Cow<'de, str>>>::deserialize(d)? {
            Some(text) => Wall::parse(&text).map(Some).ok_or_else(|| D::Error::custom(format_args!("not an RFC 3339 time: {text}"))),
            None => Ok(None),
        }
    }
}

/// A count of 10⁻⁵ units as `"0.12345"`.
mod units_text {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub fn serialize<S: Serializer>(amount: &i64, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(&super::plain(*amount).text())
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<i64, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(d)?;
        super::parse_plain(&text).map_err(D::Error::custom)
    }
}

/// The same, or null.
mod units_text_opt {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub fn serialize<S: Serializer>(amount: &Option<i64>, s: S) -> Result<S::Ok, S::Error> {
        match amount {
            Some(amount) => s.serialize_str(&super::plain(*amount).text()),
            None => s.serialize_none(),
        }
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Option<i64>, D::Error> {
        let text = <Option<std::borrow::Cow<'de, str>>>::deserialize(d)?;
        text.map(|text| super::parse_plain(&text)).transpose().map_err(D::Error::custom)
    }
}

/// Money whose currency stands in a field of its own.
const fn plain(amount: i64) -> Money {
    Money::of(amount, Currency::EUR)
}

fn parse_plain(text: &str) -> Result<i64, units::MoneyError> {
    Money::parse(text, Currency::EUR).map(|money| money.amount)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every name of the contract, in its order.
    const NAMES: &str = "id node account gate caller called called_e164 destination prefix deck deck_version codec_a codec_b call_id_a call_id_b \
                         carrier attempts started_at answered_at ended_at pdd_ms duration_ms billed_seconds initial increment rate connect_fee \
                         amount currency cost cost_currency balance_before balance_after teardown_ms hangup_by cause_q850 sip_status reason \
                         route_reason transport_a transport_b";

    fn cdr() -> Cdr {
        let started_at = Wall::parse("2026-11-22T13:44:48.123Z").expect("a time");
        let attempt = Attempt {
            carrier: "alpha".into(),
            started_at,
            status: Some(503),
            cause: Cause::TEMPORARY,
            reason: "Service Unavailable".to_owned(),
            pdd_ms: None,
            cost: None,
        };
        let name = Name::from("acme");
        Cdr {
            attempts: vec![attempt.clone(), Attempt { status: Some(200), cause: Cause::NORMAL, cost: Some(2_583), ..attempt }],
            answered_at: Some(started_at.plus_ms(900)),
            amount: 7_407,
            cost: Some(2_583),
            cost_currency: Some(Currency::USD),
            balance_after: -1,
            ..Cdr::new(CallId(0xA1), &name, &name, &name, Currency::EUR, started_at)
        }
    }

    #[test]
    fn has_every_name_of_the_contract() {
        let json: serde_json::Value = serde_json::from_str(cdr().to_raw().expect("JSON").get()).expect("JSON");
        let object = json.as_object().expect("an object");
        for name in NAMES.split_whitespace() {
            assert!(object.contains_key(name), "{name}");
        }
        assert_eq!(object.len(), NAMES.split_whitespace().count());
        for (name, text) in [
            ("id", "000000000000000000000000000000a1"),
            ("amount", "0.07407"),
            ("balance_after", "-0.00001"),
            ("cost", "0.02583"),
            ("cost_currency", "USD"),
            ("started_at", "2026-11-22T13:44:48.123Z"),
            ("answered_at", "2026-11-22T13:44:49.023Z"),
        ] {
            assert_eq!(json[name].as_str(), Some(text), "{name}");
        }
        assert_eq!(json["attempts"][1]["cost"].as_str(), Some("0.02583"));
        assert!(json["attempts"][0].get("cost").is_none() && json["codec_a"].is_null());
    }

    #[test]
    fn reads_what_it_wrote() {
        let raw = cdr().to_raw().expect("JSON");
        assert_eq!(Cdr::from_raw(&raw).expect("a CDR"), cdr());
        assert!(Cdr::from_raw(&RawValue::from_string(raw.get().replace("13:44", "25:44")).expect("JSON")).is_err());
    }
}
