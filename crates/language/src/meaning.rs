//! What a clause means, from where it lies among examples.
//!
//! A net turns a clause into a vector; here a vector becomes an intent, by weights that were [learned](learn) from the examples in
//! `en/meanings.toml`. Half of the examples share an intent's words and mean something else.

pub mod learn;

use std::collections::BTreeMap;
use std::sync::LazyLock;

use crate::intent::Intent;

/// How likely an intent must be to be believed; anything below is a message.
const LIKELY: f32 = 0.5;
/// The same of danger: a sentence too many about emergency calls is a smaller fault than one too few.
const LIKELY_DANGER: f32 = 0.45;

/// The examples of English, as text.
const EXAMPLES: &str = include_str!("../en/meanings.toml");
/// What was learned from them: see [`Meanings::to_bytes`].
const LEARNED: &[u8] = include_bytes!("../en/meanings.weights");

/// Weights by intent.
#[derive(Debug, Clone, PartialEq)]
pub struct Meanings {
    rows: Vec<(Intent, Vec<f32>)>,
}

impl Meanings {
    /// English. `None` if the weights were learned from other examples than these.
    pub fn english() -> Option<&'static Self> {
        static ENGLISH: LazyLock<Option<Meanings>> = LazyLock::new(|| Meanings::from_bytes(LEARNED, digest(EXAMPLES)));
        ENGLISH.as_ref()
    }

    /// What a clause with this vector is. Where nothing is likely enough, it is a message.
    pub fn intent(&self, vector: &[f32]) -> Intent {
        let likely = self.likely(vector);
        let of = |intent| likely.iter().find(|(found, _)| *found == intent).map_or(0.0, |(_, likely)| *likely);
        if of(Intent::Danger) >= LIKELY_DANGER {
            return Intent::Danger;
        }
        likely.first().filter(|(_, likely)| *likely >= LIKELY).map_or(Intent::Message, |(intent, _)| *intent)
    }

    /// How likely each intent is, the likeliest first; together 1.
    pub fn likely(&self, vector: &[f32]) -> Vec<(Intent, f32)> {
        let scores = self.rows.iter().map(|(_, row)| score(row, vector)).collect();
        let mut likely: Vec<(Intent, f32)> = self.rows.iter().map(|(intent, _)| *intent).zip(softmax(scores)).collect();
        likely.sort_by(|a, b| b.1.total_cmp(&a.1));
        likely
    }

    /// The weights as a file: a digest of the examples (8 bytes), the number of intents (4), then for each its name
    /// (1 byte of length, and so many) and how many weights (4), and the weights; all little-endian, weights as f32.
    pub fn to_bytes(&self, examples: u64) -> Vec<u8> {
        let mut bytes = examples.to_le_bytes().to_vec();
        let length = |len: usize| u32::try_from(len).unwrap_or(u32::MAX).to_le_bytes();
        bytes.extend(length(self.rows.len()));
        for (intent, row) in &self.rows {
            let name = intent.as_str();
            bytes.push(u8::try_from(name.len()).unwrap_or(u8::MAX));
            bytes.extend(name.bytes());
            bytes.extend(length(row.len()));
            bytes.extend(row.iter().flat_map(|weight| weight.to_le_bytes()));
        }
        bytes
    }

    /// Reads [`Meanings::to_bytes`]; `None` of other bytes, and of weights from other examples.
    pub fn from_bytes(bytes: &[u8], examples: u64) -> Option<Self> {
        let mut rest = bytes;
        let mut take = |len: usize| {
            let (taken, after) = rest.split_at_checked(len)?;
            rest = after;
            Some(taken)
        };
        if u64::from_le_bytes(take(8)?.try_into().ok()?) != examples {
            return None;
        }
        let mut rows = Vec::new();
        for _ in 0..u32::from_le_bytes(take(4)?.try_into().ok()?) {
            let name = usize::from(take(1)?[0]);
            let intent = Intent::parse(str::from_utf8(take(name)?).ok()?)?;
            let weights = usize::try_from(u32::from_le_bytes(take(4)?.try_into().ok()?)).ok()?;
            let weights = take(weights.checked_mul(4)?)?.chunks_exact(4);
            rows.push((intent, weights.map(|four| f32::from_le_bytes([four[0], four[1], four[2], four[3]])).collect()));
        }
        Some(Self { rows })
    }
}

/// The examples of English, by intent.
///
/// # Panics
/// When the file, a part of the program, cannot be read.
pub fn examples() -> (Vec<(Intent, String)>, u64) {
    let all: BTreeMap<String, Vec<String>> =
        toml::from_str(EXAMPLES).unwrap_or_else(|fault| panic!("meanings: {fault}"));
    let read = all.into_iter().flat_map(|(name, texts)| {
        let intent = Intent::parse(&name).unwrap_or_else(|| panic!("meanings: no intent is called {name}"));
        texts.into_iter().map(move |text| (intent, text))
    });
    (read.collect(), digest(EXAMPLES))
}

/// FNV-1a of 64 bits (draft-eastlake-fnv): whether two texts are the same, and no more.
fn digest(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

/// The last weight is the intent's own.
fn score(row: &[f32], vector: &[f32]) -> f32 {
    let own = row.get(vector.len()).copied().unwrap_or_default();
    row.iter().zip(vector).map(|(weight, value)| weight * value).sum::<f32>() + own
}

fn softmax(mut scores: Vec<f32>) -> Vec<f32> {
    let largest = scores.iter().copied().fold(f32::MIN, f32::max);
    scores.iter_mut().for_each(|score| *score = (*score - largest).exp());
    let sum: f32 = scores.iter().sum();
    scores.iter_mut().for_each(|score| *score /= sum);
    scores
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_weights_belong_to_the_examples() {
        assert!(Meanings::english().is_some(), "run `cargo run --release -p redial-agent --example learn`");
    }

    #[test]
    fn no_example_stands_twice() {
        let (all, _) = examples();
        let mut texts: Vec<&str> = all.iter().map(|(_, text)| text.as_str()).collect();
        texts.sort_unstable();
        let twice: Vec<&[&str]> = texts.windows(2).filter(|pair| pair[0] == pair[1]).collect();
        assert!(twice.is_empty(), "{twice:?}");
    }

    #[test]
    fn what_was_learned_is_read_as_it_was_written() {
        let examples = [(Intent::Danger, vec![1.0, 0.0]), (Intent::Message, vec![0.0, 1.0])];
        let learned = learn::learn(&examples);
        assert_eq!(learned.intent(&[1.0, 0.0]), Intent::Danger);
        assert_eq!(learned.intent(&[0.0, 1.0]), Intent::Message);
        assert_eq!(Meanings::from_bytes(&learned.to_bytes(7), 7), Some(learned.clone()));
        assert_eq!(Meanings::from_bytes(&learned.to_bytes(7), 8), None, "other examples");
        assert_eq!(Meanings::from_bytes(&learned.to_bytes(7)[..20], 7), None, "cut off");
    }
}
