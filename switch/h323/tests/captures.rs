//! Five captures of calls and registrations between independent stacks: every message is read, nothing that
//! was understood is lost when it is written again.

use h323::asn1::h225::{H323UserInformation, RasMessage};
use h323::asn1::h245::MultimediaSystemControlMessage;
use h323::per::{Per, decode, encode};
use h323::q931::{Frame, Framer, Message};
use std::collections::BTreeMap;
use std::fmt::Debug;

const CAPTURES: [(&str, &[u8]); 5] = [
    ("fast", include_bytes!("data/captures/fast.pcap")),
    ("gkcall", include_bytes!("data/captures/gkcall.pcap")),
    ("gkreg", include_bytes!("data/captures/gkreg.pcap")),
    ("notun", include_bytes!("data/captures/notun.pcap")),
    ("tun", include_bytes!("data/captures/tun.pcap")),
];

/// What a capture held, by kind.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Counts {
    pub calls: usize,
    pub ras: usize,
    pub control: usize,
    pub tunnelled: usize,
}

/// Payloads of UDP and TCP of an Ethernet capture of little-endian pcap, with the ends of the connection.
pub fn payloads(pcap: &[u8]) -> Vec<(bool, [u16; 2], Vec<u8>)> {
    assert_eq!(pcap[..4], [0xd4, 0xc3, 0xb2, 0xa1]);
    assert_eq!(pcap[20], 1, "Ethernet");
    let mut out = Vec::new();
    let mut rest = &pcap[24..];
    while rest.len() > 16 {
        let len = u32::from_le_bytes(rest[8..12].try_into().unwrap()) as usize;
        let ip = &rest[16 + 14..16 + len];
        rest = &rest[16 + len..];
        let total = usize::from(u16::from_be_bytes([ip[2], ip[3]]));
        let transport = &ip[usize::from(ip[0] & 15) * 4..total.min(ip.len())];
        let ports = [0, 2].map(|at| u16::from_be_bytes([transport[at], transport[at + 1]]));
        let header = if ip[9] == 17 { 8 } else { usize::from(transport[12] >> 4) * 4 };
        out.push((ip[9] == 17, ports, transport[header..].to_vec()));
    }
    out
}

fn same<T: Per + Debug + PartialEq>(of: &str, bytes: &[u8]) -> T {
    let value: T = decode(bytes).unwrap_or_else(|error| panic!("{of}: {error}: {bytes:02x?}"));
    let written = encode(&value).unwrap_or_else(|error| panic!("{of}: {error}: {value:#?}"));
    assert_eq!(decode::<T>(&written).as_ref(), Ok(&value), "{of}");
    value
}

fn call_message(name: &str, frame: &[u8], counts: &mut Counts) {
    let message = Message::parse(frame).unwrap();
    let info: H323UserInformation = same(name, &encode(&message.user_user().unwrap()).unwrap());
    counts.calls += 1;
    for tunnelled in info.h323_uu_pdu.h245_control.iter().flatten() {
        same::<MultimediaSystemControlMessage>(name, tunnelled);
        counts.tunnelled += 1;
    }
}

fn read(name: &str, pcap: &[u8]) -> Counts {
    let mut counts = Counts::default();
    let mut framers: BTreeMap<[u16; 2], Framer> = BTreeMap::new();
    for (is_udp, ports, payload) in payloads(pcap) {
        if is_udp {
            if ports.contains(&1719) {
                same::<RasMessage>(name, &payload);
                counts.ras += 1;
            }
            continue;
        }
        let framer = framers.entry(ports).or_default();
        // in pieces, as TCP may bring them
        for piece in payload.chunks(7) {
            framer.push(piece);
            while let Some(frame) = framer.next() {
                match frame.unwrap() {
                    Frame::Message(frame) if frame[0] == 8 => call_message(name, &frame, &mut counts),
                    Frame::Message(frame) => {
                        same::<MultimediaSystemControlMessage>(name, &frame);
                        counts.control += 1;
                    }
                    Frame::KeepAlive => {}
                }
            }
        }
    }
    counts
}

#[test]
fn five_captures_are_read_whole() {
    let expected = [
        ("fast", Counts { calls: 2, tunnelled: 2, ..Counts::default() }),
        ("gkcall", Counts { calls: 29, ras: 21, tunnelled: 29, ..Counts::default() }),
        ("gkreg", Counts { ras: 6, ..Counts::default() }),
        ("notun", Counts { calls: 4, control: 14, ..Counts::default() }),
        ("tun", Counts { calls: 14, tunnelled: 14, ..Counts::default() }),
    ];
    for ((name, pcap), (of, counts)) in CAPTURES.iter().zip(expected) {
        assert_eq!((*name, read(name, pcap)), (of, counts));
    }
}
