//! No circles of files: within a crate, a file that names another one, directly or by way of others, is not
//! named by it. Read from paths in the program's text: `crate::…`, `super::…`, `self::…`, and those that
//! begin with a module declared in the same file. A name that a module only passes on (`use`) counts for the
//! file that it comes from; `pub use` itself is no need. What it cannot see: methods called on a value whose
//! type is not named, and names made by macros.

use crate::report::Report;
use crate::source::SourceFile;
use crate::workspace::{Member, Workspace};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// A module's path within its crate; empty for the root.
type Module = Vec<String>;

/// One path in a file: its parts, where `*` is a glob, and the name it gets here if it stands in a `use`.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Named {
    parts: Vec<String>,
    /// `Some` in a `use`: the name that it is known by from here on.
    known_as: Option<String>,
    /// In a `pub use`.
    passed_on: bool,
}

/// What the check needs to know of one file.
#[derive(Debug, Default)]
struct Unit {
    path: String,
    paths: Vec<Named>,
    children: BTreeSet<String>,
}

/// Fails on every circle of files.
pub fn check(workspace: &Workspace, files: &[SourceFile]) -> Report {
    let mut report = Report::default();
    for member in &workspace.members {
        for circle in circles(&needs(&units(member, files))) {
            report.error(format!(
                "a circle of files: {}: move what they share into a file of its own",
                circle.join(" → ")
            ));
        }
    }
    report
}

/// The files under a member's library, or its program if it has none, by module.
fn units(member: &Member, files: &[SourceFile]) -> BTreeMap<Module, Unit> {
    let root = |name: &str| member.crate_roots.iter().find(|root| root.ends_with(name));
    let Some(root) = root("src/lib.rs").or_else(|| root("src/main.rs")) else { return BTreeMap::new() };
    let Some(folder) = root.parent() else { return BTreeMap::new() };
    let other_roots = || member.crate_roots.iter().filter(|other| *other != root);
    files
        .iter()
        .filter(|file| file.member == member.name && !other_roots().any(|other| *other == file.path))
        .filter_map(|file| Some((module_of(file.path.strip_prefix(folder).ok()?), unit(file))))
        .collect()
}

fn module_of(path: &Path) -> Module {
    let mut module: Module =
        path.with_extension("").iter().map(|part| part.to_string_lossy().into_owned()).collect();
    if module.last().is_some_and(|last| last == "mod") || module == ["lib"] || module == ["main"] {
        module.pop();
    }
    module
}

fn unit(file: &SourceFile) -> Unit {
    let tokens = tokens(&file.program);
    let mut unit = Unit { path: file.path.display().to_string(), ..Unit::default() };
    let mut at = 0;
    let mut depth = 0_usize;
    // depths at which modules inside this file began: `super` leads out of them first
    let mut inner: Vec<usize> = Vec::new();
    while at < tokens.len() {
        let word = tokens[at];
        if word == "mod" && tokens.get(at + 2) == Some(&";") {
            unit.children.insert(tokens[at + 1].to_owned());
            at += 3;
        } else if word == "mod" && tokens.get(at + 2) == Some(&"{") {
            inner.push(depth);
            depth += 1;
            at += 3;
        } else if matches!(word, "{" | "}") {
            depth = if word == "{" { depth + 1 } else { depth.saturating_sub(1) };
            inner.retain(|begun| *begun < depth);
            at += 1;
        } else if word == "use" && tokens.get(at + 1).is_some_and(|next| is_name(next) || *next == "::") {
            let passed_on = at > 0 && matches!(tokens[at - 1], "pub" | ")");
            let before = unit.paths.len();
            at = tree(&tokens, at + 1, &[], passed_on, &mut unit.paths);
            unit.paths[before..].iter_mut().for_each(|path| leave(&mut path.parts, inner.len()));
        } else if is_name(word) && !(at > 0 && matches!(tokens[at - 1], "::" | ".")) {
            let mut parts: Vec<String> = tokens[at..]
                .chunks(2)
                .scan(true, |goes_on, pair| {
                    let part = (*goes_on && is_name(pair[0])).then(|| pair[0].to_owned());
                    *goes_on = pair.get(1) == Some(&"::");
                    part
                })
                .collect();
            at += parts.len() * 2 - 1;
            leave(&mut parts, inner.len());
            if parts.len() > 1 {
                unit.paths.push(Named { parts, known_as: None, passed_on: false });
            }
        } else {
            at += 1;
        }
    }
    unit
}

/// A path seen `inner` modules deep inside a file, as the file itself would write it.
fn leave(parts: &mut Vec<String>, inner: usize) {
    let supers = parts.iter().take_while(|part| *part == "super").count().min(inner);
    if supers > 0 {
        let leads_on = parts.get(supers).is_some_and(|part| part == "super");
        parts.splice(..supers, (!leads_on).then(|| "self".to_owned()));
    }
}

/// Reads a `use` tree that begins at `at`; where it ends.
fn tree(tokens: &[&str], mut at: usize, before: &[String], passed_on: bool, paths: &mut Vec<Named>) -> usize {
    let mut parts = before.to_vec();
    while let Some(&token) = tokens.get(at) {
        match token {
            "{" => {
                at += 1;
                while tokens.get(at).is_some_and(|token| !matches!(*token, "}" | ";")) {
                    at = tree(tokens, at, &parts, passed_on, paths);
                    at += usize::from(tokens.get(at) == Some(&","));
                }
                return at + 1;
            }
            "," | "}" | ";" => break,
            "as" => {
                let known_as = tokens.get(at + 1).map(|name| (*name).to_owned());
                paths.push(Named { parts, known_as, passed_on });
                return at + 2;
            }
            "::" => {}
            // `use a::{self}` names `a`
            "self" if !parts.is_empty() => {}
            part => parts.push(part.to_owned()),
        }
        at += 1;
    }
    let known_as = parts.last().cloned();
    paths.push(Named { parts, known_as, passed_on });
    at
}

/// Names, `::` and single signs.
fn tokens(code: &str) -> Vec<&str> {
    let mut tokens = Vec::new();
    let mut rest = code.trim_start();
    while let Some(first) = rest.chars().next() {
        let word = rest.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(rest.len());
        let end = if word > 0 {
            word
        } else if rest.starts_with("::") {
            2
        } else {
            first.len_utf8()
        };
        tokens.push(&rest[..end]);
        rest = rest[end..].trim_start();
    }
    tokens
}

fn is_name(token: &str) -> bool {
    token.starts_with(|c: char| c.is_alphabetic() || c == '_')
}

/// File → files that it names, by their paths.
fn needs(units: &BTreeMap<Module, Unit>) -> BTreeMap<&str, BTreeSet<&str>> {
    let mut needs: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (module, unit) in units {
        let named = unit.paths.iter().filter(|path| !path.passed_on);
        let targets = named.filter_map(|path| place(units, module, &path.parts, 0));
        needs.insert(&unit.path, targets.filter(|to| *to != unit.path).collect());
    }
    needs
}

/// The file that a path seen in `module` leads to; nothing if it leads out of the crate.
fn place<'a>(
    units: &'a BTreeMap<Module, Unit>,
    module: &Module,
    parts: &[String],
    depth: usize,
) -> Option<&'a str> {
    let mut at = module.clone();
    let mut rest = parts;
    match rest.first()?.as_str() {
        "crate" => (at, rest) = (Module::new(), &rest[1..]),
        "self" => rest = &rest[1..],
        "super" => {
            while rest.first().is_some_and(|part| part == "super") {
                at.pop()?;
                rest = &rest[1..];
            }
        }
        first if units[module].children.contains(first) => {}
        first => {
            // a module brought in by `use`, then spoken of by its last name
            let known = |path: &&Named| {
                path.known_as.as_deref() == Some(first) && path.parts != parts && path.parts.len() > 1
            };
            let full =
                units[module].paths.iter().find(known).filter(|_| depth < DEPTH_MAX && parts.len() > 1)?;
            let whole: Vec<String> = full.parts.iter().chain(&parts[1..]).cloned().collect();
            return place(units, module, &whole, depth + 1);
        }
    }
    while let Some(next) = rest.first() {
        let mut child = at.clone();
        child.push(next.clone());
        if !units.contains_key(&child) {
            break;
        }
        (at, rest) = (child, &rest[1..]);
    }
    let unit = units.get(&at)?;
    // what that module has from elsewhere is a need of the place where it is
    if let Some(name) = rest.first()
        && depth < DEPTH_MAX
        && let Some(from) = unit.paths.iter().find(|path| path.known_as.as_ref() == Some(name))
    {
        let whole: Vec<String> = from.parts.iter().chain(&rest[1..]).cloned().collect();
        return place(units, &at, &whole, depth + 1);
    }
    Some(&unit.path)
}

/// How often a name may be passed on.
const DEPTH_MAX: usize = 8;

/// For each knot of files that reach each other, one shortest way round, beginning and ending with the same
/// file.
fn circles(needs: &BTreeMap<&str, BTreeSet<&str>>) -> Vec<Vec<String>> {
    let mut found: Vec<Vec<String>> = Vec::new();
    let mut in_one: BTreeSet<&str> = BTreeSet::new();
    for start in needs.keys() {
        if in_one.contains(start) {
            continue;
        }
        if let Some(way) = way_round(needs, start) {
            in_one.extend(&way);
            found.push(way.into_iter().map(str::to_owned).collect());
        }
    }
    found
}

fn way_round<'a>(needs: &BTreeMap<&'a str, BTreeSet<&'a str>>, start: &'a str) -> Option<Vec<&'a str>> {
    let mut came: BTreeMap<&str, &str> = BTreeMap::new();
    let mut queue = std::collections::VecDeque::from([start]);
    while let Some(at) = queue.pop_front() {
        for next in needs.get(at).into_iter().flatten() {
            if *next == start {
                let mut way = vec![start, at];
                while let Some(from) =
                    way.last().filter(|last| **last != start).and_then(|last| came.get(last))
                {
                    way.push(from);
                }
                if way.last() != Some(&start) {
                    way.push(start);
                }
                way.reverse();
                return Some(way);
            }
            if !came.contains_key(next) {
                came.insert(next, at);
                queue.push_back(next);
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace::tests::made_up;

    /// The circles of a crate of these files.
    fn of(member: &str, texts: &[(&str, &str)]) -> Report {
        let workspace = Workspace { members: vec![made_up(member, &[])], ..Workspace::default() };
        let files: Vec<SourceFile> = texts
            .iter()
            .map(|(path, text)| SourceFile::new(format!("{member}/src/{path}"), member, text))
            .collect();
        check(&workspace, &files)
    }

    #[test]
    fn two_files_that_name_each_other_fail() {
        let report = of(
            "m",
            &[
                ("lib.rs", "mod a; mod b;"),
                ("a.rs", "use crate::b::{C, D};"),
                ("b.rs", "fn f() -> super::a::E {}"),
            ],
        );
        assert_eq!(report.errors.len(), 1, "{report:?}");
        assert!(report.errors[0].contains("m/src/a.rs → m/src/b.rs → m/src/a.rs"), "{report:?}");
    }

    #[test]
    fn a_parent_that_calls_its_child_and_is_called_back_fails() {
        let texts = [
            ("lib.rs", "mod a;"),
            ("a.rs", "mod b; struct C; fn f() { b::g() }"),
            ("a/b.rs", "use super::C;"),
        ];
        assert_eq!(of("m", &texts).errors.len(), 1);
        let by_use = [
            ("lib.rs", "mod a;"),
            ("a/mod.rs", "mod b; use b::g as h; struct C;"),
            ("a/b.rs", "fn g(_: &super::C) {}"),
        ];
        assert_eq!(of("m", &by_use).errors.len(), 1);
    }

    #[test]
    fn a_long_way_round_is_shown_whole() {
        let texts = [
            ("lib.rs", "mod a; mod b; mod c;"),
            ("a.rs", "use crate::b;"),
            ("b.rs", "use crate::c::*;"),
            ("c.rs", "use crate::{a::F};"),
        ];
        let report = of("m", &texts);
        assert!(report.errors[0].contains("a.rs → m/src/b.rs → m/src/c.rs → m/src/a.rs"), "{report:?}");
    }

    #[test]
    fn names_passed_on_count_where_they_come_from() {
        let passed =
            [("lib.rs", "mod a; mod b; pub use a::A;"), ("a.rs", "struct A;"), ("b.rs", "use crate::A;")];
        assert_eq!(of("m", &passed), Report::default());
        let round = [
            ("lib.rs", "mod a; mod b; pub use a::A;"),
            ("a.rs", "struct A; use crate::b::B;"),
            ("b.rs", "use crate::A;"),
        ];
        assert_eq!(of("m", &round).errors.len(), 1);
        let alias = [
            ("lib.rs", "mod a; mod b;"),
            ("a.rs", "use crate::b as c; fn f() { c::g() }"),
            ("b.rs", "use super::a;"),
        ];
        assert_eq!(of("m", &alias).errors.len(), 1);
    }

    #[test]
    fn a_tree_downward_passes_and_tests_may_look_up() {
        let texts = [
            ("lib.rs", "mod a; mod b; pub use a::A; const N: u8 = 1;"),
            (
                "a.rs",
                "use crate::b::B; use crate::N; pub(crate) struct A; pub(super) fn f() { self::g() } fn g() {}",
            ),
            ("b.rs", "struct B;\n#[cfg(test)]\nmod tests { use crate::a::A; }"),
        ];
        assert_eq!(of("m", &texts), Report::default());
    }

    #[test]
    fn super_leads_out_of_modules_inside_a_file_first() {
        let texts = [
            ("lib.rs", "mod a; use a::f;"),
            ("a.rs", "mod inner { fn g() { super::h() } }\nfn h() {}\nfn f() {}"),
        ];
        assert_eq!(of("m", &texts), Report::default());
        let out = [
            ("lib.rs", "mod a; use a::f;"),
            ("a.rs", "mod inner { fn g() { super::super::k() } }\nfn f() {}"),
        ];
        assert_eq!(of("m", &out).errors.len(), 1);
    }
}
