//! The workspace as cargo tells it: members and direct dependencies from `cargo metadata`, what is linked
//! from `cargo tree` (metadata alone also lists optional crates that no feature turns on). One platform is
//! resolved, whatever machine asks.

use anyhow::{Context, Result, bail};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

const PLATFORM: &str = "x86_64-unknown-linux-gnu";

/// When a dependency is needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// In the program itself.
    Normal,
    /// In tests, examples and benches only.
    Dev,
    /// In a build script.
    Build,
}

/// One crate of the workspace.
#[derive(Debug, Clone, Default)]
pub struct Member {
    /// Package name.
    pub name: String,
    /// Folder, relative to the root.
    pub dir: PathBuf,
    /// Root files of its library and binaries, relative to the workspace root.
    pub crate_roots: Vec<PathBuf>,
    /// Direct dependencies on other members.
    pub internal: Vec<(String, Kind)>,
    /// Direct dependencies on crates from a registry.
    pub external: Vec<(String, Kind)>,
}

/// Members and the graph of everything that they need.
#[derive(Debug, Default)]
pub struct Workspace {
    /// Members, sorted by name.
    pub members: Vec<Member>,
    /// Crate → crates that it links at run time, as `name@version`; only what the crates named to `read`
    /// reach.
    pub graph: BTreeMap<String, BTreeSet<String>>,
}

impl Workspace {
    /// Asks cargo; the graph begins at the crates in `roots`.
    pub fn read(root: &Path, roots: &[&str]) -> Result<Self> {
        let meta = cargo(root, &["metadata", "--format-version", "1", "--filter-platform", PLATFORM])?;
        let mut workspace = Self::parse(&serde_json::from_slice(&meta)?)?;
        let mut args = vec!["tree", "--edges", "normal", "--prefix", "depth", "--target", PLATFORM];
        roots.iter().for_each(|name| args.extend(["--package", *name]));
        workspace.graph = parse_tree(&String::from_utf8(cargo(root, &args)?)?)?;
        Ok(workspace)
    }

    /// Reads the JSON of `cargo metadata --format-version 1`.
    pub fn parse(meta: &Value) -> Result<Self> {
        let root = PathBuf::from(text(meta, "workspace_root")?);
        let inside: BTreeSet<&str> =
            list(meta, "workspace_members")?.iter().filter_map(Value::as_str).collect();
        let mut workspace = Self::default();
        for package in list(meta, "packages")? {
            let id = text(package, "id")?;
            if inside.contains(id) {
                workspace.members.push(member(package, &root)?);
            }
        }
        let member_names: BTreeSet<String> = workspace.members.iter().map(|m| m.name.clone()).collect();
        for member in &mut workspace.members {
            let (internal, external) =
                member.external.drain(..).partition(|(name, _)| member_names.contains(name));
            member.internal = internal;
            member.external = external;
        }
        workspace.members.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(workspace)
    }

    /// The shortest chain of normal dependencies from `member` to a crate named in `targets`, never walking
    /// along an edge of `cut`.
    pub fn chain(&self, member: &str, targets: &[&str], cut: &[(&str, &str)]) -> Option<Vec<String>> {
        let start = self.graph.keys().find(|id| crate_name(id) == member)?;
        let mut came: BTreeMap<&str, &str> = BTreeMap::new();
        let mut queue = std::collections::VecDeque::from([start.as_str()]);
        while let Some(at) = queue.pop_front() {
            if targets.contains(&crate_name(at)) {
                let mut chain = vec![at.to_string()];
                let mut back = at;
                while let Some(&from) = came.get(back) {
                    chain.push(from.to_string());
                    back = from;
                }
                chain.reverse();
                return Some(chain);
            }
            for next in self.graph.get(at).into_iter().flatten() {
                let is_cut = cut.contains(&(crate_name(at), crate_name(next)));
                if !is_cut && next != start && !came.contains_key(next.as_str()) {
                    came.insert(next, at);
                    queue.push_back(next);
                }
            }
        }
        None
    }
}

fn cargo(root: &Path, args: &[&str]) -> Result<Vec<u8>> {
    let program = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let out = Command::new(program).args(args).current_dir(root).output().context("cannot run cargo")?;
    if !out.status.success() {
        bail!("cargo {} failed:\n{}", args.join(" "), String::from_utf8_lossy(&out.stderr));
    }
    Ok(out.stdout)
}

/// Lines of `cargo tree --prefix depth`: the depth, at once the name, ` v`, the version. A repeated crate is
/// listed without its needs.
fn parse_tree(tree: &str) -> Result<BTreeMap<String, BTreeSet<String>>> {
    let mut graph: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut above: Vec<String> = Vec::new();
    for line in tree.lines().filter(|line| !line.is_empty()) {
        let digits = line.bytes().take_while(u8::is_ascii_digit).count();
        let depth: usize = line[..digits].parse().with_context(|| format!("no depth in `{line}`"))?;
        let mut words = line[digits..].split(' ');
        let (name, version) =
            (words.next().unwrap_or(""), words.next().unwrap_or("").trim_start_matches('v'));
        let id = format!("{name}@{version}");
        above.truncate(depth);
        if let Some(parent) = above.last() {
            graph.entry(parent.clone()).or_default().insert(id.clone());
        }
        graph.entry(id.clone()).or_default();
        above.push(id);
    }
    Ok(graph)
}

/// `name@version` → `name`.
pub fn crate_name(id: &str) -> &str {
    id.split('@').next().unwrap_or(id)
}

fn member(package: &Value, root: &Path) -> Result<Member> {
    let relative = |path: &str| {
        Path::new(path).strip_prefix(root).map(Path::to_path_buf).context("a member lies outside the root")
    };
    let manifest = relative(text(package, "manifest_path")?)?;
    let mut member = Member {
        name: text(package, "name")?.into(),
        dir: manifest.parent().unwrap_or(Path::new("")).into(),
        ..Member::default()
    };
    for target in list(package, "targets")? {
        if list(target, "kind")?
            .iter()
            .filter_map(Value::as_str)
            .any(|kind| matches!(kind, "lib" | "bin" | "proc-macro"))
        {
            member.crate_roots.push(relative(text(target, "src_path")?)?);
        }
    }
    for dep in list(package, "dependencies")? {
        let kind = match dep.get("kind").and_then(Value::as_str) {
            Some("dev") => Kind::Dev,
            Some("build") => Kind::Build,
            _ => Kind::Normal,
        };
        member.external.push((text(dep, "name")?.into(), kind));
    }
    Ok(member)
}

fn text<'a>(value: &'a Value, key: &str) -> Result<&'a str> {
    value.get(key).and_then(Value::as_str).with_context(|| format!("no text `{key}` in metadata"))
}

fn list<'a>(value: &'a Value, key: &str) -> Result<&'a Vec<Value>> {
    value.get(key).and_then(Value::as_array).with_context(|| format!("no list `{key}` in metadata"))
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use serde_json::json;

    /// A member named `name` with these edges, for the tests of the checks.
    pub fn made_up(name: &str, internal: &[(&str, Kind)]) -> Member {
        Member {
            name: name.into(),
            dir: name.into(),
            crate_roots: vec![format!("{name}/src/lib.rs").into()],
            internal: internal.iter().map(|(n, k)| (n.to_string(), *k)).collect(),
            external: Vec::new(),
        }
    }

    #[test]
    fn metadata_becomes_members_with_their_arrows() {
        let meta = json!({
            "workspace_root": "/w",
            "workspace_members": ["path+a", "path+b"],
            "packages": [
                {"id": "path+a", "name": "a", "version": "0.1.0", "manifest_path": "/w/deep/a/Cargo.toml",
                 "targets": [{"kind": ["lib"], "src_path": "/w/deep/a/src/lib.rs"}, {"kind": ["test"], "src_path": "/w/deep/a/tests/t.rs"}],
                 "dependencies": [{"name": "b", "kind": null}, {"name": "serde", "kind": null}, {"name": "proptest", "kind": "dev"}]},
                {"id": "path+b", "name": "b", "version": "0.1.0", "manifest_path": "/w/b/Cargo.toml", "targets": [], "dependencies": []},
                {"id": "reg+serde", "name": "serde", "version": "1.0.0", "manifest_path": "/r/serde/Cargo.toml", "targets": [], "dependencies": []},
                {"id": "reg+proptest", "name": "proptest", "version": "1.0.0", "manifest_path": "/r/p/Cargo.toml", "targets": [], "dependencies": []},
            ],
        });
        let workspace = Workspace::parse(&meta).unwrap();
        let a = &workspace.members[0];
        assert_eq!((a.name.as_str(), a.dir.as_path()), ("a", Path::new("deep/a")));
        assert_eq!(a.crate_roots, [PathBuf::from("deep/a/src/lib.rs")]);
        assert_eq!(a.internal, [("b".to_string(), Kind::Normal)]);
        assert_eq!(a.external, [("serde".to_string(), Kind::Normal), ("proptest".to_string(), Kind::Dev)]);
    }

    #[test]
    fn the_tree_becomes_a_graph() {
        let tree = "0a v0.1.0 (/w/a)\n1b v0.2.0 (/w/b)\n2tokio v1.0.0\n1c v0.3.0\n2b v0.2.0 (/w/b) (*)\n\n0d v1.0.0\n";
        let graph = parse_tree(tree).unwrap();
        assert_eq!(graph["a@0.1.0"], ["b@0.2.0".to_string(), "c@0.3.0".to_string()].into());
        assert_eq!(graph["c@0.3.0"], ["b@0.2.0".to_string()].into());
        assert!(graph["d@1.0.0"].is_empty());
        let workspace = Workspace { graph, ..Workspace::default() };
        assert_eq!(
            workspace.chain("a", &["tokio"], &[]),
            Some(vec!["a@0.1.0".to_string(), "b@0.2.0".to_string(), "tokio@1.0.0".to_string()])
        );
        assert_eq!(workspace.chain("a", &["tokio"], &[("b", "tokio")]), None);
        assert_eq!(workspace.chain("d", &["tokio"], &[]), None);
    }

    #[test]
    fn metadata_without_members_is_refused() {
        assert!(Workspace::parse(&json!({"workspace_root": "/w", "packages": []})).is_err());
    }
}
