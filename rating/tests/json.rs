//! What the ledger's own writer of JSON says is what `serde_json` says, byte for byte.

use std::collections::BTreeMap;

use ledger::json;
use proptest::prelude::*;
use serde::Serialize;
use serde_json::Value;
use serde_json::value::RawValue;

/// One of every form that serde has.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "snake_case")]
enum Form {
    Unit,
    Newtype(Value),
    Tuple(i64, String),
    Empty {},
    Struct {
        text: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        none: Option<u8>,
        some: Option<char>,
    },
}

#[derive(Debug, Clone, Serialize)]
struct Pair(u64, bool);

#[derive(Debug, Clone, Serialize)]
struct Wrapped(f64);

#[derive(Debug, Clone, Serialize)]
struct Nothing;

#[derive(Debug, Clone, Serialize)]
struct All {
    forms: Vec<Form>,
    pair: Pair,
    wrapped: Wrapped,
    small: (i8, u8, i16, u16, i32, u32, f32),
    wide: (i64, u64, i128, u128),
    by_text: BTreeMap<String, Value>,
    by_number: BTreeMap<i64, Nothing>,
    by_truth: BTreeMap<bool, ()>,
    raw: Box<RawValue>,
    maybe_raw: Option<Box<RawValue>>,
    #[serde(flatten)]
    beside: BTreeMap<String, u8>,
}

/// Texts with and without what has to be escaped, of lengths around eight bytes.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z0-9@.:;<>=]{0,40}",
        "[ -~]{0,24}",
        "\\PC{0,12}",
        "[a\\x00-\\x1f\"\\\\\\x7f\u{80}é€😀]{0,20}"
    ]
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        text().prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 24, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::btree_map(text(), inner, 0..5)
                .prop_map(|map| map.into_iter().collect::<Value>()),
        ]
    })
}

fn form() -> impl Strategy<Value = Form> {
    prop_oneof![
        Just(Form::Unit),
        value().prop_map(Form::Newtype),
        (any::<i64>(), text()).prop_map(|(number, text)| Form::Tuple(number, text)),
        Just(Form::Empty {}),
        (text(), any::<Option<u8>>(), any::<Option<char>>()).prop_map(|(text, none, some)| Form::Struct {
            text,
            none,
            some
        }),
    ]
}

fn raw() -> impl Strategy<Value = Box<RawValue>> {
    value().prop_map(|value| serde_json::value::to_raw_value(&value).expect("JSON"))
}

fn all() -> impl Strategy<Value = All> {
    let maps = (
        prop::collection::btree_map(text(), value(), 0..4),
        prop::collection::btree_map(any::<i64>(), Just(Nothing), 0..3),
        prop::collection::btree_map(any::<bool>(), Just(()), 0..3),
        prop::collection::btree_map("[a-z]{9}", any::<u8>(), 0..3),
    );
    let parts = (
        prop::collection::vec(form(), 0..5),
        any::<(u64, bool)>(),
        any::<f64>(),
        any::<(i8, u8, i16, u16, i32, u32, f32)>(),
    );
    (parts, any::<(i64, u64, i128, u128)>(), maps, raw(), prop::option::of(raw())).prop_map(
        |(parts, wide, maps, raw, maybe_raw)| {
            let (forms, (number, truth), wrapped, small) = parts;
            let (by_text, by_number, by_truth, beside) = maps;
            let (pair, wrapped) = (Pair(number, truth), Wrapped(wrapped));
            All { forms, pair, wrapped, small, wide, by_text, by_number, by_truth, raw, maybe_raw, beside }
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(proptest::test_runner::Config::default().cases.max(512)))]

    #[test]
    fn every_form_is_written_as_serde_json_writes_it(all in all()) {
        let expected = serde_json::to_string(&all).expect("JSON");
        prop_assert_eq!(&json::to_string(&all, 0).expect("JSON"), &expected);
        let raw = json::to_raw(&all, 64).expect("JSON");
        prop_assert_eq!(raw.get(), &expected);
        // As a part of something: copied, not written as a text.
        prop_assert_eq!(json::to_string(&[&raw], 0).expect("JSON"), format!("[{expected}]"));
        prop_assert_eq!(serde_json::to_string(&[&raw]).expect("JSON"), format!("[{expected}]"));
    }
}

/// Each byte that could be taken for another, at each place of eight and of more.
#[test]
fn every_letter_is_escaped_at_every_place() {
    for letter in (0..=0x17F_u32).filter_map(char::from_u32) {
        for length in 0..20 {
            for at in 0..=length {
                let mut text = "a".repeat(length);
                text.insert(at, letter);
                assert_eq!(
                    json::to_string(&text, 0).expect("JSON"),
                    serde_json::to_string(&text).expect("JSON"),
                    "{text:?}"
                );
            }
        }
    }
}

#[test]
fn what_is_displayed_is_escaped_too() {
    struct Shown(&'static str);
    impl Serialize for Shown {
        fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
            s.collect_str(self.0)
        }
    }
    for text in ["", "call/1/0", "a \"quoted\" word", "two\nlines"] {
        assert_eq!(
            json::to_string(&Shown(text), 0).expect("JSON"),
            serde_json::to_string(text).expect("JSON")
        );
    }
}

#[test]
fn a_key_that_is_no_text_is_refused() {
    assert!(json::to_string(&BTreeMap::from([((), 1)]), 0).is_err());
    assert!(json::to_string(&BTreeMap::from([(vec![1], 1)]), 0).is_err());
}
