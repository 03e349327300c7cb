//! The net: pieces to a vector each, and their mean.

use std::sync::Arc;

use rten::{Model, NodeId, RunOptions, ThreadPool};
use rten_tensor::prelude::*;
use rten_tensor::{NdTensor, Tensor};

use crate::{DIMENSIONS, EmbedError, Embedding};

/// The net with its weights.
pub(crate) struct Net {
    model: Model,
    ids: NodeId,
    mask: NodeId,
    /// Which of two sentences a piece is of, where the net compares two. Ours is always the first.
    segments: NodeId,
    output: NodeId,
}

impl Net {
    pub(crate) fn new(onnx: Vec<u8>) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        // Its weights are not packed ahead of time: a sentence of 16 words would take 3.8 ms instead of 5.4, and the net 41 MB more (our
        // measurement).
        let model = Model::load(onnx)?;
        let node = |name: &str| model.find_node(name).ok_or_else(|| format!("it has no `{name}`"));
        let (ids, mask, segments) = (node("input_ids")?, node("attention_mask")?, node("token_type_ids")?);
        let output = node("last_hidden_state")?;
        Ok(Self { model, ids, mask, segments, output })
    }

    /// The mean of the vectors of all pieces, at unit length.
    pub(crate) fn embed(&self, ids: Vec<i32>, threads: &Arc<ThreadPool>) -> Result<Embedding, EmbedError> {
        let shape = [1, ids.len()];
        let inputs = vec![
            (self.ids, Tensor::from_data(&shape, ids).into()),
            (self.mask, Tensor::full(&shape, 1_i32).into()),
            (self.segments, Tensor::<i32>::zeros(&shape).into()),
        ];
        let options = RunOptions::default().with_thread_pool(Some(Arc::clone(threads)));
        let outputs = self.model.run_n(inputs, [self.output], Some(options));
        let [output] = outputs.map_err(|error| EmbedError::Run(error.into()))?;
        let states = NdTensor::<f32, 3>::try_from(output).map_err(|_| EmbedError::Output)?;
        if states.shape() != [1, shape[1], DIMENSIONS] {
            return Err(EmbedError::Output);
        }
        // Not divided by how many they are: only the direction stays.
        let mut sum = [0.0; DIMENSIONS];
        for state in states.into_data().chunks_exact(DIMENSIONS) {
            for (sum, number) in sum.iter_mut().zip(state) {
                *sum += number;
            }
        }
        Embedding::from_slice(&sum).ok_or(EmbedError::Output)
    }
}
