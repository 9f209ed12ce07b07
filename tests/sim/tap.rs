//! What an honest observer at the switch's door sees: when each call was answered, and when its end began.

use std::collections::BTreeMap;

use bytes::Bytes;
use sip::{Message, Method};

/// First instants by Call-ID, µs.
#[derive(Default)]
pub struct Tap {
    /// The first 2xx to an INVITE that was sent to a caller.
    pub answered: BTreeMap<String, u64>,
    /// The first BYE sent, or the first 200 to one received.
    pub ended: BTreeMap<String, u64>,
    /// Final answers to callers' INVITEs that were sent, each once.
    pub finals: BTreeMap<String, Vec<u16>>,
}

impl Tap {
    pub fn sent(&mut self, now: u64, bytes: &Bytes) {
        let bye = bytes.starts_with(b"BYE ");
        if !bye && !bytes.starts_with(b"SIP/2.0 ") {
            return;
        }
        let Ok(message) = Message::parse(bytes.clone()) else { return };
        let id = message.call_id().to_owned();
        if bye {
            self.ended.entry(id).or_insert(now);
            return;
        }
        let (cseq, method) = message.cseq();
        match (method, message.status()) {
            (Method::Bye, 200..=299) => {
                self.ended.entry(id).or_insert(now);
            }
            (Method::Invite, status @ 200..=699) if cseq == 1 => {
                if status < 300 {
                    self.answered.entry(id.clone()).or_insert(now);
                }
                let finals = self.finals.entry(id).or_default();
                if !finals.contains(&status) {
                    finals.push(status);
                }
            }
            _ => {}
        }
    }
}
