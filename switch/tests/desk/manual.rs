//! D4: help that names everything, completion, man pages.

use crate::kit::{text, tollgate};

#[test]
fn fault_d4_help_names_every_subcommand_and_shells_and_man_know_them() {
    let help = text(&tollgate(&["--help"]).stdout);
    let of = |command: &str| text(&tollgate(&[command, "--help"]).stdout);
    for (command, summary) in
        [("account", "Accounts of a running node:"), ("deck", "Price lists:"), ("ledger", "The books:")]
    {
        let own = of(command);
        let commands = own.split("Commands:\n").nth(1).unwrap().split("\n\n").next().unwrap();
        let line: String =
            help.lines().skip_while(|line| !line.contains(summary)).take(3).collect::<Vec<_>>().join(" ");
        for name in commands
            .lines()
            .filter(|line| line.starts_with("  ") && !line.starts_with("   "))
            .filter_map(|line| line.split_whitespace().next())
        {
            assert!(name == "help" || line.contains(name), "{command} {name} is not in {line}");
        }
    }
    for command in ["carriers", "gates", "reload", "drain", "log", "completion", "man"] {
        assert!(help.contains(&format!("\n  {command} ")), "{command}: {help}");
    }
    for shell in ["bash", "zsh", "fish"] {
        let script = text(&tollgate(&["completion", shell]).stdout);
        assert!(script.contains("trial-balance") && script.contains("call-id"), "{shell}");
    }
    let folder = tempfile::tempdir().unwrap();
    let done = tollgate(&["man", "--dir", folder.path().to_str().unwrap()]);
    assert!(done.status.success(), "{done:?}");
    for page in ["tollgate.1", "tollgate-account-topup.1", "tollgate-ledger-verify.1"] {
        let text = std::fs::read_to_string(folder.path().join(page))
            .unwrap_or_else(|error| panic!("{page}: {error}"));
        assert!(text.contains(".TH"), "{page}");
    }
}

#[test]
fn fault_d4_a_command_without_a_configuration_says_what_to_give() {
    let said = text(&tollgate(&["check"]).stderr);
    // Where a machine has the default place this is another message.
    assert!(
        std::path::Path::new("/etc/tollgate/tollgate.toml").exists() || said.contains("$TOLLGATE_CONFIG"),
        "{said}"
    );
}
