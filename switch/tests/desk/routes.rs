//! D1: the plan of a call comes from the running node, and says so.

use crate::kit::{Node, text, tollgate, until};
use crate::phones::{Carrier, call};

#[test]
fn fault_d1_the_plan_is_the_running_nodes() {
    let carriers = [Carrier::start("503 Service Unavailable"), Carrier::start("200 OK")];
    let routes = "[[route]]\nprefix = \"\"\ncarriers = [\"alpha\", \"beta\"]\n";
    let node = Node::with(&format!(
        "{}down_after = 1\ndown_secs = 3600\n{}{routes}",
        carriers[0].config("alpha"),
        carriers[1].config("beta")
    ));
    let plan = ["route", "--gate", "acme-pbx", "--to", "34911234567"];
    let names = |plan: &serde_json::Value| -> Vec<String> {
        plan["carriers"]
            .as_array()
            .unwrap()
            .iter()
            .map(|carrier| carrier["name"].as_str().unwrap().to_owned())
            .collect()
    };
    let before = node.json(&plan);
    assert_eq!(
        (&before["source"], names(&before)),
        (&"live".into(), vec!["alpha".to_owned(), "beta".to_owned()])
    );
    assert_eq!((&before["available"], &before["price"]["rate"]), (&"10.00000".into(), &"0.12345".into()));
    // A carrier that is down, and a price that was changed at run time: the configuration knows of neither.
    assert_eq!(call(node.sip, "34911234567", "c1"), 200);
    until("alpha is down", || (names(&node.json(&plan)) == ["beta"]).then_some(()));
    node.done(&["account", "change", "acme", "--deck", "cost"]);
    let after = node.json(&plan);
    assert_eq!((&after["price"]["deck"], &after["price"]["rate"]), (&"cost".into(), &"0.06000".into()));
    assert!(after["left_out"].to_string().contains("alpha"), "{after}");
    let lines = node.done(&plan);
    assert!(lines.starts_with("live: the node at http://127.0.0.1:"), "{lines}");
    let list = node.json(&["carriers"]);
    until("the picture", || (node.json(&["carriers"])["items"][0]["up"] == false).then_some(()));
    assert_eq!((&list["items"][0]["name"], &list["items"][1]["up"]), (&"alpha".into(), &true.into()));
    assert!(node.done(&["carriers"]).contains("DOWN"));

    let config = node.file("tollgate.toml");
    let offline = tollgate(&[
        "route",
        "--config",
        config.to_str().unwrap(),
        "--gate",
        "acme-pbx",
        "--to",
        "34911234567",
        "--offline",
        "--json",
    ]);
    let offline: serde_json::Value = serde_json::from_slice(&offline.stdout).unwrap();
    assert_eq!((&offline["source"], names(&offline).len()), (&"offline".into(), 2));
    assert_eq!(offline["price"]["rate"], "0.12345");

    // What a call would be refused for, in the order of a call.
    let status = |args: &[&str]| {
        let output = node.ask(&[&["route", "--gate", "acme-pbx", "--json"], args].concat());
        assert_eq!(output.status.code(), Some(1), "{args:?}: {}", text(&output.stderr));
        serde_json::from_slice::<serde_json::Value>(&output.stdout).unwrap()["refused"]["status"]
            .as_u64()
            .unwrap()
    };
    assert_eq!(status(&["--to", "4420712345"]), 404);
    node.done(&["account", "correct", "acme", "-9.95", "--reason", "spent"]);
    assert_eq!(status(&["--to", "390212345678"]), 402);
    node.done(&["account", "suspend", "acme"]);
    assert_eq!(status(&["--to", "34911234567"]), 403);
    assert!(node.refused(&["route", "--gate", "nobody", "--to", "34911234567"]).contains("acme-pbx"));
    // Nothing of all this is held or written.
    assert_eq!(node.json(&["account", "show", "acme"])["leased"], "0.00000");
}

#[test]
fn fault_d1_without_a_node_the_plan_says_that_it_is_offline() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("tollgate.toml");
    let deck = "prefix,destination,rate,initial,increment\n34,Spain,0.10,60,60\n";
    std::fs::write(folder.path().join("retail.csv"), deck).unwrap();
    // No node of this folder ever ran: there is no token, so none is asked.
    let text_of = "[node]\nname = \"sw1\"\ndata_dir = \"./data\"\n[sip]\nlisten = [\"udp:127.0.0.1:5060\"]\n[http]\nlisten = \"127.0.0.1:8080\"\n\
        [[deck]]\nname = \"retail\"\nfile = \"retail.csv\"\ncurrency = \"EUR\"\n[[account]]\nname = \"acme\"\ncurrency = \"EUR\"\ndeck = \"retail\"\n\
        [[gate]]\nname = \"pbx\"\naccount = \"acme\"\nsource = [\"127.0.0.11\"]\n[[carrier]]\nname = \"alpha\"\naddress = \"sip:127.0.0.1:5080\"\n\
        [[route]]\nprefix = \"\"\ncarriers = [\"alpha\"]\n[media]\nmode = \"bypass\"\n";
    std::fs::write(&config, text_of).unwrap();
    let run = |json: bool| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_tollgate"));
        command.args(["route", "--gate", "pbx", "--to", "34911234567"]).args(json.then_some("--json"));
        // The configuration by the variable: D4.
        command.env("TOLLGATE_CONFIG", &config).env_remove("TOLLGATE_LOG").output().unwrap()
    };
    let lines = run(false);
    assert!(text(&lines.stdout).starts_with("offline: "), "{lines:?}");
    assert!(text(&lines.stderr).contains("offline: no token"), "{lines:?}");
    let document: serde_json::Value = serde_json::from_slice(&run(true).stdout).unwrap();
    assert_eq!((&document["source"], &document["carriers"][0]["name"]), (&"offline".into(), &"alpha".into()));
}
