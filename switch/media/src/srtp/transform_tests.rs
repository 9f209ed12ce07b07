use super::*;
use crate::srtp::Suite;

fn hex<const N: usize>(text: &str) -> [u8; N] {
    let octet = |at: usize| u8::from_str_radix(&text[at * 2..at * 2 + 2], 16).expect("hex");
    std::array::from_fn(octet)
}

fn master(suite: Suite) -> MasterKey {
    let bytes: Vec<u8> = (1..=46).collect();
    MasterKey::new(suite, &bytes).expect("long enough")
}

/// RFC 3711 appendix B.3.
#[test]
fn session_keys_are_those_of_the_rfc() {
    let bytes: [u8; 30] = hex("e1f97a0d3e018be0d64fa32c06de41390ec675ad498afeebb6960b3aabe6");
    let master = MasterKey::new(Suite::Aes128Sha1Tag80, &bytes).expect("long enough");
    let keys = Keys::derive(&master, 0, 10).expect("keys");
    assert_eq!(keys.salt, hex::<14>("30cbbc08863d8c85d49db34a9ae1"));
    let mut stream = [0; 16];
    let Aes::Short(_) = &keys.aes else { panic!("of 128 bits") };
    keys.aes.add_stream([0; 16], &mut stream);
    let expected = Aes::new(&hex::<16>("c61e7a93744f39ee10734afe3ff7a087")).expect("a key");
    let mut other = [0; 16];
    expected.add_stream([0; 16], &mut other);
    assert_eq!(stream, other);
    let auth: [u8; 20] = hex("cebe321f6ff7716b6fd4ab49af256a156d38baa4");
    let mac = Hmac::<Sha1>::new_from_slice(&auth).expect("a key").chain_update(b"packet").finalize();
    assert_eq!(keys.tag(b"packet", b"").as_slice(), mac.into_bytes().as_slice());
}

/// RFC 3711 appendix B.2: the key stream of AES in counter mode.
#[test]
fn the_key_stream_is_that_of_the_rfc() {
    let aes = Aes::new(&hex::<16>("2b7e151628aed2a6abf7158809cf4f3c")).expect("a key");
    let mut stream = [0; 16 * 9];
    aes.add_stream(hex("f0f1f2f3f4f5f6f7f8f9fafbfcfd0000"), &mut stream);
    assert_eq!(&stream[..32], &hex::<32>("e03ead0935c95e80e166b16dd92b4eb4d23513162b02d0f72a43a2fe4a5f97ab"));
    // The ninth block goes on where the first eight end.
    let mut ninth = [0; 16];
    aes.add_stream(hex("f0f1f2f3f4f5f6f7f8f9fafbfcfd0000"), &mut [0; 16]);
    let mut iv = hex::<16>("f0f1f2f3f4f5f6f7f8f9fafbfcfd0000");
    iv[15] = 8;
    let Aes::Short(short) = &aes else { panic!("of 128 bits") };
    let mut block = Block::<Aes128>::from(iv);
    short.encrypt_block(&mut block);
    ninth.copy_from_slice(&block);
    assert_eq!(&stream[128..], &ninth);
}

/// As another implementation (libsrtp) has it, by the key of appendix B.3.
#[test]
fn a_packet_is_what_others_make_of_it() {
    let bytes: [u8; 30] = hex("e1f97a0d3e018be0d64fa32c06de41390ec675ad498afeebb6960b3aabe6");
    let master = MasterKey::new(Suite::Aes128Sha1Tag80, &bytes).expect("long enough");
    let plain: [u8; 28] = hex("800f1234decafbadcafebabeabababababababababababababababab");
    let expected: [u8; 38] =
        hex("800f1234decafbadcafebabe4e55dc4ce79978d88ca4d215949d2402b78d6acc99ea179b8dbb");
    let sent = protected(&mut Protector::new(&master).expect("keys"), &plain).expect("sent");
    assert_eq!(sent, expected);
    let mut packet = expected;
    assert_eq!(Unprotector::new(&master).expect("keys").rtp(&mut packet), Ok(28));
    assert_eq!(packet[..28], plain);
}

fn rtp(sequence: u16, ssrc: u32) -> Vec<u8> {
    let mut packet = vec![0x80, 8];
    packet.extend(sequence.to_be_bytes());
    packet.extend([0, 0, 0, 160]);
    packet.extend(ssrc.to_be_bytes());
    packet.extend([0xd5; 160]);
    packet
}

fn protected(protector: &mut Protector, packet: &[u8]) -> Result<Vec<u8>, SrtpError> {
    let mut buffer = packet.to_vec();
    buffer.resize(packet.len() + RTCP_ROOM, 0);
    let length = protector.rtp(&mut buffer, packet.len())?;
    buffer.truncate(length);
    Ok(buffer)
}

#[test]
fn what_is_protected_is_unprotected_over_the_wrap() {
    for suite in Suite::ALL {
        let (mut sends, mut takes) =
            (Protector::new(&master(suite)).expect("keys"), Unprotector::new(&master(suite)).expect("keys"));
        for sequence in [65_533, 65_534, 65_535, 0, 2, 1, 3] {
            let plain = rtp(sequence, 7);
            let mut packet = protected(&mut sends, &plain).expect("sent");
            assert_eq!(packet.len(), plain.len() + suite.tag_bytes());
            assert_eq!(packet[..12], plain[..12], "headers are not enciphered");
            assert_ne!(packet[12..172], plain[12..]);
            assert_eq!(takes.rtp(&mut packet), Ok(172), "{suite:?} {sequence}");
            assert_eq!(packet[..172], plain);
        }
        assert_eq!(sends.sent.highest(), Some(65_536 + 3));
    }
}

#[test]
fn a_key_stream_is_used_once() {
    let mut sends = Protector::new(&master(Suite::Aes128Sha1Tag80)).expect("keys");
    for sequence in [500, 502, 501] {
        protected(&mut sends, &rtp(sequence, 7)).expect("sent");
    }
    for sequence in [501, 500, 502, 502 - 128] {
        assert_eq!(protected(&mut sends, &rtp(sequence, 7)), Err(SrtpError::Replayed), "{sequence}");
    }
    let mut tight = rtp(503, 7);
    assert_eq!(sends.rtp(&mut tight, 172), Err(SrtpError::Malformed), "no room for a tag");
    assert!(protected(&mut sends, &rtp(503, 7)).is_ok(), "which used nothing");
}

#[test]
fn attack_39_changed_repeated_and_foreign_srtp_is_dropped() {
    let suite = Suite::Aes128Sha1Tag80;
    let mut sends = Protector::new(&master(suite)).expect("keys");
    let mut takes = Unprotector::new(&master(suite)).expect("keys");
    let good = protected(&mut sends, &rtp(1, 7)).expect("sent");
    for at in 0..good.len() {
        let mut changed = good.clone();
        changed[at] ^= 1;
        let before = changed.clone();
        assert!(takes.rtp(&mut changed).is_err(), "octet {at}");
        assert_eq!(changed, before, "left as it came");
    }
    for end in 0..good.len() {
        assert!(takes.rtp(&mut good[..end].to_vec()).is_err(), "{end} octets");
    }
    assert!(takes.rtp(&mut rtp(1, 7)).is_err(), "plain");
    let other = MasterKey::new(suite, &[9; 30]).expect("long enough");
    let foreign = protected(&mut Protector::new(&other).expect("keys"), &rtp(2, 7)).expect("sent");
    assert_eq!(takes.rtp(&mut foreign.clone()), Err(SrtpError::Tag));
    assert!(takes.sources.is_empty(), "nothing of it is kept");
    assert_eq!(takes.rtp(&mut good.clone()), Ok(172));
    assert_eq!(takes.rtp(&mut good.clone()), Err(SrtpError::Replayed));
    // Sources are bounded, and those that are kept go on.
    for ssrc in 100..100 + SOURCES_MAX as u32 {
        let mut one = Protector::new(&master(suite)).expect("keys");
        let mut packet = protected(&mut one, &rtp(1, ssrc)).expect("sent");
        let is_kept = ssrc < 100 + SOURCES_MAX as u32 - 1;
        assert_eq!(takes.rtp(&mut packet).is_ok(), is_kept, "{ssrc}");
    }
    let mut next = protected(&mut sends, &rtp(2, 7)).expect("sent");
    assert_eq!(takes.rtp(&mut next), Ok(172));
}

#[test]
fn rtcp_is_protected_with_an_index_of_its_own() {
    for suite in Suite::ALL {
        let mut sends = Protector::new(&master(suite)).expect("keys");
        let mut takes = Unprotector::new(&master(suite)).expect("keys");
        let plain = *b"\x80\xc9\x00\x01\x00\x00\x00\x07";
        let report = [&plain[..], &[0x81, 0xca, 0, 2, 0, 0, 0, 7, 1, 2, b'a', b'b']].concat();
        for index in 0..3_u32 {
            let mut packet = report.clone();
            packet.resize(report.len() + RTCP_ROOM, 0);
            assert_eq!(sends.rtcp(&mut packet, report.len()), Ok(report.len() + RTCP_ROOM));
            assert_eq!(packet[..8], report[..8]);
            assert_ne!(packet[8..20], report[8..]);
            let trailer = packet[report.len()..].first_chunk().map(|octets| u32::from_be_bytes(*octets));
            assert_eq!(trailer, Some(RTCP_ENCRYPTED | index));
            let mut changed = packet.clone();
            changed[9] ^= 1;
            assert_eq!(takes.rtcp(&mut changed), Err(SrtpError::Tag));
            let again = packet.clone();
            assert_eq!(takes.rtcp(&mut packet), Ok(report.len()));
            assert_eq!(packet[..report.len()], report);
            assert_eq!(takes.rtcp(&mut again.clone()), Err(SrtpError::Replayed));
        }
        assert_eq!(takes.rtcp(&mut [0x80; 21]), Err(SrtpError::Malformed));
        assert_eq!(sends.rtcp(&mut [0x80; 7], 7), Err(SrtpError::Malformed));
    }
}

/// Headers of any length, and octets of any kind.
#[test]
fn nothing_panics() {
    let mut takes = Unprotector::new(&master(Suite::Aes128Sha1Tag32)).expect("keys");
    let mut sends = Protector::new(&master(Suite::Aes128Sha1Tag32)).expect("keys");
    let mut dice = 5_u64;
    for length in 0..2_000_usize {
        let mut roll = || {
            dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (dice >> 33) as u8
        };
        let mut packet: Vec<u8> = (0..length % 120).map(|_| roll()).collect();
        assert!(takes.rtp(&mut packet).is_err());
        assert!(takes.rtcp(&mut packet).is_err());
        let _ = sends.rtp(&mut packet, length % 60);
        let _ = sends.rtcp(&mut packet, length % 60);
    }
}
