use aes::Aes128;
use aes::cipher::{Block, BlockCipherEncrypt};
use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;

use super::super::counter::Aes;
use super::super::gcm::{self, Gcm};
use super::super::keys::{self, Keys, Tags};
use super::*;
use crate::srtp::{RTCP_ROOM, Suite};

/// Those of SDP and those of handshakes.
fn suites() -> impl Iterator<Item = Suite> {
    Suite::ALL.into_iter().chain([Suite::Aes128Gcm, Suite::Aes256Gcm])
}

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
    keys.aes.add_stream([0; 16], 0, &mut stream);
    let expected = Aes::new(&hex::<16>("c61e7a93744f39ee10734afe3ff7a087")).expect("a key");
    let mut other = [0; 16];
    expected.add_stream([0; 16], 0, &mut other);
    assert_eq!(stream, other);
    let auth: [u8; 20] = hex("cebe321f6ff7716b6fd4ab49af256a156d38baa4");
    let mac = Hmac::<Sha1>::new_from_slice(&auth).expect("a key").chain_update(b"packet").finalize();
    let Tags::Sha1(derived) = &keys.tags else { panic!("by HMAC") };
    assert_eq!(keys::tag(derived, b"packet", b"").as_slice(), mac.into_bytes().as_slice());
}

/// RFC 3711 appendix B.2: the key stream of AES in counter mode.
#[test]
fn the_key_stream_is_that_of_the_rfc() {
    let aes = Aes::new(&hex::<16>("2b7e151628aed2a6abf7158809cf4f3c")).expect("a key");
    let mut stream = [0; 16 * 9];
    aes.add_stream(hex("f0f1f2f3f4f5f6f7f8f9fafbfcfd0000"), 0, &mut stream);
    assert_eq!(&stream[..32], &hex::<32>("e03ead0935c95e80e166b16dd92b4eb4d23513162b02d0f72a43a2fe4a5f97ab"));
    // The ninth block goes on where the first eight end.
    let mut ninth = [0; 16];
    aes.add_stream(hex("f0f1f2f3f4f5f6f7f8f9fafbfcfd0000"), 0, &mut [0; 16]);
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
    for suite in suites() {
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
    [Suite::Aes128Sha1Tag80, Suite::Aes256Gcm].into_iter().for_each(changed_repeated_and_foreign_is_dropped);
}

fn changed_repeated_and_foreign_is_dropped(suite: Suite) {
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
    let other = MasterKey::new(suite, &[9; 46]).expect("long enough");
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
    for suite in suites() {
        let mut sends = Protector::new(&master(suite)).expect("keys");
        let mut takes = Unprotector::new(&master(suite)).expect("keys");
        let plain = *b"\x80\xc9\x00\x01\x00\x00\x00\x07";
        let report = [&plain[..], &[0x81, 0xca, 0, 2, 0, 0, 0, 7, 1, 2, b'a', b'b']].concat();
        for index in 0..3_u32 {
            let mut packet = report.clone();
            packet.resize(report.len() + RTCP_ROOM, 0);
            let tag_bytes = if suite.is_aead() { 16 } else { 10 };
            assert_eq!(sends.rtcp(&mut packet, report.len()), Ok(report.len() + tag_bytes + 4));
            packet.truncate(report.len() + tag_bytes + 4);
            assert_eq!(packet[..8], report[..8]);
            assert_ne!(packet[8..20], report[8..]);
            let word = report.len() + if suite.is_aead() { tag_bytes } else { 0 };
            let trailer = packet[word..].first_chunk().map(|octets| u32::from_be_bytes(*octets));
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

/// RFC 7714 §16.1.1: a packet by its session key.
#[test]
fn a_packet_of_gcm_is_that_of_the_rfc() {
    let aes = Aes::new(&hex::<16>("000102030405060708090a0b0c0d0e0f")).expect("a key");
    let salt = hex("517569642070726f2071756f0000");
    let nonce = gcm::rtp_nonce(&salt, 0x5501_a0b2, 0xf17b);
    assert_eq!(nonce, hex::<12>("51753c6580c2726f20718414"));
    let head = hex::<12>("8040f17b8041f8d35501a0b2");
    let mut text = *b"Gallia est omnis divisa in partes tres";
    Gcm::cipher(&aes, nonce, &mut text);
    let expected: [u8; 38] =
        hex("f24de3a3fb34de6cacba861c9d7e4bcabe633bd50d294e6f42a5f47a51c7d19b36de3adf8833");
    assert_eq!(text, expected);
    let tag = Gcm::new(&aes).tag(&aes, nonce, &head, &text);
    assert_eq!(tag[..16], hex::<16>("899d7f27beb16a9152cf765ee4390cce"));
}

/// As libsrtp has it: the key and salt of its tests count from 0 and from 0xa0.
#[test]
fn packets_of_gcm_are_what_others_make_of_them() {
    let bytes: Vec<u8> = (0..16).chain(0xa0..0xac).collect();
    let master = MasterKey::new(Suite::Aes128Gcm, &bytes).expect("long enough");
    let plain: [u8; 28] = hex("800f1234decafbadcafebabeabababababababababababababababab");
    let expected: [u8; 44] =
        hex("800f1234decafbadcafebabec5002ede04cfdd2eb91159e0880aa06ed2976826f796b201df3131a127e8a392");
    let sent = protected(&mut Protector::new(&master).expect("keys"), &plain).expect("sent");
    assert_eq!(sent, expected);
    let mut packet = expected;
    assert_eq!(Unprotector::new(&master).expect("keys").rtp(&mut packet), Ok(28));
    assert_eq!(packet[..28], plain);

    let mut report: [u8; 44] =
        hex("81c8000bcafebabec98b8b5df0392a55852b6c21ac8e7025c52c6fbea2b3b446ea31123ba88ce61e80000001");
    let plain: [u8; 24] = hex("81c8000bcafebabeabababababababababababababababab");
    assert_eq!(Unprotector::new(&master).expect("keys").rtcp(&mut report), Ok(24));
    assert_eq!(report[..24], plain);
}

/// RFC 5764 §4.2: both keys, then both salts.
#[test]
fn keys_of_a_handshake_are_of_both_sides() {
    for (suite, octets, salt) in [(Suite::Aes128Sha1Tag80, 60, 14), (Suite::Aes256Gcm, 88, 12)] {
        let exported: Vec<u8> = (0..octets).collect();
        let [client, server] = MasterKey::exported(suite, &exported).expect("long enough");
        let key = usize::from(octets) / 2 - salt;
        assert_eq!([client.key(), server.key()], [&exported[..key], &exported[key..key * 2]]);
        assert_eq!(client.salt(), &exported[key * 2..key * 2 + salt]);
        assert_eq!(server.salt(), &exported[key * 2 + salt..]);
        assert_eq!(MasterKey::exported(suite, &exported[1..]), None);
        assert_eq!(MasterKey::exported(suite, &[0; 89]), None);
    }
}

/// Headers of any length, and octets of any kind.
#[test]
fn nothing_panics() {
    [Suite::Aes128Sha1Tag32, Suite::Aes128Gcm].into_iter().for_each(nothing_panics_with);
}

fn nothing_panics_with(suite: Suite) {
    let mut takes = Unprotector::new(&master(suite)).expect("keys");
    let mut sends = Protector::new(&master(suite)).expect("keys");
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
