//! Addresses of a callee that say nothing (RFC 3263 §4.3): the next one is called, and whatever the silent
//! one says later is ended and charged. Invariant: all addresses together have the time that the callee has
//! for its first response.

use call::ReleaseReason;
use sip::flow::Flow;
use sip::transaction::ClientId;
use sip::{Message, Method};
use units::{Cause, Tick};

use super::leg::{LegState, SipLeg};
use crate::leg::{Context, LegEvent};

/// Least time of one address, milliseconds: a lossy path has its first repeat in it (T1, RFC 3261 §17.1.1.2).
const ADDRESS_MS_MIN: u64 = 1_000;

/// Until when an address may be silent: it has an equal part of what is left until `silent_until`, beside
/// `others`; `Tick::NEVER` if it is the last.
pub(super) fn address_until(now: Tick, silent_until: Tick, others: usize) -> Tick {
    if others == 0 {
        return Tick::NEVER;
    }
    let part_ms = silent_until.ms_since(now) / (others as u64 + 1);
    now.plus_ms(part_ms.max(ADDRESS_MS_MIN))
}

// === impl SipLeg ===

impl SipLeg {
    /// Something came from the address that is called: it has its own time from now on.
    pub(super) fn address_speaks(&mut self) {
        if let Some(outgoing) = self.outgoing_mut() {
            (outgoing.heard, outgoing.address_until) = (true, Tick::NEVER);
        }
    }

    /// The address that is called said nothing in its time: its INVITE is cancelled, the next address gets
    /// another under the next number, lest both be one server to which it is a repeat (RFC 3261 §8.2.2.2).
    pub(super) fn next_of_silent(&mut self, cx: &mut Context<'_>) {
        let LegState::Calling { invite } = self.state else { return };
        let Some(outgoing) = self.outgoing_mut() else { return };
        if outgoing.address_until > cx.now.tick {
            return;
        }
        outgoing.address_until = Tick::NEVER;
        outgoing.cseq += 1;
        if !self.dial_alternate(cx) {
            return;
        }
        cx.endpoint.layer.cancel(cx.now.tick, invite, None);
        self.given_up.get_or_insert_default().0.push(invite);
    }

    /// Whether a response is to an INVITE that another stands for, and what it means then.
    pub(super) fn given_up_response(
        &mut self,
        cx: &mut Context<'_>,
        client: ClientId,
        flow: Flow,
        response: &Message,
    ) -> bool {
        let status = response.status();
        if !self.given_up.as_deref().is_some_and(|given_up| given_up.0.contains(&client)) {
            return false;
        }
        if status < 200 {
            return true;
        }
        cx.endpoint.clients.remove(&client);
        self.given_up_ended(client);
        if status < 300 && response.cseq().1 == Method::Invite {
            cx.emit(self.id, LegEvent::AnsweredInVain);
            let why = ReleaseReason::cause(Cause::NORMAL);
            cx.ack_and_bye((client, &self.party), flow, response, why);
        }
        true
    }

    /// An INVITE that another stands for has its end; false if it is none of those.
    pub(super) fn given_up_ended(&mut self, client: ClientId) -> bool {
        let Some(given_up) = self.given_up.as_deref_mut() else { return false };
        let before = given_up.0.len();
        given_up.0.retain(|known| *known != client);
        let is_one = given_up.0.len() < before;
        if given_up.0.is_empty() {
            self.given_up = None;
        }
        is_one
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_share_the_time_of_the_first_response() {
        let start = Tick(7_000_000);
        let until = start.plus_ms(4_000);
        let table = [(0, None), (1, Some(2_000)), (3, Some(1_000)), (20, Some(1_000))];
        for (others, ms) in table {
            let expected = ms.map_or(Tick::NEVER, |ms| start.plus_ms(ms));
            assert_eq!(address_until(start, until, others), expected, "{others}");
        }
        // The second of three, after the first had its part.
        let second = start.plus_ms(1_000);
        assert_eq!(address_until(second, until, 1), second.plus_ms(1_500));
    }
}
