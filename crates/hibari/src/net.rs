//! The net: phoneme numbers become frames.

use std::sync::Arc;

use rten::{Model, ModelOptions, NodeId, RunOptions, ThreadPool, Value};
use rten_tensor::prelude::*;
use rten_tensor::{NdTensor, Tensor};

use crate::{LoadError, SynthesisError};

/// Frequencies of a frame as the net was trained, 20 Hz apart, from 0 to 12 000 Hz.
const TRAINED_BINS: usize = 601;
/// Those that 8000 Hz can carry: 0 to 4000 Hz.
pub(crate) const BINS: usize = 201;
/// What the net says about each frequency of a frame.
pub(crate) const PLANES: usize = 5;

/// The net's outputs, in [`Planes`]' order and then the pitch.
const OUTPUTS: [&str; PLANES + 1] = ["lh", "theta", "ln", "lr", "phi", "f0"];

/// The net with its weights.
pub(crate) struct Net {
    model: Model,
    ids: NodeId,
    speed: NodeId,
    outputs: [NodeId; PLANES + 1],
}

/// What the net says about a piece of speech.
pub(crate) struct Planes {
    /// Frames, of 12.5 ms each.
    pub(crate) frames: usize,
    /// `BINS` rows and more of `frames` numbers: how the pulses are filtered (logarithm of the gain; turn of the phase, before tanh), how
    /// much breath there is (logarithm), and what is added to both (logarithm of the magnitude; phase in radians).
    pub(crate) rows: [Vec<f32>; PLANES],
    /// The pitch in the middle of each frame, in Hz. Below 40 there is none.
    pub(crate) pitch_hz: Vec<f32>,
}

impl Net {
    pub(crate) fn new(onnx: Vec<u8>) -> Result<Self, LoadError> {
        let model = ModelOptions::with_all_ops()
            .prepack_weights(true)
            .load(onnx)
            .map_err(|error| LoadError::Rejected(error.into()))?;
        let node = |name: &'static str| model.find_node(name).ok_or(LoadError::Other(name));
        let (ids, speed) = (node("ids")?, node("speed")?);
        let mut outputs = [ids; PLANES + 1];
        for (output, name) in outputs.iter_mut().zip(OUTPUTS) {
            *output = node(name)?;
        }
        Ok(Self { model, ids, speed, outputs })
    }

    pub(crate) fn run(
        &self,
        ids: &[i32],
        speed: f32,
        threads: Option<&Arc<ThreadPool>>,
    ) -> Result<Planes, SynthesisError> {
        let inputs = vec![
            (self.ids, Tensor::from_data(&[1, ids.len()], ids.to_vec()).into()),
            (self.speed, Tensor::from_data(&[1], vec![speed]).into()),
        ];
        let options = RunOptions::default().with_thread_pool(threads.cloned());
        let outputs = self.model.run_n(inputs, self.outputs, Some(options));
        let [lh, theta, ln, lr, phi, f0] = outputs.map_err(|error| SynthesisError::Net(error.into()))?;

        let pitch = NdTensor::<f32, 2>::try_from(f0).map_err(|_| SynthesisError::Form("f0"))?;
        let frames = pitch.size(1);
        let row = |value: Value, name| {
            let plane = NdTensor::<f32, 3>::try_from(value).map_err(|_| SynthesisError::Form(name))?;
            let fits = plane.shape() == [1, TRAINED_BINS, frames];
            if fits { Ok(plane.into_data()) } else { Err(SynthesisError::Form(name)) }
        };
        let [n_lh, n_theta, n_ln, n_lr, n_phi, _] = OUTPUTS;
        let rows = [row(lh, n_lh)?, row(theta, n_theta)?, row(ln, n_ln)?, row(lr, n_lr)?, row(phi, n_phi)?];
        Ok(Planes { frames, rows, pitch_hz: pitch.into_data() })
    }
}
