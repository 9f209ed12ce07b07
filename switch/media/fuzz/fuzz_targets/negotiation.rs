//! Two bodies, parted by a NUL: an offer through the filter, and an answer to what passed of it. The first byte chooses the codecs.
#![no_main]

use bytes::Bytes;
use codecs::sdp::Sdp;
use codecs::{Codec, CodecSet};
use libfuzzer_sys::fuzz_target;
use media::{SessionOrigin, check_answer, filter, sdp_part};

fuzz_target!(|input: &[u8]| {
    let Some((&choice, input)) = input.split_first() else { return };
    let allowed: CodecSet = Codec::ALL.into_iter().filter(|&codec| choice >> codec as u8 & 1 == 1).collect();
    let _ = sdp_part("multipart/mixed;boundary=b", &Bytes::copy_from_slice(input));
    let (offer, answer) = match input.iter().position(|&byte| byte == 0) {
        Some(nul) => (&input[..nul], &input[nul + 1..]),
        None => (input, input),
    };
    let our = SessionOrigin::new(7, std::net::IpAddr::from([198, 51, 100, 9]));
    let Ok(filtered) = filter(offer, allowed, &our) else { return };
    let codecs = filtered.offered.codecs();
    assert!(!codecs.is_empty() && codecs & allowed == codecs);
    assert_eq!(filter(&filtered.sdp, allowed, &our).expect("passes again").sdp, filtered.sdp);
    if let Ok(negotiated) = check_answer(&filtered, answer, &our) {
        let sdp = Sdp::parse(&negotiated.sdp).expect("what passes is an SDP");
        assert_eq!(sdp.media().len(), filtered.offered.kinds().len());
        assert!(negotiated.codec.is_none_or(|codec| codecs.contains(codec)));
        assert!(sdp.media().iter().filter(|media| media.port != 0).count() <= 1);
    }
});
