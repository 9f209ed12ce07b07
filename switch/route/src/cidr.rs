//! Blocks of addresses and who they belong to: longest prefix wins, IPv4 and IPv6 kept apart (RFC 4632, RFC
//! 4291 §2.3).
//!
//! Invariant: an IPv4-mapped IPv6 address is its IPv4 address, in a block and in a lookup alike.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// A block of addresses, normalised: IPv4-mapped blocks are IPv4, no bit is set after the prefix.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Cidr {
    network: IpAddr,
    prefix_len: u8,
}

/// Why text is no block of addresses.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CidrError {
    /// Neither an address nor a block.
    #[error("{0:?} is not an IP address or block: write 192.0.2.1, 192.0.2.0/24 or 2001:db8::/32")]
    Syntax(String),
    /// The prefix is longer than the address.
    #[error("{0:?} has a prefix length over {1}")]
    PrefixLength(String, u8),
    /// Bits are set after the prefix, so the writer meant something else.
    #[error(
        "{0:?} has host bits set: write {1} for the block, or leave out the prefix length for one address"
    )]
    HostBits(String, Cidr),
    /// A block that would let everybody in.
    #[error("{0:?} would match every address: list the peers' own addresses")]
    Everything(String),
}

/// An index from blocks to ids; lookups cost one binary search per prefix length in use.
#[derive(Clone, Debug)]
pub struct CidrIndex<T> {
    /// Longest prefix first; within one, sorted by network.
    v4: Vec<(u8, Vec<(u32, T)>)>,
    v6: Vec<(u8, Vec<(u128, T)>)>,
}

// === impl Cidr ===

impl Cidr {
    /// Reads an address (one host) or `address/length`.
    pub fn parse(text: &str) -> Result<Self, CidrError> {
        let syntax = || CidrError::Syntax(text.to_owned());
        let (address, length) = match text.split_once('/') {
            Some((address, length)) => (address, Some(length)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| syntax())?;
        let bits = if address.is_ipv4() { 32 } else { 128 };
        let prefix_len = match length {
            None => bits,
            Some(l) if l.is_empty() || l.len() > 3 || !l.bytes().all(|b| b.is_ascii_digit()) => {
                return Err(syntax());
            }
            Some(l) => l
                .parse::<u8>()
                .ok()
                .filter(|&l| l <= bits)
                .ok_or_else(|| CidrError::PrefixLength(text.to_owned(), bits))?,
        };
        let (address, prefix_len) = match (normal(address), address, prefix_len) {
            (v4 @ IpAddr::V4(_), IpAddr::V6(_), 96..) => (v4, prefix_len - 96),
            (_, address, prefix_len) => (address, prefix_len),
        };
        if prefix_len == 0 || address.is_unspecified() {
            return Err(CidrError::Everything(text.to_owned()));
        }
        let block = Self::masked(address, prefix_len);
        if block.network == address { Ok(block) } else { Err(CidrError::HostBits(text.to_owned(), block)) }
    }

    /// One address as a block.
    pub fn host(address: IpAddr) -> Self {
        let address = normal(address);
        Self { network: address, prefix_len: if address.is_ipv4() { 32 } else { 128 } }
    }

    /// The address, of a block that is one alone.
    pub fn single(&self) -> Option<IpAddr> {
        let bits = if self.network.is_ipv4() { 32 } else { 128 };
        (self.prefix_len == bits).then_some(self.network)
    }

    /// Whether `address` lies in the block.
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = normal(address);
        address.is_ipv4() == self.network.is_ipv4()
            && Self::masked(address, self.prefix_len).network == self.network
    }

    /// Length of the prefix in bits: at most 32, or 128 for IPv6.
    pub const fn prefix_len(&self) -> u8 {
        self.prefix_len
    }

    fn masked(address: IpAddr, prefix_len: u8) -> Self {
        let network = match address {
            IpAddr::V4(a) => IpAddr::V4(Ipv4Addr::from(u32::from(a) & mask_v4(prefix_len))),
            IpAddr::V6(a) => IpAddr::V6(Ipv6Addr::from(u128::from(a) & mask_v6(prefix_len))),
        };
        Self { network, prefix_len }
    }
}

impl fmt::Display for Cidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let host = if self.network.is_ipv4() { 32 } else { 128 };
        if self.prefix_len == host {
            write!(f, "{}", self.network)
        } else {
            write!(f, "{}/{}", self.network, self.prefix_len)
        }
    }
}

impl fmt::Debug for Cidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

// === impl CidrIndex ===

impl<T> Default for CidrIndex<T> {
    fn default() -> Self {
        Self { v4: Vec::new(), v6: Vec::new() }
    }
}

impl<T: Copy> CidrIndex<T> {
    /// From blocks; of two equal blocks the first counts (callers refuse them before).
    pub fn new(blocks: impl IntoIterator<Item = (Cidr, T)>) -> Self {
        let mut sorted: Vec<(Cidr, T)> = blocks.into_iter().collect();
        sorted.sort_by_key(|&(cidr, _)| (std::cmp::Reverse(cidr.prefix_len), cidr.network));
        sorted.dedup_by_key(|&mut (cidr, _)| cidr);
        let mut index = Self::default();
        for (cidr, value) in sorted {
            match cidr.network {
                IpAddr::V4(a) => level(&mut index.v4, cidr.prefix_len).push((u32::from(a), value)),
                IpAddr::V6(a) => level(&mut index.v6, cidr.prefix_len).push((u128::from(a), value)),
            }
        }
        index
    }

    /// The value of the longest block that holds `address`.
    pub fn longest(&self, address: IpAddr) -> Option<T> {
        match normal(address) {
            IpAddr::V4(a) => search(&self.v4, u32::from(a), mask_v4),
            IpAddr::V6(a) => search(&self.v6, u128::from(a), mask_v6),
        }
    }
}

/// IPv4-mapped IPv6 becomes IPv4; everything else stays.
pub fn normal(address: IpAddr) -> IpAddr {
    address.to_canonical()
}

fn level<K, T>(levels: &mut Vec<(u8, Vec<(K, T)>)>, prefix_len: u8) -> &mut Vec<(K, T)> {
    if levels.last().is_none_or(|&(len, _)| len != prefix_len) {
        levels.push((prefix_len, Vec::new()));
    }
    let last = levels.len() - 1;
    &mut levels[last].1
}

fn search<K: Ord + Copy + std::ops::BitAnd<Output = K>, T: Copy>(
    levels: &[(u8, Vec<(K, T)>)],
    address: K,
    mask: fn(u8) -> K,
) -> Option<T> {
    levels.iter().find_map(|(len, blocks)| {
        let network = address & mask(*len);
        let at = blocks.binary_search_by_key(&network, |&(k, _)| k).ok()?;
        blocks.get(at).map(|&(_, value)| value)
    })
}

fn mask_v4(prefix_len: u8) -> u32 {
    u32::MAX.checked_shl(32 - u32::from(prefix_len.min(32))).unwrap_or(0)
}

fn mask_v6(prefix_len: u8) -> u128 {
    u128::MAX.checked_shl(128 - u32::from(prefix_len.min(128))).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().expect("address")
    }

    #[test]
    fn reads_hosts_and_blocks() {
        for (text, written, inside, outside) in [
            ("192.0.2.7", "192.0.2.7", "192.0.2.7", "192.0.2.8"),
            ("192.0.2.0/24", "192.0.2.0/24", "192.0.2.255", "192.0.3.0"),
            ("10.0.0.0/8", "10.0.0.0/8", "::ffff:10.1.2.3", "11.0.0.0"),
            ("::ffff:192.0.2.0/120", "192.0.2.0/24", "192.0.2.9", "::192.0.2.9"),
            ("::ffff:192.0.2.1", "192.0.2.1", "192.0.2.1", "192.0.2.2"),
            ("2001:db8::/32", "2001:db8::/32", "2001:db8:ffff::1", "2001:db9::"),
            ("2001:db8::1", "2001:db8::1", "2001:db8::1", "2001:db8::2"),
        ] {
            let cidr = Cidr::parse(text).expect(text);
            assert_eq!(cidr.to_string(), written);
            assert!(cidr.contains(ip(inside)), "{text} {inside}");
            assert!(!cidr.contains(ip(outside)), "{text} {outside}");
        }
    }

    #[test]
    fn refuses_what_could_let_strangers_in() {
        for text in [
            "",
            "any",
            "*",
            "192.0.2",
            "192.0.2.0/",
            "192.0.2.0/+8",
            "192.0.2.0/33",
            "2001:db8::/129",
            "192.0.2.1/24",
            "a.example",
        ] {
            assert!(Cidr::parse(text).is_err(), "{text}");
        }
        for text in ["0.0.0.0/0", "0.0.0.0", "::/0", "::", "::ffff:0.0.0.0/96"] {
            assert_eq!(Cidr::parse(text), Err(CidrError::Everything(text.to_owned())), "{text}");
        }
    }

    #[test]
    fn an_empty_index_matches_nothing() {
        let index = CidrIndex::<u8>::new([]);
        assert_eq!(index.longest(ip("127.0.0.1")), None);
        assert_eq!(index.longest(ip("::1")), None);
    }

    fn any_address() -> impl Strategy<Value = IpAddr> {
        prop_oneof![
            (0u32..4, 0u32..4).prop_map(|(hi, lo)| IpAddr::V4(Ipv4Addr::from(0x0a00_0000 | hi << 14 | lo))),
            (0u128..4, 0u128..4)
                .prop_map(|(hi, lo)| IpAddr::V6(Ipv6Addr::from(0x2001_0db8 << 96 | hi << 62 | lo))),
            (0u32..4).prop_map(|lo| IpAddr::V6(Ipv4Addr::from(0x0a00_0000 | lo).to_ipv6_mapped())),
        ]
    }

    proptest! {
        #[test]
        fn agrees_with_a_linear_scan(
            blocks in prop::collection::vec((any_address(), 1u8..=128), 0..40),
            asked in prop::collection::vec(any_address(), 1..40),
        ) {
            let mut list: Vec<(Cidr, usize)> = Vec::new();
            for (address, len) in blocks {
                let address = normal(address);
                let cidr = Cidr::masked(address, if address.is_ipv4() { len.clamp(1, 32) } else { len });
                if list.iter().all(|&(c, _)| c != cidr) {
                    list.push((cidr, list.len()));
                }
            }
            let index = CidrIndex::new(list.iter().copied());
            for address in asked {
                let scan = list.iter().filter(|(c, _)| c.contains(address)).max_by_key(|(c, _)| c.prefix_len).map(|&(_, v)| v);
                prop_assert_eq!(index.longest(address), scan);
            }
        }

        #[test]
        fn any_text_is_read_or_refused(text in "[0-9a-f.:/]{0,24}") {
            if let Ok(cidr) = Cidr::parse(&text) {
                prop_assert_eq!(Cidr::parse(&cidr.to_string()), Ok(cidr));
            }
        }
    }
}
