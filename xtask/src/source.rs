//! Rust sources as the checks see them: the code without comments and literals, tests apart from the rest.
//! A text scan, not a parser: it must never take a comment for code, and may miss what only a macro expansion
//! shows.

use crate::workspace::Workspace;
use anyhow::{Context, Result};
use std::path::{Path, PathBuf};

/// One Rust file of the workspace.
#[derive(Debug, Default)]
pub struct SourceFile {
    /// Path relative to the root.
    pub path: PathBuf,
    /// Member that it belongs to.
    pub member: String,
    /// Whole text.
    pub text: String,
    /// The program's code, line by line as in `text`: comments, literals and tests are blank.
    pub program: String,
    /// The tests' code, in the same way.
    pub tests: String,
}

impl SourceFile {
    /// Splits a text.
    pub fn new(path: impl Into<PathBuf>, member: &str, text: &str) -> Self {
        let path = path.into();
        let code = code_only(text);
        let (program, tests) = if is_test_path(&path) { (blank(&code), code) } else { split_tests(&code) };
        Self { path, member: member.into(), text: text.into(), program, tests }
    }
}

/// All `.rs` files of all members, sorted by path.
pub fn rust_files(root: &Path, workspace: &Workspace) -> Result<Vec<SourceFile>> {
    let mut files = Vec::new();
    for member in &workspace.members {
        walk(root, &root.join(&member.dir), &member.name, &mut files)?;
    }
    files.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(files)
}

/// A folder inside a member that holds a Cargo.toml is another member and is left out.
fn walk(root: &Path, folder: &Path, member: &str, files: &mut Vec<SourceFile>) -> Result<()> {
    for entry in std::fs::read_dir(folder).with_context(|| format!("cannot list {}", folder.display()))? {
        let path = entry?.path();
        if path.is_dir() {
            let hidden = path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
            if !hidden && !path.ends_with("target") && !path.join("Cargo.toml").exists() {
                walk(root, &path, member, files)?;
            }
        } else if path.extension().is_some_and(|ext| ext == "rs") {
            let text =
                std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
            files.push(SourceFile::new(path.strip_prefix(root)?, member, &text));
        }
    }
    Ok(())
}

/// Lines (from 1) of `code` on which `word` begins at a word boundary.
pub fn lines_with(code: &str, word: &str) -> Vec<usize> {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let ends_open = !word.ends_with(char::is_alphanumeric);
    let mut lines = Vec::new();
    for (number, line) in code.lines().enumerate() {
        let hit = line.match_indices(word).any(|(at, _)| {
            let before = line[..at].chars().next_back().is_some_and(is_word);
            let after = line[at + word.len()..].chars().next().is_some_and(is_word);
            !before && (ends_open || !after)
        });
        if hit {
            lines.push(number + 1);
        }
    }
    lines
}

/// Functions in `code`: their first line (from 1) and how many lines they take.
pub fn functions(code: &str) -> Vec<(usize, usize)> {
    let mut found = Vec::new();
    let mut line = 1;
    let mut last = 0;
    for (at, _) in code.match_indices("fn ") {
        let begins = !code[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_');
        // `fn(` types have no space; a declaration in a trait ends at its `;`
        if begins && code[at + 3..].starts_with(|c: char| c.is_alphabetic() || c == '_') {
            line += code[last..at].matches('\n').count();
            last = at;
            let body = &code[at..at + item_end(&code[at..])];
            found.push((line, body.matches('\n').count() + 1));
        }
    }
    found
}

fn is_test_path(path: &Path) -> bool {
    let in_folder = path
        .components()
        .any(|part| matches!(part.as_os_str().to_str(), Some("tests" | "scenario" | "sim" | "benches")));
    let stem = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or("");
    in_folder || stem == "tests" || stem.ends_with("_tests")
}

fn blank(code: &str) -> String {
    code.chars().map(|c| if c == '\n' { '\n' } else { ' ' }).collect()
}

/// Blanks comments, strings and characters; keeps every line's number.
pub fn code_only(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    while at < chars.len() {
        let end = literal_end(&chars, at);
        if end > at {
            out.extend(chars[at..end].iter().map(|c| if *c == '\n' { '\n' } else { ' ' }));
            at = end;
        } else {
            out.push(chars[at]);
            at += 1;
        }
    }
    out
}

/// Where the comment or literal that begins at `at` ends; `at` itself if none begins there.
fn literal_end(chars: &[char], at: usize) -> usize {
    let peek = |n: usize| chars.get(at + n).copied().unwrap_or('\0');
    let after_word = at > 0 && (chars[at - 1].is_alphanumeric() || chars[at - 1] == '_');
    match (peek(0), peek(1)) {
        ('/', '/') => (at..chars.len()).find(|i| chars[*i] == '\n').unwrap_or(chars.len()),
        ('/', '*') => block_comment_end(chars, at),
        ('"', _) => quoted_end(chars, at + 1, '"'),
        ('r', '"' | '#') if !after_word => raw_string_end(chars, at + 1).unwrap_or(at),
        ('b' | 'c', 'r') if !after_word => raw_string_end(chars, at + 2).unwrap_or(at),
        ('\'', '\\') => quoted_end(chars, at + 1, '\''),
        // 'x' is a character, 'x without a closing quote is a lifetime
        ('\'', _) if peek(2) == '\'' => at + 3,
        _ => at,
    }
}

fn block_comment_end(chars: &[char], at: usize) -> usize {
    let mut depth = 0;
    let mut i = at;
    while i + 1 < chars.len() {
        match (chars[i], chars[i + 1]) {
            ('/', '*') => (depth, i) = (depth + 1, i + 2),
            ('*', '/') if depth == 1 => return i + 2,
            ('*', '/') => (depth, i) = (depth - 1, i + 2),
            _ => i += 1,
        }
    }
    chars.len()
}

fn quoted_end(chars: &[char], mut at: usize, quote: char) -> usize {
    while at < chars.len() && chars[at] != quote {
        at += if chars[at] == '\\' { 2 } else { 1 };
    }
    (at + 1).min(chars.len())
}

fn raw_string_end(chars: &[char], at: usize) -> Option<usize> {
    let hashes = chars[at..].iter().take_while(|c| **c == '#').count();
    if chars.get(at + hashes) != Some(&'"') {
        return None;
    }
    let body = at + hashes + 1;
    let closes =
        |i: &usize| chars[*i] == '"' && chars[i + 1..].iter().take_while(|c| **c == '#').count() >= hashes;
    Some((body..chars.len()).find(closes).map_or(chars.len(), |i| i + 1 + hashes))
}

/// Moves each item under `#[cfg(test)]` from the program to the tests; both keep the line numbers.
fn split_tests(code: &str) -> (String, String) {
    let mut program = String::new();
    let mut tests = String::new();
    let mut rest = code;
    while let Some(start) = rest.find("#[cfg(test)]") {
        let end = start + item_end(&rest[start..]);
        program += &rest[..start];
        tests += &blank(&rest[..start]);
        program += &blank(&rest[start..end]);
        tests += &rest[start..end];
        rest = &rest[end..];
    }
    (program + rest, tests + &blank(rest))
}

/// Where the item at the start of `code` ends: at its closing brace, or at a `;` before any brace.
fn item_end(code: &str) -> usize {
    let mut depth = 0usize;
    let mut brackets = 0usize;
    for (at, c) in code.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth <= 1 => return at + 1,
            '}' => depth -= 1,
            // the `;` of an array type is inside brackets
            '[' | '(' => brackets += 1,
            ']' | ')' => brackets = brackets.saturating_sub(1),
            ';' if depth == 0 && brackets == 0 => return at + 1,
            _ => {}
        }
    }
    code.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_literals_are_blank_and_lines_stay() {
        let text = "a // one\n/* two /* deep */ */ b\n\"th\\\"ree\" c\nr#\"fo\"ur\"# d 'x' '\\'' &'static e b\"five\"\n";
        let code = code_only(text);
        assert_eq!(code.lines().count(), 4);
        let words: Vec<&str> = code.split_whitespace().collect();
        assert_eq!(words, ["a", "b", "c", "d", "&'static", "e", "b"]);
    }

    #[test]
    fn a_raw_string_over_lines_hides_code() {
        let code = code_only("let x = r#\"\nstd::fs\n\"#;\nstd::thread");
        assert_eq!(lines_with(&code, "std::fs"), Vec::<usize>::new());
        assert_eq!(lines_with(&code, "std::thread"), [4]);
    }

    #[test]
    fn words_begin_and_end_at_boundaries() {
        let code = "unsafe_code\nunsafe {\nnot_unsafe\nx::fs::read\noffs::read\n";
        assert_eq!(lines_with(code, "unsafe"), [2]);
        assert_eq!(lines_with(code, "fs::"), [4]);
    }

    #[test]
    fn tests_are_apart_wherever_they_stand() {
        let text = "fn a() {}\n#[cfg(test)]\nmod tests {\n  fn b() { if x { y } }\n}\nfn c() {}\n#[cfg(test)]\nuse d;\nfn e() {}\n";
        let file = SourceFile::new("switch/sip/src/lib.rs", "sip", text);
        let names = |code: &str| {
            code.split_whitespace().filter(|w| w.ends_with("()")).map(str::to_string).collect::<Vec<_>>()
        };
        assert_eq!(names(&file.program), ["a()", "c()", "e()"]);
        assert_eq!(names(&file.tests), ["b()"]);
        assert_eq!(lines_with(&file.program, "fn e"), [9]);
        assert_eq!(lines_with(&file.tests, "use d"), [8]);
    }

    #[test]
    fn functions_are_measured() {
        let code = "trait A {\n  fn a(&self);\n}\nfn b(x: [u8; 2], f: fn(u8)) -> u8 {\n  {}\n  1\n}\nimpl A { fn c() {} }\n";
        assert_eq!(functions(code), [(2, 1), (4, 4), (8, 1)]);
    }

    #[test]
    fn files_of_tests_hold_no_program() {
        for path in [
            "tests/scenario/cancel.rs",
            "switch/sip/src/lexer/tests.rs",
            "rating/tests/x.rs",
            "rating/src/deck_tests.rs",
        ] {
            assert_eq!(SourceFile::new(path, "m", "fn a() {}").program.trim(), "", "{path}");
        }
    }
}
