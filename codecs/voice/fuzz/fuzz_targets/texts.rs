//! Any octets as an event of RFC 4733, a body of INFO and a WAV file: read, written and read again to the
//! same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use voice::dtmf::{Event, InfoForm};
use voice::wav::{PROMPT_SAMPLES_MAX, Prompt, header};

fuzz_target!(|input: &[u8]| {
    if let Some(event) = Event::parse(input) {
        assert_eq!(Event::parse(&event.write()), Some(event));
    }
    for form in [InfoForm::Relay, InfoForm::Plain] {
        if let Ok(info) = form.parse(input) {
            let again = form.parse(form.write(info).as_bytes()).expect("what was written");
            assert_eq!(again.digit, info.digit);
            assert!((40..=10_000).contains(&again.duration_ms));
        }
    }
    if let Ok(text) = std::str::from_utf8(input) {
        let _ = InfoForm::from_content_type(text);
    }
    match Prompt::parse(input) {
        Ok(prompt) => assert!((1..=PROMPT_SAMPLES_MAX).contains(&prompt.samples().len())),
        Err(error) => assert!(!error.to_string().is_empty()),
    }
    // The same octets as the samples of a file that is well formed.
    let mut file = header(1, input.len() as u32).to_vec();
    file.extend_from_slice(input);
    assert_eq!(Prompt::parse(&file).is_ok(), !input.is_empty() && input.len() % 2 == 0);
});
