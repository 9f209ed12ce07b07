//! X13, corner 52: the money of a relayed call ends soon. Its caller hears a warning in the language of the
//! account that pays, the called side hears nothing of it, and the call is cut on time and costs what it
//! should. The called number costs 1.00000 a minute, 1/1.

use std::time::Duration;

use codecs::Codec;
use node::AdminRequest;
use prompts::{Language, Prompt, Prompts};
use rating::engine::AccountChange;
use route::MediaPath;
use tests::plan::{Plan, top_up};
use tests::sdp;
use units::{Currency, Money};
use voice::Packet;
use voice::playback::{Player, PlayerSettings};

use crate::phone::Callee;
use crate::relay::{Talk, media_of, target};
use crate::stage::{ALPHA, PBX, Stage, addr};

/// A customer with so much, 10⁻⁵ EUR.
fn plan(balance: i64) -> Plan {
    let mut plan = Plan::standard().relayed((20_000, 20_099));
    plan.accounts[0].1 = balance;
    plan
}

/// The payloads of a prompt, one after the other.
fn spoken(language: Language) -> Vec<u8> {
    let clip = Prompts::default().prompt(language, Prompt::LowBalance, Codec::Pcma).expect("A-law");
    let settings = PlayerSettings { payload_type: 8, ssrc: 0, sequence: 0, timestamp: 0, repeat: false };
    let mut player = Player::new(clip, settings, Duration::ZERO);
    let mut payloads = Vec::new();
    while let Some(due) = player.deadline() {
        payloads.extend_from_slice(player.poll(due).expect("due").payload);
    }
    payloads
}

/// What was played since it was asked last, and that it was played to the caller.
fn heard(stage: &mut Stage) -> Vec<u8> {
    let mut payloads = Vec::new();
    for (to, packet) in std::mem::take(&mut stage.relay.played) {
        assert_eq!(to, media_of(addr(PBX)), "the caller only");
        payloads.extend_from_slice(Packet::read(&packet).expect("RTP").payload);
    }
    payloads
}

/// Both sides talk for so long; how many packets of the callee the caller heard.
fn talk(stage: &mut Stage, talk: &Talk, ms: u64) -> u64 {
    let mut came = 0;
    for _ in 0..ms / 20 {
        stage.advance(20);
        assert_eq!(talk.caller_sends(stage), Some(media_of(addr(ALPHA))), "the callee hears the caller");
        came += u64::from(talk.callee_sends(stage).is_some());
    }
    came
}

fn pay(stage: &mut Stage, amount: i64, key: &str) {
    let (account, key) = ("acme".into(), key.to_owned());
    let order = top_up(Money::of(amount, Currency::EUR), &key);
    stage.admin(AdminRequest::Move { account, key, order });
}

#[test]
fn with_a_minute_left_the_caller_hears_it_and_the_callee_does_not() {
    let mut stage = Stage::new(plan(200_000));
    let mut call = Talk::begin(&mut stage);
    assert_eq!(talk(&mut stage, &call, 59_980), 2_999);
    assert!(heard(&mut stage).is_empty(), "120 s paid for, a little more than 60 left");
    let prompt = spoken(Language::En);
    let packets = prompt.len() as u64 / 160;
    assert!((150..300).contains(&packets), "{packets}");
    // The one that comes while the prompt begins may be the last that is heard before it.
    let came = talk(&mut stage, &call, 10_020);
    assert!(
        (501 - packets - 1..=501 - packets).contains(&came),
        "{came} of 501, {packets} were in their place"
    );
    assert_eq!(heard(&mut stage), prompt);
    assert_eq!(talk(&mut stage, &call, 49_900), 2_495);
    assert!(heard(&mut stage).is_empty(), "once");
    stage.advance(100);
    for bye in [call.phone.bye_comes(&mut stage), call.callee.bye_comes(&mut stage)] {
        let reason = bye.header(sip::Name::Reason).unwrap_or_default();
        assert!(reason.starts_with("SIP;cause=402"), "{reason}");
    }
    stage.over();
    let cdr = stage.cdr();
    assert_eq!((cdr.duration_ms, cdr.amount, cdr.balance_after), (120_000, 200_000, 0));
    // What is played is no loss of the callee's, and none of its packets.
    assert_eq!((cdr.rtp_lost_a, cdr.rtp_lost_b), (Some(0), Some(0)));
    assert_eq!(cdr.rtp_packets_b_in, cdr.rtp_packets_b_out);
    assert_eq!(cdr.rtp_packets_a_out, Some(2_999 + came + packets + 2_495));
}

#[test]
fn a_payment_that_carries_it_further_has_it_said_again() {
    let mut stage = Stage::new(plan(200_000));
    let mut call = Talk::begin(&mut stage);
    talk(&mut stage, &call, 70_000);
    assert_eq!(heard(&mut stage), spoken(Language::En));
    pay(&mut stage, 100_000, "k1");
    talk(&mut stage, &call, 49_000);
    assert!(heard(&mut stage).is_empty(), "180 s paid for, 61 left");
    talk(&mut stage, &call, 11_000);
    assert_eq!(heard(&mut stage), spoken(Language::En));
    talk(&mut stage, &call, 49_900);
    assert!(heard(&mut stage).is_empty());
    stage.advance(100);
    call.phone.bye_comes(&mut stage);
    call.callee.bye_comes(&mut stage);
    stage.over();
    assert_eq!((stage.cdr().duration_ms, stage.cdr().amount), (180_000, 300_000));
}

#[test]
fn a_call_that_begins_with_less_hears_it_at_once() {
    let mut stage = Stage::new(plan(50_000));
    let mut call = Talk::begin(&mut stage);
    stage.advance(6_000);
    assert_eq!(heard(&mut stage), spoken(Language::En));
    assert_eq!(talk(&mut stage, &call, 23_000), 1_150);
    stage.advance(1_000);
    call.phone.bye_comes(&mut stage);
    call.callee.bye_comes(&mut stage);
    stage.over();
    assert_eq!((stage.cdr().duration_ms, stage.cdr().amount), (30_000, 50_000));
}

/// The caller's INVITE has no offer: what it takes is known by its ACK only.
#[test]
fn a_call_without_an_offer_hears_it_when_the_caller_has_answered() {
    let mut stage = Stage::new(plan(50_000));
    let mut phone = stage.phone("c1", "34600000000");
    phone.payloads.clear();
    phone.invite(&mut stage);
    let mut callee = Callee::wait(&mut stage, ALPHA);
    let offer = sdp::write(callee.at.ip(), &sdp::G711);
    callee.reply(&mut stage, 200, "", Some(&offer));
    let ok = phone.take_answer(&mut stage);
    let a = target(&ok.body());
    stage.advance(2_000);
    assert!(heard(&mut stage).is_empty(), "nobody knows where to yet");
    let answer = sdp::answer(&ok.body(), phone.at.ip(), 1);
    phone.ack(&mut stage, Some(&answer));
    let b = target(&stage.expect(callee.at, "ACK").body());
    stage.advance(6_000);
    assert_eq!(heard(&mut stage), spoken(Language::En));
    let mut call = Talk { phone, callee, a, b };
    assert_eq!(talk(&mut stage, &call, 21_000), 1_050);
    assert!(heard(&mut stage).is_empty(), "once");
    stage.advance(1_000);
    call.phone.bye_comes(&mut stage);
    call.callee.bye_comes(&mut stage);
    stage.over();
    assert_eq!((stage.cdr().duration_ms, stage.cdr().amount), (30_000, 50_000));
}

#[test]
fn it_is_said_in_the_language_of_the_account_and_when_it_is_configured() {
    let mut plan = plan(200_000);
    plan.media.warning_secs = 20;
    let mut stage = Stage::new(plan);
    let change = AccountChange { language: Some(Some("es".into())), ..AccountChange::default() };
    stage.admin(AdminRequest::ChangeAccount { name: "acme".into(), change });
    let mut call = Talk::begin(&mut stage);
    talk(&mut stage, &call, 99_000);
    assert!(heard(&mut stage).is_empty());
    talk(&mut stage, &call, 8_000);
    assert_eq!(heard(&mut stage), spoken(Language::Es));
    stage.advance(13_000);
    call.phone.bye_comes(&mut stage);
    call.callee.bye_comes(&mut stage);
    stage.over();
}

#[test]
fn nothing_is_said_where_it_is_not_wanted_or_cannot_be() {
    let mut silent = plan(50_000);
    silent.media.warning_secs = 0;
    let mut direct = plan(50_000);
    direct.gates[0].media.path = MediaPath::Bypass;
    direct.carriers.iter_mut().for_each(|carrier| carrier.media.path = MediaPath::Bypass);
    for plan in [silent, direct] {
        let mut stage = Stage::new(plan);
        let (mut phone, mut callee) = stage.talk("c1", "34600000000");
        stage.advance(30_000);
        phone.bye_comes(&mut stage);
        callee.bye_comes(&mut stage);
        stage.over();
        assert!(stage.relay.played.is_empty());
        assert_eq!(stage.cdr().duration_ms, 30_000);
    }
}

/// Two calls of one account: each caller hears it, when the money of both together ends.
#[test]
fn every_call_of_an_account_is_warned_once() {
    let mut stage = Stage::new(plan(400_000));
    let calls = [stage.talk("c1", "34600000000"), stage.talk("c2", "34600000001")];
    for _ in 0..5 {
        stage.advance(20_000);
        stage.relay.chatter(stage.now.tick, || true);
    }
    let packets = spoken(Language::En).len() / 160;
    assert_eq!(heard(&mut stage).len() / 160, 2 * packets);
    stage.advance(20_000);
    for (mut phone, mut callee) in calls {
        phone.bye_comes(&mut stage);
        callee.bye_comes(&mut stage);
    }
    stage.over();
}
