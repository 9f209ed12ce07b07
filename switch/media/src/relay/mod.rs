//! The relay of packets, without its sockets: RTP and RTCP (RFC 3550) and UDPTL (T.38) between the legs of a
//! call, each kept to one address and source. One [`Relay`] is one thread's; the shards command it and hear
//! of it ([`MediaCommand`], [`MediaEvent`]).
//! Invariants: no packet allocates, waits or panics; a packet from a foreign host changes nothing but a
//! count.
//!
//! The driver opens the two ports of an endpoint before it gives [`MediaCommand::Open`], closes them on
//! [`Effect::Closed`], and sends what [`Action::Send`] says, for a packet that came and for those that
//! [`Relay::poll_packet`] makes:
//!
//! ```
//! # use media::relay::{Action, Component, Effect, EndpointId, MediaCommand, MediaEvent, MediaPeer};
//! # use media::relay::{PeerPayload, Relay, RtcpPlace, StreamKind};
//! # use units::Tick;
//! let mut relay = Relay::new(1_000);
//! let now = Tick(0);
//! let [caller, callee] = [0, 1].map(|leg| EndpointId { shard: 0, call: 7, leg });
//! let mut slots = Vec::new();
//! for (endpoint, port, theirs) in [(caller, 20_000, 4_000), (callee, 20_002, 6_000)] {
//!     let ours = format!("192.0.2.1:{port}").parse().unwrap();
//!     let open = MediaCommand::Open { endpoint, ours, timeout_ms: 60_000, hold_timeout_ms: 0 };
//!     let Effect::Opened(slot) = relay.command(now, open) else { panic!("there is room") };
//!     let peer = MediaPeer {
//!         kind: StreamKind::Rtp,
//!         rtp: format!("198.51.100.9:{theirs}").parse().ok(),
//!         rtcp: RtcpPlace::Next,
//!         signalling: "198.51.100.9".parse().unwrap(),
//!         learn: false,
//!         receives: true,
//!         sends: true,
//!         payloads: [PeerPayload::new(8, 8_000)].into_iter().collect(),
//!         keys: None,
//!         secured: None,
//!     };
//!     relay.command(now, MediaCommand::Peer { endpoint, peer });
//!     slots.push(slot);
//! }
//! relay.command(now, MediaCommand::Pair { a: caller, b: callee });
//!
//! let from = "198.51.100.9:4000".parse().unwrap();
//! let mut packet = *b"\x80\x08\0\x01\0\0\0\xa0\0\0\0\x07voice";
//! let action = relay.packet(now, slots[0], Component::Rtp, from, &mut packet);
//! let to = "198.51.100.9:6000".parse().unwrap();
//! assert_eq!(action, Action::Send { slot: slots[1], component: Component::Rtp, to, bytes: packet.len() });
//!
//! assert_eq!(relay.command(now, MediaCommand::Close { endpoint: caller }), Effect::Closed(slots[0]));
//! let Some(MediaEvent::Closed { report, .. }) = relay.poll_event() else { panic!("it is told") };
//! assert_eq!(report.packets_in, 1);
//! ```

mod checked;
mod control;
mod copies;
mod counters;
mod digits;
mod egress;
mod elsewhere;
mod endpoint;
mod first_sounds;
mod handshakes;
mod header;
mod ice;
mod listening;
mod player;
mod reception;
mod report;
mod round_trip;
mod rtcp;
mod secure;
mod secured;
mod settled;
mod source;
mod stun;
mod table;
mod transcoded;

pub use control::{
    EndpointId, EndpointReport, Hearing, ListenCommand, MediaCommand, MediaEvent, MediaPeer, PeerKeys,
    PeerPayload, RtcpPlace, StreamId, StreamKind, TranscodeCommand,
};
pub use copies::{Copied, Taken};
pub use counters::{DropReason, RelayCounters};
pub use digits::KeyedDigit;
pub use endpoint::Component;
pub use listening::Listeners;
pub use player::Play;
pub use secure::ROOM;
pub use secured::{DtlsPeer, DtlsRole, HandshakeCommand, HandshakeId, IceCredentials, IcePeer, Secured};
pub use settled::{Elsewhere, Settled};
pub use table::{Action, Effect, Relay, Slot};
