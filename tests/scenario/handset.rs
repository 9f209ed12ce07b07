//! A phone that registers for a SIP account, by a flow of its own.

use bytes::Bytes;
use node::{AdminReply, AdminRequest, RegisteredContact};
use sip::auth::{Challenge, Credentials};
use sip::flow::Flow;
use sip::{Message, Name};
use tests::dialogue::{Dialogue, SWITCH};
use tests::plan::SIP_DOMAIN;

use crate::stage::{Stage, addr};

/// A phone and the dialog of its REGISTERs.
pub struct Handset {
    pub flow: Flow,
    pub dialog: Dialogue,
    user: &'static str,
}

impl Handset {
    /// One of `user`'s at an address, over UDP.
    pub fn at(user: &'static str, at: &str, call_id: &str) -> Self {
        Self::by(user, Flow::udp(addr(SWITCH), addr(at)), call_id)
    }

    pub fn by(user: &'static str, flow: Flow, call_id: &str) -> Self {
        let mut dialog = Dialogue::caller(flow.peer, call_id, user, user);
        dialog.target = format!("sip:{SIP_DOMAIN}");
        dialog.remote = format!("<sip:{user}@{SIP_DOMAIN}>");
        Self { flow, dialog, user }
    }

    /// A REGISTER with these header lines in place of its Contact, its challenge answered; the final answer.
    #[track_caller]
    pub fn register(&mut self, stage: &mut Stage, lines: &str) -> Message {
        let bytes = self.write("", lines);
        stage.send_over(self.flow, &bytes);
        let refusal = stage.expect(self.flow.peer, "401 REGISTER");
        let challenge =
            Challenge::parse(refusal.header(Name::WwwAuthenticate).expect("one")).expect("a challenge");
        let line = challenge.authorization(&Credentials {
            user: self.user,
            password: "s3cret",
            method: "REGISTER",
            uri: &self.dialog.target,
            cnonce: "c",
            nc: 1,
        });
        let bytes = self.write(&format!("Authorization: {line}\r\n"), lines);
        stage.send_over(self.flow, &bytes);
        let inbox = stage.inbox(self.flow.peer);
        inbox.into_iter().next_back().expect("an answer")
    }

    pub fn write(&mut self, authorization: &str, lines: &str) -> Bytes {
        let text =
            String::from_utf8(self.dialog.request("REGISTER", authorization, None).to_vec()).expect("text");
        let own = |line: &&str| !line.starts_with("Contact:");
        let kept: Vec<&str> = text.split("\r\n").filter(own).collect();
        Bytes::from(kept.join("\r\n").replacen("Content-Length", &format!("{lines}Content-Length"), 1))
    }
}

/// All contacts of the shard.
pub fn registered(stage: &mut Stage) -> Vec<RegisteredContact> {
    let ticket = stage.admin(AdminRequest::Registrations);
    let at = stage.replies.iter().position(|(number, _)| *number == ticket).expect("an answer");
    match stage.replies.remove(at).1 {
        AdminReply::Registrations(contacts) => contacts,
        other => panic!("{other:?}"),
    }
}
