//! Files of passwords toward carriers: whose they must be, and what must stand beside them.

use std::fs;

use kit::{GOOD, folder};

mod kit;

#[test]
fn a_password_is_for_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let with = |lines: &str| GOOD.replacen("max_calls = 1000", &format!("max_calls = 1000\n{lines}"), 1);
    let toml =
        with("username = \"us\"\npassword_file = \"alpha.secret\"\nrealm = \"alpha\"\nregister = true");
    let dir = folder(&toml, &[("alpha.secret", "hunter2\r\n")]);
    let secret = dir.path().join("alpha.secret");
    let path = dir.path().join("t.toml");
    let load = |mode: u32, text: &str| {
        fs::write(&secret, text).expect("write");
        fs::set_permissions(&secret, fs::Permissions::from_mode(mode)).expect("mode");
        config::load(&path).map_err(|errors| config::render(&errors))
    };
    let settings = load(0o600, "hunter2\r\n").expect("good");
    let alpha = settings.carriers.by_name("alpha").expect("alpha");
    let ours = alpha.credentials.as_deref().expect("credentials");
    assert_eq!(
        (&*ours.username, ours.password.expose(), ours.realm.as_deref()),
        ("us", "hunter2", Some("alpha"))
    );
    assert_eq!(alpha.register_secs, Some(3_600));
    assert!(!format!("{settings:?}").contains("hunter2"));
    for (mode, text, wrong) in [
        (0o640, "hunter2\n", "has mode 0640, a secret must be 0600: chmod 600"),
        (0o604, "hunter2\n", "has mode 0604"),
        (0o600, "\n", "is empty: write the secret on its first line"),
        (0o600, "hunter2\nhunter3\n", "has more than one line"),
        (0o600, &"x".repeat(1_025), "is longer than 1024 bytes"),
        (0o600, &"x".repeat(9_025), "is longer than 1024 bytes"),
    ] {
        let said = load(mode, text).expect_err(wrong);
        assert!(said.contains(wrong) && !said.contains("hunter"), "{said}");
    }
    for (lines, wrong) in [
        ("username = \"us\"", "username and password_file are written both or not at all"),
        ("register = true", "register needs to know as whom: write username and password_file"),
        ("register_expires = 60", "register_expires means something only with register = true"),
        ("register_expires = 19", "register_expires"),
        ("headers_add = [\"Via: x\"]", "Via is written or judged by the switch itself"),
        ("headers_add = [\"X-A\"]", "is no header: write"),
        ("headers_strip = [\"Content-Type\"]", "Content-Type is written or judged"),
        ("redirect = \"follow\"", "needs to know where to"),
        ("redirect_hosts = [\"192.0.2.1\"]", "means something only with redirect"),
        ("redirect = \"follow\"\nredirect_hosts = [\"a_b.example/\"]", "a_b.example/"),
        ("realm = \"r\"", "realm means something only with username and password_file"),
        ("username = \"u\\\"s\"\npassword_file = \"alpha.secret\"", "without quotes"),
        ("username = \"us\"\npassword_file = \"nowhere\"", "cannot read"),
    ] {
        fs::write(&path, with(lines)).expect("write");
        let said = load(0o600, "hunter2").expect_err(wrong);
        assert!(said.contains(wrong), "{said}");
    }
}
