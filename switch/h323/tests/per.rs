//! Packed encoding at its limits: lengths, ranges, depth, counts, and what later versions add.

use h323::asn1::h225::{AliasAddress, H323UserInformation, RasMessage, TransportAddress};
use h323::asn1::h245::{
    H2250MaximumSkewIndication, MultimediaSystemControlMessage as Control, OpenLogicalChannel, RequestMessage,
};
use h323::per::{BitString, MAX_ELEMENTS, Oid, Per, PerError, Reader, Writer, decode, encode};

fn written(write: impl FnOnce(&mut Writer)) -> Vec<u8> {
    let mut writer = Writer::default();
    write(&mut writer);
    writer.finish().unwrap()
}

/// X.691 11.5.7: bits up to 255 values, one octet for 256, two up to 65536, then a length.
#[test]
fn whole_numbers_take_the_room_of_their_range() {
    let cases: [(i64, i64, i64, &[u8]); 9] = [
        (5, 5, 5, &[0]),
        (3, 0, 7, &[0x60]),
        (254, 0, 254, &[0xfe]),
        (255, 0, 255, &[0xff]),
        (256, 0, 256, &[1, 0]),
        (1000, 1, 65535, &[0x03, 0xe7]),
        (1, 1, 4_294_967_295, &[0x00, 0x00]),
        (60, 1, 4_294_967_295, &[0x00, 0x3b]),
        (-262_144, -262_144, 262_143, &[0x00, 0x00]),
    ];
    for (value, low, high, bytes) in cases {
        assert_eq!(written(|w| w.whole(value, low, high)), bytes, "{value} of {low}..{high}");
        assert_eq!(Reader::new(bytes).whole(low, high), Ok(value), "{value} of {low}..{high}");
    }
    assert_eq!(Reader::new(&[0xff, 0xff]).whole(1, 65535), Err(PerError::Range));
    let mut writer = Writer::default();
    writer.whole(8, 0, 7);
    assert_eq!(writer.finish(), Err(PerError::Range));
}

#[test]
fn numbers_without_bounds_are_in_twos_complement() {
    for (value, bytes) in [
        (0, &[1, 0][..]),
        (127, &[1, 0x7f]),
        (128, &[2, 0, 0x80]),
        (-128, &[1, 0x80]),
        (-129, &[2, 0xff, 0x7f]),
        (i64::MIN, &[8, 0x80, 0, 0, 0, 0, 0, 0, 0]),
    ] {
        assert_eq!(written(|w| w.integer(value)), bytes, "{value}");
        assert_eq!(Reader::new(bytes).integer(), Ok(value));
    }
    assert_eq!(Reader::new(&[0]).integer(), Err(PerError::Range));
    assert_eq!(Reader::new(&[9, 0, 0, 0, 0, 0, 0, 0, 0, 0]).integer(), Err(PerError::Range));
}

#[test]
fn small_numbers_grow_beyond_six_bits() {
    for value in [0, 63, 64, 255, 256, 70_000] {
        let bytes = written(|w| w.small(value));
        assert_eq!(Reader::new(&bytes).small(), Ok(value));
    }
    assert_eq!(written(|w| w.small(63)), [0x7e]);
    assert_eq!(written(|w| w.small(64)), [0x80, 1, 64]);
}

#[test]
fn an_open_type_of_128_octets_has_a_length_of_two() {
    for len in [0, 1, 127, 128, 300, 0x3fff] {
        let bytes = written(|w| {
            w.bool(true);
            let open = w.open();
            (0..len).for_each(|_| w.bits(0xaa, 8));
            w.close(open);
            w.bits(0x55, 8);
        });
        let mut reader = Reader::new(&bytes);
        assert_eq!(reader.bool(), Ok(true));
        let content = reader.open_bytes().unwrap();
        assert_eq!(content.len(), len.max(1), "an empty open type has one octet of zeros");
        assert_eq!(reader.bits(8), Ok(0x55));
    }
    let mut writer = Writer::default();
    writer.open_bytes(&[0; 0x4000]);
    assert_eq!(writer.finish(), Err(PerError::Length));
    assert_eq!(Reader::new(&[0xc1, 0, 0]).open_bytes(), Err(PerError::Length));
}

#[test]
fn bits_that_do_not_fill_an_octet_come_back() {
    let bits = BitString { octets: vec![0b1010_0000], len: 3 };
    let bytes = written(|w| w.bit_string(&bits, 0, Some(511)));
    assert_eq!(Reader::new(&bytes).bit_string(0, Some(511)), Ok(bits));
    assert_eq!(Reader::new(&[0x01, 0xff, 0]).bit_string(0, Some(511)), Err(PerError::Truncated));
}

#[test]
fn digits_outside_their_alphabet_are_refused() {
    let alias = AliasAddress::DialledDigits("12a".into());
    assert_eq!(encode(&alias), Err(PerError::Range));
    let alias = AliasAddress::DialledDigits("1#*,9".into());
    assert_eq!(decode::<AliasAddress>(&encode(&alias).unwrap()), Ok(alias));
    // the fourteenth character of thirteen
    assert_eq!(decode::<AliasAddress>(&[0x00, 0x00, 0xd0]), Err(PerError::Range));
}

#[test]
fn half_a_utf_16_pair_becomes_a_replacement() {
    let alias: AliasAddress = decode(&[0x40, 0x00, 0xd8, 0x00]).unwrap();
    assert_eq!(alias, AliasAddress::H323ID("\u{fffd}".into()));
    let pair = AliasAddress::H323ID("a\u{1f600}".into());
    assert_eq!(decode::<AliasAddress>(&encode(&pair).unwrap()), Ok(pair));
}

/// A CHOICE of a later version is kept and written as it came.
#[test]
fn an_unknown_alternative_is_kept() {
    let bytes = [0x80 | 9, 3, 1, 2, 3];
    let address: TransportAddress = decode(&bytes).unwrap();
    assert_eq!(address, TransportAddress::UnknownExtension(9, vec![1, 2, 3]));
    assert_eq!(encode(&address).unwrap(), bytes);
}

/// Additions of a later version are skipped: the bitmap is longer than ours.
#[test]
fn unknown_additions_are_skipped() {
    let known = H2250MaximumSkewIndication {
        logical_channel_number1: 7,
        logical_channel_number2: 9,
        maximum_skew: 100,
    };
    // its extension bit, its parts, then one of two additions
    let later = written(|w| {
        w.bool(true);
        w.whole(7, 1, 65535);
        w.whole(9, 1, 65535);
        w.whole(100, 0, 4095);
        w.additions(&[false, true]);
        let open = w.open();
        w.bits(0xffff, 16);
        w.close(open);
        w.bits(0x77, 8);
    });
    let mut reader = Reader::new(&later);
    assert_eq!(H2250MaximumSkewIndication::read(&mut reader), Ok(known.clone()));
    assert_eq!(reader.bits(8), Ok(0x77), "what follows is found behind the addition");
    assert_eq!(encode(&known).unwrap()[0], 0);
}

/// An addition that is NULL, in an open type without content (some stacks write it so).
#[test]
fn null_extension_with_zero_length_open_type() {
    let full = include_bytes!("data/vectors/connect_fs.bin");
    let mut info: H323UserInformation = decode(full).unwrap();
    info.h323_uu_pdu.provisional_resp_to_h245_tunnelling = Some(());
    let bytes = encode(&info).unwrap();
    assert_eq!(bytes[bytes.len() - 2..], [1, 0], "the NULL is the last addition");
    let mut shorter = bytes[..bytes.len() - 2].to_vec();
    shorter.push(0);
    assert_eq!(decode::<H323UserInformation>(&shorter), Ok(info));
}

#[test]
fn every_cut_of_a_message_is_refused_or_shorter() {
    for bytes in [
        &include_bytes!("data/vectors/setup_fs.bin")[..],
        include_bytes!("data/vectors/tcs.bin"),
        include_bytes!("data/vectors/rrq.bin"),
    ] {
        for end in 0..bytes.len() {
            assert!(decode::<H323UserInformation>(&bytes[..end]).is_err() || end > 0);
            assert!(decode::<RasMessage>(&bytes[..end]).is_err() || end > 0);
            assert!(decode::<Control>(&bytes[..end]).is_err() || end > 0);
        }
    }
    let setup = include_bytes!("data/vectors/setup_fs.bin");
    assert!((0..setup.len()).all(|end| decode::<H323UserInformation>(&setup[..end]).is_err()));
}

#[test]
fn depth_is_bounded() {
    // FlowControl and modes do not hold themselves; NonStandard data cannot either: the reader itself is
    // asked
    let mut reader = Reader::new(&[]);
    let levels = std::iter::repeat_with(|| reader.enter()).take_while(Result::is_ok).count();
    assert_eq!(levels, h323::per::MAX_DEPTH as usize);
}

#[test]
fn elements_of_all_lists_are_bounded() {
    let bytes = vec![0; 100_000];
    let mut reader = Reader::new(&bytes);
    let mut lists = 0;
    let error = loop {
        // each list says 256 elements of one bit
        match reader.list(256, Some(256), Reader::bool) {
            Ok(list) => lists += list.len(),
            Err(error) => break error,
        }
    };
    assert_eq!((lists, error), (MAX_ELEMENTS as usize, PerError::Elements));
    assert_eq!(Reader::new(&[1]).list(256, Some(256), Reader::bool), Err(PerError::Truncated));
}

#[test]
fn object_identifiers_are_shown_in_dots() {
    assert_eq!(format!("{:?}", h323::asn1::H225_V4), "0.0.8.2250.0.4");
    assert_eq!(format!("{:?}", h323::asn1::H245_V7), "0.0.8.245.0.7");
    assert_eq!(format!("{:?}", Oid::of(&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d])), "1.2.840.113549");
    assert_eq!(Oid::new(&[]), None);
    assert_eq!(Oid::new(&[1; 40]), None);
}

/// A later message keeps its kind in the request's extension.
#[test]
fn an_unknown_request_is_kept() {
    let message = Control::Request(RequestMessage::UnknownExtension(40, vec![7]));
    let bytes = encode(&message).unwrap();
    assert_eq!(decode::<Control>(&bytes), Ok(message));
    assert!(OpenLogicalChannel::read(&mut Reader::new(&[])).is_err());
}
