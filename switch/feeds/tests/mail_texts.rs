//! Every mail in every language, as its reader gets it. The texts in `golden/` were read by people; a change
//! there is to be read again.

use std::path::Path;

use feeds::mail::text_of;
use ledger::{
    CallId, Notice, NoticeEvent, PeriodTimes, RateChange, RateTerms, RatesChange, RoundingChange, Times,
};
use units::{Currency, Language, Name, Rate, Rounding, Wall};

fn at(text: &str) -> Wall {
    Wall::parse(text).expect("an instant")
}

fn change(prefix: &str, destination: &str, old: Option<i32>, new: Option<i32>, from: &str) -> RateChange {
    let terms = |_| RateTerms { initial: 1, increment: 1, next_rate: None, connect_fee: None };
    RateChange {
        prefix: prefix.parse().expect("digits"),
        destination: destination.into(),
        period: None,
        old: old.map(Rate::of_units),
        new: new.map(Rate::of_units),
        old_terms: old.map(terms),
        new_terms: new.map(terms),
        from: at(from),
    }
}

/// Nothing changes yet.
fn rates() -> RatesChange {
    RatesChange {
        deck: "retail".into(),
        version: "0123456789abcdef".into(),
        changes: Vec::new(),
        more: 0,
        currency: Currency::USD,
        old_currency: None,
        rounding: None,
        periods: Vec::new(),
        order: Vec::new(),
        shared: false,
    }
}

/// New prices in all their forms.
fn new_prices() -> Vec<(&'static str, RatesChange)> {
    let changes = vec![
        change("34", "Spain", Some(1_950), Some(2_000), "2026-12-01T00:00:00Z"),
        change("5511", "Brazil São Paulo", Some(2_000), Some(3_125), "2026-12-01T00:00:00Z"),
        change("84", "Vietnam", None, Some(12_345), "2026-12-15T06:30:00Z"),
        change("690", "Tokelau", Some(185_000), None, "2026-12-31T23:59:00Z"),
    ];
    let one = changes[..1].to_vec();
    let mut terms = changes[..2].to_vec();
    terms[0].new_terms = Some(RateTerms {
        initial: 60,
        increment: 6,
        next_rate: Some(Rate::of_units(1_000)),
        connect_fee: Some(Rate::of_units(5_000)),
    });
    terms[1].period = Some("peak".into());
    let times = |days, from: u32, until: u32| Times {
        days,
        from: from * 3_600,
        until: until * 3_600,
        zone: "Europe/Madrid".into(),
    };
    let peak = PeriodTimes {
        period: "peak".into(),
        old: Some(times(0b001_1111, 8, 20)),
        new: times(0b011_1111, 9, 21),
    };
    let night = PeriodTimes { period: "night".into(), old: None, new: times(0b111_1111, 22, 6) };
    let rounding = Some(RoundingChange { old: Rounding::HalfUp, new: Rounding::Up });
    let order = vec!["night".into(), "peak".into()];
    vec![
        ("prices change", RatesChange { changes, more: 21, ..rates() }),
        ("one price changes", RatesChange { changes: one, ..rates() }),
        (
            "terms of prices change",
            RatesChange { changes: terms, periods: vec![peak.clone(), night], ..rates() },
        ),
        (
            "rules change",
            RatesChange {
                periods: vec![peak],
                order,
                rounding,
                old_currency: Some(Currency::EUR),
                ..rates()
            },
        ),
    ]
}

/// One of each, with the forms that differ.
fn events() -> Vec<(&'static str, NoticeEvent)> {
    let (currency, minutes) = (Currency::EUR, Some(Name::from("free-es")));
    let (end, reference) = (at("2026-12-06T23:00:00Z"), Name::from("invoice 17"));
    let mut all = vec![
        ("the balance is low", NoticeEvent::LowBalance { balance: 195_000, threshold: 200_000, currency }),
        ("free minutes are nearly out", NoticeEvent::LowMinutes { bucket: "free-es".into(), seconds: 330 }),
        (
            "free minutes are nearly out, seconds only",
            NoticeEvent::LowMinutes { bucket: "free-es".into(), seconds: 59 },
        ),
        (
            "the balance expires",
            NoticeEvent::CreditExpires { bucket: None, amount: 512_345, currency, at: end },
        ),
        (
            "a pocket of money expires tomorrow",
            NoticeEvent::CreditExpires {
                bucket: Some("welcome".into()),
                amount: 500_000,
                currency,
                at: at("2026-11-23T12:00:00Z"),
            },
        ),
        (
            "a pocket of minutes expires today",
            NoticeEvent::CreditExpires {
                bucket: minutes.clone(),
                amount: 63_000_000,
                currency: Currency::SEC,
                at: at("2026-11-22T22:59:00Z"),
            },
        ),
        ("the balance has expired", NoticeEvent::CreditExpired { bucket: None, amount: 512_300, currency }),
        (
            "a pocket of minutes has expired",
            NoticeEvent::CreditExpired { bucket: minutes, amount: 60_000_000, currency: Currency::SEC },
        ),
        (
            "a top-up was booked",
            NoticeEvent::TopUpBooked { amount: 28_800_000, currency, reference, balance: 28_995_000 },
        ),
    ];
    all.extend(
        new_prices().into_iter().map(|(title, rates)| (title, NoticeEvent::RatesChange(Box::new(rates)))),
    );
    all
}

fn notice(language: &str, event: NoticeEvent) -> Notice {
    Notice { to: Some("ops@acme.example".into()), language: Some(language.into()), event, id: None }
}

#[test]
fn mails_are_those_that_were_read() {
    let mut differ = Vec::new();
    for language in Language::ALL {
        let mut all = String::new();
        for (title, event) in events() {
            let text =
                text_of(&"acme".into(), at("2026-11-22T12:00:00Z"), &notice(language.code(), event), None)
                    .expect("writes")
                    .expect("is mailed");
            all += &format!("==== {title}\nSubject: {}\n\n{}\n", text.subject, text.body);
        }
        let name = format!("{}.txt", language.code());
        let kept =
            std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(&name))
                .unwrap_or_default();
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
    assert_eq!(
        text_of(&"acme".into(), at("2026-11-22T12:00:00Z"), &notice("en", event), None).expect("writes"),
        None
    );
}

#[test]
fn values_from_outside_stay_on_their_line() {
    let reference = Name::from("x\r\n\r\n-- \nYour balance is 1,000,000\u{2028}now");
    let event =
        NoticeEvent::TopUpBooked { amount: 100_000, currency: Currency::EUR, reference, balance: 100_000 };
    let text = text_of(&"ac\r\nme".into(), at("2026-11-22T12:00:00Z"), &notice("en", event), None)
        .expect("writes")
        .expect("is mailed");
    assert_eq!(text.subject, "ac  me: 1.00 EUR received");
    assert!(text.body.contains("\nReference: x    --  Your balance is 1,000,000 now\n"), "{}", text.body);
}

/// RULES L9: the whole list can be had, and the mail says where.
#[test]
fn a_mail_says_where_the_whole_list_is() {
    let link = Some("https://example.net/prices/{deck}?version={version}");
    let (_, change) = new_prices().swap_remove(0);
    let event = NoticeEvent::RatesChange(Box::new(RatesChange { deck: "retail 2".into(), ..change }));
    let text = text_of(&"acme".into(), at("2026-11-22T12:00:00Z"), &notice("en", event), link)
        .expect("writes")
        .expect("is mailed");
    let said = "21 more changes are not shown here. The complete price list: https://example.net/prices/retail%202?version=0123456789abcdef\n";
    assert!(text.body.contains(said), "{}", text.body);
}
