//! Relayed media through the real program: voice both ways by its ports, a stranger who is not heard, and a
//! call whose voice dies.

use std::net::{SocketAddr, UdpSocket};
use std::sync::mpsc;
use std::time::Duration;

use codecs::g711::Law;

use crate::harness::datagrams::{Datagrams, PCMA, PCMU, packet, target, tone};
use crate::harness::{
    Books, CARRIERS, Caller, Line as _, PBX, SOON, SPAIN, STALL_MS, STRANGER, Site, Tollgate, answered,
    eventually, tollgate,
};

const BY_THE_SECOND: &str = "34,Spain,0.60,1,1,,,";
/// What a second costs by that, 10⁻⁵ EUR.
const CENT: i64 = 1_000;
const PACKETS: u16 = 50;

/// A call that stands: both peers, what each was told of the switch's ports, and what comes to the carrier.
struct Talk {
    site: Site,
    switch: Tollgate,
    phone: Datagrams,
    caller: Caller,
    answer: String,
    carrier: Datagrams,
    requests: mpsc::Receiver<String>,
    /// The switch's toward the caller and toward the carrier.
    ours: (SocketAddr, SocketAddr),
}

impl Talk {
    fn begin(media: &str) -> Self {
        Self::begin_with("10.00", media)
    }

    /// With so much money.
    fn begin_with(balance: &str, media: &str) -> Self {
        Self::between(balance, media, (PCMA, ""))
    }

    /// With a carrier of this codec.
    fn between(balance: &str, media: &str, (codec, codecs): (u8, &str)) -> Self {
        // The carrier's port is known before the switch is; nothing is sent before both are there.
        let nowhere = SocketAddr::from(([127, 0, 0, 1], 9));
        let mut carrier = Datagrams { codec, ..Datagrams::at(CARRIERS, nowhere) };
        let port = carrier.sip.local_addr().unwrap().port();
        let site = Site::acme(balance, BY_THE_SECOND)
            .media(&format!("mode = \"relay\"\nports = [20000, 20999]\n{media}"))
            .node("max_calls = 200")
            .carrier("alpha", port, codecs)
            .route("34", &["alpha"]);
        let switch = site.start();
        carrier.switch = switch.udp;
        let (told, requests) = mpsc::channel();
        let mut serving = Datagrams {
            sip: carrier.sip.try_clone().unwrap(),
            voice: carrier.voice.try_clone().unwrap(),
            switch: switch.udp,
            codec,
        };
        std::thread::spawn(move || {
            while let Some(request) = serving.hear() {
                if !request.starts_with("ACK ") {
                    serving.send(&answered(&request, &format!("{CARRIERS}:{port}")));
                }
                if told.send(request).is_err() {
                    return;
                }
            }
        });
        let mut phone = Datagrams::at(PBX, switch.udp);
        let here = phone.sip.local_addr().unwrap().to_string();
        let caller = Caller { via: "UDP", here, contact: "", id: 1 };
        let answer = caller.call(&mut phone, SPAIN).unwrap();
        let invite = requests.recv_timeout(SOON).unwrap();
        let ours = (target(&answer), target(&invite));
        Self { site, switch, phone, caller, answer, carrier, requests, ours }
    }
}

#[test]
fn voice_goes_both_ways_by_our_ports() {
    let mut talk = Talk::begin("address = \"127.0.0.21\"\n");
    let (a, b) = talk.ours;
    for ours in [a, b] {
        assert_eq!(ours.ip().to_string(), "127.0.0.21");
        assert!(ours.port().is_multiple_of(2) && (20_000..21_000).contains(&ours.port()), "{ours}");
    }
    for number in 1..=PACKETS {
        talk.phone.speak(a, number);
        assert_eq!(talk.carrier.listen(), (number, b));
        talk.carrier.speak(b, number);
        assert_eq!(talk.phone.listen(), (number, a));
    }
    assert_eq!(talk.switch.api.metric("tollgate_media_sessions{kind=\"rtp\"}"), 2.0);

    // attack 38: whoever knows the ports is not heard by either side, and hears nothing.
    let stranger = UdpSocket::bind((STRANGER, 0)).unwrap();
    for number in 0..20 {
        for ours in [a, b] {
            stranger.send_to(&packet(60_000 + number), ours).unwrap();
        }
    }
    eventually("the stranger's packets are counted", SOON, || {
        let dropped = talk.switch.api.metric("tollgate_rtp_packets_dropped_total{reason=\"foreign\"}");
        (dropped >= 40.0).then_some(())
    });
    talk.phone.speak(a, PACKETS + 1);
    assert_eq!(talk.carrier.listen().0, PACKETS + 1, "the next packet is the caller's");
    talk.carrier.speak(b, PACKETS + 1);
    assert_eq!(talk.phone.listen().0, PACKETS + 1, "the next packet is the carrier's");
    stranger.set_nonblocking(true).unwrap();
    assert!(stranger.recv(&mut [0; 64]).is_err());

    assert!(talk.caller.bye(&mut talk.phone, &talk.answer).unwrap().starts_with("SIP/2.0 200"));
    let cdr = talk.switch.api.wait_cdrs(1).remove(0);
    let counts = ["a_in", "a_out", "b_in", "b_out"].map(|what| cdr.number(&format!("rtp_packets_{what}")));
    assert_eq!(counts, [i64::from(PACKETS) + 1; 4], "{cdr:?}");
    assert_eq!((cdr.number("rtp_lost_a"), cdr.number("rtp_lost_b")), (0, 0));
    assert_eq!((cdr.text("media_ip_a"), cdr.text("media_ip_b")), (PBX, CARRIERS));
    assert_eq!(cdr.text("reason"), "normal");
    Books::of("acme", "10.00").check(&talk.switch.api, &talk.site.data());
    eventually("the ports are closed", SOON, || {
        (talk.switch.api.metric("tollgate_media_sessions{kind=\"rtp\"}") == 0.0).then_some(())
    });
}

/// The carrier answers and never sends: after three seconds both sides are hung up, and one second is paid.
#[test]
fn a_call_without_voice_ends() {
    let mut talk = Talk::begin("address = \"127.0.0.22\"\nrtp_timeout_secs = 3\n");
    let (a, _) = talk.ours;
    talk.phone.sip.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
    let mut number = 0;
    let bye = eventually("the switch hangs up", SOON, || {
        number += 1;
        talk.phone.speak(a, number);
        talk.phone.hear().filter(|heard| heard.starts_with("BYE "))
    });
    assert!(bye.contains("Reason: Q.850;cause=31"), "{bye}");
    talk.phone.send(&answered(&bye, &talk.caller.here));
    let mut carriers = std::iter::from_fn(|| talk.requests.recv_timeout(SOON).ok());
    let carriers = carriers.find(|request| request.starts_with("BYE ")).unwrap();
    assert!(carriers.contains("Reason: Q.850;cause=31"), "{carriers}");
    let cdr = talk.switch.api.wait_cdrs(1).remove(0);
    assert_eq!((cdr.text("reason"), cdr.number("cause_q850")), ("rtp-timeout", 31));
    assert_eq!((cdr.number("duration_ms"), cdr.units("amount")), (1, CENT), "{cdr:?}");
    let lasted = cdr.between_ms("answered_at", "ended_at");
    assert!((3_000..3_000 + STALL_MS).contains(&lasted), "{lasted} ms");
    // The last packet may have met the end.
    let (came, sent) = (cdr.number("rtp_packets_a_in"), i64::from(number));
    assert!((sent - 1..=sent).contains(&came), "{came} of {sent}");
    assert_eq!(cdr.number("rtp_packets_b_in"), 0);
    Books::of("acme", "10.00").check(&talk.switch.api, &talk.site.data());
}

/// Relayed calls need an address that is ours.
#[test]
fn an_address_that_is_not_ours_is_refused_at_the_start() {
    let site = Site::acme("10.00", BY_THE_SECOND).media("mode = \"relay\"\naddress = \"192.0.2.77\"\n");
    assert!(site.refuses_to_start());
}

/// X13 between real sockets: with six seconds paid for, the caller is warned in place of the carrier's voice,
/// the carrier hears the caller all the time and nothing else, and after six seconds the call is cut.
#[test]
fn the_caller_is_warned_and_the_call_is_cut_on_time() {
    let mut talk = Talk::begin_with("0.06", "address = \"127.0.0.23\"\n");
    let (a, b) = talk.ours;
    let (mut heard, mut warned, mut number) = (0_u16, Vec::new(), 0_u16);
    let mut numbers = Vec::new();
    talk.phone.voice.set_nonblocking(true).unwrap();
    talk.carrier.voice.set_nonblocking(true).unwrap();
    talk.phone.sip.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
    let mut buffer = [0; 2_048];
    let bye = eventually("the switch hangs up", SOON, || {
        number += 1;
        talk.phone.speak(a, number);
        talk.carrier.speak(b, number);
        let bye = talk.phone.hear();
        while let Ok((count, from)) = talk.phone.voice.recv_from(&mut buffer) {
            assert_eq!((count, from, buffer[1] & 0x7f), (172, a, 8));
            // The carrier's packets are silence behind their number.
            let is_carriers = buffer[14..172].iter().all(|octet| *octet == 0xd5);
            if !is_carriers {
                warned.push((heard, u16::from_be_bytes([buffer[2], buffer[3]])));
            }
            heard += 1;
        }
        while let Ok((_, from)) = talk.carrier.voice.recv_from(&mut buffer) {
            assert_eq!(from, b);
            numbers.push(u16::from_be_bytes([buffer[12], buffer[13]]));
        }
        bye.filter(|heard| heard.starts_with("BYE "))
    });
    assert!(bye.contains("Reason: SIP;cause=402"), "{bye}");
    talk.phone.send(&answered(&bye, &talk.caller.here));
    // Pauses in the prompt are silence too, and look like the carrier's.
    assert!(warned.len() > 100, "{} packets of the warning", warned.len());
    let (first, last) = (warned[0], warned[warned.len() - 1]);
    assert_eq!(last.0 - first.0, last.1.wrapping_sub(first.1), "one stream without a gap");
    assert!(
        last.0 - first.0 < 300 && heard > last.0 + 10,
        "then the carrier is heard again: {last:?} of {heard}"
    );
    // The last one may have met the end.
    assert!(numbers.len() + 2 >= usize::from(number) && numbers.is_sorted(), "the caller's, all of them");
    let cdr = talk.switch.api.wait_cdrs(1).remove(0);
    assert_eq!(
        (cdr.text("reason"), cdr.number("duration_ms"), cdr.units("amount")),
        ("no-credit", 6_000, 6 * CENT)
    );
    assert_eq!((cdr.number("rtp_lost_a"), cdr.number("rtp_lost_b")), (0, 0));
    Books::of("acme", "0.06").check(&talk.switch.api, &talk.site.data());
}

/// Hears a second of voice: packets of this codec in one stream, and how loud they are.
fn loudness(side: &Datagrams, law: Law, codec: u8, from: SocketAddr) -> f64 {
    let (mut buffer, mut sum, mut numbers) = ([0; 2_048], 0.0, Vec::new());
    while numbers.len() < 50 {
        let (count, came) = side.voice.recv_from(&mut buffer).unwrap();
        assert_eq!((count, came, buffer[1] & 0x7f), (172, from, codec));
        numbers.push(u16::from_be_bytes([buffer[2], buffer[3]]));
        // What is held back first is silence.
        if numbers.len() > 10 {
            sum += buffer[12..172].iter().map(|&octet| f64::from(law.decode(octet)).powi(2)).sum::<f64>();
        }
    }
    assert!(numbers.windows(2).all(|pair| pair[1] == pair[0].wrapping_add(1)), "{numbers:?}");
    (sum / (40.0 * 160.0)).sqrt()
}

/// The operator has a call recorded by the command line: the caller is left in the file, the carrier right.
#[test]
fn a_call_is_recorded_on_the_operators_word() {
    let mut talk =
        Talk::begin("address = \"127.0.0.25\"\n[recording]\ndir = \"recordings\"\nconsent_tone = false\n");
    let config = talk.site.config();
    let ask = |words: &[&str]| {
        let output = tollgate(&[&["calls", "--config", config.to_str().unwrap()], words].concat());
        assert!(output.status.success(), "{words:?}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    let calls: serde_json::Value = serde_json::from_str(&ask(&["--json"])).unwrap();
    let id = calls["items"][0]["id"].as_str().unwrap().to_owned();
    let said = ask(&["--record", &id]);
    let file = said.trim().strip_prefix("recorded in ").unwrap().to_owned();
    let path = talk.site.path("recordings").join(&file);
    eventually("the recording begins", SOON, || path.exists().then_some(()));
    let (a, b) = talk.ours;
    for number in 0..50 {
        talk.phone.voice.send_to(&tone(Law::A, PCMA, number), a).unwrap();
        talk.carrier.speak(b, number);
        // As fast as they are heard: a second of voice takes a second.
        talk.phone.sip.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
        assert!(talk.phone.hear().is_none());
    }
    assert_eq!(ask(&["--stop-recording", &id]).trim(), format!("{file} ends here"));
    assert!(talk.caller.bye(&mut talk.phone, &talk.answer).is_some());
    let cdr = talk.switch.api.wait_cdrs(1).remove(0);
    assert_eq!(cdr.text("recording"), file);
    let wav = eventually("the file is complete", SOON, || {
        let wav = std::fs::read(&path).ok()?;
        let octets = u32::from_le_bytes([wav[40], wav[41], wav[42], wav[43]]) as usize;
        (octets > 0 && octets + 44 == wav.len()).then_some(wav)
    });
    let pairs = wav[44..].as_chunks::<4>().0;
    let power = |pick: fn(&[u8; 4]) -> [u8; 2]| {
        let sum: f64 = pairs.iter().map(|pair| f64::from(i16::from_le_bytes(pick(pair))).powi(2)).sum();
        (sum / pairs.len() as f64).sqrt()
    };
    let (left, right) = (power(|&[a, b, ..]| [a, b]), power(|&[.., c, d]| [c, d]));
    assert!(
        pairs.len() > 6_000 && left > 4_000.0 && right < 1_500.0,
        "{left} beside {right} of {}",
        pairs.len()
    );
    Books::of("acme", "10.00").check(&talk.switch.api, &talk.site.data());
}

/// The caller knows A-law only, and the carrier µ-law: each hears the other in its own.
#[test]
fn voice_is_transcoded_where_no_codec_is_shared() {
    let media = "address = \"127.0.0.24\"\ntranscode = true\n";
    let mut talk = Talk::between("10.00", media, (PCMU, "codecs = [\"PCMU\"]"));
    let (a, b) = talk.ours;
    assert!(talk.answer.contains("RTP/AVP 8 "), "{}", talk.answer);
    talk.phone.sip.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
    let spoken = std::thread::scope(|scope| {
        let (phone, carrier) = (&talk.phone, &talk.carrier);
        scope.spawn(move || {
            for number in 1..=70 {
                phone.voice.send_to(&tone(Law::A, PCMA, number), a).unwrap();
                carrier.voice.send_to(&tone(Law::Mu, PCMU, number), b).unwrap();
                // Nothing comes there: it is waited for as long as a packet lasts.
                assert!(phone.sip.recv(&mut [0; 16]).is_err());
            }
        });
        let caller = scope.spawn(move || loudness(phone, Law::A, PCMA, a));
        [loudness(carrier, Law::Mu, PCMU, b), caller.join().unwrap()]
    });
    talk.phone.sip.set_read_timeout(Some(SOON)).unwrap();
    // The effective value of a sine of 10,000 is 7,071; what comes late is concealed.
    assert!(spoken.iter().all(|heard| (5_000.0..7_800.0).contains(heard)), "{spoken:?}");
    assert_eq!(talk.switch.api.metric("tollgate_transcoding_channels"), 1.0);
    assert!(talk.caller.bye(&mut talk.phone, &talk.answer).unwrap().starts_with("SIP/2.0 200"));
    let cdr = talk.switch.api.wait_cdrs(1).remove(0);
    assert_eq!((cdr.text("codec_a"), cdr.text("codec_b")), ("PCMA", "PCMU"), "{cdr:?}");
    assert!(cdr.flag("transcoded"), "{cdr:?}");
    assert_eq!((cdr.number("rtp_packets_a_in"), cdr.number("rtp_packets_b_in")), (70, 70));
    eventually("the channel is free", SOON, || {
        (talk.switch.api.metric("tollgate_transcoding_channels") == 0.0).then_some(())
    });
}
