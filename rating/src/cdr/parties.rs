//! The fixed words of a record about its two ends. A word of a later version reads as unknown, not as a
//! broken record.

use serde::{Deserialize, Serialize};

/// Which way a call goes. Records of before know one way only.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// From a customer to carriers.
    #[default]
    Outbound,
    /// From a carrier to a number of ours.
    Inbound,
    /// From a customer to a number of ours, its own or another customer's.
    Internal,
    /// Of a later version.
    #[serde(other)]
    Unknown,
}

/// What calls or is called. Records of before know gates and carriers only.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PartyKind {
    /// A customer's addresses.
    #[default]
    Gate,
    /// A customer's agent with credentials.
    SipAccount,
    /// Who carries calls out and brings calls in.
    Carrier,
    /// A SIP URI elsewhere.
    Uri,
    /// A prompt of ours.
    Announcement,
    /// A mailbox of ours.
    Voicemail,
    /// Of a later version.
    #[serde(other)]
    Unknown,
}

/// How a leg is signalled. Records of before know one protocol only.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Protocol {
    /// RFC 3261.
    #[default]
    Sip,
    /// ITU-T H.323.
    H323,
    /// Of a later version.
    #[serde(other)]
    Unknown,
}

// === impl Direction ===

impl Direction {
    /// As in the record.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Outbound => "outbound",
            Self::Inbound => "inbound",
            Self::Internal => "internal",
            Self::Unknown => "unknown",
        }
    }
}

// === impl PartyKind ===

impl PartyKind {
    /// As in the record.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Gate => "gate",
            Self::SipAccount => "sip_account",
            Self::Carrier => "carrier",
            Self::Uri => "uri",
            Self::Announcement => "announcement",
            Self::Voicemail => "voicemail",
            Self::Unknown => "unknown",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_those_of_the_record() {
        for direction in [Direction::Outbound, Direction::Inbound, Direction::Internal] {
            assert_eq!(serde_json::to_value(direction).expect("JSON"), direction.as_str());
        }
        let kinds = [
            PartyKind::Gate,
            PartyKind::SipAccount,
            PartyKind::Carrier,
            PartyKind::Uri,
            PartyKind::Announcement,
            PartyKind::Voicemail,
        ];
        for kind in kinds {
            assert_eq!(serde_json::to_value(kind).expect("JSON"), kind.as_str());
        }
        assert_eq!(serde_json::to_value(Protocol::H323).expect("JSON"), "h323");
        assert_eq!(
            serde_json::from_str::<PartyKind>("\"satellite\"").expect("of a later version"),
            PartyKind::Unknown
        );
    }
}
