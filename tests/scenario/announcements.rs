//! `media.announcements`: a call that comes to nothing before anybody was dialled is refused after its caller
//! heard why, as early media. What is written of it, and what it costs, is the same as without.

use std::time::Duration;

use codecs::Codec;
use node::{AdminRequest, Input};
use prompts::{Language, Prompt, Prompts};
use rating::Cdr;
use rating::engine::AccountChange;
use sip::{Message, Name};
use tests::plan::{Plan, RELAY};
use voice::Packet;
use voice::playback::{Player, PlayerSettings};

use crate::phone::Phone;
use crate::relay::{media_of, target};
use crate::stage::Stage;

/// A number with a price and a route, and one with neither.
const NUMBER: &str = "34600000000";
const NOWHERE: &str = "49301234567";

fn announcing(balance: i64) -> Plan {
    let mut plan = Plan::standard().relayed((20_000, 20_003));
    plan.accounts[0].1 = balance;
    plan.media.announcements = true;
    plan
}

/// The payloads of a prompt, one after the other.
fn spoken(language: Language, prompt: Prompt) -> Vec<u8> {
    let clip = Prompts::default().prompt(language, prompt, Codec::Pcma).expect("A-law");
    let settings = PlayerSettings { payload_type: 8, ssrc: 0, sequence: 0, timestamp: 0, repeat: false };
    let mut player = Player::new(clip, settings, Duration::ZERO);
    let mut payloads = Vec::new();
    while let Some(due) = player.deadline() {
        payloads.extend_from_slice(player.poll(due).expect("due").payload);
    }
    payloads
}

/// What was played until now.
fn heard(stage: &mut Stage, at: std::net::SocketAddr) -> Vec<u8> {
    let mut payloads = Vec::new();
    for (to, packet) in std::mem::take(&mut stage.relay.played) {
        assert_eq!(to, at);
        payloads.extend_from_slice(Packet::read(&packet).expect("RTP").payload);
    }
    payloads
}

/// The record without what differs between two calls.
fn told(stage: &Stage) -> Cdr {
    let mut cdr = stage.cdr();
    cdr.id = String::new();
    cdr
}

/// A call to a number, until its final answer; how long that took, ms.
fn refused(stage: &mut Stage, number: &str, status: u16) -> (Phone, Option<Message>, u64) {
    let mut phone = stage.phone("c1", number);
    let begun = stage.now.tick;
    phone.invite(stage);
    let mut progress = None;
    loop {
        let kinds: Vec<Message> = stage.inbox(phone.at);
        for message in kinds {
            match tests::dialogue::kind(&message).as_str() {
                "100 INVITE" => {}
                "183 INVITE" => progress = Some(message),
                other => {
                    assert_eq!(other, format!("{status} INVITE"));
                    let ack =
                        tests::dialogue::ack_failure(phone.invite.as_ref().expect("it called"), &message);
                    stage.send(phone.at, &ack);
                    return (phone, progress, stage.now.tick.ms_since(begun));
                }
            }
        }
        stage.advance(10);
        assert!(stage.now.tick.ms_since(begun) < 60_000, "no final answer");
    }
}

#[test]
fn who_has_no_credit_hears_it_and_is_refused_as_ever() {
    let mut silent = announcing(1);
    silent.media.announcements = false;
    let mut without = Stage::new(silent);
    assert_eq!(refused(&mut without, NUMBER, 402).2, 0);
    without.over();

    let mut stage = Stage::new(announcing(1));
    let (phone, progress, ms) = refused(&mut stage, NUMBER, 402);
    let prompt = spoken(Language::En, Prompt::NoCredit);
    assert!((ms..ms + 40).contains(&(prompt.len() as u64 / 8)) || ms <= prompt.len() as u64 / 8 + 40, "{ms}");
    let answer = progress.expect("a session progress").body();
    let text = String::from_utf8_lossy(&answer).into_owned();
    assert_eq!(target(&answer).ip().to_string(), RELAY);
    assert!(
        text.contains("m=audio") && text.contains("RTP/AVP 8\r\n") && text.contains("a=sendrecv"),
        "{text}"
    );
    assert!(!text.contains("192.0.2.11"), "{text}");
    assert_eq!(heard(&mut stage, media_of(phone.at)), prompt);
    assert_eq!((told(&stage), stage.balance()), (told(&without), 1));
    stage.over();
}

#[test]
fn a_number_that_leads_nowhere_is_announced_in_the_accounts_language() {
    let mut stage = Stage::new(announcing(1_000_000));
    let change = AccountChange { language: Some(Some("nl".into())), ..AccountChange::default() };
    stage.admin(AdminRequest::ChangeAccount { name: "acme".into(), change });
    let (phone, progress, _) = refused(&mut stage, NOWHERE, 404);
    assert!(progress.is_some());
    assert_eq!(heard(&mut stage, media_of(phone.at)), spoken(Language::Nl, Prompt::NotInService));
    let cdr = stage.cdr();
    assert_eq!((cdr.sip_status, cdr.amount, cdr.answered_at), (404, 0, None));
    assert_eq!((cdr.rtp_packets_a_out, cdr.media_ip_a), (None, None));
    stage.over();
}

#[test]
fn a_caller_that_gives_up_is_told_so_at_once() {
    let mut stage = Stage::new(announcing(1));
    let mut phone = stage.phone("c1", NUMBER);
    phone.invite(&mut stage);
    phone.expect(&mut stage, "183 INVITE");
    stage.advance(500);
    assert_eq!(stage.relay.open_ports().len(), 1);
    phone.cancel(&mut stage);
    phone.expect(&mut stage, "200 CANCEL");
    phone.refused(&mut stage, 487);
    assert!(stage.relay.open_ports().is_empty());
    assert_eq!(stage.cdr().sip_status, 402, "it was refused before");
    stage.over();
}

#[test]
fn without_a_port_or_an_offer_that_can_be_heard_the_refusal_comes_at_once() {
    // Two pairs of ports: two announcements at once.
    let mut stage = Stage::new(announcing(1));
    let mut phones: Vec<Phone> = (0..3).map(|n| stage.phone(&format!("c{n}"), NUMBER)).collect();
    for phone in &mut phones[..2] {
        phone.invite(&mut stage);
        phone.expect(&mut stage, "183 INVITE");
    }
    phones[2].invite(&mut stage);
    phones[2].refused(&mut stage, 402);
    stage.advance(10_000);
    for phone in &mut phones[..2] {
        phone.refused(&mut stage, 402);
    }
    let mut late = stage.phone("c4", NUMBER);
    late.payloads = Vec::new();
    late.invite(&mut stage);
    late.refused(&mut stage, 402);
    stage.advance(600_000);
    assert_eq!(stage.relay.open_ports(), []);
}

#[test]
fn where_all_carriers_are_full_there_is_a_tone() {
    let mut plan = announcing(1_000_000);
    plan.carriers.iter_mut().for_each(|carrier| carrier.max_calls = 0);
    let mut stage = Stage::new(plan);
    let (phone, progress, ms) = refused(&mut stage, NUMBER, 503);
    assert!(progress.is_some() && (4_000..4_020).contains(&ms), "{ms}");
    let heard = heard(&mut stage, media_of(phone.at));
    // Congestion in Spain: 200 ms on and off three times, the third pause longer (ITU-T E.180).
    let loud = |at_ms: usize| heard[at_ms * 8..][..80].iter().any(|octet| octet & 0x7f != 0x55);
    let at = [100, 300, 500, 700, 900, 1_200, 1_700];
    assert_eq!(at.map(loud), [true, false, true, false, true, false, true]);
    stage.over();
}

#[test]
fn a_stop_refuses_who_listens() {
    let mut stage = Stage::new(announcing(1));
    let mut phone = stage.phone("c1", NUMBER);
    phone.invite(&mut stage);
    phone.expect(&mut stage, "183 INVITE");
    stage.input(Input::Stop);
    phone.refused(&mut stage, 402);
    stage.over();
}

#[test]
fn a_relay_that_says_nothing_holds_nobody() {
    let mut stage = Stage::new(announcing(1));
    stage.hold_relay = true;
    let (_, progress, ms) = refused(&mut stage, NUMBER, 402);
    let prompt_ms = spoken(Language::En, Prompt::NoCredit).len() as u64 / 8;
    assert!(progress.is_some() && (prompt_ms..=prompt_ms + 520).contains(&ms), "{ms}");
    stage.hold_relay = false;
    stage.over();
}

/// A caller that acknowledges provisional responses (RFC 3262) hears the same.
#[test]
fn with_100rel_the_answer_is_acknowledged() {
    let mut stage = Stage::new(announcing(1));
    let mut phone = stage.phone("c1", NUMBER);
    phone.invite_with(&mut stage, "Supported: 100rel\r\nRequire: 100rel\r\n");
    let progress = phone.expect(&mut stage, "183 INVITE");
    assert_eq!(progress.header(Name::Require), Some("100rel"));
    phone.dialog.learn(&progress);
    let rseq = progress.header(Name::RSeq).expect("a number").to_owned();
    let prack =
        phone.dialog.request("PRACK", &format!("RAck: {rseq} {} INVITE\r\n", phone.dialog.invite_cseq), None);
    stage.send(phone.at, &prack);
    phone.expect(&mut stage, "200 PRACK");
    stage.advance(6_000);
    phone.refused(&mut stage, 402);
    assert_eq!(heard(&mut stage, media_of(phone.at)), spoken(Language::En, Prompt::NoCredit));
    stage.over();
}
