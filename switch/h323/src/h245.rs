//! H.245: the machines of one call. Each has the signals of its procedure and nothing else: capability
//! exchange (§8.3, C.3), determination of master and slave (§8.2, C.2), logical channels (§8.4, C.4, C.5),
//! round trip (§8.6, C.9). [`Control`] puts them together.

mod capabilities;
mod channels;
mod control;
mod determination;
mod round_trip;
mod user_input;

pub use capabilities::Remote;
pub use control::{Control, ControlEvent, ControlFault, ControlTimers};
pub use determination::{Determination, Outcome};
pub use user_input::{Digit, digits_of_text};
