//! An account's state as programs of other versions read and write it.
//!
//! Invariant: what this program does not know of a state stays in it when this program writes; and what
//! programs of the first form would refuse or lose is in a column of its own, `more`, which they never touch.

use serde_json::{Map, Value};

/// The terms that programs of the first form know: they refuse a state with others.
const FIRST_TERMS: [&str; 6] = ["decks", "profit_guard", "low_balance", "idle_days", "email", "language"];
/// The rest of a state that they know: others they lose when they write.
const FIRST_STATE: [&str; 9] = [
    "terms",
    "opened_at",
    "last_event",
    "low_armed",
    "warned",
    "expiries",
    "rates_told",
    "announced",
    "pockets",
];
const TERMS: &str = "terms";

/// A state from its two columns.
pub(crate) fn merged(state: &str, more: Option<&str>) -> Result<Value, serde_json::Error> {
    let mut whole: Value = serde_json::from_str(state)?;
    let more: Value = more.map_or(Ok(Value::Null), serde_json::from_str)?;
    add_absent(&mut whole, &more);
    Ok(whole)
}

/// The columns of a state: what programs of the first form read, and the rest, if there is any.
pub(crate) fn split(mut state: Value) -> (String, Option<String>) {
    let mut more = Map::new();
    if let Value::Object(fields) = &mut state {
        // Programs of the first form read these without harm, and lose them when they write: here they are
        // twice.
        more.extend(
            fields
                .iter()
                .filter(|(name, _)| !FIRST_STATE.contains(&name.as_str()))
                .map(|(name, value)| (name.clone(), value.clone())),
        );
        if let Some(Value::Object(terms)) = fields.get_mut(TERMS) {
            let (known, newer) =
                std::mem::take(terms).into_iter().partition(|(name, _)| FIRST_TERMS.contains(&name.as_str()));
            *terms = known;
            let newer: Map<String, Value> = newer;
            if !newer.is_empty() {
                more.insert(TERMS.to_owned(), Value::Object(newer));
            }
        }
    }
    (state.to_string(), (!more.is_empty()).then(|| Value::Object(more).to_string()))
}

/// `state` with all that was in `found` and that this program, which read it as `read`, does not know.
pub(crate) fn keep_unknown(found: &Value, read: &Value, state: &mut Value) {
    match (found, read, state) {
        (Value::Object(found), Value::Object(read), Value::Object(state)) => {
            for (name, value) in found {
                match (read.get(name), state.get_mut(name)) {
                    (None, None) => _ = state.insert(name.clone(), value.clone()),
                    (Some(read), Some(state)) => keep_unknown(value, read, state),
                    _ => {}
                }
            }
        }
        (Value::Array(found), Value::Array(read), Value::Array(state)) => {
            // Lists are of things with names; what is gone is gone.
            for (found, read) in found.iter().zip(read) {
                let name = found.get("name");
                if let Some(state) =
                    state.iter_mut().find(|state| name.is_some() && state.get("name") == name)
                {
                    keep_unknown(found, read, state);
                }
            }
        }
        _ => {}
    }
}

fn add_absent(whole: &mut Value, more: &Value) {
    let (Value::Object(whole), Value::Object(more)) = (whole, more) else { return };
    for (name, value) in more {
        match whole.get_mut(name) {
            None => _ = whole.insert(name.clone(), value.clone()),
            Some(known) => add_absent(known, value),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ledger::StateImage;
    use serde_json::json;

    fn of_a_newer_program() -> Value {
        json!({
            "terms": { "decks": ["retail"], "language": "es", "colour": "red" },
            "opened_at": 1, "last_event": 2, "low_armed": false, "expiries": 0, "weather": { "sun": true },
            "pockets": [
                { "name": "free", "granted_at": 3, "low_armed": false, "expiries": 0, "smell": "rose",
                  "terms": { "kind": "minutes", "prefixes": ["15"], "priority": 0, "taste": "mint" } },
                { "name": "gone", "granted_at": 3, "low_armed": false, "expiries": 0, "terms": { "kind": "test", "priority": 0 } },
            ],
        })
    }

    #[test]
    fn what_is_not_known_is_kept() {
        let found = of_a_newer_program();
        let read: StateImage = serde_json::from_value(found.clone()).expect("a newer state is read");
        let mut next = read.clone();
        next.low_armed = true;
        next.terms.language = None;
        next.buckets.remove(1);
        let mut written = serde_json::to_value(&next).expect("serialises");
        keep_unknown(&found, &serde_json::to_value(&read).expect("serialises"), &mut written);
        let mut want = found;
        want["low_armed"] = json!(true);
        want["terms"].as_object_mut().expect("fields").remove("language");
        want["pockets"].as_array_mut().expect("a list").remove(1);
        assert_eq!(written["terms"], want["terms"]);
        assert_eq!(
            (&written["weather"], &written["pockets"][0]["smell"]),
            (&want["weather"], &json!("rose"))
        );
        assert_eq!(written["pockets"][0]["terms"]["taste"], "mint");
        assert_eq!(written["pockets"].as_array().map(Vec::len), Some(1));
    }

    #[test]
    fn what_older_programs_refuse_or_lose_is_apart() {
        let whole = of_a_newer_program();
        let (state, more) = split(whole.clone());
        let old: Value = serde_json::from_str(&state).expect("JSON");
        assert_eq!(old["terms"], json!({ "decks": ["retail"], "language": "es" }));
        assert_eq!(merged(&state, more.as_deref()).expect("JSON"), whole);
        // One of them wrote: what it did not know came from the other column.
        let mut without = old;
        without.as_object_mut().expect("fields").remove("weather");
        without["terms"]["language"] = json!("fr");
        let read = merged(&without.to_string(), more.as_deref()).expect("JSON");
        assert_eq!(
            (&read["terms"], &read["weather"]),
            (&json!({ "decks": ["retail"], "language": "fr", "colour": "red" }), &whole["weather"])
        );
        let plain = json!({ "terms": { "decks": ["retail"] }, "opened_at": 1 });
        assert_eq!(split(plain.clone()), (plain.to_string(), None));
    }
}
