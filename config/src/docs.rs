//! The reference of every section and key as Markdown, written from the same table that the reader checks
//! against.

use std::fmt::Write;

use crate::schema::{Kind, Preset, SECTIONS};

/// The whole reference.
pub fn reference() -> String {
    let mut out = String::from(
        "# Configuration\n\nPaths are relative to the configuration file. Written from the table that the reader checks against.\n",
    );
    for section in SECTIONS {
        let needed = if section.required { " Required." } else { "" };
        // Writing to a String cannot fail.
        _ = write!(
            out,
            "\n## `{}`\n\n{}{needed}\n\n| key | holds | without it | meaning |\n|---|---|---|---|\n",
            section.header(),
            section.doc
        );
        for key in section.keys {
            _ = writeln!(
                out,
                "| `{}` | {} | {} | {} |",
                key.name,
                holds(key.kind),
                without(key.preset),
                sentence(key.doc)
            );
        }
    }
    out
}

fn holds(kind: Kind) -> String {
    match kind {
        Kind::Text => "text".to_owned(),
        Kind::Word(words) => words.iter().map(|w| format!("`\"{w}\"`")).collect::<Vec<_>>().join(" or "),
        Kind::Path => "path".to_owned(),
        Kind::Addresses => "address, or list of addresses".to_owned(),
        Kind::Money => "amount in quotes".to_owned(),
        Kind::Bool => "`true` or `false`".to_owned(),
        Kind::Int(min, max) => format!("{min} to {max}"),
        Kind::Part => "0 to 1".to_owned(),
        Kind::Texts => "list of texts".to_owned(),
        Kind::Ports => "two ports".to_owned(),
        Kind::Statuses => "list of statuses".to_owned(),
        Kind::Rules => "list of rules".to_owned(),
        Kind::Fields(section) => {
            let keys: Vec<String> =
                section.keys.iter().map(|key| format!("{} = {}", key.name, holds(key.kind))).collect();
            format!("`{{ … }}` with {}", keys.join(", "))
        }
    }
}

fn without(preset: Preset) -> String {
    match preset {
        Preset::Required => "error".to_owned(),
        Preset::Nothing => "–".to_owned(),
        Preset::Int(n) => format!("`{n}`"),
        Preset::Bool(yes) => format!("`{yes}`"),
        Preset::Text(text) => format!("`\"{text}\"`"),
        Preset::Texts(texts) => {
            format!("`[{}]`", texts.iter().map(|t| format!("\"{t}\"")).collect::<Vec<_>>().join(", "))
        }
    }
}

fn sentence(doc: &str) -> String {
    let mut chars = doc.chars();
    let first = chars.next().map(|c| c.to_uppercase().to_string()).unwrap_or_default();
    let text = format!("{first}{}", chars.as_str()).replace('|', "\\|");
    if text.ends_with('.') { text } else { format!("{text}.") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_is_what_the_schema_says() {
        let hint = "write it anew: cargo run -p config --example reference > config/reference.md";
        assert_eq!(reference(), include_str!("../reference.md"), "{hint}");
    }

    #[test]
    fn every_key_is_in_the_reference() {
        let text = reference();
        for section in SECTIONS {
            assert!(text.contains(&format!("## `{}`", section.header())), "{}", section.name);
            for key in section.keys {
                assert!(text.contains(&format!("| `{}` | ", key.name)), "{}.{}", section.name, key.name);
                assert!(!key.doc.is_empty());
            }
        }
    }
}
