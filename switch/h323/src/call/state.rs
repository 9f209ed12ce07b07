//! The state of a call, what it puts out and what it tells.

use super::facts::{CallIds, Deadlines, SetupInfo};
use super::fast_start::FastStart;
use super::settings::Settings;
use crate::h245::{Control, Digit};
use crate::media::{Local, Media};
use std::collections::VecDeque;
use std::net::SocketAddr;
use units::Cause;

/// One call. See the head of the crate for how to drive it.
#[derive(Debug)]
pub struct Call {
    pub(super) settings: Settings,
    pub(super) role: Role,
    pub(super) phase: Phase,
    pub(super) ids: CallIds,
    pub(super) setup: Option<Box<SetupInfo>>,
    pub(super) local: Option<Local>,
    pub(super) fast_start: FastStart,
    /// What the peer last said of tunnelling.
    pub(super) peer_tunnels: Option<bool>,
    pub(super) link: Link,
    /// Where our H.245 listener is.
    pub(super) control_address: Option<SocketAddr>,
    /// Where the peer's H.245 listener is, as long as it is not connected to.
    pub(super) peer_control: Option<SocketAddr>,
    pub(super) control: Control,
    /// The last media that was told.
    pub(super) told_media: Option<Media>,
    pub(super) deadlines: Deadlines,
    pub(super) outputs: VecDeque<Output>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Caller,
    Callee,
}

/// How far the call is; only ever forward.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Phase {
    Setup,
    Proceeding,
    Alerting,
    Connected,
    Released,
}

/// How H.245 travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Link {
    /// It does not yet.
    None,
    /// Inside of the call signalling.
    Tunnelled,
    /// We asked for a listener.
    Listening,
    /// We connect to the peer.
    Opening,
    /// On a connection of its own.
    Open,
    /// It did, and its connection is gone.
    Closed,
}

/// What the owner of sockets and the call is to do.
#[derive(Clone, Debug, PartialEq)]
pub enum Output {
    /// Send on the connection of the call's signalling.
    Signalling(Vec<u8>),
    /// Send on the H.245 connection.
    Control(Vec<u8>),
    /// Connect to the peer's H.245 address.
    OpenControl(SocketAddr),
    /// Open a listener for H.245 and say its address.
    ListenControl,
    /// Close the H.245 connection and its listener, after what was sent.
    CloseControl,
    /// Tell the call.
    Event(Event),
    /// The call needs its connection no more. The last output.
    Close,
}

/// What a call tells.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// The peer has taken the call.
    Proceeding,
    /// The called side rings.
    Alerting {
        /// The peer sends the sound of it.
        in_band: bool,
    },
    /// Something else happens before the answer.
    Progress {
        /// The peer sends sound.
        in_band: bool,
    },
    /// The peer has answered.
    Connected,
    /// Channels changed: what media is now.
    Media(Media),
    /// A digit that did not come in RTP.
    Digit(Digit),
    /// The call is over. Comes once, after everything else.
    Released {
        /// Why.
        cause: Cause,
        /// Who ended it.
        by: ReleasedBy,
    },
}

/// Who ended a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReleasedBy {
    /// Our side, by the verb.
    Us,
    /// The peer.
    Peer,
    /// The connection broke.
    Connection,
    /// A timer ran out.
    Timer,
    /// The peer said what cannot be, or no codec is common.
    Protocol,
}

// === impl Call: what is known of it ===

impl Call {
    /// What to do next; drain after every input.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// Its ids, for the record.
    pub const fn ids(&self) -> &CallIds {
        &self.ids
    }

    /// What the caller's Setup said; none for calls that we make.
    pub fn setup(&self) -> Option<&SetupInfo> {
        self.setup.as_deref()
    }

    /// Whether it has been answered and not released.
    pub fn is_connected(&self) -> bool {
        self.phase == Phase::Connected
    }

    /// Whether nothing will happen on it any more.
    pub fn is_released(&self) -> bool {
        self.phase == Phase::Released
    }

    /// Whether H.245 goes, or will go, inside of the call signalling.
    pub fn is_tunnelled(&self) -> bool {
        self.settings.tunnelling && self.peer_tunnels == Some(true)
    }

    /// What was last agreed of media.
    pub const fn media(&self) -> Option<&Media> {
        self.told_media.as_ref()
    }

    pub(super) fn tell(&mut self, event: Event) {
        self.outputs.push_back(Output::Event(event));
    }
}
