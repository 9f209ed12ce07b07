//! Handshakes of two of ours, with what may go wrong on the way.
#![allow(clippy::panic)]

use std::time::Instant;

use dtls::{Begin, Certificate, Failure, Handshaken, Handshakes};
use media::relay::{DtlsRole, PeerKeys};
use units::Tick;

const SIDE: u8 = 7;
const SECOND_US: u64 = 1_000_000;

/// A client and a server with certificates, and what became of them.
struct Pair {
    ends: [Handshakes<u8>; 2],
    keys: [Option<PeerKeys>; 2],
    failures: [Option<Failure>; 2],
    /// Datagrams that each end sent.
    sent: [usize; 2],
}

impl Pair {
    /// The first is the client. Each expects this certificate of the other.
    fn new(certificates: [Certificate; 2], expected: [[u8; 32]; 2], is_checked: bool) -> Self {
        let epoch = Instant::now();
        let ends = certificates.map(|certificate| Handshakes::new(certificate, epoch, 4).expect("settings"));
        let mut pair = Self { ends, keys: [None, None], failures: [None, None], sent: [0, 0] };
        for (end, role) in [(1, DtlsRole::Server), (0, DtlsRole::Client)] {
            let begin = Begin { role, fingerprint: expected[end], is_checked };
            pair.ends[end].begin(Tick(0), SIDE, begin);
        }
        pair
    }

    fn good(is_checked: bool) -> Self {
        let certificates = [certificate(), certificate()];
        let expected = [certificates[1].fingerprint(), certificates[0].fingerprint()];
        Self::new(certificates, expected, is_checked)
    }

    /// Carries datagrams to and fro until nobody says anything more; `loses` says which are lost.
    fn exchange(&mut self, now: Tick, mut loses: impl FnMut(usize, usize) -> bool) {
        loop {
            let mut is_quiet = true;
            for from in [0, 1] {
                while let Some((side, made)) = self.ends[from].poll() {
                    assert_eq!(side, SIDE);
                    is_quiet = false;
                    match made {
                        Handshaken::Datagram(datagram) => {
                            assert!(datagram.len() <= 1_200, "{} octets", datagram.len());
                            self.sent[from] += 1;
                            if !loses(from, self.sent[from]) {
                                self.ends[1 - from].handle(now, SIDE, &datagram);
                            }
                        }
                        Handshaken::Secured(keys) => {
                            assert_eq!(self.keys[from].replace(keys), None, "told once");
                        }
                        Handshaken::Failed(failure) => {
                            assert_eq!(self.failures[from].replace(failure), None, "told once");
                        }
                    }
                }
            }
            if is_quiet {
                return;
            }
        }
    }

    /// Goes on from deadline to deadline.
    fn run(&mut self, until: Tick, mut loses: impl FnMut(usize, usize) -> bool) {
        self.exchange(Tick(0), &mut loses);
        while let Some(at) =
            self.ends.iter().filter_map(Handshakes::next_deadline).min().filter(|at| *at <= until)
        {
            self.ends.iter_mut().for_each(|end| end.tick(at));
            self.exchange(at, &mut loses);
        }
    }

    fn assert_secured(&self) {
        assert_eq!(self.failures, [None, None]);
        let [client, server] = self.keys.each_ref().map(|keys| keys.as_ref().expect("keys"));
        assert_eq!((&client.ours, &client.theirs), (&server.theirs, &server.ours));
        assert_ne!(client.ours, client.theirs);
    }
}

fn certificate() -> Certificate {
    Certificate::new().expect("randomness")
}

#[test]
fn both_ends_have_the_same_keys_with_and_without_a_cookie() {
    for is_checked in [true, false] {
        let mut pair = Pair::good(is_checked);
        pair.exchange(Tick(0), |_, _| false);
        pair.assert_secured();
    }
}

#[test]
fn two_handshakes_have_other_keys() {
    let [mut one, mut other] = [Pair::good(true), Pair::good(true)];
    one.exchange(Tick(0), |_, _| false);
    other.exchange(Tick(0), |_, _| false);
    assert_ne!(one.keys[0], other.keys[0]);
}

/// Each datagram in turn is lost once: it is sent again, and the handshake ends well.
#[test]
fn what_is_lost_is_sent_again() {
    for from in [0, 1] {
        for number in 1..=8 {
            let mut pair = Pair::good(true);
            pair.run(Tick(15 * SECOND_US), |end, sent| (end, sent) == (from, number));
            pair.assert_secured();
        }
    }
    let mut pair = Pair::good(true);
    pair.run(Tick(19 * SECOND_US), |_, sent| sent % 3 == 1);
    pair.assert_secured();
}

#[test]
fn a_certificate_that_the_sdp_does_not_name_gives_no_key() {
    for wrong in [0, 1] {
        let certificates = [certificate(), certificate()];
        let mut expected = [certificates[1].fingerprint(), certificates[0].fingerprint()];
        expected[wrong][31] ^= 1;
        let mut pair = Pair::new(certificates, expected, true);
        pair.run(Tick(40 * SECOND_US), |_, _| false);
        assert_eq!(pair.keys[wrong], None);
        assert_eq!(pair.failures[wrong], Some(Failure::Fingerprint));
        assert_eq!(pair.ends[wrong].alive(), 0);
    }
}

#[test]
fn who_gets_no_answer_says_so_and_no_more() {
    let mut pair = Pair::good(true);
    pair.run(Tick(120 * SECOND_US), |_, _| true);
    assert_eq!(pair.failures, [Some(Failure::Timeout), None], "the server never heard of it");
    assert!((2..=8).contains(&pair.sent[0]), "{} datagrams", pair.sent[0]);
    assert_eq!((pair.ends[0].alive(), pair.ends[1].alive()), (0, 0));
    assert!(pair.ends.iter().all(|end| end.next_deadline().is_none()));
}

/// After the keys nothing is kept for longer than the last flight may be asked for.
#[test]
fn what_is_done_is_forgotten() {
    let mut pair = Pair::good(true);
    pair.exchange(Tick(0), |_, _| false);
    assert_eq!((pair.ends[0].alive(), pair.ends[1].alive()), (1, 1));
    pair.run(Tick(31 * SECOND_US), |_, _| false);
    pair.assert_secured();
    for end in &mut pair.ends {
        assert_eq!((end.alive(), end.len()), (0, 1));
        end.end(SIDE);
        assert!(end.is_empty() && end.next_deadline().is_none());
    }
}

/// What begins no handshake makes nothing, and the octets of strangers end none that goes on.
#[test]
fn floods_of_datagrams_cost_little() {
    let (ours, theirs) = (certificate(), certificate());
    let mut server = Handshakes::new(ours, Instant::now(), 4).expect("settings");
    let begin = Begin { role: DtlsRole::Server, fingerprint: theirs.fingerprint(), is_checked: true };
    server.begin(Tick(0), SIDE, begin);
    for length in 0..200 {
        server.handle(Tick(0), SIDE, &vec![20 + (length % 44) as u8; length]);
    }
    assert_eq!((server.alive(), server.poll().is_none()), (0, true));
    // Nobody of this name is there.
    server.handle(Tick(0), SIDE + 1, &[22; 200]);
    assert_eq!((server.len(), server.poll().is_none()), (1, true));
    // So many are looked at, and then none.
    let mut hello = vec![22, 254, 253, 0, 0, 0, 0, 0, 0, 0, 0, 0, 60, 1];
    hello.resize(73, 0);
    for _ in 0..1_000 {
        server.handle(Tick(0), SIDE, &hello);
    }
    let answers = std::iter::from_fn(|| server.poll()).count();
    assert!(answers <= 256 && server.alive() <= 1, "{answers} answers");
}

#[test]
fn there_are_so_many_at_once() {
    let mut clients = Handshakes::new(certificate(), Instant::now(), 4).expect("settings");
    for side in 0..6 {
        let begin = Begin { role: DtlsRole::Client, fingerprint: [0; 32], is_checked: true };
        clients.begin(Tick(0), side, begin);
    }
    assert_eq!(clients.alive(), 4);
    let failed = std::iter::from_fn(|| clients.poll())
        .filter(|(_, made)| matches!(made, Handshaken::Failed(Failure::TooMany)))
        .map(|(side, _)| side);
    assert_eq!(failed.collect::<Vec<_>>(), [4, 5]);
    clients.end(0);
    clients.begin(Tick(0), 4, Begin { role: DtlsRole::Client, fingerprint: [0; 32], is_checked: true });
    assert_eq!(clients.alive(), 4, "one that is over makes room");
}

/// Who has its keys gives way to those that begin, and keeps them.
#[test]
fn what_is_done_makes_room() {
    let certificates = [certificate(), certificate()];
    let [theirs, ours] = certificates.each_ref().map(Certificate::fingerprint);
    let mut ends = certificates.map(|of| Handshakes::new(of, Instant::now(), 2).expect("settings"));
    for side in 0..20 {
        ends[1].begin(Tick(0), side, Begin { role: DtlsRole::Server, fingerprint: theirs, is_checked: true });
        ends[0].begin(Tick(0), side, Begin { role: DtlsRole::Client, fingerprint: ours, is_checked: true });
        let (mut secured, mut is_quiet) = (0, false);
        while !is_quiet {
            is_quiet = true;
            for from in [0, 1] {
                while let Some((name, made)) = ends[from].poll() {
                    is_quiet = false;
                    assert_eq!(name, side);
                    match made {
                        Handshaken::Datagram(datagram) => ends[1 - from].handle(Tick(0), name, &datagram),
                        Handshaken::Secured(_) => secured += 1,
                        Handshaken::Failed(failure) => assert_eq!(failure.words(), "", "it failed"),
                    }
                }
            }
        }
        assert_eq!(secured, 2, "{side}");
        assert!(ends.iter().all(|end| end.alive() <= 2));
    }
}
