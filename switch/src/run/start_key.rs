//! The key of all tokens of one start: whoever does not have it cannot make any.

use anyhow::Context as _;

/// Random bytes of the system.
pub(super) fn random() -> anyhow::Result<[u8; 16]> {
    let mut key = [0; 16];
    getrandom::fill(&mut key)
        .context("no random bytes from the system for the key of this start's tokens")?;
    Ok(key)
}
