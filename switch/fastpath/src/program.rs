//! The program that the kernel runs for each packet that an interface receives: one of a known stream goes
//! on as its entry says, any other on its usual way, to the socket of its port.

use crate::assembler::If::{Equal, Greater, Less, NotEqual};
use crate::assembler::Op::{Add, And, Move, Or, Sub};
use crate::assembler::Size::{Byte, Double, Half, Word};
use crate::assembler::{Assembler, FP, R0, R1, R2, R3, R4, R5, R6, R7, R8, R9};
use crate::entry::at;

/// Functions of the kernel, by their numbers in `bpf.h`.
mod helper {
    pub(super) const MAP_LOOKUP: i32 = 1;
    pub(super) const TIME_NS: i32 = 5;
    pub(super) const STORE_BYTES: i32 = 9;
    pub(super) const L3_CHECKSUM: i32 = 10;
    pub(super) const L4_CHECKSUM: i32 = 11;
    pub(super) const CHECKSUM_DIFFERENCE: i32 = 28;
    pub(super) const REDIRECT_NEIGHBOUR: i32 = 152;
}

/// Fields of the packet's description (`__sk_buff`).
mod packet {
    pub(super) const LENGTH: i16 = 0;
    pub(super) const TYPE: i16 = 4;
    pub(super) const HAS_VLAN: i16 = 20;
    pub(super) const DATA: i16 = 76;
    pub(super) const DATA_END: i16 = 80;
}

/// Offsets in the frame: Ethernet, IPv4 without options, UDP, RTP without contributing sources.
const ETHER_TYPE: i16 = 12;
const IP: i16 = 14;
const IP_LENGTH: i16 = IP + 2;
const IP_FRAGMENT: i16 = IP + 6;
const IP_TTL: i16 = IP + 8;
const IP_PROTOCOL: i16 = IP + 9;
const IP_CHECKSUM: i32 = IP as i32 + 10;
const IP_SOURCE: i16 = IP + 12;
const IP_DESTINATION: i16 = IP + 16;
const UDP: i16 = IP + 20;
const UDP_DESTINATION: i16 = UDP + 2;
const UDP_LENGTH: i16 = UDP + 4;
const UDP_CHECKSUM: i32 = UDP as i32 + 6;
const RTP: i16 = UDP + 8;
const END: i16 = RTP + 12;

/// Sequence numbers that go on a stream, as in the relay: so far ahead, or so far behind.
const AHEAD_MAX: i32 = 3_000;
const BEHIND_MAX: i32 = 100;

/// Offsets on the stack.
const KEY: i16 = -8;
const OLD: i16 = -24;
const NEW: i16 = -40;
const OLD_IP: i16 = -48;
const NEW_IP: i16 = -56;
const DIFFERENCE: i16 = -64;

/// The others' turn (`TCX_NEXT`), and a packet that is lost half way (`TCX_DROP`).
const NEXT: i32 = -1;
const DROP: i32 = 2;
/// Flags of [`helper::L4_CHECKSUM`]: addresses are part of the sum, and no sum stays none.
const PSEUDO_HEADER: i32 = 1 << 4;
const KEEP_NONE: i32 = 1 << 5;

/// The program with the map of this descriptor.
pub(crate) fn program(map: i32) -> Vec<[u8; 8]> {
    let mut code = Assembler::default();
    is_rtp(&mut code);
    find(&mut code, map);
    is_of_stream(&mut code);
    is_next(&mut code);
    compose(&mut code);
    count(&mut code);
    send(&mut code);
    code.finish()
}

const fn network(number: u16) -> i32 {
    number.to_be() as i32
}

/// A whole datagram of IPv4 and UDP that begins as RTP does. R6: its description, R7: its first byte.
fn is_rtp(code: &mut Assembler) {
    code.op(Move, R6, R1).load(Word, R1, R6, packet::TYPE).jump(NotEqual, R1, 0, "next");
    code.load(Word, R1, R6, packet::HAS_VLAN).jump(NotEqual, R1, 0, "next");
    code.load(Word, R7, R6, packet::DATA).load(Word, R8, R6, packet::DATA_END);
    code.op(Move, R1, R7).op(Add, R1, i32::from(END)).jump(Greater, R1, R8, "next");
    code.load(Half, R1, R7, ETHER_TYPE).jump(NotEqual, R1, network(0x0800), "next");
    code.load(Byte, R1, R7, IP).jump(NotEqual, R1, 0x45, "next");
    code.load(Byte, R1, R7, IP_PROTOCOL).jump(NotEqual, R1, 17, "next");
    code.load(Half, R1, R7, IP_FRAGMENT).op(And, R1, network(0x3fff)).jump(NotEqual, R1, 0, "next");
    code.load(Byte, R1, R7, IP_TTL).jump(Less, R1, 2, "next");
    code.load(Half, R1, R7, IP_LENGTH).network_order(R1, 16);
    code.load(Half, R2, R7, UDP_LENGTH).network_order(R2, 16).op(Add, R2, 20);
    code.jump(NotEqual, R1, R2, "next").jump(Less, R1, i32::from(END - IP), "next");
    code.load(Word, R3, R6, packet::LENGTH).op(Sub, R3, i32::from(IP)).jump(Less, R3, R1, "next");
    code.load(Byte, R1, R7, RTP).jump(NotEqual, R1, 0x80, "next");
}

/// R9: the entry of the port that it came to.
fn find(code: &mut Assembler, map: i32) {
    code.load(Word, R1, R7, IP_DESTINATION).store(Word, FP, KEY, R1);
    code.load(Half, R1, R7, UDP_DESTINATION).store(Half, FP, KEY + 4, R1);
    code.op(Move, R1, 0).store(Half, FP, KEY + 6, R1);
    code.map(R1, map).op(Move, R2, FP).op(Add, R2, i32::from(KEY)).call(helper::MAP_LOOKUP);
    code.jump(Equal, R0, 0, "next").op(Move, R9, R0);
}

/// Its sender, source and payload number are those of the entry.
fn is_of_stream(code: &mut Assembler) {
    for (size, place, known) in
        [(Word, IP_SOURCE, at::FROM_IP), (Half, UDP, at::FROM_PORT), (Word, RTP + 8, at::SSRC)]
    {
        code.load(size, R1, R7, place).load(size, R2, R9, known).jump(NotEqual, R1, R2, "next");
    }
    code.load(Byte, R1, R7, RTP + 1).op(And, R1, 0x7f);
    code.load(Byte, R2, R9, at::PAYLOAD).jump(NotEqual, R1, R2, "next");
}

/// Its sequence number goes on the stream; the highest and the gaps before it are noted. R8: the number.
fn is_next(code: &mut Assembler) {
    code.load(Half, R8, R7, RTP + 2).network_order(R8, 16);
    code.load(Word, R2, R9, at::HIGHEST).op(Move, R3, R8).op(Sub, R3, R2).op(And, R3, 0xffff);
    code.jump(Greater, R3, 0xffff - BEHIND_MAX, "counted").jump(Greater, R3, AHEAD_MAX - 1, "next");
    code.store(Word, R9, at::HIGHEST, R8);
    code.load(Word, R1, R7, RTP + 4).network_order(R1, 32).store(Word, R9, at::LAST_TIMESTAMP, R1);
    code.jump(Less, R3, 2, "in order").load(Word, R1, R9, at::GAPS).op(Add, R1, 1);
    code.store(Word, R9, at::GAPS, R1).label("in order");
    code.jump(Less, R2, R8, "counted").jump(Equal, R2, R8, "counted");
    code.load(Word, R1, R9, at::CYCLES).op(Add, R1, 1).store(Word, R9, at::CYCLES, R1).label("counted");
}

/// The addresses, ports and header of before and of now, on the stack.
fn compose(code: &mut Assembler) {
    for (place, old) in [(UDP, OLD), (RTP, OLD + 4), (RTP + 4, OLD + 8), (RTP + 8, OLD + 12)] {
        code.load(Word, R1, R7, place).store(Word, FP, old, R1);
    }
    for (place, old) in [(IP_SOURCE, OLD_IP), (IP_DESTINATION, OLD_IP + 4)] {
        code.load(Word, R1, R7, place).store(Word, FP, old, R1);
    }
    for (known, new) in
        [(at::OUR_IP, NEW_IP), (at::TO_IP, NEW_IP + 4), (at::PORTS, NEW), (at::TOLD_SSRC, NEW + 12)]
    {
        code.load(Word, R1, R9, known).store(Word, FP, new, R1);
    }
    code.op(Move, R1, 0x80).store(Byte, FP, NEW + 4, R1);
    code.load(Byte, R1, R7, RTP + 1).op(And, R1, 0x80).load(Byte, R2, R9, at::TOLD_PAYLOAD).op(Or, R1, R2);
    code.store(Byte, FP, NEW + 5, R1);
    code.load(Word, R1, R9, at::SEQUENCE).op(Add, R1, R8).network_order(R1, 16);
    code.store(Half, FP, NEW + 6, R1);
    code.load(Word, R1, R7, RTP + 4).network_order(R1, 32).load(Word, R2, R9, at::TIMESTAMP);
    code.op(Add, R1, R2).network_order(R1, 32).store(Word, FP, NEW + 8, R1);
}

/// Packets, their bytes of RTP, and when the last came.
fn count(code: &mut Assembler) {
    code.op(Move, R1, 1).atomic_add(R9, at::PACKETS, R1);
    code.load(Half, R1, R7, UDP_LENGTH).network_order(R1, 16).op(Sub, R1, 8).atomic_add(R9, at::BYTES, R1);
    code.call(helper::TIME_NS).store(Double, R9, at::LAST_NS, R0);
    code.load(Word, R7, R9, at::INTERFACE);
}

/// Writes what was composed and has the neighbour found whom it goes to. The packet's bytes are out of
/// reach from the first call on.
fn send(code: &mut Assembler) {
    difference(code, OLD_IP, NEW_IP, 8);
    code.store(Double, FP, DIFFERENCE, R0);
    code.op(Move, R1, R6).op(Move, R2, IP_CHECKSUM).op(Move, R3, 0).op(Move, R4, R0).op(Move, R5, 0);
    code.call(helper::L3_CHECKSUM).jump(NotEqual, R0, 0, "drop");
    code.load(Double, R4, FP, DIFFERENCE);
    udp_checksum(code, PSEUDO_HEADER | KEEP_NONE);
    difference(code, OLD, NEW, 16);
    code.op(Move, R4, R0);
    udp_checksum(code, KEEP_NONE);
    for (place, new, bytes) in [(IP_SOURCE, NEW_IP, 8), (UDP, NEW, 4), (RTP, NEW + 4, 12)] {
        code.op(Move, R1, R6).op(Move, R2, i32::from(place));
        code.op(Move, R3, FP).op(Add, R3, i32::from(new)).op(Move, R4, bytes).op(Move, R5, 0);
        code.call(helper::STORE_BYTES).jump(NotEqual, R0, 0, "drop");
    }
    code.op(Move, R1, R7).op(Move, R2, 0).op(Move, R3, 0).op(Move, R4, 0);
    code.call(helper::REDIRECT_NEIGHBOUR).exit();
    code.label("drop").op32(Move, R0, DROP).exit();
    code.label("next").op32(Move, R0, NEXT).exit();
}

/// R0: by how much the sum of `bytes` changes.
fn difference(code: &mut Assembler, old: i16, new: i16, bytes: i32) {
    code.op(Move, R1, FP).op(Add, R1, i32::from(old)).op(Move, R2, bytes);
    code.op(Move, R3, FP).op(Add, R3, i32::from(new)).op(Move, R4, bytes).op(Move, R5, 0);
    code.call(helper::CHECKSUM_DIFFERENCE);
}

/// Changes it by what R4 holds.
fn udp_checksum(code: &mut Assembler, flags: i32) {
    code.op(Move, R1, R6).op(Move, R2, UDP_CHECKSUM).op(Move, R3, 0).op(Move, R5, flags);
    code.call(helper::L4_CHECKSUM).jump(NotEqual, R0, 0, "drop");
}
