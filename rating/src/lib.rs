//! The rating engine, the only door to money: price lists, exact prices, leases, settles, and the call detail
//! record.
//!
//! Invariants: usage never takes a balance below its limit; an amount is exact and rounded once; slicing
//! changes no cent.
#![forbid(unsafe_code)]

mod account_checks;
pub mod cdr;
pub mod deck;
pub mod engine;
pub mod payment;
pub mod price;
pub mod quotas;
pub mod rerate;

pub use account_checks::{IDLE_DAYS_MAX, LANGUAGES, is_mail_address, unfit_deck};
pub use cdr::{Attempt, Cdr};
pub use deck::{Deck, DeckError, Decks, Row, Rules, Warning};
pub use engine::{CreditRefusal, Engine, LeaseId};
pub use ledger::{
    AccountStatus, BucketKind, BucketTerms, CallId, ProfitGuard, Segment, Terms, check_account_name,
    check_bucket_name,
};
pub use payment::{Payment, PaymentMethod, Stage, Term};
pub use price::{Charge, Price, Step};
