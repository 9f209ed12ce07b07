//! The description and the routes are the same set, in both directions.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic)]

mod fake;

use axum::http::StatusCode;
use fake::Client;
use serde_json::Value;

/// Every route of the API: method, path as described, an example.
const ROUTES: &[(&str, &str, &str)] = &[
    ("get", "/accounts", "/accounts"),
    ("post", "/accounts", "/accounts"),
    ("get", "/accounts/{name}", "/accounts/acme"),
    ("patch", "/accounts/{name}", "/accounts/acme"),
    ("post", "/accounts/{name}/grants", "/accounts/acme/grants"),
    ("get", "/accounts/{name}/topups", "/accounts/acme/topups"),
    ("post", "/accounts/{name}/topups", "/accounts/acme/topups"),
    ("get", "/topups", "/topups"),
    ("post", "/accounts/{name}/topups/{key}/book", "/accounts/acme/topups/k1/book"),
    ("post", "/accounts/{name}/topups/{key}/reject", "/accounts/acme/topups/k1/reject"),
    ("post", "/accounts/{name}/topups/{key}/reverse", "/accounts/acme/topups/k1/reverse"),
    ("post", "/accounts/{name}/corrections", "/accounts/acme/corrections"),
    ("post", "/accounts/{name}/charges", "/accounts/acme/charges"),
    ("post", "/accounts/{name}/reversals", "/accounts/acme/reversals"),
    ("get", "/accounts/{name}/statement", "/accounts/acme/statement"),
    ("get", "/ledger/trial-balance", "/ledger/trial-balance"),
    ("post", "/ledger/close", "/ledger/close"),
    ("get", "/cdrs", "/cdrs"),
    ("get", "/notices", "/notices"),
    ("get", "/decks", "/decks"),
    ("get", "/decks/{name}", "/decks/retail"),
    ("get", "/decks/{name}/versions", "/decks/retail/versions"),
    ("get", "/decks/{name}/changes", "/decks/retail/changes"),
    ("get", "/calls", "/calls"),
    ("delete", "/calls/{id}", "/calls/c1"),
    ("put", "/calls/{id}/recording", "/calls/c1/recording"),
    ("get", "/calls/{id}/trace", "/calls/c1/trace"),
    ("get", "/trace-next", "/trace-next"),
    ("post", "/trace-next", "/trace-next"),
    ("get", "/route", "/route"),
    ("get", "/bans", "/bans"),
    ("delete", "/bans/{ip}", "/bans/192.0.2.200"),
    ("get", "/registrations", "/registrations"),
    ("get", "/carriers", "/carriers"),
    ("get", "/carriers/{name}/statement", "/carriers/alpha/statement"),
    ("get", "/gates", "/gates"),
    ("post", "/reload", "/reload"),
    ("post", "/drain", "/drain"),
    ("get", "/log", "/log"),
    ("put", "/log", "/log"),
    ("get", "/openapi.json", "/openapi.json"),
];

#[tokio::test]
async fn every_route_is_described_and_every_description_is_a_route() {
    let client = Client::new();
    let document = client.get("/api/v1/openapi.json").await.json();
    let paths = document["paths"].as_object().unwrap();
    let described: Vec<(String, String)> = paths
        .iter()
        .flat_map(|(path, verbs)| {
            verbs.as_object().unwrap().keys().map(move |verb| (verb.clone(), path.clone()))
        })
        .collect();
    for (verb, path, example) in ROUTES {
        assert!(
            described.contains(&((*verb).to_owned(), (*path).to_owned())),
            "{verb} {path} is not described"
        );
        let reply = client.call(&verb.to_uppercase(), &format!("/api/v1{example}"), &[], "").await;
        // Nobody is locked out here, and the handler says that of this address.
        let is_answered = *path == "/bans/{ip}" && reply.text.contains("192.0.2.200");
        assert!(
            is_answered || !matches!(reply.status, StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED),
            "{verb} {path}: {}",
            reply.status
        );
    }
    assert_eq!(described.len(), ROUTES.len(), "{described:?}");
    for example in ROUTES.iter().map(|route| route.2) {
        for verb in ["get", "post", "put", "delete", "patch"] {
            let known = ROUTES.iter().any(|route| route.0 == verb && route.2 == example);
            let reply = client.call(&verb.to_uppercase(), &format!("/api/v1{example}"), &[], "").await;
            assert_eq!(
                reply.status == StatusCode::METHOD_NOT_ALLOWED,
                !known,
                "{verb} {example}: {}",
                reply.status
            );
        }
    }
}

#[test]
fn references_point_at_something() {
    let document: Value = serde_json::from_str(web::OPENAPI).unwrap();
    let mut todo = vec![&document];
    let mut references = 0;
    while let Some(value) = todo.pop() {
        match value {
            Value::Object(map) => {
                if let Some(target) = map.get("$ref").and_then(Value::as_str) {
                    assert!(document.pointer(target.trim_start_matches('#')).is_some(), "{target}");
                    references += 1;
                }
                todo.extend(map.values());
            }
            Value::Array(list) => todo.extend(list),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
    assert!(references > 20);
}
