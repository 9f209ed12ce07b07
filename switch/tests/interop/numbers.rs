//! Numbers of ours: a carrier's call rings at the customer's gate without charge, another customer's is
//! billed by its own deck, nobody's number is 404 to a carrier and silence to a stranger; over two shards, so
//! that the call finds its owner's.

use std::time::Duration;

use crate::harness::{
    CARRIERS, Cdr, OFFER, PBX, Peer, SOON, STRANGER, Scenario, Site, free_port, status_of, tollgate,
    verify_ledger,
};

/// The other customer's PBX.
const SHOP: &str = "127.0.0.13";
const NUMBER: &str = "34911000001";

/// acme's number rings at its PBX at `port`; shop may call it too.
fn site(port: u16) -> Site {
    let more = format!("address = \"sip:{PBX}:{port}\"");
    let site = Site::new()
        .node("shards = 2")
        .deck("retail", "34,Spain,0.60,1,1,,,")
        .account("acme", "10.00")
        .account("shop", "5.00");
    let site = site.gate("acme-pbx", "acme", PBX, &more).gate("shop-pbx", "shop", SHOP, "");
    let site = site.carrier("alpha", free_port(CARRIERS), "").route("34", &["alpha"]);
    site.toml(&format!("[[number]]\ne164 = \"{NUMBER}\"\naccount = \"acme\"\ntarget = \"gate:acme-pbx\""))
}

fn kinds(cdr: &Cdr) -> [&str; 6] {
    ["direction", "origin_kind", "origin", "destination_kind", "number", "account"].map(|name| cdr.text(name))
}

#[test]
fn a_number_rings_for_carriers_and_customers_and_for_nobody_else() {
    let port = free_port(PBX);
    let site = site(port);
    let switch = site.start();
    let called = Scenario::called("uas_answer", PBX, port).calls(2).start();
    Scenario::caller_at("uac_call", CARRIERS, &switch).number(NUMBER).pause_ms(600).run();
    let inbound = switch.api.wait_cdrs(1).remove(0);
    assert_eq!(kinds(&inbound), ["inbound", "carrier", "alpha", "gate", NUMBER, "acme"], "{inbound:?}");
    assert_eq!(
        (inbound.text("amount"), inbound.text("balance_after"), inbound.number("sip_status")),
        ("0.00000", "10.00000", 200)
    );
    assert_eq!((inbound.text("source_ip_a"), inbound.text("source_ip_b")), (CARRIERS, PBX));
    assert!(inbound.number("duration_ms") >= 600 && inbound.0["carrier"].is_null(), "{inbound:?}");

    Scenario::caller_at("uac_call", SHOP, &switch).number(NUMBER).pause_ms(600).run();
    called.finish();
    let internal = switch.api.wait_cdrs(2).remove(1);
    assert_eq!(kinds(&internal), ["internal", "gate", "shop-pbx", "gate", NUMBER, "shop"], "{internal:?}");
    // A cent a second, by shop's own deck.
    let cents = internal.number("billed_seconds");
    assert!(cents >= 1, "{internal:?}");
    assert_eq!(crate::harness::units(internal.text("amount")), cents * 1_000, "{internal:?}");

    Scenario::caller_at("uac_refused", CARRIERS, &switch).number("34911000009").wants(404).run();
    let mut stranger = Peer::new(STRANGER, switch.udp);
    let (text, _) = stranger.request("INVITE", &format!("sip:{NUMBER}@{}", switch.udp), OFFER);
    stranger.send(text.as_bytes());
    assert_eq!(stranger.hear(Duration::from_millis(1_500)), None);
    let mut carrier = Peer::new(CARRIERS, switch.udp);
    let answer =
        carrier.ask("OPTIONS", &format!("sip:{}", switch.udp), "", SOON).expect("an answer to the carrier");
    assert_eq!(status_of(&answer), Some(200), "{answer}");

    assert_eq!(
        switch.api.cdrs().len(),
        2,
        "neither the carrier's wrong number nor the stranger has a record"
    );
    assert_eq!(switch.api.balance("acme"), 1_000_000);
    drop(switch);
    verify_ledger(&site.data());
}

/// The same decision, asked beforehand.
#[test]
fn the_route_command_says_why_it_rings_where() {
    let site = site(5_090);
    site.write();
    let config = site.config();
    let ask = |from: &[&str], to: &str| {
        let mut args = vec!["route", "--config", config.to_str().unwrap(), "--offline"];
        args.extend(from);
        args.extend(["--to", to, "--json"]);
        serde_json::from_slice::<serde_json::Value>(&tollgate(&args).stdout).unwrap()
    };
    let inbound = ask(&["--carrier", "alpha"], "+34911000001");
    assert_eq!(
        (&inbound["account"], &inbound["carrier"], &inbound["gate"]),
        (&"acme".into(), &"alpha".into(), &"".into())
    );
    let number = &inbound["number"];
    assert_eq!((&number["target"], &number["direction"]), (&"gate:acme-pbx".into(), &"inbound".into()));
    assert_eq!(
        (&number["address"], &number["pays"]),
        (&format!("sip:{PBX}:5090;transport=udp").into(), &"nobody pays".into())
    );
    assert!(inbound["refused"].is_null(), "{inbound}");
    let internal = ask(&["--gate", "shop-pbx"], NUMBER);
    assert_eq!(
        (&internal["number"]["direction"], &internal["price"]["rate"]),
        (&"internal".into(), &"0.60000".into())
    );
    let nobodys = ask(&["--carrier", "alpha"], "34911000009");
    assert_eq!((&nobodys["refused"]["status"], &nobodys["refused"]["cause"]), (&404.into(), &1.into()));
}
