//! What the call commands.

use super::fast_start::{self, FastStart};
use super::messages::Answer;
use super::state::{Call, Link, Phase, Role};
use crate::media::Local;
use crate::q931::{IeId, MessageType, Progress};
use units::Tick;

impl Call {
    /// Tells the caller that its call is being made.
    pub fn proceed(&mut self, now: Tick) {
        if self.role != Role::Callee || self.phase != Phase::Setup {
            return;
        }
        self.phase = Phase::Proceeding;
        let answer = self.early_answer();
        let body = self.call_proceeding(answer);
        self.send(MessageType::CallProceeding, &[], body);
        self.flush(now);
    }

    /// Tells the caller that the called side rings; `in_band`: we send the sound of it.
    pub fn ring(&mut self, now: Tick, in_band: bool, local: Option<&Local>) {
        if self.role != Role::Callee || self.phase >= Phase::Alerting {
            return;
        }
        self.phase = Phase::Alerting;
        let answer = self.answer_with(now, local);
        let body = self.alerting(answer);
        self.send(MessageType::Alerting, &in_band_elements(in_band), body);
        self.flush(now);
    }

    /// Tells the caller that it hears something before the answer, or, ringing already, that it does now.
    pub fn progress(&mut self, now: Tick, in_band: bool, local: Option<&Local>) {
        if self.role != Role::Callee || self.phase >= Phase::Connected {
            return;
        }
        self.phase = self.phase.max(Phase::Proceeding);
        let answer = self.answer_with(now, local);
        let body = self.progress_body(answer);
        self.send(MessageType::Progress, &in_band_elements(in_band), body);
        self.flush(now);
    }

    /// Answers the call.
    pub fn answer(&mut self, now: Tick, local: &Local) {
        if self.role != Role::Callee || self.phase >= Phase::Connected {
            return;
        }
        self.phase = Phase::Connected;
        let mut answer = self.answer_with(now, Some(local));
        if matches!(self.fast_start, FastStart::Offered(_) | FastStart::Refused) {
            self.fast_start = FastStart::Refused;
            answer.fast_refused = true;
        }
        answer.h245_address = self.control_address_to_tell();
        self.start_control_if_due(now);
        let body = self.connect(answer);
        self.send(MessageType::Connect, &[], body);
        self.expect_media(now);
        self.flush(now);
    }

    /// Changes our side of the media of a call that stands.
    pub fn renegotiate(&mut self, now: Tick, local: &Local) {
        if self.phase != Phase::Released {
            self.set_local(now, local);
            self.flush(now);
        }
    }

    /// Pauses the peer's sending, or lets it go on. Nothing happens where there is no H.245.
    pub fn hold(&mut self, now: Tick, is_held: bool) {
        if self.phase == Phase::Connected {
            self.control.hold(now, is_held);
            self.flush(now);
        }
    }

    pub(super) fn set_local(&mut self, now: Tick, local: &Local) {
        self.local = Some(local.clone());
        self.control.set_local(now, local);
    }

    /// What a message before the answer says: channels of fast start once our side of the media is known.
    fn answer_with(&mut self, now: Tick, local: Option<&Local>) -> Answer {
        let waits = self.setup.as_ref().is_some_and(|setup| setup.media_wait_for_connect);
        if let Some(local) = local {
            self.set_local(now, local);
        }
        let mut answer = self.early_answer();
        if waits && self.phase < Phase::Connected {
            return answer;
        }
        if let (FastStart::Offered(channels), Some(local)) = (&self.fast_start, &self.local)
            && let Some((channels, started)) = fast_start::accept(channels, local)
        {
            answer.fast_start = Some(channels);
            self.fast_start = FastStart::Accepted;
            self.control.fast_started(Some(started.sending), Some(started.receiving));
        }
        if self.settings.early_h245 {
            self.start_control_if_due(now);
        }
        answer
    }

    /// Early H.245 on a connection of its own: its address.
    fn early_answer(&self) -> Answer {
        let is_early = self.settings.early_h245 && !matches!(self.fast_start, FastStart::Offered(_));
        Answer {
            h245_address: if is_early { self.control_address_to_tell() } else { None },
            ..Answer::default()
        }
    }

    fn control_address_to_tell(&self) -> Option<crate::asn1::h225::TransportAddress> {
        let is_wanted = self.link == Link::Listening;
        self.control_address.filter(|_| is_wanted).map(crate::address::h225)
    }
}

fn in_band_elements(in_band: bool) -> Vec<(IeId, Vec<u8>)> {
    let indicator = (IeId::ProgressIndicator, Progress::IN_BAND.content().to_vec());
    if in_band { vec![indicator] } else { Vec::new() }
}
