//! `[media]` and what peers say of their media, as `check` reads them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a failing test says where")]

use std::fs;

use codecs::{DtmfForm, SrtpPolicy};
use config::{Settings, diff, load};
use route::{MediaPath, MediaTerms, Transcode};

/// Loads with this `[media]` and this beside it.
fn read(media: &str, rest: &str) -> Result<Settings, String> {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    fs::write(path("retail.csv"), "prefix,destination,rate,initial,increment,connect_fee,effective_from,effective_until\n34,Spain,1,1,1,,,\n").unwrap();
    let text = format!(
        "[node]\nname = \"sw1\"\ndata_dir = \"data\"\nmax_calls = 1000\n\
         [sip]\nlisten = [\"udp:127.0.0.1:5060\"]\n\
         [http]\nlisten = \"127.0.0.1:0\"\nadmin_token_file = \"t\"\n\
         [[deck]]\nname = \"retail\"\nfile = \"retail.csv\"\ncurrency = \"EUR\"\n\
         [[account]]\nname = \"acme\"\ncurrency = \"EUR\"\nbalance = \"1\"\ndeck = \"retail\"\n\
         [[gate]]\nname = \"pbx\"\naccount = \"acme\"\nsource = [\"192.0.2.1\"]\n{rest}\n\
         [[carrier]]\nname = \"alpha\"\naddress = \"sip:198.51.100.1\"\nmedia = \"bypass\"\n\
         [media]\n{media}\n"
    );
    fs::write(path("t.toml"), text).unwrap();
    load(path("t.toml")).map_err(|findings| findings.iter().map(|f| format!("{f}\n")).collect())
}

#[test]
fn relay_is_read_with_its_defaults() {
    let settings = read("mode = \"relay\"\naddress = [\"192.0.2.7\", \"2001:db8::7\"]\n", "").expect("valid");
    let media = &settings.media;
    assert_eq!((media.mode, media.ports, media.threads), (MediaPath::Relay, (16_384, 32_766), 0));
    assert_eq!((media.rtp_timeout_secs, media.rtp_timeout_hold_secs), (60, 3_600));
    assert!(!media.fast_path, "packets pass the firewall unless asked for");
    let addresses: Vec<_> = media.addresses.iter().map(ToString::to_string).collect();
    assert_eq!(addresses, ["192.0.2.7", "2001:db8::7"]);
    assert!(settings.warnings.is_empty(), "{:?}", settings.warnings);
    let gate = settings.gates.by_name("pbx").expect("there");
    assert_eq!(
        gate.media,
        MediaTerms { path: MediaPath::Relay, nat: true, srtp: SrtpPolicy::Off, ..MediaTerms::default() },
        "as `media.mode`"
    );
    let alpha = settings.carriers.by_name("alpha").expect("there");
    assert_eq!(alpha.media.path, MediaPath::Bypass, "its own word");
    assert!(settings.relays());
    assert!(!read("mode = \"bypass\"\naddress = \"192.0.2.7\"\n", "").expect("valid").relays());
    assert_eq!(
        gate.media.path.with(alpha.media.path),
        MediaPath::Relay,
        "a call goes directly only if both sides say so"
    );
    let written = read("address = \"192.0.2.7\"\n", "").expect("valid");
    assert_eq!(written.media.mode, MediaPath::Relay, "where nothing is written");
}

#[test]
fn a_peer_may_want_it_otherwise() {
    let settings = read(
        "mode = \"bypass\"\naddress = \"192.0.2.7\"\nports = [20000, 24000]\n",
        "media = \"relay\"\nnat = false\n",
    )
    .expect("valid");
    let gate = settings.gates.by_name("pbx").expect("there");
    assert_eq!(
        gate.media,
        MediaTerms { path: MediaPath::Relay, nat: false, srtp: SrtpPolicy::Off, ..MediaTerms::default() }
    );
    assert_eq!(settings.media.mode, MediaPath::Bypass);
    assert!(settings.relays());
}

#[test]
fn what_is_wrong_is_said() {
    for (media, rest, said) in [
        (
            "mode = \"relay\"\n",
            "",
            "write address = \"192.0.2.1\", one of this machine's, into [media], or mode = \"bypass\"",
        ),
        ("mode = \"bypass\"\n", "media = \"relay\"\n", "or media = \"bypass\" here"),
        ("", "", "write address = \"192.0.2.1\", one of this machine's, into [media], or mode = \"bypass\""),
        ("mode = \"relay\"\naddress = \"0.0.0.0\"\n", "", "can be sent to"),
        ("mode = \"relay\"\naddress = [\"192.0.2.7\", \"192.0.2.8\"]\n", "", "second of its kind"),
        (
            "mode = \"relay\"\naddress = \"192.0.2.7\"\nadvertise = \"2001:db8::1\"\n",
            "",
            "no address of its family",
        ),
        (
            "mode = \"relay\"\naddress = \"192.0.2.7\"\nrtp_timeout_secs = 2\n",
            "",
            "rtp_timeout_secs must be from 3",
        ),
        ("mode = \"relay\"\naddress = \"127.0.0.1\"\nports = [5000, 6000]\n", "", "lies within media.ports"),
        ("mode = \"relay\"\naddress = 5\n", "", "an address in quotes"),
    ] {
        let findings = read(media, rest).map(|settings| format!("{:?}", settings.media)).expect_err(said);
        assert!(findings.contains(said), "{findings}");
    }
}

/// What is said in `[media]` and what of the gate come to.
#[test]
fn who_may_be_transcoded() {
    use Transcode::{Never, Unsaid, Wanted};
    for (media, gate, meant) in [
        ("", "", Unsaid),
        ("", "transcode = true\n", Wanted),
        ("", "transcode = false\n", Never),
        ("transcode = true\n", "", Wanted),
        ("transcode = true\n", "transcode = false\n", Never),
    ] {
        let media =
            format!("mode = \"bypass\"\naddress = \"192.0.2.7\"\nmax_transcoding = 3\nworkers = 2\n{media}");
        let settings = read(&media, gate).expect("valid");
        assert_eq!(settings.gates.by_name("pbx").expect("there").media.transcode, meant, "{media}{gate}");
        assert_eq!((settings.media.max_transcoding, settings.media.workers), (3, 2));
        assert_eq!(settings.relays(), meant == Wanted || media.contains("transcode = true"), "{media}{gate}");
    }
    for (media, gate, said) in [
        ("mode = \"bypass\"\ntranscode = true\n", "", "or transcode = false"),
        ("mode = \"bypass\"\n", "transcode = true\n", "or transcode = false here"),
        ("mode = \"bypass\"\n", "transcode = 1\n", "transcode"),
    ] {
        let findings = read(media, gate).map(|settings| format!("{:?}", settings.media)).expect_err(said);
        assert!(findings.contains(said), "{findings}");
    }
}

#[test]
fn few_ports_are_a_warning() {
    let warned = |ports: &str| {
        let media = format!("mode = \"relay\"\naddress = \"192.0.2.7\"\nports = {ports}\n");
        read(&media, "").expect("valid").warnings.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    // 1,000 calls take 2,000 pairs: 4,000 ports.
    assert!(warned("[20000, 23999]").is_empty());
    let said = warned("[20000, 23998]");
    assert!(
        said[0].contains("hold 999 relayed calls") && said[0].contains("node.max_calls is 1000"),
        "{said:?}"
    );
    // An odd first port begins no pair.
    assert!(warned("[19999, 23999]").is_empty());
    assert!(!warned("[20001, 24000]").is_empty());
}

#[test]
fn a_family_without_a_media_address_is_a_warning() {
    let media = "mode = \"relay\"\naddress = \"2001:db8::7\"\n";
    let warned: Vec<_> = read(media, "").expect("valid").warnings.iter().map(ToString::to_string).collect();
    assert!(warned.len() == 1 && warned[0].contains("media.address has no IPv4 address"), "{warned:?}");
}

#[test]
fn a_reload_says_what_waits_for_a_restart() {
    let old = read("mode = \"relay\"\naddress = \"192.0.2.7\"\n", "").expect("valid");
    let new = read("mode = \"relay\"\naddress = \"192.0.2.8\"\nrtp_timeout_secs = 30\n", "nat = false\n")
        .expect("valid");
    let lines = diff(&old, &new);
    assert!(lines.iter().any(|line| line.contains("media.address") && line.contains("restart")), "{lines:?}");
    assert!(lines.contains(&"media.rtp_timeout_secs 60 -> 30".to_owned()), "{lines:?}");
    assert!(
        lines.contains(&"gate pbx changed: media, nat, srtp, transcode, dtmf or record".to_owned()),
        "{lines:?}"
    );
}

#[test]
fn digits_by_info_are_relayed() {
    let media = "mode = \"bypass\"\naddress = \"192.0.2.7\"\n";
    let settings = read(media, "dtmf = \"info\"\n").expect("valid");
    let gate = settings.gates.by_name("pbx").expect("there");
    assert_eq!((gate.media.path, gate.media.dtmf), (MediaPath::Relay, DtmfForm::Info));
    let of = |rest: &str| read("mode = \"bypass\"\n", rest).map(|_| ()).expect_err(rest);
    assert!(of("dtmf = \"info\"\n").contains("or dtmf = \"rfc4733\" here"));
    assert!(of("dtmf = \"inband\"\n").contains("or dtmf = \"rfc4733\" here"));
    let settings = read(media, "dtmf = \"inband\"\n").expect("valid");
    let gate = settings.gates.by_name("pbx").expect("there");
    assert_eq!((gate.media.path, gate.media.dtmf), (MediaPath::Relay, DtmfForm::Inband));
    assert!(of("dtmf = \"tones\"\n").contains("dtmf"));
}

#[test]
fn encrypted_media_is_relayed_and_wants_tls() {
    let media = "mode = \"bypass\"\naddress = \"192.0.2.7\"\n";
    let settings = read(media, "srtp = \"required\"\n").expect("valid");
    let gate = settings.gates.by_name("pbx").expect("there");
    assert_eq!(
        gate.media,
        MediaTerms { path: MediaPath::Relay, nat: true, srtp: SrtpPolicy::Required, ..MediaTerms::default() }
    );
    let warned: Vec<_> = settings.warnings.iter().map(ToString::to_string).collect();
    assert!(
        warned.iter().any(|line| line.contains("t.toml:") && line.contains("tls: listener")),
        "{warned:?}"
    );
    let refused = read("mode = \"bypass\"\n", "srtp = \"optional\"\n").map(|_| ()).expect_err("no address");
    assert!(refused.contains("srtp = \"off\" here"), "{refused}");
    assert!(read(media, "srtp = \"on\"\n").is_err());
}

#[test]
fn the_way_through_the_kernel_is_asked_for() {
    let with = |word: &str| read(&format!("address = \"192.0.2.7\"\nfast_path = \"{word}\"\n"), "");
    assert!(with("auto").expect("valid").media.fast_path);
    assert!(!with("off").expect("valid").media.fast_path);
    let refused = with("on").expect_err("no word of it");
    assert!(refused.contains("t.toml:") && refused.contains("auto"), "{refused}");
}

#[test]
fn recordings_have_a_place_and_limits() {
    let media =
        "mode = \"bypass\"\naddress = \"192.0.2.7\"\n[recording]\ndir = \"recordings\"\nmax_gib = 3\n";
    let settings = read(media, "record = true\n").expect("valid");
    let recording = settings.recording.as_ref().expect("there");
    assert!(recording.dir.is_absolute() && recording.dir.ends_with("recordings"), "{recording:?}");
    assert_eq!((recording.max_minutes, recording.max_gib, recording.consent_tone), (120, 3, true));
    let gate = settings.gates.by_name("pbx").expect("there");
    assert_eq!((gate.media.path, gate.media.record), (MediaPath::Relay, true));
    let carrier = settings.carriers.by_name("alpha").expect("there");
    assert_eq!((carrier.media.path, carrier.media.record), (MediaPath::Bypass, false));

    let without =
        read("mode = \"bypass\"\naddress = \"192.0.2.7\"\n", "record = true\n").expect_err("no place");
    assert!(without.contains("t.toml:23:10") && without.contains("[recording] with dir = "), "{without}");
    let without = read("mode = \"bypass\"\n[recording]\ndir = \"r\"\n", "").expect_err("no address");
    assert!(without.contains("only relayed calls can be recorded"), "{without}");
    let without = read("mode = \"bypass\"\n[recording]\n", "").expect_err("no dir");
    assert!(without.contains("dir"), "{without}");
    let file = read("address = \"192.0.2.7\"\n[recording]\ndir = \"retail.csv\"\n", "").expect_err("a file");
    assert!(file.contains("dir must be a folder"), "{file}");

    let new = read(&media.replace("max_gib = 3", "max_gib = 4"), "record = true\n").expect("valid");
    let lines = diff(&settings, &new);
    assert!(lines.iter().any(|line| line.contains("recording") && line.contains("restart")), "{lines:?}");
}
