//! Semantic checks of a whole message (RFC 3261 §8.1.1, §8.2, §20; RFC 4475 lists the failures).
//! Invariant: a message that passes has every mandatory header once and each of them parses.

use crate::chars::decimal;
use crate::lexer::Start;
use crate::name::{ONCE, first_of};
use crate::uri::Scheme;
use crate::{Fault, Message, Method, Name, NameAddr, Uri, Via};

/// Bytes of the longest tag, branch and Call-ID taken: they become keys of tables.
pub const MAX_KEY: usize = 1_024;

const MANDATORY: [Name; 5] = [Name::Via, Name::From, Name::To, Name::CallId, Name::CSeq];

impl Message {
    /// Checks what a UAS must know before it acts: mandatory headers once each, CSeq, Max-Forwards, Via, From, To,
    /// Contact, and the Request-URI's form. The scheme is left to [`Message::check_scheme`].
    ///
    /// # Errors
    /// The first [`Fault`]; for requests [`Fault::response`] answers it, responses are dropped.
    pub fn check(&self) -> Result<(), Fault> {
        let index = self.index();
        for name in MANDATORY {
            if index.seen & name.bit() == 0 {
                return Err(Fault::Missing(name));
            }
        }
        if index.repeated & ONCE != 0 {
            return Err(Fault::Repeated(first_of(index.repeated & ONCE)));
        }
        self.check_vias()?;
        self.check_party(Name::From)?;
        self.check_party(Name::To)?;
        // the grammar's `word` has no '=', but real Call-IDs do
        let call_id = self.call_id();
        if call_id.is_empty() || call_id.len() > MAX_KEY || !call_id.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(Fault::Header(Name::CallId));
        }
        let (_, cseq_method) = self.cseq_parts().ok_or(Fault::Header(Name::CSeq))?;
        if self.is_request() && cseq_method != self.method_text() {
            return Err(Fault::CSeqMethod);
        }
        if index.seen & Name::MaxForwards.bit() != 0 && self.max_forwards().is_none() {
            return Err(Fault::Header(Name::MaxForwards));
        }
        self.check_contacts()?;
        match index.start {
            Start::Request { .. } => self.check_uri(),
            Start::Response { .. } | Start::Unknown => Ok(()),
        }
    }

    /// Checks that the Request-URI's scheme is sip, sips or tel.
    ///
    /// # Errors
    /// [`Fault::Scheme`] (416), or [`Fault::Uri`] when malformed.
    pub fn check_scheme(&self) -> Result<(), Fault> {
        match self.uri()?.scheme {
            Scheme::Sip | Scheme::Sips | Scheme::Tel => Ok(()),
            Scheme::Other => Err(Fault::Scheme),
        }
    }

    fn check_uri(&self) -> Result<(), Fault> {
        match Uri::parse(self.request_uri()) {
            // headers have no place in a Request-URI (§19.1.1)
            Some(uri) if uri.headers.is_none() => Ok(()),
            Some(_) | None => Err(Fault::Uri),
        }
    }

    fn check_vias(&self) -> Result<(), Fault> {
        let malformed = Fault::Header(Name::Via);
        let mut any = false;
        for value in self.values(Name::Via) {
            let via = Via::parse(value).ok_or(malformed)?;
            if !via.params.well_formed("branch", MAX_KEY) {
                return Err(malformed);
            }
            any = true;
        }
        if any { Ok(()) } else { Err(malformed) }
    }

    fn check_party(&self, name: Name) -> Result<(), Fault> {
        let malformed = Fault::Header(name);
        let party = self.name_addr(name)?;
        if !party.params.well_formed("tag", MAX_KEY) || party.parse_uri().is_none() {
            return Err(malformed);
        }
        Ok(())
    }

    fn check_contacts(&self) -> Result<(), Fault> {
        for value in self.values(Name::Contact) {
            if value == "*" {
                if self.method() == Method::Register { continue } else { return Err(Fault::Header(Name::Contact)) }
            }
            let contact = NameAddr::parse(value).ok_or(Fault::Header(Name::Contact))?;
            if !contact.params.well_formed("", 0) || contact.parse_uri().is_none() {
                return Err(Fault::Header(Name::Contact));
            }
        }
        Ok(())
    }

    /// Expires in seconds; a malformed value counts as 3,600 (RFC 3261 §20.19), an absent one as `None`.
    pub fn expires(&self) -> Option<u32> {
        self.header(Name::Expires).map(|value| decimal(value).unwrap_or(3_600))
    }
}
