//! What peers call themselves, for call records: one text for all calls of the same product.

use std::collections::BTreeSet;

use sip::Message;
use units::Name;

/// Longest text kept, in bytes.
const LENGTH_MAX: usize = 128;
/// Most different texts remembered; beyond, a call keeps its own.
const TEXTS_MAX: usize = 4_096;

/// Texts seen so far.
#[derive(Debug, Default)]
pub(crate) struct UserAgents(BTreeSet<Name>);

impl UserAgents {
    /// The Server header of a response, else the User-Agent header (RFC 3261 §20.35, §20.41), cut to 128
    /// bytes.
    pub(crate) fn of(&mut self, message: &Message) -> Option<Name> {
        let server = || message.header(sip::Name::Server).filter(|_| !message.is_request());
        let text = server().or_else(|| message.header(sip::Name::UserAgent))?.trim();
        let end = (0..=text.len().min(LENGTH_MAX)).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(0);
        let text = text.get(..end).filter(|text| !text.is_empty())?;
        if let Some(known) = self.0.get(text) {
            return Some(known.clone());
        }
        let new = Name::from(text);
        if self.0.len() < TEXTS_MAX {
            self.0.insert(new.clone());
        }
        Some(new)
    }
}
