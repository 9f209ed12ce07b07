//! Connections of TCP: from an address of ours, and of one peer.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use tokio::net::{TcpListener, TcpSocket, TcpStream};

/// A pause where the system has no room for another connection.
pub(super) const NO_ROOM_PAUSE: Duration = Duration::from_millis(50);

/// Opens one.
pub(super) async fn connect(from: Option<IpAddr>, peer: SocketAddr) -> std::io::Result<TcpStream> {
    let socket = if peer.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    if let Some(ip) = from {
        socket.bind((ip, 0).into())?;
    }
    socket.connect(peer).await
}

/// The first connection from an address; others are closed without a byte.
pub(super) async fn accept_from(listener: &TcpListener, peer: IpAddr) -> TcpStream {
    loop {
        match listener.accept().await {
            Ok((stream, from)) if from.ip().to_canonical() == peer.to_canonical() => return stream,
            Ok(_) => {}
            Err(_) => tokio::time::sleep(NO_ROOM_PAUSE).await,
        }
    }
}
