//! Typed values from any text: URI, name-addr, Via, parameters.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sip::{NameAddr, Uri, Via};

fuzz_target!(|text: &str| {
    if let Some(uri) = Uri::parse(text) {
        assert_eq!(uri.as_str(), text);
        let _ = (uri.user_unescaped(), uri.user_base(), uri.host_ip(), uri.is_loose());
    }
    if let Some(party) = NameAddr::parse(text) {
        let _ = (party.display_text(), party.tag(), party.parse_uri(), party.params.well_formed("tag", 64));
    }
    if let Some(via) = Via::parse(text) {
        let _ = (via.branch(), via.received(), via.rport(), via.params.well_formed("branch", 64));
    }
    for value in sip::list::values(text) {
        assert!(!value.is_empty());
    }
});
