//! An INVITE that wants to take the place of another call's leg (RFC 3891): refused, for it would move a call
//! from one leg to another while it is billed. Ignored it would be a call of its own, which nobody meant.

use call::LegId;
use sip::flow::Flow;
use sip::transaction::ServerId;
use sip::{Message, Name};
use units::Now;

use crate::leg::Leg;
use crate::node::Node;

/// Which dialog is meant (§6.1).
#[derive(Debug, PartialEq, Eq)]
struct Replaces<'a> {
    call_id: &'a str,
    /// Of whoever gets the INVITE: ours.
    to_tag: &'a str,
    from_tag: &'a str,
}

impl<'a> Replaces<'a> {
    /// None if it names no dialog.
    fn read(value: &'a str) -> Option<Self> {
        let mut parts = value.split(';').map(str::trim);
        let mut named = Self { call_id: parts.next()?, to_tag: "", from_tag: "" };
        for (name, value) in parts.filter_map(|part| part.split_once('=')) {
            let place = match name.trim() {
                name if name.eq_ignore_ascii_case("to-tag") => &mut named.to_tag,
                name if name.eq_ignore_ascii_case("from-tag") => &mut named.from_tag,
                _ => continue,
            };
            if !place.is_empty() {
                return None;
            }
            *place = value.trim();
        }
        let is_whole = !named.call_id.is_empty() && !named.to_tag.is_empty() && !named.from_tag.is_empty();
        is_whole.then_some(named)
    }
}

impl Node {
    /// 603 if the dialog is one of who asks, 481 if it is nobody's or somebody else's (§3), 400 if the header
    /// names none.
    pub(super) fn refuse_replaces(&mut self, now: Now, id: ServerId, flow: Flow, message: &Message) {
        let replaces = message.header(Name::Replaces).and_then(Replaces::read);
        let status = match replaces {
            None => 400,
            Some(replaces) if self.is_own_dialog(now, flow, &replaces) => 603,
            Some(_) => 481,
        };
        self.decline(now, id, message, status);
    }

    fn is_own_dialog(&mut self, now: Now, flow: Flow, replaces: &Replaces<'_>) -> bool {
        let Some((at, leg)) = self.sip.by_tag(replaces.to_tag) else { return false };
        let Some(mut slot) = self.calls.take(at) else { return false };
        let mut is_own = false;
        self.on_leg(now, &mut slot, leg, |leg, cx| {
            let Leg::Sip(leg) = leg else { return };
            let is_named = leg
                .dialog()
                .is_some_and(|dialog| dialog.matches(replaces.call_id, replaces.to_tag, replaces.from_tag));
            is_own = leg.id == LegId::Caller && is_named && leg.is_peer(cx, flow.peer.ip());
        });
        self.calls.put(slot);
        is_own
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dialog_is_named_by_all_three() {
        let read = Replaces::read;
        let whole = Replaces { call_id: "a@b", to_tag: "1", from_tag: "2" };
        assert_eq!(read("a@b;to-tag=1;from-tag=2"), Some(whole));
        assert!(read("a@b ; From-Tag=2;early-only; TO-TAG = 1 ").is_some());
        for broken in [
            "",
            "a@b",
            "a@b;to-tag=1",
            "a@b;to-tag=1;from-tag=",
            ";to-tag=1;from-tag=2",
            "a;to-tag=1;to-tag=3;from-tag=2",
        ] {
            assert_eq!(read(broken), None, "{broken}");
        }
    }
}
