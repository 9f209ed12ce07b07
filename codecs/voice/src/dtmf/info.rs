//! Digits in the body of a SIP INFO: `application/dtmf-relay`, which Cisco's equipment began, and
//! `application/dtmf`, which is the digit alone. Neither is a standard.

use super::Digit;

/// Octets of the longest body that is read.
const BODY_MAX: usize = 256;
/// Milliseconds that a digit lasts where the body does not say.
const DEFAULT_MS: u16 = 250;
/// Shortest and longest that is taken as it is said.
const MS_RANGE: std::ops::RangeInclusive<u16> = 40..=10_000;

/// The two forms.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum InfoForm {
    /// `application/dtmf-relay`: `Signal=5` and `Duration=160`.
    Relay,
    /// `application/dtmf`: `5`.
    Plain,
}

/// A digit that an INFO tells.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Info {
    /// The key that was pressed.
    pub digit: Digit,
    /// How long, in milliseconds: 40 to 10,000.
    pub duration_ms: u16,
}

/// Why a body tells none.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum InfoError {
    /// More than 256 octets, or not text.
    #[error("the body is no text of at most 256 octets")]
    NoText,
    /// No `Signal`, or an empty body.
    #[error("the body names no signal")]
    NoSignal,
    /// A signal that is no key, such as a flash.
    #[error("the signal is no key of 0 to 9, *, #, A to D")]
    NoKey,
    /// A duration that is no number.
    #[error("the duration is no number of milliseconds")]
    Duration,
}

// === impl InfoForm ===

impl InfoForm {
    /// The form of a Content-Type, in any letter case and with any parameters.
    pub fn from_content_type(value: &str) -> Option<Self> {
        let kind = value.split(';').next().unwrap_or("").trim();
        if kind.eq_ignore_ascii_case(Self::Relay.content_type()) {
            Some(Self::Relay)
        } else if kind.eq_ignore_ascii_case(Self::Plain.content_type()) {
            Some(Self::Plain)
        } else {
            None
        }
    }

    /// The Content-Type.
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::Relay => "application/dtmf-relay",
            Self::Plain => "application/dtmf",
        }
    }

    /// Reads a body.
    ///
    /// # Errors
    /// [`InfoError`] says what is wrong with it.
    pub fn parse(self, body: &[u8]) -> Result<Info, InfoError> {
        let text = body.get(..body.len()).filter(|body| body.len() <= BODY_MAX);
        let text = text.and_then(|body| std::str::from_utf8(body).ok()).ok_or(InfoError::NoText)?;
        match self {
            Self::Plain => Ok(Info { digit: key(text.trim())?, duration_ms: DEFAULT_MS }),
            Self::Relay => {
                let (mut signal, mut duration_ms) = (None, DEFAULT_MS);
                for line in text.lines() {
                    let Some((name, value)) = line.split_once('=') else { continue };
                    let (name, value) = (name.trim(), value.trim());
                    if name.eq_ignore_ascii_case("signal") {
                        signal = Some(key(value)?);
                    } else if name.eq_ignore_ascii_case("duration") {
                        let said: u32 = value.parse().map_err(|_| InfoError::Duration)?;
                        duration_ms = u16::try_from(said).unwrap_or(u16::MAX);
                    }
                }
                let digit = signal.ok_or(InfoError::NoSignal)?;
                Ok(Info { digit, duration_ms: duration_ms.clamp(*MS_RANGE.start(), *MS_RANGE.end()) })
            }
        }
    }

    /// Writes a body.
    pub fn write(self, info: Info) -> String {
        match self {
            Self::Relay => format!("Signal={}\r\nDuration={}\r\n", info.digit, info.duration_ms),
            Self::Plain => info.digit.to_string(),
        }
    }
}

/// A key by its character, or by its event code where equipment writes 10 for `*` and 11 for `#`.
fn key(text: &str) -> Result<Digit, InfoError> {
    let mut characters = text.chars();
    match (characters.next(), characters.next()) {
        (None, _) => Err(InfoError::NoSignal),
        (Some(one), None) => Digit::from_char(one).ok_or(InfoError::NoKey),
        (Some(_), Some(_)) => {
            let code = text.parse().ok().filter(|code| (10..16).contains(code));
            code.and_then(Digit::from_code).ok_or(InfoError::NoKey)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_come_back_as_written() {
        for digit in Digit::all() {
            let info = Info { digit, duration_ms: 250 };
            for form in [InfoForm::Relay, InfoForm::Plain] {
                assert_eq!(form.parse(form.write(info).as_bytes()), Ok(info));
                assert_eq!(InfoForm::from_content_type(form.content_type()), Some(form));
            }
        }
        assert_eq!(InfoForm::from_content_type("Application/DTMF-Relay; charset=x"), Some(InfoForm::Relay));
        assert_eq!(InfoForm::from_content_type("application/sdp"), None);
    }

    #[test]
    fn what_equipment_writes_is_read() {
        let relay = |body: &str| {
            InfoForm::Relay.parse(body.as_bytes()).map(|info| (info.digit.to_char(), info.duration_ms))
        };
        assert_eq!(relay("Signal= 5\nDuration= 160"), Ok(('5', 160)));
        assert_eq!(relay("signal=*\r\n"), Ok(('*', 250)));
        assert_eq!(relay("Signal=11\r\nDuration=99999\r\n"), Ok(('#', 10_000)));
        assert_eq!(relay("Signal=1\r\nDuration=0\r\n"), Ok(('1', 40)));
        assert_eq!(InfoForm::Plain.parse(b"d\r\n").map(|info| info.digit.to_char()), Ok('D'));
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (body, error) in [
            (&b""[..], InfoError::NoSignal),
            (b"Signal=\r\n", InfoError::NoSignal),
            (b"Signal=hf\r\n", InfoError::NoKey),
            (b"Signal=16\r\n", InfoError::NoKey),
            (b"Signal=5\r\nDuration=soon\r\n", InfoError::Duration),
            (b"Signal=\xFF\r\n", InfoError::NoText),
            (&[b'5'; 257], InfoError::NoText),
        ] {
            assert_eq!(InfoForm::Relay.parse(body), Err(error), "{body:?}");
        }
    }
}
