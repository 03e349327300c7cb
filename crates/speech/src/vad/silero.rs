//! Silero VAD's 8 kHz net in plain Rust: a short-time Fourier transform, four convolutions, one LSTM cell.
//!
//! At 0.4 M multiplications a window an inference engine would spend more on its bookkeeping than on the net.

use std::path::Path;

use crate::models::{self, ModelError};

/// New samples that the net takes at a time: 32 ms at 8000 Hz.
pub const WINDOW: usize = 256;
/// Samples before the window that the net sees again.
pub const CONTEXT: usize = 32;

const FILE: &str = "silero-vad/silero8k.f32";

/// The Fourier frame and its step, in samples; the input is mirrored at its end by as much as a half-frame lacks.
const FFT: usize = 128;
const HOP: usize = 64;
const MIRRORED: usize = 32;
const BINS: usize = FFT / 2 + 1;
/// Fourier frames in one window.
const STEPS: usize = (CONTEXT + WINDOW + MIRRORED - FFT) / HOP + 1;
/// Width of the LSTM cell.
const HIDDEN: usize = 128;

/// The net's weights. Shared by all calls; what a call adds is a [`State`].
pub struct Silero {
    /// Rows of the Fourier basis: `BINS` real ones, then `BINS` imaginary ones.
    basis: Vec<f32>,
    encoder: [Conv; 4],
    /// The cell's gates (input, forget, cell, output), a row for each of the 4 × `HIDDEN` units: first the weights of
    /// the input, then those of the hidden state.
    gates: Vec<f32>,
    gate_bias: Vec<f32>,
    head: Vec<f32>,
    head_bias: f32,
}

/// What the net remembers of one call between windows. Starts as zeros.
#[derive(Clone)]
pub struct State {
    hidden: [f32; HIDDEN],
    cell: [f32; HIDDEN],
}

impl Default for State {
    fn default() -> Self {
        Self { hidden: [0.0; HIDDEN], cell: [0.0; HIDDEN] }
    }
}

impl Silero {
    /// Loads the net from the models' folder.
    ///
    /// # Errors
    /// When the file is missing or not the one of this build.
    pub fn load(folder: &Path) -> Result<Self, ModelError> {
        let bytes = models::load(folder, FILE)?;
        Self::from_bytes(&bytes).ok_or_else(|| ModelError::Rejected {
            file: FILE.to_owned(),
            source: "another number of weights than the net has".into(),
        })
    }

    /// Reads the tensors one after the other: Fourier basis; weights and bias of each convolution; the cell's input weights,
    /// hidden weights and two biases; weights and bias of the head.
    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (words, []) = bytes.as_chunks::<4>() else {
            return None;
        };
        let mut tensors = Tensors(words);
        let net = Self {
            basis: tensors.take(2 * BINS * FFT)?,
            encoder: [
                Conv::read(&mut tensors, BINS, 128, 1)?,
                Conv::read(&mut tensors, 128, 64, 2)?,
                Conv::read(&mut tensors, 64, 64, 2)?,
                Conv::read(&mut tensors, 64, HIDDEN, 1)?,
            ],
            gates: {
                let (input, hidden) = (tensors.take(4 * HIDDEN * HIDDEN)?, tensors.take(4 * HIDDEN * HIDDEN)?);
                let rows = input.chunks_exact(HIDDEN).zip(hidden.chunks_exact(HIDDEN));
                rows.flat_map(|(input, hidden)| [input, hidden].concat()).collect()
            },
            gate_bias: {
                let (input, hidden) = (tensors.take(4 * HIDDEN)?, tensors.take(4 * HIDDEN)?);
                input.iter().zip(hidden).map(|(a, b)| a + b).collect()
            },
            head: tensors.take(HIDDEN)?,
            head_bias: tensors.take(1)?[0],
        };
        tensors.0.is_empty().then_some(net)
    }

    /// How likely the window holds speech, 0 to 1. `samples` are 32 of context and 256 new ones, full scale 1.0.
    pub fn probability(&self, samples: &[f32; CONTEXT + WINDOW], state: &mut State) -> f32 {
        let mut spectrum = Map::<BINS, { STEPS + 2 }>::new();
        self.transform(samples, spectrum.steps_mut());

        // A stride of two halves the number of steps: 4, 4, 2, 1, 1, and two of padding.
        let mut first = Map::<128, { STEPS + 2 }>::new();
        let mut second = Map::<64, { STEPS / 2 + 2 }>::new();
        let mut third = Map::<64, { STEPS / 4 + 2 }>::new();
        let mut fourth = Map::<HIDDEN, { STEPS / 4 + 2 }>::new();
        let [a, b, c, d] = &self.encoder;
        a.apply(&spectrum, &mut first);
        b.apply(&first, &mut second);
        c.apply(&second, &mut third);
        d.apply(&third, &mut fourth);

        self.decode(&fourth.steps_mut()[0], state)
    }

    fn transform(&self, samples: &[f32; CONTEXT + WINDOW], spectrum: &mut [[f32; BINS]]) {
        let mut padded = [0.0; CONTEXT + WINDOW + MIRRORED];
        let (given, mirrored) = padded.split_at_mut(samples.len());
        given.copy_from_slice(samples);
        // Mirrored about the last sample, which is not repeated.
        for (to, from) in mirrored.iter_mut().zip(samples.iter().rev().skip(1)) {
            *to = *from;
        }
        let (real, imaginary) = self.basis.split_at(BINS * FFT);
        for (step, frame) in spectrum.iter_mut().zip(padded.windows(FFT).step_by(HOP)) {
            let rows = real.chunks_exact(FFT).zip(imaginary.chunks_exact(FFT));
            for (bin, (real, imaginary)) in step.iter_mut().zip(rows) {
                let (re, im) = (dot(real, frame), dot(imaginary, frame));
                *bin = (re * re + im * im).sqrt();
            }
        }
    }

    fn decode(&self, features: &[f32], state: &mut State) -> f32 {
        let mut input = [0.0; 2 * HIDDEN];
        input[..HIDDEN].copy_from_slice(features);
        input[HIDDEN..].copy_from_slice(&state.hidden);

        let mut gates = [0.0; 4 * HIDDEN];
        let rows = self.gates.chunks_exact(2 * HIDDEN).zip(&self.gate_bias);
        for (gate, (row, bias)) in gates.iter_mut().zip(rows) {
            *gate = bias + dot(row, &input);
        }
        let mut logit = self.head_bias;
        for unit in 0..HIDDEN {
            let [input, forget, cell, output] = [0, 1, 2, 3].map(|gate| gates[gate * HIDDEN + unit]);
            state.cell[unit] = sigmoid(forget) * state.cell[unit] + sigmoid(input) * cell.tanh();
            state.hidden[unit] = sigmoid(output) * state.cell[unit].tanh();
            logit += self.head[unit] * state.hidden[unit].max(0.0);
        }
        sigmoid(logit)
    }
}

/// What is left of the file.
struct Tensors<'a>(&'a [[u8; 4]]);

impl Tensors<'_> {
    fn take(&mut self, len: usize) -> Option<Vec<f32>> {
        let (taken, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(taken.iter().map(|word| f32::from_le_bytes(*word)).collect())
    }
}

/// `CHANNELS` values at each step in time, with a step of zeros before the first and after the last
/// (`PADDED` counts those two).
struct Map<const CHANNELS: usize, const PADDED: usize>([[f32; CHANNELS]; PADDED]);

impl<const CHANNELS: usize, const PADDED: usize> Map<CHANNELS, PADDED> {
    fn new() -> Self {
        Self([[0.0; CHANNELS]; PADDED])
    }

    fn steps_mut(&mut self) -> &mut [[f32; CHANNELS]] {
        &mut self.0[1..PADDED - 1]
    }
}

/// A convolution over three steps in time, with rectified output.
struct Conv {
    /// For each output channel the weights of the three steps, each as wide as the input.
    rows: Vec<f32>,
    bias: Vec<f32>,
    stride: usize,
}

impl Conv {
    /// Turns the file's `[output][input][step]` into `[output][step][input]`, so that a row lies as the input does.
    fn read(tensors: &mut Tensors<'_>, inputs: usize, outputs: usize, stride: usize) -> Option<Self> {
        let weights = tensors.take(outputs * inputs * 3)?;
        let bias = tensors.take(outputs)?;
        let mut rows = Vec::with_capacity(weights.len());
        for row in weights.chunks_exact(inputs * 3) {
            for step in 0..3 {
                rows.extend(row.iter().skip(step).step_by(3));
            }
        }
        Some(Self { rows, bias, stride })
    }

    fn apply<const IN: usize, const FROM: usize, const OUT: usize, const TO: usize>(
        &self,
        from: &Map<IN, FROM>,
        to: &mut Map<OUT, TO>,
    ) {
        let windows = from.0.windows(3).step_by(self.stride);
        for (step, window) in to.steps_mut().iter_mut().zip(windows) {
            let rows = self.rows.chunks_exact(3 * IN).zip(&self.bias);
            for (value, (row, bias)) in step.iter_mut().zip(rows) {
                *value = (bias + dot(row, window.as_flattened())).max(0.0);
            }
        }
    }
}

/// Sixteen sums side by side, which is what lets the compiler use vector instructions.
fn dot(a: &[f32], b: &[f32]) -> f32 {
    let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<16>(), b.as_chunks::<16>());
    let mut sums = [0.0; 16];
    for (a, b) in a.iter().zip(b) {
        for lane in 0..16 {
            sums[lane] += a[lane] * b[lane];
        }
    }
    let rest: f32 = a_rest.iter().zip(b_rest).map(|(a, b)| a * b).sum();
    sums.iter().sum::<f32>() + rest
}

fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + (-x).exp())
}

#[cfg(test)]
mod tests {
    use redial_call::audio;

    use super::*;
    use crate::wav;

    #[test]
    fn probabilities_are_those_of_the_stock_model() {
        let root = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."));
        let net = Silero::load(&root.join(models::DEFAULT_FOLDER)).unwrap();
        let recording = wav::read(&std::fs::read(root.join("fixtures/audio/goforward.wav")).unwrap()).unwrap();
        let reference = std::fs::read_to_string(root.join("fixtures/vad/goforward.probabilities")).unwrap();
        let reference: Vec<f32> =
            reference.lines().filter(|line| !line.starts_with('#')).map(|line| line.parse().unwrap()).collect();

        let mut samples = vec![0.0; CONTEXT];
        samples.extend(recording.iter().map(|&byte| f32::from(audio::decode(byte)) / 32768.0));
        let mut state = State::default();
        let windows = samples.windows(CONTEXT + WINDOW).step_by(WINDOW);
        let ours: Vec<f32> = windows.map(|window| net.probability(window.try_into().unwrap(), &mut state)).collect();

        assert_eq!(ours.len(), reference.len());
        for (window, (ours, stock)) in ours.iter().zip(&reference).enumerate() {
            assert!((ours - stock).abs() < 1e-4, "window {window}: {ours}, stock model {stock}");
        }
    }

    #[test]
    fn a_file_of_another_size_is_not_a_net() {
        assert!(Silero::from_bytes(&[0; 4096]).is_none());
        assert!(Silero::from_bytes(&[0; 942_600]).is_none());
        assert!(Silero::from_bytes(&[0; 942_597]).is_none());
    }
}
