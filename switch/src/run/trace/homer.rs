//! The way to Homer: a socket toward its address, which a name may give. Names are asked for by a thread of
//! their own, so that DNS which does not answer costs copies and holds nothing up.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs as _, UdpSocket};
use std::time::{Duration, Instant};

use config::Server;
use crossbeam_channel::{Receiver, TryRecvError};

/// Between two questions for a name.
const ASK_EVERY: Duration = Duration::from_secs(60);
/// The same as long as there is no answer.
const ASK_AGAIN: Duration = Duration::from_secs(5);

/// See the module.
#[derive(Default)]
pub(super) struct Homer {
    server: Option<Server>,
    /// Where to, and by what.
    way: Option<(SocketAddr, UdpSocket)>,
    /// A question that is not answered yet.
    asked: Option<Receiver<Result<SocketAddr, String>>>,
    ask_at: Option<Instant>,
    /// That it cannot be reached was said.
    is_said: bool,
}

// === impl Homer ===

impl Homer {
    pub(super) fn new(server: Option<Server>) -> Self {
        let mut homer = Self { server, ..Self::default() };
        match homer.server.as_ref().map(|server| (server.host.parse::<IpAddr>(), server.port)) {
            Some((Ok(ip), port)) => homer.goes_to(SocketAddr::new(ip, port)),
            Some((Err(_), _)) => {
                homer.ask_at = Some(Instant::now());
                homer.look();
            }
            None => {}
        }
        homer
    }

    pub(super) const fn is_wanted(&self) -> bool {
        self.server.is_some()
    }

    /// False if it was lost.
    pub(super) fn send(&mut self, packet: &[u8]) -> bool {
        if self.way.is_none() {
            self.look();
        }
        self.way.as_ref().is_some_and(|(_, socket)| socket.send(packet).is_ok())
    }

    /// Takes an answer of DNS, if there is one, and asks again when it is time.
    pub(super) fn look(&mut self) {
        if let Some(asked) = &self.asked {
            let answer = match asked.try_recv() {
                Err(TryRecvError::Empty) => return,
                Err(TryRecvError::Disconnected) => Err("the look-up ended without an answer".to_owned()),
                Ok(answer) => answer,
            };
            self.asked = None;
            let wait = if answer.is_ok() { ASK_EVERY } else { ASK_AGAIN };
            self.ask_at = Some(Instant::now() + wait);
            match answer {
                Ok(address) => self.goes_to(address),
                // The last good answer holds.
                Err(error) => self.say(&error),
            }
        }
        if self.ask_at.is_some_and(|at| at <= Instant::now()) {
            self.ask();
        }
    }

    fn ask(&mut self) {
        let Some(server) = self.server.clone() else { return };
        let (answer, asked) = crossbeam_channel::bounded(1);
        let ask = move || {
            let found = (&*server.host, server.port).to_socket_addrs();
            let found = found.map_err(|error| error.to_string());
            let first = found.and_then(|mut all| all.next().ok_or_else(|| "it has no address".to_owned()));
            // Whoever asked may have other settings by now.
            let _ = answer.send(first);
        };
        match std::thread::Builder::new().name("homer-dns".to_owned()).spawn(ask) {
            Ok(_) => self.asked = Some(asked),
            Err(error) => self.say(&error.to_string()),
        }
    }

    fn goes_to(&mut self, address: SocketAddr) {
        if self.way.as_ref().is_some_and(|(known, _)| *known == address) {
            return;
        }
        match connect(address) {
            Ok(socket) => {
                if let Some(server) =
                    self.server.as_ref().filter(|server| server.host.parse::<IpAddr>().is_err())
                {
                    tracing::info!(%server, %address, "messages go to Homer");
                }
                (self.way, self.is_said) = (Some((address, socket)), false);
            }
            Err(error) => self.say(&error.to_string()),
        }
    }

    /// Once, until it works again.
    fn say(&mut self, error: &str) {
        if let Some(server) = self.server.as_ref().filter(|_| !self.is_said) {
            let kept = self.way.as_ref().map(|(address, _)| address.to_string()).unwrap_or_default();
            tracing::warn!(%server, error, kept, "no way to Homer: is [trace] hep right?");
            self.is_said = true;
        }
    }
}

fn connect(to: SocketAddr) -> std::io::Result<UdpSocket> {
    let any: SocketAddr =
        if to.is_ipv4() { (Ipv4Addr::UNSPECIFIED, 0).into() } else { (Ipv6Addr::UNSPECIFIED, 0).into() };
    let socket = UdpSocket::bind(any)?;
    socket.connect(to)?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(host: &str, port: u16) -> Option<Server> {
        Some(Server { host: host.to_owned(), port })
    }

    /// Every packet until one arrives; none within the time.
    fn arrives(homer: &mut Homer, socket: &UdpSocket) -> bool {
        let end = Instant::now() + Duration::from_secs(30);
        let mut buffer = [0; 16];
        while Instant::now() < end {
            homer.send(b"hep");
            if socket.recv(&mut buffer).is_ok_and(|length| &buffer[..length] == b"hep") {
                return true;
            }
        }
        false
    }

    #[test]
    fn addresses_and_names_are_sent_to() {
        // Which of the two it is first, the system says.
        let ip = ("localhost", 0).to_socket_addrs().unwrap().next().unwrap().ip();
        let socket = UdpSocket::bind((ip, 0)).unwrap();
        socket.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
        let port = socket.local_addr().unwrap().port();
        assert!(arrives(&mut Homer::new(server(&ip.to_string(), port)), &socket));
        assert!(arrives(&mut Homer::new(server("localhost", port)), &socket));
    }

    #[test]
    fn without_an_address_packets_are_lost_and_counted() {
        assert!(!Homer::new(None).is_wanted());
        let mut nowhere = Homer::new(server("no.such.name.invalid", 9_060));
        assert!(nowhere.is_wanted() && !nowhere.send(b"hep"));
    }
}
