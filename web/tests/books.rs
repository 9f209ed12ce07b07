//! Lists of payments, statements page by page, and closings: what comes back, and what is refused.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic)]

mod fake;

use axum::http::StatusCode;
use fake::Client;
use serde_json::Value;

/// All pages of a list of `limit` rows each: the rows of `field`, and the pages.
async fn pages(client: &Client, path: &str, limit: usize, field: &str) -> (Vec<Value>, Vec<Value>) {
    let (mut rows, mut all) = (Vec::new(), Vec::new());
    let mut cursor = String::new();
    loop {
        let sign = if path.contains('?') { '&' } else { '?' };
        let reply = client.get(&format!("/api/v1{path}{sign}limit={limit}&cursor={cursor}")).await;
        assert_eq!(reply.status, StatusCode::OK, "{path}: {}", reply.text);
        let page = reply.json();
        rows.extend(page[field].as_array().unwrap().clone());
        let next = page["next"].as_str().map(str::to_owned);
        all.push(page);
        match next {
            Some(next) => cursor = next,
            None => return (rows, all),
        }
    }
}

#[tokio::test]
async fn payments_come_page_by_page() {
    let client = Client::new();
    for limit in 1..=4 {
        let (rows, all) = pages(&client, "/accounts/acme/topups", limit, "items").await;
        let keys: Vec<&Value> = rows.iter().map(|row| &row["idempotency_key"]).collect();
        assert_eq!(keys, ["invoice 1", "invoice 2", "invoice 3"], "{limit} a page");
        assert_eq!(all.len(), 3_usize.div_ceil(limit));
    }
    let (rows, _) = pages(&client, "/accounts/acme/topups", 100, "items").await;
    let field =
        |name: &str| rows.iter().map(|row| row[name].as_str().unwrap_or("-").to_owned()).collect::<Vec<_>>();
    assert_eq!(field("state"), ["booked", "booked", "pending"]);
    assert_eq!(field("amount"), ["300.00000"; 3]);
    assert_eq!(field("net"), ["288.00000", "288.00000", "0.00000"]);
    assert_eq!(client.get("/api/v1/accounts/nobody/topups").await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn what_is_on_its_way_comes_by_due_time() {
    let client = Client::new();
    for (path, keys) in [
        ("/topups", vec!["invoice 1", "invoice 2", "invoice 3"]),
        ("/topups?state=pending", vec!["invoice 1", "invoice 2", "invoice 3"]),
        ("/topups?state=late", vec!["invoice 1"]),
    ] {
        for limit in 1..=3 {
            let (rows, _) = pages(&client, path, limit, "items").await;
            assert_eq!(
                rows.iter().map(|row| &row["idempotency_key"]).collect::<Vec<_>>(),
                keys,
                "{path}, {limit} a page"
            );
        }
    }
}

#[tokio::test]
async fn each_page_of_a_statement_opens_with_what_the_one_before_closed_with() {
    let client = Client::new();
    for limit in 1..=5 {
        let (movements, all) = pages(&client, "/accounts/acme/statement", limit, "movements").await;
        assert_eq!(
            movements.iter().map(|m| m["entry"].as_u64().unwrap()).collect::<Vec<_>>(),
            [1, 2, 3, 4, 5],
            "{limit} a page"
        );
        for pair in all.windows(2) {
            assert_eq!(pair[0]["closing"], pair[1]["opening"], "{limit} a page");
        }
        assert_eq!(all.last().unwrap()["closing"][0]["balance"], "5.00000");
    }
}

#[tokio::test]
async fn cursors_of_other_lists_and_unknown_words_are_refused() {
    let client = Client::new();
    let statement = client.get("/api/v1/accounts/acme/statement?limit=1").await.json()["next"]
        .as_str()
        .unwrap()
        .to_owned();
    let payments =
        client.get("/api/v1/accounts/acme/topups?limit=1").await.json()["next"].as_str().unwrap().to_owned();
    for (path, field) in [
        (format!("/accounts/acme/topups?cursor={statement}"), "cursor"),
        (format!("/topups?cursor={payments}"), "cursor"),
        (format!("/accounts/acme/statement?cursor={payments}"), "cursor"),
        (format!("/accounts/acme/statement?cursor={}", &statement[..statement.len() - 1]), "cursor"),
        ("/accounts/acme/statement?limit=0".to_owned(), "limit"),
        ("/accounts/acme/statement?limit=100001".to_owned(), "limit"),
        ("/topups?state=booked".to_owned(), "state"),
        ("/topups?limit=1001".to_owned(), "limit"),
        ("/topups?account=acme".to_owned(), "query"),
    ] {
        let reply = client.get(&format!("/api/v1{path}")).await;
        assert_eq!(reply.status, StatusCode::BAD_REQUEST, "{path}");
        assert_eq!(reply.problem()["field"], field, "{path}");
    }
}

#[tokio::test]
async fn a_period_is_closed_with_a_key() {
    let client = Client::new();
    let body = r#"{"until":"2026-12-01T00:00:00Z"}"#;
    let keyless =
        client.call("POST", "/api/v1/ledger/close", &[("content-type", "application/json")], body).await;
    assert_eq!(
        (keyless.status, &keyless.problem()["field"]),
        (StatusCode::BAD_REQUEST, &"Idempotency-Key".into())
    );
    let first = client.post("/api/v1/ledger/close", "november", body).await;
    assert_eq!(first.status, StatusCode::CREATED);
    assert!(!first.headers.contains_key("idempotency-replayed"));
    let document = first.json();
    assert_eq!(
        (&document["until"], &document["entry"], &document["idempotency_key"]),
        (&"2026-12-01T00:00:00.000Z".into(), &7.into(), &"november".into())
    );
    assert_eq!(
        client.post("/api/v1/ledger/close", "again", body).await.headers["idempotency-replayed"],
        "true"
    );
    let wrong = client.post("/api/v1/ledger/close", "k", r#"{"until":"November"}"#).await;
    assert_eq!(
        (wrong.status, &wrong.problem()["field"]),
        (StatusCode::UNPROCESSABLE_ENTITY, &"until".into())
    );
}
