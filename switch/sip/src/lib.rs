//! SIP without sockets and clocks: lexer, typed headers, writer, stream framing (RFC 3261 §7, §18.3, §19,
//! §20, §25). [`Message`] indexes a received buffer and copies nothing; [`Builder`] writes messages;
//! [`Framer`] cuts streams. Invariant: no input panics, and every loop, table and length has a named bound.
#![forbid(unsafe_code)]

mod answer;
pub mod auth;
mod builder;
mod chars;
mod check;
pub mod dialog;
mod fault;
pub mod flow;
pub mod framer;
mod lexer;
pub mod list;
mod message;
mod method;
mod name;
mod name_addr;
pub mod overload;
mod params;
pub mod rsip_bridge;
pub mod stun;
pub mod token;
pub mod transaction;
pub mod uri;
mod via;

pub use builder::Builder;
pub use check::MAX_KEY;
pub use fault::Fault;
pub use framer::{Frame, FrameError, Framer};
pub use lexer::{MAX_HEADERS, MAX_MESSAGE};
pub use message::{Message, ParseError};
pub use method::Method;
pub use name::Name;
pub use name_addr::NameAddr;
pub use params::Params;
pub use uri::{Scheme, Uri};
pub use via::{ReplyTo, Via};
