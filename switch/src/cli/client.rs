//! The operator's side of the API: where the node is, which token opens it, and its answers as values or
//! clear errors. Invariant: answers are bounded in time and size, and a refusal is shown in the node's own
//! words.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, anyhow, bail};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use web::{Page, ProblemDoc};

use super::config_file;

const API_DEFAULT: &str = "http://127.0.0.1:8080";
const TOKEN_DEFAULT: &str = "./admin.token";
/// One request, in seconds; the node gives up before.
const REQUEST_SECS_MAX: u64 = 30;
/// Rows asked for at once; every list gives as many.
const PAGE_ROWS: usize = 1_000;
/// One answer, in bytes.
const ANSWER_BYTES_MAX: u64 = 256 << 20;

/// How to reach the running node.
#[derive(clap::Args)]
pub(crate) struct Reach {
    /// Address of the node's API [default: of --config, else http://127.0.0.1:8080]
    #[arg(long, value_name = "URL")]
    api: Option<String>,
    /// File with the operator's token [default: of --config, else ./admin.token]
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// The node's configuration, from which both are read [default: /etc/tollgate/tollgate.toml]
    #[arg(long, value_name = "FILE", env = "TOLLGATE_CONFIG", hide_env_values = true)]
    config: Option<PathBuf>,
}

/// A node that answers.
pub(crate) struct Client {
    agent: ureq::Agent,
    api: String,
    authorization: String,
}

/// The node said no, in its own words: nothing was done.
#[derive(Debug, thiserror::Error)]
#[error("{status} {title}: {detail}")]
struct Refused {
    status: u16,
    title: String,
    detail: String,
    errors: Vec<String>,
}

/// The one table of the configuration that a client needs; the rest may be wrong or large.
#[derive(Deserialize, Default)]
struct OnlyHttp {
    #[serde(default)]
    http: Http,
}

#[derive(Deserialize, Default)]
struct Http {
    listen: Option<String>,
    admin_token_file: Option<PathBuf>,
}

impl Reach {
    /// The node's configuration, if it was named.
    pub(crate) const fn config(&self) -> Option<&PathBuf> {
        self.config.as_ref()
    }

    /// Whether the command line says which node is meant.
    pub(crate) const fn is_named(&self) -> bool {
        self.api.is_some() || self.token_file.is_some()
    }

    /// Finds address and token; nothing is sent yet.
    pub(crate) fn client(&self) -> anyhow::Result<Client> {
        let config = config_file::named(self.config.as_deref());
        let configured = config.as_deref().map(read_http).transpose()?.unwrap_or_default();
        let api = match (&self.api, configured.listen) {
            (Some(api), _) => api.trim_end_matches('/').to_owned(),
            (None, Some(listen)) => api_of(&listen)?,
            (None, None) => API_DEFAULT.to_owned(),
        };
        if !api.starts_with("http://") {
            bail!("--api {api:?}: write http://ADDRESS:PORT; for a node behind TLS, go through a tunnel");
        }
        let file =
            self.token_file.clone().or(configured.admin_token_file).unwrap_or_else(|| TOKEN_DEFAULT.into());
        let token = web::read_token(&file).context("no token for the API (see --token-file and --config)")?;
        let timeout = Some(Duration::from_secs(REQUEST_SECS_MAX));
        let settings = ureq::Agent::config_builder()
            .timeout_global(timeout)
            .http_status_as_error(false)
            .max_redirects(0)
            .proxy(None);
        Ok(Client { agent: settings.build().into(), api, authorization: format!("Bearer {token}") })
    }
}

impl Client {
    /// Where the node is, `http://ADDRESS:PORT`.
    pub(crate) fn api(&self) -> &str {
        &self.api
    }

    /// One document.
    pub(crate) fn read<T: DeserializeOwned>(&self, path: &str, query: &[(&str, &str)]) -> anyhow::Result<T> {
        let request = self.agent.get(self.url(path)).header("authorization", &self.authorization);
        let request = query.iter().fold(request, |request, (name, value)| request.query(name, value));
        self.document(request.call())
    }

    /// Something that is no document.
    pub(crate) fn read_bytes(&self, path: &str) -> anyhow::Result<Vec<u8>> {
        self.answer(self.agent.get(self.url(path)).header("authorization", &self.authorization).call())
    }

    /// All rows of a list.
    pub(crate) fn read_all<T: DeserializeOwned>(&self, path: &str) -> anyhow::Result<Vec<T>> {
        let mut rows = Vec::new();
        self.each_row(path, &[], (None, usize::MAX), |row| {
            rows.push(row);
            Ok(())
        })?;
        Ok(rows)
    }

    /// Shows up to `limit` rows of a list from `cursor` on, page after page, and returns where to go on.
    pub(crate) fn each_row<T: DeserializeOwned>(
        &self,
        path: &str,
        query: &[(&str, &str)],
        (mut cursor, limit): (Option<String>, usize),
        mut show: impl FnMut(T) -> anyhow::Result<()>,
    ) -> anyhow::Result<Option<String>> {
        let mut left = limit;
        loop {
            let rows = left.min(PAGE_ROWS).to_string();
            let mut query = query.to_vec();
            query.push(("limit", &rows));
            query.extend(cursor.iter().map(|cursor| ("cursor", cursor.as_str())));
            let page: Page<T> = self.read(path, &query)?;
            left = left.saturating_sub(page.items.len());
            page.items.into_iter().try_for_each(&mut show)?;
            let stuck = page.next.is_some() && page.next == cursor;
            if left == 0 || page.next.is_none() || stuck {
                return Ok(page.next);
            }
            cursor = page.next;
        }
    }

    /// Sends `body`; `key` makes it safe to repeat.
    pub(crate) fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        key: Option<&str>,
        body: &serde_json::Value,
    ) -> anyhow::Result<T> {
        let mut request = self.agent.post(self.url(path)).header("authorization", &self.authorization);
        if let Some(key) = key {
            request = request.header("idempotency-key", key);
        }
        self.document(request.content_type("application/json").send(body.to_string()))
    }

    /// Changes what is at `path` by what `body` names.
    pub(crate) fn patch<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &serde_json::Value,
    ) -> anyhow::Result<T> {
        let request = self.agent.patch(self.url(path)).header("authorization", &self.authorization);
        self.document(request.content_type("application/json").send(body.to_string()))
    }

    /// Puts `body` at `path`.
    pub(crate) fn put<T: DeserializeOwned>(&self, path: &str, body: &serde_json::Value) -> anyhow::Result<T> {
        let request = self.agent.put(self.url(path)).header("authorization", &self.authorization);
        self.document(request.content_type("application/json").send(body.to_string()))
    }

    /// Removes what is at `path`.
    pub(crate) fn delete(&self, path: &str) -> anyhow::Result<()> {
        let request = self.agent.delete(self.url(path)).header("authorization", &self.authorization);
        self.answer(request.call()).map(|_| ())
    }

    fn url(&self, path: &str) -> String {
        format!("{}/api/v1{path}", self.api)
    }

    fn document<T: DeserializeOwned>(
        &self,
        result: Result<ureq::http::Response<ureq::Body>, ureq::Error>,
    ) -> anyhow::Result<T> {
        let body = self.answer(result)?;
        serde_json::from_slice(&body)
            .with_context(|| format!("{} does not answer as a Tollgate node of this version", self.api))
    }

    fn answer(
        &self,
        result: Result<ureq::http::Response<ureq::Body>, ureq::Error>,
    ) -> anyhow::Result<Vec<u8>> {
        let mut response = result.map_err(|error| {
            anyhow!("no answer from the node at {}: {error}; is it running, is --api right?", self.api)
        })?;
        let status = response.status();
        let read = response.body_mut().with_config().limit(ANSWER_BYTES_MAX).read_to_vec();
        let body = read.with_context(|| format!("the answer of {} broke off", self.api))?;
        if status.is_success() {
            return Ok(body);
        }
        match serde_json::from_slice::<ProblemDoc>(&body) {
            Ok(problem) => {
                let field =
                    problem.field.map(|field| format!("{}: ", super::plain(&field))).unwrap_or_default();
                let detail = format!("{field}{}", super::plain(&problem.detail));
                let errors = problem.errors.iter().map(|error| super::plain(error)).collect();
                Err(Refused { status: status.as_u16(), title: super::plain(&problem.title), detail, errors }
                    .into())
            }
            Err(_) => bail!("{} answered {status}, but not as a Tollgate node", self.api),
        }
    }
}

/// Whether what was asked may have been done all the same: no answer, a broken one, or a fault of the node.
pub(crate) fn may_be_done(error: &anyhow::Error) -> bool {
    error.downcast_ref::<Refused>().is_none_or(|refused| refused.status >= 500)
}

/// The status by which the node said no; none if it said nothing.
pub(crate) fn refused_with(error: &anyhow::Error) -> Option<u16> {
    error.downcast_ref::<Refused>().map(|refused| refused.status)
}

/// All findings of a refusal.
pub(crate) fn findings(error: &anyhow::Error) -> &[String] {
    error.downcast_ref::<Refused>().map_or(&[], |refused| &refused.errors)
}

/// One segment of a path, percent-encoded (RFC 3986 §2.3).
pub(crate) fn segment(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => out.push(char::from(byte)),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

fn read_http(path: &Path) -> anyhow::Result<Http> {
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let only: OnlyHttp =
        toml::from_str(&text).with_context(|| format!("cannot read [http] of {}", path.display()))?;
    let folder = path.parent().unwrap_or(Path::new(""));
    let file = only.http.admin_token_file.unwrap_or_else(|| TOKEN_DEFAULT.into());
    Ok(Http { listen: only.http.listen, admin_token_file: Some(folder.join(file)) })
}

/// A listener's address as seen from this machine.
fn api_of(listen: &str) -> anyhow::Result<String> {
    let mut address: SocketAddr =
        listen.parse().with_context(|| format!("http.listen {listen:?} is no address and port"))?;
    if address.port() == 0 {
        bail!("http.listen takes any free port: name the one that `ready` printed with --api");
    }
    match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => address.set_ip(Ipv4Addr::LOCALHOST.into()),
        IpAddr::V6(ip) if ip.is_unspecified() => address.set_ip(Ipv6Addr::LOCALHOST.into()),
        IpAddr::V4(_) | IpAddr::V6(_) => {}
    }
    Ok(format!("http://{address}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listeners_are_reached_from_here() {
        for (listen, api) in [
            ("127.0.0.1:8080", "http://127.0.0.1:8080"),
            ("0.0.0.0:80", "http://127.0.0.1:80"),
            ("[::]:8080", "http://[::1]:8080"),
            ("192.0.2.1:8080", "http://192.0.2.1:8080"),
        ] {
            assert_eq!(api_of(listen).ok().as_deref(), Some(api));
        }
        assert!(api_of("127.0.0.1:0").is_err());
        assert!(api_of("localhost").is_err());
    }

    #[test]
    fn path_segments_cannot_leave_their_place() {
        assert_eq!(segment("acme-1.x_y~"), "acme-1.x_y~");
        assert_eq!(segment("../calls?x=1#ñ %"), "..%2Fcalls%3Fx%3D1%23%C3%B1%20%25");
    }
}
