//! What is said of sessions in early dialogs, before the call is answered, and why offers are refused.

use std::sync::Arc;

use media::Session;

/// Why an offer in mid-call is not answered with a session.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum OfferRefusal {
    /// Another exchange is open on that side: to be tried again.
    Pending,
    /// Nothing in it can be taken.
    NotAcceptable,
    /// The other side did not answer in time, and is lost.
    Timeout,
    /// The other side knows of no such call.
    Gone,
    /// The other side's own word, by its protocol's number, passed on and never interpreted.
    AsTold(u16),
}

/// What a side tells.
#[derive(Debug)]
pub enum EarlyEvent {
    /// It offers a changed session; answered by [`EarlyAction::AnswerOffer`] or [`EarlyAction::RefuseOffer`].
    Offer(Arc<Session>),
    /// The caller's answer to the first offer of a phone, which it was told in a provisional response; `None`
    /// is a fault of the peer.
    Answer(Option<Arc<Session>>),
}

/// What is to be done.
#[derive(Debug)]
pub enum EarlyAction {
    /// Offer a changed session; answer with [`Event::OfferAnswered`](crate::Event::OfferAnswered).
    Offer(Arc<Session>),
    /// Answer the offer of this side.
    AnswerOffer(Arc<Session>),
    /// Refuse the offer of this side.
    RefuseOffer(OfferRefusal),
    /// It took an offer of which nothing came: tell it that what was agreed before holds.
    Restore,
    /// Acknowledge the first offer of the phone with this answer.
    Acknowledge(Arc<Session>),
}
