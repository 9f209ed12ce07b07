//! One SIP leg of a call: its place in RFC 3261's dialogs, and the exchanges under way on it.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use call::{Attempt, Branch, LegId, ReleaseReason};
use media::{Before, LocalSession, Mark, Session, SessionOrigin};
use rating::cdr::Protocol;
use sip::Message;
use sip::dialog::Dialog;
use sip::flow::Flow;
use sip::transaction::{ClientId, ServerId};
use units::{Name, Number, Tick};

use super::credentials::Authorization;
use super::crossing::Crossing;
use super::early::{EarlyFromCallee, EarlyToCaller};
use super::endpoint::Kept;
use super::liveness::Liveness;
use super::redirects::Redirects;
use super::reliable::Reliable;
use super::session_timer::SessionState;
use super::tag::EARLY_MAX;
use crate::leg::{ContactWay, Context, LegFacts, Party};

/// A leg, from its first INVITE to the end of its last transaction.
#[derive(Debug)]
pub(crate) struct SipLeg {
    pub id: LegId,
    pub party: Party,
    /// By which its peer was heard last; of a called one that said nothing yet, by which it is asked.
    pub flow: Flow,
    /// Where its peer's signalling came from when the leg was made or answered.
    pub source: IpAddr,
    /// What its peer calls itself.
    pub user_agent: Option<Name>,
    pub state: LegState,
    /// What matters until the answer.
    pub setup: Option<Box<Setup>>,
    /// Set by [`SipLeg::with_dialog`].
    pub dialog: Option<Box<Dialog>>,
    /// What we say of the session there.
    pub local: LocalSession,
    /// What was said before the offer that is under way there.
    pub before: Option<Box<Before>>,
    /// What the peer said of the session last.
    pub remote: Option<Mark>,
    pub session: SessionState,
    pub exchange: Exchange,
    /// In which early dialog that is, counted as they are, of one that began before the answer.
    pub exchange_at: usize,
    /// The peer's Allow names UPDATE.
    pub takes_update: bool,
    /// Its connection stands for the address of its Contact: a caller's that it opened itself, as long as it
    /// names no other place.
    pub by_connection: bool,
    pub liveness: Liveness,
    /// What came of verifying the number of a caller.
    pub verstat: Option<stir::Verstat>,
    /// What we said of the caller's number there, if we signed it.
    pub attested: Option<stir::Attestation>,
    /// What its carrier asked for, if it did.
    pub authorization: Option<Box<Authorization>>,
    /// Connections that stay open for it.
    pub kept: Option<Box<Kept>>,
    /// INVITEs to addresses that were silent for too long, until their final responses.
    pub given_up: Option<Box<GivenUp>>,
}

/// INVITEs that another stands for; a 2xx to one of them has to be ended, and is charged for.
#[derive(Debug, Default)]
pub(crate) struct GivenUp(pub Vec<ClientId>);

/// What a leg needs until its INVITE is answered.
#[derive(Debug)]
pub(crate) enum Setup {
    Incoming(Incoming),
    Outgoing(Outgoing),
}

/// Of a caller's leg.
#[derive(Debug)]
pub(crate) struct Incoming {
    /// The INVITE.
    pub invite: Arc<Message>,
    /// It has no meaning after this moment (RFC 3261 §13.3.1).
    pub expires_at: Tick,
    /// The Reason of its CANCEL.
    pub cancel_reason: Option<Box<str>>,
    /// Its early dialogs, one for each session that the caller was told of: two answers to one offer need two
    /// dialogs.
    pub early_sent: Vec<EarlyToCaller>,
    /// It takes provisional responses that it acknowledges.
    pub reliable: Option<Box<Reliable>>,
}

/// Of a called leg.
#[derive(Debug)]
pub(crate) struct Outgoing {
    pub call_id: Box<str>,
    /// CSeq number of the INVITE.
    pub cseq: u32,
    /// A 422 was answered.
    pub enlarged: bool,
    /// A response came.
    pub heard: bool,
    /// Where a redirection sent it.
    pub redirects: Option<Box<Redirects>>,
    /// What is called, if it is a number.
    pub number: Option<Number>,
    /// How a contact is reached.
    pub contact: Option<Box<ContactWay>>,
    /// What the INVITE offers.
    pub offered: Option<Arc<Session>>,
    /// Other addresses of its host name, tried when this one is unreachable, or silent.
    pub alternates: Vec<SocketAddr>,
    /// When the address that is called has had its time to say something; `Tick::NEVER`: it said something,
    /// or there is no other.
    pub address_until: Tick,
    /// When all of them have.
    pub silent_until: Tick,
    /// What the caller's leg handed over.
    pub crossing: Option<Crossing>,
    /// Its early dialogs (RFC 3261 §12.1), one for each phone that rang, by its tag, in the order of
    /// [`Branch`].
    pub early_received: Vec<EarlyFromCallee>,
}

/// Where a leg is.
#[derive(Debug)]
pub(crate) enum LegState {
    /// The caller's INVITE has no final answer yet.
    Incoming { invite: ServerId },
    /// Our 2xx waits for its ACK; a BYE may be owed until then (RFC 3261 §15).
    /// A `late` offer of ours, in that 2xx, has its answer in the ACK.
    Accepted { invite: ServerId, owed: Option<ReleaseReason>, late: bool },
    /// Our INVITE has no final answer yet.
    Calling { invite: ClientId },
    /// As before, but nobody wants it any more: CANCEL is on its way, a 2xx gets ACK and BYE.
    Abandoned { why: ReleaseReason },
    /// Its 2xx carried an offer; the ACK waits for the answer.
    Answered { invite: ClientId, remote_tag: Box<str>, cseq: u32 },
    /// The dialog stands.
    Confirmed,
    /// Our BYE waits for its answer.
    Leaving,
    /// Nothing more will happen.
    Gone,
}

/// An offer/answer exchange in mid-call (RFC 3261 §14, RFC 3311): at most one per leg.
#[derive(Debug)]
pub(crate) enum Exchange {
    None,
    /// The peer's re-INVITE or UPDATE waits for our answer; before the answer to the call an UPDATE or PRACK.
    Theirs {
        server: ServerId,
        request: Box<Message>,
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
        /// The first session in a provisional response: the answer, if the final one holds none (RFC 3261
        /// §13.2.1).
        early: Option<Arc<Session>>,
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
    /// It took an offer of which nothing came: what was said before holds.
    Restore,
    /// As [`OfferPurpose::Relay`], before the answer.
    RelayEarly,
    /// As [`OfferPurpose::Restore`], before the answer.
    RestoreEarly,
}

// === impl SipLeg ===

impl SipLeg {
    pub(crate) fn new(id: LegId, party: Party, flow: Flow, state: LegState, setup: Setup) -> Self {
        Self {
            id,
            party,
            flow,
            source: flow.peer.ip(),
            user_agent: None,
            state,
            setup: Some(Box::new(setup)),
            dialog: None,
            local: LocalSession::new(),
            before: None,
            remote: None,
            session: SessionState::default(),
            exchange: Exchange::None,
            exchange_at: 0,
            takes_update: false,
            by_connection: id == LegId::Caller,
            liveness: Liveness::default(),
            verstat: None,
            attested: None,
            authorization: None,
            kept: None,
            given_up: None,
        }
    }

    /// The dialog stands, early or confirmed.
    pub(crate) fn with_dialog(&mut self, dialog: Dialog) {
        self.dialog = Some(Box::new(dialog));
    }

    pub(crate) fn dialog(&self) -> Option<&Dialog> {
        self.dialog.as_deref()
    }

    pub(crate) fn dialog_mut(&mut self) -> Option<&mut Dialog> {
        self.dialog.as_deref_mut()
    }

    pub(crate) fn incoming(&self) -> Option<&Incoming> {
        match self.setup.as_deref()? {
            Setup::Incoming(incoming) => Some(incoming),
            Setup::Outgoing(_) => None,
        }
    }

    pub(crate) fn incoming_mut(&mut self) -> Option<&mut Incoming> {
        match self.setup.as_deref_mut()? {
            Setup::Incoming(incoming) => Some(incoming),
            Setup::Outgoing(_) => None,
        }
    }

    pub(crate) fn outgoing(&self) -> Option<&Outgoing> {
        match self.setup.as_deref()? {
            Setup::Outgoing(outgoing) => Some(outgoing),
            Setup::Incoming(_) => None,
        }
    }

    pub(crate) fn outgoing_mut(&mut self) -> Option<&mut Outgoing> {
        match self.setup.as_deref_mut()? {
            Setup::Outgoing(outgoing) => Some(outgoing),
            Setup::Incoming(_) => None,
        }
    }

    pub(crate) fn call_id(&self) -> &str {
        let early = || self.outgoing().map_or("", |outgoing| &*outgoing.call_id);
        self.dialog().map_or_else(early, Dialog::call_id)
    }

    /// Our tag: a token and a letter for the leg. Empty before the dialog.
    pub(crate) fn tag(&self) -> &str {
        self.dialog().map_or("", Dialog::local_tag)
    }

    /// Which side of an answered call it is, for the log.
    pub(crate) const fn is_caller(&self) -> bool {
        matches!(self.id, LegId::Caller)
    }

    /// Which of the phones that ring a response of this To-tag comes from; a new one is noted.
    pub(crate) fn branch_of(&mut self, tag: &str, dialog: impl FnOnce() -> Option<Dialog>) -> Branch {
        let Some(Outgoing { early_received, .. }) = self.outgoing_mut() else { return 0 };
        let known = early_received.iter().position(|branch| &*branch.tag == tag);
        let place = known.unwrap_or_else(|| {
            if early_received.len() < EARLY_MAX {
                early_received.push(EarlyFromCallee::new(tag, dialog()));
            }
            early_received.len() - 1
        });
        place as Branch
    }

    /// The place of a session among those that the caller was told of; a new one is noted, with its own `o=`
    /// line.
    pub(crate) fn early_place(&mut self, of: (Attempt, Branch)) -> usize {
        let fresh = self.local.clone();
        let Some(Incoming { early_sent, .. }) = self.incoming_mut() else { return 0 };
        early_sent.iter().position(|branch| branch.of == of).unwrap_or_else(|| {
            if early_sent.len() < EARLY_MAX {
                early_sent.push(EarlyToCaller::new(of, fresh));
            }
            early_sent.len() - 1
        })
    }

    /// It has nothing left to do. Of what it was set up with, its Call-ID stays, for the record.
    pub(crate) fn finish(&mut self) {
        self.state = LegState::Gone;
        if let Some(outgoing) = self.outgoing_mut() {
            (outgoing.offered, outgoing.crossing) = (None, None);
            (outgoing.alternates, outgoing.early_received) = (Vec::new(), Vec::new());
            outgoing.contact = None;
        }
    }

    pub(crate) const fn is_calling(&self) -> bool {
        matches!(self.state, LegState::Calling { .. })
    }

    pub(crate) const fn is_confirmed(&self) -> bool {
        matches!(self.state, LegState::Confirmed)
    }

    pub(crate) const fn is_gone(&self) -> bool {
        matches!(self.state, LegState::Gone) && self.given_up.is_none()
    }

    pub(crate) fn crossing(&self) -> Option<Crossing> {
        let incoming = self.incoming()?;
        Some(Crossing {
            invite: Arc::clone(&incoming.invite),
            party: self.party.clone(),
            acknowledges: incoming.reliable.is_some(),
            cancel_reason: incoming.cancel_reason.clone(),
            verstat: self.verstat,
        })
    }

    pub(crate) fn facts(&self) -> LegFacts {
        LegFacts {
            call_id: self.call_id().to_owned(),
            protocol: Protocol::Sip,
            transport: self.flow.transport.as_str(),
            source: self.source,
            user_agent: self.user_agent.clone(),
            attested: self.attested,
            h323_ids: None,
        }
    }

    /// Who we are in the session of this leg.
    pub(crate) fn session_origin(&self, cx: &Context<'_>) -> SessionOrigin {
        session_origin(cx.call.id, self.id, cx.config.advertised(self.flow.local).ip())
    }
}

/// Number of our session toward a leg in its `o=` line: another for every leg of every call (RFC 8866 §5.2).
fn session_origin(call: u128, leg: LegId, address: IpAddr) -> SessionOrigin {
    let leg = match leg {
        LegId::Caller => 0,
        LegId::Carrier(attempt) => 1 + u64::from(attempt),
    };
    // SplitMix64: every bit of the call's id and of the leg moves every bit of the number.
    let mut mixed =
        (call as u64) ^ ((call >> 64) as u64).rotate_left(32) ^ leg.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    SessionOrigin { id: mixed ^ (mixed >> 31), address }
}
