//! Which calls a share of all calls is, by their Call-IDs alone.

/// Whether a call is one of so many millionths: the same call is chosen by every node and at every time.
pub(super) fn is_in_share(call_id: &str, millionths: u32) -> bool {
    // The upper half has the better bits.
    ((hash(call_id) >> 32) * 1_000_000) >> 32 < u64::from(millionths)
}

/// FNV-1a with a last mixing, for choosing and naming only.
pub(super) fn hash(text: &str) -> u64 {
    let sum = text
        .bytes()
        .fold(0xCBF2_9CE4_8422_2325_u64, |sum, byte| (sum ^ u64::from(byte)).wrapping_mul(0x100_0000_01B3));
    let mixed = (sum ^ (sum >> 33)).wrapping_mul(0xFF51_AFD7_ED55_8CCD);
    mixed ^ (mixed >> 33)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_of_calls_is_chosen_by_their_ids() {
        let chosen =
            |share: u32| (0..20_000).filter(|call| is_in_share(&format!("{call}@pbx"), share)).count();
        assert_eq!((chosen(0), chosen(1_000_000)), (0, 20_000));
        for (share, expected) in [(10_000, 200_usize), (500_000, 10_000)] {
            assert!(chosen(share).abs_diff(expected) < expected / 4, "{share}: {}", chosen(share));
        }
        assert!((0..1_000).all(|call| {
            let id = format!("{call}");
            !is_in_share(&id, 1_000) || is_in_share(&id, 2_000)
        }));
    }
}
