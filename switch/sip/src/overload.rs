//! Overload control between neighbours (RFC 7339): a client announces in its Via that it can send less, the
//! server says there in its responses what part of new calls it should not send.
//!
//! Only the algorithm `loss` is spoken, which every implementation has (§7). Invariant: what a peer claims
//! holds for no longer than [`VALIDITY_MS_MAX`].

use crate::Params;
use crate::chars::write_decimal;

/// What a client adds to the Via of its requests (§4.1, §4.2).
pub const ANNOUNCEMENT: &str = ";oc;oc-algo=\"loss\"";
/// Milliseconds for which a value holds that does not say it (§4.3).
const VALIDITY_MS: u32 = 500;
/// Longest time for which a value holds.
pub const VALIDITY_MS_MAX: u32 = 60_000;
/// The parameters of this extension.
const NAMES: [&str; 4] = ["oc", "oc-algo", "oc-validity", "oc-seq"];
/// Steps of `oc-seq` in a second: it has at most five places (§4.4).
const SEQ_STEPS: u64 = 100_000;

/// What a server says of its load.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LoadReport {
    /// New calls that are not to be sent, of a hundred; 0: all may come.
    pub loss: u8,
    /// For how long, milliseconds; 0: no longer.
    pub validity_ms: u32,
    /// Of two reports the later one has the larger number, in hundred-thousandths.
    pub seq: u64,
}

/// Whether the parameters of a request's Via announce that its sender can send less (§4.1).
pub fn is_announced(params: &Params<'_>) -> bool {
    let algorithms = params.value("oc-algo").unwrap_or("loss");
    params.find("oc").is_some() && listed(algorithms).any(is_loss)
}

fn listed(algorithms: &str) -> impl Iterator<Item = &str> {
    algorithms.trim_matches('"').split(',').map(str::trim)
}

fn is_loss(algorithm: &str) -> bool {
    algorithm.eq_ignore_ascii_case("loss")
}

// === impl LoadReport ===

impl LoadReport {
    /// The report in the parameters of a response's Via; none if there is none, or one of another algorithm,
    /// or one that is out of its range.
    pub fn read(params: &Params<'_>) -> Option<Self> {
        let loss = params.find("oc")??.parse().ok().filter(|loss| *loss <= 100)?;
        // A server picks one algorithm (§4.2).
        let algorithm = params.value("oc-algo")?.trim_matches('"');
        let validity_ms = match params.value("oc-validity") {
            Some(text) => text.parse::<u32>().ok()?.min(VALIDITY_MS_MAX),
            None => VALIDITY_MS,
        };
        let seq = params.value("oc-seq").map_or(Some(0), read_seq)?;
        is_loss(algorithm).then_some(Self { loss, validity_ms, seq })
    }

    /// As the end of a Via value.
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b";oc=");
        write_decimal(out, usize::from(self.loss));
        out.extend_from_slice(b";oc-algo=\"loss\";oc-validity=");
        write_decimal(out, self.validity_ms as usize);
        out.extend_from_slice(b";oc-seq=");
        write_decimal(out, (self.seq / SEQ_STEPS) as usize);
        out.push(b'.');
        out.extend_from_slice(format!("{:05}", self.seq % SEQ_STEPS).as_bytes());
    }
}

/// `1*12DIGIT "." 1*5DIGIT` as a count of hundred-thousandths.
fn read_seq(text: &str) -> Option<u64> {
    let (whole, places) = text.split_once('.')?;
    let is_number = |digits: &str, most| {
        (1..=most).contains(&digits.len()) && digits.bytes().all(|digit| digit.is_ascii_digit())
    };
    if !is_number(whole, 12) || !is_number(places, 5) {
        return None;
    }
    let scale = 10_u64.pow(5 - places.len() as u32);
    Some(whole.parse::<u64>().ok()? * SEQ_STEPS + places.parse::<u64>().ok()? * scale)
}

/// Whether a parameter is one of this extension: a server replaces those of the request.
pub(crate) fn is_ours(name: &str) -> bool {
    NAMES.iter().any(|known| known.eq_ignore_ascii_case(name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Via;

    fn report(params: &str) -> Option<LoadReport> {
        let text = format!("SIP/2.0/TLS p1.example.net;branch=z9hG4bK2d4790.1{params}");
        LoadReport::read(&Via::parse(&text).expect("a Via").params)
    }

    /// The examples of RFC 7339 §9, and what must not be believed.
    #[test]
    fn reports_are_read_as_the_rfc_has_them() {
        let first =
            report(";received=192.0.2.111;oc=20;oc-algo=\"loss\";oc-validity=500;oc-seq=1282321615.782");
        assert_eq!(first, Some(LoadReport { loss: 20, validity_ms: 500, seq: 128_232_161_578_200 }));
        assert_eq!(
            report(";oc=0;oc-algo=\"loss\";oc-validity=0"),
            Some(LoadReport { loss: 0, validity_ms: 0, seq: 0 })
        );
        assert_eq!(report(";oc=7;oc-algo=\"loss\"").map(|report| report.validity_ms), Some(500));
        assert_eq!(
            report(";oc=7;oc-algo=\"loss\";oc-validity=4000000000").map(|report| report.validity_ms),
            Some(60_000)
        );
        for wrong in [
            "",
            ";oc;oc-algo=\"loss\"",
            ";oc=20",
            ";oc=101;oc-algo=\"loss\"",
            ";oc=-1;oc-algo=\"loss\"",
            ";oc=20;oc-algo=\"rate\"",
            ";oc=20;oc-algo=\"loss,rate\"",
            ";oc=20;oc-algo=\"loss\";oc-validity=soon",
            ";oc=20;oc-algo=\"loss\";oc-seq=1",
            ";oc=20;oc-algo=\"loss\";oc-seq=1234567890123.1",
        ] {
            assert_eq!(report(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn announcements_are_seen() {
        for (params, announced) in [
            (ANNOUNCEMENT, true),
            (";oc;oc-algo=\"rate,loss\"", true),
            (";oc", true),
            (";oc;oc-algo=\"rate\"", false),
            ("", false),
            (";oc-algo=\"loss\"", false),
        ] {
            let text = format!("SIP/2.0/UDP h;branch=b{params}");
            assert_eq!(is_announced(&Via::parse(&text).expect("a Via").params), announced, "{params}");
        }
    }

    #[test]
    fn what_is_written_is_read_again() {
        for (loss, seq) in [(0, 0), (1, 128_232_161_578_200), (100, 99_999)] {
            let told = LoadReport { loss, validity_ms: 1_000, seq };
            let mut out = Vec::new();
            told.write(&mut out);
            let text = String::from_utf8(out).expect("text");
            assert_eq!(report(&text), Some(told), "{text}");
            assert!(Params::new(&text).iter().all(|(name, _)| is_ours(name)), "{text}");
        }
    }
}
