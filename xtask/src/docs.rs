//! Documents that must agree with the code: dependencies, metrics of dashboards and alerts, links.
//! Text is read by simple rules: tables by their first column, metrics by their prefix, links by `](path)`.

use crate::report::Report;
use crate::workspace::{Kind, Workspace};
use anyhow::{Context, Result};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

const DEPENDENCIES: &str = "docs/dependencies.md";
const METRICS: &str = "docs/metrics.md";
/// Files that name metrics, all of them checked against `METRICS`.
const DASHBOARDS: &[&str] = &["docker/grafana/dashboards", "docker/prometheus"];
const PREFIX: &str = "tollgate_";
/// Labels that every sample has, whatever the metric.
const COMMON_LABELS: &[&str] = &["le", "instance", "job"];

/// Name without prefix → labels and whether it is a histogram.
type Metrics = BTreeMap<String, Metric>;

#[derive(Debug, Default, PartialEq, Eq)]
struct Metric {
    labels: Vec<String>,
    histogram: bool,
}

/// Fails on a dependency without a line, a metric that nobody exports, JSON that does not parse and a dead
/// link.
pub fn check(root: &Path, workspace: &Workspace) -> Result<Report> {
    let read =
        |name: &str| std::fs::read_to_string(root.join(name)).with_context(|| format!("cannot read {name}"));
    let mut report = Report::default();
    dependencies(&mut report, &read(DEPENDENCIES)?, workspace);
    let metrics = metric_table(&read(METRICS)?);
    for folder in DASHBOARDS {
        for path in files_below(&root.join(folder))? {
            let text = std::fs::read_to_string(&path)?;
            let name = path.strip_prefix(root)?.display().to_string();
            if name.ends_with(".json") {
                match serde_json::from_str::<serde_json::Value>(&text) {
                    Ok(value) => metric_uses(&mut report, &metrics, &name, &strings(&value)),
                    Err(error) => report.error(format!("{name}: no JSON: {error}")),
                }
            } else {
                metric_uses(&mut report, &metrics, &name, &text);
            }
        }
    }
    let mut pages = vec![root.join("README.md"), root.join("CHANGELOG.md")];
    pages.extend(
        files_below(&root.join("docs"))?
            .into_iter()
            .filter(|path| path.extension().is_some_and(|ext| ext == "md")),
    );
    for page in pages {
        let text =
            std::fs::read_to_string(&page).with_context(|| format!("cannot read {}", page.display()))?;
        let folder = page.parent().unwrap_or(root);
        for target in links(&text) {
            if !folder.join(&target).exists() {
                report.error(format!(
                    "{}: link to `{target}`, which does not exist",
                    page.strip_prefix(root)?.display()
                ));
            }
        }
    }
    Ok(report)
}

/// Both ways: what is used has a row, and what has a row is used.
fn dependencies(report: &mut Report, page: &str, workspace: &Workspace) {
    let rows: BTreeSet<&str> = page.lines().filter_map(first_code).collect();
    let used: BTreeSet<&str> =
        workspace.members.iter().flat_map(|m| &m.external).map(|(name, _)| name.as_str()).collect();
    for name in used.difference(&rows) {
        let by = workspace.members.iter().find(|m| m.external.iter().any(|(dep, _)| dep == name));
        let kind = by
            .and_then(|m| m.external.iter().find(|(dep, _)| dep == name))
            .map_or(Kind::Normal, |(_, kind)| *kind);
        report.error(format!(
            "`{name}` ({kind:?} dependency of {}) has no row in {DEPENDENCIES}",
            by.map_or("?", |m| &m.name)
        ));
    }
    for name in rows.difference(&used) {
        report.warn(format!("{DEPENDENCIES} has a row for `{name}`, which no member uses"));
    }
}

/// The backquoted text in a table row's first cell.
fn first_code(line: &str) -> Option<&str> {
    let cell = line.strip_prefix('|')?.split('|').next()?.trim();
    cell.strip_prefix('`')?.split('`').next()
}

/// Rows of the form ``| `name{label,label}` | kind | … |``.
fn metric_table(page: &str) -> Metrics {
    let mut metrics = Metrics::new();
    for line in page.lines() {
        let Some(code) = first_code(line) else { continue };
        let (name, labels) = code.split_once('{').unwrap_or((code, ""));
        let labels = labels
            .trim_end_matches('}')
            .split(',')
            .map(str::trim)
            .filter(|l| !l.is_empty())
            .map(str::to_string)
            .collect();
        let histogram = line.split('|').nth(2).is_some_and(|kind| kind.trim() == "histogram");
        metrics.insert(name.trim_start_matches(PREFIX).to_string(), Metric { labels, histogram });
    }
    metrics
}

/// Every text in a JSON value, one per line.
fn strings(value: &serde_json::Value) -> String {
    match value {
        serde_json::Value::String(text) => format!("{text}\n"),
        serde_json::Value::Array(list) => list.iter().map(strings).collect(),
        serde_json::Value::Object(map) => map.values().map(strings).collect(),
        _ => String::new(),
    }
}

fn metric_uses(report: &mut Report, metrics: &Metrics, file: &str, text: &str) {
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    for (at, _) in text.match_indices(PREFIX) {
        if text[..at].chars().next_back().is_some_and(word) {
            continue;
        }
        let rest = &text[at + PREFIX.len()..];
        let name = &rest[..rest.find(|c| !word(c)).unwrap_or(rest.len())];
        let base = ["_bucket", "_sum", "_count"].iter().find_map(|end| {
            name.strip_suffix(end).filter(|base| metrics.get(*base).is_some_and(|m| m.histogram))
        });
        let Some(metric) = metrics.get(base.unwrap_or(name)) else {
            report.error(format!("{file}: {PREFIX}{name} is not in {METRICS}"));
            continue;
        };
        if metric.histogram && base.is_none() {
            report.error(format!("{file}: {PREFIX}{name} is a histogram: use _bucket, _sum or _count"));
        }
        for label in selector_labels(&rest[name.len()..]) {
            if !metric.labels.contains(&label) && !COMMON_LABELS.contains(&label.as_str()) {
                report.error(format!("{file}: {PREFIX}{name} has no label `{label}`"));
            }
        }
    }
}

/// Label names of a selector `{a="x",b=~"y"}` at the start of `text`.
fn selector_labels(text: &str) -> Vec<String> {
    let Some(body) = text.strip_prefix('{').and_then(|rest| rest.split('}').next()) else {
        return Vec::new();
    };
    let mut labels = Vec::new();
    let mut quoted = false;
    let mut name = String::new();
    for c in body.chars() {
        match c {
            '"' => quoted = !quoted,
            _ if quoted => {}
            ',' => name.clear(),
            '=' | '!' | '~' if !name.is_empty() => labels.push(std::mem::take(&mut name)),
            c if c.is_ascii_alphanumeric() || c == '_' => name.push(c),
            _ => {}
        }
    }
    labels
}

/// Relative targets of Markdown links, without anchors.
fn links(text: &str) -> Vec<String> {
    let mut links = Vec::new();
    for (at, _) in text.match_indices("](") {
        let target = text[at + 2..].split(')').next().unwrap_or("");
        let path = target.split('#').next().unwrap_or("");
        if !path.is_empty()
            && !target.contains("://")
            && !target.contains(char::is_whitespace)
            && !target.starts_with("mailto:")
        {
            links.push(path.to_string());
        }
    }
    links
}

fn files_below(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).with_context(|| format!("cannot list {}", folder.display()))? {
        let path = entry?.path();
        if path.is_dir() {
            files.extend(files_below(&path)?);
        } else {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace::tests::made_up;

    const PAGE: &str =
        "| metric | kind |\n|---|---|\n| `calls_active{state}` | gauge |\n| `rating_seconds` | histogram |\n";

    fn uses(text: &str) -> Vec<String> {
        let mut report = Report::default();
        metric_uses(&mut report, &metric_table(PAGE), "f", text);
        report.errors
    }

    #[test]
    fn metrics_of_the_table_pass() {
        let fine = "sum(tollgate_calls_active{state=\"up\",job=\"x\"}) rate(tollgate_rating_seconds_bucket{le=\"1\"}[5m]) my_tollgate_x";
        assert_eq!(uses(fine), Vec::<String>::new());
    }

    #[test]
    fn unknown_metrics_labels_and_bare_histograms_fail() {
        assert_eq!(uses("tollgate_call_active"), ["f: tollgate_call_active is not in docs/metrics.md"]);
        assert_eq!(
            uses("tollgate_calls_active{carrier=\"a\",state!=\"b=c\"}"),
            ["f: tollgate_calls_active has no label `carrier`"]
        );
        assert_eq!(uses("rate(tollgate_rating_seconds[1m])").len(), 1);
        assert_eq!(uses("tollgate_calls_active_bucket").len(), 1, "a gauge has no buckets");
    }

    #[test]
    fn texts_in_json_are_seen_wherever_they_stand() {
        let value = serde_json::json!({"panels": [{"targets": [{"expr": "tollgate_nothing"}]}]});
        assert_eq!(uses(&strings(&value)).len(), 1);
    }

    #[test]
    fn dependencies_are_compared_both_ways() {
        let mut member = made_up("sip", &[]);
        member.external = vec![("bytes".into(), Kind::Normal), ("serde".into(), Kind::Dev)];
        let workspace = Workspace { members: vec![member], ..Workspace::default() };
        let mut report = Report::default();
        dependencies(&mut report, "| `bytes` | x |\n| `tokio` | y |\n", &workspace);
        assert_eq!(report.errors, ["`serde` (Dev dependency of sip) has no row in docs/dependencies.md"]);
        assert_eq!(report.warnings.len(), 1);
    }

    #[test]
    fn links_are_found_without_anchors_and_addresses() {
        let text = "[a](docs/a.md#x) [b](https://x.example/y) ![c](c.png) [d](#here)";
        assert_eq!(links(text), ["docs/a.md", "c.png"]);
    }
}
