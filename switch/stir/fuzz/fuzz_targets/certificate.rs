//! Fetched files of any bytes, as roots and as chains. Without an algorithm no signature is right, so that
//! nothing is ever believed.
#![no_main]

use libfuzzer_sys::fuzz_target;
use stir::Roots;

fuzz_target!(|bytes: &[u8]| {
    let Ok(roots) = Roots::from_pem(bytes) else { return };
    assert!(roots.check(bytes, 1_780_272_000, &[]).is_err());
});
