//! How near two sentences are in meaning, offline: all-MiniLM-L6-v2.
//!
//! | stage | module | does |
//! | --- | --- | --- |
//! | 1 | `words` | text becomes words without case and accents, and punctuation |
//! | 2 | `tokenizer` | words become pieces of the net's vocabulary |
//! | 3 | `net` | pieces become a vector each, which knows the others; their mean is the sentence's |
//! | 4 | `embedding` | the mean at unit length: an arrow that points the same way for what means the same |
//!
//! It was trained on pairs of English sentences. It knows what a sentence is about better than what it says of it: "call me back" and
//! "don't call me back" are near each other.
//!
//! No I/O but the loading, no clock: the same text always gives the same numbers.

mod embedding;
mod error;
#[cfg(test)]
mod golden;
mod minilm;
mod net;
mod tokenizer;
mod words;

pub use embedding::{DIMENSIONS, Embedding};
pub use error::{EmbedError, LoadError};
pub use minilm::MiniLm;
