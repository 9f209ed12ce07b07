//! The lexer beside rsip on the same messages, and the writer: what one message costs.
#![forbid(unsafe_code)]
#![allow(clippy::expect_used, reason = "a benchmark that cannot go on says why and stops")]

use std::hint::black_box;

use benches::clock::{CpuTime, criterion};
use benches::wire::{self, Caller};
use benches::world::{SWITCH, gate_address};
use bytes::Bytes;
use criterion::{Criterion, Throughput};
use sip::{Builder, Message, Method, Name};

/// As in the binary.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    let mut criterion = criterion();
    let caller = Caller { call: 4_711, from: gate_address(7), to: SWITCH, number: "34911234567" };
    let invite = parsed(&caller.invite(false));
    let messages = [
        ("INVITE", caller.invite(false)),
        ("long INVITE", caller.invite(true)),
        ("200 to INVITE", wire::response(&invite, 200, "OK")),
    ];
    for (kind, bytes) in &messages {
        parse(&mut criterion, kind, bytes);
    }
    write(&mut criterion, &invite);
    criterion.final_summary();
}

fn parsed(bytes: &Bytes) -> Message {
    let mut message = Message::parse(bytes.clone()).expect("SIP");
    message.check().expect("whole");
    message.set_source(gate_address(7));
    message
}

fn parse(criterion: &mut Criterion<CpuTime>, kind: &str, bytes: &Bytes) {
    let mut group = criterion.benchmark_group(format!("{kind}, {} bytes", bytes.len()));
    group.throughput(Throughput::Bytes(bytes.len() as u64));
    group.bench_function("parse", |b| b.iter(|| Message::parse(black_box(bytes.clone()))));
    group.bench_function("parse and check", |b| {
        b.iter(|| {
            let message = Message::parse(black_box(bytes.clone())).expect("SIP");
            message.check().expect("whole");
            message
        });
    });
    group.bench_function("rsip", |b| {
        b.iter(|| rsip::SipMessage::try_from(black_box(&bytes[..])).expect("SIP"))
    });
    group.finish();
}

/// The two longest things that a call writes.
fn write(criterion: &mut Criterion<CpuTime>, request: &Message) {
    let mut group = criterion.benchmark_group("write");
    group.bench_function("200 with SDP", |b| {
        b.iter(|| {
            Builder::response(black_box(request), 200, "OK")
                .to_tag("n4k2c7ahq3w5xa")
                .header(Name::Contact, "<sip:n4k2c7ahq3w5x@192.0.2.1:5060>")
                .header(Name::Allow, "INVITE, ACK, CANCEL, BYE, OPTIONS, UPDATE, INFO")
                .header(Name::Supported, "timer")
                .body("application/sdp", wire::ANSWER.as_bytes())
                .build()
        });
    });
    group.bench_function("INVITE with SDP", |b| {
        b.iter(|| {
            Builder::request(Method::Invite, black_box("sip:34911234567@198.51.100.1:5060"))
                .header_fmt(Name::Via, format_args!("SIP/2.0/UDP {SWITCH};branch=z9hG4bKn4k2c7ahq3w5x;rport"))
                .header_fmt(Name::MaxForwards, format_args!("{}", 69))
                .header_fmt(Name::From, format_args!("<sip:34600000000@{SWITCH}>;tag=n4k2c7ahq3w5xb"))
                .header(Name::To, "<sip:34911234567@198.51.100.1:5060>")
                .header(Name::CallId, "n4k2c7ahq3w5x0")
                .cseq(1, Method::Invite)
                .header_fmt(Name::Contact, format_args!("<sip:n4k2c7ahq3w5x@{SWITCH}>"))
                .header(Name::Allow, "INVITE, ACK, CANCEL, BYE, OPTIONS, UPDATE, INFO")
                .header(Name::Supported, "timer")
                .copy(request, |name, _| matches!(name, Name::Other))
                .body("application/sdp", wire::OFFER.as_bytes())
                .build()
        });
    });
    group.finish();
}
