//! Digest credentials of a leg toward its carrier (RFC 3261 §22, RFC 7616, RFC 8760): which challenges are
//! answered, and what is remembered of them.
//! Invariant: only a carrier with credentials of ours is answered, at an address of its own; `Debug` shows
//! neither nonces nor responses.

use std::fmt;
use std::net::IpAddr;

use bytes::Bytes;
use route::Credentials;
use sip::auth::{Algorithm, Challenge, Credentials as Answer};
use sip::{Builder, Message, Name};

/// Most times that one request is sent again for challenges: two spaces, each once more with a fresh nonce.
const RETRIES_MAX: u8 = 4;
/// Most protection spaces that are remembered at once, the oldest goes.
const SPACES_MAX: usize = 4;

/// A protection space: 401 is a user agent's, 407 a proxy's (RFC 3261 §22.1).
#[derive(Clone, PartialEq, Eq)]
struct Space {
    is_proxy: bool,
    realm: Box<str>,
}

/// A challenge and how often its nonce was used.
struct Known {
    space: Space,
    nonce: Box<str>,
    opaque: Option<Box<str>>,
    algorithm: Algorithm,
    session: bool,
    qop_auth: bool,
    uses: u32,
    /// Our nonce of a `-sess` algorithm, which stays with the server's (RFC 7616 §3.4.2).
    cnonce: Option<Box<str>>,
}

/// What a carrier asked for last, so that further requests carry credentials at once (RFC 3261 §22.3).
#[derive(Default)]
pub(crate) struct Authorization {
    known: Vec<Known>,
    /// The lines of the last INVITE, which its ACK repeats (§22.1).
    invite: Vec<(Name, String)>,
    /// Where the carrier was when it asked, should its name move.
    pub at: Option<IpAddr>,
}

/// What became of one request so far.
#[derive(Default)]
pub(super) struct Asked {
    retries: u8,
    /// Challenges of each space, this request only.
    seen: Vec<(Space, u32)>,
}

/// Under which branch, number and nonce of ours a request goes out.
pub(super) struct Renewal<'a> {
    /// Via branch and CSeq number; none: as they are.
    pub identity: Option<(&'a str, u32)>,
    /// Fresh and unguessable.
    pub cnonce: &'a str,
}

impl fmt::Debug for Authorization {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authorization").field("spaces", &self.known.len()).finish_non_exhaustive()
    }
}

// === impl Authorization ===

impl Authorization {
    pub(super) const fn is_empty(&self) -> bool {
        self.known.is_empty()
    }

    /// Takes the challenges of a 401 or 407. False if none is for us, or if what we said to one of them was
    /// wrong: only an old nonce is a reason to try again, once.
    pub(super) fn challenged(&mut self, ours: &Credentials, asked: &mut Asked, response: &Message) -> bool {
        let chosen = chosen(ours, response);
        if chosen.is_empty() || asked.retries == RETRIES_MAX {
            return false;
        }
        for (space, challenge) in &chosen {
            let seen = asked.seen.iter().find(|(known, _)| known == space).map_or(0, |(_, times)| *times);
            if !challenge.may_answer(seen) {
                return false;
            }
        }
        asked.retries += 1;
        for (space, challenge) in chosen {
            match asked.seen.iter_mut().find(|(known, _)| *known == space) {
                Some((_, times)) => *times += 1,
                None => asked.seen.push((space.clone(), 1)),
            }
            self.known.retain(|known| known.space != space);
            if self.known.len() == SPACES_MAX {
                self.known.remove(0);
            }
            self.known.push(Known::of(space, &challenge));
        }
        true
    }

    /// The request with credentials for all that is known, instead of those that it had. None if it cannot be
    /// read back.
    pub(super) fn authorize(
        &mut self,
        request: &Bytes,
        ours: &Credentials,
        renewal: &Renewal<'_>,
    ) -> Option<Bytes> {
        let request = Message::parse(request.clone()).ok()?;
        let lines: Vec<(Name, String)> =
            self.known.iter_mut().map(|known| known.line(&request, ours, renewal.cnonce)).collect();
        let bytes = rewritten(&request, renewal.identity, &lines)?;
        if request.method() == sip::Method::Invite {
            self.invite = lines;
        }
        Some(bytes)
    }

    /// Adds to an ACK what its INVITE had.
    pub(super) fn repeat_in(&self, mut ack: Builder) -> Builder {
        for (name, line) in &self.invite {
            ack = ack.header(*name, line);
        }
        ack
    }
}

// === impl Known ===

impl Known {
    fn of(space: Space, challenge: &Challenge<'_>) -> Self {
        Self {
            space,
            nonce: challenge.nonce.into(),
            opaque: challenge.opaque.map(Into::into),
            algorithm: challenge.algorithm,
            session: challenge.session,
            qop_auth: challenge.qop_auth,
            uses: 0,
            cnonce: None,
        }
    }

    fn line(&mut self, request: &Message, ours: &Credentials, cnonce: &str) -> (Name, String) {
        self.uses = self.uses.saturating_add(1);
        if self.session {
            self.cnonce.get_or_insert_with(|| cnonce.into());
        }
        let challenge = Challenge {
            realm: &self.space.realm,
            nonce: &self.nonce,
            opaque: self.opaque.as_deref(),
            algorithm: self.algorithm,
            session: self.session,
            qop_auth: self.qop_auth,
            stale: false,
        };
        let answer = Answer {
            user: &ours.username,
            password: ours.password.expose(),
            method: request.method_text(),
            uri: request.request_uri(),
            cnonce: self.cnonce.as_deref().unwrap_or(cnonce),
            nc: self.uses,
        };
        let name = if self.space.is_proxy { Name::ProxyAuthorization } else { Name::Authorization };
        (name, challenge.authorization(&answer))
    }
}

// === helpers ===

/// The topmost challenge of each space that we support (RFC 8760 §2.4), in the order of the response.
fn chosen<'a>(ours: &Credentials, response: &'a Message) -> Vec<(Space, Challenge<'a>)> {
    let mut chosen: Vec<(Space, Challenge<'a>)> = Vec::new();
    for (name, is_proxy) in [(Name::WwwAuthenticate, false), (Name::ProxyAuthenticate, true)] {
        for challenge in response.headers(name).filter_map(Challenge::parse) {
            let space = Space { is_proxy, realm: challenge.realm.into() };
            let is_new = !chosen.iter().any(|(known, _)| *known == space);
            if is_new && ours.are_for(challenge.realm) && chosen.len() < SPACES_MAX {
                chosen.push((space, challenge));
            }
        }
    }
    chosen
}

/// The same request with other lines of credentials and, if given, another branch and CSeq number. None if it
/// has no Via.
fn rewritten(request: &Message, identity: Option<(&str, u32)>, lines: &[(Name, String)]) -> Option<Bytes> {
    let mut builder = Builder::request_named(request.method_text(), request.request_uri());
    let via = request.values(Name::Via).next()?;
    builder = match identity {
        Some((branch, _)) => builder.header(Name::Via, &with_branch(via, branch)),
        None => builder.header(Name::Via, via),
    };
    builder = builder.copy(request, |name, _| {
        let is_written_anew = matches!(
            name,
            Name::Via | Name::CSeq | Name::Authorization | Name::ProxyAuthorization | Name::ContentType
        );
        !is_written_anew
    });
    let (number, method) = request.cseq();
    builder = builder.cseq(identity.map_or(number, |(_, number)| number), method);
    for (name, line) in lines {
        builder = builder.header(*name, line);
    }
    Some(builder.body(request.content_type(), &request.body()).build())
}

fn with_branch(via: &str, branch: &str) -> String {
    let mut parts = via.split(';');
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        text.push(';');
        if part.trim_start().to_ascii_lowercase().starts_with("branch") {
            text.push_str("branch=");
            text.push_str(branch);
        } else {
            text.push_str(part);
        }
    }
    text
}
