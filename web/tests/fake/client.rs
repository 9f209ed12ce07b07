//! A client of the API without a socket, and its answers.

use std::sync::Arc;

use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request, StatusCode, header};
use axum::response::Response;
use serde_json::Value;
use tower::ServiceExt;
use units::{Currency, Money};
use web::{Metrics, WebState, router};

use super::{Fake, TOKEN};

pub struct Client {
    pub fake: Arc<Fake>,
    pub metrics: Arc<Metrics>,
    router: axum::Router,
}

pub struct Reply {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub text: String,
}

impl Reply {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|e| panic!("{e}: {}", self.text))
    }

    /// The document of RFC 9457, checked against the status.
    pub fn problem(&self) -> Value {
        assert_eq!(self.headers[header::CONTENT_TYPE], "application/problem+json", "{}", self.text);
        let json = self.json();
        assert_eq!(json["status"], self.status.as_u16());
        assert!(
            json["type"].is_string() && json["title"].is_string() && json["detail"].is_string(),
            "{json}"
        );
        json
    }
}

impl Client {
    /// Accounts acme (10.00) and beta (0), calls c1 and c2.
    pub fn new() -> Self {
        let fake = Arc::new(Fake::default());
        {
            let mut balances = fake.balances.lock().unwrap();
            balances.insert("acme".to_owned(), Money::of(1_000_000, Currency::EUR));
            balances.insert("beta".to_owned(), Money::of(0, Currency::EUR));
            *fake.live.lock().unwrap() = vec!["c1".to_owned(), "c2".to_owned()];
        }
        let metrics = Arc::new(Metrics::new("1", &[]).unwrap());
        let state = WebState::new(fake.clone(), fake.clone(), metrics.clone(), TOKEN.to_owned())
            .with_request_ms_max(200);
        Self { fake, metrics, router: router(Arc::new(state)) }
    }

    pub async fn send(&self, request: Request<Body>) -> Reply {
        let response: Response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = to_bytes(body, 1 << 20).await.unwrap();
        Reply {
            status: parts.status,
            headers: parts.headers,
            text: String::from_utf8(bytes.to_vec()).unwrap(),
        }
    }

    pub async fn get(&self, path: &str) -> Reply {
        self.call("GET", path, &[], "").await
    }

    pub async fn call(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Reply {
        let mut request =
            Request::builder().method(method).uri(path).header("authorization", format!("Bearer {TOKEN}"));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.send(request.body(Body::from(body.to_owned())).unwrap()).await
    }

    pub async fn post(&self, path: &str, key: &str, body: &str) -> Reply {
        self.call("POST", path, &[("content-type", "application/json"), ("idempotency-key", key)], body).await
    }

    pub fn balance(&self, account: &str) -> String {
        self.fake.balances.lock().unwrap()[account].to_string()
    }
}
