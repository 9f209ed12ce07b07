//! Documents of the node itself: the plan of a call, carriers, gates, reload, drain, log; and what a carrier
//! charges.

use serde::{Deserialize, Serialize};

/// What the switch would do with a call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RouteDoc {
    /// `live`: by the balances, prices and carriers of the running node; `offline`: by the configuration, as
    /// a node that has just started.
    pub source: String,
    /// Where the call comes in; empty if a carrier calls.
    pub gate: String,
    /// The carrier that calls, toward a number of ours.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub carrier: Option<String>,
    /// Who pays.
    pub account: String,
    /// As given.
    pub to: String,
    /// After normalisation; none if it is no number.
    pub to_e164: Option<String>,
    /// The number of ours that is called; it goes to no carrier then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub number: Option<RouteNumberDoc>,
    /// The moment, RFC 3339 UTC.
    pub at: String,
    /// Codecs that the gate allows.
    pub codecs: Vec<String>,
    /// What the account pays; none if it has no price.
    pub price: Option<RoutePriceDoc>,
    /// The first grant; less than this in the account means 402.
    pub lease: Option<RouteLeaseDoc>,
    /// What calls may still take of the account; only of a running node.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub available: Option<String>,
    /// Prefix of the route; `""` is the default route.
    pub route: Option<String>,
    /// In the order in which they would be tried.
    pub carriers: Vec<RouteCarrierDoc>,
    /// Those that would not be tried.
    pub left_out: Vec<RouteLeftDoc>,
    /// Why there would be no call.
    pub refused: Option<RouteRefusedDoc>,
}

/// A number of ours, and why it rings where it rings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RouteNumberDoc {
    /// In E.164 digits; empty where a SIP account is called by its name.
    pub e164: String,
    /// Whose it is.
    pub account: String,
    /// What it rings, as configured.
    pub target: String,
    /// Where that is; of a SIP account its contacts that can be reached. None if that is nowhere.
    pub address: Option<String>,
    /// `inbound` from a carrier, `internal` from a gate.
    pub direction: String,
    /// Who pays for the call.
    pub pays: String,
}

/// A price as a route shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoutePriceDoc {
    /// Digits of the deck row.
    pub prefix: String,
    /// Name of the deck row.
    pub destination: String,
    /// Per minute, in the deck's currency.
    pub rate: String,
    /// Seconds of the first block.
    pub initial: u32,
    /// Seconds of each next block.
    pub increment: u32,
    /// Once per answered call, in the deck's currency.
    pub connect_fee: String,
    /// The deck's.
    pub currency: String,
    /// Name of the deck.
    pub deck: String,
    /// Its content hash.
    pub deck_version: String,
    /// The account's currency, if it is another.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account_currency: Option<String>,
    /// How many of the account's currency one of the deck's is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exchange_rate: Option<String>,
    /// Since when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exchange_at: Option<String>,
}

/// What must be free in the account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RouteLeaseDoc {
    /// The first block.
    pub seconds: u64,
    /// Connect fee and first block.
    pub amount: String,
    /// The account's.
    pub currency: String,
}

/// A carrier that would be tried.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RouteCarrierDoc {
    /// Its name.
    pub name: String,
    /// What it charges per minute, if it has a deck.
    pub cost: Option<String>,
    /// In this currency.
    pub cost_currency: Option<String>,
    /// Why in this place.
    pub reason: String,
}

/// A carrier that would not be tried.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RouteLeftDoc {
    /// Its name.
    pub name: String,
    /// Why not.
    pub reason: String,
}

/// Why there would be no call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RouteRefusedDoc {
    /// SIP status.
    pub status: u16,
    /// Q.850 cause.
    pub cause: u8,
    /// In words.
    pub reason: String,
}

/// A carrier as it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CarrierDoc {
    /// Its name.
    pub name: String,
    /// Where calls go.
    pub address: String,
    /// False: skipped since its last failures.
    pub up: bool,
    /// Calls now.
    pub calls: u32,
    /// At most so many; absent without a limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_calls: Option<u32>,
    /// What it charges by.
    pub deck: Option<String>,
    /// Codecs that it may be offered.
    pub codecs: Vec<String>,
    /// Our registration there; absent where none is kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub registration: Option<CarrierRegistrationDoc>,
}

/// A registration of ours at a carrier.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CarrierRegistrationDoc {
    /// `trying`, `registered` or `failed`.
    pub state: String,
    /// Until when, while it is registered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<String>,
    /// What the last attempt met with, if that was not what we asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// A gate as it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GateDoc {
    /// Its name.
    pub name: String,
    /// Who pays for its calls.
    pub account: String,
    /// `active`, `suspended`, `closed`, or `missing` if no such account was opened.
    pub account_status: String,
    /// Addresses that it calls from.
    pub source: Vec<String>,
    /// Calls now.
    pub calls: u64,
    /// At most so many; absent without a limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_calls: Option<u32>,
    /// New calls per second at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_cps: Option<u32>,
    /// Codecs that it may use.
    pub codecs: Vec<String>,
}

/// Where a phone of a SIP account is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RegistrationDoc {
    /// The SIP account.
    pub sip_account: String,
    /// Who pays for its calls.
    pub account: String,
    /// As the phone wrote it.
    pub contact: String,
    /// Address and port that it registered from.
    pub source: String,
    /// `udp`, `tcp`, `tls`, `ws` or `wss`.
    pub transport: String,
    /// Preference, `0.000` to `1.000`.
    pub q: String,
    /// `false` once the connection that it registered by is closed.
    pub reachable: bool,
    /// What the phone is, by its own words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_agent: Option<String>,
    /// When the registration is over, RFC 3339 UTC.
    pub expires_at: String,
}

/// An address that is locked out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BanDoc {
    /// The address; of IPv6 the first of its /64, all of which is locked out.
    pub ip: String,
    /// Since when, RFC 3339 UTC.
    pub since: String,
    /// Until when.
    pub until: String,
    /// Wrong credentials, or requests of a scanner, that led to it.
    pub failures: u32,
    /// `wrong-credentials` or `scanner`.
    #[serde(default)]
    pub reason: String,
}

/// What a reload did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReloadDoc {
    /// What is different now, in words.
    pub changes: Vec<String>,
    /// What was not done, or is to be looked at, and the command for it.
    pub warnings: Vec<String>,
}

/// What a drain waits for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DrainDoc {
    /// Calls that are not over.
    pub live_calls: u64,
    /// They are ended after so many seconds.
    pub drain_secs: u32,
}

/// What the log shows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogDoc {
    /// As `info,sip=debug`.
    pub filter: String,
}

/// What a carrier charges: a page of its part of `@carrier-payable`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CarrierStatementDoc {
    /// The carrier.
    pub carrier: String,
    /// In journal order.
    pub charges: Vec<CarrierChargeDoc>,
    /// Opaque; give it back as `cursor`. `null` on the last page.
    #[serde(default)]
    pub next: Option<String>,
}

/// One charge of a carrier.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CarrierChargeDoc {
    /// Number of its journal entry.
    pub entry: u64,
    /// When it was booked.
    pub at: String,
    /// Id of the call.
    pub call: String,
    /// Whose call.
    pub account: String,
    /// Called number, of a call that ended with this carrier; empty of a late answer.
    pub called_e164: String,
    /// Answered milliseconds of the call, as billed to the account.
    pub duration_ms: u64,
    /// What it charges.
    pub amount: String,
    /// ISO 4217 code.
    pub currency: String,
}
