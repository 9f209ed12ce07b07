//! What the shards say to the relay of packets, and what it tells them.

mod control;

pub use control::{EndpointId, EndpointReport, MediaCommand, MediaEvent, MediaPeer, RtcpPlace, StreamKind};
