//! The values that labels may take. Each is an enum, so that no text from the network can become a series.

macro_rules! label {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $text:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name {
            $($(#[$vdoc])* $variant,)+
        }

        impl $name {
            /// All values, in the order of their declaration.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The label's text.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $text,)+
                }
            }

            /// Position in [`Self::ALL`].
            pub const fn index(self) -> usize {
                self as usize
            }
        }
    };
}

label! {
    /// Which end of a call is counted.
    Side {
        /// Calls from gates, answers that we sent.
        Customer = "gate",
        /// Attempts at carriers, answers that we received.
        Carrier = "carrier",
    }
}

label! {
    /// How an attempt ended.
    Outcome {
        /// A 2xx.
        Answered = "answered",
        /// 486 or 600.
        Busy = "busy",
        /// Rang, nobody took it: 408, 480 or our timer.
        NoAnswer = "no_answer",
        /// The caller gave up.
        Cancelled = "cancelled",
        /// Any other 3xx, 4xx or 6xx.
        Rejected = "rejected",
        /// 5xx.
        Failed = "failed",
        /// No response at all, or no connection.
        Unreachable = "unreachable",
        /// We refused it before any carrier: limits, number, price, credit, drain.
        Refused = "refused",
    }
}

label! {
    /// Why a request was not believed.
    AuthReason {
        /// The source address is in no gate and no carrier.
        UnknownSource = "unknown_source",
        /// A digest was wrong.
        BadCredentials = "bad_credentials",
        /// A digest for a nonce that is old, or was another address's.
        StaleNonce = "stale_nonce",
        /// A digest that was used before.
        ReplayedNonce = "replayed_nonce",
        /// An address that is locked out for wrong digests.
        LockedOut = "locked_out",
        /// More requests of an unknown address than it is challenged for.
        OverChallenges = "over_challenges",
        /// An in-dialog id of ours did not carry our seal.
        ForgedId = "forged_id",
        /// Not SIP, or SIP that breaks its grammar.
        Malformed = "malformed",
        /// A response or ACK that belongs to nothing.
        Stray = "stray",
        /// A request to the API without the token.
        ApiToken = "api_token",
    }
}

label! {
    /// Why money was not moved.
    DebitFailure {
        /// The balance does not cover the next increment.
        NoCredit = "no_credit",
        /// No row of the deck matches.
        NoPrice = "no_price",
        /// The account is unknown or closed.
        NoAccount = "no_account",
        /// Amount or duration beyond what can be counted.
        OutOfRange = "out_of_range",
        /// The journal takes nothing.
        Journal = "journal",
        /// Anything else; the log says what.
        Other = "other",
    }
}

label! {
    /// Where a live call stands.
    CallState {
        /// Being priced, routed, tried.
        Routing = "routing",
        /// A carrier rings.
        Ringing = "ringing",
        /// Talking and billed.
        Answered = "answered",
        /// Hung up, not settled yet.
        Ending = "ending",
    }
}

label! {
    /// How a registration stands, ours at a carrier or a contact of a SIP account here.
    RegistrationLabel {
        /// It holds.
        Registered = "registered",
        /// Asked for, without an answer yet.
        Trying = "trying",
        /// Refused, or not answered in time.
        Failed = "failed",
        /// A phone's, whose connection is closed.
        Unreachable = "unreachable",
    }
}

label! {
    /// Which way a relayed packet goes.
    PacketDirection {
        /// Received.
        In = "in",
        /// Sent.
        Out = "out",
    }
}

label! {
    /// Why a packet was not relayed.
    PacketDrop {
        /// Not from the peer that the port belongs to.
        ForeignSource = "foreign",
        /// Not RTP, RTCP or UDPTL, or broken.
        Malformed = "malformed",
        /// From the peer's host, before its address is learnt.
        Learning = "learning",
        /// From the peer's address, of another source than the present one.
        Ssrc = "ssrc",
        /// Its number is far from those of its stream.
        Sequence = "sequence",
        /// The other side's port is not known yet.
        Unpaired = "unpaired",
        /// The other side holds.
        Held = "held",
        /// The other side's address is not known.
        NoPeer = "no-address",
        /// The system did not take it.
        Overflow = "unsent",
        /// SRTP whose tag is wrong, or no SRTP.
        Unauthentic = "unauthentic",
        /// SRTP that came before.
        Replayed = "replayed",
        /// Something of ours was played in its place.
        Replaced = "replaced",
        /// The handshake of DTLS is not done.
        Unkeyed = "unkeyed",
        /// Checks of ICE ended.
        Consent = "consent",
        /// More checks of ICE than are answered.
        Rate = "rate",
    }
}

impl Outcome {
    /// By the final status that ended the attempt; anything that is no final status counts as `failed`.
    pub const fn from_status(status: u16) -> Self {
        match status {
            200..=299 => Self::Answered,
            486 | 600 => Self::Busy,
            408 | 480 => Self::NoAnswer,
            487 => Self::Cancelled,
            300..=499 | 601..=699 => Self::Rejected,
            _ => Self::Failed,
        }
    }
}
