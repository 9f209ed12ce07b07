//! Who may call, where calls go and in which order carriers are tried: gates, numbers, routes, carriers,
//! health, plans.
//!
//! Pure values and pure functions: no clock, no socket, no file. Tables are immutable once built; only
//! `Health`, `RateLimiter` and a `CarrierSlots` change, and they are handed the time.
#![forbid(unsafe_code)]

pub mod carrier;
pub mod cidr;
mod credentials;
pub mod gate;
mod h323;
pub mod health;
pub mod hunt;
mod identity;
pub mod limiter;
mod login;
mod media_path;
pub mod names;
pub mod number;
mod our_number;
pub mod plan;
mod profile;
pub mod rows;
pub mod slots;
mod status_set;
pub mod table;
pub mod target;
pub mod translate;

pub use carrier::{Carrier, CarrierSpec, Carriers};
pub use cidr::{Cidr, CidrError, CidrIndex};
pub use credentials::{Credentials, Secret};
pub use gate::{Gate, GateKind, GateSpec, Gates, ReplyTo};
pub use h323::{H323Dtmf, H323Terms, Protocols, UnknownDtmf};
pub use health::{Health, PAUSE_SECS_MAX, Standing};
pub use hunt::{AttemptEnd, Final, Next, best_final};
pub use identity::{IdentityForm, IdentityPolicy, PrivacyPolicy, Verification};
pub use limiter::RateLimiter;
pub use login::{Ha1, Login, OfferedHashes};
pub use media_path::{CodecTerms, MediaPath, MediaTerms, Transcode};
pub use names::{BuildError, CarrierId, GateId};
pub use number::{Country, NumberRefused, Numbering, normalise};
pub use our_number::{NumberTarget, NumberTargetError, OurNumber, OurNumbers, UserUri, normalise_e164};
pub use plan::{Cost, Costs, LeftOut, Network, NoPlan, Plan, PlanRefusal, Sale, Step, plan};
pub use profile::{HEADERS_MAX, HeaderRules, RedirectHosts};
pub use rows::RowError;
pub use slots::{CarrierSlots, SlotTable};
pub use status_set::{StatusError, StatusSet};
pub use table::{
    CARRIERS_PER_ROUTE_MAX, CarrierOrder, Duplicate, ListError, Origin, Route, RouteTable, RouteTableBuilder,
};
pub use target::{Host, Target, TargetError, Transport};
pub use translate::{Rule, RuleError, Translations};

/// How a peer's session is kept alive and bounded (RFC 4028).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SessionTimer {
    /// Seconds offered in Session-Expires; 0: no session timer is asked for toward this peer.
    pub expires_secs: u32,
    /// Smallest interval accepted from the peer, Min-SE; at least 90.
    pub min_secs: u32,
}

impl Default for SessionTimer {
    fn default() -> Self {
        Self { expires_secs: 1_800, min_secs: 90 }
    }
}
