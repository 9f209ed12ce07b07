//! One connection, made when it is needed and dropped when it fails; a transaction tried again when it met
//! another one.
//!
//! Invariant: an answer that did not come in time leaves nothing open: the connection is closed, and with it
//! the transaction.

use std::time::{Duration, Instant};

use tokio_postgres::config::SslMode;
use tokio_postgres::tls::MakeTlsConnect;
use tokio_postgres::{Client, Config, NoTls, Socket};

use crate::CentralError;
use crate::failed::Failed;
use crate::requests::{Done, Work, execute};
use crate::tls::{self, Tls};

/// A transaction that met another one is tried so often in all.
const TRIES: u32 = 8;
/// Its first pause; each next is twice as long, with jitter.
const PAUSE_MS: u64 = 5;
/// A connection used so lately is taken for alive.
const TRUSTED: Duration = Duration::from_millis(200);
const CONNECT: Duration = Duration::from_secs(3);
/// No statement takes longer, and no transaction of a node that fell silent holds its locks longer.
const SET_UP: &str = "SET statement_timeout = '5s'; SET idle_in_transaction_session_timeout = '5s'; SET application_name = 'tollgate'";

/// A way to the database.
pub(crate) struct Link {
    config: Config,
    /// None: in the clear.
    tls: Option<Tls>,
    client: Option<Client>,
    ready: bool,
    used: Instant,
    /// Of jitter.
    dice: fastrand::Rng,
}

// === impl Link ===

impl Link {
    /// Connects when first asked.
    pub(crate) fn new(address: &str, seed: u64) -> Result<Self, CentralError> {
        let (address, tls) = tls::take(address)?;
        let mut config: Config = address
            .parse()
            .map_err(|error: tokio_postgres::Error| CentralError::Address(error.to_string()))?;
        config.ssl_mode(if tls.is_some() { SslMode::Require } else { SslMode::Disable });
        if config.get_hosts().is_empty() {
            return Err(CentralError::Address("it names no host".to_owned()));
        }
        config.connect_timeout(CONNECT);
        Ok(Self {
            config,
            tls,
            client: None,
            ready: false,
            used: Instant::now(),
            dice: fastrand::Rng::with_seed(seed),
        })
    }

    /// One transaction, within `patience`.
    pub(crate) async fn transact(&mut self, work: &Work, patience: Duration) -> Result<Done, CentralError> {
        let outcome = match tokio::time::timeout(patience, self.tries(work)).await {
            Ok(outcome) => outcome,
            Err(_) => Err(CentralError::Away(format!("no answer within {} ms", patience.as_millis()))),
        };
        if matches!(outcome, Err(CentralError::Away(_))) {
            self.client = None;
        }
        outcome
    }

    async fn tries(&mut self, work: &Work) -> Result<Done, CentralError> {
        for attempt in 0.. {
            let outcome = self.once(work).await;
            match outcome {
                Err(Failed::Conflict(_)) if attempt + 1 < TRIES => {
                    let pause = PAUSE_MS << attempt;
                    tokio::time::sleep(Duration::from_millis(pause + self.dice.u64(..pause))).await;
                }
                Ok(done) => return Ok(done),
                Err(Failed::Conflict(error) | Failed::Other(error)) => return Err(error),
            }
        }
        Err(CentralError::Away("too many conflicts".to_owned()))
    }

    async fn once(&mut self, work: &Work) -> Result<Done, Failed> {
        if !self.is_alive().await {
            self.client = Some(self.connect().await?);
        }
        self.used = Instant::now();
        if !self.ready && !matches!(work, Work::SetUp) {
            Box::pin(self.set_up()).await?;
            self.ready = true;
        }
        let Some(client) = &mut self.client else {
            return Err(Failed::Other(CentralError::Away("no connection".to_owned())));
        };
        let tx = client.transaction().await?;
        let done = execute(&tx, work).await?;
        tx.commit().await?;
        Ok(done)
    }

    /// After a pause the server is asked: it may have gone away and come back meanwhile.
    async fn is_alive(&self) -> bool {
        match &self.client {
            None => false,
            Some(client) if client.is_closed() => false,
            Some(client) => self.used.elapsed() < TRUSTED || client.check_connection().await.is_ok(),
        }
    }

    /// Two nodes that make the tables at once are in each other's way: the one that is too late tries again.
    async fn set_up(&mut self) -> Result<(), Failed> {
        match self.once(&Work::SetUp).await {
            Ok(_) => Ok(()),
            Err(Failed::Other(error @ CentralError::Statement(_))) => Err(Failed::Conflict(error)),
            Err(failed) => Err(failed),
        }
    }

    async fn connect(&self) -> Result<Client, CentralError> {
        let client = match &self.tls {
            None => connect(&self.config, NoTls).await?,
            Some(tls) => connect(&self.config, tls.clone()).await?,
        };
        client.batch_execute(SET_UP).await?;
        Ok(client)
    }
}

/// The connection is driven by a task of its own and ends with its client.
async fn connect<T>(config: &Config, tls: T) -> Result<Client, CentralError>
where
    T: MakeTlsConnect<Socket>,
    T::Stream: Send + 'static,
{
    let (client, connection) = config.connect(tls).await?;
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::debug!(%error, "connection to the central ledger ended");
        }
    });
    Ok(client)
}
