//! What the demo asks the running switch, as any operator could: over HTTP, with the token from the file.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use rating::Cdr;
use serde::de::DeserializeOwned;
use web::{AccountDoc, Page};

/// One request.
const REQUEST_MAX: Duration = Duration::from_secs(10);
/// A call that ended has its durable record by then.
const RECORDS_MAX: Duration = Duration::from_secs(5);
/// Between two looks at the records.
const LOOK: Duration = Duration::from_millis(40);

/// The API of the demo's switch.
pub(super) struct Api {
    agent: ureq::Agent,
    authorization: String,
    /// `http://127.0.0.1:1234`
    pub root: String,
}

impl Api {
    /// With the token that the switch made.
    pub(super) fn new(http: SocketAddr, token_file: &Path) -> anyhow::Result<Self> {
        let token = web::read_token(token_file).context("the switch made no token")?;
        let settings =
            ureq::Agent::config_builder().timeout_global(Some(REQUEST_MAX)).max_redirects(0).proxy(None);
        Ok(Self {
            agent: settings.build().into(),
            authorization: format!("Bearer {token}"),
            root: format!("http://{http}"),
        })
    }

    /// The records of these calls and of all others, in journal order, as soon as these are durable.
    pub(super) fn records(&self, wanted: &BTreeSet<&str>) -> anyhow::Result<Vec<Cdr>> {
        let begun = Instant::now();
        loop {
            let page: Page<Cdr> = self.read("/api/v1/cdrs?limit=1000")?;
            let missing =
                wanted.iter().filter(|id| !page.items.iter().any(|cdr| cdr.call_id_a == **id)).count();
            if missing == 0 {
                return Ok(page.items);
            }
            if begun.elapsed() > RECORDS_MAX {
                bail!("{missing} of {} calls left no CDR within {} s", wanted.len(), RECORDS_MAX.as_secs());
            }
            std::thread::sleep(LOOK);
        }
    }

    /// An account as it stands.
    pub(super) fn account(&self, name: &str) -> anyhow::Result<AccountDoc> {
        self.read(&format!("/api/v1/accounts/{name}"))
    }

    /// Whether the switch counts what it does.
    pub(super) fn has_metrics(&self) -> anyhow::Result<bool> {
        let url = format!("{}/metrics", self.root);
        let text = self.agent.get(&url).call().and_then(|mut answer| answer.body_mut().read_to_string());
        let text = text.with_context(|| format!("no answer from {url}"))?;
        Ok(text.lines().any(|line| line.starts_with("tollgate_call_attempts_total{")))
    }

    fn read<T: DeserializeOwned>(&self, path: &str) -> anyhow::Result<T> {
        let url = format!("{}{path}", self.root);
        let answer = self.agent.get(&url).header("authorization", &self.authorization).call();
        let mut answer = answer.with_context(|| format!("no answer from {url}"))?;
        answer.body_mut().read_json().with_context(|| format!("{url} does not answer as it should"))
    }
}
