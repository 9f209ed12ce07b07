//! Causes of Q.850 and reasons of H.225.0 (table 5), and both with SIP statuses (RFC 3398 §7.2.4.1,
//! §8.2.6.1).

use crate::asn1::h225::ReleaseCompleteReason as Reason;
use units::Cause;

/// The cause of a Release Complete that has no cause element. Without a reason either, normal clearing.
pub fn of_reason(reason: Option<&Reason>) -> Cause {
    let Some(reason) = reason else { return Cause::NORMAL };
    Cause(match reason {
        Reason::NoBandwidth => 34,
        Reason::GatekeeperResources => 47,
        Reason::UnreachableDestination => 3,
        Reason::DestinationRejection => 16,
        Reason::InvalidRevision => 88,
        Reason::NoPermission => 111,
        Reason::UnreachableGatekeeper => 38,
        Reason::GatewayResources => 42,
        Reason::BadFormatAddress => 28,
        Reason::AdaptiveBusy => 41,
        Reason::InConf => 17,
        Reason::FacilityCallDeflection => 16,
        Reason::CalledPartyNotRegistered => 20,
        Reason::NewConnectionNeeded => 47,
        Reason::NonStandardReason(_) | Reason::TunnelledSignallingRejected => 127,
        Reason::UndefinedReason
        | Reason::SecurityDenied
        | Reason::CallerNotRegistered
        | Reason::ReplaceWithConferenceInvite(_)
        | Reason::GenericDataReason
        | Reason::NeededFeatureNotSupported
        | Reason::InvalidCID
        | Reason::SecurityError(_)
        | Reason::HopCountExceeded
        | Reason::UnknownExtension(..) => 31,
    })
}

/// The reason that goes with a cause.
pub const fn reason(cause: Cause) -> Reason {
    match cause.0 {
        3 | 1 => Reason::UnreachableDestination,
        16 | 18 | 19 | 21 => Reason::DestinationRejection,
        17 => Reason::InConf,
        20 => Reason::CalledPartyNotRegistered,
        28 => Reason::BadFormatAddress,
        34 => Reason::NoBandwidth,
        41 => Reason::AdaptiveBusy,
        42 | 47 => Reason::GatewayResources,
        88 => Reason::InvalidRevision,
        _ => Reason::UndefinedReason,
    }
}

/// The SIP status that a cause stands for.
pub const fn sip_status(cause: Cause) -> u16 {
    match cause.0 {
        1 | 2 | 3 | 26 => 404,
        17 => 486,
        18 => 408,
        21 | 55 | 57 | 87 => 403,
        22 => 410,
        27 => 502,
        28 => 484,
        29 | 79 => 501,
        34 | 38 | 41 | 42 | 47 | 58 | 88 => 503,
        65 | 70 => 488,
        102 => 504,
        111 | 127 => 500,
        _ => 480,
    }
}

/// The cause that a SIP status stands for toward an H.323 side.
pub const fn of_sip(status: u16) -> Cause {
    Cause(match status {
        400 | 481 | 500 | 503 => 41,
        401 | 402 | 403 | 407 | 603 => 21,
        404 | 604 | 485 => 1,
        405 => 63,
        406 | 415 | 501 => 79,
        408 | 504 => 102,
        410 => 22,
        480 => 18,
        482 | 483 => 25,
        484 => 28,
        486 | 600 => 17,
        487 => 16,
        488 | 606 => 65,
        502 => 38,
        _ => 127,
    })
}
