//! Files to checked settings: all errors at once as `file:line:column: message`, what a reload changes, and
//! the reference of every key.
//!
//! Invariant: whatever is in the files, loading ends with settings or with at least one error; nothing
//! panics, nothing half-right comes out.
#![forbid(unsafe_code)]

mod base;
mod callers;
mod check;
mod deck_file;
mod diagnostic;
mod diff;
mod docs;
mod engines;
mod feeds;
mod field;
mod load;
mod logins;
mod media;
mod money;
mod node_secret;
mod numbers;
mod peers;
mod prices;
mod profile;
mod prompts;
mod reader;
mod recording;
mod routing;
pub mod schema;
mod seal;
mod secret;
mod server;
mod settings;
mod sheet;
mod sip_accounts;
mod stir;
mod tls;
mod trace;
mod value;

pub use deck_file::{DeckSource, carrier_decks, deck_sources, draft_deck};
pub use diagnostic::{Diagnostic, Severity, render};
pub use diff::diff;
pub use docs::reference;
pub use load::{check_text, load, reload};
pub use logins::is_user_name;
pub use node_secret::{NodeSecret, SealedFor};
pub use peers::OPENED_LATER;
pub use prices::{PriceRules, load_price_rules, zone};
pub use secret::{SECRET_BYTES_MAX, password};
pub use server::Server;
pub use settings::{
    AccountSettings, CentralLedger, Http, Journal, Listen, Log, Mail, MailTls, Media, Nats, NodeSettings,
    Recording, Settings, Sip,
};
pub use stir::Stir;
pub use tls::{Tls, TlsPeer};
pub use trace::Trace;
