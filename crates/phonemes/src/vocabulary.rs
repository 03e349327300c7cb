//! Phonemes to the numbers that the voice's net takes.

use std::collections::HashMap;

use crate::LoadError;
use crate::data::Folder;

/// Stands at both ends.
const EDGE: i32 = 0;

/// The number of each phoneme and mark of punctuation.
pub(crate) struct Vocabulary(HashMap<char, i32>);

impl Vocabulary {
    pub(crate) fn load(folder: &Folder<'_>) -> Result<Self, LoadError> {
        folder.json("vocab.json", "table of phoneme numbers").map(Self)
    }

    /// The numbers, between two edges. What has no number is left out.
    pub(crate) fn ids(&self, phonemes: &str) -> Vec<i32> {
        let mut ids = Vec::with_capacity(phonemes.len() + 2);
        ids.push(EDGE);
        ids.extend(phonemes.chars().filter_map(|phoneme| self.0.get(&phoneme).copied()));
        ids.push(EDGE);
        ids
    }
}
