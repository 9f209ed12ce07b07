//! Peers that speak TLS: a caller's connection and a carrier.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, ServerConfig, ServerConnection, StreamOwned};

use super::line::{ByteLine, answer_all};
use super::{CARRIERS, SOON, connect};

/// A caller's end.
pub type SecureLine = ByteLine<StreamOwned<ClientConnection, TcpStream>>;

/// One connection that came to a carrier.
#[derive(Clone, Default, Debug)]
pub struct Came {
    /// The name that was asked for.
    pub name: String,
    /// What came by it, in order.
    pub requests: Vec<String>,
}

/// A carrier that takes every call.
pub struct SecureCarrier {
    pub port: u16,
    came: Arc<Mutex<Vec<Arc<Mutex<Came>>>>>,
}

/// A connection from `ip` under TLS, verified for `name`; the handshake is done with the first message.
pub fn secure(ip: &str, to: SocketAddr, name: &str, config: Arc<ClientConfig>) -> SecureLine {
    let stream = connect(ip, to);
    stream.set_read_timeout(Some(SOON)).unwrap();
    let name = ServerName::try_from(name.to_owned()).unwrap();
    ByteLine::new(StreamOwned::new(ClientConnection::new(config, name).unwrap(), stream))
}

impl SecureCarrier {
    /// Listens until the test ends.
    pub fn start(config: Arc<ServerConfig>) -> Self {
        let listener = TcpListener::bind((CARRIERS, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let came: Arc<Mutex<Vec<Arc<Mutex<Came>>>>> = Arc::default();
        let all = Arc::clone(&came);
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (one, config) = (Arc::<Mutex<Came>>::default(), Arc::clone(&config));
                all.lock().unwrap().push(Arc::clone(&one));
                std::thread::spawn(move || serve(stream, config, port, &one));
            }
        });
        Self { port, came }
    }

    /// Every connection so far by which something came.
    pub fn came(&self) -> Vec<Came> {
        let all = self.came.lock().unwrap();
        let came = all.iter().map(|one| one.lock().unwrap().clone());
        came.filter(|one| !one.requests.is_empty()).collect()
    }
}

fn serve(stream: TcpStream, config: Arc<ServerConfig>, port: u16, one: &Mutex<Came>) {
    let mut line =
        Noted { line: ByteLine::new(StreamOwned::new(ServerConnection::new(config).unwrap(), stream)), one };
    answer_all(&mut line, &format!("{CARRIERS}:{port};transport=tls"));
}

/// Notes what comes at once: the test looks before the connection ends.
struct Noted<'a> {
    line: ByteLine<StreamOwned<ServerConnection, TcpStream>>,
    one: &'a Mutex<Came>,
}

impl super::line::Line for Noted<'_> {
    fn send(&mut self, message: &str) {
        self.line.send(message);
    }

    fn hear(&mut self) -> Option<String> {
        let message = self.line.hear()?;
        let mut one = self.one.lock().unwrap();
        one.name = self.line.stream().conn.server_name().unwrap_or_default().to_owned();
        one.requests.push(message.clone());
        Some(message)
    }
}
