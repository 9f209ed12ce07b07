//! Against another parser: what both read, both read alike.
#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use rsip::prelude::{HeadersExt, UntypedHeader};
use sip::Message;

fuzz_target!(|wire: &[u8]| {
    let Ok(mut ours) = Message::parse(Bytes::copy_from_slice(wire)) else { return };
    if ours.check_once().is_err() {
        return;
    }
    let Ok(theirs) = sip::rsip_bridge::to_rsip(&ours) else { return };
    assert_eq!(theirs.is_request(), ours.is_request());
    if let Ok(call_id) = theirs.call_id_header() {
        assert_eq!(call_id.value(), ours.call_id());
    }
    if let rsip::SipMessage::Response(response) = &theirs {
        assert_eq!(u16::from(response.status_code.clone()), ours.status());
    }
    let body = match &theirs {
        rsip::SipMessage::Request(request) => &request.body,
        rsip::SipMessage::Response(response) => &response.body,
    };
    assert_eq!(&body[..], &ours.body()[..]);
});
