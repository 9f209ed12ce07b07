//! Two bodies, parted by a NUL: an offer through the filter, and an answer to what passed of it. The first
//! byte chooses the codecs.
#![no_main]

use bytes::Bytes;
use codecs::sdp::Sdp;
use codecs::{Codec, CodecSet};
use libfuzzer_sys::fuzz_target;
use media::{LocalSession, SessionOrigin, Session, sdp_part};

fuzz_target!(|input: &[u8]| {
    let Some((&choice, input)) = input.split_first() else { return };
    let allowed: CodecSet = Codec::ALL.into_iter().filter(|&codec| choice >> codec as u8 & 1 == 1).collect();
    let _ = sdp_part("multipart/mixed;boundary=b", &Bytes::copy_from_slice(input));
    let (offer, answer) = match input.iter().position(|&byte| byte == 0) {
        Some(nul) => (&input[..nul], &input[nul + 1..]),
        None => (input, input),
    };
    let ours = SessionOrigin { id: 7, address: std::net::IpAddr::from([198, 51, 100, 9]) };
    let write = |session: &Session| LocalSession::new().write(session, ours);
    let read = |sdp: &[u8]| Session::read(&Bytes::copy_from_slice(sdp));
    let Some(offered) = read(offer).ok().and_then(|session| session.offer(allowed).ok()) else { return };
    let codecs = offered.codecs();
    assert!(!codecs.is_empty() && codecs & allowed == codecs);
    let sdp = write(&offered);
    let again = read(&sdp).expect("what passes is an SDP").offer(allowed).expect("passes again");
    assert_eq!(write(&again), sdp);
    if let Some(negotiated) = read(answer).ok().and_then(|answer| offered.answered(&answer).ok()) {
        let text = write(&negotiated.session);
        let sdp = Sdp::parse(&text).expect("what passes is an SDP");
        assert_eq!(sdp.media().len(), offered.streams().len());
        assert!(negotiated.codec.is_none_or(|codec| codecs.contains(codec)));
        assert!(sdp.media().iter().filter(|media| media.port != 0).count() <= 1);
    }
});
