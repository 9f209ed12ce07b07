//! What crosses from one SIP leg to the other.

use std::sync::Arc;

use sip::Message;

/// What one SIP leg hands to the other, and nothing else: the headers of its INVITE that nobody here
/// understands, and why it gave up.
#[derive(Debug, Clone)]
pub(crate) struct Crossing {
    pub invite: Arc<Message>,
    /// The Reason of its CANCEL.
    pub cancel_reason: Option<Box<str>>,
}
