//! `tollgate completion` and `tollgate man`: what shells and `man` know of the commands, made of the same
//! types as the help.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use clap::Command;
use clap_complete::Shell;

use super::stdout;

/// Arguments of `completion`.
#[derive(clap::Args)]
pub(crate) struct Completion {
    /// For which shell
    shell: Shell,
}

/// Arguments of `man`.
#[derive(clap::Args)]
pub(crate) struct Man {
    /// Folder for one page per command, made if absent; without it the first page goes to stdout
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

/// Prints the script.
pub(crate) fn completion(ask: &Completion, mut command: Command) -> anyhow::Result<ExitCode> {
    let mut script = Vec::new();
    clap_complete::generate(ask.shell, &mut command, "tollgate", &mut script);
    let mut out = stdout();
    out.write_all(&script)?;
    out.flush()?;
    Ok(ExitCode::SUCCESS)
}

/// Writes the pages.
pub(crate) fn man(ask: &Man, command: Command) -> anyhow::Result<ExitCode> {
    let Some(dir) = &ask.dir else {
        let mut out = stdout();
        clap_mangen::Man::new(command).render(&mut out)?;
        out.flush()?;
        return Ok(ExitCode::SUCCESS);
    };
    std::fs::create_dir_all(dir).with_context(|| format!("cannot make {}", dir.display()))?;
    let mut command = command;
    // Global options and names of the whole line.
    command.build();
    let written = pages(dir, &command, "tollgate")?;
    writeln!(stdout(), "{written} pages in {}", dir.display())?;
    Ok(ExitCode::SUCCESS)
}

/// `tollgate-account-topup.1` and the like: a command and all below it.
fn pages(dir: &Path, command: &Command, name: &str) -> anyhow::Result<usize> {
    let path = dir.join(format!("{name}.1"));
    let mut page = Vec::new();
    clap_mangen::Man::new(command.clone().disable_help_subcommand(true)).title(name).render(&mut page)?;
    std::fs::write(&path, page).with_context(|| format!("cannot write {}", path.display()))?;
    let below = command.get_subcommands().filter(|below| below.get_name() != "help");
    below
        .map(|below| pages(dir, below, &format!("{name}-{}", below.get_name())))
        .try_fold(1, |sum, written| Ok(sum + written?))
}
