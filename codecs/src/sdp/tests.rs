//! SDPs as peers write them, and as attackers do.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::*;

/// RFC 8866 §5, its own example, with an audio codec that it leaves out.
const WHOLE: &str = "v=0\r\n\
    o=jdoe 3724394400 3724394405 IN IP4 198.51.100.1\r\n\
    s=Call to John Smith\r\n\
    i=SDP Offer #1\r\n\
    u=http://www.jdoe.example.com/home.html\r\n\
    e=Jane Doe <jane@jdoe.example.com>\r\n\
    p=+1 617 555-6011\r\n\
    c=IN IP4 198.51.100.1\r\n\
    t=0 0\r\n\
    m=audio 49170/2 RTP/AVP 0 96\r\n\
    a=rtpmap:96 telephone-event/8000\r\n\
    a=fmtp:96 0-15\r\n\
    a=ptime:20\r\n\
    m=audio 49180 RTP/AVP 0\r\n\
    m=video 51372 RTP/AVPF 99\r\n\
    c=IN IP6 2001:db8::2\r\n\
    a=rtpmap:99 h263-1998/90000/1\r\n\
    a=rtcp-fb:* nack pli\r\n\
    a=inactive\r\n";

fn fault(body: &str) -> Fault {
    match Sdp::parse(body.as_bytes()) {
        Err(SdpError::Line { fault, .. }) => fault,
        other => panic!("{body:?}: {other:?}"),
    }
}

/// A body whose audio section is `lines`.
fn audio(lines: &str) -> String {
    format!(
        "v=0\no=- 1 1 IN IP4 192.0.2.1\ns=-\nc=IN IP4 192.0.2.1\nt=0 0\nm=audio 4000 RTP/AVP 0 8\n{lines}"
    )
}

#[test]
fn a_whole_sdp_is_read() {
    for body in
        [WHOLE.to_owned(), WHOLE.replace('\r', ""), format!("{WHOLE}\r\n\r\n"), WHOLE.trim_end().to_owned()]
    {
        let sdp = Sdp::parse(body.as_bytes()).unwrap();
        assert_eq!((sdp.origin.id, sdp.origin.version), (&b"3724394400"[..], &b"3724394405"[..]));
        assert_eq!(sdp.session_lines().iter().map(|line| line.kind).collect::<Vec<_>>(), b"vosiuepct");
        let [first, second, video] = sdp.media() else { panic!("three m-lines") };
        assert_eq!(
            (first.kind, first.port, first.port_count, first.proto),
            (MediaKind::Audio, 49170, 2, Proto::Avp)
        );
        assert_eq!(first.payloads().collect::<Vec<_>>(), [0, 96]);
        assert_eq!(
            sdp.connection_of(first).unwrap().address,
            Address::Ip(IpAddr::V4(Ipv4Addr::new(198, 51, 100, 1)))
        );
        assert_eq!(sdp.direction_of(first), Direction::SendRecv);
        assert_eq!(sdp.lines_of(second), []);
        assert_eq!((video.kind, video.proto, video.name), (MediaKind::Video, Proto::Avpf, &b"video"[..]));
        assert_eq!(
            sdp.connection_of(video).unwrap().address,
            Address::Ip(IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 2)))
        );
        assert_eq!(sdp.direction_of(video), Direction::Inactive);
        let [map, params, ptime] = sdp.lines_of(first) else { panic!("three attributes") };
        let Some(Attribute::Rtpmap(map)) = map.attribute else { panic!("rtpmap") };
        assert_eq!(
            (map.payload, map.name, map.clock_hz, map.channels),
            (96, &b"telephone-event"[..], 8000, 1)
        );
        assert_eq!(params.attribute, Some(Attribute::Fmtp { payload: 96, params: b"0-15" }));
        assert_eq!(ptime.attribute, Some(Attribute::Ptime(20)));
        assert_eq!(sdp.text_of(second), b"");
        assert_eq!(
            sdp.text_of(video).split(|&byte| byte == b'\n').next().unwrap().trim_ascii(),
            b"c=IN IP6 2001:db8::2"
        );
        assert_eq!(
            sdp.lines_of(video)[2].attribute,
            Some(Attribute::RtcpFb { payload: None, value: b"nack pli" })
        );
    }
}

#[test]
fn what_equipment_forgets_or_adds_is_forgiven() {
    let sdp = Sdp::parse(
        b"v=0\no=a name with blanks 18446744073709551616 2 IN IP4 pbx.example.com\nm=audio 5000 RTP/AVP 8 \n",
    )
    .unwrap();
    assert_eq!((sdp.origin.id, sdp.connection), (&b"18446744073709551616"[..], None));
    assert_eq!(sdp.media()[0].formats().collect::<Vec<_>>(), [b"8"]);
    let body = audio("a=rtpmap: 8 PCMA\na=SENDONLY \na=maxptime:20.5\nX=what is this\na=X-vendor:\ta:b\n");
    let sdp = Sdp::parse(body.as_bytes()).unwrap();
    let lines = sdp.lines_of(&sdp.media()[0]);
    assert!(matches!(
        lines[0].attribute,
        Some(Attribute::Rtpmap(Rtpmap { payload: 8, name: b"PCMA", clock_hz: 8000, .. }))
    ));
    assert_eq!(sdp.direction_of(&sdp.media()[0]), Direction::SendOnly);
    assert_eq!((lines[3].kind, lines[3].value, lines[3].attribute), (b'X', &b"what is this"[..], None));
    assert_eq!(lines[4].attribute, Some(Attribute::Other));
}

#[test]
fn faults_are_named_with_their_line() {
    assert_eq!(Sdp::parse(b"").unwrap_err(), SdpError::Empty);
    assert_eq!(Sdp::parse(b"v=0\r\ns=-\r\n").unwrap_err(), SdpError::Missing('o'));
    let error = Sdp::parse(audio("a=ptime:0\n").as_bytes()).unwrap_err();
    assert_eq!(error.to_string(), "SDP line 7: ptime must be above 0");
    for (lines, expected) in [
        ("a=fmtp\0:101 0-16\n", Fault::Control(0)),
        ("a=x\x7f\n", Fault::Control(0x7F)),
        ("a=x\ry\n", Fault::Control(b'\r')),
        ("a=fmtp:128 x\n", Fault::Payload),
        ("a=rtpmap:-1 PCMA/8000\n", Fault::Payload),
        ("a=rtpmap:8\n", Fault::Attribute),
        ("a=\n", Fault::Attribute),
        ("a=:x\n", Fault::Attribute),
        ("a=two words:x\n", Fault::Attribute),
        ("a=ptime:\n", Fault::Ptime),
        ("a=ptime:0.0\n", Fault::Ptime),
        ("a=maxptime:-20\n", Fault::Ptime),
        ("a=ptime:1.2.3\n", Fault::Ptime),
        ("no line\n", Fault::Form),
        ("=x\n", Fault::Form),
        ("\nb=AS:64\n", Fault::Form),
        ("v=0\n", Fault::Repeated('v')),
        ("o=- 1 1 IN IP4 192.0.2.1\n", Fault::Repeated('o')),
        ("c=IN IP4 192.0.2.1\nc=IN IP4 192.0.2.2\n", Fault::Repeated('c')),
        ("m=audio 4000 RTP/AVP\n", Fault::Media),
        ("m=audio\n", Fault::Media),
        ("m=audio 65536 RTP/AVP 0\n", Fault::Media),
        ("m=audio -1 RTP/AVP 0\n", Fault::Media),
        ("m=audio 4000/0 RTP/AVP 0\n", Fault::Media),
        ("m=audio 4000/ RTP/AVP 0\n", Fault::Media),
        ("m=audio 17002 RTP/AVP 4294967296\n", Fault::Payload),
        ("m=audio 17002 RTP/AVP 128\n", Fault::Payload),
        ("m=audio 17002 RTP/AVP zero\n", Fault::Payload),
    ] {
        assert_eq!(fault(&audio(lines)), expected, "{lines:?}");
    }
    for (body, expected) in [
        ("\r\n", Fault::Version),
        ("v=1\r\n", Fault::Version),
        ("o=- 1 1 IN IP4 192.0.2.1\r\n", Fault::Version),
        ("INVITE sip:a@b SIP/2.0\r\n", Fault::Version),
        ("v=0\no=- 1 IN IP4 192.0.2.1\n", Fault::Origin),
        ("v=0\nm=audio 1 RTP/AVP 0\no=- 1 1 IN IP4 192.0.2.1\n", Fault::Origin),
    ] {
        assert_eq!(fault(body), expected, "{body:?}");
    }
}

#[test]
fn addresses_are_unicast_or_names() {
    let parse = |value: &str| {
        Connection::parse(value.as_bytes()).map(|connection| format!("{:?}", connection.address))
    };
    for (value, address) in [
        ("IN IP4 192.0.2.1", "Ip(192.0.2.1)"),
        ("in ip4 224.2.36.42/127", "Ip(224.2.36.42)"),
        ("IN IP6 ff15::101/3", "Ip(ff15::101)"),
        ("IN IP6 ::ffff:127.0.0.1", "Ip(::ffff:127.0.0.1)"),
        ("IN IP4 media_1.example.com.", "Host(\"media_1.example.com.\")"),
    ] {
        assert_eq!(parse(value).as_deref(), Some(address));
    }
    let long = format!("IN IP4 {}", "a".repeat(300));
    for value in [
        "",
        "IN",
        "IN IP4",
        "IN IP4 192.0.2.1 x",
        "ATM IP4 192.0.2.1",
        "IN IP5 192.0.2.1",
        "IN IP4 192.0.2.256",
        "IN IP4 192.0.2.1/x",
        "IN IP4 192.0.2.1/1/2/3/4",
        "IN IP4 2001:db8::1",
        "IN IP6 192.0.2.1",
        "IN IP6 fe80::1%eth0",
        "IN IP4 127.1",
        "IN IP4 0x7f000001",
        "IN IP4 a.0x7f",
        "IN IP4 2130706433",
        "IN IP4 a..b",
        "IN IP4 .",
        "IN IP4 a b",
        &long,
    ] {
        assert_eq!(parse(value), None, "{value}");
    }
}

#[test]
fn every_limit_holds() {
    let many = |line: &str, count: usize| audio(&line.repeat(count));
    assert!(Sdp::parse(many("a=x\n", ATTRIBUTES_MAX).as_bytes()).is_ok());
    assert_eq!(fault(&many("a=x\n", ATTRIBUTES_MAX + 1)), Fault::TooMany("attributes"));
    assert_eq!(fault(&many("b=AS:1\n", OTHER_LINES_MAX + 1)), Fault::TooMany("lines"));
    assert!(Sdp::parse(many("m=audio 0 RTP/AVP 0\n", MEDIA_MAX - 1).as_bytes()).is_ok());
    assert_eq!(fault(&many("m=audio 0 RTP/AVP 0\n", MEDIA_MAX)), Fault::TooMany("m-lines"));
    assert!(
        Sdp::parse(audio(&format!("m=audio 0 RTP/AVP{}\n", " 0".repeat(FORMATS_MAX))).as_bytes()).is_ok()
    );
    assert_eq!(fault(&audio(&format!("m=audio 0 RTP/AVP{}\n", " 0".repeat(200)))), Fault::TooMany("formats"));
    assert!(Sdp::parse(audio(&format!("a={}\n", "x".repeat(NAME_BYTES_MAX))).as_bytes()).is_ok());
    assert_eq!(fault(&audio(&format!("a={}\n", "x".repeat(NAME_BYTES_MAX + 1)))), Fault::Attribute);
    assert_eq!(fault(&audio(&format!("m={} 1 RTP/AVP 0\n", "x".repeat(300)))), Fault::Media);
    assert!(Sdp::parse(audio(&format!("a=x:{}", "x".repeat(LINE_BYTES_MAX - 4))).as_bytes()).is_ok());
    assert_eq!(fault(&audio(&format!("a=x:{}", "x".repeat(LINE_BYTES_MAX - 3)))), Fault::TooLong);
    assert_eq!(Sdp::parse(&[b'v'; SDP_BYTES_MAX + 1]).unwrap_err(), SdpError::TooLong);
}

#[test]
fn an_attribute_in_capitals_is_still_the_attribute() {
    let body = audio(
        "a=RTPMAP:8 G722/8000\na=Crypto:1 AES_CM_128_HMAC_SHA1_80 inline:x\na=pcfg:1 t=1\na=group:BUNDLE a\na=setup:active\n",
    );
    let sdp = Sdp::parse(body.as_bytes()).unwrap();
    let lines = sdp.lines_of(&sdp.media()[0]);
    assert!(matches!(lines[0].attribute, Some(Attribute::Rtpmap(_))));
    assert!(lines[1..].iter().all(|line| line.attribute == Some(Attribute::Barred)));
}

#[test]
fn formats_and_parameters_of_other_transports_are_not_payloads() {
    let body = audio("m=image 5004 udptl t38\na=fmtp:t38 x\na=T38FaxVersion:0\nm=video 9 RTP/SAVPF 99\n");
    let sdp = Sdp::parse(body.as_bytes()).unwrap();
    let (image, video) = (&sdp.media()[1], &sdp.media()[2]);
    assert_eq!((image.kind, image.proto, image.payloads().count()), (MediaKind::Image, Proto::Other, 0));
    assert_eq!(image.formats().collect::<Vec<_>>(), [b"t38"]);
    assert_eq!((video.proto, video.payloads().collect::<Vec<_>>()), (Proto::Savpf, vec![99]));
}

#[test]
fn the_writer_writes_lines_and_stops_at_its_limit() {
    let mut writer = Writer::with_capacity(0);
    writer.line(b'v', b"0");
    writer.origin(0, u64::MAX, IpAddr::V6(Ipv6Addr::LOCALHOST));
    writer.begin(b'm');
    writer.text(b"audio ");
    writer.number(65535);
    writer.end();
    assert_eq!(
        writer.finish().unwrap(),
        b"v=0\r\no=- 0 18446744073709551615 IN IP6 ::1\r\nm=audio 65535\r\n"
    );
    let mut writer = Writer::with_capacity(usize::MAX);
    for _ in 0..SDP_BYTES_MAX {
        writer.line(b'a', b"x");
    }
    assert_eq!(writer.finish(), Err(SdpError::TooLong));
}

#[test]
fn no_truncation_panics_or_loses_a_line() {
    for end in 0..WHOLE.len() {
        let text = &WHOLE[..end];
        if let Ok(sdp) = Sdp::parse(text.as_bytes()) {
            let lines = sdp.session_lines().len()
                + sdp.media().iter().map(|media| 1 + sdp.lines_of(media).len()).sum::<usize>();
            assert_eq!(lines, text.lines().count(), "{text:?}");
        }
    }
}

#[test]
fn a_stream_that_is_not_audio_is_never_a_fault() {
    let audio = audio("");
    for video in [
        "a=x\n".repeat(4 * ATTRIBUTES_MAX),
        "b=AS:1\n".repeat(4 * OTHER_LINES_MAX),
        format!("a=fmtp:99 sprop-parameter-sets={}\n", "A".repeat(2 * LINE_BYTES_MAX)),
        "a=rtpmap:200 H264\na=ptime:0\na=\nc=ATM x\nc=IN IP4 192.0.2.7\nc=IN IP4 192.0.2.8\nv=0\no=x\n"
            .to_owned(),
    ] {
        let body = format!(
            "{audio}m=video 5000 RTP/AVP 99 200{}\n{video}m=audio 0 RTP/AVP 0\na=inactive\n",
            " 98".repeat(2 * FORMATS_MAX)
        );
        let sdp = Sdp::parse(body.as_bytes()).unwrap();
        assert_eq!(sdp.text_of(&sdp.media()[1]), video.as_bytes());
        assert_eq!(sdp.direction_of(&sdp.media()[2]), Direction::Inactive);
    }
}
