//! What is asked about a call that is not made, and what the answer is made of.

use ::route::{Carriers, Gate, Gates, Health, OurNumbers, RouteTable, SlotTable};
use rating::{CreditRefusal, Decks, Terms};
use units::{Cause, Currency, Money, Name, Now};
use web::documents::{RegistrationDoc, RouteDoc, RouteRefusedDoc};

/// A call that is not made.
pub(crate) struct Call<'a> {
    pub gate: &'a Gate,
    pub to: &'a str,
    pub from: Option<&'a str>,
    pub now: Now,
}

/// What the answer is made of.
pub(crate) struct Ground<'a> {
    /// `live` or `offline`.
    pub source: &'static str,
    pub carriers: &'a Carriers,
    pub routes: &'a RouteTable,
    pub decks: &'a Decks,
    pub gates: &'a Gates,
    pub numbers: &'a OurNumbers,
    pub health: &'a Health,
    pub slots: &'a SlotTable,
    /// The gate's account first, then those above it.
    pub holders: Vec<Holder>,
    /// Of a running node: why a call would be refused before anything else, what the first block would hold,
    /// and what is there.
    pub live: Option<Live>,
}

/// An account that pays.
pub(crate) struct Holder {
    pub name: Name,
    pub currency: Currency,
    pub terms: Terms,
}

/// What only a running node knows.
pub(crate) struct Live {
    pub unready: Option<RouteRefusedDoc>,
    pub credit: Option<Result<Money, CreditRefusal>>,
    pub available: Option<Money>,
    /// Where SIP accounts are.
    pub contacts: Vec<RegistrationDoc>,
}

/// The first reason counts.
pub(super) fn refuse(outlook: &mut RouteDoc, status: u16, cause: Cause, reason: String) {
    outlook.refused.get_or_insert(RouteRefusedDoc { status, cause: cause.0, reason });
}
