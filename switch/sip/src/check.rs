//! Semantic checks of a whole message (RFC 3261 §8.1.1, §8.2, §20; RFC 4475 lists the failures).
//! Invariant: a message that passes has every mandatory header once and each of them parses.

use crate::chars::decimal;
use crate::lexer::Start;
use crate::message::Checked;
use crate::name::{ONCE, first_of};
use crate::uri::Scheme;
use crate::{Fault, Message, Method, Name, NameAddr, Uri, Via};

/// Bytes of the longest tag, branch and Call-ID taken: they become keys of tables.
pub const MAX_KEY: usize = 1_024;

const MANDATORY: [Name; 5] = [Name::Via, Name::From, Name::To, Name::CallId, Name::CSeq];

impl Message {
    /// Checks what a UAS must know before it acts: mandatory headers once each, CSeq, Max-Forwards, Via,
    /// From, To, Contact, and the Request-URI's form. The scheme is left to [`Message::check_scheme`].
    ///
    /// # Errors
    /// The first [`Fault`]; for requests [`Fault::response`] answers it, responses are dropped.
    pub fn check(&self) -> Result<(), Fault> {
        self.examine().map(|_| ())
    }

    /// The check, and what it read on the way.
    pub(crate) fn examine(&self) -> Result<Checked, Fault> {
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
        let from_tag = self.check_party(Name::From)?;
        let to_tag = self.check_party(Name::To)?;
        // the grammar's `word` has no '=', but real Call-IDs do
        let call_id = self.call_id();
        if call_id.is_empty()
            || call_id.len() > MAX_KEY
            || !call_id.bytes().all(|byte| byte.is_ascii_graphic())
        {
            return Err(Fault::Header(Name::CallId));
        }
        let (cseq_number, cseq_method) = self.cseq_parts().ok_or(Fault::Header(Name::CSeq))?;
        if self.is_request() && cseq_method != self.method_text() {
            return Err(Fault::CSeqMethod);
        }
        if index.seen & Name::MaxForwards.bit() != 0 && self.max_forwards().is_none() {
            return Err(Fault::Header(Name::MaxForwards));
        }
        self.check_contacts()?;
        match index.start {
            Start::Request { .. } => self.check_uri()?,
            Start::Response { .. } | Start::Unknown => {}
        }
        let cseq = (cseq_number, Method::from_bytes(cseq_method.as_bytes()));
        Ok(Checked { from_tag: self.span_of(from_tag), to_tag: self.span_of(to_tag), cseq })
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

    /// The party's tag; empty if it has none.
    fn check_party(&self, name: Name) -> Result<&str, Fault> {
        let malformed = Fault::Header(name);
        let party = self.name_addr(name)?;
        if !party.params.well_formed("tag", MAX_KEY) || party.parse_uri().is_none() {
            return Err(malformed);
        }
        Ok(party.tag().unwrap_or(""))
    }

    fn check_contacts(&self) -> Result<(), Fault> {
        for value in self.values(Name::Contact) {
            if value == "*" {
                if self.method() == Method::Register {
                    continue;
                } else {
                    return Err(Fault::Header(Name::Contact));
                }
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

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    #[test]
    fn what_a_check_remembers_is_what_the_message_says() {
        let wire = "INVITE sip:b@h SIP/2.0\r\nv: SIP/2.0/UDP h;branch=z9hG4bK1\r\nf: A\r\n <sip:a@h>\r\n ;tag=from\r\nt: <sip:b@h>;x=1;TAG=to\r\n\
                    i: c\r\nCSeq: 00017\r\n\tINVITE\r\n\r\n";
        let unchecked = Message::parse(Bytes::from(wire)).expect("parses");
        let mut checked = unchecked.clone();
        assert_eq!((checked.check_once(), checked.check_once()), (Ok(()), Ok(())));
        for message in [&unchecked, &checked] {
            assert_eq!(
                (message.from_tag(), message.to_tag(), message.cseq()),
                ("from", "to", (17, Method::Invite))
            );
        }
        let untagged = wire.replace(";tag=from", "").replace(";TAG=to", "");
        let mut message = Message::parse(Bytes::from(untagged)).expect("parses");
        assert_eq!(message.check_once(), Ok(()));
        assert_eq!((message.from_tag(), message.to_tag()), ("", ""));
    }

    #[test]
    fn a_bad_message_stays_bad() {
        let mut message =
            Message::parse(Bytes::from_static(b"BYE sip:b@h SIP/2.0\r\nCall-ID: c\r\n\r\n")).expect("parses");
        assert_eq!(message.check_once(), Err(Fault::Missing(Name::Via)));
        assert_eq!(message.check_once(), message.check());
    }
}
