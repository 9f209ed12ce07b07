//! ACK of a 2xx to an INVITE of ours (RFC 3261 §13.2.2.4), with the credentials of that INVITE (§22.1).

use bytes::Bytes;
use sip::transaction::ClientId;

use super::leg::SipLeg;
use super::sender::sender;
use crate::leg::Context;

/// A 2xx to an INVITE of ours, as its ACK must name it.
pub(crate) struct Accepted<'a> {
    pub client: ClientId,
    pub cseq: u32,
    pub remote_tag: &'a str,
}

// === impl SipLeg ===

impl SipLeg {
    /// ACK to a 2xx, kept by the layer for repeats.
    pub(crate) fn send_ack(&mut self, cx: &mut Context<'_>, accepted: &Accepted<'_>, sdp: Option<&Bytes>) {
        let flow = self.next_hop(cx);
        let here = cx.here(&flow);
        let Some(dialog) = self.dialog() else { return };
        let branch = dialog.ack_branch(&cx.endpoint.minter, accepted.cseq);
        let mut builder = dialog.ack(accepted.cseq, &sender(&flow, &here, &branch, ""));
        if let Some(authorization) = self.authorization.as_deref()
            && self.challenger(cx, flow.peer.ip()).is_some()
        {
            builder = authorization.repeat_in(builder);
        }
        if let Some(sdp) = sdp {
            builder = builder.body("application/sdp", sdp);
        }
        cx.endpoint.layer.ack_2xx(cx.now.tick, accepted.client, accepted.remote_tag, flow, builder.build());
    }
}
