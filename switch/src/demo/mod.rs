//! `tollgate demo`: not in this build yet.

/// Says so.
pub(crate) fn run(_stay: bool) -> anyhow::Result<()> {
    anyhow::bail!("the demo is not in this build")
}
