//! SIP legs: messages, dialogs, exchanges and timers of RFC 3261, 3264, 3311, 4028. Nothing outside this
//! folder knows a SIP message.
//!
//! A packet comes in by `intake`; the transaction layer makes events of it; `responses` and `in_dialog` find
//! the leg that it is for and call a method of [`SipLeg`], which works with what a
//! [`Context`](crate::leg::Context) lends it.

mod acknowledge;
mod answering;
mod arrival;
mod cancel_and_ack;
mod challenges;
mod credentials;
mod crossing;
mod dispatch;
mod early;
mod early_offers;
mod endpoint;
mod given_up;
mod hop;
mod in_dialog;
mod intake;
mod invite;
mod leg;
mod liveness;
mod messages;
mod new_call;
mod offers;
mod options;
mod parties;
mod prack;
mod privacy;
mod provisional;
mod recorded;
mod redirect;
mod redirects;
mod register;
mod registration;
mod relay;
mod release;
mod reliable;
mod replaces;
mod responses;
mod sender;
mod sent;
mod session_timer;
mod signature;
mod stranger;
mod subscribe;
mod tag;
mod timers;
mod user_agents;

pub use arrival::{Arrival, Received};
pub(crate) use crossing::Crossing;
pub use dispatch::Dispatch;
pub(crate) use endpoint::Endpoint;
pub(crate) use leg::SipLeg;
pub(crate) use privacy::Presentation;
pub(crate) use recorded::RecordedLeg;
pub(crate) use registration::{Registered, Registration};
pub use sip::flow::Flow;
