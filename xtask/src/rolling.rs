//! `cargo xtask rolling [--old BINARY] [--new BINARY] [COMMIT]`: two nodes that share a ledger are upgraded
//! from COMMIT to what is here, one after the other, while the other takes calls; then nothing may be
//! missing. Needs PostgreSQL and SIPp; run by hand, it is no part of `check`.

use anyhow::{Context as _, Result, bail, ensure};
use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// The version before, if no other is named.
const COMMIT: &str = "a8b4d55";
/// What has to come comes within this.
const PATIENCE: Duration = Duration::from_secs(60);
const LOOK: Duration = Duration::from_millis(100);
/// Calls of one phase, each talks so long.
const CALLS: u32 = 20;
const TALK_MS: u32 = 3_000;
const OPENING_UNITS: i64 = 5_000_000;
const DECK: &str = "prefix,destination,rate,initial,increment,connect_fee,effective_from,effective_until\n34,Spain,0.60,1,1,,,\n";

/// A PostgreSQL of its own, ended with this.
struct Postgres {
    folder: PathBuf,
    server: Child,
}

/// A switch, its folder and where it listens.
struct Node {
    name: &'static str,
    folder: PathBuf,
    sip: u16,
    process: Option<Child>,
}

/// A group of processes, ended with this.
struct Ended(Child);

pub fn run(root: &Path, words: &[String]) -> Result<()> {
    let (mut old, mut new, mut commit) = (None, None, COMMIT.to_owned());
    let mut words = words.iter();
    while let Some(word) = words.next() {
        match word.as_str() {
            "--old" => old = Some(PathBuf::from(words.next().context("--old BINARY")?)),
            "--new" => new = Some(PathBuf::from(words.next().context("--new BINARY")?)),
            other => commit = other.to_owned(),
        }
    }
    let work = root.join("target/rolling");
    std::fs::create_dir_all(&work)?;
    let old = old.map_or_else(|| build_old(root, &work, &commit), Ok)?;
    let new = new.map_or_else(|| build(root, &work.join("tollgate-new")), Ok)?;
    let folder = temporary()?;
    let outcome = upgrade(root, &folder, &old, &new);
    if outcome.is_ok() {
        std::fs::remove_dir_all(&folder)?;
    } else {
        eprintln!("what is left is in {}", folder.display());
    }
    outcome
}

/// The whole story.
fn upgrade(root: &Path, folder: &Path, old: &Path, new: &Path) -> Result<()> {
    let postgres = Postgres::start(&folder.join("pg"))?;
    let carrier = free_port()?;
    let _alpha = Ended(sipp(root, "uas_answer", &format!("127.0.0.1:{carrier}"), &["-w", "600"])?.spawn()?);
    let mut one = Node::new("n1", folder, &postgres, carrier)?;
    let mut two = Node::new("n2", folder, &postgres, carrier)?;
    one.start(old)?;
    two.start(old)?;
    let mut made = 0;
    for node in [&one, &two] {
        finished(call(root, node)?, &mut made)?;
    }
    top_up(old, &one, "before")?;
    say(&postgres, "both nodes of the version before", made)?;
    let calls = call(root, &two)?;
    one.stop()?;
    one.start(new)?;
    top_up(new, &one, "between-new")?;
    top_up(old, &two, "between-old")?;
    finished(calls, &mut made)?;
    for node in [&one, &two] {
        finished(call(root, node)?, &mut made)?;
    }
    say(&postgres, "n1 upgraded under the calls of n2, both served on", made)?;
    let calls = call(root, &one)?;
    two.stop()?;
    two.start(new)?;
    finished(calls, &mut made)?;
    finished(call(root, &two)?, &mut made)?;
    top_up(new, &two, "after")?;
    say(&postgres, "n2 upgraded under the calls of n1, both served on", made)?;
    judge(&postgres, new, &mut one, &mut two, made)
}

/// After all: each call once, each payment once, to the last unit, and each journal whole.
fn judge(postgres: &Postgres, new: &Path, one: &mut Node, two: &mut Node, made: u32) -> Result<()> {
    let statement = told(new, one, &["account", "statement", "acme", "--json"])?;
    one.stop()?;
    two.stop()?;
    let spent = postgres.number(
        "SELECT CAST(COALESCE(SUM(CAST(body::json->>'amount' AS NUMERIC) * 100000), 0) AS BIGINT) FROM cdr",
    )?;
    let posted = postgres.number("SELECT posted FROM account WHERE name = 'acme'")?;
    let topped_up = 4 * 100_000;
    ensure!(
        posted == OPENING_UNITS + topped_up - spent,
        "{posted} is there, {spent} was spent of {}",
        OPENING_UNITS + topped_up
    );
    ensure!(
        postgres.number("SELECT held FROM account WHERE name = 'acme'")? == 0,
        "nodes still hold something"
    );
    ensure!(
        postgres.number("SELECT count(*) FROM cdr")? == i64::from(made),
        "not one record for each of {made} calls"
    );
    let unplaced =
        "SELECT count(*) FROM entry e LEFT JOIN placed p ON p.node = e.node WHERE e.seq > COALESCE(p.seq, 0)";
    let left = postgres.number(unplaced)?;
    let closing: serde_json::Value = serde_json::from_slice(&statement)?;
    let closing =
        closing["closing"].as_array().and_then(|all| all.first()).context("the statement has no closing")?;
    for node in [&*one, &*two] {
        let verified =
            Command::new(new).args(["ledger", "verify", "--data"]).arg(node.folder.join("data")).output()?;
        ensure!(verified.status.success(), "{}: {}", node.name, String::from_utf8_lossy(&verified.stdout));
    }
    println!(
        "rolling: {made} calls, each with one record; {spent} units spent, {posted} left, as the statement says: {}",
        closing["balance"]
    );
    println!(
        "rolling: nothing is held; both journals verify; {left} entries wait for places (taken by the next reader)"
    );
    Ok(())
}

fn say(postgres: &Postgres, what: &str, made: u32) -> Result<()> {
    wait("all call records", || Ok(postgres.number("SELECT count(*) FROM cdr")? == i64::from(made)))?;
    let imbalance = "SELECT CAST(COALESCE((SELECT SUM(balance) FROM house WHERE currency = 'EUR'), 0) \
                     + COALESCE((SELECT SUM(posted) FROM account WHERE currency = 'EUR'), 0) AS BIGINT)";
    let sum = postgres.number(imbalance)?;
    ensure!(sum == 0, "the books do not balance: {sum}");
    println!("rolling: {what}: {made} calls so far, {made} records, the books balance");
    Ok(())
}

fn call(root: &Path, node: &Node) -> Result<Child> {
    let (from, to) = (format!("127.0.0.11:{}", free_port()?), format!("127.0.0.1:{}", node.sip));
    let (calls, talk) = (CALLS.to_string(), TALK_MS.to_string());
    Ok(sipp(root, "uac_call", &from, &["-t", &to, "-c", &calls, "-d", &talk, "-r", "4", "-w", "120"])?
        .spawn()?)
}

fn finished(mut calls: Child, made: &mut u32) -> Result<()> {
    ensure!(calls.wait()?.success(), "calls failed");
    *made += CALLS;
    Ok(())
}

fn sipp(root: &Path, scenario: &str, local: &str, more: &[&str]) -> Result<Command> {
    let script = root.join("tests/sipp/drive.sh");
    ensure!(script.exists(), "{} is not there", script.display());
    let mut command = Command::new("bash");
    // A group of its own: its end is the end of SIPp too.
    command.arg(script).arg(scenario).arg(local).args(more).stdout(Stdio::null()).process_group(0);
    Ok(command)
}

fn told(program: &Path, node: &Node, words: &[&str]) -> Result<Vec<u8>> {
    let said =
        Command::new(program).args(words).arg("--config").arg(node.folder.join("tollgate.toml")).output()?;
    ensure!(said.status.success(), "{words:?} at {}: {}", node.name, String::from_utf8_lossy(&said.stderr));
    Ok(said.stdout)
}

fn top_up(program: &Path, node: &Node, key: &str) -> Result<()> {
    told(program, node, &["account", "topup", "acme", "1.00", "--reference", key, "--key", key]).map(|_| ())
}

// === impl Node ===

impl Node {
    fn new(name: &'static str, folder: &Path, postgres: &Postgres, carrier: u16) -> Result<Self> {
        let (sip, http, folder) = (free_port()?, free_port()?, folder.join(name));
        std::fs::create_dir_all(folder.join("decks"))?;
        std::fs::write(folder.join("decks/retail.csv"), DECK)?;
        let ledger = format!(
            "postgres://tollgate@{}/postgres",
            postgres.folder.display().to_string().replace('/', "%2F")
        );
        let text = format!(
            "[node]\nname = \"{name}\"\ndata_dir = \"./data\"\ndrain_secs = 30\nledger = \"{ledger}\"\nslice_max = \"2.00\"\n\
             [sip]\nlisten = [\"udp:127.0.0.1:{sip}\", \"tcp:127.0.0.1:{sip}\"]\n\
             [http]\nlisten = \"127.0.0.1:{http}\"\nadmin_token_file = \"./data/admin.token\"\n\
             [media]\nmode = \"bypass\"\naddress = \"127.0.0.1\"\n\
             [[deck]]\nname = \"retail\"\nfile = \"decks/retail.csv\"\ncurrency = \"EUR\"\n\
             [[account]]\nname = \"acme\"\ncurrency = \"EUR\"\nbalance = \"50.00\"\ndeck = \"retail\"\n\
             [[gate]]\nname = \"pbx\"\naccount = \"acme\"\nsource = [\"127.0.0.11\"]\n\
             [[carrier]]\nname = \"alpha\"\naddress = \"sip:127.0.0.1:{carrier};transport=udp\"\n\
             [[route]]\nprefix = \"34\"\ncarriers = [\"alpha\"]\n"
        );
        std::fs::write(folder.join("tollgate.toml"), text)?;
        Ok(Self { name, folder, sip, process: None })
    }

    /// Ready, and with money to lend, when this returns.
    fn start(&mut self, program: &Path) -> Result<()> {
        let log = std::fs::OpenOptions::new().create(true).append(true).open(self.folder.join("log"))?;
        let mut command = Command::new(program);
        command
            .args(["run", "--config", "tollgate.toml"])
            .current_dir(&self.folder)
            .stdout(Stdio::piped())
            .stderr(log);
        let mut process = command.spawn()?;
        let mut line = String::new();
        BufReader::new(process.stdout.take().context("piped")?).read_line(&mut line)?;
        self.process = Some(process);
        ensure!(line.starts_with("ready"), "{} does not start: see its log", self.name);
        let metrics = |node: &Self| told(program, node, &["account", "show", "acme", "--json"]);
        wait("the node answers", || Ok(metrics(self).is_ok()))
    }

    /// As an operator ends it: calls come to their end first.
    fn stop(&mut self) -> Result<()> {
        let Some(mut process) = self.process.take() else { return Ok(()) };
        ensure!(Command::new("kill").args(["-TERM", &process.id().to_string()]).status()?.success(), "kill");
        ensure!(process.wait()?.success(), "{} did not end well: see its log", self.name);
        Ok(())
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        if let Some(mut process) = self.process.take() {
            // It may have ended by itself.
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}

impl Drop for Ended {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = Command::new("kill").args(["-TERM", "--", &format!("-{}", self.0.id())]).status();
        let _ = self.0.wait();
    }
}

// === impl Postgres ===

impl Postgres {
    fn start(folder: &Path) -> Result<Self> {
        std::fs::create_dir_all(folder)?;
        if is_root() {
            ensure!(Command::new("chown").arg("postgres:postgres").arg(folder).status()?.success(), "chown");
        }
        let data = folder.join("data");
        let made = as_its_user(&program("initdb")?)
            .args(["--auth=trust", "--username=tollgate", "--no-sync", "--no-instructions", "-D"])
            .arg(&data)
            .output()?;
        ensure!(made.status.success(), "initdb: {}", String::from_utf8_lossy(&made.stderr));
        let mut command = as_its_user(&program("postgres")?);
        command.arg("-D").arg(&data).arg("-k").arg(folder).args(["-h", "", "-c", "fsync=off"]);
        let server = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
        let postgres = Self { folder: folder.to_path_buf(), server };
        wait("the database", || Ok(postgres.number("SELECT 1").is_ok()))?;
        Ok(postgres)
    }

    fn number(&self, sql: &str) -> Result<i64> {
        let mut psql = Command::new(program("psql")?);
        psql.args(["-XAtq", "-U", "tollgate", "-d", "postgres", "-c", sql, "-h"]).arg(&self.folder);
        let said = psql.output()?;
        ensure!(said.status.success(), "{sql}: {}", String::from_utf8_lossy(&said.stderr));
        Ok(String::from_utf8_lossy(&said.stdout).trim().parse()?)
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = Command::new("kill").args(["-QUIT", &self.server.id().to_string()]).status();
        let _ = self.server.wait();
    }
}

/// Where the distribution puts what is not on the path.
fn program(name: &str) -> Result<PathBuf> {
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let newest =
        versions.map(|version| version.path().join("bin").join(name)).filter(|path| path.exists()).max();
    newest.with_context(|| format!("{name} is not below /usr/lib/postgresql: install the package postgresql"))
}

/// PostgreSQL refuses to run as root: then as the user that its package made.
fn as_its_user(path: &Path) -> Command {
    if !is_root() {
        return Command::new(path);
    }
    let mut command = Command::new("setpriv");
    command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups"]).arg(path);
    command
}

fn is_root() -> bool {
    Command::new("id").arg("-u").output().is_ok_and(|said| said.stdout.starts_with(b"0\n"))
}

fn temporary() -> Result<PathBuf> {
    let folder = PathBuf::from(format!("/tmp/tollgate-rolling-{}", std::process::id()));
    std::fs::create_dir(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    Ok(folder)
}

fn free_port() -> Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

fn wait(what: &str, mut done: impl FnMut() -> Result<bool>) -> Result<()> {
    let begun = Instant::now();
    while !done()? {
        if begun.elapsed() > PATIENCE {
            bail!("{what}: not within {} s", PATIENCE.as_secs());
        }
        std::thread::sleep(LOOK);
    }
    Ok(())
}

/// The program of a commit, from a worktree of its own.
fn build_old(root: &Path, work: &Path, commit: &str) -> Result<PathBuf> {
    let tree = work.join(commit);
    if !tree.exists() {
        let mut git = Command::new("git");
        git.arg("-C").arg(root).args(["worktree", "add", "--detach"]).arg(&tree).arg(commit);
        ensure!(git.status()?.success(), "git worktree add {commit}");
    }
    build(&tree, &work.join(format!("tollgate-{commit}")))
}

fn build(tree: &Path, to: &Path) -> Result<PathBuf> {
    let target = tree.join("target");
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or(target, PathBuf::from);
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo
        .current_dir(tree)
        .env("CARGO_TARGET_DIR", &target)
        .args(["build", "-p", "switch", "--bin", "tollgate"]);
    ensure!(cargo.status()?.success(), "the build in {} failed", tree.display());
    std::fs::copy(target.join("debug/tollgate"), to)?;
    Ok(to.to_path_buf())
}
