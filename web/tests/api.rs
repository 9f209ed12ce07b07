//! The operator's API against a switch in memory: what it answers, and that what it refuses changes nothing.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic)]

mod fake;

use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use fake::{Client, TOKEN};

const TOPUPS: &str = "/api/v1/accounts/acme/topups";

#[tokio::test]
async fn without_the_token_nothing_is_shown_or_done() {
    let client = Client::new();
    let wrong = [
        None,
        Some(String::new()),
        Some(TOKEN.to_owned()),
        Some("Bearer".to_owned()),
        Some("Bearer ".to_owned()),
        Some(format!("Basic {TOKEN}")),
        Some(format!("Bearer {TOKEN}0")),
        Some(format!("Bearer {}", &TOKEN[1..])),
        Some(format!("Bearer {}", TOKEN.replace('f', "e"))),
        Some(format!("Bearer  {TOKEN}")),
    ];
    let paths = [
        ("GET", "/api/v1/accounts"),
        ("POST", TOPUPS),
        ("DELETE", "/api/v1/calls/c1"),
        ("GET", "/api/v1/none"),
        ("PUT", "/api/v1/cdrs"),
    ];
    for value in &wrong {
        for (method, path) in paths {
            let mut request = Request::builder()
                .method(method)
                .uri(path)
                .header("idempotency-key", "k")
                .header("content-type", "application/json");
            if let Some(value) = value {
                request = request.header("authorization", value);
            }
            let reply = client.send(request.body(Body::from(r#"{"amount":"5.00"}"#)).unwrap()).await;
            assert_eq!(reply.status, StatusCode::UNAUTHORIZED, "{method} {path} {value:?}");
            assert!(reply.headers[header::WWW_AUTHENTICATE].to_str().unwrap().starts_with("Bearer"));
            reply.problem();
        }
    }
    let twice = Request::get("/api/v1/accounts")
        .header("authorization", format!("Bearer {TOKEN}"))
        .header("authorization", "Bearer x");
    assert_eq!(client.send(twice.body(Body::empty()).unwrap()).await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(client.balance("acme"), "10.00000");
    assert_eq!(client.fake.live.lock().unwrap().len(), 2);
    let refused = wrong.len() * paths.len() + 1;
    let line = format!("tollgate_auth_rejected_total{{reason=\"api_token\"}} {refused}\n");
    assert!(client.metrics.exposition().unwrap().contains(&line), "{line}");
}

#[tokio::test]
async fn the_scheme_may_be_in_any_case() {
    let client = Client::new();
    let request = Request::get("/api/v1/accounts/acme").header("authorization", format!("bearer {TOKEN}"));
    let reply = client.send(request.body(Body::empty()).unwrap()).await;
    assert_eq!(reply.status, StatusCode::OK);
    assert_eq!(reply.json()["balance"], "10.00000");
    assert_eq!(reply.json()["available"], "10.00000");
}

#[tokio::test]
async fn lists_come_in_pages() {
    let client = Client::new();
    let first = client.get("/api/v1/accounts?limit=1").await.json();
    assert_eq!(first["items"][0]["name"], "acme");
    let cursor = first["next"].as_str().unwrap();
    let second = client.get(&format!("/api/v1/accounts?limit=1&cursor={cursor}")).await.json();
    assert_eq!(second["items"][0]["name"], "beta");
    assert!(second["next"].is_null());
    let calls = client.get("/api/v1/calls").await.json();
    assert_eq!(calls["items"].as_array().unwrap().len(), 2);
    assert!(calls["next"].is_null());
    assert!(calls["items"][0]["answered_at"].is_null());
}

#[tokio::test]
async fn cdrs_are_filtered_and_paged_in_journal_order() {
    let client = Client::new();
    let mut seen = Vec::new();
    let mut path =
        "/api/v1/cdrs?account=acme&limit=2&from=1970-01-01T00:00:03Z&to=1970-01-01T00:00:10Z".to_owned();
    let base = path.clone();
    loop {
        let page = client.get(&path).await.json();
        seen.extend(
            page["items"].as_array().unwrap().iter().map(|cdr| cdr["id"].as_str().unwrap().to_owned()),
        );
        let Some(next) = page["next"].as_str() else { break };
        path = format!("{base}&cursor={next}");
    }
    assert_eq!(seen, ["c4", "c6", "c8"]);
    assert_eq!(client.get("/api/v1/cdrs?account=").await.json()["items"].as_array().unwrap().len(), 10);
    assert_eq!(client.get("/api/v1/cdrs?limit=10000").await.status, StatusCode::OK);
}

#[tokio::test]
async fn notices_are_paged_like_cdrs_with_cursors_of_their_own() {
    let client = Client::new();
    let page = client.get("/api/v1/notices?account=acme&limit=2").await.json();
    assert_eq!(
        page["items"][1],
        serde_json::json!({
            "entry": 2, "at": "1970-01-01T00:00:01.000Z", "account": "acme", "notice": {"event": {"low_minutes": {"pocket": "free", "seconds": 60}}},
        })
    );
    let next = page["next"].as_str().unwrap();
    let page = client.get(&format!("/api/v1/notices?account=acme&limit=2&cursor={next}")).await.json();
    assert_eq!((page["items"][0]["entry"].as_u64(), page["next"].is_null()), (Some(3), true));
    assert_eq!(client.get(&format!("/api/v1/cdrs?cursor={next}")).await.status, StatusCode::BAD_REQUEST);
    assert_eq!(client.get("/api/v1/notices?gate=x").await.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn parameters_are_an_allow_list() {
    let client = Client::new();
    for query in [
        "cdrs?sort=id",
        "cdrs?limit=0",
        "cdrs?limit=10001",
        "cdrs?limit=-1",
        "cdrs?limit=%2B5",
        "cdrs?limit=1e3",
        "cdrs?limit=1&limit=2",
        "cdrs?from=yesterday",
        "cdrs?to=2026-13-01T00:00:00Z",
        "cdrs?cursor=zz",
        "cdrs?cursor=a61636d65",
        "cdrs?account=a%00b",
        "cdrs?account=%ff%fe%00",
        "accounts?cursor=c1",
        "accounts?limit=1001",
        "accounts?order=name;drop",
        "accounts/acme?fields=balance",
        "calls?cursor=%27%20OR%201=1",
    ] {
        let reply = client.get(&format!("/api/v1/{query}")).await;
        assert_eq!(reply.status, StatusCode::BAD_REQUEST, "{query}");
        reply.problem();
    }
}

#[tokio::test]
async fn paths_and_methods_that_are_not_there() {
    let client = Client::new();
    for path in [
        "/",
        "/api",
        "/api/v1",
        "/api/v1/",
        "/api/v1/none",
        "/api/v2/accounts",
        "/api/v1/accounts/",
        "/api/v1/accounts/nobody",
        "/api/v1/accounts/%00",
    ] {
        let reply = client.get(path).await;
        assert!(
            matches!(reply.status, StatusCode::NOT_FOUND | StatusCode::UNAUTHORIZED),
            "{path} {}",
            reply.status
        );
        reply.problem();
    }
    let invalid_utf8 = client.get("/api/v1/accounts/%ff").await;
    assert_eq!(invalid_utf8.status, StatusCode::NOT_FOUND);
    invalid_utf8.problem();
    for (method, path, allowed) in [
        ("DELETE", "/api/v1/accounts", "POST"),
        ("PUT", TOPUPS, "POST"),
        ("POST", "/api/v1/cdrs", "GET"),
        ("POST", "/livez", "GET"),
        ("GET", "/api/v1/calls/c1", "DELETE"),
    ] {
        let reply = client.call(method, path, &[], "").await;
        assert_eq!(reply.status, StatusCode::METHOD_NOT_ALLOWED, "{method} {path}");
        assert!(reply.headers[header::ALLOW].to_str().unwrap().contains(allowed), "{method} {path}");
        reply.problem();
    }
}

#[tokio::test]
async fn a_top_up_is_booked_once_for_its_key() {
    let client = Client::new();
    let body = r#"{"amount":"5.00","reference":"invoice 7"}"#;
    let first = client.post(TOPUPS, "key-1", body).await;
    assert_eq!(first.status, StatusCode::CREATED);
    assert_eq!(first.json()["amount"], "5.00000");
    assert_eq!(first.json()["balance_after"], "15.00000");
    assert!(!first.headers.contains_key("idempotency-replayed"));
    let again = client.post(TOPUPS, "key-1", body).await;
    assert_eq!(again.status, StatusCode::CREATED);
    assert_eq!(again.text, first.text);
    assert_eq!(again.headers["idempotency-replayed"], "true");
    assert_eq!(client.balance("acme"), "15.00000");
    let other = client.post(TOPUPS, "key-1", r#"{"amount":"6.00","reference":"invoice 7"}"#).await;
    assert_eq!(other.status, StatusCode::UNPROCESSABLE_ENTITY);
    other.problem();
    assert_eq!(client.balance("acme"), "15.00000");
}

#[tokio::test]
async fn bodies_that_are_not_as_documented_change_nothing() {
    let client = Client::new();
    let bad = StatusCode::BAD_REQUEST;
    let value = StatusCode::UNPROCESSABLE_ENTITY;
    for (body, status, hint) in [
        ("", bad, "empty"),
        ("{", bad, "line 1 column 1"),
        ("{\n  \"amount\": \"5.00\",\n  \"amuont\": 1}", bad, "line 3 column"),
        (r#"{"amount":"5.00"} x"#, bad, "trailing"),
        (r#"{"amount":"5.00","amount":"6.00"}"#, bad, "duplicate"),
        (r#"{"amount":5.00}"#, bad, "as a string"),
        (r#"{"amount":5}"#, bad, "as a string"),
        (r#"{"amount":null}"#, bad, "as a string"),
        (r#"{"reference":"x"}"#, bad, "missing field"),
        ("[]", bad, "line 1"),
        ("\"5.00\"", bad, "line 1"),
        (r#"{"amount":"NaN"}"#, value, "plain decimal"),
        (r#"{"amount":"1e9"}"#, value, "plain decimal"),
        (r#"{"amount":"-5.00"}"#, value, "plain decimal"),
        (r#"{"amount":"0.123456"}"#, value, "decimal places"),
        (r#"{"amount":"0.00"}"#, value, "more than zero"),
        (r#"{"amount":"99999999999999999999999999999"}"#, value, ""),
        (r#"{"amount":"5.00","currency":"EURO"}"#, value, "three letters"),
        (r#"{"amount":"5.00","currency":"USD"}"#, value, "EUR"),
        (r#"{"amount":"5.00","reference":"a\u0000b"}"#, value, "printable"),
    ] {
        let reply = client.post(TOPUPS, "key-2", body).await;
        assert_eq!(reply.status, status, "{body}: {}", reply.text);
        let problem = reply.problem();
        assert!(problem["detail"].as_str().unwrap().contains(hint), "{body}: {problem}");
    }
    assert_eq!(client.balance("acme"), "10.00000");
    assert!(client.fake.paid.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_top_up_needs_a_key_a_type_and_a_bounded_body() {
    let client = Client::new();
    let json = ("content-type", "application/json");
    let body = r#"{"amount":"5.00"}"#;
    let long_key = "k".repeat(129);
    for headers in [
        vec![json],
        vec![json, ("idempotency-key", "")],
        vec![json, ("idempotency-key", &long_key)],
        vec![json, ("idempotency-key", "a"), ("idempotency-key", "b")],
    ] {
        let reply = client.call("POST", TOPUPS, &headers, body).await;
        assert_eq!(reply.status, StatusCode::BAD_REQUEST, "{headers:?}");
        assert_eq!(reply.problem()["field"], "Idempotency-Key");
    }
    for kind in ["text/plain", "application/x-www-form-urlencoded", "application/jsonx", ""] {
        let reply =
            client.call("POST", TOPUPS, &[("content-type", kind), ("idempotency-key", "k")], body).await;
        assert_eq!(reply.status, StatusCode::UNSUPPORTED_MEDIA_TYPE, "{kind}");
        reply.problem();
    }
    let long = format!(r#"{{"amount":"5.00","reference":"{}"}}"#, "x".repeat(web::BODY_BYTES_MAX));
    let reply = client.post(TOPUPS, "k", &long).await;
    assert_eq!(reply.status, StatusCode::PAYLOAD_TOO_LARGE);
    reply.problem();
    let nested = format!(r#"{{"amount":{}"#, "[".repeat(30_000));
    assert_eq!(client.post(TOPUPS, "k", &nested).await.status, StatusCode::BAD_REQUEST);
    assert_eq!(client.balance("acme"), "10.00000");
    let charset = [("content-type", "application/json; charset=utf-8"), ("idempotency-key", "k")];
    assert_eq!(client.call("POST", TOPUPS, &charset, body).await.status, StatusCode::CREATED);
}

#[tokio::test]
async fn fault_a12_what_cannot_be_meant_is_refused() {
    let client = Client::new();
    let body = r#"{"amount":"5.00"}"#;
    for kind in [
        "application/json; charset=utf-16",
        "application/json;charset=\"iso-8859-1\"",
        "application/json; charset=",
    ] {
        let reply =
            client.call("POST", TOPUPS, &[("content-type", kind), ("idempotency-key", "k")], body).await;
        assert_eq!(reply.status, StatusCode::UNSUPPORTED_MEDIA_TYPE, "{kind}");
    }
    let reply = client.get("/api/v1/cdrs?from=2026-01-31T12:00:00%2B25:00").await;
    assert_eq!((reply.status, reply.problem()["field"].clone()), (StatusCode::BAD_REQUEST, "from".into()));
    for currency in ["SEC", "XQZ", "XAU"] {
        let body = format!(r#"{{"name":"gamma","currency":"{currency}","deck":"retail"}}"#);
        let reply =
            client.call("POST", "/api/v1/accounts", &[("content-type", "application/json")], &body).await;
        assert_eq!(
            (reply.status, reply.problem()["field"].clone()),
            (StatusCode::UNPROCESSABLE_ENTITY, "currency".into()),
            "{currency}"
        );
    }
    for (path, body, field) in [
        (TOPUPS, r#"{"amount":"90000000000000.00001"}"#, "amount"),
        ("/api/v1/accounts/acme/corrections", r#"{"amount":"-90000000000001","reason":"x"}"#, "amount"),
        ("/api/v1/accounts/acme/charges", r#"{"price":"92233720368547.75807","cause":"x"}"#, "price"),
        (
            "/api/v1/accounts",
            r#"{"name":"gamma","currency":"EUR","deck":"retail","balance":"90000000000001"}"#,
            "balance",
        ),
        (
            "/api/v1/accounts",
            r#"{"name":"gamma","currency":"EUR","deck":"retail","credit":"90000000000001"}"#,
            "credit",
        ),
    ] {
        let reply = client.post(path, "k", body).await;
        assert_eq!(
            (reply.status, reply.problem()["field"].clone()),
            (StatusCode::UNPROCESSABLE_ENTITY, field.into()),
            "{body}"
        );
    }
    assert_eq!(client.balance("acme"), "10.00000");
}

#[tokio::test]
async fn fault_d3_an_account_is_opened_and_changed_by_the_rules_of_the_file() {
    let client = Client::new();
    for (field, value) in [
        ("email", r#""nobody""#),
        ("language", r#""klingon""#),
        ("idle_days", "0"),
        ("idle_days", "36501"),
        ("low_balance", r#""-1""#),
        ("credit", r#""-1""#),
    ] {
        let body = format!(r#"{{"name":"gamma","currency":"EUR","deck":"retail","{field}":{value}}}"#);
        let opened = client.post("/api/v1/accounts", "k", &body).await;
        assert_eq!(
            (opened.status, opened.problem()["field"].clone()),
            (StatusCode::UNPROCESSABLE_ENTITY, field.into()),
            "{body}"
        );
        let patch = format!(r#"{{"{field}":{value}}}"#);
        let changed = client
            .call("PATCH", "/api/v1/accounts/acme", &[("content-type", "application/json")], &patch)
            .await;
        assert_eq!(
            (changed.status, changed.problem()["field"].clone()),
            (StatusCode::UNPROCESSABLE_ENTITY, field.into()),
            "{patch}"
        );
    }
}

#[tokio::test]
async fn accounts_are_opened_once() {
    let client = Client::new();
    let path = "/api/v1/accounts";
    let json = [("content-type", "application/json")];
    let opened =
        client.call("POST", path, &json, r#"{"name":"gamma","currency":"eur","deck":"retail"}"#).await;
    assert_eq!(opened.status, StatusCode::CREATED, "{}", opened.text);
    assert_eq!(opened.headers[header::LOCATION], "/api/v1/accounts/gamma");
    assert_eq!(opened.json()["balance"], "0.00000");
    let paid =
        client.post(path, "k", r#"{"name":"delta","currency":"EUR","deck":"retail","balance":"1.5"}"#).await;
    assert_eq!(paid.json()["balance"], "1.50000");
    for (body, status) in [
        (r#"{"name":"gamma","currency":"EUR","deck":"retail"}"#, StatusCode::CONFLICT),
        (r#"{"name":"eps","currency":"EUR","deck":"retail","balance":"1"}"#, StatusCode::BAD_REQUEST),
        (r#"{"name":"eps","currency":"EUR","deck":"none"}"#, StatusCode::UNPROCESSABLE_ENTITY),
        (r#"{"name":"../eps","currency":"EUR","deck":"retail"}"#, StatusCode::UNPROCESSABLE_ENTITY),
        (r#"{"name":"","currency":"EUR","deck":"retail"}"#, StatusCode::UNPROCESSABLE_ENTITY),
        (r#"{"name":"eps","currency":"E","deck":"retail"}"#, StatusCode::UNPROCESSABLE_ENTITY),
        (r#"{"name":"eps","currency":"EUR","deck":"retail","limit":"-5"}"#, StatusCode::BAD_REQUEST),
    ] {
        let reply = client.call("POST", path, &json, body).await;
        assert_eq!(reply.status, status, "{body}: {}", reply.text);
        reply.problem();
    }
    assert!(!client.fake.balances.lock().unwrap().contains_key("eps"));
}

#[tokio::test]
async fn a_call_is_killed_once() {
    let client = Client::new();
    let killed = client.call("DELETE", "/api/v1/calls/c1", &[], "").await;
    assert_eq!((killed.status, killed.text.as_str()), (StatusCode::NO_CONTENT, ""));
    let gone = client.call("DELETE", "/api/v1/calls/c1", &[], "").await;
    assert_eq!(gone.status, StatusCode::NOT_FOUND);
    gone.problem();
    assert_eq!(*client.fake.live.lock().unwrap(), ["c2"]);
}

#[tokio::test]
async fn probes_need_no_token_and_say_why() {
    let client = Client::new();
    let bare = |path: &str| Request::get(path.to_owned()).body(Body::empty()).unwrap();
    assert_eq!(client.send(bare("/livez")).await.text, "ok\n");
    assert_eq!(client.send(bare("/readyz")).await.status, StatusCode::OK);
    *client.fake.remarks.lock().unwrap() = vec!["feed nats is 7 entries behind: cannot connect".to_owned()];
    let text = client.send(bare("/readyz")).await;
    assert_eq!(
        (text.status, text.text.as_str()),
        (StatusCode::OK, "ok\nfeed nats is 7 entries behind: cannot connect\n")
    );
    let json = client
        .send(Request::get("/readyz").header("accept", "application/json").body(Body::empty()).unwrap())
        .await
        .json();
    assert_eq!(
        json,
        serde_json::json!({"ready": true, "reasons": [], "remarks": ["feed nats is 7 entries behind: cannot connect"]})
    );
    client.fake.remarks.lock().unwrap().clear();
    *client.fake.unready.lock().unwrap() =
        vec!["draining".to_owned(), "the journal failed: disk full".to_owned()];
    let text = client.send(bare("/readyz")).await;
    assert_eq!(
        (text.status, text.text.as_str()),
        (StatusCode::SERVICE_UNAVAILABLE, "draining\nthe journal failed: disk full\n")
    );
    let json = client
        .send(Request::get("/readyz").header("accept", "application/json").body(Body::empty()).unwrap())
        .await
        .json();
    assert_eq!(json["reasons"][0], "draining");
    assert_eq!(json["ready"], false);
    assert_eq!(client.send(bare("/livez")).await.status, StatusCode::OK);
    let metrics = client.send(bare("/metrics")).await;
    assert!(metrics.headers[header::CONTENT_TYPE].to_str().unwrap().starts_with("text/plain; version=0.0.4"));
    assert!(metrics.text.contains("version=\"1\"} 1\n"));
    for reply in [text, metrics] {
        assert_eq!(reply.headers[header::X_CONTENT_TYPE_OPTIONS], "nosniff");
        assert_eq!(reply.headers[header::CACHE_CONTROL], "no-store");
    }
}

#[tokio::test]
async fn a_switch_that_does_not_answer_is_not_waited_for() {
    let client = Client::new();
    *client.fake.stuck.lock().unwrap() = true;
    let reply = client.get("/api/v1/accounts").await;
    assert_eq!(reply.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(reply.headers.contains_key(header::RETRY_AFTER));
    reply.problem();
    let many = (0..web::REQUESTS_MAX + 1).map(|_| client.get("/api/v1/accounts"));
    let mut full = 0;
    let mut pending: Vec<_> = many.map(Box::pin).collect();
    // One poll each: all but the last wait for the switch, the last is refused at once.
    for future in &mut pending {
        let polled = std::future::poll_fn(|cx| std::task::Poll::Ready(future.as_mut().poll(cx))).await;
        if let std::task::Poll::Ready(reply) = polled {
            assert_eq!(reply.status, StatusCode::SERVICE_UNAVAILABLE);
            full += 1;
        }
    }
    assert_eq!(full, 1);
}

/// `path  body  status  field at fault`, one request a line.
#[tokio::test]
async fn money_moves_by_hand_only_with_a_key_and_a_reason() {
    let client = Client::new();
    let table = r#"
        topups              {"amount":"300.00","method":"bank","fee":"12.00"}  201  -
        topups              {"amount":"300.00","state":"pending"}              201  -
        topups              {"amount":"300.00","state":"late"}                 422  state
        topups              {"amount":"300.00","fee":"-1"}                     422  fee
        topups              {"amount":"300.00","fee":1}                        400  -
        topups/k1/book      {"fee":"12.00"}                                    201  -
        topups/k1/book      {}                                                 201  -
        topups/nothing/book {}                                                 404  -
        topups/k1/reject    {"cause":"bounced"}                                201  -
        topups/k1/reject    {"cause":" "}                                      422  cause
        topups/k1/reject    {}                                                 400  -
        topups/k1/reverse   {"cause":"chargeback"}                             201  -
        reversals           {"key":"k1","cause":"chargeback"}                  201  -
        reversals           {"call":"00ff","cause":"wrong"}                    201  -
        reversals           {"cause":"wrong"}                                  422  key
        reversals           {"key":"k","call":"00ff","cause":"wrong"}          422  key
        corrections         {"amount":"-1.23","reason":"counted twice"}        201  -
        corrections         {"amount":"1.23","reason":"counted twice"}         201  -
        corrections         {"amount":"0","reason":"counted twice"}            422  amount
        corrections         {"amount":"--1","reason":"counted twice"}          422  amount
        corrections         {"amount":"1","currency":"USD","reason":"x"}       201  -
        corrections         {"amount":"1","reason":""}                         422  reason"#;
    for (number, line) in table.lines().map(str::trim).filter(|line| !line.is_empty()).enumerate() {
        let (path, rest) = line.split_once(' ').unwrap();
        let (body, told) = rest.rsplit_once('}').unwrap();
        let (body, told): (String, Vec<&str>) =
            (format!("{}}}", body.trim()), told.split_whitespace().collect());
        let path = format!("/api/v1/accounts/acme/{path}");
        let keyless = client.call("POST", &path, &[("content-type", "application/json")], &body).await;
        assert_eq!(keyless.problem()["field"], "Idempotency-Key", "{line}");
        let reply = client.post(&path, &format!("new-{number}"), &body).await;
        assert_eq!(reply.status.as_u16().to_string(), told[0], "{line}: {}", reply.text);
        if told[1] != "-" {
            assert_eq!(reply.problem()["field"], told[1], "{line}");
        }
    }
    let fee = client
        .post(
            "/api/v1/accounts/acme/topups",
            "with-fee",
            r#"{"amount":"300.00","method":"bank","fee":"12.00"}"#,
        )
        .await
        .json();
    assert_eq!(
        (&fee["net"], &fee["fee"], &fee["method"], &fee["state"]),
        (&"288.00000".into(), &"12.00000".into(), &"bank".into(), &"booked".into())
    );
    let moved = client
        .post("/api/v1/accounts/acme/corrections", "c", r#"{"amount":"-1.23","reason":"counted twice"}"#)
        .await
        .json();
    assert_eq!(
        (&moved["amount"], &moved["cause"], &moved["idempotency_key"]),
        (&"-1.23000".into(), &"counted twice".into(), &"c".into())
    );
}
