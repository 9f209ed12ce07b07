//! Any bytes as an SDP: parsed, walked through every accessor, written line by line and parsed again to the
//! same.
#![no_main]

use codecs::sdp::{ATTRIBUTES_MAX, FORMATS_MAX, LINE_BYTES_MAX, MEDIA_MAX, OTHER_LINES_MAX, Sdp, Writer};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|body: &[u8]| {
    let Ok(sdp) = Sdp::parse(body) else { return };
    assert!(sdp.media().len() <= MEDIA_MAX && sdp.session_lines().len() <= ATTRIBUTES_MAX + OTHER_LINES_MAX + 2);
    let mut writer = Writer::with_capacity(body.len());
    for line in sdp.session_lines() {
        writer.line(line.kind, line.value);
    }
    for media in sdp.media() {
        assert!((1..=FORMATS_MAX).contains(&media.formats().count()) && media.payloads().all(|number| number <= 127));
        let _ = (sdp.direction_of(media), sdp.connection_of(media));
        writer.begin(b'm');
        writer.text(media.name);
        writer.text(b" ");
        writer.number(u64::from(media.port));
        writer.text(b"/");
        writer.number(u64::from(media.port_count));
        writer.text(b" ");
        writer.text(media.proto_name);
        for format in media.formats() {
            writer.text(b" ");
            writer.text(format);
        }
        writer.end();
        for line in sdp.lines_of(media) {
            assert!(line.value.len() <= LINE_BYTES_MAX && !line.value.contains(&0));
            writer.line(line.kind, line.value);
        }
    }
    // LF became CRLF, so what was near a limit may have passed it.
    let Ok(written) = writer.finish() else { return };
    let Ok(again) = Sdp::parse(&written) else { panic!("what was written is no SDP") };
    assert_eq!(again.session_lines(), sdp.session_lines());
    assert_eq!(again.media().len(), sdp.media().len());
    for (one, other) in again.media().iter().zip(sdp.media()) {
        assert_eq!((one.port, one.kind, one.proto, one.connection), (other.port, other.kind, other.proto, other.connection));
        assert_eq!(again.lines_of(one), sdp.lines_of(other));
    }
});
