//! What the configuration says of H.323, and what it refuses: at its place, with what to write instead.

mod kit;

use config::Settings;
use kit::{GOOD, folder};
use route::{H323Dtmf, H323Terms, MediaPath, Protocols};

const LISTEN: &str = "[h323]\nlisten = \"127.0.0.1:1720\"\n";
const GATE: &str = "[[gate]]\nname = \"gw\"\naccount = \"acme\"\nsource = [\"198.51.100.1\"]\n";
const CARRIER: &str = "[[carrier]]\nname = \"gamma\"\naddress = \"h323:198.51.100.2\"\n";

fn load(text: &str) -> Result<Settings, String> {
    let dir = folder(text, &[]);
    config::load(dir.path().join("t.toml")).map_err(|findings| config::render(&findings))
}

/// Lines of the sample, and what is found in `more` behind it: its line and the message.
fn refused(more: &str, line: usize, message: &str) {
    let findings = load(&format!("{GOOD}{more}")).map(|_| ()).expect_err(more);
    let place = format!("t.toml:{}:", GOOD.lines().count() + line);
    assert!(findings.contains(&place) && findings.contains(message), "{more}\n{findings}");
}

#[test]
fn gates_and_carriers_say_how_h323_is_spoken() {
    let terms = "h323 = { fast_start = false, dtmf = \"keypad\" }\n";
    let text = format!("{GOOD}{LISTEN}per_source = 3\n{GATE}protocol = [\"h323\"]\n{terms}{CARRIER}");
    let settings = load(&text).expect("right");
    let h323 = settings.h323.expect("there");
    let listen = h323.listen.map(|listen| listen.to_string());
    assert_eq!((listen.as_deref(), h323.ras, h323.per_source), (Some("127.0.0.1:1720"), None, 3));
    assert_eq!(h323.gatekeeper_id, "tollgate");
    let gate = settings.gates.by_name("gw").expect("gate");
    assert_eq!(gate.protocols, Protocols { sip: false, h323: true });
    let terms = H323Terms { fast_start: false, dtmf: H323Dtmf::Keypad, ..H323Terms::default() };
    assert_eq!((gate.h323, gate.media.path), (terms, MediaPath::Relay));
    assert_eq!(gate.called_at().map(|at| at.to_string()).as_deref(), Some("h323:198.51.100.1"));
    let carrier = settings.carriers.by_name("gamma").expect("carrier");
    assert_eq!((carrier.h323, carrier.media.path), (H323Terms::default(), MediaPath::Relay));
    assert_eq!(carrier.target.port_or_default(), 1720);
    let (gates, carriers) = (&settings.gates, &settings.carriers);
    let [gateway, switch] = ["198.51.100.1", "198.51.100.2"].map(|ip| ip.parse().expect("address"));
    assert!(gates.by_h323_source(gateway).is_some() && gates.by_sip_source(gateway).is_none());
    assert!(carriers.by_h323_source(switch).is_some() && carriers.by_source(switch).is_none());
}

#[test]
fn without_a_word_of_it_gates_speak_sip() {
    let settings = load(GOOD).expect("right");
    assert!(settings.h323.is_none());
    let gate = settings.gates.iter().next().expect("gate");
    assert_eq!(gate.protocols, Protocols { sip: true, h323: false });
    assert!(gates_of(&settings).all(|gate| !gate.protocols.h323));
}

fn gates_of(settings: &Settings) -> impl Iterator<Item = &route::Gate> {
    settings.gates.iter()
}

#[test]
fn what_cannot_work_is_refused_at_its_place() {
    refused(&format!("{GATE}protocol = [\"h323\"]\n"), 5, "nothing listens for H.323: add [h323]");
    refused(&format!("{LISTEN}{GATE}protocol = [\"mgcp\"]\n"), 7, "protocol \"mgcp\" is not known");
    refused(&format!("{LISTEN}{GATE}protocol = []\n"), 7, "protocol is empty");
    refused(
        &format!("{GATE}h323 = {{ tunnelling = false }}\n"),
        5,
        "h323 means something only with protocol",
    );
    let both = format!("{LISTEN}{GATE}protocol = [\"sip\", \"h323\"]\n");
    refused(&format!("{both}h323 = {{ fast = false }}\n"), 8, "unknown key \"fast\"");
    refused(&format!("{both}h323 = {{ dtmf = \"info\" }}\n"), 8, "dtmf must be \"auto\" or \"rfc4733\"");
    refused(&format!("{both}h323 = true\n"), 8, "h323 must be keys in braces");
    refused(&format!("{both}srtp = \"optional\"\n"), 8, "H.323 has no keys for srtp");
    refused(&format!("{both}media = \"bypass\"\n"), 8, "calls by H.323 are relayed");
    refused(&format!("{CARRIER}register = true\n"), 4, "register means something only where address is sip:");
    refused(
        &format!("{CARRIER}probe_secs = 5\n"),
        4,
        "probe_secs means something only where address is sip:",
    );
    refused(&format!("{CARRIER}tls_name = \"a.example\"\n"), 4, "tls_name means something only where");
    refused("[h323]\nlisten = \"1720\"\n", 2, "is not an address and port: write 192.0.2.1:1720");
    refused("[h323]\nlisten = \"127.0.0.1:8080\"\n", 2, "is in use already");
    refused("[h323]\nlisten = \"127.0.0.1:1720\"\nper_source = 0\n", 3, "per_source must be from 1");
    let number = "[[number]]\ne164 = \"34911000001\"\naccount = \"acme\"\ntarget = \"h323:127.0.0.1:1720\"\n";
    refused(&format!("{LISTEN}{number}"), 6, "is this switch itself");
}

/// Without an address of relayed media no H.323.
#[test]
fn relayed_media_needs_an_address() {
    let bare =
        GOOD.replace("mode = \"relay\"", "mode = \"bypass\"").lines().fold(String::new(), |text, line| {
            if line.starts_with("address = \"127") { text } else { text + line + "\n" }
        });
    load(&bare).expect("the sample without relay");
    let findings = load(&format!("{bare}{CARRIER}")).map(|_| ()).expect_err("no address");
    assert!(findings.contains("calls by H.323 are relayed, which needs an address"), "{findings}");
}
