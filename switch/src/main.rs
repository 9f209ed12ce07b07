//! The `tollgate` binary: what an operator can ask of a switch, one subcommand each.
//! Errors are said once on stderr; exit codes are 0 done, 1 not done, 2 wrong command line, 3 a limit left
//! rows out.
#![forbid(unsafe_code)]

mod cli;
mod deck_archive;
mod demo;
mod logs;
mod node_secret;
mod outlook;
mod run;

use std::process::ExitCode;

use clap::{CommandFactory as _, Parser, Subcommand};

use cli::{
    ConfigFile, account, bans, calls, carriers, cdr, check, deck, gates, keyed_post, ledger, manual, node,
    notices, price, registrations, rerate, route, seal,
};

/// A call allocates on one thread and the journal frees on another: there glibc's arenas cost a tenth of all
/// CPU time.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Prepaid softswitch: SIP trunks in, carriers out, every call paid from a balance that cannot be overspent.
#[derive(Parser)]
#[command(name = "tollgate", version, propagate_version = true, after_help = MANUAL)]
struct Manual {
    /// Log filter, as `info` or `info,sip=debug`; before the configuration's and $TOLLGATE_LOG
    #[arg(long, global = true, value_name = "FILTER")]
    log: Option<String>,
    #[command(subcommand)]
    command: Command,
}

const MANUAL: &str = "\
A day with it:
  tollgate check --config tollgate.toml       every error of the configuration, with its place
  tollgate run --config tollgate.toml         until SIGTERM (drain); SIGHUP reloads
  tollgate route --config tollgate.toml --gate acme-pbx --to 34911234567
  tollgate account topup acme 50.00 --reference 'invoice 17' --config tollgate.toml
  tollgate cdr --account acme --from 2026-01-01 --csv --config tollgate.toml
  tollgate cdr --last 20                      the newest; so without --config, see below
  tollgate ledger verify --data ./data        the books, proved from the first entry

Without --config, $TOLLGATE_CONFIG or /etc/tollgate/tollgate.toml is read.
Exit codes: 0 done, 1 not done (said on stderr), 2 wrong command line, 3 a limit left rows out.";

#[derive(Subcommand)]
enum Command {
    /// Run the switch in the foreground; prints `ready` and its addresses when every listener is bound
    Run {
        #[command(flatten)]
        config: ConfigFile,
    },
    /// Check a configuration and every file it names; `ok`, or every error as file:line:column: message
    Check(check::Ask),
    /// Start a switch with a test PBX and two test carriers on loopback, place calls, prove every amount
    Demo {
        /// Keep it running afterwards
        #[arg(long)]
        stay: bool,
    },
    /// Price one call by a deck, step by step
    Price(price::Ask),
    /// Price a file of calls by a deck
    Rerate(rerate::Ask),
    /// The plan of a call: account, price, lease, carriers in order and those left out, with reasons; of the
    /// running node, or --offline
    Route(route::Ask),
    /// Accounts of a running node: list, show, add, grant, change, suspend, resume, close, topup, topups,
    /// book, reject, reverse, statement, charge, correct
    #[command(subcommand)]
    Account(account::Ask),
    /// Live calls of a running node; --kill hangs one up, --trace draws the SIP messages of any
    Calls(calls::Ask),
    /// Call records of a running node: filters, --last, CSV, JSON
    Cdr(cdr::Ask),
    /// What account holders were told, in journal order
    Notices(notices::Ask),
    /// Carriers of a running node: up or down, calls; --statement tells what one of them charges
    Carriers(carriers::Ask),
    /// Gates of a running node: account, source, calls
    Gates(gates::Ask),
    /// Phones of SIP accounts that are registered: where, by what, until when
    Registrations(registrations::Ask),
    /// Credentials of a SIP account as the configuration may hold them: HA1s sealed with the node's
    /// secret, of the password on stdin
    Seal(seal::Ask),
    /// Addresses locked out for wrong credentials; --lift lets one in again
    Bans(bans::Ask),
    /// A running node reads its configuration again, as by SIGHUP; warnings and findings are told
    Reload(keyed_post::Shown),
    /// A running node refuses new calls and ends with the last call, as by SIGTERM
    Drain(keyed_post::Shown),
    /// What the log of a running node shows: tell, change, --reset
    Log(node::Log),
    /// Price lists: diff, preview, versions, export
    #[command(subcommand)]
    Deck(deck::Ask),
    /// The books: verify, head, reindex, import, trial-balance, close, slices
    #[command(subcommand)]
    Ledger(ledger::Ask),
    /// Completion for a shell: bash, elvish, fish, powershell, zsh
    Completion(manual::Completion),
    /// Man pages, one per command
    Man(manual::Man),
}

fn main() -> ExitCode {
    let manual = Manual::parse();
    let done = logs::start(manual.log).and_then(|()| execute(manual.command));
    match done {
        Ok(code) => code,
        // Whoever reads us, as `head`, has had enough.
        Err(error) if cli::is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("tollgate: {}", said_once(&error));
            ExitCode::FAILURE
        }
    }
}

fn execute(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Run { config } => run::run(&config.path()?).map(|()| ExitCode::SUCCESS),
        Command::Demo { stay } => demo::run(stay).map(|()| ExitCode::SUCCESS),
        Command::Check(ask) => check::run(&ask),
        Command::Price(ask) => price::run(&ask),
        Command::Rerate(ask) => rerate::run(&ask),
        Command::Route(ask) => route::run(&ask),
        Command::Account(ask) => account::run(&ask),
        Command::Calls(ask) => calls::run(&ask),
        Command::Cdr(ask) => cdr::run(&ask),
        Command::Notices(ask) => notices::run(&ask),
        Command::Carriers(ask) => carriers::run(&ask),
        Command::Gates(ask) => gates::run(&ask),
        Command::Registrations(ask) => registrations::run(&ask),
        Command::Seal(ask) => seal::run(&ask),
        Command::Bans(ask) => bans::run(&ask),
        Command::Reload(shown) => node::reload(&shown),
        Command::Drain(shown) => node::drain(&shown),
        Command::Log(ask) => node::log(&ask),
        Command::Completion(ask) => manual::completion(&ask, Manual::command()),
        Command::Man(ask) => manual::man(&ask, Manual::command()),
        Command::Deck(ask) => deck::run(&ask),
        Command::Ledger(ask) => ledger::run(&ask),
    }
}

/// An error and its causes, without those whose text was already said: some errors name their cause in the
/// middle of a sentence.
fn said_once(error: &anyhow::Error) -> String {
    error.chain().map(ToString::to_string).fold(String::new(), |said, cause| match said.as_str() {
        "" => cause,
        before if before.contains(&cause) => said,
        before => format!("{before}: {cause}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_cause_is_said_twice() {
        let disk = || std::io::Error::other("no room");
        assert_eq!(
            said_once(&anyhow::Error::from(disk()).context("cannot write x")),
            "cannot write x: no room"
        );
        assert_eq!(
            said_once(&anyhow::Error::from(disk()).context("cannot write x: no room; make some")),
            "cannot write x: no room; make some"
        );
    }
}
