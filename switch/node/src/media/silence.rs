//! What the relay tells: ports that cannot be opened, sides that fell silent, and what passed through an
//! endpoint that is closed.

use call::{Event, LegId};
use media::relay::{EndpointId, MediaCommand, MediaEvent, StreamKind};
use rating::Cdr;
use units::{Now, Tick};
use voice::FirstSound;

use super::reports::Ending;
use super::sides::{CallMedia, EarlyMedia, LegMedia};
use crate::AdminRequest;
use crate::ids::id_in_run;
use crate::io::Output;
use crate::node::Node;
use crate::slot::Slot;

/// A side of an answered call whose media ended.
#[derive(Debug, Clone, Copy)]
struct Heard {
    /// It should send all the time: it neither holds nor may be silent.
    is_expected: bool,
    /// Its last packet.
    last: Option<Tick>,
}

// === impl Node ===

impl Node {
    pub(crate) fn media_event(&mut self, now: Now, event: MediaEvent) {
        match event {
            MediaEvent::OpenFailed { endpoint } => self.open_failed(now, endpoint),
            MediaEvent::Silent { endpoint, last, last_of_other } => {
                self.fell_silent(now, endpoint, (last, last_of_other))
            }
            MediaEvent::NotRecorded { endpoint } => self.not_recorded(endpoint),
            MediaEvent::Digit { endpoint, digit } => self.digit_heard(now, endpoint, digit),
            MediaEvent::FirstSound { endpoint, sound } => self.first_sound_heard(now, endpoint, sound),
            MediaEvent::Played { endpoint } => self.play_ended(now, endpoint),
            MediaEvent::Secured { .. } => {}
            MediaEvent::SecureFailed { endpoint, why } => self.secure_failed(now, endpoint, why),
            MediaEvent::Closed { endpoint, report } => {
                self.media.closed(now.tick, endpoint);
                if let Some(media) = self.media_of(endpoint) {
                    media.heard_before(endpoint, &report);
                }
                if let Some(ending) = self.media.unreported.report(endpoint, &report) {
                    self.write_ending(ending);
                }
            }
        }
    }

    pub(super) fn media_of(&mut self, endpoint: EndpointId) -> Option<&mut CallMedia> {
        let at = *self.calls.by_id.get(&endpoint.call)?;
        self.calls.slots.look_mut(at)?.media.as_deref_mut()
    }

    /// Another pair of ports is tried once, as long as its side was not told of the first. Else the call
    /// ends, or, with a called side's ports, that attempt.
    fn open_failed(&mut self, now: Now, endpoint: EndpointId) {
        if let Some(ours) = self.media.not_opened(now.tick, endpoint) {
            tracing::warn!(%ours, "a pair of media ports cannot be opened: is it another program's, or are there too few descriptors?");
        }
        let Some(&at) = self.calls.by_id.get(&endpoint.call) else { return };
        let Some(mut slot) = self.calls.take(at) else { return };
        let failed = slot.media.as_deref_mut().and_then(|media| {
            let leg = media.leg_of(endpoint)?;
            let side = media.side_mut(leg)?;
            side.endpoint = None;
            Some((leg, side.is_told || side.has_failed))
        });
        let ends = match failed {
            None => None,
            Some((LegId::Carrier(attempt), _)) => Some(Event::NoMediaOf { attempt }),
            Some((leg, false)) if self.reopen(now, &mut slot, leg).is_ok() => None,
            Some(_) => Some(Event::NoMedia),
        };
        self.calls.put(slot);
        if let Some(event) = ends {
            self.drive(now, at, event);
        }
    }

    /// Nothing passes to a side whose handshake failed: its call ends, or, with a called side that did not
    /// answer yet, that attempt.
    fn secure_failed(&mut self, now: Now, endpoint: EndpointId, why: &str) {
        let Some(&at) = self.calls.by_id.get(&endpoint.call) else { return };
        let Some(slot) = self.calls.slots.look(at) else { return };
        let Some(leg) = slot.media.as_deref().and_then(|media| media.leg_of(endpoint)) else { return };
        let peer = slot.leg(leg).map(crate::leg::Leg::source);
        tracing::warn!(call = %slot.call.id(), ?peer, why, "the handshake of DTLS failed: no sound passes, so the call ends");
        let event = match (slot.call.answered(), leg) {
            (None, LegId::Carrier(attempt)) => Event::NoMediaOf { attempt },
            _ => Event::NoMedia,
        };
        self.drive(now, at, event);
    }

    fn fell_silent(
        &mut self,
        now: Now,
        endpoint: EndpointId,
        (last, of_other): (Option<Tick>, Option<Tick>),
    ) {
        let Some(&at) = self.calls.by_id.get(&endpoint.call) else { return };
        let Some(slot) = self.calls.slots.look(at) else { return };
        let (Some(answered), Some(media)) = (slot.call.answered(), slot.media.as_deref()) else { return };
        let Some(leg) = media.leg_of(endpoint) else { return };
        let other = slot.opposite(leg);
        let heard = |leg, last| Heard { is_expected: media.side(leg).is_some_and(is_expected), last };
        let (silent, other) = (heard(leg, last), heard(other, of_other));
        let until = match leg {
            LegId::Caller => {
                billed_until(now.tick, (answered.tick, media.timeout_ms), (silent, true), (other, false))
            }
            LegId::Carrier(_) => {
                billed_until(now.tick, (answered.tick, media.timeout_ms), (other, false), (silent, true))
            }
        };
        self.drive(now, at, Event::MediaEnded { billed_until: until });
    }

    /// The record of a call: at once, or when the relay has told what passed.
    pub(crate) fn end_media(&mut self, now: Now, slot: &mut Slot, mut ending: Ending) {
        let Some(media) = slot.media.take() else { return self.write_ending(ending) };
        note_addresses(&media, slot.called(), &mut ending.cdr);
        ending.is_voice = is_voice(&media, slot.called());
        ending.cdr.transcoded = Some(media.was_transcoded);
        ending.rings_on = media.first_sound == Some(FirstSound::Ringback);
        ending.cdr.recording = media.recording.as_deref().map(str::to_owned);
        for endpoint in media.endpoints() {
            self.outputs.push_back(Output::Media(MediaCommand::Close { endpoint }));
        }
        let of = |leg: LegId| Some((media.side(leg)?.endpoint?, leg == LegId::Caller));
        let early = media.early.as_deref().filter(|_| media.side(slot.called()).is_none());
        let called = match early {
            Some(EarlyMedia { report: Some(report), .. }) => {
                ending.take(false, report);
                None
            }
            Some(early) => Some((early.endpoint, false)),
            None => of(slot.called()),
        };
        let waits_for = [of(LegId::Caller), called].into_iter().flatten();
        let id = id_in_run(slot.call.id());
        if let Some(ending) = self.media.unreported.wait(now, id, ending, waits_for) {
            self.write_ending(ending);
        }
    }

    fn write_ending(&mut self, mut ending: Ending) {
        ending.rate(&mut self.counters);
        let Ending { call, cdr, live, transfers, .. } = ending;
        self.settled_record(live, call, *cdr, transfers);
    }

    /// Whoever reads or closes the books reads all that is settled.
    pub(crate) fn complete_books_for(&mut self, request: &AdminRequest) {
        if request.writes() || matches!(request, AdminRequest::Posted(_) | AdminRequest::Trial) {
            self.write_unreported(Tick::NEVER);
        }
    }

    /// Writes the records whose wait ends by `until`, without what is not reported.
    pub(crate) fn write_unreported(&mut self, until: Tick) {
        while let Some(ending) = self.media.unreported.poll_late(until) {
            self.write_ending(ending);
        }
    }
}

/// Neither side sends fax.
fn is_voice(media: &CallMedia, called: LegId) -> bool {
    let kind = |leg| media.side(leg).and_then(|side| Some(side.peer.as_ref()?.kind));
    [LegId::Caller, called].into_iter().all(|leg| kind(leg) != Some(StreamKind::Udptl))
}

fn is_expected(side: &LegMedia) -> bool {
    side.peer.as_ref().is_some_and(|peer| peer.sends)
}

/// Where media was to come from; the relay's report knows better. Of a call that nobody answered the called
/// side is the one that was heard last.
fn note_addresses(media: &CallMedia, called: LegId, cdr: &mut Cdr) {
    let said = |leg| Some(media.side(leg)?.peer.as_ref()?.rtp?.ip());
    let early = || media.early.as_deref()?.said;
    cdr.media_ip_a = said(LegId::Caller);
    cdr.media_ip_b = if media.side(called).is_some() { said(called) } else { early() };
}

/// Until when a call is billed whose media ended: the called side silent: to its last packet; only the
/// caller: to the end; both: to the later of both last packets. Who never sent since the answer is silent
/// from the answer. Each side comes with whether its silence is what ended the call; the other is silent
/// too if it should have sent and did not for half of that time.
fn billed_until(
    now: Tick,
    (answered, timeout_ms): (Tick, u32),
    caller: (Heard, bool),
    called: (Heard, bool),
) -> Tick {
    let last = |heard: Heard| heard.last.unwrap_or(answered).clamp(answered, now.max(answered));
    let is_silent = |(heard, is_told): (Heard, bool)| {
        heard.is_expected && (is_told || now.ms_since(last(heard)) >= u64::from(timeout_ms) / 2)
    };
    match (is_silent(caller), is_silent(called)) {
        (true, true) => last(caller.0).max(last(called.0)),
        (false, true) => last(called.0),
        (_, false) => now,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The contract's three cases and their borders; times in seconds, of a call answered at 100 that ends at
    /// 160 by a time-out of 60.
    #[test]
    fn billed_time_of_a_call_that_silence_ended() {
        let side = |last: Option<u64>, is_told: bool| {
            (Heard { is_expected: true, last: last.map(|s| Tick(s * 1_000_000)) }, is_told)
        };
        let holds = |last: Option<u64>| (Heard { is_expected: false, ..side(last, false).0 }, false);
        for (caller, called, until, case) in [
            (side(Some(160), false), side(Some(100), true), 100, "the called side, at once"),
            (side(Some(159), false), side(Some(112), true), 112, "the called side alone"),
            (side(Some(110), true), side(Some(160), false), 160, "the caller alone"),
            (side(Some(110), true), side(Some(111), false), 111, "both"),
            (side(Some(113), false), side(Some(110), true), 113, "both, the called side told"),
            (side(None, false), side(None, true), 100, "nobody ever sent"),
            (side(Some(50), false), side(Some(60), true), 100, "both before the answer only"),
            (side(Some(131), false), side(Some(110), true), 110, "the caller sent within half the time"),
            (holds(Some(101)), side(Some(120), true), 120, "who holds is not silent"),
            (side(Some(120), true), holds(None), 160, "a called side that holds is not silent"),
            (holds(None), holds(None), 160, "the end of a long hold"),
        ] {
            let [answered, now] = [100, 160].map(|s: u64| Tick(s * 1_000_000));
            assert_eq!(
                billed_until(now, (answered, 60_000), caller, called),
                Tick(until * 1_000_000),
                "{case}"
            );
        }
    }
}
