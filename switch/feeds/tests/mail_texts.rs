//! Every mail in every language, as its reader gets it. The texts in `golden/` were read by people; a change there is to be read again.

use std::path::Path;

use feeds::mail::{Language, text_of};
use ledger::{CallId, Notice, NoticeEvent, RateChange};
use units::{Currency, Name, Wall};

fn at(text: &str) -> Wall {
    Wall::parse(text).expect("an instant")
}

fn change(prefix: &str, destination: &str, old: Option<i64>, new: Option<i64>, from: &str) -> RateChange {
    RateChange { prefix: prefix.parse().expect("digits"), destination: destination.into(), old, new, from: at(from) }
}

/// One of each, with the forms that differ.
fn events() -> Vec<(&'static str, NoticeEvent)> {
    let (currency, minutes) = (Currency::EUR, Some(Name::from("free-es")));
    let (end, reference) = (at("2026-12-06T23:00:00Z"), Name::from("invoice 17"));
    let changes = vec![
        change("34", "Spain", Some(1_950), Some(2_000), "2026-12-01T00:00:00Z"),
        change("5511", "Brazil São Paulo", Some(2_000), Some(3_125), "2026-12-01T00:00:00Z"),
        change("84", "Vietnam", None, Some(12_345), "2026-12-15T06:30:00Z"),
        change("690", "Tokelau", Some(185_000), None, "2026-12-31T23:59:00Z"),
    ];
    let one = changes[..1].to_vec();
    let (deck, version) = (Name::from("retail"), Name::from("0123456789abcdef"));
    vec![
        ("the balance is low", NoticeEvent::LowBalance { balance: 195_000, threshold: 200_000, currency }),
        ("free minutes are nearly out", NoticeEvent::LowMinutes { pocket: "free-es".into(), seconds: 330 }),
        ("free minutes are nearly out, seconds only", NoticeEvent::LowMinutes { pocket: "free-es".into(), seconds: 59 }),
        ("the balance expires", NoticeEvent::CreditExpires { pocket: None, amount: 512_345, currency, at: end }),
        (
            "a pocket of money expires tomorrow",
            NoticeEvent::CreditExpires { pocket: Some("welcome".into()), amount: 500_000, currency, at: at("2026-11-23T12:00:00Z") },
        ),
        (
            "a pocket of minutes expires today",
            NoticeEvent::CreditExpires {
                pocket: minutes.clone(),
                amount: 63_000_000,
                currency: Currency::SEC,
                at: at("2026-11-22T22:59:00Z"),
            },
        ),
        ("the balance has expired", NoticeEvent::CreditExpired { pocket: None, amount: 512_300, currency }),
        ("a pocket of minutes has expired", NoticeEvent::CreditExpired { pocket: minutes, amount: 60_000_000, currency: Currency::SEC }),
        ("a top-up was booked", NoticeEvent::TopUpBooked { amount: 28_800_000, currency, reference, balance: 28_995_000 }),
        (
            "prices change",
            NoticeEvent::RatesChange { deck: deck.clone(), version: version.clone(), changes, more: 21, currency: Currency::USD },
        ),
        ("one price changes", NoticeEvent::RatesChange { deck, version, changes: one, more: 0, currency: Currency::USD }),
    ]
}

fn notice(language: &str, event: NoticeEvent) -> Notice {
    Notice { to: Some("ops@acme.example".into()), language: Some(language.into()), event }
}

#[test]
fn mails_are_those_that_were_read() {
    let mut differ = Vec::new();
    for language in Language::ALL {
        let mut all = String::new();
        for (title, event) in events() {
            let text =
                text_of(&"acme".into(), at("2026-11-22T12:00:00Z"), &notice(language.code(), event)).expect("writes").expect("is mailed");
            all += &format!("==== {title}\nSubject: {}\n\n{}\n", text.subject, text.body);
        }
        let name = format!("{}.txt", language.code());
        let kept = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(&name)).unwrap_or_default();
        let written = Path::new(env!("CARGO_TARGET_TMPDIR")).join(&name);
        std::fs::write(&written, &all).expect("writes");
        if all != kept {
            differ.push(written);
        }
    }
    assert!(differ.is_empty(), "not as in tests/golden, to be read, and copied there if right: {differ:?}");
}

#[test]
fn a_call_that_ends_is_told_in_no_mail() {
    let event = NoticeEvent::CallEnds { call: CallId(7), seconds: 60 };
    assert_eq!(text_of(&"acme".into(), at("2026-11-22T12:00:00Z"), &notice("en", event)).expect("writes"), None);
}

#[test]
fn values_from_outside_stay_on_their_line() {
    let reference = Name::from("x\r\n\r\n-- \nYour balance is 1,000,000\u{2028}now");
    let event = NoticeEvent::TopUpBooked { amount: 100_000, currency: Currency::EUR, reference, balance: 100_000 };
    let text = text_of(&"ac\r\nme".into(), at("2026-11-22T12:00:00Z"), &notice("en", event)).expect("writes").expect("is mailed");
    assert_eq!(text.subject, "ac  me: 1.00 EUR received");
    assert!(text.body.contains("\nReference: x    --  Your balance is 1,000,000 now\n"), "{}", text.body);
}
