//! On loopback: batches both ways, IPv6, what does not fit, and what nobody takes.

use std::time::Duration;

use super::*;
use crate::{Interest, Poller, Ready};

fn bind(address: &str) -> UdpBatch {
    UdpBatch::bind(address.parse().expect("valid"), &UdpOptions::default()).expect("binds")
}

fn wait(socket: &UdpBatch) -> Ready {
    let mut poller = Poller::new().expect("epoll");
    poller.add(socket, 1, Interest::READ).expect("adds");
    let mut seen = None;
    poller.wait(Some(Duration::from_secs(10)), |ready| seen = Some(ready)).expect("waits");
    seen.expect("ready within 10 s")
}

/// Receives until `count` datagrams came.
fn receive(socket: &mut UdpBatch, count: usize) -> Vec<(Bytes, SocketAddr)> {
    let mut all = Vec::new();
    while all.len() < count {
        wait(socket);
        socket.recv_batch(|bytes, peer| all.push((bytes, peer))).expect("receives");
    }
    all
}

fn exchange(a: &str, b: &str) {
    let (mut a, mut b) = (bind(a), bind(b));
    let mut queue: VecDeque<(SocketAddr, Bytes)> =
        (0..200_usize).map(|n| (b.local_addr(), Bytes::from(vec![n as u8; n * 10]))).collect();
    let sent = a.send_batch(&mut queue, |peer, e| panic!("{peer}: {e}")).expect("sends");
    assert_eq!((sent.datagrams, sent.blocked, queue.len()), (200, false, 0));
    let got = receive(&mut b, 200);
    for (n, (bytes, peer)) in got.iter().enumerate() {
        assert_eq!((bytes.len(), *peer), (n * 10, a.local_addr()));
        assert!(bytes.iter().all(|byte| *byte == n as u8));
    }
    let mut back: VecDeque<(SocketAddr, Bytes)> =
        got.into_iter().map(|(bytes, peer)| (peer, bytes)).collect();
    assert_eq!(b.send_batch(&mut back, |peer, e| panic!("{peer}: {e}")).expect("sends").datagrams, 200);
    assert!(receive(&mut a, 200).iter().all(|(_, peer)| *peer == b.local_addr()));
    assert_eq!(a.recv_batch(|_, _| panic!("nothing is left")).expect("receives"), Received::default());
}

#[test]
fn two_hundred_datagrams_both_ways() {
    exchange("127.0.0.1:0", "127.0.0.2:0");
}

#[test]
fn two_hundred_datagrams_both_ways_over_ipv6() {
    exchange("[::1]:0", "[::1]:0");
}

#[test]
fn a_datagram_that_is_too_long_is_dropped_and_counted_and_the_next_is_whole() {
    let (mut a, mut b) = (bind("127.0.0.1:0"), bind("127.0.0.1:0"));
    let sizes = [MAX_DATAGRAM_BYTES, MAX_DATAGRAM_BYTES + 1, 65_507, 3];
    let mut queue = sizes.iter().map(|size| (b.local_addr(), Bytes::from(vec![9; *size]))).collect();
    a.send_batch(&mut queue, |peer, e| panic!("{peer}: {e}")).expect("sends");
    let (mut lengths, mut dropped) = (Vec::new(), 0);
    while lengths.len() + dropped < sizes.len() {
        wait(&b);
        dropped += b.recv_batch(|bytes, _| lengths.push(bytes.len())).expect("receives").dropped;
    }
    assert_eq!((lengths, dropped), (vec![MAX_DATAGRAM_BYTES, 3], 2));
}

#[test]
fn a_datagram_that_cannot_be_sent_is_told_and_the_others_go() {
    let (mut a, mut b) = (bind("127.0.0.1:0"), bind("127.0.0.1:0"));
    let peer = b.local_addr();
    let mut queue = VecDeque::from([
        (peer, Bytes::from_static(b"1")),
        (peer, Bytes::from(vec![0; 65_535])),
        (peer, Bytes::from_static(b"2")),
    ]);
    let mut refused = Vec::new();
    let sent = a.send_batch(&mut queue, |peer, e| refused.push((peer, e.raw_os_error()))).expect("sends");
    assert_eq!((sent.datagrams, sent.refused), (2, 1));
    assert_eq!(refused, [(peer, Some(libc::EMSGSIZE))]);
    assert_eq!(receive(&mut b, 2).iter().map(|(bytes, _)| bytes[0]).collect::<Vec<u8>>(), b"12");
}

fn closed_port(local: &str, closed: &str) {
    let gone = bind(closed).local_addr();
    let (mut a, mut b) = (bind(local), bind(local));
    let mut queue = VecDeque::from([(gone, Bytes::from_static(b"INVITE"))]);
    a.send_batch(&mut queue, |peer, e| panic!("{peer}: {e}")).expect("sends");
    assert!(wait(&a).error);
    // The error of one peer must not cost another one its datagram.
    let mut queue = VecDeque::from([(b.local_addr(), Bytes::from_static(b"OPTIONS"))]);
    assert_eq!(a.send_batch(&mut queue, |peer, e| panic!("{peer}: {e}")).expect("sends").datagrams, 1);
    assert_eq!(&receive(&mut b, 1)[0].0[..], b"OPTIONS");
    let mut errors = Vec::new();
    a.recv_errors(|unreachable| errors.push(unreachable)).expect("reads");
    assert_eq!(errors, [Unreachable { peer: gone, errno: libc::ECONNREFUSED }]);
    assert_eq!(a.recv_errors(|e| panic!("{e:?}")).expect("reads"), 0);
    assert_eq!(a.recv_batch(|_, _| panic!("nothing came")).expect("no error is left"), Received::default());
}

#[test]
fn a_closed_port_is_told_with_its_peer() {
    closed_port("127.0.0.1:0", "127.0.0.1:0");
}

#[test]
fn a_closed_port_is_told_with_its_peer_over_ipv6() {
    closed_port("[::1]:0", "[::1]:0");
}

#[test]
fn a_group_shares_a_port_but_not_with_strangers() {
    let address = "127.0.0.1:0".parse().expect("valid");
    let group = UdpBatch::bind_group(address, 3, &UdpOptions::default()).expect("binds");
    assert!(group.iter().all(|socket| socket.local_addr() == group[0].local_addr()));
    let refused = UdpBatch::bind_group(group[0].local_addr(), 2, &UdpOptions::default())
        .err()
        .expect("the port is taken");
    assert_eq!(refused.kind(), io::ErrorKind::AddrInUse);
    assert!(refused.to_string().contains(&format!("udp:{}", group[0].local_addr())), "{refused}");
}

#[test]
fn a_full_send_buffer_leaves_the_rest_in_the_queue() {
    let options = UdpOptions { send_buffer_bytes: 1, recv_buffer_bytes: 1, ..UdpOptions::default() };
    let mut a = UdpBatch::bind("127.0.0.1:0".parse().expect("valid"), &options).expect("binds");
    let b = bind("127.0.0.1:0");
    // Larger than the smallest send buffer that Linux gives: never sent, never lost silently.
    let mut queue: VecDeque<_> = (0..10).map(|_| (b.local_addr(), Bytes::from(vec![1; 9_000]))).collect();
    let mut refused = 0;
    let sent = a.send_batch(&mut queue, |_, _| refused += 1).expect("sends");
    assert_eq!(sent.datagrams + refused + queue.len(), 10);
    assert_eq!(sent.blocked, !queue.is_empty());
}
