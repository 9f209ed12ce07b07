//! What is kept of one request of a peer: its state, and its answer as long as a repeat may ask for it. The
//! arrows are those of the figures of RFC 3261 §17.2.

use bytes::Bytes;

use super::matching::Key;
use super::pace::Pace;
use super::step::{Class, Rules, Step};
use super::timers::{Fired, Timers};
use super::{invite_server as invite, non_invite_server as non_invite};
use crate::flow::Flow;

/// A server transaction. What only one that may still send needs is apart: after the ACK it has nothing left
/// but to absorb repeats.
#[derive(Debug)]
pub(super) struct Server {
    pub(super) key: Key,
    /// `NO_KEY` if it can come over one path only.
    pub(super) merge: Key,
    pub(super) state: State,
    pub(super) reliable: bool,
    pub(super) pace: Pace,
    pub(super) timers: Timers,
    pub(super) answer: Option<Box<Answer>>,
}

/// The response, as long as a repeat may ask for it.
#[derive(Debug)]
pub(super) struct Answer {
    /// Where responses go.
    pub(super) flow: Flow,
    /// The last one; empty before the first.
    pub(super) response: Bytes,
    pub(super) cancelled: bool,
    /// The To-tag of its responses, if the user has said it: that of a CANCEL's 200 too.
    pub(super) tag: Option<Box<str>>,
}

/// What happens to a server transaction, before its figure names it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Happening {
    /// The request again.
    Repeat,
    Ack,
    Response(Class),
    /// The user saw the ACK to the 2xx.
    Acked,
    Timer(Fired),
}

/// Where a server transaction stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum State {
    Invite(invite::State),
    NonInvite(non_invite::State),
}

// === impl State ===

impl State {
    pub(super) const fn is_terminated(self) -> bool {
        matches!(
            self,
            Self::Invite(invite::State::Terminated) | Self::NonInvite(non_invite::State::Terminated)
        )
    }

    /// Gives the happening its name in the figure and takes the arrow; nothing if the figure does not know
    /// it.
    pub(super) fn step(self, happening: Happening, rules: &Rules) -> Option<Step<Self>> {
        match self {
            Self::Invite(state) => {
                let input = match happening {
                    Happening::Repeat => invite::Input::Invite,
                    Happening::Ack => invite::Input::Ack,
                    Happening::Response(Class::Provisional) => invite::Input::Provisional,
                    Happening::Response(Class::Success) => invite::Input::Success,
                    Happening::Response(Class::Failure) => invite::Input::Failure,
                    Happening::Acked => invite::Input::Acked,
                    Happening::Timer(fired) => fired.pick(state.repeat_timer(), state.end_timer()),
                };
                Some(state.on(input, rules).map(Self::Invite))
            }
            Self::NonInvite(state) => {
                let input = match happening {
                    Happening::Repeat => non_invite::Input::Request,
                    Happening::Response(Class::Provisional) => non_invite::Input::Provisional,
                    Happening::Response(Class::Success | Class::Failure) => non_invite::Input::Final,
                    Happening::Timer(_) => state.end_timer(),
                    Happening::Ack | Happening::Acked => return None,
                };
                Some(state.on(input, rules).map(Self::NonInvite))
            }
        }
    }

    /// Whether nothing is sent any more, whatever comes.
    pub(super) const fn is_spent(self) -> bool {
        matches!(self, Self::Invite(invite::State::Confirmed | invite::State::Accepted { acked: true, .. }))
    }

    /// Whether a final response may still be given.
    pub(super) const fn is_open(self) -> bool {
        matches!(
            self,
            Self::Invite(invite::State::Proceeding)
                | Self::NonInvite(non_invite::State::Trying | non_invite::State::Proceeding)
        )
    }
}
