//! Certificates and keys: whatever is wrong with the files is said where they are named.

use std::fs;
use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

const AUTHORITY: &str = "[ca]\ndefault_ca = it\n[it]\ndatabase = index.txt\nnew_certs_dir = .\ndefault_md = sha256\npolicy = names\n\
                         rand_serial = yes\nunique_subject = no\n[names]\ncommonName = supplied\n";

fn openssl(folder: &Path, arguments: &str) {
    let output = Command::new("openssl")
        .current_dir(folder)
        .args(arguments.split_whitespace())
        .output()
        .expect("openssl runs");
    assert!(output.status.success(), "openssl {arguments}: {}", String::from_utf8_lossy(&output.stderr));
}

/// An authority `ca`, certificates `good` and `old` of it, and files that are none.
fn folder() -> TempDir {
    let dir = tempfile::tempdir().expect("folder");
    let path = dir.path();
    let key = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes";
    openssl(path, &format!("req -x509 {key} -keyout ca.key -out ca.pem -days 2 -subj /CN=ca"));
    fs::write(path.join("ca.cnf"), AUTHORITY).expect("write");
    fs::write(path.join("index.txt"), "").expect("write");
    fs::write(path.join("names"), "subjectAltName=DNS:sip.example\n").expect("write");
    for (name, end) in [("good", "20400101000000Z"), ("old", "20210101000000Z")] {
        openssl(path, &format!("req -new {key} -keyout {name}.key -out {name}.csr -subj /CN=sip.example"));
        openssl(
            path,
            &format!(
                "ca -batch -notext -config ca.cnf -cert ca.pem -keyfile ca.key -in {name}.csr -out {name}.pem \
                 -startdate 20200101000000Z -enddate {end} -extfile names"
            ),
        );
    }
    openssl(path, "pkey -in good.key -aes128 -passout pass:x -out sealed.key");
    fs::write(path.join("empty.pem"), "nothing\n").expect("write");
    fs::write(path.join("torn.pem"), "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
        .expect("write");
    fs::copy(path.join("good.key"), path.join("open.key")).expect("copy");
    let status = Command::new("chmod").arg("644").arg(path.join("open.key")).status().expect("chmod");
    assert!(status.success());
    fs::write(path.join("deck.csv"), "prefix,destination,rate,initial,increment,connect_fee,effective_from,effective_until\n34,Spain,1,1,1,,,\n")
        .expect("write");
    dir
}

/// What a configuration with these listeners, keys of `[sip.tls]` and further sections is told, line:column
/// first; the folder left out.
fn findings(dir: &TempDir, listen: &str, tls: &str, more: &str) -> Vec<String> {
    let tls = if tls.is_empty() { String::new() } else { format!("[sip.tls]\n{tls}\n") };
    let text = format!(
        "[node]\nname = \"sw1\"\ndata_dir = \"./data\"\n[sip]\nlisten = [{listen}]\n{tls}[http]\nlisten = \"127.0.0.1:0\"\n\
         [[deck]]\nname = \"retail\"\nfile = \"deck.csv\"\ncurrency = \"EUR\"\n{more}\n[media]\nmode = \"bypass\"\n"
    );
    let path = dir.path().join("t.toml");
    fs::write(&path, text).expect("write");
    let found = match config::load(&path) {
        Ok(settings) => settings.warnings,
        Err(errors) => errors,
    };
    let prefix = format!("{}/", dir.path().display());
    let said = found.iter().map(|finding| finding.to_string().replace(&prefix, ""));
    said.map(|line| line.strip_prefix("t.toml:").map(str::to_owned).unwrap_or(line)).collect()
}

const LISTEN: &str = "\"tls:127.0.0.1:5061\"";

#[test]
fn files_of_the_listeners() {
    let dir = folder();
    let pair = |certificate: &str, key: &str| format!("certificate = \"{certificate}\"\nkey = \"{key}\"");
    let good = pair("good.pem", "good.key");
    //          keys of [sip.tls], what is said
    for (tls, said) in [
        (
            String::new(),
            vec!["5:11: \"tls:127.0.0.1:5061\" needs a certificate: add [sip.tls] with certificate and key"],
        ),
        (good.clone(), vec![]),
        (
            pair("good.pem", "old.key"),
            vec!["8:7: the private key in old.key is not that of the certificate in good.pem"],
        ),
        (
            pair("old.pem", "old.key"),
            vec!["7:15: warning: the certificate in old.pem has expired: peers refuse it, renew it"],
        ),
        (
            pair("absent.pem", "good.key"),
            vec!["7:15: cannot read absent.pem: No such file or directory (os error 2)"],
        ),
        (
            pair("empty.pem", "empty.pem"),
            vec![
                "7:15: there is no certificate in empty.pem: it must begin with -----BEGIN CERTIFICATE-----, the server's first, \
                 then those that lead to its authority",
                "8:7: there is no private key in empty.pem: it must begin with -----BEGIN PRIVATE KEY-----",
            ],
        ),
        (
            pair("good.pem", "sealed.key"),
            vec![
                "8:7: there is no private key in sealed.key: it is encrypted, and nobody is asked for its password: \
                 write it out with `openssl pkey`",
            ],
        ),
        (
            pair("good.pem", "open.key"),
            vec![
                "8:7: warning: everybody on this machine can read the private key open.key: chmod 600 open.key",
            ],
        ),
        (
            format!("{good}\nverify_clients = true"),
            vec![
                "9:18: verify_clients needs client_ca, the file with the authorities of clients' certificates",
            ],
        ),
        (format!("{good}\nverify_clients = true\nclient_ca = \"ca.pem\""), vec![]),
        (
            format!("{good}\n[[sip.tls.extra]]\ncertificate = \"old.pem\"\nkey = \"good.key\""),
            vec![
                "10:15: warning: the certificate in old.pem has expired: peers refuse it, renew it",
                "11:7: the private key in good.key is not that of the certificate in old.pem",
            ],
        ),
        (format!("{good}\nchain = \"x\""), vec!["9:1: unknown key \"chain\""]),
    ] {
        assert_eq!(findings(&dir, LISTEN, &tls, ""), said, "{tls}");
    }
    let torn = findings(&dir, LISTEN, &pair("torn.pem", "good.key"), "");
    assert!(
        torn.len() == 1 && torn[0].starts_with("7:15: the first certificate in torn.pem cannot be read"),
        "{torn:?}"
    );
}

#[test]
fn peers_that_are_called_over_tls() {
    let dir = folder();
    let tls = "certificate = \"good.pem\"\nkey = \"good.key\"";
    let carrier = |address: &str, more: &str| {
        format!(
            "[[carrier]]\nname = \"alpha\"\naddress = \"{address}\"\n{more}\n[[route]]\nprefix = \"34\"\ncarriers = [\"alpha\"]\n"
        )
    };
    let with = |listen, address, more| findings(&dir, listen, tls, &carrier(address, more));
    let no_listener = |told: Vec<String>| {
        assert!(told.len() == 1 && told[0].contains("no tls: listener of its address family"), "{told:?}");
    };
    let ca = "tls_ca = \"ca.pem\"\ntls_name = \"sip.alpha.example\"";
    assert_eq!(with(LISTEN, "sip:192.0.2.1;transport=tls", ca), [""; 0]);
    assert_eq!(with(LISTEN, "sips:alpha.example", ca), [""; 0]);
    no_listener(with(LISTEN, "sip:[2001:db8::1];transport=tls", ca));
    no_listener(with("\"udp:127.0.0.1:5060\"", "sips:alpha.example", ca));
    assert_eq!(
        with(LISTEN, "sip:192.0.2.1", ca),
        [
            "18:10: tls_ca means something only where `address` has transport=tls",
            "19:12: tls_name means something only where `address` has transport=tls",
        ]
    );
    assert_eq!(
        with(LISTEN, "sips:192.0.2.1", "tls_ca = \"ca.pem\"\ntls_name = \"a b\""),
        ["19:12: \"a b\" is neither a DNS name nor an IP address"]
    );
    assert_eq!(
        with(LISTEN, "sip:192.0.2.1;transport=wss", ""),
        ["17:11: a WebSocket is opened by the client, so nothing can be called by wss: use udp, tcp or tls"]
    );
}

/// Ids stay with their name and authorities over reloads, whoever comes and goes.
#[test]
fn ids_mean_the_same_over_reloads() {
    let dir = folder();
    let tls = "certificate = \"good.pem\"\nkey = \"good.key\"";
    let of = |carriers: &[(&str, &str)]| -> String {
        let one = |(name, tls_name): &(&str, &str)| {
            format!(
                "[[carrier]]\nname = \"{name}\"\naddress = \"sips:192.0.2.1\"\ntls_ca = \"ca.pem\"\ntls_name = \"{tls_name}\"\n"
            )
        };
        carriers.iter().map(one).collect()
    };
    let id = |settings: &config::Settings, name: &str| {
        settings.carriers.by_name(name).expect("carrier").target.tls
    };
    let path = dir.path().join("t.toml");
    assert_eq!(
        findings(&dir, LISTEN, tls, &of(&[("a", "a.example"), ("b", "b.example"), ("c", "A.example")])),
        [""; 0]
    );
    let first = config::load(&path).expect("loads");
    let (a, b) = (id(&first, "a"), id(&first, "b"));
    assert_ne!(a, b);
    assert_eq!(id(&first, "c"), a, "the same name is the same peer");
    assert!(first.tls.peer(a).is_some_and(|peer| peer.called == "carrier a, carrier c"));
    findings(&dir, LISTEN, tls, &of(&[("z", "z.example"), ("b", "b.example")]));
    let second = config::reload(&path, &first).expect("loads");
    assert_eq!(id(&second, "b"), b);
    assert!(id(&second, "z") != a && second.tls.peer(a).is_none(), "what is gone is not given to others");
    findings(&dir, LISTEN, tls, &of(&[("a", "a.example")]));
    assert_eq!(id(&config::reload(&path, &second).expect("loads"), "a"), a);
}
