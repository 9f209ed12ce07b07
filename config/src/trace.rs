//! `[trace]`: how many messages are kept, and where else they go.

use std::net::SocketAddr;
use std::path::PathBuf;

use crate::check::Check;
use crate::reader::{Document, Table};
use crate::schema;

/// `[trace]`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Trace {
    /// Memory for messages, MiB; 0: none.
    pub ring_mb: u32,
    /// Folder of pcap files.
    pub dir: Option<PathBuf>,
    /// Millionths of all calls that are written there.
    pub share: u32,
    /// Homer's address, over UDP.
    pub hep: Option<SocketAddr>,
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

fn hep(table: &Table, check: &mut Check<'_>) -> Option<SocketAddr> {
    let field = table.text("hep")?;
    let address = field.value.strip_prefix("udp:").and_then(|address| address.parse::<SocketAddr>().ok());
    let address = address.filter(|address| address.port() != 0 && !address.ip().is_unspecified());
    if address.is_none() {
        let message = format!("hep must be udp:ADDRESS:PORT, as udp:192.0.2.1:9060, not {:?}", field.value);
        check.error(&field.span, message);
    }
    address
}
