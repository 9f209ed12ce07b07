//! TLS to the database: an authority of the test's own signs the server's certificate.

use std::path::{Path, PathBuf};
use std::process::Command;

use central::{Central, CentralError};
use ledger::Terms;
use rating::quotas::transaction::NewAccount;
use units::{Currency, Wall};

use crate::kit::postgres::Postgres;

fn openssl(folder: &Path, arguments: &str) {
    let output = Command::new("openssl")
        .current_dir(folder)
        .args(arguments.split_whitespace())
        .output()
        .expect("openssl runs");
    assert!(output.status.success(), "openssl {arguments}: {}", String::from_utf8_lossy(&output.stderr));
}

/// An authority, and a certificate of it for `localhost`; owned by whoever owns the folder, as the server
/// wants its key.
fn certificates(folder: &Path) {
    let key = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes";
    for authority in ["ca", "other"] {
        openssl(
            folder,
            &format!(
                "req -x509 {key} -keyout {authority}.key -out {authority}.pem -days 2 -subj /CN={authority}"
            ),
        );
    }
    openssl(folder, &format!("req -new {key} -keyout server.key -out server.csr -subj /CN=localhost"));
    std::fs::write(folder.join("names"), "subjectAltName=DNS:localhost\n").expect("written");
    openssl(
        folder,
        "x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -out server.pem -days 2 -extfile names",
    );
    let mode = |name: &str, mode: &str| {
        let status = Command::new("chmod").arg(mode).arg(folder.join(name)).status().expect("chmod");
        assert!(status.success());
    };
    mode("server.key", "600");
    let owner = Command::new("chown")
        .arg("--reference")
        .arg(folder)
        .args(["server.key", "server.pem"])
        .current_dir(folder)
        .status();
    assert!(owner.expect("chown").success());
}

/// What comes of an order over a connection to `host` with these parameters.
fn order(port: u16, host: &str, parameters: &str) -> Result<(), CentralError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let central = Central::new(&format!("postgres://tollgate@{host}:{port}/postgres{parameters}"), 1)?;
    let name = format!("a{}", parameters.len());
    let new = NewAccount {
        name: name.as_str().into(),
        currency: Currency::EUR,
        opening: 1,
        limit: 0,
        terms: Terms::of_deck("retail"),
    };
    runtime.block_on(async { central.open(new, Wall(1)).await.map(|_| ()) })
}

#[test]
fn a_certificate_is_judged_as_far_as_the_address_says() {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let mut folder = PathBuf::new();
    let _postgres = Postgres::start_with(|path| {
        certificates(path);
        path.clone_into(&mut folder);
        let file = |name: &str| path.join(name).display().to_string();
        let rules = "local all all trust\nhostssl all all 127.0.0.1/32 trust\n";
        std::fs::write(path.join("rules"), rules).expect("written");
        let settings = [
            ("ssl", "on".to_owned()),
            ("ssl_cert_file", file("server.pem")),
            ("ssl_key_file", file("server.key")),
        ];
        let settings = settings
            .into_iter()
            .chain([("hba_file", file("rules"))])
            .flat_map(|(name, value)| ["-c".to_owned(), format!("{name}={value}")]);
        ["-h", "127.0.0.1", "-p"]
            .into_iter()
            .map(str::to_owned)
            .chain([port.to_string()])
            .chain(settings)
            .collect()
    });
    let roots = |name: &str| folder.join(name).display().to_string().replace('/', "%2F");
    let (ca, other) = (roots("ca.pem"), roots("other.pem"));
    assert!(
        order(port, "localhost", "").is_err_and(|error| error.is_away()),
        "the server takes none in the clear"
    );
    order(port, "127.0.0.1", "?sslmode=require").unwrap();
    order(port, "localhost", &format!("?sslmode=verify-full&sslrootcert={ca}")).unwrap();
    order(port, "127.0.0.1", &format!("?sslmode=verify-ca&sslrootcert={ca}")).unwrap();
    for (host, mode, authority) in [
        ("localhost", "verify-full", &other),
        ("127.0.0.1", "verify-full", &ca),
        ("127.0.0.1", "verify-ca", &other),
        ("127.0.0.1", "require", &other),
    ] {
        let refused = order(port, host, &format!("?sslmode={mode}&sslrootcert={authority}")).unwrap_err();
        assert!(refused.to_string().contains("certificate"), "{host} {mode}: {refused}");
    }
}
