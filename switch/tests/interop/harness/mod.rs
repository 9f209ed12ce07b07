//! What every story needs: a site with its configuration, the running switch, SIPp as its peers, the API as
//! its witness. Invariant: nothing is shared between tests; whatever a test started ends with it.

mod api;
mod books;
pub mod browser;
mod certificates;
pub mod datagrams;
mod eventually;
mod gateway;
mod line;
#[path = "../../../feeds/tests/kit/nats.rs"]
#[allow(dead_code, clippy::expect_used)] // not every test uses all of it
pub mod nats;
mod ports;
#[path = "../../../central/tests/central/kit/postgres.rs"]
mod postgres;
mod process;
mod secure;
mod sipp;
mod site;
mod small_disk;
pub mod talker;
pub mod websocket;
mod wire;

pub use api::{Api, Cdr};
pub use books::{Books, verify_ledger};
pub use certificates::Authority;
pub use eventually::{SOON, eventually, look_until};
pub use gateway::{Gateway, MODES};
pub use line::{ByteLine, Caller, Line, answered};
pub use ports::free_port;
pub use postgres::Postgres;
pub use process::{Tollgate, binary, tollgate};
pub use secure::{SecureCarrier, SecureLine, secure};
pub use sipp::{Scenario, Sipp};
pub use site::Site;
pub use small_disk::SmallDisk;
pub use wire::{OFFER, Peer, connect, status_of, until_closed};

/// Where callers call from.
pub const PBX: &str = "127.0.0.11";
/// An address that is no gate's and no carrier's.
pub const STRANGER: &str = "127.0.0.12";
/// Where carriers are.
pub const CARRIERS: &str = "127.0.0.1";
/// The number of the price list's row `34`.
pub const SPAIN: &str = "34911234567";

/// By how much a busy machine may stretch a pause, or see it late, milliseconds. Far below what a wrong bill
/// would be off by.
pub const STALL_MS: i64 = 20_000;

/// `"0.07407"` as a count of 10⁻⁵; five decimals are a must.
pub fn units(text: &str) -> i64 {
    let (whole, places) = text.split_once('.').unwrap_or_else(|| panic!("{text:?} is not an amount"));
    assert_eq!(places.len(), 5, "{text:?} has not five decimals");
    format!("{whole}{places}").parse().unwrap()
}
