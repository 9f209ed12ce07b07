//! Who is told of the calls and the messages of SIP accounts (RFC 6665): states of dialogs (RFC 4235) for the
//! lamps of phones, and messages that wait (RFC 3842). Without messages of SIP: `leg/sip/subscribe.rs`
//! speaks.
//!
//! A body is always the full state, so nothing has to be remembered of what was told before. Invariants: a
//! subscription has at most one NOTIFY under way, and one a second; of calls that nobody watches nothing is
//! kept.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use call::LegId;
use route::GateId;
use sip::dialog::Dialog;
use sip::flow::Flow;
use units::{Number, Tick};

use crate::ids::CallRef;
use crate::leg::Party;
use crate::slot::Slot;

/// Subscriptions of a shard, and of one SIP account.
const SUBSCRIPTIONS_MAX: usize = 16_384;
const PER_ACCOUNT_MAX: usize = 64;
/// Calls in one body: a phone has fewer.
const CALLS_MAX: usize = 16;
/// Between two NOTIFYs (RFC 4235 §3.10).
const PAUSE_MS: u64 = 1_000;

/// What is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Package {
    /// The calls of a SIP account.
    Dialog,
    /// Messages that wait for it. There is no voicemail: none.
    MessageSummary,
}

/// One subscription.
#[derive(Debug)]
pub(crate) struct Subscription {
    pub package: Package,
    /// The `id` of its Event, which comes back with every NOTIFY.
    pub id: Option<Box<str>>,
    /// Who subscribed.
    pub subscriber: GateId,
    /// Whose calls or messages.
    pub watched: GateId,
    /// The same as a URI.
    pub entity: Box<str>,
    pub dialog: Dialog,
    /// The way by which it subscribed, and by which it is told.
    pub flow: Flow,
    pub until: Tick,
    /// Number of the next body (RFC 4235 §4.1).
    pub version: u32,
    /// A NOTIFY waits for its answer.
    pub is_out: bool,
    /// There is something to tell, from then on.
    pub due: Tick,
    /// Nothing is told sooner.
    pub rests_until: Tick,
}

/// What a lamp shows of one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Lamp {
    watched: GateId,
    is_caller: bool,
    state: &'static str,
    /// Whom it calls. Who calls it is not told: that number may be withheld.
    called: Option<Number>,
}

/// All subscriptions of a shard.
#[derive(Debug, Default)]
pub(crate) struct Subscriptions {
    all: BTreeMap<u64, Subscription>,
    /// When to do something about which.
    wakes: BTreeSet<(Tick, u64)>,
    /// Calls of SIP accounts that somebody watches.
    lamps: BTreeMap<CallRef, Vec<Lamp>>,
    /// By SIP account, how many watch its calls.
    watched: BTreeMap<GateId, u32>,
    last: u64,
}

// === impl Package ===

impl Package {
    /// By the first word of an Event header.
    pub(crate) fn named(event: &str) -> Option<Self> {
        match event {
            "dialog" => Some(Self::Dialog),
            "message-summary" => Some(Self::MessageSummary),
            _ => None,
        }
    }

    /// As Event has it.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Dialog => "dialog",
            Self::MessageSummary => "message-summary",
        }
    }

    /// The type of its bodies.
    pub(crate) const fn content_type(self) -> &'static str {
        match self {
            Self::Dialog => "application/dialog-info+xml",
            Self::MessageSummary => "application/simple-message-summary",
        }
    }
}

// === impl Subscription ===

impl Subscription {
    fn wake(&self) -> Tick {
        if self.is_out { self.until } else { self.until.min(self.due) }
    }
}

// === impl Subscriptions ===

impl Subscriptions {
    /// Whether one more of this SIP account has room.
    pub(crate) fn has_room(&self, subscriber: GateId) -> bool {
        let own = || self.all.values().filter(|it| it.subscriber == subscriber).count();
        self.all.len() < SUBSCRIPTIONS_MAX && own() < PER_ACCOUNT_MAX
    }

    /// Adds one, which is told at once; its key, and whether it is the first to watch the calls of its SIP
    /// account: then [`Self::note`] wants to see every call.
    pub(crate) fn add(&mut self, now: Tick, mut subscription: Subscription) -> (u64, bool) {
        self.last += 1;
        let mut is_first = false;
        if subscription.package == Package::Dialog {
            let watchers = self.watched.entry(subscription.watched).or_default();
            *watchers += 1;
            is_first = *watchers == 1;
        }
        subscription.due = now;
        self.wakes.insert((subscription.wake(), self.last));
        self.all.insert(self.last, subscription);
        (self.last, is_first)
    }

    /// The one of a dialog of this SIP account.
    pub(crate) fn find(&self, subscriber: GateId, call_id: &str, local_tag: &str) -> Option<u64> {
        let is_it = |it: &Subscription| {
            it.subscriber == subscriber
                && it.dialog.call_id() == call_id
                && it.dialog.local_tag() == local_tag
        };
        self.all.iter().find(|(_, it)| is_it(it)).map(|(key, _)| *key)
    }

    /// Changes one, if it is still there.
    pub(crate) fn change<T>(&mut self, key: u64, change: impl FnOnce(&mut Subscription) -> T) -> Option<T> {
        let subscription = self.all.get_mut(&key)?;
        self.wakes.remove(&(subscription.wake(), key));
        let changed = change(subscription);
        self.wakes.insert((subscription.wake(), key));
        Some(changed)
    }

    /// Has it told what there is, now.
    pub(crate) fn tell(&mut self, now: Tick, key: u64) {
        self.change(key, |it| it.due = now);
    }

    /// A NOTIFY goes out.
    pub(crate) fn told(&mut self, now: Tick, key: u64) {
        self.change(key, |it| {
            it.is_out = true;
            it.rests_until = now.plus_ms(PAUSE_MS);
            it.due = Tick::NEVER;
            it.version = it.version.wrapping_add(1);
        });
    }

    /// The NOTIFY was answered: what changed meanwhile is told when the pause is over.
    pub(crate) fn answered(&mut self, key: u64) {
        self.change(key, |it| it.is_out = false);
    }

    /// Ends one.
    pub(crate) fn remove(&mut self, key: u64) -> Option<Subscription> {
        let gone = self.all.remove(&key)?;
        self.wakes.remove(&(gone.wake(), key));
        if gone.package == Package::Dialog
            && let Some(watchers) = self.watched.get_mut(&gone.watched)
        {
            *watchers -= 1;
            if *watchers == 0 {
                self.watched.remove(&gone.watched);
                self.lamps.retain(|_, lamps| {
                    lamps.retain(|lamp| lamp.watched != gone.watched);
                    !lamps.is_empty()
                });
            }
        }
        Some(gone)
    }

    /// Those whose phone, or whose SIP account, is gone.
    pub(crate) fn drop_where(&mut self, is_gone: impl Fn(&Subscription) -> bool) {
        let gone: Vec<u64> =
            self.all.iter().filter(|(_, subscription)| is_gone(subscription)).map(|(key, _)| *key).collect();
        gone.into_iter().for_each(|key| _ = self.remove(key));
    }

    /// One by its key.
    pub(crate) fn look(&self, key: u64) -> Option<&Subscription> {
        self.all.get(&key)
    }

    /// Any of them.
    pub(crate) fn first(&self) -> Option<u64> {
        self.all.keys().next().copied()
    }

    /// When one wants to be looked at.
    pub(crate) fn deadline(&self) -> Tick {
        self.wakes.first().map_or(Tick::NEVER, |(at, _)| *at)
    }

    /// One that wants to be looked at.
    pub(crate) fn due(&self, now: Tick) -> Option<(u64, &Subscription)> {
        let (_, key) = self.wakes.first().filter(|(at, _)| *at <= now)?;
        Some((*key, self.all.get(key)?))
    }

    /// Whether anybody watches calls.
    pub(crate) fn watch_calls(&self) -> bool {
        !self.watched.is_empty()
    }

    /// A call may have changed: who watches one of its sides is told.
    pub(crate) fn note(&mut self, now: Tick, slot: &Slot) {
        let mut lamps = lamps(slot);
        lamps.retain(|lamp| self.watched.contains_key(&lamp.watched));
        let before = self.lamps.get(&slot.me).map_or(&[][..], Vec::as_slice);
        if before == lamps {
            return;
        }
        let both = before.iter().chain(&lamps).map(|lamp| lamp.watched);
        let changed: BTreeSet<GateId> = both.collect();
        if lamps.is_empty() {
            self.lamps.remove(&slot.me);
        } else {
            self.lamps.insert(slot.me, lamps);
        }
        let keys: Vec<u64> = self
            .all
            .iter()
            .filter(|(_, it)| it.package == Package::Dialog && changed.contains(&it.watched))
            .map(|(key, _)| *key)
            .collect();
        for key in keys {
            self.change(key, |it| it.due = it.due.min(it.rests_until.max(now)));
        }
    }

    /// The body of a NOTIFY.
    pub(crate) fn body(&self, subscription: &Subscription) -> String {
        match subscription.package {
            Package::Dialog => self.dialogs(subscription),
            Package::MessageSummary => {
                format!("Messages-Waiting: no\r\nMessage-Account: {}\r\n", subscription.entity)
            }
        }
    }

    /// RFC 4235 §4. Nothing in it is text from outside.
    fn dialogs(&self, subscription: &Subscription) -> String {
        let Subscription { version, entity, watched, .. } = subscription;
        let mut text = format!(
            "<?xml version=\"1.0\"?>\r\n<dialog-info xmlns=\"urn:ietf:params:xml:ns:dialog-info\" version=\"{version}\" state=\"full\" \
             entity=\"{entity}\">\r\n"
        );
        let own = self.lamps.iter().flat_map(|(at, lamps)| lamps.iter().map(move |lamp| (at, lamp)));
        for (at, lamp) in own.filter(|(_, lamp)| lamp.watched == *watched).take(CALLS_MAX) {
            let direction = if lamp.is_caller { "initiator" } else { "recipient" };
            let CallRef { slot, generation } = at;
            // Writing to a String cannot fail.
            let _ = write!(
                text,
                "<dialog id=\"{slot}-{generation}-{direction}\" direction=\"{direction}\"><state>{}</state>",
                lamp.state
            );
            if let Some(called) = &lamp.called {
                let _ = write!(text, "<remote><identity>tel:+{called}</identity></remote>");
            }
            text.push_str("</dialog>\r\n");
        }
        text.push_str("</dialog-info>\r\n");
        text
    }
}

/// What the lamps of the SIP accounts at the ends of a call show; nothing once it is over.
fn lamps(slot: &Slot) -> Vec<Lamp> {
    let mut lamps: Vec<Lamp> = Vec::new();
    if slot.call.is_over() {
        return lamps;
    }
    let state = match slot.call.state() {
        "answered" => "confirmed",
        "ringing" => "early",
        "routing" => "trying",
        _ => return lamps,
    };
    if let Some(gate) = slot.call.origin().gate().filter(|gate| gate.is_sip_account()) {
        lamps.push(Lamp { watched: gate.id, is_caller: true, state, called: slot.call.number() });
    }
    let is_talking = slot.call.is_talking();
    for leg in &slot.carriers {
        let Party::Contact(callee, _) = leg.party() else { continue };
        let has_lost = is_talking && leg.id() != slot.called();
        if leg.is_gone() || has_lost || matches!(leg.id(), LegId::Caller) {
            continue;
        }
        let state = if is_talking { "confirmed" } else { "early" };
        let lamp = Lamp { watched: callee.account.id, is_caller: false, state, called: None };
        // Several phones of one account ring as one.
        if !lamps.contains(&lamp) {
            lamps.push(lamp);
        }
    }
    lamps
}
