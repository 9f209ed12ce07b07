//! The specification in `docs/rules.md`: every id once, every test that it names there, every id that a
//! comment cites there.
//!
//! Comments cite rules as `L12` or `L13–L16`, corner cases as `Corner 5` or `Corners 5 and 7`, attacks as
//! `SECURITY 31` or `Attack 31`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::{Context as _, Result};

use crate::report::Report;
use crate::source::SourceFile;

const PAGE: &str = "docs/rules.md";
/// Families of ids, and how many there are of each.
const FAMILIES: &[(&str, usize)] =
    &[("L", 22), ("D", 23), ("B", 19), ("O", 14), ("X", 16), ("corner ", 58), ("attack ", 56)];
/// What a row may say instead of a test.
const WITHOUT_TEST: &[&str] = &["not built yet", "nothing to build"];

/// What comments call corner cases and attacks, and how many numbers may follow.
const CITED: &[(&str, &str, usize)] = &[
    ("Corner", "corner ", 1),
    ("Corners", "corner ", 9),
    ("SECURITY", "attack ", 9),
    ("Attack", "attack ", 1),
];

/// Fails on a missing or doubled id, a test that does not exist and an id that the page does not have.
pub fn check(root: &Path, files: &[SourceFile]) -> Result<Report> {
    let text = std::fs::read_to_string(root.join(PAGE)).with_context(|| format!("cannot read {PAGE}"))?;
    let mut report = Report::default();
    let ids = rows(&mut report, &text, files);
    for file in files {
        for (line, id) in cited(&file.text) {
            if !ids.contains(&id) {
                report.error(format!("{}:{line}: cites `{id}`, which is not in {PAGE}", file.path.display()));
            }
        }
    }
    Ok(report)
}

/// Reads the tables; returns the ids.
fn rows(report: &mut Report, text: &str, files: &[SourceFile]) -> BTreeSet<String> {
    let by_path: BTreeMap<String, &SourceFile> =
        files.iter().map(|file| (file.path.display().to_string(), file)).collect();
    let mut ids = BTreeSet::new();
    for (number, line) in text.lines().enumerate() {
        let cells: Vec<&str> = line.trim().trim_matches('|').split('|').map(str::trim).collect();
        let (Some(id), Some(proof)) = (cells.first().filter(|id| is_id(id)), cells.last()) else { continue };
        if !ids.insert((*id).to_owned()) {
            report.error(format!("{PAGE}:{}: `{id}` is there twice", number + 1));
        }
        if WITHOUT_TEST.contains(proof) {
            continue;
        }
        let mut tests = 0;
        for test in proof.split('`').skip(1).step_by(2) {
            tests += 1;
            if !exists(test, &by_path) {
                report.error(format!(
                    "{PAGE}:{}: {id} is proved by `{test}`, which does not exist",
                    number + 1
                ));
            }
        }
        if tests == 0 {
            report.error(format!(
                "{PAGE}:{}: {id} names no test: write `path::name`, or {}",
                number + 1,
                WITHOUT_TEST.join(", or ")
            ));
        }
    }
    for (family, count) in FAMILIES {
        for missing in (1..=*count).map(|n| format!("{family}{n}")).filter(|id| !ids.contains(id)) {
            report.error(format!("{PAGE}: `{missing}` is missing"));
        }
    }
    ids
}

/// `L12`, `corner 5`, `attack 31`.
fn is_id(text: &str) -> bool {
    FAMILIES.iter().any(|(family, _)| {
        text.strip_prefix(family).is_some_and(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()))
    })
}

/// `path::name`, a function of a file of the workspace.
fn exists(test: &str, files: &BTreeMap<String, &SourceFile>) -> bool {
    let Some((path, name)) = test.split_once("::") else { return false };
    files.get(path).is_some_and(|file| file.text.contains(&format!("fn {name}(")))
}

/// The ids that comments cite, each with its line.
fn cited(text: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let Some((_, comment)) = line.split_once("//") else { continue };
        // Rules by their letters, only where a comment speaks of rules: `RULES L10–L17`, or begins with one.
        let words: Vec<&str> =
            comment.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty()).collect();
        let speaks = words.first().is_some_and(|word| is_rule(word)) || words.contains(&"RULES");
        found.extend(
            words.iter().filter(|word| speaks && is_rule(word)).map(|word| (number + 1, (*word).to_owned())),
        );
        for (name, family, most) in CITED {
            let Some(at) = words.iter().position(|word| word == name) else { continue };
            let numbers = words[at + 1..]
                .iter()
                .take_while(|word| **word == "and" || is_number(word))
                .filter(|word| is_number(word));
            found.extend(numbers.take(*most).map(|n| (number + 1, format!("{family}{n}"))));
        }
    }
    found
}

fn is_number(word: &str) -> bool {
    word.len() <= 2 && word.bytes().all(|b| b.is_ascii_digit())
}

/// A letter of a family and a number.
fn is_rule(word: &str) -> bool {
    word.get(..1).is_some_and(|letter| "LDBOX".contains(letter)) && word.len() > 1 && is_number(&word[1..])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(change: impl Fn(&str) -> Option<String>) -> String {
        let all =
            FAMILIES.iter().flat_map(|(family, count)| (1..=*count).map(move |n| format!("{family}{n}")));
        all.map(|id| change(&id).unwrap_or_else(|| format!("| {id} | a rule | not built yet |")))
            .collect::<Vec<_>>()
            .join("\n")
    }

    fn errors(page: &str) -> Vec<String> {
        let file = SourceFile::new("tests/a.rs", "tests", "fn proves_it() {}");
        let mut report = Report::default();
        rows(&mut report, page, &[file]);
        report.errors
    }

    #[test]
    fn every_id_stands_once_with_a_test_that_exists() {
        assert_eq!(errors(&page(|_| None)), Vec::<String>::new());
        let proved = |proof: &str| {
            let row = format!("| L3 | a rule | {proof} |");
            errors(&page(|id| (id == "L3").then(|| row.clone())))
        };
        assert_eq!(proved("`tests/a.rs::proves_it`"), Vec::<String>::new());
        assert!(proved("`tests/a.rs::proves`")[0].contains("does not exist"));
        assert!(proved("`tests/b.rs::proves_it`")[0].contains("does not exist"));
        assert!(proved("soon")[0].contains("names no test"));
        assert_eq!(
            errors(&page(|id| (id == "corner 7").then(String::new))),
            ["docs/rules.md: `corner 7` is missing"]
        );
        assert!(
            errors(&page(|id| (id == "X2").then(|| "| X1 | a | not built yet |".to_owned())))[0]
                .contains("twice")
        );
    }

    #[test]
    fn citations_are_found_in_comments_only() {
        let ids = |text: &str| cited(text).into_iter().map(|(_, id)| id).collect::<Vec<_>>();
        assert_eq!(ids("//! RULES L10–L17, L22 and X2 by price"), ["L10", "L17", "L22", "X2"]);
        assert_eq!(ids("    /// X7: of 181 s"), ["X7"]);
        assert_eq!(
            ids("/// Corners 5 and 7: forks.\n// Corner 31: 64·T1\n/// SECURITY 9: x"),
            ["corner 5", "corner 7", "corner 31", "attack 9"]
        );
        assert_eq!(ids("let corner = 5; // the B4 sheet of paper"), Vec::<String>::new());
    }
}
