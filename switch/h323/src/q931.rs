//! Q.931 messages as H.225.0 §7 carries them: header, information elements, in TPKT frames on TCP (RFC 1006
//! §6).
//!
//! ```text
//!  TPKT   03 00 len len              len counts these four octets; 4 alone keeps a connection alive
//!  Q.931  08 02 F+ref ref type       F: sent by the side that was called
//!  IE     id len content…            id with its highest bit set: one octet alone
//!  UUIE   7e len len 05 PER…         its length has two octets
//! ```

mod cause;
mod ie;
mod numbers;
mod tpkt;

pub use cause::CauseIe;
pub use ie::{BEARER_SPEECH, IeId, Progress, ia5_text};
pub use numbers::{CalledParty, CallingParty, Presentation, Screening, TypeOfNumber};
pub use tpkt::{Frame, Framer, KEEP_ALIVE, MAX_FRAME, TpktError, write_frame};

use crate::asn1::h225::H323UserInformation;
use crate::per::{Per, PerError, Reader, Writer};

/// Information elements read of one message.
pub const MAX_ELEMENTS: usize = 64;
const PROTOCOL: u8 = 8;
/// What follows in the User-User element is X.680 coded (H.225.0 §7.2.2.31).
const USER_USER_PROTOCOL: u8 = 5;

/// Message type, Q.931 table 4-2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum MessageType {
    Alerting,
    CallProceeding,
    Progress,
    Setup,
    SetupAcknowledge,
    Connect,
    ConnectAcknowledge,
    ReleaseComplete,
    Facility,
    Notify,
    StatusInquiry,
    Information,
    Status,
    /// One that H.225.0 has no use for.
    Other(u8),
}

const TYPES: [(u8, MessageType); 13] = [
    (0x01, MessageType::Alerting),
    (0x02, MessageType::CallProceeding),
    (0x03, MessageType::Progress),
    (0x05, MessageType::Setup),
    (0x0d, MessageType::SetupAcknowledge),
    (0x07, MessageType::Connect),
    (0x0f, MessageType::ConnectAcknowledge),
    (0x5a, MessageType::ReleaseComplete),
    (0x62, MessageType::Facility),
    (0x6e, MessageType::Notify),
    (0x75, MessageType::StatusInquiry),
    (0x7b, MessageType::Information),
    (0x7d, MessageType::Status),
];

/// Why bytes are no Q.931 message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Q931Error {
    /// Another protocol than Q.931.
    #[error("the protocol is not Q.931")]
    Protocol,
    /// A header or an element that the bytes do not hold wholly.
    #[error("a Q.931 message that ends early")]
    Truncated,
    /// More than [`MAX_ELEMENTS`].
    #[error("a Q.931 message of too many elements")]
    Elements,
}

/// Why a message has no usable User-User element.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UserUserError {
    /// There is none, or an empty one.
    #[error("no User-User element")]
    Missing,
    /// It holds another protocol.
    #[error("a User-User element of another protocol")]
    Protocol,
    /// It cannot be read.
    #[error("a User-User element that {0}")]
    Per(#[from] PerError),
}

/// A message, read in place.
#[derive(Clone, Debug)]
pub struct Message<'a> {
    /// What it is.
    pub kind: MessageType,
    /// 15 bits; 0 is the global reference, which is no call's.
    pub call_reference: u16,
    /// Whether the side that was called sent it.
    pub from_destination: bool,
    elements: Vec<(u8, &'a [u8])>,
}

// === impl MessageType ===

impl MessageType {
    /// Its octet.
    pub fn octet(self) -> u8 {
        match self {
            Self::Other(octet) => octet,
            _ => TYPES.iter().find(|(_, kind)| *kind == self).map_or(0, |(octet, _)| *octet),
        }
    }

    /// By its octet.
    pub fn of(octet: u8) -> Self {
        TYPES.iter().find(|(o, _)| *o == octet).map_or(Self::Other(octet), |(_, kind)| *kind)
    }
}

// === impl Message ===

impl<'a> Message<'a> {
    /// Reads what one TPKT frame holds. Elements of other codesets are left out.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Q931Error> {
        let [PROTOCOL, len, rest @ ..] = bytes else {
            let error = if bytes.first().is_some_and(|&first| first != PROTOCOL) {
                Q931Error::Protocol
            } else {
                Q931Error::Truncated
            };
            return Err(error);
        };
        let (reference, from_destination, rest) = match (len & 0x0f, rest) {
            (0, rest) => (0, false, rest),
            (1, [first, rest @ ..]) => (u16::from(first & 0x7f), first & 0x80 != 0, rest),
            (2, [first, second, rest @ ..]) => {
                (u16::from_be_bytes([first & 0x7f, *second]), first & 0x80 != 0, rest)
            }
            _ => return Err(Q931Error::Truncated),
        };
        let [kind, rest @ ..] = rest else { return Err(Q931Error::Truncated) };
        let elements = elements(rest)?;
        Ok(Self { kind: MessageType::of(*kind), call_reference: reference, from_destination, elements })
    }

    /// The content of the first element of that kind.
    pub fn element(&self, id: IeId) -> Option<&'a [u8]> {
        self.elements.iter().find(|(of, _)| *of == id as u8).map(|(_, content)| *content)
    }

    /// What H.225.0 says in it.
    pub fn user_user(&self) -> Result<H323UserInformation, UserUserError> {
        match self.element(IeId::UserUser) {
            None | Some([]) => Err(UserUserError::Missing),
            Some([USER_USER_PROTOCOL, per @ ..]) => Ok(H323UserInformation::read(&mut Reader::new(per))?),
            Some(_) => Err(UserUserError::Protocol),
        }
    }
}

fn elements(mut rest: &[u8]) -> Result<Vec<(u8, &[u8])>, Q931Error> {
    let mut elements = Vec::with_capacity(8);
    let (mut codeset, mut codeset_once) = (0, None);
    while let [id, behind @ ..] = rest {
        if id & 0xf0 == 0x90 {
            // shift: for the next element alone, or for all that follow (Q.931 §4.5.3, §4.5.4)
            if id & 8 == 0 {
                codeset = id & 7
            } else {
                codeset_once = Some(id & 7)
            }
            rest = behind;
            continue;
        }
        let is_base = codeset_once.take().unwrap_or(codeset) == 0;
        let (content, after) = match (id, behind) {
            (0x80.., _) => (&[][..], behind),
            (0x7e, [high, low, content @ ..]) if is_base => {
                let len = usize::from(u16::from_be_bytes([*high, *low]));
                content.split_at_checked(len).ok_or(Q931Error::Truncated)?
            }
            (0x7e, _) if is_base => return Err(Q931Error::Truncated),
            (_, [len, content @ ..]) => {
                content.split_at_checked(usize::from(*len)).ok_or(Q931Error::Truncated)?
            }
            (_, []) => return Err(Q931Error::Truncated),
        };
        if is_base {
            if elements.len() == MAX_ELEMENTS {
                return Err(Q931Error::Elements);
            }
            elements.push((*id, content));
        }
        rest = after;
    }
    Ok(elements)
}

/// A message that is being written, in its TPKT frame. Elements have to come in the order of their ids
/// (Q.931 §4.5.1).
#[derive(Debug)]
pub struct MessageWriter {
    out: Vec<u8>,
}

// === impl MessageWriter ===

impl MessageWriter {
    /// The header.
    pub fn new(kind: MessageType, call_reference: u16, from_destination: bool) -> Self {
        let flag = if from_destination { 0x80 } else { 0 };
        let [high, low] = call_reference.to_be_bytes();
        let mut out = Vec::with_capacity(512);
        out.extend([3, 0, 0, 0, PROTOCOL, 2, high & 0x7f | flag, low, kind.octet()]);
        Self { out }
    }

    /// An element; content beyond 255 octets is cut.
    pub fn element(mut self, id: IeId, content: &[u8]) -> Self {
        let content = &content[..content.len().min(255)];
        self.out.extend([id as u8, content.len() as u8]);
        self.out.extend_from_slice(content);
        self
    }

    /// An element, if there is one.
    pub fn maybe(self, id: IeId, content: Option<impl AsRef<[u8]>>) -> Self {
        match content {
            Some(content) => self.element(id, content.as_ref()),
            None => self,
        }
    }

    /// The frame, with the User-User element at its end.
    pub fn finish(mut self, user_user: &H323UserInformation) -> Result<Vec<u8>, PerError> {
        self.out.extend([IeId::UserUser as u8, 0, 0, USER_USER_PROTOCOL]);
        let begin = self.out.len() - 1;
        let mut writer = Writer::behind(self.out);
        user_user.write(&mut writer);
        self.out = writer.finish()?;
        let len = u16::try_from(self.out.len() - begin).map_err(|_| PerError::Length)?;
        self.out[begin - 2..begin].copy_from_slice(&len.to_be_bytes());
        self.frame()
    }

    /// The frame, without a User-User element.
    pub fn finish_bare(self) -> Result<Vec<u8>, PerError> {
        self.frame()
    }

    fn frame(mut self) -> Result<Vec<u8>, PerError> {
        if self.out.len() > MAX_FRAME {
            return Err(PerError::Length);
        }
        let len = self.out.len() as u16;
        self.out[2..4].copy_from_slice(&len.to_be_bytes());
        Ok(self.out)
    }
}
