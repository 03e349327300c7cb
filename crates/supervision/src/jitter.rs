//! Chance in the pauses between attempts, so that many who wait do not come back in step; repeatable in a simulation.

use std::cell::Cell;
use std::time::Duration;

thread_local! {
    /// The state of this thread's sequence, if it was asked to be repeatable.
    static SEQUENCE: Cell<Option<u64>> = const { Cell::new(None) };
}

/// Makes every pause that is drawn on this thread from now on a function of `seed`. For simulations, which run on one
/// thread: a history that went wrong can then be run again.
pub fn repeatable(seed: u64) {
    SEQUENCE.set(Some(seed));
}

/// Between half of a pause and all of it.
pub fn jittered(pause: Duration) -> Duration {
    pause / 2 + (pause / 2).mul_f64(share())
}

/// A share of a pause, from 0 to 1. 1 where the system has no randomness; nothing depends on it.
pub fn share() -> f64 {
    let random = match SEQUENCE.get() {
        Some(state) => {
            SEQUENCE.set(Some(state.wrapping_add(GAMMA)));
            mix(state)
        }
        None => getrandom::u32().unwrap_or(u32::MAX),
    };
    f64::from(random) / f64::from(u32::MAX)
}

/// SplitMix64 (Steele, Lea and Flood 2014): the increment, and the mixing of a state, of which the upper half is used.
const GAMMA: u64 = 0x9e37_79b9_7f4a_7c15;

fn mix(state: u64) -> u32 {
    let z = state.wrapping_add(GAMMA);
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    ((z ^ (z >> 31)) >> 32) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_repeats_its_shares_and_another_one_has_others() {
        let drawn = |seed| {
            repeatable(seed);
            [share(), share(), share()]
        };
        assert_eq!(drawn(7), drawn(7));
        assert_ne!(drawn(7), drawn(8));
        assert!(drawn(7).iter().all(|share| (0.0..=1.0).contains(share)));
    }

    #[test]
    fn a_pause_is_between_half_and_all_of_what_it_may_be() {
        const ALL: Duration = Duration::from_millis(500);
        for _ in 0..1000 {
            let pause = jittered(ALL);
            assert!((ALL / 2..=ALL).contains(&pause), "{pause:?}");
        }
    }
}
