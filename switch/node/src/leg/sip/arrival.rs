//! A packet on its way to its shard.

use call::LegId;
use sip::flow::Flow;
use sip::{Message, ParseError};

use crate::config_snapshot::Source;
use crate::ids::CallRef;

/// A message as the driver read it, or why it is none.
pub type Received = Result<Message, ParseError>;

/// A packet, and what was found of it.
#[derive(Debug, Clone)]
pub struct Arrival {
    /// Where it came from and by what.
    pub flow: Flow,
    /// The message.
    pub message: Received,
    /// The shard that it is for; none for what nobody known sent: to be dropped, and counted as
    /// `unknown_source`.
    pub shard: Option<u8>,
    /// It may be of a call on any shard: every other one gets it too.
    pub for_all: bool,
    /// Whose address it came from, by the configuration.
    pub(crate) source: Source,
    /// The call and leg that its To-tag names, of a request.
    pub(crate) leg: Option<(CallRef, LegId)>,
}

impl Arrival {
    /// Whether it names no leg of ours.
    pub const fn leg_is_unknown(&self) -> bool {
        self.leg.is_none()
    }

    /// Whether its address is nobody's by the configuration; a carrier's name may still resolve to it.
    pub fn is_strange(&self) -> bool {
        self.source == Source::Unknown
    }
}
