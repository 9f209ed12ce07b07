//! A PostgreSQL in a folder of its own, reached by a socket in it, ended by its pid.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

pub struct Postgres {
    folder: TempDir,
    /// Beyond what every test wants.
    arguments: Vec<String>,
    server: Option<Child>,
}

/// Where the distribution puts what is not on the path.
pub fn program(name: &str) -> PathBuf {
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let newest =
        versions.map(|version| version.path().join("bin").join(name)).filter(|path| path.exists()).max();
    newest
        .unwrap_or_else(|| panic!("{name} is not below /usr/lib/postgresql: install the package postgresql"))
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
    let id = Command::new("id").arg("-u").output().expect("id");
    id.stdout.starts_with(b"0\n")
}

fn run(command: &mut Command) {
    let output = command.output().expect("starts");
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}

impl Postgres {
    pub fn start() -> Self {
        Self::start_with(|_| Vec::new())
    }

    /// With further arguments, which may need files in the server's own folder.
    pub fn start_with(arguments: impl FnOnce(&Path) -> Vec<String>) -> Self {
        let folder = tempfile::Builder::new().prefix("pg").tempdir_in("/tmp").expect("a folder");
        if is_root() {
            run(Command::new("chown").arg("postgres:postgres").arg(folder.path()));
        }
        let data = folder.path().join("data");
        run(as_its_user(&program("initdb"))
            .args(["--auth=trust", "--username=tollgate", "--no-sync", "--no-instructions", "-D"])
            .arg(data));
        let arguments = arguments(folder.path());
        let mut postgres = Self { folder, arguments, server: None };
        postgres.resume();
        postgres
    }

    /// Starts the server on its folder; returns when it takes connections.
    pub fn resume(&mut self) {
        let folder = self.folder.path();
        let mut command = as_its_user(&program("postgres"));
        command.arg("-D").arg(folder.join("data")).arg("-k").arg(folder);
        command
            .args(["-h", "", "-c", "fsync=off", "-c", "max_connections=30", "-c", "shared_buffers=16MB"])
            .args(&self.arguments);
        let mut server =
            command.stderr(Stdio::piped()).stdout(Stdio::null()).spawn().expect("postgres starts");
        let mut log = BufReader::new(server.stderr.take().expect("piped"));
        let mut said = String::new();
        loop {
            let begin = said.len();
            assert!(log.read_line(&mut said).expect("text") > 0, "postgres ended: {said}");
            if said[begin..].contains("ready to accept connections") {
                break;
            }
        }
        // Read on, so that the server never waits for a full pipe.
        std::thread::spawn(move || std::io::copy(&mut log, &mut std::io::sink()));
        self.server = Some(server);
    }

    /// The database goes away, whatever it was doing.
    pub fn stop(&mut self) {
        if let Some(mut server) = self.server.take() {
            run(Command::new("kill").args(["-QUIT", &server.id().to_string()]));
            server.wait().expect("ends");
        }
    }

    /// A number by SQL, past all code of ours.
    pub fn number(&self, sql: &str) -> i64 {
        let mut psql = Command::new(program("psql"));
        psql.args(["-XAtq", "-U", "tollgate", "-d", "postgres", "-c", sql, "-h"]).arg(self.folder.path());
        let output = psql.output().expect("psql runs");
        assert!(output.status.success(), "{sql}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).trim().parse().expect("a number")
    }

    /// Carries out a file of statements, the first that fails is the end.
    #[allow(dead_code, reason = "not all who share this file have such files")]
    pub fn script(&self, file: &Path) {
        let mut psql = Command::new(program("psql"));
        psql.args(["-XAtq", "-v", "ON_ERROR_STOP=1", "-U", "tollgate", "-d", "postgres", "-f"])
            .arg(file)
            .arg("-h")
            .arg(self.folder.path());
        run(&mut psql);
    }

    /// Texts by SQL, a line each.
    #[allow(dead_code, reason = "not all who share this file ask for texts")]
    pub fn texts(&self, sql: &str) -> Vec<String> {
        let mut psql = Command::new(program("psql"));
        psql.args(["-XAtq", "-U", "tollgate", "-d", "postgres", "-c", sql, "-h"]).arg(self.folder.path());
        let output = psql.output().expect("psql runs");
        assert!(output.status.success(), "{sql}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect()
    }

    /// As in the configuration.
    pub fn address(&self) -> String {
        let host = self.folder.path().display().to_string().replace('/', "%2F");
        format!("postgres://tollgate@{host}/postgres")
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        self.stop();
    }
}
