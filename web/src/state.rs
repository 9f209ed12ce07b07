//! What all handlers share: the node behind the API, its meters, the token and the bounds on what is done at
//! once.

use std::sync::Arc;

use tokio::sync::Semaphore;

use crate::backend::Backend;
use crate::cdrs::CdrSource;
use crate::control::{Control, NoControl};
use crate::metrics::Metrics;
use crate::{REQUEST_MS_MAX, REQUESTS_MAX};

/// The API's description, as served at `/api/v1/openapi.json`.
pub const OPENAPI: &str = include_str!("../openapi.json");

/// CDR pages read from the disk at the same time; a page can be large.
const CDR_READS_MAX: usize = 4;

/// What the handlers share.
pub struct WebState {
    pub(crate) backend: Arc<dyn Backend>,
    pub(crate) cdrs: Arc<dyn CdrSource>,
    pub(crate) control: Arc<dyn Control>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) token: String,
    pub(crate) requests: Arc<Semaphore>,
    pub(crate) cdr_reads: Arc<Semaphore>,
    pub(crate) request_ms_max: u64,
}

impl WebState {
    /// `token` is what [`crate::admin_token`] returned.
    pub fn new(
        backend: Arc<dyn Backend>,
        cdrs: Arc<dyn CdrSource>,
        metrics: Arc<Metrics>,
        token: String,
    ) -> Self {
        Self {
            backend,
            cdrs,
            control: Arc::new(NoControl),
            metrics,
            token,
            requests: Arc::new(Semaphore::new(REQUESTS_MAX)),
            cdr_reads: Arc::new(Semaphore::new(CDR_READS_MAX)),
            request_ms_max: REQUEST_MS_MAX,
        }
    }

    /// The node that it controls.
    #[must_use]
    pub fn with_control(self, control: Arc<dyn Control>) -> Self {
        Self { control, ..self }
    }

    /// Another bound on the time of one request, in milliseconds.
    #[must_use]
    pub fn with_request_ms_max(self, ms: u64) -> Self {
        Self { request_ms_max: ms, ..self }
    }
}
