//! Where SIP accounts are, kept over a restart: a file of the data folder, written whole, some seconds after
//! a change and at the end. Connections do not outlive the process: who registered by one is not reachable
//! until it comes back.
//!
//! Bounded: the queue of changes, and the file. The file holds no credentials.

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};
use node::{Contact, RegisteredAccount};
use serde::{Deserialize, Serialize};
use sip::flow::{Flow, Transport};
use units::{Name, Now, Wall};

use crate::run::clock::Clock;

const FILE: &str = "registrations.json";
const NEW_FILE: &str = "registrations.new";
/// The form of the file; another one is not read.
const VERSION: u32 = 1;
/// Changes that wait to be written; more are lost, and told again when the phone refreshes.
const CHANGES_MAX: usize = 16_384;
/// Longest file, bytes.
const FILE_MAX: u64 = 64 << 20;
/// Contacts in it.
const CONTACTS_MAX: usize = 200_000;
/// A change is on disk after this time.
const WRITE_AFTER: Duration = Duration::from_secs(2);
/// No registration lasts longer, whatever a clock that was set back makes of it, milliseconds.
const EXPIRES_MAX_MS: u64 = 3_600_000;

/// Where shards tell what changed.
#[derive(Clone)]
pub(crate) struct Keeper(Sender<RegisteredAccount>);

/// Accounts by name, the empty ones left out.
type Accounts = BTreeMap<Name, Arc<[Contact]>>;

#[derive(Serialize, Deserialize)]
struct Document {
    version: u32,
    contacts: Vec<Row>,
}

#[derive(Serialize, Deserialize)]
struct Row {
    sip_account: String,
    uri: String,
    instance: Option<String>,
    reg_id: Option<u32>,
    path: Vec<String>,
    q: u16,
    transport: String,
    local: SocketAddr,
    peer: SocketAddr,
    call_id: String,
    cseq: u32,
    user_agent: Option<String>,
    until: String,
}

/// What the run before left, and who keeps what changes.
pub(crate) struct KeptRegistrations {
    pub kept: Vec<RegisteredAccount>,
    pub keeper: Keeper,
    /// It writes, and ends when the last keeper is gone.
    pub thread: JoinHandle<()>,
}

// === impl KeptRegistrations ===

impl KeptRegistrations {
    /// Of a data folder.
    pub(crate) fn open(
        data_dir: &Path,
        listeners: &[(Transport, SocketAddr)],
        clock: Clock,
    ) -> anyhow::Result<Self> {
        let kept = load(data_dir, listeners, clock.now());
        let (keeper, thread) = Keeper::start(data_dir, clock, &kept)
            .context("cannot start the thread that keeps registrations")?;
        Ok(Self { kept, keeper, thread })
    }
}

// === impl Keeper ===

impl Keeper {
    /// Starts the thread that writes; it ends when the last keeper is gone. `kept` is what was read at the
    /// start.
    fn start(
        data_dir: &Path,
        clock: Clock,
        kept: &[RegisteredAccount],
    ) -> io::Result<(Self, JoinHandle<()>)> {
        let (changes, changed) = bounded(CHANGES_MAX);
        let mut accounts = Accounts::new();
        kept.iter().for_each(|account| put(&mut accounts, account.clone()));
        let data_dir = data_dir.to_owned();
        let run = move || write_changes(&data_dir, clock, &mut accounts, &changed);
        let thread = std::thread::Builder::new().name("registrations".to_owned()).spawn(run)?;
        Ok((Self(changes), thread))
    }

    /// Contacts of an account changed.
    pub(crate) fn changed(&self, account: RegisteredAccount) {
        if self.0.try_send(account).is_err() {
            tracing::debug!("too many registrations at once: one is not kept until its phone refreshes it");
        }
    }
}

fn put(accounts: &mut Accounts, account: RegisteredAccount) {
    if account.contacts.is_empty() {
        accounts.remove(&account.sip_account);
    } else {
        accounts.insert(account.sip_account, account.contacts);
    }
}

/// Takes changes, and writes what a short while brought at once.
fn write_changes(
    data_dir: &Path,
    clock: Clock,
    accounts: &mut Accounts,
    changed: &Receiver<RegisteredAccount>,
) {
    while let Ok(account) = changed.recv() {
        put(accounts, account);
        let until = Instant::now() + WRITE_AFTER;
        let is_over = loop {
            match changed.recv_deadline(until) {
                Ok(account) => put(accounts, account),
                Err(RecvTimeoutError::Timeout) => break false,
                Err(RecvTimeoutError::Disconnected) => break true,
            }
        };
        if let Err(error) = write(data_dir, accounts, clock.now().wall) {
            tracing::warn!(%error, "registrations are not kept: phones are unknown after a restart until they refresh");
        }
        if is_over {
            return;
        }
    }
}

/// Replaces the file, for its owner alone; one that is there stays whole until the new one is.
fn write(data_dir: &Path, accounts: &mut Accounts, now: Wall) -> io::Result<()> {
    accounts.retain(|_, contacts| contacts.iter().any(|contact| contact.until_wall > now));
    let live =
        accounts.iter().flat_map(|(name, contacts)| contacts.iter().map(move |contact| (name, contact)));
    let rows = live.filter(|(_, contact)| contact.until_wall > now).take(CONTACTS_MAX);
    let document =
        Document { version: VERSION, contacts: rows.map(|(name, contact)| row(name, contact)).collect() };
    let text = serde_json::to_vec(&document)?;
    if text.len() as u64 > FILE_MAX {
        return Err(io::Error::other(format!("they are more than {FILE_MAX} bytes")));
    }
    let new = data_dir.join(NEW_FILE);
    let mut file = OpenOptions::new().create(true).write(true).truncate(true).mode(0o600).open(&new)?;
    file.write_all(&text)?;
    file.sync_all()?;
    fs::rename(new, data_dir.join(FILE))
}

fn row(name: &Name, contact: &Contact) -> Row {
    let (instance, reg_id) = match &contact.instance {
        Some((instance, reg_id)) => (Some(instance.to_string()), *reg_id),
        None => (None, None),
    };
    Row {
        sip_account: name.to_string(),
        uri: contact.uri.to_string(),
        instance,
        reg_id,
        path: contact.path.iter().map(ToString::to_string).collect(),
        q: contact.q,
        transport: contact.flow.transport.as_str().to_owned(),
        local: contact.flow.local,
        peer: contact.flow.peer,
        call_id: contact.call_id.to_string(),
        cseq: contact.cseq,
        user_agent: contact.user_agent.as_ref().map(ToString::to_string),
        until: contact.until_wall.rfc3339(),
    }
}

/// What was kept, as it is worth now; nothing, with a word in the log, if the file cannot be read.
fn load(data_dir: &Path, listeners: &[(Transport, SocketAddr)], now: Now) -> Vec<RegisteredAccount> {
    let path = data_dir.join(FILE);
    match read(&path) {
        Ok(None) => Vec::new(),
        Ok(Some(rows)) => by_account(rows, listeners, now),
        Err(why) => {
            let file = path.display();
            tracing::warn!(%file, why, "registrations were not read: phones are unknown until they refresh");
            Vec::new()
        }
    }
}

fn read(path: &PathBuf) -> Result<Option<Vec<Row>>, String> {
    match fs::metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error.to_string()),
        Ok(found) if found.len() > FILE_MAX => return Err(format!("it is longer than {FILE_MAX} bytes")),
        Ok(_) => {}
    }
    let text = fs::read(path).map_err(|error| error.to_string())?;
    let document: Document = serde_json::from_slice(&text).map_err(|error| error.to_string())?;
    if document.version != VERSION {
        return Err(format!("it is of version {}, and this program reads {VERSION}", document.version));
    }
    Ok(Some(document.contacts))
}

/// Contacts whose time is not over, with names of their own, by account in the order in which they stood.
fn by_account(rows: Vec<Row>, listeners: &[(Transport, SocketAddr)], now: Now) -> Vec<RegisteredAccount> {
    let mut accounts: BTreeMap<Name, Vec<Contact>> = BTreeMap::new();
    for (at, row) in rows.into_iter().take(CONTACTS_MAX).enumerate() {
        let name = Name::from(row.sip_account.as_str());
        if let Some(contact) = contact(at as u64 + 1, row, listeners, now) {
            accounts.entry(name).or_default().push(contact);
        }
    }
    let whole = |(sip_account, contacts): (Name, Vec<Contact>)| RegisteredAccount {
        sip_account,
        contacts: contacts.into(),
    };
    accounts.into_iter().map(whole).collect()
}

fn contact(id: u64, row: Row, listeners: &[(Transport, SocketAddr)], now: Now) -> Option<Contact> {
    let transport: Transport = row.transport.parse().ok()?;
    let until_wall = Wall::parse(&row.until)?;
    let left_ms = u64::try_from(until_wall.0.saturating_sub(now.wall.0)).ok().filter(|ms| *ms > 0)?;
    let left_ms = left_ms.min(EXPIRES_MAX_MS);
    let (flow, is_reachable) = match transport {
        Transport::Udp => (Flow::udp(row.local, row.peer), listeners.contains(&(transport, row.local))),
        _ => (Flow::stream(transport, row.local, row.peer, 0), false),
    };
    Some(Contact {
        id,
        uri: row.uri.into(),
        instance: row.instance.map(|instance| (instance.into(), row.reg_id)),
        path: row.path.into_iter().map(Into::into).collect(),
        q: row.q,
        flow,
        is_reachable,
        call_id: row.call_id.into(),
        cseq: row.cseq,
        user_agent: row.user_agent.map(|agent| agent.as_str().into()),
        until: now.tick.plus_ms(left_ms),
        until_wall: now.wall.plus_ms(left_ms as i64),
    })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use units::Tick;

    use super::*;

    const NOON: Wall = Wall(1_795_348_800_000);

    fn of(transport: Transport, uri: &str, until: Wall) -> Contact {
        let (here, there) =
            ("192.0.2.1:5060".parse().expect("one"), "203.0.113.7:5062".parse().expect("one"));
        Contact {
            id: 3,
            uri: uri.into(),
            instance: Some(("<urn:uuid:1>".into(), Some(2))),
            path: ["<sip:edge.example;lr>".into()].into(),
            q: 500,
            flow: match transport {
                Transport::Udp => Flow::udp(here, there),
                _ => Flow::stream(transport, here, there, 9),
            },
            is_reachable: true,
            call_id: "r".into(),
            cseq: 7,
            user_agent: Some("Phone/1".into()),
            until: Tick(0),
            until_wall: until,
        }
    }

    fn at(wall: Wall) -> Now {
        Now { tick: Tick(5_000_000), wall }
    }

    #[test]
    fn contacts_come_back_for_what_is_left_of_their_time() {
        let folder = tempfile::tempdir().expect("a folder");
        let contacts = [
            of(Transport::Udp, "sip:a", NOON.plus_ms(60_000)),
            of(Transport::Tls, "sip:b", NOON.plus_ms(90_000)),
            of(Transport::Udp, "sip:c", NOON.plus_ms(1_000)),
        ];
        let account = RegisteredAccount { sip_account: "alice".into(), contacts: contacts.to_vec().into() };
        let (keeper, thread) = Keeper::start(folder.path(), Clock::start(), &[]).expect("a thread");
        // The clock of the thread is today's: nothing of what is written has a time that is over.
        let later = Clock::start().now().wall;
        let moved = |contact: &Contact| Contact {
            until_wall: later.plus_ms(contact.until_wall.0 - NOON.0 + 3_600_000),
            ..contact.clone()
        };
        keeper
            .changed(RegisteredAccount { contacts: account.contacts.iter().map(moved).collect(), ..account });
        drop(keeper);
        thread.join().expect("it ended");
        let file = folder.path().join(FILE);
        assert_eq!(fs::metadata(&file).expect("there").permissions().mode() & 0o777, 0o600);
        let listeners = [(Transport::Udp, "192.0.2.1:5060".parse().expect("one"))];
        let now = at(later.plus_ms(3_600_000 + 2_000));
        let kept = load(folder.path(), &listeners, now);
        assert_eq!((kept.len(), &*kept[0].sip_account), (1, "alice"));
        let [a, b] = &*kept[0].contacts else { panic!("{kept:?}") };
        assert!(a.is_reachable && !b.is_reachable, "a connection is gone with its process");
        assert_eq!((&*a.uri, a.until, b.flow.conn), ("sip:a", now.tick.plus_ms(58_000), 0));
        let expected = of(Transport::Udp, "sip:a", a.until_wall);
        assert_eq!(*a, Contact { id: a.id, until: a.until, ..expected });
        // Of a listener that is no more nothing comes back.
        assert!(load(folder.path(), &[], now)[0].contacts.iter().all(|contact| !contact.is_reachable));
    }

    #[test]
    fn what_cannot_be_read_is_nothing() {
        let folder = tempfile::tempdir().expect("a folder");
        assert!(load(folder.path(), &[], at(NOON)).is_empty());
        for text in ["", "{", "[]", "{\"version\":2,\"contacts\":[]}", "{\"version\":1,\"contacts\":[{}]}"] {
            fs::write(folder.path().join(FILE), text).expect("written");
            assert!(load(folder.path(), &[], at(NOON)).is_empty(), "{text}");
        }
    }
}
