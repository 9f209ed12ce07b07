//! Bytes that were changed at random: everything is refused or read, nothing panics. How many by
//! `H323_MUTATIONS`; ten million take some minutes.

use h323::asn1::h225::{H323UserInformation, RasMessage};
use h323::asn1::h245::MultimediaSystemControlMessage;
use h323::call::{Call, Settings};
use h323::per::{decode, encode};
use h323::q931::{IeId, Message, MessageType, MessageWriter};
use units::Tick;

const USUAL: u64 = 60_000;

struct Dice(u64);

impl Dice {
    fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % n as u64) as usize
    }

    fn change(&mut self, bytes: &mut Vec<u8>) {
        for _ in 0..=self.below(4) {
            let at = self.below(bytes.len().max(1));
            match self.below(4) {
                0 if !bytes.is_empty() => bytes[at] ^= 1 << self.below(8),
                1 if !bytes.is_empty() => bytes[at] = self.below(256) as u8,
                2 => bytes.truncate(at),
                _ => bytes.insert(at.min(bytes.len()), self.below(256) as u8),
            }
        }
    }
}

fn setup_frame() -> Vec<u8> {
    let info: H323UserInformation = decode(include_bytes!("data/vectors/setup_fs.bin")).unwrap();
    let frame = MessageWriter::new(MessageType::Setup, 1, false)
        .element(IeId::CalledParty, &[0x81, b'4', b'4'])
        .finish(&info)
        .unwrap();
    frame[4..].to_vec()
}

#[test]
fn mutated_messages_never_panic() {
    let count = std::env::var("H323_MUTATIONS").ok().and_then(|n| n.parse().ok()).unwrap_or(USUAL);
    let setup = setup_frame();
    let seeds: [&[u8]; 6] = [
        include_bytes!("data/vectors/setup_fs.bin"),
        include_bytes!("data/vectors/connect_fs.bin"),
        include_bytes!("data/vectors/tcs.bin"),
        include_bytes!("data/vectors/olcack.bin"),
        include_bytes!("data/vectors/rrq.bin"),
        include_bytes!("data/vectors/acf.bin"),
    ];
    let mut dice = Dice(0x9e37_79b9_7f4a_7c15);
    let (mut read, mut calls) = (0_u64, 0_u64);
    for nth in 0..count {
        let mut bytes = seeds[nth as usize % seeds.len()].to_vec();
        dice.change(&mut bytes);
        // what is read can be written, unless it holds half a character
        match nth as usize % seeds.len() {
            0 | 1 => {
                read += u64::from(decode::<H323UserInformation>(&bytes).is_ok_and(|v| encode(&v).is_ok()))
            }
            2 | 3 => {
                let message = decode::<MultimediaSystemControlMessage>(&bytes);
                read += u64::from(message.is_ok_and(|v| encode(&v).is_ok()));
            }
            _ => read += u64::from(decode::<RasMessage>(&bytes).is_ok_and(|v| encode(&v).is_ok())),
        }
        if nth % 8 == 0 {
            let mut frame = setup.clone();
            dice.change(&mut frame);
            let _ = Message::parse(&frame);
            if let Ok(mut call) = Call::incoming(Tick(0), Settings::default(), nth, &frame) {
                let mut next = setup.clone();
                dice.change(&mut next);
                call.handle_signalling(Tick(1), &next);
                calls += 1;
            }
        }
    }
    assert!(read > count / 20 && calls > count / 200, "{read} read and {calls} calls of {count}");
}
