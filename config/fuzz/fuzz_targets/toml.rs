//! Any text as a configuration: settings, or findings of which one is an error, each with a place.
#![no_main]

use config::{Severity, check_text};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| match check_text("fuzz.toml", text) {
    Ok(settings) => assert!(settings.warnings.iter().all(|d| d.severity == Severity::Warning) && !settings.sip.listen.is_empty()),
    Err(findings) => {
        assert!(findings.iter().any(|d| d.severity == Severity::Error));
        assert!(findings.iter().all(|d| d.line >= 1 && d.column >= 1));
    }
});
