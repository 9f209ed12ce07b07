//! Media of relayed calls: addresses and ports of ours, what each leg said and was told, the end of silent
//! calls, and what the records say of packets. Packets themselves are the relay's; commands go to it and
//! events come back. Legs and the call see sessions only, so that a leg of any protocol has the same.

mod address;
mod announced;
mod announcement;
mod digits;
mod first_sound;
mod keys;
mod leg_events;
mod outside;
mod outside_call;
mod outside_waiting;
mod play;
mod ports;
mod quality;
mod recording;
mod reports;
mod ringback;
mod sessions;
mod shard_media;
mod sides;
mod silence;
mod told;
mod transcoded;
mod transcoding;

pub(crate) use announced::Announcement;
pub(crate) use outside_waiting::WaitsForPorts;
pub(crate) use reports::Ending;
pub use shard_media::{MediaConfig, RecordingConfig, RelayAddress, RelayConfig};
pub(crate) use shard_media::{MediaRefused, ShardMedia};
pub(crate) use sides::CallMedia;
