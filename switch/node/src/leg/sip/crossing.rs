//! What crosses from one SIP leg to the other.

use std::sync::Arc;

use sip::Message;

use crate::leg::Party;

/// What one SIP leg hands to the other, and nothing else: the headers of its INVITE that nobody here
/// understands, what it says of the caller, and why it gave up.
#[derive(Debug, Clone)]
pub(crate) struct Crossing {
    pub invite: Arc<Message>,
    /// Whose INVITE that is: whether it is believed.
    pub party: Party,
    /// It takes provisional responses that it acknowledges (RFC 3262).
    pub acknowledges: bool,
    /// The Reason of its CANCEL.
    pub cancel_reason: Option<Box<str>>,
    /// What came of verifying the caller's number.
    pub verstat: Option<stir::Verstat>,
}
