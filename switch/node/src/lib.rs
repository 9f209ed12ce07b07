//! One shard of the switch: legs, calls and the accounts that pay for them, as a function of (state, now,
//! input) → outputs.
//!
//! The contract, said once: give one [`Input`] to [`Node::handle`], then call [`Node::poll`] until it is
//! empty, then come back no later than [`Node::deadline`]. No clock, socket, thread or unseeded dice: the
//! same inputs give the same outputs.
//!
//! Inside: `leg` holds what speaks a protocol, `call` (a crate) decides, and `actions` carries the decisions
//! to legs, money and records.
//!
//! ```
//! # use std::sync::Arc;
//! # use node::{ConfigSnapshot, Identity, Input, Node, Output};
//! # use units::{Now, Tick};
//! /// The whole of a driver: without sockets, it counts what it would send.
//! fn drive(node: &mut Node, now: Now, input: Input) -> (usize, Tick) {
//!     node.handle(now, input);
//!     let mut sent = 0;
//!     while let Some(output) = node.poll() {
//!         match output {
//!             Output::Send { .. } => sent += 1,
//!             // On disk at once, in this example.
//!             Output::Journal { .. } => {}
//!             Output::Media(_) | Output::Gateway(_) => {}
//!             Output::KeepOpen { .. } | Output::QuotaRequest { .. } | Output::Probed { .. } => {}
//!             Output::FetchCertificate(_) => {}
//!             Output::Registered(_) | Output::LockedOut(_) => {}
//!             Output::Publish(_) | Output::Reply { .. } => {}
//!         }
//!     }
//!     (sent, node.deadline())
//! }
//! # fn config() -> ConfigSnapshot {
//! #     let none = "127.0.0.1".parse().expect("address");
//! #     ConfigSnapshot {
//! #         gates: Arc::new(route::Gates::new(vec![], None).expect("gates")),
//! #         carriers: Arc::new(route::Carriers::new(vec![], None).expect("carriers")),
//! #         numbers: Arc::default(),
//! #         routes: Arc::default(),
//! #         decks: Arc::default(),
//! #         accounts: vec![],
//! #         payment_methods: vec![],
//! #         listeners: vec![],
//! #         address: none,
//! #         domains: vec![],
//! #         realm: String::new(),
//! #         hashes: route::OfferedHashes::Both,
//! #         strangers: node::StrangerLimits::default(),
//! #         media: node::MediaConfig::default(),
//! #         timing: node::NodeTiming::default(),
//! #         stir: None,
//! #     }
//! # }
//! let identity = Identity { name: "one".into(), shard: 0, shards: 1, key: [7; 16], boot: 1 };
//! # let (config, slots) = (Arc::new(config()), Arc::new(route::SlotTable::default()));
//! let mut node = Node::new(identity, config, slots);
//! node.start_empty(Now::default());
//! let (sent, next) = drive(&mut node, Now::default(), Input::Tick);
//! assert_eq!((sent, next), (0, Tick::NEVER));
//! ```
#![forbid(unsafe_code)]

mod actions;
mod admin;
mod admit;
mod calls;
mod certificates;
mod clock;
mod config_snapshot;
mod counters;
mod dial;
mod drive;
mod examination;
mod gateways;
mod ids;
mod io;
mod journal;
mod leg;
mod lent;
mod media;
mod node;
mod parties;
mod peers;
mod probes;
mod prospect;
mod quotas;
mod records;
mod recover;
mod registering;
mod registrar;
mod registrations;
mod ringing;
mod session_actions;
mod shedding;
mod slot;
mod strangers;
mod subscriptions;
mod verification;

pub use clock::ClockDoubt;
pub use config_snapshot::{BootstrapAccount, ConfigSnapshot, NodeTiming, Signing, Source, shard_of};
pub use counters::{CarrierChange, CountedSide, Counters, Evidence};
pub use gateways::{GatewayCommand, GatewayEvent, Signal, shard_of_asked, shard_of_setup, signal_of};
pub use io::{AdminReply, AdminRequest, Certificate, Input, LiveCall, Output, Pressure, RegisteredContact};
pub use leg::{Arrival, Dispatch, Flow, Received};
pub use lent::{LentAccount, QuotaCommand};
pub use media::{MediaConfig, RecordingConfig, RelayAddress, RelayConfig};
pub use node::{Held, Identity, Node};
pub use prospect::Prospect;
pub use rating::engine::MoveOrder;
pub use registrar::{Contact, RegisteredAccount};
pub use registrations::{RegistrationStanding, RegistrationState};
pub use strangers::{Ban, BanReason, StrangerLimits, Strangers};
