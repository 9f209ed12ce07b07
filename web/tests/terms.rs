//! Grants to buckets and changed terms, against a switch in memory.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic)]

mod fake;

use axum::http::StatusCode;
use fake::Client;

const TYPE: (&str, &str) = ("content-type", "application/json");

#[tokio::test]
async fn credit_and_minutes_are_given_once_for_their_key() {
    const GRANTS: &str = "/api/v1/accounts/acme/grants";
    let client = Client::new();
    let give = async |body: &str| client.call("POST", GRANTS, &[TYPE, ("idempotency-key", "k1")], body).await;
    let reply = give(r#"{"pocket":"free","kind":"minutes","seconds":120,"prefixes":["34"],"expires_at":"2027-01-01T00:00:00Z"}"#).await;
    assert_eq!(reply.status, StatusCode::CREATED, "{:?}", reply.json());
    let document = reply.json();
    assert_eq!(
        [&document["amount"], &document["currency"], &document["kind"]],
        ["120.00000", "SEC", "minutes"]
    );
    let reply = give(r#"{"pocket":"welcome","kind":"promo","amount":"5.00"}"#).await;
    assert_eq!([&reply.json()["left"], &reply.json()["currency"]], ["5.00000", "EUR"]);
    for (body, field) in [
        (r#"{"pocket":"p","kind":"minutes","amount":"5.00"}"#, "seconds"),
        (r#"{"pocket":"p","kind":"minutes","seconds":0}"#, "seconds"),
        (r#"{"pocket":"p","kind":"promo","seconds":5}"#, "amount"),
        (r#"{"pocket":"p","kind":"promo","amount":"0.00"}"#, "amount"),
        (r#"{"pocket":"p","kind":"test","amount":"5.000001"}"#, "amount"),
        (r#"{"pocket":"p","kind":"promo","amount":"5","currency":"USD"}"#, "currency"),
        (r#"{"pocket":"p","kind":"promo","amount":"5","prefixes":["34x"]}"#, "prefixes"),
        (r#"{"pocket":"p","kind":"promo","amount":"5","expires_at":"tomorrow"}"#, "expires_at"),
    ] {
        let reply = give(body).await;
        assert_eq!(
            (reply.status, reply.json()["field"].as_str()),
            (StatusCode::UNPROCESSABLE_ENTITY, Some(field)),
            "{body}"
        );
    }
    assert_eq!(give(r#"{"pocket":"p","kind":"gold","amount":"5"}"#).await.status, StatusCode::BAD_REQUEST);
    let keyless = client.call("POST", GRANTS, &[TYPE], r#"{"pocket":"p","kind":"promo","amount":"5"}"#).await;
    assert_eq!(keyless.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn terms_change_by_what_is_named() {
    let client = Client::new();
    let change = async |body: &str| client.call("PATCH", "/api/v1/accounts/acme", &[TYPE], body).await;
    let reply = change(r#"{"decks":["wholesale"],"low_balance":null,"idle_days":365,"profit_guard":"block","credit":"5.00"}"#).await;
    assert_eq!((reply.status, reply.json()["deck"].as_str()), (StatusCode::OK, Some("wholesale")));
    for (body, status) in [
        ("{}", StatusCode::BAD_REQUEST),
        (r#"{"colour":"red"}"#, StatusCode::BAD_REQUEST),
        (r#"{"profit_guard":"maybe"}"#, StatusCode::BAD_REQUEST),
        (r#"{"credit":"-5.00"}"#, StatusCode::UNPROCESSABLE_ENTITY),
        (r#"{"low_balance":"x"}"#, StatusCode::UNPROCESSABLE_ENTITY),
        (r#"{"email":""}"#, StatusCode::UNPROCESSABLE_ENTITY),
    ] {
        assert_eq!(change(body).await.status, status, "{body}");
    }
    let missing = client.call("PATCH", "/api/v1/accounts/nobody", &[TYPE], r#"{"idle_days":null}"#).await;
    assert_eq!(missing.status, StatusCode::NOT_FOUND);
}
