//! Half a million routes load whole, and every one is found.

use std::fmt::Write;
use std::fs;

const ROWS: u32 = 500_000;

#[test]
fn half_a_million_routes() {
    let dir = tempfile::tempdir().expect("folder");
    let toml = r#"
[node]
name = "sw1"
data_dir = "data"
[sip]
listen = ["udp:127.0.0.1:0"]
[[carrier]]
name = "alpha"
address = "sip:127.0.0.1:5080"
[[carrier]]
name = "beta"
address = "sip:127.0.0.1:5081"
[[routes]]
file = "routes.csv"
[media]
mode = "bypass"
"#;
    let mut csv = String::from("prefix,carriers\n");
    let prefix = |n: u32| 1_000_000 + n * 7;
    for n in 0..ROWS {
        let carriers = ["alpha", "beta", "alpha beta", "beta alpha"][n as usize % 4];
        writeln!(csv, "{},{carriers}", prefix(n)).expect("text");
    }
    fs::write(dir.path().join("t.toml"), toml).expect("write");
    fs::write(dir.path().join("routes.csv"), csv).expect("write");

    let started = std::time::Instant::now();
    let settings = config::load(dir.path().join("t.toml")).expect("good");
    println!("{ROWS} routes in {:?}", started.elapsed());

    assert_eq!((settings.routes.len(), settings.routes.lists().count()), (ROWS as usize, 4));
    for n in (0..ROWS).step_by(977) {
        let number = format!("{}55", prefix(n)).parse().expect("number");
        let route = settings.routes.find(&number).expect("route");
        assert_eq!(
            (route.prefix.to_string(), route.carriers.len()),
            (prefix(n).to_string(), if n % 4 < 2 { 1 } else { 2 })
        );
    }
    assert!(settings.routes.find(&"1000001".parse().expect("number")).is_none());
}
