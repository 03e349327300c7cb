//! The spectrogram that the net takes: the log-mel features of Whisper, of 8 s.
//!
//! As the feature extractor of `transformers` makes them for the net's own package: levelled to zero mean and unit variance,
//! Slaney's mel scale with its area norm, logarithms clamped to 80 dB below the loudest.

use std::f32::consts::PI;
use std::sync::Arc;

use realfft::num_complex::Complex32;
use realfft::{RealFftPlanner, RealToComplex};

const RATE_HZ: usize = 16_000;
/// What the net hears: 8 s.
pub(crate) const SAMPLES: usize = 8 * RATE_HZ;
/// Mel bands.
pub(crate) const BANDS: usize = 80;
/// Spectra: one each 10 ms.
pub(crate) const FRAMES: usize = SAMPLES / HOP;
/// 25 ms.
const WINDOW: usize = 400;
/// 10 ms.
const HOP: usize = 160;
const BINS: usize = WINDOW / 2 + 1;
/// Added to the variance, so that silence can be divided by it.
const VARIANCE_FLOOR: f64 = 1e-7;
/// Energies below this count as this.
const ENERGY_FLOOR: f32 = 1e-10;
/// How far below the loudest the quietest may be, in powers of ten.
const RANGE: f32 = 8.0;

/// What the transform needs at hand.
pub(crate) struct LogMel {
    fft: Arc<dyn RealToComplex<f32>>,
    window: Vec<f32>,
    bands: Vec<Band>,
}

/// A triangle over the spectrum.
struct Band {
    first_bin: usize,
    weights: Vec<f32>,
}

impl LogMel {
    pub(crate) fn new() -> Self {
        let fft = RealFftPlanner::new().plan_fft_forward(WINDOW);
        // Periodic, as the reference has it.
        let window = (0..WINDOW).map(|n| 0.5 - 0.5 * (2.0 * PI * n as f32 / WINDOW as f32).cos()).collect();
        Self { fft, window, bands: bands() }
    }

    /// The features of the latest 8 s of `samples` (16 kHz), band by band. What is shorter has silence before it, which counts for
    /// mean and variance.
    pub(crate) fn features(&self, samples: &[f32]) -> Vec<f32> {
        let audio = mirrored(&levelled(&samples[samples.len().saturating_sub(SAMPLES)..]));
        let mut features = vec![0.0; BANDS * FRAMES];
        let mut input = self.fft.make_input_vec();
        let mut spectrum = self.fft.make_output_vec();
        let mut scratch = self.fft.make_scratch_vec();
        let mut energies = [0.0; BINS];
        for frame in 0..FRAMES {
            for ((place, sample), weight) in input.iter_mut().zip(&audio[frame * HOP..]).zip(&self.window) {
                *place = sample * weight;
            }
            self.transform(&mut input, &mut spectrum, &mut scratch);
            for (energy, bin) in energies.iter_mut().zip(&spectrum) {
                *energy = bin.norm_sqr();
            }
            for (number, band) in self.bands.iter().enumerate() {
                let sum: f32 = energies[band.first_bin..].iter().zip(&band.weights).map(|(e, w)| e * w).sum();
                features[number * FRAMES + frame] = sum.max(ENERGY_FLOOR).log10();
            }
        }
        let loudest = features.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        for feature in &mut features {
            *feature = (feature.max(loudest - RANGE) + 4.0) / 4.0;
        }
        features
    }

    fn transform(&self, input: &mut [f32], spectrum: &mut [Complex32], scratch: &mut [Complex32]) {
        self.fft.process_with_scratch(input, spectrum, scratch).expect("the plan made the buffers");
    }
}

/// 8 s with zero mean and unit variance, of which `samples` are the last.
fn levelled(samples: &[f32]) -> Vec<f32> {
    let mean = samples.iter().map(|&sample| f64::from(sample)).sum::<f64>() / SAMPLES as f64;
    let silence = (SAMPLES - samples.len()) as f64;
    let squares: f64 = samples.iter().map(|&sample| (f64::from(sample) - mean).powi(2)).sum();
    let variance = (squares + silence * mean * mean) / SAMPLES as f64;
    let deviation = (variance + VARIANCE_FLOOR).sqrt();
    let level = |sample: f64| ((sample - mean) / deviation) as f32;
    let mut levelled = vec![level(0.0); SAMPLES - samples.len()];
    levelled.extend(samples.iter().map(|&sample| level(f64::from(sample))));
    levelled
}

/// Half a window mirrored at both ends, so that spectra are centred on their moment.
fn mirrored(samples: &[f32]) -> Vec<f32> {
    const HALF: usize = WINDOW / 2;
    let mut mirrored = Vec::with_capacity(samples.len() + WINDOW);
    mirrored.extend(samples[1..=HALF].iter().rev());
    mirrored.extend_from_slice(samples);
    mirrored.extend(samples[samples.len() - HALF - 1..samples.len() - 1].iter().rev());
    mirrored
}

/// Triangles that are evenly spaced in mel from 0 to 8000 Hz, each of the same area.
fn bands() -> Vec<Band> {
    let top = mel(RATE_HZ as f64 / 2.0);
    let edges: Vec<f64> = (0..BANDS + 2).map(|edge| hertz(top * edge as f64 / (BANDS + 1) as f64)).collect();
    let triangle = |edges: &[f64]| {
        let (low, centre, high) = (edges[0], edges[1], edges[2]);
        let weight = |bin: usize| {
            let hz = (bin * RATE_HZ) as f64 / WINDOW as f64;
            ((hz - low) / (centre - low)).min((high - hz) / (high - centre)).max(0.0) * 2.0 / (high - low)
        };
        let first_bin = (0..BINS).find(|&bin| weight(bin) > 0.0).unwrap_or(BINS);
        let weights = (first_bin..BINS).map(weight).take_while(|&weight| weight > 0.0).map(|weight| weight as f32);
        Band { first_bin, weights: weights.collect() }
    };
    edges.windows(3).map(triangle).collect()
}

/// Slaney's scale: linear to 1000 Hz, then logarithmic.
const LINEAR_HZ_PER_MEL: f64 = 200.0 / 3.0;
const KNEE_HZ: f64 = 1000.0;
const KNEE_MEL: f64 = KNEE_HZ / LINEAR_HZ_PER_MEL;

/// ln(6.4) / 27, the step above the knee.
fn log_step() -> f64 {
    6.4_f64.ln() / 27.0
}

fn mel(hz: f64) -> f64 {
    if hz < KNEE_HZ { hz / LINEAR_HZ_PER_MEL } else { KNEE_MEL + (hz / KNEE_HZ).ln() / log_step() }
}

fn hertz(mel: f64) -> f64 {
    if mel < KNEE_MEL { mel * LINEAR_HZ_PER_MEL } else { KNEE_HZ * (log_step() * (mel - KNEE_MEL)).exp() }
}
