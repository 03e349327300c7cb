//! The net, and what its callers see of it.

use std::sync::Arc;

use rten::{Model, ModelOptions, NodeId, RunOptions, ThreadPool};
use rten_tensor::Tensor;
use rten_tensor::prelude::*;

use crate::word_piece::WordPieces;

/// How many numbers a sentence becomes.
pub const WIDTH: usize = 384;

/// The most word pieces of a sentence that are read, with the two that stand around it: what a caller says in a breath has 20 to
/// 60, and the net was trained on up to 128.
const MAX_PIECES: usize = 128;

/// Why there is no vector.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The bytes are not the net's ONNX file, or not its vocabulary.
    #[error("not the MiniLM net")]
    Rejected(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The engine failed.
    #[error("the MiniLM net cannot be run")]
    Run(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// The net. Shared by all calls; it keeps nothing of what it read.
pub struct MiniLm {
    model: Model,
    pieces: WordPieces,
    /// Ids of the pieces, which of them count, and of which of two sentences they are.
    inputs: [NodeId; 3],
    output: NodeId,
}

impl MiniLm {
    /// Loads `model.onnx` and `vocab.txt`.
    ///
    /// # Errors
    /// [`Error::Rejected`] when they are other files.
    pub fn load(model: Vec<u8>, vocabulary: &str) -> Result<Self, Error> {
        let pieces = WordPieces::read(vocabulary).ok_or_else(|| Error::Rejected("its vocabulary is another".into()))?;
        let model = ModelOptions::with_all_ops()
            .prepack_weights(true)
            .load(model)
            .map_err(|error| Error::Rejected(error.into()))?;
        let node = |name: &str| model.node_id(name).map_err(|error| Error::Rejected(error.into()));
        let inputs = [node("input_ids")?, node("attention_mask")?, node("token_type_ids")?];
        let &[output, ..] = model.output_ids() else { return Err(Error::Rejected("it has no output".into())) };
        Ok(Self { model, pieces, inputs, output })
    }

    /// The vector of a sentence, of length 1: [`WIDTH`] numbers. The product of two is 1 where they mean the same, and about 0
    /// where they have nothing to do with each other. Of more than 126 word pieces the rest is not read.
    ///
    /// # Errors
    /// [`Error::Run`] when the engine fails.
    pub fn embed(&self, text: &str, threads: &Arc<ThreadPool>) -> Result<Vec<f32>, Error> {
        let ids = self.pieces.ids(text, MAX_PIECES);
        let count = ids.len();
        let row = |values: Vec<i32>| Tensor::from_data(&[1, count], values).into();
        let inputs = [row(ids), row(vec![1; count]), row(vec![0; count])];
        let options = RunOptions::default().with_thread_pool(Some(Arc::clone(threads)));
        let inputs = self.inputs.into_iter().zip(inputs).collect();
        let outputs = self.model.run(inputs, &[self.output], Some(options));
        let [output] = <[_; 1]>::try_from(outputs.map_err(|error| Error::Run(error.into()))?)
            .map_err(|_| Error::Run("it gave another number of outputs".into()))?;
        let output: Tensor<f32> =
            output.try_into().map_err(|error: rten::TryFromValueError| Error::Run(error.into()))?;
        if output.shape() != [1, count, WIDTH] {
            return Err(Error::Run("its output has another shape".into()));
        }
        let mut mean = vec![0.0; WIDTH];
        output.iter().enumerate().for_each(|(at, value)| mean[at % WIDTH] += value);
        let length = mean.iter().map(|value| value * value).sum::<f32>().sqrt();
        // The piece that begins each sentence is never nothing, so neither is the length.
        mean.iter_mut().for_each(|value| *value /= length.max(f32::MIN_POSITIVE));
        Ok(mean)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn net() -> MiniLm {
        let model = std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/../../models/minilm/model.onnx")).unwrap();
        MiniLm::load(model, include_str!("../../../models/minilm/vocab.txt")).unwrap()
    }

    /// Made with onnxruntime 1.2x of Python from the same file. The engines round integers differently.
    #[test]
    fn sentences_lie_where_the_reference_engine_has_them() {
        let (net, threads) = (net(), Arc::new(ThreadPool::with_num_threads(1)));
        let reference: Vec<(String, Vec<f32>)> = serde_json::from_str(include_str!("reference_vectors.json")).unwrap();
        assert!(reference.len() > 10);
        let mut least: f32 = 1.0;
        for (text, vector) in reference {
            let own = net.embed(&text, &threads).unwrap();
            let near: f32 = own.iter().zip(&vector).map(|(a, b)| a * b).sum();
            least = least.min(near);
            assert!(near > 0.99, "{text}: {near}");
        }
        assert!(least <= 1.001, "vectors have length 1");
    }

    #[test]
    fn a_text_of_any_length_has_a_vector_of_length_one() {
        let (net, threads) = (net(), Arc::new(ThreadPool::with_num_threads(1)));
        for text in ["", "?", &"word ".repeat(1000)] {
            let vector = net.embed(text, &threads).unwrap();
            assert!((vector.iter().map(|value| value * value).sum::<f32>() - 1.0).abs() < 1e-4);
        }
    }

    #[test]
    fn other_files_are_refused() {
        assert!(matches!(MiniLm::load(vec![1, 2, 3], "[CLS]\n[SEP]\n[UNK]"), Err(Error::Rejected(_))));
        assert!(matches!(MiniLm::load(Vec::new(), "cat\ndog"), Err(Error::Rejected(_))));
    }
}
