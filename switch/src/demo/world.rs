//! Everything the demo runs on: a temporary folder with a real configuration, two test carriers, and a switch
//! in this process.

use std::fmt::Write as _;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow, bail};
use sip::flow::Transport;

use super::carrier::Carrier;
use super::story::{ALPHA, BETA, CUSTOMERS};
use super::tariff::{self, ALPHA_COST, RETAIL};
use crate::run::Switch;

const ALPHA_IP: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 21);
const BETA_IP: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 22);

/// A running demo.
pub(super) struct World {
    pub folder: Folder,
    pub alpha: Carrier,
    pub beta: Carrier,
    switch: Switch,
}

impl World {
    /// Starts it all.
    pub(super) fn start(keep_folder: bool) -> anyhow::Result<Self> {
        let alpha = Carrier::start(ALPHA_IP, ALPHA)?;
        let beta = Carrier::start(BETA_IP, BETA)?;
        let folder = Folder::make(keep_folder)?;
        folder.write("decks/retail.csv", &tariff::csv(RETAIL))?;
        folder.write("decks/alpha.csv", &tariff::csv(ALPHA_COST))?;
        folder.write("routes.csv", "prefix,carriers\n34,alpha beta\n39,alpha beta\n44,alpha beta\n")?;
        folder.write("tollgate.toml", &configuration(alpha.address, beta.address))?;
        let settings = config::load(folder.path("tollgate.toml")).map_err(|findings| {
            let lines: Vec<String> = findings.iter().map(ToString::to_string).collect();
            anyhow!("the demo's own configuration is wrong:\n{}", lines.join("\n"))
        })?;
        crate::logs::follow(&settings.log)?;
        let switch = Switch::start(settings).context("the switch did not start")?;
        Ok(Self { folder, alpha, beta, switch })
    }

    /// Where the switch takes calls.
    pub(super) fn sip(&self) -> &[(Transport, SocketAddr)] {
        &self.switch.addresses.sip
    }

    /// Where its API is.
    pub(super) const fn http(&self) -> SocketAddr {
        self.switch.addresses.http
    }

    /// Where it takes calls over UDP.
    pub(super) fn sip_udp(&self) -> anyhow::Result<SocketAddr> {
        let found = self.sip().iter().find(|(transport, _)| *transport == Transport::Udp);
        found.map(|(_, address)| *address).context("the switch listens on no UDP port")
    }

    /// The carrier of this name.
    pub(super) fn carrier(&self, name: &str) -> Option<&Carrier> {
        match name {
            "alpha" => Some(&self.alpha),
            "beta" => Some(&self.beta),
            _ => None,
        }
    }

    /// Ends the switch and proves the books it leaves.
    pub(super) fn stop(self) -> anyhow::Result<()> {
        self.switch.stop().context("the switch did not end well")?;
        let found =
            store::verify(&self.folder.path("data")).context("cannot read the journal that was left")?;
        if !found.is_clean() || found.open_calls > 0 {
            bail!("the journal that was left is not clean: {found:?}");
        }
        Ok(())
    }
}

/// As an operator would write it. Port 0 takes a free port.
fn configuration(alpha: SocketAddr, beta: SocketAddr) -> String {
    let mut text = String::from(
        r#"# Written by `tollgate demo`.
[node]
name = "demo"
data_dir = "./data"
drain_secs = 1
max_calls = 100

[sip]
listen = ["udp:127.0.0.1:0", "tcp:127.0.0.1:0"]

[http]
listen = "127.0.0.1:0"
admin_token_file = "./admin.token"

[media]
mode = "relay"
address = "127.0.0.1"
ports = [26000, 26399]

[log]
filter = "warn"
format = "text"

[[deck]]
name = "retail"
file = "decks/retail.csv"
currency = "EUR"

[[deck]]
name = "alpha-cost"
file = "decks/alpha.csv"
currency = "EUR"

[[routes]]
file = "routes.csv"
"#,
    );
    for customer in CUSTOMERS {
        let (account, balance, gate, [a, b, c, d]) =
            (customer.account, customer.balance, customer.gate, customer.ip);
        // Writing to a string cannot fail.
        let _ = write!(
            text,
            "\n[[account]]\nname = \"{account}\"\ncurrency = \"EUR\"\nbalance = \"{balance}\"\ndeck = \"retail\"\n\
             \n[[gate]]\nname = \"{gate}\"\naccount = \"{account}\"\nsource = [\"{a}.{b}.{c}.{d}\"]\nmax_calls = 100\n"
        );
    }
    let _ = write!(
        text,
        "\n[[carrier]]\nname = \"alpha\"\naddress = \"sip:{alpha};transport=udp\"\ndeck = \"alpha-cost\"\ncodecs = [\"PCMA\", \"PCMU\", \"G729\"]\n\
         \n[[carrier]]\nname = \"beta\"\naddress = \"sip:{beta};transport=udp\"\n"
    );
    text
}

/// A folder of the demo's own, gone with it unless it is to be kept.
pub(super) struct Folder {
    path: PathBuf,
    keep: bool,
}

impl Folder {
    fn make(keep: bool) -> anyhow::Result<Self> {
        let path = std::env::temp_dir().join(format!("tollgate-{}", super::line::unique()));
        // Fails if somebody else made it: nothing of ours goes where others can write.
        let made = std::fs::DirBuilder::new().mode(0o700).create(&path);
        made.with_context(|| format!("cannot make the folder {}", path.display()))?;
        let folder = Self { path, keep };
        std::fs::create_dir(folder.path("decks")).context("cannot make a folder for the decks")?;
        Ok(folder)
    }

    /// A file in it.
    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// The folder.
    pub(super) fn root(&self) -> &Path {
        &self.path
    }

    fn write(&self, name: &str, text: &str) -> anyhow::Result<()> {
        let path = self.path(name);
        std::fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if !self.keep
            && let Err(error) = std::fs::remove_dir_all(&self.path)
        {
            tracing::warn!(%error, "cannot remove {}", self.path.display());
        }
    }
}
