//! Digest credentials for a carrier's 401 or 407: RFC 3261 §22, RFC 7616, RFC 8760. A pure function of
//! challenge and secret. Invariant: of several challenges the topmost that we support is taken; `auth-int`
//! alone is not supported.

pub mod server;

use std::fmt::Write as _;

use md5::Digest as _;
use sha2::Digest as _;

use crate::list::values;

/// Bytes of the longest realm, nonce and opaque taken.
const PART_MAX: usize = 1_024;

/// The hash functions of RFC 8760 §2.1.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Algorithm {
    /// `MD5`, also when none is named.
    Md5,
    /// `SHA-256`.
    Sha256,
    /// `SHA-512-256`.
    Sha512T256,
}

/// One WWW-Authenticate or Proxy-Authenticate value. Texts are as between their quotes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Challenge<'a> {
    /// Protection space.
    pub realm: &'a str,
    /// The server's nonce.
    pub nonce: &'a str,
    /// To be given back as it is.
    pub opaque: Option<&'a str>,
    /// Hash.
    pub algorithm: Algorithm,
    /// The `-sess` variant of the hash.
    pub session: bool,
    /// Whether `qop=auth` is offered; if not, the response is that of RFC 2069.
    pub qop_auth: bool,
    /// The credentials were right and the nonce old: try again with this one, once.
    pub stale: bool,
}

/// Who asks for what. `cnonce` is a fresh unguessable token, `nc` counts the uses of the server's nonce from
/// 1.
#[derive(Clone, Copy, Debug)]
pub struct Credentials<'a> {
    /// User name as the carrier knows it.
    pub user: &'a str,
    /// Its secret.
    pub password: &'a str,
    /// The request's method.
    pub method: &'a str,
    /// The Request-URI as sent.
    pub uri: &'a str,
    /// Our nonce.
    pub cnonce: &'a str,
    /// Uses of the server's nonce, this one included.
    pub nc: u32,
}

// === impl Challenge ===

impl<'a> Challenge<'a> {
    /// The topmost of several header values that we support (RFC 8760 §2.4).
    pub fn choose(mut values: impl Iterator<Item = &'a str>) -> Option<Self> {
        values.find_map(Self::parse)
    }

    /// Reads one value; nothing if it is another scheme, another algorithm, `auth-int` alone, or lacks realm
    /// or nonce.
    pub fn parse(value: &'a str) -> Option<Self> {
        let (scheme, parameters) = value.trim().split_once([' ', '\t'])?;
        if !scheme.eq_ignore_ascii_case("Digest") {
            return None;
        }
        let (mut realm, mut nonce, mut opaque, mut qop) = (None, None, None, None);
        let (mut algorithm, mut session, mut stale) = (Algorithm::Md5, false, false);
        for parameter in values(parameters) {
            let (name, text) = parameter.split_once('=')?;
            let text = unquoted(text.trim()).filter(|text| text.len() <= PART_MAX)?;
            let name = name.trim();
            if name.eq_ignore_ascii_case("realm") {
                realm = Some(text);
            } else if name.eq_ignore_ascii_case("nonce") {
                nonce = Some(text);
            } else if name.eq_ignore_ascii_case("opaque") {
                opaque = Some(text);
            } else if name.eq_ignore_ascii_case("qop") {
                qop = Some(text);
            } else if name.eq_ignore_ascii_case("stale") {
                stale = text.eq_ignore_ascii_case("true");
            } else if name.eq_ignore_ascii_case("algorithm") {
                (algorithm, session) = Algorithm::parse(text)?;
            }
        }
        let qop_auth =
            qop.is_some_and(|qop| qop.split(',').any(|option| option.trim().eq_ignore_ascii_case("auth")));
        if qop.is_some() && !qop_auth {
            return None;
        }
        Some(Self { realm: realm?, nonce: nonce?, opaque, algorithm, session, qop_auth, stale })
    }

    /// Whether to answer it, after `seen` earlier challenges to the same request: the first, and once more if
    /// only the nonce was old.
    pub const fn may_answer(&self, seen: u32) -> bool {
        seen == 0 || (seen == 1 && self.stale)
    }

    /// The value of Authorization (after 401) or Proxy-Authorization (after 407).
    pub fn authorization(&self, credentials: &Credentials<'_>) -> String {
        let Credentials { user, uri, cnonce, nc, .. } = *credentials;
        let response = self.response(credentials);
        let mut text = String::with_capacity(320);
        text.push_str("Digest username=\"");
        for letter in user.chars().filter(|letter| !letter.is_control()) {
            if matches!(letter, '"' | '\\') {
                text.push('\\');
            }
            text.push(letter);
        }
        let (realm, nonce, algorithm) = (self.realm, self.nonce, self.algorithm.name());
        let variant = if self.session { "-sess" } else { "" };
        // writing to a String cannot fail
        let _ = write!(
            text,
            "\", realm=\"{realm}\", nonce=\"{nonce}\", uri=\"{uri}\", response=\"{response}\", algorithm={algorithm}{variant}"
        );
        if self.qop_auth {
            let _ = write!(text, ", qop=auth, nc={nc:08x}, cnonce=\"{cnonce}\"");
        } else if self.session {
            let _ = write!(text, ", cnonce=\"{cnonce}\"");
        }
        if let Some(opaque) = self.opaque {
            let _ = write!(text, ", opaque=\"{opaque}\"");
        }
        text
    }

    /// RFC 7616 §3.4.1–3.4.3.
    fn response(&self, credentials: &Credentials<'_>) -> String {
        let Credentials { user, password, method, uri, cnonce, nc } = *credentials;
        let hash = |text: &str| self.algorithm.hash(text);
        let mut secret = hash(&format!("{user}:{}:{password}", self.realm));
        if self.session {
            secret = hash(&format!("{secret}:{}:{cnonce}", self.nonce));
        }
        let request = hash(&format!("{method}:{uri}"));
        if self.qop_auth {
            hash(&format!("{secret}:{}:{nc:08x}:{cnonce}:auth:{request}", self.nonce))
        } else {
            hash(&format!("{secret}:{}:{request}", self.nonce))
        }
    }
}

// === impl Algorithm ===

impl Algorithm {
    /// The name on the wire, without `-sess`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Md5 => "MD5",
            Self::Sha256 => "SHA-256",
            Self::Sha512T256 => "SHA-512-256",
        }
    }

    /// The algorithm, and whether it is the `-sess` variant.
    fn parse(text: &str) -> Option<(Self, bool)> {
        let end = text.len().checked_sub("-sess".len()).filter(|&at| text.is_char_boundary(at));
        let (base, session) = match end {
            Some(at) if text[at..].eq_ignore_ascii_case("-sess") => (&text[..at], true),
            Some(_) | None => (text, false),
        };
        let known = [Self::Md5, Self::Sha256, Self::Sha512T256];
        known
            .into_iter()
            .find(|algorithm| base.eq_ignore_ascii_case(algorithm.name()))
            .map(|algorithm| (algorithm, session))
    }

    fn hash(self, text: &str) -> String {
        match self {
            Self::Md5 => hex::encode(md5::Md5::digest(text.as_bytes())),
            Self::Sha256 => hex::encode(sha2::Sha256::digest(text.as_bytes())),
            Self::Sha512T256 => hex::encode(sha2::Sha512_256::digest(text.as_bytes())),
        }
    }
}

// === helpers ===

/// The text between quotes, escapes kept; of a token the token.
fn unquoted(text: &str) -> Option<&str> {
    match text.strip_prefix('"') {
        Some(rest) => rest.strip_suffix('"'),
        None => Some(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn response_of(challenge: &str, credentials: &Credentials<'_>) -> String {
        let challenge = Challenge::parse(challenge).expect("a challenge");
        let text = challenge.authorization(credentials);
        let answer = Challenge::parse(&text).expect("the answer has the challenge's form");
        assert_eq!(
            (answer.realm, answer.nonce, answer.opaque),
            (challenge.realm, challenge.nonce, challenge.opaque)
        );
        text.split("response=\"")
            .nth(1)
            .and_then(|rest| rest.split('"').next())
            .expect("a response")
            .to_owned()
    }

    /// RFC 7616 §3.9.1.
    #[test]
    fn answers_as_rfc_7616() {
        let rest = "realm=\"http-auth@example.org\", qop=\"auth, auth-int\", nonce=\"7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v\", \
                    opaque=\"FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS\"";
        let credentials = Credentials {
            user: "Mufasa",
            password: "Circle of Life",
            method: "GET",
            uri: "/dir/index.html",
            cnonce: "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
            nc: 1,
        };
        let sha = response_of(&format!("Digest {rest}, algorithm=SHA-256"), &credentials);
        assert_eq!(sha, "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1");
        let md5 = response_of(&format!("digest {rest}, algorithm=MD5"), &credentials);
        assert_eq!(md5, "8ca523f5e9506fed4657c9700eebdbec");
    }

    const BOB: Credentials<'static> = Credentials {
        user: "bob",
        password: "zanzibar",
        method: "INVITE",
        uri: "sip:bob@biloxi.com",
        cnonce: "0a4f113b",
        nc: 31,
    };

    /// Values from another implementation of the hashes.
    #[test]
    fn answers_sip_challenges() {
        let table = [
            ("", "bf57e4e0d0bffc0fbaedce64d59add5e"),
            (", qop=\"auth\"", "468a7492d3570a2be959e326138fb747"),
            (", qop=\"auth\", algorithm=MD5-sess", "924ab2867a84a620adeff3f18c50a940"),
            (", algorithm=SHA-256", "38aad98c50c33abe72c5f88dd17246ffcfa6b1f68852c855719ff0659386c0ca"),
            (
                ", qop=auth, algorithm=sha-256",
                "05d88f4e7fd381921538330bcd373cc78709c6c2930b17415becba1e106db07f",
            ),
            (
                ", qop=auth, algorithm=SHA-256-sess",
                "8b5a5f85b6ecf4f8a72688e9b2ccb6381360ee2858812f25e2dcb3d435ae0357",
            ),
            (
                ", qop=auth, algorithm=SHA-512-256",
                "ad733d2cf75cbc4357925b7f15843ef6ea034bb78526cf4a8f732bfe1322248c",
            ),
        ];
        for (rest, response) in table {
            let challenge =
                format!("Digest realm=\"biloxi.com\", nonce=\"dcd98b7102dd2f0e8b11d0f600bfb0c093\"{rest}");
            assert_eq!(response_of(&challenge, &BOB), response, "{rest}");
        }
        let text = Challenge::parse("Digest realm=\"r\",nonce=\"n\",qop=\"auth\"")
            .expect("valid")
            .authorization(&BOB);
        assert!(text.contains("nc=0000001f, cnonce=\"0a4f113b\""), "{text}");
    }

    /// Corner 35: several challenges, in listed order, only what we support.
    #[test]
    fn takes_the_topmost_supported() {
        let listed = [
            "Basic realm=\"a\"",
            "Digest realm=\"a\", nonce=\"1\", algorithm=SHA-9",
            "Digest realm=\"a\", nonce=\"2\", qop=\"auth-int\"",
            "Digest realm=\"a, b\", nonce=\"3\", algorithm=SHA-256, qop=\"auth,auth-int\", stale=TRUE",
            "Digest realm=\"a\", nonce=\"4\"",
        ];
        let chosen = Challenge::choose(listed.into_iter()).expect("the fourth");
        assert_eq!(
            (chosen.nonce, chosen.realm, chosen.algorithm, chosen.stale),
            ("3", "a, b", Algorithm::Sha256, true)
        );
        assert!(chosen.may_answer(0) && chosen.may_answer(1) && !chosen.may_answer(2));
        assert!(!Challenge { stale: false, ..chosen }.may_answer(1));
    }

    #[test]
    fn refuses_what_is_malformed() {
        let long = format!("Digest realm=\"{}\", nonce=\"n\"", "x".repeat(PART_MAX + 1));
        for text in [
            "",
            "Digest",
            "Digest realm",
            "Digest realm=\"a\"",
            "Digest nonce=\"a\"",
            "Digest realm=\"a, nonce=\"b\"",
            &long,
        ] {
            assert_eq!(Challenge::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_user_name_cannot_leave_its_quotes() {
        let challenge = Challenge::parse("Digest realm=\"r\", nonce=\"n\"").expect("valid");
        let text = challenge.authorization(&Credentials { user: "a\"\\\r\nb", ..BOB });
        assert!(text.starts_with("Digest username=\"a\\\"\\\\b\", realm=\"r\""), "{text}");
    }
}
