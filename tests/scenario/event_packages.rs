//! Phones of SIP accounts subscribe to one another's calls and to their own messages (RFC 6665, RFC 4235, RFC
//! 3842).

use sip::auth::{Challenge, Credentials};
use sip::flow::{Flow, Transport};
use sip::{Message, Name};
use tests::dialogue::{Dialogue, SWITCH, contact_uri, reply};
use tests::plan::{Plan, SIP_DOMAIN, number, sip_account};

use crate::handset::Handset;
use crate::numbers::calling;
use crate::phone::{Callee, Phone};
use crate::sip_accounts::{challenged, of_invite};
use crate::stage::{ALPHA, PBX, Stage, addr};

const DESK: &str = "203.0.113.7:5062";
const MOBILE: &str = "203.0.113.8:5064";
const NUMBER: &str = "34911000001";
const DIALOG: &str = "Event: dialog\r\nAccept: application/dialog-info+xml\r\n";

/// alice and bob are acme's, carol is another customer's; the number rings bob.
fn stage() -> Stage {
    let mut plan = Plan::standard();
    plan.accounts.push(("other", 1_000_000, "retail"));
    plan.gates.extend([
        sip_account("alice", "acme"),
        sip_account("bob", "acme"),
        sip_account("carol", "other"),
    ]);
    plan.domains = vec![SIP_DOMAIN];
    plan.numbers = vec![number(NUMBER, "acme", "sip_account:bob")];
    let mut stage = Stage::new(plan);
    register(&mut stage, "alice", Flow::udp(addr(SWITCH), addr(DESK)));
    stage
}

fn register(stage: &mut Stage, user: &'static str, flow: Flow) {
    let mut phone = Handset::by(user, flow, &flow.peer.to_string());
    let answer = phone.register(stage, &format!("Contact: <sip:{user}@{}>\r\n", flow.peer));
    assert_eq!(answer.status(), 200);
}

/// A subscription of alice's phone.
struct Watcher {
    flow: Flow,
    dialog: Dialogue,
    user: &'static str,
}

impl Watcher {
    fn new(user: &'static str, watched: &str, call_id: &str) -> Self {
        let flow = Flow::udp(addr(SWITCH), addr(DESK));
        let mut dialog = Dialogue::caller(flow.peer, call_id, user, watched);
        dialog.target = format!("sip:{watched}@{SIP_DOMAIN}");
        dialog.remote = format!("<sip:{watched}@{SIP_DOMAIN}>");
        Self { flow, dialog, user }
    }

    /// Without credentials, and then with them.
    #[track_caller]
    fn ask(&mut self, stage: &mut Stage, lines: &str) {
        let bytes = self.dialog.request("SUBSCRIBE", lines, None);
        stage.send_over(self.flow, &bytes);
        let refusal = stage.expect(self.flow.peer, "401 SUBSCRIBE");
        let challenge =
            Challenge::parse(refusal.header(Name::WwwAuthenticate).expect("one")).expect("a challenge");
        let line = challenge.authorization(&Credentials {
            user: self.user,
            password: "s3cret",
            method: "SUBSCRIBE",
            uri: &self.dialog.target,
            cnonce: "c",
            nc: 1,
        });
        let bytes = self.dialog.request("SUBSCRIBE", &format!("{lines}Authorization: {line}\r\n"), None);
        stage.send_over(self.flow, &bytes);
    }

    /// Subscribes in vain: the refusal.
    #[track_caller]
    fn subscribe(&mut self, stage: &mut Stage, lines: &str) -> Message {
        self.ask(stage, lines);
        let mut all = stage.inbox(self.flow.peer);
        assert_eq!(all.len(), 1, "{:?}", all.iter().map(tests::dialogue::kind).collect::<Vec<_>>());
        all.remove(0)
    }

    /// Subscribes; what the first NOTIFY says.
    #[track_caller]
    fn begin(&mut self, stage: &mut Stage, lines: &str) -> Message {
        self.ask(stage, lines);
        let ok = stage.expect(self.flow.peer, "200 SUBSCRIBE");
        self.dialog.learn(&ok);
        self.notified(stage)
    }

    /// The next NOTIFY, which is answered.
    #[track_caller]
    fn notified(&mut self, stage: &mut Stage) -> Message {
        let notify = stage.expect(self.flow.peer, "NOTIFY");
        stage.send_over(self.flow, &reply(&notify, 200, "", self.flow.peer, "", None));
        self.check(&notify);
        notify
    }

    fn check(&self, notify: &Message) {
        assert_eq!(notify.call_id(), self.dialog.call_id);
        assert!(contact_uri(notify).is_some_and(|uri| uri.starts_with("sip:events@192.0.2.1")));
        assert_eq!(notify.header(Name::To), Some(&*self.dialog.local));
    }
}

fn body(message: &Message) -> String {
    String::from_utf8(message.body().to_vec()).unwrap()
}

/// The states in a NOTIFY, with the way of each call.
fn states(notify: &Message) -> Vec<String> {
    let text = body(notify);
    let dialogs = text.split("<dialog ").skip(1);
    let word = |text: &str, from: &str, to: &str| {
        text.split_once(from).and_then(|(_, rest)| rest.split_once(to)).map(|(word, _)| word.to_owned())
    };
    dialogs
        .map(|dialog| {
            let (direction, state) =
                (word(dialog, "direction=\"", "\"").unwrap(), word(dialog, "<state>", "</state>").unwrap());
            format!("{direction} {state}")
        })
        .collect()
}

#[test]
fn a_lamp_follows_the_calls_of_a_colleague() {
    let mut stage = stage();
    register(&mut stage, "bob", Flow::udp(addr(SWITCH), addr(MOBILE)));
    let mut lamp = Watcher::new("alice", "bob", "s1");
    let first = lamp.begin(&mut stage, &format!("{DIALOG}Expires: 600\r\n"));
    assert_eq!(first.header(Name::Event), Some("dialog"));
    assert_eq!(first.header(Name::SubscriptionState), Some("active;expires=600"));
    assert_eq!(first.header(Name::ContentType), Some("application/dialog-info+xml"));
    let text = body(&first);
    assert!(text.contains("version=\"0\" state=\"full\" entity=\"sip:bob@sip.example.net\""), "{text}");
    assert_eq!(states(&first), [""; 0]);

    // A carrier calls bob's number.
    stage.advance(1_000);
    let mut caller = calling(ALPHA, NUMBER);
    caller.invite(&mut stage);
    let mut phone = Callee::wait(&mut stage, MOBILE);
    let ringing = lamp.notified(&mut stage);
    assert_eq!(states(&ringing), ["recipient early"]);
    assert!(body(&ringing).contains("version=\"1\""));
    assert!(!body(&ringing).contains("34600"), "who calls is not told: {}", body(&ringing));
    phone.ring(&mut stage);
    phone.answer(&mut stage);
    stage.expect(phone.at, "ACK");
    caller.answered(&mut stage);
    // No more than one a second.
    stage.silence(lamp.flow.peer);
    stage.advance(1_000);
    assert_eq!(states(&lamp.notified(&mut stage)), ["recipient confirmed"]);
    stage.advance(5_000);
    stage.silence(lamp.flow.peer);
    caller.bye(&mut stage);
    caller.expect(&mut stage, "200 BYE");
    phone.bye_comes(&mut stage);
    let last = lamp.notified(&mut stage);
    assert_eq!(states(&last), [""; 0]);
    assert_eq!(last.header(Name::SubscriptionState), Some("active;expires=593"));

    // Its time is over.
    stage.advance(594_000);
    let end = lamp.notified(&mut stage);
    assert_eq!(end.header(Name::SubscriptionState), Some("terminated;reason=timeout"));
    stage.over();
}

/// A call that is up already is in the first NOTIFY, and the number that a colleague calls is told.
#[test]
fn a_call_that_is_up_is_told_at_once() {
    let mut stage = stage();
    let mut caller = Phone::new(addr(MOBILE), "h1", "+34511000000");
    caller.dialog.target = format!("sip:+34511000000@{SIP_DOMAIN}");
    let challenge = challenged(&mut stage, &mut caller);
    let credentials = of_invite(&caller, &challenge, ("bob", "s3cret"), 1);
    caller.invite_with(&mut stage, &credentials);
    let mut alpha = Callee::wait(&mut stage, ALPHA);
    let mut lamp = Watcher::new("alice", "bob", "s1");
    let first = lamp.begin(&mut stage, DIALOG);
    assert_eq!(states(&first), ["initiator trying"]);
    assert!(body(&first).contains("<identity>tel:+34511000000</identity>"), "{}", body(&first));
    assert_eq!(first.header(Name::SubscriptionState), Some("active;expires=3600"));
    stage.advance(1_000);
    alpha.ring(&mut stage);
    assert_eq!(states(&lamp.notified(&mut stage)), ["initiator early"]);
    stage.advance(1_000);
    alpha.fail(&mut stage, 486);
    assert_eq!(states(&lamp.notified(&mut stage)), [""; 0]);
}

#[test]
fn a_subscription_is_refreshed_and_taken_back() {
    let mut stage = stage();
    let mut lamp = Watcher::new("alice", "bob", "s1");
    lamp.begin(&mut stage, &format!("{DIALOG}Expires: 60\r\n"));
    stage.advance(50_000);
    let again = lamp.begin(&mut stage, &format!("{DIALOG}Expires: 120\r\n"));
    assert_eq!(again.header(Name::SubscriptionState), Some("active;expires=120"));
    stage.advance(100_000);
    stage.silence(lamp.flow.peer);
    let end = lamp.begin(&mut stage, &format!("{DIALOG}Expires: 0\r\n"));
    assert_eq!(end.header(Name::SubscriptionState), Some("terminated;reason=timeout"));
    // Of a subscription that is no more.
    assert_eq!(lamp.subscribe(&mut stage, DIALOG).status(), 481);
    // To be told once.
    let mut once = Watcher::new("alice", "bob", "s2");
    let told = once.begin(&mut stage, &format!("{DIALOG}Expires: 0\r\n"));
    assert_eq!(told.header(Name::SubscriptionState), Some("terminated;reason=timeout"));
    stage.advance(60_000);
    stage.silence(once.flow.peer);
    stage.over();
}

#[test]
fn no_message_waits_and_only_ones_own_are_told() {
    let mut stage = stage();
    let mut own = Watcher::new("alice", "alice", "s1");
    let told = own.begin(&mut stage, "Event: message-summary;id=7\r\nExpires: 600\r\n");
    assert_eq!(told.header(Name::Event), Some("message-summary;id=7"));
    assert_eq!(body(&told), "Messages-Waiting: no\r\nMessage-Account: sip:alice@sip.example.net\r\n");
    let mut other = Watcher::new("alice", "bob", "s2");
    assert_eq!(other.subscribe(&mut stage, "Event: message-summary\r\n").status(), 403);
}

#[test]
fn what_cannot_be_subscribed_to_is_refused() {
    let mut stage = stage();
    for (at, (watched, lines, status)) in [
        ("bob", "Event: presence\r\n", 489),
        ("bob", "", 489),
        ("bob", "Event: dialog\r\nAccept: text/plain\r\n", 406),
        ("bob", "Event: dialog\r\nExpires: 59\r\n", 423),
        ("bob", "Event: dialog\r\nRequire: gruu\r\n", 420),
        // Nobody, and another customer's.
        ("dave", DIALOG, 404),
        ("carol", DIALOG, 404),
        ("acme-pbx", DIALOG, 404),
    ]
    .into_iter()
    .enumerate()
    {
        let refusal = Watcher::new("alice", watched, &format!("s{at}")).subscribe(&mut stage, lines);
        assert_eq!(refusal.status(), status, "{watched} {lines}");
        if status == 489 {
            assert_eq!(refusal.header(Name::AllowEvents), Some("dialog, message-summary"));
        }
    }
    // By the number that rings it.
    let first = Watcher::new("alice", NUMBER, "s20").begin(&mut stage, DIALOG);
    assert!(body(&first).contains("entity=\"sip:bob@sip.example.net\""));
}

/// Who is not registered hears nothing, as before; nor does who is, from another port.
#[test]
fn strangers_hear_nothing() {
    let mut stage = stage();
    let mut lamp = Watcher::new("alice", "bob", "s1");
    for at in [MOBILE, "203.0.113.7:5063"] {
        lamp.flow = Flow::udp(addr(SWITCH), addr(at));
        let bytes = lamp.dialog.request("SUBSCRIBE", DIALOG, None);
        stage.send_over(lamp.flow, &bytes);
        stage.silence(addr(at));
    }
    // A gate has no phones of ours behind it.
    let bytes = lamp.dialog.request("SUBSCRIBE", DIALOG, None);
    stage.send(addr(PBX), &bytes);
    stage.expect(addr(PBX), "489 SUBSCRIBE");
}

/// A phone that refuses a NOTIFY, or never answers, is told no more.
#[test]
fn who_does_not_take_it_is_told_no_more() {
    for answers in [true, false] {
        let mut stage = stage();
        register(&mut stage, "bob", Flow::udp(addr(SWITCH), addr(MOBILE)));
        let mut lamp = Watcher::new("alice", "bob", "s1");
        lamp.begin(&mut stage, DIALOG);
        stage.advance(1_000);
        let mut caller = calling(ALPHA, NUMBER);
        caller.invite(&mut stage);
        let notify = stage.expect(lamp.flow.peer, "NOTIFY");
        if answers {
            stage.send_over(lamp.flow, &reply(&notify, 481, "", lamp.flow.peer, "", None));
        }
        caller.cancel(&mut stage);
        stage.advance(40_000);
        let repeats: Vec<Message> = stage.inbox(lamp.flow.peer);
        let last = repeats.iter().map(body).find(|text| text.contains("version=\"2\""));
        assert_eq!(last, None, "nothing new is told");
        assert_eq!(lamp.subscribe(&mut stage, DIALOG).status(), 481);
    }
}

#[test]
fn a_closed_connection_ends_its_subscriptions_and_there_are_so_many() {
    let mut stage = stage();
    let flow = Flow::stream(Transport::Tcp, addr(SWITCH), addr("203.0.113.7:40000"), 5);
    register(&mut stage, "alice", flow);
    let mut lamp = Watcher::new("alice", "bob", "s1");
    lamp.flow = flow;
    lamp.dialog = lamp.dialog.over("TCP");
    lamp.dialog.me = flow.peer;
    lamp.begin(&mut stage, DIALOG);
    stage.input(node::Input::Closed(flow));
    let mut again = Watcher { flow: Flow::udp(addr(SWITCH), addr(DESK)), ..lamp };
    assert_eq!(again.subscribe(&mut stage, DIALOG).status(), 481);
    for n in 0..64 {
        stage.advance(1_000);
        Watcher::new("alice", "bob", &format!("m{n}")).begin(&mut stage, DIALOG);
    }
    stage.advance(1_000);
    let refusal = Watcher::new("alice", "bob", "m64").subscribe(&mut stage, DIALOG);
    assert_eq!((refusal.status(), refusal.header(Name::RetryAfter)), (500, Some("60")));
    // The end of the process is told to all.
    stage.kinds(addr(DESK));
    stage.input(node::Input::Stop);
    let ends = stage.inbox(addr(DESK));
    let is_end = |it: &Message| it.header(Name::SubscriptionState) == Some("terminated;reason=deactivated");
    assert_eq!(ends.iter().filter(|it| is_end(it)).count(), 64);
}
