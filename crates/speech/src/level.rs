//! How loud a voice is on the line.

use redial_call::audio;

/// Where a loud sound is bent instead of cut: -6 dBFS. It never passes -3 dBFS.
const KNEE: f32 = 0.5;

/// A sample (full scale 1.0) as μ-law, bent if it is loud.
#[expect(clippy::cast_possible_truncation, reason = "it is less than full scale, and no number becomes 0")]
pub(super) fn encode(sample: f32) -> u8 {
    audio::encode((32767.0 * bend(sample)) as i16)
}

/// Leaves what is below the knee as it is; beyond it, output approaches -3 dBFS.
fn bend(sample: f32) -> f32 {
    let above = sample.abs() - KNEE;
    if above <= 0.0 {
        return sample;
    }
    let room = std::f32::consts::FRAC_1_SQRT_2 - KNEE;
    (KNEE + room * (above / room).tanh()).copysign(sample)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loud_sounds_are_bent_and_never_cut() {
        assert_eq!(bend(0.4), 0.4);
        assert_eq!(bend(-0.5), -0.5);
        let levels: Vec<f32> = (0..100).map(|n| bend(n as f32 / 40.0)).collect();
        assert!(levels.is_sorted());
        assert!(levels.iter().all(|level| *level <= 0.7072));
    }

    #[test]
    fn what_is_no_number_is_silence() {
        assert_eq!(encode(f32::NAN), encode(0.0));
    }
}
