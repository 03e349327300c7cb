//! 8 kHz to 16 kHz and back, as streams of linear samples: for carriers whose audio is wider than ours.
//!
//! A half-band filter, which is a sinc under a Blackman window with 63 taps at 16 kHz: it passes the telephone band to 3.4 kHz and
//! is more than 40 dB down from 4.6 kHz on. What it needs of the past lives from one push to the next, so that a stream sounds the
//! same however it is cut. Too loud samples are clipped, never wrapped.

use std::f32::consts::PI;

/// Taps on either side of the filter's centre that are not zero.
const HALF: usize = 16;
/// What a sample between two others is made of at 8 kHz: so many before it, and so many after it.
const WINDOW: usize = 2 * HALF;
/// The whole filter at 16 kHz.
const TAPS: usize = 4 * HALF - 1;

/// 8 kHz → 16 kHz: two samples for each, not delayed. The last 2 ms are held back until more comes or the stream is finished.
#[derive(Debug, Clone)]
pub struct Doubler {
    taps: [f32; HALF],
    /// The latest samples, oldest first: shorter than a window between pushes.
    held: Vec<f32>,
}

impl Default for Doubler {
    fn default() -> Self {
        // Silence before the first sample.
        Self { taps: half_band(), held: vec![0.0; HALF - 1] }
    }
}

impl Doubler {
    /// Takes the next samples, and appends what can be told of them by now to `out`.
    pub fn push(&mut self, samples: impl IntoIterator<Item = i16>, out: &mut Vec<i16>) {
        self.held.extend(samples.into_iter().map(f32::from));
        let mut at = 0;
        while let Some(window) = self.held.get(at..at + WINDOW) {
            let (before, after) = window.split_at(HALF);
            let pairs = before.iter().rev().zip(after);
            let between: f32 = pairs.zip(&self.taps).map(|((before, after), tap)| tap * (before + after)).sum();
            out.extend([clipped(window[HALF - 1]), clipped(between)]);
            at += 1;
        }
        self.held.drain(..at);
    }

    /// Appends what was held back, as if silence followed, and begins anew: in all, twice as many samples as were pushed.
    pub fn finish(&mut self, out: &mut Vec<i16>) {
        self.push([0; HALF], out);
        self.clear();
    }

    /// Forgets what was held back: what is pushed from now on is the beginning of a stream.
    pub fn clear(&mut self) {
        self.held.clear();
        self.held.resize(HALF - 1, 0.0);
    }
}

/// 16 kHz → 8 kHz: a sample for each two, at once. So the sound comes 15 samples (1.9 ms) late; a frame that waited for the
/// next one instead would be 20 ms late.
#[derive(Debug, Clone)]
pub struct Halver {
    taps: [f32; HALF],
    /// The latest samples, oldest first: shorter than the filter between pushes.
    held: Vec<f32>,
}

impl Default for Halver {
    fn default() -> Self {
        // Silence before the first sample, long enough that the first pair gives one.
        Self { taps: half_band(), held: vec![0.0; TAPS - 2] }
    }
}

impl Halver {
    /// Takes the next samples, and appends half as many to `out`. An odd one waits for the next push.
    pub fn push(&mut self, samples: impl IntoIterator<Item = i16>, out: &mut Vec<i16>) {
        self.held.extend(samples.into_iter().map(f32::from));
        let mut at = 0;
        while let Some(window) = self.held.get(at..at + TAPS) {
            let centre = TAPS / 2;
            // Every other tap is zero.
            let around: f32 = (0..HALF)
                .map(|tap| self.taps[tap] * (window[centre - 1 - 2 * tap] + window[centre + 1 + 2 * tap]))
                .sum();
            out.push(clipped((window[centre] + around) / 2.0));
            at += 2;
        }
        self.held.drain(..at);
    }
}

/// Half of the filter's odd taps, from the centre outwards; the even ones are zero. Together with the other half they sum up to
/// one, so that a level stays what it is.
fn half_band() -> [f32; HALF] {
    let taps: [f32; HALF] = std::array::from_fn(|tap| {
        let distance = tap as f32 + 0.5;
        let window = PI * distance / HALF as f32;
        let sinc = (PI * distance).sin() / (PI * distance);
        sinc * (0.42 + 0.5 * window.cos() + 0.08 * (2.0 * window).cos())
    });
    let sum: f32 = taps.iter().sum();
    taps.map(|tap| tap / (2.0 * sum))
}

fn clipped(sample: f32) -> i16 {
    sample.round() as i16 // which saturates
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use redial_call::audio;

    use super::*;

    fn doubled(samples: &[i16]) -> Vec<i16> {
        let (mut doubler, mut out) = (Doubler::default(), Vec::new());
        doubler.push(samples.iter().copied(), &mut out);
        doubler.finish(&mut out);
        out
    }

    fn halved(samples: &[i16]) -> Vec<i16> {
        let mut out = Vec::new();
        Halver::default().push(samples.iter().copied(), &mut out);
        out
    }

    fn tone(rate_hz: f32, hz: f32, len: usize) -> Vec<i16> {
        (0..len).map(|n| (8000.0 * (2.0 * PI * hz * n as f32 / rate_hz).sin()).round() as i16).collect()
    }

    /// The middle, which no end reaches.
    fn middle(samples: &[i16]) -> &[i16] {
        &samples[samples.len() / 4..3 * samples.len() / 4]
    }

    /// How strong a sound is against the tone that it was, in dB.
    fn gain_db(samples: &[i16]) -> f64 {
        let power: f64 = samples.iter().map(|sample| f64::from(*sample).powi(2)).sum::<f64>() / samples.len() as f64;
        10.0 * (power / (8000.0_f64.powi(2) / 2.0)).log10()
    }

    /// How much stronger `wanted` is than what `actual` has beside it, in dB.
    fn snr_db(actual: &[i16], wanted: &[i16]) -> f64 {
        let power = |samples: &mut dyn Iterator<Item = f64>| samples.map(|sample| sample * sample).sum::<f64>();
        let noise = power(&mut actual.iter().zip(wanted).map(|(a, b)| f64::from(*a) - f64::from(*b)));
        10.0 * (power(&mut wanted.iter().map(|sample| f64::from(*sample))) / noise).log10()
    }

    #[test]
    fn a_tone_of_the_telephone_band_stays_what_it_is() {
        for hz in [100.0, 300.0, 1000.0, 2000.0, 3000.0, 3400.0] {
            let up = doubled(&tone(8000.0, hz, 4000));
            let least = if hz < 3300.0 { 50.0 } else { 35.0 };
            let snr = snr_db(middle(&up), middle(&tone(16_000.0, hz, 8000)));
            assert!(snr >= least, "{hz} Hz up: {snr} dB");
            let gain = gain_db(middle(&halved(&tone(16_000.0, hz, 8000))));
            assert!(gain.abs() < 0.5, "{hz} Hz down: {gain} dB");
        }
    }

    #[test]
    fn what_would_fold_into_the_telephone_band_is_gone() {
        for hz in [4600.0, 5000.0, 6000.0, 7000.0, 7900.0] {
            let gain = gain_db(middle(&halved(&tone(16_000.0, hz, 16_000))));
            assert!(gain < -40.0, "{hz} Hz: {gain} dB");
        }
    }

    #[test]
    fn up_and_down_again_is_the_same_sound_fifteen_samples_late() {
        let sound = tone(8000.0, 1000.0, 8000);
        let back = halved(&doubled(&sound));
        assert_eq!(back.len(), sound.len());
        let snr = snr_db(&back[1015..7015], &sound[1000..7000]);
        assert!(snr >= 50.0, "{snr} dB");
    }

    #[test]
    fn a_level_stays_one_and_silence_is_digital_silence() {
        for level in [1000, 0, -1000] {
            for samples in [doubled(&[level; 800]), halved(&[level; 800])] {
                for sample in middle(&samples) {
                    assert!((sample - level).abs() <= 2, "{sample} for {level}");
                }
            }
        }
        assert!(halved(&[0; 800]).iter().all(|sample| audio::encode(*sample) == audio::SILENCE));
    }

    #[test]
    fn the_loudest_sound_is_clipped_and_never_wrapped() {
        let square = |period: usize| -> Vec<i16> {
            (0..4000).map(|n| if (n / period).is_multiple_of(2) { i16::MAX } else { i16::MIN }).collect()
        };
        // Next to an edge a filter rings over what it was given, and must stop there.
        for period in [20, 40] {
            let sound = square(period);
            let up = doubled(&sound);
            for (n, pair) in up.chunks(2).enumerate() {
                let inside = n % period;
                if (2..period - 2).contains(&inside) {
                    assert_eq!(pair[1] > 0, sound[n] > 0, "sample {n} of {period}: {pair:?}");
                }
            }
            assert!(up.contains(&i16::MAX) && up.contains(&i16::MIN));
        }
    }

    #[test]
    fn what_is_cleared_is_not_in_the_next_sound() {
        let (mut doubler, mut out) = (Doubler::default(), Vec::new());
        doubler.push([i16::MAX; 300], &mut out);
        doubler.clear();
        out.clear();
        doubler.push([0; 300], &mut out);
        doubler.finish(&mut out);
        assert_eq!(out, [0; 600]);
    }

    fn pushed<'a>(samples: &'a [i16], cuts: &[usize]) -> Vec<&'a [i16]> {
        let (mut pieces, mut rest) = (Vec::new(), samples);
        for cut in cuts {
            let (piece, after) = rest.split_at(rest.len().min(*cut));
            pieces.push(piece);
            rest = after;
        }
        pieces.push(rest);
        pieces
    }

    proptest! {
        #[test]
        fn how_a_stream_is_cut_does_not_change_its_sound(
            samples in prop::collection::vec(any::<i16>(), 0..900),
            cuts in prop::collection::vec(0_usize..120, 0..20),
        ) {
            let (mut doubler, mut up) = (Doubler::default(), Vec::new());
            let (mut halver, mut down) = (Halver::default(), Vec::new());
            for piece in pushed(&samples, &cuts) {
                doubler.push(piece.iter().copied(), &mut up);
                halver.push(piece.iter().copied(), &mut down);
            }
            doubler.finish(&mut up);
            prop_assert_eq!(up.len(), 2 * samples.len());
            prop_assert_eq!(down.len(), samples.len() / 2);
            prop_assert_eq!(up, doubled(&samples));
            prop_assert_eq!(down, halved(&samples));
        }

        #[test]
        fn little_is_held_back(samples in prop::collection::vec(any::<i16>(), 0..900)) {
            let (mut doubler, mut halver) = (Doubler::default(), Halver::default());
            doubler.push(samples.iter().copied(), &mut Vec::new());
            halver.push(samples.iter().copied(), &mut Vec::new());
            prop_assert!(doubler.held.len() < WINDOW && halver.held.len() < TAPS);
        }
    }
}
