//! Recorded calls: by the terms of a side and on the operator's word; what is in the file, what the record
//! names, and what both sides hear of it.

use std::net::SocketAddr;

use media::record::Recordings;
use node::{AdminReply, AdminRequest, RecordingConfig};
use tests::plan::Plan;
use tests::relay::Files;
use voice::Packet;
use voice::wav::WAV_HEADER;

use crate::relay::{Talk, media_of};
use crate::stage::{ALPHA, PBX, Stage, addr};

const LOUD: u8 = 0xAA;
const LOUDER: u8 = 0x2A;

/// With a recorder; the gate's calls are recorded, or not.
fn stage(record: bool, consent_tone: bool) -> Stage {
    let mut plan = Plan::standard().relayed((20_000, 20_099));
    plan.media.recording = Some(RecordingConfig { consent_tone });
    plan.gates[0].media.record = record;
    let mut stage = Stage::new(plan);
    stage.relay.recorder = Some(Recordings::new(Files::default(), 60));
    stage
}

fn sends(stage: &mut Stage, from: SocketAddr, to: SocketAddr, sequence: u16, octet: u8) -> bool {
    let (payload, timestamp) = ([octet; 160], u32::from(sequence) * 160);
    let ssrc = u32::from(from.port()) << 8 | 7;
    let packet = Packet { payload_type: 8, marker: false, sequence, timestamp, ssrc, payload: &payload };
    let mut buffer = [0; 172];
    let bytes = packet.write(&mut buffer).expect("room");
    stage.relay.packet(stage.now.tick, from, to, &buffer[..bytes]).is_some()
}

/// Both sides talk for so many packets of 20 ms.
fn talk(stage: &mut Stage, call: &Talk, packets: std::ops::Range<u16>) {
    for n in packets {
        sends(stage, media_of(call.phone.at), call.a, n, LOUD);
        sends(stage, media_of(call.callee.at), call.b, n, LOUDER);
        stage.advance(20);
    }
}

fn files(stage: &mut Stage) -> std::collections::BTreeMap<String, Vec<u8>> {
    stage.relay.recorder.as_mut().expect("a recorder").shelf().files.clone()
}

/// Loud samples of the caller and of the callee, and how many of each there are.
fn loud(file: &[u8]) -> (usize, usize, usize) {
    let pairs = file[WAV_HEADER..].as_chunks::<4>().0;
    let is_loud = |low, high| i16::from_le_bytes([low, high]).unsigned_abs() > 1_000;
    let left = pairs.iter().filter(|&&[a, b, ..]| is_loud(a, b)).count();
    let right = pairs.iter().filter(|&&[.., c, d]| is_loud(c, d)).count();
    (left, right, pairs.len())
}

#[test]
fn calls_of_a_gate_are_recorded_from_the_answer_to_the_end() {
    let mut stage = stage(true, false);
    let call = Talk::begin(&mut stage);
    talk(&mut stage, &call, 1..101);
    call.end(&mut stage);
    assert!(stage.relay.played.is_empty(), "nothing was asked of the sides");
    let cdr = stage.cdr();
    let files = files(&mut stage);
    let names: Vec<&String> = files.keys().collect();
    assert_eq!(names, [cdr.recording.as_ref().expect("a recording")]);
    assert!(names[0].ends_with(&format!("-{}.wav", cdr.id)), "{names:?}, {}", cdr.id);
    let (left, right, all) = loud(&files[names[0]]);
    assert_eq!(all, 16_000, "two seconds");
    assert!(left > 15_000 && right > 15_000, "{left} and {right}");
}

#[test]
fn both_sides_hear_that_they_are_recorded() {
    let mut stage = stage(true, true);
    let call = Talk::begin(&mut stage);
    stage.advance(1_000);
    let played = std::mem::take(&mut stage.relay.played);
    for side in [PBX, ALPHA] {
        let packets = played.iter().filter(|(to, _)| *to == media_of(addr(side))).count();
        assert_eq!(packets, 24, "480 ms to {side}");
    }
    assert_eq!(played.len(), 48);
    call.end(&mut stage);
}

#[test]
fn what_cannot_be_recorded_is_called_all_the_same() {
    let mut stage = stage(true, false);
    stage.relay.recorder.as_mut().expect("a recorder").shelf().is_full = true;
    let call = Talk::begin(&mut stage);
    talk(&mut stage, &call, 1..11);
    call.end(&mut stage);
    assert_eq!(stage.cdr().recording, None);
    assert!(files(&mut stage).is_empty());
}

fn record(stage: &mut Stage, call: u128, is_wanted: bool) -> AdminReply {
    stage.admin(AdminRequest::Record { call, is_wanted });
    stage.replies.pop().expect("a reply").1
}

#[test]
fn the_operator_records_a_call_once() {
    let mut stage = stage(false, false);
    let call = Talk::begin(&mut stage);
    stage.admin(AdminRequest::Calls);
    let Some((_, AdminReply::Calls(calls))) = stage.replies.pop() else { panic!("no list") };
    let id = calls[0].id;
    talk(&mut stage, &call, 1..51);
    assert!(files(&mut stage).is_empty());
    assert!(matches!(record(&mut stage, id ^ 1, true), AdminReply::NotFound));
    assert!(matches!(record(&mut stage, id, false), AdminReply::Recorded(None)), "there is none to end");
    let AdminReply::Recorded(Some(file)) = record(&mut stage, id, true) else { panic!("not recorded") };
    assert!(matches!(record(&mut stage, id, true), AdminReply::Recorded(Some(_))), "asked again");
    talk(&mut stage, &call, 51..101);
    assert!(matches!(record(&mut stage, id, false), AdminReply::Recorded(Some(_))));
    talk(&mut stage, &call, 101..151);
    let AdminReply::NotRecorded(why) = record(&mut stage, id, true) else { panic!("recorded") };
    assert!(why.contains("a call has one only"), "{why}");
    call.end(&mut stage);
    assert_eq!(stage.cdr().recording.as_deref(), Some(&*file));
    let (left, right, all) = loud(&files(&mut stage)[&*file]);
    assert_eq!(all, 8_000, "the second between");
    assert!(left > 7_000 && right > 7_000, "{left} and {right}");
}

#[test]
fn nothing_is_recorded_where_nobody_configured_it_or_nobody_talks() {
    let mut plan = Plan::standard().relayed((20_000, 20_099));
    plan.gates[0].media.record = true;
    let mut stage = Stage::new(plan);
    let mut phone = stage.phone("c1", "34600000000");
    phone.invite(&mut stage);
    let mut callee = crate::phone::Callee::wait(&mut stage, ALPHA);
    let b = crate::relay::target(&callee.invite.body());
    stage.admin(AdminRequest::Calls);
    let Some((_, AdminReply::Calls(calls))) = stage.replies.pop() else { panic!("no list") };
    let id = calls[0].id;
    let AdminReply::NotRecorded(why) = record(&mut stage, id, true) else { panic!("recorded") };
    assert!(why.contains("[recording]"), "{why}");
    stage.plan.media.recording = Some(RecordingConfig { consent_tone: true });
    stage.reload();
    let AdminReply::NotRecorded(why) = record(&mut stage, id, true) else { panic!("recorded") };
    assert!(why.contains("answered"), "{why}");
    callee.answer(&mut stage);
    stage.expect(addr(ALPHA), "ACK");
    let ok = phone.answered(&mut stage);
    // The relay was started without a recorder: it says so.
    let call = Talk { phone, callee, a: crate::relay::target(&ok.body()), b };
    talk(&mut stage, &call, 1..11);
    call.end(&mut stage);
    assert_eq!(stage.cdr().recording, None);
}
