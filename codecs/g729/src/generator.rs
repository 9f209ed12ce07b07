//! The Recommendation's generator of numbers, for the pulses of erased frames (clause 4.4.4) and of comfort
//! noise.

/// The next value, which is also the next state.
pub(crate) fn random(state: &mut u16) -> u16 {
    *state = state.wrapping_mul(31_821).wrapping_add(13_849);
    *state
}

#[cfg(test)]
mod tests {
    #[test]
    fn all_values_come_once() {
        let mut state = 21_845;
        let mut seen = vec![false; 65_536];
        for _ in 0..65_536 {
            assert!(!std::mem::replace(&mut seen[usize::from(super::random(&mut state))], true));
        }
        assert_eq!(state, 21_845);
    }
}
