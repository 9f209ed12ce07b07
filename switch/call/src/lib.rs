//! One call as a pure state machine over neutral legs: admission, hunting, credit, release, its record.
//!
//! It knows neither SIP nor H.323: [`Event`]s come in, [`Action`]s go out, and `node` carries them to the
//! legs, the rating engine and the routes. Invariants: one final answer to the caller, one settlement, one
//! CDR; after [`Call::is_over`] no event changes anything.
#![forbid(unsafe_code)]

mod both_codecs;
mod call;
mod credit;
mod destination;
mod early;
mod early_session;
mod event;
mod hunt;
mod media_end;
mod origin;
mod payer;
mod phase;
mod record;
mod refusal;
mod renegotiate;

mod timer;

pub use call::{Actions, Call};
pub use destination::{Callee, ContactCallee, Destination, NumberCallee, SipAccountCallee};
pub use early_session::{EarlyAction, EarlyEvent, OfferRefusal};
pub use event::{
    ATTEMPTS_MAX, Action, Admission, Attempt, Branch, Event, HangupBy, LegId, Loss, Progress, ReleaseReason,
    Settled, Setup, Side,
};
pub use origin::Origin;
pub use payer::{Payer, who_pays};
pub use record::{LegFacts, complete};
pub use refusal::Refusal;
pub use timer::{Timer, Timers};
