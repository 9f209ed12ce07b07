//! Calls that are recorded: what each side sends becomes one channel of a WAV file, the caller's on the left
//! ([decision 155](../../../../docs/decisions/0155-recordings.md)). The relay copies packets of such sides
//! as they were sent, and a recorder, which has one [`Recordings`], decodes them at the pace of the clock.
//! Invariant: both channels are of one length, and what did not come is silence in its time.

mod table;

pub use table::{Recordings, Shelf};

pub use crate::recorded::{RecordedSide, Voices};

use crate::relay::EndpointId;

/// What the recorder is told.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum RecordCommand {
    /// Packets of this side of a call come from now on; or they mean something else than before.
    Begin(EndpointId, Box<RecordedSide>),
    /// None come any more. With the last side the file is complete.
    End(EndpointId),
}
