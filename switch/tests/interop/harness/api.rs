//! The operator's API as a client sees it.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use ::units::Wall;
use serde_json::{Value, json};

use super::{SOON, STALL_MS, eventually, units};

/// A client with the operator's token.
#[derive(Clone)]
pub struct Api {
    address: SocketAddr,
    token: String,
    agent: ureq::Agent,
}

/// Status and document; `Null` if the body is empty or no JSON.
#[derive(Debug)]
pub struct Reply {
    pub status: u16,
    pub body: Value,
    pub headers: BTreeMap<String, String>,
}

/// A call record as the API gives it.
#[derive(Debug, Clone, PartialEq)]
pub struct Cdr(pub Value);

impl Api {
    pub(super) fn new(address: SocketAddr, token: &str) -> Self {
        let settings = ureq::Agent::config_builder().http_status_as_error(false).timeout_global(Some(SOON));
        Self { address, token: token.to_owned(), agent: settings.build().into() }
    }

    /// The same server with another token.
    pub fn with_token(&self, token: &str) -> Self {
        Self { token: token.to_owned(), ..self.clone() }
    }

    /// `GET` below `/api/v1`.
    pub fn get(&self, path: &str) -> Reply {
        self.try_get(path).unwrap()
    }

    /// The same from a switch that may be gone.
    pub fn try_get(&self, path: &str) -> Result<Reply, ureq::Error> {
        self.agent.get(self.url(path)).header("authorization", self.bearer()).call().map(Reply::read)
    }

    /// `POST` below `/api/v1`.
    pub fn post(&self, path: &str, key: Option<&str>, body: &Value) -> Reply {
        let mut ask = self.agent.post(self.url(path)).header("authorization", self.bearer());
        if let Some(key) = key {
            ask = ask.header("idempotency-key", key);
        }
        Reply::read(ask.send_json(body).unwrap())
    }

    /// `POST` with a key, to a switch that may be gone.
    pub fn try_post(&self, path: &str, key: &str, body: &Value) -> Result<Reply, ureq::Error> {
        let ask = self
            .agent
            .post(self.url(path))
            .header("authorization", self.bearer())
            .header("idempotency-key", key);
        ask.send_json(body).map(Reply::read)
    }

    /// The text of any other path of a switch that may be gone.
    pub fn try_text(&self, path: &str) -> Option<String> {
        self.agent.get(format!("http://{}{path}", self.address)).call().ok()?.body_mut().read_to_string().ok()
    }

    /// `PATCH` below `/api/v1`.
    pub fn patch(&self, path: &str, body: &Value) -> Reply {
        Reply::read(
            self.agent.patch(self.url(path)).header("authorization", self.bearer()).send_json(body).unwrap(),
        )
    }

    /// `DELETE` below `/api/v1`.
    pub fn delete(&self, path: &str) -> Reply {
        Reply::read(self.agent.delete(self.url(path)).header("authorization", self.bearer()).call().unwrap())
    }

    /// The text of any other path, `/metrics`.
    pub fn text(&self, path: &str) -> String {
        self.agent
            .get(format!("http://{}{path}", self.address))
            .call()
            .unwrap()
            .body_mut()
            .read_to_string()
            .unwrap()
    }

    /// Status and text of any other path, `/readyz`.
    pub fn text_and_status(&self, path: &str) -> (u16, String) {
        let mut answer = self.agent.get(format!("http://{}{path}", self.address)).call().unwrap();
        (answer.status().as_u16(), answer.body_mut().read_to_string().unwrap())
    }

    /// Adds money.
    pub fn top_up(&self, account: &str, amount: &str, key: &str) -> Reply {
        self.post(
            &format!("/accounts/{account}/topups"),
            Some(key),
            &json!({ "amount": amount, "reference": "test" }),
        )
    }

    /// One sample of `/metrics`, by name and labels as written there; 0 if it is not there.
    pub fn metric(&self, sample: &str) -> f64 {
        let text = self.text("/metrics");
        let value = text.lines().find_map(|line| line.strip_prefix(sample)?.strip_prefix(' '));
        value.map_or(0.0, |value| value.parse().unwrap())
    }

    /// An account's document.
    pub fn account(&self, name: &str) -> Value {
        let reply = self.get(&format!("/accounts/{name}"));
        assert_eq!(reply.status, 200, "{reply:?}");
        reply.body
    }

    /// An account's posted balance, 10⁻⁵ EUR.
    pub fn balance(&self, name: &str) -> i64 {
        units(self.account(name)["balance"].as_str().unwrap())
    }

    /// Calls that are up or on their way.
    pub fn calls(&self) -> Vec<Value> {
        self.get("/calls?limit=1000").items()
    }

    /// How many calls are in this state.
    pub fn calls_in(&self, state: &str) -> usize {
        self.calls().iter().filter(|call| call["state"] == state).count()
    }

    /// All CDRs, page by page.
    pub fn cdrs(&self) -> Vec<Cdr> {
        let (mut all, mut after) = (Vec::new(), None);
        loop {
            let page = self.cdr_page(1_000, after.as_deref());
            all.extend(page.items().into_iter().map(Cdr));
            match page.body["next"].as_str() {
                Some(next) => after = Some(next.to_owned()),
                None => return all,
            }
        }
    }

    /// One page of CDRs.
    pub fn cdr_page(&self, limit: usize, after: Option<&str>) -> Reply {
        let cursor = after.map_or_else(String::new, |after| format!("&cursor={after}"));
        let page = self.get(&format!("/cdrs?limit={limit}{cursor}"));
        assert_eq!(page.status, 200, "{page:?}");
        page
    }

    /// Waits until there are `count` CDRs and no call is up; more is a fault.
    pub fn wait_cdrs(&self, count: usize) -> Vec<Cdr> {
        let all = eventually(&format!("{count} CDRs"), SOON, || {
            let all = self.cdrs();
            (all.len() >= count && self.calls().is_empty()).then_some(all)
        });
        assert_eq!(all.len(), count, "{all:#?}");
        all
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}/api/v1{path}", self.address)
    }

    fn bearer(&self) -> String {
        format!("Bearer {}", self.token)
    }
}

impl Reply {
    fn read(mut response: ureq::http::Response<ureq::Body>) -> Self {
        let headers = response
            .headers()
            .iter()
            .map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned()));
        let headers = headers.collect();
        let text = response.body_mut().with_config().limit(64 << 20).read_to_string().unwrap();
        Self {
            status: response.status().as_u16(),
            body: serde_json::from_str(&text).unwrap_or(Value::Null),
            headers,
        }
    }

    /// The rows of a page.
    pub fn items(&self) -> Vec<Value> {
        self.body["items"].as_array().unwrap_or_else(|| panic!("no page: {self:?}")).clone()
    }

    /// Whether it is a problem document of this status (RFC 9457).
    pub fn is_problem(&self, status: u16) -> bool {
        let kind =
            self.headers.get("content-type").is_some_and(|kind| kind.starts_with("application/problem+json"));
        self.status == status && kind && self.body["status"] == status && self.body["title"].is_string()
    }
}

impl Cdr {
    /// A text field.
    pub fn text(&self, field: &str) -> &str {
        self.0[field].as_str().unwrap_or_else(|| panic!("{field} is no text in {}", self.0))
    }

    /// What is true or false.
    pub fn flag(&self, field: &str) -> bool {
        self.0[field].as_bool().unwrap_or_else(|| panic!("{field} is not true or false in {}", self.0))
    }

    /// An amount, 10⁻⁵ EUR.
    pub fn units(&self, field: &str) -> i64 {
        units(self.text(field))
    }

    /// A whole number.
    pub fn number(&self, field: &str) -> i64 {
        self.0[field].as_i64().unwrap_or_else(|| panic!("{field} is no number in {}", self.0))
    }

    /// A call that talked for about `pause_ms`, and is billed for what its own record says it talked: how
    /// late a busy machine saw its end is not known. Whole seconds, 10⁻⁵ EUR for each.
    pub fn talked(&self, pause_ms: i64, per_second: i64) {
        let ms = self.number("duration_ms");
        // SIPp's pause may begin before what it waited for was seen.
        assert!((pause_ms / 2..pause_ms + STALL_MS).contains(&ms), "{ms} ms for {pause_ms} ms: {self:?}");
        let seconds = (ms + 999) / 1_000;
        assert_eq!(
            (self.number("billed_seconds"), self.units("amount")),
            (seconds, seconds * per_second),
            "{self:?}"
        );
    }

    /// From one of its times to another, milliseconds.
    pub fn between_ms(&self, from: &str, to: &str) -> i64 {
        let at = |field: &str| Wall::parse(self.text(field)).unwrap().0;
        at(to) - at(from)
    }

    /// `carrier status` of each attempt, in order; 0 for none.
    pub fn attempts(&self) -> Vec<(String, u64)> {
        let attempts = self.0["attempts"].as_array().unwrap();
        attempts
            .iter()
            .map(|one| (one["carrier"].as_str().unwrap().to_owned(), one["status"].as_u64().unwrap_or(0)))
            .collect()
    }
}
