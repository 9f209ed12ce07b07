//! The messages of RFC 4475 and RFC 5118 against their tables of verdicts, whole, cut at every byte, and
//! mutated.
#![allow(clippy::panic, reason = "a test says what it expected")]

mod shared;

use bytes::Bytes;
use shared::{Verdict, data, exercise, rows, stream_verdict, udp_verdict};
use sip::{Frame, Framer, Message, Method, Name, Scheme};

fn message(name: &str) -> Message {
    Message::parse(Bytes::from(data("rfc4475", &format!("{name}.dat"))))
        .unwrap_or_else(|error| panic!("{name}: {error}"))
}

#[test]
fn rfc4475_over_udp() {
    let rows = rows("rfc4475");
    assert_eq!(rows.len(), 49);
    for row in rows {
        let [name, _, udp, _, label, ..] = &row[..] else { panic!("{row:?}") };
        let verdict = udp_verdict(&data("rfc4475", &format!("{name}.dat")));
        assert_eq!((verdict.to_string().as_str(), verdict.label()), (udp.as_str(), label.as_str()), "{name}");
    }
}

#[test]
fn rfc4475_over_a_stream() {
    for row in rows("rfc4475") {
        let [name, _, _, stream, ..] = &row[..] else { panic!("{row:?}") };
        let wire = data("rfc4475", &format!("{name}.dat"));
        for piece in [1, 7, wire.len()] {
            assert_eq!(stream_verdict(&wire, piece).to_string(), *stream, "{name} in pieces of {piece}");
        }
    }
}

#[test]
fn rfc5118_over_udp() {
    let rows = rows("rfc5118");
    assert_eq!(rows.len(), 12);
    for row in rows {
        let [name, _, verdict, ..] = &row[..] else { panic!("{row:?}") };
        assert_eq!(udp_verdict(&data("rfc5118", name)).to_string(), *verdict, "{name}");
    }
}

#[test]
fn answers_are_messages_themselves() {
    for row in rows("rfc4475") {
        let wire = data("rfc4475", &format!("{}.dat", row[0]));
        if let Verdict::Refuse { status, answer, .. } = udp_verdict(&wire) {
            let answer = Message::parse(answer).unwrap_or_else(|error| panic!("{}: {error}", row[0]));
            assert_eq!(answer.status(), status, "{}", row[0]);
            assert!(
                answer.header(Name::Via).is_some_and(|via| via.contains("received=192.0.2.77")),
                "{}",
                row[0]
            );
            let request = String::from_utf8_lossy(&wire).to_lowercase();
            for name in [Name::CallId, Name::CSeq, Name::From, Name::To] {
                let there = request.contains(&format!("\n{}", name.as_str().to_lowercase()));
                assert_eq!(answer.headers(name).count(), usize::from(there), "{} {name}", row[0]);
            }
        }
    }
}

#[test]
fn wsinv_reads_through_blanks_and_folds() {
    let invite = message("wsinv");
    assert_eq!(invite.method(), Method::Invite);
    assert_eq!(invite.uri().map(|uri| uri.param("unknownparam")), Ok(Some("")));
    assert_eq!((invite.to_tag(), invite.from_tag()), ("1918181833n", "98asjd8"));
    assert_eq!(invite.from().map(|from| from.display_text().into_owned()), Ok("J Rosenberg \\\"".to_owned()));
    assert_eq!((invite.cseq(), invite.max_forwards()), ((9, Method::Invite), Some(68)));
    assert_eq!(
        invite.header_named("newfangledheader"),
        Some("newfangled value   continued newfangled value")
    );
    assert_eq!(invite.header_named("UnknownHeaderWithUnusualValue"), Some(";;,,;;,;"));
    assert_eq!(invite.header(Name::Subject), Some(""));
    let vias: Vec<_> = invite
        .values(Name::Via)
        .filter_map(sip::Via::parse)
        .map(|via| (via.transport, via.host, via.branch()))
        .collect();
    let expected = [
        ("UDP", "192.0.2.2", Some("390skdjuw")),
        ("TCP", "spindle.example.com", Some("z9hG4bK9ikj8")),
        ("UDP", "192.168.255.111", Some("z9hG4bK30239")),
    ];
    assert_eq!(vias, expected);
    let contact = invite.contact().unwrap_or_else(|fault| panic!("{fault}"));
    assert_eq!(
        (contact.display_text().as_ref(), contact.uri),
        ("Quoted string \"\"", "sip:jdrosen@example.com")
    );
    assert_eq!(
        (contact.params.value("newparam"), contact.params.value("q")),
        (Some("newvalue"), Some("0.33"))
    );
    assert_eq!(invite.body().len(), 150);
}

#[test]
fn unusual_bytes_survive() {
    let odd = message("intmeth");
    assert_eq!(
        (odd.method(), odd.method_text()),
        (Method::Other, "!interesting-Method0123456789_*+`.%indeed'~")
    );
    assert_eq!(
        odd.to().map(|to| to.display_text().into_owned()),
        Ok("BEL:\u{7} NUL:\0 DEL:\u{7f}".to_owned())
    );
    assert_eq!(odd.from_tag(), "_token~1'+`*%!-.");
    let user = odd.uri().ok().and_then(|uri| uri.user);
    assert_eq!(user, Some("1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*"));
    let register = message("escnull");
    let contacts: Vec<_> =
        register.values(Name::Contact).filter_map(sip::NameAddr::parse).map(|contact| contact.uri).collect();
    assert_eq!(contacts, ["sip:%00@host5.example.com", "sip:%00%00@host5.example.com"]);
    assert_eq!(
        register.to().ok().and_then(|to| to.parse_uri()).map(|uri| uri.user_unescaped().into_owned()),
        Some("null-\0-null".to_owned())
    );
    let escaped = message("esc02");
    assert_eq!((escaped.method(), escaped.method_text()), (Method::Other, "RE%47IST%45R"));
    assert_eq!(
        (escaped.values(Name::Contact).count(), escaped.header_named("c%6fntact").is_some()),
        (2, true)
    );
    let unreason = message("unreason");
    assert!(unreason.reason().starts_with("= 2**3 * 5**2 но сто девяносто девять"));
    assert_eq!((message("noreason").status(), message("noreason").reason()), (100, ""));
}

#[test]
fn bodies_and_frames_end_where_they_say() {
    let body = message("mpart01").body();
    let wire = data("rfc4475", "mpart01.dat");
    assert_eq!((body.len(), &body[..]), (553, &wire[wire.len() - 553..]));
    let register = message("dblreq");
    assert_eq!((register.method(), register.body().len()), (Method::Register, 0));
    let mut framer = Framer::new();
    framer.push(&data("rfc4475", "dblreq.dat"));
    let methods: Vec<_> = std::iter::from_fn(|| framer.next())
        .filter_map(|frame| match frame {
            Ok(Frame::Message(message)) => Some(message.method()),
            Ok(Frame::Ping) | Err(_) => None,
        })
        .collect();
    assert_eq!(methods, [Method::Register, Method::Invite]);
}

#[test]
fn uris_keep_their_parts_apart() {
    let options = message("semiuri");
    assert_eq!(
        options.uri().map(|uri| uri.user_unescaped().into_owned()),
        Ok("user;par=u@example.net".to_owned())
    );
    let invite = message("esc01");
    assert_eq!(invite.uri().map(|uri| (uri.scheme, uri.host)), Ok((Scheme::Sip, "example.net")));
    assert_eq!(
        invite.to().ok().and_then(|to| to.parse_uri()).map(|uri| uri.user_unescaped().into_owned()),
        Some("user".to_owned())
    );
    let of_header = message("cparam01");
    let of_header = of_header.contact().unwrap_or_else(|fault| panic!("{fault}"));
    assert_eq!(
        (of_header.uri, of_header.params.find("unknownparam")),
        ("sip:+19725552222@gw1.example.net", Some(None))
    );
    let of_uri = message("cparam02");
    let of_uri = of_uri.contact().unwrap_or_else(|fault| panic!("{fault}"));
    assert_eq!(
        (of_uri.params.find("unknownparam"), of_uri.parse_uri().and_then(|uri| uri.param("unknownparam"))),
        (None, Some(""))
    );
    let routed = message("regescrt");
    let headers = routed.contact().ok().and_then(|contact| contact.parse_uri()).and_then(|uri| uri.headers);
    assert_eq!(headers, Some("Route=%3Csip:sip.example.com%3E"));
    assert_eq!(message("longreq").values(Name::Via).count(), 34);
}

#[test]
fn addresses_of_version_6() {
    let read = |name: &str| {
        Message::parse(Bytes::from(data("rfc5118", name))).unwrap_or_else(|error| panic!("{name}: {error}"))
    };
    let ambiguous = read("port-ambiguous");
    let uri = ambiguous.uri().unwrap_or_else(|fault| panic!("{fault}"));
    assert_eq!((uri.host_ip(), uri.port), ("2001:db8::10:5070".parse().ok(), None));
    let unambiguous = read("port-unambiguous");
    let uri = unambiguous.uri().unwrap_or_else(|fault| panic!("{fault}"));
    assert_eq!((uri.host_ip(), uri.port), ("2001:db8::10".parse().ok(), Some(5070)));
    for name in ["via-received-param-no-delim", "via-received-param-with-delim"] {
        assert_eq!(
            read(name).top_via().map(|via| via.received()),
            Ok("2001:db8::9:255".parse().ok()),
            "{name}"
        );
    }
    for name in ["ipv6-bug-abnf-3-colons", "ipv6-correct-abnf-2-colons"] {
        assert_eq!(
            read(name).uri().map(|uri| uri.host_ip()),
            Ok("2001:db8::192.0.2.1".parse().ok()),
            "{name}"
        );
    }
    assert_eq!(
        read("ipv4-mapped-ipv6").top_via().map(|via| (via.host, via.port)),
        Ok(("[::ffff:192.0.2.10]", Some(19823)))
    );
}

#[test]
fn every_truncation_is_survived() {
    let mut cuts = 0;
    for (_, wire) in shared::corpus() {
        for end in 0..wire.len() {
            exercise(&wire[..end]);
            cuts += 1;
        }
    }
    assert!(cuts > 20_000, "only {cuts} cuts");
}

#[test]
fn mutations_are_survived() {
    let corpus = shared::corpus();
    let mut dice = shared::Dice::new(0x005e_ed0f_5eed);
    let mut answered = 0u32;
    for round in 0..100_000usize {
        let mut wire = corpus[round % corpus.len()].1.clone();
        dice.mutate(&mut wire, &corpus);
        answered += u32::from(exercise(&wire));
    }
    // the mutations must reach both sides of the parser
    assert!((5_000..95_000).contains(&answered), "{answered} of 100,000 passed");
}
