//! Negotiation between two legs: what an offer and its answer cost on their way through.
#![forbid(unsafe_code)]
#![allow(clippy::expect_used, reason = "a benchmark that cannot go on says why and stops")]

use std::hint::black_box;

use benches::clock::criterion;
use benches::wire::{ANSWER, OFFER};
use benches::world::SWITCH;
use codecs::{Codec, CodecSet};
use media::{SessionOrigin, check_answer, filter, offered_codecs};

/// As in the binary.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    let mut criterion = criterion();
    let ours = SessionOrigin::new(7, SWITCH.ip());
    let allowed = CodecSet::of(Codec::Pcma).with(Codec::G729);
    let (offer, answer) = (OFFER.as_bytes(), ANSWER.as_bytes());
    let filtered = filter(offer, allowed, &ours).expect("a codec is left");

    let mut group = criterion.benchmark_group("sdp");
    group.bench_function("codecs of an offer", |b| b.iter(|| offered_codecs(black_box(offer), allowed)));
    group.bench_function("filter an offer", |b| b.iter(|| filter(black_box(offer), allowed, &ours)));
    group.bench_function("check an answer", |b| b.iter(|| check_answer(&filtered, black_box(answer), &ours)));
    group.finish();
    criterion.final_summary();
}
