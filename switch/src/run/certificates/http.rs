//! One GET over HTTP/1.1: no redirect is followed, and nothing is read beyond a bound.

use http_body_util::{BodyExt as _, Empty, LengthLimitError, Limited};
use hyper::body::Bytes;
use hyper::header::{ACCEPT, CACHE_CONTROL, HOST, HeaderMap, USER_AGENT};
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use stir::CertificateUrl;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::JoinSet;

/// Largest file, bytes: a chain has 2 to 8 thousand.
const BODY_MAX: usize = 64 * 1024;
/// Largest head of an answer, bytes.
const HEAD_MAX: usize = 16 * 1024;
/// How long a certificate holds that says nothing of it, seconds.
const KEEP_SECS: u32 = 3_600;
/// The shortest and the longest time, seconds, whatever it says.
const KEEP_RANGE: (u32, u32) = (60, 86_400);

/// The file at `url`, and for how many seconds it holds.
pub(super) async fn get(
    stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    url: &CertificateUrl,
) -> Result<(Vec<u8>, u32), String> {
    let words = |error: hyper::Error| format!("no answer: {error}");
    let (mut sender, connection) = hyper::client::conn::http1::Builder::new()
        .max_buf_size(HEAD_MAX)
        .handshake::<_, Empty<Bytes>>(TokioIo::new(stream))
        .await
        .map_err(words)?;
    // Ends with this function, whatever the server does.
    let mut driver = JoinSet::new();
    driver.spawn(connection);
    let request = Request::get(&*url.path)
        .header(HOST, url.authority())
        .header(ACCEPT, "application/pem-certificate-chain, application/pkix-cert, */*")
        .header(USER_AGENT, "tollgate")
        .body(Empty::new())
        .map_err(|error| format!("its path cannot be asked for: {error}"))?;
    let answer = sender.send_request(request).await.map_err(words)?;
    match answer.status() {
        StatusCode::OK => {}
        status if status.is_redirection() => {
            return Err(format!("the server redirects ({}), which is not followed", status.as_u16()));
        }
        status => return Err(format!("the server answers {}", status.as_u16())),
    }
    let keep_secs = keep_secs(answer.headers());
    let body = Limited::new(answer.into_body(), BODY_MAX).collect().await.map_err(|error| {
        if error.is::<LengthLimitError>() {
            format!("it is larger than {BODY_MAX} bytes")
        } else {
            format!("it broke off: {error}")
        }
    })?;
    Ok((body.to_bytes().to_vec(), keep_secs))
}

/// For how long a copy holds (RFC 9111 §5.2.2.1), within bounds.
fn keep_secs(headers: &HeaderMap) -> u32 {
    let values = headers.get_all(CACHE_CONTROL).iter().filter_map(|value| value.to_str().ok());
    let mut said = None;
    for directive in values.flat_map(|value| value.split(',')).map(str::trim) {
        let (name, value) = directive.split_once('=').unwrap_or((directive, ""));
        if name.eq_ignore_ascii_case("no-store") || name.eq_ignore_ascii_case("no-cache") {
            return KEEP_RANGE.0;
        }
        if name.eq_ignore_ascii_case("max-age") {
            said = value.trim_matches('"').parse().ok().or(said);
        }
    }
    said.unwrap_or(KEEP_SECS).clamp(KEEP_RANGE.0, KEEP_RANGE.1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_hold_as_long_as_the_server_says_within_bounds() {
        let secs = |value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(CACHE_CONTROL, value.parse().unwrap());
            keep_secs(&headers)
        };
        assert_eq!(keep_secs(&HeaderMap::new()), 3_600);
        for (value, kept) in [
            ("max-age=600", 600),
            ("public, MAX-AGE=\"600\"", 600),
            ("max-age=0", 60),
            ("max-age=31536000", 86_400),
            ("max-age=600, no-store", 60),
            ("no-cache", 60),
            ("max-age=x", 3_600),
            ("max-age=99999999999999", 3_600),
        ] {
            assert_eq!(secs(value), kept, "{value}");
        }
    }
}
