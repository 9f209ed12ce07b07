//! `[media] engine` and `engines`, as `check` reads them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a failing test says where")]

use std::fs;

use config::{Settings, diff, load};
use route::MediaPath;

const ENGINES: &str =
    "engine = \"rtpengine\"\nengines = [\"udp:127.0.0.1:22222\", \"udp:[2001:db8::9]:22222\"]\n";

/// Loads with this `[media]`, this of its gate, and this beside it.
fn read(media: &str, gate: &str, rest: &str) -> Result<Settings, String> {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    fs::write(path("retail.csv"), "prefix,destination,rate,initial,increment,connect_fee,effective_from,effective_until\n34,Spain,1,1,1,,,\n").unwrap();
    let text = format!(
        "[node]\nname = \"sw1\"\ndata_dir = \"data\"\n\
         [sip]\nlisten = [\"udp:127.0.0.1:5060\"]\n\
         [http]\nlisten = \"127.0.0.1:0\"\nadmin_token_file = \"t\"\n\
         [[deck]]\nname = \"retail\"\nfile = \"retail.csv\"\ncurrency = \"EUR\"\n\
         [[account]]\nname = \"acme\"\ncurrency = \"EUR\"\nbalance = \"1\"\ndeck = \"retail\"\n\
         [[gate]]\nname = \"pbx\"\naccount = \"acme\"\nsource = [\"192.0.2.1\"]\n{gate}\n\
         [[carrier]]\nname = \"alpha\"\naddress = \"sip:198.51.100.1\"\n\
         [media]\n{media}\n{rest}\n"
    );
    fs::write(path("t.toml"), text).unwrap();
    load(path("t.toml")).map_err(|findings| findings.iter().map(|f| format!("{f}\n")).collect())
}

#[test]
fn engines_relay_without_an_address_of_this_machine() {
    let settings = read(ENGINES, "nat = false\n", "").expect("valid");
    let engines: Vec<_> = settings.media.engines.iter().map(ToString::to_string).collect();
    assert_eq!(engines, ["127.0.0.1:22222", "[2001:db8::9]:22222"]);
    assert_eq!(settings.media.mode, MediaPath::Relay);
    assert!(settings.media.addresses.is_empty() && settings.relays());
    assert!(settings.warnings.is_empty(), "{:?}", settings.warnings);
    assert_eq!(settings.gates.by_name("pbx").unwrap().media.path, MediaPath::Relay);
    let of_gate = read(&format!("mode = \"bypass\"\n{ENGINES}"), "media = \"relay\"\n", "").expect("valid");
    assert!(of_gate.relays());
    let inside = read("address = \"127.0.0.1\"\nengine = \"internal\"\n", "", "").expect("valid");
    assert!(inside.media.engines.is_empty());
    let changed = diff(&inside, &settings).join("\n");
    assert!(changed.contains("media.engine or media.engines"), "{changed}");
}

#[test]
fn what_is_no_engine_is_said() {
    for (media, said) in [
        ("engine = \"rtpengine\"\n", "needs to know where: write engines = [\"udp:127.0.0.1:22222\"]"),
        ("engine = \"rtpengine\"\nengines = []\n", "needs to know where"),
        ("engine = \"rtpproxy\"\n", "engine must be \"internal\" or \"rtpengine\""),
        ("engine = \"rtpengine\"\nengines = [\"127.0.0.1:22222\"]\n", "is no engine: write udp:"),
        ("engine = \"rtpengine\"\nengines = [\"udp:localhost:22222\"]\n", "is no engine: write udp:"),
        ("engine = \"rtpengine\"\nengines = [\"udp:127.0.0.1:0\"]\n", "is no engine: write udp:"),
        ("engine = \"rtpengine\"\nengines = [\"udp:0.0.0.0:22222\"]\n", "is no engine: write udp:"),
        (
            "engine = \"rtpengine\"\nengines = [\"udp:127.0.0.1:22222\", \"udp:127.0.0.1:22222\"]\n",
            "is there twice",
        ),
        ("address = \"127.0.0.1\"\nengines = [\"udp:127.0.0.1:22222\"]\n", "by engine = \"rtpengine\" only"),
    ] {
        let findings = read(media, "", "").map(|settings| format!("{:?}", settings.media)).expect_err(said);
        assert!(findings.contains(said), "{said}: {findings}");
    }
    let many: Vec<String> = (1..=17).map(|port| format!("\"udp:127.0.0.1:{port}\"")).collect();
    let media = format!("engine = \"rtpengine\"\nengines = [{}]\n", many.join(", "));
    let findings = read(&media, "", "").map(|settings| format!("{:?}", settings.media)).expect_err("17");
    assert!(findings.contains("engines has more than 16 entries"), "{findings}");
}

#[test]
fn what_an_engine_outside_does_not_do_is_refused() {
    for (media, gate, rest) in [
        ("fast_path = \"auto\"\n", "", ""),
        ("transcode = true\n", "", ""),
        ("announcements = true\n", "", ""),
        ("prompts = \".\"\n", "", ""),
        ("", "srtp = \"optional\"\n", ""),
        ("", "srtp = \"required\"\n", ""),
        ("", "dtmf = \"info\"\n", ""),
        ("", "dtmf = \"inband\"\n", ""),
        ("", "transcode = true\n", ""),
        ("", "record = true\n", "[recording]\ndir = \"recordings\"\n"),
        ("", "", "[recording]\ndir = \"recordings\"\n"),
    ] {
        let findings = read(&format!("{ENGINES}{media}"), gate, rest)
            .map(|settings| format!("{:?}", settings.media))
            .expect_err(&format!("{media}{gate}{rest}"));
        let said = "needs the packets on this machine: write engine = \"internal\" into [media], or ";
        assert!(findings.contains(said), "{media}{gate}{rest}: {findings}");
    }
    for media in ["address = \"127.0.0.1\"\n", "workers = 2\n", "warning_secs = 30\n"] {
        let settings = read(&format!("{ENGINES}{media}"), "", "").expect("valid");
        let [warning] = &settings.warnings[..] else { panic!("{media}: {:?}", settings.warnings) };
        assert!(warning.to_string().contains("engine = \"rtpengine\""), "{warning}");
    }
}
