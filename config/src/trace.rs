//! `[trace]`: how many messages are kept, and where else they go.

use std::net::SocketAddr;
use std::path::PathBuf;

use crate::check::Check;
use crate::reader::{Document, Table};
use crate::schema;
use crate::server::Server;

/// `[trace]`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Trace {
    /// Memory for messages, MiB; 0: none.
    pub ring_mb: u32,
    /// Folder of pcap files.
    pub dir: Option<PathBuf>,
    /// Millionths of all calls that are written there.
    pub share: u32,
    /// Homer, over UDP.
    pub hep: Option<Server>,
}

pub(crate) fn trace(document: &Document, check: &mut Check<'_>) -> Trace {
    let table = document.one(&schema::TRACE);
    let dir = table.text("dir").and_then(|field| {
        let path = check.path(&field.value);
        if field.value.is_empty() || path.is_file() {
            check.error(&field.span, format!("dir must be a folder, not {:?}", field.value));
            return None;
        }
        Some(path)
    });
    let share = table.int("share").unwrap_or_default();
    if share > 0 && !table.has("dir") {
        check.error(&table.at("share"), "share needs `dir`, the folder that calls are written to");
    }
    Trace { ring_mb: table.int("ring_mb").unwrap_or_default(), dir, share, hep: hep(&table, check) }
}

fn hep(table: &Table, check: &mut Check<'_>) -> Option<Server> {
    let field = table.text("hep")?;
    let server = field.value.strip_prefix("udp:").and_then(server);
    if server.is_none() {
        let message = format!("hep must be udp:HOST:PORT, as udp:192.0.2.1:9060, not {:?}", field.value);
        check.error(&field.span, message);
    }
    server
}

/// An address that can be sent to, or a name that DNS may have.
fn server(text: &str) -> Option<Server> {
    if let Ok(address) = text.parse::<SocketAddr>() {
        let is_fine = address.port() != 0 && !address.ip().is_unspecified();
        return is_fine.then(|| Server { host: address.ip().to_string(), port: address.port() });
    }
    let (host, port) = text.rsplit_once(':')?;
    let port = port.parse().ok().filter(|port| *port != 0)?;
    let is_label = |label: &str| {
        let fine = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        !label.is_empty() && label.len() <= 63 && label.bytes().all(fine)
    };
    // Digits and dots alone are an address that was mistyped.
    let is_name =
        host.len() <= 253 && host.split('.').all(is_label) && host.contains(|c: char| c.is_alphabetic());
    is_name.then(|| Server { host: host.to_ascii_lowercase(), port })
}
