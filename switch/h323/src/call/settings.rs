//! What a gate or a carrier is configured to do (`h323 = { … }`).

/// How a peer is spoken to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Channels are offered in the Setup, and accepted from it.
    pub fast_start: bool,
    /// H.245 goes inside of the call signalling if the peer agrees.
    pub tunnelling: bool,
    /// H.245 begins before the answer.
    pub early_h245: bool,
    /// In which form digits are sent.
    pub dtmf: DtmfForm,
    /// How long is waited for what.
    pub timers: Timers,
    /// What we call ourselves to the peer (productId), ASCII.
    pub product: &'static str,
}

/// A form of digits in a call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DtmfForm {
    /// Telephone events if the peer receives them, else the first of the others that it does.
    #[default]
    Auto,
    /// Telephone events in RTP.
    Rfc4733,
    /// H.245 user input, signal.
    Signal,
    /// H.245 user input, alphanumeric.
    Alphanumeric,
    /// Q.931 Information with a keypad element.
    Keypad,
}

/// Milliseconds; 0 where a time is optional means never.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timers {
    /// From the Setup to the first answer to it (T303).
    pub setup_ms: u64,
    /// From there to ringing (T310).
    pub progress_ms: u64,
    /// From there to the answer (T301).
    pub ringing_ms: u64,
    /// For each of capability exchange, determination and opening of channels; and from the answer to the
    /// first channel.
    pub control_ms: u64,
    /// Between two round trip requests; 0: none are sent.
    pub round_trip_every_ms: u64,
    /// For the answer to a round trip request.
    pub round_trip_ms: u64,
    /// From the peer's end of the H.245 session to its Release Complete.
    pub end_session_ms: u64,
}

impl Default for Timers {
    fn default() -> Self {
        Self {
            setup_ms: 8_000,
            progress_ms: 30_000,
            ringing_ms: 180_000,
            control_ms: 30_000,
            round_trip_every_ms: 0,
            round_trip_ms: 10_000,
            end_session_ms: 3_000,
        }
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            fast_start: true,
            tunnelling: true,
            early_h245: true,
            dtmf: DtmfForm::Auto,
            timers: Timers::default(),
            product: "tollgate",
        }
    }
}
