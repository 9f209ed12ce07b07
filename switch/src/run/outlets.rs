//! The feeds that the configuration asks for: opened before anything runs, then tasks of the I/O thread.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, anyhow};
use config::{MailTls, Settings};
use feeds::mail::{Mailer, Post, Protection};
use feeds::nats::{Login, Nats, Target};
use feeds::{Consumer, Status};
use store::{Journal, Start, Wants};

/// A task for ever.
pub(crate) type Task = std::pin::Pin<Box<dyn Future<Output = ()> + Send>>;

/// Feeds about to run.
#[derive(Default)]
pub(crate) struct Outlets {
    pub tasks: Vec<Task>,
    pub statuses: Vec<Arc<Status>>,
}

// === impl Outlets ===

impl Outlets {
    /// Opens every feed. One that cannot go on where it was is told and left out: calls do not wait for it.
    pub(crate) fn open(settings: &Settings, journal: &Journal) -> anyhow::Result<Self> {
        let mut outlets = Self::default();
        if let Some(nats) = &settings.nats {
            let login = Login { user: nats.user.clone(), password: password(nats.password_file.as_deref())? };
            let target = Target {
                server: nats.server.to_string(),
                stream: nats.stream.clone(),
                subject: nats.subject.clone(),
                login,
            };
            outlets.add(settings, journal, ("nats", Wants::Cdrs, Start::First), Nats::new(target));
        }
        if let Some(mail) = &settings.mail {
            let password = password(mail.password_file.as_deref())?;
            let post = Post {
                host: mail.server.host.clone(),
                port: mail.server.port,
                protection: match mail.tls {
                    MailTls::None => Protection::None,
                    MailTls::Starttls => Protection::Starttls,
                    MailTls::Tls => Protection::Tls,
                },
                login: mail.user.clone().zip(password),
                from: mail.from.clone(),
            };
            let mailer = Mailer::new(post).map_err(|why| anyhow!("mail.from: {why}"))?;
            let mailer = mailer.reading(settings.node.data_dir.clone()).linking(mail.price_lists.clone());
            outlets.add(settings, journal, ("mail", Wants::Notices, Start::Next), mailer);
        }
        Ok(outlets)
    }

    fn add(
        &mut self,
        settings: &Settings,
        journal: &Journal,
        feed: (&'static str, Wants, Start),
        consumer: impl Consumer,
    ) {
        let (name, wants, start) = feed;
        let status = match journal.feed(&settings.node.name, name, wants, start) {
            Ok(feed) => {
                let status = Arc::new(Status::new(&feed));
                self.tasks.push(Box::pin(feeds::run(feed, consumer, Arc::clone(&status), journal)));
                status
            }
            Err(error) => Arc::new(Status::broken(name, error.to_string())),
        };
        self.statuses.push(status);
    }
}

/// The first line of a file; its end does not count.
fn password(file: Option<&Path>) -> anyhow::Result<Option<String>> {
    let Some(file) = file else { return Ok(None) };
    let text = fs::read_to_string(file)
        .with_context(|| format!("cannot read the password in {}", file.display()))?;
    Ok(Some(text.lines().next().unwrap_or_default().to_owned()))
}
