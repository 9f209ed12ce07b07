//! The names of the contract, and that a record alone gives its amount.

use std::sync::Arc;

use ledger::{CallId, OpenCall};
use units::Exchange;

use super::*;

/// Every name of the contract, in its order.
const NAMES: &str = "id node account gate caller called called_e164 destination prefix deck \
                     deck_version codec_a codec_b call_id_a call_id_b carrier attempts started_at \
                     answered_at ended_at pdd_ms duration_ms billed_seconds initial increment rate \
                     connect_fee amount currency deck_currency exchange_rate exchange_at cost \
                     cost_currency balance_before balance_after teardown_ms hangup_by cause_q850 \
                     sip_status reason route_reason transport_a transport_b direction origin \
                     origin_kind destination_kind number sip_account protocol_a protocol_b \
                     source_ip_a source_ip_b user_agent_a user_agent_b attestation verstat decision";

/// Those of a relayed call, absent of any other.
const MEDIA_NAMES: &str = "media_ip_a media_ip_b rtp_packets_a_in rtp_packets_a_out rtp_packets_b_in \
                           rtp_packets_b_out rtp_lost_a rtp_lost_b jitter_ms_a jitter_ms_b mos_a mos_b transcoded recording";

fn cdr() -> Cdr {
    let started_at = Wall::parse("2026-11-22T13:44:48.123Z").expect("a time");
    let attempt = Attempt {
        carrier: "alpha".into(),
        started_at,
        status: Some(503),
        cause: Cause::TEMPORARY,
        reason: "Service Unavailable".to_owned(),
        pdd_ms: None,
        cost: None,
    };
    let name = Name::from("acme");
    Cdr {
        attempts: vec![
            attempt.clone(),
            Attempt { status: Some(200), cause: Cause::NORMAL, cost: Some(2_583), ..attempt },
        ],
        answered_at: Some(started_at.plus_ms(900)),
        amount: 7_407,
        cost: Some(2_583),
        cost_currency: Some(Currency::USD),
        balance_after: -1,
        ..Cdr::new(CallId(0xA1), &name, &name, &name, Currency::EUR, started_at)
    }
}

#[test]
fn has_every_name_of_the_contract() {
    let json: serde_json::Value = serde_json::from_str(cdr().to_raw().expect("JSON").get()).expect("JSON");
    let object = json.as_object().expect("an object");
    for name in NAMES.split_whitespace() {
        assert!(object.contains_key(name), "{name}");
    }
    assert_eq!(object.len(), NAMES.split_whitespace().count());
    for (name, text) in [
        ("id", "000000000000000000000000000000a1"),
        ("amount", "0.07407"),
        ("balance_after", "-0.00001"),
        ("cost", "0.02583"),
        ("cost_currency", "USD"),
        ("started_at", "2026-11-22T13:44:48.123Z"),
        ("answered_at", "2026-11-22T13:44:49.023Z"),
    ] {
        assert_eq!(json[name].as_str(), Some(text), "{name}");
    }
    assert_eq!(json["attempts"][1]["cost"].as_str(), Some("0.02583"));
    assert!(json["attempts"][0].get("cost").is_none() && json["codec_a"].is_null());
}

/// Whatever it was billed by, the record alone gives its amount.
#[test]
fn a_record_gives_its_amount() {
    let periods = [units::Period::new("peak", Arc::new(units::Zone::utc()), 0x7F, 8 * 3_600, 20 * 3_600)
        .expect("a period")];
    let rules = crate::Rules { rounding: Rounding::Up, periods: periods.into(), ..crate::Rules::default() };
    let csv = "prefix,destination,rate,initial,increment,next_rate,connect_fee,period\n34,S,0.12345,30,6,0.1,0.01,\n34,S,0.3,60,60,,,peak\n";
    let (deck, _) =
        crate::Deck::load_by("retail", Currency::USD, &rules, csv.as_bytes()).expect("a good deck");
    let at = Wall::parse("2026-11-22T07:59:00Z").expect("a time");
    let exchange = Exchange {
        from: Currency::USD,
        to: Currency::EUR,
        rate: "0.9215".parse().expect("a rate"),
        at: Wall(0),
    };
    for exchange in [None, Some(exchange)] {
        let price = deck.price(&"349".parse().expect("a number"), at).expect("a price").exchanged(exchange);
        for ms in [0, 1, 30_000, 61_000, 200_000] {
            let charge = price.charge(ms);
            let mut cdr = Cdr { duration_ms: ms, ..cdr() };
            cdr.set_billed(&price, charge.billed_seconds);
            let read = Cdr::from_raw(&cdr.to_raw().expect("JSON")).expect("a CDR");
            assert_eq!(read.price().map(|price| price.charge(ms)), Some(charge), "{ms} ms");
        }
    }
    assert_eq!(Cdr { deck_currency: Some(Currency::USD), ..cdr() }.price(), None);
}

/// Without the fields that were added later: every call then came from a gate and went to carriers.
#[test]
fn reads_records_of_before() {
    let mut json: serde_json::Value =
        serde_json::from_str(cdr().to_raw().expect("JSON").get()).expect("JSON");
    let added = "direction origin origin_kind destination_kind number sip_account protocol_a protocol_b source_ip_a source_ip_b \
                 user_agent_a user_agent_b attestation verstat decision";
    let object = json.as_object_mut().expect("an object");
    added.split_whitespace().for_each(|name| assert!(object.remove(name).is_some(), "{name}"));
    let old = Cdr::from_raw(&serde_json::value::to_raw_value(&json).expect("JSON")).expect("a CDR");
    assert_eq!(old, cdr());
    assert_eq!(
        (old.direction, old.origin_kind, old.protocol_a, old.is_free()),
        (Direction::Outbound, PartyKind::Gate, Protocol::Sip, false)
    );
}

#[test]
fn reads_what_it_wrote() {
    let raw = cdr().to_raw().expect("JSON");
    assert_eq!(Cdr::from_raw(&raw).expect("a CDR"), cdr());
    assert!(
        Cdr::from_raw(&RawValue::from_string(raw.get().replace("13:44", "25:44")).expect("JSON")).is_err()
    );
}

/// What most calls have takes no room in the record that opens a call; whatever a call has comes back if its
/// node is lost.
#[test]
fn a_lost_calls_record_has_all_that_was_known() {
    let (deck, _) = crate::Deck::load(
        "retail",
        Currency::EUR,
        "prefix,destination,rate,initial,increment\n34,Spain,0.1,1,1\n".as_bytes(),
    )
    .expect("a good deck");
    let price = deck.price(&"349".parse().expect("a number"), Wall(0)).expect("a price");
    let usual = Cdr {
        origin: "acme".into(),
        destination_kind: Some(PartyKind::Carrier),
        decision: Some("why".to_owned()),
        ..cdr()
    };
    let inbound = Cdr {
        direction: Direction::Inbound,
        origin_kind: PartyKind::Carrier,
        destination_kind: Some(PartyKind::Gate),
        number: Some("34911".to_owned()),
        protocol_a: Protocol::H323,
        protocol_b: Some(Protocol::Sip),
        h323_call_id: Some("0a".repeat(16)),
        h323_conference_id: Some("0b".repeat(16)),
        ..usual.clone()
    };
    for (cdr, is_usual) in [(usual, true), (inbound, false)] {
        let raw = cdr.clone().into_unfinished().expect("JSON");
        for name in ["direction", "origin_kind", "protocol_a"] {
            assert_eq!(raw.get().contains(&format!("\"{name}\":")), !is_usual, "{name} in {raw}");
        }
        let dialog = || RawValue::from_string("{}".to_owned()).expect("JSON");
        let open = ledger::CallOpen {
            call: CallId(0xA1),
            gate: cdr.gate.clone(),
            answered_at: cdr.answered_at.expect("it was answered"),
            leased_secs: 1,
            price: price.row(),
            tiers: Vec::new(),
            dialog_a: dialog(),
            dialog_b: dialog(),
            cdr: raw,
        };
        let lost = OpenCall { account: cdr.account.clone(), open, answered_ms: 0, parts: Vec::new() };
        let read = Cdr::of_lost(&lost).expect("a CDR");
        assert_eq!(
            (read.direction, read.origin_kind, read.destination_kind),
            (cdr.direction, cdr.origin_kind, cdr.destination_kind)
        );
        assert_eq!(
            (read.protocol_a, read.protocol_b, read.number),
            (cdr.protocol_a, cdr.protocol_b, cdr.number)
        );
        assert_eq!((read.h323_call_id, read.h323_conference_id), (cdr.h323_call_id, cdr.h323_conference_id));
        assert_eq!((read.origin, read.decision, read.attempts), (cdr.origin, cdr.decision, cdr.attempts));
    }
}

#[test]
fn media_is_told_of_a_relayed_call_only() {
    let relayed = Cdr {
        media_ip_a: "192.0.2.1".parse().ok(),
        media_ip_b: "2001:db8::1".parse().ok(),
        rtp_packets_a_in: Some(1),
        rtp_packets_a_out: Some(2),
        rtp_packets_b_in: Some(3),
        rtp_packets_b_out: Some(4),
        rtp_lost_a: Some(5),
        rtp_lost_b: Some(6),
        jitter_ms_a: Some(7),
        jitter_ms_b: Some(8),
        mos_a: Mos::new(4.4),
        mos_b: Mos::new(3.256),
        transcoded: Some(true),
        recording: Some("20261130T223045Z-0abc.wav".into()),
        ..cdr()
    };
    let raw = relayed.to_raw().expect("JSON");
    let json: serde_json::Value = serde_json::from_str(raw.get()).expect("JSON");
    let values: Vec<_> = MEDIA_NAMES.split_whitespace().map(|name| json[name].to_string()).collect();
    assert_eq!(
        values.join(" "),
        "\"192.0.2.1\" \"2001:db8::1\" 1 2 3 4 5 6 7 8 4.4 3.26 true \"20261130T223045Z-0abc.wav\""
    );
    assert_eq!(Cdr::from_raw(&raw).expect("a record"), relayed);
    let other = cdr().to_raw().expect("JSON");
    assert!(MEDIA_NAMES.split_whitespace().all(|name| !other.get().contains(name)));
}
