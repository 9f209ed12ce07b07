//! The numbers that a certificate is for (RFC 8226 §9).

use der::asn1::{Ia5String, UintRef};
use der::{Choice, Decode, Sequence};

use crate::tn::Tn;

/// Most entries of one certificate that are read.
const ENTRIES_MAX: usize = 4_096;

/// The numbers of a certificate.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TnAuthList(Vec<Entry>);

/// One entry, as it is asked.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Entry {
    /// All numbers of a service provider, by its code. SHAKEN believes the provider on its numbers
    /// (ATIS-1000080 §6.4.1), as there is no list of them.
    ServiceProvider(Box<str>),
    /// Numbers from the first, which has so many digits, to the last.
    Range { first: u64, last: u64, digits: usize },
    /// One number.
    One(Tn),
}

#[derive(Choice)]
enum Asn1Entry<'a> {
    #[asn1(context_specific = "0", tag_mode = "EXPLICIT", constructed = "true")]
    Spc(Ia5String),
    #[asn1(context_specific = "1", tag_mode = "EXPLICIT", constructed = "true")]
    Range(Asn1Range<'a>),
    #[asn1(context_specific = "2", tag_mode = "EXPLICIT", constructed = "true")]
    One(Ia5String),
}

#[derive(Sequence)]
struct Asn1Range<'a> {
    start: Ia5String,
    count: UintRef<'a>,
}

// === impl TnAuthList ===

impl TnAuthList {
    /// Reads the extension's value; `None` if it is none, is empty, or has more than 4,096 entries.
    pub(crate) fn read(der: &[u8]) -> Option<Self> {
        let entries = Vec::<Asn1Entry<'_>>::from_der(der).ok()?;
        if entries.is_empty() || entries.len() > ENTRIES_MAX {
            return None;
        }
        entries.iter().map(Entry::of).collect::<Option<_>>().map(Self)
    }

    /// Whether the certificate may sign for a number.
    pub fn covers(&self, number: &Tn) -> bool {
        self.0.iter().any(|entry| match entry {
            Entry::ServiceProvider(_) => true,
            Entry::Range { first, last, digits } => {
                number.value().is_some_and(|(value, its)| its == *digits && (*first..=*last).contains(&value))
            }
            Entry::One(one) => one == number,
        })
    }

    /// The codes of service providers in it.
    pub fn service_providers(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|entry| match entry {
            Entry::ServiceProvider(code) => Some(&**code),
            Entry::Range { .. } | Entry::One(_) => None,
        })
    }
}

impl Entry {
    fn of(entry: &Asn1Entry<'_>) -> Option<Self> {
        Some(match entry {
            Asn1Entry::Spc(code) => Self::ServiceProvider(code.as_str().into()),
            Asn1Entry::One(number) => Self::One(Tn::canonical(number.as_str())?),
            Asn1Entry::Range(range) => {
                let (first, digits) = Tn::canonical(range.start.as_str())?.value()?;
                let count = range.count.as_bytes();
                let count = count
                    .iter()
                    .try_fold(0_u64, |sum, byte| sum.checked_mul(256).map(|sum| sum + u64::from(*byte)))?;
                // A range ends with the numbers of its length.
                let longest = 10_u64.checked_pow(u32::try_from(digits).ok()?)? - 1;
                let last = first.checked_add(count.checked_sub(1)?)?.min(longest);
                Self::Range { first, last, digits }
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tn(text: &str) -> Tn {
        Tn::canonical(text).expect(text)
    }

    /// `[0]`, `[1]` and `[2]` written by hand, by X.690.
    fn list(entries: &[&[u8]]) -> Vec<u8> {
        let inner = entries.concat();
        [&[0x30, inner.len() as u8], &*inner].concat()
    }

    const SPC: &[u8] = b"\xa0\x06\x16\x04709J";
    const ONE: &[u8] = b"\xa2\x0d\x16\x0b12155550131";
    const RANGE: &[u8] = b"\xa1\x11\x30\x0f\x16\x0912155550\x30\x02\x02\x00\xc8";

    #[test]
    fn the_three_kinds_cover_what_they_say() {
        let provider = TnAuthList::read(&list(&[SPC])).expect("spc");
        assert!(provider.covers(&tn("34911000000")));
        assert_eq!(provider.service_providers().collect::<Vec<_>>(), ["709J"]);
        let one = TnAuthList::read(&list(&[ONE])).expect("one");
        assert!(one.covers(&tn("+1 215 555 0131")) && !one.covers(&tn("12155550132")));
        let range = TnAuthList::read(&list(&[RANGE, ONE])).expect("range");
        for (number, covered) in
            [("121555500", true), ("121555699", true), ("121555700", false), ("121555499", false)]
        {
            assert_eq!(range.covers(&tn(number)), covered, "{number}");
        }
        assert!(!range.covers(&tn("1215555000")) && !range.covers(&tn("#21555500")));
    }

    #[test]
    fn what_is_no_list_covers_nothing() {
        let zero = b"\xa1\x10\x30\x0e\x16\x09121555500\x02\x01\x00";
        let huge = b"\xa1\x18\x30\x16\x16\x09121555500\x02\x09\x01\x00\x00\x00\x00\x00\x00\x00\x00";
        for der in
            [&list(&[])[..], b"", b"\x30\x80", &list(&[zero]), &list(&[huge]), &list(&[b"\xa3\x02\x16\x00"])]
        {
            assert_eq!(TnAuthList::read(der), None, "{der:02x?}");
        }
    }
}
