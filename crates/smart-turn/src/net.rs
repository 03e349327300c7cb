//! The net, and what its callers see of it.

use std::sync::Arc;

use rten::{Model, NodeId, RunOptions, ThreadPool};
use rten_tensor::Tensor;
use rten_tensor::prelude::*;

use crate::half_band::double;
use crate::log_mel::{BANDS, FRAMES, LogMel, SAMPLES};

/// Why there is no verdict.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The bytes are not the net's ONNX file.
    #[error("not the Smart Turn net")]
    Rejected(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The engine failed.
    #[error("the Smart Turn net cannot be run")]
    Run(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// The net. Shared by all calls; it keeps nothing of what it heard.
pub struct SmartTurn {
    model: Model,
    input: NodeId,
    output: NodeId,
    log_mel: LogMel,
}

impl SmartTurn {
    /// Loads `smart_turn_w8.onnx`. Takes some 10 ms, and 45 MB of memory for as long as it is kept.
    ///
    /// # Errors
    /// [`Error::Rejected`] when it is another file.
    pub fn load(model: Vec<u8>) -> Result<Self, Error> {
        // Its weights are not packed ahead of time: that is no faster here, and takes 30 MB more (our measurement).
        let model = Model::load(model).map_err(|error| Error::Rejected(error.into()))?;
        let (&[input], &[output]) = (model.input_ids(), model.output_ids()) else {
            return Err(Error::Rejected("it does not have one input and one output".into()));
        };
        Ok(Self { model, input, output, log_mel: LogMel::new() })
    }

    /// How likely it is that the caller has finished, in percent.
    ///
    /// `speech_8khz` (full scale 1.0) ends with the pause; the net hears its latest 8 s, and silence before what is shorter. The
    /// package that trained the net takes 50 and more for "finished". Blocks for some 85 ms on one thread of
    /// a server.
    ///
    /// # Errors
    /// [`Error::Run`] when the engine fails.
    pub fn percent(&self, speech_8khz: &[f32], threads: &Arc<ThreadPool>) -> Result<u8, Error> {
        let latest = &speech_8khz[speech_8khz.len().saturating_sub(SAMPLES / 2)..];
        let features = Tensor::from_data(&[1, BANDS, FRAMES], self.log_mel.features(&double(latest)));
        let options = RunOptions::default().with_thread_pool(Some(Arc::clone(threads)));
        let outputs = self.model.run(vec![(self.input, features.into())], &[self.output], Some(options));
        let [output] = <[_; 1]>::try_from(outputs.map_err(|error| Error::Run(error.into()))?)
            .map_err(|_| Error::Run("it gave another number of outputs".into()))?;
        let output: Tensor<f32> =
            output.try_into().map_err(|error: rten::TryFromValueError| Error::Run(error.into()))?;
        let probability = output.iter().next().ok_or_else(|| Error::Run("its output is empty".into()))?;
        // A float is cut to what the integer holds, and one that is no number becomes 0: "not finished", which waits.
        Ok((probability * 100.0).round() as u8)
    }
}
