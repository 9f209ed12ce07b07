//! Identity headers of any text: read or refused with a status, and what was read is of one call only.
#![no_main]

use libfuzzer_sys::fuzz_target;
use stir::{CertificateUrl, FRESH_SECS, Passport, Tn};

fuzz_target!(|text: &str| {
    if let Some(tn) = Tn::canonical(text) {
        assert_eq!(Tn::canonical(tn.as_str()).as_ref(), Some(&tn));
    }
    // The slash that an address without a path gets may be one character too many.
    if text.len() < 500
        && let Ok(url) = CertificateUrl::parse(text)
    {
        assert_eq!(CertificateUrl::parse(&url.to_string()), Ok(url));
    }
    match Passport::find(text.split('\n')) {
        Ok(passport) => {
            let (orig, dest) = (std::slice::from_ref(&passport.orig), &passport.dest[..1]);
            assert!(passport.fits(orig, dest, passport.iat).is_ok());
            assert!(passport.fits(&[], dest, passport.iat).is_err());
            assert!(passport.fits(orig, dest, passport.iat.wrapping_add(FRESH_SECS + 1)).is_err());
        }
        Err(fault) => assert!(matches!(fault.status(), 403 | 428 | 436 | 437 | 438)),
    }
});
