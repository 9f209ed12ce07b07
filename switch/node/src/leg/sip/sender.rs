//! What every message of a leg needs: our address, our Contact.

use sip::dialog::Sender;
use sip::flow::Flow;

use super::endpoint::here;
use super::messages;
use crate::leg::Context;

impl Context<'_> {
    /// Our address on a flow, as Via and Contact have it.
    pub(super) fn here(&self, flow: &Flow) -> String {
        here(self.config, flow)
    }

    /// Our Contact on a flow.
    pub(super) fn contact(&self, flow: &Flow) -> String {
        messages::contact(&self.endpoint.contact_user(self.call.at), &self.here(flow), flow.transport)
    }
}

/// The Via and Contact of one request of ours.
pub(super) const fn sender<'a>(flow: &Flow, here: &'a str, branch: &'a str, contact: &'a str) -> Sender<'a> {
    Sender { transport: flow.transport, sent_by: here, branch, contact }
}
