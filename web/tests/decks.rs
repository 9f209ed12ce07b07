//! Price lists over the API: those in force, those of earlier days, and what changed between them.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic)]

mod fake;

use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use fake::Client;

/// RULES L9, L10: every list that was ever in force is downloadable, and what it changed, whole.
#[tokio::test]
async fn earlier_versions_and_what_they_changed_come_whole() {
    let client = Client::new();
    let first = client.get("/api/v1/decks/retail/versions?limit=1").await.json();
    let next = first["next"].as_str().unwrap();
    let second = client.get(&format!("/api/v1/decks/retail/versions?cursor={next}")).await.json();
    assert_eq!(
        (&second["items"][0]["since"], &second["next"]),
        (&"2026-02-01T00:00:00.000Z".into(), &serde_json::Value::Null)
    );
    let version = |page: &serde_json::Value| page["items"][0]["version"].as_str().unwrap().to_owned();
    let (old, new) = (version(&first), version(&second));
    let deck = client.get(&format!("/api/v1/decks/retail?version={old}")).await;
    assert!(deck.text.contains("55,Brazil,0.10000,30,6,"), "{}", deck.text);
    assert_eq!(deck.headers[header::ETAG].to_str().unwrap(), format!("\"{old}\""));
    let changed = "55,Brazil,,2026-02-01T00:00:00.000Z,0.10000,,30,6,0.00000,0.12345,,30,6,0.00000\n";
    for query in [String::new(), format!("?version={new}"), format!("?version={new}&before={old}")] {
        let changes = client.get(&format!("/api/v1/decks/retail/changes{query}")).await;
        assert_eq!(changes.text.split_once('\n').unwrap().1, changed, "{query}");
    }
    let none = client.get(&format!("/api/v1/decks/retail/changes?version={old}")).await;
    assert_eq!(none.text.lines().count(), 1, "there was nothing before the first");
    for path in [
        "retail?version=00",
        "retail/changes?version=00",
        "retail/changes?before=00",
        "retai/versions",
        "retai/changes",
    ] {
        assert_eq!(
            client.get(&format!("/api/v1/decks/{path}")).await.status,
            StatusCode::NOT_FOUND,
            "{path}"
        );
    }
}

#[tokio::test]
async fn decks_are_listed_and_come_whole_for_the_operator_only() {
    let client = Client::new();
    let page = client.get("/api/v1/decks?limit=1").await.json();
    assert_eq!((&page["items"][0]["name"], &page["items"][0]["rows"]), (&"alpha-cost".into(), &1.into()));
    let next = page["next"].as_str().unwrap();
    let last = client.get(&format!("/api/v1/decks?cursor={next}")).await.json();
    assert_eq!((&last["items"][0]["name"], &last["next"]), (&"retail".into(), &serde_json::Value::Null));
    let deck = client.get("/api/v1/decks/retail").await;
    assert_eq!(deck.headers[header::CONTENT_TYPE], "text/csv; charset=utf-8");
    assert_eq!(
        deck.headers[header::ETAG].to_str().unwrap(),
        format!("\"{}\"", last["items"][0]["version"].as_str().unwrap())
    );
    let (columns, row) = deck.text.split_once('\n').unwrap();
    assert!(columns.starts_with("prefix,destination,rate,initial,increment,connect_fee,"), "{columns}");
    assert!(row.starts_with("55,Brazil,0.12345,30,6,0.00000,"), "complete, with increments: {row}");
    client.get("/api/v1/decks/retai").await.problem();
    for path in [
        "/api/v1/decks",
        "/api/v1/decks/retail",
        "/api/v1/decks/retail/versions",
        "/api/v1/decks/retail/changes",
    ] {
        let stranger = client.send(Request::get(path).body(Body::empty()).unwrap()).await;
        assert_eq!(stranger.status, StatusCode::UNAUTHORIZED);
        assert!(!stranger.text.contains("Brazil"));
    }
}
