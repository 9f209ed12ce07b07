//! What the switch shows to people and machines over HTTP: health, metrics and the operator's API.
//! It knows no shard and no socket of SIP: everything that lives in the switch is asked through [`Backend`].
//! Invariant: nothing here changes money by itself, and nothing is believed before it was parsed and bounded.
#![forbid(unsafe_code)]

pub mod backend;
mod body;
mod cdrs;
pub mod control;
mod cursor;
pub mod documents;
mod guard;
mod handlers;
pub mod metrics;
mod places;
mod problem;
mod query;
mod router;
mod server;
mod state;
mod token;

pub use backend::{
    Amount, Answer, Backend, BackendError, CloseReceipt, GrantReceipt, GrantRequest, Hand, HandRequest,
    KeptDecks, MovedReceipt, NewAccount, OpenReceipt, PaymentsAsk, PaymentsPage, StatementAsk, StatementPage,
    StatementPlace, TopUpReceipt, TopUpRequest, TransitAsk, TransitPlace,
};
pub use cdrs::{CdrFilter, CdrRows, CdrSource, SourceError};
pub use control::{CarrierAsk, CarrierStatementPage, Control, RouteAsk, Trace};
pub use documents::{
    AccountDoc, CallDoc, DeckDoc, DeckPeriodDoc, DeckVersionDoc, MovedDoc, Page, ProblemDoc, RecordingDoc,
    TopUpDoc,
};
pub use documents::{
    MovementDoc, PaymentDoc, PeriodDoc, StatementBalanceDoc, StatementDoc, TrialBalanceDoc, TrialLineDoc,
};
pub use metrics::Metrics;
pub use problem::Problem;
pub use router::router;
pub use server::{ServeError, serve};
pub use state::{OPENAPI, WebState};
pub use token::{TokenError, admin_token, read_token};

/// Largest request body in bytes; a longer one is answered 413.
pub const BODY_BYTES_MAX: usize = 64 * 1024;
/// Requests of the API and of `/metrics` answered at the same time; one more gets 503.
pub const REQUESTS_MAX: usize = 64;
/// Open connections; for one more the one that has been quiet longest is closed.
pub const CONNECTIONS_MAX: usize = 256;
/// Time that a request may take, its body included, in milliseconds.
pub const REQUEST_MS_MAX: u64 = 10_000;
