//! `tollgate seal`: the credentials of a SIP account as the configuration may hold them.

use std::io::{Read as _, Write as _};
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use config::{SECRET_BYTES_MAX, SealedFor};
use route::Ha1;

use super::config_file::load;
use super::{ConfigFile, stdout};
use crate::node_secret;

/// Arguments.
#[derive(clap::Args)]
pub(crate) struct Ask {
    #[command(flatten)]
    config: ConfigFile,
    /// User name of the SIP account, which need not be in the configuration yet
    #[arg(long, value_name = "NAME")]
    username: String,
}

/// Seals what digests of the password on stdin are checked with; makes the secret if it is not there.
pub(crate) fn run(ask: &Ask) -> anyhow::Result<ExitCode> {
    let path = ask.config.path()?;
    let settings = load(&path)?;
    let Some(secret_file) = &settings.node.secret_file else {
        bail!("{} names no secret: write secret_file = \"node.secret\" under [node]", path.display());
    };
    if !config::is_user_name(&ask.username) {
        bail!("a user name has 1 to 128 bytes without quotes, backslashes and control characters");
    }
    let mut text = String::new();
    let most = SECRET_BYTES_MAX as u64 + 3;
    std::io::stdin().take(most).read_to_string(&mut text).context("cannot read the password on stdin")?;
    let password =
        config::password(&text).map_err(|wrong| anyhow::anyhow!("the password on stdin {wrong}"))?;
    let secret = node_secret::read_or_make(secret_file)?;
    let realm = &settings.sip.realm;
    let Ha1 { sha256, md5 } = Ha1::of(&ask.username, realm, &password);
    let mut out = stdout();
    for (key, ha1) in [("ha1_sha256", sha256), ("ha1_md5", md5)] {
        let Some(ha1) = ha1 else { continue };
        let mut nonce = [0; 12];
        getrandom::fill(&mut nonce).context("no random bytes from the system")?;
        let sealed = secret.seal(&ha1, &SealedFor { key, username: &ask.username, realm }, nonce);
        writeln!(out, "{key} = \"{sealed}\"")?;
    }
    out.flush()?;
    Ok(ExitCode::SUCCESS)
}
