//! One SIP leg of a call: its place in RFC 3261's dialogs, and the exchanges under way on it.

use bytes::Bytes;
use call::LegId;
use media::Packed;
use sip::dialog::Dialog;
use sip::flow::Flow;
use sip::transaction::{ClientId, ServerId};
use units::{Cause, Name};

use crate::session::SessionState;

/// Our tag of a leg: the token of its call and what names the leg in it, `a` for the caller's, `b` and the attempt for a carrier's.
pub(crate) fn tag(token: &str, leg: LegId) -> String {
    match leg {
        LegId::Caller => [token, "a"].concat(),
        LegId::Carrier(attempt) => format!("{token}b{attempt}"),
    }
}

/// The leg that the end of a tag names.
pub(crate) fn leg_of_tag(end: &str) -> Option<LegId> {
    match end.as_bytes() {
        b"a" => Some(LegId::Caller),
        // One spelling only: no sign, no leading zero.
        [b'b', b'0'] => Some(LegId::Carrier(0)),
        [b'b', b'1'..=b'9', ..] => end.get(1..)?.parse().ok().map(LegId::Carrier),
        _ => None,
    }
}

/// A leg, from its first INVITE to the end of its last transaction.
#[derive(Debug)]
pub(crate) struct Leg {
    pub id: LegId,
    pub flow: Flow,
    pub state: LegState,
    /// Of a leg that has no dialog yet; the dialog has its own.
    early_call_id: Box<str>,
    /// Set by [`Leg::with_dialog`].
    pub dialog: Option<Box<Dialog>>,
    /// The last SDP that we sent there.
    pub said: Option<Packed>,
    /// Mark of the last SDP that came from there.
    pub heard: Option<u64>,
    pub session: SessionState,
    pub exchange: Exchange,
    /// The carrier's name; empty for the caller's leg.
    pub carrier: Name,
    /// The peer's Allow names UPDATE.
    pub takes_update: bool,
}

/// Where a leg is.
#[derive(Debug)]
pub(crate) enum LegState {
    /// The caller's INVITE has no final answer yet.
    Incoming { invite: ServerId },
    /// Our 2xx waits for its ACK; a BYE may be owed until then (RFC 3261 §15).
    Accepted { invite: ServerId, owed: Option<Goodbye> },
    /// Our INVITE has no final answer yet.
    Calling { invite: ClientId },
    /// As before, but nobody wants it any more: CANCEL is on its way, a 2xx gets ACK and BYE.
    Abandoned { why: Goodbye },
    /// Its 2xx carried an offer; the ACK waits for the answer.
    Answered { invite: ClientId, remote_tag: Box<str>, cseq: u32 },
    /// The dialog stands.
    Confirmed,
    /// Our BYE waits for its answer.
    Leaving,
    /// Nothing more will happen.
    Gone,
}

/// Why we say BYE or CANCEL, as its Reason header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Goodbye {
    pub cause: Cause,
    pub sip_cause: Option<u16>,
}

/// An offer/answer exchange in mid-call (RFC 3261 §14, RFC 3311): at most one per leg.
#[derive(Debug)]
pub(crate) enum Exchange {
    None,
    /// The peer's re-INVITE or UPDATE waits for our answer.
    Theirs {
        server: ServerId,
        request: Box<sip::Message>,
    },
    /// Our 2xx to its re-INVITE waits for the ACK, which brings an answer if we offered late.
    TheirsAccepted {
        server: ServerId,
        cseq: u32,
        late: bool,
    },
    /// Our re-INVITE or UPDATE waits for its answer.
    Ours {
        client: ClientId,
        purpose: OfferPurpose,
        cseq: u32,
    },
    /// The 2xx to our re-INVITE without offer brought one; the ACK waits for the answer.
    OursLate {
        client: ClientId,
        remote_tag: Box<str>,
        cseq: u32,
    },
}

/// Why we sent a re-INVITE or UPDATE.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OfferPurpose {
    /// The call relays the other side's offer.
    Relay,
    /// The other side asked for an offer.
    Ask,
    /// Session refresh: nothing changes.
    Refresh,
}

// === impl Leg ===

impl Leg {
    pub(crate) fn new(id: LegId, flow: Flow, state: LegState, call_id: Box<str>, carrier: Name) -> Self {
        Self {
            id,
            flow,
            state,
            early_call_id: call_id,
            dialog: None,
            said: None,
            heard: None,
            session: SessionState::default(),
            exchange: Exchange::None,
            carrier,
            takes_update: false,
        }
    }

    /// The dialog stands, early or confirmed.
    pub(crate) fn with_dialog(&mut self, dialog: Dialog) {
        self.early_call_id = Box::default();
        self.dialog = Some(Box::new(dialog));
    }

    pub(crate) fn dialog(&self) -> Option<&Dialog> {
        self.dialog.as_deref()
    }

    pub(crate) fn dialog_mut(&mut self) -> Option<&mut Dialog> {
        self.dialog.as_deref_mut()
    }

    pub(crate) fn call_id(&self) -> &str {
        self.dialog().map_or(&self.early_call_id, Dialog::call_id)
    }

    /// Our tag: a token and a letter for the leg. Empty before the dialog.
    pub(crate) fn tag(&self) -> &str {
        self.dialog().map_or("", Dialog::local_tag)
    }

    /// What we said last, as it was.
    pub(crate) fn said(&self) -> Option<Bytes> {
        self.said.as_ref().map(Packed::unpack)
    }

    pub(crate) const fn is_gone(&self) -> bool {
        matches!(self.state, LegState::Gone)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_attempt_has_a_tag_of_its_own() {
        let legs = (0..call::ATTEMPTS_MAX).map(|attempt| LegId::Carrier(attempt as u8)).chain([LegId::Caller]);
        for leg in legs {
            let tag = tag("token", leg);
            assert_eq!(leg_of_tag(&tag["token".len()..]), Some(leg), "{tag}");
        }
        for end in ["", "A", "aa", "b", "b-1", "b+1", "b01", "b256", "b1x", "c1", "z"] {
            assert_eq!(leg_of_tag(end), None, "{end}");
        }
    }
}
