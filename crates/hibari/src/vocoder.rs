//! Frames become samples: each filters its pulses, adds its breath, and is laid over its neighbours.

use std::f32::consts::TAU;
use std::sync::Arc;

use realfft::num_complex::Complex32;
use realfft::{ComplexToReal, RealFftPlanner, RealToComplex};

use crate::Flow;
use crate::frame::HOP;
use crate::net::{BINS, PLANES, Planes};
use crate::noise::Noise;
use crate::pulses::Pulses;
use crate::vector::{exp, tanh, turns};

/// Samples that a frame spans: four hops, 50 ms.
const SPAN: usize = 4 * HOP;
/// Frames whose numbers are fetched at once: the net's rows hold one frequency over all frames, and a cache line of one holds this many frames.
const FETCHED: usize = 16;
/// The least and most that a logarithm may say; beyond it the net is wrong.
const LOUDEST: f32 = 7.0;
/// The squares of the overlapping windows add up to this everywhere.
const OVERLAP: f32 = 1.5;
/// The net's numbers are those of spectra at 24 kHz, which have three times as many samples.
const TRAINED_RATE: f32 = 3.0;

/// Transforms and the window, made once.
pub(crate) struct Vocoder {
    forward: Arc<dyn RealToComplex<f32>>,
    inverse: Arc<dyn ComplexToReal<f32>>,
    /// Hann's window, times what undoes the forward transform's scale.
    analysis: [f32; SPAN],
    /// Hann's window, times what undoes the inverse transform's scale and the overlap.
    synthesis: [f32; SPAN],
}

impl Vocoder {
    pub(crate) fn new() -> Self {
        let mut planner = RealFftPlanner::new();
        let window = |at: usize| 0.5 - 0.5 * (TAU * at as f32 / SPAN as f32).cos();
        // The window's own sum: a pulse of height 1 comes out of the analysis with magnitude 1.
        let analysis = 1.0 / (SPAN as f32 / 4.0);
        let synthesis = 1.0 / (SPAN as f32 * OVERLAP * TRAINED_RATE);
        Self {
            forward: planner.plan_fft_forward(SPAN),
            inverse: planner.plan_fft_inverse(SPAN),
            analysis: std::array::from_fn(|at| analysis * window(at)),
            synthesis: std::array::from_fn(|at| synthesis * window(at)),
        }
    }

    /// Speaks all frames, a hop of samples for each, and hands out every hop as soon as the frames that it lies under are added.
    ///
    /// The first and last hop have three frames over them instead of four, and are fainter; the net begins and ends in silence.
    pub(crate) fn speak(&self, planes: &Planes, noise: &mut Noise, mut emit: impl FnMut(&[f32; HOP]) -> Flow) -> Flow {
        let mut throat = Throat::new(&planes.pitch_hz);
        let mut tables = Tables::new();
        let mut frame = Frame::new(self);
        let mut sum = [0.0; SPAN];
        // Hops of the sum that lie before the speech: a frame's middle is at its place, so half of the first one does.
        let mut early = SPAN / HOP / 2;
        let mut out = |sum: &mut [f32; SPAN]| {
            let (done, _) = sum.split_first_chunk::<HOP>().expect("a span is four hops");
            let flow = if early > 0 { Flow::Continue } else { emit(done) };
            early = early.saturating_sub(1);
            sum.copy_within(HOP.., 0);
            sum[SPAN - HOP..].fill(0.0);
            flow
        };
        for first in (0..planes.frames).step_by(FETCHED) {
            let count = tables.fetch(planes, first);
            for table in &tables.frames[..count] {
                frame.render(self, &throat.next(), table, noise, &mut sum);
                if let Flow::Stop = out(&mut sum) {
                    return Flow::Stop;
                }
            }
        }
        // The middle of the last frame is followed by half of it.
        for _ in 0..SPAN / HOP / 2 {
            if let Flow::Stop = out(&mut sum) {
                return Flow::Stop;
            }
        }
        Flow::Continue
    }
}

/// The pulses around the middle of one frame after another.
struct Throat<'a> {
    pulses: Pulses,
    pitch_hz: &'a [f32],
    /// The next frame whose pulses are to be made.
    next: usize,
    span: [f32; SPAN],
}

impl<'a> Throat<'a> {
    fn new(pitch_hz: &'a [f32]) -> Self {
        let mut throat = Self { pulses: Pulses::new(), pitch_hz, next: 0, span: [0.0; SPAN] };
        throat.advance();
        throat
    }

    fn advance(&mut self) {
        self.span.copy_within(HOP.., 0);
        let (_, newest) = self.span.split_last_chunk_mut::<HOP>().expect("a span is four hops");
        let at = |index: usize| self.pitch_hz.get(index).or(self.pitch_hz.last()).copied().unwrap_or_default();
        if self.next < self.pitch_hz.len() {
            self.pulses.fill(at(self.next.saturating_sub(1)), at(self.next), at(self.next + 1), newest);
        } else {
            newest.fill(0.0);
        }
        self.next += 1;
    }

    /// The pulses half a span before and after the middle of the next frame.
    fn next(&mut self) -> [f32; SPAN] {
        self.advance();
        self.span
    }
}

/// One frame's numbers, frequency by frequency.
type Table = [[f32; BINS]; PLANES];

/// The numbers of the next frames.
struct Tables {
    frames: Box<[Table; FETCHED]>,
}

impl Tables {
    fn new() -> Self {
        Self { frames: Box::new([[[0.0; BINS]; PLANES]; FETCHED]) }
    }

    /// Fetches the frames from `first` on; answers how many there are.
    fn fetch(&mut self, planes: &Planes, first: usize) -> usize {
        let count = FETCHED.min(planes.frames - first);
        for (plane, rows) in planes.rows.iter().enumerate() {
            for (bin, row) in rows.chunks_exact(planes.frames).take(BINS).enumerate() {
                for (table, number) in self.frames.iter_mut().zip(&row[first..first + count]) {
                    table[plane][bin] = *number;
                }
            }
        }
        count
    }
}

/// The working memory of one frame.
struct Frame {
    time: Vec<f32>,
    spectrum: Vec<Complex32>,
    scratch: Vec<Complex32>,
    breath: [[f32; BINS]; 2],
}

impl Frame {
    fn new(vocoder: &Vocoder) -> Self {
        let scratch = vocoder.forward.get_scratch_len().max(vocoder.inverse.get_scratch_len());
        Self {
            time: vec![0.0; SPAN],
            spectrum: vec![Complex32::ZERO; BINS],
            scratch: vec![Complex32::ZERO; scratch],
            breath: [[0.0; BINS]; 2],
        }
    }

    /// Adds a frame to the sum of those before it.
    fn render(
        &mut self,
        vocoder: &Vocoder,
        pulses: &[f32; SPAN],
        table: &Table,
        noise: &mut Noise,
        sum: &mut [f32; SPAN],
    ) {
        for ((time, pulse), window) in self.time.iter_mut().zip(pulses).zip(&vocoder.analysis) {
            *time = pulse * window;
        }
        let transformed = vocoder.forward.process_with_scratch(&mut self.time, &mut self.spectrum, &mut self.scratch);
        debug_assert!(transformed.is_ok(), "the buffers have the lengths of the plan");

        let [breath_re, breath_im] = &mut self.breath;
        noise.fill(breath_re);
        noise.fill(breath_im);
        let [gain, turn, breath, added, phase] = table;
        for (bin, value) in self.spectrum.iter_mut().enumerate() {
            let (sin, cos) = turns(tanh(turn[bin]) / 2.0);
            let gain = exp(gain[bin].min(LOUDEST));
            let breath = exp(breath[bin].min(LOUDEST));
            let added = exp(added[bin].min(LOUDEST));
            let (added_sin, added_cos) = turns(phase[bin] / TAU);
            let re = gain * (value.re * cos - value.im * sin) + breath * breath_re[bin] + added * added_cos;
            let im = gain * (value.re * sin + value.im * cos) + breath * breath_im[bin] + added * added_sin;
            *value = Complex32::new(re, im);
        }
        // The spectrum of real samples has no phase at its ends.
        self.spectrum[0].im = 0.0;
        self.spectrum[BINS - 1].im = 0.0;

        let transformed = vocoder.inverse.process_with_scratch(&mut self.spectrum, &mut self.time, &mut self.scratch);
        debug_assert!(transformed.is_ok(), "the buffers have the lengths of the plan");
        for ((sum, time), window) in sum.iter_mut().zip(&self.time).zip(&vocoder.synthesis) {
            *sum += time * window;
        }
    }
}
