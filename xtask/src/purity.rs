//! Everything at or below `node` is a function of (state, now, input): no clock, socket, thread, file,
//! runtime or dice. Checked twice: by what these crates may link, and by what their sources may name.

use crate::report::Report;
use crate::source::{SourceFile, lines_with};
use crate::workspace::Workspace;

/// The crates that must be pure.
pub const PURE: &[&str] = &[
    "node", "call", "media", "route", "sip", "h323", "stir", "rating", "ledger", "units", "codecs", "g729",
    "voice", "prompts", "engine",
];

/// Libraries that they may not reach by any chain of normal dependencies.
const FORBIDDEN_CRATES: &[&str] = &[
    "tokio",
    "mio",
    "async-std",
    "smol",
    "socket2",
    "rusqlite",
    "libsqlite3-sys",
    "rand",
    "getrandom",
    "fastrand",
    "reqwest",
    "ureq",
    "hyper",
];

/// Edges that the search does not follow, each with the reason.
const EXCEPTIONS: &[(&str, &str)] = &[
    // rsip makes Call-IDs and branches with random UUIDs in its builders; we only convert messages to its
    // types and never call those
    ("rsip", "uuid"),
    // rustls turns its ring on; stir hands it the algorithms of its caller and names none (decision 132)
    ("rustls-webpki", "ring"),
];

/// Names that their program code may not contain, and what to do instead.
const FORBIDDEN_NAMES: &[(&str, &str)] = &[
    ("Instant::now", "take `now` from the caller"),
    ("SystemTime::now", "take `now` from the caller"),
    ("Timestamp::now", "take `now` from the caller"),
    ("Zoned::now", "take `now` from the caller"),
    ("UdpSocket", "return what is to be sent"),
    ("TcpStream", "return what is to be sent"),
    ("TcpListener", "return what is to be sent"),
    ("UnixStream", "return what is to be sent"),
    ("std::thread", "threads belong to `switch`"),
    ("thread::spawn", "threads belong to `switch`"),
    ("thread::sleep", "return a deadline"),
    ("fs::", "take `impl Read` or text"),
    ("File::open", "take `impl Read` or text"),
    ("std::process", "processes belong to `switch`"),
    ("std::env", "settings come from `config`"),
    ("tokio::", "runtimes belong to `switch`, `store` and `web`"),
    ("thread_rng", "take a seed from the caller"),
    ("RandomState", "use a fixed hasher, and order what you iterate"),
];

/// Fails on a forbidden library below `node`, and on a forbidden name in its sources outside tests.
pub fn check(workspace: &Workspace, files: &[SourceFile]) -> Report {
    let mut report = Report::default();
    for member in PURE {
        if let Some(chain) = workspace.chain(member, FORBIDDEN_CRATES, EXCEPTIONS) {
            report.error(format!(
                "{} must not be linked below node: {}",
                chain.last().map_or("", |id| id),
                chain.join(" → ")
            ));
        }
    }
    for (from, to) in EXCEPTIONS {
        if workspace.chain("node", &[from], &[]).is_none() {
            report.error(format!(
                "the exception {from} → {to} in xtask/src/purity.rs is no longer needed: remove it"
            ));
        }
    }
    for file in files.iter().filter(|file| PURE.contains(&file.member.as_str()) && !is_build_script(file)) {
        for (name, instead) in FORBIDDEN_NAMES {
            for line in lines_with(&file.program, name) {
                report.error(format!(
                    "{}:{line}: `{name}` in a crate without I/O: {instead}",
                    file.path.display()
                ));
            }
        }
    }
    report
}

/// A script that runs when the program is built, and its parts in `build`, are no part of the program.
fn is_build_script(file: &SourceFile) -> bool {
    let in_build = file.path.parent().is_some_and(|folder| folder.ends_with("build"));
    in_build || file.path.ends_with("build.rs")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::{BTreeMap, BTreeSet};

    fn graph(edges: &[(&str, &str)]) -> Workspace {
        let mut graph: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        let excepted = [
            ("node", "sip"),
            ("sip", "rsip"),
            ("rsip", "uuid"),
            ("uuid", "getrandom"),
            ("node", "stir"),
            ("stir", "rustls-webpki"),
            ("rustls-webpki", "ring"),
            ("ring", "getrandom"),
        ];
        let all: Vec<(&str, &str)> = excepted.iter().chain(edges).copied().collect();
        for (from, to) in all {
            graph.entry(format!("{from}@1.0.0")).or_default().insert(format!("{to}@1.0.0"));
        }
        Workspace { graph, ..Workspace::default() }
    }

    #[test]
    fn the_named_exception_passes() {
        assert_eq!(check(&graph(&[]), &[]), Report::default());
    }

    #[test]
    fn a_runtime_behind_two_libraries_is_found() {
        let report = check(&graph(&[("sip", "nice"), ("nice", "inner"), ("inner", "tokio")]), &[]);
        assert!(
            report
                .errors
                .contains(&"tokio@1.0.0 must not be linked below node: sip@1.0.0 → nice@1.0.0 → inner@1.0.0 → tokio@1.0.0".to_string()),
            "{report:?}"
        );
        assert_eq!(report.errors.len(), 2, "node and sip both reach it: {report:?}");
    }

    #[test]
    fn the_exception_covers_one_edge_only() {
        assert_eq!(check(&graph(&[("sip", "uuid")]), &[]).errors.len(), 2);
        assert_eq!(check(&graph(&[("rsip", "getrandom")]), &[]).errors.len(), 2);
    }

    #[test]
    fn an_exception_that_nothing_needs_fails() {
        let mut workspace = graph(&[]);
        workspace.graph.remove("sip@1.0.0");
        assert!(check(&workspace, &[]).errors[0].contains("no longer needed"));
    }

    #[test]
    fn a_clock_in_the_program_fails_and_in_tests_or_comments_passes() {
        let text = "// Instant::now\nfn a() { let t = std::time::Instant::now(); }\n#[cfg(test)]\nmod tests { fn b() { Instant::now(); } }\n";
        let report = check(&graph(&[]), &[SourceFile::new("switch/call/src/lib.rs", "call", text)]);
        assert_eq!(
            report.errors,
            ["switch/call/src/lib.rs:2: `Instant::now` in a crate without I/O: take `now` from the caller"]
        );
    }

    #[test]
    fn crates_above_node_may_do_io() {
        let text = "use std::net::UdpSocket;\nfn a() { std::thread::spawn(b); }\n";
        assert_eq!(
            check(&graph(&[]), &[SourceFile::new("switch/src/main.rs", "switch", text)]),
            Report::default()
        );
        assert_eq!(
            check(&graph(&[]), &[SourceFile::new("rating/src/lib.rs", "rating", text)]).errors.len(),
            3
        );
    }
}
