//! A client of rtpengine's control protocol "ng": an outside media relay is told of offers and answers, and
//! says where each side's media is to go. Messages are datagrams: a cookie, a space, and a dictionary in
//! bencode (BEP 3), as rtpengine's document on the protocol has it.
//!
//! It does nothing by itself: questions and what comes from the network go in, datagrams and events come out.
//! Invariants: every question has one outcome, at the latest [`GIVEN_UP_MS`] after it was asked; nothing that
//! an engine sends is believed that does not answer a question to it.
//!
//! ```
//! use engine::{Command, Engines, Event, Reply};
//! use units::Tick;
//!
//! let address = "192.0.2.1:22222".parse().unwrap();
//! let mut engines: Engines<&str> = Engines::new(vec![address], 7);
//! let at = engines.choose(1, |_| true).unwrap();
//! engines.ask(Tick(0), at, "is it there?", &Command::Ping).unwrap();
//! let (to, datagram) = engines.poll_datagram().unwrap();
//! assert_eq!(to, address);
//! let cookie = datagram.split(|byte| *byte == b' ').next().unwrap();
//! let answer = [cookie, b" d6:result4:ponge"].concat();
//! engines.receive(Tick(1_000), address, &answer);
//! let Some(Event::Answered { token, reply, .. }) = engines.poll_event() else { unreachable!() };
//! assert_eq!((token, reply), ("is it there?", Reply::Pong));
//! ```
#![forbid(unsafe_code)]

pub mod bencode;
mod command;
mod engines;
mod health;
mod reply;
mod requests;

pub use command::{Command, Exchange, Party};
pub use engines::{EngineId, Engines, Event, Full, NotTaken};
pub use health::{DOWN_AFTER, PING_MS, UP_AFTER};
pub use reply::{PartyStatistics, Reply, Statistics};
pub use requests::{GIVEN_UP_MS, REQUESTS_MAX};
