//! Which server transaction a request belongs to: RFC 3261 §17.2.3, with its rules for RFC 2543 peers; merged
//! requests §8.2.2.2. Invariant: keys are 128-bit keyed hashes of the fields that must be equal; no peer can
//! make two meet.

use crate::token::Minter;
use crate::{Fault, Message, Method, Via};

/// The branch prefix that tells an RFC 3261 peer.
pub(crate) const COOKIE: &str = "z9hG4bK";

/// A keyed hash of what identifies a server transaction, in two halves: kept by the ten thousand, so aligned
/// to eight bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Key([u64; 2]);

/// In place of a key that a request does not have. (No hash is ever this, but for one in 2¹²⁸.)
pub(crate) const NO_KEY: Key = Key([0; 2]);

impl Key {
    /// It is a hash already: half of it is enough.
    pub(crate) const fn hash(self) -> u64 {
        self.0[0]
    }
}

/// The key of a request. ACK and CANCEL have that of their INVITE.
pub(crate) fn transaction(minter: &Minter, msg: &Message) -> Result<Key, Fault> {
    let via = msg.top_via()?;
    let of_invite = matches!(msg.method(), Method::Invite | Method::Ack | Method::Cancel);
    let method = if of_invite { Method::Invite.as_str() } else { msg.method_text() };
    let mut room = [0u8; 64];
    let host = folded(via.host, &mut room);
    let port = via.port.map_or([0; 3], |port| [1, port as u8, (port >> 8) as u8]);
    Ok(match branch_of(&via) {
        Some(branch) => Key(minter.key(&[b"3261", branch.as_bytes(), host, &port, method.as_bytes()])),
        None => {
            let number = msg.cseq().0.to_le_bytes();
            // the ACK's To-tag is that of our response: it cannot be part of the INVITE's key
            let to_tag = if of_invite { "" } else { msg.to_tag() };
            Key(minter.key(&[
                b"2543",
                via.branch().unwrap_or_default().as_bytes(),
                host,
                &port,
                method.as_bytes(),
                msg.request_uri().as_bytes(),
                to_tag.as_bytes(),
                msg.from_tag().as_bytes(),
                msg.call_id().as_bytes(),
                &number,
            ]))
        }
    })
}

/// The key by which a request that came over two paths is known: only one outside a dialog, neither ACK nor
/// CANCEL, and with a From-tag (RFC 2543 peers have none); else `NO_KEY`.
pub(crate) fn merge(minter: &Minter, msg: &Message) -> Key {
    if matches!(msg.method(), Method::Ack | Method::Cancel)
        || !msg.to_tag().is_empty()
        || msg.from_tag().is_empty()
    {
        return NO_KEY;
    }
    let number = msg.cseq().0.to_le_bytes();
    let parts = [msg.from_tag().as_bytes(), msg.call_id().as_bytes(), &number, msg.method_text().as_bytes()];
    Key(minter.key(&[b"merge", parts[0], parts[1], parts[2], parts[3]]))
}

/// The key of a UAS among those that answered one INVITE.
pub(crate) fn fork(minter: &Minter, to_tag: &str) -> Key {
    Key(minter.key(&[b"fork", to_tag.as_bytes()]))
}

/// The To-tag of answers that no transaction remembers: the same for every repeat of a request and for its
/// ACK and CANCEL.
pub(crate) fn stateless_tag(minter: &Minter, msg: &Message) -> crate::token::Token {
    let via = msg.top_via().ok();
    let branch = via.as_ref().and_then(Via::branch).unwrap_or_default();
    minter.stateless(&[msg.call_id(), msg.from_tag(), branch])
}

/// The branch of an RFC 3261 peer. The bare cookie identifies nothing: such a peer is matched as RFC 2543
/// says.
fn branch_of<'a>(via: &Via<'a>) -> Option<&'a str> {
    via.branch().filter(|branch| {
        branch.len() > COOKIE.len()
            && branch.is_char_boundary(COOKIE.len())
            && branch[..COOKIE.len()].eq_ignore_ascii_case(COOKIE)
    })
}

/// Lower case without allocation; of a longer name only the length and the case as written count.
fn folded<'a>(host: &'a str, room: &'a mut [u8; 64]) -> &'a [u8] {
    let Some(room) = room.get_mut(..host.len()) else { return host.as_bytes() };
    room.copy_from_slice(host.as_bytes());
    room.make_ascii_lowercase();
    room
}
