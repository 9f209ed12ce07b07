//! Digits that we send: in one form only.

use super::settings::DtmfForm;
use super::state::{Call, Link, Phase};
use crate::asn1::H225_V4;
use crate::asn1::h225::{H323UUPDUH323MessageBody as Body, InformationUUIE};
use crate::h245::{Digit, Remote};
use crate::q931::{IeId, MessageType};
use units::Tick;

impl Call {
    /// Sends a digit by signalling. False if it has to go as a telephone event in RTP, or cannot go at all:
    /// then [`crate::media::Media::telephone_event`] says which.
    pub fn send_digit(&mut self, now: Tick, digit: Digit) -> bool {
        if self.phase != Phase::Connected {
            return false;
        }
        let is_sent = match self.digit_form() {
            DtmfForm::Auto | DtmfForm::Rfc4733 => false,
            DtmfForm::Signal => self.control.send_digit(digit, true),
            DtmfForm::Alphanumeric => self.control.send_digit(digit, false),
            DtmfForm::Keypad => {
                self.send_keypad(digit);
                true
            }
        };
        self.flush(now);
        is_sent
    }

    /// The form in which digits go: as configured, else by what the peer receives.
    pub fn digit_form(&self) -> DtmfForm {
        if self.settings.dtmf != DtmfForm::Auto {
            return self.settings.dtmf;
        }
        let has_control = matches!(self.link, Link::Tunnelled | Link::Open);
        match self.control.remote() {
            Some(Remote { telephone_event: Some(_), .. }) => DtmfForm::Rfc4733,
            Some(Remote { signal: true, .. }) => DtmfForm::Signal,
            Some(Remote { alphanumeric: true, .. }) => DtmfForm::Alphanumeric,
            // a peer that says nothing of user input takes characters (H.323 §6.2.8.6)
            Some(_) if has_control => DtmfForm::Alphanumeric,
            _ => DtmfForm::Keypad,
        }
    }

    fn send_keypad(&mut self, digit: Digit) {
        let body = Body::Information(Box::new(InformationUUIE {
            protocol_identifier: H225_V4,
            call_identifier: self.call_identifier(),
            ..InformationUUIE::default()
        }));
        let content = digit.symbol.to_string().into_bytes();
        self.send(MessageType::Information, &[(IeId::Keypad, content)], body);
    }
}
