//! The registrar without messages.

use super::*;

const ALICE: GateId = GateId(3);

fn contact(uri: &str, cseq: u32, until: u64) -> Contact {
    let (here, there) = ("192.0.2.1:5060", "203.0.113.7:5062");
    Contact {
        id: 0,
        uri: uri.into(),
        instance: None,
        path: Box::default(),
        q: 1_000,
        flow: Flow::udp(here.parse().expect("address"), there.parse().expect("address")),
        is_reachable: true,
        call_id: "r".into(),
        cseq,
        user_agent: None,
        until: Tick(until),
        until_wall: Wall(0),
    }
}

fn uris(registrar: &Registrar) -> Vec<&str> {
    registrar.contacts(ALICE).iter().map(|contact| &*contact.uri).collect()
}

#[test]
fn contacts_come_in_order_of_preference_and_go_with_their_time() {
    let mut registrar = Registrar::default();
    let desk = Contact { q: 500, ..contact("sip:desk", 1, 200) };
    let set = Wish::Set(vec![desk, contact("sip:mobile", 1, 100)]);
    assert_eq!(registrar.apply(Tick(0), ALICE, 5, set), Ok(BTreeSet::new()));
    assert_eq!((uris(&registrar), registrar.deadline()), (vec!["sip:mobile", "sip:desk"], Tick(100)));
    assert!(registrar.expire(Tick(100)).is_empty(), "the flow is the desk's too");
    assert_eq!((uris(&registrar), registrar.deadline()), (vec!["sip:desk"], Tick(200)));
    assert_eq!(registrar.expire(Tick(200)).len(), 1);
    assert_eq!((registrar.iter().count(), registrar.deadline()), (0, Tick::NEVER));
}

#[test]
fn one_request_changes_all_or_nothing() {
    let mut registrar = Registrar::default();
    let set = |contacts: &[Contact]| Wish::Set(contacts.to_vec());
    let mut apply = |wish| registrar.apply(Tick(0), ALICE, 2, wish).map(|_| ());
    assert_eq!(apply(set(&[contact("a", 2, 100), contact("b", 2, 100)])), Ok(()));
    assert_eq!(apply(set(&[contact("a", 3, 0), contact("b", 2, 300)])), Err(Denied::OutOfOrder));
    assert_eq!(apply(set(&[contact("c", 3, 100)])), Err(Denied::TooMany));
    assert_eq!(apply(Wish::Clear { call_id: "r".into(), cseq: 2 }), Err(Denied::OutOfOrder));
    assert_eq!(apply(set(&[contact("a", 3, 0), contact("c", 3, 100)])), Ok(()));
    assert_eq!(uris(&registrar), ["b", "c"]);
    let clear = Wish::Clear { call_id: "other".into(), cseq: 1 };
    assert_eq!(registrar.apply(Tick(0), ALICE, 2, clear).map(|lost| lost.len()), Ok(1));
    assert!(uris(&registrar).is_empty() && registrar.due.is_empty());
}

#[test]
fn a_phone_that_moved_replaces_itself() {
    let mut registrar = Registrar::default();
    let of = |uri: &str, cseq, reg_id: Option<u32>| Contact {
        instance: Some(("<urn:uuid:1>".into(), reg_id)),
        call_id: uri.into(),
        ..contact(uri, cseq, 100)
    };
    for wish in [of("a", 1, Some(1)), of("b", 1, Some(2)), of("c", 1, Some(1))] {
        assert!(registrar.apply(Tick(0), ALICE, 2, Wish::Set(vec![wish])).is_ok());
    }
    assert_eq!(uris(&registrar), ["b", "c"]);
    assert_eq!(registrar.retain(|account| account != ALICE).len(), 1);
}

/// Most phones name themselves without `reg-id`: a new port after each start is no further contact.
#[test]
fn a_phone_that_names_itself_alone_replaces_itself_too() {
    let mut registrar = Registrar::default();
    let of = |uri: &str, name: &str| Contact {
        instance: Some((name.into(), None)),
        call_id: uri.into(),
        ..contact(uri, 1, 100)
    };
    for wish in [of("a", "<urn:uuid:1>"), of("b", "<urn:uuid:1>"), of("c", "<urn:uuid:2>")] {
        assert!(registrar.apply(Tick(0), ALICE, 2, Wish::Set(vec![wish])).is_ok());
    }
    assert_eq!(uris(&registrar), ["b", "c"]);
}

#[test]
fn addresses_by_udp_are_known_as_long_as_a_contact_is_there() {
    let mut registrar = Registrar::default();
    let there = contact("a", 1, 100).flow.peer;
    let set = |contacts: &[Contact]| Wish::Set(contacts.to_vec());
    assert!(registrar.apply(Tick(0), ALICE, 2, set(&[contact("a", 1, 100), contact("b", 1, 200)])).is_ok());
    assert!(registrar.is_at(there));
    registrar.expire(Tick(100));
    assert!(registrar.is_at(there));
    registrar.expire(Tick(200));
    assert!(!registrar.is_at(there) && registrar.peers.is_empty());
}

/// Copies are called, but neither listed nor kept open here.
#[test]
fn a_copy_is_another_shards() {
    let mut registrar = Registrar::default();
    let own = Contact { id: 7, ..contact("a", 1, 100) };
    registrar.take(ALICE, true, std::slice::from_ref(&own));
    assert_eq!((uris(&registrar), registrar.iter().count()), (vec!["a"], 0));
    assert!(registrar.expire(Tick(100)).is_empty() && registrar.copies.is_empty());
    // What was kept over a restart is this shard's own, and new names go on behind the old.
    registrar.take(ALICE, false, &[own]);
    assert_eq!(registrar.iter().count(), 1);
    assert!(registrar.apply(Tick(0), ALICE, 2, Wish::Set(vec![contact("b", 1, 100)])).is_ok());
    let ids: Vec<u64> = registrar.contacts(ALICE).iter().map(|contact| contact.id).collect();
    assert_eq!(ids, [7, 8]);
}
