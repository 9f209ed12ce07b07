//! Which configuration a command reads: `--config`, else `$TOLLGATE_CONFIG`, else
//! `/etc/tollgate/tollgate.toml` if it is there.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use anyhow::bail;
use config::Settings;

const VARIABLE: &str = "TOLLGATE_CONFIG";
const PLACE: &str = "/etc/tollgate/tollgate.toml";

/// The configuration of a command that needs one.
#[derive(clap::Args)]
pub(crate) struct ConfigFile {
    /// Configuration, TOML [default: $TOLLGATE_CONFIG, else /etc/tollgate/tollgate.toml]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

impl ConfigFile {
    /// Its path, or what to give.
    pub(crate) fn path(&self) -> anyhow::Result<PathBuf> {
        match named(self.config.as_deref()) {
            Some(path) => Ok(path),
            None => bail!("no configuration: give --config FILE or ${VARIABLE}, or write {PLACE}"),
        }
    }
}

/// What `path` says, checked; every finding goes to stderr.
pub(crate) fn load(path: &Path) -> anyhow::Result<Settings> {
    config::load(path).map_err(|findings| {
        for finding in &findings {
            eprintln!("{finding}");
        }
        anyhow::anyhow!("{} is wrong: {} finding(s) above", path.display(), findings.len())
    })
}

/// The configuration that holds where `flag` is what the command line says; none if there is none.
pub(crate) fn named(flag: Option<&Path>) -> Option<PathBuf> {
    choose(flag, std::env::var_os(VARIABLE), Path::new(PLACE))
}

fn choose(flag: Option<&Path>, variable: Option<OsString>, place: &Path) -> Option<PathBuf> {
    let variable = variable.filter(|text| !text.is_empty()).map(PathBuf::from);
    flag.map(Path::to_path_buf).or(variable).or_else(|| place.is_file().then(|| place.to_path_buf()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fault_d4_a_configuration_is_found_by_flag_variable_and_place() {
        let folder = tempfile::tempdir().expect("a folder");
        let place = folder.path().join("tollgate.toml");
        let (flag, variable) = (Some(Path::new("a.toml")), Some(OsString::from("b.toml")));
        assert_eq!(choose(flag, variable.clone(), &place), Some("a.toml".into()));
        assert_eq!(choose(None, variable, &place), Some("b.toml".into()));
        assert_eq!(choose(None, Some(OsString::new()), &place), None, "nothing is there yet");
        std::fs::write(&place, "").expect("written");
        assert_eq!(choose(None, Some(OsString::new()), &place), Some(place.clone()));
    }
}
