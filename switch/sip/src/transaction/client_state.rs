//! What is kept of one of our requests: its state, what was sent, its CANCEL, and where it hangs on its flow.
//! The arrows are those of the figures of RFC 3261 §17.1.

use std::net::SocketAddr;

use bytes::Bytes;

use super::matching::Key;
use super::pace::Pace;
use super::step::{Class, Rules, Step};
use super::timers::{Fired, Timers};
use super::{invite_client as invite, non_invite_client as non_invite};
use crate::Method;
use crate::flow::Flow;

/// No slot: the end of a chain.
pub(super) const NIL: u32 = u32::MAX;

/// A client transaction. What only one without an answer needs is apart: after the 2xx it still has to live
/// for 64·T1.
#[derive(Debug)]
pub(super) struct Client {
    pub(super) method: Method,
    pub(super) reliable: bool,
    pub(super) pace: Pace,
    pub(super) state: State,
    pub(super) timers: Timers,
    pub(super) forks: Vec<Fork>,
    pub(super) asking: Option<Box<Asking>>,
}

/// What is sent, from `send` to the answer; after a 3xx–6xx to INVITE as long as its ACK may have to be
/// repeated.
#[derive(Debug)]
pub(super) struct Asking {
    pub(super) flow: Flow,
    /// The request; after a 3xx–6xx to INVITE its ACK.
    pub(super) bytes: Bytes,
    pub(super) cancel: Cancel,
    pub(super) chain: Chain,
    /// The connection that it went by was lost, and it went out once more.
    pub(super) resent: bool,
    /// What is sent instead where the transport of `flow` does not work (§18.1.1).
    pub(super) fallback: Option<Box<(Flow, Bytes)>>,
}

/// What happens to a client transaction, before its figure names it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Happening {
    Response(Class),
    Timer(Fired),
    TransportError,
    /// Its CANCEL goes out.
    Cancelled,
}

/// Where a client transaction stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum State {
    /// It has an id and a branch, and nothing was sent.
    Minted,
    Invite(invite::State),
    NonInvite(non_invite::State),
}

/// A UAS that answered 2xx, by its To-tag.
#[derive(Debug)]
pub(super) struct Fork {
    pub(super) tag: Key,
    pub(super) ack: Acknowledged,
}

/// The ACK that it got, as far as it cannot be made from the 2xx when that comes again.
#[derive(Debug)]
pub(super) enum Acknowledged {
    /// None yet; `follows` if the 2xx has the Contact from which one can be made.
    Not { follows: bool },
    /// Without a body: all of it follows from the 2xx, but not where it goes.
    Bare(SocketAddr),
    /// With a body.
    Whole(Box<(Flow, Bytes)>),
}

/// The CANCEL of an INVITE.
#[derive(Debug)]
pub(super) enum Cancel {
    No,
    /// Waits for the first 1xx (§9.1), with its Reason.
    Held(Option<Box<str>>),
    Sent(Box<CancelTransaction>),
    Over,
}

/// Its own transaction, of figure 6.
#[derive(Debug)]
pub(super) struct CancelTransaction {
    pub(super) state: non_invite::State,
    pub(super) bytes: Bytes,
    pub(super) timers: Timers,
}

/// The place among the transactions that wait on the same flow.
#[derive(Clone, Copy, Debug)]
pub(super) struct Chain {
    pub(super) linked: bool,
    pub(super) newer: u32,
    pub(super) older: u32,
}

impl Chain {
    pub(super) const NONE: Self = Self { linked: false, newer: NIL, older: NIL };
}

// === impl State ===

impl State {
    /// Nothing was heard yet, so a transport failure ends it. An INVITE that is ringing does not care.
    pub(super) const fn waits(self) -> bool {
        match self {
            Self::Invite(invite::State::Calling { .. })
            | Self::NonInvite(non_invite::State::Trying { .. } | non_invite::State::Proceeding) => true,
            Self::Minted | Self::Invite(_) | Self::NonInvite(_) => false,
        }
    }

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
            Self::Minted => None,
            Self::Invite(state) => {
                let input = match happening {
                    Happening::Response(Class::Provisional) => invite::Input::Provisional,
                    Happening::Response(Class::Success) => invite::Input::Success,
                    Happening::Response(Class::Failure) => invite::Input::Failure,
                    Happening::Timer(fired) => fired.pick(state.repeat_timer(), state.end_timer()),
                    Happening::TransportError => invite::Input::TransportError,
                    Happening::Cancelled => invite::Input::Cancelled,
                };
                Some(state.on(input, rules).map(Self::Invite))
            }
            Self::NonInvite(state) => {
                step_non_invite(state, happening, rules).map(|step| step.map(Self::NonInvite))
            }
        }
    }
}

/// The same for figure 6, which a CANCEL follows too.
pub(super) fn step_non_invite(
    state: non_invite::State,
    happening: Happening,
    rules: &Rules,
) -> Option<Step<non_invite::State>> {
    let input = match happening {
        Happening::Response(Class::Provisional) => non_invite::Input::Provisional,
        Happening::Response(Class::Success | Class::Failure) => non_invite::Input::Final,
        Happening::Timer(fired) => fired.pick(state.repeat_timer(), state.end_timer()),
        Happening::TransportError => non_invite::Input::TransportError,
        Happening::Cancelled => return None,
    };
    Some(state.on(input, rules))
}
