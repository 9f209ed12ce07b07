//! The server's side of digest authentication, written from RFC 7616 §3.4 without the switch's code.

use md5::Digest as _;
use sha2::Digest as _;
use sip::Message;

/// A server that challenges.
#[derive(Debug, Clone)]
pub struct Challenger {
    /// `Authorization` or `Proxy-Authorization` is what it wants.
    pub is_proxy: bool,
    /// Protection space.
    pub realm: &'static str,
    /// `MD5` or `SHA-256`.
    pub algorithm: &'static str,
    /// Whether it offers `qop`.
    pub qop: bool,
    /// Who is let in.
    pub user: &'static str,
    /// By what.
    pub password: &'static str,
}

impl Challenger {
    /// A proxy of this realm that knows user `us` with password `s3cret`, MD5 with `qop="auth"`.
    pub const fn proxy(realm: &'static str) -> Self {
        Self { is_proxy: true, realm, algorithm: "MD5", qop: true, user: "us", password: "s3cret" }
    }

    /// Its challenge, a whole header line; `rest` is added to it.
    pub fn line(&self, nonce: &str, rest: &str) -> String {
        let name = if self.is_proxy { "Proxy-Authenticate" } else { "WWW-Authenticate" };
        let qop = if self.qop { ", qop=\"auth\"" } else { "" };
        format!(
            "{name}: Digest realm=\"{}\", nonce=\"{nonce}\", algorithm={}{qop}{rest}\r\n",
            self.realm, self.algorithm
        )
    }

    /// The nonce count of right credentials for `nonce` in the request, 0 without `qop`; none if it has no
    /// right ones.
    pub fn count_of(&self, request: &Message, nonce: &str) -> Option<u32> {
        let name = if self.is_proxy { "Proxy-Authorization" } else { "Authorization" };
        let own =
            |(_, text, value): (_, &str, &str)| text.eq_ignore_ascii_case(name).then(|| value.to_owned());
        let lines: Vec<String> = request.all_headers().filter_map(own).collect();
        lines.iter().find_map(|line| self.judge(request, line, nonce))
    }

    fn judge(&self, request: &Message, line: &str, nonce: &str) -> Option<u32> {
        let part = |name: &str| {
            let mut parts = line.strip_prefix("Digest ")?.split(", ");
            let value = parts.find_map(|part| part.strip_prefix(name)?.strip_prefix('='))?;
            Some(value.trim_matches('"').to_owned())
        };
        let said = (part("realm")?, part("nonce")?, part("username")?, part("algorithm")?);
        let wanted = (self.realm, nonce, self.user, self.algorithm);
        let same =
            (&*said.0, &*said.1, &*said.2, &*said.3) == wanted && part("uri")? == request.request_uri();
        let a1 = self.hash(&format!("{}:{}:{}", self.user, self.realm, self.password));
        let a2 = self.hash(&format!("{}:{}", request.method_text(), part("uri")?));
        let (right, count) = if self.qop {
            let (nc, cnonce) = (part("nc")?, part("cnonce")?);
            let right = self.hash(&format!("{a1}:{nonce}:{nc}:{cnonce}:auth:{a2}"));
            (right, u32::from_str_radix(&nc, 16).ok().filter(|_| nc.len() == 8)?)
        } else {
            (self.hash(&format!("{a1}:{nonce}:{a2}")), 0)
        };
        (same && part("response")? == right).then_some(count)
    }

    fn hash(&self, text: &str) -> String {
        match self.algorithm {
            "SHA-256" => hex::encode(sha2::Sha256::digest(text.as_bytes())),
            _ => hex::encode(md5::Md5::digest(text.as_bytes())),
        }
    }
}
