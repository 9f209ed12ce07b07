//! What operators ask of the node itself: where a call would go, how gates and carriers stand, another
//! configuration, the end, the log. The money is behind [`crate::Backend`].

use std::net::IpAddr;

use units::Wall;

use crate::backend::{Answer, BackendError};
use crate::documents::{
    BanDoc, CarrierDoc, CarrierStatementDoc, DrainDoc, GateDoc, LogDoc, RegistrationDoc, ReloadDoc, RouteDoc,
    TraceDoc, TraceNextDoc,
};

/// The running node as its operators see it.
pub trait Control: Send + Sync + 'static {
    /// The plan for a call, by the prices, balances and carriers of this moment.
    fn route(&self, ask: RouteAsk) -> Answer<RouteDoc>;
    /// All carriers in order of their names.
    fn carriers(&self) -> Answer<Vec<CarrierDoc>>;
    /// All gates in order of their names.
    fn gates(&self) -> Answer<Vec<GateDoc>>;
    /// Contacts of SIP accounts, in order of the accounts' names.
    fn registrations(&self) -> Answer<Vec<RegistrationDoc>>;
    /// Addresses that are locked out, in their order.
    fn bans(&self) -> Vec<BanDoc>;
    /// Lifts the ban of an address; false if there is none.
    fn lift_ban(&self, ip: IpAddr) -> bool;
    /// What a carrier charges: a page of it.
    fn carrier_statement(&self, ask: CarrierAsk) -> Answer<CarrierStatementPage>;
    /// Reads the configuration again; findings that prevent it are [`BackendError::Findings`].
    fn reload(&self) -> Answer<ReloadDoc>;
    /// Refuses new calls and ends the process with the last call, as SIGTERM does.
    fn drain(&self) -> Answer<DrainDoc>;
    /// The messages of a call by its id or a Call-ID; `None` if none is kept.
    fn trace(&self, id: String) -> Answer<Option<Trace>>;
    /// Waits for the next call of a gate or number, if one is named; what is waited for.
    fn trace_next(&self, of: Option<String>) -> Answer<TraceNextDoc>;
    /// What the log shows.
    fn log(&self) -> LogDoc;
    /// Changes what the log shows until the process ends; none goes back to what it began with.
    fn set_log(&self, filter: Option<String>) -> Result<LogDoc, BackendError>;
}

/// A call that is not made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RouteAsk {
    /// The gate that it would come from; empty if a carrier calls.
    pub gate: String,
    /// The carrier that it would come from.
    pub carrier: Option<String>,
    /// Called number as the customer would send it.
    pub to: String,
    /// Calling number.
    pub from: Option<String>,
    /// When; now if absent.
    pub at: Option<Wall>,
}

/// A call's messages, masked, for people and for Wireshark.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trace {
    /// As a document.
    pub document: TraceDoc,
    /// As a pcap file.
    pub pcap: Vec<u8>,
}

/// Which charges of a carrier.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CarrierAsk {
    /// The carrier.
    pub carrier: String,
    /// After this journal position.
    pub after: u64,
    /// At most so many.
    pub limit: usize,
}

/// A page of charges in journal order; a page may be short or empty though more follow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CarrierStatementPage {
    /// What the page says; its cursor is not set.
    pub document: CarrierStatementDoc,
    /// Journal position to go on after.
    pub next: Option<u64>,
}

/// Of a node that is not there: answers everything with 503.
pub(crate) struct NoControl;

fn none<T: Send + 'static>() -> Answer<T> {
    Box::pin(std::future::ready(Err(refusal())))
}

fn refusal() -> BackendError {
    BackendError::Unavailable("this service has no node to control".to_owned())
}

impl Control for NoControl {
    fn route(&self, _: RouteAsk) -> Answer<RouteDoc> {
        none()
    }

    fn carriers(&self) -> Answer<Vec<CarrierDoc>> {
        none()
    }

    fn gates(&self) -> Answer<Vec<GateDoc>> {
        none()
    }

    fn registrations(&self) -> Answer<Vec<RegistrationDoc>> {
        none()
    }

    fn bans(&self) -> Vec<BanDoc> {
        Vec::new()
    }

    fn lift_ban(&self, _: IpAddr) -> bool {
        false
    }

    fn carrier_statement(&self, _: CarrierAsk) -> Answer<CarrierStatementPage> {
        none()
    }

    fn reload(&self) -> Answer<ReloadDoc> {
        none()
    }

    fn drain(&self) -> Answer<DrainDoc> {
        none()
    }

    fn trace(&self, _: String) -> Answer<Option<Trace>> {
        none()
    }

    fn trace_next(&self, _: Option<String>) -> Answer<TraceNextDoc> {
        none()
    }

    fn log(&self) -> LogDoc {
        LogDoc { filter: String::new() }
    }

    fn set_log(&self, _: Option<String>) -> Result<LogDoc, BackendError> {
        Err(refusal())
    }
}
