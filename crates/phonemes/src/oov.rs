//! Words that no dictionary has, names above all: a small net that reads letters and writes phonemes.

use std::collections::HashMap;
use std::sync::Arc;

use rten::{Model, NodeId, RunOptions, ThreadPool, Value};
use rten_tensor::prelude::*;
use rten_tensor::{NdTensor, Tensor};
use serde::Deserialize;

use crate::LoadError;
use crate::data::Folder;

/// Index 0 is "nothing" on both sides; the letters and phonemes of the file count from 1.
const NOTHING: i32 = 0;

/// The net and its alphabets.
pub(crate) struct Speller {
    model: Model,
    input: NodeId,
    output: NodeId,
    threads: Arc<ThreadPool>,
    letters: HashMap<char, i32>,
    phonemes: Vec<char>,
    max_letters: usize,
}

/// `oov.json`.
#[derive(Deserialize)]
struct Alphabets {
    #[serde(rename = "in")]
    letters: Vec<char>,
    #[serde(rename = "out")]
    phonemes: Vec<char>,
    #[serde(rename = "maxlen")]
    max_letters: usize,
}

impl Speller {
    pub(crate) fn load(folder: &Folder<'_>) -> Result<Self, LoadError> {
        const NAME: &str = "oov.onnx";
        const KIND: &str = "net from letters to phonemes";
        let alphabets: Alphabets = folder.json("oov.json", "pair of alphabets")?;
        let model = Model::load(folder.bytes(NAME)?).map_err(|error| folder.malformed(NAME, KIND, error))?;
        let (&[input], &[output]) = (model.input_ids(), model.output_ids()) else {
            return Err(folder.malformed(NAME, KIND, "it does not have one input and one output"));
        };
        Ok(Self {
            model,
            input,
            output,
            threads: Arc::new(ThreadPool::with_num_threads(1)),
            letters: alphabets.letters.into_iter().zip(1..).collect(),
            phonemes: alphabets.phonemes,
            max_letters: alphabets.max_letters,
        })
    }

    /// The phonemes of the word; empty if it has no letter that the net knows. What is longer than the net's window
    /// (24 letters) is not read.
    pub(crate) fn phonemes(&self, word: &str) -> String {
        let letters: Vec<i32> =
            word.chars().filter_map(|letter| self.letters.get(&letter).copied()).take(self.max_letters).collect();
        if letters.is_empty() {
            return String::new();
        }
        let letters = Tensor::from_data(&[1, letters.len()], letters);
        let options = RunOptions::default().with_thread_pool(Some(Arc::clone(&self.threads)));
        let run = self.model.run(vec![(self.input, letters.into())], &[self.output], Some(options));
        // A net that was loaded and fails on some word leaves that word out; the rest of the sentence is spoken.
        run.ok().and_then(|mut outputs| outputs.pop()).map_or_else(String::new, |output| self.read(output))
    }

    /// The net writes several slots a letter: the same phoneme twice in a row is one, and nothing separates.
    fn read(&self, output: Value) -> String {
        let Ok(slots) = NdTensor::<i32, 2>::try_from(output) else { return String::new() };
        let mut last = NOTHING;
        let mut phonemes = String::new();
        for &slot in slots.iter() {
            if slot != last && slot != NOTHING {
                let at = usize::try_from(slot - 1).unwrap_or(usize::MAX);
                phonemes.extend(self.phonemes.get(at));
            }
            last = slot;
        }
        phonemes
    }
}
