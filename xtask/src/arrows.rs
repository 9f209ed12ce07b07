//! Which member may use which: a parent composes the crates below it, never the reverse.
//! The table is the design; a new arrow is a decision, so it is made here and in docs/architecture.md, not in
//! a Cargo.toml alone.

use crate::report::Report;
use crate::workspace::{Kind, Workspace};

/// Every member and what its program may use. A member that is missing here may not exist.
const ALLOWED: &[(&str, &[&str])] = &[
    ("units", &[]),
    ("ledger", &["units"]),
    ("rating", &["ledger", "units"]),
    ("codecs", &[]),
    ("g729", &[]),
    ("voice", &["codecs", "g729"]),
    ("prompts", &["codecs", "voice"]),
    ("sip", &["units"]),
    ("h323", &["units"]),
    ("stir", &[]),
    ("trace", &["units"]),
    ("route", &["rating", "units", "codecs"]),
    ("media", &["codecs", "voice", "units"]),
    ("engine", &["units"]),
    ("call", &["codecs", "rating", "route", "media", "units"]),
    (
        "node",
        &[
            "sip", "h323", "stir", "route", "media", "call", "rating", "ledger", "units", "codecs", "voice",
            "prompts", "engine",
        ],
    ),
    ("net", &[]),
    ("fastpath", &[]),
    ("relay", &["net", "fastpath", "media", "units"]),
    ("store", &["rating", "ledger", "units"]),
    ("feeds", &["store", "ledger", "units"]),
    ("central", &["store", "rating", "ledger", "units"]),
    ("config", &["route", "rating", "units", "codecs", "prompts", "stir"]),
    ("web", &["store", "rating", "ledger", "units"]),
    (
        "switch",
        &[
            "web", "config", "feeds", "central", "store", "node", "relay", "net", "sip", "h323", "stir",
            "trace", "route", "media", "call", "rating", "ledger", "units", "codecs", "prompts",
        ],
    ),
    ("xtask", &[]),
];

/// Members at the top, which may use all others and are used by none.
const TOP: &[&str] = &["tests", "benches"];

/// Arrows that only tests of a member may draw, beside those of `ALLOWED`.
const ALLOWED_IN_TESTS: &[(&str, &[&str])] = &[("relay", &["codecs", "voice"])];

/// Fails on every arrow between members that is in neither table.
pub fn check(workspace: &Workspace) -> Report {
    let mut report = Report::default();
    for member in &workspace.members {
        let Some(allowed) = allowed(ALLOWED, &member.name) else {
            if !TOP.contains(&member.name.as_str()) {
                report.error(format!(
                    "member `{}` is in no table of xtask/src/arrows.rs: decide what it may use",
                    member.name
                ));
            }
            continue;
        };
        let in_tests = allowed_in_tests(&member.name);
        for (to, kind) in &member.internal {
            let fine =
                allowed.contains(&to.as_str()) || (*kind == Kind::Dev && in_tests.contains(&to.as_str()));
            if !fine {
                let kind = if *kind == Kind::Dev { "dev-dependency" } else { "dependency" };
                report.error(format!(
                    "{kind} {} → {to} is not in the table: arrows run downward only (docs/architecture.md)",
                    member.name
                ));
            }
        }
    }
    for (name, _) in ALLOWED {
        if !workspace.members.iter().any(|member| member.name == *name) {
            report.error(format!(
                "`{name}` is in the table of xtask/src/arrows.rs but is no member: remove its row"
            ));
        }
    }
    report
}

fn allowed(table: &'static [(&str, &[&str])], name: &str) -> Option<&'static [&'static str]> {
    table.iter().find(|(from, _)| *from == name).map(|(_, to)| *to)
}

fn allowed_in_tests(name: &str) -> &'static [&'static str] {
    allowed(ALLOWED_IN_TESTS, name).unwrap_or(&[])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace::Member;
    use crate::workspace::tests::made_up;

    /// All members with no arrow at all, then those given in place of theirs.
    fn world(with: Vec<Member>) -> Workspace {
        let mut members: Vec<Member> = ALLOWED.iter().map(|(name, _)| made_up(name, &[])).collect();
        for member in with {
            members.retain(|m| m.name != member.name);
            members.push(member);
        }
        Workspace { members, ..Workspace::default() }
    }

    #[test]
    fn arrows_of_the_table_pass() {
        let switch = made_up("switch", &[("web", Kind::Normal), ("node", Kind::Normal)]);
        let tests = made_up("tests", &[("switch", Kind::Normal), ("sip", Kind::Normal)]);
        assert_eq!(check(&world(vec![switch, tests])), Report::default());
    }

    #[test]
    fn an_arrow_upward_fails() {
        let report = check(&world(vec![made_up("sip", &[("node", Kind::Normal)])]));
        assert_eq!(report.errors.len(), 1);
        assert!(report.errors[0].contains("sip → node"), "{report:?}");
    }

    #[test]
    fn protocol_crates_do_not_know_the_call() {
        for (from, to) in [
            ("sip", "call"),
            ("call", "sip"),
            ("units", "rating"),
            ("ledger", "rating"),
            ("node", "store"),
            ("web", "node"),
        ] {
            assert_eq!(
                check(&world(vec![made_up(from, &[(to, Kind::Normal)])])).errors.len(),
                1,
                "{from} → {to}"
            );
        }
    }

    #[test]
    fn arrows_of_tests_are_judged_too() {
        let report = check(&world(vec![made_up("rating", &[("store", Kind::Dev)])]));
        assert!(report.errors[0].starts_with("dev-dependency rating → store"), "{report:?}");
    }

    #[test]
    fn an_unknown_or_lost_member_fails() {
        assert!(check(&world(vec![made_up("util", &[])])).errors[0].contains("`util`"));
        let mut lost = world(vec![]);
        lost.members.retain(|member| member.name != "net");
        assert!(check(&lost).errors[0].contains("`net`"));
    }

    #[test]
    fn the_table_has_no_circle() {
        // a row may name only members that come before it, which is the order in which they can be built
        for (place, (from, to)) in ALLOWED.iter().enumerate() {
            for name in *to {
                assert!(ALLOWED[..place].iter().any(|(earlier, _)| earlier == name), "{from} → {name}");
            }
        }
    }
}
