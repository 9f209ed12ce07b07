//! Negotiation between two legs: what an offer and its answer cost on their way through.
#![forbid(unsafe_code)]
#![allow(clippy::expect_used, reason = "a benchmark that cannot go on says why and stops")]

use std::hint::black_box;

use benches::clock::criterion;
use benches::wire::{ANSWER, OFFER};
use benches::world::SWITCH;
use bytes::Bytes;
use codecs::{Codec, CodecSet};
use media::{LocalSession, Session, SessionOrigin};

/// As in the binary.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    let mut criterion = criterion();
    let allowed = CodecSet::of(Codec::Pcma).with(Codec::G729);
    let (offer, answer) = (Bytes::from(OFFER), Bytes::from(ANSWER));
    let read = Session::read(&offer).expect("an SDP");
    let passed = read.offer(allowed).expect("a codec is left");
    let answered = Session::read(&answer).expect("an SDP");
    let negotiated = passed.answered(&answered).expect("an answer");
    let ours = SessionOrigin { id: 7, address: SWITCH.ip() };

    let mut group = criterion.benchmark_group("sdp");
    group.bench_function("read an offer", |b| b.iter(|| Session::read(black_box(&offer))));
    group.bench_function("codecs of an offer", |b| b.iter(|| black_box(&read).offered_codecs(allowed)));
    group.bench_function("what passes of an offer", |b| b.iter(|| black_box(&read).offer(allowed)));
    group.bench_function("judge an answer", |b| b.iter(|| passed.answered(black_box(&answered))));
    group.bench_function("write an answer", |b| {
        b.iter(|| LocalSession::new().write(black_box(&negotiated.session), ours))
    });
    group.finish();
    criterion.final_summary();
}
