//! A call over H.225.0 and H.245, in either direction (H.323 §8). The machine owns no socket and no clock;
//! how it is driven is said at the head of the crate.

mod control_link;
mod digits;
mod facts;
mod fast_start;
mod incoming;
mod messages;
mod outgoing;
mod release;
mod settings;
mod signalling;
mod state;
mod timers;
mod verbs;

pub use facts::{CallIds, SetupInfo};
pub use fast_start::Offer;
pub use incoming::{Refused, alias_digits, alias_text, product, release_complete};
pub use messages::endpoint;
pub use outgoing::{Dial, dialled};
pub use settings::{DtmfForm, Settings, Timers};
pub use state::{Call, Event, Output, ReleasedBy};
