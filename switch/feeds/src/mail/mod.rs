//! Notices as mails, one at a time through one SMTP server.
//!
//! Invariant: a mail that the server took is not written again unless its answer was lost, and then it has
//! the same `Message-ID`. One address that refuses mail holds back the others for half an hour at most.

mod language;
mod lists;
mod message;
mod rates;
mod text;

use std::path::PathBuf;
use std::time::Duration;

use ledger::{Notice, NoticeEvent, Record, RecordBody};
use lettre::Address;
use lettre::transport::smtp::authentication::{Credentials, DEFAULT_MECHANISMS};
use lettre::transport::smtp::client::{AsyncSmtpConnection, TlsParameters};
use lettre::transport::smtp::commands::{Data, Mail as MailFrom, Rcpt};
use lettre::transport::smtp::extension::ClientId;
use lettre::transport::smtp::{Error, response::Response};

pub use language::TextError;
pub use text::{Text, text_of};

use crate::{Consumer, Delivery, Message};
use lists::Lists;

/// To connect.
const CONNECT: Duration = Duration::from_secs(20);
/// How often an address may ask to come again. The pauses add up to half an hour, longer than servers keep
/// strangers waiting.
const TRIES_MAX: u32 = 35;

/// How the way to the server is protected.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Protection {
    /// Not at all.
    None,
    /// STARTTLS, or nothing is sent.
    Starttls,
    /// TLS from the first byte on.
    Tls,
}

/// Through which server, and from whom.
#[derive(Clone)]
pub struct Post {
    /// Name or address; with TLS its certificate must be for it.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// Of the connection.
    pub protection: Protection,
    /// User and password, if the server wants them.
    pub login: Option<(String, String)>,
    /// Sender, a plain address.
    pub from: String,
}

/// Mails notices.
pub struct Mailer {
    post: Post,
    from: Address,
    lists: Lists,
    /// Where customers find price lists.
    link: Option<String>,
    /// The entry that was put off, and how often.
    put_off: (u64, u32),
}

/// Why a mail was not taken.
enum MailRefusal {
    /// Nothing about this mail: the server is away, or does not want us.
    Server(String),
    /// This mail, for now.
    Later(String),
    /// This mail, for ever.
    Never(String),
}

// === impl Mailer ===

impl Mailer {
    /// Nothing is asked of the server before the first mail.
    ///
    /// # Errors
    /// If the sender is no address.
    pub fn new(post: Post) -> Result<Self, String> {
        let from = post.from.parse().map_err(|e| format!("{:?} is no mail address: {e}", post.from))?;
        Ok(Self { post, from, lists: Lists::default(), link: None, put_off: (0, 0) })
    }

    /// Reads lists of new prices in the journal of this folder, if they came by before it was started.
    #[must_use]
    pub fn reading(mut self, folder: PathBuf) -> Self {
        self.lists = Lists::in_journal(folder);
        self
    }

    /// Says where price lists are, with `{deck}` and `{version}` for the list's.
    #[must_use]
    pub fn linking(mut self, link: Option<String>) -> Self {
        self.link = link;
        self
    }

    /// Sends one mail; `Ok(false)` if the entry asks for none.
    async fn send(&mut self, message: &Message) -> Result<bool, MailRefusal> {
        let entry = &message.entry.entry;
        let record = Record::decode(&entry.body).map_err(|e| MailRefusal::Never(e.to_string()))?;
        let RecordBody::Notice(notice) = record.body else { return Ok(false) };
        let notice = self.whole(notice, message.entry.seq).await?;
        let Some(to) = &notice.to else { return Ok(false) };
        let text = text_of(&record.account, record.at, &notice, self.link.as_deref());
        let Some(text) = text.map_err(|e| MailRefusal::Never(e.to_string()))? else { return Ok(false) };
        let to: Address =
            to.parse().map_err(|e| MailRefusal::Never(format!("{to:?} is no mail address: {e}")))?;
        if !to.to_string().is_ascii() {
            return Err(MailRefusal::Never(format!("{to} is not in ASCII: write its domain as xn--")));
        }
        let bytes =
            message::bytes(&message.id, record.at, &self.from, &to, &text).map_err(MailRefusal::Never)?;
        let mut server = self.connect().await.map_err(|e| MailRefusal::Server(words(&e)))?;
        let taken = hand_over(&mut server, &self.from, &to, &bytes).await;
        // Whatever it says to that, the mail is taken or is not.
        let _ = server.quit().await;
        taken.map(|()| true)
    }

    /// With the list of new prices that it names.
    async fn whole(&mut self, notice: Notice, seq: u64) -> Result<Notice, MailRefusal> {
        let NoticeEvent::RatesChange(told) = &notice.event else { return Ok(notice) };
        if !told.shared {
            self.lists.keep(told);
            return Ok(notice);
        }
        if notice.to.is_none() {
            return Ok(notice);
        }
        let list = self.lists.named_by(told, seq).await.map_err(MailRefusal::Server)?;
        Ok(Notice { event: NoticeEvent::RatesChange(Box::new(list)), ..notice })
    }

    async fn connect(&self) -> Result<AsyncSmtpConnection, Error> {
        let Post { host, port, protection, login, .. } = &self.post;
        let hello = ClientId::default();
        let tls =
            if *protection == Protection::None { None } else { Some(TlsParameters::new(host.clone())?) };
        let (first, later) = if *protection == Protection::Tls { (tls, None) } else { (None, tls) };
        let mut server =
            AsyncSmtpConnection::connect_tokio1((host.as_str(), *port), Some(CONNECT), &hello, first, None)
                .await?;
        if let Some(tls) = later {
            server.starttls(tls, &hello).await?;
        }
        if let Some((user, password)) = login {
            server.auth(DEFAULT_MECHANISMS, &Credentials::new(user.clone(), password.clone())).await?;
        }
        Ok(server)
    }
}

impl Consumer for Mailer {
    const BATCH: u32 = 1;
    const PATIENCE: Duration = Duration::from_secs(120);

    async fn deliver(&mut self, messages: &[Message]) -> Delivery {
        for (confirmed, message) in messages.iter().enumerate() {
            let seq = message.entry.seq;
            let skipped = match self.send(message).await {
                Ok(_) => continue,
                Err(MailRefusal::Server(why)) => return Delivery::stopped(confirmed, why),
                Err(MailRefusal::Later(why)) => {
                    let tries = if self.put_off.0 == seq { self.put_off.1 + 1 } else { 1 };
                    self.put_off = (seq, tries);
                    if tries < TRIES_MAX {
                        return Delivery::stopped(confirmed, why);
                    }
                    why
                }
                Err(MailRefusal::Never(why)) => why,
            };
            tracing::error!(
                id = message.id,
                account = &*message.entry.entry.account,
                why = skipped,
                "a notice is not mailed"
            );
            // The next one is not part of what this one did.
            return Delivery::gave_up(confirmed + 1);
        }
        Delivery::done(messages)
    }
}

/// One mail through a server that knows us. What it says of the sender is about us, what it says afterwards
/// about this mail.
async fn hand_over(
    server: &mut AsyncSmtpConnection,
    from: &Address,
    to: &Address,
    bytes: &[u8],
) -> Result<(), MailRefusal> {
    let of_us = |answer: Result<Response, Error>| answer.map_err(|e| MailRefusal::Server(words(&e)));
    let of_mail = |answer: Result<Response, Error>| answer.map_err(|e| of_this_mail(&e));
    of_us(server.command(MailFrom::new(Some(from.clone()), Vec::new())).await)?;
    of_mail(server.command(Rcpt::new(to.clone(), Vec::new())).await)?;
    of_mail(server.command(Data).await)?;
    of_mail(server.message(bytes).await)?;
    Ok(())
}

fn of_this_mail(error: &Error) -> MailRefusal {
    if error.is_permanent() {
        MailRefusal::Never(words(error))
    } else if error.is_transient() {
        // RFC 5321 §3.8: 421 is the server leaving, whatever was asked.
        if error.status().is_some_and(|code| code.to_string() == "421") {
            MailRefusal::Server(words(error))
        } else {
            MailRefusal::Later(words(error))
        }
    } else {
        MailRefusal::Server(words(error))
    }
}

/// The error with what caused it.
fn words(error: &Error) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(next) = cause {
        let next_text = next.to_string();
        if !text.contains(&next_text) {
            text.extend([": ", &next_text]);
        }
        cause = next.source();
    }
    text
}
