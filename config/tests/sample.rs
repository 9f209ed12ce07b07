//! The sample configuration loads as written and means what it says.

use std::path::PathBuf;

use config::Settings;
use route::MediaPath;
use units::{Number, Wall};

fn sample() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("samples/tollgate.toml")
}

fn load() -> Settings {
    config::load(sample()).map_err(|errors| config::render(&errors)).expect("the sample loads")
}

#[test]
fn the_sample_loads_without_a_warning() {
    let settings = load();
    assert_eq!(settings.warnings, []);
    assert_eq!((&*settings.node.name, settings.node.drain_secs, settings.node.shards), ("sw1", 30, 0));
    assert!(settings.node.data_dir.ends_with("config/samples/data"), "{:?}", settings.node.data_dir);
    let listen: Vec<_> = settings.sip.listen.iter().map(ToString::to_string).collect();
    assert_eq!(listen, ["udp:127.0.0.1:5060", "tcp:127.0.0.1:5060"]);
    assert_eq!(settings.http.listen.to_string(), "127.0.0.1:8080");
    assert_eq!((settings.media.mode, settings.media.ports), (MediaPath::Relay, (16_384, 32_766)));
    let account = settings.accounts.first().expect("one account");
    assert_eq!(
        (&*account.name, account.balance.to_string().as_str(), &*account.terms.decks[0]),
        ("acme", "10.00000", "retail")
    );
}

#[test]
fn the_sample_gate_carriers_and_routes() {
    let settings = load();
    let gate = settings.gates.by_source("127.0.0.11".parse().expect("ip")).expect("gate");
    assert_eq!(
        (&*gate.name, &*gate.account, gate.max_calls, gate.max_cps, gate.max_call_secs),
        ("acme-pbx", "acme", 100, Some(50), 14_400)
    );
    assert!(settings.gates.by_source("127.0.0.12".parse().expect("ip")).is_none());
    let alpha = settings.carriers.by_name("alpha").expect("alpha");
    assert_eq!(
        (alpha.target.to_string().as_str(), alpha.max_calls, alpha.codecs.len()),
        ("sip:127.0.0.1:5080;transport=udp", 1_000, 3)
    );
    let beta = settings.carriers.by_name("beta").expect("beta");
    assert_eq!(
        (beta.max_calls, beta.codecs.len(), beta.deck.as_deref(), beta.down_after, beta.first_response_ms),
        (u32::MAX, 4, None, 5, 4_000)
    );
    assert_eq!(beta.next_on.to_string(), "3xx 401 402 403 404 405 407 408 415 420 480 483 488 5xx");

    let number: Number = "34911234567".parse().expect("number");
    let route = settings.routes.find(&number).expect("route");
    assert_eq!((route.prefix.to_string().as_str(), route.carriers), ("34", &[alpha.id, beta.id][..]));
    let price = settings.decks.named("retail").expect("deck").price(&number, Wall(0)).expect("price");
    // 31 s at 30/6 bill 36 s: 0.12345 × 36 / 60 = 0.07407.
    assert_eq!(price.charge(31_000).amount.to_string(), "0.07407");
    assert!(settings.routes.find(&"7911".parse().expect("number")).is_none());
}

/// A tree of accounts may be written in any order; who stands above is opened first.
#[test]
fn resellers_come_before_their_customers() {
    let dir = tempfile::tempdir().expect("a folder");
    let header = "prefix,destination,rate,initial,increment,connect_fee,effective_from,effective_until\n";
    std::fs::write(dir.path().join("retail.csv"), format!("{header}34,Spain,0.1,1,1,,,\n")).expect("written");
    let mut toml = r#"
[node]
name = "sw1"
data_dir = "data"
[sip]
listen = ["udp:127.0.0.1:5060"]
[[deck]]
name = "retail"
file = "retail.csv"
currency = "EUR"
[media]
mode = "bypass"
"#
    .to_owned();
    for name in ["house:shop:till", "house:shop", "house"] {
        toml += &format!("[[account]]\nname = \"{name}\"\ncurrency = \"EUR\"\ndeck = \"retail\"\n");
    }
    let path = dir.path().join("tollgate.toml");
    std::fs::write(&path, toml).expect("written");
    let settings = config::load(path).map_err(|errors| config::render(&errors)).expect("it loads");
    let names: Vec<&str> = settings.accounts.iter().map(|account| &*account.name).collect();
    assert_eq!(names, ["house", "house:shop", "house:shop:till"]);
}

/// Decision 30: what is written for one customer cannot be undone by a longer prefix of the common list.
#[test]
fn a_small_deck_in_front_is_what_one_customer_pays_otherwise() {
    let dir = tempfile::tempdir().expect("a folder");
    let header = "prefix,destination,rate,initial,increment\n";
    for (name, rows) in [
        ("special.csv", "55,Brazil,0.01,1,1\n"),
        ("retail.csv", "5511,São Paulo,0.05,1,1\n34,Spain,0.02,1,1\n"),
    ] {
        std::fs::write(dir.path().join(name), format!("{header}{rows}")).expect("written");
    }
    let toml = r#"
        [node]
        name = "sw1"
        data_dir = "./data"
        [sip]
        listen = ["udp:127.0.0.1:5060"]
        [[deck]]
        name = "acme-special"
        file = "special.csv"
        currency = "EUR"
        [[deck]]
        name = "retail"
        file = "retail.csv"
        currency = "EUR"
        [[account]]
        name = "acme"
        currency = "EUR"
        decks = ["acme-special", "retail"]
        [[account]]
        name = "beta"
        currency = "EUR"
        deck = "retail"
        [media]
        mode = "bypass"
    "#;
    std::fs::write(dir.path().join("t.toml"), toml).expect("written");
    let settings = config::load(dir.path().join("t.toml")).expect("no errors");
    let mut engine = rating::Engine::new();
    engine.set_decks(std::sync::Arc::clone(&settings.decks));
    let now = units::Now { tick: units::Tick(0), wall: units::Wall(0) };
    for account in &settings.accounts {
        let (name, currency, terms) = (&*account.name, account.currency, account.terms.clone());
        let ask = rating::engine::OpenAccount { name, currency, opening: 0, terms, limit: 0 };
        engine.open_account(now, &ask).expect("opened");
    }
    for (account, number, priced) in [
        ("acme", "5511987654321", Some(("acme-special", units::Rate::of_units(1_000)))),
        ("acme", "34911234567", Some(("retail", units::Rate::of_units(2_000)))),
        ("beta", "5511987654321", Some(("retail", units::Rate::of_units(5_000)))),
        ("beta", "5521987654321", None),
    ] {
        let price = engine.quote(account, &number.parse().expect("digits"), now.wall).ok();
        assert_eq!(price.as_ref().map(|price| (&*price.deck, price.rate)), priced, "{account} {number}");
    }
}
