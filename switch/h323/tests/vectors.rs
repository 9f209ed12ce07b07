//! Vectors made by an independent codec: each is read, and written again octet by octet.
use h323::asn1::h225::{H323UserInformation, RasMessage};
use h323::asn1::h245::{MultimediaSystemControlMessage, OpenLogicalChannel};
use h323::per::{Per, decode, encode};
use std::fmt::Debug;

macro_rules! vectors {
    ($($name:literal),* $(,)?) => { &[$(($name, include_bytes!(concat!("data/vectors/", $name, ".bin")))),*] };
}

const CALLS: &[(&str, &[u8])] = vectors![
    "setup_fs",
    "setup_slow",
    "callproc",
    "alerting",
    "progress",
    "connect_fs",
    "connect_slow",
    "facility",
    "relcomp",
];
const RAS: &[(&str, &[u8])] =
    vectors!["grq", "rrq", "rrq_keepalive", "rcf", "arq", "acf", "arj", "rip", "irr", "drq", "dcf", "urq",];
const CONTROL: &[(&str, &[u8])] = vectors![
    "tcs",
    "tcs_empty",
    "tcsack",
    "msd",
    "msdack",
    "olc_req",
    "olcack",
    "clc",
    "rtd",
    "ui_alnum",
    "ui_signal",
    "endsession",
];
/// Elements of a fast start: alone, not in a control message.
const CHANNELS: &[(&str, &[u8])] = vectors!["olc0", "olc1", "olc2", "olc3", "olc4", "olc5", "olc6", "olc7"];

fn again<T: Per + Debug + PartialEq>((name, bytes): &(&str, &[u8])) -> T {
    let value: T = decode(bytes).unwrap_or_else(|error| panic!("{name}: {error}"));
    let written = encode(&value).unwrap_or_else(|error| panic!("{name}: {error}"));
    assert_eq!(&written, bytes, "{name}: {value:#?}");
    value
}

#[test]
fn all_vectors_are_written_as_they_were_read() {
    CALLS.iter().for_each(|vector| drop(again::<H323UserInformation>(vector)));
    RAS.iter().for_each(|vector| drop(again::<RasMessage>(vector)));
    CONTROL.iter().for_each(|vector| drop(again::<MultimediaSystemControlMessage>(vector)));
    CHANNELS.iter().for_each(|vector| drop(again::<OpenLogicalChannel>(vector)));
    assert_eq!(CALLS.len() + RAS.len() + CONTROL.len() + CHANNELS.len(), 41);
}
