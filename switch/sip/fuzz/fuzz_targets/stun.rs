//! Keep-alives: an answer is never longer than it may be, and only a request has one.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|datagram: &[u8]| {
    let source = std::net::SocketAddr::from(([192, 0, 2, 1], 5060));
    if let Some(answer) = sip::stun::answer(datagram, source) {
        assert!(sip::stun::is_stun(datagram) && answer.len() <= 128);
        assert!(sip::stun::answer(&answer, source).is_none(), "an answer is not answered");
    }
});
