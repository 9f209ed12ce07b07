//! One handshake: what it was begun with, and how far it is.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Instant;

use dimpl::{Dtls, Error, Output, SrtpProfile, UnexpectedMessageError};
use media::relay::{DtlsRole, PeerKeys};
use media::srtp::{MasterKey, Suite};

use crate::certificate::fingerprint;

/// Longest datagram that is sent, in octets, with room to spare.
const DATAGRAM_MAX: usize = 2_048;

/// Why there are no keys.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Failure {
    /// Another certificate than the SDP names: somebody stands between, or the SDP is not its side's.
    #[error("the certificate of the handshake is not the one that the SDP names")]
    Fingerprint,
    /// The other side knows no SRTP, or only profiles that we do not have.
    #[error("the handshake agreed on no profile of SRTP that we have")]
    Profile,
    /// It did not go on.
    #[error("the handshake of DTLS was not finished in time")]
    Timeout,
    /// Refused by the other side, or not as DTLS has it.
    #[error("the handshake of DTLS was refused or broken")]
    Broken,
    /// As many as there may be.
    #[error("too many handshakes of DTLS at once")]
    TooMany,
}

/// What one step of a handshake made.
#[derive(Default)]
pub(crate) struct Step {
    /// To be sent, in this order.
    pub(crate) datagrams: Vec<Vec<u8>>,
    /// The keys, once.
    pub(crate) keys: Option<PeerKeys>,
    /// When the next step is due without a datagram.
    pub(crate) due: Option<Instant>,
}

/// A handshake that was begun.
pub(crate) struct Association {
    dtls: Dtls,
    role: DtlsRole,
    expected: [u8; 32],
    /// The certificate came and is the expected one.
    is_known: bool,
    /// The keys were told.
    is_secured: bool,
}

// === impl Failure ===

impl Failure {
    /// The same words as of [`std::fmt::Display`], for ever.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Fingerprint => "the certificate of the handshake is not the one that the SDP names",
            Self::Profile => "the handshake agreed on no profile of SRTP that we have",
            Self::Timeout => "the handshake of DTLS was not finished in time",
            Self::Broken => "the handshake of DTLS was refused or broken",
            Self::TooMany => "too many handshakes of DTLS at once",
        }
    }

    const fn of(error: &Error) -> Self {
        match error {
            Error::Timeout(_) => Self::Timeout,
            _ => Self::Broken,
        }
    }
}

// === impl Association ===

impl Association {
    /// A client that sends its ClientHello with the first step, or a server that waits for one.
    pub(crate) fn new(mut dtls: Dtls, role: DtlsRole, expected: [u8; 32]) -> Self {
        if role == DtlsRole::Client {
            dtls.set_active(true);
        }
        Self { dtls, role, expected, is_known: false, is_secured: false }
    }

    /// The keys are there.
    pub(crate) const fn is_secured(&self) -> bool {
        self.is_secured
    }

    /// Takes a datagram, or what is due. After a failure it is of no further use; what it still wants sent is
    /// in the step.
    pub(crate) fn step(&mut self, now: Instant, datagram: Option<&[u8]>) -> (Step, Result<(), Failure>) {
        let mut step = Step::default();
        // The library meets octets of strangers: whatever it asserts ends this handshake and no other.
        let result = catch_unwind(AssertUnwindSafe(|| self.take(now, datagram, &mut step)));
        (step, result.unwrap_or(Err(Failure::Broken)))
    }

    fn take(&mut self, now: Instant, datagram: Option<&[u8]>, step: &mut Step) -> Result<(), Failure> {
        let timed = self.dtls.handle_timeout(now);
        self.drain(step)?;
        timed.map_err(|error| Failure::of(&error))?;
        let Some(datagram) = datagram else { return Ok(()) };
        let taken = self.dtls.handle_packet(datagram);
        // Anything may come before the server's first word, and changes nothing.
        let is_stray = matches!(
            taken,
            Err(Error::UnexpectedMessage(UnexpectedMessageError::UnrecognizedAutoServerResponse))
        );
        self.drain(step)?;
        if is_stray { Ok(()) } else { taken.map_err(|error| Failure::of(&error)) }
    }

    /// Takes what the library made, to the deadline that ends it.
    fn drain(&mut self, step: &mut Step) -> Result<(), Failure> {
        let (mut buffer, mut is_connected) = (vec![0; DATAGRAM_MAX], false);
        loop {
            match self.dtls.poll_output(&mut buffer) {
                Output::Packet(packet) => step.datagrams.push(packet.to_vec()),
                Output::BufferTooSmall { needed } => buffer.resize(needed.max(buffer.len() + 1), 0),
                Output::Timeout(at) => {
                    step.due = Some(at);
                    break;
                }
                Output::PeerCert(certificate) => {
                    self.is_known = fingerprint(certificate) == self.expected;
                    if !self.is_known {
                        return Err(Failure::Fingerprint);
                    }
                }
                Output::KeyingMaterial(material, profile) => {
                    let keys = self.keys(profile, &material).ok_or(Failure::Profile)?;
                    step.keys = Some(keys);
                    self.is_secured = true;
                }
                Output::Connected => is_connected = true,
                // There is nothing else than keys to be had of it; that a call ends is said in SIP.
                Output::ApplicationData(_) | Output::CloseNotify | _ => {}
            }
        }
        // The keys come with the end of the handshake, or never.
        if is_connected && !self.is_secured { Err(Failure::Profile) } else { Ok(()) }
    }

    /// By which each side sends: never of a side whose certificate was not seen.
    fn keys(&self, profile: SrtpProfile, material: &[u8]) -> Option<PeerKeys> {
        let suite = match profile {
            SrtpProfile::AES128_CM_SHA1_80 => Suite::Aes128Sha1Tag80,
            SrtpProfile::AEAD_AES_128_GCM => Suite::Aes128Gcm,
            SrtpProfile::AEAD_AES_256_GCM => Suite::Aes256Gcm,
            _ => return None,
        };
        let [client, server] = MasterKey::exported(suite, material).filter(|_| self.is_known)?;
        Some(match self.role {
            DtlsRole::Client => PeerKeys { theirs: server, ours: client },
            DtlsRole::Server => PeerKeys { theirs: client, ours: server },
        })
    }
}
