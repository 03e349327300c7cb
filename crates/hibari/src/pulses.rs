//! The throat: a train of pulses at the pitch, with every harmonic that the line carries and none beyond.

use crate::frame::HOP;
use crate::vector::{nearest, sin_half, turns};

/// Below this there is no voice, in Hz.
const VOICED_HZ: f32 = 40.0;
/// The highest harmonic, in Hz: a little below half the rate, so that nothing folds back.
const HIGHEST_HZ: f32 = 3900.0;
const RATE_HZ: f32 = crate::SAMPLE_RATE_HZ as f32;

/// Makes the pulses of one frame after another.
pub(crate) struct Pulses {
    /// How much of the present period has passed, in turns.
    phase: f64,
}

impl Pulses {
    pub(crate) fn new() -> Self {
        Self { phase: 0.0 }
    }

    /// The pulses of a frame, whose pitch in its middle is `now` and in that of its neighbours `before` and `after`, in Hz.
    ///
    /// The sum of cos(k·t) over the harmonics k = 1 to n is sin((n + ½)·t) / (2·sin(t/2)) − ½, Dirichlet's kernel.
    pub(crate) fn fill(&mut self, before: f32, now: f32, after: f32, out: &mut [f32; HOP]) {
        let mut pitch = [0.0; HOP];
        for (at, pitch) in pitch.iter_mut().enumerate() {
            // From the middle of a frame to the middle of the next one.
            let place = (at as f32 + 0.5) / HOP as f32 - 0.5;
            let neighbour = if place < 0.0 { before } else { after };
            *pitch = now + (neighbour - now) * place.abs();
        }
        let mut phase = [0.0; HOP];
        for (phase, pitch) in phase.iter_mut().zip(&pitch) {
            self.phase += f64::from(pitch.max(VOICED_HZ) / RATE_HZ);
            self.phase -= self.phase.floor();
            *phase = self.phase as f32;
        }
        for ((out, pitch), phase) in out.iter_mut().zip(&pitch).zip(&phase) {
            let voiced = pitch.max(VOICED_HZ);
            // Rounded down; no pitch is so near to a whole fraction that it matters on which side.
            let harmonics = nearest(HIGHEST_HZ / voiced - 0.5) + 0.5;
            // The kernel is the same a turn earlier, and precise there.
            let phase = phase - nearest(*phase);
            let below = 2.0 * sin_half(phase);
            let above = turns(harmonics * phase).0;
            // Where both are zero, their quotient is its limit.
            let kernel = if below.abs() <= 2e-3 { harmonics } else { above / below };
            *out = if *pitch > VOICED_HZ { kernel - 0.5 } else { 0.0 };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_steady_pitch_gives_a_pulse_a_period_and_silence_has_none() {
        let mut pulses = Pulses::new();
        let mut train = Vec::new();
        let mut out = [0.0; HOP];
        for _ in 0..40 {
            pulses.fill(200.0, 200.0, 200.0, &mut out);
            train.extend_from_slice(&out);
        }
        // 19 harmonics of 200 Hz are below 3900 Hz; a period is 40 samples.
        let tops = train.iter().filter(|sample| **sample > 18.0).count();
        assert!((99..=101).contains(&tops), "{tops}");
        assert!(train.iter().all(|sample| *sample < 19.1));
        let mean = train.iter().sum::<f32>() / train.len() as f32;
        assert!(mean.abs() < 0.01, "{mean}");

        pulses.fill(0.0, -1.7, 30.0, &mut out);
        assert_eq!(out, [0.0; HOP]);
    }

    #[test]
    fn nothing_folds_back() {
        let mut pulses = Pulses::new();
        let mut train = Vec::new();
        let mut out = [0.0; HOP];
        for _ in 0..80 {
            pulses.fill(190.0, 190.0, 190.0, &mut out);
            train.extend_from_slice(&out);
        }
        // 190 Hz has a harmonic at 3800 Hz and, were they not limited, one at 3990 Hz.
        let level = |hz: f32| {
            let parts = train.iter().enumerate().map(|(at, sample)| {
                let (sin, cos) = (std::f32::consts::TAU * hz * at as f32 / RATE_HZ).sin_cos();
                (sample * sin, sample * cos)
            });
            let (sin, cos) = parts.fold((0.0, 0.0), |sum, part| (sum.0 + part.0, sum.1 + part.1));
            2.0 * f32::hypot(sin, cos) / train.len() as f32
        };
        assert!((level(3800.0) - 1.0).abs() < 0.05, "{}", level(3800.0));
        assert!(level(3990.0) < 0.02 && level(285.0) < 0.02, "{} {}", level(3990.0), level(285.0));
    }
}
