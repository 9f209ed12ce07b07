//! A site: a temporary folder with configuration, decks and data, in which switches are started one after the
//! other.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::{CARRIERS, Tollgate, free_port};

const DECK_HEADER: &str =
    "prefix,destination,rate,initial,increment,connect_fee,effective_from,effective_until\n";

/// Configuration in the making, and the folder in which it is run.
pub struct Site {
    folder: TempDir,
    /// Of the node.
    pub name: &'static str,
    listen: Vec<String>,
    http: String,
    node: String,
    sip: String,
    media: String,
    parts: String,
    authorities: Option<PathBuf>,
}

impl Site {
    /// Listeners have ports of their own at 127.0.0.1, SIP on UDP and TCP. Not any port: a switch that starts
    /// again wants the same.
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("decks")).unwrap();
        let (sip, http) = (free_port(CARRIERS), free_port(CARRIERS));
        Self {
            folder,
            name: "sw1",
            listen: ["udp", "tcp"].map(|transport| format!("{transport}:{CARRIERS}:{sip}")).to_vec(),
            http: format!("{CARRIERS}:{http}"),
            node: String::new(),
            sip: String::new(),
            media: "mode = \"bypass\"\naddress = \"127.0.0.1\"\n".to_owned(),
            parts: String::new(),
            authorities: None,
        }
    }

    /// The site that most stories start from: account `acme` with `balance`, priced by `rows`; its gate is
    /// 127.0.0.11.
    pub fn acme(balance: &str, rows: &str) -> Self {
        Self::new().deck("retail", rows).account("acme", balance).gate("acme-pbx", "acme", super::PBX, "")
    }

    /// Listens there instead.
    pub fn listening(mut self, sip: &str, http: &str) -> Self {
        self.listen = vec![sip.to_owned()];
        self.http = http.to_owned();
        self
    }

    /// Listens by a further transport, at a port of its own.
    pub fn also_listening(mut self, transport: &str) -> Self {
        self.listen.push(format!("{transport}:{CARRIERS}:{}", free_port(CARRIERS)));
        self
    }

    /// Listens there as well: `udp:[::1]:5060`.
    pub fn listening_too(mut self, sip: &str) -> Self {
        self.listen.push(sip.to_owned());
        self
    }

    /// Another name than `sw1`.
    pub fn named(mut self, name: &'static str) -> Self {
        self.name = name;
        self
    }

    /// The authorities in this file stand for the system's.
    pub fn believing(mut self, file: &Path) -> Self {
        self.authorities = Some(file.to_owned());
        self
    }

    /// What stands for the system's authorities.
    pub fn authorities(&self) -> Option<&Path> {
        self.authorities.as_deref()
    }

    /// Further keys of `[node]`.
    pub fn node(mut self, keys: &str) -> Self {
        self.node = keys.to_owned();
        self
    }

    /// Further keys of `[sip]`.
    pub fn sip(mut self, keys: &str) -> Self {
        self.sip = keys.to_owned();
        self
    }

    /// Other keys of `[media]` than bypass.
    pub fn media(mut self, keys: &str) -> Self {
        self.media = keys.to_owned();
        self
    }

    /// A price list in EUR; `rows` without the header.
    pub fn deck(self, name: &str, rows: &str) -> Self {
        self.write_deck(name, rows);
        self.toml(&format!("[[deck]]\nname = \"{name}\"\nfile = \"decks/{name}.csv\"\ncurrency = \"EUR\""))
    }

    /// Writes the rows of a deck anew, as an operator would before a reload.
    pub fn write_deck(&self, name: &str, rows: &str) {
        fs::write(self.path(&format!("decks/{name}.csv")), format!("{DECK_HEADER}{rows}\n")).unwrap();
    }

    /// An account in EUR, priced by the deck `retail`.
    pub fn account(self, name: &str, balance: &str) -> Self {
        self.toml(&format!(
            "[[account]]\nname = \"{name}\"\ncurrency = \"EUR\"\nbalance = \"{balance}\"\ndeck = \"retail\""
        ))
    }

    /// A gate with further keys in `more`.
    pub fn gate(self, name: &str, account: &str, source: &str, more: &str) -> Self {
        self.toml(&format!(
            "[[gate]]\nname = \"{name}\"\naccount = \"{account}\"\nsource = [\"{source}\"]\n{more}"
        ))
    }

    /// A carrier at 127.0.0.1 over UDP, with further keys in `more`.
    pub fn carrier(self, name: &str, port: u16, more: &str) -> Self {
        self.carrier_over("udp", name, port, more)
    }

    /// The same over `udp` or `tcp`.
    pub fn carrier_over(self, transport: &str, name: &str, port: u16, more: &str) -> Self {
        self.toml(&format!("[[carrier]]\nname = \"{name}\"\naddress = \"sip:{CARRIERS}:{port};transport={transport}\"\n{more}"))
    }

    /// A route by prefix.
    pub fn route(self, prefix: &str, carriers: &[&str]) -> Self {
        self.toml(&format!("[[route]]\nprefix = \"{prefix}\"\ncarriers = {carriers:?}"))
    }

    /// Any further section.
    pub fn toml(mut self, section: &str) -> Self {
        self.parts.push_str(section);
        self.parts.push_str("\n\n");
        self
    }

    /// Writes the configuration and starts a switch; it is ready when this returns.
    pub fn start(&self) -> Tollgate {
        self.write();
        Tollgate::start(self, None)
    }

    /// The same with a disk that takes no file longer than `file_kib`.
    pub fn start_on_small_disk(&self, file_kib: u32) -> Tollgate {
        self.write();
        Tollgate::start(self, Some(file_kib))
    }

    /// Whether a start ends by itself with an error, without a word on stdout.
    pub fn refuses_to_start(&self) -> bool {
        self.write();
        let output = super::tollgate(&["run", "--config", self.config().to_str().unwrap()]);
        !output.status.success() && output.stdout.is_empty()
    }

    /// Writes the configuration as it stands, with `more` at its end.
    pub fn write_with(&self, more: &str) {
        let Self { name, listen, http, node, sip, media, parts, .. } = self;
        let mut text =
            format!("[node]\nname = \"{name}\"\ndata_dir = \"./data\"\ndrain_secs = 20\n{node}\n\n");
        write!(text, "[sip]\nlisten = {listen:?}\n{sip}\n\n[http]\nlisten = \"{http}\"\nadmin_token_file = \"./data/admin.token\"\n\n").unwrap();
        write!(text, "[media]\n{media}\n{parts}{more}").unwrap();
        fs::write(self.config(), text).unwrap();
    }

    /// Writes the configuration as it stands.
    pub fn write(&self) {
        self.write_with("");
    }

    /// The configuration file.
    pub fn config(&self) -> PathBuf {
        self.path("tollgate.toml")
    }

    /// The data folder.
    pub fn data(&self) -> PathBuf {
        self.path("data")
    }

    /// Something in the site's folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The site's folder.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }
}
