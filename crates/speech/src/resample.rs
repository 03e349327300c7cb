//! Changing the sampling rate by whole factors: windowed-sinc filters, run only where a sample is needed.

use std::f32::consts::PI;

/// Filter taps on either side of the centre, for each unit of the factor.
///
/// With a Blackman window the band from pass to stop is 5.5 / (2 · 24) of the line's rate wide, about 920 Hz.
const HALF_TAPS: usize = 24;

/// Where the filter before a decimation is 6 dB down, as a share of the line's rate: 3600 Hz at 8000 Hz. Passes the
/// telephone band's 3400 Hz almost whole and is at its floor before 4600 Hz, which folds back onto 3400 Hz.
const CUTOFF: f32 = 0.45;

/// Doubles the rate of a whole piece of audio, as speech recognisers want 16 kHz.
///
/// A half-band filter: every other output is an input sample unchanged, so only half of them cost anything. The output is twice as
/// long as the input and not delayed; beyond both ends the signal counts as zero.
pub fn double(samples: &[f32]) -> Vec<f32> {
    let taps = half_band();
    let mut doubled = Vec::with_capacity(2 * samples.len());
    for (at, &sample) in samples.iter().enumerate() {
        doubled.push(sample);
        // The new sample lies between `at` and `at + 1`; the filter is symmetric about it.
        let before = samples[..=at].iter().rev();
        let after = samples[at + 1..].iter().map(Some).chain(std::iter::repeat(None));
        let mut between = 0.0;
        for ((tap, before), after) in taps.iter().zip(before.map(Some).chain(std::iter::repeat(None))).zip(after) {
            between += tap * (before.unwrap_or(&0.0) + after.unwrap_or(&0.0));
        }
        doubled.push(between);
    }
    doubled
}

/// Half of the half-band filter's odd taps, from the centre outwards; the even ones are zero.
fn half_band() -> [f32; HALF_BAND] {
    let reach = 2.0 * HALF_BAND as f32;
    std::array::from_fn(|tap| {
        let distance = tap as f32 + 0.5;
        sinc(distance) * blackman(2.0 * distance / reach)
    })
}

/// Input samples on either side that a doubled sample is made of: 63 taps in all.
const HALF_BAND: usize = 16;

/// Divides the rate of a stream by a whole factor. One per stream; it keeps what the filter needs of the past.
#[derive(Debug, Clone)]
pub struct Decimator {
    factor: usize,
    taps: Vec<f32>,
    /// The last samples, oldest first: at most a filter's length more than a push.
    held: Vec<f32>,
}

impl Decimator {
    /// Divides by `factor`.
    ///
    /// # Panics
    /// When `factor` is zero.
    pub fn new(factor: usize) -> Self {
        assert!(factor > 0, "a rate is divided by one or more");
        let half = HALF_TAPS * factor;
        let mut taps: Vec<f32> = (0..=2 * half)
            .map(|tap| {
                let distance = tap as f32 - half as f32;
                sinc(2.0 * CUTOFF / factor as f32 * distance) * blackman(distance / (half + 1) as f32)
            })
            .collect();
        let gain: f32 = taps.iter().sum();
        for tap in &mut taps {
            *tap /= gain;
        }
        // Half a filter of silence before the first sample: the output is then not delayed.
        Self { factor, taps, held: vec![0.0; half] }
    }

    /// Takes the next samples and appends what they give, at the lower rate, to `out`. The output lags half a
    /// filter (3 ms) behind until [`Decimator::finish`].
    pub fn push(&mut self, samples: &[f32], out: &mut Vec<f32>) {
        self.held.extend_from_slice(samples);
        let mut at = 0;
        while let Some(window) = self.held.get(at..at + self.taps.len()) {
            out.push(window.iter().zip(&self.taps).map(|(sample, tap)| sample * tap).sum());
            at += self.factor;
        }
        self.held.drain(..at);
    }

    /// Appends what is left when the stream has ended: in all, one output for each `factor` inputs, rounded up.
    pub fn finish(mut self, out: &mut Vec<f32>) {
        let half = HALF_TAPS * self.factor;
        self.push(&vec![0.0; half], out);
    }
}

/// sin(πx) / πx.
fn sinc(x: f32) -> f32 {
    if x == 0.0 { 1.0 } else { (PI * x).sin() / (PI * x) }
}

/// The Blackman window from its centre (0) to its edge (±1).
fn blackman(x: f32) -> f32 {
    0.42 + 0.5 * (PI * x).cos() + 0.08 * (2.0 * PI * x).cos()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn tone(rate_hz: f32, hz: f32, len: usize) -> Vec<f32> {
        (0..len).map(|n| (2.0 * PI * hz * n as f32 / rate_hz).sin()).collect()
    }

    /// How much stronger `actual` is than a full-scale tone, in dB, away from the ends.
    fn gain_db(actual: &[f32]) -> f32 {
        let middle = &actual[actual.len() / 4..3 * actual.len() / 4];
        let power: f32 = middle.iter().map(|sample| sample * sample).sum::<f32>() / middle.len() as f32;
        10.0 * (2.0 * power).log10()
    }

    #[test]
    fn doubling_keeps_the_telephone_band_as_it_is() {
        for hz in [100.0, 300.0, 1000.0, 2000.0, 3000.0] {
            let doubled = double(&tone(8000.0, hz, 4000));
            let wanted = tone(16_000.0, hz, 8000);
            let worst = doubled[200..7800].iter().zip(&wanted[200..]).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            assert!(worst < 0.01, "{hz} Hz: off by {worst}");
        }
    }

    #[test]
    fn decimation_passes_the_telephone_band_and_stops_what_would_fold_into_it() {
        for factor in [2, 3, 6] {
            let rate_hz = 8000.0 * factor as f32;
            let through = |hz| {
                let mut out = Vec::new();
                let mut decimator = Decimator::new(factor);
                decimator.push(&tone(rate_hz, hz, 8000 * factor), &mut out);
                decimator.finish(&mut out);
                gain_db(&out)
            };
            for hz in [50.0, 300.0, 1000.0, 3000.0] {
                assert!(through(hz).abs() < 0.1, "{factor}: {hz} Hz: {} dB", through(hz));
            }
            for hz in [4600.0, 5000.0, 6500.0, 7700.0] {
                assert!(through(hz) < -60.0, "{factor}: {hz} Hz: {} dB", through(hz));
            }
        }
    }

    proptest! {
        #[test]
        fn how_a_stream_is_cut_does_not_change_its_sound(
            samples in prop::collection::vec(-1.0_f32..1.0, 0..700),
            cuts in prop::collection::vec(0_usize..90, 0..20),
            factor in 1_usize..7,
        ) {
            let mut whole = Vec::new();
            let mut decimator = Decimator::new(factor);
            decimator.push(&samples, &mut whole);
            decimator.finish(&mut whole);
            prop_assert_eq!(whole.len(), samples.len().div_ceil(factor));

            let mut pieces = Vec::new();
            let mut decimator = Decimator::new(factor);
            let mut rest = samples.as_slice();
            for cut in cuts {
                let (piece, after) = rest.split_at(cut.min(rest.len()));
                decimator.push(piece, &mut pieces);
                rest = after;
            }
            decimator.push(rest, &mut pieces);
            decimator.finish(&mut pieces);
            prop_assert_eq!(whole, pieces);
        }

        #[test]
        fn doubling_doubles_the_length(samples in prop::collection::vec(-1.0_f32..1.0, 0..100)) {
            let doubled = double(&samples);
            prop_assert_eq!(doubled.len(), 2 * samples.len());
            prop_assert!(doubled.iter().step_by(2).eq(&samples));
        }
    }
}
