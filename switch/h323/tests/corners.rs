//! What peers are known to do: each a test by its name.

use crate::pair::{CALLEE, CALLER, Pair, dial, local, settings};
use h323::asn1::h225::{
    CallProceedingUUIE, H323UUPDU, H323UUPDUH323MessageBody as Body, H323UserInformation, SetupUUIE,
};
use h323::asn1::h245::{
    Capability, CapabilityTableEntry, MultimediaSystemControlMessage as Control, OpenLogicalChannelAck,
    OpenLogicalChannelAckForwardMultiplexAckParameters as AckParameters, RequestMessage, ResponseMessage,
};
use h323::call::{Call, Event, Output, ReleasedBy};
use h323::media::Codec;
use h323::per::{decode, encode};
use h323::q931::{CalledParty, IeId, Message, MessageType, MessageWriter, TypeOfNumber};
use units::{Cause, Tick};

/// A pair whose callee has got the Setup.
fn pair(fast: bool, tunnels: bool) -> Pair {
    let settings = settings(fast, tunnels, true);
    Pair::new(settings.clone(), settings, &dial(local(4000, &[Codec::G711A])))
}

/// The body of a frame, changed, as a frame again.
fn changed(frame: &[u8], change: impl FnOnce(&mut H323UUPDU)) -> Vec<u8> {
    let message = Message::parse(frame).unwrap();
    let mut info = message.user_user().unwrap();
    change(&mut info.h323_uu_pdu);
    let mut writer = MessageWriter::new(message.kind, message.call_reference, message.from_destination);
    for id in [IeId::Cause, IeId::CallingParty, IeId::CalledParty] {
        writer = writer.maybe(id, message.element(id));
    }
    writer.finish(&info).unwrap()[4..].to_vec()
}

/// A Setup that a caller changed, taken.
fn incoming(fast: bool, change: impl FnOnce(&mut SetupUUIE)) -> Call {
    let pair = pair(fast, true);
    let frame = changed(&pair.sent[CALLER][0], |pdu| {
        let Body::Setup(setup) = &mut pdu.h323_message_body else { panic!("no Setup") };
        change(setup);
    });
    Call::incoming(Tick(1), settings(true, true, true), 1, &frame).unwrap()
}

#[test]
fn tunnelling_used_though_the_flag_says_no_or_is_forgotten() {
    for flag in [Some(false), None] {
        let mut pair = pair(false, true);
        pair.act(CALLEE, |call, now| call.ring(now, false, Some(&local(5004, &[Codec::G711A]))));
        let with_h245 = pair.sent[CALLEE].iter().find(|frame| {
            let info = Message::parse(frame).unwrap().user_user().unwrap();
            info.h323_uu_pdu.h245_control.is_some()
        });
        let frame = changed(with_h245.unwrap(), |pdu| pdu.h245_tunnelling = flag);
        let mut caller =
            Call::outgoing(Tick(1), settings(false, true, true), &dial(local(4000, &[Codec::G711A])));
        caller.handle_signalling(Tick(2), &frame);
        assert!(caller.is_tunnelled(), "{flag:?}");
    }
}

#[test]
fn h245_address_sent_while_tunnelling() {
    let mut pair = pair(false, true);
    pair.act(CALLEE, |call, now| call.proceed(now));
    let frame = changed(&pair.sent[CALLEE][0], |pdu| {
        let Body::CallProceeding(body) = &mut pdu.h323_message_body else { panic!("no Call Proceeding") };
        let ip = h323::asn1::h225::TransportAddressIpAddress { ip: [192, 0, 2, 20], port: 30_001 };
        body.h245_address = Some(h323::asn1::h225::TransportAddress::IpAddress(ip));
    });
    pair.act(CALLER, |call, now| call.handle_signalling(now, &frame));
    assert!(!pair.control_opened);
}

#[test]
fn h245_in_a_facility_with_a_body() {
    let mut pair = pair(false, true);
    pair.answer(&local(5004, &[Codec::G711A]));
    let request =
        RequestMessage::RoundTripDelayRequest(h323::asn1::h245::RoundTripDelayRequest { sequence_number: 9 });
    let info = H323UserInformation {
        h323_uu_pdu: H323UUPDU {
            h323_message_body: Body::Facility(Box::default()),
            h245_tunnelling: Some(true),
            h245_control: Some(vec![encode(&Control::Request(request)).unwrap()]),
            ..H323UUPDU::default()
        },
        ..H323UserInformation::default()
    };
    let frame = MessageWriter::new(MessageType::Facility, 4711, true).finish(&info).unwrap();
    let before = pair.sent[CALLER].len();
    pair.act(CALLER, |call, now| call.handle_signalling(now, &frame[4..]));
    assert_eq!(pair.sent[CALLER].len(), before + 1, "it is answered");
}

/// A Facility without H.245 and without a body crashes some: none is ever sent.
#[test]
fn no_empty_facility_is_sent() {
    let mut pair = pair(true, true);
    pair.answer(&local(5004, &[Codec::G711A]));
    pair.pass_ms(3_600_000);
    for frame in pair.sent.iter().flatten() {
        let message = Message::parse(frame).unwrap();
        let pdu = message.user_user().unwrap().h323_uu_pdu;
        let is_empty = pdu.h323_message_body == Body::Empty && pdu.h245_control.is_none();
        assert!(message.kind != MessageType::Facility || !is_empty);
    }
}

#[test]
fn a_message_without_uuie_still_says_what_it_is() {
    let mut pair = pair(true, true);
    let frame = MessageWriter::new(MessageType::Alerting, 4711, true).finish_bare().unwrap();
    pair.act(CALLER, |call, now| call.handle_signalling(now, &frame[4..]));
    assert_eq!(pair.events[CALLER], [Event::Alerting { in_band: false }]);
    let frame = MessageWriter::new(MessageType::ReleaseComplete, 4711, true).finish_bare().unwrap();
    pair.act(CALLER, |call, now| call.handle_signalling(now, &frame[4..]));
    assert_eq!(pair.released(CALLER), Some(Cause::NORMAL));
}

#[test]
fn olc_ack_without_media_control_channel() {
    let mut message: Control = decode(include_bytes!("data/vectors/olcack.bin")).unwrap();
    let Control::Response(ResponseMessage::OpenLogicalChannelAck(ack)) = &mut message else {
        panic!("no ack")
    };
    let OpenLogicalChannelAck { forward_multiplex_ack_parameters: Some(parameters), .. } = &mut **ack else {
        panic!("no parameters")
    };
    let AckParameters::H2250LogicalChannelAckParameters(parameters) = parameters else { panic!("others") };
    parameters.media_control_channel = None;
    assert_eq!(decode::<Control>(&encode(&message).unwrap()), Ok(message));
}

#[test]
fn empty_destination_address_leaves_the_called_party_element() {
    for empty in [None, Some(Vec::new())] {
        let call = incoming(true, |setup| setup.destination_address = empty);
        assert_eq!(call.setup().unwrap().called, "442071234567");
    }
}

#[test]
fn no_dest_call_signal_address() {
    let call = incoming(true, |setup| setup.dest_call_signal_address = None);
    assert_eq!(call.setup().unwrap().called, "442071234567");
}

#[test]
fn tcs_with_more_than_64_entries() {
    let mut message: Control = decode(include_bytes!("data/vectors/tcs.bin")).unwrap();
    let Control::Request(RequestMessage::TerminalCapabilitySet(set)) = &mut message else { panic!("no set") };
    let table = set.capability_table.as_mut().unwrap();
    for number in 11..200 {
        table.push(CapabilityTableEntry {
            capability_table_entry_number: number,
            capability: Some(Capability::MaxPendingReplacementFor(1)),
        });
    }
    assert_eq!(decode::<Control>(&encode(&message).unwrap()), Ok(message));
}

#[test]
fn a_second_call_proceeding_changes_nothing() {
    let mut pair = pair(true, true);
    pair.act(CALLEE, |call, now| call.proceed(now));
    let frame = pair.sent[CALLEE][0].clone();
    pair.act(CALLEE, |call, now| call.ring(now, false, None));
    pair.act(CALLER, |call, now| call.handle_signalling(now, &frame));
    assert_eq!(pair.events[CALLER], [Event::Proceeding, Event::Alerting { in_band: false }]);
}

#[test]
fn fast_start_in_call_proceeding() {
    let mut pair = pair(true, true);
    pair.act(CALLEE, |call, now| call.ring(now, false, Some(&local(5004, &[Codec::G711A]))));
    let info = Message::parse(&pair.sent[CALLEE][0]).unwrap().user_user().unwrap();
    let Body::Alerting(alerting) = info.h323_uu_pdu.h323_message_body else { panic!("no Alerting") };
    let body = CallProceedingUUIE { fast_start: alerting.fast_start, ..CallProceedingUUIE::default() };
    let info = H323UserInformation {
        h323_uu_pdu: H323UUPDU {
            h323_message_body: Body::CallProceeding(Box::new(body)),
            ..H323UUPDU::default()
        },
        ..H323UserInformation::default()
    };
    let frame = MessageWriter::new(MessageType::CallProceeding, 4711, true).finish(&info).unwrap();
    let mut caller = Call::outgoing(Tick(1), settings(true, true, true), &dial(local(4000, &[Codec::G711A])));
    caller.handle_signalling(Tick(2), &frame[4..]);
    assert_eq!(caller.media().and_then(|media| media.rtp).map(|rtp| rtp.port()), Some(5004));
}

/// The caller wants no media before the answer: it gets its channels with the Connect.
#[test]
fn media_wait_for_connect() {
    let mut call = incoming(true, |setup| setup.media_wait_for_connect = Some(true));
    call.ring(Tick(2), true, Some(&local(5004, &[Codec::G711A])));
    assert_eq!(call.media(), None);
    call.answer(Tick(3), &local(5004, &[Codec::G711A]));
    assert!(call.media().is_some());
}

/// Some ignore that a connection is closed: a Release Complete is sent at every end of ours.
#[test]
fn release_complete_is_always_sent() {
    for steps in 0..3 {
        let mut pair = pair(true, true);
        if steps > 0 {
            pair.act(CALLEE, |call, now| call.proceed(now));
        }
        if steps > 1 {
            pair.answer(&local(5004, &[Codec::G711A]));
        }
        pair.act(CALLER, |call, now| call.release(now, Cause(21)));
        let last = Message::parse(pair.sent[CALLER].last().unwrap()).unwrap();
        assert_eq!(last.kind, MessageType::ReleaseComplete);
        assert_eq!(last.element(IeId::Cause), Some(&[0x80, 0x95][..]));
    }
}

/// Malformed: Release Complete with 111, in a call and for a Setup that makes none.
#[test]
fn what_is_malformed_is_released_with_111() {
    let mut pair = pair(true, true);
    let broken = [&[8, 2, 0x92, 0x67, 1, 0x7e, 0, 3, 5][..], &[0xff, 0xff]].concat();
    pair.act(CALLER, |call, now| call.handle_signalling(now, &broken));
    assert_eq!(pair.released(CALLER), Some(Cause::PROTOCOL));
    assert!(matches!(pair.events[CALLER].last(), Some(Event::Released { by: ReleasedBy::Protocol, .. })));
    let setup = [8, 2, 0x12, 0x67, 5, 0x7e, 0, 0];
    let refused = Call::incoming(Tick(1), settings(true, true, true), 1, &setup).unwrap_err();
    let frame = refused.frame.unwrap();
    let message = Message::parse(&frame[4..]).unwrap();
    assert_eq!((message.kind, message.from_destination), (MessageType::ReleaseComplete, true));
    assert_eq!(message.element(IeId::Cause), Some(&[0x80, 0xef][..]));
}

/// Numbers that H.225.0 cannot write are written without what it does not know.
#[test]
fn a_number_with_a_plus_is_dialled_without_it() {
    let mut dial = dial(local(4000, &[Codec::G711A]));
    dial.called = "+44 20".into();
    let mut call = Call::outgoing(Tick(1), settings(true, true, true), &dial);
    let Some(Output::Signalling(frame)) = call.poll_output() else { panic!("no Setup") };
    let message = Message::parse(&frame[4..]).unwrap();
    let called = CalledParty::parse(message.element(IeId::CalledParty).unwrap()).unwrap();
    assert_eq!((called.digits.as_str(), called.kind), ("4420", TypeOfNumber::International));
}
