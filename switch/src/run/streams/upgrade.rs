//! The HTTP request that opens a WebSocket for SIP (RFC 6455 §4.2, RFC 7118 §4): read within bounds, and
//! answered in words where something is missing. Only known addresses come so far.

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

/// Bytes of the longest request, and its most headers.
const HEAD_MAX: usize = 8 * 1024;
const HEADERS_MAX: usize = 64;
/// The subprotocol of RFC 7118 §4.1.
const SUBPROTOCOL: &str = "sip";

/// Why no WebSocket came about: what the client is answered.
#[derive(Debug, PartialEq, Eq)]
struct Refusal {
    status: &'static str,
    /// Further header lines.
    headers: &'static str,
    why: &'static str,
}

/// Reads the request and answers it. What came behind it belongs to the WebSocket.
pub(super) async fn upgrade<S>(stream: &mut S, origins: Option<&[String]>) -> Result<Vec<u8>, String>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut heard = Vec::with_capacity(1_024);
    let end = loop {
        if let Some(at) = memchr::memmem::find(&heard, b"\r\n\r\n") {
            break at + 4;
        }
        if heard.len() >= HEAD_MAX {
            return Err("its HTTP request has no end".to_owned());
        }
        if stream.read_buf(&mut heard).await.map_err(|error| error.to_string())? == 0 {
            return Err("the peer closed before its HTTP request was whole".to_owned());
        }
    };
    let rest = heard.split_off(end);
    let (answer, outcome) = match judge(&heard, origins) {
        Ok(accept) => (accepted(&accept), Ok(rest)),
        Err(refusal) => (refused(&refusal), Err(format!("{}: {}", refusal.status, refusal.why))),
    };
    stream.write_all(answer.as_bytes()).await.map_err(|error| error.to_string())?;
    stream.flush().await.map_err(|error| error.to_string())?;
    if outcome.is_err() {
        // The answer is out; whether the peer hears the end is its own matter.
        let _ = stream.shutdown().await;
    }
    outcome
}

/// The value of `Sec-WebSocket-Accept`, or what is wrong with a whole request.
fn judge(head: &[u8], origins: Option<&[String]>) -> Result<String, Refusal> {
    let refuse = |status, headers, why| Err(Refusal { status, headers, why });
    let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
    let mut request = httparse::Request::new(&mut headers);
    if !request.parse(head).is_ok_and(|parsed| parsed.is_complete()) {
        return refuse("400 Bad Request", "", "this is no HTTP request");
    }
    if request.method != Some("GET") {
        return refuse("405 Method Not Allowed", "Allow: GET\r\n", "a WebSocket is opened by GET");
    }
    let values = |name: &str| -> Vec<&str> {
        let named = request.headers.iter().filter(|header| header.name.eq_ignore_ascii_case(name));
        named.filter_map(|header| std::str::from_utf8(header.value).ok()).map(str::trim).collect()
    };
    let lists = |name: &str, wanted: &str| {
        let all = values(name);
        all.iter().flat_map(|value| value.split(',')).any(|item| item.trim().eq_ignore_ascii_case(wanted))
    };
    if request.version != Some(1) || !lists("Upgrade", "websocket") || !lists("Connection", "upgrade") {
        let wanted = "Upgrade: websocket\r\nConnection: Upgrade\r\n";
        return refuse("426 Upgrade Required", wanted, "this port speaks WebSocket over HTTP/1.1 only");
    }
    if values("Sec-WebSocket-Version") != ["13"] {
        let wanted = "Sec-WebSocket-Version: 13\r\n";
        return refuse("426 Upgrade Required", wanted, "only version 13 of WebSocket is spoken here");
    }
    let [key] = values("Sec-WebSocket-Key")[..] else {
        return refuse("400 Bad Request", "", "one Sec-WebSocket-Key is needed");
    };
    // 16 bytes in base64 (RFC 6455 §4.1).
    if key.len() != 24 || !key.ends_with("==") {
        return refuse("400 Bad Request", "", "Sec-WebSocket-Key must be 16 bytes in base64");
    }
    if !lists("Sec-WebSocket-Protocol", SUBPROTOCOL) {
        return refuse("400 Bad Request", "", "the subprotocol sip is needed: Sec-WebSocket-Protocol: sip");
    }
    let is_foreign = |origin: &&str| {
        origins.is_some_and(|known| !known.iter().any(|known| known.eq_ignore_ascii_case(origin)))
    };
    if values("Origin").iter().any(is_foreign) {
        return refuse("403 Forbidden", "", "pages of this origin may not connect: it is not in ws_origins");
    }
    Ok(derive_accept_key(key.as_bytes()))
}

fn accepted(accept: &str) -> String {
    format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n\
         Sec-WebSocket-Protocol: {SUBPROTOCOL}\r\n\r\n"
    )
}

fn refused(Refusal { status, headers, why }: &Refusal) -> String {
    format!(
        "HTTP/1.1 {status}\r\n{headers}Content-Type: text/plain\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{why}\n",
        why.len() + 1
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 6455 §1.3.
    const GOOD: &str = "GET /chat HTTP/1.1\r\nHost: server.example.com\r\nUpgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n\
                        Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nOrigin: http://example.com\r\n\
                        Sec-WebSocket-Protocol: chat, sip\r\nSec-WebSocket-Version: 13\r\n\r\n";

    #[test]
    fn the_example_of_the_standard_is_accepted() {
        assert_eq!(judge(GOOD.as_bytes(), None).as_deref(), Ok("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="));
    }

    #[test]
    fn what_is_missing_is_said() {
        let known = ["https://phone.example".to_owned()];
        let example = ["http://Example.com".to_owned()];
        for (from, to, origins, status) in [
            ("GET", "POST", None, "405"),
            ("HTTP/1.1", "HTTP/1.0", None, "426"),
            ("Upgrade: websocket", "Upgrade: h2c", None, "426"),
            ("keep-alive, Upgrade", "keep-alive", None, "426"),
            ("Version: 13", "Version: 8", None, "426"),
            ("dGhlIHNhbXBsZSBub25jZQ==", "dGhl", None, "400"),
            ("Sec-WebSocket-Key:", "X:", None, "400"),
            ("chat, sip", "chat, sipx", None, "400"),
            ("GET /chat", "\u{0}", None, "400"),
            ("", "", Some(&known[..]), "403"),
            ("", "", Some(&example[..]), "101"),
            // Not a browser.
            ("Origin:", "X:", Some(&known[..]), "101"),
        ] {
            let head = GOOD.replacen(from, to, 1);
            let told = judge(head.as_bytes(), origins).map_or_else(|refusal| refusal.status, |_| "101");
            assert!(told.starts_with(status), "{from} -> {to}: {told}");
        }
    }
}
