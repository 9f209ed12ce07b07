//! The two ends of a call on the stage.

use std::net::SocketAddr;

use sip::Message;
use tests::dialogue::{Dialogue, ack_failure, cancel, parse, reply};
use tests::sdp;

use crate::stage::{Stage, addr};

/// Who calls.
pub struct Phone {
    pub at: SocketAddr,
    pub dialog: Dialogue,
    /// The last INVITE that it sent.
    pub invite: Option<Message>,
    /// What it offers; empty: a late offer.
    pub payloads: Vec<u8>,
    pub sdp_version: u32,
}

/// Who is called, at a carrier.
#[derive(Clone)]
pub struct Callee {
    pub at: SocketAddr,
    pub dialog: Dialogue,
    pub invite: Message,
    pub tag: String,
}

impl Phone {
    pub fn new(at: SocketAddr, call_id: &str, number: &str) -> Self {
        let dialog = Dialogue::caller(at, call_id, "+34600000001", number);
        Self { at, dialog, invite: None, payloads: sdp::G711.payloads.to_vec(), sdp_version: 1 }
    }

    pub fn sdp(&self, direction: &str) -> String {
        sdp::write(
            self.at.ip(),
            &sdp::Media { payloads: &self.payloads, direction, version: self.sdp_version },
        )
    }

    pub fn invite(&mut self, stage: &mut Stage) {
        self.invite_with(stage, "");
    }

    /// `extra` is whole header lines.
    pub fn invite_with(&mut self, stage: &mut Stage, extra: &str) {
        let sdp = (!self.payloads.is_empty()).then(|| self.sdp("sendrecv"));
        let bytes = self.dialog.request("INVITE", extra, sdp.as_deref());
        self.invite = Some(parse(&bytes));
        stage.send(self.at, &bytes);
    }

    /// A re-INVITE with a changed session.
    pub fn reinvite(&mut self, stage: &mut Stage, direction: &str) {
        self.sdp_version += 1;
        let sdp = self.sdp(direction);
        let bytes = self.dialog.request("INVITE", "", Some(&sdp));
        self.invite = Some(parse(&bytes));
        stage.send(self.at, &bytes);
    }

    #[track_caller]
    pub fn expect(&mut self, stage: &mut Stage, what: &str) -> Message {
        stage.expect(self.at, what)
    }

    /// Takes the 2xx and acknowledges it.
    #[track_caller]
    pub fn answered(&mut self, stage: &mut Stage) -> Message {
        let ok = self.take_answer(stage);
        self.ack(stage, None);
        ok
    }

    /// Takes the 2xx without a word.
    #[track_caller]
    pub fn take_answer(&mut self, stage: &mut Stage) -> Message {
        let ok = stage.expect(self.at, "200 INVITE");
        self.dialog.learn(&ok);
        ok
    }

    pub fn ack(&mut self, stage: &mut Stage, sdp: Option<&str>) {
        let bytes = self.dialog.ack(self.dialog.invite_cseq, sdp);
        stage.send(self.at, &bytes);
    }

    /// Takes the failure and acknowledges it.
    #[track_caller]
    pub fn refused(&mut self, stage: &mut Stage, status: u16) -> Message {
        let refusal = stage.expect(self.at, &format!("{status} INVITE"));
        let bytes = ack_failure(self.invite.as_ref().expect("it called"), &refusal);
        stage.send(self.at, &bytes);
        refusal
    }

    pub fn cancel(&mut self, stage: &mut Stage) {
        let bytes = cancel(self.invite.as_ref().expect("it called"));
        stage.send(self.at, &bytes);
    }

    pub fn bye(&mut self, stage: &mut Stage) {
        let bytes = self.dialog.request("BYE", "", None);
        stage.send(self.at, &bytes);
    }

    /// Answers a request of the switch.
    pub fn reply(&mut self, stage: &mut Stage, request: &Message, status: u16, sdp: Option<&str>) {
        stage.send(self.at, &reply(request, status, "", self.at, "", sdp));
    }

    /// Expects BYE and confirms it.
    #[track_caller]
    pub fn bye_comes(&mut self, stage: &mut Stage) -> Message {
        let bye = stage.expect(self.at, "BYE");
        self.reply(stage, &bye, 200, None);
        bye
    }
}

impl Callee {
    /// The INVITE that the carrier at `text` got.
    #[track_caller]
    pub fn wait(stage: &mut Stage, text: &str) -> Self {
        Self::wait_as(stage, text, "b1")
    }

    #[track_caller]
    pub fn wait_as(stage: &mut Stage, text: &str, tag: &str) -> Self {
        let at = addr(text);
        let invite = stage.expect(at, "INVITE");
        let dialog = Dialogue::callee(at, &invite, tag);
        Self { at, dialog, invite, tag: tag.to_owned() }
    }

    pub fn reply(&mut self, stage: &mut Stage, status: u16, extra: &str, sdp: Option<&str>) {
        stage.send(self.at, &reply(&self.invite, status, &self.tag, self.at, extra, sdp));
    }

    pub fn ring(&mut self, stage: &mut Stage) {
        self.reply(stage, 180, "", None);
    }

    /// The answer to the INVITE's offer.
    pub fn sdp(&self) -> String {
        sdp::answer(&self.invite.body(), self.at.ip(), 1)
    }

    pub fn answer(&mut self, stage: &mut Stage) {
        let sdp = self.sdp();
        self.reply(stage, 200, "", Some(&sdp));
    }

    /// A final failure; the switch acknowledges it.
    #[track_caller]
    pub fn fail(&mut self, stage: &mut Stage, status: u16) {
        self.reply(stage, status, "", None);
        stage.expect(self.at, "ACK");
    }

    pub fn bye(&mut self, stage: &mut Stage) {
        let bytes = self.dialog.request("BYE", "", None);
        stage.send(self.at, &bytes);
    }

    pub fn request(&mut self, stage: &mut Stage, method: &str, extra: &str, sdp: Option<&str>) -> Message {
        let bytes = self.dialog.request(method, extra, sdp);
        stage.send(self.at, &bytes);
        parse(&bytes)
    }

    pub fn answer_to(&mut self, stage: &mut Stage, request: &Message, status: u16, sdp: Option<&str>) {
        stage.send(self.at, &reply(request, status, "", self.at, "", sdp));
    }

    #[track_caller]
    pub fn bye_comes(&mut self, stage: &mut Stage) -> Message {
        let bye = stage.expect(self.at, "BYE");
        self.answer_to(stage, &bye, 200, None);
        bye
    }
}
