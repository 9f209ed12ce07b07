//! The smallest words of the system accounts: money, time, increments, numbers, causes.
//!
//! Everything above is written in these. Pure values: no clock, no disk, no float.
#![forbid(unsafe_code)]

mod calendar;
mod cause;
mod exchange;
mod increments;
mod iso4217;
mod language;
mod money;
mod number;
mod period;
mod prefix;
mod prefix_map;
mod rate;
pub mod slab;
mod time;
mod transport;
pub mod wheel;
mod written_decimal;
mod zone;

pub use calendar::{Calendar, Day};
pub use cause::Cause;
pub use exchange::{Exchange, ExchangeRate, ExchangeRateError, Exchanges, Rounding};
pub use increments::{Increments, IncrementsError};
pub use language::Language;
pub use money::{Currency, Money, MoneyError, PLACES, SCALE};
pub use number::{MAX_DIGITS, Number, NumberError};
pub use period::{Period, PeriodError};
pub use prefix::{Prefix, PrefixError};
pub use prefix_map::{Matches, PrefixMap, PrefixMapBuilder, PrefixMapError};
pub use rate::{Rate, RateError};
pub use time::{Now, Tick, Wall, text as wall_text};
pub use transport::{TlsId, Transport, UnknownTransport};
pub use written_decimal::WrittenDecimal;
pub use zone::{Change, Clock, Zone};

/// A name given by an operator (account, gate, carrier, deck): shared, never changed.
pub type Name = std::sync::Arc<str>;
