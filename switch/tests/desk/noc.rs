//! E2, E4 and the commands of the contract's second step that tell a running node what to do.

use crate::kit::{Node, until};
use crate::phones::{Carrier, call};

#[test]
fn fault_e2_the_log_level_changes_while_the_node_runs() {
    let node = Node::start();
    assert_eq!(node.done(&["log"]), "error\n");
    assert_eq!(node.json(&["log", "info,sip=debug"])["filter"], "info,sip=debug");
    assert_eq!(node.http("GET", "/api/v1/log", None, "").2["filter"], "info,sip=debug");
    let refused = node.refused(&["log", "info,sip=loudly"]);
    assert!(refused.contains("422") && refused.contains("filter"), "{refused}");
    assert_eq!(node.done(&["log"]), "info,sip=debug\n", "what is wrong changes nothing");
    assert_eq!(node.done(&["log", "--reset"]), "error\n");
}

#[test]
fn fault_e4_a_node_whose_carriers_are_all_down_remarks_it_and_stays_ready() {
    let carrier = Carrier::start("503 Service Unavailable");
    let settings = "down_after = 1\ndown_secs = 3600\n[[route]]\nprefix = \"\"\ncarriers = [\"alpha\"]\n";
    let node = Node::with(&format!("{}{settings}", carrier.config("alpha")));
    let (status, _, ready) = node.http("GET", "/readyz", None, "");
    assert_eq!((status, &ready["remarks"]), (200, &serde_json::json!([])));
    call(node.sip, "34911234567", "c1");
    let ready = until("the remark", || {
        let (status, _, ready) = node.http("GET", "/readyz", None, "");
        assert_eq!(status, 200);
        (ready["remarks"] != serde_json::json!([])).then_some(ready)
    });
    assert_eq!(
        (&ready["ready"], &ready["remarks"]),
        (&true.into(), &serde_json::json!(["no carrier is up"]))
    );
}

#[test]
fn fault_d4_a_node_drains_and_reloads_by_command() {
    let mut node = Node::start();
    assert_eq!(node.done(&["reload"]), "nothing changed\n");
    node.edit(|config| {
        config.replace("source = [\"127.0.0.11\"]", "source = [\"127.0.0.11\", \"192.0.2.0/24\"]")
    });
    assert!(node.done(&["reload"]).contains("gate acme-pbx changed: source"));
    let gates = node.done(&["gates"]);
    assert!(
        gates.contains("192.0.2.0/24") && gates.lines().all(|line| line.chars().count() <= 80),
        "{gates}"
    );
    assert_eq!(node.json(&["drain"]), serde_json::json!({"live_calls": 0, "drain_secs": 1}));
    assert!(node.ends());
}
