//! What is kept of a request that may be challenged.

use std::sync::Arc;

use bytes::Bytes;
use call::LegId;
use route::Carrier;
use sip::Method;
use sip::flow::Flow;

use super::credentials::Asked;
use crate::ids::CallRef;

/// A request to a carrier with credentials, as it was sent, until its final answer.
pub(super) struct Sent {
    pub carrier: Arc<Carrier>,
    /// The leg whose it is; none: nobody's any more.
    pub leg: Option<(CallRef, LegId)>,
    pub flow: Flow,
    /// Whether it may go by another transport when it is large.
    pub fixed: bool,
    pub method: Method,
    pub bytes: Bytes,
    pub asked: Asked,
}
