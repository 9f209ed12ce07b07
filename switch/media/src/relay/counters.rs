//! Why packets are dropped, and how many passed.

use super::control::StreamKind;

/// Why a packet was not sent on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DropReason {
    /// Not RTP, RTCP or UDPTL, or broken, or longer than any.
    Malformed,
    /// From an address that is not its side's.
    Foreign,
    /// From its side's host, before the address is learnt.
    Learning,
    /// From its side's address, of another source than the present one.
    Ssrc,
    /// Its sequence number is far from those of its stream.
    Sequence,
    /// Its endpoint is paired with none, or with one that carries something else.
    Unpaired,
    /// The other side wants no packets now.
    Held,
    /// The other side's address is not known, or of a family that our port cannot reach.
    NoAddress,
    /// The system did not take it.
    Unsent,
    /// SRTP whose tag is not that of its side's key, or no SRTP; a check of ICE without the password.
    Unauthentic,
    /// SRTP that came before.
    Replayed,
    /// Something of ours is sent in its place: no fault.
    Replaced,
    /// Keys that its side needs are not there yet.
    Unkeyed,
    /// Its side takes nothing any more: its checks of ICE ended.
    Consent,
    /// More checks of ICE in a second than are answered.
    Rate,
}

/// Packets since the relay began.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct RelayCounters {
    /// RTP packets and UDPTL datagrams that were accepted.
    pub packets_in: u64,
    /// RTP packets and UDPTL datagrams that were sent on.
    pub packets_out: u64,
    /// RTCP datagrams that were sent on.
    pub rtcp: u64,
    /// Packets dropped, in the order of [`DropReason::ALL`].
    pub dropped: [u64; DropReason::ALL.len()],
    /// Endpoints that could not be opened.
    pub open_failed: u64,
    /// Open endpoints, in the order of [`StreamKind::ALL`].
    pub endpoints: [u64; StreamKind::ALL.len()],
}

// === impl DropReason ===

impl DropReason {
    /// All of them.
    pub const ALL: [Self; 15] = [
        Self::Malformed,
        Self::Foreign,
        Self::Learning,
        Self::Ssrc,
        Self::Sequence,
        Self::Unpaired,
        Self::Held,
        Self::NoAddress,
        Self::Unsent,
        Self::Unauthentic,
        Self::Replayed,
        Self::Replaced,
        Self::Unkeyed,
        Self::Consent,
        Self::Rate,
    ];

    /// As the metric `rtp_packets_dropped_total` has it.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::Foreign => "foreign",
            Self::Learning => "learning",
            Self::Ssrc => "ssrc",
            Self::Sequence => "sequence",
            Self::Unpaired => "unpaired",
            Self::Held => "held",
            Self::NoAddress => "no-address",
            Self::Unsent => "unsent",
            Self::Unauthentic => "unauthentic",
            Self::Replayed => "replayed",
            Self::Replaced => "replaced",
            Self::Unkeyed => "unkeyed",
            Self::Consent => "consent",
            Self::Rate => "rate",
        }
    }
}

// === impl RelayCounters ===

impl RelayCounters {
    /// How many numbers these are.
    pub const NUMBERS: usize = 4 + DropReason::ALL.len() + StreamKind::ALL.len();

    /// As plain numbers, to be shown to another thread.
    pub fn numbers(&self) -> impl Iterator<Item = u64> + use<> {
        [self.packets_in, self.packets_out, self.rtcp, self.open_failed]
            .into_iter()
            .chain(self.dropped)
            .chain(self.endpoints)
    }

    /// The reverse of [`Self::numbers`].
    pub fn of(numbers: [u64; Self::NUMBERS]) -> Self {
        let [packets_in, packets_out, rtcp, open_failed, rest @ ..] = numbers;
        let mut counters = Self { packets_in, packets_out, rtcp, open_failed, ..Self::default() };
        let (dropped, endpoints) = rest.split_at(DropReason::ALL.len());
        counters.dropped.copy_from_slice(dropped);
        counters.endpoints.copy_from_slice(endpoints);
        counters
    }

    /// Packets dropped for a reason.
    pub const fn dropped(&self, reason: DropReason) -> u64 {
        self.dropped[reason as usize]
    }

    pub(super) const fn count_drop(&mut self, reason: DropReason) {
        self.dropped[reason as usize] += 1;
    }

    /// Adds those of another thread.
    pub fn add(&mut self, other: &Self) {
        let mut sums = self.numbers().zip(other.numbers()).map(|(a, b)| a + b);
        *self = Self::of(std::array::from_fn(|_| sums.next().unwrap_or_default()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_stand_where_they_are_counted() {
        for (place, reason) in DropReason::ALL.into_iter().enumerate() {
            assert_eq!(reason as usize, place, "{}", reason.label());
        }
        for (place, kind) in StreamKind::ALL.into_iter().enumerate() {
            assert_eq!(kind as usize, place, "{}", kind.label());
        }
    }

    #[test]
    fn numbers_are_read_as_they_were_written() {
        let numbers = std::array::from_fn(|place| place as u64 + 1);
        let mut counters = RelayCounters::of(numbers);
        assert!(counters.numbers().eq(numbers));
        assert_eq!((counters.packets_in, counters.open_failed, counters.endpoints[1]), (1, 4, 21));
        counters.add(&RelayCounters::of(numbers));
        assert!(counters.numbers().eq(numbers.map(|number| number * 2)));
    }
}
