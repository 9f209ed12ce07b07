//! What is kept of the early dialogs of a leg (RFC 3261 §12.1).

use call::{Attempt, Branch};
use media::{LocalSession, Mark};
use sip::dialog::Dialog;

/// An early dialog toward the caller.
#[derive(Debug)]
pub(crate) struct EarlyToCaller {
    /// Whose session it is.
    pub of: (Attempt, Branch),
    pub local: LocalSession,
    /// What the caller said of the session there, if it was more than its INVITE.
    pub remote: Option<Mark>,
    /// Another exchange followed the first: what the caller knows is not judged by the first any more.
    pub is_updated: bool,
    /// Of one beside the leg's own, once a request was sent there.
    pub dialog: Option<Box<Dialog>>,
}

/// An early dialog of a carrier's phone.
#[derive(Debug)]
pub(crate) struct EarlyFromCallee {
    pub tag: Box<str>,
    /// None without a Contact: nothing can be sent there.
    pub dialog: Option<Dialog>,
    /// RSeq of its last reliable provisional response; 0: none.
    pub rseq: u32,
    /// One of those brought its answer, or an offer that was answered.
    pub has_answered: bool,
    /// What it said of the session last.
    pub remote: Option<Mark>,
    /// Its Allow names UPDATE.
    pub takes_update: bool,
    /// The response that brought its offer, whose PRACK waits for the answer: RSeq and CSeq number.
    pub owed: Option<(u32, u32)>,
}

// === impl EarlyToCaller ===

impl EarlyToCaller {
    pub(crate) const fn new(of: (Attempt, Branch), local: LocalSession) -> Self {
        Self { of, local, remote: None, is_updated: false, dialog: None }
    }
}

// === impl EarlyFromCallee ===

impl EarlyFromCallee {
    pub(crate) fn new(tag: &str, dialog: Option<Dialog>) -> Self {
        Self {
            tag: tag.into(),
            dialog,
            rseq: 0,
            has_answered: false,
            remote: None,
            takes_update: false,
            owed: None,
        }
    }
}
