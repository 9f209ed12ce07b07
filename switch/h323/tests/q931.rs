//! Q.931 messages, their elements and TPKT frames.

use h323::q931::{
    CalledParty, CallingParty, CauseIe, Frame, Framer, IeId, KEEP_ALIVE, MAX_FRAME, Message, MessageType,
    MessageWriter, Presentation, Progress, Q931Error, Screening, TpktError, TypeOfNumber, UserUserError,
    ia5_text, write_frame,
};
use units::Cause;

fn frames(framer: &mut Framer) -> Vec<Result<Frame, TpktError>> {
    std::iter::from_fn(|| framer.next()).collect()
}

#[test]
fn frames_are_cut_wherever_tcp_splits_them() {
    let mut stream = KEEP_ALIVE.to_vec();
    assert!(write_frame(&mut stream, b"one"));
    assert!(write_frame(&mut stream, &[7; 300]));
    stream.extend(KEEP_ALIVE);
    let whole = vec![
        Ok(Frame::KeepAlive),
        Ok(Frame::Message(b"one".to_vec())),
        Ok(Frame::Message(vec![7; 300])),
        Ok(Frame::KeepAlive),
    ];
    for size in 1..stream.len() {
        let mut framer = Framer::new();
        let mut cut = Vec::new();
        for piece in stream.chunks(size) {
            framer.push(piece);
            cut.extend(frames(&mut framer));
        }
        assert_eq!(cut, whole, "in pieces of {size}");
        assert!(!framer.is_partial());
    }
}

#[test]
fn partial_tpkt_is_seen_and_bad_ones_end_the_connection() {
    let mut framer = Framer::new();
    framer.push(&[3, 0]);
    assert!(framer.next().is_none());
    assert!(framer.is_partial(), "its sender owes bytes");
    for (bytes, error) in [
        (&[2, 0, 0, 4][..], TpktError::Version(2)),
        (&[3, 0, 0, 3], TpktError::Length(3)),
        (&[3, 0, 0x40, 1], TpktError::Length(0x4001)),
        (&[0x16, 3, 1], TpktError::Version(0x16)),
    ] {
        let mut framer = Framer::new();
        framer.push(bytes);
        assert_eq!(frames(&mut framer), [Err(error)]);
        framer.push(&KEEP_ALIVE);
        assert!(framer.next().is_none(), "nothing comes after an error");
    }
    let mut framer = Framer::new();
    framer.push(&vec![3; 5 * MAX_FRAME]);
    assert_eq!(frames(&mut framer), [Err(TpktError::Overflow)]);
    assert!(!write_frame(&mut Vec::new(), &vec![0; MAX_FRAME]));
}

#[test]
fn a_message_comes_back_with_its_elements() {
    let calling = CallingParty {
        kind: TypeOfNumber::International,
        plan: 1,
        presentation: Some(Presentation::Restricted),
        screening: Some(Screening::UserPassed),
        digits: "442071234567".into(),
    };
    let called = CalledParty { kind: TypeOfNumber::National, plan: 1, digits: "2071234567".into() };
    let frame = MessageWriter::new(MessageType::Setup, 0x1234, false)
        .element(IeId::CallingParty, &calling.content())
        .element(IeId::CalledParty, &called.content())
        .finish_bare()
        .unwrap();
    assert_eq!(frame[..13], [3, 0, 0, frame.len() as u8, 8, 2, 0x12, 0x34, 5, 0x6c, 14, 0x11, 0xa1]);
    let message = Message::parse(&frame[4..]).unwrap();
    assert_eq!(
        (message.kind, message.call_reference, message.from_destination),
        (MessageType::Setup, 0x1234, false)
    );
    assert_eq!(CallingParty::parse(message.element(IeId::CallingParty).unwrap()), Some(calling));
    assert_eq!(CalledParty::parse(message.element(IeId::CalledParty).unwrap()), Some(called));
    assert_eq!(message.element(IeId::Display), None);
}

#[test]
fn a_calling_number_without_octet_3a_says_nothing_of_presentation() {
    let party = CallingParty::parse(&[0x81, b'1', b'2']).unwrap();
    assert_eq!((party.presentation, party.screening, party.digits.as_str()), (None, None, "12"));
    assert_eq!(party.content(), [0x81, b'1', b'2']);
    assert_eq!(CallingParty::parse(&[]), None);
    assert_eq!(CallingParty::parse(&[0x01]), None, "octet 3a is promised and missing");
}

#[test]
fn causes_are_read_with_and_without_octet_3a() {
    assert_eq!(CauseIe::parse(&[0x80, 0x91]), Some(CauseIe { cause: Cause(17), location: 0 }));
    assert_eq!(CauseIe::parse(&[0x04, 0x80, 0x90]), Some(CauseIe { cause: Cause(16), location: 4 }));
    for content in [&[][..], &[0x80], &[0x00, 0x80], &[0x80, 0x80]] {
        assert_eq!(CauseIe::parse(content), None, "{content:?}");
    }
    assert_eq!(CauseIe { cause: Cause(34), location: 10 }.content(), [0x8a, 0xa2]);
}

#[test]
fn display_ie_with_trailing_nul() {
    assert_eq!(ia5_text(b"alice\0"), "alice");
    assert_eq!(ia5_text(b"\xb1alice\0\0x"), "alice");
    assert_eq!(ia5_text(b"a\r\nb"), "ab", "nothing that breaks a log line");
}

#[test]
fn elements_of_other_codesets_are_left_out() {
    let mut bytes = vec![8, 2, 0, 1, 5];
    bytes.extend([0x9e, 0x28, 1, b'x']); // non-locking shift to codeset 6: the next element alone
    bytes.extend([0x28, 1, b'y']);
    bytes.extend([0x96, 0x7e, 1, 5]); // locking shift: a User-User of codeset 6 has one octet of length
    let message = Message::parse(&bytes).unwrap();
    assert_eq!(message.element(IeId::Display), Some(&b"y"[..]));
    assert_eq!(message.user_user(), Err(UserUserError::Missing));
}

/// SECURITY entry 44: a User-User element of length 0, and lengths that promise more than there is.
#[test]
fn user_user_of_length_zero() {
    let with = |element: &[u8]| [&[8, 2, 0, 1, 5][..], element].concat();
    for (element, error) in [
        (&[0x7e, 0, 0][..], UserUserError::Missing),
        (&[0x7e, 0, 1, 4], UserUserError::Protocol),
        (&[0x7e, 0, 1, 5], UserUserError::Per(h323::per::PerError::Truncated)),
    ] {
        let bytes = with(element);
        assert_eq!(Message::parse(&bytes).unwrap().user_user(), Err(error), "{element:?}");
    }
    for element in [&[0x7e][..], &[0x7e, 0], &[0x7e, 0, 1], &[0x7e, 0xff, 0xff, 5], &[0x70, 9, 1], &[0x70]] {
        assert_eq!(Message::parse(&with(element)).err(), Some(Q931Error::Truncated), "{element:?}");
    }
}

#[test]
fn headers_that_are_none() {
    for (bytes, error) in [
        (&[][..], Q931Error::Truncated),
        (&[8], Q931Error::Truncated),
        (&[9, 2, 0, 1, 5], Q931Error::Protocol),
        (&[8, 3, 0, 0, 1, 5], Q931Error::Truncated),
        (&[8, 2, 0], Q931Error::Truncated),
        (&[8, 2, 0, 1], Q931Error::Truncated),
    ] {
        assert_eq!(Message::parse(bytes).err(), Some(error), "{bytes:?}");
    }
    let many = [&[8, 0, 5][..], &[0xa1; 65]].concat();
    assert_eq!(Message::parse(&many).err(), Some(Q931Error::Elements));
    let global = Message::parse(&[8, 2, 0x80, 0, 0x7d]).unwrap();
    assert_eq!((global.kind, global.call_reference, global.from_destination), (MessageType::Status, 0, true));
}

#[test]
fn progress_says_whether_something_is_heard() {
    assert_eq!(Progress::parse(&[0x82, 0x88]), Some(Progress::IN_BAND));
    assert!(Progress::IN_BAND.is_heard() && !Progress(4).is_heard());
    assert_eq!(Progress::NOT_ISDN.content(), [0x80, 0x81]);
    assert_eq!(MessageType::of(MessageType::Facility.octet()), MessageType::Facility);
    assert_eq!(MessageType::of(0x20), MessageType::Other(0x20));
}
