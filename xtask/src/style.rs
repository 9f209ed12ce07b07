//! House rules of the text: sizes, words, `unsafe`. Old excess is listed in a ratchet that may only shrink.

use crate::report::Report;
use crate::source::{SourceFile, functions, lines_with};
use crate::workspace::Workspace;
use std::path::Path;

const LINES_WARN: usize = 400;
const LINES_MAX: usize = 600;
const FUNCTION_LINES_MAX: usize = 70;
/// As rustfmt.toml says; it leaves comments and the insides of macros as they are.
const COLUMNS_MAX: usize = 110;

/// Files over the limit and the length that they may have today. Never raise a number, never add a row: split
/// the file.
const RATCHET: &[(&str, usize)] = &[];

/// What every other crate says at its root.
const FORBIDS: &str = "#![forbid(unsafe_code)]";

/// The crates that may hold `unsafe`: they speak to the kernel.
const UNSAFE_MEMBERS: [&str; 2] = ["net", "fastpath"];

/// Words that no code may hold, tests included, and why. Those that end in `!` are macros.
const FORBIDDEN: &[(&str, &str)] = &[
    ("todo!", "finish it or leave it out"),
    ("unimplemented!", "finish it or leave it out"),
    ("dbg!", "use tracing"),
    ("#[ignore", "a test runs or does not exist"),
    ("fn get_", "name it by what it gives"),
];

/// Marks of unfinished work, forbidden in comments too. Split so that this file does not hold them.
const MARKS: &[&str] = &[concat!("FIX", "ME"), concat!("TO", "DO"), concat!("XX", "X:")];

/// Words that no test may hold.
const FORBIDDEN_IN_TESTS: &[(&str, &str)] =
    &[("thread::sleep", "wait for the event itself"), ("time::sleep", "wait for the event itself")];

/// The one file of the tests that lets real time pass, between two looks at what is waited for.
const TIME_OF_TESTS: &str = "switch/tests/interop/harness/eventually.rs";

/// File names that say nothing.
const EMPTY_NAMES: &[&str] = &["util", "utils", "common", "helper", "helpers", "manager", "misc"];

/// Fails on a broken house rule.
pub fn check(workspace: &Workspace, files: &[SourceFile]) -> Report {
    check_with(RATCHET, workspace, files)
}

fn check_with(ratchet: &[(&str, usize)], workspace: &Workspace, files: &[SourceFile]) -> Report {
    let mut report = Report::default();
    for file in files {
        length(&mut report, ratchet, file);
        function_lengths(&mut report, file);
        columns(&mut report, file);
        words(&mut report, file);
        let stem = file.path.file_stem().and_then(|stem| stem.to_str()).unwrap_or("");
        if EMPTY_NAMES.contains(&stem) {
            report.error(format!(
                "{}: `{stem}` says nothing: name the file by what it is for",
                file.path.display()
            ));
        }
    }
    for (path, _) in ratchet {
        if !files.iter().any(|file| file.path == Path::new(path)) {
            report.error(format!(
                "{path} is in the ratchet of xtask/src/style.rs but does not exist: remove its row"
            ));
        }
    }
    for member in workspace.members.iter().filter(|member| !UNSAFE_MEMBERS.contains(&&*member.name)) {
        for root in &member.crate_roots {
            let forbids = files.iter().any(|file| {
                file.path == *root && [&file.program, &file.tests].iter().any(|code| code.contains(FORBIDS))
            });
            if !forbids {
                report.error(format!(
                    "{}: add #![forbid(unsafe_code)]: only {UNSAFE_MEMBERS:?} may be unsafe",
                    root.display()
                ));
            }
        }
    }
    report
}

fn length(report: &mut Report, ratchet: &[(&str, usize)], file: &SourceFile) {
    let lines = file.text.lines().count();
    let path = file.path.display();
    let old = ratchet.iter().find(|(name, _)| file.path == Path::new(name)).map(|(_, lines)| *lines);
    match old {
        Some(_) if lines <= LINES_MAX => {
            report.error(format!("{path}: {lines} lines, within the limit again: remove it from the ratchet"))
        }
        Some(old) if lines > old => {
            report.error(format!("{path}: {lines} lines, grew beyond its ratchet of {old}: split it"))
        }
        Some(old) if lines < old => {
            report.error(format!("{path}: {lines} lines: lower its ratchet from {old}"))
        }
        Some(_) => report.warn(format!("{path}: {lines} lines (ratchet): split it")),
        None if lines > LINES_MAX => report
            .error(format!("{path}: {lines} lines, at most {LINES_MAX}: make a folder of the same name")),
        None if lines > LINES_WARN => report.warn(format!("{path}: {lines} lines, more than {LINES_WARN}")),
        None => {}
    }
}

/// Lines of at most so many columns: comments, and code of the program. A line that holds a literal is left
/// alone: a message, a statement or a table is not easier to read in pieces.
fn columns(report: &mut Report, file: &SourceFile) {
    for ((number, line), code) in file.text.lines().enumerate().zip(file.program.lines()) {
        let columns = line.chars().count();
        let is_bare = line.trim_start().starts_with("//") || line.trim_end() == code.trim_end();
        if columns > COLUMNS_MAX && is_bare {
            let (path, line) = (file.path.display(), number + 1);
            report.error(format!("{path}:{line}: {columns} columns, at most {COLUMNS_MAX}: break the line"));
        }
    }
}

fn function_lengths(report: &mut Report, file: &SourceFile) {
    for (line, lines) in functions(&file.program).into_iter().filter(|(_, lines)| *lines > FUNCTION_LINES_MAX)
    {
        report.error(format!(
            "{}:{line}: a function of {lines} lines, at most {FUNCTION_LINES_MAX}: split it",
            file.path.display()
        ));
    }
}

fn words(report: &mut Report, file: &SourceFile) {
    let path = file.path.display();
    for (word, instead) in FORBIDDEN {
        for code in [&file.program, &file.tests] {
            for line in lines_with(code, word) {
                report.error(format!("{path}:{line}: `{word}`: {instead}"));
            }
        }
    }
    for mark in MARKS {
        for line in lines_with(&file.text, mark) {
            report.error(format!("{path}:{line}: a mark of unfinished work: finish it or open an issue"));
        }
    }
    for (word, instead) in FORBIDDEN_IN_TESTS.iter().filter(|_| file.path != Path::new(TIME_OF_TESTS)) {
        for line in lines_with(&file.tests, word) {
            report.error(format!("{path}:{line}: `{word}` in a test: {instead}"));
        }
    }
    if !UNSAFE_MEMBERS.contains(&&*file.member) {
        for code in [&file.program, &file.tests] {
            for line in lines_with(code, "unsafe") {
                report.error(format!("{path}:{line}: unsafe code: only {UNSAFE_MEMBERS:?} may hold it"));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace::tests::made_up;

    fn errors(path: &str, member: &str, text: &str) -> Vec<String> {
        check_with(&[], &Workspace::default(), &[SourceFile::new(path, member, text)]).errors
    }

    #[test]
    fn length_is_judged_at_its_limits() {
        for (lines, n_errors, n_warnings) in [(400, 0, 0), (401, 0, 1), (600, 0, 1), (601, 1, 0)] {
            let file = SourceFile::new("sip/src/x.rs", "sip", &"\n".repeat(lines));
            let report = check_with(&[], &Workspace::default(), &[file]);
            assert_eq!((report.errors.len(), report.warnings.len()), (n_errors, n_warnings), "{lines} lines");
        }
    }

    #[test]
    fn long_lines_are_those_without_a_literal() {
        let long = "x".repeat(120);
        let table = [
            (format!("// {long}"), 1),
            (format!("fn a() {{ {long}(); }}"), 1),
            (format!("fn a() {{ f(\"{long}\"); }}"), 0),
            (format!("const A: &str = \"\\\n{long}\";"), 0),
            ("// short".to_owned(), 0),
        ];
        for (text, n_errors) in table {
            assert_eq!(errors("sip/src/x.rs", "sip", &text).len(), n_errors, "{text}");
        }
    }

    #[test]
    fn the_ratchet_only_shrinks() {
        for (lines, n_errors) in [(700, 0), (701, 1), (699, 1), (600, 1)] {
            let file = SourceFile::new("sip/src/x.rs", "sip", &"\n".repeat(lines));
            assert_eq!(
                check_with(&[("sip/src/x.rs", 700)], &Workspace::default(), &[file]).errors.len(),
                n_errors,
                "{lines} lines"
            );
        }
        assert_eq!(check_with(&[("gone.rs", 700)], &Workspace::default(), &[]).errors.len(), 1);
    }

    #[test]
    fn long_functions_fail() {
        for (lines, n_errors) in [(70, 0), (71, 1)] {
            let text = format!("fn a() {{{}}}", "\n".repeat(lines - 1));
            assert_eq!(errors("sip/src/x.rs", "sip", &text).len(), n_errors, "{lines} lines");
        }
    }

    #[test]
    fn forbidden_words_fail_in_code_and_pass_in_text() {
        let path = "sip/src/x.rs";
        assert!(errors(path, "sip", "fn a() { todo!() }")[0].starts_with("sip/src/x.rs:1: `todo!`"));
        assert_eq!(errors(path, "sip", "fn a() { unimplemented!() }").len(), 1);
        assert_eq!(errors(path, "sip", "impl A { fn get_b(&self) {} }").len(), 1);
        assert_eq!(
            errors(path, "sip", "#[cfg(test)]\nmod tests {\n#[test]\n#[ignore = \"slow\"]\nfn a() {}\n}")
                .len(),
            1
        );
        assert_eq!(errors(path, "sip", "// todo! is a macro\nfn a() { b(\"todo!\") }"), Vec::<String>::new());
        assert_eq!(errors(path, "sip", concat!("// FIX", "ME later")).len(), 1);
    }

    #[test]
    fn sleeping_tests_fail() {
        assert_eq!(errors("tests/scenario/a.rs", "tests", "fn a() { std::thread::sleep(d) }").len(), 1);
        assert_eq!(
            errors("switch/src/main.rs", "switch", "fn a() { std::thread::sleep(d) }"),
            Vec::<String>::new()
        );
        assert_eq!(errors(TIME_OF_TESTS, "switch", "fn a() { std::thread::sleep(d) }"), Vec::<String>::new());
    }

    #[test]
    fn unsafe_is_for_what_speaks_to_the_kernel() {
        assert_eq!(errors("sip/src/x.rs", "sip", "fn a() { unsafe { b() } }").len(), 1);
        assert_eq!(errors("net/src/x.rs", "net", "fn a() { unsafe { b() } }"), Vec::<String>::new());
    }

    #[test]
    fn every_crate_root_forbids_unsafe_code() {
        let workspace =
            Workspace { members: vec![made_up("sip", &[]), made_up("net", &[])], ..Workspace::default() };
        let good = check_with(&[], &workspace, &[SourceFile::new("sip/src/lib.rs", "sip", FORBIDS)]);
        assert_eq!(good, Report::default());
        let bad = check_with(
            &[],
            &workspace,
            &[SourceFile::new("sip/src/lib.rs", "sip", "// #![forbid(unsafe_code)]\n")],
        );
        assert_eq!(bad.errors.len(), 1);
    }

    #[test]
    fn empty_file_names_fail() {
        assert_eq!(errors("sip/src/utils.rs", "sip", "").len(), 1);
    }
}
