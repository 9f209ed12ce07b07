//! A called leg: its connection first, then its Setup.

use std::net::SocketAddr;

use call::LegId;
use h323::call::{Call, CallIds, Dial};
use h323::q931::{CallingParty, Presentation as H323Presentation, Screening, TypeOfNumber};
use route::AttemptEnd;

use super::calling::Calling;
use super::leg::{H323Leg, State};
use super::sessions;
use crate::leg::{Context, Dialling, LegEvent, Party, Presentation, Reached};

impl H323Leg {
    /// Calls a party; none without an address, or where what is offered has no word in H.245.
    pub(crate) fn dial(cx: &mut Context<'_>, dialling: Dialling) -> Option<Self> {
        let id = LegId::Carrier(dialling.attempt);
        let Reached::Addresses(addresses) = dialling.at else { return None };
        let mut addresses = addresses.into_iter();
        let at = addresses.next()?;
        let offered = dialling.session?;
        sessions::local(&offered)?;
        let party = Party::of_callee(&dialling.callee);
        let shown = Presentation::of(dialling.crossing.as_ref(), cx.call.shown(), party.identity());
        let drawn = |what| cx.gateways.drawn(cx.call.id, id, what);
        let pair = |high: u64, low: u64| (u128::from(high) << 64 | u128::from(low)).to_be_bytes();
        let ids = CallIds {
            reference: (drawn(0) as u16 & 0x7FFF).max(1),
            call_id: pair(drawn(1), drawn(2)),
            conference_id: pair(drawn(3), drawn(4)),
        };
        let signalling = cx.gateways.dial(at, (cx.call.at, id), ids.reference);
        let calling = Calling {
            terms: party.h323_terms(),
            called: dialling.callee.user(dialling.number.as_ref()),
            calling: calling_party(shown.number()),
            offered,
            at,
            others: addresses.collect(),
        };
        Some(Self {
            id,
            party,
            source: at.ip(),
            state: State::Calling,
            call: None,
            calling: Some(Box::new(calling)),
            ids,
            signalling,
            local: None,
            control: None,
            theirs: None,
            is_answered: false,
            is_heard: false,
            is_withheld: false,
            offering: None,
            is_held: false,
            before: None,
            user_agent: None,
        })
    }

    /// The connection stands: the Setup goes out.
    pub(crate) fn connected(&mut self, cx: &mut Context<'_>, local: SocketAddr) {
        let Some(calling) = self.calling.take() else { return };
        let Some(ours) = sessions::local(&calling.offered) else { return };
        self.local = Some(local);
        let (called, called_kind) = number(&calling.called);
        let dial = Dial {
            ids: self.ids,
            called,
            called_kind,
            calling: calling.calling,
            display: None,
            destination: calling.at,
            source: Some(local),
            local: ours,
            endpoint_id: None,
            seed: cx.gateways.drawn(cx.call.id, self.id, 5),
        };
        let settings = Self::settings(calling.terms);
        self.call = Some(Box::new(Call::outgoing(cx.now.tick, settings, &dial)));
        self.with_machine(cx, |_, _| {});
    }

    /// No connection came to be: the next address of its name, or the end of the attempt.
    pub(super) fn unreachable(&mut self, cx: &mut Context<'_>) {
        if self.is_gone() {
            return;
        }
        let whose = self.whose(cx);
        if let Some(calling) = self.calling.as_deref_mut()
            && !calling.others.is_empty()
        {
            calling.at = calling.others.remove(0);
            self.source = calling.at.ip();
            self.signalling = cx.gateways.dial(calling.at, whose, self.ids.reference);
            return;
        }
        self.state = State::Gone;
        cx.emit(self.id, LegEvent::Ended { end: AttemptEnd::Unreachable, cause: None });
    }
}

/// Who calls, as the element says it; a number that is not told is withheld.
fn calling_party(shown: Option<&str>) -> CallingParty {
    let screening = Some(Screening::UserNotScreened);
    match shown {
        Some(shown) => {
            let (digits, kind) = number(shown);
            let presentation = Some(H323Presentation::Allowed);
            CallingParty { kind, plan: 1, presentation, screening, digits }
        }
        None => CallingParty {
            presentation: Some(H323Presentation::Restricted),
            screening,
            plan: 1,
            ..CallingParty::default()
        },
    }
}

/// Digits, and what they are: with a `+` in front international.
fn number(text: &str) -> (String, TypeOfNumber) {
    let kind = if text.starts_with('+') { TypeOfNumber::International } else { TypeOfNumber::Unknown };
    (h323::call::dialled(text), kind)
}
