//! Breath: numbers that look random, the same for every sentence.

/// Generators that run side by side, as wide as a vector register.
const LANES: usize = 8;
/// The starts of Marsaglia's generator must differ and not be zero; these are multiples of the golden ratio's bits.
const SEED: u32 = 0x9e37_79b9;

/// Marsaglia's xorshift32, several at once.
pub(crate) struct Noise([u32; LANES]);

impl Noise {
    pub(crate) fn new() -> Self {
        let mut noise = Self(std::array::from_fn(|lane| SEED.wrapping_mul(lane as u32 * 2 + 1)));
        // Their first numbers still look like their seeds.
        noise.fill(&mut [0.0; 16 * LANES]);
        noise
    }

    /// Fills `out` with independent numbers of mean 0 and variance 1.
    ///
    /// Each is the sum of the halves of two draws: a bell curve that ends at ±3.5. Every sample of sound sums up hundreds of them, so no ear can
    /// tell it from a Gaussian's.
    pub(crate) fn fill(&mut self, out: &mut [f32]) {
        // Four uniform numbers from 0 to 65535 have a variance of 65536² / 3.
        const SCALE: f32 = 1.732_050_8 / 65_536.0;
        const MEAN: f32 = 2.0 * 65_535.0;
        for chunk in out.chunks_mut(LANES) {
            let mut sums = [0_u32; LANES];
            for _ in 0..2 {
                for (state, sum) in self.0.iter_mut().zip(&mut sums) {
                    *state ^= *state << 13;
                    *state ^= *state >> 17;
                    *state ^= *state << 5;
                    *sum += (*state & 0xffff) + (*state >> 16);
                }
            }
            for (number, sum) in chunk.iter_mut().zip(sums) {
                // At most 2^18, so the detour over i32, which has a vector instruction, changes nothing.
                *number = (sum as i32 as f32 - MEAN) * SCALE;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn its_numbers_have_mean_0_and_variance_1_and_do_not_follow_each_other() {
        let mut numbers = vec![0.0; 80_000];
        Noise::new().fill(&mut numbers);
        let mean_of = |values: &mut dyn Iterator<Item = f32>| values.map(f64::from).sum::<f64>() / 80_000.0;
        let mean = mean_of(&mut numbers.iter().copied());
        let variance = mean_of(&mut numbers.iter().map(|number| number * number));
        assert!(mean.abs() < 0.02 && (variance - 1.0).abs() < 0.02, "{mean}, {variance}");
        for lag in [1, 2, LANES, 2 * LANES] {
            let correlation = mean_of(&mut numbers.iter().zip(&numbers[lag..]).map(|(a, b)| a * b));
            assert!(correlation.abs() < 0.02, "{lag}: {correlation}");
        }
    }

    #[test]
    fn it_is_the_same_for_every_sentence() {
        let [mut first, mut again] = [[0.0; 100]; 2];
        Noise::new().fill(&mut first);
        Noise::new().fill(&mut again);
        assert_eq!(first, again);
    }
}
