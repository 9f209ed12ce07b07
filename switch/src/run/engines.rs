//! The sockets of a shard toward relays outside (rtpengine): what its node asks goes out, and a thread for each
//! socket reads what comes back.

use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::sync::Arc;

use anyhow::Context as _;
use bytes::Bytes;
use crossbeam_channel::{Receiver, TrySendError};

use crate::run::router::Router;

/// Datagrams that may wait for their shard; further ones are lost, and asked for again.
const WAITING_MAX: usize = 8_192;
/// Datagrams that a shard takes in one turn.
const PER_TURN: usize = 1_024;

/// What a shard has of them.
pub(crate) struct EngineSockets {
    ipv4: Option<UdpSocket>,
    ipv6: Option<UdpSocket>,
    came: Receiver<(SocketAddr, Bytes)>,
}

impl EngineSockets {
    /// One socket for each family that engines have; none without engines.
    pub(crate) fn open(engines: &[SocketAddr], shard: usize, router: &Arc<Router>) -> anyhow::Result<Self> {
        let (sender, came) = crossbeam_channel::bounded(WAITING_MAX);
        let open = |ipv4: bool| -> anyhow::Result<Option<UdpSocket>> {
            let mut of_family = engines.iter().filter(|engine| engine.is_ipv4() == ipv4).peekable();
            let Some(first) = of_family.peek() else { return Ok(None) };
            let ip = match (first.ip().is_loopback(), ipv4) {
                (true, true) if of_family.all(|engine| engine.ip().is_loopback()) => {
                    IpAddr::V4(Ipv4Addr::LOCALHOST)
                }
                (_, true) => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
                (_, false) => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
            };
            let socket = UdpSocket::bind((ip, 0)).context("cannot open a socket toward media.engines")?;
            let reader = socket.try_clone().context("cannot open a socket toward media.engines")?;
            let (sender, router) = (sender.clone(), Arc::clone(router));
            std::thread::Builder::new()
                .name(format!("engines-{shard}"))
                .spawn(move || read(&reader, &sender, &router, shard))
                .context("cannot start a thread for media.engines")?;
            Ok(Some(socket))
        };
        Ok(Self { ipv4: open(true)?, ipv6: open(false)?, came })
    }

    /// Sends a datagram; one that is lost is sent again by whoever asked.
    pub(crate) fn send(&self, to: SocketAddr, datagram: &Bytes) {
        let socket = if to.is_ipv4() { &self.ipv4 } else { &self.ipv6 };
        if let Some(Err(error)) = socket.as_ref().map(|socket| socket.send_to(datagram, to)) {
            tracing::debug!(%to, %error, "nothing can be sent to rtpengine");
        }
    }

    /// What came; at most so much that other work has its turn.
    pub(crate) fn datagrams(&self) -> Vec<(SocketAddr, Bytes)> {
        self.came.try_iter().take(PER_TURN).collect()
    }

    /// Whether more came.
    pub(crate) fn has_more(&self) -> bool {
        !self.came.is_empty()
    }
}

/// Until the shard is gone, or the socket is broken.
fn read(
    socket: &UdpSocket,
    came: &crossbeam_channel::Sender<(SocketAddr, Bytes)>,
    router: &Router,
    shard: usize,
) {
    let mut buffer = vec![0; 1 << 16];
    loop {
        match socket.recv_from(&mut buffer) {
            Ok((count, from)) => {
                let datagram = Bytes::copy_from_slice(buffer.get(..count).unwrap_or_default());
                if let Err(TrySendError::Disconnected(_)) = came.try_send((from, datagram)) {
                    return;
                }
                if let Some(inbox) = router.inboxes.get(shard) {
                    inbox.waker.wake();
                }
            }
            // What was sent before found nobody (ICMP).
            Err(error) if matches!(error.kind(), ErrorKind::ConnectionRefused | ErrorKind::Interrupted) => {}
            Err(error) => {
                return tracing::error!(%error, "nothing is heard of rtpengine any more: its socket is broken");
            }
        }
    }
}
