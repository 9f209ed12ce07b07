//! One shard of the switch: SIP legs, calls and the accounts that pay for them, as a function of (state, now, input) → outputs.
//!
//! The contract, said once: give one [`Input`] to [`Node::handle`], then call [`Node::poll`] until it is empty, then come back no later than
//! [`Node::deadline`]. No clock, socket, thread or unseeded dice: the same inputs give the same outputs.
#![forbid(unsafe_code)]

mod actions;
mod admin;
mod admit;
mod build;
mod clock;
mod counters;
mod dial;
mod dispatch;
mod events;
mod goodbye;
mod hop;
mod in_dialog;
mod intake;
mod io;
mod leg;
mod lent;
mod liveness;
mod node;
mod offers;
mod parties;
mod privacy;
mod probe;
mod prospect;
mod records;
mod recover;
mod session;
mod slot;
mod tables;
mod user_agents;

pub use clock::ClockDoubt;
pub use counters::{CarrierChange, CountedSide, Counters, Evidence};
pub use dispatch::Dispatch;
pub use io::{AdminReply, AdminRequest, Input, LiveCall, Output, Pressure};
pub use lent::{LentAccount, QuotaCommand};
pub use node::{Held, Identity, Node};
pub use prospect::Prospect;
pub use rating::engine::MoveOrder;
pub use tables::{Seed, Source, Tables, Timing, shard_of};
