//! The sample's configuration in a folder of its own.

use std::fs;
use std::path::Path;

use tempfile::TempDir;

/// The sample.
pub const GOOD: &str = include_str!("../../samples/tollgate.toml");

/// A folder with a configuration and the sample's files, each replaced if `files` has it.
pub fn folder(toml: &str, files: &[(&str, &str)]) -> TempDir {
    let dir = tempfile::tempdir().expect("folder");
    let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("samples");
    fs::create_dir(dir.path().join("decks")).expect("folder");
    for name in ["decks/retail.csv", "decks/alpha.csv", "routes.csv"] {
        fs::copy(samples.join(name), dir.path().join(name)).expect("copy");
    }
    for (name, text) in files {
        fs::write(dir.path().join(name), text).expect("write");
    }
    fs::write(dir.path().join("t.toml"), toml).expect("write");
    dir
}
